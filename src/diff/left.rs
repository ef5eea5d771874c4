//! What is left that no change of `apply` puts right: stacks of orgstrap's own that the plan does not ask for any
//! more, and accounts that ask for what cannot reach them. It is told by `plan`, `apply` and `drift` alike, in their
//! last line and exit code, until it is taken away, put right, or named under `leave` in the plan.
//!
//! What belongs to orgstrap shows itself by the prefix and the ownership tag. `orgstrap remove` takes it away.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::builder::DiffBuilder;
use super::context::{Context, Standing, is_ours};
use super::foreign_managers::owner_of_stack;
use super::ou::Ous;
use super::stages::Stages;
use crate::addr::Address;
use crate::baseline::DesiredStackSet;
use crate::inventory::{
    AccountRegion, AccountState, InstanceFacts, OuId, StackFacts, StackSetFacts,
};
use crate::plan::{AccountId, AccountKey, OrgPlan, OuPath, Principal, Region, StackName};

/// Something that is left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Left {
    /// What it is called: by `orgstrap remove --only`, and under `leave` in the plan.
    pub name: String,
    /// What it is, in words.
    pub text: String,
    /// Why it is left, as a fragment.
    pub reason: String,
    pub what: Remains,
    /// Accounts that it is in, by name and id.
    pub accounts: Vec<String>,
    pub regions: BTreeSet<Region>,
    /// Whether the plan says that it is to stay so.
    pub acknowledged: bool,
}

/// What exactly is left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Remains {
    /// A stack set that no baseline of the plan asks for, by its full name.
    StackSet { set: String },
    /// Instances of a stack set that the plan asks for, where it does not.
    Instances {
        set: String,
        /// The targets through which they came.
        targets: BTreeSet<OuId>,
        /// Only these accounts; all below the targets where there are none.
        only: BTreeSet<AccountId>,
        /// Whether the accounts are out of reach, so that their stacks can only be given up.
        out_of_reach: bool,
        /// Whether it is a target whose OU is gone.
        #[serde(default)]
        gone: bool,
    },
    /// A stack that no baseline of the plan asks for.
    Stack { at: AccountRegion, stack: String },
    /// The delegation of a service to an account that handed its duty over.
    Delegation {
        principal: Principal,
        account: AccountId,
    },
    /// An account of the plan that no stack set reaches where it lies.
    NotReached { account: AccountKey },
    /// Something of the plan that AWS has otherwise and only a person can decide or change.
    ByHand {
        address: Address,
        /// The accounts that it is about, where the address does not say.
        about: BTreeSet<AccountId>,
        /// What the person can do.
        hint: String,
    },
}

impl Left {
    /// Whether `orgstrap remove` takes it away.
    pub fn is_removable(&self) -> bool {
        match self.what {
            Remains::StackSet { .. }
            | Remains::Instances { .. }
            | Remains::Stack { .. }
            | Remains::Delegation { .. } => true,
            Remains::NotReached { .. } | Remains::ByHand { .. } => false,
        }
    }

    /// Whether nothing is left but a target whose OU is gone. It reaches nobody; AWS documents no way to take it away,
    /// so it may stay after it was asked to.
    pub fn is_dead_target(&self) -> bool {
        matches!(self.what, Remains::Instances { gone: true, .. }) && self.accounts.is_empty()
    }

    /// Whether a person means it by `as_str`: its name or how that begins, or one part of it, such as a Region or an
    /// OU.
    pub fn is_called(&self, word: &str) -> bool {
        is_below(&self.name, word)
            || self
                .name
                .split_once('/')
                .is_some_and(|(_, part)| is_below(part, word))
    }
}

