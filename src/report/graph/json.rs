//! The picture as data.

use serde_json::{Value, json};

use crate::picture::{Counts, Group, Leaf, OrgChart};

/// The document of `--output json`.
pub fn json(picture: &OrgChart) -> Value {
    json!({
        "format": "orgstrap-graph",
        "version": crate::report::json::VERSION,
        "management_account": picture.management_account,
        "baselines": picture.baselines,
        "root": group(&picture.root),
        "elsewhere": picture.findings.as_ref().map(counts),
    })
}

fn group(of: &Group) -> Value {
    json!({
        "name": of.name,
        "policies": of.policies,
        "findings": counts(&of.findings),
        "accounts": of.accounts.iter().map(account).collect::<Vec<_>>(),
        "groups": of.groups.iter().map(group).collect::<Vec<_>>(),
    })
}

fn account(leaf: &Leaf) -> Value {
    json!({
        "name": leaf.name,
        "id": leaf.id,
        "duties": leaf.duties,
        "state": leaf.state,
        "policies": leaf.policies,
        "findings": counts(&leaf.findings),
    })
}

/// How many findings, by severity.
fn counts(counts: &Counts) -> Value {
    let pairs = counts
        .iter()
        .rev()
        .map(|(severity, number)| (severity.as_str().to_owned(), (*number).into()));
    Value::Object(pairs.collect())
}
