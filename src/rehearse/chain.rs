//! The longest chain of waits: from the change that ended last back to the run's start, each link with
//! what it waited for, and what of all that holds the whole back.
//!
//! A change starts when the last of what it needs has ended, or, where AWS works on so many at a time
//! only (a concurrency group), when another of its group has. So the link before a change is the one of these that
//! ended last. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use super::timeline::{Span, Timeline};
use crate::action::ConcurrencyGroup;
use crate::addr::Address;
use crate::aws::TURN;
use crate::event::essence;
use crate::graph::ChangeGraph;

/// The chain, first link first, and what holds it back most.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chain {
    pub links: Vec<Link>,
    /// Longest first.
    pub holds: Vec<Hold>,
}

impl Chain {
    /// The quota that holds the chain back most, if it costs a good part of its time.
    pub fn quota(&self) -> Option<&Hold> {
        let whole = self.links.last().map_or(Duration::ZERO, |link| link.ended);
        let hold = self.holds.iter().find(|hold| hold.quota)?;
        (hold.time * 10 >= whole).then_some(hold)
    }
}

/// One change of the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    pub address: Address,
    pub started: Duration,
    pub ended: Duration,
    /// Why it did not start earlier.
    pub bound: Bound,
    /// How long it waited for what, longest first.
    pub waits: Vec<Wait>,
}

/// Why a change started when it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// At once, when the run began.
    Begin,
    /// What it needs ended.
    Need(Address),
    /// It was ready, and its group was full until this one ended.
    ConcurrencyGroup(ConcurrencyGroup, Address),
}

/// Time spent waiting for one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    pub why: String,
    pub time: Duration,
}

/// What holds the chain back, with the time that it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub what: String,
    /// Whether it is one of AWS's quotas or rates, rather than the time that AWS's work takes.
    pub quota: bool,
    pub time: Duration,
}

/// Finds the longest chain of a run of `graph`.
pub fn chain(graph: &ChangeGraph, timeline: &Timeline) -> Chain {
    let groups = groups(graph, timeline);
    let last = timeline
        .spans
        .iter()
        .max_by(|(a, one), (b, other)| one.ended.cmp(&other.ended).then_with(|| b.cmp(a)));
    let mut links = Vec::new();
    let mut at = last.map(|(address, span)| (address.clone(), span));
    while let Some((address, span)) = at {
        let bound = bound(graph, timeline, &groups, &address, span);
        at = match &bound {
            Bound::Begin => None,
            Bound::Need(before) | Bound::ConcurrencyGroup(_, before) => timeline
                .spans
                .get(before)
                .map(|span| (before.clone(), span)),
        };
        links.push(Link {
            started: span.started,
            ended: span.ended,
            bound,
            waits: waits(span),
            address,
        });
    }
    links.reverse();
    let holds = holds(graph, timeline, &links);
    Chain { links, holds }
}

/// The changes of each group in the order of their ends.
fn groups(
    graph: &ChangeGraph,
    timeline: &Timeline,
) -> BTreeMap<ConcurrencyGroup, Vec<(Duration, Address)>> {
    let mut groups: BTreeMap<ConcurrencyGroup, Vec<(Duration, Address)>> = BTreeMap::new();
    for change in graph.changes() {
        if let (Some(group), Some(span)) = (
            change.action.kind().info().group,
            timeline.spans.get(&change.address),
        ) {
            let ended = (span.ended, change.address.clone());
            groups.entry(group).or_default().push(ended);
        }
    }
    for changes in groups.values_mut() {
        changes.sort();
    }
    groups
}

/// When the last of what a change needs had ended, and which that was.
fn ready<'a>(
    graph: &'a ChangeGraph,
    timeline: &Timeline,
    address: &Address,
) -> Option<(Duration, &'a Address)> {
    graph
        .needs(address)
        .filter_map(|need| Some((timeline.spans.get(&need.address)?.ended, &need.address)))
        .max()
}

