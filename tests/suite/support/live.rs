//! `tests/live/live.py` as a person runs it: answers on stdin, against a world that stands in for AWS.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::worlds::World;
use super::{python, root};

/// A live run in a folder of its own.
pub(crate) struct Live<'w> {
    world: &'w World,
    python: PathBuf,
    /// Where the run keeps what it knows.
    pub(crate) folder: PathBuf,
    plan: &'static str,
}

/// What a step of a live run did: the lines of the recording that it wrote, counted from 0.
pub(crate) struct Ran {
    pub(crate) step: String,
    pub(crate) exit: i64,
    pub(crate) lines: std::ops::Range<usize>,
}

impl<'w> Live<'w> {
    /// `None` where there is no Python.
    pub(crate) fn new(world: &'w World, folder: &Path, plan: &'static str) -> Option<Live<'w>> {
        Some(Live {
            world,
            python: python()?,
            folder: folder.join("run"),
            plan,
        })
    }

    fn command(&self, action: &str) -> Command {
        let mut command = self.world.client(Command::new(&self.python));
        command
            .arg("-B")
            .arg(root().join("tests/live/live.py"))
            .args([action, "--pace", "off", "--poll", "0.02", "--orgstrap"])
            .arg(env!("CARGO_BIN_EXE_orgstrap"))
            .arg("--plan")
            .arg(root().join("tests/live").join(self.plan))
            .arg("--folder")
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// It, under way, with its own group of processes, and the answers that it gets.
    pub(crate) fn start(&self, action: &str, answers: &[&str]) -> Child {
        use std::os::unix::process::CommandExt as _;
        let mut command = self.command(action);
        let mut child = command.process_group(0).spawn().expect("Python starts");
        let mut stdin = child.stdin.take().expect("piped");
        // Who refuses reads no further.
        let _ = stdin.write_all((answers.join("\n") + "\n").as_bytes());
        child
    }

    /// Runs it to its end: the exit code, and everything it said.
    pub(crate) fn run(&self, action: &str, answers: &[&str]) -> (Option<i32>, String) {
        let done: Output = self
            .start(action, answers)
            .wait_with_output()
            .expect("ends");
        let message = [done.stdout, done.stderr].concat();
        (
            done.status.code(),
            String::from_utf8_lossy(&message).into_owned(),
        )
    }

    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&self.file("live.json")).expect("a state")
    }

    pub(crate) fn account(&self, key: &str) -> String {
        let id = &self.state()["made"]["accounts"][key];
        id.as_str().expect("it was made").to_owned()
    }

    pub(crate) fn ran(&self) -> Vec<Ran> {
        let state = self.state();
        let line = |one: &Value, at: usize| {
            let line = one["lines"][at].as_u64().expect("a line");
            usize::try_from(line).expect("few")
        };
        let ran = state["ran"].as_array().expect("what ran");
        ran.iter()
            .map(|one| Ran {
                step: one["step"].as_str().expect("a step").to_owned(),
                exit: one["exit"].as_i64().expect("a code"),
                lines: line(one, 0)..line(one, 1),
            })
            .collect()
    }
}
