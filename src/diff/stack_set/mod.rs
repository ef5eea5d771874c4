//! Service-managed stack sets: brought up stage by stage, updated stage by stage with
//! auto-deployment held back, mended where instances are missing, outdated or inoperable.
//!
//! A template changes for the whole set at once, targets or not; what is not targeted becomes
//! OUTDATED. So an interrupted staged update shows itself: the template is the new one, some
//! instances are OUTDATED, auto-deployment is off. It is finished like any other OUTDATED
//! instances are mended, and then auto-deployment goes on again.

mod fate;
mod imports;
mod instances;

use std::collections::{BTreeMap, BTreeSet};

pub use fate::{Fate, fates};
use imports::Imports;
use instances::Instances;

use super::account::prepare;
use super::context::{Context, account, marked, ou};
use super::document::same_template;
use super::findings::{Findings, becomes, missing_tags, set, tag_fields};
use super::recorder::{Brought, Met};
use super::stack::{merged, parameters};
use super::stages::Stages;
use super::tools::owner_of_stack;
use crate::baseline::WantedStackSet;
use crate::change::{Act, Address, FieldChange, StackSetAct, Successor, Text, Verb, Wave};
use crate::inventory::{AccountRegion, AutoDeployment, InstanceFacts, OuId, Seen, StackSetFacts};
use crate::plan::{AccountKey, OuPath, Region, StackName, Tags};

