//! What changes would delete or make anew with the data in it: told before, and made only with leave.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::context::Context;
use super::stack_set::fates_of;
use crate::action::{Risk, StackDefinition, StackSetDefinition};
use crate::addr::{Address, Bindings, Expr};
use crate::baseline::data::{Lost, Values, lost_by_update, lost_with_stack};
use crate::change::Change;
use crate::inventory::{AccountRegion, StackFacts, StackSetFacts};
use crate::plan::{AccountId, Region};

/// Resources with data that one change costs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Loss {
    /// The change.
    #[serde(skip)]
    pub address: Address,
    /// The full name of the stack, or the stack set, that they are resources of.
    pub stack: String,
    /// The accounts in which they are, by name and id.
    pub accounts: Vec<String>,
    pub regions: BTreeSet<Region>,
    pub resources: Vec<Lost>,
}

/// Everything with data that these changes delete or make anew.
pub(super) fn losses(ctx: &Context<'_>, changes: &[Change], bindings: &Bindings) -> Vec<Loss> {
    let mut losses = Losses {
        ctx,
        bindings,
        updated: BTreeSet::new(),
        found: Vec::new(),
    };
    for change in changes {
        losses.of(change);
    }
    let mut found = losses.found;
    found.retain(|loss| !loss.resources.is_empty());
    found.sort();
    found
}

/// A stack's or set's parameters as AWS has them.
pub(super) fn values(parameters: &BTreeMap<String, String>) -> Values {
    let own = |(name, value): (&String, &String)| (name.clone(), Some(value.clone()));
    parameters.iter().map(own).collect()
}

struct Losses<'a, 'c> {
    ctx: &'a Context<'c>,
    bindings: &'a Bindings,
    /// The stack sets whose update was looked at.
    updated: BTreeSet<String>,
    found: Vec<Loss>,
}

impl<'c> Losses<'_, 'c> {
    fn of(&mut self, change: &Change) {
        match change.action.kind().info().risk {
            Risk::None => {}
            Risk::Moved => self.moved(change),
            Risk::InstancesRemoved(name, account) => self.taken_away(change, name, account),
            Risk::SetUpdated(set) => self.updated_set(change, set),
            Risk::StackUpdated(stack) => self.updated_stack(change, stack),
        }
    }

    fn moved(&mut self, change: &Change) {
        let Address::Placement(key) = &change.address else {
            return;
        };
        let Some(id) = self.ctx.identified.accounts.get(key) else {
            return;
        };
        for fate in fates_of(self.ctx, key, id) {
            if fate.deletes() {
                self.found.push(Loss {
                    address: change.address.clone(),
                    stack: fate.full_name,
                    accounts: vec![self.account(id)],
                    regions: fate.regions,
                    resources: fate.data,
                });
            }
        }
    }

    fn taken_away(&mut self, change: &Change, name: &str, account: &Expr) {
        let id = account.value(self.bindings).ok();
        let id: Option<AccountId> = id.and_then(|id| id.parse().ok());
        let (Some(id), Some(facts)) = (id, self.set(name)) else {
            return;
        };
        let told = |loss: &Loss| loss.stack == name && loss.accounts == [self.account(&id)];
        if self.found.iter().any(told) {
            return;
        }
        self.found.push(Loss {
            address: change.address.clone(),
            stack: name.to_owned(),
            accounts: vec![self.account(&id)],
            regions: self.regions(facts, |at| at.account == id),
            resources: lost_with_stack(&facts.template, &values(&facts.parameters)),
        });
    }

    /// The template of a set changes for all of its instances, whatever stage is the first.
    fn updated_set(&mut self, change: &Change, set: &StackSetDefinition) {
        if !self.updated.insert(set.name.clone()) {
            return;
        }
        let Some(facts) = self.set(&set.name) else {
            return;
        };
        let instances = facts.instances.known().into_iter().flat_map(BTreeMap::keys);
        let accounts: BTreeSet<&AccountId> = instances.map(|at| &at.account).collect();
        if accounts.is_empty() {
            return;
        }
        self.found.push(Loss {
            address: change.address.clone(),
            stack: set.name.clone(),
            accounts: accounts.into_iter().map(|id| self.account(id)).collect(),
            regions: self.regions(facts, |_| true),
            resources: lost_by_update(
                (&facts.template, &values(&facts.parameters)),
                (
                    &set.template,
                    &self.next(&set.parameters, &facts.parameters),
                ),
            ),
        });
    }

    fn updated_stack(&mut self, change: &Change, stack: &StackDefinition) {
        let Some((at, facts)) = self.stack(stack) else {
            return;
        };
        let Some(template) = facts.template.known() else {
            return;
        };
        self.found.push(Loss {
            address: change.address.clone(),
            stack: stack.name.clone(),
            accounts: vec![self.account(&at.account)],
            regions: BTreeSet::from([at.region.clone()]),
            resources: lost_by_update(
                (template, &values(&facts.parameters)),
                (
                    &stack.template,
                    &self.next(&stack.parameters, &facts.parameters),
                ),
            ),
        });
    }

    /// Parameters as they will be; `None` for what is not known before the run.
    fn next(&self, parameters: &BTreeMap<String, Expr>, have: &BTreeMap<String, String>) -> Values {
        let value = |(name, text): (&String, &Expr)| {
            let hidden = have.get(name).filter(|value| *value == "****").cloned();
            let value = hidden.or_else(|| text.value(self.bindings).ok());
            (name.clone(), value)
        };
        parameters.iter().map(value).collect()
    }

    fn set(&self, name: &str) -> Option<&'c StackSetFacts> {
        self.ctx.inventory.stack_sets.known()?.get(name)
    }

    fn stack(&self, stack: &StackDefinition) -> Option<(&'c AccountRegion, &'c StackFacts)> {
        let account = stack.account.value(self.bindings).ok()?;
        let (at, stacks) = self
            .ctx
            .inventory
            .stacks
            .iter()
            .find(|(at, _)| at.account.as_str() == account && at.region == stack.region)?;
        Some((at, stacks.known()?.get(&stack.name)?))
    }

    fn regions(
        &self,
        facts: &StackSetFacts,
        concerned: impl Fn(&AccountRegion) -> bool,
    ) -> BTreeSet<Region> {
        let places = facts.instances.known().into_iter().flat_map(BTreeMap::keys);
        places
            .filter(|at| concerned(at))
            .map(|at| at.region.clone())
            .collect()
    }

    fn account(&self, id: &AccountId) -> String {
        self.ctx.account_label(id)
    }
}
