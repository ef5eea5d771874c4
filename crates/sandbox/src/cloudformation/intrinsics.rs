//! Intrinsic functions, conditions and pseudo-parameters.
//!
//! `Fn::ImportValue`, `Fn::GetAZs`, `Fn::Cidr`, `Fn::Transform` and the language extensions are errors here:
//! nothing the sandbox serves needs them, and a stack set could not use most of them anyway.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::{Map, Value};

use super::template::{Template, TemplateError};

/// A mention of a parameter, pseudo-parameter or resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub name: String,
    /// Set for `Fn::GetAtt` and for `${Name.Attribute}`.
    pub attribute: Option<String>,
}

/// What `Ref` and `Fn::GetAtt` of a resource give, once it exists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Identity {
    pub physical_id: String,
    pub attributes: BTreeMap<String, String>,
}

/// Everything that an expression may depend on.
#[derive(Debug)]
pub struct Scope<'a> {
    pub template: &'a Template,
    pub parameters: &'a BTreeMap<String, String>,
    pub account: &'a str,
    pub region: &'a str,
    pub stack_name: &'a str,
    pub stack_id: &'a str,
    /// Resources that exist already, by logical id.
    pub made: &'a BTreeMap<String, Identity>,
}

/// Whether a name is one of the pseudo-parameters.
pub fn is_pseudo(name: &str) -> bool {
    matches!(
        name,
        "AWS::AccountId"
            | "AWS::NoValue"
            | "AWS::NotificationARNs"
            | "AWS::Partition"
            | "AWS::Region"
            | "AWS::StackId"
            | "AWS::StackName"
            | "AWS::URLSuffix"
    )
}

/// The only key and the value of a function call such as `{"Fn::Join": […]}`.
fn call(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object()?;
    if map.len() != 1 {
        return None;
    }
    let (key, argument) = map.iter().next()?;
    (key == "Ref" || key.starts_with("Fn::")).then_some((key.as_str(), argument))
}

/// Every function in `value` that this sandbox does not evaluate.
pub fn unsupported(value: &Value) -> Vec<String> {
    const SUPPORTED: &[&str] = &[
        "Fn::And",
        "Fn::Base64",
        "Fn::Equals",
        "Fn::FindInMap",
        "Fn::GetAtt",
        "Fn::If",
        "Fn::Join",
        "Fn::Not",
        "Fn::Or",
        "Fn::Select",
        "Fn::Split",
        "Fn::Sub",
    ];
    let mut found = Vec::new();
    walk(value, &mut |node| {
        if let Some(map) = node.as_object() {
            found.extend(
                map.keys()
                    .filter(|k| k.starts_with("Fn::") && !SUPPORTED.contains(&k.as_str()))
                    .cloned(),
            );
        }
    });
    found
}

/// Names of conditions that `Fn::If` and `Condition` mention.
pub fn condition_names(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    walk(value, &mut |node| {
        if let Some(("Fn::If", Value::Array(arguments))) = call(node)
            && let Some(Value::String(name)) = arguments.first()
        {
            names.insert(name.clone());
        }
        if let Some(Value::String(name)) = node
            .as_object()
            .filter(|m| m.len() == 1)
            .and_then(|m| m.get("Condition"))
        {
            names.insert(name.clone());
        }
    });
    names
}

/// Every parameter, pseudo-parameter and resource that `value` mentions, in all branches.
pub fn references(value: &Value) -> Vec<Reference> {
    let mut found = Vec::new();
    walk(value, &mut |node| match call(node) {
        Some(("Ref", Value::String(name))) => found.push(Reference {
            name: name.clone(),
            attribute: None,
        }),
        Some(("Fn::GetAtt", argument)) => {
            if let Some((name, attribute)) = get_att_parts(argument) {
                found.push(Reference {
                    name,
                    attribute: Some(attribute),
                });
            }
        }
        Some(("Fn::Sub", argument)) => {
            let (text, own) = match argument {
                Value::String(text) => (text.as_str(), None),
                Value::Array(parts) => (
                    parts.first().and_then(Value::as_str).unwrap_or_default(),
                    parts.get(1).and_then(Value::as_object),
                ),
                _ => return,
            };
            for piece in sub_pieces(text) {
                if let SubPiece::Variable(name) = piece
                    && !own.is_some_and(|map| map.contains_key(name))
                {
                    found.push(match name.split_once('.') {
                        Some((name, attribute)) => Reference {
                            name: name.to_owned(),
                            attribute: Some(attribute.to_owned()),
                        },
                        None => Reference {
                            name: name.to_owned(),
                            attribute: None,
                        },
                    });
                }
            }
        }
        _ => {}
    });
    found
}

