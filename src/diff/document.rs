//! Policy documents and templates by what they mean, not by how they are written: AWS returns
//! documents with its own spacing, order and single-element lists.

use serde_json::{Map, Value};

use crate::plan::PolicyType;

/// Whether two policy documents mean the same.
///
/// Authorization policies are compared with the freedoms that IAM's grammar gives: the order of
/// keys, statements and list elements, one element or a list of one, repetitions, the case of
/// actions and of condition keys, booleans and numbers as text. In the other types a list and its
/// single element differ, so only the order of keys is free.
pub(super) fn same_policy(kind: PolicyType, a: &str, b: &str) -> bool {
    match (serde_json::from_str(a), serde_json::from_str(b)) {
        (Ok(a), Ok(b)) => match kind {
            PolicyType::ServiceControlPolicy | PolicyType::ResourceControlPolicy => {
                canonical_policy(&a) == canonical_policy(&b)
            }
            _ => sorted(&a) == sorted(&b),
        },
        _ => a.trim() == b.trim(),
    }
}

/// Whether two templates are the same text, but for line ends and the space after the last line.
pub(super) fn same_template(a: &str, b: &str) -> bool {
    let lines = |text: &'_ str| text.trim_end().replace("\r\n", "\n");
    a == b || lines(a) == lines(b)
}

/// With keys in order, lists as they are.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> =
                map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn canonical_policy(value: &Value) -> Value {
    let Value::Object(map) = value else {
        return sorted(value);
    };
    let mut policy = Map::new();
    for (key, value) in in_order(map) {
        let value = match key.as_str() {
            "Statement" => set(value, canonical_statement),
            _ => sorted(value),
        };
        policy.insert(key.clone(), value);
    }
    Value::Object(policy)
}

fn canonical_statement(value: &Value) -> Value {
    let Value::Object(map) = value else {
        return sorted(value);
    };
    let mut statement = Map::new();
    for (key, value) in in_order(map) {
        let value = match key.as_str() {
            "Action" | "NotAction" => set(value, |action| match action {
                Value::String(action) => Value::String(action.to_ascii_lowercase()),
                other => sorted(other),
            }),
            "Resource" | "NotResource" => set(value, sorted),
            "Principal" | "NotPrincipal" => match value {
                Value::Object(map) => {
                    let sets = in_order(map).map(|(kind, who)| (kind.clone(), set(who, sorted)));
                    Value::Object(sets.collect())
                }
                other => sorted(other),
            },
            "Condition" => canonical_condition(value),
            _ => sorted(value),
        };
        statement.insert(key.clone(), value);
    }
    Value::Object(statement)
}

/// Operator, then key, then a set of values, all of them text.
fn canonical_condition(value: &Value) -> Value {
    let Value::Object(operators) = value else {
        return sorted(value);
    };
    let operators = in_order(operators).map(|(operator, keys)| {
        let keys = match keys {
            Value::Object(keys) => {
                let mut entries: Vec<(String, Value)> = keys
                    .iter()
                    .map(|(key, values)| (key.to_ascii_lowercase(), set(values, as_text)))
                    .collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Value::Object(entries.into_iter().collect())
            }
            other => sorted(other),
        };
        (operator.clone(), keys)
    });
    Value::Object(operators.collect())
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::Bool(flag) => Value::String(flag.to_string()),
        Value::Number(number) => Value::String(number.to_string()),
        other => sorted(other),
    }
}

/// A scalar or a list as a sorted list without repetitions.
fn set(value: &Value, canonical: impl Fn(&Value) -> Value) -> Value {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut items: Vec<(String, Value)> = items
        .iter()
        .map(|item| {
            let item = canonical(item);
            (item.to_string(), item)
        })
        .collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    items.dedup_by(|(a, _), (b, _)| a == b);
    Value::Array(items.into_iter().map(|(_, item)| item).collect())
}

fn in_order(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries.into_iter()
}
