//! `remove`: what is left over is shown, with what goes and what stays; asked, and taken away under the lock.

use super::compare::{read, refuse_losses};
use super::error::CommandError;
use super::exit::Exit;
use super::make::{self, Work, give_back, make};
use super::perform::{LockedRun, refuse_while_held};
use super::session::Session;
use super::{Confirm, LoadedPlan, Output};
use crate::addr::{Address, Bindings};
use crate::change::Change;
use crate::diff::Left;
use crate::diff::removal::{Fortune, Removal, removal};
use crate::execute::{Stop, Summary};
use crate::graph::graph;
use crate::inventory::Inventory;
use crate::report::{Printer, left as report, words};

/// What is taken away, and how.
pub struct Remove<'a> {
    pub subject: &'a LoadedPlan,
    /// The plan's file, as messages name it.
    pub source: String,
    /// Only what is called so; all that the plan does not leave where there are none.
    pub only: Vec<String>,
    /// What becomes of the stacks; `None` to be shown what is left, and nothing else.
    pub fortune: Option<Fortune>,
    /// Whether resources that hold data may be deleted.
    pub delete_data: bool,
    pub output: Output,
    /// Whether every question was answered beforehand.
    pub yes: bool,
    pub confirm: Confirm<'a>,
    /// The options with which the same organization is reached again; `None` where it cannot be.
    pub again: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Removed {
    pub exit: Exit,
    /// How the changes ended; nothing at all where none was made.
    pub summary: Summary,
    /// What is left of that which was asked for.
    pub left: Vec<Left>,
}

impl Removed {
    fn nothing(exit: Exit, left: Vec<Left>) -> Self {
        Removed {
            exit,
            summary: Summary::default(),
            left,
        }
    }
}

/// Takes away what is left over.
pub async fn remove(
    job: &Remove<'_>,
    session: &Session,
    printer: &Printer,
    stop: &Stop,
) -> Result<Removed, CommandError> {
    let inventory = Box::pin(read(session, job.subject, printer)).await?;
    let left = look(job, &inventory)?;
    if left.is_empty() {
        match job.output {
            Output::Text => printer.data_line("Nothing is left over."),
            Output::Json => show(job, &Removal::default(), printer),
        }
        return Ok(Removed::nothing(Exit::Done, left));
    }
    let (plan, fortune) = (&job.subject.plan, job.fortune);
    let asked = removal(plan, &inventory, &left, fortune.unwrap_or(Fortune::Delete));
    let asks = fortune.is_some() && !asked.changes.is_empty() && !job.yes;
    refuse_while_held(session, asks).await?;
    show(job, &asked, printer);
    let Some(fortune) = fortune else {
        printer.say("This is what `--delete-stacks` deletes; with `--retain-stacks` the stack sets let go of their stacks, which stay in the accounts. Nothing was changed.");
        return Ok(Removed::nothing(Exit::Differs, left));
    };
    if asked.changes.is_empty() {
        printer.say("Nothing of it can be taken away so; nothing was changed.");
        return Ok(Removed::nothing(Exit::Differs, left));
    }
    refuse_losses(&asked.losses, job.delete_data)?;
    let question = format!(
        "Make {} in organization {}?",
        words::count(asked.changes.len(), "deletion", "deletions"),
        session.management
    );
    if !(job.confirm)(&question)? {
        printer.say("Nothing was changed.");
        return Ok(Removed::nothing(Exit::Stopped, left));
    }
    let holding = LockedRun::take(session, stop).await?;
    if make::is_old(inventory.taken_at, session) {
        let again = Box::pin(read(session, job.subject, printer)).await?;
        let now = look(job, &again).map(|left| removal(plan, &again, &left, fortune).changes);
        if !matches!(&now, Ok(changes) if *changes == asked.changes) {
            give_back(holding, session, printer).await;
            return Err(
                CommandError::new("AWS moved since this was shown; nothing was changed")
                    .hint("run the command again and look at it anew")
                    .exit(Exit::Moved),
            );
        }
    }
    let graph = match graph(asked.changes) {
        Ok(graph) => graph,
        Err(error) => {
            give_back(holding, session, printer).await;
            return Err(CommandError::caused(
                "the deletions can have no order",
                &error,
            ));
        }
    };
    let again = format!("`{}` again goes on from here", command(job, fortune));
    let work = Work {
        plan: None,
        graph,
        bindings: Bindings::default(),
        expected: None,
        speed: None,
        // What is left is told after AWS was read again.
        claim: "",
        left: 0,
        timeline: None,
        next: &|done| match done.is_success() {
            true => Vec::new(),
            false => vec![again.clone()],
        },
    };
    let done = Box::pin(make(work, holding, session, job.output, printer, stop)).await;
    let exit = make::exit(&done);
    if exit != Exit::Done {
        return Ok(Removed {
            exit,
            summary: done,
            left,
        });
    }
    let inventory = Box::pin(read(session, job.subject, printer)).await?;
    let names: Vec<&String> = left.iter().map(|one| &one.name).collect();
    let still: Vec<Left> = all(job, &inventory)
        .into_iter()
        .filter(|one| names.contains(&&one.name) && !one.acknowledged)
        .collect();
    let exit = tell(job, &still, printer);
    Ok(Removed {
        exit,
        summary: done,
        left: still,
    })
}

