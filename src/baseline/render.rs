//! What a template says of one resource, with a stack's parameters filled in: as much of CloudFormation's
//! functions as the baselines' templates use. Controls compare it with what AWS holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::document::{Document, call, text};

/// What is known of the stack that is rendered.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub account: String,
    pub region: String,
    pub parameters: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
    /// Physical ids by logical id, where the stack is there.
    pub resources: BTreeMap<String, String>,
}

/// Deeper than any template nests its functions and conditions.
const MAX_DEPTH: usize = 64;

/// A template, read once for all the places that it makes things in.
#[derive(Debug, Clone)]
pub struct Rendering(pub(super) Document);

impl Rendering {
    /// Reads a template.
    pub fn parse(template: &str) -> Result<Self, String> {
        let document = Document::parse(template);
        document.map(Rendering).map_err(|error| error.message)
    }

    fn with<'a>(&'a self, known: &'a Known) -> Render<'a> {
        Render {
            document: &self.0,
            known,
        }
    }

    /// The properties of a resource; `None` where its condition leaves it out. The error says what of
    /// the template is beyond this.
    pub fn properties(
        &self,
        resource: &str,
        known: &Known,
    ) -> Result<Option<Map<String, Value>>, String> {
        if self.0.entry("Resources", resource).is_none() {
            return Err(format!("the template has no resource `{resource}`"));
        }
        if !self.is_there(resource, known)? {
            return Ok(None);
        }
        let found = self.0.entry("Resources", resource);
        let properties = found.and_then(|found| found.get("Properties"));
        match properties.map(|all| self.with(known).value(all, 0)) {
            Some(Ok(Some(Value::Object(map)))) => Ok(Some(map)),
            Some(Err(error)) => Err(error),
            _ => Ok(Some(Map::new())),
        }
    }

    /// The outputs that follow from what is known of the stack, whether it is there or not.
    pub fn foretold(&self, known: &Known) -> BTreeMap<String, String> {
        let render = self.with(known);
        let outputs = self.0.section("Outputs");
        outputs
            .filter(|(_, output)| {
                let condition = text(output, "Condition");
                condition.is_none_or(|condition| render.condition(condition, 0) == Ok(true))
            })
            .filter_map(|(name, output)| {
                let value = render.text(output.get("Value")?, 0).ok()?;
                Some((name.to_owned(), value))
            })
            .collect()
    }

    /// Whether a resource is in the template and its condition lets it be there.
    pub(super) fn is_there(&self, resource: &str, known: &Known) -> Result<bool, String> {
        let found = self.0.entry("Resources", resource);
        let condition = found.and_then(|found| text(found, "Condition"));
        condition.map_or(Ok(found.is_some()), |name| {
            self.with(known).condition(name, 0)
        })
    }

    /// A resource's one property as it is written.
    fn written(&self, resource: &str, property: &str) -> Option<&Value> {
        let found = self.0.entry("Resources", resource)?;
        found.get("Properties")?.get(property)
    }

    /// A resource's one property with its functions resolved; `None` where it is not set.
    pub(super) fn one(
        &self,
        resource: &str,
        property: &str,
        known: &Known,
    ) -> Result<Option<Value>, String> {
        match self.written(resource, property) {
            Some(value) => self.with(known).value(value, 0),
            None => Ok(None),
        }
    }

    /// A resource's one property as a text; `None` where its condition leaves the resource out.
    pub(super) fn property(
        &self,
        resource: &str,
        property: &str,
        known: &Known,
    ) -> Result<Option<String>, String> {
        if !self.is_there(resource, known)? {
            return Ok(None);
        }
        let value = self.written(resource, property);
        value
            .map(|value| self.with(known).text(value, 0))
            .transpose()
    }
}

struct Render<'a> {
    document: &'a Document,
    known: &'a Known,
}

