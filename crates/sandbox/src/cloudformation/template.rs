//! A CloudFormation template: its sections, checked as CloudFormation checks them before it starts anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::intrinsics;
use super::parameters::ParameterDef;

/// What is wrong with a template, in CloudFormation's words. The API reports it as `ValidationError`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError(pub String);

impl TemplateError {
    /// A `Template format error: …`.
    pub fn format(message: impl fmt::Display) -> TemplateError {
        TemplateError(format!("Template format error: {message}"))
    }

    /// A `Template error: …`, for misused functions.
    pub fn error(message: impl fmt::Display) -> TemplateError {
        TemplateError(format!("Template error: {message}"))
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TemplateError {}

/// What becomes of a resource when its stack no longer wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    #[default]
    Delete,
    Retain,
    /// Kept, unless the operation that made it is being rolled back.
    RetainExceptOnCreate,
}

/// One member of `Resources`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceDef {
    pub kind: String,
    pub properties: Map<String, Value>,
    pub condition: Option<String>,
    pub depends_on: Vec<String>,
    pub deletion_policy: DeletionPolicy,
    /// What becomes of the old resource when an update replaces it.
    pub update_replace_policy: DeletionPolicy,
}

/// One member of `Outputs`.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputDef {
    pub value: Value,
    pub description: Option<String>,
    pub condition: Option<String>,
    pub export: Option<Value>,
}

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Template {
    pub description: Option<String>,
    pub parameters: BTreeMap<String, ParameterDef>,
    pub mappings: Map<String, Value>,
    pub conditions: BTreeMap<String, Value>,
    pub resources: BTreeMap<String, ResourceDef>,
    pub outputs: BTreeMap<String, OutputDef>,
}

const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

