//! AWS Config: the recorder and delivery channel of each account and Region, aggregators and rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::{AwsError, Call};
use super::ec2;
use super::paging::page;
use super::resource_policy::{Access, allows};
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

/// A recording group with what AWS adds to the one it is given, as the AWS CLI's reference shows it.
fn whole_group(given: &Value) -> Value {
    let mut whole = match given.as_object() {
        Some(group) => group.clone(),
        None => [("allSupported".to_owned(), json!(true))]
            .into_iter()
            .collect(),
    };
    let all = whole.get("allSupported").and_then(Value::as_bool) == Some(true);
    let named = whole
        .get("exclusionByResourceTypes")
        .and_then(|excluded| excluded["resourceTypes"].as_array())
        .is_some_and(|types| !types.is_empty());
    let strategy = match (all, named) {
        (true, _) => "ALL_SUPPORTED_RESOURCE_TYPES",
        (false, true) => "EXCLUSION_BY_RESOURCE_TYPES",
        (false, false) => "INCLUSION_BY_RESOURCE_TYPES",
    };
    for (name, value) in [
        ("allSupported", json!(false)),
        ("includeGlobalResourceTypes", json!(false)),
        ("resourceTypes", json!([])),
        ("exclusionByResourceTypes", json!({"resourceTypes": []})),
        ("recordingStrategy", json!({"useOnly": strategy})),
    ] {
        whole.entry(name).or_insert(value);
    }
    Value::Object(whole)
}

fn put_recorder(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let given = call.get("ConfigurationRecorder");
    let name = match name_of(given) {
        "" => "default",
        name => name,
    };
    if let Some(recorder) = state(world, call).and_then(|s| s.recorder.as_ref())
        && name_of(&recorder.settings) != name
    {
        return Err(AwsError::new(
            "MaxNumberOfConfigurationRecordersExceededException",
            format!(
                "Failed to put configuration recorder '{name}' because the maximum number of configuration recorders: 1 is reached."
            ),
        ));
    }
    let role = given
        .get("roleARN")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !role_exists(world, &call.account, role) {
        return Err(AwsError::new(
            "InvalidRoleException",
            format!(
                "Provided role '{role}' is invalid: it does not exist or AWS Config cannot assume it."
            ),
        ));
    }
    let group = given.get("recordingGroup").cloned().unwrap_or(Value::Null);
    let flag = |name: &str| group.get(name).and_then(Value::as_bool).unwrap_or(false);
    if flag("includeGlobalResourceTypes") && !flag("allSupported") {
        return Err(AwsError::new(
            "InvalidRecordingGroupException",
            "The recording group provided is not valid: includeGlobalResourceTypes requires allSupported.",
        ));
    }
    let mut settings = given.as_object().cloned().unwrap_or_default();
    settings.insert("name".to_owned(), json!(name));
    settings.insert(
        "arn".to_owned(),
        json!(format!(
            "arn:aws:config:{}:{}:configuration-recorder/{name}",
            call.region, call.account
        )),
    );
    settings.insert("recordingGroup".to_owned(), whole_group(&group));
    settings
        .entry("recordingMode")
        .or_insert_with(|| json!({"recordingFrequency": "CONTINUOUS"}));
    let settings = Value::Object(settings);
    let state = state_mut(world, call)?;
    match &mut state.recorder {
        Some(recorder) => recorder.settings = settings,
        None => {
            state.recorder = Some(Recorder {
                settings,
                recording: false,
                started: None,
                stopped: None,
            })
        }
    }
    Ok(json!({}))
}

fn no_such_recorder(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchConfigurationRecorderException",
        format!("Cannot find configuration recorder with the specified name '{name}'."),
    )
}

fn check_names(
    call: &Call,
    member: &str,
    existing: Option<&str>,
    missing: fn(&str) -> AwsError,
) -> Result<bool, AwsError> {
    let wanted = call.strings(member);
    match wanted.iter().find(|w| Some(w.as_str()) != existing) {
        Some(unknown) => Err(missing(unknown)),
        None => Ok(existing.is_some()),
    }
}

