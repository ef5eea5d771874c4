//! The organization, its root and the policy types enabled there.

use aws_sdk_organizations::operation::describe_organization::DescribeOrganizationError;
use aws_sdk_organizations::operation::list_roots::ListRootsError;
use std::collections::BTreeMap;

use super::{Reader, tags};
use crate::aws::AwsError;
use crate::inventory::OrganizationFacts;
use crate::plan::PolicyType;

/// `None` where the caller's account is in no organization.
pub(super) async fn read(r: &Reader<'_>) -> Result<Option<OrganizationFacts>, AwsError> {
    let client = r.organizations();
    let missing = |what: &str| {
        client.unreadable::<DescribeOrganizationError>(format!("no {what} in the answer"))
    };
    let described = client.call(|c| c.describe_organization().send()).await;
    let organization = match described {
        Ok(answer) => answer.organization.ok_or_else(|| missing("organization"))?,
        Err(failed) if failed.is("AWSOrganizationsNotInUseException") => return Ok(None),
        Err(failed) => return Err(failed),
    };
    let management_account = organization
        .master_account_id()
        .unwrap_or_default()
        .parse()
        .map_err(|_| missing("management account"))?;

    let roots = client
        .all(
            |c, token| c.list_roots().set_next_token(token).send(),
            |page| (page.roots, page.next_token),
        )
        .await?;
    let root = roots
        .first()
        .ok_or_else(|| client.unreadable::<ListRootsError>("the organization has no root"))?;
    let root_id = root
        .id()
        .ok_or_else(|| client.unreadable::<ListRootsError>("the root has no id"))?
        .to_owned();
    let mut policy_types = BTreeMap::new();
    for summary in root.policy_types() {
        let name = summary.r#type().map_or("", |kind| kind.as_str());
        match PolicyType::from_aws_name(name) {
            Some(kind) => {
                let status = summary.status().map_or("", |status| status.as_str());
                policy_types.insert(kind, status.to_owned());
            }
            None => r
                .door()
                .unknown::<ListRootsError>(&format!("the policy type {name}")),
        }
    }
    let root_tags = tags::of(r.door(), &root_id).await;
    Ok(Some(OrganizationFacts {
        id: organization.id().ok_or_else(|| missing("id"))?.to_owned(),
        arn: organization.arn().unwrap_or_default().to_owned(),
        root_id,
        management_account,
        all_features: organization
            .feature_set()
            .is_some_and(|set| set.as_str() == "ALL"),
        policy_types,
        root_tags,
    }))
}
