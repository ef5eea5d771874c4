//! The one recorder of an account and Region: made, started, stopped, deleted.

use serde_json::{Map, Value, json};

use super::channel::test_delivery;
use super::{Recorder, name_of, role_exists, state, state_mut};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::words;
use crate::world::World;

/// A recording group with what AWS adds to the one it is given, as the AWS CLI's reference shows it.
fn whole_group(given: &Value) -> Value {
    let mut whole = match given.as_object() {
        Some(group) => group.clone(),
        None => [("allSupported".to_owned(), json!(true))]
            .into_iter()
            .collect(),
    };
    let all = whole.get("allSupported").and_then(Value::as_bool) == Some(true);
    let named = whole
        .get("exclusionByResourceTypes")
        .and_then(|excluded| excluded["resourceTypes"].as_array())
        .is_some_and(|types| !types.is_empty());
    let strategy = match (all, named) {
        (true, _) => "ALL_SUPPORTED_RESOURCE_TYPES",
        (false, true) => "EXCLUSION_BY_RESOURCE_TYPES",
        (false, false) => "INCLUSION_BY_RESOURCE_TYPES",
    };
    for (name, value) in [
        ("allSupported", json!(false)),
        ("includeGlobalResourceTypes", json!(false)),
        ("resourceTypes", json!([])),
        ("exclusionByResourceTypes", json!({"resourceTypes": []})),
        ("recordingStrategy", json!({"useOnly": strategy})),
    ] {
        whole.entry(name).or_insert(value);
    }
    Value::Object(whole)
}

pub(super) fn put_recorder(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let given = call.get("ConfigurationRecorder");
    let name = match name_of(given) {
        "" => "default",
        name => name,
    };
    if let Some(recorder) = state(world, call).and_then(|s| s.recorder.as_ref())
        && name_of(&recorder.settings) != name
    {
        return Err(AwsError::new(
            "MaxNumberOfConfigurationRecordersExceededException",
            format!(
                "Failed to put configuration recorder '{name}' because the maximum number of configuration recorders: 1 is reached."
            ),
        ));
    }
    let role = given
        .get("roleARN")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !role_exists(world, &call.account, role) {
        let message = match role.contains(":role/aws-service-role/") {
            true => words::NO_ROLE.to_owned(),
            false => format!(
                "Provided role '{role}' is invalid: it does not exist or AWS Config cannot assume it."
            ),
        };
        return Err(AwsError::new("InvalidRoleException", message));
    }
    let unit = format!(
        "{} {}",
        call.account,
        role.rsplit('/').next().unwrap_or_default()
    );
    if world.lags.holds(Lag::ServiceLinkedRole, &unit, call.now) {
        // As a stack's recorder saw it (landing-zone-accelerator-on-aws#857).
        return Err(AwsError::new("InvalidRoleException", words::NO_ROLE));
    }
    let group = given.get("recordingGroup").cloned().unwrap_or(Value::Null);
    let flag = |name: &str| group.get(name).and_then(Value::as_bool).unwrap_or(false);
    if flag("includeGlobalResourceTypes") && !flag("allSupported") {
        return Err(AwsError::new(
            "InvalidRecordingGroupException",
            "The recording group provided is not valid: includeGlobalResourceTypes requires allSupported.",
        ));
    }
    let mut settings = given.as_object().cloned().unwrap_or_default();
    settings.insert("name".to_owned(), json!(name));
    settings.insert(
        "arn".to_owned(),
        json!(format!(
            "arn:aws:config:{}:{}:configuration-recorder/{name}",
            call.region, call.account
        )),
    );
    settings.insert("recordingGroup".to_owned(), whole_group(&group));
    settings
        .entry("recordingMode")
        .or_insert_with(|| json!({"recordingFrequency": "CONTINUOUS"}));
    let settings = Value::Object(settings);
    let state = state_mut(world, call)?;
    match &mut state.recorder {
        Some(recorder) => recorder.settings = settings,
        None => {
            state.recorder = Some(Recorder {
                settings,
                recording: false,
                started: None,
                stopped: None,
            })
        }
    }
    Ok(json!({}))
}

fn no_such_recorder(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchConfigurationRecorderException",
        format!("Cannot find configuration recorder with the specified name '{name}'."),
    )
}

pub(super) fn check_names(
    call: &Call,
    member: &str,
    existing: Option<&str>,
    missing: fn(&str) -> AwsError,
) -> Result<bool, AwsError> {
    let wanted = call.strings(member);
    match wanted.iter().find(|w| Some(w.as_str()) != existing) {
        Some(unknown) => Err(missing(unknown)),
        None => Ok(existing.is_some()),
    }
}

pub(super) fn describe_recorders(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let recorder = state(world, call).and_then(|s| s.recorder.as_ref());
    check_names(
        call,
        "ConfigurationRecorderNames",
        recorder.map(|r| name_of(&r.settings)),
        no_such_recorder,
    )?;
    let all: Vec<&Value> = recorder.iter().map(|r| &r.settings).collect();
    Ok(json!({"ConfigurationRecorders": all}))
}

