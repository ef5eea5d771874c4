//! Recorders that are there where a baseline is to bring its own.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::known;
use super::stack_rules::{ids, ous, targets};
use crate::action::{self, Action, Successor};
use crate::addr::{Address, Expr, Place};
use crate::baseline::{Desired, ExistingRecorders};
use crate::change::Change;
use crate::diff::{BlockedBy, Diff, diff};
use crate::inventory::*;
use crate::plan::*;

const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// The sample's stack set brings recorders.
fn asked(existing: ExistingRecorders) -> Desired {
    let mut desired = desired();
    let set = desired
        .stack_sets
        .get_mut(&name("config-recorder"))
        .unwrap();
    set.template = "Resources: {R: {Type: AWS::Config::ConfigurationRecorder}}\n".to_owned();
    let parameter = ("RecorderName".to_owned(), "default".into());
    set.parameters.extend([parameter]);
    set.existing_recorders = existing;
    desired
}

fn at(inventory: &Inventory, account: &str, in_region: &str) -> AccountRegion {
    AccountRegion {
        account: id_of(inventory, account),
        region: region(in_region),
    }
}

/// What a reading finds: a recorder, and a channel.
fn there(recorder: &str, channel: &str) -> Observed<RecorderFacts> {
    let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    Observed::Known(RecorderFacts {
        recorder: named(recorder),
        channel: named(channel),
    })
}

/// The organization before the set's first rollout, with nothing of Config's anywhere.
fn fresh(desired: &Desired) -> Inventory {
    let mut inventory = satisfied(&plan(), desired);
    known(&mut inventory.stack_sets).clear();
    for account in known(&mut inventory.accounts).keys() {
        for in_region in REGIONS {
            let place = AccountRegion {
                account: account.clone(),
                region: region(in_region),
            };
            inventory.recorders.insert(place, there("", ""));
        }
    }
    inventory
}

fn compare(desired: &Desired, inventory: &Inventory) -> Diff {
    diff(&plan(), desired, inventory, &KEEP)
}

fn blocked(found: &Diff) -> Vec<String> {
    let all = found.blocked.iter();
    all.map(|blocked| blocked.address.to_string()).collect()
}

fn existing(account: &str, in_region: &str) -> Address {
    Address::ExistingRecorder(Place::member(key(account), region(in_region)))
}

/// Applying what was found leaves nothing to change; the simulation fails where a stack of AWS would. Gives what is
/// still blocked.
fn converges(desired: &Desired, inventory: Inventory) -> Vec<String> {
    let found = compare(desired, &inventory);
    let after = applied(&plan(), desired, inventory, found);
    let again = compare(desired, &after);
    assert_eq!(addresses(&again), Vec::<String>::new());
    blocked(&again)
}

#[test]
fn one_account_holds_up_only_itself_in_the_first_rollout() {
    let desired = asked(ExistingRecorders::Keep);
    let mut inventory = fresh(&desired);
    for in_region in REGIONS {
        let place = at(&inventory, "security", in_region);
        inventory.recorders.insert(place, there("mine", "mine"));
    }
    let found = compare(&desired, &inventory);
    let last = targets(&found, "rollout of config-recorder, stage 3");
    assert_eq!(last.ous, ous(&["Security", "Workloads"]));
    assert_eq!(last.except, ids(&["security"]));
    assert_eq!(last.expect, ids(&["log-archive", "payments-prod"]));
    let first = targets(&found, "rollout of config-recorder, stage 1");
    assert_eq!(first.except, vec![]);
    let told = [
        "existing recorder in security/eu-west-1",
        "existing recorder in security/us-east-1",
    ];
    assert_eq!(blocked(&found), told);
    let BlockedBy::State { message } = &found.blocked[0].reason else {
        panic!("{found:?}")
    };
    for part in [
        "`security`",
        "recorder `mine`",
        "channel `mine`",
        "eu-west-1",
    ] {
        assert!(message.contains(part), "no {part} in {message}");
    }
    assert_eq!(converges(&desired, inventory), told);
}

/// The OU of a later stage is reached whole, with what lies below and had its turn before.
#[test]
fn an_account_is_left_out_of_the_stage_above_too() {
    let desired = asked(ExistingRecorders::Keep);
    let mut inventory = fresh(&desired);
    for in_region in REGIONS {
        let place = at(&inventory, "payments-dev", in_region);
        inventory.recorders.insert(place, there("mine", "mine"));
    }
    let found = compare(&desired, &inventory);
    let last = targets(&found, "rollout of config-recorder, stage 3");
    assert_eq!(last.ous, ous(&["Security", "Workloads"]));
    assert_eq!(last.except, ids(&["payments-dev"]));
    converges(&desired, inventory);
}

