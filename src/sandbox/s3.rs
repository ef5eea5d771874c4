//! S3, as far as orgstrap meets it.

use serde::{Deserialize, Serialize};

use super::table::Row;

/// Every bucket there is, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct S3State {}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