/// Whether a name is `as_str`, or begins with it and a slash.
fn is_below(name: &str, word: &str) -> bool {
    name.strip_prefix(word)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    if ctx.organization.is_none() {
        return;
    }
    // The other comparisons leave what only a person can change.
    let mut left = std::mem::take(&mut found.left);
    let desired: BTreeMap<&str, _> = ctx
        .desired
        .stack_sets
        .iter()
        .map(|(name, set)| (set.full_name.as_str(), (name, set)))
        .collect();
    let sets = ctx.inventory.stack_sets.known().into_iter().flatten();
    for (name, facts) in sets {
        if !facts.service_managed {
            continue;
        }
        match desired.get(name.as_str()) {
            Some((name, set)) => Set::of(ctx, name, set, facts).look(found, &mut left),
            None if is_left(facts) => left.push(whole(ctx, facts)),
            None => {}
        }
    }
    stacks(ctx, &mut left);
    not_reached(ctx, &mut left);
    emails(ctx, &mut left);
    left.sort();
    left.dedup();
    for mut one in left {
        let leave = &ctx.plan.organization.leave;
        one.acknowledged = leave.iter().any(|word| is_below(&one.name, word));
        if one.acknowledged {
            not_asked_for(ctx, found, &one);
        }
        found.left.push(one);
    }
}

/// What is to stay is not asked to be taken away, so nothing stands in its way.
fn not_asked_for(ctx: &Context<'_>, found: &mut DiffBuilder, left: &Left) {
    let Remains::Instances { set, .. } = &left.what else {
        return;
    };
    found.blocked.retain(|address, _| {
        let Address::RolloutFrom(name, key) = address else {
            return true;
        };
        let same = ctx.desired.stack_sets.get(name);
        let same = same.is_some_and(|desired| desired.full_name == *set);
        let there = matches!(
            ctx.standing(key),
            Standing::Present(facts) if left.accounts.contains(&ctx.account_label(&facts.id))
        );
        !(same && there)
    });
}

/// Whether a stack set that no baseline of the plan asks for is orgstrap's own.
pub(super) fn is_left(facts: &StackSetFacts) -> bool {
    facts.service_managed && is_ours(&facts.tags) && owner_of_stack(&facts.name).is_none()
}

/// Whether a stack under the prefix that no baseline of the plan asks for is orgstrap's own.
pub(super) fn is_left_stack(facts: &StackFacts) -> bool {
    is_ours(&facts.tags)
}

/// A stack's or stack set's name without the prefix, as the plan calls it.
pub(super) fn short<'n>(plan: &OrgPlan, name: &'n str) -> &'n str {
    let short = name.strip_prefix(plan.organization.prefix.as_str());
    short.map_or(name, |short| short.trim_start_matches('-'))
}

fn whole(ctx: &Context<'_>, facts: &StackSetFacts) -> Left {
    let instances: Vec<&AccountRegion> = match facts.instances.known() {
        Some(instances) => instances.keys().collect(),
        None => Vec::new(),
    };
    let number = match facts.instances.known() {
        Some(instances) => stacks_in_words(instances.len()),
        None => "stacks that could not be read".to_owned(),
    };
    Left {
        name: short(ctx.plan, &facts.name).to_owned(),
        text: format!("stack set {} with {number}", facts.name),
        reason: "no baseline of the plan asks for it".to_owned(),
        what: Remains::StackSet {
            set: facts.name.clone(),
        },
        accounts: accounts(ctx, instances.iter().copied()),
        regions: instances.iter().map(|at| at.region.clone()).collect(),
        acknowledged: false,
    }
}

fn stacks_in_words(number: usize) -> String {
    match number {
        1 => "1 stack".to_owned(),
        many => format!("{many} stacks"),
    }
}

fn accounts<'i>(ctx: &Context<'_>, at: impl Iterator<Item = &'i AccountRegion>) -> Vec<String> {
    let ids: BTreeSet<&AccountId> = at.map(|at| &at.account).collect();
    ids.into_iter().map(|id| ctx.account_label(id)).collect()
}

