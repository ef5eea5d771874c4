use clap::Args;

use super::error::{CommandError, CommandResult};
use crate::report::Printer;

/// Print the JSON Schema of the org plan, for editors.
#[derive(Debug, Args)]
pub(super) struct Schema {}

pub(super) fn run(_verb: &Schema, _printer: &Printer) -> CommandResult {
    Err(CommandError::new("`schema` is not wired yet"))
}
