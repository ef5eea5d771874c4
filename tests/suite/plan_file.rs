//! The org plan's file: no text makes the loader panic, every valid plan loads, the schema in the
//! repository is that of the types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use orgstrap::baseline::{self, Descriptors};
use orgstrap::plan::{self, OrgPlan, regions};
use orgstrap::report::diagnostics;
use proptest::prelude::*;

use crate::support::{golden, python};

#[test]
fn the_schemas_in_the_repository_are_current() {
    golden::file(Path::new("docs/orgstrap.schema.json"), &plan::schema());
    golden::file(Path::new("docs/baseline.schema.json"), &baseline::schema());
}

/// An editor that shows a mistake where orgstrap sees none, or none where it sees one, misleads.
#[test]
fn every_plan_and_baseline_of_the_repository_is_valid_by_its_schema() {
    let Some(python) = python() else {
        return;
    };
    let judged = |schema: &str, files: &[PathBuf]| {
        let output = Command::new(&python)
            .arg("-B")
            .args(["tests/python/toml_valid.py", schema])
            .args(files)
            .output()
            .expect("Python starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), text + &error)
    };
    let of = |folder: &str| -> Vec<PathBuf> {
        let files = std::fs::read_dir(folder).unwrap();
        files.map(|entry| entry.unwrap().path()).collect()
    };
    let (plan, descriptor) = ("docs/orgstrap.schema.json", "docs/baseline.schema.json");
    let (valid, told) = judged(plan, &of("examples"));
    assert!(valid, "{told}");
    // Those that come with orgstrap, and the one in the documents.
    let page = std::fs::read_to_string("docs/baselines.md").unwrap();
    let (_, example) = page
        .split_once("# baselines/alarms/baseline.toml\n")
        .unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("baseline.toml");
    std::fs::write(&written, example).unwrap();
    let mut baselines = of("baselines");
    baselines.push(written);
    let (valid, told) = judged(descriptor, &baselines);
    assert!(valid, "{told}");
    for (from, to) in [
        ("summary", "sumary"),
        ("regions = \"governed\"\n", ""),
        ("type = \"string\"", "type = \"text\""),
        (
            "[stack-set.parameters]",
            "needs = [{ stak = \"a\" }]\n[stack-set.parameters]",
        ),
    ] {
        let broken = folder.path().join("broken.toml");
        assert!(example.contains(from));
        std::fs::write(&broken, example.replace(from, to)).unwrap();
        let (valid, told) = judged(descriptor, &[broken]);
        assert!(!valid, "{from} to {to}: {told}");
    }
}

#[test]
fn the_schema_knows_what_must_be_given() {
    let schema: serde_json::Value = serde_json::from_str(&plan::schema()).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["organization"]));
    assert_eq!(schema["additionalProperties"], false);
    let organization = &schema["properties"]["organization"];
    assert_eq!(
        organization["required"],
        serde_json::json!(["management_account", "home_region"])
    );
}

const STARTUP: &str = include_str!("../../examples/startup.toml");

/// Renders what is wrong too: a place outside the text must not panic either.
fn load(text: &str) {
    match Descriptors::default().read_plan_text("org.toml", text.to_owned(), Path::new("examples"))
    {
        Ok(loaded) => drop(diagnostics::render(&loaded.warnings, false)),
        Err(invalid) => {
            assert!(!invalid.diagnostics.is_empty());
            let text = diagnostics::render(&invalid.diagnostics, true);
            assert!(text.contains("error"));
            drop(diagnostics::json(&invalid.diagnostics));
        }
    }
}