impl Render<'_> {
    fn section(&self, section: &str, name: &str) -> Option<&Value> {
        self.document.entry(section, name)
    }

    /// A value with its functions resolved; `None` is AWS::NoValue.
    fn value(&self, value: &Value, depth: usize) -> Result<Option<Value>, String> {
        if depth > MAX_DEPTH {
            return Err("nests too deep".to_owned());
        }
        if let Some((function, argument)) = call(value) {
            return self.function(function, argument, depth + 1);
        }
        Ok(Some(match value {
            Value::Object(map) => {
                let mut out = Map::new();
                for (key, item) in map {
                    if let Some(item) = self.value(item, depth + 1)? {
                        out.insert(key.clone(), item);
                    }
                }
                Value::Object(out)
            }
            Value::Array(items) => {
                let mut out = Vec::new();
                for item in items {
                    out.extend(self.value(item, depth + 1)?);
                }
                Value::Array(out)
            }
            scalar => scalar.clone(),
        }))
    }

    fn text(&self, value: &Value, depth: usize) -> Result<String, String> {
        match self.value(value, depth)? {
            Some(Value::String(text)) => Ok(text),
            Some(Value::Bool(flag)) => Ok(flag.to_string()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Err("a function is given something other than a text".to_owned()),
        }
    }

    fn list(&self, value: &Value, depth: usize) -> Result<Vec<Value>, String> {
        match self.value(value, depth)? {
            Some(Value::Array(items)) => Ok(items),
            _ => Err("a function is given something other than a list".to_owned()),
        }
    }

    fn function(
        &self,
        function: &str,
        argument: &Value,
        depth: usize,
    ) -> Result<Option<Value>, String> {
        let items = argument.as_array().map_or(&[][..], Vec::as_slice);
        Ok(Some(match (function, items) {
            ("Ref", _) => {
                let name = argument.as_str().unwrap_or_default();
                if name == "AWS::NoValue" {
                    return Ok(None);
                }
                return self.reference(name, depth).map(Some);
            }
            ("GetAtt", [resource, attribute]) => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                json!(self.attribute(&text(resource), &text(attribute), depth)?)
            }
            ("Sub", [text, names]) => {
                json!(self.substitute(text.as_str().unwrap_or_default(), Some(names), depth)?)
            }
            ("Sub", _) => {
                json!(self.substitute(argument.as_str().unwrap_or_default(), None, depth)?)
            }
            ("If", [condition, yes, no]) => {
                let holds = self.condition(condition.as_str().unwrap_or_default(), depth)?;
                return self.value(if holds { yes } else { no }, depth);
            }
            ("Join", [by, list]) => {
                let mut texts = Vec::new();
                for item in self.list(list, depth)? {
                    texts.push(self.text(&item, depth)?);
                }
                json!(texts.join(&self.text(by, depth)?))
            }
            ("Split", [by, text]) => {
                let (by, text) = (self.text(by, depth)?, self.text(text, depth)?);
                text.split(by.as_str()).collect::<Vec<_>>().into()
            }
            ("Select", [index, list]) => {
                let index: usize = self
                    .text(index, depth)?
                    .parse()
                    .map_err(|_| "Select has no number".to_owned())?;
                let found = self.list(list, depth)?.into_iter().nth(index);
                found.ok_or("Select is beyond its list")?
            }
            _ => return Err(format!("`Fn::{function}` is not known here")),
        }))
    }

    fn reference(&self, name: &str, depth: usize) -> Result<Value, String> {
        match name {
            "AWS::Partition" => return Ok(json!("aws")),
            "AWS::AccountId" => return Ok(json!(self.known.account)),
            "AWS::Region" => return Ok(json!(self.known.region)),
            "AWS::URLSuffix" => return Ok(json!("amazonaws.com")),
            _ => {}
        }
        if let Some(parameter) = self.section("Parameters", name) {
            let default = parameter.get("Default").map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            let value = self.known.parameters.get(name).cloned().or(default);
            let value = value.ok_or_else(|| format!("the parameter `{name}` is not known"))?;
            let kind = text(parameter, "Type");
            return Ok(match kind {
                Some(kind) if kind.starts_with("List<") || kind == "CommaDelimitedList" => {
                    value.split(',').map(str::trim).collect::<Vec<_>>().into()
                }
                _ => json!(value),
            });
        }
        if let Some(output) = self.output_of(&json!({ "Ref": name })) {
            return Ok(json!(output));
        }
        if let Some(id) = self.known.resources.get(name) {
            return Ok(json!(id));
        }
        // A resource that is called by its name is that name.
        let resource = self.section("Resources", name);
        let properties = resource.and_then(|resource| resource.get("Properties"));
        let named = ["BucketName", "RoleName", "TrailName", "Name"];
        for property in named {
            if let Some(value) = properties.and_then(|properties| properties.get(property)) {
                return self.text(value, depth).map(Value::from);
            }
        }
        Err(format!("what `{name}` refers to is not known"))
    }

    fn attribute(&self, resource: &str, attribute: &str, depth: usize) -> Result<String, String> {
        let asked = json!({ "Fn::GetAtt": [resource, attribute] });
        if let Some(output) = self.output_of(&asked) {
            return Ok(output);
        }
        let kind = self
            .section("Resources", resource)
            .and_then(|resource| resource.get("Type"))
            .and_then(Value::as_str);
        let account = &self.known.account;
        let name = |this: &Self| -> Result<String, String> {
            match this.reference(resource, depth)? {
                Value::String(name) => Ok(name),
                _ => Err(format!("`{resource}` has no name")),
            }
        };
        match (kind, attribute) {
            (Some("AWS::S3::Bucket"), "Arn") => Ok(format!("arn:aws:s3:::{}", name(self)?)),
            (Some("AWS::IAM::Role"), "Arn") => {
                Ok(format!("arn:aws:iam::{account}:role/{}", name(self)?))
            }
            (Some("AWS::KMS::Key"), "Arn") => match self.known.resources.get(resource) {
                Some(id) => Ok(format!(
                    "arn:aws:kms:{}:{account}:key/{id}",
                    self.known.region
                )),
                None => Err(format!("`{resource}.{attribute}` is not known")),
            },
            _ => Err(format!("`{resource}.{attribute}` is not known")),
        }
    }

    /// The value of the output that tells exactly this.
    fn output_of(&self, value: &Value) -> Option<String> {
        let mut outputs = self.document.section("Outputs");
        let (name, _) = outputs.find(|(_, output)| output.get("Value") == Some(value))?;
        self.known.outputs.get(name).cloned()
    }

    fn substitute(
        &self,
        text: &str,
        names: Option<&Value>,
        depth: usize,
    ) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let (name, after) = after.split_once('}').ok_or("Sub has no closing brace")?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = names.and_then(|names| names.get(name)) {
                out.push_str(&self.text(value, depth)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                out.push_str(&self.attribute(resource, attribute, depth)?);
            } else {
                out.push_str(&self.text(&json!({ "Ref": name }), depth)?);
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn condition(&self, name: &str, depth: usize) -> Result<bool, String> {
        let body = self
            .section("Conditions", name)
            .ok_or_else(|| format!("the template has no condition `{name}`"))?;
        self.boolean(body, depth + 1)
    }

    fn boolean(&self, body: &Value, depth: usize) -> Result<bool, String> {
        if depth > MAX_DEPTH {
            return Err("conditions nest too deep".to_owned());
        }
        if let Some(name) = text(body, "Condition") {
            return self.condition(name, depth);
        }
        let (function, argument) = call(body).ok_or("a condition is no function")?;
        let items = argument.as_array().map_or(&[][..], Vec::as_slice);
        match (function, items) {
            ("Equals", [a, b]) => Ok(self.text(a, depth)? == self.text(b, depth)?),
            ("Not", [one]) => Ok(!self.boolean(one, depth + 1)?),
            ("And", all) => {
                for one in all {
                    if !self.boolean(one, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            ("Or", all) => {
                for one in all {
                    if self.boolean(one, depth + 1)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Err(format!(
                "the condition function `{function}` is not known here"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(
        template: &str,
        resource: &str,
        known: &Known,
    ) -> Result<Option<Map<String, Value>>, String> {
        Rendering::parse(template)?.properties(resource, known)
    }

    fn known(parameters: &[(&str, &str)], outputs: &[(&str, &str)]) -> Known {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        Known {
            account: "222222222222".to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: map(parameters),
            outputs: map(outputs),
            resources: BTreeMap::new(),
        }
    }

    /// The statement for deliveries of the organization, as the CloudTrail user guide has it for a
    /// trail with a prefix.
    /// A stack's template may be anybody's, and every walk recurses.
    #[test]
    fn a_template_that_nests_too_deep_is_refused() {
        let nested = |depth: usize| format!("{}a", "- ".repeat(depth));
        assert!(Rendering::parse(&nested(10)).is_ok());
        assert_eq!(Rendering::parse(&nested(70)).unwrap_err(), "nests too deep");
    }

    #[test]
    fn the_bucket_policy_of_the_trail_is_that_of_the_guide() {
        let template = include_str!("../../stacksets/cloudtrail-logs.yaml");
        let known = known(
            &[
                ("BucketName", "logs"),
                ("TrailName", "t"),
                ("KeyPrefix", "p"),
                ("ManagementAccountId", "111111111111"),
                ("OrganizationId", "o-1"),
            ],
            &[("KeyArn", "arn:aws:kms:eu-west-1:222222222222:key/1")],
        );
        let policy = render(template, "BucketPolicy", &known).unwrap().unwrap();
        assert_eq!(policy.get("Bucket"), Some(&json!("logs")));
        assert_eq!(
            policy["PolicyDocument"]["Statement"][2],
            json!({
                "Sid": "CloudTrailDeliversOrganization", "Effect": "Allow",
                "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
                "Resource": "arn:aws:s3:::logs/p/AWSLogs/o-1/*",
                "Condition": {"StringEquals": {
                    "s3:x-amz-acl": "bucket-owner-full-control",
                    "aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:111111111111:trail/t",
                }},
            })
        );
        let bucket = render(template, "Bucket", &known).unwrap().unwrap();
        let rule = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
        assert_eq!(
            rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"],
            json!("arn:aws:kms:eu-west-1:222222222222:key/1")
        );
        assert!(bucket.get("ObjectLockConfiguration").is_none());
    }

    #[test]
    fn a_resource_that_its_condition_leaves_out_is_not_there() {
        let template = include_str!("../../stacksets/cloudtrail-logs.yaml");
        let known = known(&[("AccessLogs", "false"), ("BucketName", "logs")], &[]);
        assert_eq!(render(template, "AccessLogBucket", &known), Ok(None));
    }

    #[test]
    fn what_is_beyond_it_is_an_error() {
        let template = "Resources:\n  R: { Type: X, Properties: { A: !Cidr [a, b, c] } }\n";
        assert!(render(template, "R", &Known::default()).is_err());
        assert!(render(template, "S", &Known::default()).is_err());
    }
}
