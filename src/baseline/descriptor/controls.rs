//! The `[[control]]` tables of a descriptor.

use std::collections::BTreeMap;

use super::check::Check;
use super::file::ControlTable;
use crate::baseline::control::{ControlFix, ControlSpec, ExpectedSpec, ResourceRef, Scope};
use crate::baseline::refs::NamedAccount;
use crate::baseline::words::Interpolated;
use crate::inventory::Probe;
use crate::toml_file::suggest::did_you_mean;
use crate::toml_file::value::OptionValue;
use crate::toml_file::{At, SpannedString};

/// Every control, checked against the stacks of the same descriptor; `None` for one that is wrong.
pub(super) fn controls(
    cx: &Check<'_>,
    baseline: Option<&str>,
    tables: &[At<ControlTable>],
) -> Vec<Option<ControlSpec>> {
    let mut first: BTreeMap<&str, &SpannedString> = BTreeMap::new();
    for id in tables.iter().filter_map(|table| table.id.as_ref()) {
        match first.get(id.as_str()) {
            Some(first) => cx.say(
                cx.error(id, format!("there are two controls `{}`", **id))
                    .related(cx.at(*first), "first here"),
            ),
            None => {
                first.insert(id, id);
            }
        }
    }
    for need in tables.iter().flat_map(|table| &table.needs) {
        if !first.contains_key(need.as_str()) && !cx.removed.covers(&["control", "id"]) {
            cx.say_with(
                cx.error(need, format!("the descriptor has no control `{}`", **need)),
                did_you_mean(need, first.keys().copied()),
            );
        }
    }
    let checked = tables.iter().map(|table| control(cx, baseline, table));
    checked.collect()
}

fn control(
    cx: &Check<'_>,
    baseline: Option<&str>,
    table: &At<ControlTable>,
) -> Option<ControlSpec> {
    let example = format!("\"{}.NAME\"", baseline.unwrap_or("BASELINE"));
    let id = cx.required(table, "id", table.id.as_ref(), &example);
    let sound = id.filter(|id| is_id(cx, id, baseline));
    let title = table.title.as_ref();
    let title = cx.required(
        table,
        "title",
        title,
        "\"…\", what is wrong where it does not hold",
    );
    let scope = cx.required(table, "scope", table.scope.as_ref(), "\"account-region\"");
    let probe = cx.required(table, "probe", table.probe.as_ref(), "\"cloud-control\"");
    let severity = cx.required(table, "severity", table.severity.as_ref(), "\"medium\"");
    let (scope, probe) = (scope.map(|it| **it), probe.map(|it| **it));
    if let (Some(Scope::Account | Scope::AccountRegion), Some(account)) = (scope, &table.account) {
        let message = "`account` is only for the scopes `organization` and `region`";
        cx.say(cx.error(account, message));
    }
    let fix = table.fix.as_deref().copied().unwrap_or(ControlFix::Person);
    let properties = table.properties.clone().unwrap_or_default();
    let resource = table.resource.as_ref();
    if resource.is_none() && (fix.needs_resource() || !properties.is_empty()) {
        cx.say(
            cx.error(
                table,
                "`resource` is missing, which the control's fix or its `properties` need",
            )
            .help("add resource = \"STACK/LOGICAL_ID\""),
        );
    }
    let expect = expect(cx, table, probe);
    let none = table.expect.as_ref().is_none_or(|expect| expect.is_empty());
    let nothing = none && properties.is_empty() && probe != Some(Probe::Comparison);
    let wrong = ["expect", "properties"].map(|key| cx.removed.was_in(table, key));
    let within = table
        .expect
        .as_ref()
        .is_some_and(|expect| cx.removed.any_in(expect));
    if nothing && !within && !wrong.contains(&true) {
        let message = "this control expects nothing: it lacks `expect` or `properties`";
        cx.say(cx.error(table, message));
    }
    let arguments = arguments(cx, table, probe);
    let resource = resource.map(|text| self::resource(cx, text));
    let when = cx.when(&table.when, &table.unless);
    Some(ControlSpec {
        id: sound?.to_string(),
        title: title?.into(),
        scope: scope?,
        account: match &table.account {
            Some(account) => account.clone(),
            None => table.with(NamedAccount::Management),
        },
        probe: probe?,
        arguments,
        expect,
        resource: match resource {
            Some(resource) => Some(resource?),
            None => None,
        },
        properties,
        fix,
        hint: table.hint.clone(),
        severity: *severity?,
        needs: table.needs.iter().map(|need| need.to_string()).collect(),
        references: table.references.clone(),
        when,
    })
}

