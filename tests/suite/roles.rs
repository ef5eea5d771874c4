//! The roles of least privilege: what a check and its fixes call is what the roles allow, no less and no more.
//!
//! The sandbox holds sessions of roles to their policies, so a role that lacks something fails here as in AWS.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex, OnceLock};

use orgstrap::sandbox::identity_policy::action;
use orgstrap::sandbox::{Call, Connection, World, poke, table};
use serde_json::{Value, json};

use crate::support::inside::{self, LoadedPlan};
use crate::support::{orgstrap, root};

const MANAGEMENT: &str = "111111111111";
const ACCESS: &str = "OrganizationAccountAccessRole";
const AUDIT: &str = "orgstrap-audit";

/// The organization of `examples/prepared.toml`, applied.
fn applied() -> World {
    static APPLIED: OnceLock<World> = OnceLock::new();
    let world = APPLIED.get_or_init(|| {
        let subject = LoadedPlan::example("prepared");
        let run = inside::apply(
            &subject,
            inside::empty_world(&subject),
            Connection::default(),
        );
        let summary = run.ended.expect("applied");
        assert!(summary.is_success(), "{:?}", summary.failed);
        run.world
    });
    world.clone()
}

fn without_role(world: &mut World, role: &str) {
    for account in world.accounts.values_mut() {
        account.iam.roles.remove(role);
    }
}

fn id(world: &World, name: &str) -> String {
    let mut accounts = world.accounts.iter();
    let found = accounts.find(|(_, account)| account.name == name);
    found.expect("the account is there").0.clone()
}

/// `orgstrap drift` of a world, with these arguments.
fn drift(world: &World, arguments: &[&str]) -> (Output, World) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.json");
    world.save(&file).expect("saved");
    let output = orgstrap()
        .arg("drift")
        .arg(root().join("examples/prepared.toml"))
        .args(["--sandbox", "--world"])
        .arg(&file)
        .args(arguments)
        .output()
        .expect("the binary starts");
    (output, World::load(&file).expect("loads"))
}

