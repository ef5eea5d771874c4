//! `orgstrap account`: accounts on demand, one file a verb.

mod add;
mod batch;
mod bring;
mod check;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Global;
use super::error::CommandResult;
use crate::report::Printer;

/// Add accounts to the org plan and to AWS, look at them, move them, rename, close and adopt them.
#[derive(Debug, Args)]
pub(super) struct Account {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(Box<add::Add>),
}

/// The org plan, for verbs whose subject is an account.
#[derive(Debug, Args)]
struct PlanFile {
    /// The org plan.
    #[arg(long, default_value = "org.toml", value_name = "FILE")]
    plan: PathBuf,
}

pub(super) fn run(verb: &Account, global: &Global, printer: &Printer) -> CommandResult {
    match &verb.verb {
        Verb::Add(verb) => add::run(verb, global, printer),
    }
}
