//! The only place that prints: events and results become terminal text, JSON or files.
//!
//! What is shown is made by pure functions from data to text ([`plan`], [`summary`], the lines of
//! [`progress`]); [`Printer`] decides whether and where it goes, and whether it is coloured.

pub mod account;
pub mod age;
pub mod beside;
pub mod cost;
pub mod diagnostics;
pub mod difference;
pub mod drift;
pub mod drift_heat;
pub mod drift_html;
pub mod drift_junit;
pub mod drift_markdown;
pub mod drift_sarif;
pub mod drift_view;
mod fields;
pub mod graph;
pub mod import;
pub mod inventory;
pub mod json;
pub mod left;
pub mod loss;
pub mod plan;
mod printer;
pub mod progress;
pub mod quota;
pub mod record;
pub mod rehearsal;
pub mod replay;
mod screen;
pub mod simulation;
pub mod summary;
pub mod words;

pub(crate) use printer::style;
pub use printer::{Color, Kept, Printer, Verbosity};
