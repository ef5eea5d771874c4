//! Drift detection: a stack's resources as they are, compared with what its template and parameters set.
//!
//! Types that AWS does not check are left out ([`super::resources::Kind::read`]); a stack with nothing that is checked is
//! IN_SYNC. Source: CloudFormation user guide, "Detect unmanaged configuration changes to stacks and resources with
//! drift detection". How long it takes is nowhere written but for "up to several minutes, depending on the number of
//! resources" (API reference, DetectStackDrift).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compare::{Difference, differences, set_in};
use super::engine::{Place, with_stack};
use super::resources::{self, Maker};
use super::stack::{Stack, find, invalid};
use super::stack_api::{finish_later, optional};
use super::{StackWork, stack};
use crate::call::{AwsError, Call};
use crate::paging::page;
use crate::table::Row;
use crate::time::Time;
use crate::world::World;

/// What detection last found of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackDrift {
    pub at: Time,
    /// Resources that were checked, by logical id.
    pub resources: BTreeMap<String, ResourceDrift>,
}

/// What detection found of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceDrift {
    pub at: Time,
    pub kind: String,
    pub physical_id: String,
    /// `IN_SYNC`, `MODIFIED` or `DELETED`.
    pub status: String,
    pub differences: Vec<Difference>,
    /// Expected and actual properties as JSON.
    pub properties: Option<(String, String)>,
}

/// A detection that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    pub stack: String,
    pub at: Time,
    /// Once it is over: how many resources drifted, or why it failed.
    pub outcome: Option<Result<usize, String>>,
}

impl StackDrift {
    /// How many resources drifted.
    pub fn drifted(&self) -> usize {
        self.resources
            .values()
            .filter(|resource| resource.status != "IN_SYNC")
            .count()
    }

    /// `DRIFTED` or `IN_SYNC`.
    pub fn status(&self) -> &'static str {
        match self.drifted() {
            0 => "IN_SYNC",
            _ => "DRIFTED",
        }
    }
}

/// How long detection takes, in seconds.
pub fn seconds(stack: &Stack) -> i64 {
    let checked = stack
        .resources
        .values()
        .filter(|resource| resources::kind(&resource.kind).is_some_and(|kind| kind.read.is_some()));
    5 + i64::try_from(checked.count()).unwrap_or(0)
}

/// Why a stack's drift cannot be detected now.
pub fn refusal(stack: &Stack) -> Option<String> {
    let fit = matches!(
        stack.status.as_str(),
        "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "UPDATE_ROLLBACK_FAILED"
    );
    (!fit).then(|| {
        format!(
            "Drift detection cannot be performed on stack [{}] in status {}",
            stack.id, stack.status
        )
    })
}

/// Looks at one resource; nothing where its type is not checked.
fn look(world: &mut World, at: Place<'_>, stack: &Stack, name: &str) -> Option<ResourceDrift> {
    let resource = stack.resources.get(name)?;
    let read = resources::kind(&resource.kind)?.read?;
    let now = world.now;
    let principal = stack.principal(at.account);
    let maker = Maker {
        world,
        account: at.account,
        region: at.region,
        stack_name: &stack.name,
        logical_id: name,
        principal: &principal,
        tags: &stack.tags,
    };
    let live = read(&maker, &resource.physical_id, &resource.properties);
    let differences = live
        .as_ref()
        .map(|live| differences(&resource.properties, live));
    let status = match &differences {
        None => "DELETED",
        Some(found) if found.is_empty() => "IN_SYNC",
        Some(_) => "MODIFIED",
    };
    Some(ResourceDrift {
        at: now,
        kind: resource.kind.clone(),
        physical_id: resource.physical_id.clone(),
        status: status.to_owned(),
        properties: live.map(|live| {
            let expected = Value::Object(resource.properties.clone());
            let actual = Value::Object(set_in(&resource.properties, &live));
            (expected.to_string(), actual.to_string())
        }),
        differences: differences.unwrap_or_default(),
    })
}

