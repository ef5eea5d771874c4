//! Trails that are there before the baseline's: one organization trail is enough, a second one costs.

use aws_sdk_cloudtrail::operation::describe_trails::DescribeTrailsError;
use std::collections::BTreeMap;

use super::{Reader, seen};
use crate::aws::{AwsError, Calls};
use crate::inventory::{AccountRegion, Observed, StackFacts, TrailFacts};

/// The management account's trails, where the baseline's own is still to come, where one of them is watched
/// instead, or where some are to go.
pub(super) async fn read(
    r: &Reader<'_>,
    stacks: &BTreeMap<AccountRegion, Observed<BTreeMap<String, StackFacts>>>,
) -> Option<Observed<BTreeMap<String, TrailFacts>>> {
    let desired = r.desired.trail.as_ref()?;
    let own = desired.stack.as_ref().and_then(|key| {
        let full_name = &r.desired.stacks.get(key)?.full_name;
        stacks.get(&r.home())?.known()?.get(full_name)
    });
    let made = own.is_some_and(|stack| !stack.is_rolled_back());
    if made && desired.replaced.is_empty() {
        return None;
    }
    Some(seen(describe(r).await))
}

/// One call: AWS tells all at once, with the copies that trails of other Regions have here.
async fn describe(r: &Reader<'_>) -> Result<BTreeMap<String, TrailFacts>, AwsError> {
    let at = &r.home();
    let client = r.cloudtrail(at).await?;
    let answer = client
        .call(|c| c.describe_trails().include_shadow_trails(true).send())
        .await?;
    let mut trails = BTreeMap::new();
    for trail in answer.trail_list.unwrap_or_default() {
        let home_region = match trail.home_region().map(str::parse) {
            None => at.region.clone(),
            Some(Ok(region)) => region,
            Some(Err(_)) => {
                let what = format!("the Region {}", trail.home_region().unwrap_or_default());
                r.door().unknown::<DescribeTrailsError>(&what);
                continue;
            }
        };
        let facts = TrailFacts {
            home_region,
            organization: trail.is_organization_trail() == Some(true),
            multi_region: trail.is_multi_region_trail() == Some(true),
            bucket: trail.s3_bucket_name.unwrap_or_default(),
            name: trail.name.unwrap_or_default(),
        };
        trails.insert(trail.trail_arn.unwrap_or_default(), facts);
    }
    Ok(trails)
}
