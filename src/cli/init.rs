use std::path::PathBuf;

use clap::Args;

use super::Global;
use super::error::{CommandError, CommandResult};
use crate::report::Printer;

/// Write a commented starter plan.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where to write it; an existing file is left alone.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
}

pub(super) fn run(_verb: &Init, _global: &Global, _printer: &Printer) -> CommandResult {
    Err(CommandError::new("`init` is not wired yet"))
}
