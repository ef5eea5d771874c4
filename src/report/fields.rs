//! Fields before and after, as lines: short values side by side, long ones as a line diff.

use similar::{ChangeTag, TextDiff};

use super::style::{self, paint};
use super::words;
use crate::change::{FieldChange, Verb};

/// The longest value shown whole beside its name.
const SHORT: usize = 100;
/// How many lines of a line diff are shown; the JSON form has all.
const DIFF_LINES: usize = 40;

/// The lines under a change, indented, without a line end on the last.
pub(super) fn lines(fields: &[FieldChange], verb: Verb) -> Vec<String> {
    let width = fields
        .iter()
        .map(|field| field.field.chars().count())
        .max()
        .unwrap_or(0);
    fields
        .iter()
        .flat_map(|field| one(field, verb, width))
        .collect()
}

fn one(field: &FieldChange, verb: Verb, width: usize) -> Vec<String> {
    let name = format!("{:width$}", field.field);
    let after = field.after.as_ref().map(ToString::to_string);
    match (&field.before, &after) {
        (None, None) => Vec::new(),
        (None, Some(after)) if verb == Verb::Create => {
            vec![format!("      {name}  {}", paint(style::DIM, short(after)))]
        }
        (None, Some(after)) => vec![format!(
            "      {name}  {} → {}",
            paint(style::DIM, "none"),
            paint(style::CREATE, short(after))
        )],
        (Some(before), None) => vec![format!(
            "      {name}  {} → {}",
            paint(style::DELETE, short(before)),
            paint(style::DIM, "none")
        )],
        (Some(before), Some(after)) if fits(before) && fits(after) => vec![format!(
            "      {name}  {} → {}",
            paint(style::DELETE, quoted(before)),
            paint(style::CREATE, quoted(after))
        )],
        (Some(before), Some(after)) => {
            let mut lines = vec![format!("      {}", name.trim_end())];
            lines.extend(line_diff(&pretty(before), &pretty(after)));
            lines
        }
    }
}

fn fits(value: &str) -> bool {
    value.chars().count() <= SHORT && !value.contains('\n')
}

/// An empty value or one with outer spaces would be invisible.
pub(super) fn quoted(value: &str) -> String {
    if value.is_empty() || value.trim() != value {
        format!("{value:?}")
    } else {
        value.to_owned()
    }
}

/// A value that does not fit is named by its size: a whole template helps nobody in a list.
fn short(value: &str) -> String {
    if fits(value) {
        return quoted(value);
    }
    let characters = words::count(value.chars().count(), "character", "characters");
    match value.lines().count() {
        0 | 1 => format!("({characters})"),
        lines => format!("({lines} lines, {characters})"),
    }
}

/// JSON is compared by its meaningful lines, other text as it is.
pub(super) fn pretty(text: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => {
            serde_json::to_string_pretty(&value).unwrap_or_else(|_| text.to_owned())
        }
        _ => text.to_owned(),
    }
}

fn line_diff(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(2).iter().enumerate() {
        if number > 0 {
            lines.push(format!("        {}", paint(style::DIM, "…")));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value().trim_end_matches('\n');
            lines.push(match change.tag() {
                ChangeTag::Equal => format!("          {}", paint(style::DIM, text)),
                ChangeTag::Delete => {
                    format!("        {}", paint(style::DELETE, format!("- {text}")))
                }
                ChangeTag::Insert => {
                    format!("        {}", paint(style::CREATE, format!("+ {text}")))
                }
            });
        }
    }
    if lines.len() > DIFF_LINES {
        let more = lines.len() - DIFF_LINES;
        lines.truncate(DIFF_LINES);
        lines.push(format!(
            "        {}",
            paint(
                style::DIM,
                format!(
                    "… {} more; `--output json` has all",
                    words::count(more, "line", "lines")
                )
            )
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::addr::{Address, Attribute, Expr};

    fn shown(fields: &[FieldChange], verb: Verb) -> String {
        strip_str(&lines(fields, verb).join("\n")).to_string()
    }

    fn field(name: &str, before: Option<&str>, after: Option<&str>) -> FieldChange {
        FieldChange {
            field: name.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(Expr::from),
        }
    }

    #[test]
    fn every_form_of_a_field() {
        let waits = FieldChange {
            field: "bucket".to_owned(),
            before: None,
            after: Some(Expr::reference(
                Address::Account("log-archive".parse().expect("a key")),
                Attribute::Id,
            )),
        };
        insta::assert_snapshot!(shown(
            &[
                field("ou", Some("Workloads/Dev"), Some("Workloads/Prod")),
                field("tag team", None, Some("payments")),
                field("tag old", Some("x"), None),
                field("description", Some(""), Some(" padded ")),
                waits,
            ],
            Verb::Update,
        ), @r#"
              ou           Workloads/Dev → Workloads/Prod
              tag team     none → payments
              tag old      x → none
              description  "" → " padded "
              bucket       none → (known after account log-archive)
        "#);
    }

    #[test]
    fn json_is_compared_by_its_lines() {
        let before = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["cloudtrail:StopLogging","cloudtrail:DeleteTrail"],"Resource":"*"}]}"#;
        let after = before.replace("\"cloudtrail:DeleteTrail\"", "\"cloudtrail:UpdateTrail\"");
        insta::assert_snapshot!(shown(&[field("content", Some(before), Some(&after))], Verb::Update), @r#"
              content
                        "Action": [
                          "cloudtrail:StopLogging",
                -         "cloudtrail:DeleteTrail"
                +         "cloudtrail:UpdateTrail"
                        ],
                        "Resource": "*"
        "#);
    }

    #[test]
    fn a_long_value_of_a_creation_is_named_by_its_size() {
        let template = "Resources:\n".repeat(500);
        insta::assert_snapshot!(
            shown(&[field("template", None, Some(&template))], Verb::Create),
            @"      template  (500 lines, 5,500 characters)"
        );
    }

    #[test]
    fn a_long_difference_is_cut_and_says_so() {
        let before: String = (0..100).map(|line| format!("a{line}\n")).collect();
        let after: String = (0..100).map(|line| format!("b{line}\n")).collect();
        let text = shown(
            &[field("template", Some(&before), Some(&after))],
            Verb::Update,
        );
        assert!(
            text.ends_with("… 160 lines more; `--output json` has all"),
            "{text}"
        );
    }
}
