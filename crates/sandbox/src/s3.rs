//! S3, as far as orgstrap meets it: buckets, their policies and settings. No objects.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::call::{AwsError, Call};
use super::lags::Lag;
use super::table::Row;
use super::time::Time;
use super::world::World;

/// Every bucket there is, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct S3State {
    pub buckets: BTreeMap<String, Bucket>,
    /// Names that other customers of AWS hold.
    pub taken_elsewhere: BTreeSet<String>,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    pub account: String,
    pub region: String,
    pub created: Time,
    pub object_lock: bool,
    pub policy: Option<String>,
    /// Settings by the name of their API shape, such as `PublicAccessBlockConfiguration`.
    pub settings: BTreeMap<String, Value>,
    pub tags: BTreeMap<String, String>,
}

impl S3State {
    /// Makes a bucket in the one namespace all accounts share.
    pub fn create(
        &mut self,
        name: &str,
        account: &str,
        region: &str,
        object_lock: bool,
        now: Time,
    ) -> Result<&mut Bucket, AwsError> {
        let fits = (3..=63).contains(&name.len())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !fits {
            return Err(AwsError::new(
                "InvalidBucketName",
                "The specified bucket is not valid.",
            ));
        }
        if self.taken_elsewhere.contains(name)
            || self.buckets.get(name).is_some_and(|b| b.account != account)
        {
            return Err(AwsError::new(
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
            )
            .status(409));
        }
        if self.buckets.contains_key(name) {
            return Err(AwsError::new(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            )
            .status(409));
        }
        Ok(self.buckets.entry(name.to_owned()).or_insert(Bucket {
            account: account.to_owned(),
            region: region.to_owned(),
            created: now,
            object_lock,
            policy: None,
            // On for every bucket made since April 2023.
            settings: BTreeMap::from([(
                "PublicAccessBlockConfiguration".to_owned(),
                all_public_access_blocked(),
            )]),
            tags: BTreeMap::new(),
        }))
    }
}

fn all_public_access_blocked() -> Value {
    json!({"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true})
}

fn no_such_bucket() -> AwsError {
    AwsError::new("NoSuchBucket", "The specified bucket does not exist").status(404)
}

fn bucket<'w>(world: &'w World, call: &Call) -> Result<&'w Bucket, AwsError> {
    let bucket = world
        .s3
        .buckets
        .get(call.text("Bucket"))
        .ok_or_else(no_such_bucket)?;
    if bucket.account != call.account {
        return Err(AwsError::new("AccessDenied", "Access Denied").status(403));
    }
    Ok(bucket)
}

fn bucket_mut<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Bucket, AwsError> {
    bucket(world, call)?;
    world
        .s3
        .buckets
        .get_mut(call.text("Bucket"))
        .ok_or_else(no_such_bucket)
}

fn create_bucket(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Bucket").to_owned();
    let region = call
        .get("CreateBucketConfiguration")
        .get("LocationConstraint")
        .and_then(Value::as_str)
        .unwrap_or(&call.region)
        .to_owned();
    let object_lock = call.bool("ObjectLockEnabledForBucket").unwrap_or(false);
    world
        .s3
        .create(&name, &call.account, &region, object_lock, call.now)?;
    Ok(json!({"Location": format!("/{name}")}))
}

fn delete_bucket(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    bucket(world, call)?;
    world.s3.buckets.remove(call.text("Bucket"));
    Ok(Value::Null)
}

fn list_buckets(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    // "If the request contains at least one valid parameter, it is included" (model, Bucket$BucketRegion).
    let with_region = ["BucketRegion", "ContinuationToken", "MaxBuckets", "Prefix"]
        .iter()
        .any(|name| !call.get(name).is_null());
    let buckets: Vec<Value> = world
        .s3
        .buckets
        .iter()
        .filter(|(_, b)| b.account == call.account)
        .map(|(name, b)| {
            let mut shown = json!({"Name": name, "CreationDate": b.created.json()});
            if with_region {
                shown["BucketRegion"] = json!(b.region);
            }
            shown
        })
        .collect();
    let owner = format!("{:x}", Sha256::digest(&call.account));
    Ok(json!({"Buckets": buckets, "Owner": {"ID": owner}}))
}

fn head_bucket(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let bucket = bucket(world, call)?;
    Ok(json!({"BucketRegion": bucket.region}))
}

fn get_bucket_location(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let bucket = bucket(world, call)?;
    Ok(match bucket.region.as_str() {
        "us-east-1" => json!({}),
        region => json!({"LocationConstraint": region}),
    })
}

fn get_bucket_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    match &bucket(world, call)?.policy {
        Some(policy) => Ok(json!({"Policy": policy})),
        None => {
            Err(AwsError::new("NoSuchBucketPolicy", "The bucket policy does not exist").status(404))
        }
    }
}

fn set_policy(world: &mut World, call: &Call, policy: Option<String>) -> Result<Value, AwsError> {
    let before = std::mem::replace(&mut bucket_mut(world, call)?.policy, policy);
    let name = call.text("Bucket");
    (world.lags).keep(Lag::BucketPolicy, name, call.now, json!(before));
    Ok(Value::Null)
}

fn put_bucket_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let policy = call.text("Policy").to_owned();
    if serde_json::from_str::<Value>(&policy).is_err() {
        return Err(AwsError::new(
            "MalformedPolicy",
            "Policies must be valid JSON and the first byte must be '{'",
        ));
    }
    set_policy(world, call, Some(policy))
}

