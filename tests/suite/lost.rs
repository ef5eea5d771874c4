//! What somebody deleted from under a stack, and an edit that touches it: CloudFormation fails at what is not there, so it
//! is put back as the stack has it, in the same run, and said.

use std::sync::LazyLock;

use orgstrap::ops::exit::Exit;
use orgstrap::sandbox::{Connection, World};

use crate::support::inside::{self, LoadedPlan};

const PLAN: &str = r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
logging = "log-archive"
secops = "security"
email = "aws+{account}@example.com"
[ou.Security]
[ou.Work]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.shop]
ou = "Work"
[baseline.cloudtrail]
[baseline.config]
[baseline.guardduty]
[baseline.roles]
[baseline.ec2-defaults]
"#;

/// More of what users' templates have, into the stack of the aggregator.
const MORE: &str = r#"
  Told:
    Type: AWS::SNS::Topic
    Properties:
      DisplayName: alarms
  Where:
    Type: AWS::SSM::Parameter
    Properties:
      Name: /team/alarms
      Type: String
      Value: !Ref Told
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: alarms
      EventPattern:
        source: [aws.health]
"#;

fn subject() -> LoadedPlan {
    let mut subject = LoadedPlan::of_text(PLAN.to_owned());
    more(&mut subject);
    subject
}

fn more(subject: &mut LoadedPlan) {
    for ((_, name), stack) in &mut subject.desired.stacks {
        if name.as_str() == "config-aggregator" {
            stack.template =
                stack
                    .template
                    .replacen("\nResources:\n", &format!("\nResources:{MORE}"), 1);
        }
    }
}

static APPLIED: LazyLock<World> = LazyLock::new(|| {
    let subject = subject();
    let run = inside::apply(
        &subject,
        inside::empty_world(&subject),
        Connection::default(),
    );
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    run.world
});

/// The plan of another release: every stack has a tag more, which touches all that it made.
fn edited() -> LoadedPlan {
    let mut subject = subject();
    let tag = || ("cost-center".to_owned(), "7".to_owned());
    for stack in subject.desired.stacks.values_mut() {
        stack.tags.extend([tag()]);
    }
    for set in subject.desired.stack_sets.values_mut() {
        set.tags.extend([tag()]);
    }
    subject
}

fn id(world: &World, name: &str) -> String {
    let mut accounts = world.accounts.iter();
    let found = accounts.find(|(_, account)| account.name == name);
    found.expect(name).0.clone()
}

fn delete_role(world: &mut World, account: &str, role: &str) {
    let id = id(world, account);
    let roles = &mut world.account_mut(&id).expect("there").iam.roles;
    assert!(
        roles.remove(role).is_some(),
        "{role} in {account}: {:?}",
        roles.keys()
    );
}

fn has_role(world: &World, account: &str, role: &str) -> bool {
    let id = id(world, account);
    let account = world.account(&id).expect("there");
    let found = account.iam.roles.get(role);
    // With its rights: a role alone may do nothing.
    found.is_some_and(|role| !role.attached.is_empty() || !role.inline.is_empty())
}

/// Both later runs have nothing to say.
fn is_clean(subject: &LoadedPlan, world: World) -> World {
    let (planned, world) = inside::plan(subject, world);
    assert_eq!(planned.exit, Exit::Done, "{}", planned.text);
    let (findings, world) = inside::drift_deep(subject, world);
    assert_eq!(findings.findings, vec![]);
    world
}

