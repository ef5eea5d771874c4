use std::path::PathBuf;

use clap::Args;

use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::{Global, Output, session, subject};
use crate::execute::lock::{self, LockError};
use crate::report::Printer;

/// Remove the lock that a run left behind when it was killed.
///
/// Names the run to unlock, so that a lock taken since is not removed by mistake. Make sure first
/// that the run is really over: two runs at once may interleave.
#[derive(Debug, Args)]
pub(super) struct Unlock {
    /// The run that holds the lock, as the message of the refused run names it.
    run: String,
    /// The org plan, for its management account and home Region.
    #[arg(long, default_value = "org.toml", value_name = "FILE")]
    plan: PathBuf,
}

pub(super) fn run(verb: &Unlock, global: &Global, printer: &Printer) -> CommandResult {
    let subject = subject::load(&verb.plan, global, printer)?;
    session::with(&subject.plan, global, printer, async |session| {
        let holder = lock::unlock(&session.aws, &verb.run)
            .await
            .map_err(|error| refused(&error, &verb.run))?;
        match global.output() {
            Output::Text => printer.data_line(&format!(
                "Unlocked: run {} of {} held the lock since {}.",
                holder.run, holder.who, holder.started
            )),
            Output::Json => printer.data_line(
                &serde_json::json!({
                    "format": "orgstrap-unlock",
                    "version": crate::report::json::VERSION,
                    "run": holder.run,
                    "who": holder.who,
                    "started": holder.started,
                })
                .to_string(),
            ),
        }
        Ok(Exit::Done)
    })
}

fn refused(error: &LockError, run: &str) -> CommandError {
    let wrong = CommandError::caused(format!("could not unlock run {run}"), error);
    match error {
        LockError::Held(holder) => wrong
            .hint(format!(
                "the lock belongs to run {}; name that one if it is the one that died",
                holder.run
            ))
            .exit(Exit::Locked),
        other => match other.hint() {
            Some(hint) => wrong.hint(hint),
            None => wrong,
        },
    }
}
