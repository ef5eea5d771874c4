//! What CloudFormation calls for the resources of a stack, by the handlers in the schemas of their types. Pure.
//!
//! Policies bind whoever CloudFormation calls for: the role that made the stack, or StackSets' role in an account. Of types
//! that are not in the table nobody here knows, and nothing is said.

use super::data;
use super::render::{Known, Rendering};

/// One type: what its ARNs begin with, the property that names it, and the calls that make and delete it. A call that ends in
/// ` *` has no resource of its own.
#[derive(Debug)]
struct Handled {
    kind: &'static str,
    arn: &'static str,
    named_by: Option<&'static str>,
    make: &'static [&'static str],
    delete: &'static [&'static str],
}

/// The types of the built-in baselines, and those that baselines of one's own have most. From the `handlers` of the types'
/// schemas in the CloudFormation registry; calls that only read are left out where a handler has others.
const HANDLED: &[Handled] = &[
    Handled {
        kind: "AWS::AccessAnalyzer::Analyzer",
        arn: "arn:aws:access-analyzer:{region}:{account}:analyzer/",
        named_by: Some("AnalyzerName"),
        make: &["access-analyzer:CreateAnalyzer"],
        delete: &["access-analyzer:DeleteAnalyzer"],
    },
    Handled {
        kind: "AWS::CloudTrail::Trail",
        arn: "arn:aws:cloudtrail:{region}:{account}:trail/",
        named_by: Some("TrailName"),
        make: &["cloudtrail:CreateTrail", "cloudtrail:StartLogging"],
        delete: &["cloudtrail:DeleteTrail"],
    },
    Handled {
        kind: "AWS::Config::ConfigRule",
        arn: "arn:aws:config:{region}:{account}:config-rule/config-rule-",
        named_by: None,
        make: &["config:PutConfigRule"],
        delete: &["config:DeleteConfigRule"],
    },
    Handled {
        kind: "AWS::Config::ConfigurationAggregator",
        arn: "arn:aws:config:{region}:{account}:config-aggregator/config-aggregator-",
        named_by: None,
        make: &["config:PutConfigurationAggregator"],
        delete: &["config:DeleteConfigurationAggregator"],
    },
    Handled {
        kind: "AWS::Config::ConfigurationRecorder",
        arn: "arn:aws:config:{region}:{account}:configuration-recorder/",
        named_by: None,
        make: &[
            "config:PutConfigurationRecorder",
            "config:StartConfigurationRecorder",
            "config:DescribeConfigurationRecorders *",
        ],
        delete: &[
            "config:DeleteConfigurationRecorder",
            "config:StopConfigurationRecorder",
        ],
    },
    Handled {
        kind: "AWS::Config::DeliveryChannel",
        arn: "",
        named_by: None,
        make: &[
            "config:PutDeliveryChannel *",
            "config:DescribeDeliveryChannels *",
        ],
        delete: &["config:DeleteDeliveryChannel *"],
    },
    Handled {
        kind: "AWS::Events::Rule",
        arn: "arn:aws:events:{region}:{account}:rule/",
        named_by: Some("Name"),
        make: &["events:PutRule", "events:PutTargets"],
        delete: &["events:RemoveTargets", "events:DeleteRule"],
    },
    Handled {
        kind: "AWS::GuardDuty::Detector",
        arn: "",
        named_by: None,
        make: &["guardduty:CreateDetector *"],
        delete: &["guardduty:DeleteDetector *"],
    },
    Handled {
        kind: "AWS::IAM::ManagedPolicy",
        arn: "arn:aws:iam::{account}:policy/",
        named_by: Some("ManagedPolicyName"),
        make: &["iam:CreatePolicy"],
        delete: &["iam:DeletePolicy"],
    },
    Handled {
        kind: "AWS::IAM::Role",
        arn: "arn:aws:iam::{account}:role/",
        named_by: Some("RoleName"),
        make: &[
            "iam:CreateRole",
            "iam:PutRolePolicy",
            "iam:AttachRolePolicy",
            "iam:TagRole",
        ],
        delete: &[
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
        ],
    },
    Handled {
        kind: "AWS::IAM::RolePolicy",
        arn: "arn:aws:iam::{account}:role/",
        named_by: Some("RoleName"),
        make: &["iam:PutRolePolicy"],
        delete: &["iam:DeleteRolePolicy"],
    },
    Handled {
        kind: "AWS::KMS::Alias",
        arn: "arn:aws:kms:{region}:{account}:",
        named_by: Some("AliasName"),
        make: &["kms:CreateAlias"],
        delete: &["kms:DeleteAlias"],
    },
    Handled {
        kind: "AWS::KMS::Key",
        arn: "",
        named_by: None,
        make: &["kms:CreateKey *"],
        delete: &[],
    },
    Handled {
        kind: "AWS::Lambda::Function",
        arn: "arn:aws:lambda:{region}:{account}:function:",
        named_by: Some("FunctionName"),
        make: &["lambda:CreateFunction"],
        delete: &["lambda:DeleteFunction"],
    },
    Handled {
        kind: "AWS::Logs::LogGroup",
        arn: "arn:aws:logs:{region}:{account}:log-group:",
        named_by: Some("LogGroupName"),
        make: &["logs:CreateLogGroup", "logs:PutRetentionPolicy"],
        delete: &["logs:DeleteLogGroup"],
    },
    Handled {
        kind: "AWS::S3::Bucket",
        arn: "arn:aws:s3:::",
        named_by: Some("BucketName"),
        make: &[
            "s3:CreateBucket",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
        ],
        delete: &["s3:DeleteBucket"],
    },
    Handled {
        kind: "AWS::S3::BucketPolicy",
        arn: "arn:aws:s3:::",
        named_by: Some("Bucket"),
        make: &["s3:PutBucketPolicy"],
        delete: &["s3:DeleteBucketPolicy"],
    },
    Handled {
        kind: "AWS::SNS::Topic",
        arn: "arn:aws:sns:{region}:{account}:",
        named_by: Some("TopicName"),
        make: &["sns:CreateTopic", "sns:SetTopicAttributes"],
        delete: &["sns:DeleteTopic"],
    },
    Handled {
        kind: "AWS::SQS::Queue",
        arn: "arn:aws:sqs:{region}:{account}:",
        named_by: Some("QueueName"),
        make: &["sqs:CreateQueue", "sqs:SetQueueAttributes"],
        delete: &["sqs:DeleteQueue"],
    },
    Handled {
        kind: "AWS::SSM::Association",
        arn: "arn:aws:ssm:{region}:{account}:document/",
        named_by: Some("Name"),
        make: &["ssm:CreateAssociation"],
        delete: &[],
    },
    Handled {
        kind: "AWS::SSM::Document",
        arn: "arn:aws:ssm:{region}:{account}:document/",
        named_by: Some("Name"),
        make: &["ssm:CreateDocument", "ssm:AddTagsToResource"],
        delete: &["ssm:DeleteDocument"],
    },
    Handled {
        kind: "AWS::SSM::Parameter",
        arn: "arn:aws:ssm:{region}:{account}:parameter",
        named_by: Some("Name"),
        make: &["ssm:PutParameter"],
        delete: &["ssm:DeleteParameter"],
    },
];

