//! The plan's file as it was read, and as an account verb is to leave it.

use std::path::Path;

use crate::cli::error::{CommandError, CommandResult};
use crate::cli::session;
use crate::cli::{Global, files, prompt, stop, subject};
use crate::execute::Stop;
use crate::inventory::Inventory;
use crate::ops::LoadedPlan;
use crate::ops::account::provision::{self, Job, Provision, provision};
use crate::report::Printer;

/// An edit of a plan's file.
pub(super) struct Edited<'a> {
    pub(super) file: &'a Path,
    /// As it was read.
    pub(super) before: String,
    /// As it is to be; the same where an earlier run has written it.
    pub(super) after: String,
}

impl Edited<'_> {
    /// Reads the plan's file.
    pub(super) fn read(file: &Path) -> Result<String, CommandError> {
        std::fs::read_to_string(file).map_err(|error| {
            CommandError::caused(format!("could not read {}", file.display()), &error)
        })
    }

    /// Writes the file, if it is still as it was read.
    pub(super) fn write(&self) -> Result<(), CommandError> {
        if self.before == self.after {
            return Ok(());
        }
        if Self::read(self.file)? != self.before {
            return Err(CommandError::new(format!(
                "{} was edited while the question was open; nothing was changed",
                self.file.display()
            ))
            .hint("run the command again"));
        }
        files::replace(self.file, &self.after)
    }
}

/// Does a job, with `before` shown ahead of the changes.
pub(super) fn bring(
    edited: &Edited<'_>,
    job: Job,
    global: &Global,
    printer: &Printer,
    before: impl Fn(&LoadedPlan, &Inventory) -> Result<(), CommandError>,
) -> CommandResult {
    let subject = subject::load_text(edited.file, &edited.after, global, printer)?;
    session::with(&subject.plan, global, printer, async |session| {
        let stop = Stop::new();
        let write = || edited.write();
        let confirm = |question: &str| prompt::confirm(question, global, printer);
        let provided = Provision {
            subject: &subject,
            edited: provision::Edited {
                file: edited.file.display().to_string(),
                before: edited.before.clone(),
                after: edited.after.clone(),
                write: &write,
            },
            job,
            output: global.output(),
            yes: global.yes,
            confirm: &confirm,
            source_profile: global.profile.as_deref(),
        };
        tokio::select! {
            biased;
            result = provision(&provided, session, printer, &stop, |inventory| before(&subject, inventory)) => result,
            () = stop::listen(&stop) => Err(CommandError::new("no longer listening for Ctrl-C")),
        }
    })
}
