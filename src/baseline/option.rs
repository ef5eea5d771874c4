//! Options: what a descriptor lets a plan choose, and the check of what a plan chose.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::words::Interpolated;
use crate::toml_file::suggest::did_you_mean;

/// One `[option.NAME]` table of a descriptor.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionSpec {
    pub kind: OptionKind,
    /// What holds where the plan says nothing; `None` where the plan must say something.
    pub default: Option<OptionValue>,
    pub description: String,
    /// The only values there are; empty for any.
    pub values: Vec<String>,
    /// A regular expression that the whole value matches.
    pub pattern: Option<String>,
    pub min: Option<i64>,
    pub max: Option<i64>,
    /// Another integer option that this one has to stay below, where neither is 0 (never).
    pub below: Option<String>,
}

/// The type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptionKind {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of strings.
    List,
}

impl OptionKind {
    /// The word in descriptors.
    pub fn as_str(self) -> &'static str {
        match self {
            OptionKind::String => "string",
            OptionKind::Integer => "integer",
            OptionKind::Boolean => "boolean",
            OptionKind::List => "list",
        }
    }

    fn wants(self) -> &'static str {
        match self {
            OptionKind::String => "a text",
            OptionKind::Integer => "a whole number",
            OptionKind::Boolean => "`true` or `false`",
            OptionKind::List => "a list of texts",
        }
    }
}

/// A value of an option. Texts may have placeholders for what the plan knows.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    String(Interpolated),
    Integer(i64),
    Boolean(bool),
    List(Vec<Interpolated>),
}

/// What is wrong with a value: message and suggestion.
pub type Complaint = (String, Option<String>);

impl OptionSpec {
    /// A plan's value as this option's, checked as far as it can be without the rest of the plan.
    pub fn value(&self, value: &serde_json::Value) -> Result<OptionValue, Complaint> {
        use serde_json::Value;
        let text =
            |text: &str| Interpolated::parse_value(text).map_err(|error| (error.to_string(), None));
        let value = match (self.kind, value) {
            (OptionKind::String, Value::String(value)) => OptionValue::String(text(value)?),
            (OptionKind::Integer, Value::Number(number)) => match number.as_i64() {
                Some(number) => OptionValue::Integer(number),
                None => return Err((format!("{number} is not a whole number"), None)),
            },
            (OptionKind::Boolean, Value::Bool(value)) => OptionValue::Boolean(*value),
            (OptionKind::List, Value::Array(items)) => {
                let mut words = Vec::new();
                for item in items {
                    match item {
                        Value::String(item) => words.push(text(item)?),
                        _ => return Err(("is a list of texts".into(), None)),
                    }
                }
                OptionValue::List(words)
            }
            (OptionKind::List, Value::String(item)) => {
                return Err((
                    "is a list of texts, not one text".into(),
                    Some(format!("write [{item:?}]")),
                ));
            }
            (kind, value) => {
                return Err((format!("is {}, not {value}", kind.wants()), None));
            }
        };
        self.check(&value)?;
        Ok(value)
    }

    /// Whether a value fits. Texts with placeholders are checked again once they are filled.
    pub fn check(&self, value: &OptionValue) -> Result<(), Complaint> {
        match value {
            OptionValue::Boolean(_) => Ok(()),
            OptionValue::Integer(number) => self.check_number(*number),
            OptionValue::String(words) => {
                words.literal().map_or(Ok(()), |text| self.check_text(text))
            }
            OptionValue::List(items) => {
                let mut seen = BTreeSet::new();
                items
                    .iter()
                    .filter_map(Interpolated::literal)
                    .try_for_each(|item| {
                        // What a list becomes in a template often may not have anything twice, and nobody means it.
                        if !seen.insert(item) {
                            return Err((format!("has `{item}` twice"), None));
                        }
                        self.check_text(item)
                    })
            }
        }
    }

    fn check_number(&self, number: i64) -> Result<(), Complaint> {
        if self.min.is_some_and(|min| number < min) || self.max.is_some_and(|max| number > max) {
            let range = match (self.min, self.max) {
                (Some(min), Some(max)) => format!("between {min} and {max}"),
                (Some(min), None) => format!("at least {min}"),
                (None, Some(max)) => format!("at most {max}"),
                (None, None) => return Ok(()),
            };
            return Err((
                format!("{number} is out of range"),
                Some(format!("it is {range}")),
            ));
        }
        Ok(())
    }

    /// Whether a whole text, or one item of a list, fits.
    pub fn check_text(&self, text: &str) -> Result<(), Complaint> {
        if !self.values.is_empty() && !self.values.iter().any(|value| value == text) {
            return Err((
                format!("there is no `{text}`"),
                did_you_mean(text, self.values.iter().map(String::as_str)),
            ));
        }
        if let Some(pattern) = &self.pattern
            && !matches(pattern, text)
        {
            return Err((
                format!("`{text}` does not fit"),
                Some(format!("it has to match `{pattern}`")),
            ));
        }
        Ok(())
    }
}

