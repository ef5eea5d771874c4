//! The code of the tree as the compiler reads it: tokens, without comments and without what is for tests only. Every rule
//! about code goes over this reading, which names a file that it cannot read whole.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

use super::root;

/// A file, by module: `diff/ou.rs`, and for the crates of their own `sandbox/…` and `authorization/…`.
pub(crate) struct Code {
    pub(crate) name: String,
    tokens: Vec<Token>,
    /// Everything it names, with what it has imported under its whole name.
    pub(crate) paths: Vec<Path>,
    /// Files that hold modules for tests, without `.rs`.
    tests: Vec<String>,
}

struct Token {
    text: String,
    line: usize,
}

/// What a file names: `std::fs::read`, each branch of a `use` by itself, with `!` after the name of a macro.
pub(crate) struct Path {
    pub(crate) parts: Vec<String>,
    pub(crate) line: usize,
}

static SOURCES: LazyLock<Vec<Code>> = LazyLock::new(read);

/// The code of the workspace, file by file.
pub(crate) fn sources() -> &'static [Code] {
    &SOURCES
}

/// Every Rust file of the workspace's crates: its name, and its text.
pub(crate) fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (base, prefix) in [
        ("src", ""),
        ("crates/authorization/src", "authorization/"),
        ("crates/sandbox/src", "sandbox/"),
    ] {
        let found = rust_files(&root().join(base));
        files.extend(
            found
                .into_iter()
                .map(|(name, text)| (format!("{prefix}{name}"), text)),
        );
    }
    files.sort();
    files
}

/// The Rust files below a folder, if there is one.
pub(crate) fn rust_files(base: &std::path::Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![base.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("reads").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let name = path.strip_prefix(base).expect("below it");
                let name = name.to_string_lossy().replace('\\', "/");
                let text = std::fs::read_to_string(&path).expect("reads");
                files.push((name, text));
            }
        }
    }
    files
}

fn read() -> Vec<Code> {
    let read = files()
        .into_iter()
        .map(|(name, text)| Code::of(&name, &text).unwrap_or_else(|why| panic!("{why}")));
    let mut all: Vec<Code> = read.collect();
    let tests: Vec<String> = all.iter().flat_map(|code| code.tests.clone()).collect();
    all.retain(|code| {
        let is = |test: &String| {
            let rest = code.name.strip_prefix(test.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        !tests.iter().any(is)
    });
    all
}

impl Code {
    /// The code in a text; what is wrong where it cannot be read to its end.
    pub(crate) fn of(name: &str, text: &str) -> Result<Code, String> {
        let stream: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
            let at = error.span().start();
            format!("{name}:{}: cannot be read whole: {error}", at.line)
        })?;
        let mut code = Code {
            name: name.to_owned(),
            tokens: Vec::new(),
            paths: Vec::new(),
            tests: Vec::new(),
        };
        code.take(stream);
        code.paths = code.names();
        Ok(code)
    }

    fn take(&mut self, stream: TokenStream) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            if let Some((group, next)) = attribute(&trees, at) {
                let first = group.stream().into_iter().next();
                let is = |word: &str| first.as_ref().is_some_and(|tree| is_word(tree, word));
                if is("doc") {
                    at = next;
                    continue;
                }
                if is("cfg") && is_for_tests(&group) {
                    let end = item_end(&trees, next);
                    self.note_module(&trees[next..end], &trees[..at]);
                    at = end;
                    continue;
                }
            }
            self.push(&trees, at);
            at += 1;
        }
    }

    fn push(&mut self, trees: &[TokenTree], at: usize) {
        let mut add = |text: String, line: usize| self.tokens.push(Token { text, line });
        match &trees[at] {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                add(open.to_owned(), group.span_open().start().line);
                self.take(group.stream());
                let line = group.span_close().start().line;
                self.tokens.push(Token {
                    text: close.to_owned(),
                    line,
                });
            }
            TokenTree::Punct(punct) => {
                let is_colon = |tree: Option<&TokenTree>| match tree {
                    Some(TokenTree::Punct(punct)) => punct.as_char() == ':',
                    _ => false,
                };
                let joint = |tree: Option<&TokenTree>| match tree {
                    Some(TokenTree::Punct(punct)) => punct.spacing() == Spacing::Joint,
                    _ => false,
                };
                let line = punct.span().start().line;
                match punct.as_char() {
                    // The second of two.
                    ':' if at > 0 && is_colon(trees.get(at - 1)) && joint(trees.get(at - 1)) => {
                        if let Some(last) = self.tokens.last_mut() {
                            last.text = "::".to_owned();
                        }
                    }
                    character => add(character.to_string(), line),
                }
            }
            TokenTree::Ident(ident) => add(ident.to_string(), ident.span().start().line),
            TokenTree::Literal(literal) => add(literal.to_string(), literal.span().start().line),
        }
    }

    /// Remembers where a module for tests lies, if it has a file.
    fn note_module(&mut self, item: &[TokenTree], before: &[TokenTree]) {
        let Some(place) = item.iter().position(|tree| is_word(tree, "mod")) else {
            return;
        };
        let Some(TokenTree::Ident(name)) = item.get(place + 1) else {
            return;
        };
        let (folder, stem) = self.name.rsplit_once('/').unwrap_or(("", &self.name));
        let folder = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        // `#[path = "…"]`, before or after the condition.
        let all = before.iter().rev().take(4).chain(item);
        let mut paths = all.filter_map(|tree| match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let is_path = inner.first().is_some_and(|tree| is_word(tree, "path"));
                is_path.then(|| inner.last().map(ToString::to_string))?
            }
            _ => None,
        });
        let path = paths.next_back();
        self.tests.push(match path {
            Some(path) => {
                let path = path.trim_matches('"').trim_end_matches(".rs");
                format!("{folder}{path}")
            }
            None => match stem.trim_end_matches(".rs") {
                "mod" | "lib" | "main" => format!("{folder}{name}"),
                stem => format!("{folder}{stem}/{name}"),
            },
        });
    }

    /// As one text, with white space only between words.
    pub(crate) fn squeezed(&self) -> String {
        let mut out = String::new();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        for token in &self.tokens {
            let apart = out.chars().next_back().is_some_and(is_word)
                && token.text.chars().next().is_some_and(is_word);
            if apart {
                out.push(' ');
            }
            out.push_str(&token.text);
        }
        out
    }

    /// Whether a word stands in it.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token.text == word)
    }

    fn names(&self) -> Vec<Path> {
        let mut reader = Reader {
            code: self,
            inline: Vec::new(),
            found: Vec::new(),
            imports: BTreeMap::new(),
        };
        reader.read();
        let Reader { found, imports, .. } = reader;
        let whole = |path: Path| {
            let mut all = Vec::new();
            for import in imports.get(&path.parts[0]).into_iter().flatten() {
                let parts = import.iter().chain(&path.parts[1..]).cloned().collect();
                let line = path.line;
                all.push(Path { parts, line });
            }
            all.push(path);
            all
        };
        found.into_iter().flat_map(whole).collect()
    }
}

