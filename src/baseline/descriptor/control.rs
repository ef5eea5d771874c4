//! The `[[control]]` tables of a descriptor.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::super::control::{ControlFix, ControlSpec, ExpectedSpec, ResourceRef, Scope};
use super::super::reader::{Found, Table, did_you_mean};
use super::super::words::Interpolated;
use super::parser::{Parser, json};
use super::{AccountRef, StackSetSpec, StackSpec};
use crate::addr::Severity;
use crate::inventory::Probe;

const CONTROL: [&str; 16] = [
    "id",
    "title",
    "scope",
    "account",
    "probe",
    "arguments",
    "expect",
    "resource",
    "properties",
    "fix",
    "hint",
    "severity",
    "needs",
    "references",
    "when",
    "unless",
];

impl<'s> Parser<'s, '_> {
    /// Every control, checked against the stacks of the same descriptor.
    pub(super) fn controls(
        &mut self,
        root: &Table<'_, 's>,
        baseline: Option<&str>,
        stacks: &[StackSpec],
        stack_sets: &[StackSetSpec],
    ) -> Vec<ControlSpec> {
        let mut controls: Vec<ControlSpec> = Vec::new();
        let mut needs = Vec::new();
        // Controls whose table has a mistake, which is reported: who needs one makes none.
        let mut broken = BTreeSet::new();
        let templates: BTreeMap<&str, &str> = stacks
            .iter()
            .map(|stack| (stack.name.as_str(), stack.template.as_str()))
            .chain(
                stack_sets
                    .iter()
                    .map(|set| (set.name.as_str(), set.template.as_str())),
            )
            .collect();
        for table in self
            .reader
            .tables(root, "control", "`[[control]]`", &CONTROL)
        {
            let Some(id) = self.control_id(&table, baseline) else {
                continue;
            };
            if controls.iter().any(|control| control.id == id.value) {
                let message = format!("there are two controls `{}`", id.value);
                self.reader.problem(&id.span, message, None);
            }
            let name = id.value.clone();
            let Some(control) = self.control(&table, id.value, &templates) else {
                broken.insert(name);
                continue;
            };
            let named = control.needs.iter().cloned();
            needs.extend(named.map(|need| (need, table.span_of("needs"))));
            controls.push(control);
        }
        for (need, span) in needs {
            let ids = controls.iter().map(|control| control.id.as_str());
            if !ids.clone().any(|id| id == need) && !broken.contains(&need) {
                let message = format!("the descriptor has no control `{need}`");
                let suggestion = did_you_mean(&need, ids);
                self.reader.problem(&span, message, suggestion);
            }
        }
        controls
    }

    fn control_id(
        &mut self,
        table: &Table<'_, 's>,
        baseline: Option<&str>,
    ) -> Option<Found<String>> {
        let id = self.reader.required_text(table, "id")?;
        let plain = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let (start, rest) = id.value.split_once('.').unwrap_or((&id.value, ""));
        if baseline.is_some_and(|name| name != start) || !plain(rest) {
            let message = format!("`{}` is no control's id", id.value);
            let suggestion = format!(
                "write `{}.NAME`, with lower-case letters, digits and `-` in NAME",
                baseline.unwrap_or(start)
            );
            self.reader.problem(&id.span, message, Some(suggestion));
            return None;
        }
        Some(id)
    }

    fn control(
        &mut self,
        table: &Table<'_, 's>,
        id: String,
        templates: &BTreeMap<&str, &str>,
    ) -> Option<ControlSpec> {
        let title = self.reader.required_text(table, "title");
        let scope = self.word(table, "scope", &Scope::ALL, Scope::as_str);
        let probe = self.word(table, "probe", &Probe::ALL, Probe::as_str);
        let severity = self.word(table, "severity", &Severity::ALL, Severity::as_str);
        let fix = match table.value("fix") {
            Some(_) => self.word(table, "fix", &ControlFix::ALL, ControlFix::as_str),
            None => Some(ControlFix::Person),
        };
        let account = match table.value("account") {
            Some(_) => self.account(table, "account"),
            None => Some(AccountRef::Management),
        };
        if let Some(Scope::Account | Scope::AccountRegion) = scope
            && table.value("account").is_some()
        {
            let message = "`account` is only for the scopes `organization` and `region`";
            self.reader
                .problem(&table.span_of("account"), message, None);
        }
        let arguments = self.probe_arguments(table, probe);
        let properties = self.reader.texts(table, "properties");
        let resource = self.resource(table, templates);
        if resource.is_none()
            && table.value("resource").is_none()
            && (fix.is_some_and(ControlFix::needs_resource) || !properties.is_empty())
        {
            let message = "`[[control]]` lacks `resource`, which its fix or its `properties` need";
            let suggestion = "write `resource = \"STACK/LOGICAL_ID\"`".to_owned();
            self.reader.problem(&table.span, message, Some(suggestion));
        }
        let expect = self.expect(table, probe);
        if expect.is_empty() && properties.is_empty() && probe != Some(Probe::Comparison) {
            let message = "`[[control]]` expects nothing: it lacks `expect` or `properties`";
            self.reader.problem(&table.span, message, None);
        }
        let hint = self.reader.text(table, "hint").map(|hint| hint.value);
        let references = self.reader.texts(table, "references");
        let needs = self.reader.texts(table, "needs");
        let when = self.when(table);
        Some(ControlSpec {
            id,
            title: title?.value,
            scope: scope?,
            account: account?,
            probe: probe?,
            arguments,
            expect,
            resource,
            properties: properties.into_iter().map(|text| text.value).collect(),
            fix: fix?,
            hint,
            severity: severity?,
            needs: needs.into_iter().map(|text| text.value).collect(),
            references: references.into_iter().map(|text| text.value).collect(),
            when,
        })
    }

    /// One word of a few.
    fn word<T: Copy>(
        &mut self,
        table: &Table<'_, 's>,
        key: &str,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.reader.required_text(table, key)?;
        let found = all.iter().copied().find(|one| word(*one) == text.value);
        if found.is_none() {
            let words: Vec<&str> = all.iter().copied().map(word).collect();
            let message = format!("there is no {key} `{}`", text.value);
            let suggestion = did_you_mean(&text.value, words.iter().copied());
            self.reader.problem(&text.span, message, suggestion);
        }
        found
    }

    fn probe_arguments(
        &mut self,
        table: &Table<'_, 's>,
        probe: Option<Probe>,
    ) -> BTreeMap<String, Interpolated> {
        let what = "`arguments` of `[[control]]`";
        let mut found = BTreeMap::new();
        let known = probe.map_or(&[][..], Probe::arguments);
        if let Some(arguments) = self.reader.subtable(table, "arguments", what, &[]) {
            for key in arguments.keys() {
                if probe.is_some() && !known.contains(&key) {
                    let message = format!("the probe takes no argument `{key}`");
                    let suggestion = did_you_mean(key, known.iter().copied());
                    self.reader
                        .problem(&arguments.span_of(key), message, suggestion);
                }
                if let Some(text) = self.reader.text(&arguments, key)
                    && let Some(words) = self.words(&text, false)
                {
                    found.insert(key.to_owned(), words);
                }
            }
        }
        for name in known.iter().filter(|name| {
            let given = table.value("arguments").map(|value| value.get_ref());
            !matches!(given, Some(DeValue::Table(given)) if given.iter().any(|(key, _)| key.get_ref() == **name))
        }) {
            let message = format!("the probe needs the argument `{name}`");
            self.reader
                .problem(&table.span_of("arguments"), message, None);
        }
        found
    }

    /// `resource = "STACK/LOGICAL_ID"`, of the descriptor's own stacks.
    fn resource(
        &mut self,
        table: &Table<'_, 's>,
        templates: &BTreeMap<&str, &str>,
    ) -> Option<ResourceRef> {
        let text = self.reader.text(table, "resource")?;
        let (stack, logical_id) = text.value.split_once('/').unwrap_or((&text.value, ""));
        let Some(template) = templates.get(stack) else {
            if self.broken_stacks.contains(stack) {
                return None;
            }
            let message = format!("the descriptor has no stack or stack set `{stack}`");
            let suggestion = did_you_mean(stack, templates.keys().copied());
            self.reader.problem(&text.span, message, suggestion);
            return None;
        };
        let resources = self.templates.get(*template).map(|t| t.resources.clone());
        if let Some(resources) = resources
            && !resources.contains(logical_id)
        {
            let message = format!("`{template}` has no resource `{logical_id}`");
            let suggestion = did_you_mean(logical_id, resources.iter().map(String::as_str));
            self.reader.problem(&text.span, message, suggestion);
            return None;
        }
        Some(ResourceRef {
            stack: stack.parse().ok()?,
            logical_id: logical_id.to_owned(),
        })
    }

    fn expect(
        &mut self,
        table: &Table<'_, 's>,
        probe: Option<Probe>,
    ) -> BTreeMap<String, ExpectedSpec> {
        let what = "`expect` of `[[control]]`";
        let mut found = BTreeMap::new();
        let Some(expect) = self.reader.subtable(table, "expect", what, &[]) else {
            return found;
        };
        let known = probe.and_then(Probe::facts);
        for key in expect.keys() {
            // Properties begin with a capital letter, the probe's own facts do not.
            let property = key.starts_with(|c: char| c.is_ascii_uppercase());
            if let Some(known) = known
                && !property
                && !known.contains(&key)
            {
                let message = format!("the probe tells no fact `{key}`");
                let suggestion = did_you_mean(key, known.iter().copied());
                self.reader
                    .problem(&expect.span_of(key), message, suggestion);
            }
            let Some(value) = expect.value(key) else {
                continue;
            };
            if let DeValue::String(_) = value.get_ref() {
                if let Some(text) = self.reader.text(&expect, key)
                    && let Some(words) = self.words(&text, false)
                {
                    found.insert(key.to_owned(), ExpectedSpec::Text(words));
                }
                continue;
            }
            let value = json(value.get_ref());
            if value.is_null() {
                let message =
                    format!("`{key}` is a text, a number, true, false or a list of texts");
                self.reader.problem(&expect.span_of(key), message, None);
            }
            found.insert(key.to_owned(), ExpectedSpec::Value(value));
        }
        found
    }
}
