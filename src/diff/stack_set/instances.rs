//! What a stack set's instances come to, account by account and stage by stage.

use std::collections::{BTreeMap, BTreeSet};

use super::Reach;
use crate::baseline::DesiredStackSet;
use crate::diff::context::{Context, Standing};
use crate::diff::stages::Stages;
use crate::inventory::{AccountRegion, InstanceFacts, OuId, StackSetFacts};
use crate::plan::{AccountId, AccountKey, OuPath, Region};

/// Whether an account of the plan is to have instances: stack sets leave the management account
/// out, closed or suspended accounts would only fail, and those that another tool governs are its
/// business.
pub(super) fn expected(ctx: &Context<'_>, key: &AccountKey) -> bool {
    let parent = match ctx.standing(key) {
        Standing::Present(facts) => Some(facts.parent.as_str()),
        Standing::New => None,
        _ => return false,
    };
    let planned = ctx.plan.accounts.get(key);
    let goal = planned.and_then(|planned| ctx.ou(&planned.ou));
    let elsewhere = parent
        .into_iter()
        .chain(goal.map(|goal| goal.id.as_str()))
        .any(|id| ctx.governed.contains_key(id));
    !elsewhere && !ctx.is_management(key)
}

pub(super) struct Instances<'a> {
    /// The accounts of each stage whose OU is a target already, with their missing Regions.
    missing: BTreeMap<u16, BTreeMap<&'a AccountKey, BTreeSet<Region>>>,
    /// The Regions in which an account has nothing that an operation could update, whatever makes it.
    lacking: BTreeMap<&'a AccountKey, BTreeSet<Region>>,
    outdated: BTreeMap<u16, BTreeSet<&'a AccountKey>>,
    /// Those of them whose last operation failed, perhaps because they lacked what an account is given before it gets
    /// stacks.
    pub(super) failed: BTreeSet<&'a AccountKey>,
    pub(super) inoperable: BTreeMap<&'a AccountKey, BTreeSet<Region>>,
    /// Accounts that are created in, or moved to, OUs that are targets already.
    /// With the targets that do not reach them any more.
    pub(super) joining: BTreeMap<&'a AccountKey, BTreeSet<OuId>>,
    /// Accounts that go to, or lie in, OUs that are no targets yet and have instances through targets that do not
    /// reach them there, with these targets: AWS takes the instances away, now or soon.
    leaving: BTreeMap<&'a AccountKey, BTreeSet<OuId>>,
    /// Accounts that are yet to move and have instances through targets that they leave, with these. AWS takes the
    /// instances away, but only while auto-deployment is on.
    pub(super) moving: BTreeMap<&'a AccountKey, BTreeSet<OuId>>,
    /// Accounts of the plan that are to have no instances and have some, with the Regions.
    pub(super) leftover: BTreeMap<&'a AccountKey, BTreeSet<Region>>,
    /// Those of them whose instances AWS could not take away: it calls them all INOPERABLE.
    pub(super) stuck: BTreeSet<&'a AccountKey>,
    /// Every account of each stage that is to have instances.
    expected: BTreeMap<u16, Vec<&'a AccountKey>>,
    /// Those that have at least one.
    having: BTreeSet<&'a AccountKey>,
    /// Stages in whose OUs any account has instances, also one that the plan does not name.
    inhabited: BTreeSet<u16>,
    /// Stages in which an account that the plan does not name has an OUTDATED instance.
    others_outdated: BTreeSet<u16>,
    /// The OUs of each stage that are no targets of the set yet.
    new_targets: BTreeMap<u16, Vec<&'a OuPath>>,
    stage_ou_of: BTreeMap<&'a AccountKey, &'a OuPath>,
    /// Accounts that something stands in the way in, so that operations on whole OUs leave them out.
    left_out: BTreeSet<&'a AccountKey>,
    /// The Regions of these in which nothing does.
    pub(super) apart: BTreeMap<&'a AccountKey, BTreeSet<Region>>,
    regions: BTreeSet<Region>,
    pub(super) other_regions: BTreeSet<Region>,
    pub(super) other_targets: BTreeSet<OuId>,
}

