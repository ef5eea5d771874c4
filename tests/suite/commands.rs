//! Every command that a message, a hint or a document names exists, with those words and flags.

use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::support::root;

/// Files whose texts name commands: the source with its messages, what is embedded in it, and the documents.
fn files() -> Vec<PathBuf> {
    let folders = [
        "src",
        "docs",
        "examples",
        "baselines",
        "stacksets",
        "tests/scenarios",
    ];
    let endings = ["rs", "md", "toml", "yaml", "txt"];
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut files: Vec<PathBuf> = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ]
    .iter()
    .map(|name| root().join(name))
    .collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("reads") {
            let path = entry.expect("reads").path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_dir() {
                open.push(path);
            } else if ending.is_some_and(|ending| endings.contains(&ending)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The commands that a text names: between backticks, and on lines of examples.
fn commands(path: &Path, text: &str) -> Vec<String> {
    // A literal that goes on in the next line, and a comment that does.
    let joined = Regex::new(r"\\\n\s*|\n\s*///? ").expect("a pattern");
    let text = match path.extension().is_some_and(|ending| ending == "rs") {
        true => joined.replace_all(text, " ").into_owned(),
        false => text.to_owned(),
    };
    let quoted = Regex::new(r"`orgstrap ([^`]+)`").expect("a pattern");
    let example = Regex::new(r"^\s*(?:\$ |#   |run: )?orgstrap ([a-z].*)$").expect("a pattern");
    let quoted = quoted.captures_iter(&text).map(|found| found[1].to_owned());
    let mut found: Vec<String> = quoted.collect();
    // In a document a line that begins with the name is a command where it stands in a block of code.
    let mut fenced = path.extension().is_none_or(|ending| ending != "md");
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            let command = example.captures(line);
            found.extend(command.map(|found| found[1].to_owned()));
        }
    }
    found
}

/// What is wrong with a command, if something is.
fn wrong(command: &str, whole: &clap::Command) -> Option<String> {
    let mut verb = whole;
    let mut on_verb = true;
    // What comes after a pipe or a comment is another program's, or prose.
    let own = command
        .split(['|', '#', ';', '>'])
        .next()
        .unwrap_or_default();
    let own = own.split("   ").next().unwrap_or_default();
    for word in own.split_whitespace() {
        let flag = word
            .split(['=', ',', '.', ')', ']'])
            .next()
            .unwrap_or_default();
        let flag = flag.trim_start_matches(['[', '(']);
        if let Some(long) = flag.strip_prefix("--") {
            on_verb = false;
            let known = verb.get_arguments().any(|argument| {
                argument.get_long() == Some(long)
                    || argument
                        .get_all_aliases()
                        .is_some_and(|all| all.contains(&long))
            });
            if !known && !long.is_empty() && !matches!(long, "help" | "version") {
                return Some(format!("`{}` has no `--{long}`", verb.get_name()));
            }
        } else if on_verb && verb.has_subcommands() {
            match verb.find_subcommand(flag) {
                Some(below) => verb = below,
                // `account …` and `account add/list` speak of several.
                None if flag.starts_with(['…', '{']) || flag.contains('/') => on_verb = false,
                None => return Some(format!("`{}` has no `{flag}`", verb.get_name())),
            }
        }
    }
    None
}

#[test]
fn every_command_that_is_named_exists_with_its_flags() {
    let mut whole = orgstrap::cli::command();
    whole.build();
    let mut count = 0;
    let mut found = Vec::new();
    for path in files() {
        let text = std::fs::read_to_string(&path).expect("reads");
        for command in commands(&path, &text) {
            count += 1;
            if let Some(wrong) = wrong(&command, &whole) {
                let name = path.strip_prefix(root()).expect("below the root").display();
                found.push(format!("{name}: `orgstrap {command}`: {wrong}"));
            }
        }
    }
    assert!(count > 150, "only {count} commands were found to look at");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_command_that_does_not_exist_is_noticed() {
    let mut whole = orgstrap::cli::command();
    whole.build();
    for (command, right) in [
        ("plan org.toml", true),
        ("account add NAME --ou OU", true),
        ("unlock RUN --plan FILE --sandbox --world w.json", true),
        ("policy check", false),
        ("account create", false),
        ("plan --fix", false),
    ] {
        assert_eq!(wrong(command, &whole).is_none(), right, "{command}");
    }
}
