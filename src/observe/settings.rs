//! Settings of the organization: trusted access, delegated administrators, StackSets' access, and
//! the management account's service-linked roles.

use std::collections::{BTreeMap, BTreeSet};

use super::{Door, Reader, pages, side_by_side};
use crate::aws::{AwsError, Operation};
use crate::plan::{AccountId, Principal};

const TRUSTED: Operation = Operation("organizations", "ListAWSServiceAccessForOrganization");
const ADMINISTRATORS: Operation = Operation("organizations", "ListDelegatedAdministrators");
const SERVICES: Operation = Operation("organizations", "ListDelegatedServicesForAccount");
const STACK_SETS: Operation = Operation("cloudformation", "DescribeOrganizationsAccess");
const ROLES: Operation = Operation("iam", "ListRoles");

/// The services that may act in the organization.
pub(super) async fn trusted_access(r: Door<'_>) -> Result<BTreeSet<Principal>, AwsError> {
    let at = &r.global();
    let client = &r.aws.organizations();
    let listed = pages::all(TRUSTED, at, |token| async move {
        let page = r
            .aws
            .call(r.ctx, TRUSTED, at, || {
                client
                    .list_aws_service_access_for_organization()
                    .max_results(20)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok((
            page.enabled_service_principals.unwrap_or_default(),
            page.next_token,
        ))
    })
    .await?;
    let names = listed
        .into_iter()
        .filter_map(|service| service.service_principal);
    Ok(principals(r, TRUSTED, names))
}

/// Services by the account that administers them: one list of accounts, and one of services for
/// each of those few.
pub(super) async fn delegated_administrators(
    r: Door<'_>,
) -> Result<BTreeMap<AccountId, BTreeSet<Principal>>, AwsError> {
    let at = &r.global();
    let client = &r.aws.organizations();
    let administrators = pages::all(ADMINISTRATORS, at, |token| async move {
        let page = r
            .aws
            .call(r.ctx, ADMINISTRATORS, at, || {
                client
                    .list_delegated_administrators()
                    .max_results(20)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok((
            page.delegated_administrators.unwrap_or_default(),
            page.next_token,
        ))
    })
    .await?;
    let accounts = administrators
        .iter()
        .map(|administrator| {
            administrator.id().unwrap_or_default().parse().map_err(|_| {
                AwsError::unreadable(ADMINISTRATORS, at, "an administrator has no readable id")
            })
        })
        .collect::<Result<BTreeSet<AccountId>, _>>()?;
    side_by_side(accounts, |account| async move {
        let services = services_of(r, &account).await?;
        Ok((account, services))
    })
    .await
    .into_iter()
    .collect()
}

async fn services_of(r: Door<'_>, account: &AccountId) -> Result<BTreeSet<Principal>, AwsError> {
    let at = &r.global();
    let client = &r.aws.organizations();
    let listed = pages::all(SERVICES, at, |token| async move {
        let page = r
            .aws
            .call(r.ctx, SERVICES, at, || {
                client
                    .list_delegated_services_for_account()
                    .account_id(account.as_str())
                    .max_results(20)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok((page.delegated_services.unwrap_or_default(), page.next_token))
    })
    .await?;
    let names = listed
        .into_iter()
        .filter_map(|service| service.service_principal);
    Ok(principals(r, SERVICES, names))
}

/// Whether StackSets may act for the organization.
pub(super) async fn stack_sets_access(r: &Reader<'_>) -> Result<bool, AwsError> {
    let at = r.home();
    let client = r.aws.cloudformation(&at).await?;
    let answer = r
        .aws
        .call(r.ctx, STACK_SETS, &at, || {
            client.describe_organizations_access().send()
        })
        .await?;
    match answer.status() {
        Some(status) => Ok(status.as_str() == "ENABLED"),
        None => Err(AwsError::unreadable(
            STACK_SETS,
            &at,
            "no status in the answer",
        )),
    }
}

/// The services that have their role in the management account.
pub(super) async fn service_linked_roles(r: Door<'_>) -> Result<BTreeSet<Principal>, AwsError> {
    const PREFIX: &str = "/aws-service-role/";
    let at = &r.global();
    let client = &r.aws.iam(at).await?;
    let roles = pages::all(ROLES, at, |marker| async move {
        let page = r
            .aws
            .call(r.ctx, ROLES, at, || {
                client
                    .list_roles()
                    .path_prefix(PREFIX)
                    .max_items(1_000)
                    .set_marker(marker.clone())
                    .send()
            })
            .await?;
        let next = page.marker.filter(|_| page.is_truncated);
        Ok((page.roles, next))
    })
    .await?;
    let names = roles.into_iter().filter_map(|role| {
        let service = role.path().strip_prefix(PREFIX)?.strip_suffix('/')?;
        Some(service.to_owned())
    });
    Ok(principals(r, ROLES, names))
}

fn principals(
    r: Door<'_>,
    operation: Operation,
    names: impl Iterator<Item = String>,
) -> BTreeSet<Principal> {
    names
        .filter_map(|name| match name.parse() {
            Ok(principal) => Some(principal),
            Err(_) => {
                r.unknown(operation, &format!("the service `{name}`"));
                None
            }
        })
        .collect()
}
