use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::error::{CommandError, CommandResult};
use crate::report::Printer;

/// Show what `apply` would change, field by field, in the order it would run.
///
/// Reads AWS and changes nothing. Exits 0 when AWS is as the org plan says, 2 when it differs.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// Save exactly these changes, for `orgstrap apply FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Count OUs and policies of orgstrap's own that the org plan no longer names as deletions.
    #[arg(long)]
    prune: bool,
}

pub(super) fn run(_verb: &Plan, _global: &Global, _printer: &Printer) -> CommandResult {
    Err(CommandError::new("`plan` is not wired yet"))
}
