//! Organizational units: by path; renamed in place where the parent stays, never moved.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::{DiffBuilder, becomes, missing_tags, set, tag_fields};
use super::context::{Context, is_ours, marked, ou, root};
use super::left::short;
use crate::action::{self, Action, DeleteStackInstances};
use crate::addr::{Address, Target};
use crate::change::Verb;
use crate::inventory::{Observed, OuFacts, OuId};
use crate::plan::{OrgPlan, OuPath, Region, Tags};

/// Which OU of AWS is which of the plan.
pub(super) struct Ous<'a> {
    /// The plan's OUs that are there, also under the name they had before.
    pub(super) found: BTreeMap<&'a OuPath, &'a OuFacts>,
    /// Everything that the plan does not name, by id.
    pub(super) others: BTreeMap<&'a str, &'a OuFacts>,
    /// The path of every OU once the plan's renames are done, by id: what does not change while
    /// they are.
    pub(super) paths: BTreeMap<&'a str, OuPath>,
}

impl<'a> Ous<'a> {
    pub(super) fn none() -> Self {
        Ous {
            found: BTreeMap::new(),
            others: BTreeMap::new(),
            paths: BTreeMap::new(),
        }
    }

    pub(super) fn of(plan: &'a OrgPlan, ous: &'a BTreeMap<OuId, OuFacts>, root: &str) -> Self {
        let by_place: BTreeMap<(&str, &str), &OuFacts> = ous
            .values()
            .map(|facts| ((facts.parent.as_str(), facts.path.name()), facts))
            .collect();
        let mut found: BTreeMap<&OuPath, &OuFacts> = BTreeMap::new();
        // Paths sort parents first, so a parent is matched, whatever its name, before its children.
        for (path, planned) in &plan.ous {
            let parent = match path.parent() {
                None => Some(root),
                Some(parent) => found.get(&parent).map(|facts| facts.id.as_str()),
            };
            let Some(parent) = parent else { continue };
            let now = by_place.get(&(parent, path.name()));
            let before = planned
                .renamed_from
                .as_ref()
                .filter(|from| same_parent(plan, path, from) && !plan.ous.contains_key(from))
                .and_then(|from| by_place.get(&(parent, from.name())));
            if let Some(facts) = now.or(before) {
                found.insert(path, facts);
            }
        }
        let mut others: BTreeMap<&str, &OuFacts> = ous
            .values()
            .map(|facts| (facts.id.as_str(), facts))
            .collect();
        for facts in found.values() {
            others.remove(facts.id.as_str());
        }
        let mut paths: BTreeMap<&str, OuPath> = found
            .iter()
            .map(|(path, facts)| (facts.id.as_str(), (*path).clone()))
            .collect();
        let mut down: Vec<&OuFacts> = others.values().copied().collect();
        down.sort_by_key(|facts| facts.path.depth());
        for facts in down {
            let below = paths.get(facts.parent.as_str()).and_then(|above| {
                let mut segments = above.segments().to_vec();
                segments.push(facts.path.name().to_owned());
                OuPath::from_segments(segments).ok()
            });
            paths.insert(&facts.id, below.unwrap_or_else(|| facts.path.clone()));
        }
        Ous {
            found,
            others,
            paths,
        }
    }

    /// The path of an OU once the plan's renames are done.
    pub(super) fn path<'b>(&'b self, facts: &'b OuFacts) -> &'b OuPath {
        self.paths.get(facts.id.as_str()).unwrap_or(&facts.path)
    }
}

/// Whether an OU's former path lies where its path lies, its parent perhaps renamed as well.
fn same_parent(plan: &OrgPlan, path: &OuPath, from: &OuPath) -> bool {
    let parent = path.parent();
    let renamed = parent
        .as_ref()
        .and_then(|parent| plan.ous.get(parent))
        .and_then(|parent| parent.renamed_from.clone());
    from.parent() == parent || (renamed.is_some() && from.parent() == renamed)
}

