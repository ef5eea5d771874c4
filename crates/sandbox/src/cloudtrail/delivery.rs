//! The tests of bucket and key that a trail must pass.

use super::{At, PRINCIPAL, Trail};
use crate::call::AwsError;
use crate::kms;
use crate::lags;
use crate::permissions::service_may;
use crate::resource_policy::Access;
use crate::words::{self, filled};
use crate::world::World;

/// What CloudTrail tests before it accepts a bucket and key; also what later deliveries meet.
pub(super) fn test_delivery(world: &World, at: &At, trail: &Trail) -> Result<(), AwsError> {
    let name = trail.text("S3BucketName");
    let Some(bucket) = world.s3.buckets.get(name) else {
        return Err(AwsError::new(
            "S3BucketDoesNotExistException",
            format!("S3 bucket {name} does not exist!"),
        ));
    };
    let policy = lags::bucket_policy(world, name, bucket);
    let arn = at.arn();
    let context = [
        ("aws:SourceArn", arn.as_str()),
        ("aws:SourceAccount", at.account.as_str()),
        ("s3:x-amz-acl", "bucket-owner-full-control"),
        ("aws:SecureTransport", "true"),
    ];
    let prefix = match trail.text("S3KeyPrefix") {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let bucket_arn = format!("arn:aws:s3:::{name}");
    let mut tests = vec![
        ("s3:GetBucketAcl", bucket_arn.clone()),
        (
            "s3:PutObject",
            format!("{bucket_arn}/{prefix}AWSLogs/{}/CloudTrail/x", at.account),
        ),
    ];
    if trail.flag("IsOrganizationTrail")
        && let Some(organization) = &world.organization
    {
        tests.push((
            "s3:PutObject",
            format!(
                "{bucket_arn}/{prefix}AWSLogs/{}/{}/CloudTrail/x",
                organization.id, at.account
            ),
        ));
    }
    let lets = |(action, resource): &(&str, String)| {
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
    if !tests.iter().all(lets) {
        return Err(AwsError::new(
            "InsufficientS3BucketPolicyException",
            filled(words::BUCKET_POLICY, &[("bucket", name)]),
        ));
    }
    test_key(world, at, trail, &bucket.region)
}

fn test_key(world: &World, at: &At, trail: &Trail, bucket_region: &str) -> Result<(), AwsError> {
    let wanted = trail.text("KmsKeyId");
    if wanted.is_empty() {
        return Ok(());
    }
    let found = kms::find(world, &at.account, &at.region, wanted)
        .filter(|(_, region, _, _)| region == bucket_region);
    let Some((account, region, id, key)) = found else {
        return Err(AwsError::new(
            "KmsKeyNotFoundException",
            format!("KMS key {wanted} was not found in the Region of the S3 bucket."),
        ));
    };
    if !key.enabled || key.deletion.is_some() {
        return Err(AwsError::new(
            "KmsKeyDisabledException",
            format!("KMS key {wanted} is disabled."),
        ));
    }
    let arn = at.arn();
    let log_arn = [
        ("aws:SourceArn", arn.as_str()),
        ("aws:SourceAccount", at.account.as_str()),
        ("kms:EncryptionContext:aws:cloudtrail:arn", arn.as_str()),
    ];
    let key_arn = kms::key_arn(&account, &region, &id);
    let policy = lags::key_policy(world, &key_arn, key);
    let lets = |action| {
        service_may(
            world,
            &account,
            Some(&policy),
            &Access {
                service: PRINCIPAL,
                action,
                resource: &key_arn,
                context: &log_arn,
            },
        )
    };
    if lets("kms:GenerateDataKey") && lets("kms:DescribeKey") {
        return Ok(());
    }
    Err(AwsError::new(
        "InsufficientEncryptionPolicyException",
        filled(
            words::BUCKET_OR_KEY,
            &[("bucket", trail.text("S3BucketName")), ("key", &key_arn)],
        ),
    ))
}
