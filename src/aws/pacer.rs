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
use super::{CallContext, Operation, lock};
use crate::inventory::AccountRegion;
use crate::plan::{AccountId, PaceOverride, Region};

/// What is told of a wait for one's turn begins so: that is how a report knows a quota.
pub const TURN: &str = "waiting for its turn: ";
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
pub(super) struct Permit(Option<Arc<Bucket>>);

struct Bucket {
    state: Mutex<State>,
    answered: Notify,
}

struct State {
    limit: Limit,
    /// The rate now, as a period; differs from the limit's only where it adapts.
    period: Duration,
    adapted: Instant,
    slowed: Option<Instant>,
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
    go: oneshot::Sender<Permit>,
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
        ctx: &CallContext,
        operation: Operation,
        at: Option<&AccountRegion>,
    ) -> Permit {
        let Some(limit) = rates::limit(operation, self.pace, &self.overrides) else {
            return Permit(None);
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
                "{TURN}{operation} goes out once in {}",
                crate::duration::about(limit.period)
            ));
        }
        turn.await.unwrap_or(Permit(None))
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
                slowed: None,
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
    fn queue(self: &Arc<Self>, rank: u64) -> (Result<Permit, oneshot::Receiver<Permit>>, Duration) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let ready = state.ready_at();
        if state.waiting.is_empty() && ready.is_some_and(|ready| ready <= now) {
            state.take(now);
            return (Ok(Permit(Some(self.clone()))), Duration::ZERO);
        }
        let ahead = state.waiting.len();
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
                    drop(next.go.send(Permit(Some(bucket.clone()))));
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

    /// A throttle empties the bucket; an adaptive one also halves its rate, at most once a second,
    /// and regains a tenth of its first rate a second while nothing is throttled.
    fn adapt(&mut self, now: Instant, throttled: bool) {
        const STEP: Duration = Duration::from_secs(1);
        if throttled {
            let empty = now + self.period * (self.limit.burst - 1).max(1);
            self.full_at = self.full_at.max(empty);
        }
        if !self.limit.adaptive {
            return;
        }
        let first = self.limit.period;
        if throttled && self.slowed.is_none_or(|at| now >= at + STEP) {
            self.period = (self.period * 2).min(first * LOWEST);
            self.slowed = Some(now);
            self.adapted = now;
        } else if !throttled && now >= self.adapted + STEP {
            self.period = faster(self.period, first);
            self.adapted = now;
        }
    }
}

/// The period of a rate that is a tenth of the first rate higher.
fn faster(period: Duration, first: Duration) -> Duration {
    let ms = |period: Duration| u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
    let (now, first_ms) = (ms(period), ms(first));
    // 1 / (1/now + 1/(10 first)), rounded up to whole milliseconds.
    let raised = (10 * first_ms)
        .saturating_mul(now)
        .div_ceil(10 * first_ms + now);
    Duration::from_millis(raised)
        .max(first / HIGHEST)
        .min(period)
}

impl Permit {
    /// The attempt was answered; `throttled` slows the bucket.
    pub(super) fn answered(mut self, throttled: bool) {
        if let Some(bucket) = self.0.take() {
            bucket.answer(throttled);
        }
    }
}

impl Drop for Permit {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex as StdMutex;

    const LIST_ACCOUNTS: Operation = Operation("organizations", "ListAccounts");
    const CLOSE: Operation = Operation("organizations", "CloseAccount");
    const GUARDDUTY: Operation = Operation("guardduty", "ListMembers");

    fn pacer() -> Arc<Pacer> {
        Arc::new(Pacer::new(Pace::default(), BTreeMap::new()))
    }
    fn place(text: &str) -> AccountRegion {
        text.to_owned().try_into().unwrap()
    }
    fn ranked(rank: u64) -> CallContext {
        CallContext {
            rank,
            ..CallContext::quiet()
        }
    }

    /// When `calls` calls go out that are all ready at once, in ms from the start.
    async fn grants(pacer: &Arc<Pacer>, operation: Operation, calls: usize) -> Vec<u128> {
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..calls {
            let pacer = pacer.clone();
            tasks.spawn(async move {
                let at = place("111111111111/us-east-1");
                let turn = pacer
                    .turn(&CallContext::quiet(), operation, Some(&at))
                    .await;
                let when = start.elapsed().as_millis();
                turn.answered(false);
                when
            });
        }
        let mut times = tasks.join_all().await;
        times.sort_unstable();
        times
    }

