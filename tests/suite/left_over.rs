//! What is left over is told by `plan`, `apply` and `drift` alike, in their last line and exit code, until
//! `orgstrap remove` has taken it away or the plan says that it is to stay.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use orgstrap::diff::removal::Fortune;
use orgstrap::ops::exit::Exit;
use orgstrap::sandbox::{Connection, Time, World};

use crate::support::inside::{self, LoadedPlan, taken};

const PLAN: &str = r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1", "eu-central-1"]
logging = "log-archive"
secops = "security"
email = "aws+{account}@example.com"

[ou.Security]
[ou.Sandbox]
[ou.Workloads]
[ou."Workloads/Dev"]
[ou."Workloads/Prod"]

[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.playground]
ou = "Sandbox"
[account.shop]
ou = "Workloads/Prod"
[account.shop-dev]
ou = "Workloads/Dev"

[baseline.cloudtrail]
[baseline.config]
[baseline.guardduty]
"#;

/// The plan applied, and everything settled.
static APPLIED: LazyLock<World> = LazyLock::new(|| {
    let subject = LoadedPlan::of_text(PLAN.to_owned());
    let run = inside::apply(
        &subject,
        inside::empty_world(&subject),
        Connection::default(),
    );
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    later(run.world)
});

/// The world when AWS has done all that it had begun.
fn later(mut world: World) -> World {
    let hour = Time(world.now.0 + 3_600_000);
    while world.advance(hour) {}
    world
}

fn without(text: &str, what: &[&str]) -> String {
    let mut text = text.to_owned();
    for one in what {
        assert!(text.contains(one), "{one}");
        text = text.replace(one, "");
    }
    text
}

