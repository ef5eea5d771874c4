//! Customer-managed policies of every enabled type, with content, targets and tags.

use aws_sdk_organizations::operation::list_policies::ListPoliciesError;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_organizations::types::PolicySummary;

use super::{Door, Reader, seen, side_by_side, tags, unread};
use crate::aws::AwsError;
use crate::inventory::{Observed, PolicyFacts, PolicyId, ReadFailure};
use crate::plan::PolicyType;

/// The policy that AWS attaches to the root and to every new OU and account; its id is the same everywhere.
const FULL_AWS_ACCESS: &str = "p-FullAWSAccess";

/// Policies by id, and what FullAWSAccess is attached to, where service control policies are enabled.
pub(super) type Policies = (
    Observed<BTreeMap<PolicyId, PolicyFacts>>,
    Option<Observed<BTreeSet<String>>>,
);

/// Policies by id. A type that is switched off has its policies still, attached to nothing: those are listed
/// where the plan has some of the type, and all where it names no policy, as for an import. Of AWS's own only
/// `FullAWSAccess` counts, and of it only where it is attached.
pub(super) async fn read(
    r: &Reader<'_>,
    types: Result<&BTreeMap<PolicyType, String>, ReadFailure>,
) -> Policies {
    let types = match types {
        Ok(types) => types,
        Err(why) => return (Observed::Unread(why), None),
    };
    let enabled = |kind: PolicyType| types.get(&kind).is_some_and(|status| status == "ENABLED");
    let planned: BTreeSet<PolicyType> = r.plan.policies.values().map(|p| p.kind).collect();
    let listed = |kind: &PolicyType| {
        planned.is_empty() || planned.contains(kind) || types.contains_key(kind)
    };
    let full_access = async {
        if !enabled(PolicyType::ServiceControlPolicy) {
            return None;
        }
        Some(seen(targets(r.door(), FULL_AWS_ACCESS).await))
    };
    let (lists, full_access) = tokio::join!(
        side_by_side(
            PolicyType::ALL.into_iter().filter(listed),
            |kind| async move {
                match of_type(r, kind).await {
                    // A type that AWS does not have here has no policies. Where it is enabled, it is there.
                    Err(error) if !enabled(kind) && error.is("InvalidInput") => Ok(Vec::new()),
                    listed => listed,
                }
            }
        ),
        full_access
    );
    let policies = match lists.into_iter().collect::<Result<Vec<_>, AwsError>>() {
        Ok(lists) => Observed::Known(
            lists
                .into_iter()
                .flatten()
                .map(|policy| (policy.id.clone(), policy))
                .collect(),
        ),
        Err(failed) => Observed::Unread(unread(&failed)),
    };
    (policies, full_access)
}

async fn of_type(r: &Reader<'_>, kind: PolicyType) -> Result<Vec<PolicyFacts>, AwsError> {
    let summaries = list(r.door(), kind).await?;
    let own = summaries.into_iter().filter(|policy| !policy.aws_managed());
    side_by_side(own, |summary| whole(r, kind, summary))
        .await
        .into_iter()
        .collect()
}

/// The policies of a type, AWS's own too.
pub(super) async fn list(r: Door<'_>, kind: PolicyType) -> Result<Vec<PolicySummary>, AwsError> {
    let client = &r.organizations();
    client
        .all(
            |c, token| {
                c.list_policies()
                    .filter(kind.aws_name().into())
                    .max_results(20)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.policies, page.next_token),
        )
        .await
}

async fn whole(
    r: &Reader<'_>,
    kind: PolicyType,
    summary: PolicySummary,
) -> Result<PolicyFacts, AwsError> {
    let client = &r.organizations();
    let id = summary
        .id
        .ok_or_else(|| client.unreadable::<ListPoliciesError>("a policy has no id"))?;
    let policy = id.as_str();
    let content = async {
        client
            .get(
                |c| c.describe_policy().policy_id(policy).send(),
                |answer| answer.policy?.content,
                "content",
            )
            .await
    };
    let (content, targets, tags) = tokio::join!(
        content,
        targets(r.door(), policy),
        tags::of(r.door(), policy)
    );
    Ok(PolicyFacts {
        arn: summary.arn.unwrap_or_default(),
        name: summary.name.unwrap_or_default(),
        kind,
        description: summary.description.unwrap_or_default(),
        content: seen(content),
        targets: seen(targets),
        tags,
        id,
    })
}

/// The ids of what a policy is attached to.
pub(super) async fn targets(r: Door<'_>, policy: &str) -> Result<BTreeSet<String>, AwsError> {
    let client = &r.organizations();
    let listed = client
        .all(
            |c, token| {
                c.list_targets_for_policy()
                    .policy_id(policy)
                    .max_results(20)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.targets, page.next_token),
        )
        .await?;
    Ok(listed
        .into_iter()
        .filter_map(|target| target.target_id)
        .collect())
}
