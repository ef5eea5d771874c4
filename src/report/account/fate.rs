//! What becomes of an account's stacks when it moves.

use serde_json::{Value, json};

use crate::diff::Fate;
use crate::report::style::{self, paint};

/// One line a stack set, ending in a line end; nothing where there is nothing to tell.
pub fn text(fates: &[Fate]) -> String {
    if fates.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", paint(style::BOLD, "Its stacks"));
    let width = fates.iter().map(|fate| fate.set.len()).max();
    for fate in fates {
        let color = match fate.deletes() {
            true => style::DELETE,
            false => style::DIM,
        };
        text.push_str(&format!(
            "  {:width$}  {}\n",
            fate.set,
            paint(color, words(fate)),
            width = width.unwrap_or_default()
        ));
        for data in &fate.data {
            text.push_str(&format!(
                "      {}: {data}\n",
                paint(style::WARN, "with data")
            ));
        }
    }
    text
}

/// What happens, in words.
fn words(fate: &Fate) -> String {
    let gone = match fate.retained {
        true => "given up by the stack set and kept",
        false => "deleted by AWS",
    };
    match (&fate.before, &fate.after) {
        (Some(before), Some(_)) if fate.stays => {
            format!("stay: {before} is the stack set's target before and after")
        }
        (Some(before), Some(after)) => {
            format!("{gone} on leaving {before}, then created for {after}")
        }
        (Some(before), None) => {
            format!("{gone} on leaving {before}; the new OU goes without")
        }
        (None, Some(after)) => format!("created for {after}"),
        (None, None) => "left over; taken away".to_owned(),
    }
}

/// The line of `--output json`.
pub fn json(fates: &[Fate]) -> Value {
    let fates: Vec<Value> = fates
        .iter()
        .map(|fate| {
            json!({
                "stack_set": fate.set,
                "before": fate.before,
                "after": fate.after,
                "stays": fate.stays,
                "deletes": fate.deletes(),
                "retained": fate.retained,
                "regions": fate.regions,
                "data": fate.data.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "event": "stacks", "stacks": fates })
}