/// Roles, rights, a document, an alias, a bucket's policy and a bucket, of plain stacks and of instances, all at once.
#[test]
fn what_has_a_name_is_put_back_and_the_update_goes_on() {
    let mut world = APPLIED.clone();
    let (logging, security, shop) = (
        id(&world, "log-archive"),
        id(&world, "security"),
        id(&world, "shop"),
    );
    let aggregator = "orgstrap-config-aggregator";
    delete_role(&mut world, "security", aggregator);
    for account in ["shop", "log-archive"] {
        delete_role(&mut world, account, "orgstrap-audit");
    }
    delete_role(&mut world, "shop", "orgstrap-exec");
    let region = |world: &mut World, account: &str| {
        let region = world.region_mut(account, "eu-west-1").expect("a Region");
        std::mem::take(&mut region.automation.documents)
    };
    assert_eq!(region(&mut world, &shop).len(), 1);
    let home = world.region_mut(&logging, "eu-west-1").expect("a Region");
    let aliases = std::mem::take(&mut home.kms.aliases);
    assert!(aliases.len() >= 2);
    let home = world.region_mut(&security, "eu-west-1").expect("a Region");
    let parameters = home.ssm.parameters.remove("/team/alarms");
    assert!(parameters.is_some());
    let policies = world.s3.buckets.values_mut();
    let policies: Vec<_> = policies.filter_map(|bucket| bucket.policy.take()).collect();
    assert!(policies.len() >= 3);

    let subject = edited();
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    for told in [
        "put back what somebody deleted of stack orgstrap-config-aggregator",
        "(AWS::IAM::Role, orgstrap-audit)",
        "AWS::SSM::Document",
        "AWS::KMS::Alias",
        "AWS::S3::BucketPolicy",
        "(AWS::SSM::Parameter, /team/alarms)",
    ] {
        assert!(run.text.contains(told), "{told}: {}", run.text);
    }
    let world = is_clean(&subject, run.world);
    assert!(has_role(&world, "security", aggregator));
    for (account, role) in [
        ("shop", "orgstrap-audit"),
        ("log-archive", "orgstrap-audit"),
        ("shop", "orgstrap-exec"),
    ] {
        assert!(has_role(&world, account, role), "{role} in {account}");
    }
    let home = world.region(&logging, "eu-west-1").expect("a Region");
    assert_eq!(home.kms.aliases, aliases);
    let buckets = world.s3.buckets.values();
    assert_eq!(
        buckets.filter(|bucket| bucket.policy.is_some()).count(),
        policies.len()
    );
}

/// AWS numbers an association: nothing brings it back as the same, so its stack is made anew, for nothing in it holds data.
#[test]
fn an_instance_without_data_is_made_anew() {
    let mut world = APPLIED.clone();
    let shop = id(&world, "shop");
    let region = world.region_mut(&shop, "us-east-1").expect("a Region");
    assert_eq!(std::mem::take(&mut region.automation.associations).len(), 1);
    let subject = edited();
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    assert!(
        run.text
            .contains("the stack of orgstrap-ec2-defaults was deleted and made anew"),
        "{}",
        run.text
    );
    let world = is_clean(&subject, run.world);
    let region = world.region(&shop, "us-east-1").expect("a Region");
    assert_eq!(region.automation.associations.len(), 1);
}

/// The same where the stack has a bucket: a person decides, with the commands for it.
#[test]
fn an_instance_with_data_is_left_to_a_person() {
    let with_bucket = |subject: &mut LoadedPlan| {
        for (name, set) in &mut subject.desired.stack_sets {
            if name.as_str() == "ec2-defaults" {
                let bucket = "\nResources:\n  Records:\n    Type: AWS::S3::Bucket\n";
                set.template = set.template.replacen("\nResources:\n", bucket, 1);
            }
        }
    };
    let mut before = subject();
    with_bucket(&mut before);
    let run = inside::apply(&before, APPLIED.clone(), Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    let mut world = run.world;
    let shop = id(&world, "shop");
    let region = world.region_mut(&shop, "us-east-1").expect("a Region");
    region.automation.associations.clear();
    let mut subject = edited();
    with_bucket(&mut subject);
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Failed, "{}", run.text);
    for told in [
        "Association",
        "Records (AWS::S3::Bucket)",
        "aws cloudformation delete-stack-instances --stack-set-name orgstrap-ec2-defaults",
        "--no-retain-stacks",
    ] {
        assert!(run.text.contains(told), "{told}: {}", run.text);
    }
    let buckets = run.world.s3.buckets.values();
    assert!(buckets.filter(|bucket| bucket.account == shop).count() >= 2);
}

/// What a plain stack has and AWS numbers or names itself: CloudFormation makes it anew.
#[test]
fn a_plain_stack_has_a_drift_aware_change_set() {
    let mut world = APPLIED.clone();
    let management = "111111111111";
    let region = world.region_mut(management, "eu-west-1").expect("a Region");
    assert_eq!(std::mem::take(&mut region.automation.associations).len(), 1);
    let security = id(&world, "security");
    let region = world.region_mut(&security, "eu-west-1").expect("a Region");
    assert_eq!(std::mem::take(&mut region.sns.topics).len(), 1);
    assert_eq!(std::mem::take(&mut region.events.rules).len(), 1);
    let subject = edited();
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    assert!(
        run.text.contains("CloudFormation made it anew: "),
        "{}",
        run.text
    );
    is_clean(&subject, run.world);
}

