//! Other tools that manage an organization: how they are recognized, and what is theirs.

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::{Inventory, Observed};

/// AWS Control Tower's name.
pub const CONTROL_TOWER: &str = "AWS Control Tower";
/// The service that it is trusted as.
pub const CONTROL_TOWER_SERVICE: &str = "controltower.amazonaws.com";
/// Landing Zone Accelerator's name.
pub const ACCELERATOR: &str = "Landing Zone Accelerator";
/// Customizations for AWS Control Tower, which brings stack sets and policies by a pipeline.
pub const CUSTOMIZATIONS: &str = "Customizations for AWS Control Tower";
/// Where neither policies nor trusted access could be read.
const PERHAPS: &str = "perhaps AWS Control Tower (what would tell could not be read)";

/// The tool that a policy of this name belongs to, if it is one that governs OUs.
pub fn owner_of_policy(name: &str) -> Option<&'static str> {
    if name.starts_with("aws-guardrails-") {
        Some(CONTROL_TOWER)
    } else {
        owner_of_stack(name)
    }
}

/// The tool that a stack set or stack of this name belongs to.
pub fn owner_of_stack(name: &str) -> Option<&'static str> {
    if name.starts_with("AWSControlTower") || name.starts_with("aws-controltower") {
        Some(CONTROL_TOWER)
    } else if name.starts_with("CustomControlTower-") {
        Some(CUSTOMIZATIONS)
    } else if name.starts_with("AWSAccelerator") {
        Some(ACCELERATOR)
    } else {
        None
    }
}

/// Whether Control Tower is in charge, by its trusted access; `None` where that was not read.
fn control_tower_is_trusted(inventory: &Inventory) -> Option<bool> {
    let trusted = inventory.trusted_access.known()?;
    Some(
        trusted
            .iter()
            .any(|principal| principal.as_str() == CONTROL_TOWER_SERVICE),
    )
}

/// The OUs that another tool governs, by id, with that tool's name: those that carry a policy of its.
///
/// Where policies, or what the tool's own are attached to, could not be read, nobody can say which OUs
/// these are: unless Control Tower is known to be absent, it then counts as governing all.
pub fn governed(inventory: &Inventory) -> BTreeMap<&str, &'static str> {
    let mut governed = BTreeMap::new();
    let mut hidden = false;
    match &inventory.policies {
        Observed::Unread(_) => hidden = true,
        Observed::Known(policies) => {
            for facts in policies.values() {
                let Some(tool) = owner_of_policy(&facts.name) else {
                    continue;
                };
                match &facts.targets {
                    Observed::Unread(_) => hidden = true,
                    Observed::Known(targets) => {
                        for target in targets.iter().filter(|target| target.starts_with("ou-")) {
                            governed.insert(target.as_str(), tool);
                        }
                    }
                }
            }
        }
    }
    let tool = match control_tower_is_trusted(inventory) {
        Some(true) => Some(CONTROL_TOWER),
        Some(false) => None,
        None => Some(PERHAPS),
    };
    if let Some(tool) = tool.filter(|_| hidden) {
        for id in inventory.ous.known().into_iter().flat_map(BTreeMap::keys) {
            governed.entry(id.as_str()).or_insert(tool);
        }
    }
    governed
}

/// The tools that manage the organization, by what they leave in it. Control Tower's trusted access alone says
/// nothing: since version 4.0 it may run controls without a landing zone, and then governs no OU.
pub fn in_charge(inventory: &Inventory) -> BTreeSet<&'static str> {
    let mut tools = BTreeSet::new();
    let hidden = inventory.policies.unread().is_some() || inventory.stack_sets.unread().is_some();
    if hidden && control_tower_is_trusted(inventory) == Some(true) {
        tools.insert(CONTROL_TOWER);
    }
    let policies = inventory.policies.known().into_iter().flatten();
    tools.extend(policies.filter_map(|(_, facts)| owner_of_policy(&facts.name)));
    let sets = inventory.stack_sets.known().into_iter().flatten();
    let sets = sets
        .map(|(name, _)| name)
        .chain(&inventory.other_stack_sets);
    tools.extend(sets.filter_map(|name| owner_of_stack(name)));
    tools
}
