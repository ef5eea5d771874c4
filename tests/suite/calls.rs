//! The list of calls that plans may pace is the list of calls that orgstrap makes.

use std::collections::{BTreeMap, BTreeSet};

use orgstrap::services::SERVICES;
use regex_lite::{Captures, Regex};
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

/// An operation's name as methods of the SDK's clients are named: `ListIPSets` is `list_ip_sets`.
pub(crate) fn method(operation: &str) -> String {
    let letters: Vec<char> = operation.chars().collect();
    let mut method = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1);
        let starts = before.is_some_and(char::is_lowercase)
            || (before.is_some() && after.is_some_and(|after| after.is_lowercase()));
        if letter.is_uppercase() && starts {
            method.push('_');
        }
        method.push(letter.to_ascii_lowercase());
    }
    method
}

/// What the code that calls AWS makes: `.list_accounts()` of an SDK's client, or `send(&ListAccounts{`, as its method would be.
fn made() -> BTreeSet<String> {
    let call = Regex::new(r"\.([a-z0-9_]+)\(\)|send\(&([A-Za-z]+)\{").expect("a pattern");
    sources()
        .iter()
        .filter(|code| {
            ["aws/", "observe/", "execute/"]
                .iter()
                .any(|module| code.name.starts_with(module))
        })
        .flat_map(|code| {
            let code = code.squeezed();
            let calls = call.captures_iter(&code);
            let name = |found: Captures<'_>| match (found.get(1), found.get(2)) {
                (Some(made), _) => made.as_str().to_owned(),
                (None, sent) => sent.map(|sent| method(sent.as_str())).unwrap_or_default(),
            };
            calls.map(name).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_call_that_is_made_can_be_paced_and_no_other() {
    assert_eq!(method("ListIPSets"), "list_ip_sets");
    assert_eq!(
        method("ListAWSServiceAccessForOrganization"),
        "list_aws_service_access_for_organization"
    );
    let (known, made) = (known(), made());
    let listed: BTreeSet<&str> = SERVICES
        .iter()
        .flat_map(|service| service.operations.iter().copied())
        .collect();
    let called = |services: &BTreeSet<String>| {
        let mut named = SERVICES.iter().map(|service| service.name);
        named.any(|name| services.contains(name))
    };
    let unlisted: Vec<&String> = known
        .iter()
        .filter(|(name, services)| {
            called(services) && made.contains(&method(name)) && !listed.contains(name.as_str())
        })
        .map(|(name, _)| name)
        .collect();
    assert!(unlisted.is_empty(), "not in services.rs: {unlisted:?}");
    for service in SERVICES {
        for operation in service.operations {
            assert!(
                made.contains(&method(operation)),
                "{}:{operation} is called by nothing",
                service.name
            );
            // The sandbox has no model of some.
            assert!(
                known
                    .get(*operation)
                    .is_none_or(|services| services.contains(service.name)),
                "{operation} is not of {}",
                service.name
            );
        }
    }
}
