//! AWS::S3::Bucket and AWS::S3::BucketPolicy.

use serde_json::{Map, Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, as_declared, document, flag, gone_is_fine,
    identity, str_of, typed,
};
use crate::call::AwsError;
use crate::cloudcontrol;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::S3::Bucket",
        properties: &[
            "AccelerateConfiguration",
            "AccessControl",
            "AnalyticsConfigurations",
            "BucketEncryption",
            "BucketName",
            "CorsConfiguration",
            "IntelligentTieringConfigurations",
            "InventoryConfigurations",
            "LifecycleConfiguration",
            "LoggingConfiguration",
            "MetricsConfigurations",
            "NotificationConfiguration",
            "ObjectLockConfiguration",
            "ObjectLockEnabled",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "ReplicationConfiguration",
            "Tags",
            "VersioningConfiguration",
            "WebsiteConfiguration",
        ],
        required: &[],
        replaced_by: &["BucketName", "ObjectLockEnabled"],
        seconds: 22,
        rank: 0,
        create: create_bucket,
        update: update_bucket,
        delete: delete_bucket,
        stable: always_stable,
        read: Some(read_bucket),
    },
    Kind {
        name: "AWS::S3::BucketPolicy",
        properties: &["Bucket", "PolicyDocument"],
        required: &["Bucket", "PolicyDocument"],
        replaced_by: &["Bucket"],
        seconds: 3,
        rank: 0,
        create: put_policy,
        update: |maker, name, props| {
            let bucket = maker.world.s3.buckets.get(name);
            if bucket.is_some_and(|bucket| bucket.policy.is_none()) {
                let said = "The bucket policy does not exist";
                return Err(AwsError::new("NoSuchBucketPolicy", said).status(404));
            }
            put_policy(maker, props)
        },
        delete: |maker, _, props| {
            let bucket = str_of(props, "Bucket");
            gone_is_fine(maker.call("s3", "DeleteBucketPolicy", json!({"Bucket": bucket})))
        },
        stable: always_stable,
        read: None,
    },
];

fn create_bucket(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = match str_of(props, "BucketName") {
        Some(name) => name,
        None => maker.make_name(63).to_lowercase(),
    };
    maker.may("s3", "CreateBucket", json!({ "Bucket": name }))?;
    let lock = flag(props, "ObjectLockEnabled").unwrap_or(false);
    let now = maker.world.now;
    maker
        .world
        .s3
        .create(&name, maker.account, maker.region, lock, now)?;
    configure(maker, &name, props)
}

fn update_bucket(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<Identity, AwsError> {
    maker.may("s3", "PutBucketVersioning", json!({ "Bucket": name }))?;
    configure(maker, name, props)
}

fn configure(maker: &mut Maker<'_>, name: &str, props: &Props) -> Result<Identity, AwsError> {
    let tags = maker.tags(props);
    let Some(bucket) = maker.world.s3.buckets.get_mut(name) else {
        return Err(
            AwsError::new("NoSuchBucket", "The specified bucket does not exist").status(404),
        );
    };
    let mut keep = |setting: &str, value: Option<Value>| match value {
        Some(value) => {
            bucket.settings.insert(setting.to_owned(), value);
        }
        // Public access stays blocked where the template says nothing.
        None if setting == "PublicAccessBlockConfiguration" => {}
        None => {
            bucket.settings.remove(setting);
        }
    };
    for setting in [
        "VersioningConfiguration",
        "PublicAccessBlockConfiguration",
        "ObjectLockConfiguration",
        "OwnershipControls",
        "LoggingConfiguration",
    ] {
        keep(setting, props.get(setting).map(typed));
    }
    keep(
        "ServerSideEncryptionConfiguration",
        props.get("BucketEncryption").map(encryption),
    );
    keep(
        "LifecycleConfiguration",
        props.get("LifecycleConfiguration").map(lifecycle),
    );
    bucket.tags = tags;
    let region = maker.region;
    Ok(identity(
        name,
        &[
            ("Arn", &format!("arn:aws:s3:::{name}")),
            ("DomainName", &format!("{name}.s3.amazonaws.com")),
            (
                "RegionalDomainName",
                &format!("{name}.s3.{region}.amazonaws.com"),
            ),
        ],
    ))
}

/// The API says `ApplyServerSideEncryptionByDefault` where CloudFormation says `ServerSideEncryptionByDefault`.
fn encryption(value: &Value) -> Value {
    let rules = value
        .get("ServerSideEncryptionConfiguration")
        .and_then(Value::as_array);
    let rules: Vec<Value> = rules
        .into_iter()
        .flatten()
        .map(|rule| {
            json!({
                "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault"),
                "BucketKeyEnabled": typed(rule.get("BucketKeyEnabled").unwrap_or(&Value::Bool(false))),
            })
        })
        .collect();
    json!({ "Rules": rules })
}

