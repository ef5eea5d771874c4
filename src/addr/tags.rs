//! The tags by which orgstrap knows its own.

/// The constant tag that marks what orgstrap made. No version, hash or run id: stack-set tags
/// reach every resource, and a value that changes would touch them all.
pub const OWNERSHIP_TAG: (&str, &str) = ("orgstrap:managed", "true");

/// The tag that names an account's key in the plan.
pub const KEY_TAG: &str = "orgstrap:key";
