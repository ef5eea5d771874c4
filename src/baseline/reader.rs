//! Reads TOML tables with their places in the file, collecting every problem rather than the first.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::BaselineProblem;
use crate::plan::{Location, Source};
pub(super) use crate::toml_file::suggest::did_you_mean;

/// A value with its place in the file.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// The file being read and the problems found in it so far.
pub(super) struct Reader<'s> {
    baseline: String,
    file: Arc<Source>,
    source: &'s str,
    problems: Vec<BaselineProblem>,
}

/// A table whose keys have been checked against those that it may have.
pub(super) struct Table<'t, 's> {
    /// What the table is, for messages: "`[[stack]]`".
    pub(super) what: String,
    pub(super) span: Range<usize>,
    entries: BTreeMap<&'t str, &'t Spanned<DeValue<'s>>>,
    /// Whether it had keys that it may not have, which have been reported.
    pub(super) refused: bool,
}

impl<'s> Reader<'s> {
    pub(super) fn new(baseline: &str, file: &Path, source: &'s str) -> Self {
        Self {
            baseline: baseline.to_owned(),
            file: Arc::new(Source {
                name: file.display().to_string(),
                text: source.to_owned(),
            }),
            source,
            problems: Vec::new(),
        }
    }

    /// The whole file as TOML, as far as it parses.
    pub(super) fn parse(&mut self) -> Spanned<DeTable<'s>> {
        let (root, errors) = DeTable::parse_recoverable(self.source);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            self.problem(&span, error.message().to_owned(), None);
        }
        root
    }

    /// Records a problem at a place in the file.
    pub(super) fn problem(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let location = Location {
            source: Arc::clone(&self.file),
            span: span.clone(),
        };
        self.problems.push(BaselineProblem {
            baseline: self.baseline.clone(),
            option: None,
            location: Some(location),
            message: message.into(),
            suggestion,
        });
    }

    /// Whether nothing has been found wrong so far.
    pub(super) fn clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// What was found wrong, in the order of the file.
    pub(super) fn into_problems(mut self) -> Vec<BaselineProblem> {
        self.problems.sort_by_key(|problem| {
            let location = problem.location.as_ref();
            location.map_or(0, |location| location.line_column().0)
        });
        self.problems
    }

    /// The entries of a table, every key that it may not have reported.
    pub(super) fn table<'t>(
        &mut self,
        what: &str,
        table: &'t DeTable<'s>,
        span: Range<usize>,
        known: &[&str],
    ) -> Table<'t, 's> {
        let mut entries = BTreeMap::new();
        let mut refused = false;
        for (key, value) in table {
            let name: &str = key.get_ref();
            if known.is_empty() || known.contains(&name) {
                entries.insert(name, value);
            } else {
                refused = true;
                let suggestion = did_you_mean(name, known.iter().copied());
                self.problem(
                    &key.span(),
                    format!("{what} has no key `{name}`"),
                    suggestion,
                );
            }
        }
        Table {
            what: what.to_owned(),
            span,
            entries,
            refused,
        }
    }

    fn wrong_type(
        &mut self,
        table: &Table<'_, '_>,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        wants: &str,
    ) {
        let is = value.get_ref().type_str();
        let message = format!("`{key}` of {} is {wants}, not {}", table.what, article(is));
        self.problem(&value.span(), message, None);
    }

    /// A text that may be left out.
    pub(super) fn text(&mut self, table: &Table<'_, 's>, key: &str) -> Option<Found<String>> {
        let value = table.entries.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Found {
                value: text.to_string(),
                span: value.span(),
            }),
            _ => {
                self.wrong_type(table, key, value, "a text");
                None
            }
        }
    }

    /// A text that must be there and not be blank.
    pub(super) fn required_text(
        &mut self,
        table: &Table<'_, 's>,
        key: &str,
    ) -> Option<Found<String>> {
        if !table.entries.contains_key(key) {
            self.missing(table, key);
            return None;
        }
        let text = self.text(table, key)?;
        if text.value.trim().is_empty() {
            self.problem(
                &text.span,
                format!("`{key}` of {} is empty", table.what),
                None,
            );
            return None;
        }
        Some(text)
    }

    /// A text that must be there and be a name of some kind.
    pub(super) fn required_name<T>(&mut self, table: &Table<'_, 's>, key: &str) -> Option<Found<T>>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.required_text(table, key)?;
        self.name(text)
    }

    /// A text as a name of some kind.
    pub(super) fn name<T>(&mut self, text: Found<String>) -> Option<Found<T>>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match text.value.parse() {
            Ok(value) => Some(Found {
                value,
                span: text.span,
            }),
            Err(error) => {
                self.problem(&text.span, format!("`{}`: {error}", text.value), None);
                None
            }
        }
    }

    fn missing(&mut self, table: &Table<'_, '_>, key: &str) {
        let span = table.span.clone();
        self.problem(&span, format!("{} lacks `{key}`", table.what), None);
    }

    /// `true` or `false`, if given.
    pub(super) fn flag(&mut self, table: &Table<'_, 's>, key: &str) -> Option<bool> {
        let value = table.entries.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => {
                self.wrong_type(table, key, value, "`true` or `false`");
                None
            }
        }
    }

    /// `true` or `false` that must be given.
    pub(super) fn required_flag(&mut self, table: &Table<'_, 's>, key: &str) -> Option<bool> {
        if !table.entries.contains_key(key) {
            self.missing(table, key);
        }
        self.flag(table, key)
    }

    /// A whole number, if given.
    pub(super) fn integer(&mut self, table: &Table<'_, 's>, key: &str) -> Option<i64> {
        let value = table.entries.get(key)?;
        let number = as_integer(value.get_ref());
        if number.is_none() {
            self.wrong_type(table, key, value, "a whole number");
        }
        number
    }

    /// A list of texts; empty when left out.
    pub(super) fn texts(&mut self, table: &Table<'_, 's>, key: &str) -> Vec<Found<String>> {
        let mut texts = Vec::new();
        let Some(value) = table.entries.get(key) else {
            return texts;
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(table, key, value, "a list of texts");
            return texts;
        };
        for item in items.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Found {
                    value: text.to_string(),
                    span: item.span(),
                }),
                _ => self.wrong_type(table, key, item, "a list of texts"),
            }
        }
        texts
    }

    /// A list of names; empty when left out.
    pub(super) fn names<T>(&mut self, table: &Table<'_, 's>, key: &str) -> Vec<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let texts = self.texts(table, key);
        texts
            .into_iter()
            .filter_map(|text| self.name(text).map(|found| found.value))
            .collect()
    }

    /// An array of tables, `[[key]]` or inline; empty when left out.
    pub(super) fn tables<'t>(
        &mut self,
        table: &Table<'t, 's>,
        key: &str,
        what: &str,
        known: &[&str],
    ) -> Vec<Table<'t, 's>> {
        let mut tables = Vec::new();
        let Some(value) = table.entries.get(key).copied() else {
            return tables;
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(table, key, value, "a list of tables");
            return tables;
        };
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(inner) => tables.push(self.table(what, inner, item.span(), known)),
                _ => self.wrong_type(table, key, item, "a list of tables"),
            }
        }
        tables
    }

    /// A table, if given.
    pub(super) fn subtable<'t>(
        &mut self,
        table: &Table<'t, 's>,
        key: &str,
        what: &str,
        known: &[&str],
    ) -> Option<Table<'t, 's>> {
        let value = table.entries.get(key).copied()?;
        match value.get_ref() {
            DeValue::Table(inner) => Some(self.table(what, inner, value.span(), known)),
            _ => {
                self.wrong_type(table, key, value, "a table");
                None
            }
        }
    }
}

impl<'t, 's> Table<'t, 's> {
    /// The keys that the file gives, in order of name.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'t str> + '_ {
        self.entries.keys().copied()
    }

    /// The place of a key's value; the table's where the key is left out.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.entries
            .get(key)
            .map_or_else(|| self.span.clone(), |value| value.span())
    }

    /// A value as it is.
    pub(super) fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'s>>> {
        self.entries.get(key).copied()
    }
}

/// The number of an integer value that fits 64 bits.
pub(super) fn as_integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn article(kind: &str) -> String {
    match kind {
        "array" | "integer" => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}
