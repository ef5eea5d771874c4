//! The wire: one codec for all services, driven by AWS's own service models.
//!
//! Inside the sandbox a value is JSON by the model's member names, timestamps as seconds since the epoch,
//! blobs in base64. The codec turns requests of any of the protocols into that, checks them against the
//! shapes, and turns answers and errors back.

mod cbor;
mod json;
pub mod model;
mod query;
mod rest;
mod stamp;
#[cfg(test)]
mod tests;
mod validate;
mod xml;

use serde_json::Value;

use super::call::AwsError;
use model::{Operation, Protocol, Service};

pub use validate::Violation;

/// A request as it came in, free of any HTTP library's types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query string, still percent-encoded.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// How a request's answer must be written: a service may speak more than one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Model(Protocol),
    /// Smithy RPC v2 with CBOR, which newer clients choose for some JSON services.
    Cbor,
}

/// Which wire a request uses.
pub fn wire(service: &Service, request: &Request) -> Wire {
    if request.header("smithy-protocol") == Some("rpc-v2-cbor") {
        Wire::Cbor
    } else {
        Wire::Model(service.protocol)
    }
}

/// The operation a request names. The error is AWS's own for an operation that does not exist.
pub fn operation<'s>(service: &'s Service, request: &Request) -> Result<&'s Operation, AwsError> {
    let named = |name: &str| service.operations.get(name);
    match wire(service, request) {
        Wire::Cbor => {
            let name = request.path.rsplit('/').next().unwrap_or_default();
            named(name).ok_or_else(|| unknown_operation(service, name))
        }
        Wire::Model(Protocol::Json) => {
            let target = request.header("x-amz-target").unwrap_or_default();
            let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
            // CloudTrail's model has a long prefix of which some clients send the last part only.
            let last = |text: &'_ str| text.rsplit('.').next().map(str::to_owned);
            named(name)
                .filter(|_| last(prefix) == last(&service.target_prefix))
                .ok_or_else(|| unknown_operation(service, name))
        }
        Wire::Model(Protocol::Query | Protocol::Ec2) => {
            let name = query::action(request).unwrap_or_default();
            named(&name).ok_or_else(|| unknown_operation(service, &name))
        }
        Wire::Model(Protocol::RestJson | Protocol::RestXml) => rest::route(service, request)
            .ok_or_else(|| {
                let shown = match request.query.as_str() {
                    "" => format!("{} {}", request.method, request.path),
                    query => format!("{} {}?{query}", request.method, request.path),
                };
                unknown_operation(service, &shown)
            }),
    }
}

/// An operation that is in no model here, and its input as far as it can be read without one: the members of JSON, and of
/// forms the fields that are no lists. Paths name no operation.
pub fn named(service: Option<&Service>, request: &Request) -> Option<(String, Value)> {
    let protocol = service.map(|service| service.protocol);
    let target = request.header("x-amz-target");
    match (protocol, target) {
        (None | Some(Protocol::Json), Some(target)) => {
            let name = target.rsplit('.').next()?.to_owned();
            Some((name, serde_json::from_slice(&request.body).ok()?))
        }
        (None | Some(Protocol::Query | Protocol::Ec2), None) => {
            let name = query::action(request)?;
            Some((name, query::fields(request)))
        }
        _ => None,
    }
}

/// AWS's answer to an operation that does not exist, in the manner of the service's protocol.
pub fn unknown_operation(service: &Service, name: &str) -> AwsError {
    match service.protocol {
        Protocol::Query => AwsError::new(
            "InvalidAction",
            format!(
                "Could not find operation {name} for version {}",
                service.api_version
            ),
        ),
        Protocol::Ec2 => AwsError::new(
            "InvalidAction",
            format!("The action {name} is not valid for this web service."),
        ),
        Protocol::Json => AwsError::new(
            "UnknownOperationException",
            format!("The sandbox does not know {}:{name}", service.name),
        ),
        Protocol::RestJson => AwsError::new(
            "UnknownOperationException",
            format!("The sandbox does not know {} {name}", service.name),
        )
        .status(404),
        Protocol::RestXml => AwsError::new(
            "NotImplemented",
            format!("A header you provided implies functionality that is not implemented: {name}"),
        )
        .status(501),
    }
}

/// The checked input of a request.
pub fn decode(
    service: &Service,
    operation: &Operation,
    request: &Request,
) -> Result<Value, AwsError> {
    let Some(shape) = operation.input else {
        return Ok(Value::Object(serde_json::Map::new()));
    };
    let decoded = match wire(service, request) {
        Wire::Cbor => {
            cbor::decode(&request.body).and_then(|value| json::decode(service, shape, &value, ""))
        }
        Wire::Model(Protocol::Json) => json::decode_body(service, shape, &request.body),
        Wire::Model(Protocol::Query | Protocol::Ec2) => query::decode(service, shape, request),
        Wire::Model(Protocol::RestJson | Protocol::RestXml) => {
            rest::decode(service, operation, shape, request)
        }
    };
    let input = decoded.map_err(|problem| malformed(service, &problem))?;
    match validate::check(service, shape, &input, true) {
        None => Ok(input),
        Some(violation) => Err(violation.error(service)),
    }
}

