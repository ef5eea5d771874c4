//! What is left over, kind by kind: what is told, and what is not orgstrap's to tell.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::known;
use super::stack_rules::instance;
use crate::action::Action;
use crate::addr::Address;
use crate::baseline::Desired;
use crate::diff::removal::{Fortune, removal};
use crate::diff::{Diff, Remains, diff};
use crate::graph::graph;
use crate::plan::*;

fn names(found: &Diff) -> Vec<&str> {
    found.left.iter().map(|left| left.name.as_str()).collect()
}

fn except(desired: &mut Desired, plan: &mut OrgPlan, ou: &str) {
    plan.ous.entry(path(ou)).or_default().baselines = Some(BTreeSet::new());
    for set in desired.stack_sets.values_mut() {
        set.except.insert(path(ou));
    }
}

#[test]
fn a_settled_organization_has_nothing_left() {
    assert_eq!(names(&compare(&settled())), Vec::<&str>::new());
}

#[test]
fn a_target_that_goes_takes_its_accounts_with_it() {
    let (mut plan, mut desired) = (plan(), desired());
    let inventory = settled();
    except(&mut desired, &mut plan, "Sandbox");
    let found = diff(&plan, &desired, &inventory, &KEEP);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert_eq!(names(&found), ["config-recorder/Sandbox"]);
    let Remains::Instances { only, targets, .. } = &found.left[0].what else {
        panic!("{:?}", found.left)
    };
    // Whole, so that it is no target any more.
    assert!(only.is_empty());
    assert_eq!(targets.len(), 1);
    assert_eq!(found.left[0].accounts.len(), 1);
}

/// No change of a run looks at an account that is not in the plan, and StackSets reaches it all the same.
#[test]
fn a_stack_that_failed_in_an_account_that_is_not_in_the_plan_is_told() {
    let mut plan = plan();
    plan.accounts.remove(&key("play"));
    let mut inventory = settled();
    let facts = instance(&mut inventory, "play", "eu-west-1");
    facts.status = "OUTDATED".to_owned();
    facts.detailed_status = Some("FAILED".to_owned());
    facts.reason = Some("the role is invalid".to_owned());
    let id = member_of(&mut inventory, "play").id.clone();
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(addresses(&found), Vec::<String>::new());
    assert_eq!(names(&found), [format!("config-recorder/{id}/eu-west-1")]);
    assert!(found.left[0].reason.contains("the role is invalid"));
    let Remains::ByHand { about, .. } = &found.left[0].what else {
        panic!("{:?}", found.left)
    };
    assert_eq!(about, &BTreeSet::from([id.clone()]));
    plan.organization.leave = BTreeSet::from([format!("config-recorder/{id}")]);
    assert!(diff(&plan, &desired(), &inventory, &KEEP).left[0].acknowledged);
}

/// A target above what is to stay would take that with it.
#[test]
fn below_a_target_that_stays_only_the_accounts_go() {
    let (mut plan, mut desired) = (plan(), desired());
    let mut inventory = settled();
    except(&mut desired, &mut plan, "Workloads/Prod");
    let found = diff(&plan, &desired, &inventory, &KEEP);
    assert_eq!(names(&found), ["config-recorder/Workloads/Prod"]);
    let Remains::Instances { only, .. } = &found.left[0].what else {
        panic!("{:?}", found.left)
    };
    let prod = member_of(&mut inventory, "payments-prod").id.clone();
    assert_eq!(only, &BTreeSet::from([prod]));
}

#[test]
fn a_target_whose_ou_is_gone_is_told_by_its_id() {
    let mut inventory = settled();
    set_of(&mut inventory)
        .targets
        .insert("ou-gone-1".to_owned());
    let found = compare(&inventory);
    assert_eq!(names(&found), ["config-recorder/ou-gone-1"]);
    assert!(found.left[0].reason.contains("not there any more"));
}

/// Other stages make other targets; what is below one of the plan's is reached by it.
#[test]
fn a_target_below_another_is_not_left() {
    let mut plan = plan();
    let inventory = settled();
    plan.rollout.stages = vec![vec![Stage::Rest]];
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    assert_eq!(names(&found), Vec::<&str>::new());
}

#[test]
fn an_account_that_left_the_organization_leaves_its_stacks_behind() {
    let mut inventory = settled();
    let play = member_of(&mut inventory, "play").id.clone();
    known(&mut inventory.accounts).remove(&play);
    let found = compare(&inventory);
    let name = format!("config-recorder/{play}");
    assert_eq!(names(&found), [name.as_str()]);
    // AWS cannot delete what it cannot reach.
    let plan = plan();
    let asked = removal(&plan, &inventory, &found.left, Fortune::Delete);
    let Action::DeleteStackInstances(left) = &asked.changes[0].action else {
        panic!("{:?}", asked.changes)
    };
    assert!(left.retain);
}

#[test]
fn an_account_that_moves_in_this_run_is_not_left() {
    let (mut plan, mut desired) = (plan(), desired());
    let inventory = settled();
    except(&mut desired, &mut plan, "Retired");
    plan.accounts.get_mut(&key("play")).unwrap().ou = path("Retired");
    let found = diff(&plan, &desired, &inventory, &KEEP);
    assert_eq!(names(&found), Vec::<&str>::new());
}

