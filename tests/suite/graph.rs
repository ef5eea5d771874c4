//! Pictures of organizations: what is in them, and that no name becomes markup, by third parties' parsers
//! where there are any.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use orgstrap::inventory::visible;
use orgstrap::picture::{By, Group, OrgChart, of_plan};
use orgstrap::plan;
use orgstrap::report::graph::{dot, mermaid, svg, text};

use serde_json::{Value, json};

use crate::support::inside::LoadedPlan;
use crate::support::{golden, python, root};

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

fn hostile() -> OrgChart {
    let loaded = plan::read_text("hostile", HOSTILE.to_owned(), Path::new("")).expect("a plan");
    of_plan(&loaded.plan, &By::Ou, None)
}

fn startup() -> OrgChart {
    of_plan(&LoadedPlan::example("startup").plan, &By::Ou, None)
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
    golden::file(&path, &svg(&startup()));
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
        .stdin(Stdio::piped())
        .spawn()
        .expect("starts");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(drawn.as_bytes())
        .expect("writes");
    assert!(child.wait().expect("waits").success());
}

/// What somebody else's parser reads in a picture; `None` where there is no Python for it.
fn read(form: &str, drawn: &str) -> Option<std::process::Output> {
    let mut child = Command::new(python()?)
        .arg("-B")
        .arg(root().join("tests/python/picture.py"))
        .arg(form)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(drawn.as_bytes()).expect("writes");
    drop(stdin);
    Some(child.wait_with_output().expect("waits"))
}

/// What such a parser should read.
fn meant(group: &Group) -> Value {
    let accounts = match group.size() {
        1 => "1 account".to_owned(),
        number => format!("{number} accounts"),
    };
    let mut names = self::accounts(group);
    names.sort();
    let mut groups: Vec<Value> = group.groups.iter().map(meant).collect();
    groups.sort_by(|a, b| a[0].as_str().cmp(&b[0].as_str()));
    let title = format!("{} ({accounts})", visible(&group.name));
    json!([title, names, groups])
}

/// Names are read as they are, whatever a form makes of their characters.
#[test]
fn other_parsers_read_the_same_organization() {
    let text = r##"
[organization]
management_account = "111111111111"
home_region = "eu-west-1"
[ou."R&amp;D"]
[ou.'50% \\N \\l']
[ou.'a<br\/>b']
[ou."subgraph x"]
[ou."subgraph x/`code` #40; {r}"]
[account.a]
email = "a@example.com"
ou = "subgraph x"
"##;
    let odd = plan::read_text("odd", text.to_owned(), Path::new("")).expect("a plan");
    let odd = of_plan(&odd.plan, &By::Ou, None);
    // A parser that takes everything proves nothing.
    for (form, text) in [("dot", "digraph a {"), ("mermaid", "flowchart TB\n a[\"b")] {
        let Some(out) = read(form, text) else {
            return;
        };
        assert!(!out.status.success(), "{form}");
    }
    for picture in [odd, hostile()] {
        for (form, text) in [("dot", dot(&picture)), ("mermaid", mermaid(&picture))] {
            let out = read(form, &text).expect("Python is there");
            let told = String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success(), "{form}\n{text}\n{told}");
            let read: Value = serde_json::from_slice(&out.stdout).expect("JSON");
            assert_eq!(read, meant(&picture.root), "{form}\n{text}");
        }
    }
}
