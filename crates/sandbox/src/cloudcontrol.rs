//! Cloud Control, as far as orgstrap meets it: reading buckets, their policies and keys by their properties, seeing
//! whether other things are there, and writing what stacks make. Requests are asynchronous, as AWS's are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::{AwsError, Call};
use super::cloudformation::resources::{self, Maker};
use super::table::{Row, invoke};
use super::time::Time;
use super::world::World;
use super::{kms, permissions};

/// What one account asked for in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudControlState {
    /// Requests by token.
    pub requests: BTreeMap<String, Request>,
}

/// A request that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub kind: String,
    pub identifier: String,
    /// `CREATE` or `UPDATE`.
    pub operation: String,
    pub made: Time,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// How long a request shows IN_PROGRESS.
const SECONDS: i64 = 2;

fn not_found(kind: &str, identifier: &str) -> AwsError {
    AwsError::new(
        "ResourceNotFoundException",
        format!("Resource of type '{kind}' with identifier '{identifier}' was not found."),
    )
}

/// The properties of a resource in CloudFormation's words.
fn properties(world: &World, call: &Call, kind: &str, id: &str) -> Result<Value, AwsError> {
    read(world, &call.account, &call.region, kind, id).map(Value::Object)
}

/// The properties of an account's resource in CloudFormation's words.
pub(super) fn read(
    world: &World,
    account: &str,
    region: &str,
    kind: &str,
    id: &str,
) -> Result<Map<String, Value>, AwsError> {
    let bucket = || {
        let found = world.s3.buckets.get(id);
        found.filter(|bucket| bucket.account == account)
    };
    match kind {
        "AWS::S3::Bucket" => {
            let bucket = bucket().ok_or_else(|| not_found(kind, id))?;
            let mut out = Map::new();
            out.insert("BucketName".to_owned(), json!(id));
            for (name, value) in &bucket.settings {
                match name.as_str() {
                    "ServerSideEncryptionConfiguration" => {
                        out.insert("BucketEncryption".to_owned(), encryption(value))
                    }
                    "LifecycleConfiguration" => out.insert(name.clone(), lifecycle(value)),
                    _ => out.insert(name.clone(), value.clone()),
                };
            }
            // Every bucket encrypts since January 2023.
            out.entry("BucketEncryption").or_insert_with(|| {
                json!({"ServerSideEncryptionConfiguration": [{"BucketKeyEnabled": false,
                       "ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
            });
            Ok(out)
        }
        "AWS::S3::BucketPolicy" => {
            let policy = bucket().and_then(|bucket| bucket.policy.as_deref());
            let document: Option<Value> = policy.and_then(|text| serde_json::from_str(text).ok());
            let document = document.ok_or_else(|| not_found(kind, id))?;
            Ok(members(json!({"Bucket": id, "PolicyDocument": document})))
        }
        "AWS::KMS::Key" => {
            let found = kms::find(world, account, region, id);
            // A key whose deletion is scheduled counts as gone, as in the type's read handler.
            let (_, _, key_id, key) = found
                .filter(|(_, _, _, key)| key.deletion.is_none())
                .ok_or_else(|| not_found(kind, id))?;
            let policy: Value = serde_json::from_str(&key.policy).unwrap_or_default();
            Ok(members(json!({
                "KeyId": key_id, "Arn": kms::key_arn(account, region, &key_id),
                "Description": key.description, "Enabled": key.enabled,
                "EnableKeyRotation": key.rotation, "KeyPolicy": policy,
            })))
        }
        _ => Err(AwsError::new(
            "UnsupportedActionException",
            format!("Resource type {kind} does not support READ action"),
        )),
    }
}

/// The physical id by which stacks know what Cloud Control knows by its primary identifier.
fn physical_id<'i>(kind: &str, id: &'i str) -> &'i str {
    match kind {
        "AWS::IAM::RolePolicy" => id.split('|').next().unwrap_or_default(),
        "AWS::Events::Rule" => id.rsplit('/').next().unwrap_or_default(),
        _ => id,
    }
}

/// What the type's own reading needs to be told, because it is in the identifier.
fn declared(kind: &str, id: &str) -> Map<String, Value> {
    match (kind, id.split_once('|')) {
        ("AWS::IAM::RolePolicy", Some((policy, role))) => {
            members(json!({"PolicyName": policy, "RoleName": role}))
        }
        _ => Map::new(),
    }
}

/// Whether a type is known here by more than [`read`].
fn of_stacks(kind: &str) -> Option<&'static resources::Kind> {
    let known = [
        "AWS::CloudTrail::Trail",
        "AWS::Config::ConfigRule",
        "AWS::Config::ConfigurationAggregator",
        "AWS::Events::Rule",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Role",
        "AWS::IAM::RolePolicy",
        "AWS::KMS::Alias",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SSM::Association",
        "AWS::SSM::Document",
        "AWS::SSM::Parameter",
    ];
    known.contains(&kind).then(|| resources::kind(kind))?
}

/// In the caller's name, in its account and Region.
fn maker<'m>(
    world: &'m mut World,
    call: &'m Call,
    tags: &'m BTreeMap<String, String>,
) -> Maker<'m> {
    Maker {
        world,
        account: &call.account,
        region: &call.region,
        stack_name: "cloudcontrol",
        logical_id: "resource",
        principal: &call.principal,
        tags,
    }
}

