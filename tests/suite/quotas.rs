//! Organizations larger than what one call may name, and plans that need more than AWS's quotas allow.

use std::fmt::Write as _;

use orgstrap::addr::Address;
use orgstrap::aws::Operation;
use orgstrap::diff::OnQuota;
use orgstrap::ops::exit::Exit;
use orgstrap::sandbox::service_quotas::QUOTAS;
use orgstrap::sandbox::{Connection, World};

use crate::support::inside::{self, LoadedPlan};

/// OUs beside each other, more than the 50 that a stack set's operation may name, and accounts in the
/// first, the last and one between.
fn subject(recording: &str) -> LoadedPlan {
    let mut text = format!(
        "[organization]\n\
         management_account = \"111111111111\"\n\
         home_region = \"us-east-1\"\n\
         logging = \"logs\"\n\
         secops = \"watch\"\n\
         email = \"aws+{{account}}@example.com\"\n\
         [account.logs]\n\
         ou = \"Unit 00\"\n\
         [account.watch]\n\
         ou = \"Unit 30\"\n\
         [account.shop]\n\
         ou = \"Unit 59\"\n\
         [baseline.config]\n\
         recording_frequency = \"{recording}\"\n"
    );
    for n in 0..60 {
        writeln!(text, "[ou.\"Unit {n:02}\"]").expect("a string takes it");
    }
    LoadedPlan::of_text(text)
}

fn applied(subject: &LoadedPlan, world: World) -> World {
    let run = inside::apply(subject, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let again = inside::apply(subject, run.world, Connection::default());
    assert!(!again.changed(), "{:?}", again.ended);
    again.world
}

/// How many OUs each operation on a stack set named.
fn operations(world: &World) -> Vec<usize> {
    let management = &world.accounts[&world.management_account];
    management
        .regions
        .values()
        .flat_map(|region| region.cloudformation.stack_sets.values())
        .flat_map(|set| set.operations.values())
        .filter_map(|operation| operation.targets["OrganizationalUnitIds"].as_array())
        .map(Vec::len)
        .collect()
}

#[test]
fn more_ous_than_one_operation_may_name_are_rolled_out_in_batches() {
    let plan = subject("CONTINUOUS");
    let world = applied(&plan, inside::empty_world(&plan));
    let mut named = operations(&world);
    named.sort_unstable();
    assert_eq!(named, [10, 50]);

    let world = applied(&subject("DAILY"), world);
    let mut named = operations(&world);
    named.sort_unstable();
    assert_eq!(named, [10, 10, 50, 50]);
}

/// Two accounts with duties, and as many others as are asked for.
fn with_accounts(others: usize) -> LoadedPlan {
    let mut text = String::from(
        "[organization]\n\
         management_account = \"111111111111\"\n\
         home_region = \"us-east-1\"\n\
         logging = \"logs\"\n\
         secops = \"watch\"\n\
         email = \"aws+{account}@example.com\"\n\
         [ou.Work]\n\
         [account.logs]\n\
         ou = \"Work\"\n\
         [account.watch]\n\
         ou = \"Work\"\n",
    );
    for n in 0..others {
        write!(text, "[account.w{n:02}]\nou = \"Work\"\n").expect("a string takes it");
    }
    LoadedPlan::of_text(text)
}

fn members(world: &World) -> usize {
    let organization = world.organization.as_ref();
    organization.map_or(0, |organization| organization.members.len())
}

#[test]
fn nothing_is_made_where_a_quota_is_in_the_way() {
    let plan = with_accounts(40);
    let run = inside::apply(&plan, inside::empty_world(&plan), Connection::default());
    assert_eq!(run.exit, Exit::Failed);
    assert!(run.ended.is_err());
    assert!(
        run.text.contains("needs 43 accounts and the quota is 10"),
        "{}",
        run.text
    );
    assert_eq!(run.world.organization, None);
}

#[test]
fn what_fits_is_made_and_the_rest_once_there_is_room() {
    let plan = with_accounts(12);
    let fit =
        |world| inside::apply_with(&plan, world, &|apply| apply.options.quotas = OnQuota::Fit);
    let run = fit(inside::empty_world(&plan));
    assert!(run.ended.expect("applied").is_success());
    assert_eq!(run.exit, Exit::Failed);
    assert_eq!(members(&run.world), 10);
    let last = run.text.trim_end().lines();
    let verdict = last.filter(|line| line.contains("of what the plan asks for not"));
    assert_eq!(verdict.count(), 1, "{}", run.text);
    // Nothing more fits.
    let again = fit(run.world);
    assert_eq!(again.exit, Exit::Failed);
    assert!(!matches!(&again.ended, Ok(summary) if !summary.done.is_empty()));
    let mut world = again.world;
    world.account_quota = 15;
    let whole = inside::apply(&plan, world, Connection::default());
    assert_eq!(whole.exit, Exit::Done, "{}", whole.text);
    assert_eq!(members(&whole.world), 15);
}

#[test]
fn one_refused_account_ends_the_other_creations() {
    let plan = with_accounts(40);
    let run = inside::apply_with(&plan, inside::empty_world(&plan), &|apply| {
        apply.options.quotas = OnQuota::Ignore;
    });
    let summary = run.ended.expect("applied");
    assert_eq!(run.exit, Exit::Failed);
    assert_eq!(members(&run.world), 10);
    // Who was asked for already, or waited for its turn: five at a time.
    assert!(
        (1..=5).contains(&summary.failed.len()),
        "{:?}",
        summary.failed
    );
    let not_tried = summary.not_tried.iter();
    let accounts = not_tried.filter(|(address, _)| matches!(address, Address::Account(_)));
    assert_eq!(accounts.count() + summary.failed.len(), 33);
    // Nine that fit, and the one that was refused.
    assert_eq!(run.calls[&Operation("organizations", "CreateAccount")], 10);
}

#[test]
fn a_quota_is_asked_for_once() {
    let plan = with_accounts(12);
    let raise = |world| inside::apply_with(&plan, world, &|apply| apply.raise_quotas = true);
    let run = raise(inside::empty_world(&plan));
    assert_eq!(run.exit, Exit::Failed);
    assert!(
        run.text
            .contains("Asked AWS to raise the quota of accounts"),
        "{}",
        run.text
    );
    let mut again = raise(run.world);
    assert!(again.text.contains("no other was sent"), "{}", again.text);
    let desired: Vec<f64> = again
        .world
        .quotas
        .requests
        .iter()
        .map(|it| it.desired)
        .collect();
    assert_eq!(desired, [15.0]);
    assert_eq!(again.world.organization, None);
    QUOTAS[0].decide(&mut again.world, true);
    let whole = raise(again.world);
    assert_eq!(whole.exit, Exit::Done, "{}", whole.text);
    assert_eq!(members(&whole.world), 15);
    assert_eq!(whole.world.quotas.requests.len(), 1);
}