fn message(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_check_needs_only_the_role_that_reads() {
    let mut world = applied();
    without_role(&mut world, ACCESS);
    let (output, _) = drift(&world, &["-q"]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
}

/// The sandbox denies what the policy does not name: a role with less cannot check.
#[test]
fn a_role_with_less_does_not_do() {
    let mut world = applied();
    without_role(&mut world, ACCESS);
    let shop = id(&world, "shop");
    let policies = &mut world.account_mut(&shop).expect("there").iam.policies;
    for policy in policies.values_mut() {
        policy.document = policy
            .document
            .replace("config:DescribeDeliveryChannels\"", "config:Nothing\"");
    }
    let (output, _) = drift(&world, &["-q"]);
    assert_eq!(output.status.code(), Some(1), "{}", message(&output));
    let message = message(&output);
    assert!(
        message.contains("config:DescribeDeliveryChannels"),
        "{message}"
    );
}

#[test]
fn where_the_reading_role_is_missing_the_access_role_does_and_that_is_said_once() {
    let mut world = applied();
    let shop = id(&world, "shop");
    let roles = &mut world.account_mut(&shop).expect("there").iam.roles;
    roles.remove(AUDIT).expect("the role is there");
    let (output, _) = drift(&world, &[]);
    let message = message(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    let line = format!("No role {AUDIT} opens account {shop}: read by {ACCESS}.");
    assert_eq!(message.matches(&line).count(), 1, "{message}");
    // Its stack is up to date, as far as CloudFormation knows: apply would do nothing, and says so itself.
    let why = format!(
        "{line} CloudFormation counts its stack as up to date, so `orgstrap apply` does not bring it there: the finding roles.audit-role says what does."
    );
    assert!(message.contains(&why), "{message}");
    assert!(
        message.contains("aws cloudformation delete-stack-instances"),
        "{message}"
    );
    assert!(
        !message.contains("`orgstrap apply` brings it there."),
        "{message}"
    );
    assert!(message.contains("roles.audit-role"), "{message}");
    // Where the stack itself is missing, apply does bring it.
    let home = LoadedPlan::example("prepared")
        .plan
        .organization
        .home_region;
    let arguments = ["orgstrap-roles", "shop", home.as_str()].map(str::to_owned);
    let poke = poke::Poke::named("delete-stack-instance").expect("there");
    poke.run(&mut world, &arguments).expect("poked");
    let (output, _) = drift(&world, &[]);
    let message = self::message(&output);
    assert!(
        message.contains(&format!("{line} `orgstrap apply` brings it there.")),
        "{message}"
    );
}

#[test]
fn a_role_that_is_chosen_is_the_only_one() {
    let world = applied();
    let (output, _) = drift(&world, &["-q", "--role", "nobody"]);
    assert_eq!(output.status.code(), Some(1), "{}", message(&output));
    assert!(
        message(&output).contains("role/nobody"),
        "{}",
        message(&output)
    );
}

/// What is broken in the services is put back by the repairing role alone.
#[test]
fn fixes_need_only_the_role_that_repairs() {
    let mut world = applied();
    let (shop, logs) = (id(&world, "shop"), id(&world, "log-archive"));
    let call = |world: &mut World, account: &str, service: &str, operation: &str, input: Value| {
        let principal = format!("arn:aws:iam::{account}:root");
        let call = Call::internal(account, "eu-west-1", &principal, world.now, input);
        table::invoke(world, service, operation, &call).expect("broken");
    };
    let recorder = json!({"ConfigurationRecorderName": "default"});
    call(
        &mut world,
        &shop,
        "config",
        "StopConfigurationRecorder",
        recorder,
    );
    let buckets: Vec<String> = world.s3.buckets.keys().cloned().collect();
    let bucket = buckets
        .iter()
        .find(|name| name.starts_with("orgstrap-config-"));
    let bucket = json!({"Bucket": bucket.expect("the bucket is there")});
    call(&mut world, &logs, "s3", "DeleteBucketPolicy", bucket);
    // An automation whose run is not to be seen is run again.
    let region = world.region_mut(&shop, "us-east-1").expect("a Region");
    region.automation.executions.clear();
    without_role(&mut world, ACCESS);
    without_role(&mut world, AUDIT);
    // The role that reads is put back too, by CloudFormation, which is not what is looked at here.
    let only = [
        "-q",
        "--yes",
        "--fix",
        "--role",
        "orgstrap-exec",
        "--only",
        "config",
        "--only",
        "ec2-defaults",
    ];
    let (output, world) = drift(&world, &only);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let (output, _) = drift(
        &world,
        &[
            "-q",
            "--role",
            "orgstrap-exec",
            "--only",
            "config",
            "--only",
            "ec2-defaults",
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
}

/// SecOps takes the management account's reading role, and by it the members': no administrator anywhere.
#[test]
fn secops_can_check_from_its_own_account() {
    let mut world = applied();
    without_role(&mut world, ACCESS);
    let security = id(&world, "security");
    let assume = |world: &mut World, account: &str, principal: &str, role: &str| {
        let input = json!({"RoleArn": role, "RoleSessionName": "nightly"});
        let call = Call::internal(account, "eu-west-1", principal, world.now, input);
        table::invoke(world, "sts", "AssumeRole", &call)
    };
    let role = format!("arn:aws:iam::{MANAGEMENT}:role/{AUDIT}");
    let nightly = format!("arn:aws:sts::{security}:assumed-role/nightly/job");
    assume(&mut world, &security, &nightly, &role).expect("SecOps may");
    let shop = id(&world, "shop");
    let stranger = format!("arn:aws:sts::{shop}:assumed-role/nightly/job");
    assert!(assume(&mut world, &shop, &stranger, &role).is_err());
    // The session is what `drift` then runs with.
    let ours = format!("{MANAGEMENT}:assumed-role/{AUDIT}/nightly");
    let mut sessions = world.credentials.values();
    let session = sessions.find(|session| session.principal.ends_with(&ours));
    let mut session = session.expect("a session").clone();
    session.expires = None;
    session.token = None;
    let key = orgstrap::sandbox::sts::MANAGEMENT_ACCESS_KEY.to_owned();
    world.credentials.insert(key, session);
    let (output, _) = drift(&world, &["-q"]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let (output, _) = drift(&world, &["-q", "--role", "orgstrap-exec"]);
    assert_eq!(output.status.code(), Some(1), "{}", message(&output));
}

/// Actions of one of the template's managed policies.
fn granted(policy: &str) -> BTreeSet<String> {
    let world = applied();
    let management = world.account(MANAGEMENT).expect("there");
    let arn = format!("arn:aws:iam::{MANAGEMENT}:policy/{policy}");
    let document: Value =
        serde_json::from_str(&management.iam.policies[&arn].document).expect("a policy");
    let statements = document["Statement"].as_array().expect("statements");
    let actions = statements
        .iter()
        .flat_map(|statement| match &statement["Action"] {
            Value::Array(actions) => actions.clone(),
            one => vec![one.clone()],
        });
    let texts = actions.map(|action| action.as_str().expect("a text").to_owned());
    texts.collect()
}

/// What no check of the example calls, and why the reading role has it all the same.
const NOT_CALLED: &[(&str, &str)] = &[
    (
        "cloudformation:DescribeStackDriftDetectionStatus",
        "drift --deep",
    ),
    ("cloudformation:DescribeStackInstance", "drift --deep"),
    ("cloudformation:DescribeStackResourceDrifts", "drift --deep"),
    ("cloudformation:DescribeStackSetOperation", "drift --deep"),
    ("cloudformation:DetectStackDrift", "drift --deep"),
    ("cloudformation:DetectStackSetDrift", "drift --deep"),
    (
        "cloudformation:ListStackInstanceResourceDrifts",
        "drift --deep",
    ),
    (
        "cloudformation:ListStackSetOperationResults",
        "drift --deep",
    ),
    (
        "config:DescribeAggregateComplianceByConfigRules",
        "controls of one's own",
    ),
    ("guardduty:GetFilter", "where there are filters"),
    ("iam:GetAccountAuthorizationDetails", "drift --deep"),
    ("guardduty:GetIPSet", "where addresses are trusted"),
    ("guardduty:GetTrustedEntitySet", "where names are trusted"),
    ("ssm:GetDocument", "Cloud Control's reading of a document"),
    (
        "ssm:ListTagsForResource",
        "Cloud Control's reading of a document",
    ),
    (
        "guardduty:GetAdministratorAccount",
        "accounts that are no members where others are",
    ),
    (
        "organizations:ListAccountsForParent",
        "where ListAccounts tells no path",
    ),
    ("sts:AssumeRole", "entering the members"),
];

#[test]
fn the_reading_role_has_nothing_that_a_check_does_not_call() {
    let called = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&called);
    let connection = Connection::default().watched(move |met, _| {
        if let Some((service, operation)) = met.operation.split_once(':') {
            seen.lock()
                .expect("whole")
                .insert(action(service, operation));
        }
    });
    inside::check(&LoadedPlan::example("prepared"), applied(), connection);
    let called = called.lock().expect("whole").clone();
    let granted: BTreeSet<String> = [
        granted("orgstrap-reads"),
        granted("orgstrap-reads-organization"),
    ]
    .into_iter()
    .flatten()
    // What Cloud Control reads of buckets and keys is not seen from outside.
    .filter(|action| !action.starts_with("s3:") && !action.starts_with("kms:"))
    .collect();
    let excused: BTreeSet<String> = NOT_CALLED.iter().map(|(a, _)| (*a).to_owned()).collect();
    let unused: Vec<&String> = granted
        .difference(&called)
        .filter(|a| !excused.contains(*a))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
    let needless: Vec<&String> = excused.intersection(&called).collect();
    assert!(
        needless.is_empty() || needless == ["sts:AssumeRole"],
        "{needless:?}"
    );
}

/// AWS's own ReadOnlyAccess, as moto ships it, is the judge of what only reads.
#[test]
fn the_reading_role_only_reads() {
    let Some(python) = crate::support::python() else {
        return;
    };
    let script = Path::new("tests/python/only_reads.py");
    let actions: Vec<String> = [
        granted("orgstrap-reads"),
        granted("orgstrap-reads-organization"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let judged = |actions: &[String]| {
        std::process::Command::new(&python)
            .arg(root().join(script))
            .args(actions)
            .output()
            .expect("python starts")
    };
    let output = judged(&actions);
    assert!(output.status.success(), "{}", message(&output));
    // A judge that lets everything pass is none.
    assert!(!judged(&["iam:CreateRole".to_owned()]).status.success());
}

/// `docs/bootstrap-policy.json`, as the only policy of the role that runs orgstrap.
fn bootstrap() -> String {
    std::fs::read_to_string(root().join("docs/bootstrap-policy.json")).expect("the policy")
}

/// The world as it is for a session of a role with that policy in the management account.
pub(crate) fn as_bootstrap(mut world: World) -> World {
    let input = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let principal = format!("arn:aws:iam::{MANAGEMENT}:root");
    let mut call = |operation: &str, input: Value| {
        let call = Call::internal(MANAGEMENT, "us-east-1", &principal, world.now, input);
        table::invoke(&mut world, "iam", operation, &call).expect("made");
    };
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let role = json!({"RoleName": "bootstrap", "AssumeRolePolicyDocument": trust});
    call("CreateRole", role);
    let document = input(&bootstrap()).to_string();
    let policy = json!({"RoleName": "bootstrap", "PolicyName": "p", "PolicyDocument": document});
    call("PutRolePolicy", policy);
    let key = orgstrap::sandbox::sts::MANAGEMENT_ACCESS_KEY;
    let credential = world.credentials.get_mut(key).expect("there");
    credential.principal = format!("arn:aws:sts::{MANAGEMENT}:assumed-role/bootstrap/run");
    world
}

#[test]
fn the_bootstrap_policy_suffices_to_apply_and_to_repair() {
    let subject = LoadedPlan::example("prepared");
    let world = as_bootstrap(inside::empty_world(&subject));
    let run = inside::apply(&subject, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let mut world = run.world;
    let shop = id(&world, "shop");
    let root = format!("arn:aws:iam::{MANAGEMENT}:root");
    let trail = json!({"Name": "orgstrap-organization"});
    let call = Call::internal(MANAGEMENT, "eu-west-1", &root, world.now, trail);
    table::invoke(&mut world, "cloudtrail", "StopLogging", &call).expect("stopped");
    world.account_mut(&shop).expect("there").iam.alias = None;
    let (output, world) = drift(&world, &["-q", "--yes", "--fix"]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    assert_eq!(
        world.account(&shop).expect("there").iam.alias.as_deref(),
        Some("acme-store")
    );
}

/// Every operation that the sources name is one that the policy allows, or happens in members only.
#[test]
fn the_bootstrap_policy_names_all_that_orgstrap_calls_in_the_management_account() {
    // In the accounts that administer GuardDuty, and by a member's own role.
    const IN_MEMBERS: &[&str] = &[
        "guardduty:",
        "iam:CreateAccountAlias",
        "iam:ListAccountAliases",
    ];
    const ALSO_IN_MEMBERS: &[&str] = &[
        "iam:UpdateAccountPasswordPolicy",
        "iam:GetAccountPasswordPolicy",
        "config:",
    ];
    let policy: Value = serde_json::from_str(&bootstrap()).expect("JSON");
    let allowed: Vec<String> = policy["Statement"]
        .as_array()
        .expect("statements")
        .iter()
        .flat_map(|statement| match &statement["Action"] {
            Value::Array(actions) => actions.clone(),
            one => vec![one.clone()],
        })
        .map(|action| action.as_str().expect("a text").to_owned())
        .collect();
    let allows = |action: &str| {
        allowed
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => action.starts_with(start),
                None => action == pattern,
            })
    };
    let named = named_operations();
    assert!(named.len() > 60, "{}", named.len());
    let lacking: Vec<&String> = named
        .iter()
        .filter(|action| {
            !IN_MEMBERS
                .iter()
                .chain(ALSO_IN_MEMBERS)
                .any(|m| action.starts_with(m))
        })
        .filter(|action| !allows(action) && *action != "sts:GetCallerIdentity")
        .collect();
    assert!(
        lacking.is_empty(),
        "add to docs/bootstrap-policy.json: {lacking:?}"
    );
}

/// The actions behind every operation that is called.
fn named_operations() -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    for service in orgstrap::services::SERVICES {
        let operations = service.operations.iter();
        actions.extend(operations.map(|operation| action(service.name, operation)));
    }
    actions
}

/// What is said of a role that is not there is what is so.
#[test]
fn what_becomes_of_a_missing_role_is_said_as_it_is() {
    let text = crate::drift_law::PLAN
        .replace("[ou.Sandbox]\n", "[ou.Sandbox]\nbaselines = [\"config\"]\n")
        .replace("[baseline.guardduty]\n", "[baseline.roles]\n");
    let subject = LoadedPlan::of_text(text.clone());
    let mut world = inside::applied(&subject, 0);
    let (_, after, message) = inside::look_and_tell(&subject, world);
    let line = |account: &str, world: &World| {
        let account = id(world, account);
        format!("No role {AUDIT} opens account {account}: read by {ACCESS}.")
    };
    world = after;
    let left_out = format!(
        "{} The `baselines` of its OU leave out `roles`, so nothing brings it there.",
        line("play", &world)
    );
    assert!(message.contains(&left_out), "{message}");
    assert!(
        !message.contains("`orgstrap apply` brings it there."),
        "{message}"
    );
    let arguments = ["orgstrap-roles", "shop-dev", "eu-west-1"].map(str::to_owned);
    let poke = poke::Poke::named("delete-stack-instance").expect("there");
    poke.run(&mut world, &arguments).expect("poked");
    let edited = LoadedPlan::of_text(text.replace("secops =", "prefix = \"acme\"\nsecops ="));
    let (_, world, message) = inside::look_and_tell(&edited, world);
    assert!(message.contains(&left_out), "{message}");
    assert!(
        message.contains(&format!(
            "{} The role is that of the settings by which accounts were set up",
            line("shop-dev", &world)
        )),
        "{message}"
    );
    assert!(
        !message.contains("`orgstrap apply` brings it there."),
        "{message}"
    );
}
