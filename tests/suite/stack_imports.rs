//! Stacks that were there, taken into a baseline's stack set: afterwards each is exactly as the set would have made
//! it, and whatever crashes on the way, none is lost and none is there twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use orgstrap::action::Action;
use orgstrap::diff::{BlockedBy, Diff, DiffOptions, diff};
use orgstrap::drift::{Finding, Kind};
use orgstrap::rehearse::copy;
use orgstrap::sandbox::cloudformation::CloudFormationState;
use orgstrap::sandbox::cloudformation::stack::{Source, Stack, template_text};
use orgstrap::sandbox::{Connection, Met, World};

use crate::support::inside::{self, LoadedPlan};
use crate::support::likeness::{differences, likeness};

const REGION: &str = "us-east-1";

fn subject(options: &str, named: &[String]) -> LoadedPlan {
    let text = format!(
        r#"
[organization]
management_account = "111111111111"
home_region = "{REGION}"
logging = "log-archive"
secops = "security"
email = "aws+{{account}}@example.com"
[ou.Security]
[ou.Work]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.shop]
ou = "Work"
[baseline.config]
{options}
[baseline.config.existing_stacks]
config-recorder = {named:?}
[rollout]
stages = [["Work"], ["*"]]
"#
    );
    LoadedPlan::of_text(text)
}

/// An organization whose recorders AWS no longer counts to any stack set, as after a move that retains stacks.
struct Orphaned {
    world: World,
    /// ARNs by account.
    stacks: BTreeMap<String, String>,
}

fn apply(subject: &LoadedPlan, world: World) -> World {
    let run = inside::apply(subject, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    run.world
}

/// Applied with recorders that record continuously; then the set forgets its instances, as DeleteStackInstances with
/// RetainStacks has it. With `whole`, the stack set is gone as well.
fn orphaned(whole: bool) -> Orphaned {
    let subject = subject("", &[]);
    let mut world = apply(&subject, inside::empty_world(&subject));
    let management = world.management_account.clone();
    let sets = &mut cloudformation(&mut world, &management).stack_sets;
    let mut stacks = BTreeMap::new();
    let mut template = String::new();
    for set in sets.values_mut() {
        template = set.template().to_owned();
        for (_, instance) in std::mem::take(&mut set.instances) {
            stacks.insert(instance.account, instance.stack.expect("a stack"));
        }
    }
    if whole {
        sets.clear();
    }
    assert_eq!(stacks.len(), 3);
    for (account, id) in &stacks {
        let stack = stack(&mut world, account, id);
        stack.stack_set = None;
        stack.source = Source::Text(template.clone());
    }
    Orphaned { world, stacks }
}

fn cloudformation<'w>(world: &'w mut World, account: &str) -> &'w mut CloudFormationState {
    let account = world.accounts.get_mut(account).expect("an account");
    let region = account.regions.get_mut(REGION).expect("the home Region");
    &mut region.cloudformation
}

fn stack<'w>(world: &'w mut World, account: &str, id: &str) -> &'w mut Stack {
    let stacks = &mut cloudformation(world, account).stacks;
    stacks.get_mut(id).expect("a stack")
}

/// Everything is as the set has it: each account has the named stack, no other, and nothing of its own.
fn is_taken_in(world: &World, named: &BTreeMap<String, String>) -> Result<(), String> {
    let management = &world.accounts[&world.management_account];
    let sets = &management.regions[REGION].cloudformation.stack_sets;
    let [set] = sets.values().collect::<Vec<_>>()[..] else {
        return Err(format!("{} stack sets", sets.len()));
    };
    if set.instances.len() != 3 {
        return Err(format!("{} instances", set.instances.len()));
    }
    for instance in set.instances.values() {
        let account = &world.accounts[&instance.account].regions[REGION].cloudformation;
        let living: Vec<&Stack> = account
            .stacks
            .values()
            .filter(|stack| stack.status != "DELETE_COMPLETE" && stack.name.contains("recorder"))
            .collect();
        let [stack] = living[..] else {
            return Err(format!("{} recorder stacks", living.len()));
        };
        let expected = named.get(&instance.account).unwrap_or(&stack.id);
        let as_the_set = stack.id == *expected
            && instance.stack.as_ref() == Some(expected)
            && template_text(world, &stack.source) == set.template()
            && stack.parameters == set.parameters
            && stack.tags == set.tags;
        let settled = instance.status == "CURRENT"
            && instance.detailed == "SUCCEEDED"
            && instance.overrides.is_empty();
        if !as_the_set || !settled {
            return Err(format!("{instance:?}\n{stack:?}"));
        }
    }
    Ok(())
}

