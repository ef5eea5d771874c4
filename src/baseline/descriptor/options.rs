//! The `[option.NAME]` tables of a descriptor.

use super::parser::{Parser, json};
use crate::baseline::option::{OptionKind, OptionSpec, compile};
use crate::baseline::reader::{Table, did_you_mean};

/// What a `[baseline.NAME]` table says of every baseline, and no option is called.
const RESERVED: [&str; 2] = ["folder", "existing_stacks"];
const OPTION: [&str; 8] = [
    "type",
    "default",
    "description",
    "values",
    "pattern",
    "min",
    "max",
    "below",
];

impl<'s> Parser<'s, '_> {
    pub(super) fn read_options(&mut self, root: &Table<'_, 's>) {
        let Some(options) = self.reader.subtable(root, "option", "`[option]`", &[]) else {
            return;
        };
        let mut limits = Vec::new();
        for name in options.keys() {
            let what = format!("`[option.{name}]`");
            let Some(table) = self.reader.subtable(&options, name, &what, &OPTION) else {
                self.broken_options.insert(name.to_owned());
                continue;
            };
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if RESERVED.contains(&name) || name.is_empty() || !name.bytes().all(plain) {
                let message = if RESERVED.contains(&name) {
                    format!("`{name}` is a key that every baseline has in a plan")
                } else {
                    format!("the option `{name}` has other than lower-case letters, digits and `_`")
                };
                self.reader.problem(&table.span, message, None);
            }
            if let Some(spec) = self.option(&table) {
                if let Some(other) = &spec.below {
                    limits.push((table.span_of("below"), other.clone()));
                }
                self.options.insert(name.to_owned(), spec);
            } else {
                self.broken_options.insert(name.to_owned());
            }
        }
        for (span, other) in limits {
            if self.broken_options.contains(&other) {
                continue;
            }
            let known = self.options.get(&other);
            if known.is_none_or(|spec| spec.kind != OptionKind::Integer) {
                let message = format!("there is no option `{other}` of the type `integer`");
                let names = self.options.keys().map(String::as_str);
                let suggestion = did_you_mean(&other, names);
                self.reader.problem(&span, message, suggestion);
            }
        }
    }

    fn option(&mut self, table: &Table<'_, 's>) -> Option<OptionSpec> {
        let kind = self.reader.required_text(table, "type");
        let description = self.reader.required_text(table, "description");
        let values = self.reader.texts(table, "values");
        let pattern = self.reader.text(table, "pattern");
        let min = self.reader.integer(table, "min");
        let max = self.reader.integer(table, "max");
        let below = self.reader.text(table, "below");
        let kind = kind?;
        let words = OptionKind::ALL.map(OptionKind::as_str);
        let Some(found) = OptionKind::ALL
            .into_iter()
            .find(|k| k.as_str() == kind.value)
        else {
            let suggestion = did_you_mean(&kind.value, words.into_iter());
            let message = format!("there is no option type `{}`", kind.value);
            self.reader.problem(&kind.span, message, suggestion);
            return None;
        };
        let textual = matches!(found, OptionKind::String | OptionKind::List);
        for (key, fits) in [
            ("values", textual),
            ("pattern", textual),
            ("min", found == OptionKind::Integer),
            ("max", found == OptionKind::Integer),
            ("below", found == OptionKind::Integer),
        ] {
            if !fits && table.value(key).is_some() {
                let message = format!("`{key}` means nothing for the type `{}`", found.as_str());
                self.reader.problem(&table.span_of(key), message, None);
            }
        }
        if let Some(pattern) = &pattern
            && let Err(error) = compile(&pattern.value)
        {
            let message = format!("the pattern is not a regular expression: {error}");
            self.reader.problem(&pattern.span, message, None);
        }
        let mut spec = OptionSpec {
            kind: found,
            default: None,
            description: description?.value,
            values: values.into_iter().map(|value| value.value).collect(),
            pattern: pattern.map(|pattern| pattern.value),
            min,
            max,
            below: below.map(|below| below.value),
        };
        if let Some(default) = table.value("default") {
            match spec.value(&json(default.get_ref())) {
                Ok(default) => spec.default = Some(default),
                Err((message, suggestion)) => {
                    let message = format!("the default: {message}");
                    self.reader.problem(&default.span(), message, suggestion);
                }
            }
        }
        Some(spec)
    }
}
