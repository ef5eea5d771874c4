//! Faults on demand: what goes wrong between a client and AWS, and inside AWS, at which call.
//!
//! A plan of faults is data; equal plans and calls meet equal faults. Calls are counted from 1, in the order
//! in which they reach the sandbox, refused ones included.

#![warn(missing_docs)]

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::call::AwsError;
use super::codec::{self, Request, Response};
use super::front::{self, Answer};
use super::world::{Rng, World};
use super::{latency, rates};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// AWS answers that calls come too fast, and does nothing.
    Throttle,
    /// AWS answers 500, and has done nothing.
    ServerError,
    /// The connection breaks before AWS has the request.
    LostBefore,
    /// AWS does what is asked, and the connection breaks before the answer.
    LostAfter,
    /// AWS does what is asked, and the answer is garbled.
    Unreadable,
    /// AWS does what is asked, and answers after [`SLOW_MILLIS`].
    Slow,
    /// The next account creation that is asked for ends in failure.
    AccountFails,
    /// The next resource that a stack makes cannot be made.
    StackFails,
    /// AWS does what is asked, and the client's process ends before the answer. No later call arrives.
    Kill,
}

/// How long a slow answer takes: longer than clients of AWS commonly wait for one (a minute).
pub const SLOW_MILLIS: i64 = 90_000;
/// A seed gives a fault to one call in so many.
const ONE_IN: i64 = 20;

/// Names, in the order of the enum.
const NAMES: &[(Fault, &str)] = &[
    (Fault::Throttle, "throttle"),
    (Fault::ServerError, "server-error"),
    (Fault::LostBefore, "lost-before"),
    (Fault::LostAfter, "lost-after"),
    (Fault::Unreadable, "unreadable"),
    (Fault::Slow, "slow"),
    (Fault::AccountFails, "account-fails"),
    (Fault::StackFails, "stack-fails"),
    (Fault::Kill, "kill"),
];

impl Fault {
    /// Every kind of fault.
    pub fn all() -> impl Iterator<Item = Fault> {
        NAMES.iter().map(|(fault, _)| *fault)
    }