fn compare(subject: &LoadedPlan, world: World) -> (World, Diff) {
    let (world, found) = inside::look(subject, world);
    let options = DiffOptions::default();
    let compared = diff(&subject.plan, &subject.desired, &found, &options);
    (world, compared)
}

/// Two of three are named, and the set has other parameters and is older than the plan; the third had its
/// stack deleted, and gets a new one.
#[test]
fn orphaned_stacks_become_instances_as_the_set_would_have_made_them() {
    let Orphaned {
        mut world,
        mut stacks,
    } = orphaned(false);
    let shop = account(&world, "shop");
    let unnamed = account(&world, "log-archive");
    let gone = stacks.remove(&unnamed).expect("its stack");
    cloudformation(&mut world, &unnamed).stacks.remove(&gone);
    let recorder = &mut world.accounts.get_mut(&unnamed).expect("it").regions;
    recorder.get_mut(REGION).expect("it").config = Default::default();
    // One is older than the set: another template and a tag of its own.
    let old = stack(&mut world, &shop, &stacks[&shop]);
    old.source = match &old.source {
        Source::Text(text) => Source::Text(text.replacen("Description:", "# old\nDescription:", 1)),
        other => other.clone(),
    };
    old.tags.insert("team".to_owned(), "shop".to_owned());
    let named: Vec<String> = stacks.values().cloned().collect();
    let subject = subject("recording_frequency = \"DAILY\"", &named);

    let (world, compared) = compare(&subject, world);
    assert_eq!(compared.blocked, []);
    let import = compared
        .changes
        .iter()
        .find(|change| {
            change.address.to_string() == "import into config-recorder from account shop"
        })
        .expect("an import");
    let fields: Vec<&str> = import.fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "stack in us-east-1",
            "template in us-east-1",
            "parameter RecordingFrequency in us-east-1",
            "tag team in us-east-1",
        ]
    );
    let made: Vec<String> = compared
        .changes
        .iter()
        .filter(|change| matches!(change.action, Action::CreateStackInstances(_)))
        .map(|change| format!("{:?}", change.fields))
        .collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(
        made[0].contains("log-archive") && !made[0].contains("shop"),
        "{made:?}"
    );

    // A copy of what was read can rehearse it.
    let (world, read) = inside::look(&subject, world);
    let home = &subject.plan.organization.home_region;
    let copied = copy(&read, home, &subject.plan.organization.access_role, 1).expect("a copy");
    let rehearsed = apply(&subject, copied.world);
    is_taken_in(&rehearsed, &stacks).unwrap_or_else(|why| panic!("in the copy: {why}"));

    let world = apply(&subject, world);
    is_taken_in(&world, &stacks).unwrap_or_else(|why| panic!("{why}"));
    let again = inside::apply(&subject, world, Connection::default());
    assert!(!again.changed(), "{:?}", again.ended);
    let (findings, _) = inside::drift(&subject, again.world);
    let drifted = findings.findings.iter().filter(|f| f.kind == Kind::Drift);
    assert_eq!(drifted.collect::<Vec<_>>(), Vec::<&Finding>::new());
}

fn account(world: &World, name: &str) -> String {
    let email = format!("aws+{name}@example.com");
    let found = world.accounts.iter().find(|(_, one)| one.email == email);
    found.expect("an account").0.clone()
}

