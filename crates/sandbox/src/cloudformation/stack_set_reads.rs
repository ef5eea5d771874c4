//! What stack sets answer when they are asked.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::operation::{Action, Operation};
use super::stack::{parameter_list, parse, tag_list};
use super::stack_api::optional;
use super::stack_set::{Instance, StackSet, admin_of, get, instance_key, locate};
use super::stack_set_api::{auto_view, no_such_operation};
use super::stack_set_drift::{details, last_details};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::paging::page;
use crate::table::Row;
use crate::time::Time;
use crate::world::World;

fn found<'w>(world: &'w World, call: &Call) -> Result<(&'w StackSet, String), AwsError> {
    let (admin, id) = locate(world, call)?;
    Ok((get(world, &admin, &call.region, &id)?, admin))
}

fn permission_model(set: &StackSet) -> &'static str {
    if set.service_managed {
        "SERVICE_MANAGED"
    } else {
        "SELF_MANAGED"
    }
}

/// The OUs that a set has instances or targets in.
pub(super) fn ous(set: &StackSet) -> BTreeSet<String> {
    let instances = set.instances.values().map(|i| &i.ou);
    instances
        .chain(set.targets.keys())
        .filter(|ou| !ou.is_empty())
        .cloned()
        .collect()
}

fn shown_ous(world: &World, set: &StackSet, now: Time) -> BTreeSet<String> {
    let old = world.lags.shown(Lag::SetTargets, &set.id, now);
    old.unwrap_or_else(|| ous(set))
}

fn describe_stack_set(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (set, admin) = found(world, call)?;
    let template = parse(set.template()).ok();
    let regions: BTreeSet<&String> = set.instances.values().map(|i| &i.region).collect();
    let ous = shown_ous(world, set, call.now);
    let mut out = json!({
        "StackSetName": set.name, "StackSetId": set.id,
        "Status": if set.deleted { "DELETED" } else { "ACTIVE" }, "TemplateBody": set.template(),
        "Parameters": parameter_list(template.as_deref(), &set.parameters), "Capabilities": set.capabilities,
        "Tags": tag_list(&set.tags), "StackSetARN": set.arn(&admin, &call.region), "PermissionModel": permission_model(set),
        "ManagedExecution": {"Active": set.managed_execution}, "Regions": regions, "OrganizationalUnitIds": ous,
        "StackSetDriftDetectionDetails": last_details(set),
    });
    let auto = set.service_managed.then(|| auto_view(set));
    let own_role =
        !set.service_managed || set.execution_role != "AWSCloudFormationStackSetExecutionRole";
    let description = Some(&set.description).filter(|text| !text.is_empty());
    optional(
        &mut out,
        &[
            ("AutoDeployment", auto),
            ("Description", description.map(|text| json!(text))),
            (
                "ExecutionRoleName",
                own_role.then(|| json!(set.execution_role)),
            ),
        ],
    );
    Ok(json!({"StackSet": out}))
}

fn list_stack_sets(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let admin = admin_of(world, call)?;
    let wanted = call.str("Status");
    let sets = world
        .region(&admin, &call.region)
        .map(|r| &r.cloudformation.stack_sets);
    let found = sets
        .into_iter()
        .flat_map(|sets| sets.values())
        .map(|set| (set, if set.deleted { "DELETED" } else { "ACTIVE" }))
        .filter(|(_, status)| wanted.is_none_or(|w| w == *status))
        .map(|(set, status)| {
            let details = last_details(set);
            let mut out = json!({
                "StackSetName": set.name, "StackSetId": set.id, "Status": status,
                "PermissionModel": permission_model(set), "DriftStatus": details.get("DriftStatus"),
                "ManagedExecution": {"Active": set.managed_execution},
            });
            let auto = set.service_managed.then(|| auto_view(set));
            let description = Some(&set.description).filter(|text| !text.is_empty());
            optional(
                &mut out,
                &[
                    ("AutoDeployment", auto),
                    ("Description", description.map(|text| json!(text))),
                    (
                        "LastDriftCheckTimestamp",
                        details.get("LastDriftCheckTimestamp").cloned(),
                    ),
                ],
            );
            out
        })
        .collect();
    page(call, "Summaries", found, "MaxResults", 100)
}

fn instance_view(set: &StackSet, instance: &Instance) -> Value {
    let mut out = json!({
        "StackSetId": set.id, "Region": instance.region, "Account": instance.account, "Status": instance.status,
        "StackInstanceStatus": {"DetailedStatus": instance.detailed}, "DriftStatus": instance.drift,
        "LastOperationId": instance.last_operation,
    });
    let ou = Some(instance.ou.clone()).filter(|ou| !ou.is_empty());
    optional(
        &mut out,
        &[
            ("StackId", instance.stack.clone().map(Value::String)),
            ("StatusReason", instance.reason.clone().map(Value::String)),
            ("OrganizationalUnitId", ou.map(Value::String)),
            (
                "LastDriftCheckTimestamp",
                instance.drift_checked.map(|at| at.json()),
            ),
        ],
    );
    out
}

