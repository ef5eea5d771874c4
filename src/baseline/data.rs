//! Resources with data: what CloudFormation deletes with a stack, or by an update of it. Judged by the
//! templates alone, so carefully: what may be lost is named.
//!
//! Which types hold data, and which of their properties CloudFormation changes only by making the resource
//! anew, is in `data-types.txt`, written from CloudFormation's own schemas. Of custom resources, nested stacks
//! and types of others nobody knows, and that is said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;

use super::document::{Document, call, function, kind, scalar, text};
use super::replaced::{named_by, refers};

/// What is lost of one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lost {
    /// Its logical id in the template.
    pub resource: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub how: How,
}

/// How it is lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum How {
    /// The stack goes, and the resource with it.
    WithItsStack,
    /// The update takes it out of the template.
    TakenOut,
    /// The update changes a property that CloudFormation changes by making the resource anew.
    Replaced { property: String },
    /// The same, of a property that CloudFormation sometimes changes in place.
    PerhapsReplaced { property: String },
    /// The update may make the condition false under which it is there.
    Condition { condition: String },
    /// A type of which nobody here knows what it holds, and what its changes do.
    Unknown,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.resource, self.kind)?;
        match &self.how {
            How::WithItsStack => Ok(()),
            How::TakenOut => f.write_str(": taken out of the template"),
            How::Replaced { property } => {
                write!(f, ": replaced by an empty one, because {property} changes")
            }
            How::PerhapsReplaced { property } => write!(
                f,
                ": perhaps replaced by an empty one, because {property} changes"
            ),
            How::Condition { condition } => {
                write!(
                    f,
                    ": deleted if the condition {condition} is not met any more"
                )
            }
            How::Unknown => {
                f.write_str(": whether it holds data, and loses it, is not known of this type")
            }
        }
    }
}

/// Types with data, and the properties whose change replaces the resource: whether it surely does.
static TYPES: LazyLock<BTreeMap<&str, Vec<(&str, bool)>>> = LazyLock::new(|| {
    let lines = include_str!("data-types.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.split(' ');
            let kind = words.next()?;
            let property = |word: &'static str| match word.strip_suffix('?') {
                Some(word) => (word, false),
                None => (word, true),
            };
            Some((kind, words.map(property).collect()))
        })
        .collect()
});

/// Whether nobody here knows what a type holds.
fn is_unknown(kind: &str) -> bool {
    !kind.starts_with("AWS::")
        || matches!(
            kind,
            "AWS::CloudFormation::CustomResource" | "AWS::CloudFormation::Stack"
        )
}

/// A stack's parameters. A value that is not known before the run is `None`.
pub type Values = BTreeMap<String, Option<String>>;

/// The resources that hold data and are deleted with a stack of this template. DeletionPolicy keeps a
/// resource, or a snapshot of it.
pub fn lost_with_stack(template: &str, parameters: &Values) -> Vec<Lost> {
    let Ok(document) = Document::parse(template) else {
        return Vec::new();
    };
    let body = Body::of(&document);
    let mut lost = Vec::new();
    for (name, resource) in &body.resources {
        if !body.is_there(resource, parameters) || kept(resource, "DeletionPolicy") {
            continue;
        }
        lost.extend(resource.loss(name, How::WithItsStack));
    }
    lost
}

/// One resource of a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Resource {
    pub resource: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it, or a snapshot of it, outlives its stack.
    #[serde(skip)]
    pub kept: bool,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.resource, self.kind)
    }
}

/// Every resource that a stack of this template has, and whether it stays when the stack is deleted.
pub fn resources(template: &str, parameters: &Values) -> Vec<Resource> {
    let document = Document::parse(template).ok();
    let body = document.as_ref().map(Body::of);
    let all = body.iter().flat_map(|body| {
        let there = body.resources.iter();
        there.filter(|(_, one)| body.is_there(one, parameters))
    });
    all.map(|(name, one)| Resource {
        resource: name.clone(),
        kind: one.kind.clone(),
        kept: kept(one, "DeletionPolicy"),
    })
    .collect()
}

/// The resources that hold data and that an update from one template and its parameters to another deletes or
/// makes anew.
pub fn lost_by_update(
    (template, parameters): (&str, &Values),
    (next, next_parameters): (&str, &Values),
) -> Vec<Lost> {
    let (Ok(before), Ok(after)) = (Document::parse(template), Document::parse(next)) else {
        return Vec::new();
    };
    Update {
        before: Body::of(&before),
        after: Body::of(&after),
        parameters,
        next_parameters,
    }
    .lost()
}

