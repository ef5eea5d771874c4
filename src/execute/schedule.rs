//! The schedule: which change may start now. Pure: no tokio, no clock, no AWS.
//!
//! A change starts as soon as everything it needs is done and its concurrency group has room; among those the
//! one with the longest remaining chain (rank) goes first, then the smallest address. Concurrency groups are the
//! limits AWS puts on work that goes on after the call that asked for it: a rate limit on calls
//! would not keep them. A failed change takes exactly its dependents with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::action::ConcurrencyGroup;
use crate::addr::Address;

/// One change as the schedule sees it.
#[derive(Debug, Clone)]
pub struct Task {
    pub address: Address,
    /// What must be done first. Addresses that are no tasks count as done.
    pub needs: BTreeSet<Address>,
    /// The longest remaining chain; higher goes first.
    pub rank: u64,
    pub group: Option<ConcurrencyGroup>,
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
    pub reason: String,
}

#[derive(Debug)]
struct Node {
    rank: u64,
    group: Option<ConcurrencyGroup>,
    /// Needs that are not done yet.
    open: BTreeSet<Address>,
    dependents: BTreeSet<Address>,
}

/// The order within a concurrency group: longest remaining chain first, then the address.
type Turn = (Reverse<u64>, Address);

/// Which changes wait, are ready and run.
#[derive(Debug)]
pub struct Schedule {
    /// Everything that has not ended.
    nodes: BTreeMap<Address, Node>,
    ready: BTreeMap<Option<ConcurrencyGroup>, BTreeSet<Turn>>,
    running: BTreeSet<Address>,
    in_group: BTreeMap<ConcurrencyGroup, usize>,
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
                    group: task.group,
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
            in_group: BTreeMap::new(),
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
            .filter(|(group, _)| self.has_room(group.as_ref()))
            .filter_map(|(_, turns)| turns.first())
            .min()
            .cloned()?;
        let group = self.nodes.get(&address)?.group.clone();
        self.take_from_ready(&address);
        if let Some(group) = group {
            *self.in_group.entry(group).or_default() += 1;
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
        if let Some(group) = &node.group
            && let Some(count) = self.in_group.get_mut(group)
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
                let reason = format!("{address} failed");
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
                        reason: reason.clone(),
                    })
                    .collect()
            }
        }
    }

    /// Gives up everything that has not started. What runs goes on.
    pub fn give_up(&mut self, reason: &str) -> Vec<NotTried> {
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
                reason: reason.to_owned(),
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

    fn has_room(&self, group: Option<&ConcurrencyGroup>) -> bool {
        group.is_none_or(|group| self.in_group.get(group).copied().unwrap_or(0) < group.width())
    }

    fn make_ready(&mut self, address: &Address) {
        if let Some(node) = self.nodes.get(address) {
            self.ready
                .entry(node.group.clone())
                .or_default()
                .insert((Reverse(node.rank), address.clone()));
        }
    }

    fn take_from_ready(&mut self, address: &Address) {
        if let Some(node) = self.nodes.get(address)
            && let Some(turns) = self.ready.get_mut(&node.group)
        {
            turns.remove(&(Reverse(node.rank), address.clone()));
            if turns.is_empty() {
                self.ready.remove(&node.group);
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

    fn group(number: u8) -> Option<ConcurrencyGroup> {
        match number {
            0 => Some(ConcurrencyGroup::AccountCreation),
            1 => Some(ConcurrencyGroup::AccountClosure),
            2 => Some(ConcurrencyGroup::StackSet("one".to_owned())),
            3 => Some(ConcurrencyGroup::StackSet("two".to_owned())),
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
                    .map(|(number, (needs, rank, group_number))| Task {
                        address: address(number),
                        needs: needs
                            .into_iter()
                            .filter(|_| number > 0)
                            .map(|need| address(need % number.max(1)))
                            .collect(),
                        rank,
                        group: group(group_number),
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
        fn respects_edges_groups_and_failures((tasks, failing, picks) in graphs()) {
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
                    let mut used: BTreeMap<ConcurrencyGroup, usize> = BTreeMap::new();
                    for group in running.iter().filter_map(|a| by_address[a].group.clone()) {
                        *used.entry(group).or_default() += 1;
                    }
                    for (group, count) in used {
                        prop_assert!(count <= group.width(), "{group:?} holds {count}");
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
            group: None,
        };
        let mut schedule = Schedule::new([task(1, 0), task(3, 9), task(2, 9)]);
        let order: Vec<Address> = std::iter::from_fn(|| schedule.start_next()).collect();
        assert_eq!(order, [address(2), address(3), address(1)]);
    }

    #[test]
    fn a_full_group_lets_others_pass() {
        let task = |number, group| Task {
            address: address(number),
            needs: BTreeSet::new(),
            rank: 0,
            group,
        };
        let mut schedule = Schedule::new([task(1, group(2)), task(2, group(2)), task(3, None)]);
        let order: Vec<Address> = std::iter::from_fn(|| schedule.start_next()).collect();
        assert_eq!(order, [address(1), address(3)]);
        schedule.ended(&address(1), Outcome::Done);
        assert_eq!(schedule.start_next(), Some(address(2)));
    }
}
