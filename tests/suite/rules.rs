//! The rules of the house that no compiler checks: who may name what, who prints, and whether the
//! documents still say what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::code::{self, Code, sources};
use crate::support::{golden, root};

/// What each module of `src/` may import, from the ground up. An arrow that is not here fails, and so does one here that
/// nothing uses any more.
const MAY_IMPORT: &str = "
    The ground, and what is made of plan and AWS's answers without asking anybody:
    plan: authorization services toml_file
    addr: plan
    inventory: addr plan
    action: addr inventory plan
    change: action addr
    baseline: addr inventory plan toml_file
    event: addr
    graph: addr change
    diff: action addr authorization baseline change inventory plan
    drift: action addr authorization baseline change diff inventory plan
    import: addr baseline change diff inventory plan toml_file
    picture: drift inventory plan

    What asks and changes AWS:
    aws: duration inventory plan services
    observe: action addr aws baseline inventory plan
    execute: action addr aws baseline change duration event graph inventory observe plan
    rehearse: action addr event graph inventory plan sandbox

    What tells, what verbs do, and the verbs:
    report: action addr baseline change diff drift duration event execute import inventory picture plan rehearse sandbox
    ops: action addr aws baseline change diff drift event execute graph inventory observe plan rehearse report sandbox
    cli: action addr authorization baseline change diff drift execute import inventory ops picture plan rehearse report sandbox
";

/// Arrows that are there and should not be, each with what is to become of it.
const TO_BE_REMOVED: &str = "
    observe: diff (what a removal will touch is asked for by who asks)
    aws: sandbox (the form of recordings is shared by what writes and what replays them)
    rehearse: aws (which operations share a rate is a table of the ground)
    cli: aws (import, sessions and recordings ask AWS through `ops`)
    cli: graph (closing goes through `ops`)
    cli: observe (ages and simulate go through `ops`)
";

/// The arrows of a table: from, to.
fn listed(table: &str) -> impl Iterator<Item = (String, String)> {
    table.lines().flat_map(|line| {
        let line = line.split('(').next().unwrap_or_default();
        let (from, to) = line.split_once(':').unwrap_or_default();
        let from = from.trim();
        to.split_whitespace()
            .map(|to| (from.to_owned(), to.to_owned()))
            .collect::<Vec<_>>()
    })
}

fn all() -> Vec<&'static Code> {
    sources().iter().collect()
}

fn under(name: &str, modules: &[&str]) -> bool {
    modules
        .iter()
        .any(|module| name.starts_with(&format!("{module}/")) || name == format!("{module}.rs"))
}

/// Where one of the modules of `src/` imports another: from, to, and the first place.
fn arrows(all: &[&Code]) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for code in all {
        let (from, _) = code.name.split_once(['/', '.']).expect("a file");
        if ["lib", "main", "sandbox", "authorization"].contains(&from) {
            continue;
        }
        for path in &code.paths {
            let to = match (path.parts[0].as_str(), path.parts.get(1)) {
                ("crate" | "$crate" | "orgstrap", Some(module)) => module.trim_end_matches('!'),
                ("orgstrap_sandbox", _) => "sandbox",
                ("orgstrap_authorization", _) => "authorization",
                _ => continue,
            };
            if to != from {
                let place = format!("{}:{}", code.name, path.line);
                found
                    .entry((from.to_owned(), to.to_owned()))
                    .or_insert(place);
            }
        }
    }
    found
}

/// What is wrong with the arrows, as the lines of the table that would be to write.
fn wrong_arrows(all: &[&Code]) -> Vec<String> {
    let allowed: BTreeSet<(String, String)> =
        listed(MAY_IMPORT).chain(listed(TO_BE_REMOVED)).collect();
    let found = arrows(all);
    let new = found.iter().filter(|(arrow, _)| !allowed.contains(*arrow));
    let new = new.map(|((from, to), place)| format!("{place}: {from} may not import {to}"));
    let gone = allowed.iter().filter(|arrow| !found.contains_key(*arrow));
    let gone =
        gone.map(|(from, to)| format!("{from} imports {to} no more: take it out of the table"));
    new.chain(gone).collect()
}

