//! What an update of a stack makes anew, by its templates and parameters alone: which outputs it may change, and
//! whether it asks for a second of what an account holds once.
//!
//! An output is safe where neither its own text changes nor anything that it refers to: no parameter, no condition,
//! and no resource that CloudFormation makes anew. A resource is made anew where a property changes that only its
//! creation sets; of types that are not in the table any change counts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Document, kind, references, text};

/// Types whose outputs baselines pass on, with the properties whose change replaces the resource, so that its name,
/// ARN and other attributes change (CloudFormation's template reference, "Update requires: Replacement").
const REPLACED_BY: &[(&str, &[&str])] = &[
    ("AWS::CloudTrail::Trail", &["TrailName"]),
    (
        "AWS::Config::ConfigurationAggregator",
        &["ConfigurationAggregatorName"],
    ),
    ("AWS::Config::ConfigurationRecorder", &["Name"]),
    ("AWS::Config::DeliveryChannel", &["Name"]),
    (
        "AWS::DynamoDB::Table",
        &["TableName", "LocalSecondaryIndexes"],
    ),
    (
        "AWS::IAM::ManagedPolicy",
        &["ManagedPolicyName", "Path", "Description"],
    ),
    ("AWS::IAM::Role", &["RoleName", "Path"]),
    ("AWS::KMS::Alias", &["AliasName"]),
    ("AWS::KMS::Key", &["KeySpec", "KeyUsage", "MultiRegion"]),
    ("AWS::Logs::LogGroup", &["LogGroupName"]),
    ("AWS::S3::Bucket", &["BucketName", "ObjectLockEnabled"]),
    ("AWS::SNS::Topic", &["TopicName", "FifoTopic"]),
    ("AWS::SQS::Queue", &["QueueName", "FifoQueue"]),
];

/// The property by which a type is named, and the others whose change makes it anew.
pub(super) fn named_by(kind: &str) -> Option<(&'static str, &'static [&'static str])> {
    let (_, properties) = REPLACED_BY.iter().find(|(name, _)| *name == kind)?;
    let (name, others) = properties.split_first()?;
    name.ends_with("Name").then_some((*name, others))
}

/// Types of which an account holds one in a Region, so that none can be made beside one that is there.
const SINGLETONS: &[&str] = &[
    "AWS::Config::ConfigurationRecorder",
    "AWS::Config::DeliveryChannel",
];

/// A template, and its parameters as a stack has them.
type Before<'a> = (&'a str, &'a BTreeMap<String, String>);
/// A template, and its parameters as a stack is to have them: `None` where one is not known before the run.
type After<'a> = (&'a str, &'a BTreeMap<String, Option<String>>);

/// The resources of which an account holds one in a Region and that an update from `before` to `after` makes anew, as
/// `LogicalId (Type)`.
pub fn singletons_made_anew(before: Before<'_>, after: After<'_>) -> Vec<String> {
    let makes_one = SINGLETONS.iter().any(|kind| after.0.contains(kind));
    if !makes_one || same(before, after) {
        return Vec::new();
    }
    let (Ok(old), Ok(new)) = (Document::parse(before.0), Document::parse(after.0)) else {
        return Vec::new();
    };
    let changed = changed_names((&old, before.1), (&new, after.1));
    let resources = new.section("Resources");
    let anew = resources.filter(|(name, node)| {
        let before = old.entry("Resources", name);
        SINGLETONS.contains(&kind(node)) && before.is_some() && made_anew(before, node, &changed)
    });
    anew.map(|(name, node)| format!("{name} ({})", kind(node)))
        .collect()
}

/// Whether an update changes nothing, which is so for most stacks most days: then no template is read.
fn same(before: Before<'_>, after: After<'_>) -> bool {
    before.0 == after.0 && changed_parameters(before.1, after.1).next().is_none()
}

fn changed_parameters<'a>(
    have: &BTreeMap<String, String>,
    next: &'a BTreeMap<String, Option<String>>,
) -> impl Iterator<Item = &'a String> {
    let changed = next.iter().filter(|(name, value)| {
        let have = have.get(*name).map(String::as_str);
        // What AWS hides is taken for unchanged, as a comparison of the stack does.
        have != Some("****") && (value.is_none() || value.as_deref() != have)
    });
    changed.map(|(name, _)| name)
}

/// Parameters, conditions, mappings and resources whose value or identity changes, or may.
fn changed_names(
    (old, have): (&Document, &BTreeMap<String, String>),
    (new, next): (&Document, &BTreeMap<String, Option<String>>),
) -> BTreeSet<String> {
    let mut changed: BTreeSet<String> = changed_parameters(have, next).cloned().collect();
    for part in ["Conditions", "Mappings", "Resources"] {
        // They refer to each other, so until nothing more is found.
        let mut known = usize::MAX;
        while known != changed.len() {
            known = changed.len();
            for (name, node) in new.section(part) {
                let before = old.entry(part, name);
                let anew = match part {
                    "Resources" => made_anew(before, node, &changed),
                    _ => before != Some(node) || refers(node, &changed),
                };
                if anew {
                    changed.insert(name.to_owned());
                }
            }
        }
    }
    changed
}

