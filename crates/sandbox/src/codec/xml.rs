//! XML: answers of the query protocol, and both ways for REST-XML.

use serde_json::{Map, Value};

use super::model::{Kind, Location, Member, Operation, Service, ShapeId};
use super::stamp::{self, Form};
use crate::call::AwsError;

/// `text` as element content.
fn escape(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            // A bare carriage return would be read back as a newline.
            '\r' => into.push_str("&#13;"),
            other => into.push(other),
        }
    }
}

fn element(name: &str, text: &str, into: &mut String) {
    into.push_str(&format!("<{name}>"));
    escape(text, into);
    into.push_str(&format!("</{name}>"));
}

/// The answer of a query operation.
pub(super) fn query_response(
    service: &Service,
    operation: &Operation,
    output: &Value,
    request_id: &str,
) -> Vec<u8> {
    let name = &operation.name;
    let mut out = format!("<{name}Response xmlns=\"{}\">", service.xml_namespace);
    if let Some(shape) = operation.output {
        let wrapper = operation
            .result_wrapper
            .clone()
            .unwrap_or_else(|| format!("{name}Result"));
        out.push_str(&format!("<{wrapper}>"));
        structure(service, shape, output, &mut out);
        out.push_str(&format!("</{wrapper}>"));
    }
    out.push_str("<ResponseMetadata>");
    element("RequestId", request_id, &mut out);
    out.push_str(&format!("</ResponseMetadata></{name}Response>"));
    out.into_bytes()
}

/// The answer of an EC2 operation: no wrapper around the output.
pub(super) fn ec2_response(
    service: &Service,
    operation: &Operation,
    output: &Value,
    request_id: &str,
) -> Vec<u8> {
    let name = &operation.name;
    let mut out = format!("<{name}Response xmlns=\"{}/\">", service.xml_namespace);
    element("requestId", request_id, &mut out);
    if let Some(shape) = operation.output {
        structure(service, shape, output, &mut out);
    }
    out.push_str(&format!("</{name}Response>"));
    out.into_bytes()
}

/// An error of a query operation.
pub(super) fn query_error(
    namespace: &str,
    error: &AwsError,
    status: u16,
    request_id: &str,
) -> Vec<u8> {
    let mut out = format!("<ErrorResponse xmlns=\"{namespace}\"><Error>");
    element(
        "Type",
        if status >= 500 { "Receiver" } else { "Sender" },
        &mut out,
    );
    element("Code", &error.code, &mut out);
    element("Message", &error.message, &mut out);
    out.push_str("</Error>");
    element("RequestId", request_id, &mut out);
    out.push_str("</ErrorResponse>");
    out.into_bytes()
}

/// An error as EC2 has it; also that of a service that is not known, for readers of Query understand it too.
pub(super) fn bare_error(error: &AwsError, request_id: &str) -> Vec<u8> {
    let mut out = "<Response><Errors><Error>".to_owned();
    element("Code", &error.code, &mut out);
    element("Message", &error.message, &mut out);
    out.push_str("</Error></Errors>");
    element("RequestID", request_id, &mut out);
    out.push_str("</Response>");
    out.into_bytes()
}

/// An error of a REST-XML operation.
pub(super) fn rest_error(error: &AwsError, request_id: &str) -> Vec<u8> {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    element("Code", &error.code, &mut out);
    element("Message", &error.message, &mut out);
    for (name, value) in &error.fields {
        if let Some(text) = value.as_str() {
            element(name, text, &mut out);
        }
    }
    element("RequestId", request_id, &mut out);
    element("HostId", "sandbox", &mut out);
    out.push_str("</Error>");
    out.into_bytes()
}

/// A whole document with one root element.
pub(super) fn document(service: &Service, shape: ShapeId, root: &str, value: &Value) -> Vec<u8> {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{}\">",
        service.xml_namespace
    );
    structure(service, shape, value, &mut out);
    out.push_str(&format!("</{root}>"));
    out.into_bytes()
}

