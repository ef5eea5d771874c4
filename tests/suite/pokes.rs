//! Every poke that the sandbox has is found: by a check as it is by default, or with `--deep` by one that says
//! otherwise that it did not look.

use std::sync::OnceLock;

use orgstrap::drift::Findings;
use orgstrap::report::drift as report;
use orgstrap::sandbox::{World, poke};

use crate::support::inside::{self, LoadedPlan};
use crate::support::{python, root, worlds};

const PLAN: &str = r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
logging = "log-archive"
secops = "security"
email = "aws+{account}@example.com"
centralized_root_access = true

[ou.Security]
[ou.Workloads]
policies = ["guard"]
[ou."Workloads/Prod"]
[ou.Attic]
policies = ["guard"]

[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.shop]
ou = "Workloads/Prod"
tags = { team = "shop" }

[policy.guard]
type = "service_control_policy"
content = '''
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"},
  {"Effect": "Deny", "Action": "account:CloseAccount", "Resource": "*"}]}
'''

[baseline.cloudtrail]
[baseline.config]
[baseline.guardduty]
features = ["S3_DATA_EVENTS"]
[baseline.roles]
[baseline.ec2-defaults]
"#;

/// What is poked, with its arguments, and the control under which it is told.
struct Row(&'static str, &'static [&'static str], &'static str);

impl Row {
    /// What was found instead, where it was not told.
    fn missed(&self, found: &Findings) -> Option<String> {
        let Row(poke, arguments, control) = self;
        let found = controls(found);
        let missed = !found.contains(control);
        missed.then(|| format!("{poke} {arguments:?}: {found:?}, not {control}"))
    }
}

/// Found by a check as it is by default.
const FOUND: &[Row] = &[
    Row(
        "move-account",
        &["shop", "Security"],
        "organization.placement",
    ),
    Row(
        "create-account",
        &["stray", "stray@example.com"],
        "organization.unmanaged-account",
    ),
    Row("suspend-account", &["shop"], "organization.account-state"),
    Row("close-account", &["shop"], "organization.account-state"),
    Row("create-ou", &["Cellar"], "organization.unmanaged-ou"),
    Row("rename-ou", &["Workloads/Prod", "Live"], "organization.ou"),
    Row("tag", &["shop", "team", "refunds"], "organization.tags"),
    Row("untag", &["shop", "team"], "organization.tags"),
    Row(
        "attach-policy",
        &["guard", "Security"],
        "organization.unmanaged-attachment",
    ),
    Row(
        "detach-policy",
        &["guard", "Workloads"],
        "organization.attachment",
    ),
    Row(
        "detach-policy",
        &["FullAWSAccess", "Workloads"],
        "organization.full-aws-access",
    ),
    Row("edit-policy", &["guard"], "organization.policy"),
    Row(
        "disable-policy-type",
        &["SERVICE_CONTROL_POLICY"],
        "organization.policy-type",
    ),
    Row(
        "disable-trusted-access",
        &["cloudtrail.amazonaws.com"],
        "organization.trusted-access",
    ),
    Row(
        "deregister-administrator",
        &["security", "config.amazonaws.com"],
        "organization.delegated-administrator",
    ),
    Row(
        "deregister-administrator",
        &["security", "guardduty.amazonaws.com"],
        "organization.delegated-administrator",
    ),
    Row(
        "register-administrator",
        &["shop", "config.amazonaws.com"],
        "organization.unmanaged-delegated-administrator",
    ),
    // Who administers IAM opens sessions of root users.
    Row(
        "register-administrator",
        &["shop", "iam.amazonaws.com"],
        "organization.unmanaged-delegated-administrator",
    ),
    Row(
        "register-administrator",
        &["shop", "member.org.stacksets.cloudformation.amazonaws.com"],
        "organization.unmanaged-stack-sets-administrator",
    ),
    Row(
        "delete-role",
        &["shop", "orgstrap-audit"],
        "roles.audit-role",
    ),
    Row(
        "distrust-role",
        &["shop", "orgstrap-audit"],
        "roles.audit-role",
    ),
    Row("stop-trail", &[], "cloudtrail.logging"),
    Row("delete-trail", &[], "cloudtrail.trail"),
    Row("edit-trail", &["single-region"], "cloudtrail.trail"),
    Row("edit-trail", &["no-validation"], "cloudtrail.trail"),
    Row("edit-trail", &["not-organization"], "cloudtrail.trail"),
    Row(
        "edit-bucket-policy",
        &["orgstrap-config"],
        "config.bucket-policy",
    ),
    Row(
        "bucket-encryption-off",
        &["orgstrap-guardduty"],
        "guardduty.bucket",
    ),
    Row(
        "bucket-versioning-off",
        &["orgstrap-config"],
        "config.bucket",
    ),
    Row(
        "bucket-public-access-block-off",
        &["orgstrap-config"],
        "config.bucket",
    ),
    Row("stop-recorder", &["shop", "eu-west-1"], "config.recording"),
    Row("edit-recorder", &["shop", "eu-west-1"], "config.recorder"),
    Row(
        "override-recorder",
        &["shop", "us-east-1"],
        "config.recorder",
    ),
    Row("delete-recorder", &["shop", "eu-west-1"], "config.recorder"),
    Row("delete-channel", &["shop", "eu-west-1"], "config.channel"),
    Row("delete-aggregator", &["security"], "config.aggregator"),
    Row(
        "disable-guardduty",
        &["shop", "eu-west-1"],
        "guardduty.members",
    ),
    Row(
        "disable-guardduty",
        &["security", "eu-west-1"],
        "guardduty.settings",
    ),
    Row(
        "guardduty-auto-enable-none",
        &["eu-west-1"],
        "guardduty.settings",
    ),
    Row(
        "guardduty-feature-off",
        &["S3_DATA_EVENTS", "eu-west-1"],
        "guardduty.settings",
    ),
    Row(
        "guardduty-feature-on",
        &["RUNTIME_MONITORING", "eu-west-1"],
        "organization.by-hand",
    ),
    Row(
        "guardduty-feature-on",
        &["EKS_RUNTIME_MONITORING", "eu-west-1"],
        "organization.by-hand",
    ),
    Row(
        "guardduty-held",
        &["S3_DATA_EVENTS", "off", "eu-west-1"],
        "organization.by-hand",
    ),
    Row("remove-member", &["shop", "eu-west-1"], "guardduty.members"),
    Row("delete-destination", &["eu-west-1"], "guardduty.export"),
    Row(
        "delete-stack",
        &["orgstrap-config-aggregator"],
        "stacks.missing",
    ),
    Row(
        "delete-stack",
        &["orgstrap-roles", "shop", "eu-west-1"],
        "roles.audit-role",
    ),
    Row(
        "edit-stack",
        &["orgstrap-config-aggregator", "AggregatorName", "other"],
        "stacks.stack",
    ),
    Row(
        "delete-stack-instance",
        &["orgstrap-config-recorder", "shop", "us-east-1"],
        "stacks.instances-missing",
    ),
    Row(
        "edit-stack-set",
        &["orgstrap-config-recorder", "SnapshotFrequency", "One_Hour"],
        "stacks.instances-outdated",
    ),
    Row(
        "edit-template",
        &["orgstrap-config-recorder", "shop", "us-east-1"],
        "stacks.instances-outdated",
    ),
];

/// Found with `--deep` only: no answer for the whole organization tells it.
const DEEP: &[Row] = &[
    Row(
        "attach-role-policy",
        &["shop", "orgstrap-audit"],
        "organization.role-rights",
    ),
    Row(
        "attach-role-policy",
        &["management", "orgstrap-exec"],
        "organization.role-rights",
    ),
    Row(
        "put-role-policy",
        &["security", "orgstrap-config-aggregator"],
        "organization.role-rights",
    ),
    Row(
        "bind-role",
        &["log-archive", "orgstrap-cloudtrail-reader"],
        "organization.role-rights",
    ),
    Row(
        "add-policy-version",
        &["shop", "orgstrap-reads"],
        "organization.role-rights",
    ),
    Row("delete-role", &["shop"], "organization.access-role"),
    Row("distrust-role", &["shop"], "organization.access-role"),
    Row("delete-role", &["shop", "orgstrap-exec"], "stacks.drift"),
    Row(
        "delete-role",
        &["security", "orgstrap-config-aggregator"],
        "stacks.drift",
    ),
    Row(
        "delete-role",
        &["log-archive", "orgstrap-cloudtrail-reader"],
        "stacks.drift",
    ),
    Row(
        "delete-stack",
        &["orgstrap-ec2-defaults", "shop", "us-east-1"],
        "stacks.drift",
    ),
];

/// Nothing that a plan or a baseline says is broken by these.
const HARMLESS: &[Row] = &[
    // A rule on security groups is a baseline of one's own; the built-in ones have none.
    Row("open-ssh", &["shop", "eu-west-1"], ""),
    Row("finalize-organization", &["5"], ""),
    Row("empty-pages", &["on"], ""),
    Row("invite-account", &["friend@example.com"], ""),
    Row("quota", &["accounts", "50"], ""),
    Row("wait", &["5"], ""),
];

fn subject() -> &'static LoadedPlan {
    static SUBJECT: OnceLock<LoadedPlan> = OnceLock::new();
    SUBJECT.get_or_init(|| LoadedPlan::of_text(PLAN.to_owned()))
}

