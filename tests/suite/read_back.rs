//! AWS's lists show later what was changed: the commands that come straight after an apply find nothing to do, and where
//! AWS does not show it in minutes, that is said.

use orgstrap::ops::exit::Exit;
use orgstrap::sandbox::World;
use orgstrap::sandbox::lags::{Lag, Mode};
use serde_json::json;

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
policies = ["no-users"]
[ou.Lab]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.shop]
ou = "Work"
tags = { team = "shop" }
[account.blog]
ou = "Work"
[policy.no-users]
type = "service_control_policy"
content = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}'
[baseline.config]
"#;

/// Changes of every kind whose list may lag, in one plan each.
const EDITS: [(&str, &str); 6] = [
    ("tags = { team = \"shop\" }", "tags = { team = \"sales\" }"),
    ("[ou.Work]\n", "[ou.Work]\ntags = { cost = \"work\" }\n"),
    ("[ou.Lab]\n", "[ou.Lab]\npolicies = [\"no-users\"]\n"),
    (
        "[account.blog]\nou = \"Work\"",
        "[account.blog]\nou = \"Lab\"",
    ),
    (
        "[account.blog]\n",
        "[account.wiki]\nou = \"Work\"\n[account.blog]\n",
    ),
    (
        "[ou.Lab]\n",
        "[ou.Lab]\n[ou.New]\ntags = { cost = \"new\" }\n",
    ),
];

fn edited(edits: &[(&str, &str)]) -> LoadedPlan {
    let text = edits.iter().fold(PLAN.to_owned(), |text, (before, after)| {
        assert!(text.contains(before), "{before}");
        text.replace(before, after)
    });
    LoadedPlan::of_text(text)
}

/// An organization as the first plan has it, made long ago.
fn made() -> World {
    let mut world = inside::applied(&edited(&[]), 86_400);
    world.lags.settle();
    world
}

#[test]
fn what_comes_straight_after_an_apply_finds_everything_although_lists_lag() {
    let mut before = made();
    before.lags.mode = Mode::Worst;
    // Each by itself, so that nothing else takes the time in which its list catches up; and all together.
    let alone = EDITS.iter().map(|edit| vec![*edit]);
    let together = vec![EDITS[0], EDITS[2], EDITS[3], EDITS[4]];
    let mut waited = 0;
    for edits in alone.chain([together]) {
        let subject = edited(&edits);
        let run = inside::apply(&subject, before.clone(), Default::default());
        assert_eq!(run.exit, Exit::Done, "{edits:?}\n{}", run.text);
        assert!(run.changed(), "{edits:?}");
        waited += usize::from(run.text.contains("waiting after") && run.text.contains(" to show "));
        let (planned, world) = inside::plan(&subject, run.world);
        assert_eq!(planned.exit, Exit::Done, "{edits:?}\n{}", planned.text);
        let (drifted, _) = inside::look_for_drift(&subject, world);
        assert_eq!(
            drifted.exit,
            Exit::Done,
            "{edits:?}\n{:?}",
            drifted.findings
        );
    }
    // Tags and attachments are waited for, and said to be.
    assert!(waited >= 3, "{waited}");
}

/// Where nothing lags it costs one read of each list.
#[test]
fn an_apply_reads_each_list_once_more_where_nothing_lags() {
    let mut before = made();
    before.lags.mode = Mode::None;
    let subject = edited(&[EDITS[2]]);
    let (planned, before) = inside::plan(&subject, before);
    assert_eq!(planned.changes.len(), 1);
    let run = inside::apply(&subject, before, Default::default());
    assert_eq!(run.exit, Exit::Done, "{}", run.text);
    assert!(!run.text.contains(" to show "), "{}", run.text);
}

/// A list that does not catch up in minutes: the changes are made, and that AWS does not show them is in the last line
/// and in the exit code.
#[test]
fn what_aws_does_not_show_in_minutes_is_the_last_line_and_the_exit_code() {
    let before = made();
    let organization = before.organization.as_ref().expect("made");
    let policy = organization
        .policies
        .iter()
        .find(|(_, policy)| policy.name == "no-users")
        .map(|(id, policy)| (id.clone(), json!(policy.targets)));
    let (policy, targets) = policy.expect("there");
    let mut world = serde_json::to_value(&before).expect("a world");
    let row = Lag::PolicyTargets.row().name;
    world["lags"]["late"] = json!({
        format!("{row} {policy}"): {
            "since": before.now,
            "until": before.now.plus_secs(3_600),
            "old": targets,
        },
    });
    let before: World = serde_json::from_value(world).expect("a world");
    let subject = edited(&[EDITS[2]]);
    let run = inside::apply(&subject, before, Default::default());
    assert_eq!(run.exit, Exit::Differs, "{}", run.text);
    let summary = run.ended.expect("made");
    assert!(summary.is_success(), "{summary:?}");
    assert!(
        run.text.contains("1 of them AWS does not show yet"),
        "{}",
        run.text
    );
    assert!(
        run.text
            .contains("organizations:ListTargetsForPolicy, not there after 5 min"),
        "{}",
        run.text
    );
    // An hour later it is there.
    let mut world = run.world;
    world.lags.settle();
    let (planned, _) = inside::plan(&subject, world);
    assert_eq!(planned.exit, Exit::Done, "{}", planned.text);
}
