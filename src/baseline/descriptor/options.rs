//! The `[option.NAME]` tables of a descriptor.

use std::collections::BTreeMap;

use super::file::OptionTable;
use crate::baseline::option::{OptionKind, OptionSpec, compile};
use crate::toml_file::judge::Judge;
use crate::toml_file::suggest::did_you_mean;
use crate::toml_file::{At, SpannedString};

/// What a `[baseline.NAME]` table says of every baseline, and no option is called.
const RESERVED: [&str; 2] = ["folder", "existing_stacks"];

/// The options of a descriptor: those of them that are sound.
pub(super) fn options(
    judge: &Judge<'_>,
    tables: &BTreeMap<SpannedString, At<OptionTable>>,
) -> BTreeMap<String, OptionSpec> {
    let mut options = BTreeMap::new();
    for (name, table) in tables {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if RESERVED.contains(&name.as_str()) {
            let message = format!("`{}` is a key that every baseline has in a plan", **name);
            judge.say(judge.error(name, message));
        } else if name.is_empty() || !name.bytes().all(plain) {
            judge.say(judge.error(
                name,
                format!(
                    "the option `{}` has other than lower-case letters, digits and `_`",
                    **name
                ),
            ));
        }
        options.extend(option(judge, table).map(|spec| (name.to_string(), spec)));
    }
    let limits = tables.values().filter_map(|table| table.below.as_ref());
    for below in limits {
        let known = options.get(below.as_str());
        let broken = known.is_none()
            && (tables.contains_key(below.as_str()) || judge.removed.covers(&["option", below]));
        if !broken && known.is_none_or(|spec| spec.kind != OptionKind::Integer) {
            let message = format!("there is no option `{}` of the type `integer`", **below);
            let error = judge.error(below, message);
            let names = options.keys().map(String::as_str);
            judge.say(error.help_if(did_you_mean(below, names)));
        }
    }
    options
}

fn option(judge: &Judge<'_>, table: &At<OptionTable>) -> Option<OptionSpec> {
    let kind = judge.required(table, "type", table.r#type.as_ref(), "\"string\"");
    let description = table.description.as_ref();
    let description = judge.required(table, "description", description, "\"…\", what it is for");
    let kind = **kind?;
    let textual = matches!(kind, OptionKind::String | OptionKind::List);
    for (key, place, fits) in [
        (
            "values",
            table.values.as_ref().map(|it| judge.at(it)),
            textual,
        ),
        (
            "pattern",
            table.pattern.as_ref().map(|it| judge.at(it)),
            textual,
        ),
        (
            "min",
            table.min.as_ref().map(|it| judge.at(it)),
            kind == OptionKind::Integer,
        ),
        (
            "max",
            table.max.as_ref().map(|it| judge.at(it)),
            kind == OptionKind::Integer,
        ),
        (
            "below",
            table.below.as_ref().map(|it| judge.at(it)),
            kind == OptionKind::Integer,
        ),
    ] {
        if let Some(place) = place.filter(|_| !fits) {
            let message = format!("`{key}` means nothing for the type `{}`", kind.as_str());
            judge.say(crate::plan::Diagnostic::error(message).at(place));
        }
    }
    if let Some(pattern) = &table.pattern
        && let Err(error) = compile(pattern)
    {
        let message = format!("the pattern is not a regular expression: {error}");
        judge.say(judge.error(pattern, message));
    }
    let mut spec = OptionSpec {
        kind,
        default: None,
        description: description.map(String::from).unwrap_or_default(),
        values: table.values.as_deref().cloned().unwrap_or_default(),
        pattern: table.pattern.as_deref().cloned(),
        min: table.min.as_deref().copied(),
        max: table.max.as_deref().copied(),
        below: table.below.as_deref().cloned(),
    };
    if let Some(default) = &table.default {
        match spec.value(&(&**default).into()) {
            Ok(value) => spec.default = Some(value),
            Err((message, help)) => {
                let error = judge.error(default, format!("the default: {message}"));
                judge.say(error.help_if(help));
            }
        }
    }
    description.map(|_| spec)
}
