//! What a trail logs: event and insight selectors.

use serde_json::{Value, json};

use super::{locate, locate_own, trail, trail_mut};
use crate::call::{AwsError, Call};
use crate::world::World;

pub(super) fn get_event_selectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate(world, call, call.text("TrailName"))?;
    let found = trail(world, &at)?;
    if let Some(advanced) = &found.advanced_event_selectors {
        return Ok(json!({"TrailARN": at.arn(), "AdvancedEventSelectors": advanced}));
    }
    let basic = found.event_selectors.clone().unwrap_or_else(|| {
        json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}])
    });
    Ok(json!({"TrailARN": at.arn(), "EventSelectors": basic}))
}

pub(super) fn put_event_selectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("TrailName"))?;
    let some = |name: &str| Some(call.get(name).clone()).filter(|v| !v.is_null());
    let (basic, advanced) = (some("EventSelectors"), some("AdvancedEventSelectors"));
    let trail = trail_mut(world, &at)?;
    trail.event_selectors = basic;
    trail.advanced_event_selectors = advanced;
    get_event_selectors(world, call)
}

pub(super) fn get_insight_selectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate(world, call, call.text("TrailName"))?;
    match &trail(world, &at)?.insight_selectors {
        Some(selectors) => Ok(json!({"TrailARN": at.arn(), "InsightSelectors": selectors})),
        None => Err(AwsError::new(
            "InsightNotEnabledException",
            format!(
                "Trail {} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again.",
                at.arn()
            ),
        )),
    }
}

pub(super) fn put_insight_selectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("TrailName"))?;
    let wanted = call.get("InsightSelectors").clone();
    trail_mut(world, &at)?.insight_selectors =
        (!call.list("InsightSelectors").is_empty()).then_some(wanted.clone());
    Ok(json!({"TrailARN": at.arn(), "InsightSelectors": wanted}))
}
