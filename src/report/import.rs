//! What `import` wrote, and what there is to know of it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::style::{self, paint};
use crate::import::{Imported, RemarkKind};
use crate::inventory::visible;

/// For people. `left` is what `plan` would still change.
pub fn text(imported: &Imported, out: &Path, left: &[String]) -> String {
    let mut text = String::new();
    for remark in &imported.remarks {
        let style = match remark.kind {
            RemarkKind::Guess | RemarkKind::NoAccess | RemarkKind::Denied | RemarkKind::Unread => {
                style::WARN
            }
            RemarkKind::Adopted | RemarkKind::OtherTool | RemarkKind::LeftOut => style::DIM,
        };
        let _ = writeln!(
            text,
            "{}: {}",
            paint(style, remark.kind.as_str()),
            visible(&remark.text)
        );
    }
    let files = match imported.documents.len() {
        0 => String::new(),
        1 => " and a policy beside it".to_owned(),
        count => format!(" and {count} policies beside it"),
    };
    let _ = writeln!(text, "Wrote {}{files}.", out.display());
    if left.is_empty() {
        let _ = writeln!(text, "It is what AWS holds: `plan` on it has no changes.");
    } else {
        let _ = writeln!(text, "`plan` on it still has differences:");
        for line in left {
            let _ = writeln!(text, "  {}", visible(line));
        }
    }
    text
}

/// For programs.
pub fn json(imported: &Imported, out: &Path, left: &[String]) -> Value {
    let remarks: Vec<Value> = imported
        .remarks
        .iter()
        .map(|remark| json!({"kind": remark.kind.as_str(), "text": remark.text}))
        .collect();
    json!({
        "plan": out.display().to_string(),
        "policies": imported.documents.keys().collect::<Vec<_>>(),
        "remarks": remarks,
        "differences": left,
    })
}