/// The resources that an update would make anew under the name that they have, with the property that asks for it, as
/// `LogicalId (Type)`. CloudFormation makes the new one first, so it refuses: "Custom names" in its template reference.
pub fn names_in_the_way(
    (template, parameters): (&str, &Values),
    (next, next_parameters): (&str, &Values),
) -> Vec<(String, &'static str)> {
    let (Ok(before), Ok(after)) = (Document::parse(template), Document::parse(next)) else {
        return Vec::new();
    };
    let update = Update {
        before: Body::of(&before),
        after: Body::of(&after),
        parameters,
        next_parameters,
    };
    let changed = update.changed_names();
    let resources = update.before.resources.iter();
    let in_the_way = resources.filter_map(|(name, resource)| {
        let next = update.after.resources.get(name)?;
        let (own, others) = named_by(&resource.kind).filter(|_| next.kind == resource.kind)?;
        let there = update.before.is_there(resource, parameters)
            && update.after.is_there(next, next_parameters);
        let differs = |path: &str| update.differs(at(resource, path), at(next, path), &changed);
        at(next, own).filter(|_| there && !differs(own))?;
        let property = others.iter().find(|path| differs(path))?;
        Some((format!("{name} ({})", resource.kind), *property))
    });
    in_the_way.collect()
}

struct Node<'a> {
    kind: String,
    node: &'a Value,
}

impl<'a> Node<'a> {
    fn condition(&self) -> Option<&'a str> {
        text(self.node, "Condition")
    }

    fn properties(&self) -> Option<&'a Value> {
        self.node.get("Properties")
    }

    /// What is lost with it, if it may hold something.
    fn loss(&self, name: &str, how: How) -> Option<Lost> {
        let how = match TYPES.contains_key(self.kind.as_str()) {
            true => how,
            false if is_unknown(&self.kind) => How::Unknown,
            false => return None,
        };
        Some(Lost {
            resource: name.to_owned(),
            kind: self.kind.clone(),
            how,
        })
    }
}

/// Whether a policy keeps the resource or a snapshot. CloudFormation's own default for databases is a snapshot
/// when they are deleted, not when they are replaced.
fn kept(resource: &Node<'_>, policy: &str) -> bool {
    if let Some(policy) = text(resource.node, policy) {
        return policy != "Delete";
    }
    let alone = || {
        let properties = resource.properties();
        properties.is_none_or(|all| all.get("DBClusterIdentifier").is_none())
    };
    policy == "DeletionPolicy"
        && match resource.kind.as_str() {
            "AWS::RDS::DBCluster" => true,
            "AWS::RDS::DBInstance" => alone(),
            _ => false,
        }
}

/// A template's resources, conditions and parameters.
struct Body<'a> {
    document: &'a Document,
    resources: BTreeMap<String, Node<'a>>,
    defaults: BTreeMap<String, String>,
}

impl<'a> Body<'a> {
    fn of(document: &'a Document) -> Self {
        let resources = document.section("Resources").map(|(name, node)| {
            let kind = kind(node).to_owned();
            (name.to_owned(), Node { kind, node })
        });
        let defaults = document
            .section("Parameters")
            .filter_map(|(name, node)| Some((name.to_owned(), scalar(node.get("Default")?)?)));
        Body {
            document,
            resources: resources.collect(),
            defaults: defaults.collect(),
        }
    }

    fn condition(&self, name: &str) -> Option<&'a Value> {
        self.document.entry("Conditions", name)
    }

    /// The value of a parameter, its default where none is given; `None` where it is not known.
    fn value(&self, name: &str, given: &Values) -> Option<String> {
        match given.get(name) {
            Some(value) => value.clone(),
            None => self.defaults.get(name).cloned(),
        }
    }

    /// Whether a resource is there, as far as its condition can be told.
    fn is_there(&self, resource: &Node<'_>, given: &Values) -> bool {
        let holds = |name: &str| self.holds(name, given, 0);
        resource.condition().and_then(holds) != Some(false)
    }

    fn holds(&self, condition: &str, given: &Values, depth: u8) -> Option<bool> {
        // Conditions that refer to each other in a circle are CloudFormation's to refuse.
        if depth > 16 {
            return None;
        }
        self.judge(self.condition(condition)?, given, depth + 1)
    }

    fn judge(&self, node: &Value, given: &Values, depth: u8) -> Option<bool> {
        let (function, argument) = function(node)?;
        let items = || argument.as_array();
        let each = |item: &Value| self.judge(item, given, depth);
        match function {
            "Condition" => self.holds(argument.as_str()?, given, depth),
            "Not" => items()?.first().and_then(each).map(|holds| !holds),
            // One that decides is enough; else all have to be known.
            "And" | "Or" => {
                let decides = function == "Or";
                let all: Vec<Option<bool>> = items()?.iter().map(each).collect();
                match all.contains(&Some(decides)) {
                    true => Some(decides),
                    false => (!all.contains(&None)).then_some(!decides),
                }
            }
            "Equals" => match items()?.as_slice() {
                [one, other] => Some(self.text(one, given)? == self.text(other, given)?),
                _ => None,
            },
            _ => None,
        }
    }

    fn text(&self, node: &Value, given: &Values) -> Option<String> {
        match call(node) {
            Some(("Ref", argument)) => self.value(argument.as_str()?, given),
            Some(_) => None,
            None => scalar(node),
        }
    }
}

