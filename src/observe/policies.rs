//! Customer-managed policies of every enabled type, with content, targets and tags.

use std::collections::BTreeMap;

use aws_sdk_organizations::types::PolicySummary;

use super::{Reader, pages, seen, side_by_side, tags, unread};
use crate::aws::{AwsError, Operation};
use crate::inventory::{PolicyFacts, PolicyId, Seen, Unread};
use crate::plan::PolicyType;

const LIST: Operation = Operation("organizations", "ListPolicies");
const DESCRIBE: Operation = Operation("organizations", "DescribePolicy");
const TARGETS: Operation = Operation("organizations", "ListTargetsForPolicy");

/// Policies by id. AWS's own (`FullAWSAccess`) are left out: they are implicit.
pub(super) async fn read(
    r: &Reader<'_>,
    types: Result<&BTreeMap<PolicyType, String>, Unread>,
) -> Seen<BTreeMap<PolicyId, PolicyFacts>> {
    let types = match types {
        Ok(types) => types,
        Err(why) => return Seen::Unread(why),
    };
    // A type that is being enabled or disabled is not listed yet, or no more.
    let enabled = types
        .iter()
        .filter(|(_, status)| *status == "ENABLED")
        .map(|(kind, _)| *kind);
    let lists = side_by_side(enabled, |kind| of_type(r, kind)).await;
    match lists.into_iter().collect::<Result<Vec<_>, AwsError>>() {
        Ok(lists) => Seen::Known(
            lists
                .into_iter()
                .flatten()
                .map(|policy| (policy.id.clone(), policy))
                .collect(),
        ),
        Err(failed) => Seen::Unread(unread(&failed)),
    }
}

async fn of_type(r: &Reader<'_>, kind: PolicyType) -> Result<Vec<PolicyFacts>, AwsError> {
    let at = &r.global();
    let client = &r.aws.organizations();
    let summaries = pages::all(LIST, at, |token| async move {
        let page = r
            .aws
            .call(r.ctx, LIST, at, || {
                client
                    .list_policies()
                    .filter(kind.aws_name().into())
                    .max_results(20)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok((page.policies.unwrap_or_default(), page.next_token))
    })
    .await?;
    let own = summaries.into_iter().filter(|policy| !policy.aws_managed());
    side_by_side(own, |summary| whole(r, kind, summary))
        .await
        .into_iter()
        .collect()
}

async fn whole(
    r: &Reader<'_>,
    kind: PolicyType,
    summary: PolicySummary,
) -> Result<PolicyFacts, AwsError> {
    let at = &r.global();
    let id = summary
        .id
        .ok_or_else(|| AwsError::unreadable(LIST, at, "a policy has no id"))?;
    let client = r.aws.organizations();
    let (client, policy) = (&client, id.as_str());
    let content = async {
        let answer = r
            .aws
            .call(r.ctx, DESCRIBE, at, || {
                client.describe_policy().policy_id(policy).send()
            })
            .await?;
        answer
            .policy
            .and_then(|policy| policy.content)
            .ok_or_else(|| AwsError::unreadable(DESCRIBE, at, "no content in the answer"))
    };
    let targets = pages::all(TARGETS, at, |token| async move {
        let page = r
            .aws
            .call(r.ctx, TARGETS, at, || {
                client
                    .list_targets_for_policy()
                    .policy_id(policy)
                    .max_results(20)
                    .set_next_token(token.clone())
                    .send()
            })
            .await?;
        Ok((page.targets.unwrap_or_default(), page.next_token))
    });
    let (content, targets, tags) = tokio::join!(content, targets, tags::of(r, policy));
    Ok(PolicyFacts {
        arn: summary.arn.unwrap_or_default(),
        name: summary.name.unwrap_or_default(),
        kind,
        description: summary.description.unwrap_or_default(),
        content: seen(content),
        targets: seen(targets.map(|targets| {
            targets
                .into_iter()
                .filter_map(|target| target.target_id)
                .collect()
        })),
        tags,
        id,
    })
}
