//! IAM, as far as orgstrap meets it: roles, their policies, service-linked roles, and what is set for an account.

mod details;
mod policies;
mod roles;
mod service_linked;
mod settings;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use service_linked::{ensure_linked_role, has_linked_role, linked_role_name};

use super::call::{AwsError, Call};
use super::table::Row;
use super::time::Time;
use super::world::World;

/// What one account's IAM holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IamState {
    /// Roles by name, service-linked ones included.
    pub roles: BTreeMap<String, Role>,
    /// Customer-managed policies by ARN.
    pub policies: BTreeMap<String, ManagedPolicy>,
    /// The account alias: unique in all of AWS.
    pub alias: Option<String>,
    /// The password policy as UpdateAccountPasswordPolicy was given it, defaults filled in.
    pub password_policy: Option<Value>,
    /// Centralized root access features switched on, in the management account only.
    pub root_features: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    pub id: String,
    pub path: String,
    /// The trust policy as given.
    pub trust: String,
    pub created: Time,
    /// Before this moment nobody can assume it: a new account's role takes a while to appear.
    pub usable_from: Time,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub max_session_seconds: i64,
    /// Inline policies by name.
    #[serde(default)]
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached managed policies.
    #[serde(default)]
    pub attached: Vec<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The service that a service-linked role belongs to, such as `config.amazonaws.com`.
    #[serde(default)]
    pub linked_to: Option<String>,
    /// The ARN of its permissions boundary.
    #[serde(default)]
    pub boundary: Option<String>,
}

/// A customer-managed policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    pub name: String,
    pub id: String,
    pub path: String,
    pub document: String,
    pub created: Time,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The number of the default version, whose document is `document`; 0 is 1.
    #[serde(default)]
    pub version: u32,
    /// The documents of the other versions, by their number.
    #[serde(default)]
    pub others: BTreeMap<u32, String>,
    /// The highest number ever given; 0 is 1.
    #[serde(default)]
    pub newest: u32,
}

/// The role that CreateAccount leaves in a new account. It trusts the management account only (AWS_FACTS 6).
pub fn access_role(id: String, management: &str, created: Time, usable_from: Time) -> Role {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{management}:root")},
            "Action": "sts:AssumeRole",
        }],
    });
    Role {
        id,
        path: String::from("/"),
        trust: trust.to_string(),
        created,
        usable_from,
        description: String::new(),
        max_session_seconds: 3600,
        inline: BTreeMap::new(),
        attached: vec![String::from("arn:aws:iam::aws:policy/AdministratorAccess")],
        tags: BTreeMap::new(),
        linked_to: None,
        boundary: None,
    }
}

/// The rows of this service.
pub const OPERATIONS: &[&[Row]] = &[
    details::OPERATIONS,
    policies::OPERATIONS,
    roles::OPERATIONS,
    service_linked::OPERATIONS,
    settings::OPERATIONS,
];

fn done() -> Result<Value, AwsError> {
    Ok(json!({}))
}

fn iam<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut IamState, AwsError> {
    Ok(&mut world.account_mut(&call.account)?.iam)
}

/// IAM writes policy documents percent-encoded (M:iam GetRole).
fn encoded(document: &str) -> String {
    percent_encoding::utf8_percent_encode(document, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn document<'c>(call: &'c Call, member: &str) -> Result<&'c str, AwsError> {
    let text = call.text(member);
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(policy) if policy.contains_key("Statement") => Ok(text),
        _ => Err(AwsError::new(
            "MalformedPolicyDocument",
            "This policy contains invalid Json or has no Statement",
        )),
    }
}

/// Tags of an input, `[{Key, Value}]`, as a map.
pub(super) fn tags(list: &[Value]) -> BTreeMap<String, String> {
    list.iter()
        .map(|tag| {
            let text = |member: &str| tag[member].as_str().unwrap_or_default().to_owned();
            (text("Key"), text("Value"))
        })
        .collect()
}

/// Tags as the list that most services answer.
pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

/// IAM pages with `IsTruncated` and `Marker`.
fn marked(mut output: Value, next: Option<String>) -> Value {
    output["IsTruncated"] = Value::Bool(next.is_some());
    if let Some(next) = next {
        output["Marker"] = Value::from(next);
    }
    output
}

fn no_policy(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchEntity",
        format!("The policy {name} cannot be found."),
    )
    .status(404)
}
