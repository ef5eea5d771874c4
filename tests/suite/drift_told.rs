//! What hides nothing: edits that are not made yet, accounts that are gone or shut, filters that name nothing.

use std::collections::BTreeSet;

use orgstrap::drift::{Filter, Finding, Findings, Fix, Kind, Severity};
use orgstrap::ops::exit::Exit;
use orgstrap::sandbox::{Connection, World};

use crate::drift_law::{PLAN, broken, clean, later, unedited};
use crate::support::inside::{self, LoadedPlan};

fn edited(from: &str, to: &str) -> LoadedPlan {
    assert!(PLAN.contains(from));
    LoadedPlan::of_text(PLAN.replacen(from, to, 1))
}

fn of<'a>(found: &'a Findings, control: &str) -> Vec<&'a Finding> {
    let all = found.findings.iter();
    all.filter(|finding| finding.control == control).collect()
}

/// Whether joiners get the stacks of every stack set.
fn auto_deployment(world: &World) -> bool {
    sets(&mut world.clone(), |on| *on)
}

fn sets(world: &mut World, mut each: impl FnMut(&mut bool) -> bool) -> bool {
    let management = world.management_account.clone();
    let management = world.accounts.get_mut(&management).expect("the account");
    let regions = management.regions.values_mut();
    let mut sets = regions.flat_map(|region| region.cloudformation.stack_sets.values_mut());
    let mut number = 0;
    let all = sets.all(|set| {
        number += 1;
        each(&mut set.auto.enabled)
    });
    assert!(number > 0);
    all
}

#[test]
fn an_edit_that_is_not_made_yet_hides_nothing_of_what_its_stack_made() {
    let mut world = clean();
    broken(&mut world, "stop-trail");
    let subject = edited(
        "[baseline.cloudtrail]",
        "[baseline.cloudtrail]\ninsights = true",
    );
    let (found, world) = inside::look_for_drift(&subject, world);
    assert_eq!(found.exit, Exit::Differs);
    let stopped = of(&found.findings, "cloudtrail.logging");
    assert_eq!(stopped.len(), 1);
    assert_eq!(
        (stopped[0].severity, &stopped[0].cause),
        (Severity::Critical, &None)
    );
    assert_eq!(of(&found.findings, "stacks.stack").len(), 1);
    assert_eq!(
        found.findings.findings.len(),
        2,
        "{:?}",
        found.findings.findings
    );
    let (fixed, _) = inside::fix(&subject, world);
    assert_eq!(fixed.exit, Exit::Done, "{:?}", fixed.findings.findings);
}

#[test]
fn what_an_edit_explains_counts_and_is_told_with_it_in_the_same_account_only() {
    let mut world = clean();
    broken(&mut world, "stop-recorder shop-prod eu-west-1");
    broken(&mut world, "edit-recorder shop-dev us-east-1");
    let edit = "[baseline.config]\nrecording_frequency = \"DAILY\"";
    let subject = edited("[baseline.config]", edit);
    let (found, _) = inside::look_for_drift(&subject, world);
    let recorders = of(&found.findings, "config.recorder");
    // Five accounts and the management account, in two Regions each: all are to record daily.
    assert_eq!(recorders.len(), 12);
    let explained = recorders
        .iter()
        .filter(|finding| finding.cause.is_some())
        .count();
    assert_eq!(
        explained, 11,
        "what was edited by hand is no one else's doing"
    );
    for finding in &recorders {
        assert_eq!(finding.severity, Severity::High);
        assert!(matches!(finding.fix, Fix::Change { .. }));
    }
    let stopped = of(&found.findings, "config.recording");
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].cause, None);
    assert_eq!(stopped[0].place.account.as_deref(), Some("shop-prod"));
    assert!(found.findings.any_at(Severity::High));
}

#[test]
fn a_bucket_of_the_logging_account_hides_no_delivery_that_fails_elsewhere() {
    let mut world = clean();
    broken(
        &mut world,
        "edit-bucket-policy orgstrap-config-LOGS-eu-west-1",
    );
    broken(&mut world, "delete-channel shop-prod us-east-1");
    let (found, _) = inside::drift(&unedited(), later(world, 86_400));
    assert_eq!(of(&found, "config.bucket-policy").len(), 1);
    assert_eq!(of(&found, "config.channel").len(), 1);
    for finding in &found.findings {
        let Some(cause) = &finding.cause else {
            continue;
        };
        let mut all = found.findings.iter();
        let cause = all
            .find(|other| other.control == cause.control && other.subject == cause.subject)
            .expect("a cause is told itself");
        assert_eq!(cause.place.account, finding.place.account);
        assert!(cause.place.region.is_none() || cause.place.region == finding.place.region);
    }
}

