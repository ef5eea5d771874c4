//! Which OUs a stack set targets in which rollout stage.
//!
//! A stack set is to target few OUs, as high as possible, so that accounts move inside of them.
//! An OU as a target includes everything below it, so it can be targeted only when the last of
//! what lies below it has its turn.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{AccountKey, OrgPlan, OuPath, Stage};

/// One stage with something in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Targets {
    /// The OUs targeted in this stage and not before, none of them below another.
    pub(super) ous: Vec<OuPath>,
    /// The plan's accounts that are reached in this stage first.
    pub(super) accounts: Vec<AccountKey>,
}

/// The stages of a plan by number, counted from 1. Stages without OUs are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stages {
    pub(super) by_number: BTreeMap<u16, Targets>,
    /// The stage in which each OU of the plan is reached.
    pub(super) of_ou: BTreeMap<OuPath, u16>,
}

/// The stage of what never has its turn: OUs without the baseline, and those above them, which as targets
/// would reach them.
const NEVER: u16 = u16::MAX;

impl Stages {
    /// Whether a target of the stages is this OU, or lies above it.
    pub(super) fn reach(&self, path: &OuPath) -> bool {
        let targets = self.by_number.values().flat_map(|stage| &stage.ous);
        targets.into_iter().any(|target| target.contains(path))
    }

    /// The stages of a stack set that leaves out the OUs `except`.
    pub(super) fn of(plan: &OrgPlan, except: &BTreeSet<OuPath>) -> Self {
        let (named, rest) = numbers(plan);
        // The stage that an OU is in by its own name, or by that of the nearest OU above it.
        let own = |path: &OuPath| {
            if except.contains(path) {
                return NEVER;
            }
            let mut at = Some(path.clone());
            while let Some(here) = at {
                if let Some(&number) = named.get(&here) {
                    return number;
                }
                at = here.parent();
            }
            rest
        };
        let mut of_ou: BTreeMap<OuPath, u16> = plan
            .ous
            .keys()
            .map(|path| (path.clone(), own(path)))
            .collect();
        // Children sort after their parents, so from behind each has heard from all below it.
        let paths: Vec<OuPath> = of_ou.keys().rev().cloned().collect();
        for path in paths {
            let number = of_ou.get(&path).copied().unwrap_or(rest);
            if let Some(above) = path.parent().and_then(|parent| of_ou.get_mut(&parent)) {
                *above = (*above).max(number);
            }
        }
        let mut by_number: BTreeMap<u16, Targets> = BTreeMap::new();
        for (path, &number) in &of_ou {
            let covered = path.parent().and_then(|parent| of_ou.get(&parent)) == Some(&number);
            if !covered {
                let stage = by_number.entry(number).or_default();
                stage.ous.push(path.clone());
            }
        }
        for (key, account) in &plan.accounts {
            if let Some(number) = of_ou.get(&account.ou) {
                let stage = by_number.entry(*number).or_default();
                stage.accounts.push(key.clone());
            }
        }
        by_number.remove(&NEVER);
        of_ou.retain(|_, number| *number != NEVER);
        Stages { by_number, of_ou }
    }

    /// Without the targets that are somebody else's, and without stages that have none left.
    pub(super) fn without(mut self, others: impl Fn(&OuPath) -> bool) -> Self {
        for targets in self.by_number.values_mut() {
            targets.ous.retain(|path| !others(path));
        }
        self.by_number.retain(|_, targets| !targets.ous.is_empty());
        self
    }
}

/// The stage of each OU that the plan names in one, and that of all others.
fn numbers(plan: &OrgPlan) -> (BTreeMap<OuPath, u16>, u16) {
    let mut named = BTreeMap::new();
    let mut rest = None;
    let mut count = 0;
    for stage in &plan.rollout.stages {
        count += 1;
        for entry in stage {
            match entry {
                Stage::Ou(path) => {
                    named.entry(path.clone()).or_insert(count);
                }
                Stage::Rest => rest = rest.or(Some(count)),
            }
        }
    }
    // Without a `*` the remaining OUs come last: no account goes without its baseline.
    (named, rest.unwrap_or(count + 1))
}
