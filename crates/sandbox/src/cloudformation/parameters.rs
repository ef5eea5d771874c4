//! Template parameters: their definitions, and the checks of the values given for them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::intrinsics::text;
use super::template::{Template, TemplateError};

/// One member of `Parameters`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParameterDef {
    pub kind: String,
    pub default: Option<String>,
    pub description: Option<String>,
    pub no_echo: bool,
    allowed_values: Vec<String>,
    allowed_pattern: Option<String>,
    constraint: Option<String>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_value: Option<f64>,
    max_value: Option<f64>,
}

impl ParameterDef {
    pub(super) fn parse(name: &str, body: &Value) -> Result<ParameterDef, TemplateError> {
        let Value::Object(map) = body else {
            return Err(TemplateError::format(format!(
                "Every Parameters object must contain a Type member ({name})."
            )));
        };
        let get = |key: &str| map.get(key).and_then(text);
        let Some(kind) = get("Type") else {
            return Err(TemplateError::format(format!(
                "Every Parameters object must contain a Type member ({name})."
            )));
        };
        let known = matches!(
            kind.as_str(),
            "String" | "Number" | "CommaDelimitedList" | "List<Number>" | "List<String>"
        ) || kind.starts_with("AWS::")
            || kind.starts_with("List<AWS::");
        if !known {
            return Err(TemplateError::format(format!(
                "Unrecognized parameter type: {kind}"
            )));
        }
        Ok(ParameterDef {
            kind,
            default: get("Default"),
            description: get("Description"),
            no_echo: get("NoEcho").is_some_and(|v| v == "true"),
            allowed_values: map
                .get("AllowedValues")
                .and_then(Value::as_array)
                .map(|values| values.iter().filter_map(text).collect())
                .unwrap_or_default(),
            allowed_pattern: get("AllowedPattern"),
            constraint: get("ConstraintDescription"),
            min_length: get("MinLength").and_then(|v| v.parse().ok()),
            max_length: get("MaxLength").and_then(|v| v.parse().ok()),
            min_value: get("MinValue").and_then(|v| v.parse().ok()),
            max_value: get("MaxValue").and_then(|v| v.parse().ok()),
        })
    }

    fn is_list(&self) -> bool {
        self.kind == "CommaDelimitedList" || self.kind.starts_with("List<")
    }

    /// What `Ref` of the parameter gives for the text it was given: a list for list types, else the text.
    pub fn value(&self, given: &str) -> Value {
        if !self.is_list() {
            return Value::String(given.to_owned());
        }
        if given.is_empty() {
            return Value::Array(Vec::new());
        }
        Value::Array(
            given
                .split(',')
                .map(|part| Value::String(part.trim().to_owned()))
                .collect(),
        )
    }

    fn check(&self, name: &str, given: &str) -> Result<(), TemplateError> {
        let fail = |message: String| {
            Err(TemplateError(match &self.constraint {
                Some(constraint) => {
                    format!("Parameter '{name}' failed to satisfy constraint: {constraint}")
                }
                None => format!("Parameter '{name}' {message}"),
            }))
        };
        let parts: Vec<&str> = if self.is_list() && !given.is_empty() {
            given.split(',').map(str::trim).collect()
        } else {
            vec![given]
        };
        for part in parts {
            if !self.allowed_values.is_empty() && !self.allowed_values.iter().any(|v| v == part) {
                return fail("must be one of AllowedValues".to_owned());
            }
            if let Some(pattern) = &self.allowed_pattern
                && super::pattern::matches(pattern, part) == Some(false)
            {
                return fail(format!("must match pattern {pattern}"));
            }
            let length = part.chars().count();
            if let Some(min) = self.min_length.filter(|min| length < *min) {
                return fail(format!("must contain at least {min} characters"));
            }
            if let Some(max) = self.max_length.filter(|max| length > *max) {
                return fail(format!("must contain at most {max} characters"));
            }
            if self.kind == "Number" || self.kind == "List<Number>" {
                let Ok(number) = part.parse::<f64>() else {
                    return Err(TemplateError(format!(
                        "Parameter '{name}' must be a number"
                    )));
                };
                if self.min_value.is_some_and(|min| number < min)
                    || self.max_value.is_some_and(|max| number > max)
                {
                    return fail(format!(
                        "must be a number not less than {} and not greater than {}",
                        self.min_value.unwrap_or(f64::MIN),
                        self.max_value.unwrap_or(f64::MAX)
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The values that a stack gets: those given, then defaults.
///
/// # Errors
/// Unknown, missing and unacceptable values, in CloudFormation's words.
pub fn settle(
    template: &Template,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, TemplateError> {
    let unknown: Vec<&str> = given
        .keys()
        .filter(|k| !template.parameters.contains_key(*k))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        return Err(TemplateError(format!(
            "Parameters: [{}] do not exist in the template",
            unknown.join(", ")
        )));
    }
    let mut settled = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, def) in &template.parameters {
        match given.get(name).or(def.default.as_ref()) {
            Some(value) => {
                settled.insert(name.clone(), value.clone());
            }
            None => missing.push(name.as_str()),
        }
    }
    if !missing.is_empty() {
        return Err(TemplateError(format!(
            "Parameters: [{}] must have values",
            missing.join(", ")
        )));
    }
    for (name, def) in &template.parameters {
        if let Some(value) = settled.get(name) {
            def.check(name, value)?;
        }
    }
    Ok(settled)
}
