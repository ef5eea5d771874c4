//! As much of a CloudFormation template as a descriptor can get wrong: parameters, outputs, types.

use std::collections::{BTreeMap, BTreeSet};

use saphyr::{LoadableYamlNode, Yaml};

/// The largest template that CloudFormation takes in a call's body, in bytes.
pub const MAX_TEMPLATE: usize = 51_200;

/// Nothing that people write nests deeper.
const MAX_DEPTH: usize = 64;

/// A template and what it declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub body: String,
    /// Parameters, and whether they have a default.
    pub parameters: BTreeMap<String, bool>,
    pub outputs: BTreeSet<String>,
    pub resource_types: BTreeSet<String>,
    /// Logical ids.
    pub resources: BTreeSet<String>,
}

impl Template {
    /// Parses YAML or JSON. The error is a fragment for a message, with the line where there is one.
    pub fn parse(body: &str) -> Result<Self, TemplateError> {
        if body.len() > MAX_TEMPLATE {
            return Err(TemplateError::new(
                1,
                format!(
                    "has {} bytes; CloudFormation takes {MAX_TEMPLATE}",
                    body.len()
                ),
            ));
        }
        let documents = documents(body)?;
        let [document] = documents.as_slice() else {
            return Err(TemplateError::new(1, "is not one YAML document".into()));
        };
        let Some(resources) = section(document, "Resources") else {
            return Err(TemplateError::new(1, "has no Resources".into()));
        };
        if section(document, "Transform").is_some() {
            return Err(TemplateError::new(
                1,
                "has a Transform, which service-managed stack sets do not take".into(),
            ));
        }
        Ok(Self {
            body: body.to_owned(),
            parameters: section(document, "Parameters")
                .map(|parameters| {
                    entries(parameters)
                        .map(|(name, parameter)| (name, section(parameter, "Default").is_some()))
                        .collect()
                })
                .unwrap_or_default(),
            outputs: section(document, "Outputs")
                .map(|outputs| entries(outputs).map(|(name, _)| name).collect())
                .unwrap_or_default(),
            resource_types: entries(resources)
                .filter_map(|(_, resource)| section(resource, "Type")?.as_str().map(str::to_owned))
                .collect(),
            resources: entries(resources).map(|(name, _)| name).collect(),
        })
    }

    /// What CloudFormation wants acknowledged: named IAM, where there is any IAM.
    pub fn capabilities(&self) -> BTreeSet<String> {
        let iam = self
            .resource_types
            .iter()
            .any(|kind| kind.starts_with("AWS::IAM::"));
        iam.then(|| "CAPABILITY_NAMED_IAM".to_owned())
            .into_iter()
            .collect()
    }
}

/// Why a template can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

impl TemplateError {
    fn new(line: usize, message: String) -> Self {
        Self { line, message }
    }
}

/// The documents of a template, one as a rule. Whoever reads a template reads it by this.
pub(super) fn documents(body: &str) -> Result<Vec<Yaml<'_>>, TemplateError> {
    check_depth(body)?;
    Yaml::load_from_str(body)
        .map_err(|error| TemplateError::new(error.marker().line(), error.info().to_owned()))
}

/// Refuses nesting that only an attack would have, since every walk recurses. Blocks nest by
/// indentation or by dashes on one line; brackets the parser bounds itself.
fn check_depth(body: &str) -> Result<(), TemplateError> {
    for (number, line) in body.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let dashes = line
            .split_whitespace()
            .take_while(|word| matches!(*word, "-" | "?" | ":"))
            .count();
        if dashes > MAX_DEPTH || indent > 4 * MAX_DEPTH {
            return Err(TemplateError::new(number + 1, "nests too deep".into()));
        }
    }
    Ok(())
}

pub(super) fn untag<'a, 'y>(node: &'a Yaml<'y>) -> &'a Yaml<'y> {
    match node {
        Yaml::Tagged(_, inner) => inner,
        node => node,
    }
}

/// The resources of a template, type by logical id. Of any size: the template may be a stack's that
/// somebody else made. The error is a fragment for a message.
fn types_by_id(body: &str) -> Result<BTreeMap<String, String>, String> {
    let documents = documents(body).map_err(|error| error.message)?;
    let resources = documents
        .first()
        .and_then(|document| section(document, "Resources"))
        .ok_or("it has no Resources")?;
    Ok(entries(resources)
        .map(|(name, resource)| {
            let kind = section(resource, "Type").and_then(|kind| kind.as_str());
            (name, kind.unwrap_or_default().to_owned())
        })
        .collect())
}

/// What a stack of the template `have` would lose by an update to `desired`: resources that `desired` has
/// not, or has of another type, as `LogicalId (Type)`.
///
/// # Errors
/// Why one of the templates cannot be read, as a fragment.
pub fn lost_resources(have: &str, desired: &str) -> Result<Vec<String>, String> {
    let (have, desired) = (types_by_id(have)?, types_by_id(desired)?);
    Ok(have
        .into_iter()
        .filter(|(name, kind)| desired.get(name) != Some(kind))
        .map(|(name, kind)| format!("{name} ({kind})"))
        .collect())
}

pub(super) fn section<'a, 'y>(node: &'a Yaml<'y>, key: &str) -> Option<&'a Yaml<'y>> {
    entries_of(node)
        .find(|(name, _)| name.as_str() == Some(key))
        .map(|(_, value)| value)
}

pub(super) fn entries<'a>(node: &'a Yaml<'_>) -> impl Iterator<Item = (String, &'a Yaml<'a>)> {
    entries_of(node).filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value)))
}

fn entries_of<'a, 'y>(node: &'a Yaml<'y>) -> impl Iterator<Item = (&'a Yaml<'y>, &'a Yaml<'y>)> {
    match untag(node) {
        Yaml::Mapping(map) => Some(map.iter()),
        _ => None,
    }
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_template_declares_is_read_past_its_functions() {
        let template = Template::parse(
            "Parameters:\n  A: { Type: String }\n  B: { Type: Number, Default: 0 }\nResources:\n  R:\n    Type: AWS::IAM::Role\n    Properties: !If [X, !Ref A, !Sub '${B}']\nOutputs:\n  Arn: { Value: !GetAtt R.Arn }\n",
        )
        .unwrap();
        assert_eq!(
            template.parameters,
            BTreeMap::from([("A".into(), false), ("B".into(), true)])
        );
        assert_eq!(template.outputs, BTreeSet::from(["Arn".into()]));
        assert_eq!(
            template.capabilities(),
            BTreeSet::from(["CAPABILITY_NAMED_IAM".into()])
        );
    }

    #[test]
    fn hostile_templates_are_refused_without_harm() {
        let deep = [
            "[".repeat(40_000),
            format!("{}x", "- ".repeat(20_000)),
            format!("{}x", "? ".repeat(20_000)),
            "{a: ".repeat(12_000),
            "[\n".repeat(25_000),
            "a".repeat(MAX_TEMPLATE + 1),
            (0..1_000)
                .map(|n| format!("a{n}: &a{n} [*a{m}, *a{m}, *a{m}]\n", m = n.max(1) - 1))
                .collect(),
            "a: &a [*a]\nResources: *b".into(),
            "Resources: {}\nTransform: AWS::Include\n".into(),
            "Resource: {}".into(),
            "- a\n- b".into(),
            String::new(),
        ];
        for body in deep {
            assert!(Template::parse(&body).is_err());
        }
    }
}
