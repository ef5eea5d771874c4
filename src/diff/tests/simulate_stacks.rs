//! Stacks, stack sets and their instances in the simulation.

use std::collections::{BTreeMap, BTreeSet};

use super::simulate::{MANAGEMENT, Simulation, current, known};
use crate::action::{
    self, Action, DeleteStackInstances, DeploymentTargets, StackDefinition, Successor,
};
use crate::addr::{Address, Attribute, Expr};
use crate::baseline::makes_recorder;
use crate::change::Change;
use crate::inventory::*;
use crate::plan::AccountId;

impl Simulation {
    fn resolved(&self, parameters: &BTreeMap<String, Expr>) -> BTreeMap<String, String> {
        let resolve = |(key, text): (&String, &Expr)| (key.clone(), self.value(text));
        parameters.iter().map(resolve).collect()
    }

    pub(super) fn stack(&mut self, address: &Address, action: &StackDefinition) {
        let account = self.account_id(&action.account);
        assert!(account.as_str() == MANAGEMENT || self.ready.contains(&account));
        let names = self.outputs.get(address).cloned().unwrap_or_default();
        let outputs: BTreeMap<String, String> = names
            .into_iter()
            .map(|name| {
                let value = format!("{address}:{name}");
                (name, value)
            })
            .collect();
        for (name, value) in &outputs {
            self.bind(address, Attribute::Output(name.clone()), value.clone());
        }
        let at = AccountRegion {
            account,
            region: action.region.clone(),
        };
        let facts = StackFacts {
            name: action.name.clone(),
            id: format!("arn:{}", action.name),
            status: "UPDATE_COMPLETE".to_owned(),
            template: Observed::Known(action.template.clone()),
            parameters: self.resolved(&action.parameters),
            outputs,
            tags: action.tags.clone(),
            termination_protection: true,
        };
        let stacks = self.inventory.stacks.entry(at);
        let stacks = known(stacks.or_insert_with(|| Observed::Known(BTreeMap::new())));
        let old = stacks.insert(action.name.clone(), facts);
        let failed = old.is_some_and(|old| old.status == "ROLLBACK_COMPLETE");
        assert_eq!(failed, action.replaces_failed);
    }

    pub(super) fn stack_set(&mut self, change: &Change) {
        match &change.action {
            Action::CreateStackSet(action::CreateStackSet(action)) => {
                assert_eq!(self.inventory.stack_sets_access, Observed::Known(true));
                let facts = StackSetFacts {
                    name: action.name.clone(),
                    id: format!("{}:id", action.name),
                    template: action.template.clone(),
                    parameters: self.resolved(&action.parameters),
                    capabilities: action.capabilities.clone(),
                    tags: action.tags.clone(),
                    service_managed: true,
                    administration_role: None,
                    execution_role: None,
                    auto_deployment: Some(action.auto_deployment),
                    depends_on: action
                        .depends_on
                        .iter()
                        .map(|arn| self.value(arn))
                        .collect(),
                    managed_execution: true,
                    targets: BTreeSet::new(),
                    instances: Observed::Known(BTreeMap::new()),
                };
                let sets = known(&mut self.inventory.stack_sets);
                assert!(sets.insert(action.name.clone(), facts).is_none());
            }
            Action::UpdateStackSetSettings(action::UpdateStackSetSettings {
                name,
                auto_deployment,
                depends_on,
                leaving: _,
                managed_execution,
            }) => {
                let depends_on: BTreeSet<String> =
                    depends_on.iter().map(|arn| self.value(arn)).collect();
                let facts = self.set(name);
                facts.auto_deployment = auto_deployment.or(facts.auto_deployment);
                if auto_deployment.is_some_and(|auto| auto.enabled) {
                    facts.depends_on = depends_on;
                }
                facts.managed_execution = managed_execution.unwrap_or(facts.managed_execution);
            }
            Action::UpdateStackInstances(action::UpdateStackInstances { set, targets, .. }) => {
                let parameters = self.resolved(&set.parameters);
                let reached = self.reached(targets);
                let facts = self.set(&set.name);
                let changed = facts.template != set.template || facts.parameters != parameters;
                facts.template = set.template.clone();
                facts.parameters = parameters;
                facts.tags = set.tags.clone();
                facts.capabilities = set.capabilities.clone();
                for (at, instance) in known(&mut facts.instances) {
                    if reached.contains(&at.account) && instance.status != "INOPERABLE" {
                        instance.status = "CURRENT".to_owned();
                    } else if changed && instance.status == "CURRENT" {
                        instance.status = "OUTDATED".to_owned();
                    }
                }
            }
            Action::CreateStackInstances(action::CreateStackInstances { name, targets }) => {
                let ous: BTreeSet<String> = targets.ous.iter().map(|ou| self.value(ou)).collect();
                let reached = self.reached(targets);
                let expected: BTreeSet<AccountId> = targets
                    .expect
                    .iter()
                    .map(|text| self.account_id(text))
                    .collect();
                for id in &expected {
                    assert!(self.ready.contains(id), "instances before access");
                    assert!(reached.contains(id), "{id} is not below the targets");
                }
                let facts = known(&mut self.inventory.stack_sets);
                let facts = facts.get_mut(name).unwrap();
                facts.targets.extend(ous);
                for account in reached {
                    for region in &targets.regions {
                        let at = AccountRegion {
                            account: account.clone(),
                            region: region.clone(),
                        };
                        let there = match makes_recorder(&facts.template) {
                            true => self.inventory.recorders.remove(&at),
                            false => None,
                        };
                        if let Some(Observed::Known(there)) = there {
                            let other = |name: &String| name != "default";
                            let mut names = there.recorder.iter().chain(&there.channel);
                            assert!(!names.any(other), "a stack fails in {at:?}");
                        }
                        let instances = known(&mut facts.instances);
                        let instance = instances.entry(at).or_insert(current());
                        let stuck = instance.status == "INOPERABLE";
                        assert!(!stuck || !expected.contains(&account));
                    }
                }
            }
            Action::ImportStacks(action::ImportStacks {
                set,
                targets,
                stacks,
            }) => {
                let reached = self.reached(targets);
                let targets: BTreeSet<String> =
                    targets.ous.iter().map(|ou| self.value(ou)).collect();
                for id in stacks.values() {
                    assert!(self.ready.contains(id.account()), "import before access");
                    assert!(
                        reached.contains(id.account()),
                        "{id} is not below the targets"
                    );
                    let facts = ExistingStack::Instance(Observed::Known(InstanceStack {
                        stack_set: set.name.clone(),
                        stack: Some(id.to_string()),
                        overrides: BTreeMap::new(),
                    }));
                    self.inventory.existing_stacks.insert(id.clone(), facts);
                }
                let facts = self.set(&set.name);
                facts.targets.extend(targets);
                for id in stacks.values() {
                    let at = AccountRegion {
                        account: id.account().clone(),
                        region: id.region().clone(),
                    };
                    known(&mut facts.instances).insert(at, current());
                }
            }
            Action::RemoveStackInstances(action::RemoveStackInstances {
                name, account, ..
            }) => {
                let account = self.account_id(account);
                let facts = self.set(name);
                known(&mut facts.instances).retain(|at, _| at.account != account);
            }
            Action::ForgetStackInstances(action::ForgetStackInstances { name, targets }) => {
                let reached = self.reached(targets);
                let instances = known(&mut self.set(name).instances);
                instances.retain(|at, instance| {
                    !(reached.contains(&at.account) && instance.status == "INOPERABLE")
                });
            }
            other => panic!("{other:?}"),
        }
    }

