//! What hides nothing: edits that are not made yet, accounts that are gone or shut, filters that name nothing.

use orgstrap::drift::{Filter, Finding, Findings, Fix, Kind, Severity};
use orgstrap::ops::exit::Exit;
use orgstrap::sandbox::{Connection, World};

use crate::drift_law::{PLAN, broken, clean, later, unedited};
use crate::support::inside::{self, Subject};

fn edited(from: &str, to: &str) -> Subject {
    assert!(PLAN.contains(from));
    Subject::of_text(PLAN.replacen(from, to, 1))
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
        let said = found.expect_err("it names nothing");
        assert!(said.contains(meant), "{said}");
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
