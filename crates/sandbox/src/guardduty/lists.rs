//! Lists of addresses and names that are trusted: GuardDuty makes no findings of what is on them.

use serde_json::{Value, json};

use super::{TrustedList, bad, detector, detector_mut, empty};
use crate::call::{AwsError, Call};
use crate::paging::page;
use crate::world::World;

/// The id that a call names, of either kind.
fn named(call: &Call) -> &str {
    let ids = ["IpSetId", "TrustedEntitySetId"];
    ids.iter()
        .find_map(|member| call.str(member))
        .unwrap_or_default()
}

fn missing() -> AwsError {
    bad("The request is rejected because the input ID does not exist.")
}

fn create(world: &mut World, call: &Call, of_addresses: bool) -> Result<String, AwsError> {
    let list = TrustedList {
        of_addresses,
        name: call.text("Name").to_owned(),
        format: call.text("Format").to_owned(),
        location: call.text("Location").to_owned(),
        active: call.bool("Activate").unwrap_or_default(),
    };
    let id = world.rng.hex(32);
    let trusted = &mut detector_mut(world, call)?.trusted;
    let same = |known: &TrustedList| known.of_addresses == of_addresses && known.name == list.name;
    if trusted.values().any(same) {
        return Err(bad(
            "The request is rejected because a list with the given name already exists.",
        ));
    }
    trusted.insert(id.clone(), list);
    Ok(id)
}

pub(super) fn create_addresses(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    create(world, call, true).map(|id| json!({ "IpSetId": id }))
}

pub(super) fn create_entities(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    create(world, call, false).map(|id| json!({ "TrustedEntitySetId": id }))
}

pub(super) fn get(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let trusted = &detector(world, call)?.trusted;
    let found = trusted.get(named(call)).ok_or_else(missing)?;
    let status = match found.active {
        true => "ACTIVE",
        false => "INACTIVE",
    };
    Ok(json!({
        "Name": found.name,
        "Format": found.format,
        "Location": found.location,
        "Status": status,
    }))
}

fn ids(world: &World, call: &Call, of_addresses: bool) -> Result<Vec<Value>, AwsError> {
    let trusted = detector(world, call)?.trusted.iter();
    let of_kind = trusted.filter(|(_, list)| list.of_addresses == of_addresses);
    Ok(of_kind.map(|(id, _)| json!(id)).collect())
}

pub(super) fn list_addresses(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let ids = ids(world, call, true)?;
    page(call, "IpSetIds", ids, "MaxResults", 50)
}

pub(super) fn list_entities(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let ids = ids(world, call, false)?;
    page(call, "TrustedEntitySetIds", ids, "MaxResults", 50)
}

pub(super) fn update(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = named(call).to_owned();
    let trusted = &mut detector_mut(world, call)?.trusted;
    let found = trusted.get_mut(&id).ok_or_else(missing)?;
    if let Some(name) = call.str("Name") {
        found.name = name.to_owned();
    }
    if let Some(location) = call.str("Location") {
        found.location = location.to_owned();
    }
    found.active = call.bool("Activate").unwrap_or(found.active);
    Ok(empty())
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = named(call).to_owned();
    let trusted = &mut detector_mut(world, call)?.trusted;
    trusted.remove(&id).ok_or_else(missing)?;
    Ok(empty())
}
