//! `tests/live`, which a person runs on live AWS: its refusals, and its ways after it was cut off, on moto as the stand-in for AWS.
//! The whole run on the sandbox is in `recorded`.
//!
//! What moto cannot stand in for: the baselines (no service-managed stack sets, no GuardDuty administrator whose members follow,
//! no organization trail through CloudFormation), so the plan is the one without them; policies that refuse; anything that takes
//! time but the creation of accounts.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::live::Live;
use crate::support::worlds::World;
use crate::support::{clean, python, root};

/// The refusals, and what is taken down, in Python's own tests on moto inside their process.
#[test]
fn the_script_holds_what_it_promises() {
    let Some(python) = python() else {
        return;
    };
    let mut command = clean(Command::new(python));
    command
        .args(["-B", "-m", "unittest", "-q", "test_live"])
        .current_dir(root().join("tests/live"));
    let done = command.output().expect("Python starts");
    let message = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{message}");
    assert!(message.contains("\nOK"), "{message}");
}

/// Killed in the middle of `apply`, gone on with, taken down; and nothing of it touches an account that somebody else made.
#[test]
fn a_run_that_was_killed_goes_on_and_takes_down_only_its_own() {
    let Some(world) = World::moto() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let live = Live::new(&world, folder.path(), "organization-only.toml").expect("Python is there");
    let begin = [
        "a@corp.example.org",
        "b@corp.example.org",
        "make 123456789012",
    ];
    let running = live.start("begin", &begin);
    // The second account is asked for: the first is there, and the lock is held.
    let deadline = Instant::now() + Duration::from_secs(60);
    while live.file("aws.jsonl").matches(".CreateAccount\"").count() < 2 {
        assert!(
            Instant::now() < deadline,
            "no account was asked for: {}",
            live.file("02-apply.log")
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let group = format!("-{}", running.id());
    let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    running.wait_with_output().expect("ends");
    assert_eq!(live.state()["running"], "apply");

    // The lock is taken away after a word of the person, and no account is made twice.
    let (code, message) = live.run("resume", &["unlock"]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("left its lock. It is over?"), "{message}");
    let member = live.account("live-member");
    assert!(
        message.contains(&format!("Type `break {member}` to go on:")),
        "{message}"
    );
    let (code, message) = live.run("resume", &[&format!("break {member}")]);
    assert_eq!(code, Some(0), "{message}");
    let report = live.file("report.md");
    assert!(
        report.contains("A command was cut off: calls may be missing"),
        "{report}"
    );
    assert!(!live.file("aws.jsonl").contains(&member));

    // Somebody makes an account by hand; another makes one with an address of the run's before it: neither is the run's.
    let action = |arguments: &[&str]| {
        let mut command = world.client(Command::new(python().expect("it is there")));
        command
            .arg("-B")
            .arg(root().join("tests/python/by_hand.py"))
            .args(arguments);
        let done = command.output().expect("Python starts");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    };
    action(&["create-account", "others", "others@example.org"]);
    let (code, message) = live.run("down", &["down 999999999999"]);
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("nothing was done"), "{message}");
    let (code, message) = live.run("down", &["down 123456789012"]);
    assert_eq!(code, Some(0), "{message}");
    let mut command = world.client(Command::new(python().expect("it is there")));
    command.args(["-c", STATES]);
    let states = String::from_utf8(command.output().expect("Python starts").stdout).expect("text");
    let states: Vec<&str> = states.lines().collect();
    assert_eq!(
        states,
        [
            "live-logs SUSPENDED",
            "live-member SUSPENDED",
            "master ACTIVE",
            "others ACTIVE"
        ]
    );

    // The organization is kept, so a second run is refused before anything is asked.
    let second = tempfile::tempdir().expect("a folder");
    let second =
        Live::new(&world, second.path(), "organization-only.toml").expect("Python is there");
    let (code, message) = second.run("begin", &begin);
    assert_eq!(code, Some(1), "{message}");
    assert!(
        message.contains("Refused: account 123456789012 manages organization o-"),
        "{message}"
    );
    assert!(!fs::exists(&second.folder).expect("looks"));
}

/// The accounts of the organization and their states.
const STATES: &str = "\
import boto3
accounts = boto3.client('organizations', region_name='us-east-1').list_accounts()['Accounts']
for name, state in sorted((a['Name'], a.get('State') or a['Status']) for a in accounts):
    print(name, state)
";