/// What a request that does not even parse is answered with.
fn malformed(service: &Service, problem: &str) -> AwsError {
    match service.protocol {
        Protocol::Json => AwsError::new("SerializationException", problem),
        Protocol::Query => AwsError::new("MalformedInput", problem),
        Protocol::Ec2 => AwsError::new("InvalidParameterValue", problem),
        Protocol::RestJson if service.name == "guardduty" => {
            AwsError::new("BadRequestException", problem)
        }
        Protocol::RestJson => AwsError::new("ValidationException", problem),
        Protocol::RestXml => AwsError::new("MalformedXML", problem),
    }
}

/// Members that AWS's models call required and that AWS leaves out where there is nothing to tell: an account that
/// nobody administers answers an empty object.
const LEFT_OUT: [(&str, &str, &str); 1] =
    [("guardduty", "GetAdministratorAccount", "Administrator")];

/// Whether an answer keeps to the model; the text says what is wrong with it.
pub fn check_output(
    service: &Service,
    operation: &Operation,
    output: &Value,
) -> Result<(), String> {
    let Some(shape) = operation.output else {
        return Ok(());
    };
    let left_out = |violation: &validate::Violation| {
        LEFT_OUT.iter().any(|(of, name, member)| {
            *of == service.name && *name == operation.name && violation.lacks(member)
        })
    };
    match validate::check(service, shape, output, false) {
        None => Ok(()),
        Some(violation) if left_out(&violation) => Ok(()),
        Some(violation) => Err(format!(
            "the sandbox answered {}:{} wrongly: {violation}",
            service.name, operation.name
        )),
    }
}

/// Writes a success.
pub fn encode(
    service: &Service,
    operation: &Operation,
    request: &Request,
    output: &Value,
    request_id: &str,
) -> Response {
    let mut response = Response {
        status: operation.success,
        headers: vec![("x-amzn-requestid".to_owned(), request_id.to_owned())],
        body: Vec::new(),
    };
    let mut content_type = |value: &str| {
        response
            .headers
            .push(("content-type".to_owned(), value.to_owned()));
    };
    match wire(service, request) {
        Wire::Cbor => {
            content_type("application/cbor");
            response.body = cbor::encode_output(service, operation.output, output);
            response
                .headers
                .push(("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()));
        }
        Wire::Model(Protocol::Json) => {
            content_type(&format!("application/x-amz-json-{}", service.json_version));
            // Operations without output answer with nothing or {}; clients take both.
            response.body = match operation.output {
                Some(shape) => json::encode(service, shape, output)
                    .to_string()
                    .into_bytes(),
                None => Vec::new(),
            };
        }
        Wire::Model(Protocol::Query) => {
            content_type("text/xml");
            response.body = xml::query_response(service, operation, output, request_id);
        }
        Wire::Model(Protocol::Ec2) => {
            content_type("text/xml;charset=UTF-8");
            response.body = xml::ec2_response(service, operation, output, request_id);
        }
        Wire::Model(Protocol::RestJson | Protocol::RestXml) => {
            rest::encode(service, operation, output, request_id, &mut response);
        }
    }
    response
}

/// The action that a form asks for, as services with the Query and EC2 protocols take it.
pub fn action(request: &Request) -> Option<String> {
    form_urlencoded::parse(&request.body)
        .find(|(name, _)| name == "Action")
        .map(|(_, value)| value.into_owned())
}

/// Writes an error. Without a service (the request named none that exists) it is JSON.
pub fn encode_error(
    service: Option<&Service>,
    request: &Request,
    error: &AwsError,
    request_id: &str,
) -> Response {
    let shape = service.and_then(|service| service.shape(*service.errors.get(&error.code)?));
    let status = shape
        .and_then(|shape| shape.error_status)
        .unwrap_or(error.status);
    let mut headers = vec![("x-amzn-requestid".to_owned(), request_id.to_owned())];
    let mut typed = |value: &str| headers.push(("content-type".to_owned(), value.to_owned()));
    if service.is_none() && action(request).is_some() {
        typed("text/xml");
        return Response {
            status,
            headers,
            body: xml::bare_error(error, request_id),
        };
    }
    let wire = service.map_or(Wire::Model(Protocol::Json), |service| {
        wire(service, request)
    });
    let body = match wire {
        Wire::Cbor => {
            typed("application/cbor");
            headers.push(("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()));
            cbor::encode_plain(&json::error(shape, error, true))
        }
        Wire::Model(Protocol::Json) => {
            typed("application/x-amz-json-1.1");
            headers.push(("x-amzn-errortype".to_owned(), error.code.clone()));
            json::error(shape, error, true).to_string().into_bytes()
        }
        Wire::Model(Protocol::RestJson) => {
            typed("application/json");
            headers.push(("x-amzn-errortype".to_owned(), error.code.clone()));
            json::error(shape, error, false).to_string().into_bytes()
        }
        Wire::Model(Protocol::Query) => {
            typed("text/xml");
            let namespace = service.map_or("", |service| service.xml_namespace.as_str());
            xml::query_error(namespace, error, status, request_id)
        }
        Wire::Model(Protocol::Ec2) => {
            typed("text/xml;charset=UTF-8");
            xml::bare_error(error, request_id)
        }
        Wire::Model(Protocol::RestXml) => {
            typed("application/xml");
            headers.push(("x-amz-request-id".to_owned(), request_id.to_owned()));
            // A HEAD answer has no body: the status alone tells.
            if request.method == "HEAD" {
                Vec::new()
            } else {
                xml::rest_error(error, request_id)
            }
        }
    };
    Response {
        status,
        headers,
        body,
    }
}
