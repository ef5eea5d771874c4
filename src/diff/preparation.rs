//! What accounts are given inside: alias, password policy, opt-in Regions; and who manages their root users.
//! Only what the plan names is looked at, and nothing is ever taken away.

use std::collections::{BTreeMap, BTreeSet};

use super::account::{account_service, account_service_comes, not_asked, prepare};
use super::builder::{DiffBuilder, becomes, set};
use super::context::{Context, Standing, account};
use crate::action;
use crate::addr::{AccountRef, Address, Expr};
use crate::change::{FieldChange, Verb};
use crate::inventory::{Observed, PreparationFacts};
use crate::plan::{AccountKey, PasswordPolicy, Principal, Region};

/// The service that manages root users centrally.
pub(super) const IAM_SERVICE: &str = "iam.amazonaws.com";

/// The features of centralized root access, in IAM's words.
const ROOT_FEATURES: [&str; 2] = ["RootCredentialsManagement", "RootSessions"];

/// After the stacks, which must wait for the Regions that are turned on here.
pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    root_access(ctx, found);
    management_regions(ctx, found);
    for (key, planned) in &ctx.plan.accounts {
        let nothing = PreparationFacts::default();
        let facts = match ctx.standing(key) {
            Standing::Present(facts) => {
                let facts = ctx.inventory.preparation.get(&facts.id);
                Some(facts.unwrap_or(&nothing))
            }
            Standing::New => None,
            Standing::Unusable(_) | Standing::Open(_) => continue,
        };
        let planned = &planned.preparation;
        if let Some(alias) = &planned.alias {
            put_alias(found, key, alias, facts);
        }
        if let Some(policy) = &planned.password_policy {
            put_password_policy(found, key, policy, facts);
        }
        if !planned.opt_in_regions.is_empty() {
            let desired = &planned.opt_in_regions;
            // What cannot be read yet is found out when it is turned on.
            let comes = account_service_comes(ctx, key);
            let seen = facts.map(|facts| facts.regions.as_ref());
            let seen =
                seen.filter(|seen| seen.is_some_and(|seen| seen.known().is_some()) || !comes);
            let address = Address::OptInRegions(AccountRef::Member(key.clone()));
            if turn_on(found, &address, account(key), desired, seen) && !ctx.is_management(key) {
                // Its role answers there only then, and with it everything in the account waits.
                prepare(ctx, found, key, "Regions are turned on in it");
                if let Some(access) = found.changes.get_mut(&Address::Access(key.clone())) {
                    access.needs.insert(address);
                }
            }
        }
    }
}

/// What was seen of a setting: `None` where the account is yet to be made, `Some(None)` where nobody asked.
fn known<'a, T>(
    found: &mut DiffBuilder,
    address: &Address,
    seen: Option<Option<&'a Observed<T>>>,
    operation: &str,
) -> Result<Option<&'a T>, ()> {
    match seen {
        None => Ok(None),
        Some(Some(Observed::Known(value))) => Ok(Some(value)),
        Some(Some(Observed::Unread(unread))) => {
            found.unread(address.clone(), unread);
            Err(())
        }
        Some(None) => {
            found.unread(address.clone(), &not_asked(operation));
            Err(())
        }
    }
}

fn put_alias(
    found: &mut DiffBuilder,
    key: &AccountKey,
    alias: &str,
    facts: Option<&PreparationFacts>,
) {
    let address = Address::AccountAlias(key.clone());
    let seen = facts.map(|facts| facts.alias.as_ref());
    let Ok(have) = known(found, &address, seen, "iam:ListAccountAliases") else {
        return;
    };
    let have = have.and_then(Option::as_deref);
    if have == Some(alias) {
        return;
    }
    let (verb, reason, field) = match have {
        Some(have) => (
            Verb::Update,
            "differs from the plan; sign-in addresses with the old one stop working",
            becomes("alias", have, alias),
        ),
        None => (Verb::Create, "not there", set("alias", alias)),
    };
    let action = action::PutAccountAlias {
        account: account(key),
        alias: alias.to_owned(),
    };
    found
        .change(address, verb, reason, vec![field], action)
        .insert(Address::Access(key.clone()));
}

fn put_password_policy(
    found: &mut DiffBuilder,
    key: &AccountKey,
    policy: &PasswordPolicy,
    facts: Option<&PreparationFacts>,
) {
    let address = Address::PasswordPolicy(key.clone());
    let seen = facts.map(|facts| facts.password_policy.as_ref());
    let Ok(have) = known(found, &address, seen, "iam:GetAccountPasswordPolicy") else {
        return;
    };
    let have = have.and_then(Option::as_ref);
    if have == Some(policy) {
        return;
    }
    let before: Option<Vec<(&str, String)>> = have.map(password_fields);
    let fields: Vec<FieldChange> = password_fields(policy)
        .into_iter()
        .enumerate()
        .filter_map(
            |(at, (name, after))| match before.as_ref().and_then(|before| before.get(at)) {
                Some((_, before)) if *before == after => None,
                Some((_, before)) => Some(becomes(name, before, after)),
                None => Some(set(name, after)),
            },
        )
        .collect();
    let (verb, reason) = match have {
        Some(_) => (Verb::Update, "differs from the plan"),
        None => (Verb::Create, "not there"),
    };
    let action = action::PutPasswordPolicy {
        account: account(key),
        policy: *policy,
    };
    found
        .change(address, verb, reason, fields, action)
        .insert(Address::Access(key.clone()));
}

