//! Two inventories of one organization compared: what is new, gone and changed, by kind and name, field by
//! field. Pure.
//!
//! Things are the same by AWS's ids, so that what is renamed or moved has changed. What one of the two did
//! not read, or did not ask about, is said and not compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::{Inventory, Kind, Observed, SavedInventory};
use crate::plan::FULL_AWS_ACCESS;

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
    pub kind: Kind,
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
    pub kind: Kind,
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
    for kind in Kind::OF_INVENTORY.into_iter().chain([Kind::Controls]) {
        match (things(kind, before, &names), things(kind, after, &names)) {
            (Ok(before), Ok(after)) => pair(kind, before, after, &mut found),
            (Err(reason), _) | (_, Err(reason)) => found.unclear.push(Unclear {
                kind,
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

/// The things of a kind by what makes them the same.
struct Things {
    by_key: BTreeMap<String, Thing>,
    /// Where only asked places are known: a thing elsewhere is not new but unasked.
    asked: Option<BTreeSet<String>>,
}

struct Thing {
    name: String,
    /// The place or account that was asked for it.
    place: Option<String>,
    /// `Err` where it was not read.
    value: Result<Value, String>,
}

fn pair(kind: Kind, before: Things, mut after: Things, found: &mut Differences) {
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

/// The one member of an object that a reading is written as.
fn reading<'a>(value: &'a Value, word: &str) -> Option<&'a Value> {
    let map = value.as_object()?;
    map.get(word).filter(|_| map.len() == 1)
}

fn unread(value: &Value) -> Option<String> {
    let why = reading(value, "unread")?;
    Some(why.get("reason")?.as_str()?.to_owned())
}

fn inside(value: &Value) -> &Value {
    reading(value, "known").unwrap_or(value)
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

/// Names for ids, so that a move reads as one. Both sides use the same names, the later ones first: an
/// OU that is renamed has not changed what lies in it.
struct Names<'a>([&'a Inventory; 2]);

impl Names<'_> {
    fn account(&self, id: &str) -> String {
        let find = |inventory: &&'_ Inventory| {
            let accounts = inventory.accounts.known()?;
            let found = accounts.get(&id.parse().ok()?);
            found.map(|facts| format!("{} ({id})", facts.name))
        };
        let found = self.0.iter().find_map(find);
        found.unwrap_or_else(|| id.to_owned())
    }

    /// The root, an OU or an account.
    fn target(&self, id: &str) -> String {
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
    fn named(&self, mut value: Value, members: &[&str]) -> Value {
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
fn json(facts: &impl Serialize) -> Value {
    serde_json::to_value(facts).unwrap_or(Value::Null)
}

fn known<T>(seen: &Observed<T>) -> Result<&T, String> {
    match seen {
        Observed::Known(known) => Ok(known),
        Observed::Unread(why) => Err(format!("{}: {}", why.operation, why.reason)),
    }
}

fn things(kind: Kind, saved: &SavedInventory, names: &Names<'_>) -> Result<Things, String> {
    let inventory = &saved.inventory;
    let mut by_key = BTreeMap::new();
    let mut asked = None;
    let mut put = |key: String, name: String, value: Value| {
        let thing = Thing {
            name,
            place: None,
            value: Ok(value),
        };
        by_key.insert(key, thing);
    };
    match kind {
        Kind::Organization => {
            if let Some(found) = known(&inventory.organization)? {
                put(found.id.clone(), found.id.clone(), json(found));
            }
        }
        Kind::Accounts => {
            for (id, facts) in known(&inventory.accounts)? {
                let name = names.account(id.as_str());
                put(id.to_string(), name, names.named(json(facts), &["parent"]));
            }
        }
        Kind::Ous => {
            for (id, facts) in known(&inventory.ous)? {
                let value = names.named(json(facts), &["parent"]);
                put(id.clone(), facts.path.to_string(), value);
            }
        }
        Kind::Policies => {
            for (id, facts) in known(&inventory.policies)? {
                let value = names.named(json(facts), &["targets"]);
                put(id.clone(), facts.name.clone(), value);
            }
            if let Some(attached) = &inventory.full_aws_access {
                let attached = known(attached)?;
                let root = inventory.organization.known().and_then(Option::as_ref);
                let ous = inventory.ous.known().into_iter().flatten();
                let accounts = inventory.accounts.known().into_iter().flatten();
                // Where it is missing: it is attached to everything that is new.
                let missing: Vec<String> = root
                    .map(|found| found.root_id.clone())
                    .into_iter()
                    .chain(ous.map(|(id, _)| id.clone()))
                    .chain(accounts.map(|(id, _)| id.to_string()))
                    .filter(|id| !attached.contains(id))
                    .collect();
                let value = serde_json::json!({ "not_attached_to": missing });
                let name = FULL_AWS_ACCESS.to_owned();
                put(name.clone(), name, names.named(value, &["not_attached_to"]));
            }
        }
        Kind::TrustedAccess => {
            for service in known(&inventory.trusted_access)? {
                put(service.to_string(), service.to_string(), Value::Null);
            }
        }
        Kind::DelegatedAdministrators => {
            for (account, services) in known(&inventory.delegated_administrators)? {
                for service in services {
                    let name = format!("{} for {service}", names.account(account.as_str()));
                    put(format!("{account} {service}"), name, Value::Null);
                }
            }
        }
        Kind::StackSetsAccess => {
            let access = known(&inventory.stack_sets_access)?;
            put(
                String::new(),
                kind.as_str().to_owned(),
                Value::Bool(*access),
            );
        }
        Kind::ServiceLinkedRoles => {
            for service in known(&inventory.service_linked_roles)? {
                put(service.to_string(), service.to_string(), Value::Null);
            }
        }
        Kind::StackSets => {
            for (name, set) in known(&inventory.stack_sets)? {
                let mut value = names.named(json(set), &["targets"]);
                // One by one below: there are thousands.
                if let Some(instances) = value.get_mut("instances")
                    && set.instances.known().is_some()
                {
                    *instances = Value::Null;
                }
                put(name.clone(), name.clone(), value);
                for (at, instance) in set.instances.known().into_iter().flatten() {
                    let account = names.account(at.account.as_str());
                    put(
                        format!("{name} {}/{}", at.account, at.region),
                        format!("{name} in {account}/{}", at.region),
                        names.named(json(instance), &["ou"]),
                    );
                }
            }
            for name in &inventory.other_stack_sets {
                put(name.clone(), format!("{name} of others"), Value::Null);
            }
        }
        Kind::Stacks => {
            let mut places = BTreeSet::new();
            for (at, stacks) in &inventory.stacks {
                let name = format!("{}/{}", names.account(at.account.as_str()), at.region);
                let place = String::from(at.clone());
                places.insert(place.clone());
                match known(stacks) {
                    Ok(stacks) => {
                        for (stack_name, stack) in stacks {
                            let thing = Thing {
                                name: format!("{stack_name} in {name}"),
                                place: Some(place.clone()),
                                value: Ok(json(stack)),
                            };
                            by_key.insert(format!("{place} {stack_name}"), thing);
                        }
                    }
                    Err(why) => {
                        let thing = Thing {
                            name: format!("stacks in {name}"),
                            place: Some(place.clone()),
                            value: Err(why),
                        };
                        by_key.insert(place.clone(), thing);
                        // What is there cannot be told from what is not.
                        places.remove(&place);
                    }
                }
            }
            asked = Some(places);
        }
        Kind::GuardDuty => {
            asked = Some(placed(
                &mut by_key,
                inventory
                    .guardduty
                    .iter()
                    .map(|(region, facts)| (region.to_string(), region.to_string(), json(facts))),
            ));
        }
        Kind::Contacts => {
            asked = Some(placed(
                &mut by_key,
                inventory
                    .contacts
                    .iter()
                    .map(|(id, facts)| (id.to_string(), names.account(id.as_str()), json(facts))),
            ));
        }
        Kind::Preparation => {
            asked = Some(placed(
                &mut by_key,
                inventory
                    .preparation
                    .iter()
                    .map(|(id, facts)| (id.to_string(), names.account(id.as_str()), json(facts))),
            ));
        }
        Kind::Recorders => {
            asked = Some(placed(
                &mut by_key,
                inventory.recorders.iter().map(|(at, facts)| {
                    let place = String::from(at.clone());
                    let account = names.account(at.account.as_str());
                    (place, format!("{account}/{}", at.region), json(facts))
                }),
            ));
        }
        Kind::ExistingStacks => {
            asked = Some(placed(
                &mut by_key,
                inventory.existing_stacks.iter().map(|(id, facts)| {
                    let account = names.account(id.account().as_str());
                    let name = format!("{} in {account}/{}", id.name(), id.region());
                    (id.to_string(), name, json(facts))
                }),
            ));
        }
        Kind::Trails => {
            let place = Some(String::new());
            if let Some(trails) = &inventory.trails {
                for (arn, facts) in known(trails)? {
                    let thing = Thing {
                        name: facts.name.clone(),
                        place: place.clone(),
                        value: Ok(json(facts)),
                    };
                    by_key.insert(arn.clone(), thing);
                }
            }
            asked = Some(inventory.trails.iter().map(|_| String::new()).collect());
        }
        Kind::Former => {
            let former = &inventory.former;
            let sets = former.stack_sets.iter().map(|(region, facts)| {
                let name = format!("stack sets in {region}");
                (name.clone(), name, json(facts))
            });
            let stacks = former.stacks.iter().map(|(at, facts)| {
                let account = names.account(at.account.as_str());
                let place = String::from(at.clone());
                (place, format!("{account}/{}", at.region), json(facts))
            });
            let access = former.access.iter().map(|(id, facts)| {
                let account = names.account(id.as_str());
                (
                    format!("access {id}"),
                    format!("access to {account}"),
                    json(facts),
                )
            });
            let buckets = former.buckets.values().flatten().map(|(name, facts)| {
                (
                    format!("bucket {name}"),
                    format!("bucket {name}"),
                    json(facts),
                )
            });
            let recorders = former.recorders.iter().map(|(at, facts)| {
                let place = String::from(at.clone());
                let account = names.account(at.account.as_str());
                (
                    format!("recorder {place}"),
                    format!("{account}/{}", at.region),
                    json(facts),
                )
            });
            let all = sets
                .chain(stacks)
                .chain(access)
                .chain(buckets)
                .chain(recorders);
            asked = Some(placed(&mut by_key, all));
        }
        Kind::RootAccess => {
            let root_access = inventory.root_access.iter();
            asked = Some(placed(
                &mut by_key,
                root_access.map(|facts| (String::new(), kind.as_str().to_owned(), json(facts))),
            ));
        }
        Kind::Controls => {
            asked = Some(placed(
                &mut by_key,
                saved.answers.iter().map(|(question, answer)| {
                    let arguments: Vec<&str> =
                        question.arguments.values().map(String::as_str).collect();
                    let account = names.account(question.at.account.as_str());
                    let what = format!("{} {}", question.probe.as_str(), arguments.join(" "));
                    let at = &question.at;
                    let name = format!("{} in {account}/{}", what.trim_end(), at.region);
                    let key = format!("{what} {}/{}", at.account, at.region);
                    (key, name, json(&answer.facts))
                }),
            ));
        }
    }
    Ok(Things { by_key, asked })
}

/// Things that are each asked about by their own key.
fn placed(
    by_key: &mut BTreeMap<String, Thing>,
    things: impl Iterator<Item = (String, String, Value)>,
) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    for (key, name, value) in things {
        asked.insert(key.clone());
        let value = match unread(&value) {
            Some(why) => Err(why),
            None => Ok(value),
        };
        let thing = Thing {
            place: Some(key.clone()),
            name,
            value,
        };
        by_key.insert(key, thing);
    }
    asked
}

#[cfg(test)]
mod tests;
