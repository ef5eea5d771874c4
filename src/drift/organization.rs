//! The organization's layer and the stacks' layer: what [`crate::diff`] found, as findings.

use std::collections::BTreeMap;

use super::control::{FULL_ACCESS, is_full_access};
use super::{
    Finding, FindingPlace, Findings, Fix, Kind, Severity, account_of, of_address, of_unmanaged,
    region_of,
};
use crate::change::{Address, Change, FieldChange, Target};
use crate::diff::{Because, Blocked, Diff, Left, Notice, Problem, Remains, Unmanaged};
use crate::inventory::{AccountState, Inventory, identify};
use crate::plan::{AccountId, AccountKey, OrgPlan};

/// Judges an inventory by what a comparison with the plan found in it. Controls are added by their
/// own judgement.
pub fn judge(plan: &OrgPlan, inventory: &Inventory, diff: &Diff) -> Findings {
    let judge = Judge::new(plan, inventory);
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(diff.problems.iter().map(|problem| judge.problem(problem)));
    findings.extend(
        diff.changes
            .iter()
            .filter(|change| !follows(change, diff))
            .filter_map(|change| judge.change(change)),
    );
    findings.extend(diff.left.iter().map(|left| judge.left(left)));
    findings.extend(
        diff.unmanaged
            .iter()
            .map(|unmanaged| judge.unmanaged(unmanaged)),
    );
    findings.extend(diff.notices.iter().map(|notice| judge.notice(notice)));
    findings.extend(
        diff.blocked
            .iter()
            .filter_map(|blocked| judge.blocked(blocked)),
    );
    let mut found = Findings {
        taken_at: inventory.taken_at,
        from_cache: BTreeMap::new(),
        management_account: plan.organization.management_account.clone(),
        findings,
        checked: BTreeMap::new(),
        accounts: judge.accounts(),
    };
    found.sort();
    found
}

/// Whether a change only follows from another that is told: what a new account is given, and the
/// instances of an account that is put where it belongs.
fn follows(change: &Change, diff: &Diff) -> bool {
    let Some(key) = account_of(&change.address) else {
        return false;
    };
    let told = |address: Address| {
        address != change.address && diff.changes.iter().any(|other| other.address == address)
    };
    told(Address::Account(key.clone()))
        || matches!(
            change.address,
            Address::RolloutTo(..) | Address::RolloutFrom(..)
        ) && told(Address::Placement(key.clone()))
}

struct Judge<'a> {
    plan: &'a OrgPlan,
    inventory: &'a Inventory,
    ids: BTreeMap<AccountKey, AccountId>,
    keys: BTreeMap<AccountId, AccountKey>,
}

impl<'a> Judge<'a> {
    fn new(plan: &'a OrgPlan, inventory: &'a Inventory) -> Self {
        let ids = match inventory.accounts.known() {
            Some(accounts) => identify::identify(plan, accounts).accounts,
            None => BTreeMap::new(),
        };
        let keys = ids.iter().map(|(key, id)| (id.clone(), key.clone()));
        Judge {
            plan,
            inventory,
            keys: keys.collect(),
            ids,
        }
    }

    /// Every account of plan and organization, by the name findings give it.
    fn accounts(&self) -> BTreeMap<String, Option<AccountId>> {
        let planned = self.plan.accounts.keys();
        let mut accounts: BTreeMap<String, Option<AccountId>> = planned
            .map(|key| (key.to_string(), self.ids.get(key).cloned()))
            .collect();
        let facts = self.inventory.accounts.known().into_iter().flatten();
        for (id, facts) in facts {
            if !self.keys.contains_key(id) {
                accounts.insert(facts.name.clone(), Some(id.clone()));
            }
        }
        accounts
    }

    fn place(&self, address: &Address) -> FindingPlace {
        let account = account_of(address);
        let ou = match address {
            Address::Ou(path)
            | Address::Tags(Target::Ou(path))
            | Address::Attachment(_, Target::Ou(path)) => Some(path.to_string()),
            _ => account
                .and_then(|key| self.plan.accounts.get(key))
                .map(|planned| planned.ou.to_string()),
        };
        FindingPlace {
            account: account.map(ToString::to_string),
            account_id: account.and_then(|key| self.ids.get(key)).cloned(),
            region: region_of(address).cloned(),
            ou,
        }
    }

    fn change(&self, change: &Change) -> Option<Finding> {
        let (control, severity) = of_address(change)?;
        Some(Finding {
            control: control.to_owned(),
            kind: Kind::Drift,
            severity,
            place: self.place(&change.address),
            subject: change.address.to_string(),
            title: change.reason.clone(),
            fields: change.fields.clone(),
            fix: Fix::Change {
                address: change.address.clone(),
            },
            references: Vec::new(),
        })
    }

