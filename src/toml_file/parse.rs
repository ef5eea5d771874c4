//! TOML text to a file's serde types, saying all that is wrong and not only the first.
//!
//! The parser recovers from syntax errors by itself. serde stops at the first error, so the entry
//! that it stumbled over is noted, taken out of the tree and the rest tried again: the types stay
//! the only description of the file.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::at::At;
use super::diagnostic::{Diagnostic, Location, Source};
use super::suggest::{list, nearest, quoted};

/// More errors than this help nobody; each costs one more reading of the tree.
const MAX_ERRORS: usize = 100;

/// A kind of file, and what helps with its mistakes beyond what its types say.
pub(crate) trait TomlFile: DeserializeOwned {
    /// What to know of a key that the table around it does not have and that resembles none there. The path
    /// ends in the key.
    fn stranger(_path: &[String]) -> Option<&'static str> {
        None
    }

    /// The choice that a word stands for, where its letters do not tell.
    fn choice(_word: &str) -> Option<&'static str> {
        None
    }
}

/// What could be made of the text.
pub(crate) struct Parsed<T> {
    /// `None` where the text is too broken to judge further.
    pub(crate) file: Option<At<T>>,
    /// Entries taken out because of errors: they are not missing, they are wrong.
    pub(crate) removed: Removed,
}

/// The keys that were there but wrong.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    paths: BTreeSet<Vec<String>>,
    /// By where the table begins that they were in: lists have many tables of one path.
    tables: BTreeSet<(usize, String)>,
}

impl Removed {
    /// Whether the entry at `path`, or a table around it, was taken out.
    pub(crate) fn covers(&self, path: &[&str]) -> bool {
        (1..=path.len()).any(|length| {
            self.paths
                .iter()
                .any(|gone| gone.len() == length && gone.iter().zip(path).all(|(a, b)| a == b))
        })
    }

    /// Whether a key of this very table was taken out.
    pub(crate) fn was_in<T>(&self, table: &At<T>, key: &str) -> bool {
        self.tables.contains(&(table.span().start, key.to_owned()))
    }

    /// Whether any key of this very table was taken out.
    pub(crate) fn any_in<T>(&self, table: &At<T>) -> bool {
        let start = table.span().start;
        self.tables.iter().any(|(at, _)| *at == start)
    }

    /// Whether nothing was taken out.
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The names directly under `table` that were taken out.
    pub(crate) fn under(&self, table: &str) -> impl Iterator<Item = &str> {
        self.paths
            .iter()
            .filter_map(move |path| match path.as_slice() {
                [first, name] if first == table => Some(name.as_str()),
                _ => None,
            })
    }
}

