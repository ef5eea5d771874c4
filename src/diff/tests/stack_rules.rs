//! The rules of stacks and stack sets, one by one.

use std::collections::BTreeSet;

use super::samples::*;
use super::simulate::{current, empty, known};
use crate::action::{self, Action, DeploymentTargets};
use crate::addr::{Address, Attribute, Expr, OWNERSHIP_TAG};
use crate::change::Verb;
use crate::diff::{BlockedBy, Diff, Scoped, diff, scope};
use crate::inventory::*;
use crate::plan::*;

fn stack_of(inventory: &mut Inventory) -> &mut StackFacts {
    let log = member_of(inventory, "log-archive").id.clone();
    let at = AccountRegion {
        account: log,
        region: region("eu-west-1"),
    };
    let stacks = known(inventory.stacks.get_mut(&at).unwrap());
    stacks.get_mut("orgstrap-config-bucket").unwrap()
}

const BUCKET: &str = "stack config-bucket in log-archive/eu-west-1";

#[test]
fn a_stack_is_compared_field_by_field() {
    let mut inventory = settled();
    let facts = stack_of(&mut inventory);
    facts.template = Observed::Known("Description: orgstrap-config-bucket\r\n".to_owned());
    assert_eq!(addresses(&compare(&inventory)), Vec::<String>::new());
    let facts = stack_of(&mut inventory);
    facts.template = Observed::Known("Description: by hand".to_owned());
    facts.termination_protection = false;
    facts.tags = tags(&[("extra", "kept")]);
    let found = compare(&inventory);
    let changed = change(&found, BUCKET);
    let expected = [
        "template: Description: by hand -> Description: orgstrap-config-bucket\n",
        "tag orgstrap:managed: - -> true",
        "termination protection: off -> on",
    ];
    assert_eq!(fields(changed), expected);
    let Action::UpdateStack(action::UpdateStack(action)) = &changed.action else {
        panic!("{changed:?}")
    };
    // The update replaces the whole list, so what is not the plan's goes along.
    let (owner, yes) = OWNERSHIP_TAG;
    assert_eq!(action.tags, tags(&[("extra", "kept"), (owner, yes)]));
}

#[test]
fn parameters_are_compared_with_what_they_refer_to() {
    let mut inventory = settled();
    let management: AccountId = inventory.caller.clone();
    let at = AccountRegion {
        account: management,
        region: region("eu-west-1"),
    };
    let stacks = known(inventory.stacks.get_mut(&at).unwrap());
    let trail = stacks.get_mut("orgstrap-trail").unwrap();
    trail
        .parameters
        .insert("Bucket".to_owned(), "old".to_owned());
    let found = compare(&inventory);
    let trail = change(&found, "stack trail in management/eu-west-1");
    let after = format!("{BUCKET}:BucketName");
    assert_eq!(fields(trail), [format!("parameter Bucket: old -> {after}")]);
}

fn with_status(status: &str) -> Diff {
    let mut inventory = settled();
    stack_of(&mut inventory).status = status.to_owned();
    compare(&inventory)
}

#[test]
fn a_stack_that_aws_works_on_is_waited_for() {
    for status in [
        "CREATE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
    ] {
        let found = with_status(status);
        assert_eq!(found.blocked, vec![], "{status}");
        let change = change(&found, BUCKET);
        assert_eq!(change.verb, Verb::Ensure);
        assert!(change.reason.contains(status), "{}", change.reason);
        assert!(matches!(change.action, Action::CreateStack(_)));
    }
}

