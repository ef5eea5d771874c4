//! Organizations larger than what one call may name.

use std::fmt::Write as _;

use orgstrap::sandbox::{Connection, World};

use crate::support::inside::{self, Subject};

/// OUs beside each other, more than the 50 that a stack set's operation may name, and accounts in the
/// first, the last and one between.
fn subject(recording: &str) -> Subject {
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
    Subject::of_text(text)
}

fn applied(subject: &Subject, world: World) -> World {
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
