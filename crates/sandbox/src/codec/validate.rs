//! Checks values against the shapes: requests as AWS would, answers so that the sandbox cannot lie.

use std::fmt;
use std::sync::OnceLock;

use serde_json::Value;

use super::model::{Kind, Protocol, Service, ShapeId};
use crate::call::AwsError;

/// A pattern of the model, compiled when first used.
pub struct Pattern {
    text: String,
    compiled: OnceLock<Matcher>,
}

enum Matcher {
    Regex(regex_lite::Regex),
    /// The class that tags share: letters, separators, digits of any script and `_.:/=+-@`.
    TagText,
    /// Beyond the small engine (look-around, Unicode classes): not checked.
    Unchecked,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl Pattern {
    /// A pattern as the model writes it. It must match the whole value.
    pub fn new(text: &str) -> Pattern {
        Pattern {
            text: text.to_owned(),
            compiled: OnceLock::new(),
        }
    }

    fn matches(&self, value: &str) -> bool {
        let matcher = self.compiled.get_or_init(|| {
            if self.text.contains(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]") {
                return Matcher::TagText;
            }
            match regex_lite::Regex::new(&format!("^(?:{})$", self.text)) {
                Ok(regex) => Matcher::Regex(regex),
                Err(_) => Matcher::Unchecked,
            }
        });
        match matcher {
            Matcher::Regex(regex) => regex.is_match(value),
            Matcher::TagText => value.chars().all(|letter| {
                letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter)
            }),
            Matcher::Unchecked => true,
        }
    }
}

/// What is wrong with a value, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Member names joined with dots.
    pub path: String,
    pub rule: Rule,
}

/// The rule that is broken.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    Required,
    Unknown,
    Type(&'static str),
    Enum { value: String, values: Vec<String> },
    Pattern { value: String, pattern: String },
    TooShort(i64),
    TooLong(i64),
    TooSmall(i64),
    TooLarge(i64),
    OneMember,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.rule {
            Rule::Required => write!(
                f,
                "Value null at '{path}' failed to satisfy constraint: Member must not be null"
            ),
            Rule::Unknown => write!(f, "'{path}' is not a member that the model has"),
            Rule::Type(wanted) => write!(f, "Value at '{path}' must be {wanted}"),
            Rule::Enum { value, values } => write!(
                f,
                "Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                values.join(", ")
            ),
            Rule::Pattern { value, pattern } => write!(
                f,
                "Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
            ),
            Rule::TooShort(least) => write!(
                f,
                "Value at '{path}' failed to satisfy constraint: Member must have length greater than or equal to {least}"
            ),
            Rule::TooLong(most) => write!(
                f,
                "Value at '{path}' failed to satisfy constraint: Member must have length less than or equal to {most}"
            ),
            Rule::TooSmall(least) => write!(
                f,
                "Value at '{path}' failed to satisfy constraint: Member must have value greater than or equal to {least}"
            ),
            Rule::TooLarge(most) => write!(
                f,
                "Value at '{path}' failed to satisfy constraint: Member must have value less than or equal to {most}"
            ),
            Rule::OneMember => write!(f, "Value at '{path}' must have exactly one member"),
        }
    }
}

impl Violation {
    /// Whether it is that this required member of the whole is missing.
    pub(super) fn lacks(&self, member: &str) -> bool {
        self.rule == Rule::Required && self.path == member
    }

    /// The error with which this service answers a bad request.
    pub fn error(&self, service: &Service) -> AwsError {
        let message = format!("1 validation error detected: {self}");
        match (service.name, service.protocol) {
            ("organizations", _) => {
                // The reasons are the enum InvalidInputExceptionReason of the model.
                let (reason, text) = match &self.rule {
                    Rule::Required => (
                        "INPUT_REQUIRED",
                        "You must include a value for all required parameters",
                    ),
                    Rule::Enum { .. } => ("INVALID_ENUM", "You specified an invalid value"),
                    Rule::Pattern { .. } => (
                        "INVALID_PATTERN",
                        "You provided a value that does not match the required pattern",
                    ),
                    Rule::TooShort(_) => (
                        "MIN_LENGTH_EXCEEDED",
                        "You provided a value that is shorter than allowed",
                    ),
                    Rule::TooLong(_) => (
                        "MAX_LENGTH_EXCEEDED",
                        "You provided a value that is longer than allowed",
                    ),
                    Rule::TooSmall(_) => (
                        "MIN_VALUE_EXCEEDED",
                        "You provided a value that is less than allowed",
                    ),
                    Rule::TooLarge(_) => (
                        "MAX_VALUE_EXCEEDED",
                        "You provided a value that is greater than allowed",
                    ),
                    Rule::Unknown | Rule::Type(_) | Rule::OneMember => {
                        return AwsError::new("ValidationException", message);
                    }
                };
                AwsError::new("InvalidInputException", format!("{text}: {self}"))
                    .with("Reason", reason)
            }
            ("guardduty", _) => AwsError::new(
                "BadRequestException",
                format!("The request is rejected because the input is invalid: {self}"),
            )
            .with("Type", "InvalidInputException"),
            ("resourcegroupstaggingapi", _) => AwsError::new("InvalidParameterException", message),
            ("service-quotas", _) => AwsError::new("IllegalArgumentException", message),
            ("sns", _) => AwsError::new("InvalidParameter", message),
            (_, Protocol::Ec2) => match &self.rule {
                Rule::Required => AwsError::new("MissingParameter", message),
                Rule::Unknown => AwsError::new("UnknownParameter", message),
                _ => AwsError::new("InvalidParameterValue", message),
            },
            (_, Protocol::Query) => AwsError::new("ValidationError", message),
            (_, Protocol::RestXml) => AwsError::new("InvalidArgument", message),
            _ => AwsError::new("ValidationException", message),
        }
    }
}