fn describe_recorders(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let recorder = state(world, call).and_then(|s| s.recorder.as_ref());
    check_names(
        call,
        "ConfigurationRecorderNames",
        recorder.map(|r| name_of(&r.settings)),
        no_such_recorder,
    )?;
    let all: Vec<&Value> = recorder.iter().map(|r| &r.settings).collect();
    Ok(json!({"ConfigurationRecorders": all}))
}

fn describe_recorder_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let state = state(world, call);
    let recorder = state.and_then(|s| s.recorder.as_ref());
    check_names(
        call,
        "ConfigurationRecorderNames",
        recorder.map(|r| name_of(&r.settings)),
        no_such_recorder,
    )?;
    let Some(recorder) = recorder else {
        return Ok(json!({"ConfigurationRecordersStatus": []}));
    };
    let mut status = Map::new();
    status.insert("name".to_owned(), json!(name_of(&recorder.settings)));
    status.insert(
        "arn".to_owned(),
        recorder.settings.get("arn").cloned().unwrap_or(Value::Null),
    );
    status.insert("recording".to_owned(), json!(recorder.recording));
    if let Some(at) = recorder.started {
        status.insert("lastStartTime".to_owned(), at.json());
    }
    if let Some(at) = recorder.stopped {
        status.insert("lastStopTime".to_owned(), at.json());
    }
    let (last, error) = match (
        recorder.recording,
        recorder.started,
        state.and_then(|s| s.channel.as_ref()),
    ) {
        // The first delivery takes a minute or two.
        (true, Some(started), Some(_)) if call.now < started.plus_secs(60) => ("Pending", None),
        (true, _, Some(channel)) => match test_delivery(world, call, channel) {
            Ok(()) => ("Success", None),
            Err(error) => ("Failure", Some(error)),
        },
        _ => ("NotApplicable", None),
    };
    status.insert("lastStatus".to_owned(), json!(last));
    if let Some(error) = error {
        status.insert("lastErrorCode".to_owned(), json!("AccessDenied"));
        status.insert("lastErrorMessage".to_owned(), json!(error.message));
    }
    let changed = recorder.stopped.max(recorder.started).unwrap_or(call.now);
    status.insert("lastStatusChangeTime".to_owned(), changed.json());
    Ok(json!({"ConfigurationRecordersStatus": [status]}))
}

fn change_recorder(
    world: &mut World,
    call: &Call,
    act: impl FnOnce(&mut Recorder),
) -> Result<Value, AwsError> {
    let name = call.text("ConfigurationRecorderName");
    match state_mut(world, call)?
        .recorder
        .as_mut()
        .filter(|r| name_of(&r.settings) == name)
    {
        Some(recorder) => {
            act(recorder);
            Ok(json!({}))
        }
        None => Err(no_such_recorder(name)),
    }
}

fn start_recorder(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    if state(world, call).is_some_and(|s| s.recorder.is_some() && s.channel.is_none()) {
        return Err(AwsError::new(
            "NoAvailableDeliveryChannelException",
            "Delivery channel is not available to start configuration recorder.",
        ));
    }
    change_recorder(world, call, |recorder| {
        recorder.recording = true;
        recorder.started = Some(call.now);
    })
}

fn stop_recorder(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_recorder(world, call, |recorder| {
        recorder.recording = false;
        recorder.stopped = Some(call.now);
    })
}

fn delete_recorder(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_recorder(world, call, |_| {})?;
    state_mut(world, call)?.recorder = None;
    Ok(json!({}))
}

