//! What accounts are called in findings, where they lie, and which of them a change is about.

use std::collections::{BTreeMap, BTreeSet};

use super::FindingPlace;
use crate::action::{Action, DeploymentTargets};
use crate::addr::{Address, Attribute, Bindings, Concerns, Expr, Target};
use crate::change::Change;
use crate::inventory::{AccountFacts, Inventory, OuId, identify};
use crate::plan::{AccountId, AccountKey, OrgPlan, OuPath, PolicyKey};

/// The accounts of plan and organization.
pub(super) struct Names<'a> {
    plan: &'a OrgPlan,
    inventory: &'a Inventory,
    ids: BTreeMap<AccountKey, AccountId>,
    keys: BTreeMap<AccountId, AccountKey>,
}

impl<'a> Names<'a> {
    pub(super) fn of(plan: &'a OrgPlan, inventory: &'a Inventory) -> Self {
        let ids = match inventory.accounts.known() {
            Some(accounts) => identify::identify(plan, accounts).accounts,
            None => BTreeMap::new(),
        };
        let keys = ids.iter().map(|(key, id)| (id.clone(), key.clone()));
        Names {
            plan,
            inventory,
            keys: keys.collect(),
            ids,
        }
    }

    pub(super) fn id(&self, key: &AccountKey) -> Option<&AccountId> {
        self.ids.get(key)
    }

    pub(super) fn facts(&self, key: &AccountKey) -> Option<&'a AccountFacts> {
        self.inventory.accounts.known()?.get(self.ids.get(key)?)
    }

    /// An account's key in the plan, or its name where the plan does not name it.
    pub(super) fn name(&self, id: &AccountId) -> String {
        if let Some(key) = self.keys.get(id) {
            return key.to_string();
        }
        let accounts = self.inventory.accounts.known();
        let facts = accounts.and_then(|accounts| accounts.get(id));
        facts.map_or_else(|| id.to_string(), |facts| facts.name.clone())
    }

    /// The management account as a place.
    pub(super) fn management(&self) -> FindingPlace {
        let id = &self.plan.organization.management_account;
        let planned = self.keys.get(id);
        let planned = planned.and_then(|key| self.plan.accounts.get(key));
        FindingPlace {
            account: Some(self.name(id)),
            account_id: Some(id.clone()),
            region: None,
            ou: planned.map(|planned| planned.ou.to_string()),
        }
    }

    /// Every account of plan and organization, by the name findings give it.
    pub(super) fn all(&self) -> BTreeMap<String, Option<AccountId>> {
        let planned = self.plan.accounts.keys();
        let mut accounts: BTreeMap<String, Option<AccountId>> = planned
            .map(|key| (key.to_string(), self.ids.get(key).cloned()))
            .collect();
        let facts = self.inventory.accounts.known().into_iter().flatten();
        for (id, facts) in facts {
            if !self.keys.contains_key(id) {
                accounts.insert(facts.name.clone(), Some(id.clone()));
            }
        }
        accounts
    }

    /// The path of an OU or the root that is there.
    fn path(&self, id: &OuId) -> OuPath {
        let ous = self.inventory.ous.known();
        let there = ous.and_then(|ous| ous.get(id));
        there.map_or_else(OuPath::root, |ou| ou.path.clone())
    }

    /// The OUs in which each account lies, in the plan and in AWS.
    pub(super) fn lies_in(&self) -> BTreeMap<String, BTreeSet<OuPath>> {
        let mut all: BTreeMap<String, BTreeSet<OuPath>> = BTreeMap::new();
        for (key, planned) in &self.plan.accounts {
            let paths = all.entry(key.to_string()).or_default();
            paths.insert(planned.ou.clone());
        }
        for (id, facts) in self.inventory.accounts.known().into_iter().flatten() {
            let paths = all.entry(self.name(id)).or_default();
            paths.insert(self.path(&facts.parent));
        }
        all
    }

    /// Every OU of plan and organization.
    pub(super) fn ous(&self) -> BTreeSet<OuPath> {
        let there = self.inventory.ous.known().into_iter().flatten();
        let there = there.map(|(_, ou)| ou.path.clone());
        self.plan.ous.keys().cloned().chain(there).collect()
    }

    /// The accounts that a change is about, wherever its own place is.
    pub(super) fn about(&self, change: &Change) -> BTreeSet<String> {
        let mut about = self.about_address(&change.address);
        let mut texts: Vec<&Expr> = Vec::new();
        if let Action::AddGuardDutyMembers(added) = &change.action {
            texts.extend(added.members.iter().map(|member| &member.account));
        }
        let targets = change.action.kind().targets();
        texts.extend(targets.into_iter().flat_map(reached));
        if let Action::RemoveGuardDutyAdministrator(removed) = &change.action {
            texts.push(&removed.account);
        }
        if let Action::DeregisterDelegatedAdministrator(removed) = &change.action {
            texts.push(&removed.account);
        }
        about.extend(texts.into_iter().filter_map(|text| self.of_text(text)));
        about
    }

    /// The account whose id a text is.
    fn of_text(&self, text: &Expr) -> Option<String> {
        if let Ok(id) = text.value(&Bindings::default()) {
            return Some(self.name(&id.parse().ok()?));
        }
        text.references()
            .find_map(|(address, attribute)| match (address, attribute) {
                (Address::Account(key), Attribute::Id) => Some(key.to_string()),
                _ => None,
            })
    }

    fn about_address(&self, address: &Address) -> BTreeSet<String> {
        match address.info().concerns {
            Concerns::Below(path) => self.below(path),
            Concerns::Target(target) => self.under(target),
            Concerns::Bound(key) => self.held_by(key),
            Concerns::SecOps => {
                let secops = self.plan.organization.secops.iter();
                secops.map(ToString::to_string).collect()
            }
            // It is named by the place; those of instances and members by their action.
            Concerns::Owner => BTreeSet::new(),
        }
    }

    /// The accounts of the plan in an OU or below.
    fn below(&self, path: &OuPath) -> BTreeSet<String> {
        let accounts = self.plan.accounts.iter();
        accounts
            .filter(|(_, planned)| path.contains(&planned.ou))
            .map(|(key, _)| key.to_string())
            .collect()
    }

    fn under(&self, target: &Target) -> BTreeSet<String> {
        match target {
            Target::Root => self.below(&OuPath::root()),
            Target::Ou(path) => self.below(path),
            Target::Account(key) => BTreeSet::from([key.to_string()]),
            Target::Unmanaged(_) => BTreeSet::new(),
        }
    }

    /// The accounts that a policy of the plan is to hold for.
    fn held_by(&self, policy: &PolicyKey) -> BTreeSet<String> {
        let mut held = BTreeSet::new();
        if self.plan.organization.policies.contains(policy) {
            held.extend(self.below(&OuPath::root()));
        }
        for (path, ou) in &self.plan.ous {
            if ou.policies.contains(policy) {
                held.extend(self.below(path));
            }
        }
        for (key, account) in &self.plan.accounts {
            if account.policies.contains(policy) {
                held.insert(key.to_string());
            }
        }
        held
    }
}

/// The accounts whose instances an operation is about.
fn reached(targets: &DeploymentTargets) -> Vec<&Expr> {
    targets.accounts.iter().chain(&targets.expect).collect()
}