pub(super) fn describe_recorder_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let state = state(world, call);
    let recorder = state.and_then(|s| s.recorder.as_ref());
    check_names(
        call,
        "ConfigurationRecorderNames",
        recorder.map(|r| name_of(&r.settings)),
        no_such_recorder,
    )?;
    let Some(recorder) = recorder else {
        return Ok(json!({"ConfigurationRecordersStatus": []}));
    };
    let mut status = Map::new();
    status.insert("name".to_owned(), json!(name_of(&recorder.settings)));
    status.insert(
        "arn".to_owned(),
        recorder.settings.get("arn").cloned().unwrap_or(Value::Null),
    );
    status.insert("recording".to_owned(), json!(recorder.recording));
    if let Some(at) = recorder.started {
        status.insert("lastStartTime".to_owned(), at.json());
    }
    if let Some(at) = recorder.stopped {
        status.insert("lastStopTime".to_owned(), at.json());
    }
    let unit = format!("{} {}", call.account, call.region);
    let first = world.lags.mode.millis(Lag::FirstDelivery, &unit);
    let (last, error) = match (
        recorder.recording,
        recorder.started,
        state.and_then(|s| s.channel.as_ref()),
    ) {
        // The first delivery takes a minute or two.
        (true, Some(started), Some(_)) if call.now < started.plus_millis(first) => {
            ("Pending", None)
        }
        (true, _, Some(channel)) => match test_delivery(world, call, channel) {
            Ok(()) => ("Success", None),
            Err(error) => ("Failure", Some(error)),
        },
        _ => ("NotApplicable", None),
    };
    status.insert("lastStatus".to_owned(), json!(last));
    if let Some(error) = error {
        status.insert("lastErrorCode".to_owned(), json!("AccessDenied"));
        status.insert("lastErrorMessage".to_owned(), json!(error.message));
    }
    let changed = recorder.stopped.max(recorder.started).unwrap_or(call.now);
    status.insert("lastStatusChangeTime".to_owned(), changed.json());
    Ok(json!({"ConfigurationRecordersStatus": [status]}))
}

fn change_recorder(
    world: &mut World,
    call: &Call,
    act: impl FnOnce(&mut Recorder),
) -> Result<Value, AwsError> {
    let name = call.text("ConfigurationRecorderName");
    match state_mut(world, call)?
        .recorder
        .as_mut()
        .filter(|r| name_of(&r.settings) == name)
    {
        Some(recorder) => {
            act(recorder);
            Ok(json!({}))
        }
        None => Err(no_such_recorder(name)),
    }
}

pub(super) fn start_recorder(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    if state(world, call).is_some_and(|s| s.recorder.is_some() && s.channel.is_none()) {
        return Err(AwsError::new(
            "NoAvailableDeliveryChannelException",
            "Delivery channel is not available to start configuration recorder.",
        ));
    }
    change_recorder(world, call, |recorder| {
        recorder.recording = true;
        recorder.started = Some(call.now);
    })
}

pub(super) fn stop_recorder(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_recorder(world, call, |recorder| {
        recorder.recording = false;
        recorder.stopped = Some(call.now);
    })
}

pub(super) fn delete_recorder(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_recorder(world, call, |_| {})?;
    state_mut(world, call)?.recorder = None;
    Ok(json!({}))
}

/// Types that are recorded from now on.
pub(super) fn associate_types(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_types(world, call, true)
}

/// Types that are no longer recorded.
pub(super) fn disassociate_types(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_types(world, call, false)
}

/// Only where the recorder names types, or those that it leaves out (M:config AssociateResourceTypes).
fn change_types(world: &mut World, call: &Call, record: bool) -> Result<Value, AwsError> {
    let arn = call.text("ConfigurationRecorderArn");
    let types = call.strings("ResourceTypes");
    let recorder = state_mut(world, call)?.recorder.as_mut();
    let recorder = recorder
        .filter(|recorder| recorder.settings["arn"] == arn)
        .ok_or_else(|| no_such_recorder(arn))?;
    let group = &mut recorder.settings["recordingGroup"];
    let excludes = match group["recordingStrategy"]["useOnly"].as_str() {
        Some("INCLUSION_BY_RESOURCE_TYPES") => false,
        Some("EXCLUSION_BY_RESOURCE_TYPES") => true,
        _ => {
            return Err(AwsError::new(
                "ValidationException",
                "The configuration recorder must use a recording strategy that is either INCLUSION_BY_RESOURCE_TYPES or EXCLUSION_BY_RESOURCE_TYPES.",
            ));
        }
    };
    let list = match excludes {
        true => &mut group["exclusionByResourceTypes"]["resourceTypes"],
        false => &mut group["resourceTypes"],
    };
    let mut named: Vec<Value> = list.as_array().cloned().unwrap_or_default();
    named.retain(|known| !types.iter().any(|kind| known == kind.as_str()));
    if record != excludes {
        named.extend(types.into_iter().map(Value::from));
    }
    *list = Value::Array(named);
    Ok(json!({"ConfigurationRecorder": recorder.settings}))
}
