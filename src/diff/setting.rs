//! Settings of the organization that are on or off: trusted access, StackSets' access,
//! service-linked roles, delegated administrators. Turned on where asked for, never off.

use std::collections::BTreeSet;

use super::BlockedBy;
use super::account::{ACCOUNT_SERVICE, uses_account_service};
use super::builder::{DiffBuilder, set};
use super::context::{Context, Standing, account};
use super::foreign_managers::{CONTROL_TOWER, CONTROL_TOWER_SERVICE, in_charge};
use super::held::prerequisites;
use super::left::{Left, Remains};
use super::preparation::IAM_SERVICE;
use crate::action;
use crate::addr::Address;
use crate::change::Verb;
use crate::inventory::Observed;
use crate::plan::{AccountKey, Principal};

/// What the principals of StackSets end in.
const STACK_SETS_SERVICE: &str = "stacksets.cloudformation.amazonaws.com";

/// The kind of what is not in the plan and can do anything in every account.
pub const STACK_SETS_ADMINISTRATOR: &str = "stack sets administrator";

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    stack_sets_access(ctx, found);
    trusted_access(ctx, found);
    service_linked_roles(ctx, found);
    delegated_administrators(ctx, found);
}

fn stack_sets_access(ctx: &Context<'_>, found: &mut DiffBuilder) {
    if !ctx.desired.stack_sets_access {
        return;
    }
    match (&ctx.inventory.stack_sets_access, ctx.organization) {
        (Observed::Known(true), Some(_)) => {}
        (Observed::Unread(unread), Some(_)) => found.unread(Address::StackSetsAccess, unread),
        _ => {
            found
                .change(
                    Address::StackSetsAccess,
                    Verb::Ensure,
                    "stack sets reach accounts through it",
                    vec![set("status", "ENABLED")],
                    action::ActivateStackSets {},
                )
                .insert(Address::Organization);
        }
    }
}

/// Every service that is to be trusted: asked for, to be delegated, or needed for the plan's
/// contacts and names.
fn wanted_principals(ctx: &Context<'_>) -> BTreeSet<Principal> {
    let mut desired: BTreeSet<Principal> = ctx
        .desired
        .trusted_access
        .union(&ctx.plan.trusted_access)
        .cloned()
        .collect();
    desired.extend(delegations(ctx).into_iter().map(|(principal, _)| principal));
    if uses_account_service(ctx) {
        desired.extend(ACCOUNT_SERVICE.parse::<Principal>().ok());
    }
    desired.extend(prerequisites(ctx));
    if ctx.plan.organization.centralized_root_access {
        desired.extend(IAM_SERVICE.parse::<Principal>().ok());
    }
    desired
}

fn trusted_access(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let desired = wanted_principals(ctx);
    let nothing = BTreeSet::new();
    let have = match (&ctx.inventory.trusted_access, ctx.organization) {
        (_, None) => &nothing,
        (Observed::Known(have), Some(_)) => have,
        (Observed::Unread(unread), Some(_)) => {
            for principal in desired {
                found.unread(Address::TrustedAccess(principal), unread);
            }
            return;
        }
    };
    for principal in desired.difference(have) {
        found
            .change(
                Address::TrustedAccess(principal.clone()),
                Verb::Ensure,
                "the plan or one of its baselines asks for it",
                vec![set("status", "enabled")],
                action::EnableTrustedAccess {
                    principal: principal.clone(),
                },
            )
            .insert(Address::Organization);
    }
    for principal in have.difference(&desired) {
        let implied = implied(ctx, principal) || principal.as_str() == ACCOUNT_SERVICE;
        let controls_only = principal.as_str() == CONTROL_TOWER_SERVICE
            && !in_charge(ctx.inventory).contains(CONTROL_TOWER);
        if !implied {
            found.unmanaged(
                "trusted access",
                principal.as_str(),
                principal.as_str(),
                match controls_only {
                    true => "not in the plan; AWS Control Tower has neither policies nor stack sets here, so it governs no OU; never revoked by orgstrap",
                    false => "not in the plan; never revoked by orgstrap",
                },
            );
        }
    }
}

/// Whether AWS itself turns this on when the plan's own settings are made.
fn implied(ctx: &Context<'_>, principal: &Principal) -> bool {
    let name = principal.as_str();
    (ctx.desired.stack_sets_access && name.ends_with("stacksets.cloudformation.amazonaws.com"))
        || (ctx.desired.guardduty.is_some() && name.ends_with("guardduty.amazonaws.com"))
}