/// A stack set that the plan asks for, and where it is.
struct Set<'a, 'c> {
    ctx: &'a Context<'c>,
    name: &'a StackName,
    desired: &'a DesiredStackSet,
    facts: &'a StackSetFacts,
    /// The ids of the OUs that are to be its targets.
    targets: BTreeSet<&'a str>,
}

impl<'a, 'c> Set<'a, 'c> {
    fn of(
        ctx: &'a Context<'c>,
        name: &'a StackName,
        desired: &'a DesiredStackSet,
        facts: &'a StackSetFacts,
    ) -> Self {
        let stages = Stages::of(ctx.plan, &desired.except);
        let targets = stages
            .by_number
            .values()
            .flat_map(|stage| &stage.ous)
            .filter_map(|path| Some(ctx.ou(path)?.id.as_str()))
            .collect();
        Set {
            ctx,
            name,
            desired,
            facts,
            targets,
        }
    }

    fn left(&self, part: &str, number: usize, reason: String, what: Remains) -> Left {
        let name = &self.facts.name;
        Left {
            name: format!("{}/{part}", short(self.ctx.plan, name)),
            text: format!("{} of stack set {name}", stacks_in_words(number)),
            reason,
            what,
            accounts: Vec::new(),
            regions: BTreeSet::new(),
            acknowledged: false,
        }
    }

    fn look(&self, found: &mut DiffBuilder, left: &mut Vec<Left>) {
        let (Some(have), Some(_)) = (self.facts.instances.known(), self.ctx.inventory.ous.known())
        else {
            return;
        };
        self.regions(have, left);
        self.wide_targets(found);
        // By the target that goes whole, or by the OU in which some accounts are to have none.
        let whole = self.whole_targets(found);
        let mut parts: BTreeMap<Part<'_>, BTreeMap<&AccountRegion, &InstanceFacts>> = whole
            .iter()
            .map(|id| (Part::Target(id), BTreeMap::new()))
            .collect();
        for (at, instance) in have {
            if !self.desired.regions.contains(&at.region) || instance.is_at_work() {
                continue;
            }
            if let Some(part) = self.part(found, &whole, at, instance) {
                parts.entry(part).or_default().insert(at, instance);
            } else if self.fails_in_another(found, at, instance) {
                left.push(self.of_another(at, instance));
            }
        }
        for (part, instances) in parts {
            left.push(self.of_part(part, &instances));
        }
    }

    /// Whether a stack failed in an account that is not in the plan and that lies where the set reaches it. No change
    /// looks at such an account; an update of the whole set tries it again.
    fn fails_in_another(
        &self,
        found: &DiffBuilder,
        at: &AccountRegion,
        instance: &InstanceFacts,
    ) -> bool {
        let updated = Address::StackSet(self.name.clone());
        let management = &self.ctx.plan.organization.management_account;
        instance.has_failed()
            && !self.ctx.keys.contains_key(&at.account)
            && at.account != *management
            && !found.changes.contains_key(&updated)
            && self
                .ctx
                .account_facts(&at.account)
                .is_some_and(|facts| facts.state == AccountState::Active)
    }

    fn of_another(&self, at: &AccountRegion, instance: &InstanceFacts) -> Left {
        let AccountRegion { account, region } = at;
        let name = &self.facts.name;
        let why = instance.reason.as_deref().unwrap_or("no reason given");
        Left {
            name: format!("{}/{account}/{region}", short(self.ctx.plan, name)),
            text: format!(
                "the stack of stack set {name} failed in account {} in {region}",
                self.ctx.account_label(account)
            ),
            reason: format!(
                "the account is not in the plan, so nothing prepared it; AWS says: {why}"
            ),
            what: Remains::ByHand {
                address: Address::StackSet(self.name.clone()),
                about: BTreeSet::from([account.clone()]),
                hint: format!(
                    "take the account into the plan (`id = \"{account}\"`), move it out of the OU, or fix what AWS says"
                ),
            },
            accounts: vec![self.ctx.account_label(account)],
            regions: BTreeSet::from([region.clone()]),
            acknowledged: false,
        }
    }

