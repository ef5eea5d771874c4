//! Recordings: what orgstrap asks of AWS and what AWS says, without what tells whose it is; and the sandbox against them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use orgstrap::sandbox::World as Simulated;
use orgstrap::sandbox::replay::{Replay, replay};
use serde_json::Value;

use crate::support::live::{Live, Ran};
use crate::support::orgstrap;
use crate::support::worlds::World;

/// The addresses of the accounts, and the word that begins it.
const BEGIN: [&str; 4] = [
    "jane.doe+a@corp.example.org",
    "jane.doe+b@corp.example.org",
    "jane.doe+c@corp.example.org",
    "make 123456789012",
];

/// What the run of a person asks of a served sandbox, from an empty management account to what is taken down again.
struct Recorded {
    recording: String,
    report: String,
    ran: Vec<Ran>,
    /// The account in which things are broken.
    member: String,
    /// Afterwards.
    world: Simulated,
}

/// `None` where there is no Python.
fn recorded(folder: &Path) -> Option<Recorded> {
    let file = folder.join("world.json");
    let simulated = Simulated::empty("123456789012", 7);
    simulated.save(&file).expect("saved");
    let served = World::sandbox(&file);
    let live = Live::new(&served, folder, "org.toml")?;

    // Nobody answers the question whether to break something: what is done so far is kept.
    let (code, message) = live.run("begin", &BEGIN);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.ends_with("`live.py down`.\n"), "{message}");
    let member = live.account("live-member");
    for (action, word, last) in [
        ("resume", format!("break {member}"), "`live.py down`."),
        ("down", "down 123456789012".to_owned(), "Taken down."),
    ] {
        let (code, message) = live.run(action, &[&word]);
        assert_eq!(code, Some(0), "{message}");
        assert!(message.contains(last), "{message}");
    }
    assert_eq!(live.state()["unexpected"], Value::Null);
    let found = Recorded {
        recording: live.file("aws.jsonl"),
        report: live.file("report.md"),
        ran: live.ran(),
        member,
        world: {
            served.end();
            Simulated::load(&file).expect("a world")
        },
    };
    Some(found)
}

/// The lines of a recording with their numbers from 0, as JSON; the first says what it is.
fn lines(recording: &str) -> Vec<Value> {
    let lines = recording.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// What a line asks: the service, and the operation where its name goes along.
fn operation(line: &Value) -> String {
    let service = line["service"].as_str().unwrap_or_default();
    let target = line["target"]
        .as_str()
        .and_then(|target| target.split('.').nth(1));
    let body = line["body"].as_str().unwrap_or_default();
    let action = body
        .split('&')
        .find_map(|part| part.strip_prefix("Action="));
    format!("{service}:{}", target.or(action).unwrap_or_default())
}

fn replayed(recording: &str) -> Replay {
    replay(recording, Simulated::empty("111111111111", 3)).expect("a recording")
}

/// A live run, whole: what is in its recording, what it touched, what is left, and that the sandbox answers as recorded.
#[test]
fn a_live_run_says_nothing_of_whose_it_is_and_replays_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(live) = recorded(folder.path()) else {
        return;
    };
    says_nothing_of_whose_it_is(&live);
    breaks_only_the_member(&live);
    takes_down_what_it_made(&live.world);
    replays_as_it_was(&live.recording);

    let report = &live.report;
    for told in [
        "| 02-apply | 0 |",
        "| 05-found | 2 |",
        "## Not as expected\n\nNothing.",
        "| account live-member | ",
        "| both | AWS is creating the account |",
        "| organizations:DescribeCreateAccountStatus | ",
    ] {
        assert!(report.contains(told), "{told} in {report}");
    }
}

/// Nothing of the originals: accounts, organization, OUs, keys, detectors, addresses, users, credentials.
fn says_nothing_of_whose_it_is(live: &Recorded) {
    let world = &live.world;
    let organization = world.organization.as_ref().expect("made");
    let mut originals = vec![
        "jane.doe".to_owned(),
        "corp.example.org".to_owned(),
        "user/admin".to_owned(),
        organization.id.clone(),
        organization.root.clone(),
    ];
    originals.extend(world.accounts.keys().cloned());
    originals.extend(organization.ous.keys().cloned());
    for (key, credential) in &world.credentials {
        originals.push(key.clone());
        originals.extend(credential.token.clone());
    }
    for account in world.accounts.values() {
        for region in account.regions.values() {
            originals.extend(region.guardduty.detector.iter().map(|one| one.id.clone()));
            originals.extend(region.kms.keys.keys().cloned());
        }
    }
    assert!(originals.len() > 20, "{originals:?}");
    for original in &originals {
        for given_away in [&live.recording, &live.report] {
            assert!(!given_away.contains(original.as_str()), "{original}");
        }
    }
    for secret in ["SecretAccessKey>s", "Signature="] {
        assert!(!live.recording.contains(secret), "{secret}");
    }
}

