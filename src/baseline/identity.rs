//! What names a resource: by which identifier Cloud Control knows it, and whether one that was deleted can come back as
//! the same that its stack has. Pure.
//!
//! A stack knows a resource by its physical id. Where that is a name, a resource of the same name is the same to the
//! stack; where AWS chooses it, as with keys, nothing brings it back.

use serde_json::{Map, Value, json};

/// Types whose primary identifier is the physical id, and the property that names them. From the types' schemas
/// (`primaryIdentifier`); a type that is not here is only known to be gone where CloudFormation itself says so.
const BY_PHYSICAL_ID: &[(&str, Option<&str>)] = &[
    ("AWS::CloudTrail::Trail", Some("TrailName")),
    ("AWS::Config::ConfigRule", Some("ConfigRuleName")),
    (
        "AWS::Config::ConfigurationAggregator",
        Some("ConfigurationAggregatorName"),
    ),
    ("AWS::IAM::ManagedPolicy", Some("ManagedPolicyName")),
    ("AWS::IAM::Role", Some("RoleName")),
    ("AWS::KMS::Alias", Some("AliasName")),
    ("AWS::KMS::Key", None),
    ("AWS::Logs::LogGroup", Some("LogGroupName")),
    ("AWS::S3::Bucket", Some("BucketName")),
    ("AWS::S3::BucketPolicy", Some("Bucket")),
    ("AWS::SNS::Topic", Some("TopicName")),
    ("AWS::SQS::Queue", Some("QueueName")),
    ("AWS::SSM::Association", None),
    ("AWS::SSM::Document", Some("Name")),
    ("AWS::SSM::Parameter", Some("Name")),
];

/// Types to whose resources CloudFormation gives the stack's tags, of those above.
const TAGGED: &[&str] = &[
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SSM::Document",
];

/// Properties by which one resource hands itself to others, which lose it when they are deleted.
pub const ATTACHES: &[(&str, &str)] = &[
    ("AWS::IAM::ManagedPolicy", "Roles"),
    ("AWS::IAM::Role", "ManagedPolicyArns"),
];

type Properties = Map<String, Value>;

fn text<'p>(properties: &'p Properties, name: &str) -> Option<&'p str> {
    properties.get(name).and_then(Value::as_str)
}

/// By what Cloud Control knows a stack's resource; `None` where that is not known here.
pub fn identifier(
    kind: &str,
    physical_id: &str,
    properties: Option<&Properties>,
    (account, region): (&str, &str),
) -> Option<String> {
    if BY_PHYSICAL_ID.iter().any(|(known, _)| *known == kind) {
        return Some(physical_id.to_owned());
    }
    match kind {
        "AWS::IAM::RolePolicy" => {
            let properties = properties?;
            let (policy, role) = (
                text(properties, "PolicyName")?,
                text(properties, "RoleName")?,
            );
            Some(format!("{policy}|{role}"))
        }
        // On another bus the physical id is `BUS|NAME`.
        "AWS::Events::Rule" => {
            let rule = physical_id.replace('|', "/");
            Some(format!("arn:aws:events:{region}:{account}:rule/{rule}"))
        }
        _ => None,
    }
}

/// The properties with which a resource that was deleted comes back as the same that its stack has; `None` where AWS
/// would give it another id.
pub fn again(
    kind: &str,
    physical_id: &str,
    properties: &Properties,
    tags: &[(String, String)],
) -> Option<Properties> {
    let mut properties = properties.clone();
    // An ARN or an URL ends with the name.
    let name = physical_id.rsplit([':', '/', '|']).next()?;
    let known = BY_PHYSICAL_ID.iter().find(|(known, _)| *known == kind);
    match (kind, known) {
        ("AWS::IAM::RolePolicy", _) => {
            text(&properties, "PolicyName")?;
            text(&properties, "RoleName")?;
        }
        (_, Some((_, None))) => return None,
        (_, Some((_, Some(property)))) => {
            // An alias' name, a parameter's and a log group's have slashes in them.
            let whole = match kind {
                "AWS::KMS::Alias" | "AWS::SSM::Parameter" | "AWS::Logs::LogGroup" => physical_id,
                _ => name,
            };
            properties
                .entry((*property).to_owned())
                .or_insert_with(|| json!(whole));
        }
        (_, None) => {
            let named = properties.values().filter_map(Value::as_str);
            let mut named = named.filter(|value| !value.is_empty());
            named.find(|value| *value == physical_id || *value == name)?;
        }
    }
    if TAGGED.contains(&kind) && !tags.is_empty() {
        let own = properties.entry("Tags".to_owned());
        if let Value::Array(own) = own.or_insert_with(|| json!([])) {
            for (key, value) in tags {
                if !own.iter().any(|tag| tag.get("Key") == Some(&json!(key))) {
                    own.push(json!({ "Key": key, "Value": value }));
                }
            }
        }
    }
    Some(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(value: Value) -> Properties {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn what_has_a_name_comes_back_under_it() {
        let tags = [("owner".to_owned(), "us".to_owned())];
        let role = properties(json!({"RoleName": "audit"}));
        assert_eq!(
            again("AWS::IAM::Role", "audit", &role, &tags).map(Value::Object),
            Some(json!({"RoleName": "audit", "Tags": [{"Key": "owner", "Value": "us"}]}))
        );
        // A name that CloudFormation made up is given to it again.
        let topic = again(
            "AWS::SNS::Topic",
            "arn:aws:sns:eu-west-1:222222222222:stack-Topic-X1",
            &properties(json!({})),
            &[],
        );
        assert_eq!(
            topic.map(Value::Object),
            Some(json!({"TopicName": "stack-Topic-X1"}))
        );
        let alias = again("AWS::KMS::Alias", "alias/a/b", &properties(json!({})), &[]);
        assert_eq!(alias.unwrap()["AliasName"], json!("alias/a/b"));
        // Of a type that nobody here knows its own properties say it.
        let other = properties(json!({"TableName": "t", "Mode": "ON"}));
        assert!(again("AWS::DynamoDB::Table", "t", &other, &[]).is_some());
        assert!(again("AWS::DynamoDB::Table", "stack-t-1", &other, &[]).is_none());
    }

    #[test]
    fn what_aws_numbers_does_not_come_back() {
        for kind in ["AWS::KMS::Key", "AWS::SSM::Association"] {
            let id = "12345678-1234-1234-1234-123456789012";
            assert_eq!(again(kind, id, &properties(json!({"Name": id})), &[]), None);
            assert!(identifier(kind, id, None, ("1", "r")).is_some());
        }
    }

    #[test]
    fn some_are_known_by_more_than_their_physical_id() {
        let place = ("222222222222", "eu-west-1");
        let inline = properties(json!({"PolicyName": "p", "RoleName": "r"}));
        let of = |kind, id, properties| identifier(kind, id, properties, place);
        assert_eq!(
            of("AWS::IAM::RolePolicy", "p", Some(&inline)).as_deref(),
            Some("p|r")
        );
        assert_eq!(of("AWS::IAM::RolePolicy", "p", None), None);
        assert_eq!(
            of("AWS::Events::Rule", "bus|rule", None).as_deref(),
            Some("arn:aws:events:eu-west-1:222222222222:rule/bus/rule")
        );
        assert_eq!(of("AWS::Lambda::Permission", "x", None), None);
    }
}