struct Update<'a> {
    before: Body<'a>,
    after: Body<'a>,
    parameters: &'a Values,
    next_parameters: &'a Values,
}

impl Update<'_> {
    fn lost(&self) -> Vec<Lost> {
        let mut changed = self.changed_names();
        let mut lost: BTreeMap<&String, Option<Lost>> = BTreeMap::new();
        // What is made anew has other attributes, which may replace what refers to it.
        loop {
            let known = lost.len();
            for (name, resource) in &self.before.resources {
                if lost.contains_key(name) || !self.before.is_there(resource, self.parameters) {
                    continue;
                }
                if let Some(loss) = self.loss(name, resource, &changed) {
                    if loss.as_ref().is_none_or(|loss| {
                        matches!(loss.how, How::Replaced { .. } | How::PerhapsReplaced { .. })
                    }) {
                        changed.insert(name.clone());
                    }
                    lost.insert(name, loss);
                }
            }
            if lost.len() == known {
                break;
            }
        }
        lost.into_values().flatten().collect()
    }

    /// Parameters whose value changes, or may, and conditions that do.
    fn changed_names(&self) -> BTreeSet<String> {
        let given = self.parameters.keys().chain(self.next_parameters.keys());
        let defaults = self
            .before
            .defaults
            .keys()
            .chain(self.after.defaults.keys());
        let mut changed: BTreeSet<String> = given
            .chain(defaults)
            .filter(|name| {
                let before = self.before.value(name, self.parameters);
                let after = self.after.value(name, self.next_parameters);
                // What AWS hides is taken for unchanged, as a comparison of the stack does.
                before.as_deref() != Some("****") && (before.is_none() || before != after)
            })
            .cloned()
            .collect();
        let both = [&self.before, &self.after].map(|it| it.document.root().get("Mappings"));
        if both[0] != both[1] {
            let maps = both.into_iter().flatten().filter_map(Value::as_object);
            changed.extend(maps.flat_map(|map| map.keys().cloned()));
            // One that is named by a function may be any of them.
            changed.insert(String::new());
        }
        for (name, definition) in self.after.document.section("Conditions") {
            let before = self.before.holds(name, self.parameters, 0);
            let after = self.after.holds(name, self.next_parameters, 0);
            if before.is_none() || before != after {
                let same = self.before.condition(name) == Some(definition);
                let fed = refers(definition, &changed);
                if before.is_some() || after.is_some() || !same || fed {
                    changed.insert(name.to_owned());
                }
            }
        }
        changed
    }

    /// What the update does to a resource: `None` where it keeps it, and `Some(None)` where it makes it anew and
    /// keeps what was there.
    fn loss(
        &self,
        name: &str,
        resource: &Node<'_>,
        changed: &BTreeSet<String>,
    ) -> Option<Option<Lost>> {
        let next = self.after.resources.get(name);
        let Some(next) = next.filter(|next| next.kind == resource.kind) else {
            let kept = kept(resource, "DeletionPolicy");
            return (!kept).then(|| resource.loss(name, How::TakenOut));
        };
        if let Some(condition) = next.condition() {
            let goes = match self.after.holds(condition, self.next_parameters, 0) {
                Some(holds) => !holds,
                None => changed.contains(condition) || resource.condition() != Some(condition),
            };
            if goes && !kept(resource, "DeletionPolicy") {
                let condition = condition.to_owned();
                return Some(resource.loss(name, How::Condition { condition }));
            }
        }
        let how = match TYPES.get(resource.kind.as_str()) {
            Some(properties) => {
                let differs =
                    |path: &str| self.differs(at(resource, path), at(next, path), changed);
                let (property, surely) = properties.iter().find(|(path, _)| differs(path))?;
                let property = property.replace('/', ".");
                match surely {
                    true => How::Replaced { property },
                    false => How::PerhapsReplaced { property },
                }
            }
            None if is_unknown(&resource.kind) => {
                let (before, after) = (resource.properties(), next.properties());
                if !self.differs(before, after, changed) {
                    return None;
                }
                How::Unknown
            }
            None => return None,
        };
        let kept = kept(next, "UpdateReplacePolicy");
        Some(match kept {
            true => None,
            false => resource.loss(name, how),
        })
    }

    /// Whether a value changes, or may.
    fn differs(
        &self,
        before: Option<&Value>,
        after: Option<&Value>,
        changed: &BTreeSet<String>,
    ) -> bool {
        match (before, after) {
            (None, None) => false,
            (Some(before), Some(after)) => before != after || refers(after, changed),
            _ => true,
        }
    }
}