    /// Targets that the plan does not ask for and that stay, because what the plan asks for below them is reached
    /// through them.
    fn wide_targets(&self, found: &mut DiffBuilder) {
        for id in &self.facts.targets {
            let below = self
                .targets
                .iter()
                .any(|one| self.above(one).any(|a| a == id));
            if below && !self.targets.contains(id.as_str()) {
                let (name, at) = (&self.facts.name, self.ctx.parent_name(id));
                found.unmanaged(
                    "stack set target",
                    format!("{}/{id}", self.facts.id),
                    format!("{name} on {at}"),
                    "OUs of the plan are reached through it; an account that joins below it gets stacks, and is told where the plan has none",
                );
            }
        }
    }

    /// Instances in Regions that the plan does not govern.
    fn regions(&self, have: &BTreeMap<AccountRegion, InstanceFacts>, left: &mut Vec<Left>) {
        let mut by_region: BTreeMap<&Region, Vec<(&AccountRegion, &InstanceFacts)>> =
            BTreeMap::new();
        for (at, instance) in have {
            if !self.desired.regions.contains(&at.region) {
                by_region
                    .entry(&at.region)
                    .or_default()
                    .push((at, instance));
            }
        }
        for (region, instances) in by_region {
            let through = instances.iter().filter_map(|(_, facts)| facts.ou.clone());
            let what = Remains::Instances {
                set: self.facts.name.clone(),
                targets: self.targets_or(through.collect()),
                only: BTreeSet::new(),
                out_of_reach: false,
                gone: false,
            };
            let reason = format!("the set is not to be in {region} any more");
            let part = region.to_string();
            left.push(Left {
                accounts: accounts(self.ctx, instances.iter().map(|(at, _)| *at)),
                regions: BTreeSet::from([region.clone()]),
                ..self.left(&part, instances.len(), reason, what)
            });
        }
    }

    fn targets_or(&self, through: BTreeSet<OuId>) -> BTreeSet<OuId> {
        match through.is_empty() {
            true => self.facts.targets.clone(),
            false => through,
        }
    }