#[test]
fn an_account_with_a_duty_that_is_out_of_use_is_the_gravest_finding() {
    for (poke, account) in [
        ("close-account log-archive", "log-archive"),
        ("suspend-account log-archive", "log-archive"),
        ("close-account security", "security"),
        ("suspend-account security", "security"),
    ] {
        let mut world = clean();
        broken(&mut world, poke);
        let subject = unedited();
        let (found, world) = inside::look_for_drift(&subject, world);
        assert_eq!(found.exit, Exit::Differs, "{poke}");
        let first = &found.findings.findings[0];
        assert_eq!(first.control, "organization.duty", "{poke}");
        assert_eq!(first.severity, Severity::Critical);
        assert!(first.is_about(account));
        assert!(matches!(first.fix, Fix::Person { .. }));
        let strange = found.findings.findings.iter();
        let strange: Vec<_> = strange
            .filter(|finding| finding.kind == Kind::Unmanaged)
            .collect();
        assert!(
            strange.is_empty(),
            "{poke}: the stacks in it are the plan's: {strange:?}"
        );
        let run = inside::apply_what_can_be(&subject, world, Connection::default());
        assert!(auto_deployment(&run.world), "{poke}: {}", run.text);
        assert!(
            run.ended.is_ok_and(|summary| summary.failed.is_empty()),
            "{poke}: {}",
            run.text
        );
    }
}

#[test]
fn a_staged_update_that_cannot_go_on_is_not_begun() {
    let mut world = clean();
    broken(&mut world, "delete-role log-archive");
    let daily = "[baseline.config]\nrecording_frequency = \"DAILY\"";
    for subject in [unedited(), edited("[baseline.config]", daily)] {
        let run = inside::apply_what_can_be(&subject, world.clone(), Connection::default());
        assert!(auto_deployment(&run.world), "{}", run.text);
        assert_ne!(run.exit, Exit::Done, "{}", run.text);
    }
}

#[test]
fn auto_deployment_that_is_held_is_told_and_let_go_whatever_else_cannot_be_read() {
    let mut world = clean();
    sets(&mut world, |on| {
        *on = false;
        true
    });
    for shut in [false, true] {
        let mut world = world.clone();
        if shut {
            broken(&mut world, "delete-role log-archive");
        }
        let (found, world) = inside::look_for_drift(&unedited(), world);
        assert_eq!(of(&found.findings, "stacks.auto-deployment").len(), 1);
        assert_eq!(found.exit, Exit::Differs);
        let (fixed, world) = inside::fix(&unedited(), world);
        assert!(auto_deployment(&world), "{:?}", fixed.summary);
        assert!(of(&fixed.findings, "stacks.auto-deployment").is_empty());
    }
}

#[test]
fn a_difference_that_waits_for_another_account_is_told() {
    let mut world = clean();
    broken(
        &mut world,
        "delete-stack-instance orgstrap-config-recorder shop-dev eu-west-1",
    );
    broken(&mut world, "delete-role log-archive");
    let (found, _) = inside::look_for_drift(&unedited(), world);
    let missing = of(&found.findings, "stacks.instances-missing");
    assert_eq!(missing.len(), 1, "{:?}", found.findings.findings);
    assert_eq!(missing[0].severity, Severity::High);
    assert!(missing[0].is_about("shop-dev"));
    assert_eq!(found.exit, Exit::Differs);
}

#[test]
fn a_finding_belongs_to_every_account_that_it_is_about() {
    let mut world = clean();
    broken(&mut world, "remove-member shop-dev eu-west-1");
    broken(&mut world, "stop-recorder shop-prod eu-west-1");
    broken(&mut world, "detach-policy protect-baseline Workloads");
    let subject = unedited();
    let asked = |accounts: &[&str], ous: &[&str]| Filter {
        accounts: accounts.iter().map(|name| (*name).to_owned()).collect(),
        ous: ous
            .iter()
            .map(|path| path.parse().expect("a path"))
            .collect(),
        ..Filter::default()
    };
    let controls = |filter: &Filter, world: &World| {
        let (found, _) = inside::drift_of(&subject, world.clone(), filter, false);
        let found = found.expect("it names what is there");
        let mut controls: Vec<String> = found
            .findings
            .findings
            .iter()
            .map(|finding| finding.control.clone())
            .collect();
        controls.sort();
        controls.join(" ")
    };
    let all = "config.recording guardduty.members organization.attachment";
    let dev = "guardduty.members organization.attachment";
    let prod = "config.recording organization.attachment";
    for (filter, expected) in [
        (asked(&[], &[]), all),
        (asked(&[], &["/"]), all),
        (asked(&["shop-dev"], &[]), dev),
        (asked(&[], &["Workloads/Dev"]), dev),
        (asked(&["shop-prod"], &[]), prod),
        (asked(&[], &["Workloads"]), all),
        (asked(&["play"], &[]), ""),
        (asked(&[], &["Sandbox"]), ""),
    ] {
        assert_eq!(controls(&filter, &world), expected, "{filter:?}");
    }
    let (fixed, _) = inside::drift_of(&subject, world, &asked(&["shop-dev"], &[]), true);
    let fixed = fixed.expect("it names what is there");
    assert_eq!(fixed.exit, Exit::Done, "{:?}", fixed.findings.findings);
}

