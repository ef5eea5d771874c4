//! Scenarios as transcripts: `steps.txt` holds commands and what they print, in order, and reads like a
//! session at a terminal.
//!
//! Lines that begin with `#` are for the reader. `$ orgstrap ...` runs the binary, with `@world` for
//! the options that choose the world; `$ python SCRIPT ...` runs a script of `tests/python/` as a
//! client of that world, with the binary's path for `@orgstrap`; `$ cp FROM TO` copies a file, from the repository after `@root/`; `$ cat FROM >> TO` appends one.
//! `> /dev/null` leaves out what the reader need not see. Below each command stand its stdout, its stderr
//! (each line after `! `) and its exit code where it is not 0. With `INSTA_UPDATE=always` the file is
//! written anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::normal::normal;
use super::worlds::World;
use super::{golden, orgstrap, python, root};

/// Which world a scenario runs in.
pub(crate) enum In {
    Sandbox,
    Moto,
}

/// Runs `tests/scenarios/<name>` in the sandbox and compares every line.
pub(crate) fn in_sandbox(name: &str) {
    run(name, &In::Sandbox);
}

/// Runs the same steps in moto. Exit codes and what Python sees must be the same; how orgstrap words
/// its run may differ where moto lacks something.
pub(crate) fn in_moto(name: &str) {
    run(name, &In::Moto);
}

struct Step {
    /// Comment lines and blank lines before the command.
    before: Vec<String>,
    command: String,
    expected: Vec<String>,
}

fn run(name: &str, place: &In) {
    let source = root().join("tests/scenarios").join(name);
    let file = source.join("steps.txt");
    let text = std::fs::read_to_string(&file).expect("the scenario has steps.txt");
    let (steps, tail) = parse(&text);
    if steps.iter().any(|step| step.command.starts_with("python ")) && python().is_none() {
        return;
    }
    let moto = match place {
        In::Sandbox => None,
        In::Moto => match World::moto() {
            Some(world) => Some(world),
            None => return,
        },
    };
    let folder = tempfile::tempdir().expect("a folder");
    copy(&source, folder.path());
    let mut got = String::new();
    let mut differ = Vec::new();
    for step in &steps {
        let lines = perform(&step.command, folder.path(), moto.as_ref());
        let same = match place {
            In::Sandbox => lines == step.expected,
            In::Moto => essence(&step.command, &lines) == essence(&step.command, &step.expected),
        };
        if !same {
            differ.push(format!("$ {}\n{}", step.command, lines.join("\n")));
        }
        for line in &step.before {
            got.push_str(&format!("{line}\n"));
        }
        got.push_str(&format!("$ {}\n", step.command));
        for line in &lines {
            got.push_str(&format!("{line}\n"));
        }
    }
    for line in &tail {
        got.push_str(&format!("{line}\n"));
    }
    if matches!(place, In::Sandbox) && golden::is_updated() {
        golden::file(&file, &got);
        return;
    }
    assert!(
        differ.is_empty(),
        "{} differs; INSTA_UPDATE=always writes it anew. Now:\n\n{}",
        file.display(),
        differ.join("\n\n")
    );
}

fn parse(text: &str) -> (Vec<Step>, Vec<String>) {
    let mut steps: Vec<Step> = Vec::new();
    let mut before = Vec::new();
    for line in text.lines() {
        if line.starts_with("$ ") || line.starts_with('#') {
            // Blank lines above a comment or a command are layout, not output.
            let expected = steps.last_mut().map(|step| &mut step.expected);
            let blanks = expected.map_or(0, |lines| {
                let output = lines.iter().rposition(|line| !line.is_empty());
                let keep = output.map_or(0, |last| last + 1);
                let blanks = lines.len() - keep;
                lines.truncate(keep);
                blanks
            });
            before.extend(std::iter::repeat_n(String::new(), blanks));
        }
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                before: std::mem::take(&mut before),
                command: command.to_owned(),
                expected: Vec::new(),
            });
        } else if line.starts_with('#') || !before.is_empty() {
            before.push(line.to_owned());
        } else if let Some(step) = steps.last_mut() {
            step.expected.push(line.to_owned());
        } else {
            before.push(line.to_owned());
        }
    }
    (steps, before)
}