/// Parses a file's text; what is wrong is added to `diagnostics`.
pub(crate) fn parse<T: TomlFile>(
    source: &Arc<Source>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Parsed<T> {
    let at = |span: Range<usize>| Location {
        source: Arc::clone(source),
        span,
    };
    let (mut tree, errors) = DeTable::parse_recoverable(&source.text);
    let mut broken_lines = BTreeSet::new();
    let mut doubled_headers = BTreeSet::new();
    let mut only_duplicates = true;
    for error in errors.iter().take(MAX_ERRORS) {
        let location = at(error.span().unwrap_or(0..0));
        let line = location.line_column().0;
        // One slip makes the parser complain several times of the same line: the first is the truth.
        if !broken_lines.insert(line) {
            continue;
        }
        if error.message() == DUPLICATE {
            // What follows in a table that is there twice is doubled with it.
            let header = header_above(&source.text, line);
            if header == Some(line) {
                doubled_headers.insert(line);
            } else if header.is_some_and(|header| doubled_headers.contains(&header)) {
                continue;
            }
            diagnostics.push(duplicate(location));
        } else {
            only_duplicates = false;
            diagnostics.push(syntax(error.message(), location));
        }
    }

    let mut removed = Removed::default();
    let mut said: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut rounds = 0;
    let file = loop {
        match T::deserialize(toml::de::Deserializer::from(tree.clone())) {
            Ok(file) => break Some(At::new(tree.span(), file)),
            Err(error) => {
                let Some(span) = error.span() else {
                    diagnostics.push(Diagnostic::error(error.message()));
                    break None;
                };
                let location = at(span.clone());
                let mut path = Vec::new();
                let start = tree.span().start;
                let found = take_out(tree.get_mut(), start, &span, &mut path);
                // A list that is wrong as a whole is wrong in each element, and is said once.
                let news = !said.contains(&(span.start, error.message().to_owned()));
                // One that is empty because its only key was wrong has been told of.
                let emptied = error.message().starts_with(NOT_ONE)
                    && removed.tables.iter().any(|(table, _)| *table == span.start);
                let news = news && !emptied;
                if news && !broken_lines.contains(&location.line_column().0) {
                    said.insert((span.start, error.message().to_owned()));
                    let (diagnostic, meant) = shape::<T>(error.message(), location, &path);
                    diagnostics.push(diagnostic);
                    // What a misspelt key was to say is not missing.
                    if let (Some(meant), Some((_, above))) = (meant, path.split_last()) {
                        removed
                            .tables
                            .extend(found.map(|table| (table, meant.clone())));
                        removed
                            .paths
                            .insert(above.iter().cloned().chain([meant]).collect());
                    }
                }
                rounds += 1;
                let Some(table) = found.filter(|_| rounds <= MAX_ERRORS) else {
                    break None;
                };
                removed
                    .tables
                    .extend(path.last().map(|key| (table, key.clone())));
                removed.paths.insert(path);
            }
        }
    };
    Parsed {
        // After a syntax error what is missing may be in the broken line, and saying so would mislead.
        file: if only_duplicates { file } else { None },
        removed,
    }
}

/// Takes the entry with that span, of key or value, out of the tree; the deepest one, because a
/// table header gives its span to the tables above it too. Leaves its path in `path`, and gives where the table
/// begins that it was in. `start` is where this one does.
fn take_out(
    table: &mut DeTable<'_>,
    start: usize,
    span: &Range<usize>,
    path: &mut Vec<String>,
) -> Option<usize> {
    let mut hit = None;
    for (key, value) in table.iter_mut() {
        path.push(key.get_ref().to_string());
        if let Some(found) = take_out_of(value, start, span, path) {
            return Some(found);
        }
        if key.span() == *span || value.span() == *span {
            hit = Some(key.get_ref().to_string());
        }
        path.pop();
    }
    let key = hit?;
    table.remove(key.as_str());
    path.push(key);
    Some(start)
}

fn take_out_of(
    value: &mut Spanned<DeValue<'_>>,
    start: usize,
    span: &Range<usize>,
    path: &mut Vec<String>,
) -> Option<usize> {
    let here = value.span().start;
    match value.get_mut() {
        DeValue::Table(table) => take_out(table, here, span, path),
        DeValue::Array(array) => {
            for element in array.iter_mut() {
                if let Some(found) = take_out_of(element, start, span, path) {
                    return Some(found);
                }
            }
            let before = array.len();
            *array = array
                .iter()
                .filter(|element| element.span() != *span)
                .cloned()
                .collect();
            (array.len() < before).then_some(start)
        }
        _ => None,
    }
}

/// How serde says that a table is to have one key, which says what it is.
const NOT_ONE: &str = "wanted exactly 1 element";

/// The parser's word for a key or table that is there twice.
const DUPLICATE: &str = "duplicate key";

/// The line of the table header that a line lies under, counted from 1; itself if it is one.
fn header_above(text: &str, line: usize) -> Option<usize> {
    let lines: Vec<&str> = text.lines().take(line).collect();
    let index = lines
        .iter()
        .rposition(|line| line.trim_start().starts_with('['))?;
    Some(index + 1)
}

/// A name that is there twice, and where it was first.
fn duplicate(location: Location) -> Diagnostic {
    let (line, _) = location.line_column();
    let text = &location.source.text;
    let of = |line: &str| match line.trim_start().starts_with('[') {
        true => line.trim().to_owned(),
        false => line
            .split_once('=')
            .map_or(line, |(key, _)| key)
            .trim()
            .to_owned(),
    };
    let doubled = of(line_at(&location));
    let header = doubled.starts_with('[');
    let mut first = None;
    let mut start = 0;
    for (index, candidate) in text.split_inclusive('\n').enumerate() {
        if index + 1 >= line {
            break;
        }
        // A key is doubled within its table only.
        if !header && candidate.trim_start().starts_with('[') {
            first = None;
        }
        if of(candidate) == doubled && first.is_none() {
            let indent = candidate.len() - candidate.trim_start().len();
            first = Some(start + indent..start + indent + doubled.len());
        }
        start += candidate.len();
    }
    let error = if header {
        Diagnostic::error(format!("the table {doubled} is there twice"))
            .help("make it one table, or rename one")
    } else {
        Diagnostic::error(format!("`{doubled}` is said twice")).help("keep one")
    };
    let source = Arc::clone(&location.source);
    match first {
        Some(span) => error
            .at(location)
            .related(Location { source, span }, "first here"),
        None => error.at(location),
    }
}

/// A syntax error in a person's words.
fn syntax(message: &str, location: Location) -> Diagnostic {
    let message = ["expected nothing", "expected literal string"]
        .into_iter()
        .find_map(|tail| message.strip_suffix(tail))
        .map_or(message, |head| head.trim_end_matches([',', ' ']));
    let line = line_at(&location).trim();
    let value = line
        .split_once('=')
        .map_or("", |(_, value)| value)
        .trim()
        .to_owned();
    let inside = line.trim_start_matches('[').trim_end_matches(']');
    let error = Diagnostic::error(format!("this is not TOML: {message}"));
    let id = value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit());
    let error = if id {
        error.help(format!("write an account id in quotes: \"{value}\""))
    } else if message.starts_with("string values must be quoted")
        && !value.contains(['"', '[', '{'])
    {
        error.help(format!("write it in quotes: \"{value}\""))
    } else if line.starts_with('[')
        && message.starts_with("invalid unquoted key")
        && let Some((table, name)) = inside.split_once('.')
        && !name.contains('"')
    {
        error.help(format!("put the name in quotes: [{table}.{name:?}]"))
    } else if message.starts_with("missing comma between array elements") {
        error.help("or is a list above not closed? It ends with `]`")
    } else {
        error
    };
    error.at(location)
}

