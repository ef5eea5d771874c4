//! KMS, as far as orgstrap meets it: keys, aliases and key policies. No cryptography.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{AwsError, Call};
use super::lags::Lag;
use super::paging::page;
use super::table::Row;
use super::time::Time;
use super::world::World;

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KmsState {
    /// Keys by id.
    pub keys: BTreeMap<String, Key>,
    /// Key ids by alias, `alias/` included.
    pub aliases: BTreeMap<String, String>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    pub description: String,
    pub policy: String,
    pub created: Time,
    pub rotation: bool,
    pub enabled: bool,
    /// When it goes, if its deletion is scheduled.
    pub deletion: Option<Time>,
    pub tags: BTreeMap<String, String>,
}

/// The ARN of a key.
pub fn key_arn(account: &str, region: &str, id: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:key/{id}")
}

/// A key found by id, ARN, alias or alias ARN, as `(account, Region, id, key)`. Ids and aliases are looked up in the
/// given account and Region.
pub fn find<'w>(
    world: &'w World,
    account: &str,
    region: &str,
    name: &str,
) -> Option<(String, String, String, &'w Key)> {
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let (account, region, local) = match parts.as_slice() {
        ["arn", "aws", "kms", region, account, local] => (
            *account,
            *region,
            local.strip_prefix("key/").unwrap_or(local),
        ),
        _ => (account, region, name),
    };
    let state = &world.region(account, region)?.kms;
    let id = state.aliases.get(local).map_or(local, String::as_str);
    let key = state.keys.get(id)?;
    Some((account.to_owned(), region.to_owned(), id.to_owned(), key))
}

fn wanted(world: &World, call: &Call) -> Result<(String, String, String), AwsError> {
    match find(world, &call.account, &call.region, call.text("KeyId")) {
        Some((account, region, id, _)) if account == call.account && region == call.region => {
            Ok((account, region, id))
        }
        Some(_) => Err(AwsError::new(
            "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
        )),
        None => Err(AwsError::new(
            "NotFoundException",
            format!("Key '{}' does not exist", call.text("KeyId")),
        )),
    }
}

fn change(world: &mut World, call: &Call, act: impl FnOnce(&mut Key)) -> Result<Value, AwsError> {
    let (account, region, id) = wanted(world, call)?;
    if let Some(key) = world.region_mut(&account, &region)?.kms.keys.get_mut(&id) {
        act(key);
    }
    Ok(Value::Null)
}

fn metadata(account: &str, region: &str, id: &str, key: &Key) -> Value {
    let state = match (key.deletion, key.enabled) {
        (Some(_), _) => "PendingDeletion",
        (None, true) => "Enabled",
        (None, false) => "Disabled",
    };
    let mut out = json!({
        "AWSAccountId": account, "KeyId": id, "Arn": key_arn(account, region, id), "CreationDate": key.created.json(),
        "Enabled": state == "Enabled", "Description": key.description, "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": state,
        "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "KeySpec": "SYMMETRIC_DEFAULT", "MultiRegion": false,
    });
    if let (Some(at), Some(map)) = (key.deletion, out.as_object_mut()) {
        map.insert("DeletionDate".to_owned(), at.json());
    }
    out
}

fn describe_key(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (account, region, id) = wanted(world, call)?;
    let key = world
        .region(&account, &region)
        .and_then(|r| r.kms.keys.get(&id));
    Ok(json!({"KeyMetadata": key.map(|key| metadata(&account, &region, &id, key))}))
}

fn list_keys(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let keys = world
        .region(&call.account, &call.region)
        .map(|r| &r.kms.keys);
    let keys: Vec<Value> = keys
        .into_iter()
        .flatten()
        .map(|(id, _)| json!({"KeyId": id, "KeyArn": key_arn(&call.account, &call.region, id)}))
        .collect();
    Ok(json!({"Keys": keys, "Truncated": false}))
}

fn list_aliases(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let aliases = world
        .region(&call.account, &call.region)
        .map(|r| &r.kms.aliases);
    let aliases: Vec<Value> = aliases
        .into_iter()
        .flatten()
        .map(|(name, key)| {
            json!({"AliasName": name, "TargetKeyId": key,
                   "AliasArn": format!("arn:aws:kms:{}:{}:{name}", call.region, call.account)})
        })
        .collect();
    Ok(json!({"Aliases": aliases, "Truncated": false}))
}

fn get_key_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (account, region, id) = wanted(world, call)?;
    let policy = world
        .region(&account, &region)
        .and_then(|r| r.kms.keys.get(&id))
        .map(|key| key.policy.clone());
    Ok(json!({"Policy": policy, "PolicyName": "default"}))
}

fn put_key_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let mut policy = call.text("Policy").to_owned();
    change(world, call, |key| {
        std::mem::swap(&mut key.policy, &mut policy)
    })?;
    let (account, region, id) = wanted(world, call)?;
    let arn = key_arn(&account, &region, &id);
    (world.lags).keep(Lag::KeyPolicy, &arn, call.now, json!(policy));
    Ok(Value::Null)
}

