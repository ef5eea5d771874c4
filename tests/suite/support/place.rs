//! A folder with an org plan and a world of the sandbox, and the binary run there.

use std::path::{Path, PathBuf};

use orgstrap::sandbox::World;
use serde_json::Value;

use super::{orgstrap, root};

/// A plan that was applied, with the world in which it was.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

/// What one run printed, and how it ended.
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) data: String,
    pub(crate) told: String,
}

/// The plan and the world at one moment.
pub(crate) struct Moment {
    plan: String,
    world: Vec<u8>,
}

impl Place {
    /// The startup example.
    pub(crate) fn startup() -> Place {
        let example = std::fs::read_to_string(root().join("examples/startup.toml"));
        Place::of(&example.expect("reads"), &[])
    }

    /// A plan, with files beside it, and the world in which it was applied.
    pub(crate) fn of(plan: &str, files: &[(&str, &str)]) -> Place {
        let place = Place::new(plan, files);
        place.run(&["apply", "org.toml", "--yes"], 0);
        place
    }

    /// The same before anything is applied.
    pub(crate) fn new(plan: &str, files: &[(&str, &str)]) -> Place {
        let place = Place {
            folder: tempfile::tempdir().expect("a folder"),
        };
        for (name, text) in files {
            let path = place.path(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("writes");
        }
        place.write(plan);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn plan(&self) -> PathBuf {
        self.path("org.toml")
    }

    /// The plan's text.
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.plan()).expect("reads")
    }

    pub(crate) fn write(&self, plan: &str) {
        std::fs::write(self.plan(), plan).expect("writes");
    }

    pub(crate) fn world(&self) -> World {
        World::load(Path::new(&self.path("world.json"))).expect("a world")
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment {
            plan: self.text(),
            world: std::fs::read(self.path("world.json")).expect("reads"),
        }
    }

    pub(crate) fn go_back(&self, moment: &Moment) {
        self.write(&moment.plan);
        std::fs::write(self.path("world.json"), &moment.world).expect("writes");
    }

    /// Runs the binary there.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let out = orgstrap()
            .current_dir(self.folder.path())
            .args(["--sandbox", "--world", "world.json"])
            .args(arguments)
            .output()
            .expect("runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Output {
            code: out.status.code(),
            data: text(&out.stdout),
            told: text(&out.stderr),
        }
    }

    /// The same; its stdout, where it ends as it should.
    pub(crate) fn run(&self, arguments: &[&str], exit: i32) -> String {
        let out = self.output(arguments);
        let (text, told) = (out.data, out.told);
        assert_eq!(out.code, Some(exit), "{arguments:?}\n{text}{told}");
        text
    }

    /// What it says on stderr where it refuses.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let out = self.output(arguments);
        let (text, told) = (out.data, out.told);
        assert_eq!(out.code, Some(1), "{arguments:?}\n{text}{told}");
        told
    }

    /// The JSON lines of a run.
    pub(crate) fn events(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments: Vec<&str> = arguments
            .iter()
            .copied()
            .chain(["--output", "json"])
            .collect();
        self.run(&arguments, 0)
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}
