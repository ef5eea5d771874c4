use clap::Args;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use crate::report::Printer;

/// Print the manual page in roff.
#[derive(Debug, Args)]
pub(super) struct Man {}

pub(super) fn run(_: &Man, printer: &Printer) -> CommandResult {
    let mut page = Vec::new();
    clap_mangen::Man::new(super::command())
        .render(&mut page)
        .map_err(|error| CommandError::caused("could not write the manual page", &error))?;
    printer.data(&String::from_utf8_lossy(&page));
    Ok(Exit::Done)
}