/// The attribute at a place, and where it ends.
fn attribute(trees: &[TokenTree], at: usize) -> Option<(Group, usize)> {
    let is = |tree: Option<&TokenTree>, character| match tree {
        Some(TokenTree::Punct(punct)) => punct.as_char() == character,
        _ => false,
    };
    if !is(trees.get(at), '#') {
        return None;
    }
    let at = match is(trees.get(at + 1), '!') {
        true => at + 2,
        false => at + 1,
    };
    match trees.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some((group.clone(), at + 1))
        }
        _ => None,
    }
}

fn is_word(tree: &TokenTree, word: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if ident == word)
}

/// Whether `cfg(…)` holds in tests only: `test`, or `all(…)` with it.
fn is_for_tests(attribute: &Group) -> bool {
    fn only(condition: TokenStream) -> bool {
        let mut before = None;
        condition.into_iter().any(|tree| {
            let is = match &tree {
                TokenTree::Ident(_) => is_word(&tree, "test"),
                TokenTree::Group(group) => {
                    before.as_ref().is_some_and(|tree| is_word(tree, "all")) && only(group.stream())
                }
                _ => false,
            };
            before = Some(tree);
            is
        })
    }
    match attribute.stream().into_iter().nth(1) {
        Some(TokenTree::Group(condition)) => only(condition.stream()),
        _ => false,
    }
}

/// Where the item, field or statement ends that begins here.
fn item_end(trees: &[TokenTree], mut at: usize) -> usize {
    while let Some((_, next)) = attribute(trees, at) {
        at = next;
    }
    let word = |at: usize| match trees.get(at) {
        Some(TokenTree::Ident(ident)) => ident.to_string(),
        _ => String::new(),
    };
    let mut first = at;
    while ["pub", "unsafe", "async"].contains(&word(first).as_str()) {
        first += 1;
        if let Some(TokenTree::Group(group)) = trees.get(first)
            && group.delimiter() == Delimiter::Parenthesis
        {
            first += 1;
        }
    }
    let (ends, block) = match (word(first).as_str(), word(first + 1).as_str()) {
        ("const", "fn" | "unsafe" | "async") => (";", true),
        ("use" | "static" | "type" | "extern" | "const" | "let", _) => (";", false),
        ("mod" | "fn" | "struct" | "enum" | "union" | "impl" | "trait" | "macro_rules", _) => {
            (";", true)
        }
        _ => (";,", true),
    };
    while let Some(tree) = trees.get(at) {
        at += 1;
        match tree {
            TokenTree::Punct(punct) if ends.contains(punct.as_char()) => return at,
            TokenTree::Group(group) if block && group.delimiter() == Delimiter::Brace => return at,
            _ => {}
        }
    }
    at
}

