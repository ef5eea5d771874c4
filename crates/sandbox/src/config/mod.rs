//! AWS Config: the recorder and delivery channel of each account and Region, aggregators and rules.

mod aggregator;
mod channel;
mod recorder;
mod rules;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::{AwsError, Call};
use super::table::Row;
use super::time::Time;
use super::world::World;

/// The principal that trusted access, delegation and bucket policies name.
pub const PRINCIPAL: &str = "config.amazonaws.com";

/// What one account holds in one Region: at most one customer-managed recorder and one channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigState {
    pub recorder: Option<Recorder>,
    /// The delivery channel as the API shows it.
    pub channel: Option<Value>,
    /// Rules by name, as the API shows them.
    pub rules: BTreeMap<String, Value>,
    /// Aggregators by name, as the API shows them.
    pub aggregators: BTreeMap<String, Value>,
}

/// A configuration recorder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorder {
    /// As the API shows it.
    pub settings: Value,
    pub recording: bool,
    pub started: Option<Time>,
    pub stopped: Option<Time>,
}

fn state<'w>(world: &'w World, call: &Call) -> Option<&'w ConfigState> {
    world
        .region(&call.account, &call.region)
        .map(|region| &region.config)
}

fn state_mut<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut ConfigState, AwsError> {
    Ok(&mut world.region_mut(&call.account, &call.region)?.config)
}

fn name_of(value: &Value) -> &str {
    value
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether an IAM role exists, by ARN and in the caller's account.
fn role_exists(world: &World, account: &str, arn: &str) -> bool {
    let role = arn.rsplit('/').next().unwrap_or_default();
    arn.starts_with(&format!("arn:aws:iam::{account}:role/"))
        && world
            .account(account)
            .is_some_and(|a| a.iam.roles.contains_key(role))
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    (
        "config",
        "AssociateResourceTypes",
        recorder::associate_types,
    ),
    (
        "config",
        "DisassociateResourceTypes",
        recorder::disassociate_types,
    ),
    (
        "config",
        "DescribeAggregateComplianceByConfigRules",
        rules::aggregate_compliance,
    ),
    ("config", "DeleteConfigRule", rules::delete_rule),
    (
        "config",
        "DeleteConfigurationAggregator",
        aggregator::delete_aggregator,
    ),
    (
        "config",
        "DeleteConfigurationRecorder",
        recorder::delete_recorder,
    ),
    ("config", "DeleteDeliveryChannel", channel::delete_channel),
    (
        "config",
        "DescribeComplianceByConfigRule",
        rules::compliance_by_rule,
    ),
    ("config", "DescribeConfigRules", rules::describe_rules),
    (
        "config",
        "DescribeConfigurationAggregatorSourcesStatus",
        aggregator::aggregator_sources_status,
    ),
    (
        "config",
        "DescribeConfigurationAggregators",
        aggregator::describe_aggregators,
    ),
    (
        "config",
        "DescribeConfigurationRecorderStatus",
        recorder::describe_recorder_status,
    ),
    (
        "config",
        "DescribeConfigurationRecorders",
        recorder::describe_recorders,
    ),
    (
        "config",
        "DescribeDeliveryChannelStatus",
        channel::describe_channel_status,
    ),
    (
        "config",
        "DescribeDeliveryChannels",
        channel::describe_channels,
    ),
    ("config", "PutConfigRule", rules::put_rule),
    (
        "config",
        "PutConfigurationAggregator",
        aggregator::put_aggregator,
    ),
    ("config", "PutConfigurationRecorder", recorder::put_recorder),
    ("config", "PutDeliveryChannel", channel::put_channel),
    (
        "config",
        "StartConfigurationRecorder",
        recorder::start_recorder,
    ),
    (
        "config",
        "StopConfigurationRecorder",
        recorder::stop_recorder,
    ),
];
