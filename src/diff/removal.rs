//! What is left over as changes that take it away: what goes, what stays, in which order. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::left::{Left, Remains, short};
use super::loss::{Loss, values};
use crate::action::{self, Action, DeleteStackInstances};
use crate::addr::{Address, Expr};
use crate::baseline::builtin;
use crate::baseline::data::{Resource, lost_with_stack, resources};
use crate::change::{Change, FieldChange, Verb};
use crate::inventory::{InstanceFacts, Inventory, Observed, OuId, StackFacts, StackSetFacts};
use crate::plan::{AccountId, OrgPlan, Principal, Region};

/// What becomes of stacks that are left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fortune {
    /// They are deleted, with all resources that no policy of their template keeps.
    Delete,
    /// The stack sets let go of them; they stay in the accounts.
    Retain,
}

/// What taking it away comes to.
#[derive(Debug, Clone, Default)]
pub struct Removal {
    /// In no order.
    pub changes: Vec<Change>,
    pub items: Vec<Item>,
    pub losses: Vec<Loss>,
    /// What baselines that are gone have brought besides, and orgstrap never takes back.
    pub stays_on: Vec<String>,
}

/// One thing that is left over, and what becomes of it.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    #[serde(flatten)]
    pub left: Left,
    /// Resources that are deleted in each of its accounts and Regions.
    pub deleted: Vec<Resource>,
    /// Resources that stay in each.
    pub kept: Vec<Resource>,
    /// Why nothing is done about it, where nothing is.
    pub stays: Option<String>,
}

/// What taking away `left` comes to.
pub fn removal(plan: &OrgPlan, inventory: &Inventory, left: &[Left], fortune: Fortune) -> Removal {
    let mut removal = Removal::default();
    let mut parts: Vec<Part> = Vec::new();
    for one in left {
        let (item, part) = Maker {
            plan,
            inventory,
            fortune,
        }
        .make(one);
        removal.items.push(item);
        parts.extend(part);
    }
    order(&mut parts);
    for part in parts {
        removal.losses.extend(part.loss);
        removal.changes.extend(part.changes);
    }
    removal.stays_on = stays_on(plan, left);
    removal
}

/// The changes for one thing that is left over, in their order.
struct Part {
    changes: Vec<Change>,
    /// The full name of stack or stack set.
    name: String,
    is_stack: bool,
    /// What others may have been given of it.
    gives: BTreeSet<String>,
    /// What it was given.
    takes: BTreeSet<String>,
    loss: Option<Loss>,
}

struct Maker<'a> {
    plan: &'a OrgPlan,
    inventory: &'a Inventory,
    fortune: Fortune,
}

impl<'a> Maker<'a> {
    fn make(&self, left: &Left) -> (Item, Option<Part>) {
        match &left.what {
            Remains::Stack { at, stack } => {
                let all = self.inventory.stacks.get(at).and_then(Observed::known);
                match all.and_then(|all| all.get(stack)) {
                    Some(facts) => self.stack(left, facts),
                    None => nothing(left, "it is not there any more"),
                }
            }
            Remains::StackSet { set } | Remains::Instances { set, .. } => {
                let all = self.inventory.stack_sets.known();
                match all.and_then(|all| all.get(set)) {
                    Some(facts) => self.set(left, facts),
                    None => nothing(left, "it is not there any more"),
                }
            }
            Remains::Delegation { principal, account } => self.delegation(left, principal, account),
            Remains::NotReached { .. } | Remains::ByHand { .. } => {
                nothing(left, "there is nothing to take away")
            }
        }
    }

