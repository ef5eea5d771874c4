//! Settings of the organization: trusted access, delegated administrators, StackSets' access, and
//! the management account's service-linked roles.

use aws_sdk_iam::operation::list_roles::ListRolesError;
use aws_sdk_organizations::operation::list_aws_service_access_for_organization::ListAWSServiceAccessForOrganizationError;
use aws_sdk_organizations::operation::list_delegated_administrators::ListDelegatedAdministratorsError;
use aws_sdk_organizations::operation::list_delegated_services_for_account::ListDelegatedServicesForAccountError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::collections::{BTreeMap, BTreeSet};

use super::{Door, Reader, side_by_side};
use crate::aws::{AwsError, Calls};
use crate::plan::{AccountId, Principal};

/// The services that may act in the organization.
pub(super) async fn trusted_access(r: Door<'_>) -> Result<BTreeSet<Principal>, AwsError> {
    let client = &r.organizations();
    let listed = client
        .all(
            |c, token| {
                c.list_aws_service_access_for_organization()
                    .max_results(20)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.enabled_service_principals, page.next_token),
        )
        .await?;
    let names = listed
        .into_iter()
        .filter_map(|service| service.service_principal);
    Ok(principals::<ListAWSServiceAccessForOrganizationError>(
        r, names,
    ))
}

/// Services by the account that administers them: one list of accounts, and one of services for
/// each of those few.
pub(super) async fn delegated_administrators(
    r: Door<'_>,
) -> Result<BTreeMap<AccountId, BTreeSet<Principal>>, AwsError> {
    let client = &r.organizations();
    let administrators = client
        .all(
            |c, token| {
                c.list_delegated_administrators()
                    .max_results(20)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.delegated_administrators, page.next_token),
        )
        .await?;
    let accounts = administrators
        .iter()
        .map(|administrator| {
            administrator.id().unwrap_or_default().parse().map_err(|_| {
                client.unreadable::<ListDelegatedAdministratorsError>(
                    "an administrator has no readable id",
                )
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
    let client = &r.organizations();
    let listed = client
        .all(
            |c, token| {
                c.list_delegated_services_for_account()
                    .account_id(account.as_str())
                    .max_results(20)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.delegated_services, page.next_token),
        )
        .await?;
    let names = listed
        .into_iter()
        .filter_map(|service| service.service_principal);
    Ok(principals::<ListDelegatedServicesForAccountError>(r, names))
}

/// Whether StackSets may act for the organization.
pub(super) async fn stack_sets_access(r: &Reader<'_>) -> Result<bool, AwsError> {
    let client = r.cloudformation(&r.home()).await?;
    let status = client
        .get(
            |c| c.describe_organizations_access().send(),
            |answer| answer.status,
            "status",
        )
        .await?;
    Ok(status.as_str() == "ENABLED")
}

/// The services that have their role in the management account.
pub(super) async fn service_linked_roles(r: Door<'_>) -> Result<BTreeSet<Principal>, AwsError> {
    const PREFIX: &str = "/aws-service-role/";
    let at = &r.global();
    let client = &r.iam(at).await?;
    let roles = client
        .all(
            |c, marker| {
                c.list_roles()
                    .path_prefix(PREFIX)
                    .max_items(1_000)
                    .set_marker(marker)
                    .send()
            },
            |page| {
                let next = page.marker.filter(|_| page.is_truncated);
                (Some(page.roles), next)
            },
        )
        .await?;
    let names = roles.into_iter().filter_map(|role| {
        let service = role.path().strip_prefix(PREFIX)?.strip_suffix('/')?;
        Some(service.to_owned())
    });
    Ok(principals::<ListRolesError>(r, names))
}

/// Service principals as an answer names them.
fn principals<E: ProvideErrorMetadata>(
    r: Door<'_>,
    names: impl Iterator<Item = String>,
) -> BTreeSet<Principal> {
    names
        .filter_map(|name| match name.parse() {
            Ok(principal) => Some(principal),
            Err(_) => {
                r.unknown::<E>(&format!("the service `{name}`"));
                None
            }
        })
        .collect()
}