/// Words that begin no path.
const KEYWORDS: [&str; 34] = [
    "as", "async", "await", "box", "break", "const", "continue", "dyn", "else", "enum", "extern",
    "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub",
    "ref", "return", "static", "struct", "trait", "true", "type", "unsafe", "where", "while",
];

/// Collects what a file names.
struct Reader<'a> {
    code: &'a Code,
    /// The modules written out in the file that are open, and how deep in braces each begins.
    inline: Vec<(String, usize)>,
    found: Vec<Path>,
    /// By the name under which it is imported.
    imports: BTreeMap<String, Vec<Vec<String>>>,
}

impl Reader<'_> {
    fn text(&self, at: usize) -> &str {
        self.code.tokens.get(at).map_or("", |token| &token.text)
    }

    fn is_name(&self, at: usize) -> bool {
        let text = self.text(at);
        let text = text.strip_prefix("r#").unwrap_or(text);
        let first = text.chars().next();
        first.is_some_and(|c| c.is_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_alphanumeric() || c == '_')
            && !KEYWORDS.contains(&text)
    }

    fn read(&mut self) {
        let (mut at, mut depth, mut importing) = (0, 0, false);
        while at < self.code.tokens.len() {
            match self.text(at) {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    self.inline.retain(|(_, begins)| *begins <= depth);
                }
                "mod" if self.text(at + 2) == "{" => {
                    self.inline.push((self.text(at + 1).to_owned(), depth + 1));
                    at += 2;
                    continue;
                }
                "use" => {
                    importing = true;
                    at += 1;
                    if self.text(at) == "::" {
                        at += 1;
                    }
                    // `use {a, b};`
                    if self.text(at) == "{" {
                        at = self.branches(at, &[], true);
                        importing = false;
                        continue;
                    }
                }
                _ => {}
            }
            let after = match at {
                0 => "",
                at => self.text(at - 1),
            };
            let within =
                after == "::" && at >= 2 && (self.is_name(at - 2) || self.text(at - 2) == ">");
            let starts = self.is_name(at) && after != "." && (importing || !within);
            if starts && self.text(at) != "use" {
                at = self.path(at, &[], importing);
                importing = false;
            } else {
                at += 1;
            }
        }
    }

    /// Reads a path from here, after what stands before it; where it ends.
    fn path(&mut self, mut at: usize, before: &[String], import: bool) -> usize {
        let line = self.code.tokens[at].line;
        let mut parts = before.to_vec();
        loop {
            match self.text(at) {
                "self" if !parts.is_empty() => {}
                text => parts.push(text.to_owned()),
            }
            at += 1;
            if self.text(at) != "::" {
                break;
            }
            match self.text(at + 1) {
                "{" => return self.branches(at + 1, &parts, import),
                "*" => {
                    parts.push("*".to_owned());
                    at += 2;
                    break;
                }
                _ if self.is_name(at + 1) => at += 1,
                _ => break,
            }
        }
        if self.text(at) == "!" && self.text(at + 1) != "=" {
            if let Some(last) = parts.last_mut() {
                last.push('!');
            }
            at += 1;
        }
        let mut name = parts.last().cloned().unwrap_or_default();
        if import && self.text(at) == "as" {
            self.text(at + 1).clone_into(&mut name);
            at += 2;
        }
        let parts = self.absolute(parts);
        if import && parts.len() > 1 {
            self.imports.entry(name).or_default().push(parts.clone());
        }
        self.found.push(Path { parts, line });
        at
    }

    /// Reads what stands in braces behind a path; where it ends.
    fn branches(&mut self, mut at: usize, before: &[String], import: bool) -> usize {
        at += 1;
        while !matches!(self.text(at), "}" | "") {
            match self.text(at) {
                "," => at += 1,
                "*" => {
                    let mut parts = before.to_vec();
                    parts.push("*".to_owned());
                    let (parts, line) = (self.absolute(parts), self.code.tokens[at].line);
                    self.found.push(Path { parts, line });
                    at += 1;
                }
                "::" => at += 1,
                _ => at = self.path(at, before, import),
            }
        }
        at + 1
    }

    /// With `super` and `self` resolved to the place of the file.
    fn absolute(&self, parts: Vec<String>) -> Vec<String> {
        if parts[0] != "super" && (parts[0] != "self" || parts.len() == 1) {
            return parts;
        }
        let file = self.code.name.trim_end_matches(".rs");
        let mut place: Vec<&str> = file.split('/').collect();
        if matches!(place.last(), Some(&("mod" | "lib" | "main"))) {
            place.pop();
        }
        place.extend(self.inline.iter().map(|(name, _)| name.as_str()));
        let up = parts.iter().take_while(|part| *part == "super").count();
        place.truncate(place.len().saturating_sub(up));
        let rest = match parts[0] == "self" {
            true => &parts[1..],
            false => &parts[up..],
        };
        let whole = ["crate"].into_iter().chain(place);
        whole
            .map(str::to_owned)
            .chain(rest.iter().cloned())
            .collect()
    }
}