/// The call log of what was broken and fixed: the recorder and the tag of one account, and never what the trail needs.
fn breaks_only_the_member(live: &Recorded) {
    let steps: Vec<(&str, i64)> = live
        .ran
        .iter()
        .map(|ran| (ran.step.as_str(), ran.exit))
        .collect();
    assert_eq!(
        steps,
        [
            ("rehearse", 0),
            ("apply", 0),
            ("plan", 0),
            ("drift", 0),
            ("break", 0),
            ("found", 2),
            ("fix", 0),
            ("clean", 0),
            ("down", 0)
        ]
    );
    let all = lines(&live.recording);
    let of = |step: &str| {
        let ran = live.ran.iter().find(|ran| ran.step == step);
        all.get(ran.expect("it ran").lines.clone())
            .expect("recorded")
    };
    let broken: Vec<String> = of("break").iter().map(operation).collect();
    assert_eq!(
        broken,
        [
            "sts:AssumeRole",
            "config:DescribeConfigurationRecorders",
            "config:StopConfigurationRecorder",
            "organizations:TagResource"
        ]
    );
    // One account is assumed and tagged, and the recorder is stopped in its session.
    let [assumed, asked, stopped, tagged] = of("break") else {
        panic!("four calls");
    };
    let member = tagged["body"]
        .as_str()
        .and_then(|body| body.split('"').nth(3));
    let member = member.expect("an account");
    let role = assumed["body"].as_str().expect("a form");
    assert!(role.contains(&format!("%3A{member}%3Arole")), "{role}");
    assert_eq!(assumed["gives_session"], asked["session"]);
    assert_eq!(assumed["gives_session"], stopped["session"]);
    assert_eq!(stopped["region"], "eu-west-1");
    // It is the account that was shown.
    assert!(
        live.world
            .accounts
            .get(&live.member)
            .is_some_and(|account| account.name == "live-member")
    );

    for (step, expected) in [
        (
            "break",
            &[
                "config:StopConfigurationRecorder",
                "organizations:TagResource",
            ][..],
        ),
        ("found", &[]),
        (
            "fix",
            &[
                "config:StartConfigurationRecorder",
                "organizations:TagResource",
                "ssm:DeleteParameter",
                "ssm:PutParameter",
            ],
        ),
        ("clean", &[]),
    ] {
        let changes: BTreeSet<String> = of(step)
            .iter()
            .filter(|line| !reads(line))
            .map(operation)
            .collect();
        assert_eq!(
            changes.iter().map(String::as_str).collect::<Vec<_>>(),
            expected,
            "{step}"
        );
    }
}

/// Whether a call only reads, by its verb.
fn reads(line: &Value) -> bool {
    let asked = operation(line);
    let name = asked.split(':').nth(1).unwrap_or_default();
    let path = line["path"].as_str().unwrap_or_default();
    line["method"] == "GET"
        || ["Describe", "List", "Get", "AssumeRole"]
            .iter()
            .any(|verb| name.starts_with(verb))
        || (name.is_empty() && path.ends_with("/get"))
}

/// What it made is gone, the organization is not.
fn takes_down_what_it_made(world: &Simulated) {
    let organization = world.organization.as_ref().expect("kept");
    for (id, member) in &organization.members {
        let expected = match id == "123456789012" {
            true => "ACTIVE",
            false => "CLOSED",
        };
        assert_eq!(member.state, expected, "{id}");
    }
    assert_eq!(organization.members.len(), 4);
    assert!(
        organization
            .delegated
            .values()
            .all(|services| services.is_empty())
    );
    let management = world.accounts.get("123456789012").expect("there");
    for region in management.regions.values() {
        let sets = region.cloudformation.stack_sets.values();
        assert!(sets.into_iter().all(|set| set.deleted));
        let left = region.cloudformation.stacks.values();
        let left: Vec<_> = left
            .filter(|stack| stack.status != "DELETE_COMPLETE")
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(region.guardduty.detector.is_none());
        assert!(region.cloudtrail.trails.is_empty());
    }
}

/// And with three answers altered by hand it is told in exactly these three.
fn replays_as_it_was(recording: &str) {
    let found = replayed(recording);
    assert!(found.calls > 200, "{found:?}");
    assert_eq!(found.differences, vec![]);
    assert_eq!(found.lost, 0);

    // Three answers that say something else are told, and nothing but these.
    let altered = [
        alter(recording, "ListRoots", "Root", "Rooot"),
        alter(recording, "DescribeStackSet", "ACTIVE", "DELETED"),
        alter(
            recording,
            "ListDelegatedAdministrators",
            "JoinedMethod",
            "JoinedManner",
        ),
    ];
    let mut lines: Vec<&str> = recording.lines().collect();
    for (at, line) in &altered {
        lines[*at] = line;
    }
    let found = replayed(&lines.join("\n"));
    let mut told: Vec<usize> = found.differences.iter().map(|one| one.line - 1).collect();
    told.dedup();
    let mut expected: Vec<usize> = altered.iter().map(|(at, _)| *at).collect();
    expected.sort_unstable();
    assert_eq!(told, expected, "{:?}", found.differences);
}

/// The last line whose request names `operation` and whose answer has `from`, with `to` in the answer; and its number from 0.
fn alter(recording: &str, operation: &str, from: &str, to: &str) -> (usize, String) {
    let lines: Vec<&str> = recording.lines().collect();
    let found = lines.iter().enumerate().rev().find_map(|(at, line)| {
        let mut call: Value = serde_json::from_str(line).expect("JSON");
        let asked = format!("{}{}{}", call["target"], call["query"], call["body"]);
        let answer = call["told"]["answer"].as_str()?.to_owned();
        let named = asked.contains(&format!(".{operation}\""))
            || asked.contains(&format!("Action={operation}&"));
        (named && answer.contains(from)).then(|| {
            let altered = answer.replace(from, to);
            call["told"]["answer"] = altered.into();
            (at, call.to_string())
        })
    });
    found.unwrap_or_else(|| panic!("no {operation} with {from}"))
}

/// The verb: text, JSON and exit codes.
#[test]
fn what_is_no_recording_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("x.jsonl"), "{}\n").expect("writes");
    let mut command = orgstrap();
    command.current_dir(folder.path());
    let done = command
        .args(["sandbox", "replay", "x.jsonl"])
        .output()
        .expect("runs");
    let message = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{message}");
    assert!(message.contains("x.jsonl is no recording"), "{message}");
}
