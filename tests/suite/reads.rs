//! Few reads: what a drift check asks of AWS, counted, beside the least that AWS's pages allow and what one
//! call for each account, Region and control would take. The table in `docs/calls.md` is made here.
//!
//! `ORGSTRAP_READS=1000x4` measures that many accounts and Regions instead of the small ones.

use std::collections::BTreeMap;

use orgstrap::inventory::Section;
use serde_json::Value;

use crate::support::{clean, golden, python, root};

/// What the documents show.
const SHOWN: (u64, u64) = (1_000, 4);
/// The most memory that a check may take, in KiB, at the size that the documents show.
const MEMORY: u64 = 200 * 1024;

fn pages(items: u64, size: u64) -> u64 {
    items.div_ceil(size).max(1)
}

/// A part of a check: what is asked, by which calls, one call for each account, Region and control, and the
/// least of them that AWS's page sizes allow.
struct Part {
    what: &'static str,
    operations: &'static [&'static str],
    one_by_one: u64,
    least: u64,
}

fn once(r: u64) -> u64 {
    3 + 6 + (1 + 4) + 11 + 5 + 2 + ((r + 2) + (r + 5)) + 6 * r + 3 + 1 + 10 + 4 * r
}

/// The startup example with `n` accounts, beside the management account, in `r` Regions.
fn parts(n: u64, r: u64) -> Vec<Part> {
    let places = (n + 1) * r;
    let part = |what, operations, one_by_one, least| Part {
        what,
        operations,
        one_by_one,
        least,
    };
    vec![
        part(
            "accounts: there, in which state, in which OU",
            &["organizations:ListAccounts"],
            n + 1,
            pages(n + 1, 20),
        ),
        part(
            "what policies are attached to, FullAWSAccess among them",
            &["organizations:ListTargetsForPolicy"],
            n + 1 + 6,
            4 + pages(n + 1 + 6, 20),
        ),
        part("tags of accounts", &["tag:GetResources"], n, pages(n, 100)),
        part(
            "stack instances: there and current",
            &["cloudformation:ListStackInstances"],
            n * r,
            pages(n * r, 100),
        ),
        part(
            "GuardDuty: each account a member, with its features",
            &["guardduty:ListMembers", "guardduty:GetMemberDetectors"],
            2 * n * r,
            2 * r * pages(n, 50),
        ),
        part(
            "Config's recorder, its state, channel and deliveries",
            &[
                "config:DescribeConfigurationRecorders",
                "config:DescribeConfigurationRecorderStatus",
                "config:DescribeDeliveryChannels",
                "config:DescribeDeliveryChannelStatus",
            ],
            4 * places,
            4 * places,
        ),
        part("sessions in member accounts", &["sts:AssumeRole"], n, n),
        part(
            "the aggregator's sources: each current",
            &["config:DescribeConfigurationAggregatorSourcesStatus"],
            places,
            pages(places, 100),
        ),
        // The caller, the organization and its root; 5 OUs below 6 parents; 4 policies; their tags and the
        // management account's; services, administrators, StackSets' access, roles; the stack set; stacks, which
        // the management account has in every Region; GuardDuty's settings in every Region; the trail, the
        // aggregator, 10 buckets, policies and keys; GuardDuty's filters and trusted lists in every Region.
        part("everything that is there once", &[], once(r), once(r)),
    ]
}

/// The table, from the formulas alone; the test below holds them to what is counted.
fn table((n, r): (u64, u64)) -> String {
    let grouped = |number: u64| {
        let number = usize::try_from(number).unwrap_or_default();
        orgstrap::report::words::grouped(number)
    };
    let mut text = String::from(
        "| what is asked | one call for each account, Region and control | cold | warm |\n| --- | --- | --- | --- |\n",
    );
    let (mut one_by_one, mut least) = (0, 0);
    for part in parts(n, r) {
        one_by_one += part.one_by_one;
        least += part.least;
        let (each, pages) = (grouped(part.one_by_one), grouped(part.least));
        text.push_str(&format!("| {} | {each} | {pages} | 0 |\n", part.what));
    }
    let (each, pages) = (grouped(one_by_one), grouped(least));
    text + &format!("| together | {each} | {pages} | 0 |")
}

/// Counts what the binary asks of the sandbox in another process.
fn measured(n: u64, r: u64) -> Option<Value> {
    let output = clean(std::process::Command::new(python()?))
        .arg(root().join("tests/python/reads.py"))
        .arg(env!("CARGO_BIN_EXE_orgstrap"))
        .args([n.to_string(), r.to_string()])
        .output()
        .expect("Python starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// Compares the calls of a cold and of a warm check with the formulas; gives the memory, in KiB.
fn held(n: u64, r: u64) -> Option<u64> {
    let found = measured(n, r)?;
    assert_eq!(found["findings"], serde_json::json!([]), "nothing is wrong");
    let of = |run: &str| -> BTreeMap<String, u64> {
        serde_json::from_value(found[run].clone()).expect("calls by operation")
    };
    let (mut cold, warm) = (of("cold"), of("warm"));
    assert_eq!(warm, BTreeMap::new(), "a warm check makes no call");
    assert_eq!(found["from_cache"][0].as_array().map(Vec::len), Some(0));
    // Every kind, and the controls.
    let kinds = Section::of_inventory().count() + 1;
    assert_eq!(found["from_cache"][1].as_array().map(Vec::len), Some(kinds));
    for part in parts(n, r) {
        let counted: u64 = match part.operations {
            [] => std::mem::take(&mut cold).into_values().sum(),
            named => named.iter().filter_map(|name| cold.remove(*name)).sum(),
        };
        assert_eq!(
            counted, part.least,
            "{n} accounts, {r} Regions: {}",
            part.what
        );
    }
    found["kib"].as_u64()
}

#[test]
fn a_check_asks_page_by_page_and_a_second_one_nothing() {
    if let Some(size) = std::env::var_os("ORGSTRAP_READS") {
        let size = size.to_str().expect("text");
        let (n, r) = size.split_once('x').expect("ACCOUNTSxREGIONS");
        let (n, r) = (n.parse().expect("a number"), r.parse().expect("a number"));
        let Some(kib) = held(n, r) else { return };
        eprintln!("{n} accounts, {r} Regions: {} MiB at most", kib / 1024);
        assert!(kib < MEMORY, "{kib} KiB");
        return;
    }
    for (n, r) in [(10, 2), (40, 4)] {
        let Some(kib) = held(n, r) else { return };
        assert!(kib < MEMORY / 2, "{n} accounts, {r} Regions: {kib} KiB");
    }
}

#[test]
fn the_documents_show_the_table() {
    const FROM: &str = "<!-- made by tests/suite/reads.rs -->\n";
    const TO: &str = "\n<!-- end -->";
    let path = root().join("docs/calls.md");
    golden::part(&path, (FROM, TO), &table(SHOWN));
}