const RESOURCE_ATTRIBUTES: &[&str] = &[
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

impl Template {
    /// Parses and checks template text, YAML or JSON.
    ///
    /// `known_kind` says which resource types exist; others are refused, as CloudFormation refuses them.
    pub fn parse(text: &str, known_kind: impl Fn(&str) -> bool) -> Result<Template, TemplateError> {
        let root = super::yaml::read(text)?;
        let Value::Object(root) = root else {
            return Err(TemplateError::format("unsupported structure."));
        };
        let unknown: Vec<&str> = root
            .keys()
            .map(String::as_str)
            .filter(|k| !SECTIONS.contains(k))
            .collect();
        if !unknown.is_empty() {
            return Err(TemplateError(format!(
                "Invalid template property or properties [{}]",
                unknown.join(", ")
            )));
        }
        let mut template = Template {
            description: root
                .get("Description")
                .and_then(Value::as_str)
                .map(str::to_owned),
            mappings: section(&root, "Mappings")?.clone(),
            ..Template::default()
        };
        for (name, body) in &section(&root, "Parameters")? {
            template
                .parameters
                .insert(name.clone(), ParameterDef::parse(name, body)?);
        }
        for (name, body) in &section(&root, "Conditions")? {
            template.conditions.insert(name.clone(), body.clone());
        }
        for (name, body) in &section(&root, "Resources")? {
            template
                .resources
                .insert(name.clone(), resource(name, body)?);
        }
        for (name, body) in &section(&root, "Outputs")? {
            template.outputs.insert(name.clone(), output(name, body)?);
        }
        template.check(known_kind)?;
        Ok(template)
    }

    fn check(&self, known_kind: impl Fn(&str) -> bool) -> Result<(), TemplateError> {
        if self.resources.is_empty() {
            return Err(TemplateError::format(
                "At least one Resources member must be defined.",
            ));
        }
        let unrecognized: BTreeSet<&str> = self
            .resources
            .values()
            .map(|r| r.kind.as_str())
            .filter(|kind| !known_kind(kind))
            .collect();
        if !unrecognized.is_empty() {
            let list: Vec<&str> = unrecognized.into_iter().collect();
            return Err(TemplateError::format(format!(
                "Unrecognized resource types: [{}]",
                list.join(", ")
            )));
        }
        let mut unresolved = BTreeSet::new();
        for (name, def) in &self.resources {
            self.check_condition(def.condition.as_deref(), "resources")?;
            let body = Value::Object(def.properties.clone());
            self.check_references(&body, &mut unresolved)?;
            for dependency in &def.depends_on {
                if !self.resources.contains_key(dependency) || dependency == name {
                    unresolved.insert(dependency.clone());
                }
            }
        }
        if !unresolved.is_empty() {
            let list: Vec<String> = unresolved.into_iter().collect();
            return Err(TemplateError::format(format!(
                "Unresolved resource dependencies [{}] in the Resources block of the template",
                list.join(", ")
            )));
        }
        for def in self.outputs.values() {
            self.check_condition(def.condition.as_deref(), "outputs")?;
            self.check_references(&def.value, &mut unresolved)?;
        }
        if !unresolved.is_empty() {
            let list: Vec<String> = unresolved.into_iter().collect();
            return Err(TemplateError::format(format!(
                "Unresolved resource dependencies [{}] in the Outputs block of the template",
                list.join(", ")
            )));
        }
        for body in self.conditions.values() {
            for name in intrinsics::condition_names(body) {
                self.check_condition(Some(&name), "conditions")?;
            }
            for reference in intrinsics::references(body) {
                if !self.parameters.contains_key(&reference.name)
                    && !intrinsics::is_pseudo(&reference.name)
                {
                    return Err(TemplateError::format(format!(
                        "Unresolved dependencies [{}]. Cannot reference resources in the Conditions block of the template",
                        reference.name
                    )));
                }
            }
        }
        self.creation_order(|_| true).map(|_| ())
    }

    fn check_condition(&self, name: Option<&str>, block: &str) -> Result<(), TemplateError> {
        match name {
            Some(name) if !self.conditions.contains_key(name) => {
                Err(TemplateError::format(format!(
                    "Unresolved condition dependency {name} in the {block} block of the template"
                )))
            }
            _ => Ok(()),
        }
    }

    fn check_references(
        &self,
        body: &Value,
        unresolved: &mut BTreeSet<String>,
    ) -> Result<(), TemplateError> {
        if let Some(function) = intrinsics::unsupported(body).first() {
            return Err(TemplateError::error(format!(
                "Unresolved or unsupported intrinsic function {function}"
            )));
        }
        for name in intrinsics::condition_names(body) {
            self.check_condition(Some(&name), "resources")?;
        }
        for reference in intrinsics::references(body) {
            let known = self.resources.contains_key(&reference.name)
                || (reference.attribute.is_none()
                    && (self.parameters.contains_key(&reference.name)
                        || intrinsics::is_pseudo(&reference.name)));
            if known {
                continue;
            }
            if reference.attribute.is_some() {
                return Err(TemplateError::error(format!(
                    "instance of Fn::GetAtt references undefined resource {}",
                    reference.name
                )));
            }
            unresolved.insert(reference.name);
        }
        Ok(())
    }

    /// What a resource must wait for: `DependsOn`, and every resource its properties refer to.
    pub fn needs(&self, name: &str) -> BTreeSet<String> {
        let Some(def) = self.resources.get(name) else {
            return BTreeSet::new();
        };
        let mut needs: BTreeSet<String> = def.depends_on.iter().cloned().collect();
        for value in def.properties.values() {
            needs.extend(intrinsics::references(value).into_iter().map(|r| r.name));
        }
        needs.retain(|n| self.resources.contains_key(n));
        needs
    }

    /// The resources for which `wanted` holds, each after what it needs; equal rank by name.
    ///
    /// # Errors
    /// `Circular dependency between resources: [A, B]`.
    pub fn creation_order(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, TemplateError> {
        let mut left: BTreeMap<&str, BTreeSet<String>> = self
            .resources
            .keys()
            .filter(|n| wanted(n))
            .map(|n| (n.as_str(), self.needs(n)))
            .collect();
        let mut order = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let ready: Vec<&str> = left
                .iter()
                .filter(|(_, needs)| needs.iter().all(|need| !left.contains_key(need.as_str())))
                .map(|(name, _)| *name)
                .collect();
            if ready.is_empty() {
                let names: Vec<&str> = left.keys().copied().collect();
                return Err(TemplateError(format!(
                    "Circular dependency between resources: [{}]",
                    names.join(", ")
                )));
            }
            for name in ready {
                left.remove(name);
                order.push(name.to_owned());
            }
        }
        Ok(order)
    }

    /// The capability that creating this template's IAM resources needs, if any.
    pub fn needed_capability(&self) -> Option<&'static str> {
        let mut needed = None;
        for def in self.resources.values() {
            let name_property = match def.kind.as_str() {
                "AWS::IAM::Role" => "RoleName",
                "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
                "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" => "",
                _ => continue,
            };
            if def.properties.contains_key(name_property) {
                return Some("CAPABILITY_NAMED_IAM");
            }
            needed = Some("CAPABILITY_IAM");
        }
        needed
    }
}

