//! Expected values come from the CloudFormation user guide (intrinsic function and parameter reference).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::intrinsics::{Identity, Scope};
use super::parameters;
use super::template::{DeletionPolicy, Template};

fn parse(text: &str) -> Template {
    Template::parse(text, |kind| {
        kind.starts_with("AWS::S3::")
            || kind.starts_with("AWS::SNS::")
            || kind.starts_with("AWS::IAM::")
    })
    .unwrap()
}

fn refused(text: &str) -> String {
    Template::parse(text, |kind| kind.starts_with("AWS::S3::"))
        .unwrap_err()
        .to_string()
}

const ONE: &str = "Resources:\n  Bucket:\n    Type: AWS::S3::Bucket\n";

fn resolve(
    template: &Template,
    parameters: &[(&str, &str)],
    expression: &Value,
) -> Result<Option<Value>, String> {
    let given = parameters
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let parameters = parameters::settle(template, &given).map_err(|e| e.to_string())?;
    let made = BTreeMap::from([(
        "Bucket".to_owned(),
        Identity {
            physical_id: "logs".to_owned(),
            attributes: BTreeMap::from([("Arn".to_owned(), "arn:aws:s3:::logs".to_owned())]),
        },
    )]);
    let scope = Scope {
        template,
        parameters: &parameters,
        account: "123456789012",
        region: "us-east-1",
        stack_name: "logs",
        stack_id: "arn:aws:cloudformation:us-east-1:123456789012:stack/logs/1",
        made: &made,
    };
    scope.resolve(expression).map_err(|e| e.to_string())
}

