//! Accounts that move between OUs, with and without the config baseline: each ends with exactly the stacks
//! that its new OU calls for, none twice and none lost, and so it does after a crash at any call. Of calls that
//! only poll, every third one, or with `ORGSTRAP_FAULTS=all` all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use orgstrap::sandbox::{Connection, Met, Time, World};

use crate::support::inside::{self, LoadedPlan};
use crate::support::likeness::{differences, likeness};

/// Each of `First` and `Second` is a target of its own, for they are stages of their own; the two OUs below
/// `Shared` have one target.
fn subject(ou: &str) -> LoadedPlan {
    let text = format!(
        r#"
[organization]
management_account = "111111111111"
home_region = "us-east-1"
logging = "log-archive"
secops = "security"
email = "aws+{{account}}@example.com"
[ou.Security]
[ou.First]
[ou.Second]
[ou.Without]
baselines = []
[ou.Shared]
[ou."Shared/One"]
[ou."Shared/Two"]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.mover]
ou = "{ou}"
[baseline.config]
[rollout]
stages = [["First"], ["Second"], ["*"]]
"#
    );
    LoadedPlan::of_text(text)
}

/// Where the account moves, and whether its stacks are the same ones afterwards.
const MOVES: [(&str, &str, bool); 6] = [
    ("First", "Second", false),
    ("Second", "First", false),
    ("First", "Without", false),
    ("Without", "Second", false),
    ("Shared/One", "Shared/Two", true),
    ("Without", "Shared/One", false),
];

/// A plan whose parts a case edits: OUs, the mover's OU, options of the baseline, stages.
fn edited(ous: &str, security: &str, mover: &str, config: &str, stages: &str) -> LoadedPlan {
    LoadedPlan::of_text(format!(
        r#"
[organization]
management_account = "111111111111"
home_region = "us-east-1"
logging = "log-archive"
secops = "security"
email = "aws+{{account}}@example.com"
{ous}
[account.log-archive]
ou = "{security}"
[account.security]
ou = "{security}"
[account.mover]
ou = "{mover}"
[baseline.config]
{config}
[rollout]
stages = {stages}
"#
    ))
}

/// Edits of a living organization by which an account goes to where the stack set is still to go, each with the
/// plan before and after.
fn edits() -> Vec<(&'static str, LoadedPlan, LoadedPlan)> {
    let ous = "[ou.Security]\n[ou.First]\n[ou.Second]\n";
    let apart = "[ou.Shared]\n[ou.\"Shared/One\"]\n[ou.\"Shared/Two\"]\n";
    let halved = apart.replace("Two\"]", "Two\"]\nbaselines = []");
    let staged = r#"[["First"], ["Second"], ["*"]]"#;
    let rest = r#"[["*"]]"#;
    let daily = "recording_frequency = \"DAILY\"";
    let shared = r#"[["Shared/One"], ["Shared/Two"], ["*"]]"#;
    let with = |more: &str| format!("{ous}{more}");
    vec![
        (
            "an OU under another name, without a word that it is the same",
            edited(ous, "Security", "First", "", staged),
            edited(
                &ous.replace("Security", "Core"),
                "Core",
                "First",
                "",
                staged,
            ),
        ),
        (
            "into a new OU",
            edited(ous, "Security", "First", "", staged),
            edited(&with("[ou.New]"), "Security", "New", "", staged),
        ),
        (
            "into a new OU below one that is a target",
            edited(ous, "Security", "First", "", staged),
            edited(
                &with("[ou.\"Second/New\"]"),
                "Security",
                "Second/New",
                "",
                staged,
            ),
        ),
        (
            "into an OU that becomes a target",
            edited(
                &with("[ou.Without]\nbaselines = []"),
                "Security",
                "First",
                "",
                staged,
            ),
            edited(&with("[ou.Without]"), "Security", "Without", "", staged),
        ),
        (
            "out of an OU that becomes a target",
            edited(
                &with("[ou.Without]\nbaselines = []"),
                "Security",
                "Without",
                "",
                staged,
            ),
            edited(&with("[ou.Without]"), "Security", "First", "", staged),
        ),
        (
            "to another target while the stack set changes",
            edited(ous, "Security", "First", "", staged),
            edited(ous, "Security", "Second", daily, staged),
        ),
        (
            "into a new OU while the stack set changes",
            edited(ous, "Security", "First", "", staged),
            edited(&with("[ou.New]"), "Security", "New", daily, staged),
        ),
        (
            "nowhere, while a target above takes the place of its own",
            edited(&with(&halved), "Security", "Shared/One", "", rest),
            edited(&with(apart), "Security", "Shared/One", "", rest),
        ),
        (
            "out of a target into a new OU, while one above takes its place",
            edited(&with(&halved), "Security", "Shared/One", "", rest),
            edited(
                &with(&format!("{apart}[ou.New]")),
                "Security",
                "New",
                "",
                rest,
            ),
        ),
        (
            "from below a target to one of its own",
            edited(&with(apart), "Security", "Shared/One", "", rest),
            edited(&with(apart), "Security", "Shared/Two", "", shared),
        ),
    ]
}

