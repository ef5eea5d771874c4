//! AWS::SNS::Topic, TopicPolicy and TopicInlinePolicy.

use serde_json::{Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, as_declared, document, gone_is_fine, identity,
    live, str_of,
};
use crate::call::AwsError;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::SNS::Topic",
        properties: &[
            "DisplayName",
            "FifoTopic",
            "KmsMasterKeyId",
            "Subscription",
            "Tags",
            "TopicName",
            "TracingConfig",
        ],
        required: &[],
        replaced_by: &["FifoTopic", "TopicName"],
        seconds: 11,
        rank: 0,
        create: create_topic,
        update: |maker, arn, props| {
            let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
            put_topic(maker, &name, props)
        },
        delete: |maker, arn, _| {
            gone_is_fine(maker.call("sns", "DeleteTopic", json!({"TopicArn": arn})))
        },
        stable: always_stable,
        read: Some(read_topic),
    },
    Kind {
        name: "AWS::SNS::TopicPolicy",
        properties: &["PolicyDocument", "Topics"],
        required: &["PolicyDocument", "Topics"],
        replaced_by: &[],
        seconds: 11,
        rank: 0,
        create: |maker, props| {
            let name = maker.make_name(64);
            put_policies(maker, props)?;
            Ok(identity(name.clone(), &[("Id", &name)]))
        },
        update: |maker, id, props| {
            put_policies(maker, props)?;
            Ok(identity(id, &[("Id", id)]))
        },
        delete: |maker, _, props| {
            topics(props)
                .iter()
                .try_for_each(|arn| set_policy(maker, arn, ""))
        },
        stable: always_stable,
        read: None,
    },
    Kind {
        name: "AWS::SNS::TopicInlinePolicy",
        properties: &["PolicyDocument", "TopicArn"],
        required: &["PolicyDocument", "TopicArn"],
        replaced_by: &["TopicArn"],
        seconds: 11,
        rank: 0,
        create: put_inline,
        update: |maker, _, props| put_inline(maker, props),
        delete: |maker, arn, _| set_policy(maker, arn, ""),
        stable: always_stable,
        read: Some(read_inline),
    },
];

fn create_topic(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "TopicName") {
        Some(name) => name,
        None => maker.make_name(256),
    };
    put_topic(maker, &name, props)
}

fn put_topic(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<Identity, AwsError> {
    let mut attributes = serde_json::Map::new();
    for key in ["DisplayName", "KmsMasterKeyId"] {
        if let Some(value) = str_of(props, key) {
            attributes.insert(key.to_owned(), json!(value));
        }
    }
    let made = maker.call(
        "sns",
        "CreateTopic",
        json!({"Name": name, "Attributes": attributes}),
    )?;
    let arn = made
        .get("TopicArn")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(identity(arn, &[("TopicArn", arn), ("TopicName", name)]))
}

fn topics(props: &Props) -> Vec<String> {
    let list = props.get("Topics").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

fn set_policy(maker: &mut Maker<'_>, arn: &str, policy: &str) -> Result<(), AwsError> {
    let input = json!({"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy});
    match maker.call("sns", "SetTopicAttributes", input) {
        // Taking a policy off a topic that is gone is no failure.
        Err(error) if policy.is_empty() && error.code == "NotFound" => Ok(()),
        other => other.map(|_| ()),
    }
}

fn put_policies(maker: &mut Maker<'_>, props: &Props) -> Result<(), AwsError> {
    let policy = document(props.get("PolicyDocument"));
    topics(props)
        .iter()
        .try_for_each(|arn| set_policy(maker, arn, &policy))
}

fn put_inline(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let arn = str_of(props, "TopicArn").unwrap_or_default();
    set_policy(maker, &arn, &document(props.get("PolicyDocument")))?;
    Ok(identity(arn, &[]))
}

fn read_topic(maker: &Maker<'_>, arn: &str, declared: &Props) -> Option<Props> {
    let name = arn.rsplit(':').next()?;
    let attributes = maker.region()?.sns.topics.get(name)?;
    let mut props = live(json!(attributes));
    props.insert("TopicName".to_owned(), json!(name));
    let rest = ["FifoTopic", "Subscription", "Tags", "TracingConfig"];
    as_declared(&mut props, declared, &rest);
    Some(props)
}

fn read_inline(maker: &Maker<'_>, arn: &str, _: &Props) -> Option<Props> {
    let name = arn.rsplit(':').next()?;
    let policy = maker.region()?.sns.topics.get(name)?.get("Policy")?;
    Some(live(json!({"TopicArn": arn, "PolicyDocument": policy})))
}
