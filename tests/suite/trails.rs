//! Organization trails that were there before the baseline: none is made beside one without a word of the
//! plan's, and each word does what it says, whatever crashes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use orgstrap::diff::{BlockedBy, Diff, DiffOptions, diff};
use orgstrap::drift::{Findings, Fix, Kind};
use orgstrap::import::{Choices, RemarkKind, import, looked_for};
use orgstrap::rehearse::copy;
use orgstrap::sandbox::{Call, Connection, Met, World, table};
use serde_json::{Value, json};

use crate::support::inside::{self, LoadedPlan, Run};

const MANAGEMENT: &str = "111111111111";
const HOME: &str = "us-east-1";
const ELSEWHERE: &str = "eu-west-1";
const OWN: &str = "orgstrap-organization";

/// A trail and its bucket as somebody else's stack makes them in the management account. The policy is the one
/// that AWS documents for an organization trail.
pub(crate) const TEMPLATE: &str = r#"
Parameters:
  TrailName: {Type: String}
  Bucket: {Type: String}
  Organization: {Type: String}
  AllAccounts: {Type: String, AllowedValues: ["true", "false"]}
Resources:
  Logs:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Ref Bucket
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Logs
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: cloudtrail.amazonaws.com}
            Action: s3:GetBucketAcl
            Resource: !GetAtt Logs.Arn
          - Effect: Allow
            Principal: {Service: cloudtrail.amazonaws.com}
            Action: s3:PutObject
            Resource:
              - !Sub "${Logs.Arn}/AWSLogs/${AWS::AccountId}/*"
              - !Sub "${Logs.Arn}/AWSLogs/${Organization}/*"
            Condition: {StringEquals: {"s3:x-amz-acl": bucket-owner-full-control}}
  Trail:
    Type: AWS::CloudTrail::Trail
    DependsOn: Policy
    Properties:
      TrailName: !Ref TrailName
      IsLogging: true
      IsOrganizationTrail: !Ref AllAccounts
      IsMultiRegionTrail: true
      IncludeGlobalServiceEvents: true
      EnableLogFileValidation: true
      S3BucketName: !Ref Logs
"#;

/// The plan, with these lines in its `[baseline.cloudtrail]`; without the baseline for `None`.
fn subject(options: Option<&str>) -> LoadedPlan {
    let baseline = options.map_or(String::new(), |options| {
        format!("[baseline.cloudtrail]\n{options}\n")
    });
    let text = format!(
        r#"
[organization]
management_account = "{MANAGEMENT}"
home_region = "{HOME}"
logging = "log-archive"
secops = "security"
email = "aws+{{account}}@example.com"
[ou.Security]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[trusted_access]
services = ["cloudtrail.amazonaws.com"]
{baseline}"#
    );
    LoadedPlan::of_text(text)
}

fn call(world: &mut World, region: &str, service: &str, operation: &str, input: Value) -> Value {
    let principal = format!("arn:aws:iam::{MANAGEMENT}:root");
    let call = Call::internal(MANAGEMENT, region, &principal, world.now, input);
    table::invoke(world, service, operation, &call)
        .unwrap_or_else(|error| panic!("{service}:{operation}: {error}"))
}

/// An organization whose management account has these trails: name, Region, whether of the organization.
fn with_trails(trails: &[(&str, &str, bool)]) -> World {
    let bare = subject(None);
    let run = inside::apply(&bare, inside::empty_world(&bare), Connection::default());
    assert!(run.ended.expect("applied").is_success());
    let mut world = run.world;
    let organization = world.organization.as_ref().expect("one").id.clone();
    let service = "cloudtrail.amazonaws.com";
    call(
        &mut world,
        HOME,
        "iam",
        "CreateServiceLinkedRole",
        json!({ "AWSServiceName": service }),
    );
    for (name, region, all) in trails {
        let parameter =
            |key: &str, value: &str| json!({ "ParameterKey": key, "ParameterValue": value });
        call(
            &mut world,
            region,
            "cloudformation",
            "CreateStack",
            json!({
                "StackName": format!("theirs-{name}"),
                "TemplateBody": TEMPLATE,
                "Parameters": [
                    parameter("TrailName", name),
                    parameter("Bucket", &format!("logs-of-{}", name.to_lowercase())),
                    parameter("Organization", &organization),
                    parameter("AllAccounts", if *all { "true" } else { "false" }),
                ],
            }),
        );
    }
    let then = world.now.plus_secs(1_800);
    while world.advance(then) {}
    let made: Vec<(&str, &str)> = trails
        .iter()
        .map(|(name, region, _)| (*name, *region))
        .collect();
    assert_eq!(names(&world), made.into_iter().map(owned).collect());
    world
}

