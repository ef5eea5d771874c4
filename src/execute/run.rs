//! The loop that runs a change graph: starts what the schedule allows, binds what comes back, and
//! tells what happens.
//!
//! Everything that the loop sees comes through one ordered place: a stop request, then what running
//! changes tell, then what ends. With tokio's paused clock two runs of the same graph tell the same
//! events at the same instants.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::Instant;

use super::schedule::{NotTried, Outcome, Schedule, Task};
use super::stop::{Stop, StopLevel};
use crate::addr::{Address, Attribute, Bindings};
use crate::aws::CallContext;
use crate::change::Change;
use crate::event::{Event, Failure, Unseen};
use crate::graph::ChangeGraph;

/// What a change made known: attributes for the references of later changes.
pub type Outputs = Vec<(Address, Attribute, String)>;

/// That which changes AWS. Clones share everything.
pub trait Effects: Clone + Send + Sync + 'static {
    /// Makes one change, whole, and returns what it made known. May be repeated: a change that is
    /// already done is found so. `known` binds every reference of the change's texts, and the
    /// organization.
    fn perform(
        &self,
        change: &Change,
        known: &Bindings,
        ctx: &CallContext,
    ) -> impl Future<Output = Result<Outputs, Failure>> + Send;

    /// What was done besides the changes and everybody is to read, since it was asked last.
    fn take_notices(&self) -> Vec<String> {
        Vec::new()
    }

    /// Looks until the lists that the next `plan` reads show these changes, which were made in this order; what they do
    /// not show in the end.
    fn read_back(
        &self,
        _changes: &[Arc<Change>],
        _known: &Bindings,
        _ctx: &CallContext,
    ) -> impl Future<Output = Vec<Unseen>> {
        std::future::ready(Vec::new())
    }

    /// Why a change need not be tried any more, after what AWS has said of others.
    fn is_no_use(&self, _change: &Change) -> Option<&'static str> {
        None
    }
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// In the order of their ends.
    pub done: Vec<Address>,
    pub failed: Vec<(Address, Failure)>,
    pub not_tried: Vec<(Address, String)>,
    /// Of what is done, what AWS does not show yet.
    pub unseen: Vec<Unseen>,
    /// Whether a stop was asked for before everything had ended.
    pub stopped: bool,
    pub took: Duration,
    /// What is known at the end: what was there before, and what was made.
    pub bindings: Bindings,
}

impl Summary {
    /// Whether every change was made.
    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && self.not_tried.is_empty()
    }

    /// Whether every change was made and is to be seen.
    pub fn is_seen(&self) -> bool {
        self.is_success() && self.unseen.is_empty()
    }
}

/// Runs the graph to its end, or until stopped.
pub async fn execute<E: Effects>(
    graph: ChangeGraph,
    bindings: Bindings,
    effects: &E,
    tell: &dyn Fn(Event),
    stop: &Stop,
) -> Summary {
    let steps = graph
        .changes()
        .map(|change| Step {
            change: change.clone(),
            needs: graph
                .needs(&change.address)
                .map(|need| need.address.clone())
                .collect(),
            rank: graph.rank(&change.address),
        })
        .collect();
    run(steps, bindings, effects, tell, stop).await
}

/// A change with what it waits for.
pub(super) struct Step {
    pub(super) change: Change,
    pub(super) needs: BTreeSet<Address>,
    pub(super) rank: u64,
}

pub(super) async fn run<E: Effects>(
    steps: Vec<Step>,
    bindings: Bindings,
    effects: &E,
    tell: &dyn Fn(Event),
    stop: &Stop,
) -> Summary {
    let schedule = Schedule::new(steps.iter().map(|step| Task {
        address: step.change.address.clone(),
        needs: step.needs.clone(),
        rank: step.rank,
        group: step.change.action.kind().info().group,
    }));
    let (told, mut hear) = mpsc::unbounded_channel();
    let mut run = Run {
        steps: steps
            .into_iter()
            .map(|step| {
                (
                    step.change.address.clone(),
                    (Arc::new(step.change), step.rank),
                )
            })
            .collect(),
        schedule,
        bindings,
        effects,
        tell,
        told,
        tasks: JoinSet::new(),
        started: BTreeMap::new(),
        summary: Summary::default(),
    };
    let begun = Instant::now();
    let mut level = StopLevel::Go;
    loop {
        if level == StopLevel::Go {
            while let Some(address) = run.schedule.start_next() {
                match run.no_use(&address) {
                    Some(reason) => run.pass_over(address, reason),
                    None => run.start(address),
                }
            }
        }
        if run.tasks.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            more = stop.beyond(level), if level < StopLevel::Now => {
                level = more;
                run.stop(level);
            }
            Some((change, why)) = hear.recv() => (run.tell)(Event::Waiting { change, why }),
            Some(ended) = run.tasks.join_next() => {
                // What it told last comes before its end.
                while let Ok((change, why)) = hear.try_recv() {
                    (run.tell)(Event::Waiting { change, why });
                }
                run.ended(ended);
                for text in effects.take_notices() {
                    (run.tell)(Event::Notice { text });
                }
            }
        }
    }
    // An acyclic graph leaves nothing over; should one ever come that does, it is said.
    let stranded = run.schedule.give_up("what it needs never ended");
    run.not_tried(stranded);
    if level == StopLevel::Go {
        run.read_back().await;
    }
    run.summary.took = begun.elapsed();
    run.summary.bindings = run.bindings;
    run.summary
}

struct Run<'a, E> {
    steps: BTreeMap<Address, (Arc<Change>, u64)>,
    schedule: Schedule,
    bindings: Bindings,
    effects: &'a E,
    tell: &'a dyn Fn(Event),
    told: mpsc::UnboundedSender<(Address, String)>,
    tasks: JoinSet<(Address, Result<Outputs, Failure>)>,
    started: BTreeMap<Address, (Instant, AbortHandle)>,
    summary: Summary,
}

