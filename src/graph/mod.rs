//! The order of changes: what each must wait for, and which chain is longest. Pure.
//!
//! Small passes over numbered changes, one after another: [`index`] numbers them, [`edges`] finds
//! who waits for whom, [`refuse_cycles`] makes sure that somebody can begin, [`ranks`] measures
//! the longest chain that hangs on each. A change's rank is its own cost and the highest rank of
//! what waits for it, so sorting by rank, highest first, is already an order that every edge
//! respects, and the critical path goes first.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::addr::Address;
use crate::change::Change;

/// Changes in run order, with what each waits for. Always acyclic.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangeGraph {
    nodes: Vec<Node>,
    places: BTreeMap<Address, usize>,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    change: Change,
    needs: BTreeSet<usize>,
    dependents: BTreeSet<usize>,
    rank: u64,
}

/// Changes that can have no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Each waits for the next, the last for the first.
    #[error("these changes wait for each other: {}", chain(.0))]
    Cycle(Vec<Address>),
    /// Two changes of one thing.
    #[error("{0} is to be changed twice in one run")]
    Duplicate(Address),
}

fn chain(addresses: &[Address]) -> String {
    addresses
        .iter()
        .chain(addresses.first())
        .map(Address::to_string)
        .collect::<Vec<_>>()
        .join(" -> ")
}

/// Orders changes. Needs that are not changes are satisfied already.
pub fn graph(changes: Vec<Change>) -> Result<ChangeGraph, GraphError> {
    let places = index(&changes)?;
    let needs = edges(&changes, &places);
    let dependents = reversed(&needs);
    let order = refuse_cycles(&changes, &needs, &dependents)?;
    let ranks = ranks(&changes, &dependents, &order);
    Ok(assemble(changes, &needs, &ranks))
}

/// Numbers the changes.
fn index(changes: &[Change]) -> Result<BTreeMap<Address, usize>, GraphError> {
    let mut places = BTreeMap::new();
    for (place, change) in changes.iter().enumerate() {
        if places.insert(change.address.clone(), place).is_some() {
            return Err(GraphError::Duplicate(change.address.clone()));
        }
    }
    Ok(places)
}

/// What each change waits for among the others.
fn edges(changes: &[Change], places: &BTreeMap<Address, usize>) -> Vec<BTreeSet<usize>> {
    changes
        .iter()
        .map(|change| {
            let needs = change.all_needs();
            needs
                .iter()
                .filter_map(|a| places.get(a).copied())
                .collect()
        })
        .collect()
}

fn reversed(edges: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
    let mut reversed = vec![BTreeSet::new(); edges.len()];
    for (from, ends) in edges.iter().enumerate() {
        for &end in ends {
            if let Some(starts) = reversed.get_mut(end) {
                starts.insert(from);
            }
        }
    }
    reversed
}

/// An order in which needs come first, or the cycle that makes one impossible.
fn refuse_cycles(
    changes: &[Change],
    needs: &[BTreeSet<usize>],
    dependents: &[BTreeSet<usize>],
) -> Result<Vec<usize>, GraphError> {
    let mut open: Vec<usize> = needs.iter().map(BTreeSet::len).collect();
    let mut order: Vec<usize> = (0..open.len())
        .filter(|&i| open.get(i) == Some(&0))
        .collect();
    let mut next = 0;
    while let Some(&done) = order.get(next) {
        next += 1;
        for &waiting in dependents.get(done).into_iter().flatten() {
            if let Some(count) = open.get_mut(waiting) {
                *count -= 1;
                if *count == 0 {
                    order.push(waiting);
                }
            }
        }
    }
    if order.len() == changes.len() {
        return Ok(order);
    }
    // Every change that is left waits for one that is left, so walking along needs comes back.
    let left = |i: &usize| open.get(*i).is_some_and(|count| *count > 0);
    let mut walked: Vec<usize> = Vec::new();
    let mut at = (0..changes.len()).find(left);
    while let Some(here) = at {
        if let Some(start) = walked.iter().position(|&seen| seen == here) {
            walked.drain(..start);
            break;
        }
        walked.push(here);
        at = needs.get(here).and_then(|n| n.iter().copied().find(left));
    }
    Err(GraphError::Cycle(
        walked
            .iter()
            .filter_map(|&i| changes.get(i).map(|change| change.address.clone()))
            .collect(),
    ))
}