/// What must be the same in every world: the exit code, and everything that Python says.
fn essence(command: &str, lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| command.starts_with("python ") || line.starts_with("[exit "))
        .cloned()
        .collect()
}

fn perform(command: &str, folder: &Path, moto: Option<&World>) -> Vec<String> {
    let mut words: Vec<String> = split(command);
    let unseen = words.ends_with(&[">".to_owned(), "/dev/null".to_owned()]);
    if unseen {
        words.truncate(words.len() - 2);
    }
    let (verb, arguments) = words.split_first().expect("a command");
    let run = |mut command: Command| {
        command.current_dir(folder);
        let output = command.output().expect("the command starts");
        let mut lines: Vec<String> = Vec::new();
        let text = |bytes: &[u8]| normal(&String::from_utf8_lossy(bytes));
        if !unseen {
            lines.extend(text(&output.stdout).lines().map(str::to_owned));
        }
        lines.extend(text(&output.stderr).lines().map(|line| {
            let line = format!("! {line}");
            line.trim_end().to_owned()
        }));
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        match output.status.code() {
            Some(0) => {}
            Some(code) => lines.push(format!("[exit {code}]")),
            None => lines.push(format!("[{}]", output.status)),
        }
        lines
    };
    match verb.as_str() {
        "orgstrap" => {
            let mut command = match moto {
                Some(world) => world.client(orgstrap()),
                None => orgstrap(),
            };
            for argument in arguments {
                match (argument.as_str(), moto) {
                    ("@world", None) => command.args(["--sandbox", "--world", "world.json"]),
                    ("@world", Some(_)) => command.args(["--pace", "off"]),
                    (argument, _) => command.arg(argument),
                };
            }
            run(command)
        }
        "python" => {
            let (script, arguments) = arguments.split_first().expect("a script");
            let mut command = Command::new(python().expect("looked for before"));
            command
                .arg("-B")
                .arg(root().join("tests/python").join(script));
            for argument in arguments {
                match argument.as_str() {
                    "@orgstrap" => command.arg(orgstrap().get_program()),
                    argument => command.arg(argument),
                };
            }
            match moto {
                Some(world) => run(world.client(command)),
                None => {
                    let world = World::sandbox(&folder.join("world.json"));
                    let lines = run(world.client(command));
                    world.end();
                    lines
                }
            }
        }
        "cp" => {
            let [from, to] = arguments else {
                panic!("cp FROM TO")
            };
            let from = match from.strip_prefix("@root/") {
                Some(path) => root().join(path),
                None => folder.join(from),
            };
            std::fs::copy(from, folder.join(to)).expect("copies");
            Vec::new()
        }
        "cat" => {
            let [from, append, to] = arguments else {
                panic!("cat FROM >> TO")
            };
            assert_eq!(append, ">>", "cat FROM >> TO");
            let more = std::fs::read_to_string(folder.join(from)).expect("reads");
            let there = std::fs::read_to_string(folder.join(to)).expect("reads");
            std::fs::write(folder.join(to), there + &more).expect("writes");
            Vec::new()
        }
        other => panic!("`{other}` is no command of scenarios"),
    }
}

/// Words by spaces; single quotes hold spaces together.
fn split(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in command.chars() {
        match (character, words.last_mut()) {
            ('\'', _) => quoted = !quoted,
            (' ', _) if !quoted => words.push(String::new()),
            (other, Some(word)) => word.push(other),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn copy(from: &Path, to: &Path) {
    let mut folders: Vec<PathBuf> = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        std::fs::create_dir_all(to.join(&folder)).expect("makes a folder");
        for entry in std::fs::read_dir(from.join(&folder)).expect("reads") {
            let entry = entry.expect("reads");
            let path = folder.join(entry.file_name());
            if entry.file_type().expect("has a type").is_dir() {
                folders.push(path);
            } else {
                std::fs::copy(entry.path(), to.join(&path)).expect("copies");
            }
        }
    }
}