/// The first thing wrong with a value. Sizes, patterns and enums of answers are checked too; a value that
/// AWS itself would refuse must not come from the sandbox.
pub(super) fn check(
    service: &Service,
    shape: ShapeId,
    value: &Value,
    request: bool,
) -> Option<Violation> {
    let mut path = Vec::new();
    visit(service, shape, value, request, &mut path)
        .err()
        .map(|rule| Violation {
            path: path.join("."),
            rule,
        })
}

fn length(actual: usize, min: Option<i64>, max: Option<i64>) -> Result<(), Rule> {
    let actual = i64::try_from(actual).unwrap_or(i64::MAX);
    match (min, max) {
        (Some(least), _) if actual < least => Err(Rule::TooShort(least)),
        (_, Some(most)) if actual > most => Err(Rule::TooLong(most)),
        _ => Ok(()),
    }
}

/// On an error `path` is left pointing at the culprit.
fn visit(
    service: &Service,
    id: ShapeId,
    value: &Value,
    request: bool,
    path: &mut Vec<String>,
) -> Result<(), Rule> {
    let Some(shape) = service.shape(id) else {
        return Ok(());
    };
    match &shape.kind {
        Kind::Structure {
            members,
            required,
            union,
            ..
        } => {
            let empty = serde_json::Map::new();
            let object = match value {
                Value::Object(object) => object,
                Value::Null if !request && path.is_empty() => &empty,
                _ => return Err(Rule::Type("a structure")),
            };
            for name in required {
                if object.get(name).is_none_or(Value::is_null) {
                    path.push(name.clone());
                    return Err(Rule::Required);
                }
            }
            for (name, item) in object {
                path.push(name.clone());
                let member = members.get(name).ok_or(Rule::Unknown)?;
                if !item.is_null() {
                    visit(service, member.shape, item, request, path)?;
                }
                path.pop();
            }
            if *union && object.values().filter(|item| !item.is_null()).count() != 1 {
                return Err(Rule::OneMember);
            }
            Ok(())
        }
        Kind::List {
            member, min, max, ..
        } => {
            let items = value.as_array().ok_or(Rule::Type("a list"))?;
            length(items.len(), *min, *max)?;
            for (index, item) in items.iter().enumerate() {
                path.push((index + 1).to_string());
                visit(service, *member, item, request, path)?;
                path.pop();
            }
            Ok(())
        }
        Kind::Map {
            key,
            value: inner,
            min,
            max,
            ..
        } => {
            let object = value.as_object().ok_or(Rule::Type("a map"))?;
            length(object.len(), *min, *max)?;
            for (name, item) in object {
                path.push(name.clone());
                visit(service, *key, &Value::from(name.as_str()), request, path)?;
                visit(service, *inner, item, request, path)?;
                path.pop();
            }
            Ok(())
        }
        Kind::Text {
            min,
            max,
            pattern,
            values,
        } => {
            let text = value.as_str().ok_or(Rule::Type("a string"))?;
            if !values.is_empty() && !values.iter().any(|known| known == text) {
                return Err(Rule::Enum {
                    value: text.to_owned(),
                    values: values.clone(),
                });
            }
            length(text.chars().count(), *min, *max)?;
            match pattern {
                Some(pattern) if !pattern.matches(text) => Err(Rule::Pattern {
                    value: text.to_owned(),
                    pattern: pattern.text.clone(),
                }),
                _ => Ok(()),
            }
        }
        Kind::Integer { min, max } => {
            let number = value.as_i64().ok_or(Rule::Type("an integer"))?;
            match (min, max) {
                (Some(least), _) if number < *least => Err(Rule::TooSmall(*least)),
                (_, Some(most)) if number > *most => Err(Rule::TooLarge(*most)),
                _ => Ok(()),
            }
        }
        Kind::Float if value.is_number() => Ok(()),
        Kind::Float => Err(Rule::Type("a number")),
        Kind::Boolean if value.is_boolean() => Ok(()),
        Kind::Boolean => Err(Rule::Type("a boolean")),
        Kind::Timestamp if value.is_number() => Ok(()),
        Kind::Timestamp => Err(Rule::Type("a timestamp in seconds since the epoch")),
        Kind::Blob if value.is_string() => Ok(()),
        Kind::Blob => Err(Rule::Type("a base64 string")),
    }
}