/// The paths of a text, each as one word.
#[cfg(test)]
fn named(name: &str, text: &str) -> Vec<String> {
    let code = Code::of(name, text).expect("is read");
    code.paths
        .iter()
        .map(|path| path.parts.join("::"))
        .collect()
}

#[test]
fn names_are_read_however_they_are_written() {
    let text = "
        use std::{fs::{self, File}, io as input, time::*};
        use crate::plan::{Ou, self as the_plan};
        /// [`crate::cli`] is told of, and not used.
        pub(super) fn read(path: &super::Path) -> Vec<crate::aws::Error> {
            let there = \"https://crate::cli/\"; // crate::cli
            let block = r#\"}} crate::cli \"#;
            input::stdout(); fs::read(self.path).unwrap(); println!(\"{there}\");
            ::std::thread::spawn(|| a.crate_name());
            matches!(x, crate::graph::Kind::A | super::super::diff::B if a != b)
        }
        mod inner { use super::one; use super::super::two; }
    ";
    let found = named("observe/deep/mod.rs", text);
    for whole in [
        "std::fs",
        "std::fs::File",
        "std::io",
        "std::time::*",
        "crate::plan::Ou",
        "crate::plan",
        "crate::observe::Path",
        "crate::aws::Error",
        "std::io::stdout",
        "std::fs::read",
        "println!",
        "std::thread::spawn",
        "matches!",
        "crate::graph::Kind::A",
        "crate::diff::B",
        "crate::observe::deep::one",
        "crate::observe::two",
    ] {
        assert!(found.iter().any(|path| path == whole), "{whole}: {found:?}");
    }
    assert!(!found.iter().any(|path| path.contains("cli")), "{found:?}");
}

#[test]
fn what_is_for_tests_only_is_left_out_and_what_follows_is_read() {
    let text = "
        #[cfg(test)]
        mod tests;
        #[cfg(test)]
        pub(crate) use crate::aws::{one, two};
        #[cfg(all(test, unix))]
        fn three() -> [u8; 2] { crate::cli::three() }
        #[cfg(test)]
        const FOUR: S = S { a: crate::cli::FOUR };
        struct S { #[cfg(test)] five: crate::cli::Five, a: crate::plan::A }
        #[cfg(any(test, unix))]
        fn six() { crate::plan::six(); }
        #[cfg(test)]
        #[path = \"ou_tests.rs\"]
        mod others;
        fn seven() { crate::plan::seven(); }
    ";
    let found = named("diff/ou.rs", text);
    for whole in ["crate::plan::A", "crate::plan::six", "crate::plan::seven"] {
        assert!(found.iter().any(|path| path == whole), "{whole}: {found:?}");
    }
    assert!(!found.iter().any(|path| path.contains("cli")), "{found:?}");
    assert!(!found.iter().any(|path| path.contains("aws")), "{found:?}");
    let code = Code::of("diff/ou.rs", text).expect("is read");
    assert_eq!(code.tests, ["diff/ou/tests", "diff/ou_tests"]);
}

#[test]
fn a_file_that_cannot_be_read_whole_is_named() {
    for text in [
        "fn one() {\n}\n}\nfn two() {}",
        "fn one() {\n\"",
        "fn one(] {}",
    ] {
        let why = Code::of("diff/ou.rs", text).err().expect("not balanced");
        assert!(why.starts_with("diff/ou.rs:"), "{why}");
        assert!(why.contains("cannot be read whole"), "{why}");
    }
}

#[test]
fn every_file_is_read_but_those_for_tests() {
    let read: Vec<&str> = sources().iter().map(|code| code.name.as_str()).collect();
    let left: Vec<String> = files()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !read.contains(&name.as_str()))
        .collect();
    let is_of_tests =
        |name: &String| name.contains("test") || name == "sandbox/cloudformation/fixtures.rs";
    assert!(left.iter().all(is_of_tests), "{left:?}");
    assert!(
        read.iter().filter(|name| name.contains("test")).count() < 4,
        "{read:?}"
    );
}