#[test]
fn a_filter_that_names_nothing_is_a_mistake_with_a_suggestion() {
    let control = |word: &str| Filter {
        controls: vec![word.to_owned()],
        ..Filter::default()
    };
    let account = |word: &str| Filter {
        accounts: vec![word.to_owned()],
        ..Filter::default()
    };
    let ou = |path: &str| Filter {
        ous: vec![path.parse().expect("a path")],
        ..Filter::default()
    };
    for (filter, meant) in [
        (
            control("confg"),
            "there is no control `confg`; did you mean `config`?",
        ),
        (
            control("config.recordin_g"),
            "there is no control `config.recordin_g`; did you mean `config.recording`?",
        ),
        (control(""), "there is no control ``; there is"),
        (control("zzzzzz"), "`organization`"),
        (
            account("shop-prd"),
            "there is no account `shop-prd`; did you mean `shop-prod`?",
        ),
        (
            account("999999999999"),
            "there is no account `999999999999`; ",
        ),
        (
            ou("Workload"),
            "there is no OU `Workload`; did you mean `Workloads`?",
        ),
        (ou("Prod"), "did you mean `Workloads/Prod`?"),
    ] {
        let (found, _) = inside::drift_of(&unedited(), clean(), &filter, false);
        let message = found.expect_err("it names nothing");
        assert!(message.contains(meant), "{message}");
    }
    for filter in [
        control("config"),
        control("config.rec"),
        account("111111111111"),
        ou("Workloads/Dev"),
    ] {
        let (found, _) = inside::drift_of(&unedited(), clean(), &filter, false);
        assert_eq!(found.expect("it names what is there").exit, Exit::Done);
    }
}

/// What is told, each by what it is known by and how bad it is.
fn identities(found: &Findings) -> BTreeSet<(String, Option<String>, String, Severity)> {
    let all = found.findings.iter();
    let own = all.filter(|finding| finding.control != "organization.comparable");
    own.map(|finding| {
        (
            finding.control.clone(),
            finding.place.account.clone(),
            finding.subject.clone(),
            finding.severity,
        )
    })
    .collect()
}

#[test]
fn an_edit_of_the_organization_hides_nothing_that_is_broken() {
    let mut world = clean();
    for poke in [
        "stop-trail",
        "stop-recorder shop-prod eu-west-1",
        "detach-policy protect-baseline Workloads",
        "bucket-versioning-off orgstrap-config-LOGS-eu-west-1",
        "guardduty-auto-enable-none us-east-1",
    ] {
        broken(&mut world, poke);
    }
    let (before, mut world) = inside::drift(&unedited(), world);
    let expected = identities(&before);
    for control in ["cloudtrail.logging", "config.recording", "config.bucket"] {
        assert_eq!(of(&before, control).len(), 1, "{control}");
    }
    for (from, to) in [
        ("secops =", "prefix = \"acme\"\nsecops ="),
        ("secops =", "access_role = \"Admin\"\nsecops ="),
        ("logging = \"log-archive\"", "logging = \"shop-dev\""),
        ("secops = \"security\"", "secops = \"shop-dev\""),
        ("home_region = \"eu-west-1\"", "home_region = \"us-east-1\""),
        ("aws+{account}", "cloud+{account}"),
        (
            "logging = \"log-archive\"\nsecops = \"security\"",
            "prefix = \"acme\"\naccess_role = \"Admin\"\nlogging = \"security\"\nsecops = \"log-archive\"",
        ),
    ] {
        let (found, after) = inside::look_for_drift(&edited(from, to), world);
        let told = &found.findings;
        assert_eq!(identities(told), expected, "{to}");
        assert!(!of(told, "organization.comparable").is_empty(), "{to}");
        assert!(told.any_at(Severity::Critical), "{to}");
        assert_eq!(found.exit, Exit::Differs, "{to}");
        let fixable = told.findings.iter();
        let mut fixable = fixable.filter(|finding| matches!(finding.fix, Fix::Change { .. }));
        assert_eq!(fixable.next(), None, "{to}");
        world = after;
    }
}