impl<'a> Instances<'a> {
    pub(super) fn of(
        ctx: &Context<'a>,
        stages: &'a Stages,
        desired: &DesiredStackSet,
        facts: &'a StackSetFacts,
        have: &BTreeMap<AccountRegion, InstanceFacts>,
    ) -> Self {
        let tree = Tree::of(ctx, facts, stages);
        let mut there = Instances {
            missing: BTreeMap::new(),
            lacking: BTreeMap::new(),
            outdated: BTreeMap::new(),
            failed: BTreeSet::new(),
            inoperable: BTreeMap::new(),
            joining: BTreeMap::new(),
            leaving: BTreeMap::new(),
            moving: BTreeMap::new(),
            leftover: BTreeMap::new(),
            stuck: BTreeSet::new(),
            expected: BTreeMap::new(),
            having: BTreeSet::new(),
            inhabited: BTreeSet::new(),
            others_outdated: BTreeSet::new(),
            new_targets: BTreeMap::new(),
            stage_ou_of: BTreeMap::new(),
            left_out: BTreeSet::new(),
            apart: BTreeMap::new(),
            regions: desired.regions.clone(),
            other_regions: BTreeSet::new(),
            other_targets: BTreeSet::new(),
        };
        for (&number, targets) in &stages.by_number {
            let mut new = Vec::new();
            for path in &targets.ous {
                let covered = !tree.now(tree.nearest(ctx, path)).is_empty();
                // A target below one that is there is reached, yet set apart by its stage.
                if !covered {
                    new.push(path);
                }
            }
            for key in targets.accounts.iter() {
                let Some((key, planned)) = ctx.plan.accounts.get_key_value(key) else {
                    continue;
                };
                let above = targets.ous.iter().find(|path| path.contains(&planned.ou));
                if let Some(above) = above {
                    there.stage_ou_of.insert(key, above);
                }
                if expected(ctx, key) {
                    there.expected.entry(number).or_default().push(key);
                    let awaited = above.is_some_and(|above| new.contains(&above));
                    there.account(ctx, &tree, desired, have, number, key, awaited);
                }
            }
            if !new.is_empty() {
                there.new_targets.insert(number, new);
            }
        }
        there.look_for_leftovers(ctx, &tree, have);
        there.look_at_all(ctx, stages, desired, have);
        let wanted_targets: BTreeSet<&str> = stages
            .by_number
            .values()
            .flat_map(|targets| &targets.ous)
            .filter_map(|path| ctx.ou(path).map(|ou| ou.id.as_str()))
            .collect();
        there.other_targets = facts
            .targets
            .iter()
            .filter(|id| !wanted_targets.contains(id.as_str()))
            .cloned()
            .collect();
        there
    }

    /// Forgets no instance of a place: what a failed import left there is imported again.
    pub(super) fn import_again(&mut self, key: &AccountKey, regions: &BTreeSet<Region>) {
        if let Some(inoperable) = self.inoperable.get_mut(key) {
            inoperable.retain(|region| !regions.contains(region));
        }
        self.inoperable.retain(|_, regions| !regions.is_empty());
    }