/// A resource as a call has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Its ARN, or `*` where the action has none.
    Is(String),
    /// What its ARN begins with: the rest AWS chooses.
    Begins(String),
}

/// What a stack's resources are made, or deleted, by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    Make,
    Delete,
}

/// A template, read once for all the places that stacks of it are made in.
#[derive(Debug)]
pub struct Handlers {
    rendering: Option<Rendering>,
    resources: Vec<(&'static Handled, String, bool)>,
}

impl Handlers {
    /// Those of a stack's resources that there are with these parameters.
    pub fn of(template: &str, parameters: &data::Values) -> Handlers {
        let resources = data::resources(template, parameters).into_iter();
        Handlers {
            rendering: Rendering::parse(template).ok(),
            resources: resources
                .filter_map(|one| {
                    let handled = HANDLED.iter().find(|handled| handled.kind == one.kind)?;
                    Some((handled, one.resource, one.kept))
                })
                .collect(),
        }
    }

    /// The calls with what they are about. `stack` is the stack's name, or what that begins with: the names that
    /// CloudFormation chooses begin with it too.
    pub fn calls(
        &self,
        known: &Known,
        stack: &str,
        handler: Handler,
    ) -> Vec<(&'static str, Asked)> {
        let mut calls = Vec::new();
        for (handled, resource, kept) in &self.resources {
            // What a deletion leaves is not called for.
            if handler == Handler::Delete && *kept {
                continue;
            }
            let base = handled
                .arn
                .replace("{account}", &known.account)
                .replace("{region}", &known.region);
            let name = handled.named_by.map(|property| {
                let rendering = self.rendering.as_ref()?;
                rendering.property(resource, property, known).ok()?
            });
            let asked = match name {
                Some(Some(name)) => Asked::Is(base + &name),
                // Names have 64 letters or fewer, and end in ones of chance: this much of the stack's stays.
                Some(None) => {
                    let start: String = stack.chars().take(20).collect();
                    Asked::Begins(match handled.kind.starts_with("AWS::S3::") {
                        true => base + &start.to_lowercase(),
                        false => base + &start,
                    })
                }
                None => Asked::Begins(base),
            };
            let list = match handler {
                Handler::Make => handled.make,
                Handler::Delete => handled.delete,
            };
            calls.extend(list.iter().map(|call| match call.strip_suffix(" *") {
                Some(action) => (action, Asked::Is("*".to_owned())),
                None => (*call, asked.clone()),
            }));
        }
        calls
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Prefix: {Type: String}
Conditions:
  Never: !Equals [a, b]
Resources:
  Named: {Type: AWS::IAM::Role, Properties: {RoleName: !Sub "${Prefix}-audit-${AWS::Region}"}}
  Unnamed: {Type: AWS::S3::Bucket, DeletionPolicy: Retain, Properties: {}}
  Policy: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Ref Unnamed}}
  Channel: {Type: AWS::Config::DeliveryChannel}
  Absent: {Type: AWS::SNS::Topic, Condition: Never}
  Foreign: {Type: Other::Thing::Here}
"#;

