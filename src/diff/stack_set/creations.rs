//! Instances that are not there: of a set that is brought up, of accounts that lack them, and of accounts that join.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Imports;
use super::instances::{self, Instances};
use super::{Reach, Set};
use crate::action;
use crate::addr::{Address, Expr};
use crate::change::Verb;
use crate::diff::account::prepare;
use crate::diff::builder::{DiffBuilder, set, tag_fields};
use crate::diff::context::{Standing, account, marked};
use crate::diff::recorder::Met;
use crate::plan::{AccountKey, OuPath, Region, StackName};

impl<'a, 'c> Set<'a, 'c> {
    /// The set and all its stages, where nothing is there yet.
    pub(super) fn bring_up(&self, found: &mut DiffBuilder) {
        let tags = marked(&self.desired.tags);
        let mut fields = vec![
            set("name", self.desired.full_name.as_str()),
            set("description", self.desired.description.as_str()),
        ];
        let parameters = self.desired.parameters.iter();
        fields.extend(parameters.map(|(key, v)| set(&format!("parameter {key}"), v.clone())));
        fields.extend(tag_fields(&tags));
        let mut needs = self.desired.needs.clone();
        needs.insert(Address::StackSetsAccess);
        let action = action::CreateStackSet(self.action(tags));
        found
            .change(self.address(), Verb::Create, "not there", fields, action)
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
                regions: self.desired.regions.clone(),
                expect,
                leaving: BTreeMap::new(),
                lacking: BTreeMap::new(),
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
                let free = self.desired.regions.iter();
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
        found: &mut DiffBuilder,
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
            leaving: BTreeMap::new(),
            lacking: BTreeMap::new(),
        };
        let address = Address::RolloutTo(self.name.clone(), key.clone());
        let reason = "what is there already leaves only these Regions";
        self.create_instances(found, &address, &reach, met, reason, after);
    }

    /// One creation of instances; its accounts must be ready and in their OUs.
    fn create_instances(
        &self,
        found: &mut DiffBuilder,
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
        needs.extend(self.passing(found, &reach.ous));
        needs.extend(self.earlier_stacks(&reach.expect));
        // Removed as late as can be, and only if what comes in its place can come.
        let mut removals = BTreeSet::new();
        for key in &reach.expect {
            let (ctx, successor) = (self.ctx, self.successor());
            removals.extend(met.remove(ctx, found, key, &reach.regions, &successor, &needs));
        }
        for removal in &removals {
            found.begins(removal, [address.clone()]);
        }
        needs.extend(removals);
        let mut targets = self.targets(reach);
        let mut fields = Self::target_fields(reach);
        if !reach.leaving.is_empty() {
            let keys: Vec<String> = reach.leaving.keys().map(ToString::to_string).collect();
            let accounts = keys.join(", ");
            fields.push(set("after AWS has deleted their former stacks", accounts));
        }
        if reach.only.is_empty() {
            for stranger in met.strangers_in(&reach.ous) {
                targets.except.push(Expr::literal(stranger.as_str()));
                fields.push(set("left out too", stranger.as_str()));
            }
            for key in met.passing(self.ctx, &reach.ous) {
                if !reach.expect.contains(&key) && !reach.except.contains(&key) {
                    targets.except.push(account(key));
                    fields.push(set("left out too", key.as_str()));
                }
            }
        }
        let action = action::CreateStackInstances {
            name: self.desired.full_name.clone(),
            targets,
        };
        found
            .change(address.clone(), Verb::Create, reason, fields, action)
            .extend(needs);
    }

    /// What brings these accounts the stacks of the sets after which this one comes.
    fn earlier_stacks(&self, keys: &[&AccountKey]) -> BTreeSet<Address> {
        let sets: Vec<_> = self.before_it().collect();
        let each = keys.iter().flat_map(|key| {
            let to = |name: &&StackName| Address::RolloutTo((*name).clone(), (*key).clone());
            sets.iter().map(to).collect::<Vec<_>>()
        });
        each.collect()
    }

    /// The moves of accounts that lie in these OUs and are to lie elsewhere: a target that is new would give them
    /// stacks, and take them away again as soon as they move.
    fn passing(&self, found: &DiffBuilder, ous: &[&OuPath]) -> BTreeSet<Address> {
        let paths = self.ctx.ous.as_ref().ok().map(|ous| &ous.paths);
        let lies_there = |key: &AccountKey| {
            let Standing::Present(facts) = self.ctx.standing(key) else {
                return false;
            };
            let path = paths.and_then(|paths| paths.get(facts.parent.as_str()));
            path.is_some_and(|path| ous.iter().any(|ou| ou.contains(path)))
        };
        let moves = found
            .changes
            .keys()
            .filter(|address| matches!(address, Address::Placement(key) if lies_there(key)));
        moves.cloned().collect()
    }

    /// Instances that are not there: of stages whose OUs are no targets yet, of accounts that lost
    /// theirs, and of accounts that join.
    pub(super) fn complete(
        &self,
        found: &mut DiffBuilder,
        there: &Instances<'_>,
        met: &Met<'_>,
        imports: &Imports<'_>,
        after: Vec<Address>,
    ) {
        let mut needs = after.clone();
        let mut made = Vec::new();
        for (number, reach, first) in there.creations(self.stages, self.desired) {
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
            if reach
                .only
                .iter()
                .chain(&reach.expect)
                .any(|key| there.inoperable.contains_key(key))
            {
                let forgotten = Address::Forget(self.name.clone());
                found.begins(&forgotten, [address.clone()]);
            }
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
                regions: self.desired.regions.clone(),
                expect: keys.to_vec(),
                leaving: BTreeMap::from([(*key, leaving.clone())]),
                lacking: BTreeMap::new(),
            };
            prepare(self.ctx, found, key, "it is to get stack instances");
            let mut needs = self.base_needs();
            needs.extend(after.iter().cloned());
            needs.insert(Address::Access((*key).clone()));
            needs.insert(Address::Placement((*key).clone()));
            needs.extend(self.earlier_stacks(&keys));
            // Auto-deployment begins with the move, so what stands in its way goes before that; and only if the
            // account can be moved.
            let move_there = Address::Placement((*key).clone());
            let move_needs = match found.changes.get(&move_there) {
                Some(change) => change.all_needs(),
                None => BTreeSet::from([move_there.clone()]),
            };
            let (ctx, regions, successor) = (self.ctx, &self.desired.regions, self.successor());
            let removals = met.remove(ctx, found, key, regions, &successor, &move_needs);
            if let Some(change) = found.changes.get_mut(&move_there) {
                change.needs.extend(removals.iter().cloned());
            }
            for removal in &removals {
                let joined = Address::RolloutTo(self.name.clone(), (*key).clone());
                found.begins(removal, [move_there.clone(), joined]);
            }
            needs.extend(removals);
            let action = action::CreateStackInstances {
                name: self.desired.full_name.clone(),
                targets: self.targets(&reach),
            };
            let fields = Self::target_fields(&reach);
            let address = Address::RolloutTo(self.name.clone(), (*key).clone());
            let reason = "the account joins the set's OUs";
            found
                .change(address, Verb::Create, reason, fields, action)
                .extend(needs);
        }
    }
}
