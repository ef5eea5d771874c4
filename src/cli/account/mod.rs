//! `orgstrap account`: accounts on demand, one file a verb.

mod add;
mod adopt;
mod batch;
mod close;
mod edited;
mod json_rows;
mod list;
mod move_to;
mod rename;
mod show;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Global;
use super::error::{CommandError, CommandResult};
use crate::plan::AccountKey;
use crate::plan::edit::EditError;
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
    List(list::List),
    Show(show::Show),
    Move(move_to::Move),
    Rename(rename::Rename),
    Close(close::Close),
    Adopt(adopt::Adopt),
}

impl Account {
    /// Whether it lists accounts, which can be written as a table for spreadsheets.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.verb, Verb::List(_))
    }
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
        Verb::List(verb) => list::run(verb, global, printer),
        Verb::Show(verb) => show::run(verb, global, printer),
        Verb::Move(verb) => move_to::run(verb, global, printer),
        Verb::Rename(verb) => rename::run(verb, global, printer),
        Verb::Close(verb) => close::run(verb, global, printer),
        Verb::Adopt(verb) => adopt::run(verb, global, printer),
    }
}

fn not_in_plan(key: &AccountKey, file: &Path) -> CommandError {
    CommandError::new(format!("{} has no account `{key}`", file.display()))
        .hint("`orgstrap account list` shows them; `orgstrap account adopt` takes one of AWS's in")
}

fn not_edited(error: &EditError) -> CommandError {
    CommandError::caused("could not edit the org plan", error)
}
