//! Whether a role's own policies let its sessions do what they ask. Users and the root user are
//! administrators here.
//!
//! Statements are judged as [`super::authorization`] does, and what cannot be judged goes through. Of AWS's own
//! policies the sandbox knows that AdministratorAccess allows everything; it does not know the others, and takes them to.

use super::authorization::Policy;
use super::call::{AwsError, Call};
use super::codec::model::Service;
use super::iam::Role;
use super::permissions;
use super::world::World;

/// IAM's names for operations that it calls otherwise (Service Authorization Reference).
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("s3", "CompleteMultipartUpload", "PutObject"),
    (
        "s3",
        "CreateBucketMetadataConfiguration",
        "CreateBucketMetadataTableConfiguration",
    ),
    ("s3", "CreateMultipartUpload", "PutObject"),
    (
        "s3",
        "DeleteBucketAnalyticsConfiguration",
        "PutAnalyticsConfiguration",
    ),
    ("s3", "DeleteBucketCors", "PutBucketCORS"),
    ("s3", "DeleteBucketEncryption", "PutEncryptionConfiguration"),
    (
        "s3",
        "DeleteBucketIntelligentTieringConfiguration",
        "PutIntelligentTieringConfiguration",
    ),
    (
        "s3",
        "DeleteBucketInventoryConfiguration",
        "PutInventoryConfiguration",
    ),
    (
        "s3",
        "DeleteBucketMetadataConfiguration",
        "DeleteBucketMetadataTableConfiguration",
    ),
    (
        "s3",
        "DeleteBucketMetricsConfiguration",
        "PutMetricsConfiguration",
    ),
    (
        "s3",
        "DeleteBucketOwnershipControls",
        "PutBucketOwnershipControls",
    ),
    (
        "s3",
        "DeleteBucketReplication",
        "PutReplicationConfiguration",
    ),
    ("s3", "DeleteBucketTagging", "PutBucketTagging"),
    ("s3", "DeleteBucketLifecycle", "PutLifecycleConfiguration"),
    (
        "s3",
        "DeletePublicAccessBlock",
        "PutBucketPublicAccessBlock",
    ),
    ("s3", "GetBucketEncryption", "GetEncryptionConfiguration"),
    (
        "s3",
        "GetBucketLifecycleConfiguration",
        "GetLifecycleConfiguration",
    ),
    (
        "s3",
        "GetObjectLockConfiguration",
        "GetBucketObjectLockConfiguration",
    ),
    ("s3", "GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("s3", "HeadBucket", "ListBucket"),
    ("s3", "HeadObject", "GetObject"),
    ("s3", "ListBuckets", "ListAllMyBuckets"),
    ("s3", "ListObjectsV2", "ListBucket"),
    (
        "s3",
        "PutBucketAccelerateConfiguration",
        "PutAccelerateConfiguration",
    ),
    (
        "s3",
        "PutBucketAnalyticsConfiguration",
        "PutAnalyticsConfiguration",
    ),
    ("s3", "PutBucketCors", "PutBucketCORS"),
    ("s3", "PutBucketEncryption", "PutEncryptionConfiguration"),
    (
        "s3",
        "PutBucketIntelligentTieringConfiguration",
        "PutIntelligentTieringConfiguration",
    ),
    (
        "s3",
        "PutBucketInventoryConfiguration",
        "PutInventoryConfiguration",
    ),
    (
        "s3",
        "PutBucketLifecycleConfiguration",
        "PutLifecycleConfiguration",
    ),
    (
        "s3",
        "PutBucketMetricsConfiguration",
        "PutMetricsConfiguration",
    ),
    (
        "s3",
        "PutBucketNotificationConfiguration",
        "PutBucketNotification",
    ),
    ("s3", "PutBucketReplication", "PutReplicationConfiguration"),
    (
        "s3",
        "PutObjectLockConfiguration",
        "PutBucketObjectLockConfiguration",
    ),
    ("s3", "PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
];

/// What Cloud Control does in the caller's name to read a type (the handlers of the type's schema), as
/// far as orgstrap's baselines use the properties.
const READS: &[(&str, &[&str])] = &[
    (
        "AWS::S3::Bucket",
        &[
            "s3:GetBucketLogging",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetLifecycleConfiguration",
            "s3:ListBucket",
        ],
    ),
    ("AWS::S3::BucketPolicy", &["s3:GetBucketPolicy"]),
    (
        "AWS::KMS::Key",
        &[
            "kms:DescribeKey",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "kms:ListResourceTags",
        ],
    ),
    (
        "AWS::SSM::Document",
        &["ssm:GetDocument", "ssm:ListTagsForResource"],
    ),
];

/// The action that IAM asks for an operation.
pub fn action(service: &str, operation: &str) -> String {
    let name = OTHERWISE
        .iter()
        .find(|(of, named, _)| *of == service && *named == operation)
        .map_or(operation, |(_, _, action)| action);
    let prefix = match service {
        "cloudcontrol" => "cloudformation",
        "resourcegroupstaggingapi" => "tag",
        "service-quotas" => "servicequotas",
        service => service,
    };
    format!("{prefix}:{name}")
}

/// Refuses what the caller's role does not allow.
pub(super) fn check(
    world: &World,
    service: &Service,
    operation: &str,
    call: &Call,
) -> Result<(), AwsError> {
    // Whoever has credentials may ask whose they are.
    if operation == "GetCallerIdentity" {
        return Ok(());
    }
    let further = match (service.name, operation) {
        ("cloudcontrol", "GetResource") => READS
            .iter()
            .find(|(kind, _)| *kind == call.text("TypeName"))
            .map_or(&[][..], |(_, actions)| actions),
        _ => &[],
    };
    permissions::check_identity(world, service.name, operation, call, further)
}

/// The policies of a role, inline and attached; `None` where AWS's own are among them that allow everything, or may.
pub(super) fn of(world: &World, account: &str, role: &Role) -> Option<Vec<Policy>> {
    if role.linked_to.is_some() {
        return None;
    }
    let inline = role
        .inline
        .iter()
        .map(|(name, text)| Policy::new(name, "", text));
    let attached: Option<Vec<Policy>> = role
        .attached
        .iter()
        .map(|arn| managed(world, account, arn))
        .collect();
    Some(inline.chain(attached?).collect())
}

/// A customer-managed policy of an account. AWS's own are not known here.
pub(super) fn managed(world: &World, account: &str, arn: &str) -> Option<Policy> {
    let policy = world.account(account)?.iam.policies.get(arn)?;
    Some(Policy::new(&policy.name, arn, &policy.document))
}