fn bound(
    graph: &ChangeGraph,
    timeline: &Timeline,
    groups: &BTreeMap<ConcurrencyGroup, Vec<(Duration, Address)>>,
    address: &Address,
    span: &Span,
) -> Bound {
    let ready = ready(graph, timeline, address);
    let group = graph
        .get(address)
        .and_then(|change| change.action.kind().info().group);
    if let Some(group) = group
        && let Some(changes) = groups.get(&group)
    {
        let number = changes.partition_point(|(ended, _)| *ended <= span.started);
        let before = number.checked_sub(1).and_then(|place| changes.get(place));
        if let Some((ended, before)) = before
            && before != address
            && ready.is_none_or(|(ready, _)| *ended > ready)
        {
            return Bound::ConcurrencyGroup(group, before.clone());
        }
    }
    match ready {
        Some((_, need)) => Bound::Need(need.clone()),
        None => Bound::Begin,
    }
}

/// The waits of a change, equal ones added up. What is told counts until the next is told.
fn waits(span: &Span) -> Vec<Wait> {
    let mut total: BTreeMap<&str, Duration> = BTreeMap::new();
    let ends = span.waits.iter().skip(1).map(|(at, _)| *at);
    for ((at, why), until) in span.waits.iter().zip(ends.chain([span.ended])) {
        *total.entry(essence(why)).or_default() += until.saturating_sub(*at);
    }
    let mut waits: Vec<Wait> = total
        .into_iter()
        .filter(|(_, time)| *time >= Duration::from_millis(500))
        .map(|(why, time)| Wait {
            why: why.to_owned(),
            time,
        })
        .collect();
    waits.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.why.cmp(&b.why)));
    waits
}

