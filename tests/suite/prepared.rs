//! What accounts are given inside: made, found when it differs, put back, and safe to repeat at every call.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use orgstrap::drift::{Fix, Kind, Severity};
use orgstrap::plan::{self, OrgPlan};
use orgstrap::sandbox::{Connection, Fault, FaultAt, FaultPlan, Met, World, poke};
use serde_json::json;

use crate::support::inside::{self, LoadedPlan};
use crate::support::likeness::{differences, likeness};
use crate::support::{orgstrap, root};

const MANAGEMENT: &str = "111111111111";

/// The example without its baselines: everything else is tested elsewhere.
fn subject() -> LoadedPlan {
    let mut plan = plan::read(&root().join("examples/prepared.toml"))
        .expect("sound")
        .plan;
    plan.baselines.clear();
    LoadedPlan::of(plan)
}

fn applied(subject: &LoadedPlan, world: World) -> World {
    let run = inside::apply(subject, world, Connection::default());
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    run.world
}

/// IAM's and the account service's own words for what the plan asks for.
#[test]
fn accounts_have_what_the_plan_gives_them() {
    let subject = subject();
    let world = applied(&subject, inside::empty_world(&subject));
    let mut aliases = BTreeSet::new();
    for (id, account) in &world.accounts {
        assert_eq!(account.settings.regions["eu-central-2"], "ENABLED", "{id}");
        if id == MANAGEMENT {
            let on: BTreeSet<&str> = account
                .iam
                .root_features
                .iter()
                .map(String::as_str)
                .collect();
            assert_eq!(
                on,
                BTreeSet::from(["RootCredentialsManagement", "RootSessions"])
            );
            continue;
        }
        aliases.insert(account.iam.alias.clone().expect("an alias"));
        assert_eq!(
            account.iam.password_policy,
            Some(json!({
                "MinimumPasswordLength": 14,
                "RequireSymbols": true,
                "RequireNumbers": true,
                "RequireUppercaseCharacters": true,
                "RequireLowercaseCharacters": true,
                "AllowUsersToChangePassword": true,
                "ExpirePasswords": false,
                "HardExpiry": false,
                "PasswordReusePrevention": 24,
            })),
            "{id}"
        );
        assert_eq!(
            account.settings.contacts["SECURITY"]["Name"],
            "Security team"
        );
    }
    let expected = ["acme-log-archive", "acme-security", "acme-store"];
    assert_eq!(aliases, expected.map(str::to_owned).into());
    let again = inside::apply(&subject, world, Connection::default());
    assert!(!again.changed(), "{:?}", again.ended);
}

/// An alias that somebody outside has stops its own change and nothing else.
#[test]
fn an_alias_that_is_taken_fails_alone() {
    let subject = subject();
    let mut world = applied(&subject, inside::empty_world(&subject));
    let security = world.accounts.values_mut().find(|a| a.name == "security");
    security.expect("there").iam.alias = None;
    let management = world.account_mut(MANAGEMENT).expect("there");
    management.iam.alias = Some("acme-security".to_owned());
    let run = inside::apply(&subject, world, Connection::default());
    let summary = run.ended.expect("run");
    let [failed] = summary.failed.as_slice() else {
        panic!("{:?}", summary.failed)
    };
    assert_eq!(failed.0.to_string(), "alias of account security");
    let hint = failed.1.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("unique in all of AWS"), "{hint}");
}

