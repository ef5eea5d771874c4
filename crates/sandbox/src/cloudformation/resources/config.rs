//! AWS::Config::*.
//!
//! CloudFormation makes the recorder, then the channel, and starts the recorder when both are there. A recorder is not
//! complete before it records, and a channel needs a recorder: that is why a `DependsOn` between them never ends well.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, as_declared, document, gone_is_fine, identity,
    lower_camel, str_of, typed,
};
use crate::call::AwsError;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::Config::ConfigurationRecorder",
        properties: &["Name", "RecordingGroup", "RecordingMode", "RoleARN"],
        required: &["RoleARN"],
        replaced_by: &["Name"],
        seconds: 10,
        rank: 0,
        create: put_recorder,
        update: put_recorder_again,
        delete: |maker, name, _| {
            gone_is_fine(maker.call(
                "config",
                "DeleteConfigurationRecorder",
                json!({"ConfigurationRecorderName": name}),
            ))
        },
        stable: recording,
        read: None,
    },
    Kind {
        name: "AWS::Config::DeliveryChannel",
        properties: &[
            "ConfigSnapshotDeliveryProperties",
            "Name",
            "S3BucketName",
            "S3KeyPrefix",
            "S3KmsKeyArn",
            "SnsTopicARN",
        ],
        required: &["S3BucketName"],
        replaced_by: &["Name"],
        seconds: 15,
        rank: 1,
        create: put_channel,
        update: put_channel_again,
        delete: |maker, name, _| {
            gone_is_fine(maker.call(
                "config",
                "DeleteDeliveryChannel",
                json!({"DeliveryChannelName": name}),
            ))
        },
        stable: always_stable,
        read: None,
    },
    Kind {
        name: "AWS::Config::ConfigurationAggregator",
        properties: &[
            "AccountAggregationSources",
            "AggregatorFilters",
            "ConfigurationAggregatorName",
            "OrganizationAggregationSource",
            "Tags",
        ],
        required: &[],
        replaced_by: &["ConfigurationAggregatorName"],
        seconds: 10,
        rank: 0,
        create: create_aggregator,
        update: |maker, name, props| put_aggregator(maker, name, props),
        delete: |maker, name, _| {
            gone_is_fine(maker.call(
                "config",
                "DeleteConfigurationAggregator",
                json!({"ConfigurationAggregatorName": name}),
            ))
        },
        stable: always_stable,
        read: Some(read_aggregator),
    },
    Kind {
        name: "AWS::Config::ConfigRule",
        properties: &[
            "Compliance",
            "ConfigRuleName",
            "Description",
            "EvaluationModes",
            "InputParameters",
            "MaximumExecutionFrequency",
            "Scope",
            "Source",
        ],
        required: &["Source"],
        replaced_by: &["ConfigRuleName"],
        seconds: 15,
        rank: 2,
        create: create_rule,
        update: |maker, name, props| put_rule(maker, name, props),
        delete: |maker, name, _| {
            gone_is_fine(maker.call(
                "config",
                "DeleteConfigRule",
                json!({"ConfigRuleName": name}),
            ))
        },
        stable: always_stable,
        read: Some(read_rule),
    },
];

fn put_recorder(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "Name") {
        Some(name) => name,
        None => maker.make_name(256),
    };
    put_recorder_again(maker, &name, props)
}

fn put_recorder_again(
    maker: &mut Maker<'_>,
    name: &str,
    props: &Props,
) -> Result<Identity, AwsError> {
    unique_types(props)?;
    let mut recorder = lower_camel(&Value::Object(props.clone()));
    if let Some(map) = recorder.as_object_mut() {
        map.insert("name".to_owned(), json!(name));
    }
    maker.call(
        "config",
        "PutConfigurationRecorder",
        json!({"ConfigurationRecorder": recorder}),
    )?;
    start_if_possible(maker)?;
    Ok(identity(name, &[]))
}

/// The type's schema has `uniqueItems` for both lists of resource types (resource provider schemas, November 2026).
fn unique_types(props: &Props) -> Result<(), AwsError> {
    for place in ["ExclusionByResourceTypes/ResourceTypes", "ResourceTypes"] {
        let group = props.get("RecordingGroup").unwrap_or(&Value::Null);
        let types = group
            .pointer(&format!("/{place}"))
            .and_then(Value::as_array);
        let mut seen = BTreeSet::new();
        let mut names = types.into_iter().flatten().filter_map(Value::as_str);
        if names.any(|name| !seen.insert(name)) {
            return Err(AwsError::new(
                "InvalidRequest",
                format!(
                    "Properties validation failed for resource Recorder with message:\n#/RecordingGroup/{place}: array items are not unique"
                ),
            ));
        }
    }
    Ok(())
}