fn section(root: &Map<String, Value>, name: &str) -> Result<Map<String, Value>, TemplateError> {
    match root.get(name) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(_) => Err(TemplateError::format(format!("{name} must be an object."))),
    }
}

fn resource(name: &str, body: &Value) -> Result<ResourceDef, TemplateError> {
    if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(TemplateError::format(format!(
            "Resource name {name} is non alphanumeric."
        )));
    }
    let Value::Object(body) = body else {
        return Err(TemplateError::format(format!(
            "[/Resources/{name}] resource definition is malformed"
        )));
    };
    for key in body.keys() {
        if !RESOURCE_ATTRIBUTES.contains(&key.as_str()) {
            return Err(TemplateError(format!(
                "Invalid template resource property '{key}'"
            )));
        }
    }
    let Some(kind) = body.get("Type").and_then(Value::as_str) else {
        return Err(TemplateError::format(format!(
            "[/Resources/{name}] Every Resources object must contain a Type member."
        )));
    };
    let properties = match body.get("Properties") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(map)) => map.clone(),
        Some(_) => {
            return Err(TemplateError::format(format!(
                "[/Resources/{name}/Properties] must be an object"
            )));
        }
    };
    let depends_on = match body.get("DependsOn") {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Some(_) => {
            return Err(TemplateError::format(
                "DependsOn must be a string or list of strings.",
            ));
        }
    };
    Ok(ResourceDef {
        kind: kind.to_owned(),
        properties,
        condition: body
            .get("Condition")
            .and_then(Value::as_str)
            .map(str::to_owned),
        depends_on,
        deletion_policy: policy(name, "DeletionPolicy", body.get("DeletionPolicy"))?,
        update_replace_policy: policy(
            name,
            "UpdateReplacePolicy",
            body.get("UpdateReplacePolicy"),
        )?,
    })
}

fn policy(
    resource: &str,
    attribute: &str,
    value: Option<&Value>,
) -> Result<DeletionPolicy, TemplateError> {
    match value.map(|v| v.as_str().unwrap_or_default()) {
        None | Some("Delete" | "Snapshot") => Ok(DeletionPolicy::Delete),
        Some("Retain") => Ok(DeletionPolicy::Retain),
        Some("RetainExceptOnCreate") if attribute == "DeletionPolicy" => {
            Ok(DeletionPolicy::RetainExceptOnCreate)
        }
        Some(other) => Err(TemplateError::format(format!(
            "Unrecognized {attribute} {other} for resource {resource}"
        ))),
    }
}

fn output(name: &str, body: &Value) -> Result<OutputDef, TemplateError> {
    let value = body.get("Value").cloned();
    let Some(value) = value else {
        return Err(TemplateError::format(format!(
            "Every Outputs member must contain a Value object ({name})"
        )));
    };
    Ok(OutputDef {
        value,
        description: body
            .get("Description")
            .and_then(Value::as_str)
            .map(str::to_owned),
        condition: body
            .get("Condition")
            .and_then(Value::as_str)
            .map(str::to_owned),
        export: body.get("Export").and_then(|e| e.get("Name")).cloned(),
    })
}