    /// Leaves accounts out of what is created, in the Regions where something stands in the way; their other
    /// Regions are set [`apart`](Self::apart).
    pub(super) fn leave_out(&mut self, places: &BTreeMap<&'a AccountKey, BTreeSet<Region>>) {
        for (&key, regions) in places {
            self.left_out.insert(key);
            // Auto-deployment goes to a joining account by itself, whatever is there.
            let joins = self.joining.remove(key).is_some();
            let mut free = BTreeSet::new();
            for missing in self.missing.values_mut() {
                free.extend(missing.remove(key).unwrap_or_default());
            }
            let above = self.stage_ou_of.get(key);
            let mut new = self.new_targets.values().flatten();
            if !joins && above.is_some_and(|above| new.any(|new| new == above)) {
                free.clone_from(&self.regions);
            }
            free.retain(|region| !regions.contains(region));
            if !free.is_empty() {
                self.apart.insert(key, free);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `of`, named")]
    fn account(
        &mut self,
        ctx: &Context<'a>,
        tree: &Tree<'_>,
        desired: &DesiredStackSet,
        have: &BTreeMap<AccountRegion, InstanceFacts>,
        number: u16,
        key: &'a AccountKey,
        awaited: bool,
    ) {
        let facts = match ctx.standing(key) {
            Standing::Present(facts) => facts,
            _ => {
                if !awaited {
                    self.joining.insert(key, BTreeSet::new());
                }
                return;
            }
        };
        let goal = ctx
            .plan
            .accounts
            .get(key)
            .and_then(|planned| ctx.parent_id(&planned.ou));
        let moves = goal != Some(facts.parent.as_str());
        let crossing = match ctx.plan.accounts.get(key) {
            Some(planned) if moves => tree.crossing(ctx, &facts.parent, &planned.ou),
            _ => Crossing::No,
        };
        // An instance that came through a target which does not reach the account any more: it has moved,
        // and AWS is at it, or will be.
        let leaving = match ctx.plan.accounts.get(key) {
            Some(planned) => tree.leaving(ctx, &planned.ou),
            None => BTreeSet::new(),
        };
        let left_through = desired.regions.iter().any(|region| {
            let at = AccountRegion {
                account: facts.id.clone(),
                region: region.clone(),
            };
            let through = have.get(&at).and_then(|instance| instance.ou.as_ref());
            through.is_some_and(|ou| leaving.contains(ou))
        });
        let stale = !moves && left_through;
        if moves && left_through {
            self.moving.insert(key, leaving.clone());
        }
        if awaited && left_through {
            self.leaving.insert(key, leaving);
        } else if (crossing != Crossing::No || stale) && !awaited {
            self.joining.insert(key, leaving);
        }
        // On a move between targets AWS takes the instances away, and those of an OU that is no
        // target yet come with it. What AWS calls INOPERABLE it cannot even take away.
        let taken = awaited || stale || crossing == Crossing::Surely;
        let mut lacking = BTreeSet::new();
        for region in &desired.regions {
            let at = AccountRegion {
                account: facts.id.clone(),
                region: region.clone(),
            };
            let instance = have.get(&at);
            match instance.map(|instance| instance.status.as_str()) {
                None => {
                    lacking.insert(region.clone());
                }
                Some("INOPERABLE") => {
                    lacking.insert(region.clone());
                    let regions = self.inoperable.entry(key).or_default();
                    regions.insert(region.clone());
                }
                Some(_) if taken => {}
                Some("OUTDATED") => {
                    self.having.insert(key);
                    self.outdated.entry(number).or_default().insert(key);
                    let detail = instance.and_then(|instance| instance.detailed_status.as_deref());
                    if detail == Some("FAILED") {
                        self.failed.insert(key);
                    }
                }
                Some(_) => {
                    self.having.insert(key);
                }
            }
        }
        if !lacking.is_empty() {
            self.lacking.insert(key, lacking.clone());
        }
        if !lacking.is_empty() && !awaited && !stale && crossing == Crossing::No {
            let stage = self.missing.entry(number).or_default();
            stage.insert(key, lacking);
        }
    }

    /// Instances of accounts whose OU the set leaves out, unless a target that somebody else added reaches
    /// it.
    fn look_for_leftovers(
        &mut self,
        ctx: &Context<'a>,
        tree: &Tree<'_>,
        have: &BTreeMap<AccountRegion, InstanceFacts>,
    ) {
        let mut workable = BTreeSet::new();
        for (at, instance) in have {
            let Some((key, planned)) = ctx
                .keys
                .get(&at.account)
                .and_then(|key| ctx.plan.accounts.get_key_value(key))
            else {
                continue;
            };
            let usable = matches!(ctx.standing(key), Standing::Present(_));
            let reached = self.stage_ou_of.contains_key(key)
                || !tree.now(tree.nearest(ctx, &planned.ou)).is_empty();
            if usable && !reached {
                let regions = self.leftover.entry(key).or_default();
                regions.insert(at.region.clone());
                if instance.status != "INOPERABLE" {
                    workable.insert(key);
                }
                let here = ctx
                    .account_facts(&at.account)
                    .map(|facts| facts.parent.as_str());
                if ctx.parent_id(&planned.ou) != here {
                    self.moving.insert(key, tree.leaving(ctx, &planned.ou));
                }
            }
        }
        let stuck = self.leftover.keys().copied();
        self.stuck = stuck.filter(|key| !workable.contains(key)).collect();
    }

    /// Whether an instance came through a target that its account leaves or has left.
    fn is_former(&self, ctx: &Context<'_>, at: &AccountRegion, instance: &InstanceFacts) -> bool {
        let Some(key) = ctx.keys.get(&at.account) else {
            return false;
        };
        let left = [&self.joining, &self.leaving, &self.moving];
        let mut targets = left.into_iter().filter_map(|accounts| accounts.get(key));
        let through = instance.ou.as_ref();
        through.is_some_and(|ou| targets.any(|targets| targets.contains(ou)))
    }

    /// What instances say whoever's they are.
    fn look_at_all(
        &mut self,
        ctx: &Context<'a>,
        stages: &Stages,
        desired: &DesiredStackSet,
        have: &BTreeMap<AccountRegion, InstanceFacts>,
    ) {
        let by_ou: BTreeMap<&str, u16> = stages
            .of_ou
            .iter()
            .filter_map(|(path, number)| Some((ctx.ou(path)?.id.as_str(), *number)))
            .collect();
        let all = ctx.inventory.ous.known();
        let mut stage_of: BTreeMap<&AccountId, Option<u16>> = BTreeMap::new();
        for (at, instance) in have {
            if !desired.regions.contains(&at.region) {
                self.other_regions.insert(at.region.clone());
                continue;
            }
            // What AWS is to take away is nothing that an operation finds.
            if self.is_former(ctx, at, instance) {
                continue;
            }
            let stage = *stage_of.entry(&at.account).or_insert_with(|| {
                let mut id = ctx.account_facts(&at.account)?.parent.as_str();
                loop {
                    match by_ou.get(id) {
                        Some(&number) => return Some(number),
                        None => id = all?.get(id)?.parent.as_str(),
                    }
                }
            });
            if let Some(stage) = stage {
                self.inhabited.insert(stage);
                if instance.status == "OUTDATED" && !ctx.keys.contains_key(&at.account) {
                    self.others_outdated.insert(stage);
                }
            }
        }
    }

    /// The updates, by stage: of everything where the set differs, else of what is outdated.
    pub(super) fn updates(&self, stages: &'a Stages, differs: bool) -> Vec<(u16, Reach<'a>)> {
        let mut updates = Vec::new();
        for (&number, targets) in &stages.by_number {
            let new = self.new_targets.get(&number);
            let registered: Vec<&OuPath> = targets
                .ous
                .iter()
                .filter(|path| !new.is_some_and(|new| new.contains(path)))
                .collect();
            let all = self.expected.get(&number).map_or(&[][..], Vec::as_slice);
            let having: Vec<&AccountKey> = all
                .iter()
                .copied()
                .filter(|key| self.having.contains(key))
                .collect();
            let outdated: Vec<&AccountKey> = self
                .outdated
                .get(&number)
                .into_iter()
                .flatten()
                .copied()
                .collect();
            let regions = self.regions.clone();
            // What is missing is made after, from the template as it is then.
            let lacking = |keys: &[&'a AccountKey]| {
                let keys = keys.iter();
                let of = |key: &&'a AccountKey| Some((*key, self.lacking.get(*key)?.clone()));
                keys.filter_map(of).collect()
            };
            if differs {
                // Accounts that come along with their instances inhabit a stage too.
                let inhabited = self.inhabited.contains(&number) || !having.is_empty();
                if inhabited && !registered.is_empty() {
                    updates.push((
                        number,
                        Reach {
                            ous: registered,
                            only: vec![],
                            except: vec![],
                            regions,
                            lacking: lacking(&having),
                            expect: having,
                            leaving: BTreeMap::new(),
                        },
                    ));
                }
            } else if !outdated.is_empty() {
                let everybody =
                    outdated.len() == all.len() || self.others_outdated.contains(&number);
                let (ous, only) = match everybody {
                    true => (registered, vec![]),
                    false => (self.ous_of(&outdated), outdated.clone()),
                };
                let reach = Reach {
                    ous,
                    only,
                    except: vec![],
                    regions,
                    lacking: lacking(&outdated),
                    expect: outdated,
                    leaving: BTreeMap::new(),
                };
                updates.push((number, reach));
            }
        }
        updates
    }

    /// The creations, by stage, and whether the stage is brought up for the first time.
    pub(super) fn creations(
        &self,
        stages: &'a Stages,
        desired: &DesiredStackSet,
    ) -> Vec<(u16, Reach<'a>, bool)> {
        let mut creations = Vec::new();
        for &number in stages.by_number.keys() {
            let new = self.new_targets.get(&number);
            let missing = self.missing.get(&number);
            let all = self.expected.get(&number).map_or(&[][..], Vec::as_slice);
            let lacking: Vec<&AccountKey> = missing
                .into_iter()
                .flat_map(|missing| missing.keys().copied())
                .collect();
            if let Some(new) = new {
                let ous: Vec<&OuPath> = new.clone();
                let reached = |key: &&AccountKey| {
                    let above = self.stage_ou_of.get(key);
                    above.is_some_and(|above| ous.contains(above))
                        && !self.joining.contains_key(key)
                };
                let (except, expect): (Vec<_>, Vec<&AccountKey>) = all
                    .iter()
                    .copied()
                    .filter(reached)
                    .partition(|key| self.left_out.contains(key));
                let leaving = expect
                    .iter()
                    .filter_map(|key| Some((*key, self.leaving.get(key)?.clone())))
                    .collect();
                creations.push((
                    number,
                    Reach {
                        only: vec![],
                        except,
                        regions: desired.regions.clone(),
                        expect,
                        leaving,
                        lacking: BTreeMap::new(),
                        ous,
                    },
                    true,
                ));
            }
            if !lacking.is_empty() {
                // A new Region for everybody is one operation without a list of all accounts.
                let whole = lacking.len() == all.len()
                    && lacking.iter().all(|key| self.having.contains(key));
                let regions = missing.into_iter().flat_map(BTreeMap::values).flatten();
                creations.push((
                    number,
                    Reach {
                        ous: self.ous_of(&lacking),
                        only: if whole { vec![] } else { lacking.clone() },
                        except: vec![],
                        regions: regions.cloned().collect(),
                        expect: lacking,
                        leaving: BTreeMap::new(),
                        lacking: BTreeMap::new(),
                    },
                    false,
                ));
            }
        }
        creations
    }

    /// The targets through which accounts are reached.
    pub(super) fn ous_of(&self, keys: &[&AccountKey]) -> Vec<&'a OuPath> {
        let ous: BTreeSet<&OuPath> = keys
            .iter()
            .filter_map(|key| self.stage_ou_of.get(key).copied())
            .collect();
        ous.into_iter().collect()
    }
}

/// Whether an account's move takes it from one target to another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Crossing {
    No,
    /// If the rollout's stages, which add targets, are made before the move.
    Perhaps,
    Surely,
}

/// The organization's tree, to see what lies below which target.
pub(super) struct Tree<'a> {
    parents: BTreeMap<&'a str, &'a str>,
    targets: BTreeSet<&'a str>,
    /// With those that the rollout's stages may add.
    later: BTreeSet<&'a str>,
    /// Those among them that are not there yet.
    new: Vec<&'a OuPath>,
}

