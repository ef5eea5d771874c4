//! An edit of the plan's file, as a comparison of lines.

use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use crate::report::style::{self, paint};

/// The lines that go and come, with a few around them; ends in a line end.
pub fn text(file: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut text = format!("{}\n", paint(style::BOLD, format!("{file}:")));
    for (number, group) in diff.grouped_ops(2).iter().enumerate() {
        if number > 0 {
            text.push_str("  …\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value().trim_end_matches(['\r', '\n']);
            let (sign, color) = match change.tag() {
                ChangeTag::Delete => ("-", style::DELETE),
                ChangeTag::Insert => ("+", style::CREATE),
                ChangeTag::Equal => (" ", style::DIM),
            };
            let line = format!("  {sign} {line}");
            text.push_str(&format!("{}\n", paint(color, line.trim_end())));
        }
    }
    text
}

/// The lines that go and come; null where there are none.
pub fn json(before: &str, after: &str) -> Value {
    if before == after {
        return Value::Null;
    }
    let diff = TextDiff::from_lines(before, after);
    let lines = |desired: ChangeTag| -> Vec<String> {
        diff.iter_all_changes()
            .filter(|change| change.tag() == desired)
            .map(|change| change.value().trim_end_matches(['\r', '\n']).to_owned())
            .collect()
    };
    json!({ "removed": lines(ChangeTag::Delete), "added": lines(ChangeTag::Insert) })
}