    /// The targets that the plan does not ask for and that go whole: no target of the plan lies above, which
    /// would keep what is below it, and none below, which would lose it.
    fn whole_targets(&self, found: &DiffBuilder) -> BTreeSet<&'a str> {
        let all = self.facts.targets.iter().map(String::as_str);
        all.filter(|id| !self.targets.contains(id))
            .filter(|id| !self.gives_up(found, id))
            .filter(|id| !self.above(id).any(|above| self.targets.contains(above)))
            .filter(|id| {
                !self
                    .targets
                    .iter()
                    .any(|one| self.above(one).any(|a| a == *id))
            })
            .filter(|id| !self.ctx.governed.contains_key(id))
            .collect()
    }

    fn is_there(&self, id: &str) -> bool {
        let ous = self.ctx.inventory.ous.known();
        ous.is_some_and(|ous| ous.contains_key(id))
            || self.ctx.organization.is_some_and(|o| o.root_id == id)
    }

    /// Whether this run takes the target from the set, because its OU goes.
    fn gives_up(&self, found: &DiffBuilder, id: &str) -> bool {
        let path = |ous: &Ous<'_>| ous.paths.get(id).cloned();
        let path = self.ctx.ous.as_ref().ok().and_then(path);
        path.is_some_and(|path| {
            let address = Address::StackSetTarget(self.facts.name.clone(), path);
            found.changes.contains_key(&address)
        })
    }

    /// An OU and what lies above it.
    fn above(&self, id: &str) -> impl Iterator<Item = &'a str> {
        let ctx = self.ctx;
        let ous = ctx.inventory.ous.known();
        let root = ctx.organization.map(|o| o.root_id.as_str());
        let first = match ous.and_then(|ous| ous.get_key_value(id)) {
            Some((id, _)) => Some(id.as_str()),
            None => root.filter(|root| *root == id),
        };
        std::iter::successors(first, move |id| {
            ous.and_then(|ous| ous.get(*id))
                .map(|ou| ou.parent.as_str())
        })
    }

    /// What an instance is a part of, if it is left.
    fn part(
        &self,
        found: &DiffBuilder,
        whole: &BTreeSet<&'a str>,
        at: &'a AccountRegion,
        instance: &'a InstanceFacts,
    ) -> Option<Part<'a>> {
        let Some(facts) = self.ctx.account_facts(&at.account) else {
            // Nobody can say where accounts could not be read.
            let read = self.ctx.accounts.is_ok();
            return read.then_some(Part::Gone(&at.account));
        };
        let mut above = self.above(&facts.parent);
        if above.any(|id| self.targets.contains(id) || self.ctx.governed.contains_key(id)) {
            return None;
        }
        let handled = |key: &AccountKey| {
            let placement = Address::Placement(key.clone());
            let removal = Address::RolloutFrom(self.name.clone(), key.clone());
            let change = |address| found.changes.contains_key(address);
            change(&placement) || change(&removal) || found.blocked.contains_key(&placement)
        };
        let idle = facts.state != AccountState::Active;
        if idle || self.ctx.keys.get(&at.account).is_some_and(handled) {
            return None;
        }
        let through = instance.ou.as_deref().unwrap_or_default();
        let target = whole.get(through).copied();
        let target = target.or_else(|| self.above(&facts.parent).find(|id| whole.contains(id)));
        Some(match target {
            Some(target) => Part::Target(target),
            None => Part::In(facts.parent.as_str()),
        })
    }

    fn of_part(&self, part: Part<'_>, have: &BTreeMap<&AccountRegion, &InstanceFacts>) -> Left {
        let ctx = self.ctx;
        let through = have.values().filter_map(|facts| facts.ou.clone()).collect();
        let ids = || have.keys().map(|at| at.account.clone()).collect();
        let (name, reason, targets, only) = match part {
            Part::Target(id) => {
                let reason = match self.is_there(id) {
                    true => format!(
                        "{} is a target that the plan does not ask for",
                        ctx.parent_name(id)
                    ),
                    false => format!(
                        "its target {id} is an OU that is not there any more, so it reaches nobody; where AWS refuses to \
                         take it away it goes with the stack set only"
                    ),
                };
                let targets = BTreeSet::from([id.to_owned()]);
                (ctx.parent_name(id), reason, targets, BTreeSet::new())
            }
            Part::In(id) => {
                let reason = format!("accounts in {} are not to have it", ctx.parent_name(id));
                (ctx.parent_name(id), reason, self.targets_or(through), ids())
            }
            Part::Gone(id) => {
                let reason = format!("account {id} is not in the organization any more");
                (id.to_string(), reason, self.targets_or(through), ids())
            }
        };
        let what = Remains::Instances {
            set: self.facts.name.clone(),
            targets,
            only,
            out_of_reach: matches!(part, Part::Gone(_)),
            gone: matches!(part, Part::Target(id) if !self.is_there(id)),
        };
        let regions: BTreeSet<Region> = have.keys().map(|at| at.region.clone()).collect();
        let mut left = Left {
            accounts: accounts(ctx, have.keys().copied()),
            regions: match regions.is_empty() {
                true => self.desired.regions.clone(),
                false => regions,
            },
            ..self.left(&name, have.len(), reason, what)
        };
        if left.is_dead_target() {
            left.text = format!("target {name} of stack set {}", self.facts.name);
        }
        left
    }
}