/// Whether it is the baseline's name, a dot, and a name; told where it is not.
fn is_id(cx: &Check<'_>, id: &SpannedString, baseline: Option<&str>) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let (start, name) = id.split_once('.').unwrap_or((id, ""));
    let fits = baseline.is_none_or(|baseline| baseline == start)
        && !name.is_empty()
        && name.bytes().all(plain);
    if !fits {
        let start = baseline.unwrap_or(start);
        cx.say(
            cx.error(id, format!("`{}` is no control's id", **id))
                .help(format!(
                    "write `{start}.NAME`, with lower-case letters, digits and `-` in NAME"
                )),
        );
    }
    fits
}

/// What the probe is given: all that it needs and nothing else.
fn arguments(
    cx: &Check<'_>,
    table: &At<ControlTable>,
    probe: Option<Probe>,
) -> BTreeMap<String, At<Interpolated>> {
    let given = table.arguments.as_ref();
    let known = probe.map_or(&[][..], Probe::arguments);
    for (name, _) in given.into_iter().flat_map(|given| given.iter()) {
        if probe.is_some() && !known.contains(&name.as_str()) {
            cx.say_with(
                cx.error(name, format!("the probe takes no argument `{}`", **name)),
                did_you_mean(name, known.iter().copied()),
            );
        }
    }
    let place = given.map_or_else(|| cx.at(table), |given| cx.at(given));
    for name in known {
        let there = match given {
            Some(given) => given.contains_key(*name) || cx.removed.was_in(given, name),
            None => cx.removed.was_in(table, "arguments"),
        };
        if !there {
            let message = format!("the probe needs the argument `{name}`");
            cx.say(crate::plan::Diagnostic::error(message).at(place.clone()));
        }
    }
    let given = given.into_iter().flat_map(|given| given.iter());
    given
        .map(|(name, text)| (name.to_string(), cx.words(text, false)))
        .collect()
}

/// `resource = "STACK/LOGICAL_ID"`, of the descriptor's own stacks.
fn resource(cx: &Check<'_>, text: &SpannedString) -> Option<ResourceRef> {
    let (stack, logical_id) = text.split_once('/').unwrap_or((text, ""));
    let told = format!("the descriptor has no stack or stack set `{stack}`");
    if !cx.known_stack(stack, false, cx.error(text, told)) {
        return None;
    }
    if let Some((file, template)) = cx.template(stack)
        && !template.resources.contains(logical_id)
    {
        let names = template.resources.iter().map(String::as_str);
        cx.say_with(
            cx.error(text, format!("`{file}` has no resource `{logical_id}`")),
            did_you_mean(logical_id, names),
        );
        return None;
    }
    Some(ResourceRef {
        stack: stack.parse().ok()?,
        logical_id: logical_id.to_owned(),
    })
}

/// What the facts must be. Properties begin with a capital letter, the probe's own facts do not.
fn expect(
    cx: &Check<'_>,
    table: &At<ControlTable>,
    probe: Option<Probe>,
) -> BTreeMap<String, ExpectedSpec> {
    let mut found = BTreeMap::new();
    let known = probe.and_then(Probe::facts);
    for (name, value) in table.expect.iter().flat_map(|expect| expect.iter()) {
        let property = name.starts_with(|c: char| c.is_ascii_uppercase());
        if let Some(known) = known.filter(|known| !property && !known.contains(&name.as_str())) {
            cx.say_with(
                cx.error(name, format!("the probe tells no fact `{}`", **name)),
                did_you_mean(name, known.iter().copied()),
            );
        }
        let expected = match &**value {
            OptionValue::Text(text) => match text.parse::<Interpolated>() {
                Ok(words) => ExpectedSpec::Text(cx.words(&value.with(words), false)),
                Err(error) => {
                    cx.say(cx.error(value, error.to_string()));
                    continue;
                }
            },
            OptionValue::Number(_) => {
                let message = format!(
                    "`{}` is a text, a whole number, true, false or a list of texts",
                    **name
                );
                cx.say(cx.error(value, message));
                continue;
            }
            plain => ExpectedSpec::Value(plain.into()),
        };
        found.insert(name.to_string(), expected);
    }
    found
}
