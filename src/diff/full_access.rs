//! AWS's own FullAWSAccess: a service control policy only takes away, so where neither it nor another policy
//! that allows is attached, every call is denied. AWS attaches it to the root and to every new OU and account;
//! it is attached again where somebody took it away, and never detached.
//!
//! | the plan says | FullAWSAccess is | another policy that allows is | then |
//! | --- | --- | --- | --- |
//! | nothing | missing | not attached | it is attached |
//! | nothing | missing | attached | told: the plan has to say which of the two is meant |
//! | `true` | missing | either | it is attached |
//! | `false` | attached | either | told: the allow list does nothing, a person detaches it |
//! | `false` | missing | either | nothing |
//! | `false` | not there yet: AWS attaches it to everything new | either | the same is told before |

use super::builder::{DiffBuilder, set};
use super::context::{Context, Standing, account, ou, root};
use super::policy::Targets;
use crate::action;
use crate::addr::{Address, Expr, Owner, Target, Used};
use crate::change::Verb;
use crate::inventory::{Observed, ReadFailure};
use crate::plan::{AccountKey, FULL_AWS_ACCESS, PolicyKey, PolicyType, check};

/// Its id, the same in every organization.
const ID: &str = "p-FullAWSAccess";

/// The attachment of FullAWSAccess to a target.
fn attachment(target: Target) -> Option<Address> {
    let key: PolicyKey = FULL_AWS_ACCESS.parse().ok()?;
    Some(Address::Attachment(key, target))
}

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let targets = Targets::of(ctx);
    will_be_attached(ctx, found, &targets);
    let Some(attached) = &ctx.inventory.full_aws_access else {
        return;
    };
    for (target, said) in planned(ctx) {
        let (Some(id), Some(address)) = (targets.id(&target), attachment(target.clone())) else {
            continue;
        };
        let attached = match attached {
            Observed::Known(attached) => attached.contains(id),
            Observed::Unread(unread) => {
                found.unread(address, unread);
                continue;
            }
        };
        match (said, attached) {
            (Some(false), false) | (None | Some(true), true) => {}
            (Some(false), true) => found.state(
                address,
                format!("the plan has an allow list in its place on {target}, which does nothing while this is attached"),
                Some(format!(
                    "orgstrap never detaches it; where everything that is needed is allowed: aws organizations \
                     detach-policy --policy-id {ID} --target-id {id}"
                )),
            ),
            (None | Some(true), false) => missing(ctx, found, &targets, &target, id, said, address),
        }
    }
}

/// An allow list on what this run makes, or where it turns service control policies on, does nothing when it ends: AWS
/// attaches FullAWSAccess to everything new ("Service control policies" in Organizations' user guide).
fn will_be_attached(ctx: &Context<'_>, found: &mut DiffBuilder, targets: &Targets<'_>) {
    let turned_on = ctx.inventory.full_aws_access.is_none();
    let kinds = ctx.plan.policies.values().map(|policy| policy.kind);
    if turned_on
        && !kinds
            .into_iter()
            .any(|kind| kind == PolicyType::ServiceControlPolicy)
    {
        return;
    }
    let new = ctx.plan.accounts.iter().filter(|(key, account)| {
        account.full_aws_access == Some(false) && matches!(ctx.standing(key), Standing::New)
    });
    let new = new.map(|(key, _)| Target::Account(key.clone()));
    let there = planned(ctx).into_iter();
    let there = there.filter(|(target, said)| {
        *said == Some(false) && (turned_on || targets.id(target).is_none())
    });
    for target in there.map(|(target, _)| target).chain(new) {
        let Some(address) = attachment(target.clone()) else {
            continue;
        };
        found.state(
            address,
            format!(
                "the plan has an allow list in its place on {target}, and AWS attaches it to everything new; the list does nothing \
                 until a person detaches it"
            ),
            Some(format!(
                "orgstrap never detaches it; once {target} is there and everything that is needed is allowed: aws organizations \
                 detach-policy --policy-id {ID} --target-id ID"
            )),
        );
    }
}

