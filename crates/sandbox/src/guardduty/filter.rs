//! Filters of findings: what they match they leave alone or archive as it comes in.

use serde_json::{Value, json};

use super::{Filter, bad, detector, detector_mut, empty};
use crate::call::{AwsError, Call};
use crate::paging::page;
use crate::world::World;

fn missing() -> AwsError {
    bad("The request is rejected because the input filterName does not exist.")
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name").to_owned();
    let filter = Filter {
        action: call.str("Action").unwrap_or("NOOP").to_owned(),
        description: call.str("Description").unwrap_or_default().to_owned(),
        rank: call.get("Rank").as_i64().unwrap_or(1),
        criteria: call.get("FindingCriteria").clone(),
    };
    let filters = &mut detector_mut(world, call)?.filters;
    if filters.contains_key(&name) {
        return Err(bad(
            "The request is rejected because a filter with the given name already exists.",
        ));
    }
    filters.insert(name.clone(), filter);
    Ok(json!({ "Name": name }))
}

pub(super) fn get(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("FilterName");
    let found = detector(world, call)?
        .filters
        .get(name)
        .ok_or_else(missing)?;
    Ok(json!({
        "Name": name,
        "Description": found.description,
        "Action": found.action,
        "Rank": found.rank,
        "FindingCriteria": found.criteria,
    }))
}

pub(super) fn list(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let filters = &detector(world, call)?.filters;
    let names = filters.keys().map(|name| json!(name)).collect();
    page(call, "FilterNames", names, "MaxResults", 50)
}

pub(super) fn update(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("FilterName").to_owned();
    let action = call.str("Action").map(str::to_owned);
    let description = call.str("Description").map(str::to_owned);
    let rank = call.get("Rank").as_i64();
    let criteria = call.get("FindingCriteria").clone();
    let found = detector_mut(world, call)?
        .filters
        .get_mut(&name)
        .ok_or_else(missing)?;
    found.action = action.unwrap_or_else(|| found.action.clone());
    found.description = description.unwrap_or_else(|| found.description.clone());
    found.rank = rank.unwrap_or(found.rank);
    if !criteria.is_null() {
        found.criteria = criteria;
    }
    Ok(json!({ "Name": name }))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("FilterName").to_owned();
    let filters = &mut detector_mut(world, call)?.filters;
    filters.remove(&name).ok_or_else(missing)?;
    Ok(empty())
}
