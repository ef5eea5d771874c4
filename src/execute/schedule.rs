//! The schedule: which change may start now. Pure: no tokio, no clock, no AWS.
//!
//! A change starts as soon as everything it needs is done and its lane has room; among those the
//! one with the longest remaining chain (rank) goes first, then the smallest address. Lanes are the
//! limits AWS puts on work that goes on after the call that asked for it: a rate limit on calls
//! would not keep them. A failed change takes exactly its dependents with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Act, Address};

/// A limit on work that goes on at the same time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Account creations: AWS works on five at a time in an organization.
    AccountCreation,
    /// Account closures: three at a time.
    AccountClosure,
    /// Regions being turned on: 50 at a time in an organization and 6 in an account.
    RegionOptIn,
    /// Operations of one stack set, by its full name: one at a time.
    StackSet(String),
    /// GuardDuty's administrator, Region by Region: the first makes it known to the organization,
    /// and Regions asked at the same time were refused meanwhile.
    GuardDutyAdministrator,
}

/// The limit in words.
impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = self.width();
        match self {
            Lane::AccountCreation => {
                write!(
                    f,
                    "AWS creates {width} accounts at a time in an organization"
                )
            }
            Lane::AccountClosure => {
                write!(
                    f,
                    "AWS closes {width} accounts at a time in an organization"
                )
            }
            Lane::RegionOptIn => {
                write!(
                    f,
                    "AWS turns on 50 Regions at a time in an organization, 6 in an account"
                )
            }
            Lane::StackSet(name) => write!(f, "stack set {name} has one operation at a time"),
            Lane::GuardDutyAdministrator => {
                write!(
                    f,
                    "GuardDuty learns its administrator in one Region at a time"
                )
            }
        }
    }
}

impl Lane {
    /// How many changes of this lane AWS takes at once (Organizations quotas; StackSets).
    pub fn width(&self) -> usize {
        match self {
            Lane::AccountCreation => 5,
            Lane::AccountClosure => 3,
            // Eight accounts with six Regions each.
            Lane::RegionOptIn => 8,
            Lane::StackSet(_) | Lane::GuardDutyAdministrator => 1,
        }
    }

    /// The lane of an act, if it has one.
    pub fn of(act: &Act) -> Option<Lane> {
        match act {
            Act::CreateAccount { .. } => Some(Lane::AccountCreation),
            Act::EnableRegions { .. } => Some(Lane::RegionOptIn),
            Act::CreateStackSet(set)
            | Act::UpdateStackInstances { set, .. }
            | Act::ImportStacks { set, .. } => Some(Lane::StackSet(set.name.clone())),
            Act::UpdateStackSetSettings { name, .. }
            | Act::CreateStackInstances { name, .. }
            | Act::RemoveStackInstances { name, .. }
            | Act::ForgetStackInstances { name, .. }
            | Act::DeleteStackSet { name } => Some(Lane::StackSet(name.clone())),
            Act::DeleteStackInstances(left) => Some(Lane::StackSet(left.set.clone())),
            Act::CloseAccount { .. } => Some(Lane::AccountClosure),
            Act::EnableGuardDutyAdministrator { .. } => Some(Lane::GuardDutyAdministrator),
            _ => None,
        }
    }
}

/// One change as the schedule sees it.
#[derive(Debug, Clone)]
pub struct Task {
    pub address: Address,
    /// What must be done first. Addresses that are no tasks count as done.
    pub needs: BTreeSet<Address>,
    /// The longest remaining chain; higher goes first.
    pub rank: u64,
    pub lane: Option<Lane>,
}

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
}

/// A change that is never started, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTried {
    pub address: Address,
    pub because: String,
}

#[derive(Debug)]
struct Node {
    rank: u64,
    lane: Option<Lane>,
    /// Needs that are not done yet.
    open: BTreeSet<Address>,
    dependents: BTreeSet<Address>,
}

/// The order within a lane: longest remaining chain first, then the address.
type Turn = (Reverse<u64>, Address);

/// Which changes wait, are ready and run.
#[derive(Debug)]
pub struct Schedule {
    /// Everything that has not ended.
    nodes: BTreeMap<Address, Node>,
    ready: BTreeMap<Option<Lane>, BTreeSet<Turn>>,
    running: BTreeSet<Address>,
    in_lane: BTreeMap<Lane, usize>,
}

