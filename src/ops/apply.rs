//! `apply`: compare, show, ask, lock, look again, make, give the lock back, report.

use super::compare::{Comparison, compare, refuse_losses};
use super::error::CommandError;
use super::exit::Exit;
use super::make::{self, Work, give_back, make};
use super::perform::{LockedRun, refuse_while_held};
use super::session::Session;
use super::{Confirm, LoadedPlan, Output, quotas};
use crate::diff::{Blocked, DiffOptions, ProblemKind};
use crate::execute::{Stop, Summary};
use crate::ops::saved::Moved;
use crate::ops::saved::SavedChanges;
use crate::report::{Printer, json, left as report, plan as preview, summary, words};

/// What is applied, and how.
pub struct Apply<'a> {
    pub subject: &'a LoadedPlan,
    /// The file that the plan or the changes are from, as messages name it.
    pub source: String,
    pub options: DiffOptions,
    /// Whether AWS is asked to raise the quotas that the plan needs more of.
    pub raise_quotas: bool,
    /// The changes that were saved, where exactly these are made.
    pub saved: Option<&'a SavedChanges>,
    /// Whether resources that hold data may be deleted or made anew.
    pub delete_data: bool,
    /// In a sandbox: how many seconds pass there in each real one, where it was asked for.
    pub speed: Option<u32>,
    pub output: Output,
    /// Whether every question was answered beforehand.
    pub yes: bool,
    pub confirm: Confirm<'a>,
    /// The options with which the same organization is reached again, as the report writes commands; `None` where
    /// it cannot be.
    pub again: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Applied {
    pub exit: Exit,
    /// How the changes ended; nothing at all where none was made.
    pub summary: Summary,
    /// What the last comparison before the changes could not bring about.
    pub blocked: Vec<Blocked>,
}

impl Applied {
    fn nothing(exit: Exit, found: Comparison) -> Self {
        Self {
            exit,
            summary: Summary::default(),
            blocked: found.preview.blocked,
        }
    }
}

/// Makes AWS as the plan says.
pub async fn apply(
    job: &Apply<'_>,
    session: &Session,
    printer: &Printer,
    stop: &Stop,
) -> Result<Applied, CommandError> {
    let source = &job.source;
    let mut options = job.options;
    let mut found = Box::pin(compare(session, job.subject, source, &options, printer)).await?;
    if missing_organization(&found) && create_organization(job, session)? {
        options.create_organization = true;
        found = Box::pin(compare(session, job.subject, source, &options, printer)).await?;
    }
    if job.raise_quotas {
        quotas::raise_for(&mut found, session, job.output, job.confirm, printer).await?;
    }
    if !found.preview.problems.is_empty() {
        printer.talk(&preview::text(&found.preview));
        return Err(CommandError::new("nothing was changed"));
    }
    if let Some(saved) = job.saved
        && let Err(moved) = saved.check(&found.preview.changes)
    {
        return Err(explain(&moved, source));
    }
    let any = !found.preview.changes.is_empty();
    refuse_while_held(session, any && !job.yes).await?;
    show(&found, job.output, printer);
    if !any {
        return Ok(Applied::nothing(found.exit(), found));
    }
    refuse_losses(&found.preview.losses, job.delete_data)?;
    if !(job.confirm)(&question(&found, session))? {
        printer.say("Nothing was changed.");
        return Ok(Applied::nothing(Exit::Stopped, found));
    }
    let holding = LockedRun::take(session, stop).await?;
    match Box::pin(still(found, job, &options, session, printer)).await {
        Ok(Err(nothing)) => {
            give_back(holding, session, printer).await;
            Ok(nothing)
        }
        Ok(Ok(found)) => {
            let rest = found.exit();
            let over = report::line(&found.preview.left, source);
            let as_planned = summary::as_planned(&found.preview.unmanaged);
            let claim = over.as_deref().unwrap_or(&as_planned);
            let left = found.preview.blocked.len();
            let over_quota = over_quota(&found);
            let work = Work {
                plan: Some(&job.subject.plan),
                graph: found.graph,
                bindings: found.bindings,
                expected: found.preview.expected,
                speed: job.speed,
                claim,
                left,
                timeline: None,
                next: &|done| match done.is_success() && left > 0 {
                    true => next_for_quotas(job, over_quota),
                    false => next(job, done, over.is_some()),
                },
            };
            let done = Box::pin(make(work, holding, session, job.output, printer, stop)).await;
            Ok(Applied {
                exit: match make::exit(&done) {
                    Exit::Done => rest,
                    other => other,
                },
                summary: done,
                blocked: found.preview.blocked,
            })
        }
        Err(error) => {
            give_back(holding, session, printer).await;
            Err(error)
        }
    }
}

