//! EventBridge, as far as orgstrap meets it: rules and their targets. No events flow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::{AwsError, Call};
use super::paging::page;
use super::table::Row;
use super::world::World;

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventsState {
    /// Rules by name, as DescribeRule answers them, with `Targets` beside.
    pub rules: BTreeMap<String, Map<String, Value>>,
}

fn missing(name: &str) -> AwsError {
    AwsError::new(
        "ResourceNotFoundException",
        format!("Rule {name} does not exist on EventBus default."),
    )
}

fn rule_mut<'w>(
    world: &'w mut World,
    call: &Call,
    name: &str,
) -> Result<&'w mut Map<String, Value>, AwsError> {
    world
        .region_mut(&call.account, &call.region)?
        .events
        .rules
        .get_mut(name)
        .ok_or_else(|| missing(name))
}

fn put_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name").to_owned();
    let arn = format!(
        "arn:aws:events:{}:{}:rule/{name}",
        call.region, call.account
    );
    let rule = world
        .region_mut(&call.account, &call.region)?
        .events
        .rules
        .entry(name)
        .or_default();
    for (key, value) in call.input.as_object().into_iter().flatten() {
        rule.insert(key.clone(), value.clone());
    }
    rule.insert("Arn".to_owned(), json!(arn));
    rule.entry("State").or_insert_with(|| json!("ENABLED"));
    rule.entry("EventBusName")
        .or_insert_with(|| json!("default"));
    Ok(json!({"RuleArn": arn}))
}

fn put_targets(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let rule = rule_mut(world, call, call.text("Rule"))?;
    let mut targets: Vec<Value> = rule
        .get("Targets")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for target in call.list("Targets") {
        targets.retain(|t| t.get("Id") != target.get("Id"));
        targets.push(target.clone());
    }
    if targets.len() > 5 {
        return Err(AwsError::new(
            "LimitExceededException",
            "The requested resource exceeds the maximum number allowed.",
        ));
    }
    rule.insert("Targets".to_owned(), Value::Array(targets));
    Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
}

fn remove_targets(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let gone = call.strings("Ids");
    let rule = rule_mut(world, call, call.text("Rule"))?;
    if let Some(Value::Array(targets)) = rule.get_mut("Targets") {
        targets.retain(|t| {
            !t.get("Id")
                .and_then(Value::as_str)
                .is_some_and(|id| gone.iter().any(|g| g == id))
        });
    }
    Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
}

fn delete_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let rules = &mut world.region_mut(&call.account, &call.region)?.events.rules;
    if rules
        .get(name)
        .and_then(|r| r.get("Targets"))
        .and_then(Value::as_array)
        .is_some_and(|t| !t.is_empty())
    {
        return Err(AwsError::new(
            "ValidationException",
            "Rule can't be deleted since it has targets.",
        ));
    }
    rules.remove(name);
    Ok(Value::Null)
}

fn set_state(world: &mut World, call: &Call, state: &str) -> Result<Value, AwsError> {
    rule_mut(world, call, call.text("Name"))?.insert("State".to_owned(), json!(state));
    Ok(Value::Null)
}

fn enable_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    set_state(world, call, "ENABLED")
}

fn disable_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    set_state(world, call, "DISABLED")
}

/// The members that DescribeRule and ListRules answer.
fn view(rule: &Map<String, Value>) -> Value {
    const SHOWN: &[&str] = &[
        "Name",
        "Arn",
        "EventPattern",
        "ScheduleExpression",
        "State",
        "Description",
        "RoleArn",
        "ManagedBy",
        "EventBusName",
    ];
    Value::Object(
        rule.iter()
            .filter(|(k, _)| SHOWN.contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    )
}

fn describe_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    Ok(view(rule_mut(world, call, call.text("Name"))?))
}

fn list_rules(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let prefix = call.text("NamePrefix");
    let rules = world
        .region(&call.account, &call.region)
        .map(|r| &r.events.rules);
    let found = rules
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.starts_with(prefix))
        .map(|(_, rule)| view(rule))
        .collect();
    page(call, "Rules", found, "Limit", 100)
}

fn list_targets(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let rule = rule_mut(world, call, call.text("Rule"))?;
    let targets = rule
        .get("Targets")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    page(call, "Targets", targets, "Limit", 100)
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("events", "DeleteRule", delete_rule),
    ("events", "DescribeRule", describe_rule),
    ("events", "DisableRule", disable_rule),
    ("events", "EnableRule", enable_rule),
    ("events", "ListRules", list_rules),
    ("events", "ListTargetsByRule", list_targets),
    ("events", "PutRule", put_rule),
    ("events", "PutTargets", put_targets),
    ("events", "RemoveTargets", remove_targets),
];
