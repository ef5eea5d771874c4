//! Two inventories of one organization compared: what is new, gone and changed, by section and name, field by
//! field. Pure.
//!
//! Things are the same by AWS's ids, so that what is renamed or moved has changed. What one of the two did
//! not read, or did not ask about, is said and not compared.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::section::{Names, Thing, Things, inside, unread};
use super::{SavedInventory, Section};

/// What is different.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Differences {
    /// By kind, then by name.
    pub differences: Vec<Difference>,
    /// What could not be compared, and why, each once.
    pub unclear: Vec<Unclear>,
}

/// One thing that is different.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub kind: Section,
    /// What people call it: "payments-prod (222222222222)", "Workloads/Prod".
    pub name: String,
    pub what: What,
    /// What has changed, or all there is of what is new or gone.
    pub fields: Vec<Field>,
}

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    New,
    Gone,
    Changed,
}

/// One value before and after; `None` where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Such as `tags.team`.
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unclear {
    pub kind: Section,
    /// `None` for all of the kind.
    pub name: Option<String>,
    pub reason: String,
}

impl Differences {
    /// How many things are new, gone or changed.
    pub fn number(&self, what: What) -> usize {
        self.differences
            .iter()
            .filter(|difference| difference.what == what)
            .count()
    }
}

/// Compares the earlier with the later.
pub fn compare(before: &SavedInventory, after: &SavedInventory) -> Differences {
    let mut found = Differences::default();
    let names = Names([&after.inventory, &before.inventory]);
    for section in Section::ALL {
        let things = |saved| section.kind().things(saved, &names);
        match (things(before), things(after)) {
            (Ok(before), Ok(after)) => pair(section, before, after, &mut found),
            (Err(reason), _) | (_, Err(reason)) => found.unclear.push(Unclear {
                kind: section,
                name: None,
                reason: format!("was not read: {reason}"),
            }),
        }
    }
    found.unclear.sort();
    found.unclear.dedup();
    found
        .differences
        .sort_by(|a, b| (a.kind, &a.name, a.what).cmp(&(b.kind, &b.name, b.what)));
    found
}

fn pair(kind: Section, before: Things, mut after: Things, found: &mut Differences) {
    let asked = |things: &Things, thing: &Thing| match (&things.asked, &thing.place) {
        (Some(asked), Some(place)) => asked.contains(place),
        _ => true,
    };
    let mut unclear = |name: &str, reason: String| {
        found.unclear.push(Unclear {
            kind,
            name: Some(name.to_owned()),
            reason,
        });
    };
    let one_only = || "was asked about in one of the two only".to_owned();
    let mut differences = Vec::new();
    let mut different = |name: String, what: What, fields: Vec<Field>| {
        differences.push(Difference {
            kind,
            name,
            what,
            fields,
        });
    };
    for (key, old) in &before.by_key {
        let Some(new) = after.by_key.remove(key) else {
            match &old.value {
                _ if !asked(&after, old) => unclear(&old.name, one_only()),
                Ok(value) => different(old.name.clone(), What::Gone, whole(value, Side::Before)),
                Err(why) => unclear(&old.name, format!("was not read: {why}")),
            }
            continue;
        };
        let (was, is) = match (&old.value, &new.value) {
            (Ok(was), Ok(is)) => (was, is),
            (Err(why), _) | (_, Err(why)) => {
                unclear(&new.name, format!("was not read: {why}"));
                continue;
            }
        };
        let mut fields = Vec::new();
        let mut blind = Vec::new();
        fields_of("", Some(was), Some(is), &mut fields, &mut blind);
        for (field, why) in blind {
            unclear(&new.name, format!("{field} was not read: {why}"));
        }
        if !fields.is_empty() {
            different(new.name, What::Changed, fields);
        }
    }
    for new in after.by_key.values() {
        match &new.value {
            _ if !asked(&before, new) => unclear(&new.name, one_only()),
            Ok(value) => different(new.name.clone(), What::New, whole(value, Side::After)),
            Err(why) => unclear(&new.name, format!("was not read: {why}")),
        }
    }
    found.differences.append(&mut differences);
}

#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

fn whole(value: &Value, side: Side) -> Vec<Field> {
    let mut fields = Vec::new();
    let (before, after) = match side {
        Side::Before => (Some(value), None),
        Side::After => (None, Some(value)),
    };
    fields_of("", before, after, &mut fields, &mut Vec::new());
    fields
}

/// The leaves that differ. A list is one leaf: its order is AWS's, and it is short.
fn fields_of(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    fields: &mut Vec<Field>,
    blind: &mut Vec<(String, String)>,
) {
    for side in [before, after].into_iter().flatten() {
        if let Some(why) = unread(side) {
            blind.push((path.to_owned(), why));
            return;
        }
    }
    let (before, after) = (before.map(inside), after.map(inside));
    if before == after {
        return;
    }
    let object = |value: Option<&Value>| value.is_none_or(|v| v.is_object() || v.is_null());
    if object(before) && object(after) && (is_map(before) || is_map(after)) {
        let of = |value: Option<&'_ Value>| {
            let map = value.and_then(Value::as_object);
            map.into_iter()
                .flat_map(|map| map.keys().cloned())
                .collect::<BTreeSet<String>>()
        };
        for key in of(before).union(&of(after)) {
            let path = match path {
                "" => key.clone(),
                path => format!("{path}.{key}"),
            };
            let at = |value: Option<&'_ Value>| value.and_then(|value| value.get(key)).cloned();
            fields_of(
                &path,
                at(before).as_ref(),
                at(after).as_ref(),
                fields,
                blind,
            );
        }
        return;
    }
    let (before, after) = (before.and_then(text), after.and_then(text));
    if before != after {
        fields.push(Field {
            field: if path.is_empty() { "value" } else { path }.to_owned(),
            before,
            after,
        });
    }
}

fn is_map(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_object)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(text).collect();
            Some(items.join(", "))
        }
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
