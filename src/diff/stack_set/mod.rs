//! Service-managed stack sets: brought up stage by stage, updated stage by stage with
//! auto-deployment held back, fixed where instances are missing, outdated or inoperable.
//!
//! A template changes for the whole set at once, targets or not; what is not targeted becomes
//! OUTDATED. So an interrupted staged update shows itself: the template is the new one, some
//! instances are OUTDATED, auto-deployment is off. It is finished like any other OUTDATED
//! instances are fixed, and then auto-deployment goes on again.

mod creations;
mod fate;
mod imports;
mod instances;
mod updates;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use fate::fates_of;
pub use fate::{Fate, fates};
use imports::Imports;
use instances::Instances;

use super::account::prepare;
use super::builder::{DiffBuilder, becomes, set};
use super::context::{Context, Standing, account, marked, ou};
use super::denied::{Denied, Deniers};
use super::foreign_managers::owner_of_stack;
use super::left::is_left;
use super::lost;
use super::recorder::{Brought, Met};
use super::stack::{cannot_make_anew, merged};
use super::stages::Stages;
use crate::action::{self, DeploymentTargets, Lacking, Leaving, StackSetDefinition, Successor};
use crate::addr::{Address, Attribute, Bindings, Expr, Place};
use crate::baseline::{DesiredStackSet, makes_recorder};
use crate::change::{FieldChange, Verb};
use crate::inventory::{
    AccountRegion, AutoDeployment, InstanceFacts, Observed, OuId, StackSetFacts, stack_set_arn,
};
use crate::plan::{AccountKey, OuPath, Region, StackName, Tags};

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let governed = governed(ctx);
    let nothing = BTreeMap::new();
    let have = match (&ctx.inventory.stack_sets, ctx.organization) {
        (_, None) => &nothing,
        (Observed::Known(have), Some(_)) => have,
        (Observed::Unread(unread), Some(_)) => {
            for name in ctx.desired.stack_sets.keys() {
                found.unread(Address::StackSet(name.clone()), unread);
            }
            return;
        }
    };
    let home = AccountRegion {
        account: ctx.plan.organization.management_account.clone(),
        region: ctx.plan.organization.home_region.clone(),
    };
    for (name, desired) in &ctx.desired.stack_sets {
        if let Some(facts) = have.get(&desired.full_name) {
            let arn = stack_set_arn(&home, &facts.id);
            let address = Address::StackSet(name.clone());
            found.bindings.bind(address, Attribute::Arn, arn);
        }
    }
    for (name, desired) in &ctx.desired.stack_sets {
        let stages =
            Stages::of(ctx.plan, &desired.except).without(|path| governed.contains_key(path));
        // An OU as a target reaches all that lies below it.
        let reached = governed.iter().find(|(path, _)| {
            let mut targets = stages.by_number.values().flat_map(|stage| &stage.ous);
            targets.any(|target| target.contains(path))
        });
        if let Some((path, tool)) = reached {
            found.state(
                Address::StackSet(name.clone()),
                format!("it would reach the OU {path}, which {tool} governs"),
                Some(
                    "put OUs that another tool governs beside those of the plan, not below them"
                        .to_owned(),
                ),
            );
            continue;
        }
        let set = Set {
            ctx,
            stages: &stages,
            name,
            desired,
        };
        match have.get(&desired.full_name) {
            None => set.bring_up(found),
            Some(facts) => set.existing(found, facts),
        }
    }
    unmanaged(ctx, found, have);
}

/// The OUs that another tool governs, with its name.
fn governed(ctx: &Context<'_>) -> BTreeMap<OuPath, &'static str> {
    let Ok(ous) = &ctx.ous else {
        return BTreeMap::new();
    };
    ctx.governed
        .iter()
        .filter_map(|(id, tool)| Some((ous.paths.get(id)?.clone(), *tool)))
        .collect()
}

/// One stack set of the plan.
struct Set<'a, 'c> {
    ctx: &'a Context<'c>,
    stages: &'a Stages,
    name: &'a StackName,
    desired: &'a DesiredStackSet,
}

/// Which instances one operation works on.
struct Reach<'a> {
    ous: Vec<&'a OuPath>,
    /// Only these accounts; all of the OUs where there are none.
    only: Vec<&'a AccountKey>,
    /// All accounts of the OUs but these.
    except: Vec<&'a AccountKey>,
    regions: BTreeSet<Region>,
    expect: Vec<&'a AccountKey>,
    /// Those of them that leave targets, with these.
    leaving: BTreeMap<&'a AccountKey, BTreeSet<OuId>>,
    /// Where some of them have nothing yet, or something inoperable, which comes after.
    lacking: BTreeMap<&'a AccountKey, BTreeSet<Region>>,
}

