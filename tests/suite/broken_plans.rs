//! Plans with errors, each with the message that a person gets. `tests/broken-plans/NAME.toml` is
//! the plan, `NAME.snap` beside it the message.

use std::path::{Path, PathBuf};

use orgstrap::baseline::Descriptors;
use orgstrap::plan;
use orgstrap::report::diagnostics;

/// Relative, so that no message holds the path of a machine.
const FOLDER: &str = "tests/broken-plans";

fn plans() -> Vec<PathBuf> {
    let mut plans: Vec<PathBuf> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    plans.sort();
    plans
}

#[test]
fn every_broken_plan_has_its_message() {
    let plans = plans();
    assert!(plans.len() >= 60, "only {} broken plans", plans.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../broken-plans");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    let mut failed = Vec::new();
    for path in &plans {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let message = match Descriptors::default().read_plan(path) {
            Ok(_) => {
                failed.push(format!("{name} is sound"));
                continue;
            }
            Err(invalid) => diagnostics::render(&invalid.diagnostics, false),
        };
        // All of them are compared before the first that differs ends the test.
        if std::panic::catch_unwind(|| insta::assert_snapshot!(name, message)).is_err() {
            failed.push(format!("{name} has another message"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_message_belongs_to_a_plan() {
    for entry in std::fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "snap") {
            let plan = path.with_extension("toml");
            assert!(plan.is_file(), "{} has no plan", path.display());
        }
    }
}

#[test]
fn a_plan_that_can_not_be_read_says_why() {
    let message = |path: &str| plan::load(Path::new(path)).unwrap_err().to_string();
    let can_not = |path: &str, why: &str| {
        format!(
            "error: the org plan `{path}` can not be read: {why} (`orgstrap init` writes a plan to start from)"
        )
    };
    for (path, why) in [
        (
            "tests/no-such-plan.toml",
            "there is no `tests/no-such-plan.toml`",
        ),
        ("tests/suite", "`tests/suite` is a folder"),
        (
            "src/main.rs/org.toml",
            "`src/main.rs/org.toml` goes through a file",
        ),
    ] {
        assert_eq!(message(path), can_not(path, why));
    }
}
