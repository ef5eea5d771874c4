//! A Mermaid flowchart, which GitHub and GitLab draw in Markdown.

use std::fmt::Write as _;

use super::{account_lines, group_lines, group_title, title, whole_lines};
use crate::inventory::visible;
use crate::picture::{Group, OrgChart};

/// The flowchart.
pub fn mermaid(picture: &OrgChart) -> String {
    let mut text = String::from("flowchart TB\n");
    let mut about = vec![title(picture)];
    about.extend(whole_lines(picture));
    let _ = writeln!(text, "  accTitle: {}", plain(&about.join(" - ")));
    let mut number = 0;
    group(&picture.root, 1, &mut number, &mut text);
    text
}

fn group(of: &Group, depth: usize, number: &mut usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    *number += 1;
    let mut label = vec![group_title(of)];
    label.extend(group_lines(of));
    let _ = writeln!(text, "{indent}subgraph g{number}[{}]", quoted(&label));
    if of.accounts.is_empty() && of.groups.is_empty() {
        *number += 1;
        let _ = writeln!(text, "{indent}  n{number}[\"no accounts\"]");
    }
    for leaf in &of.accounts {
        *number += 1;
        let mut label = vec![visible(&leaf.name)];
        label.extend(account_lines(leaf));
        let _ = writeln!(text, "{indent}  n{number}[{}]", quoted(&label));
    }
    for below in &of.groups {
        group(below, depth + 1, number, text);
    }
    let _ = writeln!(text, "{indent}end");
}

fn quoted(lines: &[String]) -> String {
    let escaped: Vec<String> = lines.iter().map(|line| plain(line)).collect();
    format!("\"{}\"", escaped.join("<br/>"))
}

/// Characters that Mermaid, Markdown or HTML could take for their own, as Mermaid's entity codes.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        let safe = !c.is_ascii() || c.is_ascii_alphanumeric() || " ,.-/:=".contains(c);
        if safe {
            text.push(c);
        } else {
            let _ = write!(text, "#{};", u32::from(c));
        }
    }
    text
}
