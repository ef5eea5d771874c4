//! AWS's service models, trimmed and embedded, compiled once into what the codec walks.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::rest::Template;
use super::validate::Pattern;

/// Index of a shape in [`Service::shapes`].
pub type ShapeId = usize;

/// How a service speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Json,
    Query,
    RestJson,
    RestXml,
    /// EC2's own: query requests with flat lists, and answers without wrappers.
    Ec2,
}

/// One service's model.
#[derive(Debug)]
pub struct Service {
    /// botocore's folder name, which the operation table uses too.
    pub name: &'static str,
    pub protocol: Protocol,
    /// The name in the credential scope of a signature.
    pub signing_name: String,
    /// What precedes the operation in `X-Amz-Target`.
    pub target_prefix: String,
    pub xml_namespace: String,
    pub api_version: String,
    pub json_version: String,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: Vec<Shape>,
    /// Error shapes by name and by the code on the wire.
    pub errors: BTreeMap<String, ShapeId>,
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    pub name: String,
    pub method: String,
    pub template: Template,
    pub success: u16,
    pub input: Option<ShapeId>,
    pub output: Option<ShapeId>,
    pub result_wrapper: Option<String>,
}

/// One shape.
#[derive(Debug)]
pub struct Shape {
    pub name: String,
    pub kind: Kind,
    /// The name of the member that is the HTTP body.
    pub payload: Option<String>,
    pub flattened: bool,
    pub timestamp_format: Option<String>,
    /// HTTP status and wire code of an error shape.
    pub error_status: Option<u16>,
}

/// What a shape is made of.
#[derive(Debug)]
pub enum Kind {
    Structure {
        members: BTreeMap<String, Member>,
        /// Member names by their name in the body, where that differs.
        by_wire: BTreeMap<String, String>,
        required: Vec<String>,
        union: bool,
    },
    List {
        member: ShapeId,
        member_name: Option<String>,
        min: Option<i64>,
        max: Option<i64>,
    },
    Map {
        key: ShapeId,
        value: ShapeId,
        key_name: String,
        value_name: String,
        min: Option<i64>,
        max: Option<i64>,
    },
    Text {
        min: Option<i64>,
        max: Option<i64>,
        pattern: Option<Pattern>,
        values: Vec<String>,
    },
    Integer {
        min: Option<i64>,
        max: Option<i64>,
    },
    Float,
    Boolean,
    Timestamp,
    Blob,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    pub shape: ShapeId,
    pub location: Location,
    /// The name in the body, header, query string or path.
    pub wire: String,
    pub xml_attribute: bool,
    /// `(prefix, uri)` of an XML namespace declared on the element.
    pub namespace: Option<(String, String)>,
    pub flattened: bool,
}

/// Where a member travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    Body,
    Uri,
    Query,
    Header,
    /// A map spread over headers that begin with the wire name.
    Headers,
    Status,
}

macro_rules! models {
    ($($name:literal),* $(,)?) => {
        [$((
            $name,
            include_str!(concat!("../models/", $name, ".json")),
            OnceLock::new(),
        )),*]
    };
}

type Source = (
    &'static str,
    &'static str,
    OnceLock<Result<Service, String>>,
);

/// The embedded models.
static SOURCES: [Source; 17] = models![
    "organizations",
    "sts",
    "account",
    "iam",
    "ssm",
    "resourcegroupstaggingapi",
    "cloudcontrol",
    "cloudformation",
    "cloudtrail",
    "config",
    "guardduty",
    "s3",
    "kms",
    "ec2",
    "events",
    "sns",
    "service-quotas",
];

/// The model of a service by its botocore name, or the error that makes the embedded one unusable.
pub fn service(name: &str) -> Option<Result<&'static Service, String>> {
    let (name, text, cell) = SOURCES.iter().find(|(known, _, _)| *known == name)?;
    Some(
        cell.get_or_init(|| compile(name, text))
            .as_ref()
            .map_err(Clone::clone),
    )
}

/// The model of the service that signs with this name.
pub fn by_signing_name(signing: &str) -> Option<Result<&'static Service, String>> {
    // Signing names equal folder names but for these.
    let name = match signing {
        "tagging" => "resourcegroupstaggingapi",
        "cloudcontrolapi" => "cloudcontrol",
        "servicequotas" => "service-quotas",
        other => other,
    };
    service(name)
}

/// The names of all services.
pub fn names() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(name, _, _)| *name)
}