/// The comparison that holds under the lock. Where AWS has moved since the changes were shown, as it does while it ends
/// what a killed run began, they are shown anew and the question is asked anew: `Err` where the answer is no, or where
/// nothing is left to be changed.
async fn still(
    mut found: Comparison,
    job: &Apply<'_>,
    options: &DiffOptions,
    session: &Session,
    printer: &Printer,
) -> Result<Result<Comparison, Applied>, CommandError> {
    for _ in 0..make::LOOKS {
        if !make::is_old(found.taken_at, session) {
            return Ok(Ok(found));
        }
        let again = Box::pin(compare(session, job.subject, &job.source, options, printer)).await?;
        if again.preview.changes == found.preview.changes && again.preview.problems.is_empty() {
            return Ok(Ok(again));
        }
        if let Some(saved) = job.saved {
            saved
                .check(&again.preview.changes)
                .map_err(|moved| explain(&moved, &job.source))?;
        }
        if !again.preview.problems.is_empty() {
            printer.talk(&preview::text(&again.preview));
            return Err(CommandError::new("nothing was changed"));
        }
        printer.say("AWS has moved since the changes were shown. This is what they are now:");
        show(&again, job.output, printer);
        if again.preview.changes.is_empty() {
            return Ok(Err(Applied::nothing(again.exit(), again)));
        }
        refuse_losses(&again.preview.losses, job.delete_data)?;
        if job.yes {
            return Ok(Ok(again));
        }
        if !(job.confirm)(&question(&again, session))? {
            printer.say("Nothing was changed.");
            return Ok(Err(Applied::nothing(Exit::Stopped, again)));
        }
        found = again;
    }
    Err(
        CommandError::new("AWS moved each time after the changes were shown; nothing was changed")
            .hint("somebody else changes the organization: run apply again when they are done")
            .exit(Exit::Moved),
    )
}

fn question(found: &Comparison, session: &Session) -> String {
    format!(
        "Make {} in organization {}?",
        words::count(found.preview.changes.len(), "change", "changes"),
        session.management
    )
}

fn missing_organization(found: &Comparison) -> bool {
    let problems = &found.preview.problems;
    !problems.is_empty()
        && problems
            .iter()
            .all(|problem| problem.kind == ProblemKind::NoOrganization)
}

/// An organization is created only when asked for: by the flag, by the answer to a question, or in
/// a sandbox, where it costs nothing and every run starts with it.
fn create_organization(job: &Apply<'_>, session: &Session) -> Result<bool, CommandError> {
    if job.options.create_organization || session.sandbox {
        return Ok(true);
    }
    if job.yes {
        return Err(CommandError::new(format!(
            "account {} is in no organization",
            session.management
        ))
        .hint("`--create-organization` creates one; `--yes` alone does not, for it cannot be undone lightly"));
    }
    let question = format!(
        "Account {} is in no organization. Create one, with all features?",
        session.management
    );
    (job.confirm)(&question)
}

fn show(found: &Comparison, output: Output, printer: &Printer) {
    match output {
        Output::Text => printer.data(&preview::text(&found.preview)),
        Output::Json => {
            let mut plan = json::plan(&found.preview);
            if let serde_json::Value::Object(map) = &mut plan {
                map.insert("event".to_owned(), "plan".into());
            }
            printer.data_line(&plan.to_string());
        }
    }
}

/// How much of the plan a quota does not allow.
fn over_quota(found: &Comparison) -> usize {
    let blocked = found.preview.blocked.iter();
    blocked.filter(|blocked| blocked.is_over_quota()).count()
}

fn next_for_quotas(job: &Apply<'_>, over_quota: usize) -> Vec<String> {
    let (source, Some(place)) = (&job.source, &job.again) else {
        return Vec::new();
    };
    if over_quota == 0 {
        return Vec::new();
    }
    let left = words::count(over_quota, "thing is", "things are");
    vec![format!(
        "{left} left out until AWS raises the quota: `orgstrap apply {source}{place} --raise-quotas` asks for it"
    )]
}

fn next(job: &Apply<'_>, done: &Summary, left: bool) -> Vec<String> {
    let (source, Some(place)) = (&job.source, &job.again) else {
        return Vec::new();
    };
    if done.is_success() {
        // Saved changes are no plan to compare with.
        if job.saved.is_some() || left {
            return Vec::new();
        }
        if !done.is_seen() {
            return vec![format!(
                "`orgstrap plan {source}{place}` a few minutes from now: what it still shows then, somebody else changed"
            )];
        }
        vec![format!(
            "`orgstrap plan {source}{place}` exits 0 while nothing drifts"
        )]
    } else {
        vec![format!(
            "`orgstrap apply {source}{place}` again goes on from here; what is done is not done twice"
        )]
    }
}

/// What AWS moved to since the changes were saved.
fn explain(moved: &[Moved], source: &str) -> CommandError {
    let lines: Vec<String> = moved
        .iter()
        .map(|moved| match moved {
            Moved::New { change } => {
                format!(
                    "  {}: is to be changed now, was not then ({})",
                    change.address, change.reason
                )
            }
            Moved::Different { saved, fresh } => format!(
                "  {}: was to be changed because {}; now because {}",
                saved.address, saved.reason, fresh.reason
            ),
        })
        .collect();
    CommandError::new(format!(
        "AWS moved since {source} was saved; nothing was changed:\n{}",
        lines.join("\n")
    ))
    .hint("look at the changes again: `orgstrap plan PLAN --out FILE`")
    .exit(Exit::Moved)
}