fn service_linked_roles(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let mut desired = ctx.desired.service_linked_roles.clone();
    desired.extend(ctx.desired.management_service_linked_roles.iter().cloned());
    desired.extend(prerequisites(ctx));
    for service in &desired {
        let address = Address::ServiceLinkedRole(service.clone());
        match &ctx.inventory.service_linked_roles {
            Observed::Known(have) if have.contains(service) => {}
            Observed::Known(_) => {
                found.change(
                    address,
                    Verb::Ensure,
                    "the service needs its role in the management account",
                    vec![],
                    action::CreateServiceLinkedRole {
                        service: service.clone(),
                    },
                );
            }
            Observed::Unread(unread) => found.unread(address, unread),
        }
    }
}

/// Every delegation that the plan or its baselines ask for.
pub(super) fn delegations(ctx: &Context<'_>) -> BTreeSet<(Principal, AccountKey)> {
    let mut desired = ctx.desired.delegated_administrators.clone();
    for (principal, keys) in &ctx.plan.delegated_administrators {
        desired.extend(keys.iter().map(|key| (principal.clone(), key.clone())));
    }
    desired
}

fn delegated_administrators(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let desired = delegations(ctx);
    for (principal, key) in &desired {
        let address = Address::DelegatedAdministrator(principal.clone(), key.clone());
        if ctx.is_management(key) {
            found.state(
                address,
                "AWS does not delegate to the management account".to_owned(),
                Some(format!("name a member account for {principal}")),
            );
            continue;
        }
        let registered = match ctx.standing(key) {
            Standing::Present(facts) => match &ctx.inventory.delegated_administrators {
                Observed::Known(have) => have.get(&facts.id).is_some_and(|p| p.contains(principal)),
                Observed::Unread(unread) => {
                    found.unread(address, unread);
                    continue;
                }
            },
            Standing::New => false,
            Standing::Unusable(_) | Standing::Open(_) => {
                // Why it cannot be worked with is told of the account itself, with what to do.
                let reason = BlockedBy::Needs {
                    address: Address::Access(key.clone()),
                };
                found.block(address, reason, None);
                continue;
            }
        };
        if registered {
            continue;
        }
        let needs = found.change(
            address,
            Verb::Ensure,
            "the plan or one of its baselines delegates the service to this account",
            vec![set("account", key.as_str())],
            action::RegisterDelegatedAdministrator {
                principal: principal.clone(),
                account: account(key),
            },
        );
        // AWS refuses a delegation without trusted access; the rest is so that what the service
        // then does in the account does not meet a half-made one.
        needs.insert(Address::TrustedAccess(principal.clone()));
        needs.insert(Address::Access(key.clone()));
        needs.insert(Address::Placement(key.clone()));
    }
    report_others(ctx, found, &desired);
}

fn report_others(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    desired: &BTreeSet<(Principal, AccountKey)>,
) {
    let have = match (&ctx.inventory.delegated_administrators, ctx.organization) {
        (Observed::Known(have), Some(_)) => have,
        _ => return,
    };
    for (id, principals) in have {
        let key = ctx.keys.get(id);
        for principal in principals {
            let asked = key.is_some_and(|k| desired.contains(&(principal.clone(), k.clone())));
            let guardduty = ctx.desired.guardduty.as_ref();
            let watches = guardduty.is_some_and(|g| Some(&g.administrator) == key);
            let service = principal.as_str();
            let needed = asked || (watches && service.ends_with("guardduty.amazonaws.com"));
            if !needed {
                let name = key.map_or_else(|| id.to_string(), |key| key.to_string());
                // What the one who hands over had by the same baseline.
                let handed_over = guardduty.is_some_and(|it| it.replaced.as_ref() == Some(id));
                if handed_over && desired.iter().any(|(other, _)| other == principal) {
                    found.left.push(Left {
                        name: format!("delegated-administrator/{principal}/{name}"),
                        text: format!("the delegation of {principal}"),
                        reason: "the account handed over what it had it for".to_owned(),
                        what: Remains::Delegation {
                            principal: principal.clone(),
                            account: id.clone(),
                        },
                        accounts: vec![ctx.account_label(id)],
                        regions: BTreeSet::new(),
                        acknowledged: false,
                    });
                    continue;
                }
                if service.ends_with(STACK_SETS_SERVICE) {
                    found.unmanaged(
                        STACK_SETS_ADMINISTRATOR,
                        format!("{principal}/{id}"),
                        format!("{name} for {principal}"),
                        "not in the plan; it can deploy any template to every account as an administrator, past \
                         policies that exempt stacksets-exec-*; never revoked by orgstrap: aws organizations \
                         deregister-delegated-administrator, or name it in [delegated_administrator]",
                    );
                    continue;
                }
                found.unmanaged(
                    "delegated administrator",
                    format!("{principal}/{id}"),
                    format!("{name} for {principal}"),
                    "not in the plan; never revoked by orgstrap",
                );
            }
        }
    }
}
