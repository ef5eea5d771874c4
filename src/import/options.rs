//! The options of baselines that are there, read off what they set: parameters of stacks and stack sets,
//! and GuardDuty's features.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Options;
use crate::addr::Address;
use crate::baseline::descriptor::Descriptor;
use crate::baseline::option::OptionKind;
use crate::baseline::words::{Interpolated, Piece};
use crate::baseline::{Desired, builtin};
use crate::change::Change;
use crate::diff::{DiffOptions, diff};
use crate::inventory::Inventory;
use crate::plan::{BaselineKey, OrgPlan, StackName};
use crate::toml_file::At;

/// The options of a plan's baselines that make what is there out of the defaults. Only a parameter that is
/// one option and nothing else tells which it was.
pub(super) fn recovered(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: &Inventory,
) -> BTreeMap<BaselineKey, Options> {
    let changes = diff(plan, desired, inventory, &DiffOptions::default()).changes;
    plan.baselines
        .keys()
        .filter_map(|key| {
            let descriptor = builtin::load(key.as_str())?.ok()?;
            let mut options = of_parameters(&descriptor, &changes);
            options.extend(of_guardduty(&descriptor, inventory));
            Some((key.clone(), options))
        })
        .collect()
}

/// Where a parameter has another value than the defaults give it, the option is that value.
fn of_parameters(descriptor: &Descriptor, changes: &[Change]) -> Options {
    let stacks = descriptor
        .stacks
        .iter()
        .map(|one| (&one.name, &one.parameters));
    let sets = descriptor
        .stack_sets
        .iter()
        .map(|one| (&one.name, &one.parameters));
    let parameters: BTreeMap<&StackName, &BTreeMap<String, At<Interpolated>>> =
        stacks.chain(sets).collect();
    let mut options = Options::new();
    for change in changes {
        let (Address::Stack(_, name) | Address::StackSet(name) | Address::RolloutUpdate(name, _)) =
            &change.address
        else {
            continue;
        };
        for field in &change.fields {
            let words = field
                .field
                .strip_prefix("parameter ")
                .and_then(|parameter| parameters.get(name)?.get(parameter));
            let (Some([Piece::Option(option)]), Some(before)) =
                (words.map(|words| words.pieces()), &field.before)
            else {
                continue;
            };
            let kind = descriptor.options.get(option).map(|spec| spec.kind);
            if let Some(value) = kind.and_then(|kind| value(kind, before)) {
                options.insert(option.clone(), value);
            }
        }
    }
    options
}

/// A parameter's text as the option that it was made of.
fn value(kind: OptionKind, text: &str) -> Option<Value> {
    Some(match kind {
        OptionKind::String => text.into(),
        OptionKind::Integer => text.parse::<i64>().ok()?.into(),
        OptionKind::Boolean => text.parse::<bool>().ok()?.into(),
        OptionKind::List => text.split(',').filter(|item| !item.is_empty()).collect(),
    })
}

/// The features that are on for the organization, in any Region; and those that only the administrator's
/// detector has.
fn of_guardduty(descriptor: &Descriptor, inventory: &Inventory) -> Options {
    let mut options = Options::new();
    let Some(guardduty) = &descriptor.guardduty else {
        return options;
    };
    let detectors = || {
        let facts = inventory.guardduty.values();
        facts.filter_map(|facts| facts.detector.known()?.as_ref())
    };
    let everywhere: BTreeSet<&str> = detectors()
        .flat_map(|detector| &detector.organization_features)
        .filter(|(_, auto_enable)| *auto_enable != "NONE")
        .map(|(feature, _)| feature.as_str())
        .collect();
    let own: BTreeSet<&str> = detectors()
        .flat_map(|detector| &detector.features)
        .filter(|(_, on)| **on)
        .map(|(feature, _)| feature.as_str())
        .collect();
    for (option, on) in [
        (Some(&guardduty.features), everywhere),
        (guardduty.detector_features.as_ref(), own),
    ] {
        let Some((option, spec)) =
            option.and_then(|name| Some((name, descriptor.options.get(name)?)))
        else {
            continue;
        };
        // An option's values are all that it can turn on.
        let on: Vec<&str> = on
            .into_iter()
            .filter(|feature| spec.values.iter().any(|value| value == feature))
            .collect();
        if !on.is_empty() {
            options.insert(option.clone(), on.into());
        }
    }
    options
}