    /// Whether it comes from the network or AWS's front end, rather than from inside AWS or the client.
    pub fn is_outside(self) -> bool {
        !matches!(self, Fault::AccountFails | Fault::StackFails | Fault::Kill)
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(fault, _)| *fault == self)
            .map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A fault and its call, as `throttle@17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultAt {
    /// What goes wrong.
    pub fault: Fault,
    /// From 1.
    pub call: u64,
}

impl FromStr for FaultAt {
    type Err = String;

    fn from_str(text: &str) -> Result<FaultAt, String> {
        let (name, call) = text
            .split_once('@')
            .ok_or("write FAULT@CALL, such as throttle@17")?;
        let fault = NAMES.iter().find(|(_, known)| *known == name);
        let Some((fault, _)) = fault else {
            let known: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
            return Err(format!(
                "there is no fault `{name}`; there are {}",
                known.join(", ")
            ));
        };
        match call.parse() {
            Ok(call) if call > 0 => Ok(FaultAt {
                fault: *fault,
                call,
            }),
            _ => Err(format!(
                "`{call}` is not the number of a call; the first is 1"
            )),
        }
    }
}

/// Which calls meet which fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultPlan {
    at: BTreeMap<u64, Fault>,
    seed: Option<u64>,
}

impl FaultPlan {
    /// Faults at certain calls. Of two at the same call the later one holds.
    pub fn at(faults: impl IntoIterator<Item = FaultAt>) -> FaultPlan {
        FaultPlan {
            at: faults
                .into_iter()
                .map(|FaultAt { fault, call }| (call, fault))
                .collect(),
            seed: None,
        }
    }

    /// Besides, about one call in twenty meets a fault of the network or of AWS's front end, drawn from
    /// `seed`. Nothing is killed and nothing fails inside AWS.
    pub fn with_seed(self, seed: u64) -> FaultPlan {
        FaultPlan {
            seed: Some(seed),
            ..self
        }
    }

    /// The fault of a call. Draws depend on the number of the call and nothing else.
    fn of(&self, call: u64) -> Option<Fault> {
        if let Some(fault) = self.at.get(&call) {
            return Some(*fault);
        }
        let mut rng = Rng::new(self.seed? ^ call.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        if rng.between(1, ONE_IN) > 1 {
            return None;
        }
        let drawn = rng.between(0, 5);
        let index = usize::try_from(drawn).unwrap_or_default();
        NAMES.get(index).map(|(fault, _)| *fault)
    }
}

/// What is going to fail inside AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Doomed {
    /// So many of the account creations to come.
    pub creations: u32,
    /// So many of the resources that stacks will make.
    pub resources: u32,
}

impl Doomed {
    /// Whether this creation is one that fails.
    pub fn creation(&mut self) -> bool {
        take(&mut self.creations)
    }

    /// Whether this resource is one that fails.
    pub fn resource(&mut self) -> bool {
        take(&mut self.resources)
    }
}

fn take(left: &mut u32) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

/// What a client sees of a call.
#[derive(Debug)]
pub enum Outcome {
    /// An answer.
    Answered(Answer),
    /// A broken connection, after so many virtual milliseconds.
    Lost(i64),
    /// Nothing ever again: the client's process is gone.
    Killed,
}

/// A call that reached the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// From 1.
    pub call: u64,
    /// `service:Operation`; empty for one that is not simulated.
    pub operation: String,
    /// What went wrong with it, if anything.
    pub fault: Option<Fault>,
    /// What came.
    pub request: Request,
}

/// Sees the world right after each call.
type Watch = Box<dyn Fn(&Met, &World) + Send + Sync>;

/// Changes the world right after a call, as somebody else does meanwhile.
type Meddle = Box<dyn Fn(&Met, &mut World) + Send + Sync>;

/// One client's connection to a world: counts its calls and lets faults happen to them.
#[derive(Default)]
pub struct Connection {
    plan: FaultPlan,
    watch: Option<Watch>,
    meddle: Option<Meddle>,
    state: Mutex<State>,
    killed: Notify,
}

#[derive(Default)]
struct State {
    calls: u64,
    killed: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("plan", &self.plan)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// A new connection that meets these faults.
    pub fn new(plan: FaultPlan) -> Connection {
        Connection {
            plan,
            ..Connection::default()
        }
    }

    /// Calls `watch` right after each call. The world then is what a client leaves behind that is killed at
    /// this call.
    pub fn watched(self, watch: impl Fn(&Met, &World) + Send + Sync + 'static) -> Connection {
        Connection {
            watch: Some(Box::new(watch)),
            ..self
        }
    }

    /// Lets `meddle` change the world right after each call.
    pub fn meddled(self, meddle: impl Fn(&Met, &mut World) + Send + Sync + 'static) -> Connection {
        Connection {
            meddle: Some(Box::new(meddle)),
            ..self
        }
    }

    /// How many calls have come.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Waits until the client's process is killed, and says at which call.
    pub async fn killed(&self) -> u64 {
        loop {
            let notified = self.killed.notified();
            let (calls, killed) = {
                let state = self.state();
                (state.calls, state.killed)
            };
            if killed {
                return calls;
            }
            notified.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`front::handle`], with what goes wrong on the way.
    pub(super) fn handle(&self, world: &mut World, request: &Request) -> Outcome {
        let call = {
            let mut state = self.state();
            if state.killed {
                return Outcome::Killed;
            }
            state.calls += 1;
            state.calls
        };
        let fault = self.plan.of(call);
        let outcome = match fault {
            None => Outcome::Answered(front::handle(world, request)),
            Some(fault) => {
                tracing::warn!("{fault} at call {call}");
                self.meet(fault, world, request)
            }
        };
        if self.watch.is_some() || self.meddle.is_some() {
            let operation = front::operation(request).unwrap_or_default();
            let met = Met {
                call,
                operation,
                fault,
                request: request.clone(),
            };
            if let Some(watch) = &self.watch {
                watch(&met, world);
            }
            if let Some(meddle) = &self.meddle {
                meddle(&met, world);
            }
        }
        outcome
    }

    fn meet(&self, fault: Fault, world: &mut World, request: &Request) -> Outcome {
        match fault {
            Fault::Throttle => Outcome::Answered(refused(request, rates::refusal)),
            Fault::ServerError => Outcome::Answered(refused(request, |_| {
                let message = "We encountered an internal error. Please try again.";
                AwsError::new("InternalFailure", message).status(500)
            })),
            Fault::LostBefore => Outcome::Lost(latency::REFUSAL_MILLIS),
            Fault::LostAfter => Outcome::Lost(front::handle(world, request).latency_millis),
            Fault::Unreadable => {
                let answer = front::handle(world, request);
                Outcome::Answered(Answer {
                    response: garbled(answer.response),
                    ..answer
                })
            }
            Fault::Slow => Outcome::Answered(Answer {
                latency_millis: SLOW_MILLIS,
                ..front::handle(world, request)
            }),
            Fault::AccountFails => {
                world.doomed.creations += 1;
                Outcome::Answered(front::handle(world, request))
            }
            Fault::StackFails => {
                world.doomed.resources += 1;
                Outcome::Answered(front::handle(world, request))
            }
            Fault::Kill => {
                front::handle(world, request);
                self.state().killed = true;
                self.killed.notify_one();
                Outcome::Killed
            }
        }
    }
}

/// An answer that no protocol of AWS can be read from.
fn garbled(response: Response) -> Response {
    Response {
        body: b"\x1f\x8b<not what was sent".to_vec(),
        ..response
    }
}

fn refused(request: &Request, error: impl Fn(&str) -> AwsError) -> Answer {
    let service = front::service(request);
    let error = error(service.map_or("", |service| service.name));
    Answer {
        response: codec::encode_error(
            service,
            request,
            &error,
            "00000000-0000-0000-0000-00000000fa17",
        ),
        latency_millis: latency::REFUSAL_MILLIS,
        changed: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_name_and_call() {
        for fault in Fault::all() {
            let text = format!("{fault}@17");
            assert_eq!(text.parse(), Ok(FaultAt { fault, call: 17 }));
        }
        for wrong in ["throttle", "throttle@0", "throttle@x", "nothing@1", "@1"] {
            assert!(wrong.parse::<FaultAt>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_seed_draws_the_same_faults_each_time_and_none_inside_aws() {
        let drawn = |seed| -> Vec<Option<Fault>> {
            let plan = FaultPlan::default().with_seed(seed);
            (1..=2000).map(|call| plan.of(call)).collect()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let met: Vec<Fault> = drawn(1).into_iter().flatten().collect();
        assert!((60..=140).contains(&met.len()), "{}", met.len());
        for fault in Fault::all() {
            let outside = !matches!(fault, Fault::AccountFails | Fault::StackFails | Fault::Kill);
            assert_eq!(met.contains(&fault), outside, "{fault}");
        }
    }
}
