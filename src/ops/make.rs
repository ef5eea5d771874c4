//! What `apply` and `drift --fix` have in common: the run of a graph under the lock, and its report.

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::exit::Exit;
use super::perform::{LockedRun, unlock_command};
use super::playback::Playback;
use super::session::Session;
use super::{Output, cached};
use crate::addr::Bindings;
use crate::event::Event;
use crate::execute::{Stop, Summary, lock};
use crate::graph::ChangeGraph;
use crate::plan::OrgPlan;
use crate::rehearse::Timeline;
use crate::report::progress::{Progress, Show};
use crate::report::{Printer, summary};

/// How often bars are redrawn while nothing happens.
const REDRAW: Duration = Duration::from_millis(250);

/// A reading that is older than this when the lock is had is made again: another run may have come
/// and gone since, or a person may have, while the question was open.
const FRESH: Duration = Duration::from_secs(30);

/// How often the changes are shown anew because AWS has moved, before that is an error.
pub const LOOKS: usize = 5;

/// Whether a reading is too old to go by.
pub fn is_old(taken_at: Timestamp, session: &Session) -> bool {
    let now = Timestamp::try_from(session.aws.now()).unwrap_or(taken_at);
    now.duration_since(taken_at).unsigned_abs() >= FRESH
}

/// What is to be made.
pub struct Work<'a> {
    /// The plan whose accounts the report lists; `None` where accounts are not the point.
    pub plan: Option<&'a OrgPlan>,
    pub graph: ChangeGraph,
    pub bindings: Bindings,
    /// How long it takes as far as is known.
    pub expected: Option<Duration>,
    /// In a sandbox: how many seconds pass there in each real one, where it was asked for.
    pub speed: Option<u32>,
    /// What is so once everything is done, as a sentence.
    pub claim: &'a str,
    /// How much of what the plan asks for is not so and was not to be changed.
    pub left: usize,
    /// Where it is noted when each change started and ended, for who wants to know.
    pub timeline: Option<&'a RefCell<Timeline>>,
    /// What the report tells to do next.
    pub next: &'a dyn Fn(&Summary) -> Vec<String>,
}

/// Makes the changes under the lock, gives it back, and reports.
pub async fn make(
    work: Work<'_>,
    holding: LockedRun,
    session: &Session,
    output: Output,
    printer: &Printer,
    stop: &Stop,
) -> Summary {
    let speed = match work.speed {
        Some(speed) => Some(f64::from(speed)),
        None if session.sandbox && output == Output::Text && printer.draws_bars() => {
            Some(Playback::watchable(work.expected))
        }
        None => None,
    };
    let show = match output {
        Output::Text => Show::Text,
        Output::Json => Show::Json,
    };
    let changes = work.graph.changes();
    let progress = Progress::start(
        printer,
        show,
        changes.map(|change| (change.address.clone(), change.verb)),
    );
    let start = Instant::now();
    let tell = |event: Event| {
        progress.tell(&event);
        if let Some(timeline) = work.timeline {
            timeline.borrow_mut().take(event, start.elapsed());
        }
    };
    // Before, so that nobody takes what was read until now for what is; and after, for what is read meanwhile.
    cached::changed(session, printer);
    let running = holding.run(work.graph, work.bindings, &tell, stop);
    let done = match (session.sandbox, speed) {
        (true, Some(speed)) => watched(running, &progress, speed).await,
        // Time leaps to the next event: there is nothing to redraw in between.
        (true, None) => running.await,
        (false, _) => with_ticks(running, &progress).await,
    };
    cached::changed(session, printer);
    let released = holding.release().await;
    let (record, took) = progress.finish();
    let ended = summary::Ended {
        accounts: work.plan.map_or_else(Vec::new, |plan| {
            summary::accounts(plan, &done.bindings, &record)
        }),
        claim: work.claim.to_owned(),
        left: work.left,
        unseen: done.unseen.clone(),
        next: (work.next)(&done),
        record,
        took,
        sandbox: session.sandbox,
    };
    match output {
        Output::Text => printer.data(&format!("\n{}", summary::text(&ended))),
        Output::Json => printer.data_line(&summary::json(&ended).to_string()),
    }
    tell_kept(released, session, printer);
    done
}

/// Gives the lock back where nothing was done under it.
pub async fn give_back(holding: LockedRun, session: &Session, printer: &Printer) {
    tell_kept(holding.release().await, session, printer);
}

fn tell_kept(released: Result<(), lock::LockError>, session: &Session, printer: &Printer) {
    if let Err(error) = released {
        printer.warn(&format!("the lock could not be given back: {error}"));
        printer.hint(&format!("`{}`", unlock_command(&session.run, session)));
    }
}

/// Redraws elapsed times beside a run in the sandbox whose time is held back for a person to see it.
async fn watched(
    running: impl Future<Output = Summary>,
    progress: &Progress,
    speed: f64,
) -> Summary {
    let mut running = std::pin::pin!(running);
    let playback = Playback::starting(speed);
    loop {
        tokio::select! {
            biased;
            summary = &mut running => return summary,
            () = playback.frame() => progress.tick(),
        }
    }
}

/// Redraws elapsed times beside the run.
async fn with_ticks(running: impl Future<Output = Summary>, progress: &Progress) -> Summary {
    let mut running = std::pin::pin!(running);
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
pub fn exit(done: &Summary) -> Exit {
    if !done.failed.is_empty() {
        Exit::Failed
    } else if done.stopped && !done.is_success() {
        Exit::Stopped
    } else if done.is_seen() {
        Exit::Done
    } else if done.is_success() {
        Exit::Differs
    } else {
        Exit::Failed
    }
}
