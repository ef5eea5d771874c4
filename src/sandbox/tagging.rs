//! The Resource Groups Tagging API: tags of accounts in one reading.

use super::table::Row;

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
