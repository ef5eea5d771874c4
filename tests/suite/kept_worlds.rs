//! What earlier builds made and saved is what this build makes and reads: worlds, calls, JSON and files, kept in `tests/worlds`
//! as the build named there left them.

use std::path::{Path, PathBuf};

use orgstrap::ops::saved;
use orgstrap::sandbox::World;
use serde_json::Value;

use crate::support::likeness::{differences, whole_likeness};
use crate::support::normal::normal;
use crate::support::{orgstrap, root};

/// Fields of JSON that have another name since: as they were, as they are.
const RENAMED: [(&str, &str); 0] = [];
/// Values of JSON that are data and are another word since: the field as it is now, the value as it was, as it is.
const CHANGED: [(&str, &str, &str); 0] = [];
/// Fields that were added since. Of all the rest, nothing may be gained or lost.
const ADDED: [&str; 0] = [];
/// Sentences on stdout that read otherwise since: as they were, as they are.
const REWORDED: [(&str, &str); 0] = [];
/// Calls that are made since and were not then, as `service:Operation`.
const ADDED_CALLS: [&str; 0] = [];

/// Fields whose text is for people: there must be one, and its words are free.
const PROSE: [&str; 9] = [
    "because", "costs", "field", "for", "hint", "message", "reason", "text", "why",
];
/// Fields that hold times, which one more or less of all the calls before moves.
const TIMES: [&str; 5] = [
    "at_seconds",
    "expected_seconds",
    "longest_seconds",
    "taken_at",
    "took_seconds",
];

/// A copy of a kept plan and its world, to run the binary in.
struct Copy {
    kept: PathBuf,
    folder: tempfile::TempDir,
}

impl Copy {
    /// The plan and what lies beside it, without a world.
    fn of(name: &str) -> Copy {
        let kept = root().join("tests/worlds").join(name);
        let folder = tempfile::tempdir().expect("a folder");
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            std::fs::create_dir_all(folder.path().join(&below)).expect("made");
            for entry in std::fs::read_dir(kept.join(&below)).expect("reads") {
                let path = below.join(entry.expect("reads").file_name());
                let made = ["json", "jsonl", "txt"];
                let ending = path.extension().and_then(|ending| ending.to_str());
                if kept.join(&path).is_dir() {
                    folders.push(path);
                } else if below != Path::new("") || !ending.is_some_and(|end| made.contains(&end)) {
                    std::fs::copy(kept.join(&path), folder.path().join(&path)).expect("copies");
                }
            }
        }
        Copy { kept, folder }
    }

    /// The same in the world that was kept.
    fn with_world(name: &str) -> Copy {
        let copy = Copy::of(name);
        let packed: Value = copy.json("world.json");
        let often = packed["often"].as_array().expect("a list");
        let world = unpacked(&packed["file"], often);
        copy.write("world.json", &world);
        copy
    }

    /// The same in an empty world whose quota of accounts is not what is tried.
    fn with_empty_world(name: &str, accounts: usize) -> Copy {
        let copy = Copy::of(name);
        let mut world = World::empty("111111111111", 1);
        world.account_quota = accounts;
        world.save(&copy.path("world.json")).expect("saves");
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.path(name), value.to_string()).expect("writes");
    }

    fn world(&self) -> World {
        World::load(&self.path("world.json")).expect("a world that this build reads")
    }

    /// A kept file.
    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.kept.join(name)).expect("is kept")
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).expect("JSON")
    }

    /// What the binary says on stdout and on stderr.
    fn run(&self, arguments: &[&str], exit: i32) -> (String, String) {
        let out = orgstrap()
            .current_dir(self.folder.path())
            .args(["--sandbox", "--world", "world.json"])
            .args(arguments)
            .output()
            .expect("starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let (said, told) = (text(out.stdout), text(out.stderr));
        assert_eq!(out.status.code(), Some(exit), "{arguments:?}\n{said}{told}");
        (said, told)
    }

    /// Its JSON, compared with what was kept of it.
    fn says_the_same(&self, arguments: &[&str], exit: i32, kept: &str) {
        let arguments = [arguments, &["--output", "json", "-q"]].concat();
        let (said, _) = self.run(&arguments, exit);
        let now: Value = serde_json::from_str(&said).expect("JSON");
        same(&alike(&then(self.json(kept))), &alike(&now), kept);
    }
}

