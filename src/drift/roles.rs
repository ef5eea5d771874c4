//! The role by which a check enters accounts: where it is gone, a check goes by the access role, an
//! administrator, and the stack set that made it does not know.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, FindingPlace, Fix, Kind, Severity};
use crate::addr::{Address, Attribute, Expr};
use crate::baseline::Desired;
use crate::change::Change;
use crate::diff::{Diff, Remains};
use crate::inventory::{AccountRegion, Inventory, identify};
use crate::plan::{AccountId, AccountKey, OrgPlan, StackName};

/// The stack set of the baseline `roles`.
const SET: &str = "roles";

/// A finding for every account of `fell_back`, which the audit role did not open, where its stack is there all the
/// same. Where the stack is missing, that is told as such.
pub fn without_audit_role(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
    fell_back: &BTreeSet<AccountId>,
) -> Vec<Finding> {
    let (Some(audit), Ok(name)) = (&desired.audit_role, SET.parse::<StackName>()) else {
        return Vec::new();
    };
    let Some(set) = desired.stack_sets.get(&name) else {
        return Vec::new();
    };
    let ids = match inventory.accounts.known() {
        Some(accounts) => identify::identify(plan, accounts).accounts,
        None => return Vec::new(),
    };
    let home = &plan.organization.home_region;
    let current = |id: &AccountId| {
        let at = AccountRegion {
            account: id.clone(),
            region: home.clone(),
        };
        let sets = inventory.stack_sets.known()?;
        let instances = sets.get(&set.full_name)?.instances.known()?;
        Some(instances.get(&at)?.status == "CURRENT")
    };
    let found = ids
        .iter()
        .filter(|(_, id)| fell_back.contains(*id) && current(id) == Some(true));
    found
        .map(|(key, id)| Finding {
            control: "roles.audit-role".to_owned(),
            kind: Kind::Drift,
            severity: Severity::High,
            place: FindingPlace {
                account: Some(key.to_string()),
                account_id: Some(id.clone()),
                region: None,
                ou: plan.accounts.get(key).map(|planned| planned.ou.to_string()),
            },
            subject: format!("role {audit} in {key}"),
            title: format!(
                "the role does not open the account, which stack set {} counts as up to date; the account was read by {}",
                set.full_name, plan.organization.access_role
            ),
            fields: Vec::new(),
            fix: Fix::Person {
                hint: super::deep::anew(&set.full_name, id, home),
            },
            references: Vec::new(),
            accounts: BTreeSet::new(),
            address: None,
            cause: None,
        })
        .collect()
}

/// What becomes of an account that the audit role does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A change of `apply` makes it.
    Brought,
    /// One would, were nothing in its way.
    Waits,
    /// `[organization]` was edited: `apply` changes nothing.
    Edited,
    /// Its OU is without the baseline.
    LeftOut,
    /// It lies where no stack set reaches.
    NotReached,
    /// It is gone although its stack counts as up to date.
    Gone,
    /// None of these: its stack is there, or could not be read.
    Unknown,
}

impl Reason {
    /// In a sentence.
    pub fn told(self) -> &'static str {
        match self {
            Reason::Brought => "`orgstrap apply` brings it there.",
            Reason::Waits => {
                "`orgstrap apply` brings it there when what is in the way is put right: the findings say what that is."
            }
            Reason::Edited => {
                "The role is that of the settings by which accounts were set up, and `orgstrap apply` changes nothing while \
                 [organization] is otherwise: the finding organization.comparable says what to do."
            }
            Reason::LeftOut => {
                "The `baselines` of its OU leave out `roles`, so nothing brings it there."
            }
            Reason::NotReached => {
                "No stack set reaches the account where it lies, so nothing brings it there."
            }
            Reason::Gone => {
                "CloudFormation counts its stack as up to date, so `orgstrap apply` does not bring it there: \
                 the finding roles.audit-role says what does."
            }
            Reason::Unknown => "No change of `orgstrap apply` brings it there.",
        }
    }
}

/// The accounts of `fell_back`, which the audit role did not open, by what becomes of that. `gone` are the findings
/// about roles that are gone.
pub fn reasons(
    plan: &OrgPlan,
    inventory: &Inventory,
    found: &Diff,
    gone: &[Finding],
    fell_back: &BTreeSet<AccountId>,
    edited: bool,
) -> BTreeMap<Reason, Vec<AccountId>> {
    let ids = match inventory.accounts.known() {
        Some(accounts) => identify::identify(plan, accounts).accounts,
        None => BTreeMap::new(),
    };
    let without = plan.ous_without(SET);
    let brings = |changes: &[Change], key: &AccountKey, id: &AccountId| {
        changes.iter().any(|change| brings(change, key, id))
    };
    let reason = |id: &AccountId| {
        if gone
            .iter()
            .any(|it| it.place.account_id.as_ref() == Some(id))
        {
            return Reason::Gone;
        }
        let Some((key, _)) = ids.iter().find(|(_, other)| *other == id) else {
            return Reason::Unknown;
        };
        let not_reached = found
            .left
            .iter()
            .any(|left| matches!(&left.what, Remains::NotReached { account } if account == key));
        let planned = plan.accounts.get(key);
        if not_reached {
            Reason::NotReached
        } else if planned.is_some_and(|planned| without.contains(&planned.ou)) {
            Reason::LeftOut
        } else if edited || found.edits().next().is_some() {
            Reason::Edited
        } else if brings(&found.changes, key, id) {
            Reason::Brought
        } else if brings(&found.withheld, key, id) {
            Reason::Waits
        } else {
            Reason::Unknown
        }
    };
    let mut by_reason: BTreeMap<Reason, Vec<AccountId>> = BTreeMap::new();
    for id in fell_back {
        by_reason.entry(reason(id)).or_default().push(id.clone());
    }
    by_reason
}

/// Whether a change gives an account the stack of the baseline.
fn brings(change: &Change, key: &AccountKey, id: &AccountId) -> bool {
    let (Address::Rollout(set, _)
    | Address::RolloutUpdate(set, _)
    | Address::RolloutRepair(set, _)
    | Address::RolloutTo(set, _)
    | Address::StackImport(set, _)) = &change.address
    else {
        return false;
    };
    if set.as_str() != SET {
        return false;
    }
    if change.address.account() == Some(key) {
        return true;
    }
    let Some(targets) = change.action.kind().targets() else {
        return false;
    };
    let waits_for = &targets.expect;
    let reference = Expr::reference(Address::Account(key.clone()), Attribute::Id);
    let literal = Expr::literal(id.as_str());
    waits_for
        .iter()
        .any(|text| *text == reference || *text == literal)
}