fn walk(value: &Value, visit: &mut dyn FnMut(&Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(map) => map.values().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

fn get_att_parts(argument: &Value) -> Option<(String, String)> {
    match argument {
        Value::String(path) => path
            .split_once('.')
            .map(|(a, b)| (a.to_owned(), b.to_owned())),
        Value::Array(parts) => Some((
            parts.first()?.as_str()?.to_owned(),
            parts.get(1)?.as_str()?.to_owned(),
        )),
        _ => None,
    }
}

enum SubPiece<'a> {
    Text(&'a str),
    /// `${!Name}`, which stands for `${Name}`.
    Literal(&'a str),
    Variable(&'a str),
}

fn sub_pieces(text: &str) -> Vec<SubPiece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        pieces.push(SubPiece::Text(before));
        match after.split_once('}') {
            Some((name, tail)) => {
                pieces.push(match name.strip_prefix('!') {
                    Some(literal) => SubPiece::Literal(literal),
                    None => SubPiece::Variable(name.trim()),
                });
                rest = tail;
            }
            None => {
                pieces.push(SubPiece::Text("${"));
                rest = after;
            }
        }
    }
    pieces.push(SubPiece::Text(rest));
    pieces
}

/// The text of a scalar, as CloudFormation writes it into strings.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

impl Scope<'_> {
    /// Evaluates every function in `value`; `None` is `AWS::NoValue`.
    pub fn resolve(&self, value: &Value) -> Result<Option<Value>, TemplateError> {
        if let Some((function, argument)) = call(value) {
            return self.call(function, argument);
        }
        Ok(Some(match value {
            Value::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    out.extend(self.resolve(item)?);
                }
                Value::Array(out)
            }
            Value::Object(map) => {
                let mut out = Map::new();
                for (key, item) in map {
                    if let Some(item) = self.resolve(item)? {
                        out.insert(key.clone(), item);
                    }
                }
                Value::Object(out)
            }
            other => other.clone(),
        }))
    }

    /// Evaluates to text; a list or map is an error.
    pub fn resolve_text(&self, value: &Value, function: &str) -> Result<String, TemplateError> {
        self.resolve(value)?.as_ref().and_then(text).ok_or_else(|| {
            TemplateError::error(format!(
                "every {function} object must resolve to a string value"
            ))
        })
    }

    fn resolve_list(&self, value: &Value, function: &str) -> Result<Vec<Value>, TemplateError> {
        match self.resolve(value)? {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(TemplateError::error(format!(
                "{function} requires a list argument"
            ))),
        }
    }

    fn call(&self, function: &str, argument: &Value) -> Result<Option<Value>, TemplateError> {
        let arguments = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Some(match (function, arguments) {
            ("Ref", _) => return self.reference(argument.as_str().unwrap_or_default()),
            ("Fn::GetAtt", _) => {
                let Some((name, attribute)) = get_att_parts(argument) else {
                    return Err(TemplateError::error(
                        "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
                    ));
                };
                Value::String(self.attribute(&name, &attribute)?)
            }
            ("Fn::Sub", [template, variables]) => {
                let variables = variables.as_object().cloned().unwrap_or_default();
                Value::String(self.substitute(template.as_str().unwrap_or_default(), &variables)?)
            }
            ("Fn::Sub", _) => {
                Value::String(self.substitute(argument.as_str().unwrap_or_default(), &Map::new())?)
            }
            ("Fn::Join", [delimiter, list]) => {
                let mut parts = Vec::new();
                for item in self.resolve_list(list, "Fn::Join")? {
                    parts.push(text(&item).ok_or_else(|| {
                        TemplateError::error("every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined")
                    })?);
                }
                Value::String(parts.join(delimiter.as_str().unwrap_or_default()))
            }
            ("Fn::Select", [index, list]) => {
                let index = self.resolve_text(index, "Fn::Select")?;
                let items = self.resolve_list(list, "Fn::Select")?;
                let item = index
                    .parse::<usize>()
                    .ok()
                    .and_then(|i| items.get(i).cloned());
                item.ok_or_else(|| {
                    TemplateError::error(format!(
                        "Fn::Select cannot select nonexistent value at index {index}"
                    ))
                })?
            }
            ("Fn::Split", [delimiter, source]) => {
                let source = self.resolve_text(source, "Fn::Split")?;
                Value::Array(
                    source
                        .split(delimiter.as_str().unwrap_or(","))
                        .map(|p| Value::String(p.to_owned()))
                        .collect(),
                )
            }
            ("Fn::If", [Value::String(condition), yes, no]) => {
                return self.resolve(if self.condition(condition)? { yes } else { no });
            }
            ("Fn::FindInMap", [map, first, second]) => {
                let map = self.resolve_text(map, "Fn::FindInMap")?;
                let first = self.resolve_text(first, "Fn::FindInMap")?;
                let second = self.resolve_text(second, "Fn::FindInMap")?;
                let found = self
                    .template
                    .mappings
                    .get(&map)
                    .and_then(|m| m.get(&first))
                    .and_then(|m| m.get(&second));
                found.cloned().ok_or_else(|| {
                    TemplateError::error(format!(
                        "Unable to get mapping for {map}::{first}::{second}"
                    ))
                })?
            }
            ("Fn::Base64", _) => {
                let plain = self.resolve_text(argument, "Fn::Base64")?;
                Value::String(base64::engine::general_purpose::STANDARD.encode(plain))
            }
            (other, _) => {
                return Err(TemplateError::error(format!(
                    "{other} is not supported here or has the wrong number of arguments"
                )));
            }
        }))
    }

    fn reference(&self, name: &str) -> Result<Option<Value>, TemplateError> {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => Some(self.account),
            "AWS::Region" => Some(self.region),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::StackName" => Some(self.stack_name),
            "AWS::StackId" => Some(self.stack_id),
            "AWS::NotificationARNs" => return Ok(Some(Value::Array(Vec::new()))),
            _ => None,
        };
        if let Some(pseudo) = pseudo {
            return Ok(Some(Value::String(pseudo.to_owned())));
        }
        if let Some(def) = self.template.parameters.get(name) {
            let value = self.parameters.get(name).cloned().unwrap_or_default();
            return Ok(Some(def.value(&value)));
        }
        match self.made.get(name) {
            Some(identity) => Ok(Some(Value::String(identity.physical_id.clone()))),
            None => Err(unresolved(name)),
        }
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<String, TemplateError> {
        let identity = self.made.get(name).ok_or_else(|| unresolved(name))?;
        identity.attributes.get(attribute).cloned().ok_or_else(|| {
            TemplateError::error(format!(
                "resource {name} does not support attribute type {attribute} in Fn::GetAtt"
            ))
        })
    }

    fn substitute(
        &self,
        template: &str,
        own: &Map<String, Value>,
    ) -> Result<String, TemplateError> {
        let mut out = String::with_capacity(template.len());
        for piece in sub_pieces(template) {
            match piece {
                SubPiece::Text(plain) => out.push_str(plain),
                SubPiece::Literal(name) => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
                SubPiece::Variable(name) => {
                    if let Some(value) = own.get(name) {
                        out.push_str(&self.resolve_text(value, "Fn::Sub")?);
                    } else if let Some((resource, attribute)) = name.split_once('.') {
                        out.push_str(&self.attribute(resource, attribute)?);
                    } else {
                        let value = self.reference(name)?;
                        let value = value.as_ref().and_then(|v| match v {
                            // A list parameter is substituted as the text it was given as.
                            Value::Array(_) => self.parameters.get(name).cloned(),
                            other => text(other),
                        });
                        out.push_str(&value.ok_or_else(|| unresolved(name))?);
                    }
                }
            }
        }
        Ok(out)
    }

    /// Whether a named condition holds.
    pub fn condition(&self, name: &str) -> Result<bool, TemplateError> {
        self.condition_at(name, 0)
    }

    fn condition_at(&self, name: &str, depth: usize) -> Result<bool, TemplateError> {
        let body = self.template.conditions.get(name);
        match body {
            // Deeper than there are conditions means that they mention each other in a ring.
            Some(body) if depth <= self.template.conditions.len() => self.boolean(body, depth + 1),
            Some(_) => Err(TemplateError::format(format!(
                "Circular dependencies in Conditions block: [{name}]"
            ))),
            None => Err(TemplateError::format(format!(
                "Unresolved condition dependency {name}"
            ))),
        }
    }

    fn boolean(&self, body: &Value, depth: usize) -> Result<bool, TemplateError> {
        if let Some(Value::String(name)) = body.get("Condition") {
            return self.condition_at(name, depth);
        }
        let Some((function, Value::Array(arguments))) = call(body) else {
            return Err(TemplateError::error(
                "every Condition member must be a string or a condition function",
            ));
        };
        match (function, arguments.as_slice()) {
            ("Fn::Equals", [left, right]) => {
                let (left, right) = (self.resolve(left)?, self.resolve(right)?);
                let plain = |v: &Option<Value>| {
                    v.as_ref()
                        .map(|v| text(v).map_or_else(|| v.clone(), Value::String))
                };
                Ok(plain(&left) == plain(&right))
            }
            ("Fn::Not", [one]) => Ok(!self.boolean(one, depth)?),
            ("Fn::And", many) if (2..=10).contains(&many.len()) => many
                .iter()
                .try_fold(true, |all, one| Ok(self.boolean(one, depth)? && all)),
            ("Fn::Or", many) if (2..=10).contains(&many.len()) => many
                .iter()
                .try_fold(false, |any, one| Ok(self.boolean(one, depth)? || any)),
            (function, _) => Err(TemplateError::error(format!(
                "{function} has the wrong number of arguments in a condition"
            ))),
        }
    }
}

fn unresolved(name: &str) -> TemplateError {
    TemplateError::format(format!(
        "Unresolved resource dependencies [{name}] in the Resources block of the template"
    ))
}