/// A document whose root element is the text itself.
pub(super) fn text_document(service: &Service, root: &str, text: &str) -> Vec<u8> {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{}\">",
        service.xml_namespace
    );
    escape(text, &mut out);
    out.push_str(&format!("</{root}>"));
    out.into_bytes()
}

/// The members of a structure that travel in the body.
fn structure(service: &Service, shape: ShapeId, value: &Value, out: &mut String) {
    let Some(Kind::Structure { members, .. }) = service.shape(shape).map(|shape| &shape.kind)
    else {
        return;
    };
    for (name, item) in value.as_object().into_iter().flatten() {
        if item.is_null() {
            continue;
        }
        if let Some(member) = members.get(name)
            && member.location == Location::Body
            && !member.xml_attribute
        {
            write(service, member.shape, &member.wire, Some(member), item, out);
        }
    }
}

/// One value as an element (or, flattened, as several).
fn write(
    service: &Service,
    id: ShapeId,
    name: &str,
    member: Option<&Member>,
    value: &Value,
    out: &mut String,
) {
    let Some(shape) = service.shape(id) else {
        return;
    };
    let flattened = shape.flattened || member.is_some_and(|member| member.flattened);
    match &shape.kind {
        Kind::Structure { members, .. } => {
            out.push_str(&format!("<{name}"));
            for (attribute, inner) in members.iter().filter(|(_, inner)| inner.xml_attribute) {
                if let Some((prefix, uri)) = member.and_then(|member| member.namespace.as_ref()) {
                    out.push_str(&format!(" xmlns:{prefix}=\"{uri}\""));
                } else if inner.wire.starts_with("xsi:") {
                    out.push_str(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"");
                }
                if let Some(text) = value[attribute].as_str() {
                    out.push_str(&format!(" {}=\"", inner.wire));
                    escape(text, out);
                    out.push('"');
                }
            }
            out.push('>');
            structure(service, id, value, out);
            out.push_str(&format!("</{name}>"));
        }
        Kind::List {
            member: inner,
            member_name,
            ..
        } => {
            let items = value.as_array().map_or(&[][..], Vec::as_slice);
            if flattened {
                let name = member_name.as_deref().unwrap_or(name);
                for item in items {
                    write(service, *inner, name, None, item, out);
                }
            } else {
                out.push_str(&format!("<{name}>"));
                for item in items {
                    let name = member_name.as_deref().unwrap_or("member");
                    write(service, *inner, name, None, item, out);
                }
                out.push_str(&format!("</{name}>"));
            }
        }
        Kind::Map {
            key,
            value: inner,
            key_name,
            value_name,
            ..
        } => {
            let entry = if flattened { name } else { "entry" };
            if !flattened {
                out.push_str(&format!("<{name}>"));
            }
            for (key_text, item) in value.as_object().into_iter().flatten() {
                out.push_str(&format!("<{entry}>"));
                write(
                    service,
                    *key,
                    key_name,
                    None,
                    &Value::from(key_text.as_str()),
                    out,
                );
                write(service, *inner, value_name, None, item, out);
                out.push_str(&format!("</{entry}>"));
            }
            if !flattened {
                out.push_str(&format!("</{name}>"));
            }
        }
        Kind::Timestamp => {
            let form = Form::named(shape.timestamp_format.as_deref(), Form::Iso8601);
            element(name, &plain(&stamp::write(value, form)), out);
        }
        _ => element(name, &plain(value), out),
    }
}

/// A scalar as text.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A parsed element.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

