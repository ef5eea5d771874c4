use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::error::{CommandError, CommandResult};
use crate::report::Printer;

/// Remove the lock that a run left behind when it was killed.
///
/// Names the run to unlock, so that a lock taken since is not removed by mistake. Make sure first
/// that the run is really over: two runs at once may interleave.
#[derive(Debug, Args)]
pub(super) struct Unlock {
    /// The run that holds the lock, as the message of the refused run names it.
    run: String,
    /// The org plan, for its management account and home Region.
    #[arg(long, default_value = "org.toml", value_name = "FILE")]
    plan: PathBuf,
}

pub(super) fn run(_verb: &Unlock, _global: &Global, _printer: &Printer) -> CommandResult {
    Err(CommandError::new("`unlock` is not wired yet"))
}