/// A property by its path.
fn at<'a>(resource: &Node<'a>, path: &str) -> Option<&'a Value> {
    let mut node = resource.properties()?;
    for part in path.split('/') {
        // A function may make the part; it is compared whole.
        if function(node).is_some() {
            return Some(node);
        }
        node = node.get(part)?;
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        pairs.iter().map(own).collect()
    }

    fn told(lost: &[Lost]) -> Vec<String> {
        lost.iter().map(ToString::to_string).collect()
    }

    const BEFORE: &str = "
Parameters:
  Name: { Type: String }
  Copies: { Type: String, Default: 'off' }
Conditions:
  WithCopies: !Equals [!Ref Copies, 'on']
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: { BucketName: !Sub '${Name}-data' }
  Kept:
    Type: AWS::S3::Bucket
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties: { BucketName: !Ref Name }
  Copy:
    Type: AWS::DynamoDB::Table
    Condition: WithCopies
  Database: { Type: AWS::RDS::DBCluster }
  Role: { Type: AWS::IAM::Role }
  Made: { Type: Custom::Thing, Properties: { ServiceToken: a } }
";

    #[test]
    fn what_goes_with_a_stack_holds_data_and_is_not_kept() {
        let off = lost_with_stack(BEFORE, &values(&[("Name", "x")]));
        let made =
            "Made (Custom::Thing): whether it holds data, and loses it, is not known of this type";
        assert_eq!(told(&off), ["Bucket (AWS::S3::Bucket)", made]);
        let on = lost_with_stack(BEFORE, &values(&[("Copies", "on")]));
        let with_copy = [
            "Bucket (AWS::S3::Bucket)",
            "Copy (AWS::DynamoDB::Table)",
            made,
        ];
        assert_eq!(told(&on), with_copy);
        // Not known: careful.
        let open = lost_with_stack(BEFORE, &[("Copies".to_owned(), None)].into());
        assert_eq!(told(&open), with_copy);
    }

    fn update(before: &[(&str, &str)], next: &str, after: &[(&str, &str)]) -> Vec<String> {
        let (before, after) = (values(before), values(after));
        told(&lost_by_update((BEFORE, &before), (next, &after)))
    }

    #[test]
    fn an_update_that_changes_nothing_loses_nothing() {
        let same = [("Name", "x"), ("Copies", "on")];
        assert_eq!(update(&same, BEFORE, &same), Vec::<String>::new());
        let more = BEFORE.replace("{ Type: AWS::IAM::Role }", "{ Type: AWS::IAM::User }");
        assert_eq!(update(&same, &more, &same), Vec::<String>::new());
    }

    #[test]
    fn a_changed_parameter_replaces_what_is_named_by_it() {
        let lost = update(&[("Name", "x")], BEFORE, &[("Name", "y")]);
        let bucket =
            "Bucket (AWS::S3::Bucket): replaced by an empty one, because BucketName changes";
        assert_eq!(lost, [bucket]);
        // A value that is not known before the run may be another.
        let open = Values::from([("Name".to_owned(), None)]);
        let lost = lost_by_update((BEFORE, &values(&[("Name", "x")])), (BEFORE, &open));
        assert_eq!(told(&lost), [bucket]);
    }

    #[test]
    fn a_condition_that_ends_takes_the_resource_away() {
        let on = [("Name", "x"), ("Copies", "on")];
        let off = [("Name", "x"), ("Copies", "off")];
        let copy =
            "Copy (AWS::DynamoDB::Table): deleted if the condition WithCopies is not met any more";
        assert_eq!(update(&on, BEFORE, &off), [copy]);
        assert_eq!(update(&off, BEFORE, &on), Vec::<String>::new());
        assert_eq!(update(&off, BEFORE, &off), Vec::<String>::new());
    }

    #[test]
    fn what_the_next_template_leaves_out_is_deleted() {
        let same = [("Name", "x"), ("Copies", "on")];
        let next = "Parameters: { Name: { Type: String } }\nResources: { Role: { Type: AWS::IAM::Role } }\n";
        let lost = update(&same, next, &[("Name", "x")]);
        let made =
            "Made (Custom::Thing): whether it holds data, and loses it, is not known of this type";
        let expected = [
            "Bucket (AWS::S3::Bucket): taken out of the template",
            "Copy (AWS::DynamoDB::Table): taken out of the template",
            made,
        ];
        assert_eq!(lost, expected);
    }

    #[test]
    fn what_refers_to_something_made_anew_may_be_made_anew_itself() {
        let before = "
Resources:
  Vault: { Type: AWS::KMS::ReplicaKey, Properties: { PrimaryKeyArn: a }, UpdateReplacePolicy: Retain }
  Files: { Type: AWS::EFS::FileSystem, Properties: { KmsKeyId: { 'Fn::GetAtt': [Vault, Arn] } } }
";
        let after = before.replace("PrimaryKeyArn: a", "PrimaryKeyArn: b");
        let none = Values::new();
        let lost = lost_by_update((before, &none), (&after, &none));
        let files =
            "Files (AWS::EFS::FileSystem): replaced by an empty one, because KmsKeyId changes";
        assert_eq!(told(&lost), [files]);
    }

    #[test]
    fn a_property_inside_another_is_compared_alone() {
        let before = "
Resources:
  Search:
    Type: AWS::OpenSearchService::Domain
    Properties: { DomainName: a, EncryptionAtRestOptions: { Enabled: false } }
";
        let after = before.replace("Enabled: false", "Enabled: true");
        let none = Values::new();
        let lost = lost_by_update((before, &none), (&after, &none));
        let search = "Search (AWS::OpenSearchService::Domain): perhaps replaced by an empty one, because EncryptionAtRestOptions.Enabled changes";
        assert_eq!(told(&lost), [search]);
    }

    #[test]
    fn hostile_templates_are_read_without_harm() {
        let deep = [
            "[".repeat(40_000),
            "- ".repeat(20_000),
            "{a: ".repeat(12_000),
        ];
        for body in deep {
            assert_eq!(lost_with_stack(&body, &Values::new()), vec![]);
        }
        let circle = "Conditions: { A: !Not [{Condition: A}] }\nResources: { B: { Type: AWS::S3::Bucket, Condition: A } }\n";
        assert_eq!(lost_with_stack(circle, &Values::new()).len(), 1);
    }

    /// What a person may change, and what would need a second of the same name.
    #[test]
    fn what_would_be_made_anew_under_its_own_name_is_in_the_way() {
        const LOGS: &str = "
Parameters:
  Name: { Type: String }
  Days: { Type: Number }
Conditions:
  Locks: !Not [!Equals [!Ref Days, '0']]
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BucketName: !Ref Name
      ObjectLockEnabled: !If [Locks, true, !Ref AWS::NoValue]
  Unnamed: { Type: AWS::S3::Bucket, Properties: { ObjectLockEnabled: !If [Locks, true, false] } }
";
        let of = |name: &str, days: &str| {
            let have = values(&[("Name", "a"), ("Days", "0")]);
            let next = values(&[("Name", name), ("Days", days)]);
            names_in_the_way((LOGS, &have), (LOGS, &next))
        };
        assert_eq!(of("a", "0"), vec![]);
        let bucket = ("Bucket (AWS::S3::Bucket)".to_owned(), "ObjectLockEnabled");
        assert_eq!(of("a", "30"), [bucket]);
        // Under another name it may.
        assert_eq!(of("b", "30"), vec![]);
        // From one number of days to another nothing is made anew.
        let (have, next) = (
            values(&[("Name", "a"), ("Days", "30")]),
            values(&[("Name", "a"), ("Days", "60")]),
        );
        assert_eq!(names_in_the_way((LOGS, &have), (LOGS, &next)), vec![]);
    }
}
