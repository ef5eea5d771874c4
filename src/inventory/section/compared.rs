//! What is compared of a section: things by what makes them the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::super::{Inventory, Observed};

/// The things of a section by what makes them the same.
#[derive(Default)]
pub(in crate::inventory) struct Things {
    pub(in crate::inventory) by_key: BTreeMap<String, Thing>,
    /// Where only asked places are known: a thing elsewhere is not new but unasked.
    pub(in crate::inventory) asked: Option<BTreeSet<String>>,
}

pub(in crate::inventory) struct Thing {
    pub(in crate::inventory) name: String,
    /// The place or account that was asked for it.
    pub(in crate::inventory) place: Option<String>,
    /// `Err` where it was not read.
    pub(in crate::inventory) value: Result<Value, String>,
}

impl Things {
    /// A thing that is not asked about by its place.
    pub(super) fn put(&mut self, key: String, name: String, value: Value) {
        let thing = Thing {
            name,
            place: None,
            value: Ok(value),
        };
        self.by_key.insert(key, thing);
    }

    /// Things that are each asked about by their own key.
    pub(super) fn placed(things: impl Iterator<Item = (String, String, Value)>) -> Self {
        let mut placed = Self {
            asked: Some(BTreeSet::new()),
            ..Self::default()
        };
        for (key, name, value) in things {
            placed.asked.get_or_insert_default().insert(key.clone());
            let value = match unread(&value) {
                Some(why) => Err(why),
                None => Ok(value),
            };
            let place = Some(key.clone());
            placed.by_key.insert(key, Thing { name, place, value });
        }
        placed
    }
}

/// The one member of an object that a reading is written as.
pub(in crate::inventory) fn reading<'a>(value: &'a Value, word: &str) -> Option<&'a Value> {
    let map = value.as_object()?;
    map.get(word).filter(|_| map.len() == 1)
}

pub(in crate::inventory) fn unread(value: &Value) -> Option<String> {
    let why = reading(value, "unread")?;
    Some(why.get("reason")?.as_str()?.to_owned())
}

pub(in crate::inventory) fn inside(value: &Value) -> &Value {
    reading(value, "known").unwrap_or(value)
}

/// Names for ids, so that a move reads as one. Both sides use the same names, the later ones first: an
/// OU that is renamed has not changed what lies in it.
pub(in crate::inventory) struct Names<'a>(pub(in crate::inventory) [&'a Inventory; 2]);

impl Names<'_> {
    pub(in crate::inventory) fn account(&self, id: &str) -> String {
        let find = |inventory: &&'_ Inventory| {
            let accounts = inventory.accounts.known()?;
            let found = accounts.get(&id.parse().ok()?);
            found.map(|facts| format!("{} ({id})", facts.name))
        };
        let found = self.0.iter().find_map(find);
        found.unwrap_or_else(|| id.to_owned())
    }

    /// The root, an OU or an account.
    pub(in crate::inventory) fn target(&self, id: &str) -> String {
        let find = |inventory: &&'_ Inventory| {
            let organization = inventory.organization.known().and_then(Option::as_ref);
            if organization.is_some_and(|found| found.root_id == id) {
                return Some("root".to_owned());
            }
            let ou = inventory.ous.known()?.get(id)?;
            Some(ou.path.to_string())
        };
        let found = self.0.iter().find_map(find);
        found.unwrap_or_else(|| self.account(id))
    }

    /// `value` with names in the place of the ids of these members.
    pub(in crate::inventory) fn named(&self, mut value: Value, members: &[&str]) -> Value {
        for member in members {
            let Some(found) = value.get_mut(*member) else {
                continue;
            };
            let found = if reading(found, "known").is_some() {
                &mut found["known"]
            } else {
                found
            };
            match found {
                Value::String(id) => *id = self.target(id),
                Value::Array(ids) => {
                    for id in ids.iter_mut() {
                        if let Value::String(id) = id {
                            *id = self.target(id);
                        }
                    }
                    ids.sort_by_key(ToString::to_string);
                }
                _ => {}
            }
        }
        value
    }
}

/// Facts as JSON; they are plain data, which always has one.
pub(in crate::inventory) fn json(facts: &impl Serialize) -> Value {
    serde_json::to_value(facts).unwrap_or(Value::Null)
}

pub(in crate::inventory) fn known<T>(seen: &Observed<T>) -> Result<&T, String> {
    match seen {
        Observed::Known(known) => Ok(known),
        Observed::Unread(why) => Err(format!("{}: {}", why.operation, why.reason)),
    }
}
