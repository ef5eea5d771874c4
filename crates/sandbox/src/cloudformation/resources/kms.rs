//! AWS::KMS::Key and AWS::KMS::Alias.

use serde_json::{Value, json};

use super::{
    Identity, Kind, Maker, Props, always_stable, as_declared, document, flag, gone_is_fine,
    identity, str_of,
};
use crate::call::AwsError;
use crate::cloudcontrol;
use crate::kms::{Key, find, key_arn};
use crate::lags::Lag;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::KMS::Key",
        properties: &[
            "BypassPolicyLockoutSafetyCheck",
            "Description",
            "EnableKeyRotation",
            "Enabled",
            "KeyPolicy",
            "KeySpec",
            "KeyUsage",
            "MultiRegion",
            "Origin",
            "PendingWindowInDays",
            "RotationPeriodInDays",
            "Tags",
        ],
        required: &[],
        replaced_by: &["KeySpec", "KeyUsage", "MultiRegion", "Origin"],
        seconds: 60,
        rank: 0,
        create: create_key,
        update: |maker, id, props| {
            maker.may("kms", "PutKeyPolicy", json!({ "KeyId": id }))?;
            let key = maker.region().and_then(|region| region.kms.keys.get(id));
            match key {
                None => {
                    let said = format!("Key '{id}' does not exist");
                    return Err(AwsError::new("NotFoundException", said));
                }
                Some(key) if key.deletion.is_some() => {
                    let said = format!("{id} is pending deletion.");
                    return Err(AwsError::new("KMSInvalidStateException", said));
                }
                Some(_) => {}
            }
            configure(maker, id.to_owned(), props)
        },
        delete: |maker, id, props| {
            let days = str_of(props, "PendingWindowInDays")
                .and_then(|d| d.parse::<i64>().ok())
                .unwrap_or(30);
            gone_is_fine(maker.call(
                "kms",
                "ScheduleKeyDeletion",
                json!({"KeyId": id, "PendingWindowInDays": days}),
            ))
        },
        stable: always_stable,
        read: Some(read_key),
    },
    Kind {
        name: "AWS::KMS::Alias",
        properties: &["AliasName", "TargetKeyId"],
        required: &["AliasName", "TargetKeyId"],
        replaced_by: &["AliasName"],
        seconds: 30,
        rank: 0,
        create: create_alias,
        update: |maker, name, props| {
            let region = maker.region();
            if !region.is_some_and(|region| region.kms.aliases.contains_key(name)) {
                let said = format!("Alias {name} is not found.");
                return Err(AwsError::new("NotFoundException", said));
            }
            set_alias(maker, props)
        },
        delete: |maker, name, _| {
            maker
                .world
                .region_mut(maker.account, maker.region)?
                .kms
                .aliases
                .remove(name);
            Ok(())
        },
        stable: always_stable,
        read: None,
    },
];

fn create_key(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    maker.may("kms", "CreateKey", json!({}))?;
    let id = maker.world.rng.uuid();
    configure(maker, id, props)
}

fn configure(maker: &mut Maker<'_>, id: String, props: &Props) -> Result<Identity, AwsError> {
    let account_policy = json!({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [{
        "Sid": "Enable IAM User Permissions", "Effect": "Allow",
        "Principal": {"AWS": format!("arn:aws:iam::{}:root", maker.account)}, "Action": "kms:*", "Resource": "*"}]});
    let policy = props.get("KeyPolicy").cloned().unwrap_or(account_policy);
    if policy.get("Statement").is_none_or(Value::is_null) {
        return Err(AwsError::new(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        ));
    }
    let (now, tags) = (maker.world.now, maker.tags(props));
    let key = Key {
        description: str_of(props, "Description").unwrap_or_default(),
        policy: document(Some(&policy)),
        created: now,
        rotation: flag(props, "EnableKeyRotation").unwrap_or(false),
        enabled: flag(props, "Enabled").unwrap_or(true),
        deletion: None,
        tags,
    };
    let keys = &mut maker
        .world
        .region_mut(maker.account, maker.region)?
        .kms
        .keys;
    let created = keys.get(&id).map_or(now, |old| old.created);
    let before = keys.insert(id.clone(), Key { created, ..key });
    let arn = key_arn(maker.account, maker.region, &id);
    if let Some(before) = before {
        let policy = json!(before.policy);
        maker.world.lags.keep(Lag::KeyPolicy, &arn, now, policy);
    }
    Ok(identity(id.clone(), &[("Arn", &arn), ("KeyId", &id)]))
}

fn create_alias(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = str_of(props, "AliasName").unwrap_or_default();
    let taken = maker
        .world
        .region(maker.account, maker.region)
        .is_some_and(|r| r.kms.aliases.contains_key(&name));
    if taken {
        let arn = format!("arn:aws:kms:{}:{}:{name}", maker.region, maker.account);
        return Err(AwsError::new(
            "AlreadyExistsException",
            format!("An alias with the name {arn} already exists"),
        ));
    }
    set_alias(maker, props)
}

fn set_alias(maker: &mut Maker<'_>, props: &Props) -> Result<Identity, AwsError> {
    let name = str_of(props, "AliasName").unwrap_or_default();
    if !name.starts_with("alias/") || name.starts_with("alias/aws/") {
        return Err(AwsError::new(
            "InvalidAliasNameException",
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    }
    let target = str_of(props, "TargetKeyId").unwrap_or_default();
    let id = match find(maker.world, maker.account, maker.region, &target) {
        Some((account, region, id, _)) if account == maker.account && region == maker.region => id,
        _ => {
            return Err(AwsError::new(
                "NotFoundException",
                format!("Key '{target}' does not exist"),
            ));
        }
    };
    maker
        .world
        .region_mut(maker.account, maker.region)?
        .kms
        .aliases
        .insert(name.clone(), id);
    Ok(identity(name, &[]))
}

fn read_key(maker: &Maker<'_>, id: &str, declared: &Props) -> Option<Props> {
    let mut props = cloudcontrol::read(
        maker.world,
        maker.account,
        maker.region,
        "AWS::KMS::Key",
        id,
    )
    .ok()?;
    let tags = &maker.region()?.kms.keys.get(id)?.tags;
    props.insert("Tags".to_owned(), maker.own_tags(tags));
    let rest = [
        "BypassPolicyLockoutSafetyCheck",
        "KeySpec",
        "KeyUsage",
        "MultiRegion",
        "Origin",
        "PendingWindowInDays",
        "RotationPeriodInDays",
    ];
    as_declared(&mut props, declared, &rest);
    Some(props)
}