/// The account that had the duty is not in the plan any more: where its things are nobody can tell.
#[test]
fn what_an_edit_keeps_from_being_looked_at_is_never_as_if_it_were_healthy() {
    let text = PLAN
        .replace("logging = \"log-archive\"", "logging = \"shop-dev\"")
        .replace("[account.log-archive]\nou = \"Security\"\n", "");
    let mut world = clean();
    broken(&mut world, "stop-trail");
    let (found, _) = inside::drift(&LoadedPlan::of_text(text), world);
    let trail = of(&found, "cloudtrail.logging");
    assert_eq!(trail.len(), 1);
    assert_eq!(
        (trail[0].kind, trail[0].severity),
        (Kind::Unread, Severity::Critical)
    );
    let exit = orgstrap::ops::drift::exit;
    assert_eq!(exit(&found, Severity::Critical), Exit::Failed);
    assert_eq!(exit(&found, Severity::High), Exit::Differs);
}

#[test]
fn an_account_in_dispute_is_told_as_not_looked_at() {
    let mut world = clean();
    broken(&mut world, "tag play orgstrap:key shop-dev");
    broken(&mut world, "stop-recorder shop-dev eu-west-1");
    let (found, _) = inside::drift(&unedited(), world);
    assert!(!of(&found, "organization.comparable").is_empty());
    for account in ["shop-dev", "play"] {
        let mut unread = found.findings.iter();
        assert!(
            unread.any(|finding| finding.kind == Kind::Unread
                && finding.severity == Severity::Critical
                && finding.is_about(account)),
            "{account}: {:?}",
            found.findings
        );
    }
}

#[test]
fn what_a_deleted_stack_kept_is_looked_at() {
    let mut world = clean();
    for poke in [
        "edit-bucket-policy orgstrap-cloudtrail-LOGS-eu-west-1",
        "bucket-public-access-block-off orgstrap-cloudtrail-LOGS-eu-west-1",
        "bucket-versioning-off orgstrap-config-LOGS-eu-west-1",
        "edit-bucket-policy orgstrap-guardduty-LOGS-eu-west-1",
        "delete-stack cloudtrail-logs",
        "delete-stack config-logs",
        "delete-stack guardduty-findings",
    ] {
        broken(&mut world, poke);
    }
    let subject = unedited();
    let (found, world) = inside::drift(&subject, world);
    for (control, severity) in [
        ("cloudtrail.bucket-policy", Severity::Critical),
        ("cloudtrail.bucket", Severity::Critical),
        ("config.bucket", Severity::High),
        ("guardduty.bucket-policy", Severity::High),
    ] {
        let told = of(&found, control);
        assert_eq!(told.len(), 1, "{control}: {:#?}", found.findings);
        assert_eq!(
            (told[0].kind, told[0].severity, &told[0].cause),
            (Kind::Drift, severity, &None),
            "{control}"
        );
        assert!(!told[0].fields.iter().any(|field| field.field == "exists"));
        // The stack that is made anew takes it in.
        assert!(
            matches!(told[0].fix, Fix::Change { .. }),
            "{:?}",
            told[0].fix
        );
    }
    assert_eq!(of(&found, "config.bucket-policy").len(), 0);
    let (fixed, _) = inside::fix(&subject, world);
    assert_eq!(fixed.exit, Exit::Done, "{:#?}", fixed.findings.findings);
}

/// The same where what was kept is as it should be: nothing but the stack.
#[test]
fn what_a_deleted_stack_kept_as_it_was_is_no_finding() {
    let mut world = clean();
    broken(&mut world, "delete-stack cloudtrail-logs");
    let (found, _) = inside::drift(&unedited(), world);
    for control in [
        "cloudtrail.bucket",
        "cloudtrail.bucket-policy",
        "cloudtrail.key",
    ] {
        assert_eq!(
            of(&found, control).len(),
            0,
            "{control}: {:#?}",
            found.findings
        );
        assert_eq!(found.checked.get(control), Some(&1), "{control}");
    }
}

#[test]
fn apply_says_what_is_beside_the_plan() {
    let mut world = clean();
    broken(&mut world, "create-account stray stray@example.com");
    broken(&mut world, "untag shop-dev env");
    let run = inside::apply(&unedited(), world, Connection::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    assert!(
        run.text.contains("Everything in the plan is as it says. Beside the plan, left alone and counted by `orgstrap drift`: account stray ("),
        "{}",
        run.text
    );
    assert!(!run.text.contains("The organization is as the plan says"));
}
