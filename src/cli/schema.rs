use clap::Args;

use super::error::CommandResult;
use super::exit::Exit;
use crate::report::Printer;
use crate::{baseline, plan};

/// Print the JSON Schema of the org plan, for editors.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Print that of `baseline.toml`, the descriptor of a baseline of your own, instead.
    #[arg(long)]
    baseline: bool,
}

pub(super) fn run(verb: &Schema, printer: &Printer) -> CommandResult {
    let schema = match verb.baseline {
        true => baseline::schema(),
        false => plan::schema(),
    };
    printer.data_line(schema.trim_end());
    Ok(Exit::Done)
}