/// Looks at every resource, or at those named. The stack keeps what was found.
pub fn detect(world: &mut World, at: Place<'_>, stack: &mut Stack, only: &[String]) -> usize {
    let names: Vec<String> = stack
        .resources
        .keys()
        .filter(|name| only.is_empty() || only.contains(name))
        .cloned()
        .collect();
    let found: Vec<(String, ResourceDrift)> = names
        .into_iter()
        .filter_map(|name| {
            let drift = look(world, at, stack, &name)?;
            Some((name, drift))
        })
        .collect();
    let kept = stack.drift.get_or_insert_with(|| StackDrift {
        at: world.now,
        resources: BTreeMap::new(),
    });
    kept.at = world.now;
    if only.is_empty() {
        kept.resources.clear();
    }
    kept.resources.extend(found);
    kept.drifted()
}

/// A detection's time has come.
pub fn finish(world: &mut World, at: Place<'_>, stack: &mut Stack, id: &str, only: &[String]) {
    let outcome = match refusal(stack) {
        Some(why) => Err(why),
        None => Ok(detect(world, at, stack, only)),
    };
    if let Ok(region) = world.region_mut(at.account, at.region)
        && let Some(detection) = region.cloudformation.detections.get_mut(id)
    {
        detection.outcome = Some(outcome);
    }
}

/// `DriftInformation` of a stack.
pub(super) fn information(stack: &Stack) -> Value {
    match &stack.drift {
        None => json!({"StackDriftStatus": "NOT_CHECKED"}),
        Some(drift) => {
            json!({"StackDriftStatus": drift.status(), "LastCheckTimestamp": drift.at.json()})
        }
    }
}

/// `DriftInformation` of a resource.
pub(super) fn resource_information(stack: &Stack, name: &str) -> Value {
    let found = stack
        .drift
        .as_ref()
        .and_then(|drift| drift.resources.get(name));
    match found {
        None => json!({"StackResourceDriftStatus": "NOT_CHECKED"}),
        Some(drift) => {
            json!({"StackResourceDriftStatus": drift.status, "LastCheckTimestamp": drift.at.json()})
        }
    }
}

/// A resource's drift. `whole` brings the properties beside the differences.
fn view(stack: &Stack, name: &str, drift: &ResourceDrift, whole: bool) -> Value {
    let mut out = json!({
        "StackId": stack.id, "LogicalResourceId": name, "PhysicalResourceId": drift.physical_id,
        "ResourceType": drift.kind, "StackResourceDriftStatus": drift.status, "Timestamp": drift.at.json(),
    });
    let differences = drift
        .differences
        .iter()
        .map(|difference| {
            json!({"PropertyPath": difference.path, "ExpectedValue": difference.expected,
                   "ActualValue": difference.actual, "DifferenceType": difference.kind})
        })
        .collect();
    // "These will be present only for resources whose StackResourceDriftStatus is MODIFIED."
    let modified = drift.status == "MODIFIED";
    let properties = drift.properties.clone().filter(|_| whole);
    let (expected, actual) = properties.unzip();
    optional(
        &mut out,
        &[
            (
                "PropertyDifferences",
                modified.then_some(Value::Array(differences)),
            ),
            ("ExpectedProperties", expected.map(Value::String)),
            ("ActualProperties", actual.map(Value::String)),
        ],
    );
    out
}

/// The drifts of a stack's checked resources, with these statuses if any are named.
pub(super) fn drifts(stack: &Stack, statuses: &[String], whole: bool) -> Vec<Value> {
    let found = stack.drift.iter().flat_map(|drift| &drift.resources);
    found
        .filter(|(_, drift)| statuses.is_empty() || statuses.contains(&drift.status))
        .map(|(name, drift)| view(stack, name, drift, whole))
        .collect()
}

