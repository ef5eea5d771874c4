//! Drift: what is not as the plan and its baselines keep it, as findings. Pure judgement.
//!
//! Three layers, one list. The organization and its stacks are judged by [`crate::diff`]: every
//! difference that `apply` would change is a finding whose fix is that change, so the two can never
//! disagree. Controls are judged by what the services themselves say, because CloudFormation does
//! not look at recorders, delivery channels and bucket policies.
//!
//! What could not be read is a finding of its own kind, never silence; what AWS has suspended is
//! said to be skipped, never a failure.

mod catalog;
mod checks;
mod control;
mod controls;
mod deep;
mod delta;
mod exempt;
mod expected;
mod filter;
mod foretold;
mod names;
mod organization;
mod rights;
mod roles;
mod unlooked;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use catalog::{About, Controls};
pub use checks::{Check, checks, questions};
pub use control::{UNMANAGED, of_address, of_unmanaged};
pub use controls::{in_doubt, judge_controls};
pub use deep::{Deep, deep};
pub use delta::{Identity, Since, since};
pub use filter::{Filter, NoSuch};
pub use organization::judge;
pub use roles::{Reason, reasons, without_audit_role};
pub use unlooked::tell_unlooked;

use crate::addr::Address;
pub use crate::addr::Severity;
use crate::change::FieldChange;
use crate::inventory;
use crate::plan::{AccountId, AccountKey, OuPath, Region};

/// What a check says of one control in one account and Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The control, such as `organization.placement` or `config.recording`.
    pub control: String,
    pub kind: Kind,
    pub severity: Severity,
    pub place: FindingPlace,
    /// What it is about, in words: "placement of account payments-prod".
    pub subject: String,
    /// What is wrong, in a short sentence fragment.
    pub title: String,
    /// What is and what should be, property by property.
    pub fields: Vec<FieldChange>,
    pub fix: Fix,
    /// Rules of others that ask for the same, such as `CIS AWS Foundations 3.1`.
    pub references: Vec<String>,
    /// The accounts that it is about besides that of `place`, by the name findings give them: one change may
    /// concern many.
    pub accounts: BTreeSet<String>,
    /// What it is about, where a comparison with the plan found it.
    pub address: Option<Address>,
    /// The finding that explains it, where one does. It counts all the same.
    pub cause: Option<Cause>,
}

/// A finding that explains another, by what it is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    pub control: String,
    pub subject: String,
}

impl Finding {
    /// Every account that it is about, by the name findings give it.
    pub fn all_accounts(&self) -> impl Iterator<Item = &str> {
        let own = self.place.account.iter();
        own.chain(&self.accounts).map(String::as_str)
    }

    /// Whether it is about an account, by the name findings give it.
    pub fn is_about(&self, account: &str) -> bool {
        self.all_accounts().any(|name| name == account)
    }

    /// Whether it is about an account and Region, or about the account in all Regions: only then it can explain
    /// something there.
    fn covers(&self, place: &FindingPlace) -> bool {
        let region = &self.place.region;
        place
            .account
            .as_ref()
            .is_some_and(|name| self.is_about(name))
            && (region.is_none() || *region == place.region)
    }

    /// It, as what explains another.
    fn as_cause(&self) -> Cause {
        Cause {
            control: self.control.clone(),
            subject: self.subject.clone(),
        }
    }
}

/// What kind of finding it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something differs from what the plan or a baseline keeps.
    Drift,
    /// Something is there that the plan does not name; it is left alone.
    Unmanaged,
    /// It could not be told: something could not be read.
    Unread,
    /// Not checked on purpose, such as a suspended account. Never counts as a failure.
    Skipped,
}

/// Where a finding lies. Without an account it is about the organization as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingPlace {
    /// The account's key in the plan, or its name where the plan does not name it.
    pub account: Option<String>,
    pub account_id: Option<AccountId>,
    pub region: Option<Region>,
    /// The path of the OU that the account lies in, or that the finding is about.
    pub ou: Option<String>,
}

/// How a finding is put right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Fix {
    /// The change of this address, by the same engine as `apply`.
    Change { address: Address },
    /// Only a person can decide; what they can do.
    Person { hint: String },
    /// Nothing is to be done.
    Nothing,
}

/// Everything that one check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// When what was judged was read.
    pub taken_at: Timestamp,
    /// What of it was read earlier, kind by kind, and when: it is from the describe cache.
    #[serde(default)]
    pub from_cache: BTreeMap<inventory::Section, Timestamp>,
    pub management_account: AccountId,
    /// Worst first, then by account, Region, control and subject.
    pub findings: Vec<Finding>,
    /// How many times each control was checked, by control: what a clean report rests on.
    pub checked: BTreeMap<String, usize>,
    /// The accounts that were checked, by key or name.
    pub accounts: BTreeMap<String, Option<AccountId>>,
    /// The OUs in which an account lies, in the plan and in AWS, by its key or name.
    pub lies_in: BTreeMap<String, BTreeSet<OuPath>>,
    /// Every OU of plan and organization.
    pub ous: BTreeSet<OuPath>,
}

impl Findings {
    /// Whether something is wrong at this severity or above. What is merely not in the plan counts by
    /// its own severity like everything else; what was skipped never counts.
    pub fn any_at(&self, least: Severity) -> bool {
        self.findings.iter().any(|finding| {
            matches!(finding.kind, Kind::Drift | Kind::Unmanaged) && finding.severity >= least
        })
    }

    /// The same check narrowed to the findings that `keep` keeps.
    pub fn only(&self, keep: impl Fn(&Finding) -> bool) -> Findings {
        Findings {
            findings: self.findings.iter().filter(|f| keep(f)).cloned().collect(),
            ..self.clone()
        }
    }

    /// Whether roles and the resources of stacks were looked at too, which takes calls into every account.
    pub fn is_deep(&self) -> bool {
        self.checked.contains_key(deep::CONTROL)
    }

    /// The findings that need not be shown by themselves, each with the one that explains it: no milder, of the same
    /// kind, and among these. Both by their place.
    pub fn explained(&self) -> BTreeMap<usize, usize> {
        let mut places: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (place, finding) in self.findings.iter().enumerate() {
            let name = (finding.control.as_str(), finding.subject.as_str());
            places.entry(name).or_default().push(place);
        }
        let by = |finding: &Finding, cause: &Cause| {
            let name = (cause.control.as_str(), cause.subject.as_str());
            places.get(&name)?.iter().copied().find(|place| {
                self.findings.get(*place).is_some_and(|other| {
                    other.kind == finding.kind && other.severity >= finding.severity
                })
            })
        };
        let mut explained = BTreeMap::new();
        for (place, finding) in self.findings.iter().enumerate() {
            let mut cause = finding.cause.as_ref();
            // A cause may have one of its own. No more steps than there are findings, should they go round.
            for _ in 0..self.findings.len() {
                let Some(next) = cause.and_then(|cause| by(finding, cause)) else {
                    break;
                };
                if next == place {
                    break;
                }
                explained.insert(place, next);
                cause = self.findings.get(next).and_then(|next| next.cause.as_ref());
            }
        }
        explained
    }

    /// Whether something could not be told.
    pub fn any_unread(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.kind == Kind::Unread)
    }

    /// Puts the findings into the order in which they are told.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            let key = |finding: &Finding| {
                (
                    std::cmp::Reverse(finding.severity),
                    finding.place.clone(),
                    finding.control.clone(),
                    finding.subject.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
    }
}

/// The account of the plan that an address is about, if it is about one.
pub fn account_of(address: &Address) -> Option<&AccountKey> {
    address.account()
}
