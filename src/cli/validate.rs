use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::error::{CommandError, CommandResult};
use crate::report::Printer;

/// Check the org plan offline, without credentials, and show every error at once.
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
}

pub(super) fn run(_verb: &Validate, _global: &Global, _printer: &Printer) -> CommandResult {
    Err(CommandError::new("`validate` is not wired yet"))
}
