//! The role by which a check enters accounts: where it is gone, a check goes by the access role, an
//! administrator, and the stack set that made it does not know.

use std::collections::BTreeSet;

use super::{Finding, FindingPlace, Fix, Kind, Severity};
use crate::baseline::Wanted;
use crate::inventory::{AccountRegion, Inventory, identify};
use crate::plan::{AccountId, OrgPlan, StackName};

/// The stack set of the baseline `roles`.
const SET: &str = "roles";

/// A finding for every account of `fell_back`, which the audit role did not open, where its stack is there all the
/// same. Where the stack is missing, that is told as such.
pub fn without_audit_role(
    plan: &OrgPlan,
    wanted: &Wanted,
    inventory: &Inventory,
    fell_back: &BTreeSet<AccountId>,
) -> Vec<Finding> {
    let (Some(audit), Ok(name)) = (&wanted.audit_role, SET.parse::<StackName>()) else {
        return Vec::new();
    };
    let Some(set) = wanted.stack_sets.get(&name) else {
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
