use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::error::{CommandError, CommandResult};
use crate::report::Printer;

/// Make AWS as the org plan says.
///
/// Shows the changes first and asks; then each change starts as soon as what it needs is done.
/// The first Ctrl-C finishes what is in flight, the second stops at once. Run it again at any time:
/// it goes on from what AWS holds.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The org plan, or changes saved by `orgstrap plan --out`.
    #[arg(default_value = "org.toml", value_name = "PLAN|CHANGES")]
    file: PathBuf,
    /// Create the organization where the management account is in none.
    #[arg(long)]
    create_organization: bool,
    /// Delete OUs (empty ones) and policies of orgstrap's own that the org plan no longer names.
    #[arg(long)]
    prune: bool,
}

pub(super) fn run(_verb: &Apply, _global: &Global, _printer: &Printer) -> CommandResult {
    Err(CommandError::new("`apply` is not wired yet"))
}
