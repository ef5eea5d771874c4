//! REST-JSON and REST-XML: paths, query strings, headers and payloads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::model::{Kind, Location, Member, Operation, Protocol, Service, ShapeId};
use super::stamp::{self, Form};
use super::{Request, Response, json, xml};

/// A request URI of a model, such as `/{Bucket}/{Key+}?tagging`.
#[derive(Debug)]
pub struct Template {
    segments: Vec<Segment>,
    /// Query keys, with their value where the template gives one, that the request must have.
    query: Vec<(String, Option<String>)>,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Label(String),
    /// The rest of the path.
    Greedy(String),
}

impl Template {
    /// Reads a template.
    pub fn parse(uri: &str) -> Template {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let segments = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(
                |part| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                    Some(label) => match label.strip_suffix('+') {
                        Some(label) => Segment::Greedy(label.to_owned()),
                        None => Segment::Label(label.to_owned()),
                    },
                    None => Segment::Literal(part.to_owned()),
                },
            )
            .collect();
        let query = query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| match part.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (part.to_owned(), None),
            })
            .collect();
        Template { segments, query }
    }

    /// The labels, if the path fits.
    fn labels(&self, path: &str) -> Option<Vec<(&str, String)>> {
        let mut parts = path.trim_start_matches('/').split('/').peekable();
        if path.trim_start_matches('/').is_empty() {
            parts.next();
        }
        let mut labels = Vec::new();
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => {
                    if parts.next() != Some(text) {
                        return None;
                    }
                }
                Segment::Label(name) => {
                    let part = parts.next().filter(|part| !part.is_empty())?;
                    labels.push((name.as_str(), unescape(part)));
                }
                Segment::Greedy(name) => {
                    let rest: Vec<&str> = parts.by_ref().collect();
                    if rest.iter().all(|part| part.is_empty()) {
                        return None;
                    }
                    labels.push((name.as_str(), unescape(&rest.join("/"))));
                }
            }
        }
        // A trailing slash is no further segment.
        parts.all(str::is_empty).then_some(labels)
    }

    /// How many parts a request must match: the more, the more specific.
    fn weight(&self) -> usize {
        let literals = self
            .segments
            .iter()
            .filter(|segment| matches!(segment, Segment::Literal(_)));
        self.query.len() + literals.count()
    }
}

fn unescape(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Query parameters; `None` for a key without `=`.
fn parameters(query: &str) -> Vec<(String, Option<String>)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let spaced = part.replace('+', " ");
            match spaced.split_once('=') {
                Some((key, value)) => (unescape(key), Some(unescape(value))),
                None => (unescape(&spaced), None),
            }
        })
        .collect()
}

/// The path of a request, with the bucket of a virtual-hosted S3 request put in front.
fn path(service: &Service, request: &Request) -> String {
    if service.name == "s3"
        && let Some(host) = request.header("host")
    {
        let host = host.split(':').next().unwrap_or_default();
        let bucket = match host.find(".s3.").or_else(|| host.find(".s3-")) {
            Some(at) => host.get(..at),
            None => host.strip_suffix(".localhost"),
        };
        if let Some(bucket) = bucket {
            return format!("/{bucket}{}", request.path);
        }
    }
    request.path.clone()
}

/// The operation of a request: of those that fit, the one that asks for most.
pub(super) fn route<'s>(service: &'s Service, request: &Request) -> Option<&'s Operation> {
    let path = path(service, request);
    let given = parameters(&request.query);
    service
        .operations
        .values()
        .filter(|operation| operation.method == request.method)
        .filter(|operation| operation.template.labels(&path).is_some())
        .filter(|operation| {
            let wanted = &operation.template.query;
            let all_there = wanted.iter().all(|(key, value)| {
                given
                    .iter()
                    .any(|(name, got)| name == key && (value.is_none() || value == got))
            });
            // `?acl` names a sub-resource: an operation that does not know it must not answer.
            let none_foreign = given
                .iter()
                .filter(|(_, value)| value.as_deref().unwrap_or_default().is_empty())
                .all(|(name, _)| {
                    wanted.iter().any(|(key, _)| key == name)
                        || bound_to_query(service, operation, name)
                });
            all_there && none_foreign
        })
        .max_by_key(|operation| operation.template.weight())
}

fn members(service: &Service, shape: Option<ShapeId>) -> impl Iterator<Item = (&String, &Member)> {
    let members = shape
        .and_then(|shape| service.shape(shape))
        .and_then(|shape| match &shape.kind {
            Kind::Structure { members, .. } => Some(members),
            _ => None,
        });
    members.into_iter().flatten()
}

