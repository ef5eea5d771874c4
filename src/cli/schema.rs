use clap::Args;

use super::error::CommandResult;
use super::exit::Exit;
use crate::plan;
use crate::report::Printer;

/// Print the JSON Schema of the org plan, for editors.
#[derive(Debug, Args)]
pub(super) struct Schema {}

pub(super) fn run(_: &Schema, printer: &Printer) -> CommandResult {
    printer.data_line(plan::schema().trim_end());
    Ok(Exit::Done)
}