/// What a kept world has once put back wherever it stands.
fn unpacked(value: &Value, often: &[Value]) -> Value {
    match value {
        Value::Object(map) => match map.get("$often").and_then(Value::as_u64) {
            Some(place) => {
                let place = usize::try_from(place).expect("a place");
                unpacked(&often[place], often)
            }
            None => {
                let pairs = map.iter();
                pairs
                    .map(|(key, value)| (key.clone(), unpacked(value, often)))
                    .collect()
            }
        },
        Value::Array(list) => list.iter().map(|value| unpacked(value, often)).collect(),
        other => other.clone(),
    }
}

/// Kept JSON as this build names its fields and values.
fn then(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let pairs = map.into_iter().map(|(key, value)| {
                let new = RENAMED.iter().find(|(old, _)| *old == key);
                let key = new.map_or(key, |(_, new)| (*new).to_owned());
                let word = CHANGED
                    .iter()
                    .find(|(field, old, _)| *field == key && value == **old);
                match word {
                    Some((_, _, new)) => (key, Value::from(*new)),
                    None => (key, then(value)),
                }
            });
            pairs.collect()
        }
        Value::Array(list) => list.into_iter().map(then).collect(),
        other => other,
    }
}

/// JSON without what is added, prose, times and ids.
fn alike(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let pairs = map
                .iter()
                .filter(|(key, _)| !ADDED.contains(&key.as_str()))
                .map(|(key, value)| {
                    let value = match value {
                        Value::String(_) if PROSE.contains(&key.as_str()) => Value::from("…"),
                        Value::String(_) | Value::Number(_) if TIMES.contains(&key.as_str()) => {
                            Value::from("TIME")
                        }
                        value => alike(value),
                    };
                    (key.clone(), value)
                });
            pairs.collect()
        }
        Value::Array(list) => list.iter().map(alike).collect(),
        Value::String(text) => Value::from(normal(text)),
        other => other.clone(),
    }
}

fn same(before: &Value, now: &Value, what: &str) {
    assert!(before == now, "{what}:\n{}", differences(before, now));
}

#[test]
fn the_kept_startup_organization_differs_in_nothing() {
    let copy = Copy::with_world("startup");
    for verb in ["plan", "drift"] {
        let (said, _) = copy.run(&[verb, "org.toml", "-q"], 0);
        let mut before = copy.text(&format!("{verb}.txt"));
        for (old, new) in REWORDED {
            before = before.replace(old, new);
        }
        assert_eq!(timeless(&before), timeless(&said), "{verb}");
        copy.says_the_same(&[verb, "org.toml"], 0, &format!("{verb}.json"));
    }
}

#[test]
fn the_kept_organization_of_30_accounts_differs_in_nothing() {
    let copy = Copy::with_world("acme");
    copy.says_the_same(&["plan", "org.toml"], 0, "plan.json");
    copy.says_the_same(&["drift", "org.toml"], 0, "drift.json");
}

/// What was said, but for the second in which it was read.
fn timeless(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n']);
    words.filter(|word| !word.starts_with("2026-01-")).collect()
}

/// Every name, tag, template, parameter and output in AWS, the lock's too, by making it all anew.
fn makes_the_same(kept: &Copy, fresh: &Copy) {
    let (before, now) = (
        whole_likeness(&kept.world()),
        whole_likeness(&fresh.world()),
    );
    assert!(before == now, "{}", differences(&before, &now));
}