fn start_if_possible(maker: &mut Maker<'_>) -> Result<(), AwsError> {
    let Some(region) = maker.world.region(maker.account, maker.region) else {
        return Ok(());
    };
    let recorder = region.config.recorder.as_ref().filter(|r| !r.recording);
    let name = recorder.and_then(|r| r.settings.get("name")).cloned();
    if let (Some(name), Some(_)) = (name, &region.config.channel) {
        maker.call(
            "config",
            "StartConfigurationRecorder",
            json!({"ConfigurationRecorderName": name}),
        )?;
    }
    Ok(())
}

fn recording(maker: &Maker<'_>, _: &str) -> Result<(), AwsError> {
    let region = maker.world.region(maker.account, maker.region);
    if region
        .and_then(|r| r.config.recorder.as_ref())
        .is_some_and(|r| r.recording)
    {
        return Ok(());
    }
    Err(AwsError::new(
        "NotStabilized",
        "Exceeded attempts to wait: the configuration recorder has no delivery channel to start with",
    ))
}

fn put_channel(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "Name") {
        Some(name) => name,
        None => maker.make_name(256),
    };
    put_channel_again(maker, &name, props)
}

fn put_channel_again(
    maker: &mut Maker<'_>,
    name: &str,
    props: &Props,
) -> Result<Identity, AwsError> {
    let mut channel = lower_camel(&Value::Object(props.clone()));
    if let Some(map) = channel.as_object_mut() {
        map.insert("name".to_owned(), json!(name));
    }
    maker.call(
        "config",
        "PutDeliveryChannel",
        json!({"DeliveryChannel": channel}),
    )?;
    start_if_possible(maker)?;
    Ok(identity(name, &[]))
}

fn create_aggregator(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "ConfigurationAggregatorName") {
        Some(name) => name,
        None => maker.make_name(256),
    };
    put_aggregator(maker, &name, props)
}

fn put_aggregator(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<Identity, AwsError> {
    let mut input = Map::new();
    input.insert("ConfigurationAggregatorName".to_owned(), json!(name));
    for key in ["AccountAggregationSources", "OrganizationAggregationSource"] {
        if let Some(value) = props.get(key) {
            input.insert(key.to_owned(), typed(value));
        }
    }
    input.insert("Tags".to_owned(), maker.tag_list(props));
    let made = maker.call("config", "PutConfigurationAggregator", Value::Object(input))?;
    let arn = made
        .pointer("/ConfigurationAggregator/ConfigurationAggregatorArn")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(identity(name, &[("ConfigurationAggregatorArn", arn)]))
}

fn create_rule(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "ConfigRuleName") {
        Some(name) => name,
        None => maker.make_name(128),
    };
    put_rule(maker, &name, props)
}

fn put_rule(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<Identity, AwsError> {
    let mut rule = typed(&Value::Object(props.clone()))
        .as_object()
        .cloned()
        .unwrap_or_default();
    rule.remove("Compliance");
    rule.insert("ConfigRuleName".to_owned(), json!(name));
    if let Some(parameters) = props.get("InputParameters") {
        rule.insert(
            "InputParameters".to_owned(),
            json!(document(Some(parameters))),
        );
    }
    maker.call("config", "PutConfigRule", json!({"ConfigRule": rule}))?;
    let region = maker.world.region(maker.account, maker.region);
    let stored = region
        .and_then(|r| r.config.rules.get(name))
        .cloned()
        .unwrap_or_default();
    let get = |key: &str| {
        stored
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(identity(
        name,
        &[
            ("Arn", &get("ConfigRuleArn")),
            ("ConfigRuleId", &get("ConfigRuleId")),
        ],
    ))
}

fn read_aggregator(maker: &Maker<'_>, name: &str, declared: &Props) -> Option<Props> {
    let aggregator = maker.region()?.config.aggregators.get(name)?.as_object()?;
    let mut props = aggregator.clone();
    as_declared(&mut props, declared, &["AggregatorFilters", "Tags"]);
    Some(props)
}

fn read_rule(maker: &Maker<'_>, name: &str, declared: &Props) -> Option<Props> {
    let mut props = maker.region()?.config.rules.get(name)?.as_object()?.clone();
    as_declared(&mut props, declared, &["Compliance"]);
    Some(props)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_type_that_is_named_twice_is_refused() {
        let types = |types: &[&str]| -> Props {
            let group = json!({"ExclusionByResourceTypes": {"ResourceTypes": types}});
            [("RecordingGroup".to_owned(), group)].into_iter().collect()
        };
        assert!(unique_types(&types(&["AWS::IAM::Role", "AWS::IAM::User"])).is_ok());
        let twice = unique_types(&types(&["AWS::IAM::Role", "AWS::IAM::Role"]));
        let error = twice.expect_err("refused");
        assert!(
            error.message.contains("array items are not unique"),
            "{error}"
        );
    }
}