/// The outputs of `after` that an update from `before` may change. Templates that cannot be read change none that
/// can be named.
pub fn uncertain_outputs(before: Before<'_>, after: After<'_>) -> BTreeSet<String> {
    if same(before, after) {
        return BTreeSet::new();
    }
    let (Ok(old), Ok(new)) = (Document::parse(before.0), Document::parse(after.0)) else {
        return BTreeSet::new();
    };
    let changed = changed_names((&old, before.1), (&new, after.1));
    let alike = |before: &Value, after: &Value| {
        ["Value", "Condition"]
            .iter()
            .all(|part| before.get(part) == after.get(part))
    };
    let outputs = new.section("Outputs");
    outputs
        .filter(|(name, node)| {
            let before = old.entry("Outputs", name);
            refers(node, &changed) || before.is_none_or(|before| !alike(before, node))
        })
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Whether CloudFormation makes a resource anew, or for the first time, or may.
fn made_anew(before: Option<&Value>, after: &Value, changed: &BTreeSet<String>) -> bool {
    let Some(before) = before else { return true };
    let condition = text(after, "Condition");
    let depends = condition.is_some_and(|name| changed.contains(name));
    if kind(before) != kind(after) || depends || text(before, "Condition") != condition {
        return true;
    }
    let differs = |before: Option<&Value>, after: Option<&Value>| {
        before != after || after.is_some_and(|node| refers(node, changed))
    };
    let (before, after_all) = (before.get("Properties"), after.get("Properties"));
    match REPLACED_BY.iter().find(|(name, _)| *name == kind(after)) {
        Some((_, properties)) => properties.iter().any(|name| {
            let before = before.and_then(|all| all.get(name));
            differs(before, after_all.and_then(|all| all.get(name)))
        }),
        None => differs(before, after_all),
    }
}

/// Whether a value refers to one of these names: parameters, conditions, mappings or resources. An empty name stands for
/// a mapping that is named by a function.
pub(super) fn refers(node: &Value, names: &BTreeSet<String>) -> bool {
    let mut hit = false;
    references(node, &mut |_, name| hit |= names.contains(name));
    hit
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Parameters:
  Name: { Type: String }
  Days: { Type: Number }
  Lock: { Type: String }
Conditions:
  Locks: !Equals [!Ref Lock, 'on']
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub '${Name}-logs'
      LifecycleConfiguration: { Rules: [{ ExpirationInDays: !Ref Days }] }
  Key: { Type: AWS::KMS::Key, Properties: { Description: !Ref Name } }
  Rule: { Type: AWS::Config::ConfigRule, Properties: { Scope: !If [Locks, a, b] } }
Outputs:
  BucketArn: { Value: !GetAtt Bucket.Arn }
  BucketName: { Value: { Ref: Bucket }, Description: where }
  KeyArn: { Value: !GetAtt [Key, Arn] }
  Path: { Value: !Sub 'arn:aws:s3:::${Bucket}/${Days}' }
  RuleArn: { Value: !GetAtt Rule.Arn }
";

    fn uncertain(template: &str, values: [Option<&str>; 3]) -> Vec<String> {
        let names = ["Name", "Days", "Lock"];
        let have = [("Name", "a"), ("Days", "7"), ("Lock", "off")];
        let have = have.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let next = names.into_iter().zip(values);
        let next = next.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        uncertain_outputs((TEMPLATE, &have.into()), (template, &next.collect()))
            .into_iter()
            .collect()
    }

    #[test]
    fn an_output_is_uncertain_where_what_it_names_is_made_anew() {
        let of = |values| uncertain(TEMPLATE, values);
        assert_eq!(
            of([Some("a"), Some("7"), Some("off")]),
            Vec::<String>::new()
        );
        let of_bucket = ["BucketArn", "BucketName", "Path"];
        assert_eq!(of([Some("b"), Some("7"), Some("off")]), of_bucket);
        assert_eq!(of([None, Some("7"), Some("off")]), of_bucket);
        assert_eq!(of([Some("a"), Some("8"), Some("off")]), ["Path"]);
        assert_eq!(of([Some("a"), Some("7"), Some("on")]), ["RuleArn"]);
    }

    #[test]
    fn a_recorder_under_another_name_would_be_a_second_one() {
        let template = "
Parameters: { Name: { Type: String }, Types: { Type: String } }
Resources:
  Recorder:
    Type: AWS::Config::ConfigurationRecorder
    Properties: { Name: !Ref Name, RecordingGroup: { ResourceTypes: [!Ref Types] } }
  Channel: { Type: AWS::Config::DeliveryChannel, Properties: { S3BucketName: a } }
";
        let anew = |template: &str, next: &str, name: &str, types: &str| {
            let have = [("Name", "a"), ("Types", "x")];
            let have = have.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let values = [("Name", name), ("Types", types)];
            let values = values.map(|(name, value)| (name.to_owned(), Some(value.to_owned())));
            singletons_made_anew((template, &have.into()), (next, &values.into()))
        };
        let recorder = "Recorder (AWS::Config::ConfigurationRecorder)";
        assert_eq!(anew(template, template, "a", "y"), Vec::<String>::new());
        assert_eq!(anew(template, template, "b", "x"), [recorder]);
        let named = template.replace("S3BucketName: a", "S3BucketName: a, Name: c");
        let channel = "Channel (AWS::Config::DeliveryChannel)";
        assert_eq!(anew(template, &named, "a", "x"), [channel]);
        assert_eq!(
            anew("Resources: {}", template, "a", "x"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_output_is_uncertain_where_the_template_says_it_otherwise() {
        let same = [Some("a"), Some("7"), Some("off")];
        let of = |template: String| uncertain(&template, same);
        let described = TEMPLATE.replace("Description: where", "Description: here");
        assert_eq!(of(described), Vec::<String>::new());
        let another = TEMPLATE.replace("[Key, Arn]", "[Key, KeyId]");
        assert_eq!(of(another), ["KeyArn"]);
        let renamed = TEMPLATE.replace("-logs", "-trail");
        assert_eq!(of(renamed), ["BucketArn", "BucketName", "Path"]);
        let turned = TEMPLATE.replace("Description: !Ref Name", "KeySpec: RSA_2048");
        assert_eq!(of(turned), ["KeyArn"]);
    }
}