/// A plan as text, and how many accounts it has.
fn valid() -> impl Strategy<Value = (String, usize)> {
    let name = "[A-Za-z0-9][A-Za-z0-9_-]{0,20}";
    let home = prop::sample::select(
        regions::KNOWN
            .iter()
            .filter(|region| !region.opt_in)
            .map(|region| region.name)
            .collect::<Vec<_>>(),
    );
    let governed = prop::sample::subsequence(
        regions::KNOWN
            .iter()
            .map(|region| region.name)
            .collect::<Vec<_>>(),
        0..6,
    );
    let tags = prop::collection::btree_map("[a-z]{4,12}", "[a-zA-Z0-9 _.:/=+@-]{0,30}", 0..4);
    // Emails fold case, so names that differ only in case would be one address.
    let accounts = prop::collection::btree_map(
        name.prop_map(|n| n.to_lowercase()),
        (any::<prop::sample::Index>(), tags),
        2..12,
    );
    let ous = prop::collection::vec(
        prop::collection::vec("[A-Za-z][A-Za-z0-9 ]{0,8}[a-z]", 1..5),
        1..6,
    );
    (home, governed, accounts, ous, 0..=100u8, any::<bool>()).prop_map(
        |(home, governed, accounts, ous, share, count)| {
            // Every level has its table.
            let mut paths: BTreeMap<String, ()> = BTreeMap::new();
            for names in &ous {
                for depth in 1..=names.len() {
                    paths.insert(names[..depth].join("/"), ());
                }
            }
            let paths: Vec<&String> = paths.keys().collect();
            let keys: Vec<&String> = accounts.keys().collect();
            let mut text = format!(
                "[organization]\nmanagement_account = \"999999999999\"\nhome_region = {home:?}\nregions = {governed:?}\nlogging = {:?}\nsecops = {:?}\nemail = \"a+{{account}}@example.com\"\n",
                keys[0], keys[1]
            );
            for path in &paths {
                text.push_str(&format!("[ou.{path:?}]\n"));
            }
            for (key, (ou, tags)) in &accounts {
                let ou = paths[ou.index(paths.len())];
                text.push_str(&format!("[account.{key:?}]\nou = {ou:?}\n"));
                for (tag, value) in tags {
                    text.push_str(&format!("tags.{tag} = {value:?}\n"));
                }
            }
            let tolerance = if count {
                share.to_string()
            } else {
                format!("\"{share}%\"")
            };
            text.push_str(&format!(
                "[rollout]\nstages = [[{:?}]]\nfailure_tolerance = {tolerance}\n",
                paths[0]
            ));
            (text, accounts.len())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_judged_without_panic(text in "\\PC{0,200}") {
        load(&text);
    }

    #[test]
    fn text_that_looks_like_toml_is_judged_without_panic(
        text in prop::collection::vec("(\\[{1,2}[a-z.\"/]{0,12}\\]{0,2}|[a-z_]{1,12} ?= ?[\\[\\]{}\"',0-9a-zé]{0,12})\r?\n", 0..12)
    ) {
        load(&text.concat());
    }

    /// Users' mistakes are small changes of a plan that was right.
    #[test]
    fn a_plan_with_a_piece_cut_out_or_put_in_is_judged_without_panic(
        at in 0..STARTUP.len(), cut in 0..40usize, put in "[\\[\\]\"{}=,.a-zé\n]{0,6}"
    ) {
        let mut from = at;
        while !STARTUP.is_char_boundary(from) { from -= 1; }
        let mut to = (from + cut).min(STARTUP.len());
        while !STARTUP.is_char_boundary(to) { to += 1; }
        load(&format!("{}{put}{}", &STARTUP[..from], &STARTUP[to..]));
    }

    #[test]
    fn every_valid_plan_loads_and_survives_json((text, accounts) in valid()) {
        let loaded = Descriptors::default().read_plan_text("org.toml", text.clone(), Path::new(""));
        let plan = match loaded {
            Ok(loaded) => loaded.plan,
            Err(invalid) => panic!("{}\n{text}", diagnostics::render(&invalid.diagnostics, false)),
        };
        prop_assert_eq!(plan.accounts.len(), accounts);
        prop_assert!(plan.organization.regions.contains(&plan.organization.home_region));
        let json = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<OrgPlan>(&json).unwrap(), plan);
    }
}

/// Nesting is limited, so that no text ends the process for want of stack.
#[test]
fn deep_nesting_is_judged_without_overflow() {
    let deep = 50_000;
    load(&format!("a = {}", "[".repeat(deep)));
    load(&format!("a = {}{}", "[".repeat(deep), "]".repeat(deep)));
    load(&format!("a = {}", "{a=".repeat(deep)));
    load(&format!("{}a = 1", "a.".repeat(deep)));
    load(&format!("[{}a]\nb = 1", "a.".repeat(deep)));
}

#[test]
fn what_is_only_worth_a_look_does_not_stop() {
    let text = r#"
[organization]
management_account = "999999999999"
home_region = "eu-west-1"
regions = ["af-south-1"]
logging = "log-archive"
secops = "security"
allow_shared_duties = true
email = "aws+{account}@acme.dev"

[segregation]
data-classification = ["internal"]

[ou.Security]

[account.log-archive]
ou = "Security"

[account.security]
ou = "Security"
tags = { Data-Classification = "internal", Team = "a", team = "b" }

[policy.leave]
type = "service_control_policy"
builtin = "deny-leave"

[trusted_access]
services = ["sssm.amazonaws.com"]
"#;
    let loaded = Descriptors::default()
        .read_plan_text("org.toml", text.to_owned(), Path::new(""))
        .unwrap();
    let found: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let expected = [
        "org.toml:5:12: warning: accounts do not have `af-south-1` until they opt in to it",
        "org.toml:8:23: warning: no duties are shared, so this says nothing",
        "org.toml:21:10: warning: `Data-Classification` is not a tag of [segregation], but nearly",
        "org.toml:21:56: warning: `Team` and `team` differ only in case",
        "org.toml:23:9: warning: policy `leave` is attached to nothing",
        "org.toml:28:13: warning: `sssm.amazonaws.com` is not a service that orgstrap knows to work with Organizations",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
}

/// What `--output json` gives to editors and pipelines.
#[test]
fn a_diagnostic_as_json_names_file_line_and_column() {
    let text = STARTUP.replace("secops = \"security\"", "secops = \"secruity\"");
    let invalid = Descriptors::default()
        .read_plan_text("org.toml", text, Path::new("examples"))
        .unwrap_err();
    let json = diagnostics::json(&invalid.diagnostics);
    assert_eq!(
        json,
        serde_json::json!([{
            "severity": "error",
            "message": "there is no account `secruity` in this plan",
            "location": {
                "file": "org.toml",
                "line": 27, "column": 10,
                "end_line": 27, "end_column": 20,
            },
            "label": null,
            "related": null,
            "help": ["did you mean `security`?"],
        }])
    );
}
