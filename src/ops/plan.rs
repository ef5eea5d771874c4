//! `plan`: what `apply` would change.

use super::cached;
use super::compare::{Comparison, compared};
use super::error::CommandError;
use super::exit::Exit;
use super::session::Session;
use super::{LoadedPlan, Output};
use crate::diff::{Blocked, DiffOptions, ProblemKind};
use crate::observe::cache::MaxAge;
use crate::report::{Printer, json, plan as preview};

/// What is compared, and how.
pub struct Plan<'a> {
    pub subject: &'a LoadedPlan,
    /// The plan's file, as messages name it.
    pub source: String,
    pub options: DiffOptions,
    /// How old an answer of AWS may be.
    pub max_age: MaxAge,
    pub output: Output,
}

/// Compares and shows; an error where something stands in the way of the whole comparison.
pub async fn plan(
    job: &Plan<'_>,
    session: &Session,
    printer: &Printer,
) -> Result<Comparison, CommandError> {
    let reading = cached::read(session, job.subject, job.max_age, printer).await?;
    let of = |options: &DiffOptions| {
        compared(
            session,
            job.subject,
            &job.source,
            options,
            reading.inventory(),
        )
    };
    let mut found = of(&job.options)?;
    // A plan changes nothing, so it need not stop at a missing organization: it shows what would
    // be made of it.
    if !found.preview.problems.is_empty()
        && found
            .preview
            .problems
            .iter()
            .all(|problem| problem.kind == ProblemKind::NoOrganization)
    {
        let options = DiffOptions {
            create_organization: true,
            ..job.options
        };
        found = of(&options)?;
        printer.say(match session.sandbox {
            true => "There is no organization yet; in the sandbox `apply` creates it.",
            false => "There is no organization yet; `apply` creates it when asked with `--create-organization`.",
        });
    }
    found.preview.from_cache.clone_from(&reading.kept);
    reading.keep(printer);
    match job.output {
        Output::Text => printer.data(&preview::text(&found.preview)),
        Output::Json => printer.data_line(&json::plan(&found.preview).to_string()),
    }
    if !found.preview.problems.is_empty() {
        return Err(CommandError::new(
            "the problems above stand in the way of everything; nothing was compared further",
        ));
    }
    Ok(found)
}

/// How a plan ends: 2 where it differs from AWS, also where nothing can be done about that now.
pub fn exit(found: &Comparison) -> Exit {
    let blocked = &found.preview.blocked;
    let differs = blocked.iter().any(|blocked| !blocked.is_unread());
    let unread = blocked.iter().any(Blocked::is_unread);
    if !found.preview.changes.is_empty() || (differs && !unread) {
        Exit::Differs
    } else {
        found.exit()
    }
}