/// What Config tests when a channel is put, and meets at each delivery.
fn test_delivery(world: &World, call: &Call, channel: &Value) -> Result<(), AwsError> {
    let text = |name: &str| {
        channel
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let bucket_name = text("s3BucketName");
    let Some(bucket) = world.s3.buckets.get(bucket_name) else {
        return Err(AwsError::new(
            "NoSuchBucketException",
            format!("Cannot find a S3 bucket with name: {bucket_name}."),
        ));
    };
    let insufficient = || {
        AwsError::new(
            "InsufficientDeliveryPolicyException",
            format!(
                "Insufficient delivery policy to s3 bucket: {bucket_name}, unable to write to bucket, provided s3 key prefix is '{}', provided kms key is '{}'.",
                text("s3KeyPrefix"),
                text("s3KmsKeyArn")
            ),
        )
    };
    // Config cannot write to a bucket with default retention.
    if bucket.object_lock {
        return Err(insufficient());
    }
    let organization = world
        .organization
        .as_ref()
        .filter(|o| o.members.contains_key(&call.account))
        .map_or("", |o| o.id.as_str());
    let source = format!(
        "arn:aws:config:{}:{}:configuration-recorder/*",
        call.region, call.account
    );
    let mut context = vec![
        ("aws:SourceAccount", call.account.as_str()),
        ("aws:SourceArn", source.as_str()),
        ("s3:x-amz-acl", "bucket-owner-full-control"),
        ("aws:SecureTransport", "true"),
    ];
    if !organization.is_empty() {
        context.push(("aws:SourceOrgID", organization));
    }
    let bucket_arn = format!("arn:aws:s3:::{bucket_name}");
    let prefix = match text("s3KeyPrefix") {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let object = format!(
        "{bucket_arn}/{prefix}AWSLogs/{}/Config/ConfigWritabilityCheckFile",
        call.account
    );
    let lets = |action, resource: &str| {
        allows(
            bucket.policy.as_deref(),
            &Access {
                service: PRINCIPAL,
                action,
                resource,
                context: &context,
            },
        )
    };
    if lets("s3:GetBucketAcl", &bucket_arn)
        && lets("s3:ListBucket", &bucket_arn)
        && lets("s3:PutObject", &object)
    {
        Ok(())
    } else {
        Err(insufficient())
    }
}

fn put_channel(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let given = call.get("DeliveryChannel").clone();
    let name = match name_of(&given) {
        "" => "default".to_owned(),
        name => name.to_owned(),
    };
    let present = state(world, call);
    if present.is_none_or(|s| s.recorder.is_none()) {
        return Err(AwsError::new(
            "NoAvailableConfigurationRecorderException",
            "Configuration recorder is not available to put delivery channel.",
        ));
    }
    if present
        .and_then(|s| s.channel.as_ref())
        .is_some_and(|c| name_of(c) != name)
    {
        return Err(AwsError::new(
            "MaxNumberOfDeliveryChannelsExceededException",
            format!(
                "Failed to put delivery channel '{name}' because the maximum number of delivery channels: 1 is reached."
            ),
        ));
    }
    if given
        .get("s3KeyPrefix")
        .and_then(Value::as_str)
        .is_some_and(|p| p.contains("AWSLogs/"))
    {
        return Err(AwsError::new(
            "InvalidS3KeyPrefixException",
            "The s3 key prefix must not contain 'AWSLogs/'.",
        ));
    }
    test_delivery(world, call, &given)?;
    let mut channel = given.as_object().cloned().unwrap_or_default();
    channel.insert("name".to_owned(), json!(name));
    state_mut(world, call)?.channel = Some(Value::Object(channel));
    Ok(json!({}))
}

fn no_such_channel(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchDeliveryChannelException",
        format!("Cannot find delivery channel with specified name '{name}'."),
    )
}

fn describe_channels(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let channel = state(world, call).and_then(|s| s.channel.as_ref());
    check_names(
        call,
        "DeliveryChannelNames",
        channel.map(name_of),
        no_such_channel,
    )?;
    let all: Vec<&Value> = channel.into_iter().collect();
    Ok(json!({"DeliveryChannels": all}))
}

fn describe_channel_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let state = state(world, call);
    let channel = state.and_then(|s| s.channel.as_ref());
    check_names(
        call,
        "DeliveryChannelNames",
        channel.map(name_of),
        no_such_channel,
    )?;
    let Some(channel) = channel else {
        return Ok(json!({"DeliveryChannelsStatus": []}));
    };
    let recording = state
        .and_then(|s| s.recorder.as_ref())
        .is_some_and(|r| r.recording);
    let info = match (recording, test_delivery(world, call, channel)) {
        (false, _) => json!({"lastStatus": "Not_Applicable"}),
        (true, Ok(())) => json!({"lastStatus": "Success"}),
        (true, Err(error)) => {
            json!({"lastStatus": "Failure", "lastErrorCode": "AccessDenied", "lastErrorMessage": error.message})
        }
    };
    Ok(json!({"DeliveryChannelsStatus": [{
        "name": name_of(channel), "configSnapshotDeliveryInfo": info, "configHistoryDeliveryInfo": info,
        "configStreamDeliveryInfo": {"lastStatus": "Not_Applicable"}
    }]}))
}

