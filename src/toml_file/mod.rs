//! TOML files that people write: values that know where they stand ([`at`]), what is wrong with a file, as data
//! ([`diagnostic`]), and reading that tells all of it at once ([`parse`]). The org plan and the descriptors of
//! baselines are such files; what they say is theirs. Pure.

pub mod at;
pub mod diagnostic;
pub(crate) mod judge;
pub(crate) mod parse;
pub(crate) mod schema;
pub(crate) mod suggest;
pub mod text;
pub mod value;

pub use at::{At, SpannedString};
pub use diagnostic::{Diagnostic, Invalid, Location, Severity, Source};
