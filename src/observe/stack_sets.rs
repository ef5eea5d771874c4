//! Stack sets of the home Region: those under the plan's prefix with their instances, others by name.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::operation::list_stack_instances::ListStackInstancesError;
use aws_sdk_cloudformation::types::{StackInstanceSummary, StackSet};

use super::{Door, Reader, seen, side_by_side};
use crate::addr::OWNERSHIP_TAG;
use crate::aws::{AwsError, Calls, CloudFormation};
use crate::inventory::{
    AccountRegion, AutoDeployment, InstanceFacts, Observed, OuId, ReadFailure, StackSetFacts,
};

/// Stack sets by full name, and the names of others'.
pub(super) type StackSets = (Observed<BTreeMap<String, StackSetFacts>>, BTreeSet<String>);

pub(super) async fn read(r: &Reader<'_>) -> StackSets {
    match listed(r).await {
        Ok((own, others)) => (seen(own_sets(r, own).await), others),
        Err(error) => (seen(Err(error)), BTreeSet::new()),
    }
}

/// The instances of a set, `None` where there is no such set. Of one whose instances could not be read nothing is
/// changed, so there is nothing to ask for.
pub(super) fn instances_of<'s>(
    sets: &'s BTreeMap<String, StackSetFacts>,
    name: &str,
) -> Result<Option<&'s BTreeMap<AccountRegion, InstanceFacts>>, &'s ReadFailure> {
    match sets.get(name).map(|set| &set.instances) {
        Some(Observed::Unread(why)) => Err(why),
        Some(Observed::Known(instances)) => Ok(Some(instances)),
        None => Ok(None),
    }
}

/// The names under the prefix, and all others.
async fn listed(r: &Reader<'_>) -> Result<(BTreeSet<String>, BTreeSet<String>), AwsError> {
    let names = names(r, &r.home()).await?;
    let own = |name: &String| name.starts_with(&r.plan.organization.prefix);
    Ok(names.into_iter().partition(own))
}

/// Those of these stack sets that carry orgstrap's tag.
pub(super) async fn marked(
    r: &Reader<'_>,
    at: &AccountRegion,
    names: BTreeSet<String>,
) -> Result<BTreeSet<String>, AwsError> {
    let client = &r.cloudformation(at).await?;
    let described = side_by_side(names, |name| async move {
        let answer = client
            .call(|c| c.describe_stack_set().stack_set_name(&name).send())
            .await?;
        let (key, value) = OWNERSHIP_TAG;
        let set = answer.stack_set;
        let marked = set
            .iter()
            .flat_map(|set| set.tags())
            .any(|tag| tag.key() == Some(key) && tag.value() == Some(value));
        Ok(marked.then_some(name))
    })
    .await;
    described
        .into_iter()
        .filter_map(Result::transpose)
        .collect()
}

/// The names of a Region's stack sets.
pub(super) async fn names(r: &Reader<'_>, at: &AccountRegion) -> Result<Vec<String>, AwsError> {
    let client = &r.cloudformation(at).await?;
    let summaries = client
        .all(
            |c, token| {
                c.list_stack_sets()
                    .status("ACTIVE".into())
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.summaries, page.next_token),
        )
        .await?;
    Ok(summaries
        .into_iter()
        .filter_map(|set| set.stack_set_name)
        .collect())
}

async fn own_sets(
    r: &Reader<'_>,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, StackSetFacts>, AwsError> {
    let at = &r.home();
    let client = &r.cloudformation(at).await?;
    side_by_side(names, |name| async move {
        let set = whole(client, &name).await?;
        Ok((name, set))
    })
    .await
    .into_iter()
    .collect()
}

async fn whole(client: &CloudFormation<'_>, name: &str) -> Result<StackSetFacts, AwsError> {
    let (described, instances) = tokio::join!(described(client, name), instances(client, name));
    let set = described?;
    Ok(StackSetFacts {
        name: name.to_owned(),
        id: set.stack_set_id().unwrap_or_default().to_owned(),
        template: set.template_body().unwrap_or_default().to_owned(),
        parameters: set
            .parameters()
            .iter()
            .filter_map(|p| Some((p.parameter_key()?.into(), p.parameter_value()?.into())))
            .collect(),
        capabilities: set
            .capabilities()
            .iter()
            .map(|capability| capability.as_str().to_owned())
            .collect(),
        tags: set
            .tags()
            .iter()
            .filter_map(|tag| Some((tag.key()?.into(), tag.value()?.into())))
            .collect(),
        service_managed: set
            .permission_model()
            .is_some_and(|model| model.as_str() == "SERVICE_MANAGED"),
        administration_role: set.administration_role_arn().map(str::to_owned),
        execution_role: set.execution_role_name().map(str::to_owned),
        auto_deployment: set.auto_deployment().map(|auto| AutoDeployment {
            enabled: auto.enabled().unwrap_or_default(),
            retain_on_removal: auto.retain_stacks_on_account_removal().unwrap_or_default(),
        }),
        depends_on: set
            .auto_deployment()
            .map(|auto| auto.depends_on().iter().cloned().collect())
            .unwrap_or_default(),
        managed_execution: set
            .managed_execution()
            .and_then(|managed| managed.active())
            .unwrap_or_default(),
        targets: targets(&set, &instances),
        instances: seen(instances),
    })
}

