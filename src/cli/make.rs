//! What `apply` and `drift --fix` have in common: the lock, the run of a graph, and its report.

use std::time::Duration;

use super::error::CommandError;
use super::exit::Exit;
use super::session::Session;
use super::{Global, Output};
use crate::change::Bindings;
use crate::event::Event;
use crate::execute::{self, AwsEffects, Stop, Summary, lock};
use crate::graph::ChangeGraph;
use crate::plan::OrgPlan;
use crate::report::progress::{Progress, Show};
use crate::report::{Printer, summary};

/// How often bars are redrawn while nothing happens.
const REDRAW: Duration = Duration::from_millis(250);

/// What is to be made.
pub(super) struct Work<'a> {
    /// The plan whose accounts the report lists; `None` where accounts are not the point.
    pub(super) plan: Option<&'a OrgPlan>,
    pub(super) graph: ChangeGraph,
    pub(super) bindings: Bindings,
    /// What the report tells to do next.
    pub(super) next: &'a dyn Fn(&Summary) -> Vec<String>,
}

/// Takes the lock, makes the changes, and reports.
pub(super) async fn make(
    work: Work<'_>,
    session: &Session,
    global: &Global,
    printer: &Printer,
    stop: &Stop,
) -> Result<Summary, CommandError> {
    let host = std::env::var("HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty() && !session.sandbox);
    let lock = lock::acquire(&session.aws, &session.run, host, session.started)
        .await
        .map_err(|error| locked(&error))?;
    let effects = AwsEffects::new(
        session.aws.clone(),
        session.management.clone(),
        session.run.clone(),
        Some(lock.clone()),
        stop.clone(),
    );
    let show = match global.output {
        Output::Text => Show::Text,
        Output::Json => Show::Json,
    };
    let changes = work.graph.changes();
    let progress = Progress::start(
        printer,
        show,
        changes.map(|change| (change.address.clone(), change.verb)),
    );
    let tell = |event: Event| progress.tell(&event);
    let running = execute::execute(work.graph, work.bindings, &effects, &tell, stop);
    let done = with_ticks(running, &progress, session.sandbox).await;
    let released = lock.release().await;
    let (record, took) = progress.finish();
    let ended = summary::Ended {
        accounts: work.plan.map_or_else(Vec::new, |plan| {
            summary::accounts(plan, &done.bindings, &record)
        }),
        next: (work.next)(&done),
        record,
        took,
        sandbox: session.sandbox,
    };
    match global.output {
        Output::Text => printer.data(&format!("\n{}", summary::text(&ended))),
        Output::Json => printer.data_line(&summary::json(&ended).to_string()),
    }
    if let Err(error) = released {
        printer.warn(&format!("the lock could not be given back: {error}"));
        printer.hint(&format!("orgstrap unlock {}", session.run));
    }
    Ok(done)
}

/// Redraws elapsed times beside the run. Not in the sandbox: its time leaps to the next event, so
/// there is nothing to redraw in between.
async fn with_ticks(
    running: impl Future<Output = Summary>,
    progress: &Progress,
    sandbox: bool,
) -> Summary {
    let mut running = std::pin::pin!(running);
    if sandbox {
        return running.await;
    }
    let mut redraw = tokio::time::interval(REDRAW);
    redraw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            summary = &mut running => return summary,
            _ = redraw.tick() => progress.tick(),
        }
    }
}

/// How a run ended, for the shell.
pub(super) fn exit(done: &Summary) -> Exit {
    if !done.failed.is_empty() {
        Exit::Failed
    } else if done.stopped && !done.is_success() {
        Exit::Stopped
    } else if done.is_success() {
        Exit::Done
    } else {
        Exit::Failed
    }
}

fn locked(error: &lock::LockError) -> CommandError {
    let mut wrong = CommandError::caused("could not take the lock", error);
    if let lock::LockError::Held(_) = error {
        wrong = wrong.exit(Exit::Locked);
    }
    match error.hint() {
        Some(hint) => wrong.hint(hint),
        None => wrong,
    }
}
