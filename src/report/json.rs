//! The JSON forms, documented in `docs/json.md`: stable shapes, apart from the nouns' own serde.
//!
//! Every document and every line says its `format` or `event`. Durations are seconds as numbers.

use std::time::Duration;

use serde_json::{Value, json};

use super::plan::{Preview, counts, reason};
use crate::addr::Address;
use crate::change::{Change, Verb};
use crate::diff::Notice;
use crate::event::{Event, Failure};
use crate::inventory::ReadFailure;

/// The number that changes when a shape changes incompatibly.
pub const VERSION: u32 = 1;

/// An address: its kind and name as data, and as text.
pub fn address(address: &Address) -> Value {
    let mut value = serde_json::to_value(address).unwrap_or(Value::Null);
    if let Value::Object(map) = &mut value {
        map.insert("text".to_owned(), address.to_string().into());
    }
    value
}

/// The verb's word, as in the saved change file.
pub fn verb(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Move => "move",
        Verb::Delete => "delete",
        Verb::Ensure => "ensure",
    }
}

fn seconds(took: Duration) -> Value {
    // Milliseconds are as fine as anything here is measured.
    json!(took.as_millis() as f64 / 1000.0)
}

fn unread(unread: &ReadFailure) -> Value {
    json!({ "operation": unread.operation, "reason": unread.reason })
}

fn change(change: &Change) -> Value {
    let fields: Vec<Value> = change
        .fields
        .iter()
        .map(|field| {
            let after = field.after.as_ref();
            let waits: Vec<String> = after
                .into_iter()
                .flat_map(|text| text.references().map(|(address, _)| address.to_string()))
                .collect();
            json!({
                "field": field.field,
                "before": field.before,
                "after": after.map(ToString::to_string),
                "known_after": waits,
            })
        })
        .collect();
    let needs: Vec<String> = change.all_needs().iter().map(ToString::to_string).collect();
    json!({
        "address": address(&change.address),
        "verb": verb(change.verb),
        "reason": change.reason,
        "fields": fields,
        "needs": needs,
    })
}

/// The document of `plan --output json`.
pub fn plan(preview: &Preview) -> Value {
    let mut summary = serde_json::Map::new();
    summary.insert("changes".to_owned(), preview.changes.len().into());
    let counts = counts(&preview.changes);
    for kind in [
        Verb::Create,
        Verb::Update,
        Verb::Move,
        Verb::Delete,
        Verb::Ensure,
    ] {
        let number = counts.get(&kind).copied().unwrap_or(0);
        summary.insert(verb(kind).to_owned(), number.into());
    }
    json!({
        "format": "orgstrap-plan",
        "version": VERSION,
        "source": preview.source,
        "management_account": preview.management_account,
        "summary": summary,
        "expected_seconds": preview.expected.map(seconds),
        "from_cache": preview.from_cache,
        "changes": preview.changes.iter().map(change).collect::<Vec<_>>(),
        "blocked": preview.blocked.iter().map(|blocked| json!({
            "address": address(&blocked.address),
            "reason": reason(&blocked.reason),
            "hint": blocked.hint,
        })).collect::<Vec<_>>(),
        "unread": preview.unread.iter().map(unread).collect::<Vec<_>>(),
        "unmanaged": preview.unmanaged,
        "warnings": warnings(&preview.warnings),
        "notices": preview.notices.iter().map(|notice| json!({
            "address": address(&notice.address), "text": notice.text, "hint": notice.hint,
        })).collect::<Vec<_>>(),
        "problems": preview.problems,
        "left": super::left::json(&preview.left),
        "losses": super::loss::json(&preview.losses),
        "costs": preview.costs,
    })
}

/// What policies would refuse.
pub fn warnings(warnings: &[Notice]) -> Vec<Value> {
    warnings
        .iter()
        .map(|warning| {
            json!({
                "address": address(&warning.address), "text": warning.text, "hint": warning.hint,
            })
        })
        .collect()
}

/// Why a change failed.
pub fn failure(failure: &Failure) -> Value {
    json!({
        "context": failure.context,
        "message": failure.message,
        "hint": failure.hint,
        "request_id": failure.request_id,
    })
}

/// One line of `apply --output json`: an event, when it came, and how far the run is.
pub fn event(event: &Event, elapsed: Duration, ended: usize, total: usize) -> Value {
    let mut line = match event {
        Event::Started { change } => json!({ "event": "started", "address": address(change) }),
        Event::Waiting { change, why } => {
            json!({ "event": "waiting", "address": address(change), "why": why })
        }
        Event::Done { change, took } => {
            json!({ "event": "done", "address": address(change), "took_seconds": seconds(*took) })
        }
        Event::Failed {
            change,
            took,
            failure: why,
        } => json!({
            "event": "failed", "address": address(change), "took_seconds": seconds(*took),
            "failure": failure(why),
        }),
        Event::NotTried { change, reason } => {
            json!({ "event": "not-tried", "address": address(change), "reason": reason })
        }
        Event::ReadingBack { why } => json!({ "event": "reading-back", "why": why }),
        Event::Stopping => json!({ "event": "stopping" }),
        Event::Notice { text } => json!({ "event": "notice", "text": text }),
    };
    if let Value::Object(map) = &mut line {
        map.insert("at_seconds".to_owned(), seconds(elapsed));
        map.insert("ended".to_owned(), ended.into());
        map.insert("total".to_owned(), total.into());
    }
    line
}
