//! Two inventories compared, for people and as one JSON document. Pure: data to text.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::VERSION;
use super::style::{self, paint};
use super::{fields, words};
use crate::addr::Expr;
use crate::change::{FieldChange, Verb};
use crate::inventory::difference::{Difference, Differences, What};
use crate::plan::AccountId;

/// How many of what could not be compared are named; the JSON form has all.
const UNCLEAR: usize = 20;

/// The whole text, ending in a line end. `times` are those of the two inventories.
pub fn text(
    found: &Differences,
    organization: &AccountId,
    (before, after): (Timestamp, Timestamp),
) -> String {
    let mut text = String::new();
    let mut line = |one: String| {
        text.push_str(&one);
        text.push('\n');
    };
    let headline = format!("Organization {organization}, read {before} and {after}");
    if found.differences.is_empty() {
        let same = match found.unclear.is_empty() {
            true => paint(style::CREATE, format!("{headline}: no difference.")),
            false => paint(
                style::WARN,
                format!("{headline}: no difference in what could be compared."),
            ),
        };
        line(same);
    } else {
        line(format!(
            "{headline}: {} new, {} gone, {} changed",
            words::grouped(found.number(What::New)),
            words::grouped(found.number(What::Gone)),
            words::grouped(found.number(What::Changed))
        ));
    }
    let mut kind = None;
    for difference in &found.differences {
        if kind != Some(difference.kind) {
            kind = Some(difference.kind);
            line(String::new());
            line(paint(style::BOLD, difference.kind.as_str()));
        }
        one(difference, &mut line);
    }
    if !found.unclear.is_empty() {
        line(String::new());
        line("Not compared:".to_owned());
        for unclear in found.unclear.iter().take(UNCLEAR) {
            let name = match &unclear.name {
                Some(name) => format!("{}, {name}", unclear.kind.as_str()),
                None => unclear.kind.as_str().to_owned(),
            };
            line(format!("  {name}: {}", unclear.reason));
        }
        let more = found.unclear.len().saturating_sub(UNCLEAR);
        if more > 0 {
            line(format!("  … {} more", words::grouped(more)));
        }
    }
    text
}

fn one(difference: &Difference, line: &mut dyn FnMut(String)) {
    let (sign, color) = match difference.what {
        What::New => ("+", style::CREATE),
        What::Gone => ("-", style::DELETE),
        What::Changed => ("~", style::CHANGE),
    };
    line(format!(
        "  {}",
        paint(color, format!("{sign} {}", difference.name))
    ));
    // All there is of what is new or gone would hide what has changed; the JSON form has it.
    if difference.what != What::Changed {
        return;
    }
    let changes: Vec<FieldChange> = difference
        .fields
        .iter()
        .map(|field| FieldChange {
            field: field.field.clone(),
            before: field.before.clone(),
            after: field.after.clone().map(Expr::literal),
        })
        .collect();
    for field in fields::lines(&changes, Verb::Update) {
        line(field);
    }
}

/// The document of `diff --output json`.
pub fn json(
    found: &Differences,
    organization: &AccountId,
    (before, after): (Timestamp, Timestamp),
) -> Value {
    json!({
        "format": "orgstrap-diff",
        "version": VERSION,
        "management_account": organization,
        "before": before,
        "after": after,
        "summary": {
            "new": found.number(What::New),
            "gone": found.number(What::Gone),
            "changed": found.number(What::Changed),
            "unclear": found.unclear.len(),
        },
        "differences": found.differences,
        "unclear": found.unclear,
    })
}