impl<'a, 'c> Set<'a, 'c> {
    fn address(&self) -> Address {
        Address::StackSet(self.name.clone())
    }

    fn brought(&self) -> Brought<'a> {
        Brought {
            template: &self.desired.template,
            parameters: &self.desired.parameters,
            existing: self.desired.existing_recorders,
        }
    }

    /// What is met where the set has no instances yet: stacks that the plan names for it, and recorders
    /// elsewhere.
    fn met(
        &self,
        found: &mut DiffBuilder,
        have: Option<&BTreeMap<AccountRegion, InstanceFacts>>,
        imports: &Imports<'c>,
    ) -> Met<'c> {
        let brought = self.brought();
        let places = self.ctx.inventory.recorders.keys().filter(|at| {
            self.desired.regions.contains(&at.region)
                && !have.is_some_and(|have| have.contains_key(at))
                && !imports.has(at)
        });
        let to_have = |key: &AccountKey| {
            let planned = self.ctx.plan.accounts.get(key);
            planned.is_some_and(|planned| self.stages.of_ou.contains_key(&planned.ou))
                && instances::expected(self.ctx, key)
        };
        let mut met = Met::at(self.ctx, found, &brought, places, to_have);
        for (key, regions) in imports.places() {
            let left_out = met.left_out.entry(key).or_default();
            left_out.extend(regions.iter().cloned());
        }
        met
    }

    fn rollout(&self, number: u16) -> Address {
        Address::Rollout(self.name.clone(), number)
    }

    fn auto_deployment(&self, enabled: bool) -> AutoDeployment {
        AutoDeployment {
            enabled,
            retain_on_removal: self.desired.retain_on_removal,
        }
    }

    fn action(&self, tags: Tags) -> StackSetDefinition {
        StackSetDefinition {
            name: self.desired.full_name.clone(),
            description: self.desired.description.clone(),
            template: self.desired.template.clone(),
            parameters: self.desired.parameters.clone(),
            capabilities: self.desired.capabilities.clone(),
            tags,
            auto_deployment: self.auto_deployment(true),
            depends_on: self.before_it().map(Self::arn).collect(),
            administration_role: None,
            execution_role: None,
        }
    }

    /// Roles that somebody gave the set are left to it, and told: its stacks are made with their rights, not with those
    /// of StackSets' own role.
    fn roles(&self, found: &mut DiffBuilder, facts: &StackSetFacts) {
        let administration = facts.administration_role.iter();
        let administration = administration.map(|arn| format!("the administration role {arn}"));
        let execution = facts.execution_role.iter();
        let execution = execution.map(|name| format!("the execution role {name}"));
        let roles: Vec<String> = administration.chain(execution).collect();
        if !roles.is_empty() {
            found.notice(
                self.address(),
                format!(
                    "the stack set {} has {} of somebody's own; left so",
                    facts.name,
                    roles.join(" and ")
                ),
                Some(
                    "see that the role may make what the baseline's template has, in every account"
                        .to_owned(),
                ),
            );
        }
    }

    /// The stack sets of the plan after which this one comes.
    fn before_it(&self) -> impl Iterator<Item = &'a StackName> {
        let sets = &self.ctx.desired.stack_sets;
        let named = self.desired.depends_on.iter();
        named.filter(move |name| sets.contains_key(*name) && *name != self.name)
    }

    /// The ARN of a stack set of the plan.
    fn arn(name: &StackName) -> Expr {
        Expr::reference(Address::StackSet(name.clone()), Attribute::Arn)
    }

    /// The ARNs of all after which auto-deployment is to come: those of the plan, and what is there by somebody
    /// else's hand, because the list is replaced.
    fn depends_on(&self, facts: &StackSetFacts, bindings: &Bindings) -> Vec<Expr> {
        let own: BTreeSet<String> = self
            .before_it()
            .filter_map(|name| Self::arn(name).value(bindings).ok())
            .collect();
        let others = facts.depends_on.difference(&own);
        let others = others.map(|arn| Expr::literal(arn.as_str()));
        self.before_it().map(Self::arn).chain(others).collect()
    }

    fn targets(&self, reach: &Reach<'_>) -> DeploymentTargets {
        let accounts = |keys: &[&AccountKey]| keys.iter().map(|key| account(key)).collect();
        DeploymentTargets {
            ous: reach.ous.iter().map(|path| ou(path)).collect(),
            accounts: accounts(&reach.only),
            except: accounts(&reach.except),
            regions: reach.regions.clone(),
            max_concurrent: self.ctx.plan.rollout.max_concurrent,
            failure_tolerance: self.ctx.plan.rollout.failure_tolerance,
            expect: accounts(&reach.expect),
            leaving: Self::leaving(&reach.leaving),
            lacking: reach
                .lacking
                .iter()
                .map(|(key, regions)| Lacking {
                    account: account(key),
                    regions: regions.clone(),
                })
                .collect(),
        }
    }

    fn leaving(accounts: &BTreeMap<&AccountKey, BTreeSet<OuId>>) -> Vec<Leaving> {
        accounts
            .iter()
            .map(|(key, targets)| Leaving {
                account: account(key),
                targets: targets.clone(),
            })
            .collect()
    }

    /// What every operation on instances waits for besides its own stage order.
    fn base_needs(&self) -> BTreeSet<Address> {
        let mut needs = self.desired.needs.clone();
        needs.insert(Address::StackSetsAccess);
        needs.insert(self.address());
        needs
    }

    fn target_fields(reach: &Reach<'_>) -> Vec<FieldChange> {
        let list = |items: Vec<String>| items.join(", ");
        let mut fields = vec![set(
            "ous",
            list(reach.ous.iter().map(ToString::to_string).collect()),
        )];
        if !reach.only.is_empty() {
            let only = reach.only.iter().map(ToString::to_string).collect();
            fields.push(set("accounts", list(only)));
        }
        if !reach.except.is_empty() {
            let except = reach.except.iter().map(ToString::to_string).collect();
            fields.push(set("left out", list(except)));
        }
        let regions = reach.regions.iter().map(ToString::to_string).collect();
        fields.push(set("regions", list(regions)));
        fields
    }

    fn existing(&self, found: &mut DiffBuilder, facts: &StackSetFacts) {
        if !facts.service_managed {
            let roles = facts.execution_role.as_ref();
            let roles = roles.map_or_else(String::new, |role| {
                format!(" (it works by the role {role} in accounts)")
            });
            found.state(
                self.address(),
                format!(
                    "the stack set {} is self-managed{roles}, and baselines need a service-managed one",
                    facts.name
                ),
                Some("delete it, or choose another `prefix` in [organization]".to_owned()),
            );
            return;
        }
        self.roles(found, facts);
        let have = match &facts.instances {
            Observed::Known(have) => have,
            Observed::Unread(unread) => {
                found.unread(self.address(), unread);
                return;
            }
        };
        let mut there = Instances::of(self.ctx, self.stages, self.desired, facts, have);
        let joins = |key: &AccountKey| there.joining.contains_key(key);
        let imports = Imports::of(self, found, Some(have), joins);
        let met = self.met(found, Some(have), &imports);
        there.leave_out(&met.left_out);
        for (key, regions) in imports.places() {
            there.import_again(key, regions);
        }
        if !have.is_empty()
            && let Some((message, hint)) = self.cannot_make_anew(found, facts)
        {
            found.state(self.address(), message, Some(hint));
            return;
        }
        let tags = marked(&self.desired.tags);
        let fields = self.differences(found, facts, &tags);
        if !fields.is_empty() && found.too_many_tags(&self.address(), &tags, &facts.tags) {
            return;
        }
        let auto = facts.auto_deployment;
        let held = !auto.is_some_and(|auto| auto.enabled);
        let retain = auto.is_none_or(|a| a.retain_on_removal == self.desired.retain_on_removal);

        // Which stages are updated: all that have instances, or only those with outdated ones.
        let updates = there.updates(self.stages, !fields.is_empty());
        let whole = !fields.is_empty() && updates.is_empty();
        let hold = !held && !fields.is_empty() && updates.len() > 1;
        let release = hold || held;

        let moving = &there.moving;
        self.settings(found, facts, retain || release, release);
        if hold {
            // While auto-deployment is off AWS takes nothing away from an account that moves, not even later.
            let mut needs = self.base_needs();
            needs.extend(placements(moving.keys().copied()));
            let leaving = Self::leaving(moving);
            self.toggle(
                found,
                facts,
                false,
                leaving,
                "a staged update begins",
                &needs,
            );
        }
        let action = StackSetDefinition {
            administration_role: facts.administration_role.clone(),
            execution_role: facts.execution_role.clone(),
            ..self.action(merged(tags, &facts.tags))
        };
        let mut needs = self.base_needs();
        needs.insert(Address::RolloutHold(self.name.clone()));
        let mut after: Vec<Address> = Vec::new();
        if whole {
            let (number, reach) = (self.first_stage(), Reach::nothing());
            after.push(self.update_instances(found, number, &reach, &action, &fields, &needs));
        }
        for (number, reach) in &updates {
            needs.extend(after.last().cloned());
            let mut needs = needs.clone();
            needs.extend(self.put_back(found, reach));
            let address = self.update_instances(found, *number, reach, &action, &fields, &needs);
            for key in reach
                .expect
                .iter()
                .filter(|key| there.failed.contains(*key))
            {
                prepare(self.ctx, found, key, "its stack instances failed");
                if let Some(update) = found.changes.get_mut(&address) {
                    update.needs.insert(Address::Access((*key).clone()));
                }
            }
            after.push(address);
        }
        if release {
            let reason = match hold {
                true => "the staged update ends",
                false => "accounts that join get no stacks",
            };
            let released = Address::RolloutRelease(self.name.clone());
            let mut needs = BTreeSet::from([Address::StackSetsAccess, self.address()]);
            if hold {
                needs.extend(self.base_needs());
                needs.extend(after.iter().cloned());
                let held = Address::RolloutHold(self.name.clone());
                found.begins(&held, after.iter().cloned().chain([released.clone()]));
            } else {
                // Held by somebody, or by a run that was interrupted: it is let go whatever becomes of the rest.
                found.comes_after(&released, after.iter().cloned());
            }
            self.toggle(found, facts, true, Vec::new(), reason, &needs);
            // A set that comes after others, which may wait for moves, would wait for itself.
            if held && self.desired.depends_on.is_empty() {
                for key in moving.keys() {
                    let placement = Address::Placement((*key).clone());
                    if let Some(change) = found.changes.get_mut(&placement) {
                        change.needs.insert(released.clone());
                    }
                }
            }
            after.push(released);
        }
        let changed = [self.address(), Address::RolloutHold(self.name.clone())];
        let changed: Vec<Address> = changed.into_iter().chain(after.iter().cloned()).collect();
        self.forget(found, &there, &changed);
        after.push(Address::Forget(self.name.clone()));
        self.take_away(found, &there, &after);
        self.complete(found, &there, &met, &imports, after);
    }

    /// What somebody deleted of the stacks that an operation updates.
    fn put_back(&self, found: &mut DiffBuilder, reach: &Reach<'_>) -> BTreeSet<Address> {
        let mut changes = BTreeSet::new();
        if !makes_recorder(&self.desired.template) {
            return changes;
        }
        for key in &reach.expect {
            let Standing::Present(facts) = self.ctx.standing(key) else {
                continue;
            };
            for region in &reach.regions {
                let at = AccountRegion {
                    account: facts.id.clone(),
                    region: region.clone(),
                };
                let place = Place::member((*key).clone(), region.clone());
                let (template, parameters) = (&self.desired.template, &self.desired.parameters);
                changes.extend(lost::put_back(
                    self.ctx, found, &place, &at, template, parameters,
                ));
            }
        }
        changes
    }

    /// See [`super::stack::cannot_make_anew`].
    fn cannot_make_anew(
        &self,
        found: &DiffBuilder,
        facts: &StackSetFacts,
    ) -> Option<(String, String)> {
        let known = found.lasting();
        let next = self.desired.parameters.iter();
        let next = next.map(|(name, value)| (name.clone(), value.value(&known).ok()));
        cannot_make_anew(
            (&facts.template, &facts.parameters),
            (&self.desired.template, &next.collect()),
        )
    }

    fn successor(&self) -> Successor {
        Successor::StackSet(self.desired.full_name.clone())
    }

    fn first_stage(&self) -> u16 {
        self.stages.by_number.keys().next().copied().unwrap_or(1)
    }

    /// Takes what AWS calls INOPERABLE out of the set, before anything that visits all its stacks: `changed`.
    fn forget(&self, found: &mut DiffBuilder, there: &Instances<'_>, changed: &[Address]) {
        if there.inoperable.is_empty() {
            return;
        }
        let keys: Vec<&AccountKey> = there.inoperable.keys().copied().collect();
        let reach = Reach {
            ous: there.ous_of(&keys),
            only: keys,
            except: vec![],
            regions: there.inoperable.values().flatten().cloned().collect(),
            expect: vec![],
            leaving: BTreeMap::new(),
            lacking: BTreeMap::new(),
        };
        let placed: Vec<Address> = placements(reach.only.iter().copied()).collect();
        // An account that moves is found through the OU that it moves to, and the move may wait for auto-deployment.
        let moves = placed
            .iter()
            .any(|placed| found.changes.contains_key(placed));
        let action = action::ForgetStackInstances {
            name: self.desired.full_name.clone(),
            targets: self.targets(&reach),
        };
        let reason = "AWS calls these instances INOPERABLE; their stacks are kept and they are \
                      made anew";
        let fields = Self::target_fields(&reach);
        let address = Address::Forget(self.name.clone());
        let mut needs = match moves {
            true => self.base_needs(),
            false => BTreeSet::from([Address::StackSetsAccess]),
        };
        needs.extend(placed);
        if !moves {
            for change in changed {
                found.comes_after(change, [address.clone()]);
            }
        }
        found
            .change(address, Verb::Delete, reason, fields, action)
            .extend(needs);
    }

    /// Instances of accounts that are no longer to have any.
    fn take_away(&self, found: &mut DiffBuilder, there: &Instances<'_>, after: &[Address]) {
        if there.leftover.is_empty() {
            return;
        }
        let bindings = found.bindings.clone();
        let deniers = Deniers::of(self.ctx, &bindings);
        for (key, regions) in &there.leftover {
            let mut needs = self.base_needs();
            let address = Address::RolloutFrom(self.name.clone(), (*key).clone());
            let placement = Address::Placement((*key).clone());
            let denied = deniers.of_account(key, self.desired);
            let left = match &denied {
                Denied::No => true,
                Denied::AfterTheMove(_) => false,
                Denied::Here(policy) => {
                    let message = format!(
                        "the account has left the set's OUs, and {policy} keeps StackSets from taking its stacks away"
                    );
                    let hint = "exempt `arn:aws:iam::*:role/stacksets-exec-*` in the policy, or detach it until they are \
                                gone; `orgstrap account close` closes the account all the same";
                    found.state(address, message, Some(hint.to_owned()));
                    continue;
                }
            };
            match left {
                true => {
                    needs.extend(after.iter().cloned());
                    needs.insert(placement);
                }
                // Where it goes nothing could be taken away any more.
                false => {
                    if let Some(change) = found.changes.get_mut(&placement) {
                        change.needs.insert(address.clone());
                    }
                }
            }
            // Those that AWS calls INOPERABLE it takes out of a set only if their stacks stay (user guide, "Stack instance
            // status codes").
            let stuck = there.stuck.contains(key);
            let retain = self.desired.retain_on_removal || stuck;
            let action = action::RemoveStackInstances {
                name: self.desired.full_name.clone(),
                account: account(key),
                retain,
                left,
            };
            let list: Vec<String> = regions.iter().map(ToString::to_string).collect();
            let fate = match (stuck, retain) {
                (true, _) => "are kept, for AWS calls them INOPERABLE: delete them in the account",
                (false, true) => "are kept",
                (false, false) => "are deleted",
            };
            let fields = vec![becomes("regions", list.join(", "), ""), set("stacks", fate)];
            let reason = match &denied {
                Denied::AfterTheMove(policy) => format!(
                    "the account leaves the set's OUs; before, because {policy} would keep StackSets from it afterwards"
                ),
                Denied::No | Denied::Here(_) => "the account leaves the set's OUs".to_owned(),
            };
            found
                .change(address, Verb::Delete, reason, fields, action)
                .extend(needs);
        }
    }
}

