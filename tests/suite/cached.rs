//! The describe cache in front of AWS, through the command line: the binary against a sandbox that another
//! process serves.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::support::{clean, orgstrap, python, root};

/// A served world with the startup example applied; ends with the test.
struct Served {
    folder: tempfile::TempDir,
    server: Child,
    environment: Vec<(String, String)>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // Nothing to do about a server that has ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What a run came to.
struct Run {
    exit: Option<i32>,
    out: String,
    errors: String,
}

impl Run {
    fn calls(&self) -> usize {
        self.errors.matches("DEBUG orgstrap::aws: ").count()
    }
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(
            root().join("examples/startup.toml"),
            folder.path().join("org.toml"),
        )
        .expect("copies");
        let applied = orgstrap()
            .args(["-q", "apply", "--yes", "--sandbox", "--world", "world.json"])
            .current_dir(folder.path())
            .output()
            .expect("starts");
        assert!(applied.status.success(), "{applied:?}");
        let mut server = orgstrap()
            .args(["sandbox", "serve", "--world", "world.json", "--port", "0"])
            .args(["--speed", "100"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let out = server.stdout.take().expect("is piped");
        let environment = BufReader::new(out)
            .lines()
            .take(4)
            .map(|line| {
                let line = line.expect("text");
                let pair = line.trim_start_matches("export ").split_once('=');
                let (name, value) = pair.expect("a variable");
                (name.to_owned(), value.to_owned())
            })
            .collect();
        Self {
            folder,
            server,
            environment,
        }
    }

    fn cache(&self) -> std::path::PathBuf {
        self.folder.path().join("cache")
    }

    fn run_with(&self, cache: &Path, arguments: &[&str]) -> Run {
        let output = orgstrap()
            .args(["-vv", "--pace", "off"])
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(self.environment.iter().cloned())
            .env("XDG_CACHE_HOME", cache)
            .output()
            .expect("starts");
        Run {
            exit: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(&self.cache(), arguments)
    }

    /// Something done in the management account without orgstrap.
    fn by_hand(&self, service: &str, call: &str) {
        let script = format!("import boto3; c = boto3.client('{service}', 'us-east-1'); {call}");
        let output = clean(std::process::Command::new(python().expect("Python")))
            .args(["-c", &script])
            .envs(self.environment.iter().cloned())
            .output()
            .expect("starts");
        assert!(output.status.success(), "{output:?}");
    }

    /// The cache's one file.
    fn file(&self) -> std::path::PathBuf {
        let folder = std::fs::read_dir(self.cache().join("orgstrap")).expect("a folder");
        folder
            .map(|entry| entry.expect("reads").path())
            .find(|path| path.extension().is_some_and(|ending| ending == "json"))
            .expect("a file")
    }
}

const CLEAN: Option<i32> = Some(0);
const FOUND: Option<i32> = Some(2);

#[test]
fn a_check_uses_what_was_read_until_something_changes() {
    if python().is_none() {
        return;
    }
    let served = Served::start();
    let cold = served.run(&["drift", "--max-age", "usual"]);
    assert_eq!(cold.exit, CLEAN, "{}{}", cold.out, cold.errors);
    assert!(cold.calls() > 100 && !cold.out.contains("--refresh"));
    // One reading serves every verb that only looks.
    for verb in [
        &["drift", "--max-age", "usual"][..],
        &["plan", "--max-age", "1h"],
        &["inventory", "--max-age", "1h"],
        &["inventory", "--max-age", "1h", "--out", "saved.json"],
        &["diff", "saved.json", "live", "--max-age", "1h"],
    ] {
        let warm = served.run(verb);
        assert_eq!(
            (warm.exit, warm.calls()),
            (CLEAN, 0),
            "{verb:?} {}",
            warm.errors
        );
        assert!(
            verb[0] == "diff" || warm.out.contains("`--refresh` reads AWS anew"),
            "{}",
            warm.out
        );
    }
    let json = served.run(&["drift", "--max-age", "1h", "--output", "json"]);
    assert!(
        json.out.contains(r#""from_cache":{"organization":"#),
        "{}",
        json.out
    );
    for anew in [&["drift", "--refresh"], &["drift", "--max-age=0"]] {
        assert_eq!(served.run(anew).calls(), cold.calls(), "{anew:?}");
    }

    // A finding is not told on the word of the cache alone, unless an age was given.
    served.by_hand(
        "config",
        "c.stop_configuration_recorder(ConfigurationRecorderName='default')",
    );
    assert_eq!(served.run(&["drift", "--max-age", "usual"]).exit, CLEAN);
    assert_eq!(served.run(&["drift", "--refresh"]).exit, FOUND);
    served.by_hand(
        "config",
        "c.start_configuration_recorder(ConfigurationRecorderName='default')",
    );
    let told = served.run(&["drift", "--max-age", "1h"]);
    assert_eq!((told.exit, told.calls()), (FOUND, 0), "{}", told.errors);
    let again = served.run(&["drift", "--max-age", "usual"]);
    assert_eq!(again.exit, CLEAN, "{}", again.out);
    // Whose credentials these are, the recorder and its status.
    assert_eq!(again.calls(), 3, "{}", again.errors);

    // What orgstrap changes is read again, whoever asks next.
    served.by_hand("organizations", "p = next(p for p in c.list_policies(Filter='SERVICE_CONTROL_POLICY')['Policies'] if p['Name'] == 'protect-baseline'); c.detach_policy(PolicyId=p['Id'], TargetId=c.list_roots()['Roots'][0]['Id'])");
    let apply = served.run(&["apply", "--yes"]);
    assert_eq!(apply.exit, CLEAN, "{}{}", apply.out, apply.errors);
    let after = served.run(&["drift", "--max-age", "1h"]);
    assert_eq!(
        (after.exit, after.calls()),
        (CLEAN, cold.calls()),
        "{}",
        after.out
    );
}

#[test]
fn a_cache_that_is_of_no_use_costs_a_warning() {
    let served = Served::start();
    let cold = served.run(&["drift", "--max-age", "1h"]);
    let file = served.file();
    let whole = std::fs::read(&file).expect("reads");

    let mut damaged = whole.clone();
    let place = whole
        .windows(8)
        .position(|part| part == b"config.a")
        .expect("is there");
    damaged[place] = b'C';
    let of_version = |version: u64| {
        let mut text: serde_json::Value = serde_json::from_slice(&whole).expect("JSON");
        text["version"] = version.into();
        text.to_string().into_bytes()
    };
    let half = whole[..whole.len() / 2].to_vec();
    for (text, why) in [
        (damaged, "it is damaged"),
        (half, "it is not an inventory"),
        // As an earlier build wrote it, and as a later one may.
        (
            of_version(0),
            "an inventory of version 0, and this orgstrap reads version",
        ),
        (
            of_version(99),
            "an inventory of version 99, and this orgstrap reads version",
        ),
        (Vec::new(), "it is not an inventory"),
    ] {
        std::fs::write(&file, text).expect("writes");
        let run = served.run(&["drift", "--max-age", "1h"]);
        assert_eq!(
            (run.exit, run.calls()),
            (CLEAN, cold.calls()),
            "{}",
            run.errors
        );
        assert!(run.errors.contains("is not used"), "{}", run.errors);
        assert!(run.errors.contains(why), "{why}: {}", run.errors);
        // What it read takes the place of what was of no use.
        assert_eq!(served.run(&["drift", "--max-age", "1h"]).calls(), 0);
    }

    // A folder that cannot be: its parent is a file.
    let unwritable = served.folder.path().join("org.toml");
    let run = served.run_with(&unwritable, &["drift", "--max-age", "1h"]);
    assert_eq!(
        (run.exit, run.calls()),
        (CLEAN, cold.calls()),
        "{}",
        run.errors
    );
    assert!(run.errors.contains("cannot be written"), "{}", run.errors);

    // No credential is in it.
    let text = String::from_utf8_lossy(&whole);
    for (name, value) in &served.environment {
        assert!(!name.contains("KEY") || !text.contains(value), "{name}");
    }
    assert!(!text.contains("ASIA") && !text.contains("SessionToken"));
}
