//! What differs between the properties that a template sets and those that a resource has, as drift detection tells it.
//! Only what is set explicitly is compared; what a policy document or a list has beside it counts too.
//!
//! Source: CloudFormation user guide, "Detect unmanaged configuration changes to stacks and resources with drift
//! detection"; API reference, `PropertyDifference`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Such as `/BucketEncryption/ServerSideEncryptionConfiguration/0`.
    pub path: String,
    pub expected: String,
    pub actual: String,
    /// `ADD`, `REMOVE` or `NOT_EQUAL`.
    pub kind: String,
}

/// What differs, by path.
pub(super) fn differences(
    expected: &Map<String, Value>,
    actual: &Map<String, Value>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for (name, value) in expected {
        let path = format!("/{name}");
        match actual.get(name) {
            None | Some(Value::Null) if is_empty(value) => {}
            None | Some(Value::Null) => found.push(removed(&path, value)),
            Some(live) => compare(&path, value, live, is_policy(name), &mut found),
        }
    }
    found
}

/// The properties of `actual` that `expected` sets, as drift results show them.
pub(super) fn set_in(
    expected: &Map<String, Value>,
    actual: &Map<String, Value>,
) -> Map<String, Value> {
    actual
        .iter()
        .filter(|(name, _)| expected.contains_key(*name))
        .map(|(name, value)| (name.clone(), document(value)))
        .collect()
}

fn is_policy(name: &str) -> bool {
    matches!(
        name,
        "AssumeRolePolicyDocument" | "KeyPolicy" | "PolicyDocument"
    )
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn removed(path: &str, expected: &Value) -> Difference {
    Difference {
        path: path.to_owned(),
        expected: shown(expected),
        actual: "null".to_owned(),
        kind: "REMOVE".to_owned(),
    }
}

fn added(path: &str, actual: &Value) -> Difference {
    Difference {
        path: path.to_owned(),
        expected: "null".to_owned(),
        actual: shown(actual),
        kind: "ADD".to_owned(),
    }
}

/// A JSON document given as text, as what it says.
fn document(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('{') => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        other => other.clone(),
    }
}

fn compare(path: &str, expected: &Value, actual: &Value, whole: bool, found: &mut Vec<Difference>) {
    match (document(expected), document(actual)) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in &expected {
                let path = format!("{path}/{name}");
                match actual.get(name) {
                    None | Some(Value::Null) if is_empty(value) => {}
                    None | Some(Value::Null) => found.push(removed(&path, value)),
                    Some(live) => compare(&path, value, live, whole || is_policy(name), found),
                }
            }
            let more = actual
                .iter()
                .filter(|(name, _)| whole && !expected.contains_key(*name));
            found.extend(more.map(|(name, live)| added(&format!("{path}/{name}"), live)));
        }
        (Value::Array(expected), Value::Array(actual)) => {
            lists(path, &expected, &actual, whole, found);
        }
        // One thing and a list of it say the same.
        (Value::Array(expected), actual) if !actual.is_null() => {
            lists(path, &expected, &[actual], whole, found);
        }
        (expected, Value::Array(actual)) => lists(path, &[expected], &actual, whole, found),
        // `"true"` and `"365"` in a template are true and 365 in an answer.
        (expected, actual) if shown(&expected) == shown(&actual) => {}
        (expected, actual) => found.push(Difference {
            path: path.to_owned(),
            expected: shown(&expected),
            actual: shown(&actual),
            kind: "NOT_EQUAL".to_owned(),
        }),
    }
}

/// Order does not count. What has no equal on the other side is paired by place.
fn lists(
    path: &str,
    expected: &[Value],
    actual: &[Value],
    whole: bool,
    found: &mut Vec<Difference>,
) {
    let mut rest: Vec<(usize, &Value)> = actual.iter().enumerate().collect();
    let mut lone = Vec::new();
    for (index, value) in expected.iter().enumerate() {
        let equal = rest.iter().position(|(_, live)| {
            let mut differs = Vec::new();
            compare("", value, live, whole, &mut differs);
            differs.is_empty()
        });
        match equal {
            Some(place) => {
                rest.remove(place);
            }
            None => lone.push((index, value)),
        }
    }
    let mut rest = rest.into_iter();
    for (index, value) in lone {
        let path = format!("{path}/{index}");
        match rest.next() {
            Some((_, live)) => compare(&path, value, live, whole, found),
            None => found.push(removed(&path, value)),
        }
    }
    found.extend(rest.map(|(index, live)| added(&format!("{path}/{index}"), live)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(expected: Value, actual: Value) -> Vec<(String, String, String, String)> {
        let (Value::Object(expected), Value::Object(actual)) = (expected, actual) else {
            panic!("objects");
        };
        differences(&expected, &actual)
            .into_iter()
            .map(|d| (d.path, d.kind, d.expected, d.actual))
            .collect()
    }

    fn one(
        path: &str,
        kind: &str,
        expected: &str,
        actual: &str,
    ) -> Vec<(String, String, String, String)> {
        vec![(path.into(), kind.into(), expected.into(), actual.into())]
    }

    /// User guide: "CloudFormation only determines drift for property values that are explicitly set".
    #[test]
    fn what_the_template_does_not_set_is_not_compared() {
        let expected = json!({"A": {"B": "1"}});
        assert_eq!(of(expected, json!({"A": {"B": 1, "C": 2}, "D": 3})), []);
    }

    #[test]
    fn every_kind_of_difference_is_told_with_its_path() {
        let expected = json!({"A": {"B": "true"}, "L": ["x"]});
        assert_eq!(
            of(expected.clone(), json!({"A": {"B": false}, "L": ["x"]})),
            one("/A/B", "NOT_EQUAL", "true", "false")
        );
        assert_eq!(
            of(expected.clone(), json!({"A": {}, "L": ["x"]})),
            one("/A/B", "REMOVE", "true", "null")
        );
        assert_eq!(
            of(expected, json!({"A": {"B": true}, "L": ["y", "x"]})),
            one("/L/0", "ADD", "null", "y")
        );
    }

    #[test]
    fn a_policy_is_compared_whole_and_its_form_does_not_count() {
        let expected =
            json!({"PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": ["a", "b"]}]}});
        let same = r#"{"Statement":{"Action":["b","a"],"Effect":"Allow"}}"#;
        assert_eq!(of(expected.clone(), json!({"PolicyDocument": same})), []);
        let less =
            json!({"Statement": [{"Effect": "Allow", "Action": ["a", "b"], "Condition": {}}]});
        assert_eq!(
            of(expected, json!({"PolicyDocument": less})),
            one("/PolicyDocument/Statement/0/Condition", "ADD", "null", "{}")
        );
    }
}