fn delete_channel(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("DeliveryChannelName");
    let state = state_mut(world, call)?;
    if state.channel.as_ref().is_none_or(|c| name_of(c) != name) {
        return Err(no_such_channel(name));
    }
    if state.recorder.as_ref().is_some_and(|r| r.recording) {
        return Err(AwsError::new(
            "LastDeliveryChannelDeleteFailedException",
            format!(
                "Failed to delete last specified delivery channel with name '{name}', because there is a running configuration recorder."
            ),
        ));
    }
    state.channel = None;
    Ok(json!({}))
}

fn put_aggregator(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ConfigurationAggregatorName").to_owned();
    let source = call.get("OrganizationAggregationSource").clone();
    if !source.is_null() {
        let Some(organization) = &world.organization else {
            return Err(AwsError::new(
                "NoAvailableOrganizationException",
                "Organization does not exist for this account.",
            ));
        };
        let allowed = organization.management_account == call.account
            || organization.delegates(&call.account, PRINCIPAL);
        if !allowed || !organization.trusts(PRINCIPAL) {
            return Err(AwsError::new(
                "OrganizationAccessDeniedException",
                "This action can only be performed by the management account or a delegated administrator of an organization with trusted access for AWS Config.",
            ));
        }
        let role = source
            .get("RoleArn")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !role_exists(world, &call.account, role) {
            return Err(AwsError::new(
                "InvalidRoleException",
                format!("Role {role} is invalid."),
            ));
        }
    }
    let existing = state(world, call)
        .and_then(|s| s.aggregators.get(&name))
        .cloned();
    let id = match &existing {
        Some(_) => String::new(),
        None => world.rng.base36(8),
    };
    let mut aggregator = existing
        .and_then(|v| v.as_object().cloned())
        .unwrap_or_else(|| {
            let mut fresh = Map::new();
            fresh.insert(
                "ConfigurationAggregatorArn".to_owned(),
                json!(format!(
                    "arn:aws:config:{}:{}:config-aggregator/config-aggregator-{id}",
                    call.region, call.account
                )),
            );
            fresh.insert("CreationTime".to_owned(), call.now.json());
            fresh
        });
    aggregator.insert("ConfigurationAggregatorName".to_owned(), json!(name));
    aggregator.insert("LastUpdatedTime".to_owned(), call.now.json());
    for member in ["AccountAggregationSources", "OrganizationAggregationSource"] {
        match call.get(member) {
            Value::Null => aggregator.remove(member),
            value => aggregator.insert(member.to_owned(), value.clone()),
        };
    }
    let aggregator = Value::Object(aggregator);
    state_mut(world, call)?
        .aggregators
        .insert(name, aggregator.clone());
    Ok(json!({"ConfigurationAggregator": aggregator}))
}

fn no_such_aggregator() -> AwsError {
    AwsError::new(
        "NoSuchConfigurationAggregatorException",
        "The configuration aggregator does not exist. Check the configuration aggregator name and try again.",
    )
}

