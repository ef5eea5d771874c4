//! The list of calls that plans may pace is the list of calls that orgstrap makes.

use std::collections::{BTreeMap, BTreeSet};

use orgstrap::plan::calls::CALLS;
use regex_lite::Regex;
use serde_json::Value;

use crate::support::code::sources;
use crate::support::root;

/// Services that IAM spells otherwise than their folder in botocore.
const SPELT: [(&str, &str); 2] = [
    ("resourcegroupstaggingapi", "tag"),
    ("service-quotas", "servicequotas"),
];

/// Every operation of the models, by name: the services that have it.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let folder = root().join("crates/sandbox/src/models");
    for entry in std::fs::read_dir(folder).expect("reads") {
        let path = entry.expect("reads").path();
        if path.extension().is_none_or(|ext| ext != "json") {
            continue;
        }
        let folder = path.file_stem().expect("a name").to_string_lossy();
        let service = SPELT
            .iter()
            .find(|(name, _)| *name == folder)
            .map_or(folder.as_ref(), |(_, service)| service);
        let text = std::fs::read_to_string(&path).expect("reads");
        let model: Value = serde_json::from_str(&text).expect("a model");
        for name in model["operations"].as_object().expect("operations").keys() {
            known
                .entry(name.clone())
                .or_default()
                .insert(service.to_owned());
        }
    }
    known
}

/// The operations that the code which calls AWS names.
fn named() -> BTreeSet<String> {
    let word = Regex::new("^[A-Z][A-Za-z0-9]+$").expect("a pattern");
    let tables = ["aws/rates.rs", "aws/retry.rs", "execute/hints.rs"];
    sources()
        .iter()
        .filter(|code| {
            ["aws/", "observe/", "execute/"]
                .iter()
                .any(|module| code.name.starts_with(module))
        })
        .filter(|code| !tables.contains(&code.name.as_str()))
        .flat_map(|code| code.texts())
        .filter(|text| word.is_match(text))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_call_that_is_made_can_be_paced_and_no_other() {
    let (known, named) = (known(), named());
    let listed: BTreeSet<&str> = CALLS
        .iter()
        .flat_map(|(_, all)| all.iter().copied())
        .collect();
    let unlisted: Vec<&String> = named
        .iter()
        .filter(|name| known.contains_key(*name) && !listed.contains(name.as_str()))
        .collect();
    assert!(unlisted.is_empty(), "not in plan/calls.rs: {unlisted:?}");
    for (service, operations) in CALLS {
        for operation in *operations {
            assert!(
                named.contains(*operation),
                "{service}:{operation} is called by nothing"
            );
            assert!(
                known[*operation].contains(*service),
                "{operation} is not of {service}"
            );
        }
    }
}
