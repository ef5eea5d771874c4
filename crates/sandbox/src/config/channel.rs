//! The one delivery channel of an account and Region, and what Config tests of its bucket.

use serde_json::{Value, json};

use super::recorder::check_names;
use super::{PRINCIPAL, name_of, state, state_mut};
use crate::call::{AwsError, Call};
use crate::lags;
use crate::permissions::service_may;
use crate::resource_policy::Access;
use crate::words::{self, filled};
use crate::world::World;

/// What Config tests when a channel is put, and meets at each delivery.
pub(super) fn test_delivery(world: &World, call: &Call, channel: &Value) -> Result<(), AwsError> {
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
    let or_null = |name: &str| match text(name) {
        "" => "null",
        given => given,
    };
    let insufficient = || {
        AwsError::new(
            "InsufficientDeliveryPolicyException",
            filled(
                words::DELIVERY_POLICY,
                &[
                    ("bucket", bucket_name),
                    ("prefix", or_null("s3KeyPrefix")),
                    ("key", or_null("s3KmsKeyArn")),
                ],
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
    let policy = lags::bucket_policy(world, bucket_name, bucket);
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
        service_may(
            world,
            &bucket.account,
            policy.as_deref(),
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

pub(super) fn put_channel(world: &mut World, call: &Call) -> Result<Value, AwsError> {
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

pub(super) fn describe_channels(world: &mut World, call: &Call) -> Result<Value, AwsError> {
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

pub(super) fn describe_channel_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
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

pub(super) fn delete_channel(world: &mut World, call: &Call) -> Result<Value, AwsError> {
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