/// What is wrong with a world in which every account is to have its recorder and nothing is to be changed.
fn not_done(subject: &LoadedPlan, world: World) -> (World, Option<String>) {
    let run = inside::apply(subject, world, Connection::default());
    if run.changed() {
        let why = format!("a second apply changes something: {:?}", run.ended);
        return (run.world, Some(why));
    }
    let lacking: Vec<&str> = run
        .world
        .accounts
        .iter()
        .filter(|(id, _)| **id != run.world.management_account)
        .filter(|(_, account)| {
            let mut regions = account.regions.values();
            !regions.any(|region| region.config.recorder.is_some())
        })
        .map(|(_, account)| account.email.as_str())
        .collect();
    let why = (!lacking.is_empty()).then(|| format!("no recorder in {lacking:?}"));
    (run.world, why)
}

#[test]
fn one_apply_is_enough_where_accounts_go_to_targets_that_are_new() {
    for (case, before, after) in edits() {
        let run = inside::apply(&before, inside::empty_world(&before), Connection::default());
        assert!(run.ended.expect("applied").is_success());
        let start = settled(run.world);

        let calls: Arc<Mutex<Vec<(Met, World)>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let connection = Connection::default().watched(move |met: &Met, world: &World| {
            seen.lock()
                .expect("whole")
                .push((met.clone(), world.clone()));
        });
        let run = inside::apply(&after, start, connection);
        let summary = run.ended.expect("applied");
        assert!(summary.is_success(), "{case}: {:?}", summary.failed);
        let (world, why) = not_done(&after, run.world);
        assert_eq!(why, None, "{case}, at once");
        let (_, why) = not_done(&after, settled(world));
        assert_eq!(why, None, "{case}, an hour later");

        // Killed here and there once something is changed, the next run ends where this one did.
        let calls = std::mem::take(&mut *calls.lock().expect("whole"));
        let first = calls
            .iter()
            .position(|(met, _)| met.operation == "ssm:PutParameter")
            .expect("the lock");
        let step = ((calls.len() - first) / 6).max(1);
        for (met, world) in calls.into_iter().skip(first).step_by(step) {
            let case = format!("{case}, killed at {} ({})", met.call, met.operation);
            let again = inside::apply(&after, inside::unlock(&after, world), Connection::default());
            let summary = again.ended.expect("applied");
            assert!(summary.is_success(), "{case}: {:?}", summary.failed);
            let (_, why) = not_done(&after, settled(again.world));
            assert_eq!(why, None, "{case}");
        }
    }
}

/// The world as it is when AWS has done all that it had begun.
fn settled(mut world: World) -> World {
    let later = Time(world.now.0 + 3_600_000);
    while world.advance(later) {}
    world
}