pub(super) fn compare(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let ous = match &ctx.ous {
        Ok(ous) => ous,
        Err(unread) => {
            for path in ctx.plan.ous.keys() {
                found.unread(Address::Ou(path.clone()), unread);
            }
            return;
        }
    };
    for (path, planned) in &ctx.plan.ous {
        match ous.found.get(path) {
            Some(facts) => existing(ctx, found, path, facts),
            None => {
                let old = planned.renamed_from.as_ref();
                let elsewhere = old.filter(|old| ous.others.values().any(|o| &o.path == *old));
                let reason = match elsewhere {
                    Some(old) => format!(
                        "not in the organization; an OU cannot change its parent, so this one \
                         takes the place of {old}, its accounts move, and {old} stays until pruned"
                    ),
                    None => "not in the organization".to_owned(),
                };
                let tags = marked(&planned.tags);
                let parent = path.parent().map_or_else(root, |parent| ou(&parent));
                let shown = path.parent().map_or("root".to_owned(), |p| p.to_string());
                let mut fields = vec![set("parent", shown), set("name", path.name())];
                fields.extend(tag_fields(&tags));
                let address = Address::Ou(path.clone());
                if found.too_many_tags(&address, &tags, &Tags::new()) {
                    continue;
                }
                let action = action::CreateOu {
                    parent,
                    name: path.name().to_owned(),
                    tags,
                };
                found.change(address, Verb::Create, reason, fields, action);
            }
        }
    }
}

fn existing(ctx: &Context<'_>, found: &mut DiffBuilder, path: &OuPath, facts: &OuFacts) {
    let target = Target::Ou(path.clone());
    let planned = ctx.plan.ous.get(path);
    let desired = planned.map(|planned| &planned.tags);
    let renamed = facts.path.name() != path.name();
    let tool = ctx.governed.get(facts.id.as_str());
    if renamed {
        let address = Address::Ou(path.clone());
        match tool {
            Some(tool) => {
                found.state(
                    address.clone(),
                    format!("{tool} governs the OU {}", facts.path),
                    Some(format!("rename it with {tool}")),
                );
            }
            None => {
                found.change(
                    address,
                    Verb::Update,
                    "renamed in the plan",
                    vec![becomes("name", facts.path.name(), path.name())],
                    action::RenameOu {
                        id: facts.id.clone(),
                        name: path.name().to_owned(),
                    },
                );
            }
        }
    }
    let Some(desired) = desired.filter(|tags| !tags.is_empty()) else {
        return;
    };
    let address = Address::Tags(target);
    match &facts.tags {
        Observed::Unread(unread) => found.unread(address, unread),
        Observed::Known(have) => {
            let (lacking, fields) = missing_tags(desired, have);
            if lacking.is_empty() {
                return;
            }
            if let Some(tool) = tool {
                found.state(address, format!("{tool} governs the OU {path}"), None);
                return;
            }
            if found.too_many_tags(&address, desired, have) {
                return;
            }
            let action = action::Tag {
                resource: ou(path),
                set: lacking,
                remove: BTreeSet::new(),
            };
            found.change(address, Verb::Update, "tags differ", fields, action);
        }
    }
}

