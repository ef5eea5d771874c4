//! CloudTrail, as far as orgstrap meets it.

use serde::{Deserialize, Serialize};

use super::table::Row;
use super::world::World;

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudTrailState {}

/// Work that is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Due {}

/// Runs what has come due.
pub fn run(_world: &mut World, due: Due) {
    match due {}
}

/// See [`super::hooks::account_moved`].
pub fn account_moved(
    _world: &mut World,
    _account: &str,
    _from: Option<&[String]>,
    _to: Option<&[String]>,
) {
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[];
