//! The organization itself, whose it is, its policy types, and who else may be in charge of it.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::{DiffBuilder, becomes, set};
use super::context::Context;
use super::{DiffOptions, Problem, ProblemKind, foreign_managers};
use crate::action;
use crate::addr::Address;
use crate::change::Verb;
use crate::inventory::{Inventory, Observed, OrganizationFacts};
use crate::plan::{AccountKey, OrgPlan, PolicyType};

/// The organization to work in, `None` if it is to be created; or why nothing may be done at all.
pub(super) fn preflight<'a>(
    plan: &OrgPlan,
    inventory: &'a Inventory,
    options: &DiffOptions,
) -> Result<Option<&'a OrganizationFacts>, Problem> {
    let management = &plan.organization.management_account;
    let wrong = |message: String, hint: String| Problem {
        kind: ProblemKind::WrongAccount,
        message,
        hint: Some(hint),
    };
    let organization = match &inventory.organization {
        Observed::Known(organization) => organization.as_ref(),
        Observed::Unread(unread) => {
            return Err(Problem {
                kind: ProblemKind::Unreadable,
                message: format!(
                    "the organization could not be read ({}): {}",
                    unread.operation, unread.reason
                ),
                hint: Some("nothing is compared or changed without it".to_owned()),
            });
        }
    };
    if let Some(organization) = organization
        && &organization.management_account != management
    {
        return Err(wrong(
            format!(
                "the plan is for the organization of management account {management}, but these \
                 credentials are of account {} in organization {}, whose management account is {}",
                inventory.caller, organization.id, organization.management_account
            ),
            format!("use credentials of {management}, or another org plan"),
        ));
    }
    if &inventory.caller != management {
        return Err(wrong(
            format!(
                "the plan's management account is {management}, but these credentials are of \
                 account {}",
                inventory.caller
            ),
            format!("use credentials of {management}, for example with `--profile`"),
        ));
    }
    if organization.is_none() && !options.create_organization {
        return Err(Problem {
            kind: ProblemKind::NoOrganization,
            message: format!("account {management} is in no organization"),
            hint: Some("allow orgstrap to create one with `--create-organization`".to_owned()),
        });
    }
    Ok(organization)
}

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    for conflict in &ctx.identified.conflicts {
        found.problems.push(Problem {
            kind: ProblemKind::Identity,
            message: conflict.message.clone(),
            hint: Some(conflict.hint.clone()),
        });
    }
    match ctx.organization {
        None => {
            found.change(
                Address::Organization,
                Verb::Create,
                "the account is in no organization",
                vec![
                    set(
                        "management account",
                        ctx.plan.organization.management_account.as_str(),
                    ),
                    set("feature set", "ALL"),
                ],
                action::CreateOrganization {
                    accounts: not_management(ctx),
                },
            );
        }
        Some(organization) if !organization.all_features => {
            found.change(
                Address::Organization,
                Verb::Update,
                "policies, trusted access and stack sets need all features; every invited account \
                 must consent, and whoever manages it gets a request, valid for 90 days",
                vec![becomes("feature set", "CONSOLIDATED_BILLING", "ALL")],
                action::EnableAllFeatures {},
            );
        }
        Some(_) => {}
    }
    policy_types(ctx, found);
    unread(ctx, found);
    others_in_charge(ctx, found);
}

/// The accounts of the plan that are not the management account, by address.
fn not_management(ctx: &Context<'_>) -> BTreeMap<String, AccountKey> {
    let others = ctx
        .plan
        .accounts
        .iter()
        .filter(|(key, _)| !ctx.is_management(key));
    others
        .map(|(key, planned)| (planned.email.folded(), key.clone()))
        .collect()
}

/// Tells of whole parts that were not read, also where the plan asks for nothing of them: what is in them may differ.
fn unread(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let inventory = ctx.inventory;
    let parts = [
        ("accounts", inventory.accounts.unread()),
        ("OUs", inventory.ous.unread()),
        ("policies", inventory.policies.unread()),
        ("trusted access", inventory.trusted_access.unread()),
        (
            "delegated administrators",
            inventory.delegated_administrators.unread(),
        ),
        ("stack sets", inventory.stack_sets.unread()),
    ];
    for (part, unread) in parts {
        if let Some(unread) = unread.filter(|_| ctx.organization.is_some()) {
            found.unread_parts.insert(part, unread.clone());
        }
    }
}

fn policy_types(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let used: BTreeSet<PolicyType> = ctx.plan.policies.values().map(|p| p.kind).collect();
    for kind in used {
        let address = Address::PolicyType(kind);
        let status = ctx.organization.and_then(|o| o.policy_types.get(&kind));
        match status.map(String::as_str) {
            Some("ENABLED") => {}
            Some("PENDING_DISABLE") => found.state(
                address,
                format!("{} is being disabled", kind.aws_name()),
                Some("run again when AWS has finished".to_owned()),
            ),
            status => {
                let fields = vec![match status {
                    Some(status) => becomes("status", status, "ENABLED"),
                    None => set("status", "ENABLED"),
                }];
                found
                    .change(
                        address,
                        Verb::Ensure,
                        "the plan has policies of this type",
                        fields,
                        action::EnablePolicyType { policy_type: kind },
                    )
                    .insert(Address::Organization);
            }
        }
    }
}

/// Tells when another tool manages the organization as well.
fn others_in_charge(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let mut tools = foreign_managers::in_charge(ctx.inventory);
    tools.extend(ctx.governed.values());
    for tool in tools {
        found.notice(
            Address::Organization,
            format!("{tool} manages this organization too"),
            Some("its OUs, accounts, policies and stack sets are read and left alone".to_owned()),
        );
    }
}