pub(super) fn compare(ctx: &Context<'_>, found: &mut Findings) {
    let governed = governed(ctx);
    let nothing = BTreeMap::new();
    let have = match (&ctx.inventory.stack_sets, ctx.organization) {
        (_, None) => &nothing,
        (Seen::Known(have), Some(_)) => have,
        (Seen::Unread(unread), Some(_)) => {
            for name in ctx.wanted.stack_sets.keys() {
                found.unread(Address::StackSet(name.clone()), unread);
            }
            return;
        }
    };
    for (name, wanted) in &ctx.wanted.stack_sets {
        let stages =
            Stages::of(ctx.plan, &wanted.except).without(|path| governed.contains_key(path));
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
            wanted,
        };
        match have.get(&wanted.full_name) {
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
    wanted: &'a WantedStackSet,
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
    leaving: BTreeSet<OuId>,
}

impl<'a, 'c> Set<'a, 'c> {
    fn address(&self) -> Address {
        Address::StackSet(self.name.clone())
    }

    fn brought(&self) -> Brought<'a> {
        Brought {
            template: &self.wanted.template,
            parameters: &self.wanted.parameters,
            existing: self.wanted.existing_recorders,
        }
    }

    /// What is met where the set has no instances yet: stacks that the plan names for it, and recorders
    /// elsewhere.
    fn met(
        &self,
        found: &mut Findings,
        have: Option<&BTreeMap<AccountRegion, InstanceFacts>>,
        imports: &Imports<'c>,
    ) -> Met<'c> {
        let brought = self.brought();
        let places = self.ctx.inventory.recorders.keys().filter(|at| {
            self.wanted.regions.contains(&at.region)
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
            retain_on_removal: self.wanted.retain_on_removal,
        }
    }

    fn act(&self, tags: Tags) -> StackSetAct {
        StackSetAct {
            name: self.wanted.full_name.clone(),
            description: self.wanted.description.clone(),
            template: self.wanted.template.clone(),
            parameters: self.wanted.parameters.clone(),
            capabilities: self.wanted.capabilities.clone(),
            tags,
            auto_deployment: self.auto_deployment(true),
        }
    }

    fn wave(&self, reach: &Reach<'_>) -> Wave {
        let accounts = |keys: &[&AccountKey]| keys.iter().map(|key| account(key)).collect();
        Wave {
            ous: reach.ous.iter().map(|path| ou(path)).collect(),
            accounts: accounts(&reach.only),
            except: accounts(&reach.except),
            regions: reach.regions.clone(),
            max_concurrent: self.ctx.plan.rollout.max_concurrent,
            failure_tolerance: self.ctx.plan.rollout.failure_tolerance,
            expect: accounts(&reach.expect),
            leaving: reach.leaving.clone(),
        }
    }

    /// What every operation on instances waits for besides its own stage order.
    fn base_needs(&self) -> BTreeSet<Address> {
        let mut needs = self.wanted.needs.clone();
        needs.insert(Address::StackSetsAccess);
        needs.insert(self.address());
        needs
    }

    fn wave_fields(reach: &Reach<'_>) -> Vec<FieldChange> {
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

    /// The set and all its stages, where nothing is there yet.
    fn bring_up(&self, found: &mut Findings) {
        let tags = marked(&self.wanted.tags);
        let mut fields = vec![
            set("name", self.wanted.full_name.as_str()),
            set("description", self.wanted.description.as_str()),
        ];
        let parameters = self.wanted.parameters.iter();
        fields.extend(parameters.map(|(key, v)| set(&format!("parameter {key}"), v.clone())));
        fields.extend(tag_fields(&tags));
        let mut needs = self.wanted.needs.clone();
        needs.insert(Address::StackSetsAccess);
        let act = Act::CreateStackSet(self.act(tags));
        found
            .change(self.address(), Verb::Create, "not there", fields, act)
            .extend(needs);
        let imports = Imports::of(self, found, None, |_| false);
        let met = self.met(found, None, &imports);
        let mut before: Option<Address> = None;
        for (&number, targets) in &self.stages.by_number {
            let (except, expect): (Vec<_>, Vec<_>) = targets
                .accounts
                .iter()
                .filter(|key| instances::expected(self.ctx, key))
                .partition(|key| met.left_out.contains_key(key));
            let reach = Reach {
                ous: targets.ous.iter().collect(),
                only: vec![],
                except: except.clone(),
                regions: self.wanted.regions.clone(),
                expect,
                leaving: BTreeSet::new(),
            };
            let reason = format!("stage {number} of the rollout has no instances yet");
            let mut address = self.rollout(number);
            let needs: Vec<Address> = before.clone().into_iter().collect();
            if reach.reaches_nobody() {
                address = before.clone().unwrap_or_else(|| self.address());
            } else {
                self.create_instances(found, &address, &reach, &met, &reason, &needs);
                found.bring_up.insert(address.clone());
            }
            for key in except {
                let taken = met.left_out.get(key);
                let free = self.wanted.regions.iter();
                let free = free.filter(|at| taken.is_none_or(|taken| !taken.contains(at)));
                let ous = targets.ous.iter();
                let planned = self.ctx.plan.accounts.get(key);
                let above = ous.filter(|ou| planned.is_some_and(|p| ou.contains(&p.ou)));
                self.other_regions(
                    found,
                    key,
                    above.collect(),
                    free.cloned().collect(),
                    &met,
                    std::slice::from_ref(&address),
                );
            }
            imports.add(self, found, number, std::slice::from_ref(&address));
            before = Some(address);
        }
    }

    /// The Regions of an account in which nothing stands in the way.
    fn other_regions(
        &self,
        found: &mut Findings,
        key: &AccountKey,
        ous: Vec<&OuPath>,
        regions: BTreeSet<Region>,
        met: &Met<'_>,
        after: &[Address],
    ) {
        if regions.is_empty() {
            return;
        }
        let reach = Reach {
            ous,
            only: vec![key],
            except: vec![],
            regions,
            expect: vec![key],
            leaving: BTreeSet::new(),
        };
        let address = Address::RolloutTo(self.name.clone(), key.clone());
        let reason = "what is there already leaves only these Regions";
        self.create_instances(found, &address, &reach, met, reason, after);
    }

    /// One creation of instances; its accounts must be ready and in their OUs.
    fn create_instances(
        &self,
        found: &mut Findings,
        address: &Address,
        reach: &Reach<'_>,
        met: &Met<'_>,
        reason: &str,
        after: &[Address],
    ) {
        let mut needs = self.base_needs();
        needs.extend(after.iter().cloned());
        for key in &reach.expect {
            prepare(self.ctx, found, key, "it is to get stack instances");
            needs.insert(Address::Access((*key).clone()));
            needs.insert(Address::Placement((*key).clone()));
        }
        // Removed as late as can be, and only if what comes in its place can come.
        let mut removals = BTreeSet::new();
        for key in &reach.expect {
            let (ctx, successor) = (self.ctx, self.successor());
            removals.extend(met.remove(ctx, found, key, &reach.regions, &successor, &needs));
        }
        needs.extend(removals);
        let mut wave = self.wave(reach);
        let mut fields = Self::wave_fields(reach);
        if reach.only.is_empty() {
            for stranger in met.strangers_in(&reach.ous) {
                wave.except.push(Text::literal(stranger.as_str()));
                fields.push(set("left out too", stranger.as_str()));
            }
            for key in met.passing(self.ctx, &reach.ous) {
                if !reach.expect.contains(&key) && !reach.except.contains(&key) {
                    wave.except.push(account(key));
                    fields.push(set("left out too", key.as_str()));
                }
            }
        }
        let act = Act::CreateStackInstances {
            name: self.wanted.full_name.clone(),
            wave,
        };
        found
            .change(address.clone(), Verb::Create, reason, fields, act)
            .extend(needs);
    }

    fn existing(&self, found: &mut Findings, facts: &StackSetFacts) {
        if !facts.service_managed {
            found.state(
                self.address(),
                format!(
                    "the stack set {} is self-managed, and baselines need a service-managed one",
                    facts.name
                ),
                Some("delete it, or choose another `prefix` in [organization]".to_owned()),
            );
            return;
        }
        let have = match &facts.instances {
            Seen::Known(have) => have,
            Seen::Unread(unread) => {
                found.unread(self.address(), unread);
                return;
            }
        };
        let mut there = Instances::of(self.ctx, self.stages, self.wanted, facts, have);
        let joins = |key: &AccountKey| there.joining.contains_key(key);
        let imports = Imports::of(self, found, Some(have), joins);
        let met = self.met(found, Some(have), &imports);
        there.leave_out(&met.left_out);
        for (key, regions) in imports.places() {
            there.import_again(key, regions);
        }
        let tags = marked(&self.wanted.tags);
        let fields = self.differences(found, facts, &tags);
        let auto = facts.auto_deployment;
        let held = !auto.is_some_and(|auto| auto.enabled);
        let retain = auto.is_none_or(|a| a.retain_on_removal == self.wanted.retain_on_removal);

        // Which stages are updated: all that have instances, or only those with outdated ones.
        let updates = there.updates(self.stages, !fields.is_empty());
        let whole = !fields.is_empty() && updates.is_empty();
        let hold = !held && !fields.is_empty() && updates.len() > 1;
        let release = hold || held;

        self.settings(found, facts, retain || release);
        if hold {
            self.toggle(found, false, "a staged update begins", &self.base_needs());
        }
        let act = self.act(merged(tags, &facts.tags));
        let mut needs = self.base_needs();
        needs.insert(Address::RolloutHold(self.name.clone()));
        let mut after: Vec<Address> = Vec::new();
        if whole {
            let (number, reach) = (self.first_stage(), Reach::nothing());
            after.push(self.update_instances(found, number, &reach, &act, &fields, &needs));
        }
        for (number, reach) in &updates {
            needs.extend(after.last().cloned());
            let address = self.update_instances(found, *number, reach, &act, &fields, &needs);
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
            let mut needs = self.base_needs();
            needs.extend(after.iter().cloned());
            self.toggle(found, true, reason, &needs);
            after.push(Address::RolloutRelease(self.name.clone()));
        }
        self.forget(found, &there);
        after.push(Address::Forget(self.name.clone()));
        self.take_away(found, &there, &after);
        self.complete(found, &there, &met, &imports, after);
        self.report_strays(found, facts, &there);
    }

    fn successor(&self) -> Successor {
        Successor::StackSet(self.wanted.full_name.clone())
    }

    fn first_stage(&self) -> u16 {
        self.stages.by_number.keys().next().copied().unwrap_or(1)
    }

    /// What an update of template, parameters and tags would change.
    fn differences(
        &self,
        found: &Findings,
        facts: &StackSetFacts,
        tags: &Tags,
    ) -> Vec<FieldChange> {
        let mut fields = Vec::new();
        if !same_template(&facts.template, &self.wanted.template) {
            let after = self.wanted.template.as_str();
            fields.push(becomes("template", &facts.template, after));
        }
        let wanted = &self.wanted.parameters;
        fields.extend(parameters(wanted, &facts.parameters, &found.bindings));
        fields.extend(missing_tags(tags, &facts.tags).1);
        if !self.wanted.capabilities.is_subset(&facts.capabilities) {
            let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
            let (before, after) = (list(&facts.capabilities), list(&self.wanted.capabilities));
            fields.push(becomes("capabilities", before, after));
        }
        fields
    }

    /// Settings that carry no template; auto-deployment only where no hold or release sets it.
    fn settings(&self, found: &mut Findings, facts: &StackSetFacts, retain_is_right: bool) {
        let mut fields = Vec::new();
        if !facts.managed_execution {
            fields.push(becomes("managed execution", "off", "on"));
        }
        if !retain_is_right {
            let word = |retain: bool| {
                if retain {
                    "keep stacks"
                } else {
                    "delete stacks"
                }
            };
            let wanted = self.wanted.retain_on_removal;
            fields.push(becomes("accounts that leave", word(!wanted), word(wanted)));
        }
        if fields.is_empty() {
            return;
        }
        let act = Act::UpdateStackSetSettings {
            name: self.wanted.full_name.clone(),
            auto_deployment: (!retain_is_right).then(|| self.auto_deployment(true)),
            managed_execution: (!facts.managed_execution).then_some(true),
        };
        found
            .change(
                self.address(),
                Verb::Update,
                "differs from the plan",
                fields,
                act,
            )
            .insert(Address::StackSetsAccess);
    }

    fn toggle(&self, found: &mut Findings, on: bool, reason: &str, needs: &BTreeSet<Address>) {
        let (address, before, after) = if on {
            (Address::RolloutRelease(self.name.clone()), "off", "on")
        } else {
            (Address::RolloutHold(self.name.clone()), "on", "off")
        };
        let act = Act::UpdateStackSetSettings {
            name: self.wanted.full_name.clone(),
            auto_deployment: Some(self.auto_deployment(on)),
            managed_execution: None,
        };
        let fields = vec![becomes("auto-deployment", before, after)];
        found
            .change(address, Verb::Update, reason, fields, act)
            .extend(needs.iter().cloned());
    }

    fn update_instances(
        &self,
        found: &mut Findings,
        number: u16,
        reach: &Reach<'_>,
        act: &StackSetAct,
        fields: &[FieldChange],
        needs: &BTreeSet<Address>,
    ) -> Address {
        let address = Address::RolloutUpdate(self.name.clone(), number);
        let (reason, fields) = if fields.is_empty() {
            let reason = "instances are outdated: an operation failed or was interrupted";
            (reason, Self::wave_fields(reach))
        } else {
            ("differs from the plan", fields.to_vec())
        };
        let act = Act::UpdateStackInstances {
            set: act.clone(),
            wave: self.wave(reach),
        };
        let own = found.change(address.clone(), Verb::Update, reason, fields, act);
        own.extend(needs.iter().cloned());
        own.extend(placements(&reach.expect));
        address
    }

    fn forget(&self, found: &mut Findings, there: &Instances<'_>) {
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
            leaving: BTreeSet::new(),
        };
        let placed: Vec<Address> = placements(&reach.only).collect();
        let act = Act::ForgetStackInstances {
            name: self.wanted.full_name.clone(),
            wave: self.wave(&reach),
        };
        let reason = "AWS calls these instances INOPERABLE; their stacks are kept and they are \
                      made anew";
        let fields = Self::wave_fields(&reach);
        let address = Address::Forget(self.name.clone());
        found
            .change(address, Verb::Delete, reason, fields, act)
            .extend(self.base_needs().into_iter().chain(placed));
    }

    /// Instances that are not there: of stages whose OUs are no targets yet, of accounts that lost
    /// theirs, and of accounts that join.
    fn complete(
        &self,
        found: &mut Findings,
        there: &Instances<'_>,
        met: &Met<'_>,
        imports: &Imports<'_>,
        after: Vec<Address>,
    ) {
        let mut needs = after.clone();
        let mut made = Vec::new();
        for (number, reach, first) in there.creations(self.stages, self.wanted) {
            let (address, reason) = if first {
                let reason = format!("stage {number} of the rollout is not complete");
                (self.rollout(number), reason)
            } else {
                let reason = format!("instances of stage {number} are missing");
                (Address::RolloutRepair(self.name.clone(), number), reason)
            };
            if reach.reaches_nobody() {
                continue;
            }
            self.create_instances(found, &address, &reach, met, &reason, &needs);
            if first {
                found.bring_up.insert(address.clone());
            }
            needs.push(address.clone());
            made.push((number, address));
        }
        for stage in imports.stages() {
            let rolled_out = made.iter().filter(|(number, _)| *number <= stage);
            let needs: Vec<Address> = rolled_out.map(|(_, address)| address.clone()).collect();
            imports.add(self, found, stage, &[after.clone(), needs].concat());
        }
        for (&key, regions) in &there.apart {
            let ous = there.ous_of(&[key]);
            self.other_regions(found, key, ous, regions.clone(), met, &needs);
        }
        for (key, leaving) in &there.joining {
            let keys = [*key];
            let reach = Reach {
                ous: there.ous_of(&keys),
                only: keys.to_vec(),
                except: vec![],
                regions: self.wanted.regions.clone(),
                expect: keys.to_vec(),
                leaving: leaving.clone(),
            };
            prepare(self.ctx, found, key, "it is to get stack instances");
            let mut needs = self.base_needs();
            needs.extend(after.iter().cloned());
            needs.insert(Address::Access((*key).clone()));
            needs.insert(Address::Placement((*key).clone()));
            // Auto-deployment begins with the move, so what stands in its way goes before that; and only if the
            // account can be moved.
            let move_there = Address::Placement((*key).clone());
            let move_needs = match found.changes.get(&move_there) {
                Some(change) => change.all_needs(),
                None => BTreeSet::from([move_there.clone()]),
            };
            let (ctx, regions, successor) = (self.ctx, &self.wanted.regions, self.successor());
            let removals = met.remove(ctx, found, key, regions, &successor, &move_needs);
            if let Some(change) = found.changes.get_mut(&move_there) {
                change.needs.extend(removals.iter().cloned());
            }
            needs.extend(removals);
            let act = Act::CreateStackInstances {
                name: self.wanted.full_name.clone(),
                wave: self.wave(&reach),
            };
            let fields = Self::wave_fields(&reach);
            let address = Address::RolloutTo(self.name.clone(), (*key).clone());
            let reason = "the account joins the set's OUs";
            found
                .change(address, Verb::Create, reason, fields, act)
                .extend(needs);
        }
    }

    /// Instances of accounts that are no longer to have any.
    fn take_away(&self, found: &mut Findings, there: &Instances<'_>, after: &[Address]) {
        for (key, regions) in &there.leftover {
            let mut needs = self.base_needs();
            needs.extend(after.iter().cloned());
            needs.insert(Address::Placement((*key).clone()));
            let retain = self.wanted.retain_on_removal;
            let act = Act::RemoveStackInstances {
                name: self.wanted.full_name.clone(),
                account: account(key),
                retain,
            };
            let list: Vec<String> = regions.iter().map(ToString::to_string).collect();
            let fate = if retain { "are kept" } else { "are deleted" };
            let fields = vec![becomes("regions", list.join(", "), ""), set("stacks", fate)];
            let address = Address::RolloutFrom(self.name.clone(), (*key).clone());
            let reason = "the account leaves the set's OUs";
            found
                .change(address, Verb::Delete, reason, fields, act)
                .extend(needs);
        }
    }

    fn report_strays(&self, found: &mut Findings, facts: &StackSetFacts, there: &Instances<'_>) {
        for region in &there.other_regions {
            found.unmanaged(
                "stack instances",
                format!("{}/{region}", facts.id),
                format!("{} in {region}", facts.name),
                "the Region is not governed; left alone",
            );
        }
        for target in &there.other_targets {
            found.unmanaged(
                "stack set target",
                format!("{}/{target}", facts.id),
                format!("{} on {}", facts.name, self.ctx.parent_name(target)),
                "not a target in the plan; left alone",
            );
        }
    }
}