fn describe_aggregators(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.strings("ConfigurationAggregatorNames");
    let all = state(world, call).map(|s| &s.aggregators);
    if wanted
        .iter()
        .any(|w| all.is_none_or(|a| !a.contains_key(w)))
    {
        return Err(no_such_aggregator());
    }
    let found: Vec<Value> = all
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted.is_empty() || wanted.contains(name))
        .map(|(_, value)| value.clone())
        .collect();
    page(call, "ConfigurationAggregators", found, "Limit", 100)
}

fn delete_aggregator(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    state_mut(world, call)?
        .aggregators
        .remove(call.text("ConfigurationAggregatorName"))
        .ok_or_else(no_such_aggregator)?;
    Ok(json!({}))
}

fn aggregator_sources_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ConfigurationAggregatorName");
    let aggregator = state(world, call)
        .and_then(|s| s.aggregators.get(name))
        .ok_or_else(no_such_aggregator)?;
    let row = |id: &str, kind: &str, region: &str| json!({"SourceId": id, "SourceType": kind, "AwsRegion": region, "LastUpdateStatus": "SUCCEEDED", "LastUpdateTime": call.now.json()});
    let mut rows = Vec::new();
    if let (Some(_), Some(organization)) = (
        aggregator.get("OrganizationAggregationSource"),
        &world.organization,
    ) {
        rows.push(row(&organization.id, "ORGANIZATION", &call.region));
        for account in organization.members.keys() {
            let regions = world.account(account).map(|a| &a.regions);
            for (region, state) in regions.into_iter().flatten() {
                if state.config.recorder.is_some() {
                    rows.push(row(account, "ACCOUNT", region));
                }
            }
        }
    }
    page(call, "AggregatedSourceStatusList", rows, "Limit", 100)
}

fn put_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    if state(world, call).is_none_or(|s| s.recorder.is_none()) {
        return Err(AwsError::new(
            "NoAvailableConfigurationRecorderException",
            "Configuration Recorder is not available to put config rule.",
        ));
    }
    let id = world.rng.base36(6);
    let mut rule = call
        .get("ConfigRule")
        .as_object()
        .cloned()
        .unwrap_or_default();
    let name = rule
        .get("ConfigRuleName")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    rule.insert("ConfigRuleState".to_owned(), json!("ACTIVE"));
    let state = state_mut(world, call)?;
    let old = state.rules.get(&name);
    let kept = |member: &str| old.and_then(|o| o.get(member)).cloned();
    let id = kept("ConfigRuleId").unwrap_or_else(|| json!(format!("config-rule-{id}")));
    rule.insert(
        "ConfigRuleArn".to_owned(),
        json!(format!(
            "arn:aws:config:{}:{}:config-rule/{}",
            call.region,
            call.account,
            id.as_str().unwrap_or_default()
        )),
    );
    rule.insert("ConfigRuleId".to_owned(), id);
    state.rules.insert(name, Value::Object(rule));
    Ok(json!({}))
}

/// What a rule comes to: what the sandbox can evaluate, else as it was last put into its `Compliance`. Evaluation
/// and aggregation take no time here.
fn compliance(world: &World, account: &str, region: &str, rule: &Value) -> String {
    let managed = rule
        .pointer("/Source/SourceIdentifier")
        .and_then(Value::as_str);
    match managed {
        // "Rule is COMPLIANT if the IP addresses of the incoming SSH traffic in the security groups are restricted
        // (CIDR other than 0.0.0.0/0 or ::/0)" (Config developer guide, restricted-ssh).
        Some("INCOMING_SSH_DISABLED") => {
            if ec2::lets_the_world_in(world, account, region, 22) {
                "NON_COMPLIANT"
            } else {
                "COMPLIANT"
            }
        }
        _ => rule
            .pointer("/Compliance/Type")
            .and_then(Value::as_str)
            .unwrap_or("COMPLIANT"),
    }
    .to_owned()
}