/// What the chain waited for, added up over its links. A queue for a lane counts once: for the last of
/// those that stood in it one after another, from when it was ready to when it started.
fn holds(graph: &ChangeGraph, timeline: &Timeline, links: &[Link]) -> Vec<Hold> {
    let mut total: BTreeMap<(String, bool), Duration> = BTreeMap::new();
    // From the end: a link that the next one stood in a queue behind is part of that queue.
    let mut queue_behind = false;
    for link in links.iter().rev() {
        let in_queue = queue_behind;
        queue_behind = matches!(link.bound, Bound::ConcurrencyGroup(..));
        if let (Bound::ConcurrencyGroup(group, _), false) = (&link.bound, in_queue) {
            let ready = ready(graph, timeline, &link.address).map_or(Duration::ZERO, |(at, _)| at);
            let entry = total.entry((group.to_string(), true)).or_default();
            *entry += link.started.saturating_sub(ready);
        }
        if in_queue {
            // Its time is the queue's, counted with the last that stood in it.
            continue;
        }
        for wait in &link.waits {
            let quota = wait.why.starts_with(TURN);
            let entry = total.entry((wait.why.clone(), quota)).or_default();
            *entry += wait.time;
        }
    }
    let mut holds: Vec<Hold> = total
        .into_iter()
        .filter(|(_, time)| *time >= Duration::from_secs(1))
        .map(|((what, quota), time)| Hold { what, quota, time })
        .collect();
    holds.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.what.cmp(&b.what)));
    holds
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::action::{self, Action};
    use crate::change::{Change, Verb};
    use crate::event::Event;
    use crate::graph::graph;

    fn account(number: usize) -> Address {
        Address::Account(format!("team-{number}").parse().unwrap())
    }

    fn placement(number: usize) -> Address {
        Address::Placement(format!("team-{number}").parse().unwrap())
    }

    fn change(address: Address, action: Action, needs: &[Address]) -> Change {
        Change {
            address,
            verb: Verb::Create,
            reason: String::new(),
            fields: Vec::new(),
            action,
            needs: needs.iter().cloned().collect::<BTreeSet<_>>(),
        }
    }

    fn create(number: usize) -> Change {
        let action = Action::CreateAccount(action::CreateAccount {
            key: format!("team-{number}").parse().unwrap(),
            name: format!("team-{number}"),
            email: format!("aws+{number}@example.com").parse().unwrap(),
            tags: Default::default(),
            access_role: String::new(),
            iam_user_access_to_billing: true,
        });
        change(account(number), action, &[Address::Organization])
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    struct Run(Timeline);

    impl Run {
        fn span(&mut self, change: &Address, from: u64, to: u64, waits: &[(u64, &str)]) {
            let change = change.clone();
            let started = Event::Started {
                change: change.clone(),
            };
            self.0.take(started, seconds(from));
            for (at, why) in waits {
                let why = (*why).to_owned();
                let waiting = Event::Waiting {
                    change: change.clone(),
                    why,
                };
                self.0.take(waiting, seconds(*at));
            }
            let took = seconds(to - from);
            self.0.take(Event::Done { change, took }, seconds(to));
        }
    }

    /// Six accounts, five at a time: the sixth has to wait for the first that ends, and what hangs on
    /// the sixth ends last.
    #[test]
    fn a_full_lane_is_part_of_the_chain() {
        let mut changes = vec![change(
            Address::Organization,
            Action::CreateOrganization(action::CreateOrganization {
                accounts: BTreeMap::new(),
            }),
            &[],
        )];
        changes.extend((0..6).map(create));
        let moved = Action::RenameOu(action::RenameOu {
            id: String::new(),
            name: String::new(),
        });
        changes.push(change(placement(5), moved, &[account(5)]));
        let graph = graph(changes).unwrap();
        let mut run = Run(Timeline::default());
        run.span(&Address::Organization, 0, 2, &[]);
        for number in 0..5 {
            run.span(&account(number), 2, 100 + number as u64, &[]);
        }
        let turn = format!("{TURN}organizations:CreateAccount goes out once in 10 s");
        run.span(
            &account(5),
            100,
            190,
            &[(100, &turn), (107, "AWS is creating the account")],
        );
        run.span(&placement(5), 190, 191, &[]);
        let chain = chain(&graph, &run.0);

        let links: Vec<(&Address, &Bound)> = chain
            .links
            .iter()
            .map(|link| (&link.address, &link.bound))
            .collect();
        assert_eq!(
            links,
            [
                (&Address::Organization, &Bound::Begin),
                (&account(0), &Bound::Need(Address::Organization)),
                (
                    &account(5),
                    &Bound::ConcurrencyGroup(ConcurrencyGroup::AccountCreation, account(0))
                ),
                (&placement(5), &Bound::Need(account(5))),
            ]
        );
        // The sixth could have begun at 2 and began at 100; then it waited 7 for its turn and 83 for AWS.
        let holds: Vec<(u64, bool)> = chain
            .holds
            .iter()
            .map(|hold| (hold.time.as_secs(), hold.quota))
            .collect();
        assert_eq!(holds, [(98, true), (83, false), (7, true)]);
        assert_eq!(
            chain.quota().map(|hold| hold.what.as_str()),
            Some("AWS creates 5 accounts at a time in an organization")
        );
    }

    #[test]
    fn a_failed_change_ends_a_chain_too_and_small_waits_hold_nothing_back() {
        let graph = graph(vec![
            change(
                Address::Organization,
                Action::CreateOrganization(action::CreateOrganization {
                    accounts: BTreeMap::new(),
                }),
                &[],
            ),
            create(0),
        ])
        .unwrap();
        let mut run = Run(Timeline::default());
        run.span(&Address::Organization, 0, 50, &[(1, "AWS is at it")]);
        let started = Event::Started { change: account(0) };
        run.0.take(started, seconds(50));
        let failed = Event::Failed {
            change: account(0),
            took: seconds(3),
            failure: crate::event::Failure {
                context: String::new(),
                message: String::new(),
                hint: None,
                request_id: None,
            },
        };
        run.0.take(failed, seconds(53));
        let chain = chain(&graph, &run.0);
        assert_eq!(chain.links.len(), 2);
        assert_eq!(chain.quota(), None);
        assert_eq!(run.0.length(), seconds(53));
        assert_eq!(run.0.failed().count(), 1);
    }

    #[test]
    fn nothing_that_ran_has_no_chain() {
        let graph = graph(Vec::new()).unwrap();
        assert_eq!(chain(&graph, &Timeline::default()), Chain::default());
    }

    /// Retries tell another time each; they are one reason.
    #[test]
    fn equal_waits_are_added_up() {
        let span = Span {
            started: seconds(0),
            ended: seconds(30),
            waits: vec![
                (seconds(1), "not ready, next try in 5 s".to_owned()),
                (seconds(6), "creating".to_owned()),
                (seconds(10), "not ready, next try in 12 s".to_owned()),
            ],
            failure: None,
        };
        let wait = |why: &str, time| Wait {
            why: why.to_owned(),
            time: seconds(time),
        };
        assert_eq!(waits(&span), [wait("not ready", 25), wait("creating", 4)]);
    }
}
