//! Resource types: what CloudFormation does in a service for each.
//!
//! A new type is one [`Kind`] in the file of its service. Most functions call the service's own operations, in the
//! account and Region of the stack, so that a stack meets the same refusals as anybody else.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::intrinsics::{Identity, text};
use crate::call::{AwsError, Call};
use crate::world::{RegionWorld, World};
use crate::{lags, permissions, table};

mod cloudtrail;
mod config;
mod declared;
mod events;
mod guardduty;
mod iam;
mod kms;
mod s3;
mod sns;
mod ssm;

/// Who calls the services in the name of whoever made the stack.
const VIA: &str = "cloudformation.amazonaws.com";

/// Resolved properties of a resource.
pub type Props = Map<String, Value>;

/// Reads a resource by its physical id and what its stack declares.
pub type Read = fn(&Maker<'_>, &str, &Props) -> Option<Props>;

/// A resource type.
pub struct Kind {
    pub name: &'static str,
    /// Every top-level property there is.
    pub properties: &'static [&'static str],
    pub required: &'static [&'static str],
    /// Properties whose change replaces the resource.
    pub replaced_by: &'static [&'static str],
    /// How long creating one usually takes.
    pub seconds: i64,
    /// Created before resources of greater rank that need the same things.
    pub rank: u8,
    pub create: fn(&mut Maker<'_>, &Props) -> Result<Identity, AwsError>,
    pub update: fn(&mut Maker<'_>, &str, &Props) -> Result<Identity, AwsError>,
    pub delete: fn(&mut Maker<'_>, &str, &Props) -> Result<(), AwsError>,
    /// Whether the resource has become what it should; asked when something waits for it and when the stack ends.
    pub stable: fn(&Maker<'_>, &str) -> Result<(), AwsError>,
    /// Its properties as they are now, for drift detection; none where it is gone. Types without it are those that
    /// drift detection leaves out (user guide, "Resource type support for imports and drift detection").
    pub read: Option<Read>,
}

const TABLES: &[&[Kind]] = &[
    cloudtrail::KINDS,
    config::KINDS,
    declared::KINDS,
    events::KINDS,
    guardduty::KINDS,
    iam::KINDS,
    kms::KINDS,
    s3::KINDS,
    sns::KINDS,
    ssm::KINDS,
];

/// The resource type of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    TABLES
        .iter()
        .flat_map(|table| table.iter())
        .find(|kind| kind.name == name)
}

/// A resource that is there, as a stack knows it that takes it in.
pub fn imported(kind: &str, identifier: &str, account: &str, region: &str) -> Identity {
    match kind {
        "AWS::S3::Bucket" => {
            let arn = format!("arn:aws:s3:::{identifier}");
            identity(identifier, &[("Arn", &arn)])
        }
        "AWS::KMS::Key" => {
            let arn = crate::kms::key_arn(account, region, identifier);
            identity(identifier, &[("Arn", &arn), ("KeyId", identifier)])
        }
        _ => identity(identifier, &[]),
    }
}

/// In whose name, where and for which resource CloudFormation acts.
pub struct Maker<'a> {
    pub world: &'a mut World,
    pub account: &'a str,
    pub region: &'a str,
    pub stack_name: &'a str,
    pub logical_id: &'a str,
    /// Who acts: CloudFormation does what its caller may, StackSets what their execution role may.
    pub principal: &'a str,
    /// Tags of the stack, which reach every resource that can have tags.
    pub tags: &'a BTreeMap<String, String>,
}

impl Maker<'_> {
    /// Calls a service of the stack's account and Region.
    pub fn call(
        &mut self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let call = self.internal(input);
        permissions::check(self.world, service, operation, &call)?;
        table::invoke(self.world, service, operation, &call)
    }

    /// Fails where policies do not let it make a call, or the service is not open yet: for what is done to the world
    /// directly.
    pub fn may(&self, service: &str, operation: &str, input: Value) -> Result<(), AwsError> {
        let call = self.internal(input);
        permissions::check(self.world, service, operation, &call)?;
        lags::refuse(self.world, service, operation, &call)
    }

    fn internal(&self, input: Value) -> Call {
        let now = self.world.now;
        Call {
            via: Some(VIA),
            ..Call::internal(self.account, self.region, self.principal, now, input)
        }
    }

    /// A name for a resource that names itself: stack, logical id and something random.
    pub fn make_name(&mut self, longest: usize) -> String {
        let random = self.world.rng.capitals(12);
        let mut stem = format!("{}-{}", self.stack_name, self.logical_id);
        stem.truncate(longest.saturating_sub(13));
        format!("{stem}-{random}")
    }

    /// The resource's own tags and those of the stack.
    pub fn tags(&self, props: &Props) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        match props.get("Tags") {
            Some(Value::Array(list)) => {
                for tag in list {
                    let get = |name: &str| tag.get(name).and_then(text).unwrap_or_default();
                    tags.insert(get("Key"), get("Value"));
                }
            }
            Some(Value::Object(map)) => tags.extend(
                map.iter()
                    .map(|(k, v)| (k.clone(), text(v).unwrap_or_default())),
            ),
            _ => {}
        }
        tags.insert(
            "aws:cloudformation:stack-name".to_owned(),
            self.stack_name.to_owned(),
        );
        tags.insert(
            "aws:cloudformation:logical-id".to_owned(),
            self.logical_id.to_owned(),
        );
        tags
    }

    /// What the account holds in the stack's Region.
    pub fn region(&self) -> Option<&RegionWorld> {
        self.world.region(self.account, self.region)
    }

    /// Of the tags that a resource has, those that its template may have asked for: not the stack's, nor AWS's own.
    pub fn own_tags(&self, live: &BTreeMap<String, String>) -> Value {
        live.iter()
            .filter(|(key, value)| !key.starts_with("aws:") && self.tags.get(*key) != Some(value))
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect()
    }

    /// [`Maker::tags`] as services take them, without CloudFormation's own.
    pub fn tag_list(&self, props: &Props) -> Value {
        let own = self.tags(props);
        own.iter()
            .filter(|(k, _)| !k.starts_with("aws:"))
            .map(|(k, v)| json!({"Key": k, "Value": v}))
            .collect()
    }
}