fn delete_bucket_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    set_policy(world, call, None)
}

fn get_bucket_versioning(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let bucket = bucket(world, call)?;
    Ok(bucket
        .settings
        .get("VersioningConfiguration")
        .cloned()
        .unwrap_or_else(|| json!({})))
}

fn put_bucket_versioning(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = json!({"Status": call.get("VersioningConfiguration").get("Status")});
    bucket_mut(world, call)?
        .settings
        .insert("VersioningConfiguration".to_owned(), wanted);
    Ok(Value::Null)
}

fn setting(world: &World, call: &Call, name: &str, code: &str) -> Result<Value, AwsError> {
    match bucket(world, call)?.settings.get(name) {
        Some(value) => Ok(json!({ name: value })),
        None => Err(AwsError::new(code, format!("The {name} was not found")).status(404)),
    }
}

fn get_bucket_encryption(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = "ServerSideEncryptionConfiguration";
    setting(world, call, name, "ServerSideEncryptionConfigurationNotFoundError").or_else(|error| {
        // Every bucket encrypts since January 2023.
        bucket(world, call).map_err(|_| error)?;
        Ok(json!({name: {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": false}]}}))
    })
}

fn get_public_access_block(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    setting(
        world,
        call,
        "PublicAccessBlockConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
    )
}

fn put_public_access_block(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.get("PublicAccessBlockConfiguration").clone();
    bucket_mut(world, call)?
        .settings
        .insert("PublicAccessBlockConfiguration".to_owned(), wanted);
    Ok(Value::Null)
}

fn delete_public_access_block(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    bucket_mut(world, call)?
        .settings
        .remove("PublicAccessBlockConfiguration");
    Ok(Value::Null)
}

fn get_bucket_lifecycle(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    match bucket(world, call)?.settings.get("LifecycleConfiguration") {
        Some(value) => Ok(value.clone()),
        None => Err(AwsError::new(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        )
        .status(404)),
    }
}

fn put_bucket_lifecycle(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    put_setting(world, call, "LifecycleConfiguration")
}

fn delete_bucket_lifecycle(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    bucket_mut(world, call)?
        .settings
        .remove("LifecycleConfiguration");
    Ok(Value::Null)
}

fn put_bucket_encryption(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    put_setting(world, call, "ServerSideEncryptionConfiguration")
}

/// What is left is the encryption that every bucket has.
fn delete_bucket_encryption(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    bucket_mut(world, call)?
        .settings
        .remove("ServerSideEncryptionConfiguration");
    Ok(Value::Null)
}

/// Settings that are kept in the API's words.
fn put_setting(world: &mut World, call: &Call, name: &str) -> Result<Value, AwsError> {
    let wanted = call.get(name).clone();
    bucket_mut(world, call)?
        .settings
        .insert(name.to_owned(), wanted);
    Ok(Value::Null)
}

fn get_object_lock(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let found = bucket(world, call)?;
    if !found.object_lock {
        return Err(AwsError::new(
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        )
        .status(404));
    }
    let configuration = found.settings.get("ObjectLockConfiguration").cloned();
    Ok(
        json!({"ObjectLockConfiguration": configuration.unwrap_or_else(|| json!({"ObjectLockEnabled": "Enabled"}))}),
    )
}

fn get_bucket_tagging(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let found = bucket(world, call)?;
    if found.tags.is_empty() {
        return Err(AwsError::new("NoSuchTagSet", "The TagSet does not exist").status(404));
    }
    let tags: Vec<Value> = found
        .tags
        .iter()
        .map(|(k, v)| json!({"Key": k, "Value": v}))
        .collect();
    Ok(json!({"TagSet": tags}))
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("s3", "CreateBucket", create_bucket),
    ("s3", "DeleteBucket", delete_bucket),
    ("s3", "DeleteBucketEncryption", delete_bucket_encryption),
    ("s3", "DeleteBucketLifecycle", delete_bucket_lifecycle),
    ("s3", "DeleteBucketPolicy", delete_bucket_policy),
    ("s3", "DeletePublicAccessBlock", delete_public_access_block),
    ("s3", "GetBucketEncryption", get_bucket_encryption),
    (
        "s3",
        "GetBucketLifecycleConfiguration",
        get_bucket_lifecycle,
    ),
    ("s3", "GetBucketLocation", get_bucket_location),
    ("s3", "GetBucketPolicy", get_bucket_policy),
    ("s3", "GetBucketTagging", get_bucket_tagging),
    ("s3", "GetBucketVersioning", get_bucket_versioning),
    ("s3", "GetObjectLockConfiguration", get_object_lock),
    ("s3", "GetPublicAccessBlock", get_public_access_block),
    ("s3", "HeadBucket", head_bucket),
    ("s3", "ListBuckets", list_buckets),
    ("s3", "PutBucketEncryption", put_bucket_encryption),
    (
        "s3",
        "PutBucketLifecycleConfiguration",
        put_bucket_lifecycle,
    ),
    ("s3", "PutBucketPolicy", put_bucket_policy),
    ("s3", "PutBucketVersioning", put_bucket_versioning),
    ("s3", "PutPublicAccessBlock", put_public_access_block),
];
