//! The Resource Groups Tagging API: the tags of many resources in one reading.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{AwsError, Call};
use super::iam::tag_list;
use super::lags::Lag;
use super::page;
use super::table::Row;
use super::world::World;

/// Resources on a page (M:resourcegroupstaggingapi GetResources).
const PAGE: usize = 100;

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[("resourcegroupstaggingapi", "GetResources", get_resources)];

/// Accounts of the organization, in us-east-1 and for the management account; OUs and policies do not appear
/// (AWS_FACTS 11). Other services' resources are not gathered.
fn accounts<'w>(
    world: &'w World,
    call: &Call,
) -> impl Iterator<Item = (String, BTreeMap<String, String>)> + use<'w> {
    let now = call.now;
    let organization = world
        .organization
        .as_ref()
        .filter(|it| it.management_account == call.account && call.region == "us-east-1");
    organization.into_iter().flat_map(move |organization| {
        organization.members.keys().filter_map(move |id| {
            let arn = organization.arn_in("account", id);
            match world.lags.shown(Lag::Tags, id, now) {
                Some(old) => {
                    Some((arn, old)).filter(|(_, old): &(_, BTreeMap<_, _>)| !old.is_empty())
                }
                None => Some((arn, organization.tags.get(id)?.clone())),
            }
        })
    })
}

fn get_resources(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arns = call.strings("ResourceARNList");
    let kinds = call.strings("ResourceTypeFilters");
    let after = page::start(call, "PaginationToken")?;
    let kind_fits = kinds.is_empty()
        || kinds
            .iter()
            .any(|kind| kind == "organizations" || kind == "organizations:account");
    let tags_fit = |tags: &BTreeMap<String, String>| {
        call.list("TagFilters").iter().all(|filter| {
            let key = filter["Key"].as_str().unwrap_or_default();
            let values = filter["Values"].as_array();
            tags.get(key).is_some_and(|value| {
                values.is_none_or(|values| {
                    values.is_empty() || values.iter().any(|wanted| wanted == value.as_str())
                })
            })
        })
    };
    let size = call
        .int("ResourcesPerPage")
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size > 0)
        .map_or(PAGE, |size| size.min(PAGE));
    let mut found = accounts(world, call)
        .filter(|(arn, tags)| {
            kind_fits
                && after.as_ref().is_none_or(|after| arn > after)
                && (arns.is_empty() || arns.contains(arn))
                && tags_fit(tags)
        })
        .peekable();
    let mut shown = Vec::new();
    let mut last = String::new();
    while shown.len() < size
        && let Some((arn, tags)) = found.next()
    {
        shown.push(json!({"ResourceARN": arn, "Tags": tag_list(&tags)}));
        last = arn;
    }
    // The last page's token is empty, not absent.
    let next = match found.peek() {
        Some(_) => page::token(&last),
        None => String::new(),
    };
    Ok(json!({"ResourceTagMappingList": shown, "PaginationToken": next}))
}