/// Also one of the baseline's own name: nobody has said that the stack may have it.
#[test]
fn what_is_kept_has_any_name_and_may_be_a_channel_alone() {
    let desired = asked(ExistingRecorders::Keep);
    for facts in [there("default", "default"), there("", "odd")] {
        let mut inventory = fresh(&desired);
        let place = at(&inventory, "play", "us-east-1");
        inventory.recorders.insert(place, facts);
        let found = compare(&desired, &inventory);
        assert_eq!(blocked(&found), ["existing recorder in play/us-east-1"]);
        // It is alone in its stage, so that there is no operation on its OU, and nobody waits for one.
        let first = "rollout of config-recorder, stage 1".to_owned();
        assert!(!addresses(&found).contains(&first));
        let second = change(&found, "rollout of config-recorder, stage 2");
        assert!(
            second
                .needs
                .contains(&Address::StackSet(name("config-recorder")))
        );
        // Its other Region is rolled out by itself.
        let apart = targets(&found, "rollout of config-recorder to account play");
        assert_eq!(apart.accounts, ids(&["play"]));
        assert_eq!(apart.regions, BTreeSet::from([region("eu-west-1")]));
        converges(&desired, inventory);
    }
}

#[test]
fn a_set_that_is_there_creates_only_where_nothing_stands() {
    let desired = asked(ExistingRecorders::Keep);
    let mut inventory = satisfied(&plan(), &desired);
    for account in ["security", "log-archive"] {
        for in_region in REGIONS {
            let place = at(&inventory, account, in_region);
            known(&mut set_of(&mut inventory).instances).remove(&place);
            inventory.recorders.insert(place, there("", ""));
        }
    }
    let place = at(&inventory, "security", "us-east-1");
    inventory.recorders.insert(place, there("mine", ""));
    let found = compare(&desired, &inventory);
    let repair = targets(&found, "missing instances of config-recorder, stage 3");
    assert_eq!(repair.expect, ids(&["log-archive"]));
    let apart = targets(&found, "rollout of config-recorder to account security");
    assert_eq!(apart.regions, BTreeSet::from([region("eu-west-1")]));
    converges(&desired, inventory);
}

/// What AWS is at may have made the recorder by now.
#[test]
fn a_place_with_an_instance_is_never_in_the_way() {
    let desired = asked(ExistingRecorders::Replace);
    let mut inventory = satisfied(&plan(), &desired);
    let place = at(&inventory, "security", "us-east-1");
    let instance = known(&mut set_of(&mut inventory).instances);
    let instance = instance.get_mut(&place).unwrap();
    instance.status = "OUTDATED".to_owned();
    instance.detailed_status = Some("PENDING".to_owned());
    inventory
        .recorders
        .insert(place, there("default", "default"));
    let found = compare(&desired, &inventory);
    assert_eq!(addresses(&found), ["update of config-recorder, stage 3"]);
    assert_eq!(found.blocked, []);
}

#[test]
fn adopting_takes_those_of_the_name_and_tells_of_others() {
    let desired = asked(ExistingRecorders::Adopt);
    let told = |facts: Observed<RecorderFacts>| {
        let mut inventory = fresh(&desired);
        let place = at(&inventory, "play", "us-east-1");
        inventory.recorders.insert(place, facts);
        converges(&desired, inventory)
    };
    assert_eq!(told(there("default", "default")), Vec::<String>::new());
    assert_eq!(told(there("", "default")), Vec::<String>::new());
    let other = ["existing recorder in play/us-east-1"];
    assert_eq!(told(there("default", "odd")), other);
    assert_eq!(told(there("odd", "default")), other);
}

#[test]
fn replacing_removes_before_the_rollout_and_only_if_that_can_be() {
    let desired = asked(ExistingRecorders::Replace);
    let mut inventory = fresh(&desired);
    let place = at(&inventory, "security", "us-east-1");
    inventory.recorders.insert(place, there("mine", "yours"));
    let found = compare(&desired, &inventory);
    assert_eq!(found.blocked, []);
    let removal = change(&found, "existing recorder in security/us-east-1");
    assert_eq!(
        removal.action,
        Action::RemoveRecorder(action::RemoveRecorder {
            account: Expr::reference(
                Address::Account(key("security")),
                crate::addr::Attribute::Id
            ),
            region: region("us-east-1"),
            recorder: Some("mine".to_owned()),
            channel: Some("yours".to_owned()),
            successor: Successor::StackSet("orgstrap-config-recorder".to_owned()),
        })
    );
    let rollout = change(&found, "rollout of config-recorder, stage 3");
    assert!(rollout.needs.contains(&removal.address));
    // It waits for all that the rollout waits for: whoever is not rolled out to keeps its recorder.
    let others = |change: &Change| {
        let mut needs = change.needs.clone();
        needs.remove(&existing("security", "us-east-1"));
        needs
    };
    assert_eq!(others(rollout), removal.needs);
    let targets = targets(&found, "rollout of config-recorder, stage 3");
    assert_eq!(targets.except, vec![]);
    converges(&desired, inventory);
}

