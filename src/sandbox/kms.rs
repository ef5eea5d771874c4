//! Kms, as far as orgstrap meets it.

use serde::{Deserialize, Serialize};

use super::table::Row;

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KmsState {}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
