//! Whether a role's own policies let its sessions do what they ask. Users and the root user are
//! administrators here.
//!
//! Actions are compared, and the resource where the call names it by ARN: a role to assume. Any other
//! resource counts as meant and any condition as met, so the sandbox may allow what AWS denies, and never
//! denies what AWS allows. Of AWS's own policies it knows that AdministratorAccess allows everything; it
//! does not know the others, and takes them to.

use serde_json::Value;

use super::call::{AwsError, Call};
use super::codec::model::{Protocol, Service};
use super::resource_policy::like;
use super::sts::list;
use super::world::World;

/// IAM's names for operations that it calls otherwise (Service Authorization Reference).
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("s3", "DeleteBucketEncryption", "PutEncryptionConfiguration"),
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
    ("s3", "PutBucketEncryption", "PutEncryptionConfiguration"),
    (
        "s3",
        "PutBucketLifecycleConfiguration",
        "PutLifecycleConfiguration",
    ),
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
    let asked = action(service.name, operation);
    let further = match (service.name, operation) {
        ("cloudcontrol", "GetResource") => READS
            .iter()
            .find(|(kind, _)| *kind == call.text("TypeName"))
            .map_or(&[][..], |(_, actions)| actions),
        _ => &[],
    };
    let needed = std::iter::once(asked.as_str()).chain(further.iter().copied());
    for action in needed {
        if !allows(world, call, action) {
            return Err(denied(service, call, action));
        }
    }
    Ok(())
}

fn allows(world: &World, call: &Call, action: &str) -> bool {
    let Some((_, session)) = call.principal.split_once(":assumed-role/") else {
        return true;
    };
    let name = session.split('/').next().unwrap_or_default();
    let Some(account) = world.account(&call.account) else {
        return false;
    };
    let Some(role) = account.iam.roles.get(name) else {
        return false;
    };
    if role
        .attached
        .iter()
        .any(|arn| arn.starts_with("arn:aws:iam::aws:"))
    {
        return true;
    }
    let managed = role
        .attached
        .iter()
        .filter_map(|arn| account.iam.policies.get(arn))
        .map(|policy| policy.document.as_str());
    let statements: Vec<Value> = role
        .inline
        .values()
        .map(String::as_str)
        .chain(managed)
        .filter_map(|text| serde_json::from_str::<Value>(text).ok())
        .flat_map(|policy| {
            list(&policy["Statement"])
                .into_iter()
                .cloned()
                .collect::<Vec<_>>()
        })
        .collect();
    let resource = call.str("RoleArn").filter(|_| action == "sts:AssumeRole");
    let says = |effect: &str| {
        statements.iter().any(|statement| {
            statement["Effect"] == effect
                && matches(&statement["Action"], &action.to_lowercase(), true)
                && resource.is_none_or(|arn| matches(&statement["Resource"], arn, false))
        })
    };
    says("Allow") && !says("Deny")
}

/// Whether one of the patterns is meant; actions are compared without regard to case.
fn matches(patterns: &Value, actual: &str, fold: bool) -> bool {
    list(patterns)
        .iter()
        .filter_map(|pattern| pattern.as_str())
        .any(|pattern| {
            if fold {
                like(&pattern.to_lowercase(), actual)
            } else {
                like(pattern, actual)
            }
        })
}

fn denied(service: &Service, call: &Call, action: &str) -> AwsError {
    let message = format!(
        "User: {} is not authorized to perform: {action} because no identity-based policy allows the {action} action",
        call.principal
    );
    let code = match service.protocol {
        Protocol::Query | Protocol::RestXml => "AccessDenied",
        Protocol::Json | Protocol::RestJson => "AccessDeniedException",
        Protocol::Ec2 => "UnauthorizedOperation",
    };
    AwsError::new(code, message).status(403)
}
