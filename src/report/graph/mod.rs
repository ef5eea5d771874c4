//! The organization as a picture, one file a form. Names come from others: each form escapes them in its own
//! way, and none lets one become markup.

mod dot;
mod json;
mod mermaid;
mod svg;
mod text;

pub use dot::dot;
pub use json::json;
pub use mermaid::mermaid;
pub use svg::svg;
pub use text::text;

use super::words::count;
use crate::inventory::visible;
use crate::picture::{Counts, Group, Leaf};

/// `2 high, 1 low`, worst first; empty where there is nothing.
fn findings(counts: &Counts) -> String {
    let told: Vec<String> = counts
        .iter()
        .rev()
        .map(|(severity, number)| format!("{number} {}", severity.as_str()))
        .collect();
    told.join(", ")
}

/// A group's name and how many accounts are in it.
fn group_title(group: &Group) -> String {
    format!(
        "{} ({})",
        visible(&group.name),
        count(group.size(), "account", "accounts")
    )
}

/// What else there is to say of a group, a line each.
fn group_lines(group: &Group) -> Vec<String> {
    let mut lines = Vec::new();
    if !group.policies.is_empty() {
        lines.push(format!("policies: {}", visible(&group.policies.join(", "))));
    }
    if !group.findings.is_empty() {
        lines.push(format!("findings: {}", findings(&group.findings)));
    }
    lines
}

/// What there is to say of an account below its name, a line each.
fn account_lines(leaf: &Leaf) -> Vec<String> {
    let mut lines = Vec::new();
    let mut about: Vec<&str> = Vec::new();
    about.extend(leaf.id.as_ref().map(|id| id.as_str()));
    about.extend(leaf.duties.iter().copied());
    about.extend(leaf.state);
    if !about.is_empty() {
        lines.push(about.join(", "));
    }
    if !leaf.policies.is_empty() {
        lines.push(format!("policies: {}", visible(&leaf.policies.join(", "))));
    }
    if !leaf.findings.is_empty() {
        lines.push(format!("findings: {}", findings(&leaf.findings)));
    }
    lines
}

/// The picture's title.
fn title(picture: &crate::picture::OrgChart) -> String {
    format!(
        "Organization of account {}: {}",
        picture.management_account,
        count(picture.root.size(), "account", "accounts")
    )
}

/// What holds for the whole picture, a line each.
fn whole_lines(picture: &crate::picture::OrgChart) -> Vec<String> {
    let mut lines = Vec::new();
    if !picture.baselines.is_empty() {
        lines.push(format!("baselines: {}", picture.baselines.join(", ")));
    }
    match &picture.findings {
        Some(counts) if !counts.is_empty() => {
            lines.push(format!("findings elsewhere: {}", findings(counts)));
        }
        _ => {}
    }
    lines
}