    fn told(handler: Handler) -> Vec<String> {
        let known = Known {
            account: "222222222222".to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: BTreeMap::from([("Prefix".to_owned(), "acme".to_owned())]),
            ..Known::default()
        };
        let parameters = BTreeMap::from([("Prefix".to_owned(), Some("acme".to_owned()))]);
        let handlers = Handlers::of(TEMPLATE, &parameters);
        let calls = handlers.calls(&known, "StackSet-acme-a-rather-long-name", handler);
        calls
            .into_iter()
            .map(|(action, asked)| match asked {
                Asked::Is(arn) => format!("{action} {arn}"),
                Asked::Begins(arn) => format!("{action} {arn}…"),
            })
            .collect()
    }

    #[test]
    fn resources_are_known_by_the_names_that_the_template_gives_them() {
        let made = told(Handler::Make);
        for line in [
            "iam:CreateRole arn:aws:iam::222222222222:role/acme-audit-eu-west-1",
            "s3:CreateBucket arn:aws:s3:::stackset-acme-a-rath…",
            "config:PutDeliveryChannel *",
        ] {
            assert!(made.iter().any(|it| it == line), "{line}: {made:#?}");
        }
        assert!(!made.iter().any(|it| it.starts_with("sns:")), "{made:#?}");
    }

    #[test]
    fn what_a_deletion_keeps_is_not_deleted() {
        let deleted = told(Handler::Delete);
        assert!(!deleted.iter().any(|it| it.starts_with("s3:DeleteBucket ")));
        assert!(
            deleted
                .iter()
                .any(|it| it.starts_with("config:DeleteDeliveryChannel *"))
        );
    }

    /// Every type of the built-in baselines is known.
    #[test]
    fn the_built_in_templates_have_no_other_types() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("stacksets");
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for one in data::resources(&text, &BTreeMap::new()) {
                let there = HANDLED.iter().any(|handled| handled.kind == one.kind);
                assert!(there, "{}", one.kind);
            }
        }
    }
}
