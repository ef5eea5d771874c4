//! IAM, as far as orgstrap meets it: roles and their policies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::Row;
use super::time::Time;

/// What one account's IAM holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IamState {
    /// Roles by name, service-linked ones included.
    pub roles: BTreeMap<String, Role>,
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
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
