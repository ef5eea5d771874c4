//! Findings as Markdown, for a comment on a pull request. Pure.
//!
//! Every text from outside stands in `<code>` with its punctuation as entities, or in a fence
//! longer than any in it: a name can then neither format, nor link, nor mention anybody.

use std::fmt::Write;

use super::drift_view::{
    DriftView, Grid, Row, Status, also_about, counted, diff_lines, fix, grid, kind_word, place,
    printable,
};
use super::{age, words};
use crate::drift::{Finding, Severity};

/// The first line: a CI job finds its earlier comment by it.
pub const MARKER: &str = "<!-- orgstrap drift -->";

/// GitHub takes 65,536 characters in a comment; other forges take more.
const LIMIT: usize = 64_000;

/// The whole comment.
pub fn render(view: &DriftView<'_>) -> String {
    let found = view.findings;
    let grid = grid(found);
    let mut text = format!("{MARKER}\n## Drift: {}\n\n", counted(&found.findings));
    let accounts = words::count(found.accounts.len(), "account", "accounts");
    let checks = words::count(found.checked.values().sum(), "check", "checks");
    let _ = writeln!(
        text,
        "{} against organization {}, read {}: {checks} of {} in {accounts}.\n",
        code(view.plan_file),
        code(found.management_account.as_str()),
        found.taken_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        words::count(grid.controls.len(), "control", "controls"),
    );
    if let Some(age) = age::line(found.taken_at, &found.from_cache) {
        let _ = writeln!(text, "{age}\n");
    }
    if found.findings.is_empty() {
        return text;
    }
    summary(&grid, found.findings.as_slice(), &mut text);
    let mut left = 0;
    for row in worst_first(&grid) {
        let section = account(row, view);
        if text.len() + section.len() > LIMIT {
            left += row.findings.len();
            continue;
        }
        text.push_str(&section);
    }
    if left > 0 {
        let _ = writeln!(
            text,
            "{} left out: a comment holds no more. `orgstrap drift --output html` has all.",
            words::count(left, "finding", "findings")
        );
    }
    text
}

/// Rows with findings.
fn worst_first<'a, 'g>(grid: &'g Grid<'a>) -> Vec<&'g Row<'a>> {
    let mut rows: Vec<_> = grid
        .rows
        .iter()
        .filter(|row| !row.findings.is_empty())
        .collect();
    rows.sort_by_key(|row| row.status.worst_first());
    rows
}

/// Controls down, statuses across.
fn summary(grid: &Grid<'_>, findings: &[Finding], text: &mut String) {
    let columns: Vec<Status> = Status::ALL
        .into_iter()
        .rev()
        .filter(|&status| findings.iter().any(|f| Status::of(f) == status))
        .collect();
    text.push_str("| control |");
    for status in &columns {
        let _ = write!(text, " {} |", status.as_str());
    }
    text.push_str("\n| --- |");
    text.push_str(&" ---: |".repeat(columns.len()));
    text.push('\n');
    for control in &grid.controls {
        let of_control = || findings.iter().filter(|f| f.control == *control);
        if of_control().next().is_none() {
            continue;
        }
        let _ = write!(text, "| {} |", code(control));
        for &status in &columns {
            match of_control().filter(|f| Status::of(f) == status).count() {
                0 => text.push_str(" |"),
                number => {
                    let _ = write!(text, " {} |", words::grouped(number));
                }
            }
        }
        text.push('\n');
    }
    text.push('\n');
}

fn account(row: &Row<'_>, view: &DriftView<'_>) -> String {
    let findings: Vec<&Finding> = row
        .findings
        .iter()
        .filter_map(|&place| view.findings.findings.get(place))
        .collect();
    let name = match row.account {
        Some(name) => code(name),
        None => super::drift_view::ORGANIZATION.to_owned(),
    };
    let id = row.id.map(|id| format!(" ({id})")).unwrap_or_default();
    let mut text = format!(
        "<details>\n<summary>{} <b>{name}</b>{id}: {}, worst {}</summary>\n\n",
        mark(row.status),
        words::count(findings.len(), "finding", "findings"),
        row.status.as_str()
    );
    for finding in findings {
        one(finding, view, &mut text);
    }
    text.push_str("</details>\n\n");
    text
}

fn one(finding: &Finding, view: &DriftView<'_>, text: &mut String) {
    let _ = writeln!(
        text,
        "#### {} {}\n\n{} — {}\n\n{}, {}, in {}{}\n",
        mark(Status::of(finding)),
        code(&finding.subject),
        code(&finding.title),
        code(&finding.control),
        finding.severity,
        kind_word(finding.kind),
        code(&place(&finding.place)),
        match finding.references.as_slice() {
            [] => String::new(),
            references => format!(
                "; asked for by {}",
                words::list(&references.iter().map(|r| code(r)).collect::<Vec<_>>())
            ),
        }
    );
    if let Some(accounts) = also_about(finding) {
        let _ = writeln!(text, "About {}\n", code(&accounts));
    }
    if let Some(cause) = &finding.cause {
        let _ = writeln!(text, "Explained by {}\n", code(&cause.subject));
    }
    let lines = diff_lines(&finding.fields);
    if !lines.is_empty() {
        let fence = "`".repeat(longest_run(&lines).max(2) + 1);
        let _ = writeln!(text, "{fence}diff\n{}\n{fence}\n", lines.join("\n"));
    }
    if let Some(fix) = fix(&finding.fix, view.plan_file) {
        let _ = writeln!(text, "{}\n", code(&fix.replace('`', "")));
    }
}

/// A coloured sign; the word beside it says the same.
fn mark(status: Status) -> &'static str {
    match status {
        Status::Clear => "🟢",
        Status::Skipped => "⚪",
        Status::Unread => "❓",
        Status::Found(Severity::Info | Severity::Low) => "🔵",
        Status::Found(Severity::Medium) => "🟡",
        Status::Found(Severity::High) => "🟠",
        Status::Found(Severity::Critical) => "🔴",
    }
}

/// Literal text, in Markdown, in a table and in HTML alike.
fn code(text: &str) -> String {
    let mut out = String::from("<code>");
    for c in printable(text).chars() {
        // Entities are never structure (CommonMark, "Entity and numeric character references").
        match c.is_ascii_punctuation() && !matches!(c, '-' | '.' | ',' | '/') {
            true => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            false => out.push(c),
        }
    }
    out.push_str("</code>");
    out
}

fn longest_run(lines: &[String]) -> usize {
    let mut longest = 0;
    for line in lines {
        let mut run = 0;
        for c in line.chars() {
            run = if c == '`' { run + 1 } else { 0 };
            longest = longest.max(run);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_literal() {
        assert_eq!(
            code("@team *a* <b> `c` | [x](y) #1"),
            "<code>&#64;team &#42;a&#42; &#60;b&#62; &#96;c&#96; &#124; &#91;x&#93;&#40;y&#41; &#35;1</code>"
        );
        assert_eq!(code("payments-prod"), "<code>payments-prod</code>");
        assert_eq!(code("two\nlines"), "<code>two lines</code>");
    }

    #[test]
    fn the_longest_fence_is_found() {
        let lines = ["a ``` b".to_owned(), "````` ``".to_owned()];
        assert_eq!(longest_run(&lines), 5);
    }
}