/// The places where something is named, but for the files where it may be.
fn offenders(
    all: &[&Code],
    allowed: impl Fn(&str) -> bool,
    wrong: impl Fn(&[String]) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    for code in all.iter().filter(|code| !allowed(&code.name)) {
        for path in &code.paths {
            if wrong(&path.parts) {
                let (name, line) = (&code.name, path.line);
                found.push(format!("{name}:{line}: {}", path.parts.join("::")));
            }
        }
    }
    found
}

fn begins(parts: &[String], with: &str) -> bool {
    let mut with = with.split("::");
    with.clone().count() <= parts.len() && parts.iter().zip(&mut with).all(|(a, b)| a == b)
}

fn named_sdk_crates(all: &[&Code]) -> Vec<String> {
    // The table of services says by which crate each is called, and uses none.
    let may = |name: &str| under(name, &["aws", "observe", "execute", "services"]);
    offenders(all, may, |parts| parts[0].starts_with("aws_sdk_"))
}

fn printing(all: &[&Code]) -> Vec<String> {
    let macros = ["print!", "println!", "eprint!", "eprintln!", "dbg!"];
    let may = |name: &str| under(name, &["report"]);
    offenders(all, may, |parts| {
        let last = parts
            .last()
            .is_some_and(|last| macros.contains(&last.as_str()));
        last || begins(parts, "std::io::stdout") || begins(parts, "std::io::stderr")
    })
}

/// Two readers of one template would come to see two things in it. The sandbox has its own: two witnesses.
fn second_readers(all: &[&Code]) -> Vec<String> {
    let may = |name: &str| name == "baseline/document.rs" || under(name, &["sandbox"]);
    offenders(all, may, |parts| parts[0] == "saphyr")
}