fn parse(body: &[u8]) -> Result<Element, String> {
    use quick_xml::events::Event;
    let text = std::str::from_utf8(body).map_err(|_| "the XML is not UTF-8".to_owned())?;
    let mut reader = quick_xml::Reader::from_str(text);
    let bad = |error: &dyn std::fmt::Display| format!("the XML is not well-formed: {error}");
    let mut open: Vec<Element> = vec![Element::default()];
    let start = |tag: &quick_xml::events::BytesStart| -> Result<Element, String> {
        let mut element = Element {
            name: String::from_utf8_lossy(tag.local_name().as_ref()).into_owned(),
            ..Element::default()
        };
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| bad(&error))?;
            let value = attribute.unescape_value().map_err(|error| bad(&error))?;
            let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            element.attributes.push((key, value.into_owned()));
        }
        Ok(element)
    };
    loop {
        match reader.read_event().map_err(|error| bad(&error))? {
            Event::Start(tag) => open.push(start(&tag)?),
            Event::Empty(tag) => {
                let element = start(&tag)?;
                if let Some(parent) = open.last_mut() {
                    parent.children.push(element);
                }
            }
            Event::End(_) => {
                if let (Some(element), Some(parent)) = (open.pop(), open.last_mut()) {
                    parent.children.push(element);
                }
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|error| bad(&error))?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::CData(data) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&String::from_utf8_lossy(&data));
                }
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| bad(&error))?;
                let text = match reference.resolve_char_ref().map_err(|error| bad(&error))? {
                    Some(letter) => letter.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name)
                        .ok_or_else(|| bad(&format!("unknown entity {name}")))?
                        .to_owned(),
                };
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match open.pop() {
        Some(mut document) if open.is_empty() && document.children.len() == 1 => document
            .children
            .pop()
            .ok_or_else(|| "the XML is empty".to_owned()),
        _ => Err("the XML is not one whole document".to_owned()),
    }
}

/// Reads a document into inside form.
pub(super) fn decode(service: &Service, shape: ShapeId, body: &[u8]) -> Result<Value, String> {
    read(service, shape, &parse(body)?)
}

fn read(service: &Service, id: ShapeId, from: &Element) -> Result<Value, String> {
    let Some(shape) = service.shape(id) else {
        return Err(format!("{} has no shape", from.name));
    };
    let text = from.text.trim();
    let wrong = |wanted: &str| format!("{} must be {wanted}, not {text:?}", from.name);
    match &shape.kind {
        Kind::Structure { members, .. } => {
            let mut object = Map::new();
            for (name, member) in members {
                if member.xml_attribute {
                    if let Some((_, value)) =
                        from.attributes.iter().find(|(key, _)| *key == member.wire)
                    {
                        object.insert(name.clone(), Value::from(value.clone()));
                    }
                    continue;
                }
                let inner = service.shape(member.shape);
                let flat = member.flattened || inner.is_some_and(|inner| inner.flattened);
                let mut found = from
                    .children
                    .iter()
                    .filter(|child| child.name == member.wire);
                match inner.map(|inner| &inner.kind) {
                    Some(Kind::List { member: item, .. }) if flat => {
                        let items: Result<Vec<Value>, String> =
                            found.map(|child| read(service, *item, child)).collect();
                        let items = items?;
                        if !items.is_empty() {
                            object.insert(name.clone(), Value::Array(items));
                        }
                    }
                    _ => {
                        if let Some(child) = found.next() {
                            object.insert(name.clone(), read(service, member.shape, child)?);
                        }
                    }
                }
            }
            let known = |child: &Element| members.values().any(|member| member.wire == child.name);
            if let Some(child) = from.children.iter().find(|child| !known(child)) {
                object.insert(child.name.clone(), Value::Null);
            }
            Ok(Value::Object(object))
        }
        Kind::List { member, .. } => from
            .children
            .iter()
            .map(|child| read(service, *member, child))
            .collect(),
        Kind::Map {
            value,
            key_name,
            value_name,
            ..
        } => {
            let mut object = Map::new();
            for entry in &from.children {
                let part = |name: &str| entry.children.iter().find(|child| child.name == name);
                if let (Some(key), Some(item)) = (part(key_name), part(value_name)) {
                    object.insert(key.text.clone(), read(service, *value, item)?);
                }
            }
            Ok(Value::Object(object))
        }
        Kind::Text { .. } | Kind::Blob => Ok(Value::from(from.text.clone())),
        Kind::Integer { .. } => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| wrong("an integer")),
        Kind::Float => text
            .parse::<f64>()
            .map(Value::from)
            .map_err(|_| wrong("a number")),
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        Kind::Timestamp => stamp::read(&Value::from(text)),
    }
}
