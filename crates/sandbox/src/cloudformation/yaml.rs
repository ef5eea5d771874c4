//! Reads the text of a template, YAML or JSON, into one JSON value with every function in its long form.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value, json};

use super::template::TemplateError;

/// Parses template text. YAML's short tags (`!Ref`, `!GetAtt a.b`) become `{"Ref": …}`, `{"Fn::GetAtt": [a, b]}`.
///
/// An unquoted `00123` is an integer in YAML, here as in CloudFormation: account ids must be quoted.
pub(super) fn read(text: &str) -> Result<Value, TemplateError> {
    let trimmed = text.trim_start();
    if trimmed.is_empty() {
        return Err(TemplateError::format("unsupported structure."));
    }
    if trimmed.starts_with('{') {
        return serde_json::from_str(text).map_err(|error| {
            TemplateError::format(format!(
                "JSON not well-formed. (line {}, column {})",
                error.line(),
                error.column()
            ))
        });
    }
    let documents = Yaml::load_from_str(text).map_err(|error| {
        let at = error.marker();
        TemplateError::format(format!(
            "YAML not well-formed. (line {}, column {})",
            at.line(),
            at.col() + 1
        ))
    })?;
    match documents.first() {
        Some(root) => convert(root),
        None => Err(TemplateError::format("unsupported structure.")),
    }
}

fn convert(node: &Yaml<'_>) -> Result<Value, TemplateError> {
    Ok(match node {
        Yaml::Value(scalar) => scalar_value(scalar),
        Yaml::Representation(text, _, _) => Value::String(text.to_string()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(convert).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = match convert(key)? {
                    Value::String(key) => key,
                    other @ (Value::Number(_) | Value::Bool(_)) => other.to_string(),
                    _ => return Err(TemplateError::format("YAML mapping keys must be scalars.")),
                };
                map.insert(key, convert(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tag, inner) => {
            if tag.is_yaml_core_schema() {
                return convert(inner);
            }
            short_form(&tag.suffix, convert(inner)?)?
        }
        Yaml::Alias(_) | Yaml::BadValue => {
            return Err(TemplateError::format("YAML not well-formed."));
        }
    })
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::Number(Number::from(*value)),
        Scalar::FloatingPoint(value) => {
            Number::from_f64(value.into_inner()).map_or(Value::Null, Value::Number)
        }
        Scalar::String(value) => Value::String(value.to_string()),
    }
}

fn short_form(name: &str, value: Value) -> Result<Value, TemplateError> {
    Ok(match name {
        "Ref" => json!({ "Ref": value }),
        "Condition" => json!({ "Condition": value }),
        "GetAtt" => match value {
            Value::String(path) => match path.split_once('.') {
                Some((resource, attribute)) => json!({ "Fn::GetAtt": [resource, attribute] }),
                None => json!({ "Fn::GetAtt": [path] }),
            },
            other => json!({ "Fn::GetAtt": other }),
        },
        "Sub" | "Join" | "Select" | "Split" | "If" | "Equals" | "And" | "Or" | "Not"
        | "FindInMap" | "Base64" | "ImportValue" | "GetAZs" | "Cidr" | "Transform" | "Length"
        | "ToJsonString" | "ForEach" => {
            let mut map = Map::new();
            map.insert(format!("Fn::{name}"), value);
            Value::Object(map)
        }
        other => return Err(TemplateError::format(format!("Unknown tag !{other}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_long_functions() {
        let value = read(
            "a: !GetAtt Topic.TopicArn\nb: !Sub '${AWS::Region}-x'\nc: !If [Is, !Ref P, !Ref 'AWS::NoValue']\n",
        );
        assert_eq!(
            value.ok(),
            Some(json!({
                "a": {"Fn::GetAtt": ["Topic", "TopicArn"]},
                "b": {"Fn::Sub": "${AWS::Region}-x"},
                "c": {"Fn::If": ["Is", {"Ref": "P"}, {"Ref": "AWS::NoValue"}]}
            }))
        );
    }

    #[test]
    fn an_unquoted_account_id_loses_its_zeros_but_a_quoted_one_does_not() {
        assert_eq!(
            read("a: 00123\nb: '00123'").ok(),
            Some(json!({"a": 123, "b": "00123"}))
        );
    }

    #[test]
    fn broken_yaml_says_where() {
        let error = read("a: [1, 2\nb: 3\n").map_err(|e| e.to_string());
        assert!(
            matches!(&error, Err(m) if m.starts_with("Template format error: YAML not well-formed. (line ")),
            "{error:?}"
        );
    }

    #[test]
    fn a_date_stays_text() {
        assert_eq!(
            read("AWSTemplateFormatVersion: 2010-09-09").ok(),
            Some(json!({"AWSTemplateFormatVersion": "2010-09-09"}))
        );
    }
}