fn list_stack_instances(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (set, _) = found(world, call)?;
    let (account, region) = (
        call.str("StackInstanceAccount"),
        call.str("StackInstanceRegion"),
    );
    let passes = |instance: &Instance| {
        call.list("Filters").iter().all(|filter| {
            let text = |name: &str| filter.get(name).and_then(Value::as_str).unwrap_or_default();
            match text("Name") {
                "DETAILED_STATUS" => instance.detailed == text("Values"),
                "LAST_OPERATION_ID" => instance.last_operation == text("Values"),
                "DRIFT_STATUS" => instance.drift == text("Values"),
                _ => false,
            }
        })
    };
    let found = set
        .instances
        .values()
        .filter(|i| {
            account.is_none_or(|a| a == i.account)
                && region.is_none_or(|r| r == i.region)
                && passes(i)
        })
        .map(|instance| instance_view(set, instance))
        .collect();
    page(call, "Summaries", found, "MaxResults", 100)
}

fn describe_stack_instance(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (set, _) = found(world, call)?;
    let key = instance_key(
        call.text("StackInstanceAccount"),
        call.text("StackInstanceRegion"),
    );
    let instance = set.instances.get(&key).ok_or_else(|| {
        AwsError::new(
            "StackInstanceNotFoundException",
            format!("Stack instance {key} not found in StackSet {}", set.id),
        )
        .status(404)
    })?;
    let mut out = instance_view(set, instance);
    optional(
        &mut out,
        &[(
            "ParameterOverrides",
            Some(json!(parameter_list(None, &instance.overrides))),
        )],
    );
    Ok(json!({"StackInstance": out}))
}

fn operation_view(operation: &Operation) -> Value {
    let mut out = json!({
        "OperationId": operation.id, "Action": operation.action.name(), "Status": operation.status,
        "CreationTimestamp": operation.created.json(), "StatusDetails": {"FailedStackInstancesCount": operation.failed()},
    });
    let given = |value: &Value| Some(value.clone()).filter(|v| !v.is_null());
    optional(
        &mut out,
        &[
            ("EndTimestamp", operation.ended.map(|t| t.json())),
            ("StatusReason", operation.reason.clone().map(Value::String)),
            ("OperationPreferences", given(&operation.preferences)),
        ],
    );
    out
}

fn describe_operation(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (set, _) = found(world, call)?;
    let id = call.text("OperationId");
    let operation = set
        .operations
        .get(id)
        .ok_or_else(|| no_such_operation(id))?;
    let mut out = operation_view(operation);
    optional(
        &mut out,
        &[
            ("StackSetId", Some(json!(set.id))),
            (
                "StackSetDriftDetectionDetails",
                (operation.action == Action::DetectDrift).then(|| match &operation.drift {
                    Some(ended) => ended.clone(),
                    None => details(set, operation),
                }),
            ),
            (
                "DeploymentTargets",
                Some(operation.targets.clone()).filter(|t| !t.is_null()),
            ),
            (
                "RetainStacks",
                (operation.action.name() == "DELETE").then(|| json!(operation.retain)),
            ),
        ],
    );
    Ok(json!({"StackSetOperation": out}))
}

fn list_operations(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (set, _) = found(world, call)?;
    let found = set
        .history
        .iter()
        .rev()
        .filter_map(|id| set.operations.get(id))
        .map(operation_view)
        .collect();
    page(call, "Summaries", found, "MaxResults", 100)
}

fn list_results(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (set, _) = found(world, call)?;
    let id = call.text("OperationId");
    let operation = set
        .operations
        .get(id)
        .ok_or_else(|| no_such_operation(id))?;
    let wanted: Vec<&str> = call
        .list("Filters")
        .iter()
        .filter_map(|f| f.get("Values").and_then(Value::as_str))
        .collect();
    let found = operation
        .results
        .iter()
        .filter(|(_, outcome)| wanted.is_empty() || wanted.contains(&outcome.status.as_str()))
        .map(|(key, outcome)| {
            let (account, region) = key.split_once('/').unwrap_or_default();
            let mut out = json!({
                "Account": account, "Region": region, "Status": outcome.status,
                "AccountGateResult": {"Status": "SKIPPED", "StatusReason": format!("Function not found: arn:aws:lambda:{region}:{account}:function:AWSCloudFormationStackSetAccountGate")},
            });
            let ou = Some(outcome.ou.clone()).filter(|ou| !ou.is_empty());
            optional(&mut out, &[
                ("StatusReason", outcome.reason.clone().map(Value::String)),
                ("OrganizationalUnitId", ou.map(Value::String)),
            ]);
            out
        })
        .collect();
    page(call, "Summaries", found, "MaxResults", 100)
}

fn list_targets(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (set, _) = found(world, call)?;
    let found = set
        .targets
        .iter()
        .map(|(ou, regions)| json!({"OrganizationalUnitId": ou, "Regions": regions}))
        .collect();
    page(call, "Summaries", found, "MaxResults", 100)
}

pub(super) const OPERATIONS: &[Row] = &[
    (
        "cloudformation",
        "DescribeStackInstance",
        describe_stack_instance,
    ),
    ("cloudformation", "DescribeStackSet", describe_stack_set),
    (
        "cloudformation",
        "DescribeStackSetOperation",
        describe_operation,
    ),
    ("cloudformation", "ListStackInstances", list_stack_instances),
    (
        "cloudformation",
        "ListStackSetAutoDeploymentTargets",
        list_targets,
    ),
    (
        "cloudformation",
        "ListStackSetOperationResults",
        list_results,
    ),
    ("cloudformation", "ListStackSetOperations", list_operations),
    ("cloudformation", "ListStackSets", list_stack_sets),
];