/// The organization as the plan says, with nothing still to come.
fn world() -> World {
    static WORLD: OnceLock<World> = OnceLock::new();
    let made = WORLD.get_or_init(|| inside::applied(subject(), 3_600));
    made.clone()
}

fn poked(Row(name, arguments, _): &Row) -> Result<World, String> {
    let mut world = world();
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let poke = poke::Poke::named(name).expect("the poke is there");
    poke.run(&mut world, &arguments)
        .map_err(|error| format!("{name} {arguments:?}: {error}"))?;
    Ok(world)
}

fn controls(found: &Findings) -> Vec<&str> {
    found
        .findings
        .iter()
        .map(|finding| finding.control.as_str())
        .collect()
}

#[test]
fn what_is_poked_is_found() {
    let mut missed = Vec::new();
    for row in FOUND {
        let world = match poked(row) {
            Ok(world) => world,
            Err(error) => {
                missed.push(error);
                continue;
            }
        };
        let (found, _) = inside::drift(subject(), world);
        missed.extend(row.missed(&found));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn what_only_every_account_tells_is_found_by_looking_deep_and_else_said_not_to_be_looked_at() {
    let mut missed = Vec::new();
    for row in DEEP {
        let (found, world) = inside::drift(subject(), poked(row).expect("poked"));
        let text = report::text(&found, "org.toml", false);
        let last = text.trim_end().lines().last().unwrap_or_default();
        assert!(
            last.contains("`--deep` does"),
            "{} {:?}: {last}",
            row.0,
            row.1
        );
        let (found, _) = inside::drift_deep(subject(), world);
        let told = report::text(&found, "org.toml", false);
        assert!(!told.contains("Not looked at"), "{told}");
        missed.extend(row.missed(&found));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn what_breaks_nothing_is_no_finding() {
    let (found, _) = inside::drift_deep(subject(), world());
    assert_eq!(controls(&found), Vec::<&str>::new());
    for row in HARMLESS {
        let (found, _) = inside::drift(subject(), poked(row).expect("poked"));
        assert_eq!(controls(&found), Vec::<&str>::new(), "{}", row.0);
    }
}

#[test]
fn every_poke_has_a_row() {
    let rows = FOUND.iter().chain(DEEP).chain(HARMLESS);
    let rows: Vec<&str> = rows.map(|row| row.0).collect();
    // Nothing is asked for in this world that AWS could decide.
    for poke in poke::all().filter(|poke| poke.name != "quota-request") {
        assert!(
            rows.contains(&poke.name),
            "{} is tried by no test",
            poke.name
        );
    }
}

/// What is broken through boto3, the control under which it is told, and where: an account, a Region or a part of its subject.
struct Break(&'static str, &'static str, &'static str);

/// In the services of the accounts, all of it at once.
const IN_ACCOUNTS: &[Break] = &[
    Break("trail_one_region", "cloudtrail.trail", "management"),
    Break("trail_writes_only", "cloudtrail.events", "management"),
    Break("stop_trail", "cloudtrail.logging", "management"),
    Break("stop_recorder", "config.recording", "shop/eu-west-1"),
    Break(
        "stop_recorder_of_management",
        "config.recording",
        "management/us-east-1",
    ),
    Break("record_less", "config.recorder", "log-archive/eu-west-1"),
    Break("delete_channel", "config.channel", "shop/us-east-1"),
    Break(
        "delete_recorder",
        "config.recorder",
        "log-archive/us-east-1",
    ),
    Break("delete_aggregator", "config.aggregator", "security"),
    Break(
        "delete_bucket_policy",
        "config.bucket-policy",
        "log-archive",
    ),
    Break(
        "edit_bucket_policy",
        "guardduty.bucket-policy",
        "log-archive",
    ),
    Break("public_access", "cloudtrail.bucket", "log-archive"),
    Break("no_public_access_block", "config.bucket", "log-archive"),
    Break("no_versions", "guardduty.bucket", "log-archive"),
    Break("key_goes", "cloudtrail.key", "log-archive"),
    Break("edit_key_policy", "guardduty.key", "log-archive"),
    Break("guardduty_for_nobody", "guardduty.settings", "eu-west-1"),
    Break("guardduty_off", "guardduty.settings", "us-east-1"),
    Break("guardduty_loses_a_member", "guardduty.members", "eu-west-1"),
    Break("guardduty_exports_nothing", "guardduty.export", "eu-west-1"),
    Break("delete_reading_role", "roles.audit-role", "shop"),
];

/// The same, where only `--deep` looks.
const IN_STACKS: &[Break] = &[
    Break("delete_repairing_role", "stacks.drift", "log-archive"),
    Break(
        "delete_reader_role",
        "stacks.drift",
        "orgstrap-config-reader",
    ),
    Break("delete_stack_in_a_member", "stacks.drift", "ec2-defaults"),
];

/// In Organizations and StackSets, all of it at once.
const IN_THE_ORGANIZATION: &[Break] = &[
    Break("no_termination_protection", "stacks.stack", "config-logs"),
    Break("delete_stack", "stacks.missing", "config-aggregator"),
    Break(
        "delete_instances",
        "stacks.instances-missing",
        "config-recorder",
    ),
    Break("no_auto_deployment", "stacks", "ec2-defaults"),
    Break(
        "no_administrator_of_guardduty",
        "organization.delegated-administrator",
        "guardduty.amazonaws.com",
    ),
    Break(
        "deregister_administrator",
        "organization.delegated-administrator",
        "config.amazonaws.com",
    ),
    Break(
        "register_administrator",
        "organization.unmanaged-delegated-administrator",
        "config-multiaccountsetup.amazonaws.com",
    ),
    Break(
        "no_trusted_access",
        "organization.trusted-access",
        "cloudtrail.amazonaws.com",
    ),
    Break("detach_policy", "organization.attachment", "guard"),
    Break("edit_policy", "organization.policy", "guard"),
    Break(
        "detach_full_access",
        "organization.full-aws-access",
        "Attic",
    ),
    Break("untag_account", "organization.tags", "shop"),
    Break("move_account", "organization.placement", "shop"),
    Break("rename_ou", "organization.ou", "Workloads/Prod"),
    Break("no_access_for_stack_sets", "stacks.access", ""),
];

/// The world after all of it was done by a client that knows nothing of orgstrap.
fn broken(acts: &[&[Break]]) -> Option<World> {
    let python = python()?;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("world.json");
    world().save(&file).expect("saves");
    let served = worlds::World::sandbox(&file);
    let mut command = served.client(std::process::Command::new(python));
    command
        .arg(root().join("tests/python/breaks.py"))
        .args(["eu-west-1", "us-east-1"])
        .args(
            acts.iter()
                .flat_map(|acts| acts.iter())
                .map(|action| action.0),
        );
    let output = command.output().expect("runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    served.end();
    let mut world = World::load(&file).expect("a world");
    // What AWS is still at comes to its end.
    let later = world.now.plus_secs(1800);
    world.advance(later);
    Some(world)
}

fn missed(acts: &[Break], found: &Findings) -> Vec<String> {
    let told = |Break(_, control, place): &&Break| {
        found.findings.iter().any(|finding| {
            let at = &finding.place;
            let region = at.region.as_ref().map(ToString::to_string);
            let account = at.account.clone().unwrap_or_default();
            let at = format!("{account}/{}", region.unwrap_or_default());
            let whole = format!("{at} {} {:?}", finding.subject, finding.accounts);
            finding.control.starts_with(control) && whole.contains(place)
        })
    };
    let missed = acts.iter().filter(|action| !told(action));
    missed
        .map(|Break(action, control, place)| format!("{action}: no {control} of {place}"))
        .collect()
}

fn list(found: &Findings) -> String {
    let lines = found.findings.iter().map(|finding| {
        format!(
            "{} {:?} {:?} {}",
            finding.control, finding.place.account, finding.place.region, finding.subject
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_boto3_breaks_in_accounts_is_found() {
    let Some(world) = broken(&[IN_ACCOUNTS, IN_STACKS]) else {
        return;
    };
    let (found, world) = inside::drift(subject(), world);
    let silent = missed(IN_ACCOUNTS, &found);
    assert!(silent.is_empty(), "{silent:#?}\n{}", list(&found));
    let text = report::text(&found, "org.toml", false);
    let last = text.trim_end().lines().last().unwrap_or_default();
    assert!(last.contains("`--deep` does"), "{last}");
    let (found, _) = inside::drift_deep(subject(), world);
    let silent = [missed(IN_ACCOUNTS, &found), missed(IN_STACKS, &found)].concat();
    assert!(silent.is_empty(), "{silent:#?}\n{}", list(&found));
}

#[test]
fn what_boto3_breaks_in_the_organization_is_found() {
    let Some(world) = broken(&[IN_THE_ORGANIZATION]) else {
        return;
    };
    let (found, _) = inside::drift(subject(), world);
    let silent = missed(IN_THE_ORGANIZATION, &found);
    assert!(silent.is_empty(), "{silent:#?}\n{}", list(&found));
}