/// Whether an update of instances, by its fields, brings the set as it is to those that are behind, and
/// changes nothing of the set itself.
pub(super) fn is_mending(fields: &[FieldChange]) -> bool {
    let where_to = ["ous", "accounts", "regions"];
    fields
        .iter()
        .all(|field| where_to.contains(&field.field.as_str()))
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
            leaving: BTreeSet::new(),
        }
    }
}

/// Accounts that move are found through the OU that they move to.
fn placements(keys: &[&AccountKey]) -> impl Iterator<Item = Address> {
    keys.iter().map(|key| Address::Placement((*key).clone()))
}

/// Stack sets under the prefix that no baseline of the plan asks for.
fn unmanaged(ctx: &Context<'_>, found: &mut Findings, have: &BTreeMap<String, StackSetFacts>) {
    let wanted: BTreeSet<&str> = ctx
        .wanted
        .stack_sets
        .values()
        .map(|set| set.full_name.as_str())
        .collect();
    for facts in have.values() {
        if !wanted.contains(facts.name.as_str()) {
            let note = match owner_of_stack(&facts.name) {
                Some(tool) => format!("belongs to {tool}; left alone"),
                None => "no baseline of the plan asks for it; left alone".to_owned(),
            };
            found.unmanaged("stack set", &facts.id, &facts.name, note);
        }
    }
}