/// The calls that prepare, each with what can go wrong outside, and killed after: apply again ends in the
/// same world.
#[test]
fn every_call_that_prepares_is_safe_to_repeat() {
    const PREPARING: &[&str] = &[
        "iam:CreateAccountAlias",
        "iam:UpdateAccountPasswordPolicy",
        "iam:EnableOrganizationsRoot",
        "account:EnableRegion",
        "account:GetRegionOptStatus",
        "account:ListRegions",
        "iam:ListAccountAliases",
        "iam:GetAccountPasswordPolicy",
    ];
    let mut subject = subject();
    // What is done in one account is done in all.
    subject
        .plan
        .accounts
        .retain(|key, _| key.as_str() != "shop");
    let calls: Arc<Mutex<Vec<(Met, World)>>> = Arc::default();
    let seen = Arc::clone(&calls);
    let connection = Connection::default().watched(move |met: &Met, world: &World| {
        if PREPARING
            .iter()
            .any(|start| met.operation.starts_with(start))
        {
            seen.lock()
                .expect("whole")
                .push((met.clone(), world.clone()));
        }
    });
    let run = inside::apply(&subject, inside::empty_world(&subject), connection);
    let summary = run.ended.expect("applied");
    assert!(summary.is_success(), "{:?}", summary.failed);
    let end = likeness(&run.world);
    let calls = std::mem::take(&mut *calls.lock().expect("whole"));
    let mut met: BTreeSet<&str> = BTreeSet::new();
    let mut cases = 0;
    for (at, world) in &calls {
        // The first of each operation.
        if !met.insert(&at.operation) {
            continue;
        }
        let kinds = Fault::all().filter(|fault| fault.is_outside() || *fault == Fault::Kill);
        for (turn, fault) in kinds.enumerate() {
            // A kill at each; of the others a third, by turns.
            if fault != Fault::Kill && !(turn + met.len()).is_multiple_of(3) {
                continue;
            }
            let first = if fault == Fault::Kill {
                inside::unlock(&subject, world.clone())
            } else {
                let call = at.call;
                let connection = Connection::new(FaultPlan::at([FaultAt { fault, call }]));
                let run = inside::apply(&subject, inside::empty_world(&subject), connection);
                let summary = run.ended.expect("borne");
                assert!(
                    summary.is_success(),
                    "{fault} at {}: {:?}",
                    at.operation,
                    summary.failed
                );
                run.world
            };
            let second = applied(&subject, first);
            let what = || format!("{fault} at {}", at.operation);
            let third = inside::apply(&subject, second, Connection::default());
            assert!(!third.changed(), "{}: {:?}", what(), third.ended);
            let likeness = likeness(&third.world);
            assert!(
                likeness == end,
                "{}:\n{}",
                what(),
                differences(&end, &likeness)
            );
            cases += 1;
        }
    }
    assert!(met.len() >= 6 && cases >= 12, "{met:?} {cases}");
}

#[test]
fn a_saved_plan_without_preparation_still_loads() {
    let plan = subject().plan;
    let mut value = serde_json::to_value(&plan).expect("JSON");
    let gone = value
        .as_object_mut()
        .expect("a plan")
        .remove("opt_in_regions");
    assert!(gone.is_some());
    for account in value["accounts"]
        .as_object_mut()
        .expect("accounts")
        .values_mut()
    {
        account.as_object_mut().expect("one").remove("preparation");
    }
    let loaded: OrgPlan = serde_json::from_value(value).expect("loads");
    assert!(loaded.opt_in_regions.is_empty());
}

/// The example with the one baseline that works by an automation.
fn with_ec2_defaults() -> LoadedPlan {
    let path = root().join("examples/prepared.toml");
    let mut plan = plan::read(&path).expect("sound").plan;
    plan.baselines
        .retain(|name, _| name.as_str() == "ec2-defaults");
    LoadedPlan::of(plan)
}

fn region_of<'w>(
    world: &'w mut World,
    name: &str,
    region: &str,
) -> &'w mut orgstrap::sandbox::world::RegionWorld {
    let account = world
        .accounts
        .values_mut()
        .find(|account| account.name == name);
    let account = account.expect("the account is there");
    account.regions.get_mut(region).expect("a Region")
}

#[test]
fn ec2_s_defaults_are_applied_in_every_account_and_region() {
    let subject = with_ec2_defaults();
    let world = applied(&subject, inside::empty_world(&subject));
    for (id, account) in &world.accounts {
        for region in ["eu-west-1", "us-east-1"] {
            let ec2 = &account.regions[region].ec2;
            assert!(ec2.ebs_encryption && ec2.vpc_removed, "{id} {region}");
        }
    }
}