/// A key that is about to be deleted is not made anew: another one could not read what it encrypted.
#[test]
fn a_key_is_left_to_a_person() {
    let mut world = APPLIED.clone();
    let logging = id(&world, "log-archive");
    let home = world.region_mut(&logging, "eu-west-1").expect("a Region");
    let key = home.kms.keys.iter().next().expect("a key").0.clone();
    let now = world.now;
    let home = world.region_mut(&logging, "eu-west-1").expect("a Region");
    home.kms.keys.get_mut(&key).expect("a key").deletion = Some(now);
    let run = inside::apply_what_can_be(&edited(), world, Connection::default());
    assert_eq!(run.exit, Exit::Failed, "{}", run.text);
    let command = format!("aws kms cancel-key-deletion --key-id {key} --region eu-west-1");
    assert!(run.text.contains(&command), "{}", run.text);
    let home = run.world.region(&logging, "eu-west-1").expect("a Region");
    assert_eq!(home.kms.keys.len(), 2);
}

/// A run that is killed while an update is undone leaves a stack that CloudFormation could not put back: the next one goes
/// on from there.
#[test]
fn an_update_that_could_not_be_undone_is_gone_on_with() {
    let mut world = APPLIED.clone();
    delete_role(&mut world, "security", "orgstrap-config-aggregator");
    let security = id(&world, "security");
    let region = world.region_mut(&security, "eu-west-1").expect("a Region");
    let stacks = &mut region.cloudformation.stacks;
    let stack = stacks
        .values_mut()
        .find(|stack| stack.name == "orgstrap-config-aggregator")
        .expect("there");
    let undone = stack.clone();
    stack.status = "UPDATE_ROLLBACK_FAILED".to_owned();
    stack.undo = Some(Box::new(undone));
    let subject = edited();
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    assert!(has_role(
        &run.world,
        "security",
        "orgstrap-config-aggregator"
    ));
    is_clean(&subject, run.world);
}

/// `drift --fix` beside an edit that is not applied yet.
#[test]
fn a_fix_puts_back_and_brings_the_edit_along() {
    let mut world = APPLIED.clone();
    delete_role(&mut world, "security", "orgstrap-config-aggregator");
    delete_role(&mut world, "shop", "orgstrap-exec");
    let subject = edited();
    let (fixed, world) = inside::fix(&subject, world);
    assert_eq!(fixed.exit, Exit::Done, "{:#?}", fixed.findings.findings);
    is_clean(&subject, world);
}