#[test]
fn nothing_is_removed_where_the_rollout_is_withheld() {
    let desired = asked(ExistingRecorders::Replace);
    let mut inventory = fresh(&desired);
    let place = at(&inventory, "security", "us-east-1");
    inventory.recorders.insert(place, there("mine", "mine"));
    inventory.stack_sets_access = unread();
    let found = compare(&desired, &inventory);
    let removed = |change: &&Change| matches!(change.action, Action::RemoveRecorder(_));
    assert_eq!(found.changes.iter().find(removed), None);
}

#[test]
fn another_tools_recorder_is_never_replaced() {
    let desired = asked(ExistingRecorders::Replace);
    let mut inventory = fresh(&desired);
    let place = at(&inventory, "play", "us-east-1");
    let towers = there("aws-controltower-BaselineConfigRecorder", "");
    inventory.recorders.insert(place, towers);
    let found = compare(&desired, &inventory);
    assert_eq!(blocked(&found), ["existing recorder in play/us-east-1"]);
    let hint = found.blocked[0].hint.as_deref().unwrap();
    assert!(hint.contains("Control Tower"), "{hint}");
    converges(&desired, inventory);
}

#[test]
fn what_could_not_be_read_is_left_out_and_told_as_unread() {
    let desired = asked(ExistingRecorders::Replace);
    let mut inventory = fresh(&desired);
    let place = at(&inventory, "play", "us-east-1");
    inventory.recorders.insert(place, unread());
    let found = compare(&desired, &inventory);
    assert!(found.blocked[0].is_unread());
    let apart = targets(&found, "rollout of config-recorder to account play");
    assert_eq!(apart.regions, BTreeSet::from([region("eu-west-1")]));
}

/// AWS's auto-deployment begins as soon as the account is moved.
#[test]
fn a_recorder_in_a_joining_account_goes_before_the_move() {
    let desired = asked(ExistingRecorders::Replace);
    let mut inventory = satisfied(&plan(), &desired);
    let root = inventory.organization.known().unwrap().clone().unwrap();
    member_of(&mut inventory, "play").parent = root.root_id;
    for in_region in REGIONS {
        let place = at(&inventory, "play", in_region);
        known(&mut set_of(&mut inventory).instances).remove(&place);
        inventory.recorders.insert(place, there("mine", "mine"));
    }
    let found = compare(&desired, &inventory);
    let moved = change(&found, "placement of account play");
    for in_region in REGIONS {
        assert!(moved.needs.contains(&existing("play", in_region)));
    }
    converges(&desired, inventory);
}

/// An account that nobody planned lies in an OU that the first rollout names whole.
#[test]
fn an_account_not_in_the_plan_is_left_out_of_the_first_rollout() {
    let desired = asked(ExistingRecorders::Replace);
    let mut inventory = fresh(&desired);
    let mut stranger = member_of(&mut inventory, "play").clone();
    stranger.id = "999999999999".parse().unwrap();
    stranger.name = "stranger".to_owned();
    stranger.email = "stranger@example.com".to_owned();
    stranger.tags = Observed::Known(Tags::new());
    let id = stranger.id.clone();
    known(&mut inventory.accounts).insert(id.clone(), stranger);
    let place = at(&inventory, "stranger", "us-east-1");
    inventory.recorders.insert(place, there("theirs", ""));
    let found = compare(&desired, &inventory);
    let first = targets(&found, "rollout of config-recorder, stage 1");
    assert_eq!(first.except, [Expr::literal(id.as_str())]);
    let second = targets(&found, "rollout of config-recorder, stage 2");
    assert_eq!(second.except, vec![]);
    let name = "the Config recorder `theirs` in stranger/us-east-1";
    assert!(told(&found, "config recorder", name).contains("left out"));
    let removed = |change: &&Change| matches!(change.action, Action::RemoveRecorder(_));
    assert_eq!(found.changes.iter().find(removed), None);
}