impl Schedule {
    /// A schedule with nothing started.
    pub fn new(tasks: impl IntoIterator<Item = Task>) -> Self {
        let tasks: BTreeMap<Address, Task> = tasks
            .into_iter()
            .map(|task| (task.address.clone(), task))
            .collect();
        let mut dependents: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
        for task in tasks.values() {
            for need in &task.needs {
                dependents
                    .entry(need.clone())
                    .or_default()
                    .insert(task.address.clone());
            }
        }
        let names: BTreeSet<Address> = tasks.keys().cloned().collect();
        let nodes: BTreeMap<Address, Node> = tasks
            .into_iter()
            .map(|(address, task)| {
                let node = Node {
                    rank: task.rank,
                    lane: task.lane,
                    open: task.needs.intersection(&names).cloned().collect(),
                    dependents: dependents.remove(&address).unwrap_or_default(),
                };
                (address, node)
            })
            .collect();
        let mut schedule = Self {
            nodes,
            ready: BTreeMap::new(),
            running: BTreeSet::new(),
            in_lane: BTreeMap::new(),
        };
        let ready: Vec<Address> = schedule
            .nodes
            .iter()
            .filter(|(_, node)| node.open.is_empty())
            .map(|(address, _)| address.clone())
            .collect();
        for address in ready {
            schedule.make_ready(&address);
        }
        schedule
    }

    /// The next change to start, which counts as running from now on; `None` while nothing can.
    pub fn start_next(&mut self) -> Option<Address> {
        let (_, address) = self
            .ready
            .iter()
            .filter(|(lane, _)| self.has_room(lane.as_ref()))
            .filter_map(|(_, turns)| turns.first())
            .min()
            .cloned()?;
        let lane = self.nodes.get(&address)?.lane.clone();
        self.take_from_ready(&address);
        if let Some(lane) = lane {
            *self.in_lane.entry(lane).or_default() += 1;
        }
        self.running.insert(address.clone());
        Some(address)
    }

    /// A running change ended. Returns what is never tried because of it, in address order.
    pub fn ended(&mut self, address: &Address, outcome: Outcome) -> Vec<NotTried> {
        if !self.running.remove(address) {
            return Vec::new();
        }
        let Some(node) = self.nodes.remove(address) else {
            return Vec::new();
        };
        if let Some(lane) = &node.lane
            && let Some(count) = self.in_lane.get_mut(lane)
        {
            *count = count.saturating_sub(1);
        }
        match outcome {
            Outcome::Done => {
                for dependent in &node.dependents {
                    let now_ready = self
                        .nodes
                        .get_mut(dependent)
                        .is_some_and(|node| node.open.remove(address) && node.open.is_empty());
                    if now_ready {
                        self.make_ready(dependent);
                    }
                }
                Vec::new()
            }
            Outcome::Failed => {
                let because = format!("{address} failed");
                let mut lost = BTreeSet::new();
                let mut next: Vec<Address> = node.dependents.into_iter().collect();
                while let Some(dependent) = next.pop() {
                    if let Some(node) = self.nodes.remove(&dependent) {
                        next.extend(node.dependents);
                        lost.insert(dependent);
                    }
                }
                lost.into_iter()
                    .map(|address| NotTried {
                        address,
                        because: because.clone(),
                    })
                    .collect()
            }
        }
    }

    /// Gives up everything that has not started. What runs goes on.
    pub fn give_up(&mut self, because: &str) -> Vec<NotTried> {
        self.ready.clear();
        let all = std::mem::take(&mut self.nodes);
        let (running, waiting): (BTreeMap<_, _>, BTreeMap<_, _>) = all
            .into_iter()
            .partition(|(address, _)| self.running.contains(address));
        self.nodes = running;
        waiting
            .into_keys()
            .map(|address| NotTried {
                address,
                because: because.to_owned(),
            })
            .collect()
    }

    /// What runs.
    pub fn running(&self) -> &BTreeSet<Address> {
        &self.running
    }

    /// How many changes have not started.
    pub fn waiting(&self) -> usize {
        self.nodes.len() - self.running.len()
    }

    fn has_room(&self, lane: Option<&Lane>) -> bool {
        lane.is_none_or(|lane| self.in_lane.get(lane).copied().unwrap_or(0) < lane.width())
    }

    fn make_ready(&mut self, address: &Address) {
        if let Some(node) = self.nodes.get(address) {
            self.ready
                .entry(node.lane.clone())
                .or_default()
                .insert((Reverse(node.rank), address.clone()));
        }
    }