/// Lifecycle rules in the API's words.
fn lifecycle(value: &Value) -> Value {
    let rules = value.get("Rules").and_then(Value::as_array);
    let rules: Vec<Value> = rules
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .map(lifecycle_rule)
        .collect();
    json!({ "Rules": rules })
}

fn lifecycle_rule(rule: &Map<String, Value>) -> Value {
    let number = |value: &Value| {
        value
            .as_str()
            .and_then(|s| s.parse::<i64>().ok())
            .map_or_else(|| value.clone(), Value::from)
    };
    let days = |value: &Value, name: &str| value.get(name).map_or(Value::Null, number);
    let mut out = Map::new();
    for (key, value) in rule {
        match key.as_str() {
            "Id" => out.insert("ID".to_owned(), value.clone()),
            "Status" => out.insert("Status".to_owned(), value.clone()),
            "ExpirationInDays" => {
                out.insert("Expiration".to_owned(), json!({"Days": number(value)}))
            }
            "AbortIncompleteMultipartUpload" => out.insert(
                key.clone(),
                json!({"DaysAfterInitiation": days(value, "DaysAfterInitiation")}),
            ),
            "NoncurrentVersionExpiration" => out.insert(
                key.clone(),
                json!({"NoncurrentDays": days(value, "NoncurrentDays")}),
            ),
            "Transitions" => {
                let list: Vec<Value> = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|t| json!({"Days": days(t, "TransitionInDays"), "StorageClass": t.get("StorageClass")}))
                    .collect();
                out.insert(key.clone(), Value::Array(list))
            }
            _ => None,
        };
    }
    let prefix = rule.get("Prefix").cloned().unwrap_or_else(|| json!(""));
    out.insert("Filter".to_owned(), json!({"Prefix": prefix}));
    Value::Object(out)
}

fn delete_bucket(maker: &mut Maker<'_>, name: &str, _: &Props) -> Result<(), AwsError> {
    gone_is_fine(maker.call("s3", "DeleteBucket", json!({"Bucket": name})))
}

fn put_policy(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let bucket = str_of(props, "Bucket").unwrap_or_default();
    let policy = document(props.get("PolicyDocument"));
    maker.call(
        "s3",
        "PutBucketPolicy",
        json!({"Bucket": bucket, "Policy": policy}),
    )?;
    Ok(identity(bucket, &[]))
}

fn read_bucket(maker: &Maker<'_>, name: &str, declared: &Props) -> Option<Props> {
    let mut props = cloudcontrol::read(
        maker.world,
        maker.account,
        maker.region,
        "AWS::S3::Bucket",
        name,
    )
    .ok()?;
    let bucket = maker.world.s3.buckets.get(name)?;
    props.insert("ObjectLockEnabled".to_owned(), json!(bucket.object_lock));
    props.insert("Tags".to_owned(), maker.own_tags(&bucket.tags));
    let rest = [
        "AccelerateConfiguration",
        "AccessControl",
        "AnalyticsConfigurations",
        "CorsConfiguration",
        "IntelligentTieringConfigurations",
        "InventoryConfigurations",
        "MetricsConfigurations",
        "NotificationConfiguration",
        "ReplicationConfiguration",
        "WebsiteConfiguration",
    ];
    as_declared(&mut props, declared, &rest);
    Some(props)
}