fn compile(name: &'static str, text: &str) -> Result<Service, String> {
    let fail = |what: &str| format!("the embedded model of {name} is damaged: {what}");
    let model: Value = serde_json::from_str(text).map_err(|error| fail(&error.to_string()))?;
    let metadata = &model["metadata"];
    let word = |key: &str| metadata[key].as_str().unwrap_or_default().to_owned();
    let protocols: Vec<&str> = metadata["protocols"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let protocol = protocols
        .iter()
        .find_map(|protocol| match *protocol {
            "json" => Some(Protocol::Json),
            "query" => Some(Protocol::Query),
            "rest-json" => Some(Protocol::RestJson),
            "rest-xml" => Some(Protocol::RestXml),
            "ec2" => Some(Protocol::Ec2),
            _ => None,
        })
        .ok_or_else(|| fail("it speaks no known protocol"))?;
    let raw = model["shapes"]
        .as_object()
        .ok_or_else(|| fail("no shapes"))?;
    let ids: BTreeMap<&str, ShapeId> = raw
        .keys()
        .enumerate()
        .map(|(id, key)| (key.as_str(), id))
        .collect();
    let id = |reference: &Value| -> Result<ShapeId, String> {
        let name = reference["shape"].as_str().unwrap_or_default();
        ids.get(name)
            .copied()
            .ok_or_else(|| fail(&format!("no shape {name}")))
    };
    let mut shapes = Vec::with_capacity(raw.len());
    let mut errors = BTreeMap::new();
    for (shape_id, (shape_name, shape)) in raw.iter().enumerate() {
        shapes.push(compile_shape(shape_name, shape, &id)?);
        if shape["exception"].as_bool() == Some(true) {
            errors.insert(shape_name.clone(), shape_id);
            if let Some(code) = shape["error"]["code"].as_str() {
                errors.insert(code.to_owned(), shape_id);
            }
        }
    }
    let mut operations = BTreeMap::new();
    for (operation_name, operation) in model["operations"]
        .as_object()
        .ok_or_else(|| fail("no operations"))?
    {
        let optional = |side: &str| match &operation[side] {
            Value::Null => Ok(None),
            reference => id(reference).map(Some),
        };
        operations.insert(
            operation_name.clone(),
            Operation {
                name: operation_name.clone(),
                method: operation["http"]["method"]
                    .as_str()
                    .unwrap_or("POST")
                    .to_owned(),
                template: Template::parse(operation["http"]["requestUri"].as_str().unwrap_or("/")),
                success: operation["http"]["responseCode"]
                    .as_u64()
                    .and_then(|code| u16::try_from(code).ok())
                    .unwrap_or(200),
                input: optional("input")?,
                output: optional("output")?,
                result_wrapper: operation["output"]["resultWrapper"]
                    .as_str()
                    .map(str::to_owned),
            },
        );
    }
    let signing = word("signingName");
    let endpoint = word("endpointPrefix");
    let api_version = word("apiVersion");
    let namespace = match metadata["xmlNamespace"].as_str() {
        Some(uri) => uri.to_owned(),
        None => metadata["xmlNamespace"]["uri"].as_str().map_or_else(
            || format!("https://{endpoint}.amazonaws.com/doc/{api_version}/"),
            str::to_owned,
        ),
    };
    Ok(Service {
        name,
        protocol,
        signing_name: if signing.is_empty() {
            endpoint
        } else {
            signing
        },
        target_prefix: word("targetPrefix"),
        xml_namespace: namespace,
        api_version,
        json_version: word("jsonVersion"),
        operations,
        shapes,
        errors,
    })
}

fn compile_shape(
    name: &str,
    shape: &Value,
    id: &impl Fn(&Value) -> Result<ShapeId, String>,
) -> Result<Shape, String> {
    let min = shape["min"].as_i64();
    let max = shape["max"].as_i64();
    let given = |part: &str, default: &str| {
        shape[part]["locationName"]
            .as_str()
            .unwrap_or(default)
            .to_owned()
    };
    let kind = match shape["type"].as_str().unwrap_or_default() {
        "structure" => {
            let mut members = BTreeMap::new();
            let mut by_wire = BTreeMap::new();
            for (member_name, member) in shape["members"].as_object().into_iter().flatten() {
                let wire = member["locationName"].as_str();
                if let Some(wire) = wire {
                    by_wire.insert(wire.to_owned(), member_name.clone());
                }
                let location = match member["location"].as_str() {
                    Some("uri") => Location::Uri,
                    Some("querystring") => Location::Query,
                    Some("header") => Location::Header,
                    Some("headers") => Location::Headers,
                    Some("statusCode") => Location::Status,
                    _ => Location::Body,
                };
                let namespace = member["xmlNamespace"]["uri"].as_str().map(|uri| {
                    let prefix = member["xmlNamespace"]["prefix"].as_str();
                    (prefix.unwrap_or_default().to_owned(), uri.to_owned())
                });
                members.insert(
                    member_name.clone(),
                    Member {
                        shape: id(member)?,
                        location,
                        wire: wire.unwrap_or(member_name).to_owned(),
                        xml_attribute: member["xmlAttribute"].as_bool() == Some(true),
                        namespace,
                        flattened: member["flattened"].as_bool() == Some(true),
                    },
                );
            }
            Kind::Structure {
                members,
                by_wire,
                required: shape["required"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|name| name.as_str().map(str::to_owned))
                    .collect(),
                union: shape["union"].as_bool() == Some(true),
            }
        }
        "list" => Kind::List {
            member: id(&shape["member"])?,
            member_name: shape["member"]["locationName"].as_str().map(str::to_owned),
            min,
            max,
        },
        "map" => Kind::Map {
            key: id(&shape["key"])?,
            value: id(&shape["value"])?,
            key_name: given("key", "key"),
            value_name: given("value", "value"),
            min,
            max,
        },
        "string" | "character" => Kind::Text {
            min,
            max,
            pattern: shape["pattern"].as_str().map(Pattern::new),
            values: shape["enum"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect(),
        },
        "integer" | "long" => Kind::Integer { min, max },
        "float" | "double" => Kind::Float,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "blob" => Kind::Blob,
        other => return Err(format!("shape {name} has the unknown type {other:?}")),
    };
    Ok(Shape {
        name: name.to_owned(),
        kind,
        payload: shape["payload"].as_str().map(str::to_owned),
        flattened: shape["flattened"].as_bool() == Some(true),
        timestamp_format: shape["timestampFormat"].as_str().map(str::to_owned),
        error_status: shape["error"]["httpStatusCode"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok()),
    })
}

impl Service {
    /// The shape with this id.
    pub fn shape(&self, id: ShapeId) -> Option<&Shape> {
        self.shapes.get(id)
    }
}
