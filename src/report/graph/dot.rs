//! Graphviz DOT: groups are clusters, accounts are boxes.

use std::fmt::Write as _;

use super::{account_lines, group_lines, group_title, title, whole_lines};
use crate::inventory::visible;
use crate::picture::{Group, OrgChart};

/// The graph.
pub fn dot(picture: &OrgChart) -> String {
    let mut text = String::from("digraph organization {\n");
    let mut label = vec![title(picture)];
    label.extend(whole_lines(picture));
    let _ = writeln!(text, "  label={};", quoted(&label));
    text.push_str("  labelloc=t;\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  fontname=\"sans-serif\";\n");
    let mut number = 0;
    group(&picture.root, 1, &mut number, &mut text);
    text.push_str("}\n");
    text
}

fn group(of: &Group, depth: usize, number: &mut usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    *number += 1;
    let _ = writeln!(text, "{indent}subgraph cluster_{number} {{");
    let mut label = vec![group_title(of)];
    label.extend(group_lines(of));
    let _ = writeln!(text, "{indent}  label={};", quoted(&label));
    if of.size() == 0 {
        // Graphviz draws no cluster without a node in it.
        *number += 1;
        let _ = writeln!(text, "{indent}  n{number} [style=invis, label=\"\"];");
    }
    for leaf in &of.accounts {
        *number += 1;
        let mut label = vec![visible(&leaf.name)];
        label.extend(account_lines(leaf));
        let _ = writeln!(text, "{indent}  n{number} [label={}];", quoted(&label));
    }
    for below in &of.groups {
        group(below, depth + 1, number, text);
    }
    let _ = writeln!(text, "{indent}}}");
}

/// Lines as one quoted string. A backslash begins an escape in a label, so each is doubled; an ampersand may begin
/// one of HTML's entities, which Graphviz reads in every label.
fn quoted(lines: &[String]) -> String {
    let escaped: Vec<String> = lines
        .iter()
        .map(|line| {
            line.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('&', "&amp;")
        })
        .collect();
    format!("\"{}\"", escaped.join("\\n"))
}