fn impure(all: &[&Code]) -> Vec<String> {
    let pure = [
        "action",
        "addr",
        "change",
        "diff",
        "drift",
        "event",
        "graph",
        "import",
        "inventory",
        "picture",
        "services",
    ];
    let world = [
        "tokio",
        "std::fs",
        "std::env",
        "std::thread",
        "std::time::Instant",
        "std::time::SystemTime",
        "jiff::Timestamp::now",
        "jiff::Zoned::now",
        "fastrand",
    ];
    let other = |name: &str| !under(name, &pure);
    offenders(all, other, |parts| {
        world.iter().any(|with| begins(parts, with))
    })
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let wrong = wrong_arrows(&all());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is above another in the table is never imported by it from below: there is no circle.
#[test]
fn the_table_goes_one_way() {
    let order: Vec<String> = listed(MAY_IMPORT).map(|(from, _)| from).collect();
    let place = |module: &str| order.iter().position(|from| from == module);
    for (from, to) in listed(MAY_IMPORT) {
        assert!(
            place(&to) < place(&from),
            "{from} imports {to}, which stands below it in the table"
        );
    }
}

#[test]
fn templates_have_one_reader() {
    let found = second_readers(&all());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_aws_observe_and_execute_name_sdk_crates() {
    let found = named_sdk_crates(&all());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_report_prints() {
    let found = printing(&all());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn pure_modules_stay_pure() {
    let found = impure(&all());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Each rule finds what is planted at the end of a file: also of those whose tests stand near their beginning, and with
/// addresses, comments and blocks of text before it.
#[test]
fn a_violation_at_the_end_of_a_file_is_found() {
    type Rule = fn(&[&Code]) -> Vec<String>;
    let rules: [(&str, Rule, &str); 6] = [
        (
            "plan/mod.rs",
            wrong_arrows,
            "use crate::{cli::{self as up}};",
        ),
        (
            "observe/mod.rs",
            printing,
            "fn planted() { println!(\"{}\", 1); }",
        ),
        ("baseline/render.rs", second_readers, "use saphyr::Yaml;"),
        (
            "graph/mod.rs",
            impure,
            "mod planted { use std::{time::{Duration, Instant}}; }",
        ),
        (
            "sandbox/codec/mod.rs",
            named_sdk_crates,
            "fn planted(_: &aws_sdk_iam::Client) {}",
        ),
        (
            "diff/mod.rs",
            wrong_arrows,
            "fn planted() { super::execute::run() }",
        ),
    ];
    let texts: BTreeMap<String, String> = code::files().into_iter().collect();
    for (name, rule, planted) in rules {
        let text = format!(
            "{}\nconst SEEN: &str = \"https://example.com/{{\"; // }}\nconst BLOCK: &str = r#\"\n}} {planted}\"#;\n{planted}\n",
            texts[name]
        );
        let changed = Code::of(name, &text).expect("is read whole");
        let mut with: Vec<&Code> = all();
        let file = with.iter_mut().find(|code| code.name == name);
        *file.expect("is read") = &changed;
        let place = format!("{name}:{}: ", text.lines().count());
        let found = rule(&with);
        assert!(
            found.len() == 1 && found[0].starts_with(&place),
            "{name}: {found:?}"
        );
        assert_eq!(rule(&all()), [""; 0], "{name}");
    }
}

/// A dependency that nothing names is built for nothing. What only tests name belongs to `[dev-dependencies]`.
#[test]
fn every_dependency_is_named_in_the_code_of_its_crate() {
    let mut unused = Vec::new();
    for (folder, prefix) in [
        ("", None),
        ("crates/authorization", Some("authorization/")),
        ("crates/sandbox", Some("sandbox/")),
    ] {
        let path = root().join(folder).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).expect("reads");
        let manifest: toml::Table = manifest.parse().expect("TOML");
        let of_crate = |name: &str| match prefix {
            Some(prefix) => name.starts_with(prefix),
            None => !name.starts_with("sandbox/") && !name.starts_with("authorization/"),
        };
        let code: Vec<&Code> = all()
            .into_iter()
            .filter(|code| of_crate(&code.name))
            .collect();
        let mut texts: Vec<String> = code::files()
            .into_iter()
            .filter_map(|(name, text)| of_crate(&name).then_some(text))
            .collect();
        texts.extend(["tests", "examples"].iter().flat_map(|below| {
            let files = code::rust_files(&root().join(folder).join(below));
            files.into_iter().map(|(_, text)| text)
        }));
        let names = |kind: &str| -> Vec<String> {
            let table = manifest.get(kind).and_then(toml::Value::as_table);
            let names = table.into_iter().flat_map(toml::Table::keys);
            names.map(|name| name.replace('-', "_")).collect()
        };
        for name in names("dependencies") {
            if !code.iter().any(|code| code.has(&name)) {
                unused.push(format!("{}: {name}", path.display()));
            }
        }
        for name in names("dev-dependencies") {
            if !texts.iter().any(|text| text.contains(&format!("{name}::"))) {
                unused.push(format!("{}: {name} (for tests)", path.display()));
            }
        }
    }
    assert!(unused.is_empty(), "named nowhere:\n{}", unused.join("\n"));
}

#[test]
fn the_architecture_names_every_module() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("is there");
    let modules: BTreeSet<String> = std::fs::read_dir(root().join("src"))
        .expect("reads")
        .map(|entry| entry.expect("reads").path())
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .filter(|name| name != "main" && name != "lib")
        .collect();
    for module in modules {
        assert!(
            text.contains(&format!("`{module}`")),
            "ARCHITECTURE.md does not name `{module}`"
        );
    }
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut documents: Vec<PathBuf> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "crates/sandbox/README.md",
        "tests/worlds/README.md",
    ]
    .iter()
    .map(|name| root().join(name))
    .collect();
    for entry in std::fs::read_dir(root().join("docs")).expect("reads") {
        let path = entry.expect("reads").path();
        if path.extension().is_some_and(|ext| ext == "md") {
            documents.push(path);
        }
    }
    for document in documents {
        let text = std::fs::read_to_string(&document).expect("reads");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.starts_with("http") {
                continue;
            }
            let there = document.parent().unwrap_or(Path::new("")).join(path);
            assert!(there.exists(), "{}: {link}", document.display());
        }
    }
}

#[test]
fn the_command_line_reference_is_current() {
    let path = root().join("docs/command-line.md");
    golden::file(&path, &orgstrap::cli::reference());
}

#[test]
fn the_page_of_exit_codes_has_the_table() {
    let marks = (
        "<!-- exit codes: made by the program -->\n\n",
        "\n<!-- exit codes end -->",
    );
    let path = root().join("docs/exit-codes.md");
    golden::part(&path, marks, &orgstrap::ops::exit::Exit::markdown());
}