/// A set that is not there yet takes all in, stage after stage.
#[test]
fn whatever_crashes_every_stack_is_taken_in_once() {
    let Orphaned {
        world: start,
        stacks,
    } = orphaned(true);
    let named: Vec<String> = stacks.values().cloned().collect();
    let subject = subject("recording_frequency = \"DAILY\"", &named);
    let calls: Arc<Mutex<Vec<(Met, World)>>> = Arc::default();
    let seen = Arc::clone(&calls);
    let connection = Connection::default().watched(move |met: &Met, world: &World| {
        let mut seen = seen.lock().expect("whole");
        seen.push((met.clone(), world.clone()));
    });
    let run = inside::apply(&subject, start, connection);
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    is_taken_in(&run.world, &stacks).unwrap_or_else(|why| panic!("{why}"));
    let end = likeness(&run.world);

    let calls = std::mem::take(&mut *calls.lock().expect("whole"));
    let first = calls
        .iter()
        .position(|(met, _)| met.operation == "ssm:PutParameter")
        .expect("the lock");
    let all = std::env::var("ORGSTRAP_FAULTS").is_ok_and(|faults| faults == "all");
    let mut polls: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut cases = 0;
    for (met, world) in calls.into_iter().skip(first) {
        // A poll changes nothing, and most of them see AWS as the one before did.
        let polled = polls.entry(met.operation.to_string()).or_default();
        *polled += 1;
        let polls = ["Get", "List", "Describe", "Assume"]
            .iter()
            .any(|read| met.operation.contains(&format!(":{read}")));
        if polls && !all && *polled > 1 && !polled.is_multiple_of(20) {
            continue;
        }
        cases += 1;
        let case = format!("killed at {} ({})", met.call, met.operation);
        let world = inside::unlock(&subject, world);
        let second = inside::apply(&subject, world, Connection::default());
        let ended = match second.ended {
            Ok(summary) if summary.is_success() => is_taken_in(&second.world, &stacks),
            Ok(summary) => Err(format!("{:?}", summary.failed)),
            Err(why) => Err(why),
        };
        if let Err(why) = ended {
            wrong.push(format!("{case}: {why}"));
            continue;
        }
        let like = likeness(&second.world);
        if like != end {
            wrong.push(format!("{case}:\n{}", differences(&end, &like)));
        }
    }
    assert!(cases >= 15, "{cases}");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// What a stack would lose is told, and so is one that is gone: neither is touched, no other stack is made there, and
/// the other account gets its own.
#[test]
fn a_stack_that_would_lose_something_is_left_alone() {
    let Orphaned { mut world, stacks } = orphaned(false);
    let shop = account(&world, "shop");
    let more = stack(&mut world, &shop, &stacks[&shop]);
    more.source = match &more.source {
        Source::Text(text) => Source::Text(text.replace(
            "\nResources:\n",
            "\nResources:\n  Alarm:\n    Type: AWS::SNS::Topic\n",
        )),
        other => other.clone(),
    };
    let gone = stacks[&account(&world, "security")].replace("stack/StackSet", "stack/Before");
    let left = stacks[&account(&world, "log-archive")].clone();
    let named = vec![stacks[&shop].clone(), gone, left];
    let subject = subject("", &named);
    let before = stack(&mut world, &shop, &stacks[&shop]).clone();
    let (mut world, compared) = compare(&subject, world);
    let told: Vec<String> = compared
        .blocked
        .iter()
        .map(|blocked| match &blocked.reason {
            BlockedBy::State { message } => format!("{}: {message}", blocked.address),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("import into config-recorder from account security: the stack Before-")
    );
    assert!(told[0].ends_with(" is gone"), "{told:?}");
    assert!(told[1].starts_with("import into config-recorder from account shop: "));
    assert!(
        told[1].ends_with("would lose it: Alarm (AWS::SNS::Topic)"),
        "{told:?}"
    );
    let changes: Vec<String> = compared
        .changes
        .iter()
        .map(|change| change.address.to_string())
        .filter(|address| address.contains("config-recorder"))
        .collect();
    assert_eq!(
        changes,
        ["import into config-recorder from account log-archive"]
    );
    assert_eq!(*stack(&mut world, &shop, &stacks[&shop]), before);
}
