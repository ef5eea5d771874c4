//! What of Config and GuardDuty was there before a baseline came: kept and told, adopted, or replaced on a word, and
//! replaced whole whatever crashes, with no more rights than the published policy gives.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};

use orgstrap::diff::{DiffOptions, diff};
use orgstrap::drift::Kind;
use orgstrap::sandbox::config::ConfigState;
use orgstrap::sandbox::{Call, Connection, Met, World, table};
use serde_json::{Value, json};

use crate::roles::as_bootstrap;
use crate::support::inside::{self, LoadedPlan};
use crate::support::likeness::{differences, likeness};

const MANAGEMENT: &str = "111111111111";
const REGION: &str = "us-east-1";
/// An administrator outside of the organization.
const ABROAD: &str = "999999999999";

fn subject(baselines: &str) -> LoadedPlan {
    planned(&["shop", "office"], baselines)
}

/// A plan with these accounts in `Work`.
fn planned(workers: &[&str], baselines: &str) -> LoadedPlan {
    let table = |name: &&str| format!("[account.{name}]\nou = \"Work\"\n");
    let workers: String = workers.iter().map(table).collect();
    let text = format!(
        r#"
[organization]
management_account = "{MANAGEMENT}"
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
{workers}{baselines}
"#
    );
    LoadedPlan::of_text(text)
}

/// The organization without baselines.
fn bare() -> World {
    static BARE: OnceLock<World> = OnceLock::new();
    let made = || {
        let subject = subject("");
        let run = inside::apply(
            &subject,
            inside::empty_world(&subject),
            Connection::default(),
        );
        assert!(run.ended.expect("applied").is_success());
        run.world
    };
    BARE.get_or_init(made).clone()
}

fn id(world: &World, name: &str) -> String {
    let mut accounts = world.accounts.iter();
    let found = accounts.find(|(_, account)| account.name == name);
    found.expect("the account is there").0.clone()
}

fn config<'w>(world: &'w World, account: &str) -> Option<&'w ConfigState> {
    world.region(account, REGION).map(|region| &region.config)
}

/// A recorder that records, and its channel.
fn put_recorder(world: &mut World, account: &str, recorder: &str, channel: &str) {
    let state = json!({
        "recorder": {"settings": {"name": recorder}, "recording": true, "started": null, "stopped": null},
        "channel": {"name": channel, "s3BucketName": "elsewhere"},
    });
    world.region_mut(account, REGION).expect("there").config =
        serde_json::from_value(state).expect("a state");
}

/// The name of an account's recorder, and the bucket that its channel delivers to.
fn recorded(world: &World, account: &str) -> (String, String) {
    let state = config(world, account).expect("there");
    let text = |value: Option<&Value>, field: &str| {
        let text = value.and_then(|value| value[field].as_str());
        text.unwrap_or_default().to_owned()
    };
    let recorder = state.recorder.as_ref().map(|recorder| &recorder.settings);
    (
        text(recorder, "name"),
        text(state.channel.as_ref(), "s3BucketName"),
    )
}

fn is_the_baselines(world: &World, account: &str) -> bool {
    let (recorder, bucket) = recorded(world, account);
    recorder == "default" && bucket.starts_with("orgstrap-config-")
}

/// The accounts in which a stack set has instances; none of these has failed.
fn instances(world: &World) -> BTreeSet<String> {
    let management = world.region(MANAGEMENT, REGION).expect("there");
    let sets = management.cloudformation.stack_sets.values();
    let instances: Vec<_> = sets.flat_map(|set| set.instances.values()).collect();
    for instance in &instances {
        assert_eq!(
            (instance.status.as_str(), instance.detailed.as_str()),
            ("CURRENT", "SUCCEEDED")
        );
    }
    let accounts = instances.iter().map(|instance| instance.account.clone());
    accounts.collect()
}

