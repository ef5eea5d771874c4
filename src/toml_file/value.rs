//! The value of a baseline's option, as a plan gives it and as a descriptor sets it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

/// The value of a baseline's option.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    Text(String),
    Integer(i64),
    Number(f64),
    Flag(bool),
    List(Vec<String>),
}

impl<'de> Deserialize<'de> for OptionValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = OptionValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a number, true, false or a list of texts")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OptionValue, E> {
                Ok(OptionValue::Text(text.to_owned()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<OptionValue, E> {
                Ok(OptionValue::Integer(number))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<OptionValue, E> {
                if number.is_finite() {
                    Ok(OptionValue::Number(number))
                } else {
                    Err(E::custom("an option may not be infinite or not a number"))
                }
            }
            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<OptionValue, E> {
                Ok(OptionValue::Flag(flag))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OptionValue, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(OptionValue::List(values))
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

/// What it may be, as JSON Schema.
pub fn schema() -> Schema {
    json_schema!({
        "anyOf": [
            { "type": ["string", "number", "boolean"] },
            { "type": "array", "items": { "type": "string" } }
        ]
    })
}

impl JsonSchema for OptionValue {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema()
    }
}

impl From<&OptionValue> for serde_json::Value {
    fn from(value: &OptionValue) -> Self {
        match value {
            OptionValue::Text(text) => text.clone().into(),
            OptionValue::Integer(number) => (*number).into(),
            OptionValue::Number(number) => (*number).into(),
            OptionValue::Flag(flag) => (*flag).into(),
            OptionValue::List(values) => values.clone().into(),
        }
    }
}