#[test]
fn functions_give_what_the_user_guide_says() {
    let template = parse(&format!(
        "Mappings:\n  RegionMap:\n    us-east-1: {{ HVM64: ami-0ff8a91507f77f867 }}\n{ONE}"
    ));
    let cases = [
        (json!({"Fn::Join": [":", ["a", "b", "c"]]}), json!("a:b:c")),
        (
            json!({"Fn::Select": ["1", ["apples", "grapes", "oranges", "mangoes"]]}),
            json!("grapes"),
        ),
        (json!({"Fn::Split": ["|", "a|b|c"]}), json!(["a", "b", "c"])),
        (
            json!({"Fn::Split": ["|", "a||c|"]}),
            json!(["a", "", "c", ""]),
        ),
        (
            json!({"Fn::FindInMap": ["RegionMap", {"Ref": "AWS::Region"}, "HVM64"]}),
            json!("ami-0ff8a91507f77f867"),
        ),
        (
            json!({"Fn::Base64": "AWS CloudFormation"}),
            json!("QVdTIENsb3VkRm9ybWF0aW9u"),
        ),
        (
            json!({"Fn::Sub": ["www.${Domain}", {"Domain": "example.com"}]}),
            json!("www.example.com"),
        ),
        (
            json!({"Fn::Sub": "arn:aws:ec2:${AWS::Region}:${AWS::AccountId}:vpc/${!Literal}"}),
            json!("arn:aws:ec2:us-east-1:123456789012:vpc/${Literal}"),
        ),
        (
            json!({"Fn::Sub": "${Bucket} ${Bucket.Arn}"}),
            json!("logs arn:aws:s3:::logs"),
        ),
        (
            json!({"Fn::GetAtt": ["Bucket", "Arn"]}),
            json!("arn:aws:s3:::logs"),
        ),
        (
            json!({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}),
            json!({"b": [1]}),
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(
            resolve(&template, &[], &expression),
            Ok(Some(expected)),
            "{expression}"
        );
    }
}

#[test]
fn conditions_choose() {
    let template = parse(&format!(
        r#"
Parameters:
  EnvType: {{ Type: String, Default: dev }}
  Key: {{ Type: String, Default: '' }}
Conditions:
  IsProd: !Equals [!Ref EnvType, prod]
  HasKey: !Not [!Equals [!Ref Key, '']]
  Both: !And [!Condition IsProd, !Condition HasKey]
  Either: !Or [Condition: IsProd, Condition: HasKey]
{ONE}"#
    ));
    let choose = |condition: &str| json!({"Fn::If": [condition, "yes", {"Ref": "AWS::NoValue"}]});
    assert_eq!(
        resolve(&template, &[("EnvType", "prod")], &choose("IsProd")),
        Ok(Some(json!("yes")))
    );
    assert_eq!(resolve(&template, &[], &choose("IsProd")), Ok(None));
    assert_eq!(
        resolve(&template, &[("Key", "k")], &choose("Both")),
        Ok(None)
    );
    assert_eq!(
        resolve(&template, &[("Key", "k")], &choose("Either")),
        Ok(Some(json!("yes")))
    );
}

#[test]
fn parameters_are_refused_in_the_words_of_cloudformation() {
    let template = parse(&format!(
        r#"
Parameters:
  A: {{ Type: String, AllowedValues: [x, y] }}
  B: {{ Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: lower case only, Default: b }}
  N: {{ Type: Number, Default: 3, MinValue: 1, MaxValue: 5 }}
  L: {{ Type: CommaDelimitedList, Default: 'a, b' }}
{ONE}"#
    ));
    let settle = |pairs: &[(&str, &str)]| {
        let given = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        parameters::settle(&template, &given).map_err(|e| e.to_string())
    };
    assert_eq!(
        settle(&[]),
        Err("Parameters: [A] must have values".to_owned())
    );
    assert_eq!(
        settle(&[("A", "x"), ("Z", "1")]),
        Err("Parameters: [Z] do not exist in the template".to_owned())
    );
    assert_eq!(
        settle(&[("A", "z")]),
        Err("Parameter 'A' must be one of AllowedValues".to_owned())
    );
    assert_eq!(
        settle(&[("A", "x"), ("B", "UP")]),
        Err("Parameter 'B' failed to satisfy constraint: lower case only".to_owned())
    );
    assert_eq!(
        settle(&[("A", "x"), ("N", "n")]),
        Err("Parameter 'N' must be a number".to_owned())
    );
    assert_eq!(
        resolve(&template, &[("A", "x")], &json!({"Ref": "L"})),
        Ok(Some(json!(["a", "b"])))
    );
    assert_eq!(
        resolve(&template, &[("A", "x")], &json!({"Fn::Sub": "${L}"})),
        Ok(Some(json!("a, b")))
    );
}

#[test]
fn templates_are_refused_in_the_words_of_cloudformation() {
    let cases = [
        (
            "Resources: {}",
            "Template format error: At least one Resources member must be defined.",
        ),
        (
            "Resurces: {}",
            "Invalid template property or properties [Resurces]",
        ),
        (
            "Resources: {A: {Type: 'AWS::Nope::Thing'}}",
            "Template format error: Unrecognized resource types: [AWS::Nope::Thing]",
        ),
        (
            "Resources: {A: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !Ref B}}}",
            "Template format error: Unresolved resource dependencies [B] in the Resources block of the template",
        ),
        (
            "Resources: {A: {Type: 'AWS::S3::Bucket', Properties: {BucketName: !GetAtt B.Arn}}}",
            "Template error: instance of Fn::GetAtt references undefined resource B",
        ),
        (
            "Resources: {A: {Type: 'AWS::S3::Bucket', DependsOn: B}, B: {Type: 'AWS::S3::Bucket', DependsOn: A}}",
            "Circular dependency between resources: [A, B]",
        ),
        (
            "Resources: {A: {Type: 'AWS::S3::Bucket'}}\nOutputs: {O: {Value: !Ref Missing}}",
            "Template format error: Unresolved resource dependencies [Missing] in the Outputs block of the template",
        ),
        (
            "Resources: {A: {Type: 'AWS::S3::Bucket', Deletion: x}}",
            "Invalid template resource property 'Deletion'",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected);
    }
}

#[test]
fn resources_come_after_what_they_need() {
    let template = parse(
        r#"
Resources:
  A: { Type: 'AWS::S3::BucketPolicy', DependsOn: Topic, Properties: { Bucket: !Ref Bucket, PolicyDocument: !Sub '${Key.Arn}' } }
  Bucket: { Type: 'AWS::S3::Bucket', DeletionPolicy: RetainExceptOnCreate, UpdateReplacePolicy: Retain }
  Key: { Type: 'AWS::S3::Bucket' }
  Topic: { Type: 'AWS::SNS::Topic' }
"#,
    );
    assert_eq!(
        template.creation_order(|_| true),
        Ok(vec![
            "Bucket".into(),
            "Key".into(),
            "Topic".into(),
            "A".into()
        ])
    );
    let bucket = template.resources.get("Bucket").unwrap();
    assert_eq!(bucket.deletion_policy, DeletionPolicy::RetainExceptOnCreate);
    assert_eq!(bucket.update_replace_policy, DeletionPolicy::Retain);
}

#[test]
fn named_iam_needs_its_own_capability() {
    let role = |properties: &str| {
        parse(&format!(
            "Resources: {{R: {{Type: 'AWS::IAM::Role', Properties: {properties}}}}}"
        ))
    };
    assert_eq!(role("{}").needed_capability(), Some("CAPABILITY_IAM"));
    assert_eq!(
        role("{RoleName: x}").needed_capability(),
        Some("CAPABILITY_NAMED_IAM")
    );
    assert_eq!(parse(ONE).needed_capability(), None);
}