    fn take_from_ready(&mut self, address: &Address) {
        if let Some(node) = self.nodes.get(address)
            && let Some(turns) = self.ready.get_mut(&node.lane)
        {
            turns.remove(&(Reverse(node.rank), address.clone()));
            if turns.is_empty() {
                self.ready.remove(&node.lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(number: usize) -> Address {
        Address::Account(format!("a{number:03}").parse().unwrap())
    }

    fn lane(number: u8) -> Option<Lane> {
        match number {
            0 => Some(Lane::AccountCreation),
            1 => Some(Lane::AccountClosure),
            2 => Some(Lane::StackSet("one".to_owned())),
            3 => Some(Lane::StackSet("two".to_owned())),
            _ => None,
        }
    }

    /// Any acyclic graph: a task needs only tasks before it. And in which order what runs ends.
    fn graphs() -> impl Strategy<Value = (Vec<Task>, BTreeSet<Address>, Vec<usize>)> {
        (1_usize..40)
            .prop_flat_map(|size| {
                (
                    prop::collection::vec(
                        (
                            prop::collection::vec(0_usize..1000, 0..4),
                            0_u64..5,
                            0_u8..8,
                        ),
                        size,
                    ),
                    prop::collection::btree_set(0_usize..size, 0..=size / 4),
                    prop::collection::vec(0_usize..1000, size),
                )
            })
            .prop_map(|(tasks, failing, picks)| {
                let tasks = tasks
                    .into_iter()
                    .enumerate()
                    .map(|(number, (needs, rank, lane_number))| Task {
                        address: address(number),
                        needs: needs
                            .into_iter()
                            .filter(|_| number > 0)
                            .map(|need| address(need % number.max(1)))
                            .collect(),
                        rank,
                        lane: lane(lane_number),
                    })
                    .collect();
                (tasks, failing.into_iter().map(address).collect(), picks)
            })
    }

    /// Everything that needs `roots`, directly or not.
    fn dependents(tasks: &[Task], roots: &BTreeSet<Address>) -> BTreeSet<Address> {
        let mut lost: BTreeSet<Address> = BTreeSet::new();
        for task in tasks {
            if task
                .needs
                .iter()
                .any(|need| roots.contains(need) || lost.contains(need))
            {
                lost.insert(task.address.clone());
            }
        }
        lost
    }

    proptest! {
        #[test]
        fn respects_edges_lanes_and_failures((tasks, failing, picks) in graphs()) {
            let by_address: BTreeMap<_, _> =
                tasks.iter().map(|task| (task.address.clone(), task.clone())).collect();
            let mut schedule = Schedule::new(tasks.clone());
            let mut running: Vec<Address> = Vec::new();
            let mut done = BTreeSet::new();
            let mut failed = BTreeSet::new();
            let mut not_tried = BTreeSet::new();
            let mut picks = picks.into_iter();
            loop {
                while let Some(address) = schedule.start_next() {
                    for need in &by_address[&address].needs {
                        prop_assert!(done.contains(need), "{address} started before {need}");
                    }
                    running.push(address);
                    let mut used: BTreeMap<Lane, usize> = BTreeMap::new();
                    for lane in running.iter().filter_map(|a| by_address[a].lane.clone()) {
                        *used.entry(lane).or_default() += 1;
                    }
                    for (lane, count) in used {
                        prop_assert!(count <= lane.width(), "{lane:?} holds {count}");
                    }
                }
                if running.is_empty() {
                    break;
                }
                let ends = running.remove(picks.next().unwrap() % running.len());
                let outcome = if failing.contains(&ends) { Outcome::Failed } else { Outcome::Done };
                let lost = schedule.ended(&ends, outcome);
                match outcome {
                    Outcome::Done => {
                        prop_assert!(lost.is_empty());
                        done.insert(ends);
                    }
                    Outcome::Failed => {
                        failed.insert(ends);
                        not_tried.extend(lost.into_iter().map(|lost| lost.address));
                    }
                }
            }
            prop_assert_eq!(schedule.waiting(), 0);
            prop_assert_eq!(&not_tried, &dependents(&tasks, &failed));
            prop_assert_eq!(done.len() + failed.len() + not_tried.len(), tasks.len());
        }

        #[test]
        fn after_giving_up_nothing_starts((tasks, _, picks) in graphs()) {
            let total = tasks.len();
            let mut schedule = Schedule::new(tasks);
            let mut running = Vec::new();
            running.extend(schedule.start_next());
            running.extend(schedule.start_next());
            let lost = schedule.give_up("stopped");
            prop_assert_eq!(lost.len() + running.len(), total);
            prop_assert!(picks.len() == total);
            for address in running {
                prop_assert!(schedule.start_next().is_none());
                schedule.ended(&address, Outcome::Done);
            }
            prop_assert!(schedule.start_next().is_none());
            prop_assert!(schedule.running().is_empty());
        }
    }

    #[test]
    fn longest_chain_first_then_the_address() {
        let task = |number, rank| Task {
            address: address(number),
            needs: BTreeSet::new(),
            rank,
            lane: None,
        };
        let mut schedule = Schedule::new([task(1, 0), task(3, 9), task(2, 9)]);
        let order: Vec<Address> = std::iter::from_fn(|| schedule.start_next()).collect();
        assert_eq!(order, [address(2), address(3), address(1)]);
    }

    #[test]
    fn a_full_lane_lets_others_pass() {
        let task = |number, lane| Task {
            address: address(number),
            needs: BTreeSet::new(),
            rank: 0,
            lane,
        };
        let mut schedule = Schedule::new([task(1, lane(2)), task(2, lane(2)), task(3, None)]);
        let order: Vec<Address> = std::iter::from_fn(|| schedule.start_next()).collect();
        assert_eq!(order, [address(1), address(3)]);
        schedule.ended(&address(1), Outcome::Done);
        assert_eq!(schedule.start_next(), Some(address(2)));
    }
}