/// The line that a location starts in.
fn line_at(location: &Location) -> &str {
    let (line, _) = location.line_column();
    location.source.text.lines().nth(line - 1).unwrap_or("")
}

/// An error of serde in a person's words. serde gives only text, so it is taken apart; what is not
/// recognised is passed on as it is. Gives the key too that a misspelt one was most likely meant
/// to be.
fn shape<T: TomlFile>(
    message: &str,
    location: Location,
    path: &[String],
) -> (Diagnostic, Option<String>) {
    if let Some((word, expected)) = unknown(message, "unknown field ") {
        let table = match path.split_last() {
            Some((_, above)) if !above.is_empty() => format!(" in [{}]", dotted(above)),
            _ => " at the top level".to_owned(),
        };
        let meant = nearest(&word, expected.iter().copied());
        let error = Diagnostic::error(format!("unknown key `{word}`{table}"))
            .at(location)
            .help(match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys here are {}", list(expected.iter().copied())),
            });
        let error = match T::stranger(path).filter(|_| meant.is_none()) {
            Some(help) => error.help(help),
            None => error,
        };
        return (error, meant.map(str::to_owned));
    }
    (value_error::<T>(message, location, path), None)
}

/// An error of serde about a value.
fn value_error<T: TomlFile>(message: &str, location: Location, path: &[String]) -> Diagnostic {
    if let Some((word, expected)) = unknown(message, "unknown variant ") {
        let meant = T::choice(&word).or_else(|| nearest(&word, expected.iter().copied()));
        return Diagnostic::error(format!("`{word}` is not one of the choices here"))
            .at(location)
            .help(match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the choices are {}", expected.join(", ")),
            });
    }
    if message.starts_with(NOT_ONE) {
        return Diagnostic::error(format!("each of `{}` names one thing", dotted(path)))
            .at(location);
    }
    if message == "wanted string or table" {
        return Diagnostic::error(format!("`{}` takes text in quotes", dotted(path))).at(location);
    }
    let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.split_once(", expected "))
    else {
        // An error of a type's own: what is wrong, and below it what to write.
        let mut lines = message.lines();
        let error = Diagnostic::error(lines.next().unwrap_or_default()).at(location);
        return lines.fold(error, |error, help| error.help(help));
    };
    let text = location
        .source
        .text
        .get(location.span.clone())
        .unwrap_or("")
        .to_owned();
    let desired = match expected {
        "a string" => "text in quotes",
        "a map" | "a table of options" => "a table",
        "a sequence" => "a list",
        "a boolean" => "`true` or `false`",
        "f64" | "f32" => "a number",
        other if other.starts_with("struct ") => "a table",
        other if other.starts_with('i') || other.starts_with('u') => "a whole number",
        other => other,
    };
    let seen = match found.split_once(' ').map_or(found, |(kind, _)| kind) {
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        "integer" => format!("the number {text}"),
        "floating" => format!("the number {text}"),
        "boolean" => format!("`{text}`"),
        "string" => "text".to_owned(),
        _ => found.to_owned(),
    };
    let name = dotted(path);
    let diagnostic =
        Diagnostic::error(format!("`{name}` takes {desired}, but here is {seen}")).at(location);
    match (desired, seen.as_str()) {
        ("text in quotes", s) if s.starts_with("the number") || s.starts_with('`') => {
            diagnostic.help(format!("write it in quotes: \"{text}\""))
        }
        ("a list", "text") => diagnostic.help(format!("write it in brackets: [{text}]")),
        ("text in quotes", "a list") => diagnostic.help("one name, without brackets"),
        ("a table", _) if text.starts_with("[[") => {
            diagnostic.help(format!("single brackets and a name: [{name}.NAME]"))
        }
        ("a table", _) => diagnostic.help(format!("a table starts with a line [{name}]")),
        ("`true` or `false`" | "a number" | "a whole number", "text") => {
            diagnostic.help(format!("write {desired}, without quotes"))
        }
        _ => diagnostic,
    }
}

/// A path as it is written in a table header.
fn dotted(path: &[String]) -> String {
    let keys: Vec<String> = path.iter().map(|key| quoted(key)).collect();
    keys.join(".")
}

/// The word and the choices of serde's "unknown field `x`, expected one of `a`, `b`".
fn unknown<'m>(message: &'m str, start: &str) -> Option<(String, Vec<&'m str>)> {
    let rest = message.strip_prefix(start)?.strip_prefix('`')?;
    let (word, expected) = rest.split_once("`, ")?;
    // Between back quotes are the choices, between them the commas.
    Some((
        word.to_owned(),
        expected.split('`').skip(1).step_by(2).collect(),
    ))
}