    /// A target whose OU is about to go; AWS knows it still, and nothing lies in it.
    pub(super) fn give_up(&mut self, address: &Address, left: &DeleteStackInstances) {
        assert!(matches!(address, Address::StackSetTarget(..)), "{address}");
        assert!(left.accounts.is_empty() && !left.gone);
        let accounts = self.inventory.accounts.known().unwrap().values();
        let parents: BTreeSet<String> = accounts.map(|facts| facts.parent.clone()).collect();
        let ous = self.inventory.ous.known().unwrap();
        for id in &left.targets {
            assert!(ous.contains_key(id), "AWS finds no OU {id}");
            assert!(!parents.contains(id), "OU has accounts");
        }
        let facts = self.set(&left.set);
        facts.targets.retain(|id| !left.targets.contains(id));
        let through = |instance: &InstanceFacts| {
            let ou = instance.ou.as_ref();
            ou.is_some_and(|ou| left.targets.contains(ou))
        };
        known(&mut facts.instances).retain(|_, instance| !through(instance));
    }

    /// Not where the stack is that takes its place.
    pub(super) fn remove_recorder(&mut self, change: &Change) {
        let Action::RemoveRecorder(action::RemoveRecorder {
            account,
            region,
            recorder,
            channel,
            successor: Successor::StackSet(set),
        }) = &change.action
        else {
            panic!("{change:?}")
        };
        let at = AccountRegion {
            account: self.account_id(account),
            region: region.clone(),
        };
        let there = known(self.inventory.recorders.get_mut(&at).unwrap());
        assert_eq!((&there.recorder, &there.channel), (recorder, channel));
        *there = RecorderFacts::default();
        assert!(!known(&mut self.set(set).instances).contains_key(&at));
    }

    fn set(&mut self, name: &str) -> &mut StackSetFacts {
        known(&mut self.inventory.stack_sets).get_mut(name).unwrap()
    }

    /// The accounts that an operation works on, as AWS finds them.
    fn reached(&self, targets: &DeploymentTargets) -> BTreeSet<AccountId> {
        let ous: BTreeSet<String> = targets.ous.iter().map(|ou| self.value(ou)).collect();
        let only: BTreeSet<AccountId> = targets
            .accounts
            .iter()
            .map(|a| self.account_id(a))
            .collect();
        let except: BTreeSet<AccountId> =
            targets.except.iter().map(|a| self.account_id(a)).collect();
        let all = self.inventory.ous.known().unwrap();
        let accounts = self.inventory.accounts.known().unwrap();
        let below = |facts: &&AccountFacts| {
            let mut at = Some(facts.parent.as_str());
            while let Some(here) = at {
                if ous.contains(here) {
                    return true;
                }
                at = all.get(here).map(|ou| ou.parent.as_str());
            }
            false
        };
        accounts
            .values()
            .filter(|facts| facts.state == AccountState::Active && facts.id.as_str() != MANAGEMENT)
            .filter(below)
            .map(|facts| facts.id.clone())
            .filter(|id| only.is_empty() || only.contains(id))
            .filter(|id| !only.is_empty() || !except.contains(id))
            .collect()
    }
}

/// A move between targets takes an account's instances away; nothing here brings new ones, so
/// that whoever counts on auto-deployment alone is found out.
pub(super) fn leave_targets(inventory: &mut Inventory, id: &AccountId, from: &str, to: &str) {
    let ous = inventory.ous.known().unwrap().clone();
    for facts in known(&mut inventory.stack_sets).values_mut() {
        let targets = |start: &str| {
            let mut reached = BTreeSet::new();
            let mut at = Some(start.to_owned());
            while let Some(here) = at {
                at = ous.get(&here).map(|ou| ou.parent.clone());
                reached.extend(facts.targets.get(&here).cloned());
            }
            reached
        };
        if targets(from) != targets(to) {
            known(&mut facts.instances).retain(|at, _| &at.account != id);
        }
    }
}
