//! Delegated administrators.

use serde_json::{Value, json};

use super::PRINCIPAL;
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::organizations::OrganizationState;
use crate::world::World;

/// Trusted access first; never the management account; three at most.
pub(super) fn register_delegated_admin(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let account = call.text("MemberAccountId").to_owned();
    let now = call.now;
    let known = !world.lags.holds(Lag::TrustedAccess, PRINCIPAL, now);
    let organization = managed(world, call)?;
    if account == organization.management_account {
        return Err(AwsError::new(
            "CannotDelegateManagementAccountException",
            "The management account cannot be registered as a delegated administrator.",
        ));
    }
    if !organization.is_active(&account) {
        return Err(AwsError::new(
            "AccountNotFoundException",
            format!("Account {account} is not an active member of the organization."),
        ));
    }
    if !known || !organization.trusts(PRINCIPAL) {
        return Err(AwsError::new(
            "CloudTrailAccessNotEnabledException",
            crate::words::NO_CLOUDTRAIL_ACCESS,
        ));
    }
    if organization.delegates(&account, PRINCIPAL) {
        return Err(AwsError::new(
            "AccountRegisteredException",
            format!(
                "Account {account} is already registered as a CloudTrail delegated administrator."
            ),
        ));
    }
    if organization
        .delegated
        .values()
        .filter(|services| services.contains_key(PRINCIPAL))
        .count()
        >= 3
    {
        return Err(AwsError::new(
            "DelegatedAdminAccountLimitExceededException",
            "The maximum number of CloudTrail delegated administrators is reached.",
        ));
    }
    organization
        .delegated
        .entry(account)
        .or_default()
        .insert(PRINCIPAL.to_owned(), now);
    Ok(json!({}))
}

pub(super) fn deregister_delegated_admin(
    world: &mut World,
    call: &Call,
) -> Result<Value, AwsError> {
    let account = call.text("DelegatedAdminAccountId").to_owned();
    let organization = managed(world, call)?;
    let removed = organization
        .delegated
        .get_mut(&account)
        .and_then(|services| services.remove(PRINCIPAL));
    if removed.is_none() {
        return Err(AwsError::new(
            "AccountNotRegisteredException",
            format!("Account {account} is not a CloudTrail delegated administrator."),
        ));
    }
    organization
        .delegated
        .retain(|_, services| !services.is_empty());
    Ok(json!({}))
}

fn managed<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut OrganizationState, AwsError> {
    match &mut world.organization {
        None => Err(AwsError::new(
            "OrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        )),
        Some(organization) if organization.management_account != call.account => {
            Err(AwsError::new(
                "NotOrganizationManagementAccountException",
                "Only the management account can do this.",
            ))
        }
        Some(organization) => Ok(organization),
    }
}
