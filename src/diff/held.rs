//! Policies that hold a service's settings: of Security Hub, Inspector and GuardDuty. AWS takes them only where
//! the service is trusted, has a delegated administrator, and has its role in the management account; these come
//! before the type is enabled and before its first policy is attached.

use std::collections::BTreeSet;

use super::builder::DiffBuilder;
use super::context::Context;
use super::setting::delegations;
use crate::addr::Address;
use crate::plan::{PolicyType, Principal};

/// The service whose settings policies of a type hold.
fn service(kind: PolicyType) -> Option<&'static str> {
    match kind {
        PolicyType::GuarddutyPolicy => Some("guardduty.amazonaws.com"),
        PolicyType::InspectorPolicy => Some("inspector2.amazonaws.com"),
        PolicyType::SecurityhubPolicy | PolicyType::SecurityhubCspmPolicy => {
            Some("securityhub.amazonaws.com")
        }
        PolicyType::ServiceControlPolicy
        | PolicyType::ResourceControlPolicy
        | PolicyType::TagPolicy
        | PolicyType::BackupPolicy
        | PolicyType::AiservicesOptOutPolicy
        | PolicyType::ChatbotPolicy
        | PolicyType::DeclarativePolicyEc2
        | PolicyType::UpgradeRolloutPolicy
        | PolicyType::BedrockPolicy
        | PolicyType::S3Policy
        | PolicyType::NetworkSecurityDirectorPolicy => None,
    }
}

/// The services that the plan's policies need trusted, with their roles in the management account.
pub(super) fn prerequisites(ctx: &Context<'_>) -> BTreeSet<Principal> {
    let kinds = ctx.plan.policies.values().map(|policy| policy.kind);
    kinds
        .filter_map(|kind| service(kind)?.parse().ok())
        .collect()
}

/// Has policies of these types wait for what they need; where nobody administers the service, they cannot be.
/// After everything that the waiting changes come from.
pub(super) fn wait(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let kinds: BTreeSet<PolicyType> = ctx.plan.policies.values().map(|p| p.kind).collect();
    for kind in kinds {
        let Some(principal) = service(kind).and_then(|name| name.parse::<Principal>().ok()) else {
            continue;
        };
        let mut needs = BTreeSet::from([
            Address::TrustedAccess(principal.clone()),
            Address::ServiceLinkedRole(principal.clone()),
        ]);
        for (delegated, key) in delegations(ctx) {
            if delegated == principal {
                needs.insert(Address::DelegatedAdministrator(delegated, key));
            }
        }
        let mut administered = needs.len() > 2;
        let guardduty = ctx.desired.guardduty.as_ref();
        if let Some(desired) = guardduty.filter(|_| kind == PolicyType::GuarddutyPolicy) {
            administered = true;
            let regions = desired.regions.iter().cloned();
            needs.extend(regions.map(Address::GuardDutyAdministrator));
        }
        let there = ctx.inventory.delegated_administrators.known();
        administered |= there.is_some_and(|all| all.values().any(|of| of.contains(&principal)));
        let address = Address::PolicyType(kind);
        if !administered && found.changes.contains_key(&address) {
            found.state(
                address,
                format!(
                    "AWS takes these policies only where {principal} has a delegated administrator"
                ),
                Some(match &ctx.plan.organization.secops {
                    Some(key) => {
                        format!("add to [delegated_administrator]: \"{principal}\" = [\"{key}\"]")
                    }
                    None => format!(
                        "name a member account under [delegated_administrator] for \"{principal}\""
                    ),
                }),
            );
            continue;
        }
        for change in found.changes.values_mut() {
            let waits = if let Address::PolicyType(other) = &change.address {
                *other == kind
            } else if let Address::Attachment(key, _) = &change.address {
                let planned = ctx.plan.policies.get(key);
                planned.is_some_and(|planned| planned.kind == kind)
            } else {
                false
            };
            if waits {
                change.needs.extend(needs.iter().cloned());
            }
        }
    }
}