async fn described(client: &CloudFormation<'_>, name: &str) -> Result<StackSet, AwsError> {
    client
        .get(
            |c| c.describe_stack_set().stack_set_name(name).send(),
            |answer| answer.stack_set,
            "stack set",
        )
        .await
}

/// A set's targets as [`read`] finds them. Its instances are asked for only where its own list is not `enough`: there may
/// be thousands.
pub(super) async fn targets_shown(
    r: Door<'_>,
    name: &str,
    enough: impl Fn(&BTreeSet<OuId>) -> bool,
) -> Result<BTreeSet<OuId>, AwsError> {
    let at = &r.own(r.aws.home_region());
    let client = &r.cloudformation(at).await?;
    let set = described(client, name).await?;
    let listed = targets(&set, &Ok(BTreeMap::new()));
    if enough(&listed) {
        return Ok(listed);
    }
    let instances = instances(client, name).await?;
    Ok(targets(&set, &Ok(instances)))
}

/// The set's own list of targets, and where its instances came from: nobody has seen on live AWS that the list is
/// always filled in at once, and an OU that it lacks would be a new target in every plan.
fn targets(
    set: &StackSet,
    instances: &Result<BTreeMap<AccountRegion, InstanceFacts>, AwsError>,
) -> BTreeSet<OuId> {
    let listed = set.organizational_unit_ids().iter().cloned();
    let came_through = instances.iter().flat_map(BTreeMap::values);
    listed
        .chain(came_through.filter_map(|instance| instance.ou.clone()))
        .collect()
}

/// Every instance of a set, as AWS lists it.
pub(crate) async fn listed_instances(
    client: &CloudFormation<'_>,
    name: &str,
) -> Result<Vec<StackInstanceSummary>, AwsError> {
    client
        .all(
            |c, token| {
                c.list_stack_instances()
                    .stack_set_name(name)
                    .max_results(100)
                    .set_next_token(token)
                    .send()
            },
            |page| (page.summaries, page.next_token),
        )
        .await
}

async fn instances(
    client: &CloudFormation<'_>,
    name: &str,
) -> Result<BTreeMap<AccountRegion, InstanceFacts>, AwsError> {
    listed_instances(client, name)
        .await?
        .into_iter()
        .map(|instance| {
            let place = AccountRegion {
                account: instance.account().unwrap_or_default().parse().ok()?,
                region: instance.region().unwrap_or_default().parse().ok()?,
            };
            let facts = InstanceFacts {
                status: instance
                    .status()
                    .map_or("", |status| status.as_str())
                    .to_owned(),
                detailed_status: instance
                    .stack_instance_status()
                    .and_then(|status| status.detailed_status())
                    .map(|status| status.as_str().to_owned()),
                reason: instance.status_reason().map(str::to_owned),
                ou: instance.organizational_unit_id().map(str::to_owned),
            };
            Some((place, facts))
        })
        .map(|instance| {
            instance.ok_or_else(|| {
                client.unreadable::<ListStackInstancesError>(format!(
                    "an instance of {name} has no account and Region"
                ))
            })
        })
        .collect()
}

#[cfg(test)]
mod live {
    use super::*;

    fn through(ou: &str) -> InstanceFacts {
        InstanceFacts {
            status: "CURRENT".to_owned(),
            detailed_status: None,
            reason: None,
            ou: Some(ou.to_owned()),
        }
    }

    #[test]
    fn row_14_an_ou_that_instances_came_through_is_a_target_also_where_the_list_lacks_it() {
        let place = |account: &str| AccountRegion {
            account: account.parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let instances = Ok(BTreeMap::from([
            (place("222222222222"), through("ou-1-a")),
            (place("333333333333"), through("ou-1-b")),
        ]));
        let listed = |ous: &[&str]| {
            StackSet::builder()
                .set_organizational_unit_ids(Some(ous.iter().map(|ou| (*ou).to_owned()).collect()))
                .build()
        };
        let all: BTreeSet<OuId> = ["ou-1-a".to_owned(), "ou-1-b".to_owned()].into();
        assert_eq!(targets(&listed(&[]), &instances), all);
        // One without accounts is in the list only.
        let more = targets(&listed(&["ou-1-a", "ou-1-c"]), &instances);
        assert_eq!(more.len(), 3);
        let unread = Err(AwsError::refused(
            crate::aws::Operation::of::<ListStackInstancesError>(),
            "AccessDenied",
            "",
        ));
        assert_eq!(targets(&listed(&["ou-1-a"]), &unread).len(), 1);
    }
}
