//! JSON 1.0 and 1.1, and the bodies of REST-JSON.

use serde_json::{Map, Value};

use super::model::{Kind, Location, Service, Shape, ShapeId};
use super::stamp::{self, Form};
use crate::call::AwsError;

/// Reads a body into inside form. An empty body is an empty structure.
pub(super) fn decode_body(service: &Service, shape: ShapeId, body: &[u8]) -> Result<Value, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    decode(service, shape, &value, "")
}

/// Turns wire JSON into inside form: wire names to member names, timestamps to seconds, nulls dropped.
/// `path` names the place for messages.
pub(super) fn decode(
    service: &Service,
    shape: ShapeId,
    value: &Value,
    path: &str,
) -> Result<Value, String> {
    let Some(shape) = service.shape(shape) else {
        return Ok(value.clone());
    };
    let wrong = |wanted: &str| {
        let place = if path.is_empty() { "the body" } else { path };
        Err(format!("{place} is not {wanted}"))
    };
    match &shape.kind {
        Kind::Structure {
            members, by_wire, ..
        } => {
            let Some(object) = value.as_object() else {
                return wrong("a structure");
            };
            let mut read = Map::new();
            for (wire, item) in object {
                if item.is_null() || wire == "__type" {
                    continue;
                }
                let name = by_wire.get(wire).unwrap_or(wire);
                let inner = format!("{path}{}{name}", if path.is_empty() { "" } else { "." });
                let item = match members.get(name) {
                    Some(member) => decode(service, member.shape, item, &inner)?,
                    // Kept, so that the check can name it.
                    None => item.clone(),
                };
                read.insert(name.clone(), item);
            }
            Ok(Value::Object(read))
        }
        Kind::List { member, .. } => {
            let Some(list) = value.as_array() else {
                return wrong("a list");
            };
            let items: Result<Vec<Value>, String> = list
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    decode(service, *member, item, &format!("{path}.{}", index + 1))
                })
                .collect();
            items.map(Value::Array)
        }
        Kind::Map { value: inner, .. } => {
            let Some(object) = value.as_object() else {
                return wrong("a map");
            };
            let mut read = Map::new();
            for (key, item) in object.iter().filter(|(_, item)| !item.is_null()) {
                read.insert(
                    key.clone(),
                    decode(service, *inner, item, &format!("{path}.{key}"))?,
                );
            }
            Ok(Value::Object(read))
        }
        Kind::Text { .. } | Kind::Blob if value.is_string() => Ok(value.clone()),
        Kind::Text { .. } | Kind::Blob => wrong("a string"),
        Kind::Integer { .. } if value.is_i64() || value.is_u64() => Ok(value.clone()),
        Kind::Integer { .. } => wrong("an integer"),
        Kind::Float if value.is_number() => Ok(value.clone()),
        Kind::Float => wrong("a number"),
        Kind::Boolean if value.is_boolean() => Ok(value.clone()),
        Kind::Boolean => wrong("a boolean"),
        Kind::Timestamp => stamp::read(value),
    }
}

/// Turns inside form into wire JSON. Members that travel elsewhere (headers) are left out.
pub(super) fn encode(service: &Service, shape: ShapeId, value: &Value) -> Value {
    let Some(shape) = service.shape(shape) else {
        return value.clone();
    };
    match (&shape.kind, value) {
        (Kind::Structure { members, .. }, Value::Object(object)) => {
            let mut written = Map::new();
            for (name, item) in object.iter().filter(|(_, item)| !item.is_null()) {
                if let Some(member) = members.get(name)
                    && member.location == Location::Body
                {
                    written.insert(member.wire.clone(), encode(service, member.shape, item));
                }
            }
            Value::Object(written)
        }
        (Kind::Structure { .. }, _) => Value::Object(Map::new()),
        (Kind::List { member, .. }, Value::Array(items)) => items
            .iter()
            .map(|item| encode(service, *member, item))
            .collect(),
        (Kind::Map { value: inner, .. }, Value::Object(object)) => Value::Object(
            object
                .iter()
                .filter(|(_, item)| !item.is_null())
                .map(|(key, item)| (key.clone(), encode(service, *inner, item)))
                .collect(),
        ),
        (Kind::Timestamp, _) => stamp::write(
            value,
            Form::named(shape.timestamp_format.as_deref(), Form::Epoch),
        ),
        _ => value.clone(),
    }
}

/// The body of an error. The message goes under the spelling of the error's shape.
pub(super) fn error(shape: Option<&Shape>, error: &AwsError, typed: bool) -> Value {
    let mut body = Map::new();
    if typed {
        body.insert("__type".to_owned(), Value::from(error.code.clone()));
    }
    let members = shape.and_then(|shape| match &shape.kind {
        Kind::Structure { members, .. } => Some(members),
        _ => None,
    });
    let message = members
        .and_then(|members| {
            members
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("message"))
        })
        .map_or("message", |(_, member)| member.wire.as_str());
    body.insert(message.to_owned(), Value::from(error.message.clone()));
    for (name, value) in &error.fields {
        let wire = members
            .and_then(|members| members.get(name))
            .map_or(name.as_str(), |member| member.wire.as_str());
        body.insert(wire.to_owned(), value.clone());
    }
    Value::Object(body)
}
