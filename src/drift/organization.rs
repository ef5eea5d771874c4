//! The organization's layer and the stacks' layer: what [`crate::diff`] found, as findings.

use std::collections::{BTreeMap, BTreeSet};

use super::control::{FULL_ACCESS, is_full_access};
use super::names::Names;
use super::{
    Finding, FindingPlace, Findings, Fix, Kind, Severity, account_of, of_address, of_unmanaged,
};
use crate::addr::{Address, Bindings, Owner, Target};
use crate::change::{Change, FieldChange, Verb};
use crate::diff::{
    Blocked, BlockedBy, Diff, Left, Notice, Problem, ProblemKind, Remains, Unmanaged,
};
use crate::inventory::{AccountState, Inventory};
use crate::plan::{AccountKey, OrgPlan, StackName};

/// Judges an inventory by what a comparison with the plan found in it. Controls are added by their
/// own judgement.
pub fn judge(plan: &OrgPlan, inventory: &Inventory, diff: &Diff) -> Findings {
    let judge = Judge {
        plan,
        names: Names::of(plan, inventory),
        blocked: diff
            .blocked
            .iter()
            .map(|blocked| (&blocked.address, blocked))
            .collect(),
        to_hold: diff
            .changes
            .iter()
            .chain(&diff.withheld)
            .filter_map(|change| match &change.address {
                Address::RolloutHold(name) => Some(name),
                _ => None,
            })
            .collect(),
    };
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(diff.problems.iter().map(|problem| judge.problem(problem)));
    findings.extend(
        diff.changes
            .iter()
            .filter_map(|change| judge.change(change)),
    );
    findings.extend(diff.left.iter().map(|left| judge.left(left)));
    findings.extend(
        diff.withheld
            .iter()
            .filter_map(|change| judge.withheld(change)),
    );
    let told: BTreeMap<Address, usize> = findings
        .iter()
        .enumerate()
        .filter_map(|(place, finding)| Some((finding.address.clone()?, place)))
        .collect();
    let causes: Vec<Option<usize>> = findings
        .iter()
        .map(|finding| follows(finding.address.as_ref()?, &told))
        .collect();
    for (place, cause) in causes.into_iter().enumerate() {
        let cause = cause
            .and_then(|cause| findings.get(cause))
            .map(Finding::as_cause);
        if let Some(finding) = findings.get_mut(place) {
            finding.cause = cause;
        }
    }
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
        accounts: judge.names.all(),
        lies_in: judge.names.lies_in(),
        ous: judge.names.ous(),
    };
    found.sort();
    found
}

/// The finding that one only follows from, by their addresses: what a new account is given, and the instances of an
/// account that is put where it belongs.
fn follows(address: &Address, told: &BTreeMap<Address, usize>) -> Option<usize> {
    let key = account_of(address)?;
    let account = Address::Account(key.clone());
    let placement = Address::Placement(key.clone());
    let cause = |other: Address| match other == *address {
        true => None,
        false => told.get(&other).copied(),
    };
    cause(account).or_else(|| {
        let moves = matches!(address, Address::RolloutTo(..) | Address::RolloutFrom(..));
        cause(placement).filter(|_| moves)
    })
}

struct Judge<'a> {
    plan: &'a OrgPlan,
    names: Names<'a>,
    blocked: BTreeMap<&'a Address, &'a Blocked>,
    /// The stack sets whose auto-deployment an update would hold first: it is not held now.
    to_hold: BTreeSet<&'a StackName>,
}