/// Whatever may have policies in the plan, and what the plan says of FullAWSAccess there.
fn planned(ctx: &Context<'_>) -> Vec<(Target, Option<bool>)> {
    let plan = ctx.plan;
    let mut planned = vec![(Target::Root, plan.organization.full_aws_access)];
    for (path, ou) in &plan.ous {
        planned.push((Target::Ou(path.clone()), ou.full_aws_access));
    }
    for (key, account) in &plan.accounts {
        // Service control policies do not bind the management account.
        if matches!(ctx.standing(key), Standing::Present(_)) && !ctx.is_management(key) {
            planned.push((Target::Account(key.clone()), account.full_aws_access));
        }
    }
    planned
}

fn missing(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    targets: &Targets<'_>,
    target: &Target,
    id: &str,
    said: Option<bool>,
    address: Address,
) {
    if let Some(tool) = targets.governed(ctx, target) {
        let said = format!("it was detached from {target}, which {tool} governs");
        found.state(address, said, None);
        return;
    }
    if said.is_none() {
        match allowing(ctx, id) {
            Err(unread) => {
                found.unread(address, &unread);
                return;
            }
            Ok(Some(name)) => {
                found.state(
                    address,
                    format!("it is not attached to {target}, and the policy \"{name}\" allows in its place"),
                    Some(
                        "for an allow list write `full_aws_access = false` there in the plan; to have it attached \
                         again, `full_aws_access = true`"
                            .to_owned(),
                    ),
                );
                return;
            }
            Ok(None) => {}
        }
    }
    let text = match target {
        Target::Root => root(),
        Target::Ou(path) => ou(path),
        Target::Account(key) => account(key),
        Target::Unmanaged(id) => Expr::literal(id.as_str()),
    };
    found
        .change(
            address.clone(),
            Verb::Create,
            "not attached: without it every call there is denied",
            vec![set("target", target.to_string())],
            action::AttachPolicy {
                policy: Expr::literal(ID),
                target: text,
            },
        )
        .insert(Address::PolicyType(PolicyType::ServiceControlPolicy));
    // Whatever is done inside an account waits until calls are allowed there.
    for change in found.changes.values_mut() {
        if change.address != address && reaches(ctx, target, &change.address) {
            change.needs.insert(address.clone());
        }
    }
}

/// Whether a change makes calls inside accounts that lie in a target, or has AWS make them.
fn reaches(ctx: &Context<'_>, target: &Target, address: &Address) -> bool {
    let below = |key: &AccountKey| match target {
        Target::Root => true,
        Target::Ou(path) => {
            let planned = ctx.plan.accounts.get(key);
            planned.is_some_and(|planned| path.contains(&planned.ou))
        }
        Target::Account(other) => other == key,
        Target::Unmanaged(_) => false,
    };
    let info = address.info();
    match (info.used, info.owner) {
        (Used::Many, _) => true,
        (Used::Owner, Owner::Member(key)) => below(key),
        (Used::Owner, Owner::Management | Owner::Organization) | (Used::None, _) => false,
    }
}

/// The name of a service control policy that is attached to a target and allows something.
fn allowing(ctx: &Context<'_>, id: &str) -> Result<Option<String>, ReadFailure> {
    let policies = match &ctx.inventory.policies {
        Observed::Known(policies) => policies,
        Observed::Unread(unread) => return Err(unread.clone()),
    };
    let scps = policies
        .values()
        .filter(|facts| facts.kind == PolicyType::ServiceControlPolicy);
    for facts in scps {
        match &facts.targets {
            Observed::Known(targets) if !targets.contains(id) => continue,
            Observed::Known(_) => {}
            Observed::Unread(unread) => return Err(unread.clone()),
        }
        match &facts.content {
            Observed::Known(content) if check::allows(content) => {
                return Ok(Some(facts.name.clone()));
            }
            Observed::Known(_) => {}
            Observed::Unread(unread) => return Err(unread.clone()),
        }
    }
    Ok(None)
}
