//! A tree for terminals.

use super::{account_lines, group_lines, group_title, title, whole_lines};
use crate::inventory::visible;
use crate::picture::{Group, OrgChart};

/// The tree.
pub fn text(picture: &OrgChart) -> String {
    let mut lines = vec![title(picture)];
    lines.extend(whole_lines(picture));
    lines.push(with(
        group_title(&picture.root),
        &group_lines(&picture.root),
    ));
    inside(&picture.root, "", &mut lines);
    lines.join("\n") + "\n"
}

fn with(name: String, more: &[String]) -> String {
    match more {
        [] => name,
        more => format!("{name}  {}", more.join("; ")),
    }
}

fn inside(group: &Group, indent: &str, lines: &mut Vec<String>) {
    let all = group.accounts.len() + group.groups.len();
    let mut branch = {
        let mut number = 0;
        move || {
            number += 1;
            match number == all {
                true => ("└── ", "    "),
                false => ("├── ", "│   "),
            }
        }
    };
    for leaf in &group.accounts {
        let name = with(visible(&leaf.name), &account_lines(leaf));
        lines.push(format!("{indent}{}{name}", branch().0));
    }
    for below in &group.groups {
        let (own, under) = branch();
        let name = with(format!("[{}]", group_title(below)), &group_lines(below));
        lines.push(format!("{indent}{own}{name}"));
        inside(below, &format!("{indent}{under}"), lines);
    }
}