/// Whether the whole text matches; the descriptor's check has compiled the pattern before.
fn matches(pattern: &str, text: &str) -> bool {
    compile(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

/// A pattern that is to match a whole text.
pub(super) fn compile(pattern: &str) -> Result<regex_lite::Regex, regex_lite::Error> {
    regex_lite::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(1 << 20)
        .build()
}

/// The values of all options: the plan's, and defaults for the rest. Every complaint names its option.
pub(super) fn choose(
    specs: &BTreeMap<String, OptionSpec>,
    given: &BTreeMap<String, serde_json::Value>,
) -> Result<BTreeMap<String, OptionValue>, Vec<(String, Complaint)>> {
    let mut values = BTreeMap::new();
    let mut complaints = Vec::new();
    for (name, value) in given {
        match specs.get(name) {
            None => {
                let suggestion = did_you_mean(name, specs.keys().map(String::as_str));
                complaints.push((
                    name.clone(),
                    ("there is no such option".to_owned(), suggestion),
                ));
            }
            Some(spec) => match spec.value(value) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(complaint) => complaints.push((name.clone(), complaint)),
            },
        }
    }
    for (name, spec) in specs {
        if given.contains_key(name) {
            continue;
        }
        match &spec.default {
            Some(default) => {
                values.insert(name.clone(), default.clone());
            }
            None => complaints.push((name.clone(), ("must be given".to_owned(), None))),
        }
    }
    for (name, spec) in specs {
        let other = spec.below.as_ref();
        if let (Some(OptionValue::Integer(number)), Some((other, OptionValue::Integer(limit)))) = (
            values.get(name),
            other.and_then(|other| values.get_key_value(other)),
        ) && *number != 0
            && *limit != 0
            && number >= limit
        {
            // Told where the plan says something.
            let at = if given.contains_key(name) {
                name
            } else {
                other
            };
            let message =
                format!("`{name}` is {number} and has to be less than `{other}`, which is {limit}");
            complaints.push((at.clone(), (message, None)));
        }
    }
    if complaints.is_empty() {
        Ok(values)
    } else {
        Err(complaints)
    }
}

impl OptionValue {
    /// Whether a boolean option is on.
    pub fn is_on(&self) -> bool {
        matches!(self, OptionValue::Boolean(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(kind: OptionKind) -> OptionSpec {
        OptionSpec {
            kind,
            default: None,
            description: String::new(),
            values: Vec::new(),
            pattern: None,
            below: None,
            min: None,
            max: None,
        }
    }

    #[test]
    fn a_pattern_is_for_the_whole_text() {
        let spec = OptionSpec {
            pattern: Some("[a-z]+|x1".into()),
            ..spec(OptionKind::String)
        };
        assert!(spec.value(&json!("abc")).is_ok());
        assert!(spec.value(&json!("x1")).is_ok());
        assert!(spec.value(&json!("abc1")).is_err());
        assert!(spec.value(&json!("abc\n")).is_err());
        // Not yet a text: checked once it is filled.
        assert!(spec.value(&json!("{logging.id}")).is_ok());
    }

    #[test]
    fn values_are_checked_with_a_suggestion() {
        let spec = OptionSpec {
            values: vec!["S3_DATA_EVENTS".into(), "RUNTIME_MONITORING".into()],
            ..spec(OptionKind::List)
        };
        assert_eq!(
            spec.value(&json!(["S3_DATA_EVENT"])),
            Err((
                "there is no `S3_DATA_EVENT`".into(),
                Some("did you mean `S3_DATA_EVENTS`?".into())
            ))
        );
        assert_eq!(
            spec.value(&json!("S3_DATA_EVENTS")),
            Err((
                "is a list of texts, not one text".into(),
                Some("write [\"S3_DATA_EVENTS\"]".into())
            ))
        );
    }

    #[test]
    fn numbers_have_a_range() {
        let spec = OptionSpec {
            min: Some(0),
            max: Some(10),
            ..spec(OptionKind::Integer)
        };
        assert!(spec.value(&json!(10)).is_ok());
        assert_eq!(
            spec.value(&json!(11)),
            Err((
                "11 is out of range".into(),
                Some("it is between 0 and 10".into())
            ))
        );
        assert!(spec.value(&json!(1.5)).is_err());
        assert!(spec.value(&json!("1")).is_err());
    }

    #[test]
    fn an_option_stays_below_another_unless_one_is_never() {
        let mut archive = spec(OptionKind::Integer);
        archive.default = Some(OptionValue::Integer(365));
        archive.below = Some("expire".to_owned());
        let mut expire = spec(OptionKind::Integer);
        expire.default = Some(OptionValue::Integer(2557));
        let specs = BTreeMap::from([
            ("archive".to_owned(), archive),
            ("expire".to_owned(), expire),
        ]);
        let choose =
            |given: serde_json::Value| choose(&specs, &serde_json::from_value(given).unwrap());
        for fine in [
            json!({}),
            json!({"archive": 0}),
            json!({"expire": 0}),
            json!({"expire": 366}),
        ] {
            assert!(choose(fine.clone()).is_ok(), "{fine}");
        }
        for (wrong, at) in [
            (json!({"expire": 365}), "expire"),
            (json!({"archive": 4000}), "archive"),
            (json!({"archive": 40, "expire": 30}), "archive"),
        ] {
            let complaints = choose(wrong).unwrap_err();
            assert_eq!(complaints.len(), 1);
            assert_eq!(complaints[0].0, at);
            assert!(complaints[0].1.0.contains("has to be less than `expire`"));
        }
    }
}
