//! Trusted access between StackSets and the organization.

use serde_json::{Value, json};

use super::stack_set::PRINCIPAL;
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::table::Row;
use crate::world::World;

/// Where the one answer for the whole organization is kept.
const REGION: &str = "us-east-1";

/// Whether ActivateOrganizationsAccess was called. EnableAWSServiceAccess alone is not enough.
pub fn activated(world: &World) -> bool {
    let Some(organization) = &world.organization else {
        return false;
    };
    organization.trusts(PRINCIPAL)
        && world
            .region(&organization.management_account, REGION)
            .is_some_and(|r| r.cloudformation.organizations_access)
}

fn require_management(world: &World, call: &Call) -> Result<(), AwsError> {
    match &world.organization {
        Some(o) if o.management_account == call.account && o.all_features => Ok(()),
        _ => Err(AwsError::new(
            "InvalidOperationException",
            "Only the management account of an organization with all features enabled can do this.",
        )),
    }
}

fn activate(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    require_management(world, call)?;
    let before = activated(world);
    crate::organizations::trust(world, PRINCIPAL);
    if !before {
        world.lags.begin(Lag::TrustedAccess, PRINCIPAL, call.now);
    }
    world
        .region_mut(&call.account, REGION)?
        .cloudformation
        .organizations_access = true;
    Ok(json!({}))
}

/// Lets StackSets in, for worlds that begin so.
pub fn grant(world: &mut World) {
    let now = world.now;
    let Some(organization) = &mut world.organization else {
        return;
    };
    let management = organization.management_account.clone();
    organization
        .trusted
        .entry(PRINCIPAL.to_owned())
        .or_insert(now);
    if let Ok(region) = world.region_mut(&management, REGION) {
        region.cloudformation.organizations_access = true;
    }
}

fn deactivate(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    require_management(world, call)?;
    if let Some(organization) = &mut world.organization {
        organization.trusted.remove(PRINCIPAL);
    }
    world
        .region_mut(&call.account, REGION)?
        .cloudformation
        .organizations_access = false;
    Ok(json!({}))
}

fn describe(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let delegated = world
        .organization
        .as_ref()
        .is_some_and(|o| o.delegates(&call.account, PRINCIPAL));
    if !delegated {
        require_management(world, call)?;
    }
    Ok(json!({"Status": if activated(world) { "ENABLED" } else { "DISABLED" }}))
}

pub(super) const OPERATIONS: &[Row] = &[
    ("cloudformation", "ActivateOrganizationsAccess", activate),
    (
        "cloudformation",
        "DeactivateOrganizationsAccess",
        deactivate,
    ),
    ("cloudformation", "DescribeOrganizationsAccess", describe),
];
