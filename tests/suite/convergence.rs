//! One apply is enough: after an edit of a living organization's plan, or for a plan that is new, nothing is left for
//! a second one, at once and when AWS has done all that it had begun.

use std::collections::BTreeSet;

use orgstrap::addr::Address;
use orgstrap::diff::{BlockedBy, DiffOptions, diff};
use orgstrap::ops::exit::Exit;
use orgstrap::plan::{BaselineChoice, Region};
use orgstrap::sandbox::poke::Poke;
use orgstrap::sandbox::{Connection, Time, World};

use crate::support::inside::{self, LoadedPlan};

/// A plan with every baseline, its Regions and whatever comes after them.
fn plan(regions: &str, more: &str) -> LoadedPlan {
    LoadedPlan::of_text(format!(
        r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"{regions}]
logging = "log-archive"
secops = "security"
email = "aws+{{account}}@example.com"
[ou.Security]
[ou.Sandbox]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.playground]
ou = "Sandbox"
{more}
"#
    ))
}

const BASELINES: &str = "[baseline.cloudtrail]\n[baseline.config]\n[baseline.guardduty]\n";

/// The world as it is when AWS has done all that it had begun.
fn settled(mut world: World) -> World {
    let later = Time(world.now.0 + 3_600_000);
    while world.advance(later) {}
    world
}

fn applied(subject: &LoadedPlan, world: World, case: &str) -> World {
    let run = inside::apply(subject, world, Connection::default());
    let summary = run.ended.unwrap_or_else(|why| panic!("{case}: {why}"));
    assert!(summary.is_success(), "{case}: {:?}", summary.failed);
    run.world
}

/// Applies a plan once, and sees that nothing is left.
fn once(subject: &LoadedPlan, world: World, case: &str) -> World {
    let world = applied(subject, world, case);
    let again = inside::apply(subject, world, Connection::default());
    assert!(!again.changed(), "{case}, at once: {:?}", again.ended);
    let later = inside::apply(subject, settled(again.world), Connection::default());
    assert!(!later.changed(), "{case}, later: {:?}", later.ended);
    later.world
}

fn living() -> World {
    let before = plan("", BASELINES);
    let world = inside::empty_world(&before);
    settled(applied(&before, world, "the organization before"))
}

/// The Regions in which an account records.
fn recorded(world: &World, account: &str) -> BTreeSet<String> {
    let regions = world.accounts[account].regions.iter();
    regions
        .filter(|(_, region)| region.config.recorder.is_some())
        .map(|(name, _)| name.clone())
        .collect()
}

const CONTACT: &str = r#"
[contact.security]
name = "Security team"
title = "On call"
email = "security@example.com"
phone = "+1 555 0100"
"#;
const OPT_IN: &str = "[preparation]\nopt_in_regions = [\"eu-central-2\", \"me-south-1\"]\n";
const GOVERNED: &str = ", \"eu-central-2\", \"me-south-1\"";

#[test]
fn one_apply_is_enough_after_an_edit() {
    let living = living();
    let named = |baseline: &str, name: &str| {
        let table = format!("[baseline.{baseline}]\n");
        let option = format!("{table}bucket_name = \"{name}-{{logging.id}}\"\n");
        BASELINES.replace(&table, &option)
    };
    let more = |more: &str| format!("{BASELINES}{more}");
    let edits = [
        (
            "the trail's bucket",
            plan("", &named("cloudtrail", "acme-ct")),
        ),
        (
            "the recorders' bucket",
            plan("", &named("config", "acme-config")),
        ),
        (
            "the findings' bucket",
            plan("", &named("guardduty", "acme-gd")),
        ),
        ("a contact", plan("", &more(CONTACT))),
        ("opt-in Regions", plan("", &more(OPT_IN))),
        ("governed opt-in Regions", plan(GOVERNED, &more(OPT_IN))),
        (
            "a contact and governed opt-in Regions",
            plan(GOVERNED, &more(&format!("{CONTACT}{OPT_IN}"))),
        ),
    ];
    for (case, after) in edits {
        once(&after, living.clone(), case);
    }
}