/// The properties of what a stack may have made.
fn look(world: &mut World, call: &Call, kind: &str, id: &str) -> Result<Value, AwsError> {
    if matches!(kind, "AWS::KMS::Alias" | "AWS::SSM::Document") {
        let region = world.region(&call.account, &call.region);
        let there = region.and_then(|region| match kind {
            "AWS::KMS::Alias" => {
                let key = region.kms.aliases.get(id)?;
                Some(json!({"AliasName": id, "TargetKeyId": key}))
            }
            _ => {
                let document = region.automation.documents.get(id)?;
                let content: Value = serde_json::from_str(&document.content).ok()?;
                Some(json!({"Name": id, "DocumentType": document.kind, "Content": content}))
            }
        });
        return there.ok_or_else(|| not_found(kind, id));
    }
    match of_stacks(kind) {
        Some(known) if kind != "AWS::S3::Bucket" => {
            let tags = BTreeMap::new();
            let found = known.read.and_then(|read| {
                let maker = maker(world, call, &tags);
                read(&maker, physical_id(kind, id), &declared(kind, id))
            });
            found.map(Value::Object).ok_or_else(|| not_found(kind, id))
        }
        _ => properties(world, call, kind, id),
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn encryption(value: &Value) -> Value {
    let rules = value.get("Rules").and_then(Value::as_array);
    let rules: Vec<Value> = rules
        .into_iter()
        .flatten()
        .map(|rule| {
            json!({
                "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
                "ServerSideEncryptionByDefault": rule.get("ApplyServerSideEncryptionByDefault"),
            })
        })
        .collect();
    json!({ "ServerSideEncryptionConfiguration": rules })
}

/// CloudFormation's words for what S3's API says of a lifecycle.
fn lifecycle(value: &Value) -> Value {
    let rules = value.get("Rules").and_then(Value::as_array);
    let rule = |rule: &Map<String, Value>| -> Value {
        let mut out = Map::new();
        for (name, value) in rule {
            match name.as_str() {
                "ID" => out.insert("Id".to_owned(), value.clone()),
                "Expiration" => out.insert(
                    "ExpirationInDays".to_owned(),
                    value.get("Days").cloned().unwrap_or_default(),
                ),
                "Transitions" => {
                    let list: Vec<Value> = value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|t| json!({"TransitionInDays": t.get("Days"), "StorageClass": t.get("StorageClass")}))
                        .collect();
                    out.insert(name.clone(), Value::Array(list))
                }
                "Filter" => None,
                _ => out.insert(name.clone(), value.clone()),
            };
        }
        Value::Object(out)
    };
    let rules: Vec<Value> = rules
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .map(rule)
        .collect();
    json!({ "Rules": rules })
}

fn get_resource(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (kind, id) = (call.text("TypeName"), call.text("Identifier"));
    let properties = look(world, call, kind, id)?;
    Ok(
        json!({"TypeName": kind, "ResourceDescription": {"Identifier": id, "Properties": properties.to_string()}}),
    )
}

fn parsed(text: &str) -> Result<Value, AwsError> {
    serde_json::from_str(text)
        .map_err(|error| AwsError::new("InvalidRequestException", error.to_string()))
}

/// Writes a bucket's policy, or what a stack could make: anew, or what has an identifier.
fn put(
    world: &mut World,
    call: &Call,
    kind: &str,
    id: Option<&str>,
    state: &Value,
) -> Result<String, AwsError> {
    if let (Some(known), Some(state)) = (of_stacks(kind), state.as_object()) {
        resources::check(known, "resource", state)
            .map_err(|why| AwsError::new("InvalidRequestException", why))?;
        let tags = BTreeMap::new();
        let mut maker = maker(world, call, &tags);
        let made = match id {
            None => (known.create)(&mut maker, state)?,
            Some(id) => (known.update)(&mut maker, physical_id(kind, id), state)?,
        };
        return Ok(made.physical_id);
    }
    if kind != "AWS::S3::BucketPolicy" {
        return Err(AwsError::new(
            "UnsupportedActionException",
            format!("Resource type {kind} is only read in the sandbox"),
        ));
    }
    let bucket = state
        .get("Bucket")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let document = state.get("PolicyDocument").cloned().unwrap_or_default();
    let input = json!({"Bucket": bucket, "Policy": document.to_string()});
    let mut call = call.with_input(input);
    // Cloud Control acts in its caller's name.
    call.via = Some("cloudformation.amazonaws.com");
    permissions::check(world, "s3", "PutBucketPolicy", &call)?;
    invoke(world, "s3", "PutBucketPolicy", &call)?;
    Ok(bucket.to_owned())
}

fn accept(
    world: &mut World,
    call: &Call,
    operation: &str,
    id: String,
    failure: Option<String>,
) -> Result<Value, AwsError> {
    let token = world.rng.uuid();
    let request = Request {
        kind: call.text("TypeName").to_owned(),
        identifier: id,
        operation: operation.to_owned(),
        made: call.now,
        failure,
    };
    let event = event(&token, &request, call.now);
    let state = &mut world.region_mut(&call.account, &call.region)?.cloudcontrol;
    state.requests.insert(token, request);
    Ok(json!({ "ProgressEvent": event }))
}

fn event(token: &str, request: &Request, now: Time) -> Value {
    let status = match &request.failure {
        _ if now < request.made.plus_secs(SECONDS) => "IN_PROGRESS",
        Some(_) => "FAILED",
        None => "SUCCESS",
    };
    let mut event = json!({
        "TypeName": request.kind, "Identifier": request.identifier, "RequestToken": token,
        "Operation": request.operation, "OperationStatus": status, "EventTime": request.made.json(),
    });
    if let (Some(failure), "FAILED", Some(map)) = (&request.failure, status, event.as_object_mut())
    {
        map.insert("StatusMessage".to_owned(), json!(failure));
        map.insert("ErrorCode".to_owned(), json!("GeneralServiceException"));
    }
    event
}

fn create_resource(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let state = parsed(call.text("DesiredState"))?;
    match put(world, call, call.text("TypeName"), None, &state) {
        Ok(id) => accept(world, call, "CREATE", id, None),
        Err(error) if error.code == "UnsupportedActionException" => Err(error),
        Err(error) => accept(
            world,
            call,
            "CREATE",
            String::new(),
            Some(error.to_string()),
        ),
    }
}

/// Applies a JSON Patch of whole properties, which is what orgstrap sends.
fn update_resource(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (kind, id) = (call.text("TypeName"), call.text("Identifier").to_owned());
    let mut state = look(world, call, kind, &id)?;
    let patch = parsed(call.text("PatchDocument"))?;
    for step in patch.as_array().into_iter().flatten() {
        let path = step.get("path").and_then(Value::as_str).unwrap_or_default();
        let name = path.trim_start_matches('/').to_owned();
        match (
            step.get("op").and_then(Value::as_str),
            state.as_object_mut(),
        ) {
            (Some("add" | "replace"), Some(map)) if !name.contains('/') => {
                map.insert(name, step.get("value").cloned().unwrap_or_default());
            }
            _ => {
                return Err(AwsError::new(
                    "InvalidRequestException",
                    format!("The patch's step at {path} is not simulated"),
                ));
            }
        }
    }
    match put(world, call, kind, Some(&id), &state) {
        Ok(_) => accept(world, call, "UPDATE", id, None),
        Err(error) if error.code == "UnsupportedActionException" => Err(error),
        Err(error) => accept(world, call, "UPDATE", id, Some(error.to_string())),
    }
}

fn get_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let token = call.text("RequestToken");
    let request = world
        .region(&call.account, &call.region)
        .and_then(|region| region.cloudcontrol.requests.get(token))
        .ok_or_else(|| {
            AwsError::new(
                "RequestTokenNotFoundException",
                format!("Request with token {token} was not found"),
            )
        })?;
    Ok(json!({ "ProgressEvent": event(token, request, call.now) }))
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("cloudcontrol", "CreateResource", create_resource),
    ("cloudcontrol", "GetResource", get_resource),
    ("cloudcontrol", "GetResourceRequestStatus", get_status),
    ("cloudcontrol", "UpdateResource", update_resource),
];