#[test]
fn the_startup_example_is_made_by_the_same_calls_and_events() {
    let kept = Copy::with_world("startup");
    let fresh = Copy::with_empty_world("startup", 10);
    fresh.says_the_same(&["plan", "org.toml"], 2, "first-plan.json");
    let arguments = ["apply", "org.toml", "--yes", "--output", "json", "-vv"];
    let (said, told) = fresh.run(&arguments, 0);

    let calls = told
        .lines()
        .filter_map(|line| line.strip_prefix("DEBUG orgstrap::aws: "))
        .filter(|call| !ADDED_CALLS.contains(&call.split(' ').next().unwrap_or_default()));
    let now: Vec<String> = calls.map(normal).collect();
    let before: Vec<String> = kept.text("calls.txt").lines().map(normal).collect();
    assert!(before.len() > 400, "{}", before.len());
    same(&before.into(), &now.into(), "calls");

    let lines = |text: &str| -> Vec<Value> {
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    let before = lines(&kept.text("apply.jsonl")).into_iter().map(then);
    let before: Value = before.map(|event| alike(&event)).collect();
    let now: Value = lines(&said).iter().map(alike).collect();
    same(&before, &now, "apply.jsonl");

    makes_the_same(&kept, &fresh);
}

#[test]
fn the_organization_of_30_accounts_is_made_with_the_same_names() {
    let fresh = Copy::with_empty_world("acme", 100);
    fresh.says_the_same(&["plan", "org.toml"], 2, "first-plan.json");
    fresh.run(&["apply", "org.toml", "--yes", "-q"], 0);
    makes_the_same(&Copy::with_world("acme"), &fresh);
}

/// Saved changes are made as they were saved, or refused by their version: never taken for something else.
#[test]
fn saved_changes_of_an_earlier_build_are_made_or_refused_by_version() {
    let copy = Copy::with_world("startup");
    let mut file = copy.json("changes.json");
    let arguments = ["apply", "changes.json", "--yes", "-q"];
    let mut versions = vec![0];
    if file["version"] == saved::VERSION {
        copy.write("changes.json", &file);
        let (said, _) = copy.run(&arguments, 0);
        assert!(said.contains("tags of account playground"), "{said}");
        let (again, _) = copy.run(&arguments, 0);
        assert!(again.contains("No changes"), "{again}");
    } else {
        versions.extend(file["version"].as_u64());
    }
    let world = std::fs::read(copy.path("world.json")).expect("reads");
    for version in versions {
        file["version"] = Value::from(version);
        copy.write("changes.json", &file);
        let (_, told) = copy.run(&arguments, 1);
        for part in [
            format!("saved in version {version} of its format"),
            format!("reads version {}", saved::VERSION),
            "hint: ".to_owned(),
            "orgstrap plan PLAN --out FILE".to_owned(),
        ] {
            assert!(told.contains(&part), "{part}: {told}");
        }
    }
    assert!(world == std::fs::read(copy.path("world.json")).expect("reads"));
}

/// The same of a saved inventory, of which this build says the version that it reads.
#[test]
fn a_saved_inventory_of_an_earlier_build_is_read_or_refused_by_version() {
    let copy = Copy::with_world("startup");
    copy.run(&["inventory", "org.toml", "--out", "now.json", "-q"], 0);
    let now = std::fs::read_to_string(copy.path("now.json")).expect("written");
    let now: Value = serde_json::from_str(&now).expect("JSON");
    let mut file = copy.json("inventory.json");
    let arguments = ["diff", "before.json", "now.json", "-q"];
    let mut versions = vec![0];
    if now["version"] == file["version"] {
        copy.write("before.json", &file);
        copy.run(&arguments, 0);
    } else {
        versions.extend(file["version"].as_u64());
    }
    for version in versions {
        file["version"] = Value::from(version);
        copy.write("before.json", &file);
        let (_, told) = copy.run(&arguments, 1);
        let part = format!("an inventory of version {version}, ");
        assert!(told.contains(&part), "{told}");
        assert!(
            told.contains("hint: `orgstrap inventory PLAN --out FILE`"),
            "{told}"
        );
    }
}
