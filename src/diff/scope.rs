//! The part of a comparison that is about some accounts and nothing else. Pure.
//!
//! What many accounts share (GuardDuty's members, instances that are missing) is narrowed to these accounts.
//! What they rest on and is not there yet (their OU, a baseline that was never rolled out, a policy that
//! is to hold for them) is not made on the way: it is reach beyond these accounts, and is told as missing.

use std::collections::BTreeSet;

use super::account::ACCOUNT_SERVICE;
use super::context::{account, ou};
use super::stages::Stages;
use super::{BlockedBy, Diff, Loss};
use crate::action::{DeploymentTargets, Parts};
use crate::addr::{Address, Expr, Foundation};
use crate::baseline::Desired;
use crate::change::{Change, FieldChange, Verb};
use crate::plan::{AccountKey, OrgPlan, OuPath};

/// A comparison narrowed to some accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scoped {
    /// The changes of these accounts, and what is blocked or told of them.
    pub diff: Diff,
    /// What they rest on and is not there.
    pub missing: Vec<Missing>,
    /// How many changes there are besides.
    pub others: usize,
}

/// Something that accounts rest on and that is not as the plan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    pub address: Address,
    /// Why it is to be changed, or cannot be now.
    pub reason: String,
}

/// Narrows a comparison to the accounts of `keys`.
pub fn scope(
    found: Diff,
    plan: &OrgPlan,
    desired: &Desired,
    keys: &BTreeSet<AccountKey>,
) -> Scoped {
    let scope = Scope {
        plan,
        desired,
        keys,
    };
    let mut missing: Vec<Missing> = found
        .changes
        .iter()
        .filter(|change| scope.rests_on(change))
        .map(|change| Missing {
            address: change.address.clone(),
            reason: change.reason.clone(),
        })
        .collect();
    missing.extend(
        found
            .blocked
            .iter()
            .filter(|blocked| scope.is_foundation(&blocked.address))
            .map(|blocked| Missing {
                address: blocked.address.clone(),
                reason: match &blocked.reason {
                    BlockedBy::Unread(unread) => {
                        format!("could not be read ({})", unread.operation)
                    }
                    BlockedBy::State { message } | BlockedBy::Quota { message } => message.clone(),
                    BlockedBy::Needs { address } => format!("waits for {address}"),
                },
            }),
    );
    let all = found.changes.len();
    let mut changes: Vec<Change> = Vec::new();
    let mut service = None;
    for change in found.changes {
        match scope.narrowed(&change) {
            Some(own) => changes.push(own),
            None if is_account_service(&change.address) => service = Some(change),
            None => {}
        }
    }
    // Contacts and names go through the account service, which may need to be let in first.
    if let Some(service) = service
        && changes.iter().any(|c| c.needs.contains(&service.address))
    {
        changes.push(service);
    }
    changes.sort_by(|a, b| a.address.cmp(&b.address));
    let addresses: BTreeSet<Address> = changes.iter().map(|c| c.address.clone()).collect();
    for change in &mut changes {
        change.needs.retain(|need| addresses.contains(need));
    }
    Scoped {
        others: all.saturating_sub(changes.len()),
        diff: Diff {
            changes,
            withheld: found
                .withheld
                .into_iter()
                .filter(|change| scope.is_own(&change.address))
                .collect(),
            blocked: found
                .blocked
                .into_iter()
                .filter(|blocked| scope.is_own(&blocked.address))
                .collect(),
            unmanaged: Vec::new(),
            // One that accounts have in common stands under the first of them.
            warnings: found
                .warnings
                .into_iter()
                .filter(|warning| {
                    let address = &warning.address;
                    addresses.contains(address) || address.account().is_some()
                })
                .collect(),
            notices: found
                .notices
                .into_iter()
                .filter(|notice| scope.is_own(&notice.address))
                .collect(),
            problems: found.problems,
            former: found.former,
            // What is left is nobody's account's.
            left: Vec::new(),
            losses: {
                let made = |loss: &Loss| addresses.contains(&loss.address);
                found.losses.into_iter().filter(made).collect()
            },
            raise: found.raise,
            bindings: found.bindings,
        },
        missing,
    }
}