fn bound_to_query(service: &Service, operation: &Operation, name: &str) -> bool {
    members(service, operation.input)
        .any(|(_, member)| member.location == Location::Query && member.wire == name)
}

/// Text from a path, query string or header as the member's shape wants it.
fn scalar(service: &Service, shape: ShapeId, text: &str) -> Result<Value, String> {
    let wrong = |wanted: &str| format!("{text:?} must be {wanted}");
    Ok(match service.shape(shape).map(|shape| &shape.kind) {
        Some(Kind::Integer { .. }) => {
            Value::from(text.parse::<i64>().map_err(|_| wrong("an integer"))?)
        }
        Some(Kind::Float) => Value::from(text.parse::<f64>().map_err(|_| wrong("a number"))?),
        Some(Kind::Boolean) => match text.to_ascii_lowercase().as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(wrong("true or false")),
        },
        Some(Kind::Timestamp) => stamp::read(&Value::from(text))?,
        _ => Value::from(text),
    })
}

/// Reads a request into inside form.
pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    shape: ShapeId,
    request: &Request,
) -> Result<Value, String> {
    let mut input = Map::new();
    let labels = operation
        .template
        .labels(&path(service, request))
        .unwrap_or_default();
    let given = parameters(&request.query);
    for (name, member) in members(service, Some(shape)) {
        match member.location {
            Location::Uri => {
                if let Some((_, text)) = labels.iter().find(|(label, _)| *label == member.wire) {
                    input.insert(name.clone(), scalar(service, member.shape, text)?);
                }
            }
            Location::Query => {
                let mut values = given
                    .iter()
                    .filter(|(key, _)| *key == member.wire)
                    .map(|(_, value)| value.clone().unwrap_or_default());
                if let Some(Kind::List { member: item, .. }) =
                    service.shape(member.shape).map(|shape| &shape.kind)
                {
                    let items: Result<Vec<Value>, String> =
                        values.map(|text| scalar(service, *item, &text)).collect();
                    let items = items?;
                    if !items.is_empty() {
                        input.insert(name.clone(), Value::Array(items));
                    }
                } else if let Some(text) = values.next() {
                    input.insert(name.clone(), scalar(service, member.shape, &text)?);
                }
            }
            Location::Header => {
                if let Some(text) = request.header(&member.wire.to_ascii_lowercase()) {
                    input.insert(name.clone(), scalar(service, member.shape, text)?);
                }
            }
            Location::Headers => {
                let prefix = member.wire.to_ascii_lowercase();
                let found: Map<String, Value> = request
                    .headers
                    .iter()
                    .filter_map(|(key, value)| {
                        let rest = key.strip_prefix(&prefix)?;
                        Some((rest.to_owned(), Value::from(value.as_str())))
                    })
                    .collect();
                if !found.is_empty() {
                    input.insert(name.clone(), Value::Object(found));
                }
            }
            Location::Body | Location::Status => {}
        }
    }
    read_body(service, shape, request, &mut input)?;
    Ok(Value::Object(input))
}

fn read_body(
    service: &Service,
    shape: ShapeId,
    request: &Request,
    input: &mut Map<String, Value>,
) -> Result<(), String> {
    let payload = service.shape(shape).and_then(|it| it.payload.as_deref());
    let read = |shape: ShapeId| match service.protocol {
        Protocol::RestXml => xml::decode(service, shape, &request.body),
        _ => json::decode_body(service, shape, &request.body),
    };
    if let Some(name) = payload {
        let member = members(service, Some(shape)).find(|(known, _)| *known == name);
        let Some((_, member)) = member else {
            return Ok(());
        };
        if request.body.is_empty() {
            return Ok(());
        }
        let value = match service.shape(member.shape).map(|shape| &shape.kind) {
            Some(Kind::Blob) => Value::from(STANDARD.encode(dechunked(request))),
            Some(Kind::Text { .. }) => {
                Value::from(String::from_utf8_lossy(&request.body).into_owned())
            }
            _ => read(member.shape)?,
        };
        input.insert(name.to_owned(), value);
        return Ok(());
    }
    let has_body = members(service, Some(shape)).any(|(_, it)| it.location == Location::Body);
    if has_body
        && !request.body.is_empty()
        && let Value::Object(body) = read(shape)?
    {
        input.extend(body);
    }
    Ok(())
}

