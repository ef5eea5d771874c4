//! Account, as far as orgstrap meets it.

use serde::{Deserialize, Serialize};

use super::table::Row;

/// The state of this service in one place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountState {}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