impl Reach<'_> {
    /// Whether all accounts are left out: what AWS makes of an operation without any is documented nowhere.
    fn reaches_nobody(&self) -> bool {
        self.expect.is_empty() && !self.except.is_empty()
    }

    /// The whole set: only for one without instances.
    fn nothing() -> Self {
        Reach {
            ous: vec![],
            only: vec![],
            except: vec![],
            regions: BTreeSet::new(),
            expect: vec![],
            leaving: BTreeMap::new(),
            lacking: BTreeMap::new(),
        }
    }
}

/// Accounts that move are found through the OU that they move to.
fn placements<'k>(keys: impl IntoIterator<Item = &'k AccountKey>) -> impl Iterator<Item = Address> {
    keys.into_iter().map(|key| Address::Placement(key.clone()))
}

/// Stack sets under the prefix that no baseline of the plan asks for.
fn unmanaged(ctx: &Context<'_>, found: &mut DiffBuilder, have: &BTreeMap<String, StackSetFacts>) {
    let desired: BTreeSet<&str> = ctx
        .desired
        .stack_sets
        .values()
        .map(|set| set.full_name.as_str())
        .collect();
    for facts in have.values() {
        if !desired.contains(facts.name.as_str()) && !is_left(facts) {
            let note = match owner_of_stack(&facts.name) {
                Some(tool) => format!("belongs to {tool}; left alone"),
                None => {
                    "no baseline of the plan asks for it, and orgstrap did not make it; left alone"
                        .to_owned()
                }
            };
            found.unmanaged("stack set", &facts.id, &facts.name, note);
        }
    }
}
