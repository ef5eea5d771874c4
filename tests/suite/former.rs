//! Edits of `[organization]` on a live organization: what was made does not follow, so nothing is changed until a person
//! decides, and each is said with what it was before.

use orgstrap::diff::removal::Fortune;
use orgstrap::diff::{Diff, DiffOptions, ProblemKind, diff};
use orgstrap::drift::Fix;
use orgstrap::ops::exit::Exit;
use orgstrap::sandbox::poke::Poke;
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
policies = ["protect-baseline"]
[ou.Security]
[ou.Work]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.shop]
ou = "Work"
[policy.protect-baseline]
type = "service_control_policy"
builtin = "protect-baseline"
[baseline.cloudtrail]
[baseline.config]
[baseline.guardduty]
"#;

/// The plan after these replacements, each of which finds its text.
fn edited(edits: &[(&str, &str)]) -> LoadedPlan {
    let mut text = PLAN.to_owned();
    for (before, after) in edits {
        assert!(text.contains(before), "{before}");
        text = text.replace(before, after);
    }
    LoadedPlan::of_text(text)
}

fn made() -> World {
    inside::applied(&edited(&[]), 0)
}

fn compared(subject: &LoadedPlan, world: World) -> (Diff, World) {
    let (world, inventory) = inside::look(subject, world);
    let found = diff(
        &subject.plan,
        &subject.desired,
        &inventory,
        &DiffOptions::default(),
    );
    (found, world)
}