/// The seconds from each change's start to the end of the longest chain that hangs on it.
fn ranks(changes: &[Change], dependents: &[BTreeSet<usize>], order: &[usize]) -> Vec<u64> {
    let mut ranks = vec![0; changes.len()];
    for &here in order.iter().rev() {
        let after = dependents
            .get(here)
            .into_iter()
            .flatten()
            .filter_map(|&d| ranks.get(d).copied())
            .max()
            .unwrap_or(0);
        let own = changes
            .get(here)
            .map_or(1, |change| change.action.kind().info().seconds);
        if let Some(rank) = ranks.get_mut(here) {
            *rank = own.max(1) + after;
        }
    }
    ranks
}

/// Sorts by rank and address, and renumbers the edges to match.
fn assemble(changes: Vec<Change>, needs: &[BTreeSet<usize>], ranks: &[u64]) -> ChangeGraph {
    let mut sorted: Vec<(usize, u64, Change)> = changes
        .into_iter()
        .enumerate()
        .map(|(old, change)| (old, ranks.get(old).copied().unwrap_or(0), change))
        .collect();
    sorted.sort_by(|(_, rank_a, a), (_, rank_b, b)| {
        rank_b.cmp(rank_a).then_with(|| a.address.cmp(&b.address))
    });
    let mut new_place = vec![0; sorted.len()];
    for (new, (old, ..)) in sorted.iter().enumerate() {
        if let Some(place) = new_place.get_mut(*old) {
            *place = new;
        }
    }
    let renumbered: Vec<BTreeSet<usize>> = sorted
        .iter()
        .map(|(old, ..)| {
            let old_needs = needs.get(*old).into_iter().flatten();
            old_needs
                .filter_map(|&n| new_place.get(n).copied())
                .collect()
        })
        .collect();
    let dependents = reversed(&renumbered);
    let places = sorted
        .iter()
        .enumerate()
        .map(|(new, (_, _, change))| (change.address.clone(), new))
        .collect();
    let nodes = sorted
        .into_iter()
        .zip(renumbered)
        .zip(dependents)
        .map(|(((_, rank, change), needs), dependents)| Node {
            change,
            needs,
            dependents,
            rank,
        })
        .collect();
    ChangeGraph { nodes, places }
}

impl ChangeGraph {
    /// The changes in run order: highest rank first, then by address; needs before what needs them.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = &Change> {
        self.nodes.iter().map(|node| &node.change)
    }

    /// The changes in run order, owned.
    pub fn into_changes(self) -> Vec<Change> {
        self.nodes.into_iter().map(|node| node.change).collect()
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The change of an address.
    pub fn get(&self, address: &Address) -> Option<&Change> {
        self.node(address).map(|node| &node.change)
    }

    /// The changes that must be done before that of `address`.
    pub fn needs(&self, address: &Address) -> impl Iterator<Item = &Change> {
        self.changes_at(self.node(address).map(|node| &node.needs))
    }

    /// The changes that wait for that of `address`.
    pub fn dependents(&self, address: &Address) -> impl Iterator<Item = &Change> {
        self.changes_at(self.node(address).map(|node| &node.dependents))
    }

    /// Estimated seconds from a change's start to the end of the longest chain that hangs on it.
    pub fn rank(&self, address: &Address) -> u64 {
        self.node(address).map_or(0, |node| node.rank)
    }

    /// The longest chain, first to last: how long the whole takes at least.
    pub fn critical_path(&self) -> Vec<&Change> {
        let mut path = Vec::new();
        let mut at = self.nodes.first();
        while let Some(node) = at {
            path.push(&node.change);
            // Dependents are numbered in run order, so the smallest number has the highest rank.
            at = node
                .dependents
                .first()
                .and_then(|&next| self.nodes.get(next));
        }
        path
    }

    /// Estimated seconds of the longest chain.
    pub fn estimate(&self) -> u64 {
        self.nodes.first().map_or(0, |node| node.rank)
    }

    fn node(&self, address: &Address) -> Option<&Node> {
        self.places
            .get(address)
            .and_then(|&place| self.nodes.get(place))
    }

    fn changes_at<'a>(
        &'a self,
        places: Option<&'a BTreeSet<usize>>,
    ) -> impl Iterator<Item = &'a Change> {
        places
            .into_iter()
            .flatten()
            .filter_map(|&place| self.nodes.get(place).map(|node| &node.change))
    }
}
