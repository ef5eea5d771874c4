//! AWS::Events::Rule.

use serde_json::{Map, Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, as_declared, document, gone_is_fine, identity,
    str_of,
};
use crate::call::AwsError;

pub(super) const KINDS: &[Kind] = &[Kind {
    name: "AWS::Events::Rule",
    properties: &[
        "Description",
        "EventBusName",
        "EventPattern",
        "Name",
        "RoleArn",
        "ScheduleExpression",
        "State",
        "Tags",
        "Targets",
    ],
    required: &[],
    replaced_by: &["EventBusName", "Name"],
    seconds: 60,
    rank: 0,
    create,
    update: |maker, name, props| put(maker, name, props),
    delete,
    stable: always_stable,
    read: Some(read),
}];

fn create(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "Name") {
        Some(name) => name,
        None => maker.make_name(64),
    };
    put(maker, &name, props)
}

fn put(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<Identity, AwsError> {
    let mut input = Map::new();
    input.insert("Name".to_owned(), json!(name));
    for key in [
        "Description",
        "EventBusName",
        "RoleArn",
        "ScheduleExpression",
        "State",
    ] {
        if let Some(value) = str_of(props, key) {
            input.insert(key.to_owned(), json!(value));
        }
    }
    if let Some(pattern) = props.get("EventPattern") {
        input.insert("EventPattern".to_owned(), json!(document(Some(pattern))));
    }
    let made = maker.call("events", "PutRule", Value::Object(input))?;
    if let Some(targets) = props.get("Targets") {
        maker.call(
            "events",
            "PutTargets",
            json!({"Rule": name, "Targets": targets}),
        )?;
    }
    let arn = made
        .get("RuleArn")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(identity(name, &[("Arn", arn)]))
}

fn delete(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<(), AwsError> {
    let targets = props.get("Targets").and_then(Value::as_array);
    let ids: Vec<&Value> = targets
        .into_iter()
        .flatten()
        .filter_map(|t| t.get("Id"))
        .collect();
    if !ids.is_empty() {
        gone_is_fine(maker.call("events", "RemoveTargets", json!({"Rule": name, "Ids": ids})))?;
    }
    gone_is_fine(maker.call("events", "DeleteRule", json!({"Name": name})))
}

fn read(maker: &Maker<'_>, name: &str, declared: &Props) -> Option<Props> {
    let mut props = maker.region()?.events.rules.get(name)?.clone();
    as_declared(&mut props, declared, &["Tags"]);
    Some(props)
}