fn owned((name, region): (&str, &str)) -> (String, String) {
    (name.to_owned(), region.to_owned())
}

/// Every trail by name and home Region.
fn names(world: &World) -> BTreeSet<(String, String)> {
    world.accounts[MANAGEMENT]
        .regions
        .iter()
        .flat_map(|(region, state)| {
            let trails = state.cloudtrail.trails.keys();
            trails.map(|name| (name.clone(), region.clone()))
        })
        .collect()
}

fn compared(subject: &LoadedPlan, world: World) -> Diff {
    let (_, inventory) = inside::look(subject, world);
    diff(
        &subject.plan,
        &subject.desired,
        &inventory,
        &DiffOptions::default(),
    )
}

/// What is said of the only thing that is kept back by its state, and what to do about it.
fn kept_back(diff: &Diff) -> (String, String, String) {
    let mut told = diff
        .blocked
        .iter()
        .filter_map(|blocked| match &blocked.reason {
            BlockedBy::State { message } => Some((blocked, message)),
            _ => None,
        });
    let (blocked, message) = told.next().expect("something is kept back");
    assert!(told.next().is_none(), "{:?}", diff.blocked);
    let hint = blocked.hint.clone().unwrap_or_default();
    (blocked.address.to_string(), message.clone(), hint)
}

