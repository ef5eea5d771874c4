//! Every change by which AWS deletes or replaces what holds data says so.

use super::samples::*;
use super::simulate::known;
use crate::baseline::Desired;
use crate::diff::{Diff, diff};
use crate::inventory::*;
use crate::plan::*;

const TEMPLATE: &str = "
Parameters: { Bucket: { Type: String } }
Resources:
  Files: { Type: AWS::S3::Bucket }
  Kept: { Type: AWS::S3::Bucket, DeletionPolicy: Retain, UpdateReplacePolicy: Retain }
";

/// The sample with a stack set, and a stack, that hold data which nothing keeps.
fn with_files(retain: bool) -> Desired {
    let mut desired = desired();
    for set in desired.stack_sets.values_mut() {
        set.template = TEMPLATE.to_owned();
        set.retain_on_removal = retain;
    }
    for stack in desired.stacks.values_mut() {
        stack.template = TEMPLATE.to_owned();
    }
    desired
}

fn told(found: &Diff) -> Vec<String> {
    let losses = found.losses.iter();
    losses
        .flat_map(|loss| {
            let head = format!("{}: {}", loss.address, loss.stack);
            loss.resources
                .iter()
                .map(move |lost| format!("{head}: {lost}"))
        })
        .collect()
}

fn after(edit: impl FnOnce(&mut OrgPlan, &mut Desired, &mut Inventory)) -> Vec<String> {
    edited(false, edit)
}

fn edited(
    retain: bool,
    edit: impl FnOnce(&mut OrgPlan, &mut Desired, &mut Inventory),
) -> Vec<String> {
    let (mut plan, mut desired) = (plan(), with_files(retain));
    let mut inventory = satisfied(&plan, &desired);
    edit(&mut plan, &mut desired, &mut inventory);
    told(&diff(&plan, &desired, &inventory, &PRUNE))
}

fn put(plan: &mut OrgPlan, account: &str, ou: &str) {
    plan.accounts.get_mut(&key(account)).unwrap().ou = path(ou);
}

fn without(plan: &mut OrgPlan, desired: &mut Desired, ou: &str) {
    let entry = plan.ous.entry(path(ou)).or_default();
    entry.baselines = Some(Default::default());
    for set in desired.stack_sets.values_mut() {
        set.except.insert(path(ou));
    }
}

const MOVED: &str = "placement of account play: orgstrap-config-recorder: Files (AWS::S3::Bucket)";

#[test]
fn nothing_is_lost_where_nothing_is_changed() {
    assert_eq!(after(|_, _, _| {}), Vec::<String>::new());
}

#[test]
fn a_move_out_of_the_reach_of_a_set_is_told() {
    let moved = after(|plan, desired, _| {
        without(plan, desired, "Retired");
        put(plan, "play", "Retired");
    });
    assert_eq!(moved, [MOVED]);
    let retained = edited(true, |plan, desired, _| {
        without(plan, desired, "Retired");
        put(plan, "play", "Retired");
    });
    assert_eq!(retained, Vec::<String>::new());
}

#[test]
fn a_move_from_target_to_target_is_told() {
    assert_eq!(after(|plan, _, _| put(plan, "play", "Security")), [MOVED]);
    // Also where the other OU is made in the same run.
    let new = after(|plan, _, _| {
        plan.ous.insert(path("Other"), Ou::default());
        put(plan, "play", "Other");
    });
    assert_eq!(new, [MOVED]);
}

#[test]
fn a_move_inside_one_target_loses_nothing() {
    let moved = after(|plan, _, _| put(plan, "payments-prod", "Workloads"));
    assert_eq!(moved, Vec::<String>::new());
}

/// AWS goes by the targets of a set, whether or not a baseline of the plan asks for it.
#[test]
fn a_set_that_the_plan_has_not_counts_too() {
    let moved = after(|plan, desired, _| {
        desired.stack_sets.clear();
        put(plan, "play", "Security");
    });
    assert_eq!(moved, [MOVED]);
}

#[test]
fn other_stages_lose_nothing() {
    for stages in [
        vec![],
        vec![vec![Stage::Rest]],
        vec![vec![Stage::Ou(path("Security"))]],
    ] {
        let lost = after(|plan, _, _| plan.rollout.stages = stages);
        assert_eq!(lost, Vec::<String>::new());
    }
}

#[test]
fn an_account_that_a_person_moved_is_told_when_it_is_moved_back() {
    let lost = after(|_, _, inventory| {
        let security = ou_of(inventory, "Security").id.clone();
        member_of(inventory, "play").parent = security;
    });
    assert_eq!(lost, [MOVED]);
}

#[test]
fn a_template_that_names_the_bucket_is_told_once_for_the_set() {
    let named = |template: &mut String| {
        *template = template.replace(
            "Files: { Type: AWS::S3::Bucket }",
            "Files: { Type: AWS::S3::Bucket, Properties: { BucketName: !Ref Bucket } }",
        );
    };
    let lost = after(|_, desired, _| {
        desired
            .stack_sets
            .values_mut()
            .for_each(|set| named(&mut set.template));
    });
    let reason = "Files (AWS::S3::Bucket): replaced by an empty one, because BucketName changes";
    let expected =
        format!("update of config-recorder, stage 1: orgstrap-config-recorder: {reason}");
    assert_eq!(lost, [expected]);
    let lost = after(|_, desired, _| {
        let stack = desired
            .stacks
            .get_mut(&(bucket_place(), name("config-bucket")));
        named(&mut stack.unwrap().template);
    });
    let stack = "stack config-bucket in log-archive/eu-west-1: orgstrap-config-bucket";
    assert_eq!(lost, [format!("{stack}: {reason}")]);
}

/// What one change of a set loses hides nothing of what another does.
#[test]
fn a_move_hides_no_update_of_the_whole_set() {
    let found = after(|plan, desired, _| {
        without(plan, desired, "Retired");
        put(plan, "play", "Retired");
        let named = "Files: { Type: AWS::S3::Bucket, Properties: { BucketName: another } }";
        let template = TEMPLATE.replace("Files: { Type: AWS::S3::Bucket }", named);
        for set in desired.stack_sets.values_mut() {
            set.template.clone_from(&template);
        }
    });
    let of = |address: &str| found.iter().any(|told| told.starts_with(address));
    assert!(of(MOVED), "{found:?}");
    assert!(of("update of config-recorder"), "{found:?}");
}

#[test]
fn what_a_template_leaves_out_is_told() {
    let lost = after(|_, desired, _| {
        for set in desired.stack_sets.values_mut() {
            set.template = "Resources: { Role: { Type: AWS::IAM::Role } }\n".to_owned();
        }
    });
    let expected = "update of config-recorder, stage 1: orgstrap-config-recorder: Files (AWS::S3::Bucket): taken out of the template";
    assert_eq!(lost, [expected]);
}

#[test]
fn where_no_stack_is_nothing_is_lost() {
    let lost = after(|plan, desired, inventory| {
        let play = member_of(inventory, "play").id.clone();
        known(&mut set_of(inventory).instances).retain(|at, _| at.account != play);
        without(plan, desired, "Retired");
        put(plan, "play", "Retired");
    });
    assert_eq!(lost, Vec::<String>::new());
}
