//! SNS, as far as orgstrap meets it: topics and their policies. No messages flow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{AwsError, Call};
use super::paging::page;
use super::table::Row;
use super::world::World;

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SnsState {
    /// Attributes (`Policy`, `KmsMasterKeyId`, `DisplayName`…) by topic name.
    pub topics: BTreeMap<String, BTreeMap<String, String>>,
}

/// The ARN of a topic.
pub fn topic_arn(account: &str, region: &str, name: &str) -> String {
    format!("arn:aws:sns:{region}:{account}:{name}")
}

fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

fn topic_mut<'w>(
    world: &'w mut World,
    call: &Call,
) -> Result<&'w mut BTreeMap<String, String>, AwsError> {
    let name = name_of(call.text("TopicArn")).to_owned();
    world
        .region_mut(&call.account, &call.region)?
        .sns
        .topics
        .get_mut(&name)
        .ok_or_else(|| AwsError::new("NotFound", "Topic does not exist").status(404))
}

fn create_topic(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name").to_owned();
    let arn = topic_arn(&call.account, &call.region, &name);
    let topic = world
        .region_mut(&call.account, &call.region)?
        .sns
        .topics
        .entry(name)
        .or_default();
    for (key, value) in call.get("Attributes").as_object().into_iter().flatten() {
        topic.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    Ok(json!({"TopicArn": arn}))
}

fn delete_topic(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = name_of(call.text("TopicArn")).to_owned();
    world
        .region_mut(&call.account, &call.region)?
        .sns
        .topics
        .remove(&name);
    Ok(Value::Null)
}

fn get_attributes(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("TopicArn");
    let mut attributes = topic_mut(world, call)?.clone();
    attributes.insert("TopicArn".to_owned(), arn.to_owned());
    attributes.insert("Owner".to_owned(), call.account.clone());
    Ok(json!({"Attributes": attributes}))
}

fn set_attributes(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (name, value) = (
        call.text("AttributeName").to_owned(),
        call.text("AttributeValue").to_owned(),
    );
    topic_mut(world, call)?.insert(name, value);
    Ok(Value::Null)
}

fn list_topics(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let topics = world
        .region(&call.account, &call.region)
        .map(|r| &r.sns.topics);
    let found = topics
        .into_iter()
        .flatten()
        .map(|(name, _)| json!({"TopicArn": topic_arn(&call.account, &call.region, name)}))
        .collect();
    page(call, "Topics", found, "", 100)
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("sns", "CreateTopic", create_topic),
    ("sns", "DeleteTopic", delete_topic),
    ("sns", "GetTopicAttributes", get_attributes),
    ("sns", "ListTopics", list_topics),
    ("sns", "SetTopicAttributes", set_attributes),
];
