//! As much of a CloudFormation template as a descriptor can get wrong: parameters, outputs, types.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Document, TemplateError, kind};

/// The largest template that CloudFormation takes in a call's body, in bytes.
pub const MAX_TEMPLATE: usize = 51_200;

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
    /// The lines on which parameters are declared.
    pub lines: BTreeMap<String, usize>,
}

impl Template {
    /// Parses YAML or JSON. The error is a fragment for a message, with the line where there is one.
    pub fn parse(body: &str) -> Result<Self, TemplateError> {
        let size = body.len();
        if size > MAX_TEMPLATE {
            let message = format!("has {size} bytes; CloudFormation takes {MAX_TEMPLATE}");
            return Err(TemplateError::new(1, message));
        }
        let document = Document::parse(body)?;
        let root = document.root();
        if root.get("Resources").is_none() {
            return Err(TemplateError::new(1, "has no Resources"));
        }
        if root.get("Transform").is_some() {
            return Err(TemplateError::new(
                document.line("Transform"),
                "has a Transform, which service-managed stack sets do not take",
            ));
        }
        let names = |section| document.section(section).map(|(name, _)| name.to_owned());
        let types = document
            .section("Resources")
            .map(|(_, resource)| kind(resource));
        let parameters = document
            .section("Parameters")
            .map(|(name, parameter)| (name.to_owned(), parameter.get("Default").is_some()));
        Ok(Self {
            body: body.to_owned(),
            parameters: parameters.collect(),
            outputs: names("Outputs").collect(),
            resource_types: types.map(str::to_owned).collect(),
            resources: names("Resources").collect(),
            lines: document
                .section("Parameters")
                .map(|(name, _)| {
                    (
                        name.to_owned(),
                        document.line(&format!("Parameters/{name}")),
                    )
                })
                .collect(),
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

/// What a stack of the template `have` would lose by an update to `desired`: resources that `desired` has
/// not, or has of another type, as `LogicalId (Type)`.
///
/// # Errors
/// Why one of the templates cannot be read, as a fragment.
pub fn lost_resources(have: &str, desired: &str) -> Result<Vec<String>, String> {
    let read = |body| -> Result<BTreeMap<String, String>, String> {
        let document = Document::parse(body).map_err(|error| error.message)?;
        if document.root().get("Resources").is_none() {
            return Err("it has no Resources".to_owned());
        }
        let types = document.section("Resources");
        Ok(types
            .map(|(name, resource)| (name.to_owned(), kind(resource).to_owned()))
            .collect())
    };
    let (have, desired) = (read(have)?, read(desired)?);
    Ok(have
        .into_iter()
        .filter(|(name, kind)| desired.get(name) != Some(kind))
        .map(|(name, kind)| format!("{name} ({kind})"))
        .collect())
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
