//! The pacer: every attempt waits here for its turn.
//!
//! Per bucket, account and Region there is a generic cell rate algorithm (a token bucket kept as
//! one instant), a heap of waiters by rank and arrival, and one timer. Clocks and networks jitter,
//! so that a client which keeps exactly to AWS's burst is throttled now and then: one call less
//! than the burst is used. Where AWS allows no burst at all, the period is counted from the
//! previous answer instead of the previous request.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::rates::{self, BucketName, Limit, Pace};
use super::{Caller, Operation, lock};
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, PaceOverride, Region};

/// Waits shorter than this are not worth telling.
const WORTH_TELLING: Duration = Duration::from_secs(2);
/// An adaptive bucket may rise to this many times its first rate, and sink to this part of it.
const HIGHEST: u32 = 4;
const LOWEST: u32 = 16;

type Key = (BucketName, Option<(AccountId, Option<Region>)>);

/// All buckets.
pub(super) struct Pacer {
    pace: Pace,
    overrides: BTreeMap<String, PaceOverride>,
    buckets: Mutex<BTreeMap<Key, Arc<Bucket>>>,
}

/// Leave to make one attempt. Dropping it counts as an answer.
pub(super) struct Turn(Option<Arc<Bucket>>);

struct Bucket {
    state: Mutex<State>,
    answered: Notify,
}

struct State {
    limit: Limit,
    /// The rate now, as a period; differs from the limit's only where it adapts.
    period: Duration,
    adapted: Instant,
    /// When the bucket is full again, the cell algorithm's theoretical arrival time.
    full_at: Instant,
    in_flight: bool,
    waiting: BinaryHeap<Waiting>,
    arrivals: u64,
    pumping: bool,
}

struct Waiting {
    rank: u64,
    arrival: u64,
    go: oneshot::Sender<Turn>,
}

impl Pacer {
    pub(super) fn new(pace: Pace, overrides: BTreeMap<String, PaceOverride>) -> Self {
        Self {
            pace,
            overrides,
            buckets: Mutex::default(),
        }
    }

    /// Waits for the operation's turn.
    pub(super) async fn turn(
        &self,
        ctx: &Caller,
        operation: Operation,
        at: Option<&AccountRegion>,
    ) -> Turn {
        let Some(limit) = rates::limit(operation, self.pace, &self.overrides) else {
            return Turn(None);
        };
        let place = at.map(|at| {
            let region = limit.regional.then(|| at.region.clone());
            (at.account.clone(), region)
        });
        let bucket = lock(&self.buckets)
            .entry((limit.bucket, place))
            .or_insert_with(|| Arc::new(Bucket::new(limit)))
            .clone();
        let (turn, wait) = bucket.queue(ctx.rank);
        let turn = match turn {
            Ok(turn) => return turn,
            Err(turn) => turn,
        };
        if wait >= WORTH_TELLING {
            (ctx.tell)(format!(
                "waiting for its turn: {operation} goes out once in {}",
                super::in_words(limit.period)
            ));
        }
        turn.await.unwrap_or(Turn(None))
    }
}

impl Bucket {
    fn new(limit: Limit) -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                limit,
                period: limit.period,
                adapted: now,
                full_at: now,
                in_flight: false,
                waiting: BinaryHeap::new(),
                arrivals: 0,
                pumping: false,
            }),
            answered: Notify::new(),
        }
    }

    /// A turn at once, or a place in the queue with a rough guess of the wait.
    fn queue(self: &Arc<Self>, rank: u64) -> (Result<Turn, oneshot::Receiver<Turn>>, Duration) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let ready = state.ready_at();
        if state.waiting.is_empty() && ready.is_some_and(|ready| ready <= now) {
            state.take(now);
            return (Ok(Turn(Some(self.clone()))), Duration::ZERO);
        }
        let ahead = state.waiting.iter().filter(|w| w.rank >= rank).count();
        let wait = ready.map_or(Duration::ZERO, |ready| ready.saturating_duration_since(now))
            + state.period * u32::try_from(ahead).unwrap_or(u32::MAX);
        let (go, turn) = oneshot::channel();
        let arrival = state.arrivals;
        state.arrivals += 1;
        state.waiting.push(Waiting { rank, arrival, go });
        if !state.pumping {
            state.pumping = true;
            tokio::spawn(pump(self.clone()));
        }
        (Err(turn), wait)
    }

    fn answer(&self, throttled: bool) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        if state.in_flight {
            state.in_flight = false;
            state.full_at = now + state.period;
        }
        state.adapt(now, throttled);
        drop(state);
        self.answered.notify_one();
    }
}

