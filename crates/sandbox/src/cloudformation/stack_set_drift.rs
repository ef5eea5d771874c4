//! Drift detection of a stack set: one operation, which detects the drift of each instance's stack.
//!
//! Source: CloudFormation user guide, "Performing drift detection on CloudFormation StackSets"; API reference,
//! StackSetDriftDetectionDetails.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::deployment::{Order, submit};
use super::drift::drifts;
use super::operation::{Action, Operation};
use super::stack_api::optional;
use super::stack_set::{StackSet, get, instance_key, locate};
use super::stack_set_api::{every_account, every_region, no_such_operation, operation_id};
use crate::call::{AwsError, Call};
use crate::paging::page;
use crate::table::Row;
use crate::world::World;

/// How a detection stands: of its instances, how many drifted, and so on.
pub(super) fn details(set: &StackSet, operation: &Operation) -> Value {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, outcome) in &operation.results {
        let found = set.instances.get(key).map(|i| i.drift.as_str());
        let what = match (outcome.status.as_str(), found) {
            ("SUCCEEDED", Some("DRIFTED")) => "drifted",
            ("SUCCEEDED", _) => "in sync",
            ("PENDING" | "RUNNING", _) => "in progress",
            ("FAILED", _) => "failed",
            _ => "left out",
        };
        *counts.entry(what).or_default() += 1;
    }
    let count = |what: &str| counts.get(what).copied().unwrap_or(0);
    let total = operation.results.len();
    let status = match operation.status.as_str() {
        "SUCCEEDED" if count("failed") == 0 => "COMPLETED",
        "SUCCEEDED" => "PARTIAL_SUCCESS",
        "FAILED" => "FAILED",
        "STOPPED" => "STOPPED",
        _ => "IN_PROGRESS",
    };
    let found = match (count("drifted"), count("in sync")) {
        (0, 0) => "NOT_CHECKED",
        (0, checked) if checked < total => "NOT_CHECKED",
        (0, _) => "IN_SYNC",
        _ => "DRIFTED",
    };
    let mut out = json!({
        "DriftStatus": found, "DriftDetectionStatus": status, "TotalStackInstancesCount": total,
        "DriftedStackInstancesCount": count("drifted"), "InSyncStackInstancesCount": count("in sync"),
        "InProgressStackInstancesCount": count("in progress"), "FailedStackInstancesCount": count("failed"),
    });
    optional(
        &mut out,
        &[(
            "LastDriftCheckTimestamp",
            operation.ended.map(|at| at.json()),
        )],
    );
    out
}

/// What is known of the set: the details of the last detection that is over.
pub(super) fn last_details(set: &StackSet) -> Value {
    let ended = set
        .history
        .iter()
        .rev()
        .filter_map(|id| set.operations.get(id))
        .find_map(|operation| operation.drift.clone());
    ended.unwrap_or_else(|| {
        json!({
            "DriftStatus": "NOT_CHECKED", "TotalStackInstancesCount": set.instances.len(),
            "DriftedStackInstancesCount": 0, "InSyncStackInstancesCount": 0,
            "InProgressStackInstancesCount": 0, "FailedStackInstancesCount": 0,
        })
    })
}

fn detect(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (admin, id) = locate(world, call)?;
    let set = get(world, &admin, &call.region, &id)?;
    let order = Order {
        accounts: every_account(set),
        regions: every_region(set),
        id: operation_id(world, call),
        action: Action::DetectDrift,
        preferences: call.get("OperationPreferences").clone(),
        targets: Value::Null,
        retain: false,
        overrides: None,
        imports: BTreeMap::new(),
    };
    Ok(json!({"OperationId": submit(world, &admin, &call.region, &id, order, false)?}))
}

fn list_drifts(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (admin, id) = locate(world, call)?;
    let set = get(world, &admin, &call.region, &id)?;
    let operation = call.text("OperationId");
    if set
        .operations
        .get(operation)
        .is_none_or(|operation| operation.action != Action::DetectDrift)
    {
        return Err(no_such_operation(operation));
    }
    let (account, region) = (
        call.text("StackInstanceAccount"),
        call.text("StackInstanceRegion"),
    );
    let key = instance_key(account, region);
    let instance = set.instances.get(&key).ok_or_else(|| {
        AwsError::new(
            "StackInstanceNotFoundException",
            format!("Stack instance {key} not found in StackSet {}", set.id),
        )
        .status(404)
    })?;
    let statuses = call.strings("StackInstanceResourceDriftStatuses");
    let stack = instance
        .stack
        .as_deref()
        .and_then(|id| world.region(account, region)?.cloudformation.stack(id));
    let found = stack.map_or_else(Vec::new, |stack| drifts(stack, &statuses, false));
    page(call, "Summaries", found, "MaxResults", 100)
}

pub(super) const OPERATIONS: &[Row] = &[
    ("cloudformation", "DetectStackSetDrift", detect),
    (
        "cloudformation",
        "ListStackInstanceResourceDrifts",
        list_drifts,
    ),
];