/// What instances are left by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// A target that goes whole.
    Target(&'a str),
    /// The OU in which their accounts lie, below a target that stays.
    In(&'a str),
    /// The account, which has left the organization.
    Gone(&'a AccountId),
}

/// Plain stacks that no baseline of the plan asks for.
fn stacks(ctx: &Context<'_>, left: &mut Vec<Left>) {
    for (at, facts) in super::stack::not_asked_for(ctx) {
        if !is_left_stack(facts) {
            continue;
        }
        let place = match (ctx.keys.get(&at.account), &ctx.plan.organization) {
            (_, organization) if organization.management_account == at.account => {
                "management".to_owned()
            }
            (Some(key), _) => key.to_string(),
            (None, _) => at.account.to_string(),
        };
        left.push(Left {
            name: format!("{}/{place}/{}", short(ctx.plan, &facts.name), at.region),
            text: format!("stack {}", facts.name),
            reason: "no baseline of the plan asks for it".to_owned(),
            what: Remains::Stack {
                at: at.clone(),
                stack: facts.name.clone(),
            },
            accounts: vec![ctx.account_label(&at.account)],
            regions: BTreeSet::from([at.region.clone()]),
            acknowledged: false,
        });
    }
}

/// Accounts of the plan that lie where no stack set's targets reach: in the root, or directly in an OU that cannot be
/// a target because an OU below it goes without the baseline.
fn not_reached(ctx: &Context<'_>, left: &mut Vec<Left>) {
    let sets: Vec<(&str, Stages, &BTreeSet<OuPath>)> = ctx
        .desired
        .stack_sets
        .values()
        .map(|set| {
            let name = set.full_name.as_str();
            (name, Stages::of(ctx.plan, &set.except), &set.except)
        })
        .collect();
    for (key, planned) in &ctx.plan.accounts {
        let usable = matches!(ctx.standing(key), Standing::Present(_) | Standing::New);
        let governed = ctx.ou(&planned.ou);
        let governed = governed.is_some_and(|ou| ctx.governed.contains_key(ou.id.as_str()));
        if !usable || governed || ctx.is_management(key) {
            continue;
        }
        let without: Vec<String> = sets
            .iter()
            .filter(|(_, stages, except)| {
                !stages.of_ou.contains_key(&planned.ou) && !except.contains(&planned.ou)
            })
            .map(|(name, ..)| (*name).to_owned())
            .collect();
        if without.is_empty() {
            continue;
        }
        let (part, reason) = match planned.ou.is_root() {
            true => (
                "root".to_owned(),
                "it lies in the root, and stack sets reach the accounts of OUs".to_owned(),
            ),
            false => (
                planned.ou.to_string(),
                format!(
                    "{} cannot be a target, because an OU below it goes without the baseline, and a target is a whole OU",
                    planned.ou
                ),
            ),
        };
        let label = match ctx.identified.accounts.get(key) {
            Some(id) => ctx.account_label(id),
            None => key.to_string(),
        };
        left.push(Left {
            name: format!("{part}/{key}"),
            text: format!("account {label} has no stacks of {}", without.join(", ")),
            reason,
            what: Remains::NotReached {
                account: key.clone(),
            },
            accounts: vec![label],
            regions: BTreeSet::new(),
            acknowledged: false,
        });
    }
}

/// Accounts whose address is another than the plan's: AWS changes one only with a code that it sends to the new address.
fn emails(ctx: &Context<'_>, left: &mut Vec<Left>) {
    for (key, planned) in &ctx.plan.accounts {
        let Standing::Present(facts) = ctx.standing(key) else {
            continue;
        };
        if facts.has_email(&planned.email) {
            continue;
        }
        left.push(Left {
            name: format!("email/{key}"),
            text: format!("account `{key}` ({}) has the email {}", facts.id, facts.email),
            reason: format!(
                "the plan says {}, and AWS changes it only with a code that it sends to the new address",
                planned.email
            ),
            what: Remains::ByHand {
                address: Address::Account(key.clone()),
                about: BTreeSet::new(),
                hint: "correct the plan, or change the email in the console".to_owned(),
            },
            accounts: vec![ctx.account_label(&facts.id)],
            regions: BTreeSet::new(),
            acknowledged: false,
        });
    }
}