/// How many stacks of a name there are, by what it contains.
fn stacks(world: &World, name: &str) -> usize {
    let accounts = world.accounts.values();
    let regions = accounts.flat_map(|account| account.regions.values());
    let stacks = regions.flat_map(|region| region.cloudformation.stacks.values());
    stacks
        .filter(|stack| stack.name.contains(name) && stack.status != "DELETE_COMPLETE")
        .count()
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

/// Applies an edited plan in the applied world, and checks that all three verbs tell of `left`.
fn left_after(edited: &str, left: &[&str]) -> (LoadedPlan, World) {
    let subject = LoadedPlan::of_text(edited.to_owned());
    let run = inside::apply_what_can_be(&subject, APPLIED.clone(), Connection::default());
    assert_eq!(run.exit, Exit::Differs, "{}", run.text);
    let world = later(run.world);
    let (planned, world) = inside::plan(&subject, world);
    assert_eq!(planned.exit, Exit::Differs, "{}", planned.text);
    assert_eq!(planned.changes, vec![], "{}", planned.text);
    for name in left {
        assert!(
            planned.text.contains(&format!("{name}: ")),
            "{name}: {}",
            planned.text
        );
    }
    for text in [&planned.text, &run.text] {
        assert!(text.contains("orgstrap remove org.toml"), "{text}");
    }
    let last = last_line(&planned.text);
    assert!(
        last.contains("left over") && last.contains("orgstrap remove org.toml"),
        "{last}"
    );
    let (drifted, world) = inside::look_for_drift(&subject, world);
    assert_eq!(drifted.exit, Exit::Differs);
    let mut found: Vec<&str> = drifted
        .findings
        .findings
        .iter()
        .filter(|finding| finding.control == "stacks.left-over")
        .map(|finding| finding.subject.as_str())
        .collect();
    found.sort_unstable();
    let mut expected = left.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
    (subject, world)
}

/// Nothing is left: all three exit 0, at once and later.
fn is_clean(subject: &LoadedPlan, world: World) -> World {
    let world = later(world);
    let (planned, world) = inside::plan(subject, world);
    assert_eq!(planned.exit, Exit::Done, "{}", planned.text);
    let run = inside::apply_what_can_be(subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    let (drifted, world) = inside::look_for_drift(subject, run.world);
    assert_eq!(drifted.exit, Exit::Done, "{:?}", drifted.findings.findings);
    world
}

#[test]
fn an_ou_taken_out_of_a_baseline() {
    let edited = PLAN.replace("[ou.Sandbox]", "[ou.Sandbox]\nbaselines = []");
    let (subject, world) = left_after(&edited, &["config-recorder/Sandbox"]);
    let before = stacks(&world, "StackSet-orgstrap-config-recorder");
    let shown = inside::remove(&subject, world, Connection::default(), &[], None);
    assert_eq!(shown.exit, Some(Exit::Differs), "{}", shown.text);
    for part in [
        "deleted: ",
        "ConfigurationRecorder",
        "account playground (",
        "eu-central-1",
    ] {
        assert!(shown.text.contains(part), "{part}: {}", shown.text);
    }
    assert_eq!(
        stacks(&shown.world, "StackSet-orgstrap-config-recorder"),
        before
    );

    let world = taken(&subject, shown.world.clone(), Fortune::Delete);
    assert_eq!(
        stacks(&world, "StackSet-orgstrap-config-recorder"),
        before - 3
    );
    let world = is_clean(&subject, world);
    // Nothing is left to take.
    let again = inside::remove(&subject, world, Connection::default(), &[], None);
    assert_eq!(
        (again.exit, again.text.as_str()),
        (Some(Exit::Done), "Nothing is left over.\n")
    );

    // The stack set lets go of them, and they stay.
    let retained = inside::remove(
        &subject,
        shown.world,
        Connection::default(),
        &[],
        Some(Fortune::Retain),
    );
    assert_eq!(retained.exit, Some(Exit::Done), "{}", retained.text);
    let world = is_clean(&subject, retained.world);
    assert_eq!(stacks(&world, "StackSet-orgstrap-config-recorder"), before);

    // Should the plan ask for them again, the line that was told takes them in; nothing is made beside them.
    let told = &retained.text;
    let line = told.find("`config-recorder = [").map(|at| &told[at + 1..]);
    let line = line.and_then(|line| line.split_inclusive(']').next());
    let line = line.unwrap_or_else(|| panic!("no line to write: {told}"));
    let again = PLAN.replace(
        "[baseline.config]",
        &format!("[baseline.config.existing_stacks]\n{line}"),
    );
    let subject = LoadedPlan::of_text(again);
    let run = inside::apply(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    let world = is_clean(&subject, run.world);
    assert_eq!(stacks(&world, "StackSet-orgstrap-config-recorder"), before);
}

/// The OU above is the target: it stays one, and what is below it beside keeps its stacks.
#[test]
fn an_ou_below_a_target_taken_out_of_a_baseline() {
    let edited = PLAN.replace(
        "[ou.\"Workloads/Dev\"]",
        "[ou.\"Workloads/Dev\"]\nbaselines = []",
    );
    let (subject, world) = left_after(&edited, &["config-recorder/Workloads/Dev"]);
    let before = stacks(&world, "StackSet-orgstrap-config-recorder");
    let world = taken(&subject, world, Fortune::Delete);
    assert_eq!(
        stacks(&world, "StackSet-orgstrap-config-recorder"),
        before - 3
    );
    is_clean(&subject, world);
}

#[test]
fn a_region_taken_out() {
    let edited = without(PLAN, &[", \"eu-central-1\""]);
    let management = "config-recorder/management/eu-central-1";
    let (subject, world) = left_after(&edited, &["config-recorder/eu-central-1", management]);
    let before = stacks(&world, "config-recorder");
    let world = taken(&subject, world, Fortune::Delete);
    // Five members and the management account.
    assert_eq!(stacks(&world, "config-recorder"), before - 6);
    is_clean(&subject, world);
}

#[test]
fn a_baseline_taken_out() {
    let edited = without(PLAN, &["[baseline.config]"]);
    let left = [
        "config-aggregator/security/eu-west-1",
        "config-logs/log-archive/eu-west-1",
        "config-recorder",
        "config-recorder/management/eu-central-1",
        "config-recorder/management/eu-west-1",
        "config-recorder/management/us-east-1",
    ];
    let (subject, world) = left_after(&edited, &left);
    let buckets = world.s3.buckets.len();
    let shown = inside::remove(&subject, world, Connection::default(), &[], None);
    // What others may rely on is told and stays, and so does the bucket.
    for part in [
        "trusted access of config.amazonaws.com (config)",
        "delegated administrator for config.amazonaws.com (config)",
        "stays: Bucket (AWS::S3::Bucket)",
    ] {
        assert!(shown.text.contains(part), "{part}: {}", shown.text);
    }
    let world = taken(&subject, shown.world, Fortune::Delete);
    assert_eq!(stacks(&world, "config-"), 0);
    assert_eq!(world.s3.buckets.len(), buckets);
    is_clean(&subject, world);
}

#[test]
fn one_thing_by_its_name() {
    let edited = without(PLAN, &["[baseline.config]"]);
    let (subject, world) = left_after(
        &edited,
        &[
            "config-aggregator/security/eu-west-1",
            "config-logs/log-archive/eu-west-1",
            "config-recorder",
            "config-recorder/management/eu-central-1",
            "config-recorder/management/eu-west-1",
            "config-recorder/management/us-east-1",
        ],
    );
    let delete = Some(Fortune::Delete);
    let wrong = inside::remove(
        &subject,
        world,
        Connection::default(),
        &["config-recoder"],
        delete,
    );
    assert_eq!(wrong.exit, Some(Exit::Failed));
    assert!(
        wrong
            .text
            .contains("nothing that is left over is called `config-recoder`"),
        "{}",
        wrong.text
    );
    let only = ["config-aggregator"];
    let one = inside::remove(&subject, wrong.world, Connection::default(), &only, delete);
    assert_eq!(one.exit, Some(Exit::Done), "{}", one.text);
    assert_eq!(stacks(&one.world, "config-aggregator"), 0);
    let (planned, _) = inside::plan(&subject, one.world);
    assert_eq!(planned.exit, Exit::Differs);
    assert!(
        !planned.text.contains("config-aggregator"),
        "{}",
        planned.text
    );
}

#[test]
fn all_baselines_taken_out() {
    let gone = [
        "[baseline.cloudtrail]",
        "[baseline.config]",
        "[baseline.guardduty]",
    ];
    let edited = without(PLAN, &gone);
    let subject = LoadedPlan::of_text(edited);
    let (planned, world) = inside::plan(&subject, APPLIED.clone());
    assert_eq!(planned.exit, Exit::Differs, "{}", planned.text);
    let world = taken(&subject, world, Fortune::Delete);
    assert_eq!(stacks(&world, "orgstrap"), 0);
    let sets = world.accounts["111111111111"].regions.values();
    let mut sets = sets.flat_map(|region| region.cloudformation.stack_sets.values());
    assert!(sets.all(|set| set.deleted));
    is_clean(&subject, world);
}

/// What the plan says is to stay is told and counts no more; with all of it named, all three exit 0.
#[test]
fn what_is_to_stay_is_left() {
    let edited = PLAN.replace("[ou.Sandbox]", "[ou.Sandbox]\nbaselines = []");
    let leave = "secops = \"security\"\nleave = [\"config-recorder/Sandbox\"]";
    let edited = edited.replace("secops = \"security\"", leave);
    let subject = LoadedPlan::of_text(edited);
    let (planned, world) = inside::plan(&subject, APPLIED.clone());
    assert!(
        planned.text.contains("Left as the plan says"),
        "{}",
        planned.text
    );
    let world = is_clean(&subject, world);
    // It can still be taken away, by name.
    let nothing = inside::remove(
        &subject,
        world,
        Connection::default(),
        &[],
        Some(Fortune::Delete),
    );
    assert_eq!(nothing.exit, Some(Exit::Done));
    assert!(
        nothing.text.contains("Nothing is left over."),
        "{}",
        nothing.text
    );
    let only = ["config-recorder/Sandbox"];
    let before = stacks(&nothing.world, "config-recorder");
    let taken = inside::remove(
        &subject,
        nothing.world,
        Connection::default(),
        &only,
        Some(Fortune::Delete),
    );
    assert_eq!(
        stacks(&taken.world, "config-recorder"),
        before - 3,
        "{}",
        taken.text
    );
}

/// An account that lies in the root is reached by no stack set: told by all three, and nothing promises otherwise.
#[test]
fn an_account_in_the_root() {
    let edited = PLAN.replace("ou = \"Sandbox\"", "ou = \"/\"");
    let subject = LoadedPlan::of_text(edited.clone());
    let run = inside::apply_what_can_be(&subject, APPLIED.clone(), Connection::default());
    assert_eq!(run.exit, Exit::Differs, "{}", run.text);
    assert!(run.text.contains("root/playground"), "{}", run.text);
    let (drifted, world) = inside::look_for_drift(&subject, later(run.world));
    let mut findings = drifted.findings.findings.iter();
    let told = findings.find(|finding| finding.control == "stacks.not-reached");
    let told = told.expect("told");
    assert_eq!(told.place.account.as_deref(), Some("playground"));
    let (planned, world) = inside::plan(&subject, world);
    assert_eq!(planned.exit, Exit::Differs);
    assert!(
        last_line(&planned.text).contains("reached by no stack set"),
        "{}",
        planned.text
    );
    // Unless that is meant.
    let leave = "secops = \"security\"\nleave = [\"root\"]";
    let meant = LoadedPlan::of_text(edited.replace("secops = \"security\"", leave));
    is_clean(&meant, world);
}

/// A run that is killed at any call is gone on with by another.
#[test]
fn a_removal_is_gone_on_with_whatever_kills_it() {
    use std::sync::{Arc, Mutex};
    let edited = without(PLAN, &["[baseline.config]"]);
    let subject = LoadedPlan::of_text(edited);
    let moments: Arc<Mutex<Vec<(String, World)>>> = Arc::default();
    let seen = Arc::clone(&moments);
    let connection =
        Connection::default().watched(move |met: &orgstrap::sandbox::Met, world: &World| {
            let mut seen = seen.lock().expect("whole");
            seen.push((met.operation.to_string(), world.clone()));
        });
    let whole = inside::remove(
        &subject,
        APPLIED.clone(),
        connection,
        &[],
        Some(Fortune::Delete),
    );
    assert_eq!(whole.exit, Some(Exit::Done), "{}", whole.text);
    let moments = std::mem::take(&mut *moments.lock().expect("whole"));
    let mut tried = 0;
    let writes = ["Delete", "Update", "Put"];
    for (operation, world) in moments {
        let (_, name) = operation.split_once(':').expect("a service");
        if !writes.iter().any(|write| name.starts_with(write)) {
            continue;
        }
        tried += 1;
        let world = inside::unlock(&subject, world);
        let again = inside::remove(
            &subject,
            world,
            Connection::default(),
            &[],
            Some(Fortune::Delete),
        );
        assert_eq!(again.exit, Some(Exit::Done), "{operation}: {}", again.text);
        assert_eq!(stacks(&again.world, "config-"), 0, "{operation}");
        let (planned, _) = inside::plan(&subject, later(again.world));
        assert_eq!(planned.exit, Exit::Done, "{operation}: {}", planned.text);
    }
    assert!(tried > 8, "{tried}");
}

/// The ids of the OUs that a stack set has as its targets.
fn targets(world: &World, name: &str) -> BTreeSet<String> {
    let accounts = world.accounts.values();
    let regions = accounts.flat_map(|account| account.regions.values());
    let mut sets = regions.flat_map(|region| region.cloudformation.stack_sets.values());
    let set = sets.find(|set| set.name == name && !set.deleted);
    set.expect(name).targets.keys().cloned().collect()
}

fn ou_id(world: &World, name: &str) -> String {
    let organization = world.organization.as_ref().expect("an organization");
    let mut ous = organization.ous.iter();
    ous.find(|(_, ou)| ou.name == name).expect(name).0.clone()
}

/// Its accounts elsewhere, and the OU gone from the plan.
fn without_sandbox() -> String {
    let moved = "[account.playground]\nou = \"Workloads/Dev\"";
    without(PLAN, &["[ou.Sandbox]\n"]).replace("[account.playground]\nou = \"Sandbox\"", moved)
}

/// AWS takes no target away whose OU is gone, so a stack set gives it up before.
#[test]
fn an_ou_that_is_pruned_is_given_up_by_stack_sets_first() {
    let subject = LoadedPlan::of_text(without_sandbox());
    let sandbox = ou_id(&APPLIED, "Sandbox");
    assert!(targets(&APPLIED, "orgstrap-config-recorder").contains(&sandbox));
    let run = inside::apply_with(&subject, APPLIED.clone(), &|job| job.options.prune = true);
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    assert!(
        run.text
            .contains("target Sandbox of stack set orgstrap-config-recorder"),
        "{}",
        run.text
    );
    let organization = run.world.organization.as_ref().expect("an organization");
    assert!(!organization.ous.contains_key(&sandbox));
    assert!(!targets(&run.world, "orgstrap-config-recorder").contains(&sandbox));
    let world = is_clean(&subject, run.world);
    assert_eq!(stacks(&world, "StackSet-orgstrap-config-recorder"), 5 * 3);
}

/// The same where its accounts were moved by an earlier run, and AWS has yet to take their stacks away.
#[test]
fn an_ou_is_pruned_after_the_stacks_that_came_through_it_are_gone() {
    let emptied = PLAN.replace(
        "[account.playground]\nou = \"Sandbox\"",
        "[account.playground]\nou = \"Workloads/Dev\"",
    );
    let emptied = LoadedPlan::of_text(emptied);
    let run = inside::apply(&emptied, APPLIED.clone(), Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    let subject = LoadedPlan::of_text(without_sandbox());
    let run = inside::apply_with(&subject, run.world, &|job| job.options.prune = true);
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    is_clean(&subject, run.world);
}

/// Deleted by hand, an OU leaves a target behind that reaches nobody. AWS is asked to take it away; where it refuses, a
/// person is told, until the plan says that it stays or the stack set goes.
#[test]
fn a_target_whose_ou_was_deleted_by_hand() {
    let subject = LoadedPlan::of_text(without_sandbox());
    let run = inside::apply_what_can_be(&subject, APPLIED.clone(), Connection::default());
    let mut world = later(run.world);
    let sandbox = ou_id(&world, "Sandbox");
    let organization = world.organization.as_mut().expect("an organization");
    organization.ous.remove(&sandbox);
    organization.children.remove(&sandbox);
    for children in organization.children.values_mut() {
        children.ous.remove(&sandbox);
    }
    let name = format!("config-recorder/{sandbox}");

    let (planned, world) = inside::plan(&subject, world);
    assert_eq!(planned.exit, Exit::Differs, "{}", planned.text);
    assert_eq!(planned.changes, vec![]);
    let last = last_line(&planned.text);
    assert!(
        last.contains("where AWS refuses it goes with the stack set only"),
        "{last}"
    );
    let taken = inside::remove(
        &subject,
        world,
        Connection::default(),
        &[],
        Some(Fortune::Delete),
    );
    // Nothing failed; it is there still, and said so.
    assert_eq!(taken.exit, Some(Exit::Differs), "{}", taken.text);
    assert!(taken.text.contains(&name), "{}", taken.text);
    assert!(
        taken
            .text
            .contains("AWS takes no target away whose OU is gone"),
        "{}",
        taken.text
    );

    let leave = format!("email = \"aws+{{account}}@example.com\"\nleave = [{name:?}]");
    let text = without_sandbox().replace("email = \"aws+{account}@example.com\"", &leave);
    let world = is_clean(&LoadedPlan::of_text(text), taken.world);

    // It does not stand in the way when the stack set goes.
    let text = without(&without_sandbox(), &["[baseline.config]\n"]);
    let subject = LoadedPlan::of_text(text);
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    let taken = inside::remove(
        &subject,
        later(run.world),
        Connection::default(),
        &["config-recorder"],
        Some(Fortune::Delete),
    );
    assert_eq!(taken.exit, Some(Exit::Done), "{}", taken.text);
}