fn applied(subject: &LoadedPlan, world: World) -> World {
    let run = inside::apply(subject, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let again = inside::apply(subject, run.world, Connection::default());
    assert!(!again.changed(), "{:?}", again.ended);
    again.world
}

fn drifted(findings: &Findings) -> Vec<&str> {
    let found = findings.findings.iter();
    found
        .filter(|finding| finding.kind == Kind::Drift)
        .map(|finding| finding.control.as_str())
        .collect()
}

#[test]
fn no_second_trail_is_made_without_a_word() {
    let world = with_trails(&[("company", HOME, true)]);
    let subject = subject(Some(""));
    let found = compared(&subject, world.clone());
    let (address, message, hint) = kept_back(&found);
    assert_eq!(address, "stack cloudtrail-trail in management/us-east-1");
    assert!(
        message.starts_with(
            "the organization trail `company` (home Region us-east-1, bucket logs-of-company)"
        ),
        "{message}"
    );
    for choice in [
        "adopt_trail = true",
        "replace_trails = [\"company\"]",
        "keep_trails = [\"company\"]",
    ] {
        assert!(hint.contains(choice), "{choice}: {hint}");
    }
    // Nor is a bucket made for it, or a key, which would cost.
    let made: Vec<String> = found
        .changes
        .iter()
        .map(|change| change.address.to_string())
        .collect();
    assert!(
        !made
            .iter()
            .any(|address| address.contains("cloudtrail-logs")),
        "{made:?}"
    );
    // The check of the morning says it too, by the same words.
    let (findings, _) = inside::drift(&subject, world);
    assert!(
        findings
            .findings
            .iter()
            .any(|finding| finding.title.contains("`company`")),
        "{:?}",
        findings.findings
    );
}

#[test]
fn each_word_does_what_it_says() {
    let world = with_trails(&[("company", HOME, true), ("own", HOME, false)]);
    let kept = applied(&subject(Some("keep_trails = [\"company\"]")), world.clone());
    let all = [("company", HOME), ("own", HOME), (OWN, HOME)].map(owned);
    assert_eq!(names(&kept), all.into());
    let replaced = applied(
        &subject(Some("replace_trails = [\"company\"]")),
        world.clone(),
    );
    assert_eq!(
        names(&replaced),
        [("own", HOME), (OWN, HOME)].map(owned).into()
    );
    // What was kept may be replaced later.
    let later = applied(
        &subject(Some("replace_trails = [\"company\", \"own\"]")),
        kept,
    );
    assert_eq!(names(&later), [(OWN, HOME)].map(owned).into());
    // A trail that has gone needs no word any more.
    applied(&subject(Some("")), later);
    // By another tool's name, it is that tool's to turn off.
    let theirs = with_trails(&[("aws-controltower-BaselineCloudTrail", HOME, true)]);
    let replace = subject(Some(
        "replace_trails = [\"aws-controltower-BaselineCloudTrail\"]",
    ));
    let (_, message, _) = kept_back(&compared(&replace, theirs));
    assert!(
        message.ends_with("belongs to AWS Control Tower"),
        "{message}"
    );
}

#[test]
fn an_adopted_trail_is_watched_and_started_but_not_changed() {
    let adopt = subject(Some("trail_name = \"company\"\nadopt_trail = true"));
    let mut world = applied(&adopt, with_trails(&[("company", HOME, true)]));
    assert_eq!(names(&world), [("company", HOME)].map(owned).into());
    let (findings, same) = inside::drift(&adopt, world);
    assert_eq!(
        drifted(&findings),
        Vec::<&str>::new(),
        "{:?}",
        findings.findings
    );
    assert!(findings.checked.contains_key("cloudtrail.adopted-trail"));
    world = same;

    call(
        &mut world,
        HOME,
        "cloudtrail",
        "StopLogging",
        json!({ "Name": "company" }),
    );
    let single = json!({ "Name": "company", "IsMultiRegionTrail": false });
    call(&mut world, HOME, "cloudtrail", "UpdateTrail", single);
    let (findings, world) = inside::drift(&adopt, world);
    assert_eq!(
        drifted(&findings),
        ["cloudtrail.logging", "cloudtrail.adopted-trail"]
    );
    for finding in &findings.findings {
        let by_orgstrap = matches!(finding.fix, Fix::Change { .. });
        assert_eq!(
            by_orgstrap,
            finding.control == "cloudtrail.logging",
            "{finding:?}"
        );
    }

    // There must be one to adopt, of the organization and in the home Region, and not the baseline's own.
    let (_, message, hint) = kept_back(&compared(
        &subject(Some("trail_name = \"other\"\nadopt_trail = true")),
        world,
    ));
    assert!(
        message.contains("no trail `other`") && hint.contains("`company`"),
        "{message}: {hint}"
    );
    let alone = with_trails(&[("own", HOME, false), ("far", ELSEWHERE, true)]);
    let (_, message, _) = kept_back(&compared(
        &subject(Some("trail_name = \"own\"\nadopt_trail = true")),
        alone,
    ));
    assert!(message.contains("it logs one account"), "{message}");
    let ours = applied(&subject(Some("")), with_trails(&[]));
    let adopt_ours = format!("trail_name = \"{OWN}\"\nadopt_trail = true");
    let (_, message, _) = kept_back(&compared(&subject(Some(&adopt_ours)), ours));
    assert!(
        message.contains("made by the stack orgstrap-cloudtrail-trail"),
        "{message}"
    );
}

#[test]
fn the_name_and_the_number_of_trails_are_minded() {
    // A stack would fail on the name, whatever is to be kept.
    let taken = with_trails(&[(OWN, HOME, false)]);
    let keep = format!("keep_trails = [\"{OWN}\"]");
    for options in ["", keep.as_str()] {
        let (_, message, hint) = kept_back(&compared(&subject(Some(options)), taken.clone()));
        assert!(message.contains("has the name"), "{message}");
        assert!(hint.contains("another `trail_name`"), "{hint}");
    }
    let five = ["one", "two", "three", "four", "five"].map(|name| (name, HOME, false));
    let world = with_trails(&five);
    let (_, message, _) = kept_back(&compared(&subject(Some("")), world.clone()));
    assert!(message.contains("has 5 trails"), "{message}");
    // One that goes after the baseline's is there leaves no room for it.
    let late = compared(&subject(Some("replace_trails = [\"one\"]")), world);
    assert!(kept_back(&late).1.contains("has 5 trails"));
    assert!(
        late.changes
            .iter()
            .all(|change| !change.address.to_string().starts_with("trail "))
    );
}

#[test]
fn no_trail_goes_before_the_baselines_logs() {
    let keep = subject(Some("keep_trails = [\"company\"]"));
    let mut world = applied(&keep, with_trails(&[("company", HOME, true)]));
    call(
        &mut world,
        HOME,
        "cloudtrail",
        "StopLogging",
        json!({ "Name": OWN }),
    );
    let replace = subject(Some("replace_trails = [\"company\"]"));
    let run = inside::apply(&replace, world, Connection::default());
    let failed = run.ended.expect("applied").failed;
    let message: Vec<&str> = failed.iter().map(|(_, why)| why.message.as_str()).collect();
    assert_eq!(message, [format!("the trail {OWN} does not log yet")]);
    assert!(names(&run.world).contains(&owned(("company", HOME))));
}

/// Of another name and of the baseline's own, in the home Region and in another one: after a kill at every call
/// the next run ends with the baseline's trail alone, and at no moment before that without any, but for the one
/// of the same name.
#[test]
fn a_trail_is_replaced_whatever_crashes() {
    for (name, region) in [("company", HOME), ("company", ELSEWHERE), (OWN, HOME)] {
        let replace = subject(Some(&format!("replace_trails = [\"{name}\"]")));
        let start = with_trails(&[(name, region, true)]);
        let calls: Arc<Mutex<Vec<(Met, World)>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let connection = Connection::default().watched(move |met: &Met, world: &World| {
            let mut seen = seen.lock().expect("whole");
            seen.push((met.clone(), world.clone()));
        });
        let run = inside::apply(&replace, start, connection);
        assert!(run.ended.expect("applied").is_success());
        assert_eq!(names(&run.world), [(OWN, HOME)].map(owned).into());
        let calls = std::mem::take(&mut *calls.lock().expect("whole"));
        let first = calls
            .iter()
            .position(|(met, _)| met.operation == "ssm:PutParameter")
            .expect("the lock");
        let mut before: Option<String> = None;
        for (met, world) in calls.into_iter().skip(first) {
            assert!(name == OWN || !names(&world).is_empty(), "at {}", met.call);
            // Polls change nothing.
            let operation = met.operation.to_string();
            if before.replace(operation.clone()) == Some(operation) {
                continue;
            }
            let world = inside::unlock(&replace, world);
            let second: Run = inside::apply(&replace, world, Connection::default());
            second
                .ended
                .unwrap_or_else(|why| panic!("killed at {}: {why}", met.call));
            let left = names(&second.world);
            assert_eq!(
                left,
                [(OWN, HOME)].map(owned).into(),
                "killed at {}",
                met.call
            );
        }
    }
}

#[test]
fn a_rehearsal_has_the_trails_that_are_there() {
    let replace = subject(Some("replace_trails = [\"company\"]"));
    let world = with_trails(&[("company", HOME, true)]);
    let (_, inventory) = inside::look(&replace, world);
    let home = HOME.parse().expect("a Region");
    let copied = copy(&inventory, &home, "OrganizationAccountAccessRole", 7).expect("a copy");
    assert_eq!(names(&copied.world), [("company", HOME)].map(owned).into());
    let run = inside::apply(&replace, copied.world, Connection::default());
    assert!(run.ended.expect("applied").is_success());
    assert_eq!(names(&run.world), [(OWN, HOME)].map(owned).into());
}

#[test]
fn import_adopts_the_organization_trail() {
    let bare = subject(None);
    let asked = LoadedPlan {
        desired: looked_for(&bare.plan),
        plan: bare.plan,
    };
    let choices = Choices {
        home_region: HOME.parse().ok(),
        logging: Some("log-archive".to_owned()),
        secops: Some("security".to_owned()),
        ..Choices::default()
    };
    let message = |trails: &[(&str, &str, bool)], choices: &Choices| {
        let (_, inventory) = inside::look(&asked, with_trails(trails));
        let imported = import(&inventory, choices).expect("a plan");
        let about: Vec<String> = imported
            .remarks
            .iter()
            .filter(|remark| remark.text.contains("trail"))
            .map(|remark| format!("{}: {}", remark.kind.as_str(), remark.text))
            .collect();
        (imported.plan, about)
    };
    let (plan, about) = message(&[("company", HOME, true), ("own", HOME, false)], &choices);
    assert!(
        plan.contains("[baseline.cloudtrail]\nadopt_trail = true\ntrail_name = \"company\"\n"),
        "{plan}"
    );
    assert_eq!(about.len(), 1);
    assert!(
        about[0].starts_with(RemarkKind::Adopted.as_str()),
        "{about:?}"
    );
    // What cannot be adopted is said and left out.
    for (trails, reason) in [
        (
            &[("far", ELSEWHERE, true)][..],
            "its home Region is eu-west-1, not us-east-1",
        ),
        (
            &[("a-trail", HOME, true), ("b-trail", HOME, true)][..],
            "there are several",
        ),
    ] {
        let (plan, about) = message(trails, &choices);
        assert!(!plan.contains("[baseline."), "{plan}");
        assert_eq!(about.len(), trails.len());
        assert!(about.iter().all(|text| text.contains(reason)), "{about:?}");
    }
}