    fn delegation(
        &self,
        left: &Left,
        principal: &Principal,
        account: &AccountId,
    ) -> (Item, Option<Part>) {
        if self.fortune == Fortune::Retain {
            return self.stays(left);
        }
        let action = action::DeregisterDelegatedAdministrator {
            principal: principal.clone(),
            account: Expr::literal(account.as_str()),
        };
        let address = Address::LeftDelegation(left.name.clone());
        let fields = vec![field("account", &left.accounts.join(", "))];
        let part = Part {
            loss: None,
            changes: vec![change(&address, left, fields, action)],
            name: left.name.clone(),
            is_stack: false,
            gives: BTreeSet::new(),
            takes: BTreeSet::new(),
        };
        (item(left, Vec::new()), Some(part))
    }

    fn stays(&self, left: &Left) -> (Item, Option<Part>) {
        let stays = format!(
            "stays as it is, and is told until the plan says `leave = [{:?}]` in [organization]",
            left.name
        );
        nothing(left, &stays)
    }

    fn stack(&self, left: &Left, facts: &StackFacts) -> (Item, Option<Part>) {
        let Remains::Stack { at, .. } = &left.what else {
            return nothing(left, "it is no stack");
        };
        if self.fortune == Fortune::Retain {
            return self.stays(left);
        }
        let Observed::Known(template) = &facts.template else {
            return nothing(left, "its template could not be read");
        };
        let values = values(&facts.parameters);
        let action = action::DeleteStack {
            account: Expr::literal(at.account.as_str()),
            region: at.region.clone(),
            name: facts.name.clone(),
        };
        let address = Address::LeftStacks(left.name.clone());
        let fields = vec![field("stack", &facts.name), field("status", &facts.status)];
        let change = change(&address, left, fields, action);
        let part = Part {
            loss: self.loss(left, &address, &facts.name, template, &facts.parameters),
            changes: vec![change],
            name: facts.name.clone(),
            is_stack: true,
            gives: facts.outputs.values().cloned().collect(),
            takes: facts.parameters.values().cloned().collect(),
        };
        (item(left, resources(template, &values)), Some(part))
    }

