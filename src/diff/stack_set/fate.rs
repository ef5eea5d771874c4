//! What becomes of an account's stacks when it moves: told before it does.

use std::collections::BTreeSet;

use super::instances::Tree;
use crate::baseline::Desired;
use crate::baseline::data::{Lost, lost_with_stack};
use crate::diff::DiffOptions;
use crate::diff::context::Context;
use crate::diff::loss::values;
use crate::diff::stages::Stages;
use crate::inventory::{Inventory, Observed};
use crate::plan::{AccountId, AccountKey, OrgPlan, Region};

/// What a move means for one stack set's stacks in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The set's name without the plan's prefix.
    pub set: String,
    pub full_name: String,
    /// The target through which it has them now, by its path; `None` where it has none.
    pub before: Option<String>,
    /// The target through which it will have them.
    pub after: Option<String>,
    /// Whether one target reaches it before and after, so that nothing happens.
    pub stays: bool,
    /// Whether stacks that the set gives up stay in the account.
    pub retained: bool,
    /// Where it has stacks.
    pub regions: BTreeSet<Region>,
    /// Resources that hold data and would go with the stacks.
    pub data: Vec<Lost>,
}

impl Fate {
    /// Whether stacks are deleted.
    pub fn deletes(&self) -> bool {
        self.before.is_some() && !self.stays && !self.retained
    }
}

/// What becomes of the stacks of the account `id`, the plan's `key`, when it moves to where the plan has it.
pub fn fates(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
    key: &AccountKey,
    id: &AccountId,
) -> Vec<Fate> {
    let options = DiffOptions::default();
    let organization = inventory.organization.known().and_then(Option::as_ref);
    let ctx = Context::new(plan, desired, inventory, &options, organization);
    fates_of(&ctx, key, id)
}

/// The same in a comparison. Also of sets that no baseline of the plan asks for: AWS goes by their targets all
/// the same.
pub(in crate::diff) fn fates_of(ctx: &Context<'_>, key: &AccountKey, id: &AccountId) -> Vec<Fate> {
    let plan = ctx.plan;
    let (Some(planned), Some(here)) = (plan.accounts.get(key), ctx.account_facts(id)) else {
        return Vec::new();
    };
    let Observed::Known(sets) = &ctx.inventory.stack_sets else {
        return Vec::new();
    };
    let mut fates = Vec::new();
    for facts in sets.values().filter(|facts| facts.service_managed) {
        let desired = ctx.desired.stack_sets.values();
        let desired = desired.into_iter().find(|set| set.full_name == facts.name);
        let stages = match desired {
            Some(desired) => Stages::of(plan, &desired.except),
            None => Stages::default(),
        };
        let tree = Tree::of(ctx, facts, &stages);
        let before = tree.now(Some(here.parent.as_str()));
        let after = tree.now(tree.nearest(ctx, &planned.ou));
        let regions: BTreeSet<Region> = facts
            .instances
            .known()
            .into_iter()
            .flat_map(|all| all.keys())
            .filter(|at| at.account == *id)
            .map(|at| at.region.clone())
            .collect();
        if regions.is_empty() && after.is_empty() {
            continue;
        }
        let name_of = |ids: &BTreeSet<&str>| ids.iter().next().map(|id| ctx.parent_name(id));
        let stays = !regions.is_empty() && before.intersection(&after).next().is_some();
        let name = facts.name.strip_prefix(&plan.organization.prefix);
        let name = name.map_or(&*facts.name, |name| name.trim_start_matches('-'));
        let mut fate = Fate {
            set: name.to_owned(),
            full_name: facts.name.clone(),
            before: (!regions.is_empty()).then(|| name_of(&before)).flatten(),
            after: name_of(&after),
            stays,
            retained: facts
                .auto_deployment
                .is_some_and(|auto| auto.retain_on_removal),
            regions,
            data: Vec::new(),
        };
        if fate.deletes() {
            fate.data = lost_with_stack(&facts.template, &values(&facts.parameters));
        }
        fates.push(fate);
    }
    fates
}