fn applied(subject: &LoadedPlan, world: World) -> World {
    let run = inside::apply_what_can_be(subject, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    run.world
}

fn changes_nothing(subject: &LoadedPlan, world: World) -> World {
    let run = inside::apply_what_can_be(subject, world, Connection::default());
    assert!(!run.changed(), "{:?}", run.ended);
    run.world
}

#[test]
fn one_account_that_has_a_recorder_keeps_it_and_holds_up_only_itself() {
    let subject = subject("[baseline.config]");
    let mut world = bare();
    let shop = id(&world, "shop");
    put_recorder(&mut world, &shop, "mine", "mine-too");
    let world = applied(&subject, world);
    assert_eq!(
        recorded(&world, &shop),
        ("mine".to_owned(), "elsewhere".to_owned())
    );
    let others = ["log-archive", "security", "office"].map(|name| id(&world, name));
    assert_eq!(instances(&world), others.clone().into());
    for other in others.iter().chain([&MANAGEMENT.to_owned()]) {
        assert!(is_the_baselines(&world, other), "{other}");
    }
    let (findings, world) = inside::drift(&subject, world);
    let wrong = findings.findings.iter().filter(|f| f.kind == Kind::Drift);
    let (explained, wrong): (Vec<_>, Vec<_>) = wrong.partition(|finding| finding.cause.is_some());
    assert!(
        explained.iter().all(|finding| finding.is_about("shop")),
        "{explained:?}"
    );
    let [finding] = wrong.as_slice() else {
        panic!("{wrong:?}")
    };
    assert_eq!(finding.control, "stacks.existing-recorder");
    assert_eq!(finding.place.account.as_deref(), Some("shop"));
    assert!(finding.title.contains("`mine`") && finding.title.contains("`mine-too`"));
    let mut world = changes_nothing(&subject, world);

    // Once it is gone the account is like the others.
    world.region_mut(&shop, REGION).expect("there").config = ConfigState::default();
    let run = inside::apply(&subject, world, Connection::default());
    assert!(run.ended.expect("applied").is_success());
    assert!(is_the_baselines(&run.world, &shop));
    assert_eq!(instances(&run.world).len(), 4);
}

/// The first rollout names the OU, and with it an account that nobody has put into the plan.
#[test]
fn an_account_not_in_the_plan_keeps_its_recorder_and_fails_no_stack() {
    let subject = planned(
        &["shop"],
        "[baseline.config]\nexisting_recorders = \"replace\"",
    );
    let mut world = bare();
    let office = id(&world, "office");
    put_recorder(&mut world, &office, "theirs", "theirs");
    let world = applied(&subject, world);
    assert_eq!(recorded(&world, &office).0, "theirs");
    let others = ["log-archive", "security", "shop"].map(|name| id(&world, name));
    assert_eq!(instances(&world), others.into());
    let (findings, world) = inside::drift(&subject, world);
    let drifted = findings.findings.iter().filter(|f| f.kind == Kind::Drift);
    assert_eq!(drifted.count(), 0);
    changes_nothing(&subject, world);
}

#[test]
fn those_of_the_name_are_adopted_where_the_plan_says_so() {
    let subject = subject("[baseline.config]\nexisting_recorders = \"adopt\"");
    let mut world = bare();
    let (shop, office) = (id(&world, "shop"), id(&world, "office"));
    put_recorder(&mut world, &shop, "default", "default");
    put_recorder(&mut world, &office, "default", "another");
    let world = applied(&subject, world);
    assert!(is_the_baselines(&world, &shop));
    assert_eq!(recorded(&world, &office).1, "elsewhere");
    assert!(!instances(&world).contains(&office));
    changes_nothing(&subject, world);
}

/// Every call that changes AWS, and every one to the services that are looked at, with the world after it.
fn calls_of(subject: &LoadedPlan, world: World, services: &[&str]) -> (World, Vec<(Met, World)>) {
    let calls: Arc<Mutex<Vec<(Met, World)>>> = Arc::default();
    let seen = Arc::clone(&calls);
    let services: Vec<String> = services.iter().map(|name| format!("{name}:")).collect();
    let connection = Connection::default().watched(move |met: &Met, world: &World| {
        let operation = met.operation.to_string();
        let looked_at = services.iter().any(|name| operation.starts_with(name));
        let reads = [":Get", ":List", ":Describe", ":Assume"];
        let changes = !reads.iter().any(|read| operation.contains(read));
        if looked_at || changes {
            let mut calls = seen.lock().expect("whole");
            calls.push((met.clone(), world.clone()));
        }
    });
    let run = inside::apply(subject, world, connection);
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let calls = std::mem::take(&mut *calls.lock().expect("whole"));
    let first = calls
        .iter()
        .position(|(met, _)| met.operation == "ssm:PutParameter")
        .expect("the lock");
    (run.world, calls.into_iter().skip(first).collect())
}

/// Killed after any of the calls and applied again, the world is the same.
fn ends_the_same(subject: &LoadedPlan, end: &World, calls: Vec<(Met, World)>) {
    let end = likeness(end);
    let mut wrong = Vec::new();
    assert!(calls.len() > 20, "{}", calls.len());
    for (met, world) in calls {
        let case = format!("killed at {} ({})", met.call, met.operation);
        let world = inside::unlock(subject, world);
        let run = inside::apply(subject, world, Connection::default());
        match run.ended {
            Ok(summary) if summary.is_success() => {}
            ended => {
                wrong.push(format!("{case}: {ended:?}"));
                continue;
            }
        }
        let like = likeness(&run.world);
        if like != end {
            wrong.push(format!("{case}:\n{}", differences(&end, &like)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn recorders_are_replaced_on_a_word_whatever_crashes() {
    let subject = subject("[baseline.config]\nexisting_recorders = \"replace\"");
    let mut world = bare();
    let shop = id(&world, "shop");
    put_recorder(&mut world, &shop, "mine", "mine-too");
    // The management account has a plain stack, not an instance.
    put_recorder(&mut world, MANAGEMENT, "default", "default");
    let (end, calls) = calls_of(&subject, as_bootstrap(world), &["config"]);
    assert!(is_the_baselines(&end, &shop) && is_the_baselines(&end, MANAGEMENT));
    assert_eq!(instances(&end).len(), 4);
    let made = |operation: &str| {
        let of = calls.iter().filter(|(met, _)| met.operation == operation);
        of.count()
    };
    for operation in [
        "config:StopConfigurationRecorder",
        "config:DeleteDeliveryChannel",
        "config:DeleteConfigurationRecorder",
    ] {
        assert_eq!(made(operation), 2, "{operation}");
    }
    ends_the_same(&subject, &end, calls);
}

fn call(
    world: &mut World,
    account: &str,
    (service, operation): (&str, &str),
    input: Value,
) -> Value {
    let principal = format!("arn:aws:iam::{account}:root");
    let call = Call::internal(account, REGION, &principal, world.now, input);
    table::invoke(world, service, operation, &call).expect(operation)
}

/// GuardDuty administered by the account `office`, which watches `shop`.
fn administered_by_office() -> World {
    let mut world = bare();
    let office = id(&world, "office");
    let access = json!({"ServicePrincipal": "guardduty.amazonaws.com"});
    let enable = ("organizations", "EnableAWSServiceAccess");
    call(&mut world, MANAGEMENT, enable, access);
    let admin = json!({"AdminAccountId": office});
    let enable = ("guardduty", "EnableOrganizationAdminAccount");
    call(&mut world, MANAGEMENT, enable, admin);
    // AWS makes the administrator's detector, and knows it as such.
    let then = world.now.plus_secs(120);
    world.advance(then);
    let detector = detector(&world, &office).expect("a detector").to_owned();
    let shop = id(&world, "shop");
    let all = json!({"DetectorId": detector, "AutoEnableOrganizationMembers": "ALL"});
    let update = ("guardduty", "UpdateOrganizationConfiguration");
    call(&mut world, &office, update, all);
    let member = json!({
        "DetectorId": detector,
        "AccountDetails": [{"AccountId": shop, "Email": "aws+shop@example.com"}],
    });
    call(&mut world, &office, ("guardduty", "CreateMembers"), member);
    world
}

fn detector<'w>(world: &'w World, account: &str) -> Option<&'w str> {
    let state = &world.region(account, REGION)?.guardduty;
    state.detector.as_ref().map(|detector| detector.id.as_str())
}

/// The account that administers an account's detector.
fn watched_by(world: &World, account: &str) -> Option<String> {
    let state = &world.region(account, REGION)?.guardduty;
    state.detector.as_ref()?.administrator.clone()
}

#[test]
fn guarddutys_administrator_is_replaced_on_a_word_whatever_crashes() {
    let world = administered_by_office();
    let (office, shop) = (id(&world, "office"), id(&world, "shop"));
    let without = subject("[baseline.guardduty]\nexport = false");
    let run = inside::apply(&without, world.clone(), Connection::default());
    let refused = run.ended.expect_err("another administers");
    assert!(refused.contains("replace_administrator"), "{refused}");

    let own = detector(&world, &shop).map(str::to_owned);
    let subject = subject(&format!(
        "[baseline.guardduty]\nexport = false\nreplace_administrator = \"{office}\""
    ));
    let (end, calls) = calls_of(&subject, as_bootstrap(world), &["guardduty"]);
    let security = id(&end, "security");
    for member in [&office, &shop, &MANAGEMENT.to_owned()] {
        assert_eq!(watched_by(&end, member), Some(security.clone()));
    }
    // The member's own detector was never off.
    assert_eq!(detector(&end, &shop).map(str::to_owned), own);
    let organization = end.organization.as_ref().expect("there");
    assert!(organization.delegates(&security, "guardduty.amazonaws.com"));
    assert!(!organization.delegates(&office, "guardduty.amazonaws.com"));
    ends_the_same(&subject, &end, calls);
}

/// An account with a detector of its own becomes a member; one that another invited is told of and left.
#[test]
fn detectors_that_were_there_become_members_unless_another_administers_them() {
    let mut world = bare();
    let (office, shop, security) = (
        id(&world, "office"),
        id(&world, "shop"),
        id(&world, "security"),
    );
    for account in [&office, &shop, &security] {
        let create = ("guardduty", "CreateDetector");
        call(&mut world, account, create, json!({"Enable": true}));
    }
    let invited = &mut world.region_mut(&office, REGION).expect("there").guardduty;
    invited.detector.as_mut().expect("made").administrator = Some(ABROAD.to_owned());
    let own = [&shop, &security].map(|id| detector(&world, id).map(str::to_owned));

    let subject = subject("[baseline.guardduty]\nexport = false");
    let world = applied(&subject, world);
    assert_eq!(watched_by(&world, &shop), Some(security.clone()));
    assert_eq!(watched_by(&world, &office).as_deref(), Some(ABROAD));
    let now = [&shop, &security].map(|id| detector(&world, id).map(str::to_owned));
    assert_eq!(now, own);
    let world = changes_nothing(&subject, world);

    let (world, found) = inside::look(&subject, world);
    let options = DiffOptions::default();
    let compared = diff(&subject.plan, &subject.desired, &found, &options);
    let [left] = compared.left.as_slice() else {
        panic!("{:?}", compared.left)
    };
    let told_of = format!("{} {}", left.text, left.reason);
    assert!(
        told_of.contains("`office`") && told_of.contains(ABROAD),
        "{left:?}"
    );
    let (findings, _) = inside::drift(&subject, world);
    let told = |title: &str| title.contains(ABROAD);
    assert_eq!(
        findings.findings.iter().filter(|f| told(&f.title)).count(),
        1
    );
}

/// Administrators of services that the plan does not name stay, and are told.
#[test]
fn delegated_administrators_that_are_not_in_the_plan_stay() {
    let subject = subject("[baseline.config]");
    let mut world = bare();
    let office = id(&world, "office");
    for principal in ["config.amazonaws.com", "access-analyzer.amazonaws.com"] {
        let input = json!({"ServicePrincipal": principal});
        let enable = ("organizations", "EnableAWSServiceAccess");
        call(&mut world, MANAGEMENT, enable, input);
        let input = json!({"AccountId": office, "ServicePrincipal": principal});
        let register = ("organizations", "RegisterDelegatedAdministrator");
        call(&mut world, MANAGEMENT, register, input);
    }
    let world = applied(&subject, world);
    let (world, found) = inside::look(&subject, world);
    let compared = diff(
        &subject.plan,
        &subject.desired,
        &found,
        &DiffOptions::default(),
    );
    let told: Vec<&str> = compared
        .unmanaged
        .iter()
        .filter(|one| one.kind == "delegated administrator")
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "office for access-analyzer.amazonaws.com",
            "office for config.amazonaws.com"
        ]
    );
    let organization = world.organization.as_ref().expect("there");
    let security = id(&world, "security");
    for account in [&office, &security] {
        assert!(organization.delegates(account, "config.amazonaws.com"));
    }
}