/// A recorder deleted by hand, and an edit of its stack set.
#[test]
fn a_recorder_that_is_gone_converges_with_an_edit_of_its_stacks() {
    let mut world = APPLIED.clone();
    let shop = id(&world, "shop");
    let region = world.region_mut(&shop, "eu-west-1").expect("a Region");
    assert!(region.config.recorder.take().is_some());
    let edited = PLAN.replace(
        "[baseline.config]",
        "[baseline.config]\nsnapshot_frequency = \"Six_Hours\"",
    );
    let mut subject = LoadedPlan::of_text(edited);
    more(&mut subject);
    let (fixed, fixed_world) = inside::fix(&subject, world.clone());
    assert_eq!(fixed.exit, Exit::Done, "{:#?}", fixed.findings.findings);
    is_clean(&subject, fixed_world);
    let run = inside::apply(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    let world = is_clean(&subject, run.world);
    // And back again.
    let subject = self::subject();
    let run = inside::apply(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    is_clean(&subject, run.world);
}

/// An option off and on again: the bucket that was kept is taken in.
#[test]
fn a_bucket_that_was_kept_is_taken_up_again() {
    for (table, off) in [
        ("[baseline.cloudtrail]", "access_logs = false"),
        ("[baseline.guardduty]", "export = false"),
    ] {
        let mut without = LoadedPlan::of_text(PLAN.replace(table, &format!("{table}\n{off}")));
        more(&mut without);
        let run = inside::apply_what_can_be(&without, APPLIED.clone(), Connection::default());
        let buckets = run.world.s3.buckets.len();
        let subject = subject();
        let run = inside::apply(&subject, run.world, Connection::default());
        assert_eq!(run.exit, Exit::Done, "{off}: {}", run.text);
        assert_eq!(run.world.s3.buckets.len(), buckets, "{off}");
        is_clean(&subject, run.world);
    }
}

/// A feature that somebody turned off in one member is put on again, and one that is on beyond the plan is told.
#[test]
fn a_member_that_has_other_features_is_told() {
    let with = PLAN.replace(
        "[baseline.guardduty]",
        "[baseline.guardduty]\nfeatures = [\"S3_DATA_EVENTS\"]",
    );
    let mut subject = LoadedPlan::of_text(with);
    more(&mut subject);
    let run = inside::apply(&subject, APPLIED.clone(), Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    let mut world = is_clean(&subject, run.world);
    let shop = id(&world, "shop");
    let region = world.region_mut(&shop, "us-east-1").expect("a Region");
    let detector = region.guardduty.detector.as_mut().expect("a detector");
    detector.features.insert("S3_DATA_EVENTS".to_owned(), false);
    detector
        .features
        .insert("RDS_LOGIN_EVENTS".to_owned(), true);
    let (findings, world) = inside::drift(&subject, world);
    let titles: Vec<String> = findings
        .findings
        .iter()
        .map(|finding| format!("{} {:?}", finding.title, finding.fields))
        .collect();
    let told = titles.join("\n");
    assert!(told.contains("feature S3_DATA_EVENTS of "), "{told}");
    assert!(told.contains("RDS_LOGIN_EVENTS is on in "), "{told}");
    let (fixed, world) = inside::fix(&subject, world);
    let left = &fixed.findings.findings;
    assert!(
        left.iter()
            .all(|finding| !finding.title.contains("S3_DATA_EVENTS")),
        "{left:#?}"
    );
    let region = world.region(&shop, "us-east-1").expect("a Region");
    let detector = region.guardduty.detector.as_ref().expect("a detector");
    assert_eq!(detector.features.get("S3_DATA_EVENTS"), Some(&true));
}

/// A role that somebody gave a stack set is told and stays with it.
#[test]
fn a_stack_set_keeps_a_role_of_its_own() {
    let mut world = APPLIED.clone();
    let management = "111111111111";
    let region = world.region_mut(management, "eu-west-1").expect("a Region");
    for set in region.cloudformation.stack_sets.values_mut() {
        if set.name == "orgstrap-roles" {
            set.execution_role = "team-stacks".to_owned();
        }
    }
    let (planned, world) = inside::plan(&subject(), world);
    assert!(
        planned
            .text
            .contains("the execution role team-stacks of somebody's own"),
        "{}",
        planned.text
    );
    let run = inside::apply(&edited(), world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    let region = run.world.region(management, "eu-west-1").expect("a Region");
    let mut sets = region.cloudformation.stack_sets.values();
    let set = sets
        .find(|set| set.name == "orgstrap-roles")
        .expect("there");
    assert_eq!(set.execution_role, "team-stacks");
}

/// An account's address is its owner's to change: what the plan says otherwise is in the last line and the exit code,
/// until a person has decided.
#[test]
fn an_address_that_differs_is_told_until_a_person_has_decided() {
    let own = "[account.shop]\nemail = \"shop@example.com\"";
    let text = PLAN.replace("[account.shop]", own);
    let mut subject = LoadedPlan::of_text(text.clone());
    more(&mut subject);
    let (planned, world) = inside::plan(&subject, APPLIED.clone());
    assert_eq!((planned.exit, planned.changes.len()), (Exit::Differs, 0));
    assert!(
        planned
            .text
            .contains("1 difference is left for a person to decide or change"),
        "{}",
        planned.text
    );
    let run = inside::apply_what_can_be(&subject, world, Connection::default());
    assert_eq!(run.exit, Exit::Differs, "{}", run.text);
    let (drifted, world) = inside::look_for_drift(&subject, run.world);
    assert_eq!(drifted.exit, Exit::Differs);
    let leave = "secops = \"security\"\nleave = [\"email/shop\"]";
    let mut subject = LoadedPlan::of_text(text.replace("secops = \"security\"", leave));
    more(&mut subject);
    let (planned, _) = inside::plan(&subject, world);
    assert_eq!(planned.exit, Exit::Done, "{}", planned.text);
}