/// Texts of the plan with what takes their place, and what the refusal says to write again.
type Case = (Vec<(&'static str, &'static str)>, Vec<&'static str>);

#[test]
fn an_edit_that_nothing_follows_is_refused_with_what_it_was_before() {
    const PREFIX: (&str, &str) = ("secops =", "prefix = \"acme\"\nsecops =");
    const SHORTER: (&str, &str) = ("secops =", "prefix = \"org\"\nsecops =");
    const HOME: (&str, &str) = ("home_region = \"eu-west-1\"", "home_region = \"us-east-1\"");
    const FAR: (&str, &str) = ("eu-west-1", "ca-central-1");
    const LOGGING: (&str, &str) = ("logging = \"log-archive\"", "logging = \"shop\"");
    const SECOPS: (&str, &str) = ("secops = \"security\"", "secops = \"shop\"");
    const LOGGING_NEW: (&str, &str) = ("logging = \"log-archive\"", "logging = \"fresh\"");
    const FRESH: (&str, &str) = (
        "[account.shop]",
        "[account.fresh]\nou = \"Security\"\n[account.shop]",
    );
    const ROLE: (&str, &str) = ("secops =", "access_role = \"Admin\"\nsecops =");
    const EMAIL: (&str, &str) = ("aws+{account}", "cloud+{account}");
    const NO_CONFIG: (&str, &str) = ("[baseline.config]\n", "");
    let old_prefix = "`prefix = \"orgstrap\"`";
    let old_home = "`home_region = \"eu-west-1\"`";
    let old_logging = "`logging = \"log-archive\"`";
    let old_secops = "`secops = \"security\"`";
    let old_role = "`access_role = \"OrganizationAccountAccessRole\"`";
    let old_email = "`email = \"aws+{account}@example.com\"`";
    let cases: Vec<Case> = vec![
        (vec![PREFIX], vec![old_prefix]),
        // What begins like it is not under it.
        (vec![SHORTER], vec![old_prefix]),
        (vec![HOME], vec![old_home]),
        (vec![FAR], vec![old_home]),
        (vec![LOGGING], vec![old_logging]),
        (vec![FRESH, LOGGING_NEW], vec![old_logging]),
        (vec![SECOPS], vec![old_secops]),
        (
            vec![
                ("logging = \"log-archive\"", "logging = \"x\""),
                ("secops = \"security\"", "secops = \"log-archive\""),
                ("logging = \"x\"", "logging = \"security\""),
            ],
            vec![old_logging, old_secops],
        ),
        (vec![ROLE], vec![old_role]),
        (vec![EMAIL], vec![old_email]),
        (vec![HOME, PREFIX], vec![old_home, old_prefix]),
        (vec![PREFIX, LOGGING], vec![old_logging, old_prefix]),
        (vec![PREFIX, NO_CONFIG], vec![old_prefix]),
        (vec![HOME, EMAIL, ROLE], vec![old_home, old_email, old_role]),
        (
            vec![LOGGING, ("[baseline.cloudtrail]\n[baseline.config]\n", "")],
            vec![old_logging],
        ),
    ];
    let mut world = made();
    for (edits, expected) in cases {
        let subject = edited(&edits);
        let (found, after) = compared(&subject, world);
        let problems: Vec<_> = found
            .problems
            .iter()
            .filter(|problem| problem.kind == ProblemKind::Edited)
            .collect();
        let hints: String = problems.iter().filter_map(|p| p.hint.clone()).collect();
        for old in expected {
            assert!(hints.contains(old), "{edits:?}: {old} not in {problems:#?}");
        }
        assert!(found.changes.is_empty(), "{edits:?}");
        // Drift tells the same, judges what is there by what it was before, and offers to put nothing back. What else the
        // plan was edited in is told too.
        let (findings, after) = inside::drift(&subject, after);
        assert!(
            findings
                .findings
                .iter()
                .all(|f| f.control == "organization.comparable"
                    || (edits.contains(&FRESH) && f.is_about("fresh"))
                    // Stacks left over, and policies that no longer protect what they made.
                    || (edits.iter().any(|(from, _)| from.contains("[baseline."))
                        && (f.control.starts_with("stacks.") || f.control.starts_with("organization.")))),
            "{edits:?}: {:#?}",
            findings.findings
        );
        assert!(
            findings
                .findings
                .iter()
                .any(|f| f.control == "organization.comparable"),
            "{edits:?}"
        );
        assert!(
            findings
                .findings
                .iter()
                .all(|f| !matches!(f.fix, Fix::Change { .. }))
        );
        let run = inside::apply(&subject, after, Connection::default());
        assert!(run.ended.is_err(), "{edits:?}");
        world = run.world;
    }
    // And back again.
    let (found, _) = compared(&edited(&[]), world);
    assert_eq!((found.changes, found.problems), (vec![], vec![]));
}

#[test]
fn another_management_account_is_another_organization() {
    let subject = edited(&[("111111111111", "222222222222")]);
    let run = inside::apply(&subject, made(), Connection::default());
    let refused = run.ended.expect_err("refused before anything is read");
    assert!(
        refused.contains("the plan is for the organization of 222222222222"),
        "{refused}"
    );
}

/// Handed over by the word that there is for it, the duty moves, and what stays is told from then on.
#[test]
fn a_secops_account_that_hands_over_stays_in_sight() {
    let world = made();
    let security = world
        .accounts
        .iter()
        .find(|(_, account)| account.name == "security")
        .map(|(id, _)| id.clone())
        .expect("there");
    let word = format!("[baseline.guardduty]\nreplace_administrator = \"{security}\"");
    let subject = edited(&[
        ("secops = \"security\"", "secops = \"shop\""),
        ("[baseline.guardduty]", &word),
    ]);
    let (found, world) = compared(&subject, world);
    assert_eq!(found.problems, vec![]);
    let told = |found: &Diff| {
        let notices = found.notices.iter().map(|notice| notice.text.clone());
        let strays = found.unmanaged.iter().map(|stray| stray.name.clone());
        notices.chain(strays).collect::<Vec<_>>().join("\n")
    };
    assert!(told(&found).contains("`secops` was account `security`"));
    assert!(told(&found).contains("stack orgstrap-config-aggregator"));
    let run = inside::apply(&subject, world, Connection::default());
    assert!(run.ended.expect("applied").is_success());
    let (found, world) = compared(&subject, run.world);
    assert_eq!(found.changes, vec![]);
    assert!(told(&found).contains("orgstrap-config-aggregator in"));
    // It is left over by name, and can be taken away.
    let left: Vec<&str> = found.left.iter().map(|left| left.name.as_str()).collect();
    assert_eq!(
        left,
        [
            "config-aggregator/security/eu-west-1",
            "delegated-administrator/config-multiaccountsetup.amazonaws.com/security",
            "delegated-administrator/config.amazonaws.com/security",
        ]
    );
    let organization = world.organization.as_ref().expect("there");
    assert!(organization.delegates(&security, "config.amazonaws.com"));
    let world = inside::taken(&subject, world, Fortune::Delete);
    let organization = world.organization.as_ref().expect("there");
    assert_eq!(
        organization
            .delegated
            .get(&security)
            .map_or(0, |all| all.len()),
        0
    );
    let (planned, _) = inside::plan(&subject, world);
    assert_eq!(planned.exit, Exit::Done, "{}", planned.text);
    assert!(
        !planned.text.contains("config-aggregator"),
        "{}",
        planned.text
    );
}

/// Nobody can do anything in an account that is closed: the management account takes the duty from it, by the word that the
/// finding says.
#[test]
fn the_duty_of_a_closed_secops_account_is_handed_over_in_one_apply() {
    for poke in ["close-account", "suspend-account"] {
        let mut world = made();
        let account = ["security".to_owned()];
        let close = Poke::named(poke).expect("there");
        close.run(&mut world, &account).expect("closed");
        let (findings, world) = inside::drift(&edited(&[]), world);
        let mut hints = findings
            .findings
            .iter()
            .filter_map(|finding| match &finding.fix {
                Fix::Person { hint } if finding.control == "organization.duty" => {
                    Some(hint.clone())
                }
                _ => None,
            });
        let hint = hints.next().expect("told");
        let words: Vec<&str> = hint.split('`').collect();
        let word = words
            .iter()
            .find(|word| word.starts_with("replace_administrator"));
        let word = format!(
            "[baseline.guardduty]\n{}",
            word.unwrap_or_else(|| panic!("{hint}"))
        );
        let subject = edited(&[
            ("secops = \"security\"", "secops = \"shop\""),
            ("[baseline.guardduty]", &word),
        ]);
        let run = inside::apply_what_can_be(&subject, world, Connection::default());
        assert!(
            run.ended.expect("applied").failed.is_empty(),
            "{poke}: {}",
            run.text
        );
        let (planned, world) = inside::plan(&subject, run.world);
        assert_eq!(planned.changes, vec![], "{poke}: {}", planned.text);
        let id = |name: &str| {
            let mut all = world.accounts.iter();
            let found = all.find(|(_, account)| account.name == name);
            found.map(|(id, _)| id.clone()).expect("there")
        };
        for region in ["eu-west-1", "us-east-1"] {
            let state = &world
                .region(&id("log-archive"), region)
                .expect("there")
                .guardduty;
            let watched_by = state.detector.as_ref().expect("on").administrator.clone();
            assert_eq!(watched_by, Some(id("shop")), "{poke}, {region}");
        }
        // What it had of delegations is left over; the stack in it nobody reaches.
        inside::taken(&subject, world, Fortune::Delete);
    }
}