/// What drift finds of automations: a VPC that is in use, a run that failed, none for days; and what `--fix`
/// does about it.
#[test]
fn what_the_automation_could_not_do_is_found() {
    let subject = with_ec2_defaults();
    let clean = applied(&subject, inside::empty_world(&subject));
    let findings = |world: World| {
        let (found, world) = inside::drift(&subject, world);
        let told: Vec<(String, String)> = found
            .findings
            .iter()
            .map(|finding| {
                (
                    finding.control.clone(),
                    finding.place.account.clone().unwrap_or_default(),
                )
            })
            .collect();
        (told, found, world)
    };
    let (told, found, world) = findings(clean);
    assert_eq!(told, vec![], "{:?}", found.findings);
    assert!(found.checked["ec2-defaults.ebs-encryption"] >= 8);

    // In use: left, and a person's to decide.
    let mut used = world.clone();
    let state = region_of(&mut used, "shop", "eu-west-1");
    state.ec2.vpc_removed = false;
    state.ec2.interfaces = 2;
    let next = used.now.plus_secs(86_400);
    used.advance(next);
    let (told, found, _) = findings(used);
    let finding = ("ec2-defaults.default-vpc".to_owned(), "shop".to_owned());
    assert_eq!(told, [finding]);
    assert!(
        found.findings[0].fields[0]
            .before
            .as_deref()
            .unwrap_or_default()
            .contains("in use")
    );

    // The role that it works by is gone: every run fails, and so nothing is done.
    let mut failed = world.clone();
    let account = failed
        .accounts
        .values_mut()
        .find(|account| account.name == "shop");
    account
        .expect("there")
        .iam
        .roles
        .retain(|name, _| name.contains("-run-") || !name.starts_with("orgstrap-ec2-defaults"));
    let next = failed.now.plus_secs(86_400);
    failed.advance(next);
    let (mut told, _, _) = findings(failed);
    told.sort();
    // What it has not done counts too, beside the cause.
    let finding = |control: &str| (format!("ec2-defaults.{control}"), "shop".to_owned());
    let each = ["applied", "default-vpc", "ebs-encryption"];
    let mut both = [each.map(finding), each.map(finding)].concat();
    both.sort();
    assert_eq!(told, both);

    // The whole stack is deleted: CloudFormation tells at once, and after three days its absence shows. What could run is
    // gone, so nothing promises to run it.
    let mut gone = world.clone();
    let words = ["orgstrap-ec2-defaults", "shop", "us-east-1"].map(str::to_owned);
    let poke = poke::Poke::named("delete-stack").expect("a poke");
    poke.run(&mut gone, &words).expect("deleted");
    let (deep, mut gone) = inside::drift_deep(&subject, gone);
    let person = |fix: &Fix| match fix {
        Fix::Person { hint } => hint.contains("aws cloudformation delete-stack-instances"),
        Fix::Change { .. } | Fix::Nothing => false,
    };
    let told: Vec<&str> = deep.findings.iter().map(|it| it.control.as_str()).collect();
    assert_eq!(told, ["ec2-defaults.document", "stacks.drift"]);
    for finding in &deep.findings {
        let what = (finding.kind, finding.severity, person(&finding.fix));
        assert_eq!(what, (Kind::Drift, Severity::High, true), "{finding:?}");
    }
    let next = gone.now.plus_secs(5 * 86_400);
    gone.advance(next);
    let (mut told, found, _) = findings(gone);
    told.sort();
    let all = ["applied", "default-vpc", "document", "ebs-encryption"];
    assert_eq!(told, all.map(finding));
    for finding in &found.findings {
        let own = finding.control == "ec2-defaults.default-vpc" || person(&finding.fix);
        assert!(own, "{finding:?}");
        assert!(!matches!(finding.fix, Fix::Change { .. }), "{finding:?}");
    }

    // Somebody deletes the association: after three days it shows.
    let mut forgotten = world;
    region_of(&mut forgotten, "shop", "us-east-1")
        .automation
        .associations
        .clear();
    let next = forgotten.now.plus_secs(5 * 86_400);
    forgotten.advance(next);
    let (mut told, _, _) = findings(forgotten);
    told.sort();
    assert_eq!(told, each.map(finding));
}

/// What was saved of a prepared organization is, in a rehearsal's copy, prepared too.
#[test]
fn a_copy_of_a_prepared_organization_needs_no_preparing() {
    let folder = tempfile::tempdir().expect("a folder");
    let subject = subject();
    let world = applied(&subject, inside::empty_world(&subject));
    world
        .save(&folder.path().join("world.json"))
        .expect("saved");
    // The example without its baselines.
    let text = std::fs::read_to_string(root().join("examples/prepared.toml")).expect("reads");
    let (plan, _) = text
        .split_once("[baseline.cloudtrail]")
        .expect("baselines come last");
    std::fs::write(folder.path().join("org.toml"), plan).expect("written");
    let run = |arguments: &[&str]| {
        let output = orgstrap()
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("starts");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {message}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let world = ["--sandbox", "--world", "world.json"];
    run(&[
        &["-q", "inventory", "org.toml", "--out", "saved.json"][..],
        &world,
    ]
    .concat());
    let rehearsed = run(&[
        "-q",
        "rehearse",
        "org.toml",
        "--from",
        "saved.json",
        "--output",
        "json",
    ]);
    let document: serde_json::Value = serde_json::from_str(&rehearsed).expect("JSON");
    assert_eq!(document["changes"], json!([]), "{rehearsed}");
}

/// An account that joins gets role, document and first run in any order of Regions: nothing is left to find.
#[test]
fn an_account_that_joins_is_prepared_at_once() {
    let subject = with_ec2_defaults();
    let world = applied(&subject, inside::empty_world(&subject));
    let mut plan = subject.plan.clone();
    let mut late = plan.accounts[&"shop".parse().expect("a key")].clone();
    late.name = "late".to_owned();
    late.email = "aws+late@example.com".parse().expect("an email");
    late.preparation.alias = Some("acme-late".to_owned());
    plan.accounts.insert("late".parse().expect("a key"), late);
    let subject = LoadedPlan::of(plan);
    let world = applied(&subject, world);
    let (found, _) = inside::drift(&subject, world);
    assert_eq!(found.findings, vec![]);
}