    #[tokio::test(start_paused = true)]
    async fn one_less_than_the_burst_goes_at_once_and_then_the_rate() {
        let times = grants(&pacer(), LIST_ACCOUNTS, 100).await;
        // 8 a second, burst 12: 11 at once, then one every 125 ms.
        let expected: Vec<u128> = (0..100).map(|n: u128| n.saturating_sub(10) * 125).collect();
        assert_eq!(times, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_and_regions_have_their_own_buckets() {
        let pacer = pacer();
        let operation = Operation("cloudformation", "CreateStack");
        let start = Instant::now();
        for at in [
            "111111111111/us-east-1",
            "111111111111/eu-west-1",
            "222222222222/us-east-1",
        ] {
            let turn = pacer
                .turn(&CallContext::quiet(), operation, Some(&place(at)))
                .await;
            turn.answered(false);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        // Organizations counts per account, wherever the call is said to be made.
        for at in ["111111111111/us-east-1", "111111111111/eu-west-1"] {
            for _ in 0..2 {
                let operation = Operation("organizations", "ListRoots");
                pacer
                    .turn(&CallContext::quiet(), operation, Some(&place(at)))
                    .await;
            }
        }
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn the_higher_rank_goes_first_and_equals_by_arrival() {
        let pacer = pacer();
        let order = Arc::new(StdMutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for (name, rank) in [
            ("first", 0),
            ("low", 1),
            ("high", 9),
            ("low too", 1),
            ("mid", 5),
        ] {
            let (pacer, order) = (pacer.clone(), order.clone());
            tasks.spawn(async move {
                let at = place("111111111111/us-east-1");
                let operation = Operation("organizations", "ListRoots");
                pacer.turn(&ranked(rank), operation, Some(&at)).await;
                order.lock().unwrap().push(name);
            });
            tokio::task::yield_now().await;
        }
        tasks.join_all().await;
        let order = order.lock().unwrap().clone();
        assert_eq!(order, ["first", "high", "mid", "low", "low too"]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_burst_the_period_counts_from_the_answer() {
        let pacer = pacer();
        let at = place("111111111111/us-east-1");
        let start = Instant::now();
        let first = pacer.turn(&CallContext::quiet(), CLOSE, Some(&at)).await;
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            first.answered(false);
        });
        let second = pacer.turn(&CallContext::quiet(), CLOSE, Some(&at)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(23));
        // A call that is given up counts as answered, and so does not stop the others.
        drop(second);
        pacer.turn(&CallContext::quiet(), CLOSE, Some(&at)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(43));
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_that_go_away_leave_their_turn_to_others() {
        let pacer = pacer();
        let at = place("111111111111/us-east-1");
        let start = Instant::now();
        let operation = Operation("organizations", "ListRoots");
        pacer
            .turn(&CallContext::quiet(), operation, Some(&at))
            .await;
        let urgent = ranked(9);
        for _ in 0..5 {
            let given_up = tokio::time::timeout(
                Duration::from_millis(10),
                pacer.turn(&urgent, operation, Some(&at)),
            );
            assert!(given_up.await.is_err());
        }
        pacer
            .turn(&CallContext::quiet(), operation, Some(&at))
            .await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_undocumented_rate_halves_on_a_throttle_and_recovers_slowly() {
        let pacer = pacer();
        let at = place("111111111111/us-east-1");
        let bucket_period = |pacer: &Pacer| {
            let buckets = lock(&pacer.buckets);
            let bucket = buckets.values().next().unwrap();
            lock(&bucket.state).period
        };
        let throttled = pacer
            .turn(&CallContext::quiet(), GUARDDUTY, Some(&at))
            .await;
        throttled.answered(true);
        assert_eq!(bucket_period(&pacer), Duration::from_millis(400));
        // A second throttle in the same second tells nothing new.
        let again = pacer
            .turn(&CallContext::quiet(), GUARDDUTY, Some(&at))
            .await;
        again.answered(true);
        let slow = bucket_period(&pacer);
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let turn = pacer
                .turn(&CallContext::quiet(), GUARDDUTY, Some(&at))
                .await;
            turn.answered(false);
        }
        let recovered = bucket_period(&pacer);
        assert!(recovered < slow && recovered >= Duration::from_millis(50));
        // A documented rate stays: AWS told it.
        let list = pacer
            .turn(&CallContext::quiet(), LIST_ACCOUNTS, Some(&at))
            .await;
        list.answered(true);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let times = grants(&pacer, LIST_ACCOUNTS, 12).await;
        assert_eq!(times.last(), Some(&125));
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_waiters_keep_the_rate_exactly() {
        let operation = Operation("organizations", "ListTagsForResource");
        let times = grants(&pacer(), operation, 10_000).await;
        // 10 a second, burst 15.
        assert_eq!(times.last(), Some(&((10_000 - 14) * 100)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_pace_nothing_waits() {
        let pacer = Arc::new(Pacer::new(Pace::Off, BTreeMap::new()));
        assert_eq!(grants(&pacer, CLOSE, 50).await, [0; 50]);
    }
}
