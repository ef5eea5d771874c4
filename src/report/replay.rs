//! What a replay comes to: text and JSON.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::json::VERSION;
use super::style::{self, paint};
use super::words;
use crate::sandbox::replay::Replay;

/// The differences, then what was asked in all.
pub fn text(replay: &Replay) -> String {
    let mut text = String::new();
    for one in &replay.differences {
        let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        text.push_str(&format!(
            "line {}: {} in {}: {}\n    recorded   {}\n    simulated  {}\n",
            one.line,
            paint(style::BOLD, &one.operation),
            one.region,
            one.place,
            side(&one.recorded),
            side(&one.simulated)
        ));
    }
    let lines: BTreeSet<usize> = replay.differences.iter().map(|one| one.line).collect();
    let mut last = match lines.len() {
        0 => format!(
            "{}, and the sandbox answers each as recorded",
            words::count(replay.calls, "call", "calls")
        ),
        some => format!(
            "{} of {} otherwise than recorded",
            words::count(some, "answer is", "answers are"),
            words::count(replay.calls, "call", "calls")
        ),
    };
    if replay.at_another_time > 0 {
        last.push_str(&format!("; {} at another time", replay.at_another_time));
    }
    if replay.lost > 0 {
        last.push_str(&format!("; {} without an answer", replay.lost));
    }
    text.push_str(&last);
    text.push_str(".\n");
    text
}

/// The same as data.
pub fn json(replay: &Replay) -> Value {
    json!({
        "format": "orgstrap-replay",
        "version": VERSION,
        "calls": replay.calls,
        "lost": replay.lost,
        "at_another_time": replay.at_another_time,
        "differences": replay.differences,
    })
}