/// Reports the OUs that the plan does not name; with leave to prune, removes those that orgstrap
/// made and that are empty, or are emptied by this very run.
pub(super) fn prune(ctx: &Context<'_>, found: &mut DiffBuilder) {
    let (Ok(ous), Ok(accounts)) = (&ctx.ous, &ctx.accounts) else {
        return;
    };
    // What still lies in each OU: for each, the change that takes it away, if there is one.
    let mut inside: BTreeMap<&str, Vec<Option<Address>>> = BTreeMap::new();
    for facts in accounts.values() {
        let leaves = ctx
            .keys
            .get(&facts.id)
            .map(|k| Address::Placement(k.clone()));
        let leaves = leaves.filter(|address| found.changes.contains_key(address));
        inside.entry(&facts.parent).or_default().push(leaves);
    }
    for facts in ous.found.values() {
        inside.entry(&facts.parent).or_default().push(None);
    }
    // An OU that stack sets deploy to stays until what it gave to accounts is taken away: AWS does that by the OU.
    let rollouts: Vec<(Address, BTreeSet<String>)> = found
        .changes
        .values()
        .filter_map(|change| {
            if let Action::CreateStackInstances(created) = &change.action {
                let targets = created.targets.leaving.iter().flat_map(|one| &one.targets);
                return Some((change.address.clone(), targets.cloned().collect()));
            }
            let removes = matches!(change.action, Action::RemoveStackInstances(_));
            let all = || ous.others.keys().map(|id| (*id).to_owned()).collect();
            removes.then(|| (change.address.clone(), all()))
        })
        .collect();
    let leaving = |ou: &str| {
        let of = rollouts.iter().filter(|(_, targets)| targets.contains(ou));
        of.map(|(address, _)| address.clone()).collect::<Vec<_>>()
    };
    let mut others: Vec<&&OuFacts> = ous.others.values().collect();
    others.sort_by(|a, b| (b.path.depth(), &a.path).cmp(&(a.path.depth(), &b.path)));
    for facts in others {
        let ours = facts.tags.known().is_some_and(is_ours);
        let sets_unread = ctx.inventory.stack_sets.unread().is_some();
        let content = inside.remove(facts.id.as_str()).unwrap_or_default();
        let emptied: Option<BTreeSet<Address>> = content.iter().cloned().collect();
        let mut removed = None;
        let note = match (ours, ctx.options.prune, emptied) {
            (true, true, Some(_)) if sets_unread => Some(
                "made by orgstrap and no longer in the plan; not removed, because the stack sets could not be read, and one \
                 may have it as its target",
            ),
            (true, true, Some(needs)) => {
                let address = Address::Ou(ous.path(facts).clone());
                let mut needs: BTreeSet<Address> = needs;
                needs.extend(leaving(&facts.id));
                let targets = give_up(ctx, found, ous, facts, &needs);
                needs.extend(targets);
                found
                    .change(
                        address.clone(),
                        Verb::Delete,
                        "made by orgstrap, no longer in the plan, and empty",
                        vec![],
                        action::DeleteOu {
                            id: facts.id.clone(),
                        },
                    )
                    .extend(needs);
                removed = Some(address);
                None
            }
            (true, true, None) => Some(
                "made by orgstrap and no longer in the plan; not removed, because it is not empty",
            ),
            (true, false, _) => {
                Some("made by orgstrap and no longer in the plan; `--prune` removes it when empty")
            }
            (false, ..) if facts.tags.unread().is_some() => {
                Some("left alone; its tags could not be read, so who made it is not known")
            }
            (false, ..) => Some("not made by orgstrap; left alone"),
        };
        inside.entry(&facts.parent).or_default().push(removed);
        if let Some(note) = note {
            found.unmanaged("ou", &facts.id, facts.path.to_string(), note);
        }
    }
}

/// Has every stack set of orgstrap's own give up an OU that goes, when nothing lies in it any more: AWS takes no target
/// away whose OU is gone.
fn give_up(
    ctx: &Context<'_>,
    found: &mut DiffBuilder,
    ous: &Ous<'_>,
    ou: &OuFacts,
    emptied: &BTreeSet<Address>,
) -> BTreeSet<Address> {
    let mut given_up = BTreeSet::new();
    let sets = ctx.inventory.stack_sets.known().into_iter().flatten();
    for (name, facts) in sets {
        let instances = || facts.instances.known().into_iter().flatten();
        let mut through = instances().filter_map(|(_, instance)| instance.ou.as_ref());
        let is_target = facts.targets.contains(&ou.id) || through.any(|id| *id == ou.id);
        if !is_target || !facts.service_managed || !is_ours(&facts.tags) {
            continue;
        }
        let desired = ctx.desired.stack_sets.values();
        let desired = desired.filter(|desired| desired.full_name == *name);
        let mut regions: BTreeSet<Region> = desired.flat_map(|set| set.regions.clone()).collect();
        regions.extend(instances().map(|(at, _)| at.region.clone()));
        if regions.is_empty() {
            regions.insert(ctx.plan.organization.home_region.clone());
        }
        let list: Vec<String> = regions.iter().map(ToString::to_string).collect();
        let path = ous.path(ou);
        let fields = vec![
            becomes("target", path.to_string(), ""),
            becomes("regions", list.join(", "), ""),
        ];
        let action = Action::DeleteStackInstances(DeleteStackInstances {
            set: name.clone(),
            short: short(ctx.plan, name).to_owned(),
            targets: BTreeSet::from([ou.id.clone()]),
            accounts: BTreeSet::new(),
            regions,
            everywhere: true,
            retain: facts
                .auto_deployment
                .is_some_and(|auto| auto.retain_on_removal),
            gone: false,
            max_concurrent: ctx.plan.rollout.max_concurrent,
            failure_tolerance: ctx.plan.rollout.failure_tolerance,
        });
        let address = Address::StackSetTarget(name.clone(), path.clone());
        let reason = "the OU goes, and AWS takes no target away whose OU is gone";
        found
            .change(address.clone(), Verb::Delete, reason, fields, action)
            .extend(emptied.iter().cloned());
        given_up.insert(address);
    }
    given_up
}