/// The command to run again.
fn command(job: &Remove<'_>, fortune: Fortune) -> String {
    let mut command = format!("orgstrap remove {}", job.source);
    for word in &job.only {
        command.push_str(&format!(" --only {word:?}"));
    }
    command.push_str(match fortune {
        Fortune::Delete => " --delete-stacks",
        Fortune::Retain => " --retain-stacks",
    });
    if job.delete_data {
        command.push_str(" --delete-data");
    }
    command + job.again.as_deref().unwrap_or_default()
}

/// Everything removable that is left.
fn all(job: &Remove<'_>, inventory: &Inventory) -> Vec<Left> {
    let found = job.subject.diff(inventory);
    let left = found.left.into_iter();
    left.filter(Left::is_removable).collect()
}

/// What is asked for of what is left.
fn look(job: &Remove<'_>, inventory: &Inventory) -> Result<Vec<Left>, CommandError> {
    let found = job.subject.diff(inventory);
    if let Some(problem) = found.problems.first() {
        let error = CommandError::new(format!("{}; nothing was changed", problem.message));
        return Err(match &problem.hint {
            Some(hint) => error.hint(hint),
            None => error,
        });
    }
    if let Some(unread) = inventory.stack_sets.unread() {
        return Err(CommandError::new(format!(
            "the stack sets could not be read ({}: {}); nothing was changed",
            unread.operation, unread.reason
        )));
    }
    let all: Vec<Left> = found.left.into_iter().filter(Left::is_removable).collect();
    if let Some(word) = job
        .only
        .iter()
        .find(|word| !all.iter().any(|one| one.is_called(word)))
    {
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        let error = CommandError::new(format!("nothing that is left over is called `{word}`"));
        return Err(error.hint(match names.as_slice() {
            [] => "nothing is left over".to_owned(),
            names => format!("left over: {}", words::list(names)),
        }));
    }
    let asked = |one: &Left| match job.only.is_empty() {
        true => !one.acknowledged,
        false => job.only.iter().any(|word| one.is_called(word)),
    };
    let left: Vec<Left> = all.into_iter().filter(asked).collect();
    if !left.is_empty()
        && let Some(pending) = found.changes.iter().find(|change| moves_stacks(change))
    {
        return Err(CommandError::new(format!(
            "{} is yet to be changed ({}); nothing was changed",
            pending.address, pending.reason
        ))
        .hint(format!(
            "`orgstrap apply {}` first: what is left over is told apart from what is still to move after it",
            job.source
        )));
    }
    Ok(left)
}

/// Whether a change decides where stacks are to be, so that before it nobody can say what is left over.
fn moves_stacks(change: &Change) -> bool {
    matches!(
        change.address,
        Address::Ou(_)
            | Address::Account(_)
            | Address::Placement(_)
            | Address::StackSet(_)
            | Address::RolloutHold(_)
            | Address::Rollout(..)
            | Address::RolloutUpdate(..)
            | Address::RolloutRepair(..)
            | Address::RolloutTo(..)
            | Address::RolloutFrom(..)
            | Address::RolloutRelease(_)
            | Address::StackImport(..)
            | Address::Forget(_)
    )
}

fn show(job: &Remove<'_>, asked: &Removal, printer: &Printer) {
    match job.output {
        Output::Text => printer.data(&report::removal(asked)),
        Output::Json => printer.data_line(&report::removal_json(asked, &job.source).to_string()),
    }
}

/// Says what is still left of what was asked for.
fn tell(job: &Remove<'_>, still: &[Left], printer: &Printer) -> Exit {
    match job.output {
        Output::Json => printer.data_line(
            &serde_json::json!({"event": "left", "left": report::json(still)}).to_string(),
        ),
        Output::Text if still.is_empty() => {
            printer.data_line("What was left over is gone.");
        }
        Output::Text => {
            for line in report::items(still.iter()) {
                printer.data_line(&format!("  - {line}"));
            }
            if let Some(line) = report::line(still, &job.source) {
                printer.data_line(&line);
            }
        }
    }
    match still.is_empty() {
        true => Exit::Done,
        false => Exit::Differs,
    }
}
