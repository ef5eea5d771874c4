//! Pictures of organizations: what is in them, and that no name becomes markup, by third parties' parsers
//! where there are any.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use orgstrap::picture::{By, Group, Picture, of_plan};
use orgstrap::plan;
use orgstrap::report::graph::{dot, mermaid, svg, text};

use crate::support::inside::Subject;
use crate::support::python;

/// Names that each form could take for its own words.
const HOSTILE: &str = r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"

[ou.'<script>alert(1)<\/script>']
[ou.'quote " \\ back ]]> end']
[ou."new\nline ${x} #quot; %% --> |a|"]
[ou."end"]
[ou."研究 & 開発"]

[account.a]
email = "a@example.com"
ou = '<script>alert(1)<\/script>'
name = "x"
id = "222222222222"
[account.b]
email = "b@example.com"
ou = 'quote " \\ back ]]> end'
[account.c]
email = "c@example.com"
ou = "new\nline ${x} #quot; %% --> |a|"
"#;

fn hostile() -> Picture {
    let loaded = plan::read_text("hostile", HOSTILE.to_owned(), Path::new("")).expect("a plan");
    of_plan(&loaded.plan, &By::Ou, None)
}

fn startup() -> Picture {
    of_plan(&Subject::example("startup").plan, &By::Ou, None)
}

#[test]
fn the_example_in_text() {
    insta::assert_snapshot!(text(&startup()));
}

#[test]
fn the_example_in_mermaid() {
    insta::assert_snapshot!(mermaid(&startup()));
}

#[test]
fn the_example_in_dot() {
    insta::assert_snapshot!(dot(&startup()));
}

/// The picture in the docs is this one.
#[test]
fn the_example_in_svg() {
    let path = crate::support::root().join("docs/images/organization.svg");
    let drawn = svg(&startup());
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if kept != drawn && std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        std::fs::write(&path, &drawn).expect("writes");
        return;
    }
    assert!(kept == drawn, "docs/images/organization.svg is not current");
}

fn accounts(group: &Group) -> Vec<String> {
    group
        .accounts
        .iter()
        .map(|leaf| leaf.name.clone())
        .collect()
}

#[test]
fn accounts_are_grouped_by_a_tag() {
    let text = r#"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
[segregation]
data = ["public", "restricted"]
[account.shop]
ou = "/"
email = "shop@example.com"
tags = { data = "public" }
[account.pay]
ou = "/"
email = "pay@example.com"
tags = { data = "restricted" }
[account.web]
ou = "/"
email = "web@example.com"
tags = { data = "public" }
"#;
    let loaded = plan::read_text("tags", text.to_owned(), Path::new("")).expect("a plan");
    let picture = of_plan(&loaded.plan, &By::Tag("data".to_owned()), None);
    let groups: BTreeMap<&str, Vec<String>> = picture
        .root
        .groups
        .iter()
        .map(|group| (group.name.as_str(), accounts(group)))
        .collect();
    assert_eq!(groups["data = public"], ["shop", "web"]);
    assert_eq!(groups["data = restricted"], ["pay"]);
    assert_eq!(groups["without data"], ["management account"]);
}

/// Python's XML parser, which is not ours, reads the SVG; nothing in it can be loaded or run.
#[test]
fn no_name_becomes_markup_in_svg() {
    let drawn = svg(&hostile());
    let Some(python) = python() else {
        eprintln!("left out: there is no Python");
        return;
    };
    let script = r#"
import sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
names = {element.tag.split('}')[1] for element in root.iter()}
assert names == {'svg', 'title', 'desc', 'style', 'rect', 'text', 'g'}, names
ids = {element.get('id'): element for element in root.iter() if element.get('id')}
assert [ids[name].tag.split('}')[1] for name in root.get('aria-labelledby').split()] == ['title', 'desc']
titles = [element.text for element in root.iter() if element.tag.endswith('title')]
for wanted in ['<script>alert(1)</script>', 'quote " \\ back ]]> end', '研究 & 開発', '--> |a|']:
    assert any(wanted in title for title in titles), wanted
"#;
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    use std::io::Write as _;
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(drawn.as_bytes())
        .expect("writes");
    assert!(child.wait().expect("waits").success());
}

#[test]
fn no_name_becomes_a_word_of_mermaid_or_dot() {
    let drawn = mermaid(&hostile());
    for line in drawn.lines().skip(2) {
        let line = line.trim();
        let shaped = line == "end"
            || (line.ends_with("\"]") && (line.starts_with("subgraph g") || line.starts_with('n')));
        assert!(shaped, "{line}");
        assert!(line.matches('"').count() <= 2, "{line}");
        assert!(
            !line.contains('<') || line.replace("<br/>", "").find('<').is_none(),
            "{line}"
        );
    }
    // Every string of DOT ends where it should: outside of strings there are only our own words.
    let drawn = dot(&hostile());
    let mut outside = String::new();
    let mut inside = false;
    let mut chars = drawn.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if inside => drop(chars.next()),
            '"' => inside = !inside,
            c if !inside => outside.push(c),
            _ => {}
        }
    }
    assert!(!inside);
    for word in outside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let ours = [
            "",
            "digraph",
            "organization",
            "label",
            "labelloc",
            "t",
            "rankdir",
            "LR",
            "node",
            "shape",
            "box",
            "style",
            "rounded",
            "fontname",
            "subgraph",
            "invis",
        ]
        .contains(&word)
            || word
                .strip_prefix("cluster_")
                .or(word.strip_prefix('n'))
                .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
        assert!(ours, "{word}");
    }
}