    fn set(&self, left: &Left, facts: &StackSetFacts) -> (Item, Option<Part>) {
        let Some(instances) = facts.instances.known() else {
            return nothing(left, "its stacks could not be read");
        };
        let address = Address::LeftStacks(left.name.clone());
        let (targets, only, out_of_reach) = match &left.what {
            Remains::Instances {
                targets,
                only,
                out_of_reach,
                ..
            } => (targets.clone(), only.clone(), *out_of_reach),
            Remains::StackSet { .. }
            | Remains::Stack { .. }
            | Remains::Delegation { .. }
            | Remains::NotReached { .. }
            | Remains::ByHand { .. } => {
                let through = instances.values().filter_map(|facts| facts.ou.clone());
                let targets = facts.targets.iter().cloned().chain(through).collect();
                (targets, BTreeSet::new(), false)
            }
        };
        let retain = self.fortune == Fortune::Retain || out_of_reach;
        let regions: BTreeSet<Region> = match &left.what {
            Remains::StackSet { .. } => instances.keys().map(|at| at.region.clone()).collect(),
            Remains::Instances { .. }
            | Remains::Stack { .. }
            | Remains::Delegation { .. }
            | Remains::NotReached { .. }
            | Remains::ByHand { .. } => left.regions.clone(),
        };
        let (dead, mut alive): (BTreeSet<OuId>, BTreeSet<OuId>) =
            targets.into_iter().partition(|id| self.is_gone(id));
        let mut only = only;
        // AWS finds no account through an OU that is not there; through the root it finds all, and a deletion may
        // name an OU above its targets (DeleteStackInstances in CloudFormation's API reference).
        let stranded =
            |facts: &InstanceFacts| facts.ou.as_ref().is_some_and(|ou| dead.contains(ou));
        let behind: BTreeSet<AccountId> = instances
            .iter()
            .filter(|(at, facts)| regions.contains(&at.region) && stranded(facts))
            .map(|(at, _)| at.account.clone())
            .collect();
        if !behind.is_empty()
            && let Some(organization) = self.inventory.organization.known().and_then(Option::as_ref)
        {
            if let (Remains::Instances { .. }, true) = (&left.what, only.is_empty()) {
                only = behind;
            }
            alive.insert(organization.root_id.clone());
        }
        let everywhere = instances.keys().all(|at| regions.contains(&at.region));
        let deletion = |targets: BTreeSet<OuId>, accounts: BTreeSet<AccountId>, gone: bool| {
            Action::DeleteStackInstances(DeleteStackInstances {
                set: facts.name.clone(),
                short: short(self.plan, &facts.name).to_owned(),
                targets,
                accounts,
                regions: regions.clone(),
                everywhere,
                retain,
                gone,
                max_concurrent: self.plan.rollout.max_concurrent,
                failure_tolerance: self.plan.rollout.failure_tolerance,
            })
        };
        let mut changes = Vec::new();
        if !alive.is_empty() && !regions.is_empty() {
            let mut fields = Vec::new();
            if !left.accounts.is_empty() {
                fields.push(field("accounts", &left.accounts.join(", ")));
            }
            let list: Vec<String> = regions.iter().map(ToString::to_string).collect();
            fields.push(field("regions", &list.join(", ")));
            let fate = if retain { "are kept" } else { "are deleted" };
            fields.push(FieldChange {
                field: "stacks".to_owned(),
                before: None,
                after: Some(fate.into()),
            });
            changes.push(change(&address, left, fields, deletion(alive, only, false)));
        }
        // The targets of a set that goes whole go with it.
        let is_target = matches!(left.what, Remains::Instances { gone: true, .. });
        if !dead.is_empty() && !regions.is_empty() && is_target {
            let target = Address::LeftTarget(left.name.clone());
            let list: Vec<&str> = dead.iter().map(String::as_str).collect();
            let fields = vec![field("target", &list.join(", "))];
            let action = deletion(dead.clone(), BTreeSet::new(), true);
            let mut change = change(&target, left, fields, action);
            let before = changes.iter().map(|c: &Change| c.address.clone());
            change.needs.extend(before);
            changes.push(change);
        }
        if let Remains::StackSet { set } = &left.what {
            let action = action::DeleteStackSet { name: set.clone() };
            let whole = Address::LeftStackSet(left.name.clone());
            let mut change = change(&whole, left, vec![field("name", set)], action);
            change
                .needs
                .extend(changes.iter().map(|c: &Change| c.address.clone()));
            changes.push(change);
        }
        let loss = match retain {
            true => None,
            false => self.loss(
                left,
                &address,
                &facts.name,
                &facts.template,
                &facts.parameters,
            ),
        };
        let mut all = resources(&facts.template, &values(&facts.parameters));
        if retain {
            all.iter_mut().for_each(|resource| resource.kept = true);
        }
        if left.accounts.is_empty() {
            all.clear();
        }
        let part = Part {
            loss,
            changes,
            name: facts.name.clone(),
            is_stack: false,
            gives: BTreeSet::new(),
            takes: facts.parameters.values().cloned().collect(),
        };
        (item(left, all), Some(part))
    }

    fn loss(
        &self,
        left: &Left,
        address: &Address,
        stack: &str,
        template: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Option<Loss> {
        let resources = lost_with_stack(template, &values(parameters));
        let loss = Loss {
            address: address.clone(),
            stack: stack.to_owned(),
            accounts: left.accounts.clone(),
            regions: left.regions.clone(),
            resources,
        };
        (!loss.resources.is_empty() && !loss.accounts.is_empty()).then_some(loss)
    }
}

impl Maker<'_> {
    /// Whether no OU of this id is there.
    fn is_gone(&self, id: &OuId) -> bool {
        let root = self.inventory.organization.known().and_then(Option::as_ref);
        let is_root = root.is_none_or(|organization| organization.root_id == *id);
        let ous = self.inventory.ous.known();
        !is_root && ous.is_some_and(|ous| !ous.contains_key(id))
    }
}

