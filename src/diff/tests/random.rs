//! Random plans, and random harm done to organizations, from a seed.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::samples::*;
use super::simulate::{ROOT, current, known, member};
use super::simulate_stacks::leave_targets;
use crate::addr::OWNERSHIP_TAG;
use crate::baseline::{Desired, ExistingRecorders};
use crate::inventory::*;
use crate::plan::*;

const OUS: [&str; 7] = ["A", "A/B", "A/B/C", "A/D", "E", "F", "F/G"];

fn some<T: Clone>(rng: &mut Rng, all: &[T]) -> Vec<T> {
    all.iter().filter(|_| rng.u8(..4) == 0).cloned().collect()
}

/// A checked plan: what it names is there, and parents are there with their children.
pub(super) fn random_plan(rng: &mut Rng) -> OrgPlan {
    let mut plan = plan();
    let mut paths = vec![path("Security")];
    // Once in a while the first OU has another name than in the other plans.
    let renamed = rng.u8(..4) == 0;
    for text in OUS {
        let text = if renamed {
            text.replacen('A', "Z", 1)
        } else {
            text.to_owned()
        };
        let parent = path(&text).parent();
        if parent.is_none_or(|parent| paths.contains(&parent)) && rng.u8(..4) > 0 {
            paths.push(path(&text));
        }
    }
    let kinds = [
        PolicyType::ServiceControlPolicy,
        PolicyType::ResourceControlPolicy,
        PolicyType::TagPolicy,
    ];
    plan.policies = BTreeMap::new();
    for number in 0..4 {
        if rng.bool() {
            let mut one = scp(&format!("{{\"Statement\":[{}]}}", rng.u8(..3)));
            one.kind = kinds[rng.usize(..3)];
            one.tags = tags(&some(rng, &[("team", "core"), ("cost", "1")]));
            plan.policies.insert(policy(&format!("p{number}")), one);
        }
    }
    let keys: Vec<PolicyKey> = plan.policies.keys().cloned().collect();
    plan.organization.policies = some(rng, &keys).into_iter().collect();
    plan.ous = BTreeMap::new();
    for path in &paths {
        let mut ou = Ou {
            policies: some(rng, &keys).into_iter().collect(),
            tags: tags(&some(rng, &[("stage", "x"), ("team", "core")])),
            ..Ou::default()
        };
        if renamed && path.name() == "Z" {
            ou.renamed_from = Some("A".parse().unwrap());
        }
        plan.ous.insert(path.clone(), ou);
    }
    plan.accounts
        .retain(|key, _| ["log-archive", "security"].contains(&key.as_str()));
    for number in 0..6 {
        if rng.bool() {
            let text = format!("a{number}");
            let ou = paths[rng.usize(..paths.len())].to_string();
            let mut one = account(&text, &ou);
            one.policies = some(rng, &keys).into_iter().collect();
            one.tags = tags(&some(rng, &[("data", "secret"), ("unit", "pay")]));
            if rng.u8(..4) == 0 {
                let contact = Contact {
                    name: "Ops".to_owned(),
                    title: "Duty".to_owned(),
                    email: "ops@example.com".to_owned(),
                    phone: format!("+{}", rng.u8(..3)),
                };
                one.contacts.insert(ContactKind::Operations, contact);
            }
            if rng.u8(..3) == 0 {
                one.preparation = preparation(rng, number);
            }
            plan.accounts.insert(key(&text), one);
        }
    }
    plan.organization.centralized_root_access = rng.bool();
    if rng.u8(..4) == 0 {
        plan.opt_in_regions = BTreeSet::from([region("eu-central-2")]);
    }
    let any = |rng: &mut Rng| Stage::Ou(paths[rng.usize(..paths.len())].clone());
    plan.rollout.stages = match rng.u8(..5) {
        0 => vec![vec![Stage::Rest]],
        1 => vec![vec![any(rng)], vec![Stage::Rest]],
        2 => vec![vec![Stage::Rest], vec![any(rng)]],
        3 => vec![vec![any(rng)], vec![any(rng)]],
        _ => vec![vec![any(rng)], vec![any(rng)], vec![Stage::Rest]],
    };
    let services = ["ram", "sso", "ssm"].map(principal);
    plan.trusted_access = some(rng, &services).into_iter().collect();
    if rng.bool() {
        let keys = BTreeSet::from([key("security")]);
        plan.delegated_administrators.insert(principal("ssm"), keys);
    }
    plan
}

