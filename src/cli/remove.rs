use std::path::PathBuf;

use clap::Args;

use super::error::{CommandError, CommandResult};
use super::{Global, prompt, session, stop, subject};
use crate::diff::removal::Fortune;
use crate::execute::Stop;
use crate::ops::remove as ops;
use crate::report::Printer;

/// Take away what is left over: stacks of orgstrap's own that the org plan does not ask for any more.
///
/// Left over is what `plan`, `apply` and `drift` name at their end: a baseline, an OU or a Region that was taken out
/// of the plan. Shows what is deleted and what stays, resource by resource, and asks. Without `--delete-stacks` or
/// `--retain-stacks` it only shows, and exits 2 where something is left over.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The org plan.
    #[arg(default_value = "org.toml", value_name = "PLAN")]
    plan: PathBuf,
    /// Only what is called so: a name that `plan` shows, how it begins, or a Region, an OU or an account in it. May be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Delete the stacks, with every resource that no DeletionPolicy of its template keeps.
    #[arg(long, conflicts_with = "retain_stacks")]
    delete_stacks: bool,
    /// Have the stack sets let go of their stacks, which stay in the accounts without an owner. Plain stacks stay as
    /// they are.
    #[arg(long)]
    retain_stacks: bool,
    /// Go on although resources that hold data are deleted.
    #[arg(long, requires = "delete_stacks")]
    delete_data: bool,
}

pub(super) fn run(verb: &Remove, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    let confirm = |question: &str| prompt::confirm(question, global, printer);
    let asked = ops::Remove {
        subject: &subject,
        source: verb.plan.display().to_string(),
        only: verb.only.clone(),
        fortune: match (verb.delete_stacks, verb.retain_stacks) {
            (true, _) => Some(Fortune::Delete),
            (_, true) => Some(Fortune::Retain),
            _ => None,
        },
        delete_data: verb.delete_data,
        output: global.output(),
        yes: global.yes,
        confirm: &confirm,
        again: match (&global.world, global.sandbox) {
            (Some(world), true) => Some(format!(" --sandbox --world {}", world.display())),
            (None, true) => None,
            (_, false) => Some(String::new()),
        },
    };
    session::with(&subject.plan, global, printer, async |session| {
        let stop = Stop::new();
        tokio::select! {
            biased;
            result = ops::remove(&asked, session, printer, &stop) => Ok(result?.exit),
            () = stop::listen(&stop) => Err(CommandError::new("no longer listening for Ctrl-C")),
        }
    })
}