impl<E: Effects> Run<'_, E> {
    fn no_use(&self, address: &Address) -> Option<&'static str> {
        let (change, _) = self.steps.get(address)?;
        self.effects.is_no_use(change)
    }

    /// Leaves a change whose turn came, and what needs it.
    fn pass_over(&mut self, address: Address, reason: &'static str) {
        let mut lost = vec![NotTried {
            address: address.clone(),
            reason: reason.to_owned(),
        }];
        let dependents = self.schedule.ended(&address, Outcome::Failed);
        lost.extend(dependents.into_iter().map(|lost| NotTried {
            reason: format!("{address} was not tried"),
            ..lost
        }));
        self.not_tried(lost);
    }

    fn start(&mut self, address: Address) {
        let Some((change, rank)) = self.steps.get(&address) else {
            return;
        };
        (self.tell)(Event::Started {
            change: address.clone(),
        });
        let change = Arc::clone(change);
        let known = self.known_to(&change);
        let effects = self.effects.clone();
        let told = self.told.clone();
        let about = address.clone();
        let ctx = CallContext::new(*rank, move |why| {
            // The loop is gone only when nobody listens any more.
            let _ = told.send((about.clone(), why));
        });
        let handle = self.tasks.spawn(async move {
            let result = effects.perform(&change, &known, &ctx).await;
            (change.address.clone(), result)
        });
        self.started.insert(address, (Instant::now(), handle));
    }

    /// The bindings a change can ask for: handing out all of them would copy them for each change.
    fn known_to(&self, change: &Change) -> Bindings {
        let mut known = Bindings::default();
        let mut pass = |address: &Address, attribute: &Attribute| {
            if let Some(value) = self.bindings.get(address, attribute) {
                known.bind(address.clone(), attribute.clone(), value);
            }
        };
        for expr in change.action.kind().info().exprs {
            for (address, attribute) in expr.references() {
                pass(address, attribute);
            }
        }
        for attribute in [Attribute::Id, Attribute::RootId, Attribute::Arn] {
            pass(&Address::Organization, &attribute);
        }
        known
    }

    /// Looks for what was changed where the next `plan` does.
    async fn read_back(&mut self) {
        let done = self.summary.done.iter();
        let changes: Vec<Arc<Change>> = done
            .filter_map(|address| self.steps.get(address))
            .map(|(change, _)| Arc::clone(change))
            .collect();
        let (told, mut hear) = mpsc::unbounded_channel();
        let ctx = CallContext::new(0, move |why| {
            let _ = told.send(why);
        });
        let looking = self.effects.read_back(&changes, &self.bindings, &ctx);
        tokio::pin!(looking);
        self.summary.unseen = loop {
            tokio::select! {
                biased;
                Some(why) = hear.recv() => (self.tell)(Event::ReadingBack { why }),
                unseen = &mut looking => break unseen,
            }
        };
    }

    fn ended(&mut self, ended: Result<(Address, Result<Outputs, Failure>), JoinError>) {
        let (address, result) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let address = self
                    .started
                    .iter()
                    .find(|(_, (_, handle))| handle.id() == error.id())
                    .map(|(address, _)| address.clone());
                let Some(address) = address else {
                    return;
                };
                if error.is_cancelled() {
                    // No failure: the person stopped it, and the report tells what was still running.
                    self.started.remove(&address);
                    self.summary.not_tried.push((address, CUT_OFF.to_owned()));
                    return;
                }
                let failure = broken(&address);
                (address, Err(failure))
            }
        };
        let took = self
            .started
            .remove(&address)
            .map_or(Duration::ZERO, |(start, _)| start.elapsed());
        let outcome = match result {
            Ok(made) => {
                for (of, attribute, value) in made {
                    self.bindings.bind(of, attribute, value);
                }
                (self.tell)(Event::Done {
                    change: address.clone(),
                    took,
                });
                self.summary.done.push(address.clone());
                Outcome::Done
            }
            Err(failure) => {
                (self.tell)(Event::Failed {
                    change: address.clone(),
                    took,
                    failure: failure.clone(),
                });
                self.summary.failed.push((address.clone(), failure));
                Outcome::Failed
            }
        };
        let lost = self.schedule.ended(&address, outcome);
        self.not_tried(lost);
    }

    fn stop(&mut self, level: StopLevel) {
        if !std::mem::replace(&mut self.summary.stopped, true) {
            (self.tell)(Event::Stopping);
        }
        if level == StopLevel::Now {
            (self.tell)(Event::Notice {
                text: "Stopped at once: AWS goes on with what was in flight, and the next run looks how far it came."
                    .to_owned(),
            });
        }
        let lost = self.schedule.give_up("the run was stopped");
        self.not_tried(lost);
        if level == StopLevel::Now {
            self.tasks.abort_all();
        }
    }

    fn not_tried(&mut self, lost: Vec<NotTried>) {
        for NotTried { address, reason } in lost {
            (self.tell)(Event::NotTried {
                change: address.clone(),
                reason: reason.clone(),
            });
            self.summary.not_tried.push((address, reason));
        }
    }
}

/// Why a change is not done that ran when a run was stopped at once.
const CUT_OFF: &str = "cut off while it ran; the next run finds out how far it came";

fn broken(address: &Address) -> Failure {
    Failure {
        context: address.to_string(),
        message: "orgstrap itself broke while working on this; please report it".to_owned(),
        hint: Some("run it again: what was done is found and not done twice".to_owned()),
        request_id: None,
    }
}

#[cfg(test)]
mod tests;
