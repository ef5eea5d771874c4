//! How long a bootstrap takes, against the longest chain that the documented quotas impose.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;

use orgstrap::sandbox::lags::Lag;
use orgstrap::sandbox::{Connection, World};

use crate::support::inside::{self, LoadedPlan};

/// Organizations' quotas: five creations in flight, CreateAccount 0.1 a second with a burst of 3.
const IN_FLIGHT: usize = 5;
const BURST: usize = 3;
const PERIOD_MS: i64 = 10_000;

/// An organization of so many new accounts with the Config baseline.
fn subject(accounts: usize) -> LoadedPlan {
    let mut text = String::from(
        "[organization]\n\
         management_account = \"111111111111\"\n\
         home_region = \"eu-west-1\"\n\
         regions = [\"eu-west-1\", \"us-east-1\"]\n\
         logging = \"a0000\"\n\
         secops = \"a0001\"\n\
         email = \"aws+{account}@example.com\"\n\
         [ou.Work]\n\
         [baseline.config]\n\
         [rollout]\n\
         stages = [[\"*\"]]\n\
         max_concurrent = \"100%\"\n\
         failure_tolerance = \"0%\"\n",
    );
    for n in 0..accounts {
        writeln!(text, "[account.a{n:04}]\nou = \"Work\"").expect("a string takes it");
    }
    LoadedPlan::of_text(text)
}

/// When an ideal client is done, in milliseconds: it asks for each account as soon as the rate and the five
/// places allow, goes on the moment AWS is done, and looks at nothing twice.
fn longest_chain(world: &World) -> i64 {
    let organization = world.organization.as_ref().expect("an organization");
    let mut creations: Vec<_> = organization.creations.values().collect();
    creations.sort_by_key(|creation| creation.requested);
    let mut places: BinaryHeap<Reverse<i64>> = (0..IN_FLIGHT).map(|_| Reverse(0)).collect();
    let mut asked: Vec<i64> = Vec::new();
    let mut reachable = 0;
    for creation in creations {
        let Reverse(free) = places.pop().expect("five places");
        // A bucket of three that fills at one in ten seconds.
        let before = |n: usize| asked.len().checked_sub(n).map(|i| asked[i]);
        let mut start = free.max(before(1).unwrap_or(0));
        // Among any k + 3 requests at least k periods lie between the first and the last.
        for k in 1.. {
            match before(k + BURST - 1) {
                Some(first) => start = start.max(first + PERIOD_MS * k as i64),
                None => break,
            }
        }
        asked.push(start);
        // How long AWS took over it, and until its role could be assumed and its CloudFormation used, is AWS's doing.
        let completed = creation.completed.expect("ended");
        let end = start + completed.0 - creation.requested.0;
        places.push(Reverse(end));
        let account = &world.accounts[creation.account.as_ref().expect("made")];
        let role = &account.iam.roles[&creation.role_name];
        reachable = reachable.max(end + role.usable_from.0 - account.created.0);
        let id = creation.account.as_ref().expect("made");
        let opens = |region| (world.lags).in_new_account(Lag::NewCloudFormation, id, region);
        reachable = reachable.max(end + opens("eu-west-1").max(opens("us-east-1")));
    }
    // The last account's stacks: the last operation of the set.
    let management = &world.accounts[&world.management_account];
    let operation = management
        .regions
        .values()
        .flat_map(|region| region.cloudformation.stack_sets.values())
        .flat_map(|set| set.operations.values())
        .max_by_key(|operation| operation.created)
        .expect("an operation");
    reachable + operation.ended.expect("ended").0 - operation.created.0
}

fn takes_at_most_a_tenth_longer(accounts: usize) {
    let subject = subject(accounts);
    let mut world = inside::empty_world(&subject);
    world.account_quota = accounts + 10;
    let run = inside::apply(&subject, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let took = i64::try_from(summary.took.as_millis()).expect("not that long");
    // A role and CloudFormation of a new account are each looked for in steps of up to 15 s, so the one that ends the wait comes
    // as much later: half of it on average for the two of them.
    const LOOK: i64 = 15_000;
    let chain = longest_chain(&run.world) + LOOK;
    assert!(
        run.world.rates.refused.is_empty(),
        "{:?}",
        run.world.rates.refused
    );
    assert_eq!(run.throttled, 0);
    assert!(
        took * 10 <= chain * 11,
        "{accounts} accounts took {took} ms; the quotas and a look impose {chain} ms"
    );
}

#[test]
fn ten_accounts_take_at_most_a_tenth_longer_than_the_quotas_impose() {
    takes_at_most_a_tenth_longer(10);
}

#[test]
fn a_hundred_accounts_take_at_most_a_tenth_longer_than_the_quotas_impose() {
    takes_at_most_a_tenth_longer(100);
}

#[test]
fn a_thousand_accounts_take_at_most_a_tenth_longer_than_the_quotas_impose() {
    takes_at_most_a_tenth_longer(1_000);
}