impl Judge<'_> {
    fn place(&self, address: &Address) -> FindingPlace {
        let region = address.info().region.cloned();
        if address.info().owner == Owner::Management {
            return FindingPlace {
                region,
                ..self.names.management()
            };
        }
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
            account_id: account.and_then(|key| self.names.id(key)).cloned(),
            region,
            ou,
        }
    }

    fn change(&self, change: &Change) -> Option<Finding> {
        let (control, severity) = of_address(change)?;
        if let Address::RolloutRelease(name) = &change.address
            && self.to_hold.contains(name)
        {
            return None;
        }
        let place = self.place(&change.address);
        let mut accounts = self.names.about(change);
        if let Some(own) = &place.account {
            accounts.remove(own);
        }
        let mut severity = severity;
        let mut title = change.reason.clone();
        if let Address::Account(key) = &change.address
            && let Some(duty) = self.duty(key)
        {
            severity = Severity::Critical;
            title = format!("{title}, and {}", duty.lost);
        }
        Some(Finding {
            control: control.to_owned(),
            kind: Kind::Drift,
            severity,
            place,
            subject: change.address.to_string(),
            title,
            fields: change.fields.clone(),
            fix: Fix::Change {
                address: change.address.clone(),
            },
            references: Vec::new(),
            accounts,
            address: Some(change.address.clone()),
            cause: None,
        })
    }

    /// A difference that something in the way keeps from being fixed. Where all that differs is what nobody can tell
    /// now, it may be no difference at all.
    fn withheld(&self, change: &Change) -> Option<Finding> {
        let in_the_way = match self.blocked.get(&change.address).map(|one| &one.reason) {
            // Told by itself, as what it is.
            Some(BlockedBy::Unread(_) | BlockedBy::State { .. } | BlockedBy::Quota { .. }) => {
                return None;
            }
            Some(BlockedBy::Needs { address }) => self.first_in_the_way(address).to_string(),
            None => "what keeps plan and organization from being compared".to_owned(),
        };
        if account_of(&change.address).is_some_and(|key| self.is_idle(key)) {
            return None;
        }
        let finding = self.change(change)?;
        let fix = Fix::Person {
            hint: format!("see to {in_the_way} first: nothing puts this back before"),
        };
        if differs_for_certain(change) {
            return Some(Finding {
                title: format!("{}; it waits for {in_the_way}", finding.title),
                fix,
                ..finding
            });
        }
        Some(Finding {
            kind: Kind::Unread,
            severity: Severity::Medium,
            title: format!("could not be compared: what it is to be rests on {in_the_way}"),
            fields: Vec::new(),
            fix,
            ..finding
        })
    }

    /// What stands at the head of a row of things that wait for each other.
    fn first_in_the_way<'b>(&'b self, address: &'b Address) -> &'b Address {
        let mut first = address;
        for _ in 0..self.blocked.len() {
            match self.blocked.get(first).map(|blocked| &blocked.reason) {
                Some(BlockedBy::Needs { address }) => first = address,
                _ => break,
            }
        }
        first
    }

    /// What is left that no change puts right; what the plan says is to stay so is merely told.
    fn left(&self, left: &Left) -> Finding {
        let (control, severity, hint) = match &left.what {
            Remains::NotReached { .. } => (
                "stacks.not-reached",
                Severity::Medium,
                "put the account into an OU that has the baseline",
            ),
            Remains::ByHand { hint, .. } => ("organization.by-hand", Severity::Low, hint.as_str()),
            Remains::StackSet { .. }
            | Remains::Instances { .. }
            | Remains::Stack { .. }
            | Remains::Delegation { .. } => (
                "stacks.left-over",
                Severity::Low,
                "`orgstrap remove` takes it away",
            ),
        };
        let accounts = match &left.what {
            Remains::Instances { only: ids, .. } | Remains::ByHand { about: ids, .. } => {
                ids.iter().map(|id| self.names.name(id)).collect()
            }
            Remains::Delegation { account, .. } => BTreeSet::from([self.names.name(account)]),
            Remains::NotReached { .. } | Remains::Stack { .. } | Remains::StackSet { .. } => {
                BTreeSet::new()
            }
        };
        let place = match &left.what {
            Remains::NotReached { account } => self.place(&Address::Account(account.clone())),
            Remains::ByHand { address, .. } => {
                let place = self.place(address);
                let region = place.region.or_else(|| left.regions.first().cloned());
                FindingPlace { region, ..place }
            }
            Remains::Stack { at, .. } => FindingPlace {
                account: Some(self.names.name(&at.account)),
                account_id: Some(at.account.clone()),
                region: Some(at.region.clone()),
                ou: None,
            },
            Remains::StackSet { .. } | Remains::Instances { .. } | Remains::Delegation { .. } => {
                FindingPlace::default()
            }
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
            title: format!("{}: {}", left.text, left.reason),
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
            accounts,
            address: None,
            cause: None,
        }
    }

    fn unmanaged(&self, unmanaged: &Unmanaged) -> Finding {
        let (control, severity) = of_unmanaged(unmanaged);
        let place = match unmanaged.kind {
            "account" => FindingPlace {
                account: Some(unmanaged.name.clone()),
                account_id: unmanaged.id.parse().ok(),
                ..FindingPlace::default()
            },
            _ => FindingPlace::default(),
        };
        Finding {
            control,
            kind: Kind::Unmanaged,
            severity,
            place,
            subject: format!("{} {} ({})", unmanaged.kind, unmanaged.name, unmanaged.id),
            title: unmanaged.note.clone(),
            fields: Vec::new(),
            fix: Fix::Nothing,
            references: Vec::new(),
            accounts: BTreeSet::new(),
            address: None,
            cause: None,
        }
    }

    /// What is worth knowing and no difference; or an account that is not in use.
    fn notice(&self, notice: &Notice) -> Finding {
        let key = account_of(&notice.address);
        let state = key.and_then(|key| self.state(key));
        let idle = state.filter(|state| *state != AccountState::Active);
        let duty = key.and_then(|key| self.duty(key));
        let (control, kind, severity) = match (idle, &duty) {
            (Some(_), Some(duty)) => ("organization.duty", Kind::Drift, duty.severity),
            (Some(_), None) => ("organization.account-state", Kind::Skipped, Severity::Info),
            (None, _) => ("organization.note", Kind::Unmanaged, Severity::Info),
        };
        let (title, hint) = match (idle, duty) {
            (Some(state), Some(duty)) => (
                format!("it is {}, and {}", state.as_str(), duty.lost),
                Some(duty.way_out(state, self.hand_over(key))),
            ),
            _ => (notice.text.clone(), notice.hint.clone()),
        };
        Finding {
            control: control.to_owned(),
            kind,
            severity,
            place: self.place(&notice.address),
            subject: notice.address.to_string(),
            title,
            fields: Vec::new(),
            fix: match hint {
                Some(hint) => Fix::Person { hint },
                None => Fix::Nothing,
            },
            references: Vec::new(),
            accounts: BTreeSet::new(),
            address: Some(notice.address.clone()),
            cause: None,
        }
    }

    fn blocked(&self, blocked: &Blocked) -> Option<Finding> {
        let key = account_of(&blocked.address);
        // What is to be done in an account that is not in use is told once, by its notice.
        if key.is_some_and(|key| self.is_idle(key)) {
            return None;
        }
        let (kind, severity, title) = match &blocked.reason {
            BlockedBy::Unread(unread) => (
                Kind::Unread,
                Severity::Medium,
                format!("could not be read: {}: {}", unread.operation, unread.reason),
            ),
            BlockedBy::State { message } if is_full_access(&blocked.address) => {
                (Kind::Drift, FULL_ACCESS.1, message.clone())
            }
            BlockedBy::State { message } => {
                let gravest = matches!(blocked.address, Address::Account(_))
                    && key.is_some_and(|key| self.duty(key).is_some());
                let severity = match gravest {
                    true => Severity::Critical,
                    false => Severity::Medium,
                };
                (Kind::Drift, severity, message.clone())
            }
            BlockedBy::Quota { message } => (Kind::Drift, Severity::Medium, message.clone()),
            // Its cause is a finding already, and so is it if it differs.
            BlockedBy::Needs { .. } => return None,
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
            accounts: BTreeSet::new(),
            address: Some(blocked.address.clone()),
            cause: None,
        })
    }

    fn problem(&self, problem: &Problem) -> Finding {
        let kind = match problem.kind {
            // Something is known to be otherwise than in the plan.
            ProblemKind::Identity | ProblemKind::Taken | ProblemKind::Edited => Kind::Drift,
            ProblemKind::NoOrganization
            | ProblemKind::WrongAccount
            | ProblemKind::Unreadable
            | ProblemKind::Quota => Kind::Unread,
        };
        Finding {
            control: "organization.comparable".to_owned(),
            kind,
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
            accounts: BTreeSet::new(),
            address: None,
            cause: None,
        }
    }

    fn state(&self, key: &AccountKey) -> Option<AccountState> {
        self.names.facts(key).map(|facts| facts.state)
    }

    /// The word by which GuardDuty's administration is taken from an account: AWS has one administrator, who goes before
    /// another comes.
    fn hand_over(&self, key: Option<&AccountKey>) -> Option<String> {
        let key = key?;
        let id = &self.names.facts(key)?.id;
        let watched = self.plan.organization.secops.as_ref() == Some(key);
        let mut baselines = self.plan.baselines.keys();
        let guardduty = baselines.any(|name| name.as_str() == "guardduty");
        (watched && guardduty)
            .then(|| format!("`replace_administrator = \"{id}\"` in [baseline.guardduty]"))
    }

    /// Whether an account is closed, suspended or not activated: nothing can be checked in it.
    fn is_idle(&self, key: &AccountKey) -> bool {
        self.state(key)
            .is_some_and(|state| state != AccountState::Active)
    }

    /// What an account does for all others.
    fn duty(&self, key: &AccountKey) -> Option<Duty> {
        let organization = &self.plan.organization;
        if organization.logging.as_ref() == Some(key) {
            return Some(Duty {
                name: "logging",
                severity: Severity::Critical,
                lost: "nothing that the organization logs is kept in it or can be read there"
                    .to_owned(),
            });
        }
        if organization.secops.as_ref() == Some(key) {
            return Some(Duty {
                name: "secops",
                severity: Severity::Critical,
                lost: "nobody watches the organization from it".to_owned(),
            });
        }
        let services: Vec<&str> = self
            .plan
            .delegated_administrators
            .iter()
            .filter(|(_, keys)| keys.contains(key))
            .map(|(principal, _)| principal.as_str())
            .collect();
        (!services.is_empty()).then(|| Duty {
            name: "delegated_administrators",
            severity: Severity::High,
            lost: format!("nobody administers {} from it", services.join(", ")),
        })
    }
}