/// The whole way that docs/preparation.md describes.
#[test]
fn governed_opt_in_regions_of_a_new_organization_take_one_apply() {
    let subject = plan(GOVERNED, &format!("{BASELINES}{OPT_IN}"));
    let world = once(
        &subject,
        inside::empty_world(&subject),
        "a new organization",
    );
    let governed: BTreeSet<String> = subject
        .plan
        .organization
        .regions
        .iter()
        .map(Region::to_string)
        .collect();
    assert_eq!(governed.len(), 4);
    for account in world.accounts.keys() {
        assert_eq!(recorded(&world, account), governed, "{account}");
    }
}

/// An account has one recorder in a Region, and CloudFormation makes the one under the new name before it removes the
/// old one: it is said before, and nothing of the baseline is touched.
#[test]
fn a_recorder_is_not_renamed() {
    let living = living();
    let renamed = BASELINES.replace(
        "[baseline.config]\n",
        "[baseline.config]\nrecorder_name = \"rec\"\n",
    );
    let after = plan("", &renamed);
    let (world, inventory) = inside::look(&after, living);
    let found = diff(
        &after.plan,
        &after.desired,
        &inventory,
        &DiffOptions::default(),
    );
    assert_eq!(found.changes, vec![]);
    let blocked: Vec<String> = found
        .blocked
        .iter()
        .map(|blocked| blocked.address.to_string())
        .collect();
    assert_eq!(
        blocked,
        [
            "stack config-recorder in management/eu-west-1",
            "stack config-recorder in management/us-east-1",
            "stack set config-recorder",
        ]
    );
    for blocked in &found.blocked {
        let BlockedBy::State { message } = &blocked.reason else {
            panic!("{blocked:?}")
        };
        assert!(
            message.contains("RecorderName from `default` to `rec`"),
            "{message}"
        );
        let hint = blocked.hint.as_deref().unwrap_or_default();
        assert!(hint.contains("the former value"), "{hint}");
        assert!(!matches!(blocked.address, Address::ExistingRecorder(_)));
    }
    // Where there is no stack yet the name is free.
    let fresh = plan("", &renamed);
    let world_anew = inside::empty_world(&fresh);
    once(&fresh, world_anew, "a new organization");
    let back = inside::apply(&plan("", BASELINES), world, Connection::default());
    assert!(!back.changed(), "{:?}", back.ended);
}

/// A self-managed stack set under a baseline's name is not touched, and then nothing is "done": neither where there is
/// something else to change nor where there is nothing.
#[test]
fn what_the_plan_asks_for_and_is_not_made_is_in_the_last_line_and_the_exit_code() {
    let mut world = living();
    let management = world.management_account.clone();
    let account = world.accounts.get_mut(&management).expect("the account");
    let sets = account
        .regions
        .values_mut()
        .flat_map(|region| region.cloudformation.stack_sets.values_mut());
    for set in sets.filter(|set| set.name == "orgstrap-config-recorder") {
        set.service_managed = false;
    }
    let same = plan("", BASELINES);
    let (planned, world) = inside::plan(&same, world);
    assert_eq!((planned.exit, planned.changes.len()), (Exit::Differs, 0));
    let run = inside::apply_what_can_be(&same, world, Connection::default());
    assert_eq!(run.exit, Exit::Failed);
    assert!(!run.text.contains("is as org.toml says"), "{}", run.text);

    let more = plan("", &format!("{BASELINES}{CONTACT}"));
    let run = inside::apply_what_can_be(&more, run.world, Connection::default());
    assert!(run.ended.is_ok_and(|summary| summary.is_success()));
    assert_eq!(run.exit, Exit::Failed);
    let last = run.text.trim_end().lines().last().expect("a last line");
    assert!(last.contains("1 of what the plan asks for not"), "{last}");
    let done = ["Done", "as the plan says"];
    assert!(!done.iter().any(|word| last.contains(word)), "{last}");
}

