//! Accounts from a JSON list of objects: all that is wrong with each, field by field, with the line where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::batch::{COLUMNS, Row, Rows, of_account};
use crate::plan::{Contact, ContactKind, nearest};

/// What an account of a list may say.
const FIELDS: [&str; 5] = ["name", "ou", "email", "tags", "contacts"];
const KINDS: [ContactKind; 3] = [
    ContactKind::Billing,
    ContactKind::Operations,
    ContactKind::Security,
];

/// The rows of a list, each with what could be read of it, and all that could not.
pub(super) fn rows_of_json(text: &str) -> Rows {
    let list: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(list) => list,
        Err(error) => {
            return vec![(error.line(), Err(format!("is no list of objects: {error}")))];
        }
    };
    let line = |raw: &RawValue| {
        let wrong = Vec::new();
        Reading { text, wrong }.line(raw)
    };
    let lines: BTreeSet<usize> = list.iter().map(|raw| line(raw)).collect();
    // As programs write lists: in one line.
    let by_number = lines.len() < list.len();
    let mut rows = Rows::new();
    for (at, raw) in list.into_iter().enumerate() {
        let number = by_number.then_some(at + 1);
        let mut reading = Reading {
            text,
            wrong: Vec::new(),
        };
        let row = reading.row(raw);
        let line = reading.line(raw);
        let wrong = reading.wrong.into_iter();
        rows.extend(wrong.map(|(line, message)| (line, Err(of_account(number, message)))));
        rows.extend(row.map(|row| (line, Ok(Row { number, ..row }))));
    }
    rows
}

/// An object's members in their order, a name that is said twice included.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        from.deserialize_map(Read).map(Members)
    }
}

struct Reading<'t> {
    text: &'t str,
    wrong: Vec<(usize, String)>,
}

impl<'t> Reading<'t> {
    /// The line where a value begins.
    fn line(&self, raw: &RawValue) -> usize {
        let before = raw.get().as_ptr() as usize - self.text.as_ptr() as usize;
        let lines = self.text.get(..before).unwrap_or_default();
        lines.matches('\n').count() + 1
    }

    fn say(&mut self, at: &RawValue, message: String) {
        self.wrong.push((self.line(at), message));
    }

    /// The members of an object; `None`, and said, where it is none. A member that is said twice is said to be, and
    /// the first holds.
    fn members(&mut self, raw: &'t RawValue, what: &str) -> Option<Vec<(String, &'t RawValue)>> {
        let Ok(Members(all)) = serde_json::from_str(raw.get()) else {
            self.say(raw, format!("{what} is {}, not an object", kind(raw)));
            return None;
        };
        let mut seen = BTreeSet::new();
        let mut members = Vec::new();
        for (name, value) in all {
            if seen.insert(name.clone()) {
                members.push((name, value));
            } else {
                self.say(value, format!("`{name}` is said twice"));
            }
        }
        Some(members)
    }

    /// A text; `None`, and said, where it is none.
    fn text(&mut self, raw: &RawValue, what: &str) -> Option<String> {
        let text = serde_json::from_str(raw.get()).ok();
        if text.is_none() {
            self.say(raw, format!("`{what}` is {}, not text", kind(raw)));
        }
        text
    }

    fn unknown<'k>(&mut self, at: &RawValue, name: &str, known: impl Iterator<Item = &'k str>) {
        let known: Vec<&str> = known.collect();
        let meant = nearest(name, known.iter().copied());
        let hint = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        self.say(at, format!("there is no field `{name}`; {hint}"));
    }

    fn row(&mut self, raw: &'t RawValue) -> Option<Row> {
        let mut row = Row::default();
        for (name, value) in self.members(raw, "an account")? {
            let read = match name.as_str() {
                "name" => self.text(value, "name").map(|text| row.name = text),
                "ou" => self.text(value, "ou").map(|text| row.ou = text),
                // As a cell that is left empty.
                "email" if value.get() == "null" => Some(()),
                "email" => self.text(value, "email").map(|text| {
                    row.email = Some(text).filter(|text| !text.is_empty());
                }),
                "tags" => {
                    for (key, value) in self.members(value, "`tags`").unwrap_or_default() {
                        if let Some(text) = self.text(value, &format!("tags.{key}")) {
                            row.tags.insert(key, text);
                        }
                    }
                    Some(())
                }
                "contacts" => {
                    row.contacts = self.contacts(value);
                    Some(())
                }
                other => {
                    self.unknown(value, other, FIELDS.into_iter());
                    // A slip of the pen is not a second mistake, of what it was meant to be.
                    let meant = nearest(other, COLUMNS);
                    row.broken
                        .extend(COLUMNS.into_iter().filter(|it| meant == Some(it)));
                    Some(())
                }
            };
            if read.is_none() {
                let columns = COLUMNS.into_iter();
                row.broken.extend(columns.filter(|column| *column == name));
            }
        }
        Some(row)
    }

    fn contacts(&mut self, raw: &'t RawValue) -> BTreeMap<ContactKind, Contact> {
        let mut contacts = BTreeMap::new();
        for (name, value) in self.members(raw, "`contacts`").unwrap_or_default() {
            match KINDS.into_iter().find(|kind| kind.as_str() == name) {
                Some(kind) => {
                    let contact = self.contact(value, &format!("contacts.{name}"));
                    contacts.extend(contact.map(|contact| (kind, contact)));
                }
                None => self.unknown(value, &name, KINDS.into_iter().map(ContactKind::as_str)),
            }
        }
        contacts
    }

    fn contact(&mut self, raw: &'t RawValue, what: &str) -> Option<Contact> {
        const PARTS: [&str; 4] = ["name", "title", "email", "phone"];
        let mut parts: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (name, value) in self.members(raw, &format!("`{what}`"))? {
            match PARTS.contains(&name.as_str()) {
                true => {
                    let text = self.text(value, &format!("{what}.{name}"));
                    parts.insert(name, text);
                }
                false => self.unknown(value, &name, PARTS.into_iter()),
            }
        }
        for part in PARTS {
            if !parts.contains_key(part) {
                self.say(raw, format!("`{what}.{part}` is missing"));
            }
        }
        let mut part = |name: &str| parts.remove(name).flatten();
        Some(Contact {
            name: part("name")?,
            title: part("title")?,
            email: part("email")?,
            phone: part("phone")?,
        })
    }
}

/// What a value is, for messages.
fn kind(raw: &RawValue) -> &'static str {
    match serde_json::from_str(raw.get()) {
        Ok(Value::Null) => "null",
        Ok(Value::Bool(_)) => "true or false",
        Ok(Value::Number(_)) => "a number",
        Ok(Value::String(_)) => "text",
        Ok(Value::Array(_)) => "a list",
        Ok(Value::Object(_)) => "an object",
        // More digits than any number has, for example.
        Err(_) => "nothing that can be read",
    }
}
