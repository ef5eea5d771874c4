use clap::Args;

use super::error::CommandResult;
use super::exit::Exit;
use crate::report::Printer;

/// Print the completion script of a shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell to complete for.
    shell: clap_complete::Shell,
}

pub(super) fn run(verb: &Completions, printer: &Printer) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(verb.shell, &mut super::command(), "orgstrap", &mut script);
    printer.data(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