fn detect_stack_drift(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))?;
    if let Some(why) = refusal(stack) {
        return Err(invalid(why));
    }
    let only = call.strings("LogicalResourceIds");
    if let Some(unknown) = only
        .iter()
        .find(|name| !stack.resources.contains_key(*name))
    {
        return Err(no_such_resource(unknown, stack));
    }
    let (stack, seconds) = (stack.id.clone(), seconds(stack));
    let id = world.rng.uuid();
    let state = &mut world
        .region_mut(&call.account, &call.region)?
        .cloudformation;
    let busy = state
        .detections
        .values()
        .any(|other| other.stack == stack && other.outcome.is_none());
    if busy {
        return Err(invalid(format!(
            "Drift detection is already in progress for stack [{stack}]"
        )));
    }
    let detection = Detection {
        stack: stack.clone(),
        at: call.now,
        outcome: None,
    };
    state.detections.insert(id.clone(), detection);
    let work = StackWork::Detect {
        id: id.clone(),
        only,
    };
    finish_later(world, call, &stack, seconds, work);
    Ok(json!({"StackDriftDetectionId": id}))
}

fn no_such_resource(name: &str, stack: &Stack) -> AwsError {
    invalid(format!(
        "Resource {name} does not exist for stack {}",
        stack.name
    ))
}

fn detection_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("StackDriftDetectionId");
    let state = world
        .region(&call.account, &call.region)
        .map(|region| &region.cloudformation);
    let detection = state
        .and_then(|state| state.detections.get(id))
        .ok_or_else(|| invalid(format!("Drift detection {id} does not exist")))?;
    let status = match &detection.outcome {
        None => "DETECTION_IN_PROGRESS",
        Some(Ok(_)) => "DETECTION_COMPLETE",
        Some(Err(_)) => "DETECTION_FAILED",
    };
    let mut out = json!({
        "StackId": detection.stack, "StackDriftDetectionId": id, "DetectionStatus": status,
        "Timestamp": detection.at.json(),
    });
    let (drifted, reason) = match detection.outcome.clone() {
        Some(Ok(drifted)) => (Some(drifted), None),
        Some(Err(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    let found = drifted.map(|drifted| if drifted == 0 { "IN_SYNC" } else { "DRIFTED" });
    optional(
        &mut out,
        &[
            ("DriftedStackResourceCount", drifted.map(|n| json!(n))),
            ("StackDriftStatus", found.map(|status| json!(status))),
            ("DetectionStatusReason", reason.map(Value::String)),
        ],
    );
    Ok(out)
}

fn describe_drifts(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))?;
    let statuses = call.strings("StackResourceDriftStatusFilters");
    let found = drifts(stack, &statuses, true);
    page(call, "StackResourceDrifts", found, "MaxResults", 100)
}

fn detect_resource_drift(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))?;
    let name = call.text("LogicalResourceId").to_owned();
    let Some(resource) = stack.resources.get(&name) else {
        return Err(no_such_resource(&name, stack));
    };
    if let Some(why) = refusal(stack) {
        return Err(invalid(why));
    }
    if resources::kind(&resource.kind).is_none_or(|kind| kind.read.is_none()) {
        return Err(invalid(format!(
            "Resource type {} is not supported for drift detection",
            resource.kind
        )));
    }
    let id = stack.id.clone();
    let at = Place {
        account: &call.account,
        region: &call.region,
    };
    let only = [name.clone()];
    let found = with_stack(world, at, &id, |world, stack| {
        detect(world, at, stack, &only);
        let drift = stack.drift.as_ref()?.resources.get(&name)?;
        Some(view(stack, &name, drift, true))
    });
    let found = found.flatten().ok_or_else(|| stack::no_such_stack(&id))?;
    Ok(json!({"StackResourceDrift": found}))
}

pub(super) const OPERATIONS: &[Row] = &[
    (
        "cloudformation",
        "DescribeStackDriftDetectionStatus",
        detection_status,
    ),
    (
        "cloudformation",
        "DescribeStackResourceDrifts",
        describe_drifts,
    ),
    ("cloudformation", "DetectStackDrift", detect_stack_drift),
    (
        "cloudformation",
        "DetectStackResourceDrift",
        detect_resource_drift,
    ),
];