/// The order of stack sets is told to AWS, which deploys to accounts that join by itself.
#[test]
fn a_stack_set_that_needs_another_comes_after_it_where_accounts_join() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write(
        "baseline.toml",
        r#"
name = "topics"
summary = "A topic in every account."
[[stack-set]]
name = "a-topic"
description = "A topic."
template = "topic.yaml"
regions = "home"
management_too = false
retain_on_removal = false
needs = [{ stack-set = "config-recorder" }]
"#,
    );
    write(
        "topic.yaml",
        "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties: { TopicName: topic }\n",
    );
    let with_topics = |more: &str| {
        let mut subject = plan("", &format!("[baseline.config]\n{more}"));
        let choice = BaselineChoice {
            folder: Some(folder.path().to_owned()),
            options: Default::default(),
            existing_stacks: Default::default(),
        };
        let name = "topics".parse().expect("a name");
        subject.plan.baselines.insert(name, choice);
        LoadedPlan::of(subject.plan)
    };
    // The baseline comes to an organization that has the other one, then an account comes to both.
    let recorders = plan("", "[baseline.config]\n");
    let world = applied(&recorders, inside::empty_world(&recorders), "recorders");
    let world = once(&with_topics(""), world, "topics");
    let world = once(
        &with_topics("[account.new]\nou = \"Sandbox\"\n"),
        world,
        "an account that joins",
    );
    let region = world.region(&world.management_account, "eu-west-1");
    let sets = &region.expect("there").cloudformation.stack_sets;
    let set = |name: &str| sets.values().find(|set| set.name == name).expect("the set");
    let (recorder, topics) = (set("orgstrap-config-recorder"), set("orgstrap-a-topic"));
    let arn = recorder.arn(&world.management_account, "eu-west-1");
    assert_eq!(topics.auto.depends_on, [arn]);
}

/// A plan whose recorders are updated in three stages.
fn staged(config: &str) -> LoadedPlan {
    let baselines = BASELINES.replace(
        "[baseline.config]\n",
        &format!("[baseline.config]\n{config}"),
    );
    let more = format!(
        "[account.shop]\nou = \"Sandbox\"\n{baselines}[rollout]\nstages = [[\"Sandbox\"], [\"*\"]]\n"
    );
    plan("", &more)
}

fn poked(mut world: World, pokes: &[&str]) -> World {
    for line in pokes {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (name, arguments) = words.split_first().expect("a poke");
        let poke = Poke::named(name).unwrap_or_else(|_| panic!("{line}"));
        poke.run(&mut world, arguments)
            .unwrap_or_else(|why| panic!("{line}: {why}"));
    }
    world
}

/// Stacks of a stack set that somebody deleted, or took out of it, beside an edit of the same set: what the edit updates
/// is judged by what is there, what is gone is made anew, and nothing is left in a middle state.
#[test]
fn one_apply_brings_an_edit_and_what_somebody_deleted_of_the_same_set() {
    let before = staged("");
    let world = inside::empty_world(&before);
    let living = settled(applied(&before, world, "the organization before"));
    let after = staged("snapshot_frequency = \"Three_Hours\"\n");
    const SET: &str = "orgstrap-config-recorder";
    let instance = |place: &str| format!("delete-stack-instance {SET} {place}");
    let stack = |place: &str| format!("delete-stack {SET} {place}");
    let cases = [
        vec![instance("security us-east-1")],
        vec![instance("security us-east-1"), instance("shop eu-west-1")],
        vec![stack("security eu-west-1")],
        vec![stack("shop us-east-1"), stack("security eu-west-1")],
        vec![
            stack("shop us-east-1"),
            instance("shop eu-west-1"),
            instance("security us-east-1"),
        ],
        vec![stack("security eu-west-1"), stack("security us-east-1")],
        vec![
            instance("security us-east-1"),
            format!("edit-template {SET} shop eu-west-1"),
        ],
    ];
    for pokes in cases {
        let pokes: Vec<&str> = pokes.iter().map(String::as_str).collect();
        let broken = poked(living.clone(), &pokes);
        // Both with the edit and, as `drift --fix` does it, without.
        let world = once(&after, broken.clone(), &format!("{pokes:?}"));
        let management = world.region("111111111111", "eu-west-1").expect("there");
        let mut sets = management.cloudformation.stack_sets.values();
        let set = sets.find(|set| set.name == SET).expect("there");
        assert!(set.auto.enabled, "{pokes:?}");
        assert_eq!(set.instances.len(), 8, "{pokes:?}");
        let current = |status: &str| status == "CURRENT";
        assert!(
            set.instances.values().all(|one| current(&one.status)),
            "{pokes:?}"
        );
        let fixed = inside::fix_over(&before, broken, Connection::default(), None);
        let failed = fixed.ended.map(|drifted| drifted.summary.failed);
        assert!(
            failed.as_ref().is_ok_and(Vec::is_empty),
            "{pokes:?}: {failed:?}"
        );
    }
}