fn preparation(rng: &mut Rng, number: u8) -> Preparation {
    let policy = PasswordPolicy {
        minimum_password_length: rng.u32(8..12),
        ..PasswordPolicy::default()
    };
    let regions = ["eu-central-2", "me-south-1"].map(region);
    Preparation {
        alias: rng.bool().then(|| format!("alias-{number}")),
        password_policy: rng.bool().then_some(policy),
        opt_in_regions: some(rng, &regions).into_iter().collect(),
    }
}

/// What random baselines come to.
pub(super) fn random_wanted(rng: &mut Rng) -> Desired {
    let mut all = desired();
    if rng.u8(..4) == 0 {
        all.guardduty = None;
    }
    if rng.u8(..3) == 0 {
        let set = all.stack_sets.get_mut(&name("config-recorder")).unwrap();
        set.template = "Resources: {More: 1}\n".to_owned();
    }
    if rng.u8(..4) == 0 {
        let set = all.stack_sets.get_mut(&name("config-recorder")).unwrap();
        set.regions.remove(&region("us-east-1"));
    }
    if rng.bool() {
        let mut other = recorder();
        other.full_name = "orgstrap-other".to_owned();
        all.stack_sets.insert(name("other"), other);
    }
    if rng.u8(..4) == 0 {
        all.stack_sets.clear();
    }
    if rng.u8(..4) == 0 {
        let stack = all.stacks.values_mut().next().unwrap();
        stack.template.push_str("# more\n");
    }
    all
}

fn pick<'a, K: Ord, V>(rng: &mut Rng, map: &'a mut BTreeMap<K, V>) -> Option<&'a mut V> {
    let at = rng.usize(..map.len().max(1));
    map.values_mut().nth(at)
}

/// A stack set brings recorders, and some of the plan's accounts that have no instance of it have their own, which
/// are to be replaced.
pub(super) fn recorders_that_were_there(
    rng: &mut Rng,
    plan: &OrgPlan,
    desired: &mut Desired,
    inventory: &mut Inventory,
) {
    let Some(set) = desired.stack_sets.get_mut(&name("config-recorder")) else {
        return;
    };
    set.template = "Resources: {R: {Type: AWS::Config::ConfigurationRecorder}}\n".to_owned();
    set.existing_recorders = ExistingRecorders::Replace;
    let sets = known(&mut inventory.stack_sets);
    let instances = sets
        .get_mut(&set.full_name)
        .map(|set| known(&mut set.instances));
    let mut places = BTreeSet::new();
    for facts in known(&mut inventory.accounts).values() {
        let planned = plan.accounts.values().any(|one| one.name == facts.name);
        for region in &set.regions {
            let at = AccountRegion {
                account: facts.id.clone(),
                region: region.clone(),
            };
            let there = instances.as_ref().is_some_and(|all| all.contains_key(&at));
            if planned && !there && rng.bool() {
                places.insert(at);
            }
        }
    }
    for at in places {
        let facts = RecorderFacts {
            recorder: rng.bool().then(|| "mine".to_owned()),
            channel: rng.bool().then(|| "mine".to_owned()),
        };
        inventory.recorders.insert(at, Observed::Known(facts));
    }
}