/// A property as text, whatever scalar it was given as.
pub(super) fn str_of(props: &Props, name: &str) -> Option<String> {
    props.get(name).and_then(text)
}

/// A property as a boolean: CloudFormation takes `"true"` too.
pub(super) fn flag(props: &Props, name: &str) -> Option<bool> {
    match props.get(name)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => Some(text == "true"),
        _ => None,
    }
}

/// A policy document as the text services keep.
pub(super) fn document(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// Properties as a read gives them.
pub(super) fn live(properties: Value) -> Props {
    match properties {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Takes what is not simulated, or only written, to be as it was declared.
pub(super) fn as_declared(live: &mut Props, declared: &Props, names: &[&str]) {
    for name in names {
        if let Some(value) = declared.get(*name) {
            live.insert((*name).to_owned(), value.clone());
        }
    }
}

/// An identity with attributes.
pub(super) fn identity(physical_id: impl Into<String>, attributes: &[(&str, &str)]) -> Identity {
    Identity {
        physical_id: physical_id.into(),
        attributes: attributes
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

/// For types that are as they should be once made.
pub(super) fn always_stable(_: &Maker<'_>, _: &str) -> Result<(), AwsError> {
    Ok(())
}

/// Success where what is to go is gone already.
pub(super) fn gone_is_fine(result: Result<Value, AwsError>) -> Result<(), AwsError> {
    match result {
        Ok(_) => Ok(()),
        Err(e)
            if e.code.contains("NotFound")
                || e.code.contains("NoSuch")
                || e.code.ends_with("DoesNotExist")
                || e.code == "InvalidDocument" =>
        {
            Ok(())
        }
        Err(e) => Err(e),
    }
}

/// Property and member names as Config's API has them: `RoleARN` is `roleARN`, `S3BucketName` is `s3BucketName`.
/// Booleans and numbers given as text become what they are.
pub(super) fn lower_camel(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, item)| {
                let mut letters = key.chars();
                let first = letters.next().map(|c| c.to_ascii_lowercase());
                (
                    first.into_iter().chain(letters).collect::<String>(),
                    lower_camel(item),
                )
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(lower_camel).collect(),
        other => typed(other),
    }
}

/// `"true"`, `"false"` and numbers given as text, as what they are.
pub(super) fn typed(value: &Value) -> Value {
    match value {
        Value::String(text) if text == "true" => Value::Bool(true),
        Value::String(text) if text == "false" => Value::Bool(false),
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| (k.clone(), typed(v)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(typed).collect(),
        other => other.clone(),
    }
}

/// What CloudFormation says of properties that the type does not have or lacks.
pub fn check(kind: &Kind, logical_id: &str, props: &Props) -> Result<(), String> {
    let fail = |what: String| {
        Err(format!(
            "Properties validation failed for resource {logical_id} with message:\n{what}"
        ))
    };
    for key in props.keys() {
        if !kind.properties.contains(&key.as_str()) {
            return fail(format!("#: extraneous key [{key}] is not permitted"));
        }
    }
    for key in kind.required {
        if !props.contains_key(*key) {
            return fail(format!("#: required key [{key}] not found"));
        }
    }
    Ok(())
}

/// A service's refusal as stack events show it (aws/aws-cdk#27168).
pub fn reason(kind: &Kind, error: &AwsError, token: &str) -> String {
    let service = kind.name.split("::").nth(1).unwrap_or_default();
    let code = match error.code.as_str() {
        c if c.contains("AlreadyExists")
            || c.contains("AlreadyOwned")
            || c == "EntityAlreadyExists" =>
        {
            "AlreadyExists"
        }
        c if c.contains("AccessDenied") => "AccessDenied",
        c if c.contains("MaxNumber") || c.contains("LimitExceeded") => "ServiceLimitExceeded",
        c if c.contains("NotFound") || c.contains("NoSuch") => "NotFound",
        "AssociationDoesNotExist" | "InvalidDocument" => "NotFound",
        "NotStabilized" => "NotStabilized",
        _ => "InvalidRequest",
    };
    let lead = match code {
        "InvalidRequest" => "Invalid request provided: ",
        _ => "",
    };
    // The service's code is not among it.
    format!(
        "Resource handler returned message: \"{lead}{} (Service: {service}, Status Code: {}, Request ID: {token})\" (RequestToken: {token}, HandlerErrorCode: {code})",
        error.message, error.status
    )
}