    /// What is left that no change puts right; what the plan says is to stay so is merely told.
    fn left(&self, left: &Left) -> Finding {
        let (control, severity, hint) = match &left.what {
            Remains::NotReached { .. } => (
                "stacks.not-reached",
                Severity::Medium,
                "put the account into an OU that has the baseline",
            ),
            _ => (
                "stacks.left-over",
                Severity::Low,
                "`orgstrap remove` takes it away",
            ),
        };
        let place = match &left.what {
            Remains::NotReached { account } => self.place(&Address::Account(account.clone())),
            Remains::Stack { at, .. } => FindingPlace {
                account: self.keys.get(&at.account).map(ToString::to_string),
                account_id: Some(at.account.clone()),
                region: Some(at.region.clone()),
                ou: None,
            },
            Remains::StackSet { .. } | Remains::Instances { .. } => FindingPlace::default(),
        };
        Finding {
            control: control.to_owned(),
            kind: match left.acknowledged {
                true => Kind::Unmanaged,
                false => Kind::Drift,
            },
            severity: match left.acknowledged {
                true => Severity::Info,
                false => severity,
            },
            place,
            subject: left.name.clone(),
            title: format!("{}: {}", left.text, left.because),
            fields: Vec::new(),
            fix: match left.acknowledged {
                true => Fix::Nothing,
                false => Fix::Person {
                    hint: format!(
                        "{hint}; `leave = [{:?}]` in [organization] says that it is to stay so",
                        left.name
                    ),
                },
            },
            references: Vec::new(),
        }
    }

    fn unmanaged(&self, unmanaged: &Unmanaged) -> Finding {
        let (control, severity) = of_unmanaged(unmanaged);
        let account = (unmanaged.kind == "account").then(|| FindingPlace {
            account: Some(unmanaged.name.clone()),
            account_id: unmanaged.id.parse().ok(),
            ..FindingPlace::default()
        });
        Finding {
            control,
            kind: Kind::Unmanaged,
            severity,
            place: account.unwrap_or_default(),
            subject: format!("{} {} ({})", unmanaged.kind, unmanaged.name, unmanaged.id),
            title: unmanaged.note.clone(),
            fields: Vec::new(),
            fix: Fix::Nothing,
            references: Vec::new(),
        }
    }

    /// A difference that only a person can mend; or an account that is not in use.
    fn notice(&self, notice: &Notice) -> Finding {
        let idle = account_of(&notice.address).is_some_and(|key| self.is_idle(key));
        let (kind, severity) = match idle {
            true => (Kind::Skipped, Severity::Info),
            false => (Kind::Drift, Severity::Low),
        };
        Finding {
            control: if idle {
                "organization.account-state".to_owned()
            } else {
                "organization.by-hand".to_owned()
            },
            kind,
            severity,
            place: self.place(&notice.address),
            subject: notice.address.to_string(),
            title: notice.text.clone(),
            fields: Vec::new(),
            fix: match &notice.hint {
                Some(hint) => Fix::Person { hint: hint.clone() },
                None => Fix::Nothing,
            },
            references: Vec::new(),
        }
    }

    fn blocked(&self, blocked: &Blocked) -> Option<Finding> {
        // What is to be done in an account that is not in use is told once, by its notice.
        if account_of(&blocked.address).is_some_and(|key| self.is_idle(key)) {
            return None;
        }
        let (kind, severity, title) = match &blocked.because {
            Because::Unread(unread) => (
                Kind::Unread,
                Severity::Medium,
                format!(
                    "could not be read: {}: {}",
                    unread.operation, unread.because
                ),
            ),
            Because::State { said } if is_full_access(&blocked.address) => {
                (Kind::Drift, FULL_ACCESS.1, said.clone())
            }
            Because::State { said } => (Kind::Drift, Severity::Medium, said.clone()),
            // Its cause is a finding already.
            Because::Needs { .. } => return None,
        };
        Some(Finding {
            control: match (kind, &blocked.address) {
                (Kind::Unread, _) => "organization.readable".to_owned(),
                (_, address) if is_full_access(address) => FULL_ACCESS.0.to_owned(),
                (_, Address::ExistingRecorder(_)) => "stacks.existing-recorder".to_owned(),
                _ => "organization.blocked".to_owned(),
            },
            kind,
            severity,
            place: self.place(&blocked.address),
            subject: blocked.address.to_string(),
            title,
            fields: Vec::<FieldChange>::new(),
            fix: match &blocked.hint {
                Some(hint) => Fix::Person { hint: hint.clone() },
                None => Fix::Nothing,
            },
            references: Vec::new(),
        })
    }

    fn problem(&self, problem: &Problem) -> Finding {
        Finding {
            control: "organization.comparable".to_owned(),
            kind: Kind::Unread,
            severity: Severity::High,
            place: FindingPlace::default(),
            subject: format!("organization {}", self.plan.organization.management_account),
            title: problem.message.clone(),
            fields: Vec::new(),
            fix: match &problem.hint {
                Some(hint) => Fix::Person { hint: hint.clone() },
                None => Fix::Nothing,
            },
            references: Vec::new(),
        }
    }

    /// Whether an account is closed, suspended or not activated: nothing can be checked in it.
    fn is_idle(&self, key: &AccountKey) -> bool {
        let accounts = self.inventory.accounts.known();
        let facts = self.ids.get(key).and_then(|id| accounts?.get(id));
        facts.is_some_and(|facts| facts.state != AccountState::Active)
    }
}
