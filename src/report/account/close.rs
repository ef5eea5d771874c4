//! The closure of an account: what AWS does, before; what is left to know, after.

use serde_json::{Value, json};

use crate::addr::Address;
use crate::change::Change;
use crate::inventory::{AccountFacts, AccountState};
use crate::report::plan::sign;
use crate::report::style::{self, paint};

/// What closing an account means (Organizations user guide, "Closing a member account in an organization";
/// Account Management reference guide, "Close an AWS account").
const MEANS: [&str; 5] = [
    "Nobody can sign in any more, and AWS deletes what is in it after 90 days.",
    "For 90 days AWS Support can open it again; after that nobody can.",
    "Until then it is listed as closed and counts against the organization's number of accounts.",
    "Its email address can never be used for an AWS account again.",
    "AWS closes at most 3 accounts at a time, and in 30 days a fifth of the accounts, at least 250.",
];

/// The whole text, ending in a line end.
pub fn text(key: &str, facts: &AccountFacts, changes: &[Change]) -> String {
    let mut lines = Vec::new();
    let who = format!("account {key} ({}, {})", facts.id, facts.email);
    if facts.state == AccountState::Active {
        lines.push(paint(style::DELETE, format!("This closes {who}:")));
        for change in changes {
            let told = if matches!(change.address, Address::RolloutFrom(..)) {
                format!(": {}", change.reason)
            } else {
                String::new()
            };
            lines.push(format!("  {} {}{told}", sign(change.verb), change.address));
        }
        lines.push(String::new());
        lines.extend(MEANS.iter().map(|line| format!("  {line}")));
    } else {
        lines.push(format!(
            "{who} is {} already; its entry leaves the plan.",
            facts.state.as_str()
        ));
    }
    lines.join("\n") + "\n"
}

/// The end, ending in a line end.
pub fn done_text(key: &str, facts: &AccountFacts) -> String {
    format!(
        "\n{}\n  AWS Support can open it again within 90 days.\n",
        paint(
            style::CREATE,
            format!(
                "Account {key} ({}) is closed and out of the plan.",
                facts.id
            )
        )
    )
}

/// The last line of `--output json`.
pub fn done_json(key: &str, facts: &AccountFacts) -> Value {
    json!({ "event": "closed", "key": key, "id": facts.id, "email": facts.email })
}