/// One thing that people do by hand, or that fails halfway.
pub(super) fn disturb(rng: &mut Rng, inventory: &mut Inventory) {
    let ids: Vec<String> = known(&mut inventory.ous).keys().cloned().collect();
    let place = if ids.is_empty() || rng.u8(..3) == 0 {
        ROOT.to_owned()
    } else {
        ids[rng.usize(..ids.len())].clone()
    };
    let fresh = 700_000_000_000 + rng.u64(..1_000_000_000);
    match rng.u8(..17) {
        0 | 1 => {
            let facts = pick(rng, known(&mut inventory.accounts)).unwrap();
            let (id, from) = (facts.id.clone(), facts.parent.clone());
            facts.parent = place.clone();
            leave_targets(inventory, &id, &from, &place);
        }
        2 => {
            let facts = pick(rng, known(&mut inventory.accounts)).unwrap();
            known(&mut facts.tags).pop_last();
        }
        3 => pick(rng, known(&mut inventory.accounts)).unwrap().name = "by hand".to_owned(),
        4 => {
            if let Some(facts) = pick(rng, known(&mut inventory.policies)) {
                known(&mut facts.targets).pop_first();
            }
        }
        5 => {
            if let Some(facts) = pick(rng, known(&mut inventory.policies)) {
                facts.content = Observed::Known("{}".to_owned());
                known(&mut facts.targets).insert(place);
            }
        }
        6..=9 => instance(rng, inventory),
        10 => {
            let id = fresh.to_string();
            let email = format!("{id}@example.com");
            let facts = member(&id, "foreign", &email, &place, Tags::new());
            known(&mut inventory.accounts).insert(facts.id.clone(), facts);
        }
        11 => {
            let (owner, yes) = OWNERSHIP_TAG;
            let ours = if rng.bool() {
                tags(&[(owner, yes)])
            } else {
                Tags::new()
            };
            let above = known(&mut inventory.ous)
                .get(&place)
                .map(|ou| ou.path.to_string());
            let name = format!("foreign-{fresh}");
            let text = above.map_or(name.clone(), |above| format!("{above}/{name}"));
            let id = format!("ou-{fresh}");
            let facts = OuFacts {
                arn: format!("arn:{id}"),
                id: id.clone(),
                parent: place,
                path: path(&text),
                tags: Observed::Known(ours),
            };
            known(&mut inventory.ous).insert(id, facts);
        }
        12 => {
            let at = rng.usize(..inventory.stacks.len());
            let stacks = inventory.stacks.values_mut().nth(at).unwrap();
            if let Some(facts) = pick(rng, known(stacks)) {
                match rng.u8(..3) {
                    0 => facts.termination_protection = false,
                    1 => facts.status = "ROLLBACK_COMPLETE".to_owned(),
                    _ => facts.template = Observed::Known("by hand".to_owned()),
                }
            }
        }
        13 => {
            known(&mut inventory.trusted_access).pop_first();
            known(&mut inventory.delegated_administrators).pop_first();
        }
        14 => inventory.stack_sets_access = Observed::Known(false),
        _ => {
            if let Some(facts) = pick(rng, &mut inventory.guardduty)
                && let Some(detector) = known(&mut facts.detector)
            {
                match rng.u8(..4) {
                    0 => drop(detector.members.pop_first()),
                    1 => detector.enabled = false,
                    2 => drop(detector.exports.pop()),
                    _ => {
                        let organization = &mut detector.organization_features;
                        organization.insert("S3_DATA_EVENTS".to_owned(), "NONE".to_owned());
                    }
                }
            }
        }
    }
}

fn instance(rng: &mut Rng, inventory: &mut Inventory) {
    let Some(facts) = pick(rng, known(&mut inventory.stack_sets)) else {
        return;
    };
    let status = match rng.u8(..6) {
        0 => return facts.managed_execution = false,
        1 => {
            let off = |auto: AutoDeployment| AutoDeployment {
                enabled: false,
                ..auto
            };
            facts.auto_deployment = facts.auto_deployment.map(off);
            return;
        }
        2 => {
            let keep = rng.u8(..4);
            let instances = known(&mut facts.instances);
            instances.retain(|_, _| rng.u8(..4) == keep);
            return;
        }
        3 => "INOPERABLE",
        _ => "OUTDATED",
    };
    if let Some(instance) = pick(rng, known(&mut facts.instances)) {
        *instance = InstanceFacts {
            status: status.to_owned(),
            ..current()
        };
    }
}