fn get_key_rotation_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (account, region, id) = wanted(world, call)?;
    let rotation = world
        .region(&account, &region)
        .and_then(|r| r.kms.keys.get(&id))
        .is_some_and(|key| key.rotation);
    Ok(json!({"KeyRotationEnabled": rotation}))
}

fn schedule_key_deletion(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let days = call.int("PendingWindowInDays").unwrap_or(30);
    let at = call.now.plus_secs(days.saturating_mul(86_400));
    change(world, call, |key| key.deletion = Some(at))?;
    Ok(
        json!({"KeyId": call.text("KeyId"), "DeletionDate": at.json(), "KeyState": "PendingDeletion", "PendingWindowInDays": days}),
    )
}

fn cancel_key_deletion(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change(world, call, |key| {
        key.deletion = None;
        key.enabled = false;
    })?;
    Ok(json!({"KeyId": call.text("KeyId")}))
}

fn enable_key(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change(world, call, |key| key.enabled = true)
}

fn disable_key(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change(world, call, |key| key.enabled = false)
}

fn list_resource_tags(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (account, region, id) = wanted(world, call)?;
    let key = world
        .region(&account, &region)
        .and_then(|r| r.kms.keys.get(&id));
    let tags: Vec<Value> = key
        .into_iter()
        .flat_map(|key| &key.tags)
        .map(|(k, v)| json!({"TagKey": k, "TagValue": v}))
        .collect();
    page(call, "Tags", tags, "Limit", 50)
}

fn tag_resource(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let given = call.list("Tags").iter().filter_map(|tag| {
        let text = |name: &str| tag.get(name)?.as_str().map(str::to_owned);
        Some((text("TagKey")?, text("TagValue")?))
    });
    change(world, call, |key| key.tags.extend(given))
}

fn untag_resource(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let keys = call.strings("TagKeys");
    change(world, call, |key| {
        key.tags.retain(|name, _| !keys.contains(name))
    })
}

fn enable_key_rotation(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change(world, call, |key| key.rotation = true)
}

fn disable_key_rotation(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change(world, call, |key| key.rotation = false)
}

fn no_alias(call: &Call) -> AwsError {
    let message = format!(
        "Alias arn:aws:kms:{}:{}:{} is not found.",
        call.region,
        call.account,
        call.text("AliasName")
    );
    AwsError::new("NotFoundException", message)
}

/// The key that an alias is to name.
fn target(world: &World, call: &Call) -> Result<String, AwsError> {
    let key = json!({"KeyId": call.text("TargetKeyId")});
    wanted(world, &call.with_input(key)).map(|(_, _, id)| id)
}

fn create_alias(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("AliasName").to_owned();
    let id = target(world, call)?;
    let aliases = &mut world.region_mut(&call.account, &call.region)?.kms.aliases;
    if aliases.contains_key(&name) {
        let arn = format!("arn:aws:kms:{}:{}:{name}", call.region, call.account);
        return Err(AwsError::new(
            "AlreadyExistsException",
            format!("An alias with the name {arn} already exists"),
        ));
    }
    aliases.insert(name, id);
    Ok(Value::Null)
}

fn update_alias(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = target(world, call)?;
    let aliases = &mut world.region_mut(&call.account, &call.region)?.kms.aliases;
    let named = aliases
        .get_mut(call.text("AliasName"))
        .ok_or_else(|| no_alias(call))?;
    *named = id;
    Ok(Value::Null)
}

fn delete_alias(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let aliases = &mut world.region_mut(&call.account, &call.region)?.kms.aliases;
    let removed = aliases.remove(call.text("AliasName"));
    removed.map(|_| Value::Null).ok_or_else(|| no_alias(call))
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("kms", "CancelKeyDeletion", cancel_key_deletion),
    ("kms", "CreateAlias", create_alias),
    ("kms", "DeleteAlias", delete_alias),
    ("kms", "DescribeKey", describe_key),
    ("kms", "DisableKey", disable_key),
    ("kms", "DisableKeyRotation", disable_key_rotation),
    ("kms", "EnableKey", enable_key),
    ("kms", "EnableKeyRotation", enable_key_rotation),
    ("kms", "GetKeyPolicy", get_key_policy),
    ("kms", "GetKeyRotationStatus", get_key_rotation_status),
    ("kms", "ListAliases", list_aliases),
    ("kms", "ListKeys", list_keys),
    ("kms", "ListResourceTags", list_resource_tags),
    ("kms", "PutKeyPolicy", put_key_policy),
    ("kms", "ScheduleKeyDeletion", schedule_key_deletion),
    ("kms", "TagResource", tag_resource),
    ("kms", "UntagResource", untag_resource),
    ("kms", "UpdateAlias", update_alias),
];