/// Every part of a password policy, in one order.
fn password_fields(policy: &PasswordPolicy) -> Vec<(&'static str, String)> {
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let number = |value: Option<u32>, none: &str| {
        value.map_or_else(|| none.to_owned(), |value| value.to_string())
    };
    vec![
        ("minimum length", policy.minimum_password_length.to_string()),
        ("symbols required", yes(policy.require_symbols)),
        ("numbers required", yes(policy.require_numbers)),
        (
            "upper case required",
            yes(policy.require_uppercase_characters),
        ),
        (
            "lower case required",
            yes(policy.require_lowercase_characters),
        ),
        (
            "users may change theirs",
            yes(policy.allow_users_to_change_password),
        ),
        (
            "expires after days",
            number(policy.max_password_age, "never"),
        ),
        (
            "former ones refused",
            number(policy.password_reuse_prevention, "none"),
        ),
        ("hard expiry", yes(policy.hard_expiry)),
    ]
}

/// Regions of the management account, in which its stacks and all stack sets need them.
fn management_regions(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let desired = &ctx.plan.opt_in_regions;
    if desired.is_empty() {
        return;
    }
    let management = &ctx.plan.organization.management_account;
    let facts = ctx.inventory.preparation.get(management);
    let seen = Some(facts.and_then(|facts| facts.regions.as_ref()));
    let address = Address::OptInRegions(AccountRef::Management);
    let act_in = Expr::literal(management.as_str());
    if !turn_on(found, &address, act_in, desired, seen) {
        return;
    }
    for change in found.changes.values_mut() {
        let waits = match &change.address {
            Address::Stack(place, _) if place.account == AccountRef::Management => {
                desired.contains(&place.region)
            }
            Address::StackSet(_)
            | Address::Rollout(..)
            | Address::RolloutUpdate(..)
            | Address::RolloutRepair(..)
            | Address::RolloutTo(..) => true,
            Address::GuardDutyAdministrator(region) => desired.contains(region),
            _ => false,
        };
        if waits {
            change.needs.insert(address.clone());
        }
    }
}

/// A change that turns on what is off; whether there is one.
fn turn_on(
    found: &mut DiffBuilder,
    address: &Address,
    account: Expr,
    desired: &BTreeSet<Region>,
    seen: Option<Option<&Observed<BTreeMap<Region, String>>>>,
) -> bool {
    let Ok(have) = known(found, address, seen, "account:ListRegions") else {
        return false;
    };
    let status = |region: &Region| have.and_then(|have| have.get(region)).map(String::as_str);
    let off: BTreeSet<Region> = desired
        .iter()
        .filter(|region| !matches!(status(region), Some("ENABLED" | "ENABLED_BY_DEFAULT")))
        .cloned()
        .collect();
    if off.is_empty() {
        return false;
    }
    let fields = off
        .iter()
        .map(|region| match status(region) {
            Some(status) => becomes(region.as_str(), status, "ENABLED"),
            None => set(region.as_str(), "ENABLED"),
        })
        .collect();
    let action = action::EnableRegions {
        account,
        regions: off,
    };
    let reason = "accounts do not have them from the start";
    found
        .change(address.clone(), Verb::Ensure, reason, fields, action)
        .extend(account_service());
    true
}

fn root_access(ctx: &Context<'_>, found: &mut DiffBuilder) {
    if !ctx.plan.organization.centralized_root_access {
        return;
    }
    let address = Address::RootAccess;
    let seen = ctx.organization.map(|_| ctx.inventory.root_access.as_ref());
    let Ok(have) = known(found, &address, seen, "iam:ListOrganizationsFeatures") else {
        return;
    };
    let lacking: Vec<FieldChange> = ROOT_FEATURES
        .into_iter()
        .filter(|feature| !have.is_some_and(|have| have.contains(*feature)))
        .map(|feature| set(feature, "enabled"))
        .collect();
    if lacking.is_empty() {
        return;
    }
    let reason = "root users of member accounts are not managed centrally";
    let needs = found.change(
        address,
        Verb::Ensure,
        reason,
        lacking,
        action::CentralizeRootAccess {},
    );
    needs.insert(Address::Organization);
    needs.extend(
        IAM_SERVICE
            .parse::<Principal>()
            .ok()
            .map(Address::TrustedAccess),
    );
}