/// Hands out turns while anybody waits: the bucket's one timer.
async fn pump(bucket: Arc<Bucket>) {
    /// Whatever ends the task, the next waiter starts a new one.
    struct Ends(Option<Arc<Bucket>>);
    impl Drop for Ends {
        fn drop(&mut self) {
            if let Some(bucket) = &self.0 {
                lock(&bucket.state).pumping = false;
            }
        }
    }
    let mut ends = Ends(Some(bucket.clone()));
    loop {
        let ready = {
            let mut state = lock(&bucket.state);
            // Nobody waits any more, or everybody who did has gone.
            while state.waiting.peek().is_some_and(|next| next.go.is_closed()) {
                state.waiting.pop();
            }
            if state.waiting.is_empty() {
                state.pumping = false;
                ends.0 = None;
                return;
            }
            state.ready_at()
        };
        match ready {
            None => bucket.answered.notified().await,
            Some(ready) if ready > Instant::now() => tokio::time::sleep_until(ready).await,
            Some(_) => {
                let mut state = lock(&bucket.state);
                if let Some(next) = state.waiting.pop() {
                    state.take(Instant::now());
                    drop(state);
                    // A waiter that has gone meanwhile drops the turn, which counts as an answer.
                    drop(next.go.send(Turn(Some(bucket.clone()))));
                }
            }
        }
    }
}

impl State {
    /// When the next call may go; `None` while an answer must come first.
    fn ready_at(&self) -> Option<Instant> {
        match self.limit.burst {
            1 if self.in_flight => None,
            1 => Some(self.full_at),
            burst => {
                let ahead = self.period * (burst - 2);
                Some(self.full_at.checked_sub(ahead).unwrap_or(self.full_at))
            }
        }
    }

    fn take(&mut self, now: Instant) {
        if self.limit.burst == 1 {
            self.in_flight = true;
        } else {
            self.full_at = self.full_at.max(now) + self.period;
        }
    }

    /// A throttle empties the bucket; an adaptive one also halves its rate, and regains a tenth of
    /// its first rate a second while nothing is throttled.
    fn adapt(&mut self, now: Instant, throttled: bool) {
        if throttled {
            let empty = now + self.period * (self.limit.burst - 1).max(1);
            self.full_at = self.full_at.max(empty);
        }
        if !self.limit.adaptive || now < self.adapted + Duration::from_secs(1) {
            return;
        }
        let first = self.limit.period;
        self.period = if throttled {
            (self.period * 2).min(first * LOWEST)
        } else {
            let (first_ms, now_ms) = (first.as_millis() as f64, self.period.as_millis() as f64);
            let faster = 1.0 / (1.0 / now_ms + 0.1 / first_ms);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "shorter than the period it came from"
            )]
            Duration::from_millis(faster.ceil() as u64)
                .max(first / HIGHEST)
                .max(Duration::from_millis(1))
                .min(self.period)
        };
        self.adapted = now;
    }
}

impl Turn {
    /// The attempt was answered; `throttled` slows the bucket.
    pub(super) fn answered(mut self, throttled: bool) {
        if let Some(bucket) = self.0.take() {
            bucket.answer(throttled);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(bucket) = self.0.take() {
            bucket.answer(false);
        }
    }
}

/// The greatest goes first: the higher rank, then the earlier arrival.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.rank, other.arrival).cmp(&(other.rank, self.arrival))
    }
}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Waiting {}
