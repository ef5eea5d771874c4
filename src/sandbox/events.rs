//! Events, as far as orgstrap meets it.

use serde::{Deserialize, Serialize};

use super::table::Row;

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventsState {}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