/// The mover's id and, by Region, the ids of the recorder stacks it has; and the set's instances there.
fn stacks(world: &World) -> (Vec<(String, String)>, BTreeSet<String>) {
    let (id, account) = world
        .accounts
        .iter()
        .find(|(_, account)| account.email == "aws+mover@example.com")
        .expect("the mover");
    let mut stacks = Vec::new();
    for (region, state) in &account.regions {
        for (stack_id, stack) in &state.cloudformation.stacks {
            if stack.status.as_str() != "DELETE_COMPLETE" {
                stacks.push((region.clone(), stack_id.clone()));
            }
        }
    }
    let management = &world.accounts[&world.management_account];
    let instances = management
        .regions
        .values()
        .flat_map(|region| region.cloudformation.stack_sets.values())
        .flat_map(|set| set.instances.values())
        .filter(|instance| instance.account == *id)
        .map(|instance| instance.region.clone())
        .collect();
    (stacks, instances)
}

fn has_what_its_ou_calls_for(ou: &str, world: &World) -> Result<(), String> {
    let (stacks, instances) = stacks(world);
    let desired: BTreeSet<String> = match ou {
        "Without" => BTreeSet::new(),
        _ => ["us-east-1".to_owned()].into(),
    };
    let regions: Vec<&String> = stacks.iter().map(|(region, _)| region).collect();
    if regions != desired.iter().collect::<Vec<_>>() || instances != desired {
        return Err(format!("stacks in {regions:?}, instances in {instances:?}"));
    }
    let recorders = world
        .accounts
        .values()
        .find(|account| account.email == "aws+mover@example.com")
        .expect("the mover")
        .regions
        .values()
        .filter(|region| region.config.recorder.is_some())
        .count();
    if recorders != desired.len() {
        return Err(format!("{recorders} recorders"));
    }
    Ok(())
}

#[test]
fn a_moved_account_has_exactly_the_stacks_of_its_new_ou_whatever_crashes() {
    let mut wrong = Vec::new();
    for (from, to, stay) in MOVES {
        let before = subject(from);
        let run = inside::apply(&before, inside::empty_world(&before), Connection::default());
        assert!(run.ended.expect("applied").is_success());
        let start = settled(run.world);
        has_what_its_ou_calls_for(from, &start).expect("before the move");

        let after = subject(to);
        let calls: Arc<Mutex<Vec<(Met, World)>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let connection = Connection::default().watched(move |met: &Met, world: &World| {
            seen.lock()
                .expect("whole")
                .push((met.clone(), world.clone()));
        });
        let run = inside::apply(&after, start.clone(), connection);
        let summary = run.ended.expect("applied");
        assert!(summary.is_success(), "{from} to {to}: {:?}", summary.failed);
        // Nothing is left for AWS to do once apply has ended.
        has_what_its_ou_calls_for(to, &run.world)
            .unwrap_or_else(|why| panic!("{from} to {to}: {why}"));
        let end = settled(run.world);
        has_what_its_ou_calls_for(to, &end).expect("still so an hour later");
        assert_eq!(stacks(&start).0 == stacks(&end).0, stay, "{from} to {to}");
        let end = likeness(&end);

        // Until the lock is had nothing is changed.
        let calls = std::mem::take(&mut *calls.lock().expect("whole"));
        let first = calls
            .iter()
            .position(|(met, _)| met.operation == "ssm:PutParameter")
            .expect("the lock");
        assert!(calls.len() - first >= 5);
        let all = std::env::var("ORGSTRAP_FAULTS").is_ok_and(|faults| faults == "all");
        let mut polls: BTreeMap<String, usize> = BTreeMap::new();
        for (met, world) in calls.into_iter().skip(first) {
            // A poll changes nothing; every third one sees AWS as far as any.
            let polled = polls.entry(met.operation.to_string()).or_default();
            *polled += 1;
            if !all && *polled > 2 && !polled.is_multiple_of(3) {
                continue;
            }
            let case = format!("{from} to {to}, killed at {} ({})", met.call, met.operation);
            let second =
                inside::apply(&after, inside::unlock(&after, world), Connection::default());
            if let Err(why) = &second.ended {
                wrong.push(format!("{case}: {why}"));
                continue;
            }
            if let Err(why) = has_what_its_ou_calls_for(to, &second.world) {
                wrong.push(format!("{case}: after apply: {why}"));
                continue;
            }
            let ended = settled(second.world);
            let like = likeness(&ended);
            if like != end {
                wrong.push(format!("{case}:\n{}", differences(&end, &like)));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
