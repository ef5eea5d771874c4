//! Whether what AWS holds is what is expected. Services add defaults and write one value in several ways,
//! so members that nobody set do not count, except in policies, where everything counts.

use serde_json::Value;

/// Properties that are policies: an addition is as much a difference as an omission.
const POLICIES: [&str; 3] = ["PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument"];

/// What a document of Systems Manager runs: there too everything counts, and the order of its steps.
const CONTENT: &str = "Content";

/// Whether the fact or property `name` is as expected. What is not to be set is expected as null.
pub(super) fn holds(name: &str, expected: &Value, live: &Value) -> bool {
    if POLICIES.contains(&name.rsplit('.').next().unwrap_or(name)) {
        return normal(&document(expected)) == normal(&document(live));
    }
    if name == CONTENT {
        return same(&document(expected), &document(live));
    }
    covers(expected, live)
}

/// Whether two values say the same, `"600"` and 600 among them.
fn same(expected: &Value, live: &Value) -> bool {
    match (expected, live) {
        (Value::Object(expected), Value::Object(live)) => {
            expected.len() == live.len()
                && expected
                    .iter()
                    .all(|(key, value)| live.get(key).is_some_and(|live| same(value, live)))
        }
        (Value::Array(expected), Value::Array(live)) => {
            expected.len() == live.len()
                && expected
                    .iter()
                    .zip(live)
                    .all(|(expected, live)| same(expected, live))
        }
        (Value::Null, Value::Null) => true,
        (expected, live) => match (scalar(expected), scalar(live)) {
            (Some(expected), Some(live)) => expected == live,
            _ => false,
        },
    }
}

/// A fact by name; a property inside properties by its path, `VersioningConfiguration.Status`.
pub(super) fn find<'v>(
    facts: &'v std::collections::BTreeMap<String, Value>,
    name: &str,
) -> Option<&'v Value> {
    if let Some(found) = facts.get(name) {
        return Some(found);
    }
    let mut parts = name.split('.');
    let mut value = facts.get(parts.next()?)?;
    for part in parts {
        value = match value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            value => value.get(part)?,
        };
    }
    Some(value)
}

/// A value as a field shows it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A policy may be kept as the text of its document.
fn document(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// A policy in one form: lists of one are their item, other lists are in order, as IAM reads them.
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, Value)> =
                map.iter().map(|(key, item)| (key, normal(item))).collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            entries
                .into_iter()
                .map(|(key, item)| (key.clone(), item))
                .collect::<serde_json::Map<String, Value>>()
                .into()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(normal).collect();
            match items.as_slice() {
                [one] => one.clone(),
                _ => {
                    items.sort_by_key(Value::to_string);
                    Value::Array(items)
                }
            }
        }
        Value::Bool(flag) => Value::String(flag.to_string()),
        other => other.clone(),
    }
}

fn covers(expected: &Value, live: &Value) -> bool {
    match (expected, live) {
        (Value::Null, Value::Null) => true,
        (Value::Null, Value::String(text)) => text.is_empty(),
        (Value::Object(expected), Value::Object(live)) => expected
            .iter()
            .all(|(key, value)| covers(value, live.get(key).unwrap_or(&Value::Null))),
        (Value::Array(expected), Value::Array(live)) => {
            expected.len() == live.len()
                && expected
                    .iter()
                    .all(|value| live.iter().any(|live| covers(value, live)))
        }
        // `"true"` and `"365"` in a template are true and 365 in an answer.
        (expected, live) => match (scalar(expected), scalar(live)) {
            (Some(expected), Some(live)) => expected == live,
            _ => false,
        },
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_has_nothing_more_and_its_steps_in_order() {
        let expected = json!({"mainSteps": [{"name": "A", "timeoutSeconds": 600}, {"name": "B"}]});
        let text = r#"{"mainSteps":[{"name":"A","timeoutSeconds":"600"},{"name":"B"}]}"#;
        assert!(holds("Content", &expected, &json!(text)));
        for other in [
            json!({"mainSteps": [{"name": "B"}, {"name": "A", "timeoutSeconds": 600}]}),
            json!({"mainSteps": [{"name": "A", "timeoutSeconds": 600}, {"name": "B", "isEnd": true}]}),
            json!({"mainSteps": [{"name": "A", "timeoutSeconds": 600}]}),
            json!({"mainSteps": [{"name": "A", "timeoutSeconds": 600}, {"name": "B"}], "assumeRole": "x"}),
            json!("{}"),
            Value::Null,
        ] {
            assert!(!holds("Content", &expected, &other), "{other}");
        }
    }

    #[test]
    fn defaults_that_nobody_set_do_not_count() {
        let live = json!({"Status": "Enabled", "MFADelete": "Disabled"});
        assert!(holds("V", &json!({"Status": "Enabled"}), &live));
        assert!(!holds("V", &json!({"Status": "Suspended"}), &live));
        assert!(holds("Days", &json!("365"), &json!(365)));
        assert!(holds("Prefix", &Value::Null, &json!("")));
        assert!(!holds(
            "Rules",
            &json!([{"Id": "a"}]),
            &json!([{"Id": "a"}, {"Id": "b"}])
        ));
    }

    #[test]
    fn in_a_policy_everything_counts_but_its_form() {
        let one = json!({"Statement": [{"Effect": "Allow", "Action": ["a"]}, {"Effect": "Deny"}]});
        let other = r#"{"Statement":[{"Effect":"Deny"},{"Action":"a","Effect":"Allow"}]}"#;
        assert!(holds("PolicyDocument", &one, &json!(other)));
        let more = r#"{"Statement":[{"Effect":"Deny"},{"Action":"a","Effect":"Allow"},{"Effect":"Allow"}]}"#;
        assert!(!holds("PolicyDocument", &one, &json!(more)));
        assert!(!holds("PolicyDocument", &one, &Value::Null));
    }
}
