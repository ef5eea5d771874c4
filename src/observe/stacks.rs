//! Plain stacks under the plan's prefix, in the places where the baselines want some, and beside them those that
//! orgstrap made there under another prefix.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{Stack, Tag};

use super::preparation::{Prepared, is_off};
use super::{Reader, seen, side_by_side};
use crate::addr::{AccountRef, OWNERSHIP_TAG};
use crate::aws::{AwsError, Calls, CloudFormation};
use crate::baseline::{DesiredStackSet, StackNames, WantedTrail};
use crate::inventory::{
    AccountFacts, AccountRegion, AccountState, Observed, StackFacts, StackSetFacts,
};
use crate::plan::{AccountId, AccountKey};

/// Stacks by place and full name.
pub(super) type Stacks = BTreeMap<AccountRegion, Observed<BTreeMap<String, StackFacts>>>;

/// Stacks by place and full name. A place in an account that is not there yet is not asked about. Where a trail
/// is adopted, the one that could have made it is: a baseline's own trail is not somebody else's.
pub(super) async fn read(
    r: &Reader<'_>,
    accounts: &BTreeMap<AccountKey, AccountId>,
    preparation: &Prepared,
) -> Stacks {
    let adopts = |trail: &WantedTrail| trail.stack.is_none();
    let adopted = r.desired.trail.as_ref().filter(|trail| adopts(trail));
    let places: BTreeSet<AccountRegion> = r
        .desired
        .stacks
        .keys()
        .filter_map(|(place, _)| match &place.account {
            AccountRef::Management => Some(r.own(&place.region)),
            AccountRef::Member(key) => accounts.get(key).map(|account| AccountRegion {
                account: account.clone(),
                region: place.region.clone(),
            }),
        })
        .chain(adopted.map(|_| r.home()))
        .collect();
    of_places(r, places, preparation).await
}

async fn of_places(
    r: &Reader<'_>,
    places: BTreeSet<AccountRegion>,
    preparation: &Prepared,
) -> Stacks {
    side_by_side(places, |at| async move {
        // Nothing can be in a Region that is yet to be turned on.
        let stacks = match is_off(preparation, &at) {
            true => Observed::Known(BTreeMap::new()),
            false => seen(of_place(r, &at).await),
        };
        (at, stacks)
    })
    .await
    .into_iter()
    .collect()
}

/// Stacks where none is wanted and a baseline that the plan has no more may have left some: where the accounts with
/// duties would have them, and in the Regions of what is left of stack sets. What was read already is not read again.
pub(super) async fn left_over(
    r: &Reader<'_>,
    accounts: &Observed<BTreeMap<AccountId, AccountFacts>>,
    ids: &BTreeMap<AccountKey, AccountId>,
    sets: &Observed<BTreeMap<String, StackSetFacts>>,
    preparation: &Prepared,
    read: &Stacks,
) -> Stacks {
    let organization = &r.plan.organization;
    let duties = organization.logging.iter().chain(&organization.secops);
    let active = |id: &&AccountId| {
        let facts = accounts.known().and_then(|all| all.get(*id));
        facts.is_some_and(|facts| facts.state == AccountState::Active)
    };
    // Who handed over keeps what was made for the duty.
    let handed_over = r.desired.guardduty.as_ref();
    let handed_over = handed_over.and_then(|guardduty| guardduty.replaced.as_ref());
    let members: BTreeSet<&AccountId> = duties
        .filter_map(|key| ids.get(key))
        .chain(handed_over)
        .filter(active)
        .collect();
    let desired: BTreeMap<&str, &DesiredStackSet> = r
        .desired
        .stack_sets
        .values()
        .map(|set| (set.full_name.as_str(), set))
        .collect();
    let mut regions = BTreeSet::from([organization.home_region.clone()]);
    for (name, facts) in sets.known().into_iter().flatten() {
        let asked = desired.get(name.as_str());
        let instances = facts.instances.known().into_iter().flat_map(BTreeMap::keys);
        let left = instances
            .map(|at| &at.region)
            .filter(|region| asked.is_none_or(|set| !set.regions.contains(*region)));
        regions.extend(left.cloned());
    }
    let places: BTreeSet<AccountRegion> = regions
        .iter()
        .flat_map(|region| {
            let in_member = |account: &&AccountId| AccountRegion {
                account: (*account).clone(),
                region: region.clone(),
            };
            let members = members.iter().map(in_member);
            std::iter::once(r.own(region)).chain(members)
        })
        .filter(|at| !read.contains_key(at))
        .collect();
    of_places(r, places, preparation).await
}