#[test]
fn stacks_that_are_stuck_are_blocked() {
    for (status, hint) in [
        ("DELETE_FAILED", "delete-stack"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ] {
        let found = with_status(status);
        assert_eq!(found.changes, vec![]);
        let why = found
            .blocked
            .iter()
            .find(|b| b.address.to_string() == BUCKET)
            .unwrap();
        let BlockedBy::State { message } = &why.reason else {
            panic!("{why:?}")
        };
        assert!(message.contains(status), "{message}");
        assert!(why.hint.as_ref().unwrap().contains(hint), "{why:?}");
    }
}

#[test]
fn a_failed_creation_is_replaced() {
    for status in ["ROLLBACK_COMPLETE", "CREATE_FAILED"] {
        let found = with_status(status);
        let Action::CreateStack(action::CreateStack(action)) = &change(&found, BUCKET).action
        else {
            panic!("{found:?}")
        };
        assert!(action.replaces_failed);
        // Its outputs are no more, so what refers to them waits.
        let trail = change(&found, "stack trail in management/eu-west-1");
        assert!(trail.all_needs().contains(&change(&found, BUCKET).address));
    }
}

pub(super) fn targets(diff: &Diff, address: &str) -> DeploymentTargets {
    match &change(diff, address).action {
        Action::CreateStackInstances(action::CreateStackInstances { targets, .. })
        | Action::UpdateStackInstances(action::UpdateStackInstances { targets, .. })
        | Action::ForgetStackInstances(action::ForgetStackInstances { targets, .. }) => {
            targets.clone()
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn ids(keys: &[&str]) -> Vec<crate::addr::Expr> {
    keys.iter()
        .map(|text| super::super::context::account(&key(text)))
        .collect()
}

pub(super) fn ous(paths: &[&str]) -> Vec<crate::addr::Expr> {
    paths
        .iter()
        .map(|text| super::super::context::ou(&path(text)))
        .collect()
}

pub(super) fn instance<'a>(
    inventory: &'a mut Inventory,
    name: &str,
    at: &str,
) -> &'a mut InstanceFacts {
    let account = member_of(inventory, name).id.clone();
    let instances = known(&mut set_of(inventory).instances);
    let region = region(at);
    instances
        .get_mut(&AccountRegion { account, region })
        .unwrap()
}

/// Stages and their targets: an OU is targeted when the last below it has its turn.
#[test]
fn stages_target_the_highest_ous_they_can() {
    let targets = |stages: &[&[&str]]| {
        let mut plan = plan();
        let entry = |text: &&str| match *text {
            "*" => Stage::Rest,
            text => Stage::Ou(path(text)),
        };
        let stage = |names: &&[&str]| names.iter().map(entry).collect();
        plan.rollout.stages = stages.iter().map(stage).collect();
        let stages = crate::diff::stages::Stages::of(&plan, &Default::default());
        let show = |(number, targets): (&u16, &crate::diff::stages::Targets)| {
            let ous: Vec<String> = targets.ous.iter().map(ToString::to_string).collect();
            format!("{number}: {}", ous.join(" "))
        };
        stages.by_number.iter().map(show).collect::<Vec<_>>()
    };
    assert_eq!(
        targets(&[&["Sandbox"], &["Workloads/Dev"], &["*"]]),
        ["1: Sandbox", "2: Workloads/Dev", "3: Security Workloads"]
    );
    assert_eq!(targets(&[&["*"]]), ["1: Sandbox Security Workloads"]);
    // The rest may come first; what is named later is not reached through the OU above it.
    assert_eq!(
        targets(&[&["*"], &["Workloads/Prod"]]),
        ["1: Sandbox Security Workloads/Dev", "2: Workloads"]
    );
    // Without a `*` the others still come, last.
    assert_eq!(
        targets(&[&["Workloads"]]),
        ["1: Workloads", "2: Sandbox Security"]
    );
}

#[test]
fn a_first_bring_up_goes_stage_by_stage() {
    let mut inventory = settled();
    known(&mut inventory.stack_sets).clear();
    let sandbox = ou_of(&mut inventory, "Workloads/Prod").id.clone();
    known(&mut policy_of(&mut inventory, "protect").targets).remove(&sandbox);
    let found = compare(&inventory);
    let first = targets(&found, "rollout of config-recorder, stage 1");
    assert_eq!((first.ous, first.accounts), (ous(&["Sandbox"]), vec![]));
    assert_eq!(first.expect, ids(&["play"]));
    let last = targets(&found, "rollout of config-recorder, stage 3");
    assert_eq!(last.ous, ous(&["Security", "Workloads"]));
    assert_eq!(
        last.expect,
        ids(&["log-archive", "payments-prod", "security"])
    );
    let second = change(&found, "rollout of config-recorder, stage 2");
    assert!(
        second
            .needs
            .contains(&Address::Rollout(name("config-recorder"), 1))
    );
    assert!(second.needs.contains(&Address::Access(key("payments-dev"))));
    // Protective policies come after.
    let attached = change(&found, "policy protect on ou Workloads/Prod");
    assert!(
        attached
            .needs
            .contains(&Address::Rollout(name("config-recorder"), 3))
    );
}

fn newer() -> crate::baseline::Desired {
    let mut desired = desired();
    let set = desired
        .stack_sets
        .get_mut(&name("config-recorder"))
        .unwrap();
    set.template = "Resources: {Newer: 1}\n".to_owned();
    desired
}

#[test]
fn an_update_holds_auto_deployment_and_goes_stage_by_stage() {
    let mut plan = plan();
    plan.accounts
        .insert(key("new"), account("new", "Workloads/Dev"));
    let found = diff(&plan, &newer(), &settled(), &KEEP);
    let of_set = |text: &&String| text.contains("config-recorder");
    let all = addresses(&found);
    let shown: Vec<&String> = all.iter().filter(of_set).collect();
    let expected = [
        "auto-deployment hold of config-recorder",
        "update of config-recorder, stage 1",
        "update of config-recorder, stage 2",
        "update of config-recorder, stage 3",
        "rollout of config-recorder to account new",
        "auto-deployment release of config-recorder",
    ];
    assert_eq!(shown, expected);
    let first = change(&found, "update of config-recorder, stage 1");
    assert!(matches!(first.action, Action::UpdateStackInstances(_)));
    assert!(
        first
            .needs
            .contains(&Address::RolloutHold(name("config-recorder")))
    );
    let second = change(&found, "update of config-recorder, stage 2");
    assert!(
        second
            .needs
            .contains(&Address::RolloutUpdate(name("config-recorder"), 1))
    );
    let release = change(&found, "auto-deployment release of config-recorder");
    assert!(
        release
            .needs
            .contains(&Address::RolloutUpdate(name("config-recorder"), 3))
    );
    let join = change(&found, "rollout of config-recorder to account new");
    assert!(
        join.needs
            .contains(&Address::RolloutRelease(name("config-recorder")))
    );
}

#[test]
fn an_interrupted_update_is_finished() {
    let mut inventory = settled();
    let set = set_of(&mut inventory);
    set.template = "Resources: {Newer: 1}\n".to_owned();
    set.auto_deployment.as_mut().unwrap().enabled = false;
    for name in ["log-archive", "security", "payments-prod"] {
        for at in ["eu-west-1", "us-east-1"] {
            instance(&mut inventory, name, at).status = "OUTDATED".to_owned();
        }
    }
    let found = diff(&plan(), &newer(), &inventory, &KEEP);
    let expected = [
        "update of config-recorder, stage 3",
        "auto-deployment release of config-recorder",
    ];
    assert_eq!(addresses(&found), expected);
    let release = &found.changes[1];
    assert_eq!(
        release.needs,
        BTreeSet::from([found.changes[0].address.clone()])
    );
}

#[test]
fn outdated_instances_are_updated_alone() {
    let mut inventory = settled();
    instance(&mut inventory, "payments-prod", "us-east-1").status = "OUTDATED".to_owned();
    let found = compare(&inventory);
    assert_eq!(addresses(&found), ["update of config-recorder, stage 3"]);
    let update = targets(&found, "update of config-recorder, stage 3");
    assert!(matches!(
        found.changes[0].action,
        Action::UpdateStackInstances(_)
    ));
    assert_eq!(update.accounts, ids(&["payments-prod"]));
    assert_eq!(update.ous, ous(&["Workloads"]));
}

/// `scope` for one account, of the changes of a comparison.
fn of_account(found: Diff, account: &str) -> Scoped {
    scope(found, &plan(), &desired(), &BTreeSet::from([key(account)]))
}

#[test]
fn of_outdated_instances_an_account_has_its_own_updated() {
    let mut inventory = settled();
    for name in ["log-archive", "security", "payments-prod"] {
        instance(&mut inventory, name, "us-east-1").status = "OUTDATED".to_owned();
    }
    let all = targets(&compare(&inventory), "update of config-recorder, stage 3").clone();
    assert_eq!(all.ous, ous(&["Security", "Workloads"]));
    assert_eq!(all.accounts, []);
    let found = of_account(compare(&inventory), "payments-prod").diff;
    let own = targets(&found, "update of config-recorder, stage 3");
    assert_eq!(own.accounts, ids(&["payments-prod"]));
    assert_eq!(own.expect, ids(&["payments-prod"]));
    assert_eq!(own.ous, ous(&["Workloads"]));
    let update = change(&found, "update of config-recorder, stage 3");
    let expected = [
        "ous: - -> Workloads",
        "accounts: - -> payments-prod",
        "regions: - -> eu-west-1, us-east-1",
    ];
    assert_eq!(fields(update), expected);
    // One whose instances are current has nothing to do with it, in the same stage or another.
    for other in ["play", "payments-dev"] {
        assert_eq!(of_account(compare(&inventory), other).diff.changes, []);
    }
}

#[test]
fn an_update_of_the_set_is_no_account_s_own() {
    let found = diff(&plan(), &newer(), &settled(), &KEEP);
    assert!(addresses(&found).len() > 1);
    let scoped = of_account(found, "payments-prod");
    assert_eq!(scoped.diff.changes, []);
    assert_eq!(scoped.missing, []);
}

/// An account that somebody put into an OU by hand lacks the service-linked roles without which its stacks fail.
#[test]
fn an_account_whose_instances_failed_is_made_ready_first() {
    let mut inventory = settled();
    let failed = instance(&mut inventory, "payments-prod", "us-east-1");
    failed.status = "OUTDATED".to_owned();
    failed.detailed_status = Some("FAILED".to_owned());
    let found = compare(&inventory);
    let expected = [
        "access to account payments-prod",
        "update of config-recorder, stage 3",
    ];
    assert_eq!(addresses(&found), expected);
    assert!(found.changes[1].needs.contains(&found.changes[0].address));
}

#[test]
fn missing_instances_are_created_alone() {
    let mut inventory = settled();
    let account = member_of(&mut inventory, "security").id.clone();
    let gone = AccountRegion {
        account,
        region: region("us-east-1"),
    };
    known(&mut set_of(&mut inventory).instances).remove(&gone);
    let found = compare(&inventory);
    let expected = [
        "access to account security",
        "missing instances of config-recorder, stage 3",
    ];
    assert_eq!(addresses(&found), expected);
    let create = targets(&found, "missing instances of config-recorder, stage 3");
    assert_eq!(create.accounts, ids(&["security"]));
    assert_eq!(create.ous, ous(&["Security"]));
    assert_eq!(create.regions, BTreeSet::from([region("us-east-1")]));
    assert_eq!(create.expect, ids(&["security"]));
}

#[test]
fn inoperable_instances_are_forgotten_and_made_anew() {
    let mut inventory = settled();
    instance(&mut inventory, "security", "eu-west-1").status = "INOPERABLE".to_owned();
    let found = compare(&inventory);
    let forget = targets(&found, "inoperable instances of config-recorder");
    assert_eq!(forget.accounts, ids(&["security"]));
    assert_eq!(forget.regions, BTreeSet::from([region("eu-west-1")]));
    let create = change(&found, "missing instances of config-recorder, stage 3");
    assert!(
        create
            .needs
            .contains(&Address::Forget(name("config-recorder")))
    );
}

/// An update is judged by what was there before it. What AWS cannot work on goes first, since every operation on the whole
/// set meets it; what is missing is made at the end, from the template as it is then.
#[test]
fn an_update_expects_nothing_where_nothing_is_there() {
    let mut inventory = settled();
    instance(&mut inventory, "security", "eu-west-1").status = "INOPERABLE".to_owned();
    let prod = member_of(&mut inventory, "payments-prod").id.clone();
    let play = member_of(&mut inventory, "play").id.clone();
    for account in [prod, play] {
        let gone = AccountRegion {
            account,
            region: region("us-east-1"),
        };
        known(&mut set_of(&mut inventory).instances).remove(&gone);
    }
    let found = diff(&plan(), &newer(), &inventory, &KEEP);
    let forget = Address::Forget(name("config-recorder"));
    for changed in [
        "auto-deployment hold of config-recorder",
        "update of config-recorder, stage 1",
        "auto-deployment release of config-recorder",
    ] {
        assert!(
            change(&found, changed).all_needs().contains(&forget),
            "{changed}"
        );
    }
    let lacking = |stage: u16| -> Vec<(Expr, BTreeSet<Region>)> {
        let targets = targets(&found, &format!("update of config-recorder, stage {stage}"));
        let lacking = targets.lacking.into_iter();
        lacking.map(|one| (one.account, one.regions)).collect()
    };
    let one = |account: &str, at: &str| (ids(&[account]).remove(0), BTreeSet::from([region(at)]));
    assert_eq!(lacking(1), [one("play", "us-east-1")]);
    assert_eq!(lacking(2), []);
    assert_eq!(
        lacking(3),
        [
            one("payments-prod", "us-east-1"),
            one("security", "eu-west-1")
        ]
    );
    let made = change(&found, "missing instances of config-recorder, stage 3");
    let updated = Address::RolloutUpdate(name("config-recorder"), 3);
    assert!(made.all_needs().contains(&updated) && made.all_needs().contains(&forget));
    // And all of it comes to what the plan says.
    let after = applied(&plan(), &newer(), inventory, found);
    let again = diff(&plan(), &newer(), &after, &KEEP);
    assert_eq!(addresses(&again), Vec::<String>::new());
}

/// Outdated and missing in one stage are two operations, the update first.
#[test]
fn what_is_missing_is_created_after_what_is_outdated_was_updated() {
    let mut inventory = settled();
    instance(&mut inventory, "payments-prod", "us-east-1").status = "OUTDATED".to_owned();
    let account = member_of(&mut inventory, "security").id.clone();
    let instances = known(&mut set_of(&mut inventory).instances);
    instances.retain(|at, _| at.account != account);
    let found = compare(&inventory);
    let expected = [
        "access to account security",
        "update of config-recorder, stage 3",
        "missing instances of config-recorder, stage 3",
    ];
    assert_eq!(addresses(&found), expected);
    let create = change(&found, "missing instances of config-recorder, stage 3");
    assert!(
        create
            .needs
            .contains(&Address::RolloutUpdate(name("config-recorder"), 3))
    );
}

#[test]
fn suspended_accounts_are_not_expected_to_have_instances() {
    let mut inventory = settled();
    let account = member_of(&mut inventory, "payments-dev");
    account.state = AccountState::Suspended;
    let id = account.id.clone();
    let instances = known(&mut set_of(&mut inventory).instances);
    instances.retain(|at, _| at.account != id);
    assert_eq!(addresses(&compare(&inventory)), Vec::<String>::new());
}

#[test]
fn a_new_region_and_a_new_top_ou_complete_the_stages() {
    let mut plan = plan();
    plan.ous.insert(path("Labs"), Ou::default());
    let mut desired = desired();
    let set = desired
        .stack_sets
        .get_mut(&name("config-recorder"))
        .unwrap();
    set.regions.insert(region("eu-north-1"));
    let found = diff(&plan, &desired, &settled(), &KEEP);
    let first = targets(&found, "missing instances of config-recorder, stage 1");
    assert_eq!(first.regions, BTreeSet::from([region("eu-north-1")]));
    assert_eq!(first.accounts, vec![]);
    let last = targets(&found, "rollout of config-recorder, stage 3");
    assert_eq!((last.ous, last.regions.len()), (ous(&["Labs"]), 3));
    let rest = targets(&found, "missing instances of config-recorder, stage 3");
    assert_eq!(rest.regions, BTreeSet::from([region("eu-north-1")]));
    assert_eq!(rest.ous, ous(&["Security", "Workloads"]));
}

#[test]
fn a_move_between_targets_is_followed_by_its_instances() {
    let mut inventory = settled();
    let sandbox = ou_of(&mut inventory, "Sandbox").id.clone();
    member_of(&mut inventory, "payments-prod").parent = sandbox;
    let found = compare(&inventory);
    let join = change(
        &found,
        "rollout of config-recorder to account payments-prod",
    );
    assert!(
        join.needs
            .contains(&Address::Placement(key("payments-prod")))
    );
}

#[test]
fn what_the_plan_no_longer_asks_for_is_told() {
    let mut desired = desired();
    let set = desired
        .stack_sets
        .get_mut(&name("config-recorder"))
        .unwrap();
    set.regions.remove(&region("us-east-1"));
    let mut inventory = settled();
    let stacks = inventory.stacks.values_mut().next().unwrap();
    let mut extra = known(stacks).values().next().unwrap().clone();
    extra.name = "orgstrap-old".to_owned();
    known(stacks).insert(extra.name.clone(), extra);
    let found = diff(&plan(), &desired, &inventory, &KEEP);
    assert_eq!(addresses(&found), Vec::<String>::new());
    let left: Vec<&str> = found.left.iter().map(|left| left.name.as_str()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&"config-recorder/us-east-1"), "{left:?}");
    assert!(left.iter().any(|name| name.starts_with("old/")), "{left:?}");
}

#[test]
fn settings_without_a_template_are_put_right() {
    let mut inventory = settled();
    let set = set_of(&mut inventory);
    set.managed_execution = false;
    set.auto_deployment.as_mut().unwrap().retain_on_removal = false;
    let found = compare(&inventory);
    assert_eq!(addresses(&found), ["stack set config-recorder"]);
    let expected = [
        "managed execution: off -> on",
        "accounts that leave: delete stacks -> keep stacks",
    ];
    assert_eq!(fields(&found.changes[0]), expected);
    assert_eq!(current().status, "CURRENT");
}

#[test]
fn a_self_managed_set_of_the_name_is_not_touched() {
    let mut inventory = settled();
    set_of(&mut inventory).service_managed = false;
    let found = diff(&plan(), &newer(), &inventory, &KEEP);
    assert_eq!(found.changes, vec![]);
    assert!(matches!(found.blocked[0].reason, BlockedBy::State { .. }));
}

/// A second stack set whose stacks need those of the recorder's.
fn with_rules() -> crate::baseline::Desired {
    let mut desired = desired();
    let mut rules = recorder();
    rules.full_name = "orgstrap-rules".to_owned();
    rules.depends_on = BTreeSet::from([name("config-recorder")]);
    desired.stack_sets.insert(name("rules"), rules);
    desired
}

#[test]
fn a_set_that_comes_after_another_says_so_to_auto_deployment() {
    let recorder = Address::StackSet(name("config-recorder"));
    let arn = Expr::reference(recorder.clone(), Attribute::Arn);
    // Both are new: the ARN is known once the other is made.
    let found = diff(&plan(), &with_rules(), &empty(), &CREATE);
    let new = change(&found, "stack set rules");
    let Action::CreateStackSet(action::CreateStackSet(action)) = &new.action else {
        panic!("{new:?}")
    };
    assert_eq!(action.depends_on, std::slice::from_ref(&arn));
    assert!(new.all_needs().contains(&recorder));

    // Both are there, and somebody has named a third.
    let mut inventory = settled();
    let mut rules = set_of(&mut inventory).clone();
    rules.name = "orgstrap-rules".to_owned();
    rules.depends_on = BTreeSet::from(["arn:theirs".to_owned()]);
    let sets = known(&mut inventory.stack_sets);
    sets.insert(rules.name.clone(), rules);
    let found = diff(&plan(), &with_rules(), &inventory, &KEEP);
    assert_eq!(addresses(&found), ["stack set rules"]);
    let changed = &found.changes[0];
    assert_eq!(
        fields(changed),
        ["auto-deployment comes after: - -> config-recorder"]
    );
    let Action::UpdateStackSetSettings(action::UpdateStackSetSettings { depends_on, .. }) =
        &changed.action
    else {
        panic!("{changed:?}")
    };
    assert_eq!(*depends_on, [arn, Expr::literal("arn:theirs")]);

    let own = found
        .bindings
        .get(&recorder, &Attribute::Arn)
        .unwrap()
        .to_owned();
    let rules = known(&mut inventory.stack_sets)
        .get_mut("orgstrap-rules")
        .unwrap();
    rules.depends_on.insert(own);
    let found = diff(&plan(), &with_rules(), &inventory, &KEEP);
    assert_eq!(addresses(&found), Vec::<String>::new());
}

/// The same with the target through which each instance came.
fn settled_through_targets() -> Inventory {
    let mut inventory = settled();
    let accounts = inventory.accounts.known().unwrap().clone();
    let ous = inventory.ous.known().unwrap().clone();
    let set = set_of(&mut inventory);
    let targets = set.targets.clone();
    for (at, instance) in known(&mut set.instances) {
        let mut here = Some(accounts[&at.account].parent.clone());
        while let Some(id) = here.clone().filter(|id| !targets.contains(id)) {
            here = ous.get(&id).map(|ou| ou.parent.clone());
        }
        instance.ou = here;
    }
    inventory
}

/// AWS takes away what the account has through its former OU, which no one told it to keep.
#[test]
fn a_rollout_to_an_ou_that_is_no_target_yet_waits_for_the_stacks_of_the_former_one() {
    let mut plan = plan();
    plan.ous.insert(path("Labs"), Ou::default());
    plan.accounts.get_mut(&key("play")).unwrap().ou = path("Labs");
    let found = diff(&plan, &desired(), &settled_through_targets(), &KEEP);
    let targets = targets(&found, "rollout of config-recorder, stage 3");
    let [leaving] = targets.leaving.as_slice() else {
        panic!("{targets:?}")
    };
    assert_eq!(vec![leaving.account.clone()], ids(&["play"]));
    let sandbox = settled();
    let ous = sandbox.ous.known().unwrap();
    let sandbox = ous.values().find(|ou| ou.path == path("Sandbox")).unwrap();
    assert!(leaving.targets.contains(&sandbox.id), "{leaving:?}");
}

/// While auto-deployment is off AWS takes nothing away from an account that moves, and never does.
#[test]
fn nobody_leaves_a_target_while_auto_deployment_is_held() {
    let mut plan = plan();
    plan.accounts.get_mut(&key("play")).unwrap().ou = path("Workloads/Dev");
    let found = diff(&plan, &newer(), &settled_through_targets(), &KEEP);
    let moved = Address::Placement(key("play"));
    let hold = found
        .changes
        .iter()
        .find(|change| change.address == Address::RolloutHold(name("config-recorder")))
        .unwrap();
    assert!(hold.needs.contains(&moved), "{:?}", hold.needs);
    let Action::UpdateStackSetSettings(action::UpdateStackSetSettings { leaving, .. }) =
        &hold.action
    else {
        panic!("{hold:?}")
    };
    let accounts: Vec<Expr> = leaving.iter().map(|one| one.account.clone()).collect();
    assert_eq!(accounts, ids(&["play"]));

    // A run that was killed left it held: it goes on before anybody moves.
    let mut inventory = settled_through_targets();
    set_of(&mut inventory)
        .auto_deployment
        .as_mut()
        .unwrap()
        .enabled = false;
    let found = diff(&plan, &desired(), &inventory, &KEEP);
    let release = Address::RolloutRelease(name("config-recorder"));
    let moved = change(&found, "placement of account play");
    assert!(moved.needs.contains(&release), "{:?}", moved.needs);
}
