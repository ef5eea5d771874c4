use std::path::{Path, PathBuf};

use clap::Args;

use super::compare::{Comparison, compare};
use super::error::{CommandError, CommandResult};
use super::exit::Exit;
use super::make::{self, Work, give_back, make};
use super::perform::Holding;
use super::session::Session;
use super::subject::Subject;
use super::{Global, Output, prompt, session, stop, subject};
use crate::change::SavedChanges;
use crate::change::saved::Moved;
use crate::diff::{DiffOptions, ProblemKind};
use crate::execute::{Stop, Summary};
use crate::report::{Printer, json, plan as preview, summary, words};

/// Make AWS as the org plan says.
///
/// Shows the changes first and asks; then each change starts as soon as what it needs is done.
/// The first Ctrl-C finishes what is in flight, the second stops at once. Run it again at any time:
/// it goes on from what AWS holds.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The org plan, or changes saved by `orgstrap plan --out`.
    #[arg(default_value = "org.toml", value_name = "PLAN|CHANGES")]
    file: PathBuf,
    /// Create the organization where the management account is in none.
    #[arg(long)]
    create_organization: bool,
    /// Delete OUs (empty ones) and policies of orgstrap's own that the org plan no longer names.
    #[arg(long)]
    prune: bool,
    /// With `--sandbox`: how many seconds pass there in each real one, to watch it. As fast as it goes
    /// when left out, and slow enough to be seen on a terminal.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "sandbox")]
    speed: Option<u32>,
}

/// What is applied: a plan, or the changes that were saved.
struct Job {
    subject: Subject,
    options: DiffOptions,
    saved: Option<SavedChanges>,
    /// As asked for.
    speed: Option<u32>,
}

pub(super) fn run(verb: &Apply, global: &Global, printer: &Printer) -> CommandResult {
    let job = job(verb, global, printer)?;
    session::with(&job.subject.plan, global, printer, async |session| {
        let stop = Stop::new();
        tokio::select! {
            biased;
            result = apply(verb, &job, session, global, printer, &stop) => result,
            () = stop::listen(&stop) => Err(CommandError::new("no longer listening for Ctrl-C")),
        }
    })
}

fn job(verb: &Apply, global: &Global, printer: &Printer) -> Result<Job, CommandError> {
    let Some(saved) = read_saved(&verb.file)? else {
        return Ok(Job {
            subject: subject::load(&verb.file, global, printer)?,
            options: DiffOptions {
                create_organization: verb.create_organization,
                prune: verb.prune,
            },
            saved: None,
            speed: verb.speed,
        });
    };
    if verb.prune && !saved.options.prune {
        return Err(
            CommandError::new("`--prune` adds to changes that were saved without it")
                .hint("save them again: `orgstrap plan --prune --out FILE`"),
        );
    }
    Ok(Job {
        subject: Subject {
            plan: saved.plan.clone(),
            wanted: saved.wanted.clone(),
        },
        options: saved.options,
        saved: Some(saved),
        speed: verb.speed,
    })
}

/// The saved changes of a file; `None` where it looks like a plan. JSON begins with a brace, which
/// TOML never does.
fn read_saved(file: &Path) -> Result<Option<SavedChanges>, CommandError> {
    // What cannot be read is left to the plan's loader, which explains it.
    let Ok(text) = std::fs::read_to_string(file) else {
        return Ok(None);
    };
    if !text.trim_start().starts_with('{') {
        return Ok(None);
    }
    SavedChanges::from_json(&text)
        .map(Some)
        .map_err(|error| CommandError::caused(format!("could not read {}", file.display()), &error))
}

async fn apply(
    verb: &Apply,
    job: &Job,
    session: &Session,
    global: &Global,
    printer: &Printer,
    stop: &Stop,
) -> CommandResult {
    let source = verb.file.display().to_string();
    let mut options = job.options;
    let mut found = compare(session, &job.subject, &source, &options, printer).await?;
    if missing_organization(&found) && create_organization(job, session, global, printer)? {
        options.create_organization = true;
        found = compare(session, &job.subject, &source, &options, printer).await?;
    }
    if !found.preview.problems.is_empty() {
        printer.talk(&preview::text(&found.preview));
        return Err(CommandError::new("nothing was changed"));
    }
    if let Some(saved) = &job.saved
        && let Err(moved) = saved.check(&found.preview.changes)
    {
        return Err(explain(&moved, &source));
    }
    show(&found, global, printer);
    if found.preview.changes.is_empty() {
        return Ok(found.exit());
    }
    let question = format!(
        "Make {} in organization {}?",
        words::count(found.preview.changes.len(), "change", "changes"),
        session.management
    );
    if !prompt::confirm(&question, global, printer)? {
        printer.say("Nothing was changed.");
        return Ok(Exit::Stopped);
    }
    let holding = Holding::take(session, stop).await?;
    match still(found, job, &options, &source, session, printer).await {
        Ok(found) => {
            let all_read = found.exit();
            let work = Work {
                plan: Some(&job.subject.plan),
                graph: found.graph,
                bindings: found.bindings,
                expected: found.preview.expected,
                speed: job.speed,
                claim: summary::AS_PLANNED,
                timeline: None,
                next: &|done| next(job, done, &source, global),
            };
            let done = make(work, holding, session, global, printer, stop).await;
            Ok(make::exit(&done).max(all_read))
        }
        Err(error) => {
            give_back(holding, session, printer).await;
            Err(error)
        }
    }
}

/// The comparison, if what it found still holds under the lock.
async fn still(
    found: Comparison,
    job: &Job,
    options: &DiffOptions,
    source: &str,
    session: &Session,
    printer: &Printer,
) -> Result<Comparison, CommandError> {
    if !make::is_old(found.taken_at, session) {
        return Ok(found);
    }
    let again = compare(session, &job.subject, source, options, printer).await?;
    if again.preview.changes == found.preview.changes && again.preview.problems.is_empty() {
        return Ok(again);
    }
    Err(
        CommandError::new("AWS moved since the changes were shown; nothing was changed")
            .hint("run apply again and look at the changes anew")
            .exit(Exit::Moved),
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
fn create_organization(
    job: &Job,
    session: &Session,
    global: &Global,
    printer: &Printer,
) -> Result<bool, CommandError> {
    if job.options.create_organization || session.sandbox {
        return Ok(true);
    }
    if global.yes {
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
    prompt::confirm(&question, global, printer)
}

fn show(found: &Comparison, global: &Global, printer: &Printer) {
    match global.output() {
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

fn next(job: &Job, done: &Summary, source: &str, global: &Global) -> Vec<String> {
    let place = match (&global.world, global.sandbox) {
        (Some(world), true) => format!(" --sandbox --world {}", world.display()),
        (None, true) => return Vec::new(),
        _ => String::new(),
    };
    if done.is_success() {
        // Saved changes are no plan to compare with.
        if job.saved.is_some() {
            return Vec::new();
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
