//! What stack sets do when an account joins a target, leaves it, or moves between targets.
//!
//! Auto-deployment ignores account filters, parameter overrides and operation preferences (StackSets user guide,
//! "Manage automatic deployments").

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Due;
use super::deployment::{Order, submit};
use super::operation::Action;
use super::stack_set::{StackSet, get};
use crate::lags::Lag;
use crate::world::{self, World};

/// How often it looks whether the sets are done that come before another, in milliseconds.
const LOOKS_AGAIN_AFTER: i64 = 5_000;

/// See [`crate::hooks::account_moved`].
pub fn account_moved(
    world: &mut World,
    account: &str,
    from: Option<&[String]>,
    to: Option<&[String]>,
) {
    let Some(organization) = &world.organization else {
        return;
    };
    let admin = organization.management_account.clone();
    if account == admin {
        return;
    }
    let (from, to) = (
        from.unwrap_or_default().to_vec(),
        to.unwrap_or_default().to_vec(),
    );
    let regions = world.account(&admin).map(|a| &a.regions);
    let sets: Vec<(String, String)> = regions
        .into_iter()
        .flatten()
        .flat_map(|(region, state)| {
            state
                .cloudformation
                .stack_sets
                .values()
                .map(move |set| (region, set))
        })
        .filter(|(_, set)| !set.deleted && set.service_managed && set.auto.enabled)
        .filter(|(_, set)| concerned(set, &from, &to))
        .map(|(region, set)| (region.clone(), set.id.clone()))
        .collect();
    for (region, set) in sets {
        let unit = format!("{set} {account}");
        let millis = world.lags.mode.millis(Lag::Noticed, &unit);
        let due = Due::AutoDeploy {
            admin: admin.clone(),
            region,
            set,
            account: account.to_owned(),
            from: from.clone(),
            to: to.clone(),
        };
        world.after(millis, world::Due::CloudFormation(due));
    }
}

fn concerned(set: &StackSet, from: &[String], to: &[String]) -> bool {
    reached(set, from) != reached(set, to)
}

/// Through which target each Region reaches an account with these parents.
fn reached(set: &StackSet, chain: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut regions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (ou, targeted) in &set.targets {
        if chain.contains(ou) {
            for region in targeted {
                regions
                    .entry(region.clone())
                    .or_default()
                    .insert(ou.clone());
            }
        }
    }
    regions
}

/// Whether a stack set that comes before this one (`DependsOn`) is at work, or is yet to be for the same account.
fn waits(world: &World, admin: &str, region: &str, set: &StackSet, account: &str) -> bool {
    let sets = world
        .region(admin, region)
        .map(|r| &r.cloudformation.stack_sets);
    let mut earlier = sets
        .into_iter()
        .flatten()
        .map(|(_, other)| other)
        .filter(|other| !other.deleted && set.auto.depends_on.contains(&other.arn(admin, region)));
    earlier.any(|other| {
        let awaited = world.due.values().any(|due| {
            matches!(due, world::Due::CloudFormation(Due::AutoDeploy { set, account: whose, .. })
                if *set == other.id && whose == account)
        });
        awaited || other.running().is_some()
    })
}

/// Submits what a move brings: deletions first, then creations. A Region reached through one and the same target before
/// and after keeps its stack.
pub fn run(
    world: &mut World,
    admin: &str,
    region: &str,
    set_id: &str,
    account: &str,
    from: &[String],
    to: &[String],
) {
    let Ok(set) = get(world, admin, region, set_id) else {
        return;
    };
    if set.deleted || !set.auto.enabled {
        return;
    }
    if waits(world, admin, region, set, account) {
        let due = Due::AutoDeploy {
            admin: admin.to_owned(),
            region: region.to_owned(),
            set: set_id.to_owned(),
            account: account.to_owned(),
            from: from.to_vec(),
            to: to.to_vec(),
        };
        world.after(LOOKS_AGAIN_AFTER, world::Due::CloudFormation(due));
        return;
    }
    let (before, after) = (reached(set, from), reached(set, to));
    let stays = |region: &String| match (before.get(region), after.get(region)) {
        (Some(before), Some(after)) => before.intersection(after).next().is_some(),
        _ => false,
    };
    let there = |region: &String| {
        set.instances
            .values()
            .any(|i| i.account == *account && i.region == **region)
    };
    let leave: Vec<String> = before
        .keys()
        .filter(|r| !stays(r) && there(r))
        .cloned()
        .collect();
    let enter: Vec<(String, String)> = after
        .iter()
        .filter(|(r, _)| !stays(r))
        .filter_map(|(r, ous)| Some((r.clone(), ous.iter().next()?.clone())))
        .collect();
    let retain = set.auto.retain;
    let all_at_once = json!({"RegionConcurrencyType": "PARALLEL"});
    if !leave.is_empty() {
        let order = Order {
            id: world.rng.uuid(),
            action: Action::Delete,
            preferences: all_at_once.clone(),
            targets: json!({}),
            retain,
            accounts: BTreeMap::from([(account.to_owned(), String::new())]),
            regions: leave,
            overrides: None,
            imports: BTreeMap::new(),
        };
        let _ = submit(world, admin, region, set_id, order, true);
    }
    if let Some((_, ou)) = enter.first() {
        let order = Order {
            id: world.rng.uuid(),
            action: Action::Create,
            preferences: all_at_once,
            targets: json!({"OrganizationalUnitIds": [ou]}),
            retain: false,
            accounts: BTreeMap::from([(account.to_owned(), ou.clone())]),
            regions: enter.iter().map(|(r, _)| r.clone()).collect(),
            overrides: None,
            imports: BTreeMap::new(),
        };
        let _ = submit(world, admin, region, set_id, order, true);
    }
}
