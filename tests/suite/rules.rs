//! The rules of the house that no compiler checks: who may name what, who prints, and whether the
//! documents still say what is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Every Rust file, by module: those of the sandbox, a crate of its own, are below `sandbox/`.
pub(crate) fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (base, prefix) in [
        ("src", ""),
        ("crates/authorization/src", "authorization/"),
        ("crates/sandbox/src", "sandbox/"),
    ] {
        let base = root().join(base);
        let mut folders: Vec<PathBuf> = vec![base.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("reads") {
                let path = entry.expect("reads").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ext| ext == "rs") {
                    let name = path.strip_prefix(&base).expect("below it");
                    let name = name.to_string_lossy().replace('\\', "/");
                    let text = std::fs::read_to_string(&path).expect("reads");
                    files.push((format!("{prefix}{name}"), text));
                }
            }
        }
    }
    files.sort();
    files
}

/// The code of a file: without comments, and without the unit tests at its end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .enumerate()
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

/// A file's code as one text, its last module of unit tests left out. Unlike [`code`], which ends at the first
/// `#[cfg(test)]`, wherever that stands.
pub(crate) fn production_code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next();
    code.unwrap_or_default().to_owned()
}

fn offenders(words: &[&str], allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in sources() {
        if allowed(&name) {
            continue;
        }
        for (number, line) in code(&text) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}:{number}: {}", line.trim()));
            }
        }
    }
    found
}

fn under(name: &str, modules: &[&str]) -> bool {
    modules
        .iter()
        .any(|module| name.starts_with(&format!("{module}/")) || name == format!("{module}.rs"))
}

#[test]
fn only_aws_observe_and_execute_name_sdk_crates() {
    let found = offenders(&["aws_sdk_"], |name| {
        under(name, &["aws", "observe", "execute"])
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_report_prints() {
    let words = [
        "println!",
        "print!(",
        "eprintln!",
        "eprint!(",
        "io::stdout",
        "io::stderr",
        "dbg!(",
    ];
    let found = offenders(&words, |name| under(name, &["report"]));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn pure_modules_stay_pure() {
    let words = [
        "tokio::",
        "std::fs",
        "std::env",
        "std::time::Instant",
        "SystemTime",
        "Timestamp::now",
        "std::thread",
        "fastrand",
    ];
    let pure = ["diff", "drift", "graph", "change", "inventory", "event"];
    let found = offenders(&words, |name| {
        !under(name, &pure) || name.contains("/tests")
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
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
    let now = orgstrap::cli::reference();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        std::fs::write(&path, now).expect("writes");
        return;
    }
    let there = std::fs::read_to_string(&path).expect("is there");
    assert!(
        there == now,
        "docs/command-line.md is not what the command line says; INSTA_UPDATE=always writes it anew"
    );
}