fn compliance_by_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let names = call.strings("ConfigRuleNames");
    let types = call.strings("ComplianceTypes");
    let rules = state(world, call).map(|s| &s.rules);
    if let Some(unknown) = names
        .iter()
        .find(|name| rules.is_none_or(|rules| !rules.contains_key(*name)))
    {
        return Err(no_such_rule(unknown));
    }
    let found = rules
        .into_iter()
        .flatten()
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .map(|(name, rule)| {
            let kind = compliance(world, &call.account, &call.region, rule);
            (name, kind)
        })
        .filter(|(_, kind)| types.is_empty() || types.contains(kind))
        .map(|(name, kind)| json!({"ConfigRuleName": name, "Compliance": {"ComplianceType": kind}}))
        .collect();
    page(call, "ComplianceByConfigRules", found, "", 100)
}

/// What every rule of the aggregated accounts comes to.
fn aggregate_compliance(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ConfigurationAggregatorName");
    state(world, call)
        .and_then(|s| s.aggregators.get(name))
        .ok_or_else(no_such_aggregator)?;
    let filter = call.get("Filters");
    let wanted = |member: &str, value: &str| {
        let asked = filter.get(member).and_then(Value::as_str);
        asked.is_none_or(|asked| asked == value)
    };
    let members = world.organization.iter().flat_map(|o| o.members.keys());
    let mut rows = Vec::new();
    for account in members.filter(|account| wanted("AccountId", account)) {
        let regions = world.account(account).map(|a| &a.regions);
        for (region, state) in regions.into_iter().flatten() {
            for (rule, settings) in &state.config.rules {
                if wanted("AwsRegion", region) && wanted("ConfigRuleName", rule) {
                    let kind = compliance(world, account, region, settings);
                    rows.push(json!({
                        "ConfigRuleName": rule, "AccountId": account, "AwsRegion": region,
                        "Compliance": {"ComplianceType": kind},
                    }));
                }
            }
        }
    }
    page(call, "AggregateComplianceByConfigRules", rows, "Limit", 100)
}

fn no_such_rule(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchConfigRuleException",
        format!(
            "The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name."
        ),
    )
}

fn describe_rules(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.strings("ConfigRuleNames");
    let rules = state(world, call).map(|s| &s.rules);
    if let Some(unknown) = wanted
        .iter()
        .find(|w| rules.is_none_or(|r| !r.contains_key(*w)))
    {
        return Err(no_such_rule(unknown));
    }
    let found: Vec<Value> = rules
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted.is_empty() || wanted.contains(name))
        .map(|(_, rule)| rule.clone())
        .collect();
    page(call, "ConfigRules", found, "", 25)
}

fn delete_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ConfigRuleName");
    state_mut(world, call)?
        .rules
        .remove(name)
        .ok_or_else(|| no_such_rule(name))?;
    Ok(json!({}))
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    (
        "config",
        "DescribeAggregateComplianceByConfigRules",
        aggregate_compliance,
    ),
    ("config", "DeleteConfigRule", delete_rule),
    ("config", "DeleteConfigurationAggregator", delete_aggregator),
    ("config", "DeleteConfigurationRecorder", delete_recorder),
    ("config", "DeleteDeliveryChannel", delete_channel),
    (
        "config",
        "DescribeComplianceByConfigRule",
        compliance_by_rule,
    ),
    ("config", "DescribeConfigRules", describe_rules),
    (
        "config",
        "DescribeConfigurationAggregatorSourcesStatus",
        aggregator_sources_status,
    ),
    (
        "config",
        "DescribeConfigurationAggregators",
        describe_aggregators,
    ),
    (
        "config",
        "DescribeConfigurationRecorderStatus",
        describe_recorder_status,
    ),
    (
        "config",
        "DescribeConfigurationRecorders",
        describe_recorders,
    ),
    (
        "config",
        "DescribeDeliveryChannelStatus",
        describe_channel_status,
    ),
    ("config", "DescribeDeliveryChannels", describe_channels),
    ("config", "PutConfigRule", put_rule),
    ("config", "PutConfigurationAggregator", put_aggregator),
    ("config", "PutConfigurationRecorder", put_recorder),
    ("config", "PutDeliveryChannel", put_channel),
    ("config", "StartConfigurationRecorder", start_recorder),
    ("config", "StopConfigurationRecorder", stop_recorder),
];