impl<'a> Tree<'a> {
    pub(super) fn of(ctx: &Context<'a>, facts: &'a StackSetFacts, stages: &'a Stages) -> Self {
        let ous = ctx.inventory.ous.known();
        let parents = ous
            .into_iter()
            .flat_map(|ous| ous.values())
            .map(|facts| (facts.id.as_str(), facts.parent.as_str()))
            .collect();
        let targets: BTreeSet<&str> = facts.targets.iter().map(String::as_str).collect();
        let mut later = targets.clone();
        let mut new = Vec::new();
        for path in stages.by_number.values().flat_map(|stage| &stage.ous) {
            match ctx.ou(path) {
                Some(ou) => {
                    later.insert(ou.id.as_str());
                }
                None => new.push(path),
            }
        }
        Tree {
            parents,
            targets,
            later,
            new,
        }
    }

    /// The targets that reach what lies in an OU or the root.
    pub(super) fn now(&self, id: Option<&str>) -> BTreeSet<&'a str> {
        self.reaching(&self.targets, id)
    }

    /// Whether a move leaves or enters a target.
    fn crossing(&self, ctx: &Context<'a>, from: &str, to: &OuPath) -> Crossing {
        let nearest = self.nearest(ctx, to);
        let differ = |targets: &BTreeSet<&'a str>| {
            self.reaching(targets, Some(from)) != self.reaching(targets, nearest)
        };
        if differ(&self.targets) {
            Crossing::Surely
        } else if differ(&self.later) || self.new.iter().any(|path| path.contains(to)) {
            Crossing::Perhaps
        } else {
            Crossing::No
        }
    }

    /// The targets that an account leaves for good when it lies in this OU of the plan: those that neither
    /// reach it nor lie below one that does.
    fn leaving(&self, ctx: &Context<'a>, to: &OuPath) -> BTreeSet<OuId> {
        let reach = self.now(self.nearest(ctx, to));
        let left = |id: &&&str| self.now(Some(id)).is_disjoint(&reach);
        let others = self.targets.iter().filter(left);
        others.map(|id| (*id).to_owned()).collect()
    }

    fn reaching(&self, targets: &BTreeSet<&'a str>, id: Option<&str>) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut at = id;
        while let Some(here) = at {
            reached.extend(targets.get(here).copied());
            at = self.parents.get(here).copied();
        }
        reached
    }

    /// An OU of the plan; while it is not there, the one it will lie in, or the root.
    pub(super) fn nearest(&self, ctx: &Context<'a>, path: &OuPath) -> Option<&'a str> {
        let mut at = Some(path.clone());
        while let Some(here) = at {
            if let Some(facts) = ctx.ou(&here) {
                return Some(&facts.id);
            }
            at = here.parent();
        }
        ctx.organization
            .map(|organization| organization.root_id.as_str())
    }
}
