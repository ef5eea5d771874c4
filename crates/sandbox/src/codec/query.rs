//! The requests of the query protocol and of EC2's: forms with dotted names.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Request;
use super::model::{Kind, Protocol, Service, ShapeId};
use super::stamp;

/// A form as a tree.
#[derive(Debug, Default)]
struct Node {
    value: Option<String>,
    children: BTreeMap<String, Node>,
}

fn pairs(request: &Request) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(request.query.as_bytes())
        .into_owned()
        .collect();
    pairs.extend(form_urlencoded::parse(&request.body).into_owned());
    pairs
}

/// The operation that a request names.
pub(super) fn action(request: &Request) -> Option<String> {
    pairs(request)
        .into_iter()
        .find(|(key, _)| key == "Action")
        .map(|(_, value)| value)
}

/// The fields of a form that no list or structure holds.
pub(super) fn fields(request: &Request) -> Value {
    let plain = pairs(request)
        .into_iter()
        .filter(|(key, _)| !key.contains('.') && key != "Action" && key != "Version");
    Value::Object(
        plain
            .map(|(key, value)| (key, Value::from(value)))
            .collect(),
    )
}

/// Reads a request into inside form.
pub(super) fn decode(
    service: &Service,
    shape: ShapeId,
    request: &Request,
) -> Result<Value, String> {
    let mut root = Node::default();
    for (key, value) in pairs(request) {
        if key == "Action" || key == "Version" {
            continue;
        }
        let mut at = &mut root;
        for part in key.split('.') {
            at = at.children.entry(part.to_owned()).or_default();
        }
        at.value = Some(value);
    }
    node(service, shape, &root, "", false)
}

fn node(
    service: &Service,
    shape: ShapeId,
    from: &Node,
    path: &str,
    flattened: bool,
) -> Result<Value, String> {
    let Some(shape) = service.shape(shape) else {
        return Err(format!("{path} has no shape"));
    };
    let ec2 = service.protocol == Protocol::Ec2;
    let text = || from.value.as_deref().unwrap_or_default();
    let wrong = |wanted: &str| format!("{path} must be {wanted}, not {:?}", text());
    match &shape.kind {
        Kind::Structure {
            members, by_wire, ..
        } => {
            let mut read = Map::new();
            for (wire, child) in &from.children {
                let name = by_wire
                    .get(wire)
                    // EC2's requests begin with a capital what its answers begin with a small letter.
                    .or_else(|| ec2.then(|| by_wire.get(&small(wire)))?)
                    .unwrap_or(wire);
                let inner = format!("{path}{}{name}", if path.is_empty() { "" } else { "." });
                let value = match members.get(name) {
                    Some(member) => node(service, member.shape, child, &inner, member.flattened)?,
                    None => Value::from(child.value.clone().unwrap_or_default()),
                };
                read.insert(name.clone(), value);
            }
            Ok(Value::Object(read))
        }
        Kind::List {
            member,
            member_name,
            ..
        } => {
            let items = if flattened || shape.flattened || ec2 {
                from
            } else {
                let name = member_name.as_deref().unwrap_or("member");
                match from
                    .children
                    .get(name)
                    .or_else(|| from.children.get("member"))
                {
                    Some(items) => items,
                    None => return Ok(Value::Array(Vec::new())),
                }
            };
            let read: Result<Vec<Value>, String> = numbered(items, path)?
                .into_iter()
                .map(|(index, child)| {
                    node(service, *member, child, &format!("{path}.{index}"), false)
                })
                .collect();
            read.map(Value::Array)
        }
        Kind::Map {
            value,
            key_name,
            value_name,
            ..
        } => {
            let entries = if flattened || shape.flattened {
                Some(from)
            } else {
                from.children.get("entry")
            };
            let mut read = Map::new();
            if let Some(entries) = entries {
                for (index, child) in numbered(entries, path)? {
                    let inner = format!("{path}.{index}");
                    let key = child
                        .children
                        .get(key_name)
                        .and_then(|key| key.value.clone())
                        .ok_or_else(|| format!("{inner} has no key"))?;
                    let item = child
                        .children
                        .get(value_name)
                        .ok_or_else(|| format!("{inner} has no value"))?;
                    read.insert(key, node(service, *value, item, &inner, false)?);
                }
            }
            Ok(Value::Object(read))
        }
        Kind::Text { .. } | Kind::Blob => Ok(Value::from(text())),
        Kind::Integer { .. } => text()
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| wrong("an integer")),
        Kind::Float => text()
            .parse::<f64>()
            .map(Value::from)
            .map_err(|_| wrong("a number")),
        Kind::Boolean => match text() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        Kind::Timestamp => stamp::read(&Value::from(text())),
    }
}

/// The word with a small first letter.
fn small(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// The numbered children in numeric order.
fn numbered<'n>(from: &'n Node, path: &str) -> Result<Vec<(u32, &'n Node)>, String> {
    let mut items = Vec::with_capacity(from.children.len());
    for (key, child) in &from.children {
        let index = key
            .parse::<u32>()
            .map_err(|_| format!("{path}.{key} is not numbered"))?;
        items.push((index, child));
    }
    items.sort_by_key(|(index, _)| *index);
    Ok(items)
}
