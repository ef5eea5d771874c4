//! The one reader of CloudFormation's templates: YAML or JSON to one kind of value, functions in their long form, with
//! the lines on which things are declared.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Value, json};

/// Nothing that people write nests deeper.
const MAX_DEPTH: usize = 64;

/// A template as it was read. Of any size: it may be a stack's that somebody else made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    root: Value,
    /// Where each section is, and each of its entries by `SECTION/NAME`: lines, counted from 1.
    lines: BTreeMap<String, usize>,
}

/// Why a template can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

impl TemplateError {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// A line of a text, without what it is indented by.
pub(super) fn line_span(text: &str, line: usize) -> std::ops::Range<usize> {
    let mut lines = text.split_inclusive('\n');
    let before = lines.by_ref().take(line.saturating_sub(1));
    let before: usize = before.map(str::len).sum();
    let line = lines.next().unwrap_or_default().trim_end();
    let indent = line.len() - line.trim_start().len();
    before + indent..before + line.len()
}

impl Document {
    /// Reads a template.
    ///
    /// # Errors
    /// It is not one YAML document, or nests deeper than anything that people write.
    pub(super) fn parse(body: &str) -> Result<Self, TemplateError> {
        check_depth(body)?;
        let documents = MarkedYaml::load_from_str(body)
            .map_err(|error| TemplateError::new(error.marker().line(), error.info().to_owned()))?;
        let [document] = documents.as_slice() else {
            return Err(TemplateError::new(1, "is not one YAML document"));
        };
        let mut lines = BTreeMap::new();
        for (section, entries) in mapping(document) {
            lines.insert(section.to_owned(), entries.1);
            for (name, (_, line)) in mapping(entries.0) {
                lines.insert(format!("{section}/{name}"), line);
            }
        }
        Ok(Self {
            root: convert(document),
            lines,
        })
    }

    /// The whole of it.
    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// What a section declares, in the order of the template.
    pub(super) fn section<'d>(
        &'d self,
        name: &str,
    ) -> impl Iterator<Item = (&'d str, &'d Value)> + use<'d> {
        let section = self.root.get(name).and_then(Value::as_object);
        let entries = section.into_iter().flatten();
        entries.map(|(name, value)| (name.as_str(), value))
    }

    /// One thing that a section declares.
    pub(super) fn entry(&self, section: &str, name: &str) -> Option<&Value> {
        self.root.get(section)?.get(name)
    }

    /// The line of a section, or of `SECTION/NAME`.
    pub(super) fn line(&self, place: &str) -> usize {
        self.lines.get(place).copied().unwrap_or(1)
    }
}

/// The text of a key.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

/// A resource's type.
pub(super) fn kind(resource: &Value) -> &str {
    text(resource, "Type").unwrap_or_default()
}

/// A scalar as CloudFormation sees it: text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The function and its argument, if a value is a call: `Ref`, or without its `Fn::`.
pub(super) fn call(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    let (name, argument) = map.iter().next()?;
    match name.as_str() {
        "Ref" => Some(("Ref", argument)),
        name => Some((name.strip_prefix("Fn::")?, argument)),
    }
}

/// The same where a condition may stand too, by its name.
pub(super) fn function(value: &Value) -> Option<(&str, &Value)> {
    call(value).or_else(|| {
        let map = value.as_object().filter(|map| map.len() == 1)?;
        Some(("Condition", map.get("Condition")?))
    })
}

/// Tells of every name that a value's functions refer to: with the function, whatever it names. A mapping that is named by
/// a function has the empty name.
pub(super) fn references<'v>(value: &'v Value, tell: &mut dyn FnMut(&'v str, &'v str)) {
    if let Some((function, argument)) = function(value) {
        let first = argument.as_array().and_then(|items| items.first());
        let first = first.unwrap_or(argument).as_str().unwrap_or_default();
        let stem = |name: &'v str| name.split('.').next().unwrap_or_default();
        match function {
            "Ref" | "Condition" | "If" | "FindInMap" => tell(function, first),
            "GetAtt" => tell(function, stem(first)),
            "Sub" => first.split("${").skip(1).for_each(|part| {
                let name = part.split('}').next().unwrap_or_default();
                tell(function, stem(name).trim());
            }),
            _ => {}
        }
    }
    match value {
        Value::Object(map) => map.values().for_each(|value| references(value, tell)),
        Value::Array(items) => items.iter().for_each(|item| references(item, tell)),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// Refuses nesting that only an attack would have, since every walk recurses. Blocks nest by
/// indentation or by dashes on one line; brackets the parser bounds itself.
fn check_depth(body: &str) -> Result<(), TemplateError> {
    for (number, line) in body.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let dashes = line
            .split_whitespace()
            .take_while(|word| matches!(*word, "-" | "?" | ":"))
            .count();
        if dashes > MAX_DEPTH || indent > 4 * MAX_DEPTH {
            return Err(TemplateError::new(number + 1, "nests too deep"));
        }
    }
    Ok(())
}

/// The entries of a node that have text for keys, each with the line of its key.
fn mapping<'a, 'y>(
    node: &'a MarkedYaml<'y>,
) -> impl Iterator<Item = (&'a str, (&'a MarkedYaml<'y>, usize))> {
    let map = match &node.data {
        YamlData::Mapping(map) => Some(map.iter()),
        _ => None,
    };
    map.into_iter().flatten().filter_map(|(key, value)| {
        let YamlData::Value(Scalar::String(name)) = &key.data else {
            return None;
        };
        Some((name.as_ref(), (value, key.span.start.line())))
    })
}

/// YAML as JSON, short tags as the functions that they stand for.
fn convert(node: &MarkedYaml<'_>) -> Value {
    match &node.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(flag) => json!(flag),
            Scalar::Integer(number) => json!(number),
            Scalar::FloatingPoint(number) => json!(number.into_inner()),
            Scalar::String(text) => json!(text),
        },
        YamlData::Representation(text, _, _) => json!(text),
        YamlData::Sequence(items) => items.iter().map(convert).collect(),
        YamlData::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| {
                let key = match convert(key) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                (key, convert(value))
            })
            .collect::<Map<String, Value>>()
            .into(),
        YamlData::Tagged(tag, inner) if tag.is_yaml_core_schema() => convert(inner),
        YamlData::Tagged(tag, inner) => {
            let inner = convert(inner);
            match tag.suffix.as_str() {
                "Ref" => json!({ "Ref": inner }),
                "Condition" => json!({ "Condition": inner }),
                "GetAtt" => {
                    let parts = inner.as_str().and_then(|path| path.split_once('.'));
                    match parts {
                        Some((resource, attribute)) => {
                            json!({ "Fn::GetAtt": [resource, attribute] })
                        }
                        None => json!({ "Fn::GetAtt": inner }),
                    }
                }
                function => json!({ format!("Fn::{function}"): inner }),
            }
        }
        YamlData::Alias(_) | YamlData::BadValue => Value::Null,
    }
}
