//! What two simulated worlds have in common: everything they hold but ids, times and history.

use std::collections::BTreeMap;

use orgstrap::sandbox::World;
use serde_json::Value;

/// Clocks, numbers, pending work and histories: different ways may lead to the same world.
const LEFT_OUT: &[&str] = &[
    "now",
    "rng",
    "seq",
    "credentials",
    "due",
    "rates",
    "doomed",
    "lags",
    "creations",
    "closures",
    "operations",
    "history",
    "reason",
    "last_operation",
    "created",
    "updated",
    "joined",
    "usable_from",
    "started",
    "stopped",
    "at",
];

/// A world with names for ids, without [`LEFT_OUT`], in a fixed order: equal for two worlds that hold the same.
pub(crate) fn likeness(world: &World) -> Value {
    let value = serde_json::to_value(world).expect("a world is JSON");
    Names::of(world).alike(&value, Some(2_000))
}

/// The same with every template and document whole, where [`likeness`] goes by the length of long ones.
pub(crate) fn whole_likeness(world: &World) -> Value {
    let value = serde_json::to_value(world).expect("a world is JSON");
    Names::of(world).alike(&value, None)
}

/// Where two likenesses differ, as lines of a comparison.
pub(crate) fn differences(before: &Value, after: &Value) -> String {
    let text = |value| serde_json::to_string_pretty(value).expect("JSON");
    let (before, after) = (text(before), text(after));
    let diff = similar::TextDiff::from_lines(&before, &after);
    let lines: Vec<String> = diff
        .unified_diff()
        .context_radius(4)
        .to_string()
        .lines()
        .take(60)
        .map(|line| line.chars().take(160).collect())
        .collect();
    lines.join("\n")
}

/// Names by the distinctive part of an id.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(world: &World) -> Names {
        let mut names = BTreeMap::new();
        for (id, account) in &world.accounts {
            names.insert(id.clone(), account.email.clone());
        }
        if let Some(organization) = &world.organization {
            let last = |id: &str| id.rsplit('-').next().unwrap_or(id).to_owned();
            names.insert(last(&organization.id), "organization".to_owned());
            names.insert(last(&organization.root), "root".to_owned());
            for (id, ou) in &organization.ous {
                let above = organization.ous.get(&ou.parent).map(|up| up.name.as_str());
                let path = format!("{}/{}", above.unwrap_or_default(), ou.name);
                names.insert(last(id), path);
            }
            for (id, policy) in &organization.policies {
                if !policy.aws_managed {
                    names.insert(last(id), policy.name.clone());
                }
            }
        }
        Names(names)
    }

    /// `long` is the length from which a text is known by its length alone.
    fn alike(&self, value: &Value, long: Option<usize>) -> Value {
        match value {
            Value::Object(map) => {
                let mut pairs: Vec<Value> = map
                    .iter()
                    .filter(|(key, value)| !left_out(key, value))
                    .map(|(key, value)| {
                        let value = match value {
                            Value::String(text) if long.is_some_and(|long| text.len() > long) => {
                                Value::from(text.len())
                            }
                            value => self.alike(value, long),
                        };
                        Value::Array(vec![Value::String(self.text(key)), value])
                    })
                    .collect();
                pairs.sort_by_cached_key(Value::to_string);
                Value::Array(pairs)
            }
            Value::Array(list) => {
                let mut list: Vec<Value> =
                    list.iter().map(|value| self.alike(value, long)).collect();
                list.sort_by_cached_key(Value::to_string);
                Value::Array(list)
            }
            Value::String(text) => Value::String(self.text(text)),
            // Seconds or milliseconds since 1970.
            Value::Number(number) if number.as_f64().is_some_and(|n| n > 1e9) => {
                Value::from("TIME")
            }
            other => other.clone(),
        }
    }

    /// A text with names for ids, and without what is drawn at random.
    fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(rest.len());
            let (token, after) = rest.split_at(word);
            match self.0.get(token) {
                Some(name) => out.push_str(name),
                None if is_random(token) || out.ends_with("config-aggregator-") => out.push('#'),
                None => out.push_str(token),
            }
            let next = after.chars().next().map_or(0, char::len_utf8);
            out.push_str(&after[..next]);
            rest = &after[next..];
        }
        out
    }
}

/// Parts of UUIDs, unique ids, and the suffixes CloudFormation gives to names.
fn is_random(token: &str) -> bool {
    let hex = token
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    let one_case = token
        .bytes()
        .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        || token
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    match token.len() {
        4 => hex,
        8 => hex || (one_case && digits > 0),
        12.. => {
            hex || (one_case && digits > 0) || token.starts_with("ARO") || token.starts_with("ANPA")
        }
        _ => false,
    }
}

fn left_out(key: &str, value: &Value) -> bool {
    let gone =
        |value: &Value| value.get("status").and_then(Value::as_str) == Some("DELETE_COMPLETE");
    LEFT_OUT.contains(&key) || (key == "events" && value.is_array()) || gone(value)
}