#[test]
fn what_orgstrap_did_not_make_is_left_alone() {
    let mut inventory = settled();
    set_of(&mut inventory).tags.clear();
    for stacks in inventory.stacks.values_mut() {
        for facts in known(stacks).values_mut() {
            facts.tags.clear();
        }
    }
    let mut plan = plan();
    plan.accounts.clear();
    let found = diff(&plan, &Desired::default(), &inventory, &KEEP);
    assert_eq!(names(&found), Vec::<&str>::new());
    let kinds: BTreeSet<&str> = found.unmanaged.iter().map(|one| one.kind).collect();
    assert!(
        kinds.contains("stack") && kinds.contains("stack set"),
        "{kinds:?}"
    );
}

#[test]
fn accounts_that_no_stack_set_reaches_are_told() {
    let (mut plan, mut desired) = (plan(), desired());
    let inventory = settled();
    plan.accounts.get_mut(&key("play")).unwrap().ou = path("/");
    // An OU that cannot be a target, because one below it goes without.
    plan.accounts.get_mut(&key("payments-dev")).unwrap().ou = path("Workloads");
    except(&mut desired, &mut plan, "Workloads/Prod");
    let found = diff(&plan, &desired, &inventory, &KEEP);
    let told = names(&found);
    assert!(told.contains(&"root/play"), "{told:?}");
    assert!(told.contains(&"Workloads/payments-dev"), "{told:?}");
    assert!(!told.contains(&"Workloads/Prod/payments-prod"), "{told:?}");
    // Nobody is told where there is nothing to reach.
    desired.stack_sets.clear();
    let found = diff(&plan, &desired, &inventory, &KEEP);
    assert!(!names(&found).contains(&"root/play"));
}

#[test]
fn what_the_plan_leaves_is_acknowledged() {
    let (mut plan, mut desired) = (plan(), desired());
    let inventory = settled();
    except(&mut desired, &mut plan, "Sandbox");
    for (leave, is) in [
        ("config-recorder", true),
        ("config-recorder/Sandbox", true),
        ("config-rec", false),
        ("Sandbox", false),
        ("config-recorder/Security", false),
    ] {
        plan.organization.leave = BTreeSet::from([leave.to_owned()]);
        let found = diff(&plan, &desired, &inventory, &KEEP);
        assert_eq!(found.left[0].acknowledged, is, "{leave}");
    }
    plan.organization.leave.clear();
    let found = diff(&plan, &desired, &inventory, &KEEP);
    for (word, is) in [
        ("config-recorder", true),
        ("Sandbox", true),
        ("Sand", false),
        ("Security", false),
    ] {
        assert_eq!(found.left[0].is_called(word), is, "{word}");
    }
}

/// What was given a value goes before what gave it.
#[test]
fn a_removal_goes_backwards() {
    let inventory = settled();
    let mut plan = plan();
    plan.accounts.clear();
    let found = diff(&plan, &Desired::default(), &inventory, &KEEP);
    let asked = removal(&plan, &inventory, &found.left, Fortune::Delete);
    let order = graph(asked.changes).unwrap();
    let at = |part: &str| {
        let place = order.changes().position(
            |change| matches!(&change.address, Address::LeftStacks(name) if name.starts_with(part)),
        );
        place.unwrap_or_else(|| panic!("{part}"))
    };
    assert!(at("trail") < at("config-bucket"));
    assert!(at("config-recorder") < at("config-bucket"));
    let last = order
        .changes()
        .find(|change| matches!(change.action, Action::DeleteStackSet(_)));
    assert!(
        last.unwrap()
            .needs
            .contains(&Address::LeftStacks("config-recorder".to_owned()))
    );
    // Kept, nothing but the set goes.
    let kept = removal(&plan, &inventory, &found.left, Fortune::Retain);
    assert_eq!(kept.changes.len(), 2);
    assert!(kept.items.iter().any(|item| item.stays.is_some()));
}

/// AWS finds nobody through an OU that is gone: accounts that have stacks through it are found through the root, and the
/// target itself is asked for by itself, after.
#[test]
fn a_target_whose_ou_is_gone_goes_apart_from_stacks_that_came_through_it() {
    let mut inventory = settled();
    let play = member_of(&mut inventory, "play").id.clone();
    let set = set_of(&mut inventory);
    set.targets.insert("ou-gone-1".to_owned());
    for (at, instance) in known(&mut set.instances) {
        if at.account == play {
            instance.ou = Some("ou-gone-1".to_owned());
        }
    }
    let (mut plan, mut desired) = (plan(), desired());
    except(&mut desired, &mut plan, "Sandbox");
    let sandbox = inventory.ous.known().unwrap().values();
    let sandbox = sandbox
        .clone()
        .find(|ou| ou.path == path("Sandbox"))
        .unwrap();
    let sandbox = sandbox.id.clone();
    set_of(&mut inventory).targets.remove(&sandbox);
    let found = diff(&plan, &desired, &inventory, &KEEP);
    assert_eq!(names(&found), ["config-recorder/ou-gone-1"]);
    let asked = removal(&plan, &inventory, &found.left, Fortune::Delete);
    let acts: Vec<_> = asked.changes.iter().map(|change| &change.action).collect();
    let [
        Action::DeleteStackInstances(stacks),
        Action::DeleteStackInstances(target),
    ] = acts.as_slice()
    else {
        panic!("{acts:?}")
    };
    assert_eq!(stacks.targets, BTreeSet::from(["r-root".to_owned()]));
    assert_eq!(stacks.accounts, BTreeSet::from([play]));
    assert!(target.gone && target.accounts.is_empty());
    assert_eq!(target.targets, BTreeSet::from(["ou-gone-1".to_owned()]));
    assert!(asked.changes[1].needs.contains(&asked.changes[0].address));
}
