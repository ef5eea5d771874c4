//! What accounts are given inside: made, found when it differs, put back, and safe to repeat at every call.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use orgstrap::plan::{self, OrgPlan};
use orgstrap::sandbox::{Connection, Fault, FaultAt, FaultPlan, Met, World};
use serde_json::json;

use crate::support::inside::{self, Subject};
use crate::support::likeness::{differences, likeness};
use crate::support::root;

const MANAGEMENT: &str = "111111111111";

/// The example without its baselines: everything else is tested elsewhere.
fn subject() -> Subject {
    let mut plan = plan::read(&root().join("examples/prepared.toml"))
        .expect("sound")
        .plan;
    plan.baselines.clear();
    Subject::of(plan)
}

fn applied(subject: &Subject, world: World) -> World {
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
    let subject = subject();
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
        // The first of each operation, and each kind of fault.
        if !met.insert(&at.operation) {
            continue;
        }
        for fault in Fault::all().filter(|fault| fault.is_outside() || *fault == Fault::Kill) {
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
    assert!(met.len() >= 6 && cases >= 20, "{met:?} {cases}");
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