async fn of_place(
    r: &Reader<'_>,
    at: &AccountRegion,
) -> Result<BTreeMap<String, StackFacts>, AwsError> {
    let client = &r.cloudformation(at).await?;
    let listed = list(r, at).await?;
    let names = StackNames::of(r.desired);
    let ours = listed.into_iter().filter(|stack| {
        let name = stack.stack_name().unwrap_or_default();
        let deleted = stack
            .stack_status()
            .is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
        let former = is_marked(stack) && names.split(name).is_some();
        (former || name.starts_with(&r.plan.organization.prefix)) && !deleted
    });
    let stacks = side_by_side(ours, |stack| async move {
        let name = stack.stack_name().unwrap_or_default().to_owned();
        let template = seen(template(client, &name).await);
        let facts = facts(&stack, template);
        (name, facts)
    })
    .await;
    Ok(stacks.into_iter().collect())
}

/// Whether orgstrap made it, by its tags; not the stack of a stack set's instance, which has the set's tags.
fn is_marked(stack: &Stack) -> bool {
    let name = stack.stack_name().unwrap_or_default();
    let (key, value) = OWNERSHIP_TAG;
    let marked = |tag: &Tag| tag.key() == Some(key) && tag.value() == Some(value);
    !name.starts_with("StackSet-") && stack.tags().iter().any(marked)
}

/// The names of the stacks of a place that orgstrap made, without their templates.
pub(super) async fn marked(
    r: &Reader<'_>,
    at: &AccountRegion,
    names: &StackNames,
) -> Result<BTreeSet<String>, AwsError> {
    let listed = list(r, at).await?;
    let there = listed.into_iter().filter(|stack| {
        let status = stack.stack_status().map_or("", |status| status.as_str());
        // Nothing is left of these but their names.
        !matches!(status, "DELETE_COMPLETE" | "ROLLBACK_COMPLETE") && is_marked(stack)
    });
    let named = there.filter_map(|stack| stack.stack_name);
    Ok(named.filter(|name| names.split(name).is_some()).collect())
}

/// Whether one of these stacks, or a stack set's instance of one of these names, stands in a place: was made once, and not
/// taken back.
pub(super) async fn any_stands(
    r: &Reader<'_>,
    at: &AccountRegion,
    names: &BTreeSet<&str>,
) -> Result<bool, AwsError> {
    let stands = |stack: &Stack| {
        let status = stack.stack_status().map_or("", |status| status.as_str());
        !matches!(
            status,
            "CREATE_IN_PROGRESS" | "CREATE_FAILED" | "REVIEW_IN_PROGRESS"
        ) && !status.starts_with("ROLLBACK_")
            && !status.starts_with("DELETE_")
    };
    let is_one = |stack: &Stack| {
        let name = stack.stack_name().unwrap_or_default();
        // StackSets calls its stacks `StackSet-NAME-UUID`.
        let of_set = name.strip_prefix("StackSet-");
        names.iter().any(|one| {
            let rest = of_set.and_then(|name| name.strip_prefix(one));
            name == *one || rest.is_some_and(|rest| rest.starts_with('-'))
        })
    };
    let listed = list(r, at).await?;
    Ok(listed.iter().any(|stack| is_one(stack) && stands(stack)))
}

async fn list(r: &Reader<'_>, at: &AccountRegion) -> Result<Vec<Stack>, AwsError> {
    let client = &r.cloudformation(at).await?;
    client
        .all(
            |c, token| c.describe_stacks().set_next_token(token).send(),
            |page| (page.stacks, page.next_token),
        )
        .await
}

/// A stack's template, by its name or id.
pub(super) async fn template(client: &CloudFormation<'_>, name: &str) -> Result<String, AwsError> {
    client
        .get(
            |c| c.get_template().stack_name(name).send(),
            |answer| answer.template_body,
            "template",
        )
        .await
}

/// A stack as DescribeStacks tells it.
pub(super) fn facts(stack: &Stack, template: Observed<String>) -> StackFacts {
    StackFacts {
        name: stack.stack_name().unwrap_or_default().to_owned(),
        id: stack.stack_id().unwrap_or_default().to_owned(),
        status: stack
            .stack_status()
            .map_or("", |status| status.as_str())
            .to_owned(),
        template,
        parameters: stack
            .parameters()
            .iter()
            .filter_map(|p| Some((p.parameter_key()?.into(), p.parameter_value()?.into())))
            .collect(),
        outputs: stack
            .outputs()
            .iter()
            .filter_map(|o| Some((o.output_key()?.into(), o.output_value()?.into())))
            .collect(),
        tags: stack
            .tags()
            .iter()
            .filter_map(|tag| Some((tag.key()?.into(), tag.value()?.into())))
            .collect(),
        termination_protection: stack.enable_termination_protection().unwrap_or_default(),
    }
}
