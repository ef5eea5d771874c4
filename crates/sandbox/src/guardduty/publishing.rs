//! Export of findings to a bucket.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Destination, Due, PRINCIPAL, bad, detector, detector_at, detector_mut, empty};
use crate::account::OPT_IN_REGIONS;
use crate::call::{AwsError, Call};
use crate::kms;
use crate::lags::{self, Lag};
use crate::paging::page;
use crate::permissions::service_may;
use crate::resource_policy::Access;
use crate::world::{self, World};

/// Whether GuardDuty of `account` in `region` can write to the bucket with the key, both in one Region.
fn reachable(
    world: &World,
    account: &str,
    region: &str,
    detector: &str,
    bucket_arn: &str,
    key_arn: &str,
) -> bool {
    let path = bucket_arn.strip_prefix("arn:aws:s3:::").unwrap_or_default();
    let name = path.split('/').next().unwrap_or_default();
    let Some(bucket) = world.s3.buckets.get(name) else {
        return false;
    };
    let Some((key_account, key_region, _, key)) = kms::find(world, account, region, key_arn) else {
        return false;
    };
    if key_region != bucket.region || !key.enabled || key.deletion.is_some() {
        return false;
    }
    let source = format!("arn:aws:guardduty:{region}:{account}:detector/{detector}");
    let context = [
        ("aws:SourceAccount", account),
        ("aws:SourceArn", source.as_str()),
        ("aws:SecureTransport", "true"),
        ("s3:x-amz-server-side-encryption", "aws:kms"),
        ("s3:x-amz-server-side-encryption-aws-kms-key-id", key_arn),
    ];
    // In an opt-in Region policies name GuardDuty by its Regional principal (GuardDuty user guide, Exporting generated
    // findings; aws-samples/aws-secure-environment-accelerator#1222).
    let principal = match OPT_IN_REGIONS.contains(&region) {
        true => format!("guardduty.{region}.amazonaws.com"),
        false => PRINCIPAL.to_owned(),
    };
    let lets = |owner: &str, policy: Option<&str>, action, resource: &str| {
        service_may(
            world,
            owner,
            policy,
            &Access {
                service: &principal,
                action,
                resource,
                context: &context,
            },
        )
    };
    let policy = lags::bucket_policy(world, name, bucket);
    let key_policy = lags::key_policy(world, key_arn, key);
    let bucket_only = format!("arn:aws:s3:::{name}");
    lets(
        &bucket.account,
        policy.as_deref(),
        "s3:GetBucketLocation",
        &bucket_only,
    ) && lets(
        &bucket.account,
        policy.as_deref(),
        "s3:PutObject",
        &format!("arn:aws:s3:::{path}/AWSLogs/{account}/GuardDuty/x"),
    ) && lets(
        &key_account,
        Some(&key_policy),
        "kms:GenerateDataKey",
        key_arn,
    )
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let found = detector(world, call)?;
    let text = |name: &str| {
        call.get("DestinationProperties")
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (bucket_arn, key_arn) = (text("DestinationArn"), text("KmsKeyArn"));
    if found
        .destinations
        .values()
        .any(|d| d.bucket_arn == bucket_arn)
    {
        return Err(bad(
            "The request failed because a publishingDestination with the same destinationArn already exists.",
        ));
    }
    if !reachable(
        world,
        &call.account,
        &call.region,
        &found.id,
        &bucket_arn,
        &key_arn,
    ) {
        return Err(bad(
            "The request failed because the GuardDuty service principal does not have permission to the KMS key or the resource specified by the destinationArn parameter.",
        ));
    }
    let id = world.rng.hex(32);
    let tags: BTreeMap<String, String> = call
        .get("Tags")
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
        .collect();
    let destination = Destination {
        bucket_arn,
        key_arn,
        status: "PENDING_VERIFICATION".to_owned(),
        tags,
    };
    detector_mut(world, call)?
        .destinations
        .insert(id.clone(), destination);
    try_later(world, call, &id);
    Ok(json!({"DestinationId": id}))
}

fn try_later(world: &mut World, call: &Call, id: &str) {
    let due = Due::VerifyDestination {
        account: call.account.clone(),
        region: call.region.clone(),
        destination: id.to_owned(),
    };
    let millis = world.lags.mode.millis(Lag::Destination, id);
    world.after(millis, world::Due::GuardDuty(due));
}

/// Tries a destination, as GuardDuty does a while after it was made or changed.
pub(super) fn verify(world: &mut World, account: &str, region: &str, id: &str) {
    let Some((detector, destination)) = detector_at(world, account, region)
        .and_then(|d| Some((d.id.clone(), d.destinations.get(id)?.clone())))
    else {
        return;
    };
    let reached = reachable(
        world,
        account,
        region,
        &detector,
        &destination.bucket_arn,
        &destination.key_arn,
    );
    let status = if reached {
        "PUBLISHING"
    } else {
        "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY"
    };
    if let Some(destination) =
        detector_at(world, account, region).and_then(|d| d.destinations.get_mut(id))
    {
        destination.status = status.to_owned();
    }
}

fn missing() -> AwsError {
    bad("The request is rejected because the input destinationId does not exist.")
}

pub(super) fn list(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let all = detector(world, call)?
        .destinations
        .iter()
        .map(|(id, d)| json!({"DestinationId": id, "DestinationType": "S3", "Status": d.status}))
        .collect();
    page(call, "Destinations", all, "MaxResults", 50)
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("DestinationId");
    let found = detector(world, call)?
        .destinations
        .get(id)
        .ok_or_else(missing)?;
    let mut described = json!({
        "DestinationId": id, "DestinationType": "S3", "Status": found.status, "PublishingFailureStartTimestamp": 0,
        "DestinationProperties": {"DestinationArn": found.bucket_arn, "KmsKeyArn": found.key_arn},
    });
    // A map of tags has at least one (the model's TagMap).
    if !found.tags.is_empty() {
        described["Tags"] = json!(found.tags);
    }
    Ok(described)
}

pub(super) fn update(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("DestinationId").to_owned();
    let properties = call.get("DestinationProperties").clone();
    let found = detector_mut(world, call)?
        .destinations
        .get_mut(&id)
        .ok_or_else(missing)?;
    if let Some(arn) = properties.get("DestinationArn").and_then(Value::as_str) {
        found.bucket_arn = arn.to_owned();
    }
    if let Some(arn) = properties.get("KmsKeyArn").and_then(Value::as_str) {
        found.key_arn = arn.to_owned();
    }
    found.status = "PENDING_VERIFICATION".to_owned();
    try_later(world, call, &id);
    Ok(empty())
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("DestinationId").to_owned();
    detector_mut(world, call)?
        .destinations
        .remove(&id)
        .ok_or_else(missing)?;
    Ok(empty())
}