/// What an account does for the organization.
struct Duty {
    /// The key of the plan that names it.
    name: &'static str,
    severity: Severity,
    /// What nobody does while it cannot.
    lost: String,
}

impl Duty {
    /// `hand_over` is what the plan has to say besides, so that another takes over.
    fn way_out(&self, state: AccountState, hand_over: Option<String>) -> String {
        let first = match state {
            AccountState::Suspended => "ask AWS Support at once why it is suspended",
            AccountState::PendingActivation => "finish its sign-up in the console",
            AccountState::PendingClosure | AccountState::Closed => {
                "have AWS Support reopen it, which they do for 90 days"
            }
            AccountState::Active | AccountState::Unknown => "look at it in the console",
        };
        let hand_over = hand_over.map_or_else(String::new, |word| format!(", with {word}"));
        format!(
            "{first}; or name another account as `{}` in the plan{hand_over}, and `orgstrap apply` sets it up",
            self.name
        )
    }
}

/// Whether something is known to be otherwise. An update all of whose new values rest on what is not known may be none.
fn differs_for_certain(change: &Change) -> bool {
    let nothing = Bindings::default();
    let known = |field: &FieldChange| {
        let after = field.after.as_ref();
        field.before.is_none() || after.is_none_or(|after| after.value(&nothing).is_ok())
    };
    change.verb != Verb::Update || change.fields.is_empty() || change.fields.iter().any(known)
}