/// S3 clients may send bodies in signed chunks with trailing checksums.
fn dechunked(request: &Request) -> Vec<u8> {
    let chunked = request
        .header("content-encoding")
        .is_some_and(|encoding| encoding.contains("aws-chunked"))
        || request
            .header("x-amz-content-sha256")
            .is_some_and(|hash| hash.starts_with("STREAMING-"));
    if !chunked {
        return request.body.clone();
    }
    let mut plain = Vec::new();
    let mut rest = request.body.as_slice();
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (head, tail) = rest.split_at(end);
        let head = String::from_utf8_lossy(head);
        let size = head.split(';').next().unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size, 16) else {
            break;
        };
        let tail = tail.get(2..).unwrap_or_default();
        if size == 0 {
            break;
        }
        plain.extend_from_slice(tail.get(..size).unwrap_or(tail));
        rest = tail.get(size + 2..).unwrap_or_default();
    }
    plain
}

/// Writes an answer into `response`: headers, status, payload or body.
pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    output: &Value,
    request_id: &str,
    response: &mut Response,
) {
    let xml = service.protocol == Protocol::RestXml;
    if xml {
        response
            .headers
            .push(("x-amz-request-id".to_owned(), request_id.to_owned()));
    }
    let Some(shape_id) = operation.output else {
        return;
    };
    for (name, member) in members(service, Some(shape_id)) {
        let value = &output[name];
        if value.is_null() {
            continue;
        }
        match member.location {
            Location::Header => {
                let text = match service.shape(member.shape).map(|shape| &shape.kind) {
                    Some(Kind::Timestamp) => xml::plain(&stamp::write(value, Form::Rfc822)),
                    _ => xml::plain(value),
                };
                response
                    .headers
                    .push((member.wire.to_ascii_lowercase(), text));
            }
            Location::Headers => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    let name = format!("{}{key}", member.wire).to_ascii_lowercase();
                    response.headers.push((name, xml::plain(item)));
                }
            }
            Location::Status => {
                if let Some(status) = value.as_u64().and_then(|code| u16::try_from(code).ok()) {
                    response.status = status;
                }
            }
            _ => {}
        }
    }
    let mut typed = |value: &str| {
        let given = response
            .headers
            .iter()
            .any(|(name, _)| name == "content-type");
        if !given {
            let header = ("content-type".to_owned(), value.to_owned());
            response.headers.push(header);
        }
    };
    let Some(shape) = service.shape(shape_id) else {
        return;
    };
    if let Some(name) = shape.payload.as_deref() {
        let value = &output[name];
        let member = members(service, Some(shape_id)).find(|(known, _)| *known == name);
        let Some((_, member)) = member.filter(|_| !value.is_null()) else {
            return;
        };
        response.body = match service.shape(member.shape).map(|shape| &shape.kind) {
            Some(Kind::Blob) => {
                typed("application/octet-stream");
                STANDARD
                    .decode(value.as_str().unwrap_or_default())
                    .unwrap_or_default()
            }
            Some(Kind::Text { .. }) => {
                typed("application/json");
                xml::plain(value).into_bytes()
            }
            _ if xml => {
                typed("application/xml");
                xml::document(service, member.shape, &member.wire, value)
            }
            _ => {
                typed("application/json");
                json::encode(service, member.shape, value)
                    .to_string()
                    .into_bytes()
            }
        };
        return;
    }
    if !xml {
        typed("application/json");
        response.body = json::encode(service, shape_id, output)
            .to_string()
            .into_bytes();
    } else if operation.name == "GetBucketLocation" {
        // The one answer of S3 whose root element is the text itself.
        typed("application/xml");
        let text = output["LocationConstraint"].as_str().unwrap_or_default();
        response.body = xml::text_document(service, "LocationConstraint", text);
    } else if members(service, Some(shape_id)).any(|(_, it)| it.location == Location::Body) {
        typed("application/xml");
        response.body = xml::document(service, shape_id, &shape.name, output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_binds_labels_and_asks_for_its_query() {
        let template = Template::parse("/{Bucket}/{Key+}?x-id=GetObject");
        let labels = template.labels("/logs/a/b%20c").expect("fits");
        assert_eq!(
            labels,
            vec![("Bucket", "logs".to_owned()), ("Key", "a/b c".to_owned())]
        );
        assert_eq!(template.query.len(), 1);
        assert!(template.labels("/logs").is_none());
        assert!(Template::parse("/{Bucket}").labels("/").is_none());
        assert!(Template::parse("/").labels("/").is_some());
    }

    #[test]
    fn signed_chunks_are_put_together() {
        let request = Request {
            headers: vec![("content-encoding".into(), "aws-chunked".into())],
            body: b"5;chunk-signature=ab\r\nhello\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n"
                .to_vec(),
            ..Request::default()
        };
        assert_eq!(dechunked(&request), b"hello");
    }
}
