//! Recordings: what orgstrap asks of AWS and what AWS says, without what tells whose it is; and the sandbox against them.

use std::fs;
use std::path::Path;

use orgstrap::sandbox::World as Simulated;
use orgstrap::sandbox::replay::{Replay, replay};
use serde_json::Value;

use crate::support::orgstrap;
use crate::support::worlds::World;

const PLAN: &str = r#"
[organization]
management_account = "123456789012"
home_region = "eu-west-1"
regions = ["eu-west-1", "us-east-1"]
logging = "log-archive"
secops = "security"
email = "jane.doe+{account}@corp.example.org"
policies = ["deny-leaving"]

[ou.Security]
[ou.Sandbox]

[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.play]
ou = "Sandbox"

[policy.deny-leaving]
type = "service_control_policy"
content = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}}'

[baseline.cloudtrail]
[baseline.config]
[baseline.guardduty]
"#;

/// Runs verbs one after another in a served sandbox, all recorded into one file; the recording, and the world afterwards.
fn recorded(folder: &Path) -> (String, Simulated) {
    fs::write(folder.join("org.toml"), PLAN).expect("writes");
    let world = folder.join("world.json");
    let simulated = Simulated::empty("123456789012", 7);
    simulated.save(&world).expect("saved");
    let served = World::sandbox(&world);
    for (verb, exit) in [
        (
            &["apply", "org.toml", "--create-organization", "--yes"][..],
            0,
        ),
        (&["plan", "org.toml"], 0),
        (&["drift", "org.toml"], 0),
    ] {
        let mut command = served.client(orgstrap());
        command
            .current_dir(folder)
            .args(verb)
            .args(["--record", "aws.jsonl", "--pace", "off"]);
        let done = command.output().expect("runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(exit), "{verb:?}: {said}");
    }
    served.end();
    let recording = fs::read_to_string(folder.join("aws.jsonl")).expect("a recording");
    (recording, Simulated::load(&world).expect("a world"))
}

fn replayed(recording: &str) -> Replay {
    replay(recording, Simulated::empty("111111111111", 3)).expect("a recording")
}

#[test]
fn a_recording_says_nothing_of_whose_it_is_and_replays_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recording, world) = recorded(folder.path());

    // Nothing of the originals: accounts, organization, OUs, keys, detectors, addresses, users, credentials.
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
        assert!(!recording.contains(original.as_str()), "{original}");
    }
    for secret in ["SecretAccessKey>s", "Signature="] {
        assert!(!recording.contains(secret), "{secret}");
    }

    let found = replayed(&recording);
    assert!(found.calls > 200, "{found:?}");
    assert_eq!(found.differences, vec![]);
    assert_eq!(found.lost, 0);

    // Three answers that say something else are told, and nothing but these.
    let altered = [
        alter(&recording, "ListRoots", "Root", "Rooot"),
        alter(&recording, "DescribeStackSet", "ACTIVE", "DELETED"),
        alter(
            &recording,
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
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("x.jsonl is no recording"), "{said}");
}