fn is_account_service(address: &Address) -> bool {
    matches!(address, Address::TrustedAccess(principal) if principal.as_str() == ACCOUNT_SERVICE)
}

struct Scope<'a> {
    plan: &'a OrgPlan,
    desired: &'a Desired,
    keys: &'a BTreeSet<AccountKey>,
}

impl Scope<'_> {
    fn is_own(&self, address: &Address) -> bool {
        address.account().is_some_and(|key| self.keys.contains(key))
    }

    /// Whether a change brings up something that the accounts rest on, rather than altering it.
    fn rests_on(&self, change: &Change) -> bool {
        matches!(change.verb, Verb::Create | Verb::Ensure) && self.is_foundation(&change.address)
    }

    fn is_foundation(&self, address: &Address) -> bool {
        if self.is_own(address) || is_account_service(address) {
            return false;
        }
        let planned = || {
            let keys = self.keys.iter();
            keys.filter_map(|key| self.plan.accounts.get(key))
        };
        match address.info().foundation {
            Foundation::No => false,
            Foundation::Always => true,
            Foundation::Above(path) => planned().any(|it| path.contains(&it.ou)),
            Foundation::Stage(name, stage) => {
                self.desired.stack_sets.get(name).is_some_and(|set| {
                    let stages = Stages::of(self.plan, &set.except);
                    planned().any(|it| stages.of_ou.get(&it.ou) == Some(&stage))
                })
            }
        }
    }

    /// What a change comes to for these accounts alone; `None` where it is not about them.
    fn narrowed(&self, change: &Change) -> Option<Change> {
        if self.is_own(&change.address) {
            return Some(change.clone());
        }
        let mut narrow = change.clone();
        let own: Vec<Expr> = self.keys.iter().map(account).collect();
        match narrow.action.kind_mut().parts() {
            Parts::Members(members) => {
                members.retain(|member| own.contains(&member.account));
                if members.is_empty() {
                    return None;
                }
                narrow
                    .fields
                    .retain(|field| field.after.as_ref().is_some_and(|a| own.contains(a)));
            }
            // A stage makes whole OUs targets; only what they lack is for single accounts.
            Parts::Targets(_) if matches!(narrow.address, Address::Rollout(..)) => return None,
            Parts::Targets(targets) => self.narrow_targets(targets, &own, &mut narrow.fields)?,
            Parts::Whole => return None,
        }
        let others = |need: &Address| need.account().is_some_and(|key| !self.keys.contains(key));
        narrow.needs.retain(|need| !others(need));
        Some(narrow)
    }

    fn narrow_targets(
        &self,
        targets: &mut DeploymentTargets,
        own: &[Expr],
        fields: &mut Vec<FieldChange>,
    ) -> Option<()> {
        let concerned =
            |text: &&Expr| targets.expect.contains(text) || targets.accounts.contains(text);
        let only: Vec<Expr> = own.iter().filter(concerned).cloned().collect();
        if only.is_empty() {
            return None;
        }
        targets.expect.retain(|text| only.contains(text));
        let ous: BTreeSet<&OuPath> = self
            .keys
            .iter()
            .filter(|key| only.contains(&account(key)))
            .filter_map(|key| Some(&self.plan.accounts.get(key)?.ou))
            .flat_map(|below| self.plan.ous.keys().filter(|path| path.contains(below)))
            .filter(|path| targets.ous.contains(&ou(path)))
            .collect();
        if !ous.is_empty() {
            targets.ous = ous.iter().map(|path| ou(path)).collect();
            let ous: Vec<String> = ous.iter().map(ToString::to_string).collect();
            fields.retain(|field| field.field != "ous");
            fields.insert(0, super::builder::set("ous", ous.join(", ")));
        }
        let names: Vec<String> = self
            .keys
            .iter()
            .filter(|key| only.contains(&account(key)))
            .map(ToString::to_string)
            .collect();
        targets.accounts = only;
        targets.except.clear();
        fields.retain(|field| field.field != "accounts");
        let at = fields.len().min(1);
        fields.insert(at, super::builder::set("accounts", names.join(", ")));
        Some(())
    }
}