fn nothing(left: &Left, why: &str) -> (Item, Option<Part>) {
    let item = Item {
        left: left.clone(),
        deleted: Vec::new(),
        kept: Vec::new(),
        stays: Some(why.to_owned()),
    };
    (item, None)
}

fn item(left: &Left, all: Vec<Resource>) -> Item {
    let (kept, deleted) = all.into_iter().partition(|resource| resource.kept);
    Item {
        left: left.clone(),
        deleted,
        kept,
        stays: None,
    }
}

fn field(name: &str, before: &str) -> FieldChange {
    FieldChange {
        field: name.to_owned(),
        before: Some(before.to_owned()),
        after: None,
    }
}

fn change(
    address: &Address,
    left: &Left,
    fields: Vec<FieldChange>,
    action: impl Into<Action>,
) -> Change {
    Change {
        address: address.clone(),
        verb: Verb::Delete,
        reason: left.reason.clone(),
        fields,
        action: action.into(),
        needs: BTreeSet::new(),
    }
}

/// Whoever was given a value of another's goes before it: a recorder before its bucket. And the plain stacks of the
/// management account go before the stack set of their name: by its stacks the Regions are found in which they are.
fn order(parts: &mut [Part]) {
    let number = parts.len();
    let mut before: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); number];
    for (at, part) in parts.iter().enumerate() {
        for (other_at, other) in parts.iter().enumerate() {
            let fed = other.takes.iter().any(|value| {
                // A word such as `true` says nothing of where it came from.
                value.len() >= 6 && part.gives.contains(value)
            });
            let same = other.is_stack && !part.is_stack && other.name == part.name;
            if at != other_at
                && (fed || same)
                && !reaches(&before, other_at, at)
                && let Some(needs) = before.get_mut(at)
            {
                needs.insert(other_at);
            }
        }
    }
    let last: Vec<Option<Address>> = parts
        .iter()
        .map(|part| part.changes.last().map(|change| change.address.clone()))
        .collect();
    for (part, needs) in parts.iter_mut().zip(before) {
        if let Some(first) = part.changes.first_mut() {
            let addresses = needs.into_iter().filter_map(|at| last.get(at)?.clone());
            first.needs.extend(addresses);
        }
    }
}

/// Whether `from` waits for `to` already.
fn reaches(before: &[BTreeSet<usize>], from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            open.extend(before.get(at).into_iter().flatten().copied());
        }
    }
    false
}

/// What baselines that the plan has no more have brought to the organization beside stacks: it may serve others by
/// now, so it is told and not taken back.
fn stays_on(plan: &OrgPlan, left: &[Left]) -> Vec<String> {
    let gone = |name: &str| {
        let whole = |one: &Left| {
            let first = one.name.split('/').next().unwrap_or_default();
            first == name && !matches!(one.what, Remains::Instances { .. })
        };
        left.iter().any(whole)
    };
    let mut stays = Vec::new();
    let builtin = builtin::names().filter_map(builtin::load);
    for baseline in builtin.filter_map(Result::ok) {
        if plan.baselines.contains_key(&baseline.name) {
            continue;
        }
        let stacks = baseline.stacks.iter().map(|stack| &stack.name);
        let sets = baseline.stack_sets.iter().map(|set| &set.name);
        if !stacks.chain(sets).any(|name| gone(name.as_str())) {
            continue;
        }
        let name = &baseline.name;
        for principal in &baseline.trusted_access {
            stays.push(format!("trusted access of {principal} ({name})"));
        }
        for delegation in &baseline.delegated_administrators {
            let principal = &delegation.principal;
            stays.push(format!("delegated administrator for {principal} ({name})"));
        }
        for role in &baseline.service_linked_roles {
            stays.push(format!(
                "service-linked role of {role} in every account ({name})"
            ));
        }
        if baseline.guardduty.is_some() {
            stays.push(format!(
                "GuardDuty's administrator, its settings, members and exports ({name})"
            ));
        }
    }
    stays.sort();
    stays.dedup();
    stays
}
