//! AWS::CloudTrail::Trail.

use serde_json::{Map, Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, flag, gone_is_fine, identity, str_of, typed,
};
use crate::call::AwsError;

pub(super) const KINDS: &[Kind] = &[Kind {
    name: "AWS::CloudTrail::Trail",
    properties: &[
        "AdvancedEventSelectors",
        "AggregationConfigurations",
        "CloudWatchLogsLogGroupArn",
        "CloudWatchLogsRoleArn",
        "EnableLogFileValidation",
        "EventSelectors",
        "IncludeGlobalServiceEvents",
        "InsightSelectors",
        "IsLogging",
        "IsMultiRegionTrail",
        "IsOrganizationTrail",
        "KMSKeyId",
        "S3BucketName",
        "S3KeyPrefix",
        "SnsTopicName",
        "Tags",
        "TrailName",
    ],
    required: &["IsLogging", "S3BucketName"],
    replaced_by: &["TrailName"],
    seconds: 20,
    rank: 0,
    create,
    update,
    delete: |maker, name, _| {
        gone_is_fine(maker.call("cloudtrail", "DeleteTrail", json!({"Name": name})))
    },
    stable: always_stable,
    read: Some(read),
}];

fn input(name: &str, props: &Props) -> Map<String, Value> {
    let mut input = Map::new();
    input.insert("Name".to_owned(), json!(name));
    for key in [
        "CloudWatchLogsLogGroupArn",
        "CloudWatchLogsRoleArn",
        "EnableLogFileValidation",
        "IncludeGlobalServiceEvents",
        "IsMultiRegionTrail",
        "IsOrganizationTrail",
        "S3BucketName",
        "S3KeyPrefix",
        "SnsTopicName",
    ] {
        if let Some(value) = props.get(key) {
            input.insert(key.to_owned(), typed(value));
        }
    }
    if let Some(key) = props.get("KMSKeyId") {
        input.insert("KmsKeyId".to_owned(), key.clone());
    }
    input
}

fn create(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "TrailName") {
        Some(name) => name,
        None => maker.make_name(128),
    };
    let mut input = input(&name, props);
    input.insert("TagsList".to_owned(), maker.tag_list(props));
    let made = maker.call("cloudtrail", "CreateTrail", Value::Object(input))?;
    finish(maker, &name, props, &made)
}

fn update(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<Identity, AwsError> {
    let made = maker.call(
        "cloudtrail",
        "UpdateTrail",
        Value::Object(input(name, props)),
    )?;
    finish(maker, name, props, &made)
}

fn finish(
    maker: &mut Maker<'_>,
    name: &str,
    props: &Props,
    made: &Value,
) -> Result<Identity, AwsError> {
    for (property, operation) in [
        ("EventSelectors", "PutEventSelectors"),
        ("AdvancedEventSelectors", "PutEventSelectors"),
        ("InsightSelectors", "PutInsightSelectors"),
    ] {
        if let Some(selectors) = props.get(property) {
            let mut input = Map::new();
            input.insert("TrailName".to_owned(), json!(name));
            input.insert(property.to_owned(), typed(selectors));
            maker.call("cloudtrail", operation, Value::Object(input))?;
        }
    }
    let operation = if flag(props, "IsLogging").unwrap_or(true) {
        "StartLogging"
    } else {
        "StopLogging"
    };
    maker.call("cloudtrail", operation, json!({"Name": name}))?;
    let arn = made
        .get("TrailARN")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(identity(name, &[("Arn", arn), ("SnsTopicArn", "")]))
}

fn read(maker: &Maker<'_>, name: &str, _: &Props) -> Option<Props> {
    let trail = maker.region()?.cloudtrail.trails.get(name)?;
    let mut props = trail.settings.clone();
    for (ours, theirs) in [
        ("KMSKeyId", "KmsKeyId"),
        ("EnableLogFileValidation", "LogFileValidationEnabled"),
    ] {
        if let Some(value) = props.remove(theirs) {
            props.insert(ours.to_owned(), value);
        }
    }
    props.insert("TrailName".to_owned(), json!(name));
    props.insert("IsLogging".to_owned(), json!(trail.logging));
    for (name, value) in [
        ("EventSelectors", &trail.event_selectors),
        ("AdvancedEventSelectors", &trail.advanced_event_selectors),
        ("InsightSelectors", &trail.insight_selectors),
    ] {
        if let Some(value) = value {
            props.insert(name.to_owned(), value.clone());
        }
    }
    props.insert("Tags".to_owned(), maker.own_tags(&trail.tags));
    Some(props)
}
