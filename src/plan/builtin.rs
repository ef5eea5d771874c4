//! Policies that come with orgstrap. Each is a document in `src/plan/policies/` in which a few
//! words stand for values of the plan; a word in braces that is a whole list element is replaced
//! by a list.
//!
//! Every one exempts what AWS and orgstrap need in an account, so that it may be in force before
//! an account joins: the access role, the `stacksets-exec-*` roles of service-managed stack sets,
//! and roles under orgstrap's own prefix. Service-linked roles are not bound by service control
//! policies at all. Because exempt names are a way around a policy, `protect-baseline` keeps
//! others from making or changing roles of these names.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PolicyType, Region};

/// A policy that comes with orgstrap.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Builtin {
    /// Keeps the trail, the recorders, GuardDuty, the log buckets and orgstrap's own stacks and
    /// roles from being changed by anybody but orgstrap.
    ProtectBaseline,
    /// Refuses calls to Regions that the plan does not govern; global services are exempt.
    ApprovedRegions,
    /// Refuses everything to root users of member accounts; sessions of `sts:AssumeRoot` are exempt.
    DenyRoot,
    /// Keeps accounts from leaving the organization and from being closed from within.
    DenyLeave,
    /// Turns on all four settings of S3 Block Public Access in every account, over what accounts say
    /// themselves. Of the type `s3_policy`.
    BlockPublicS3,
}

/// The values of a plan that the documents need.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    pub access_role: &'a str,
    pub prefix: &'a str,
    pub regions: &'a BTreeSet<Region>,
}

impl Builtin {
    /// Every one.
    pub const ALL: [Builtin; 5] = [
        Builtin::ProtectBaseline,
        Builtin::ApprovedRegions,
        Builtin::DenyRoot,
        Builtin::DenyLeave,
        Builtin::BlockPublicS3,
    ];

    /// The name in the plan.
    pub fn name(self) -> &'static str {
        match self {
            Builtin::ProtectBaseline => "protect-baseline",
            Builtin::ApprovedRegions => "approved-regions",
            Builtin::DenyRoot => "deny-root",
            Builtin::DenyLeave => "deny-leave",
            Builtin::BlockPublicS3 => "block-public-s3",
        }
    }

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|builtin| builtin.name() == name)
    }

    /// The type of policy it is.
    pub fn kind(self) -> PolicyType {
        match self {
            Builtin::BlockPublicS3 => PolicyType::S3Policy,
            _ => PolicyType::ServiceControlPolicy,
        }
    }

    fn template(self) -> &'static str {
        match self {
            Builtin::ProtectBaseline => include_str!("policies/protect-baseline.json"),
            Builtin::ApprovedRegions => include_str!("policies/approved-regions.json"),
            Builtin::DenyRoot => include_str!("policies/deny-root.json"),
            Builtin::DenyLeave => include_str!("policies/deny-leave.json"),
            Builtin::BlockPublicS3 => include_str!("policies/block-public-s3.json"),
        }
    }

    /// The document for a plan, minified.
    pub fn document(self, parameters: &Parameters<'_>) -> String {
        // The templates are tested to be JSON; were one not, its text would still be shown.
        match serde_json::from_str(self.template()) {
            Ok(template) => filled(template, parameters).to_string(),
            Err(_) => self.template().to_owned(),
        }
    }
}

fn filled(value: Value, parameters: &Parameters<'_>) -> Value {
    match value {
        Value::String(text) => text
            .replace("{access_role}", parameters.access_role)
            .replace("{prefix}", parameters.prefix)
            .into(),
        Value::Array(values) => values
            .into_iter()
            .flat_map(|value| match value.as_str() {
                Some("{regions}") => parameters
                    .regions
                    .iter()
                    .map(|region| region.as_str().into())
                    .collect(),
                _ => vec![filled(value, parameters)],
            })
            .collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, filled(value, parameters)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(builtin: Builtin, regions: &[&str]) -> (String, Value) {
        let regions = regions.iter().map(|name| name.parse().unwrap()).collect();
        let text = builtin.document(&Parameters {
            access_role: &"A".repeat(64),
            prefix: &"p".repeat(20),
            regions: &regions,
        });
        let value = serde_json::from_str(&text).unwrap();
        (text, value)
    }

    #[test]
    fn each_fits_with_the_longest_names_and_every_region() {
        let all: Vec<&str> = crate::plan::regions::KNOWN
            .iter()
            .map(|region| region.name)
            .collect();
        for builtin in Builtin::ALL {
            let (text, _) = document(builtin, &all);
            assert!(
                text.len() <= builtin.kind().max_size(),
                "{} has {}",
                builtin.name(),
                text.len()
            );
            for left in ["{access_role}", "{prefix}", "{regions}"] {
                assert!(!text.contains(left), "{} keeps {left}", builtin.name());
            }
        }
    }

    #[test]
    fn what_works_in_accounts_is_exempt() {
        for builtin in [Builtin::ProtectBaseline, Builtin::ApprovedRegions] {
            let (_, value) = document(builtin, &["eu-west-1"]);
            for statement in value["Statement"].as_array().unwrap() {
                let exempt = &statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"];
                assert_eq!(
                    *exempt,
                    serde_json::json!([
                        format!("arn:aws:iam::*:role/{}", "A".repeat(64)),
                        "arn:aws:iam::*:role/stacksets-exec-*",
                        format!("arn:aws:iam::*:role/{}-*", "p".repeat(20)),
                    ])
                );
            }
        }
    }

    #[test]
    fn exempt_names_can_not_be_taken() {
        let (_, value) = document(Builtin::ProtectBaseline, &["eu-west-1"]);
        let statements = value["Statement"].as_array().unwrap();
        let roles = statements.iter().find(|s| s["Sid"] == "KeepRoles").unwrap();
        let exempt = &statements[0]["Condition"]["ArnNotLike"]["aws:PrincipalArn"];
        assert_eq!(roles["Resource"], *exempt);
        let actions = roles["Action"].as_array().unwrap();
        for action in ["iam:CreateRole", "iam:UpdateAssumeRolePolicy"] {
            assert!(actions.iter().any(|other| other == action), "{action}");
        }
    }

    /// AWS Organizations User Guide, "Amazon S3 policy syntax and examples".
    #[test]
    fn public_access_is_blocked_as_s3_policies_say_it() {
        let (text, _) = document(Builtin::BlockPublicS3, &["eu-west-1"]);
        assert_eq!(
            text,
            r#"{"s3_attributes":{"public_access_block_configuration":{"@@assign":"all"}}}"#
        );
        assert_eq!(Builtin::BlockPublicS3.kind(), PolicyType::S3Policy);
    }

    /// A key is known by its tag, so the tag must not be changed either: TagResource overwrites.
    #[test]
    fn protected_keys_keep_the_tag_that_protects_them() {
        let (_, value) = document(Builtin::ProtectBaseline, &["eu-west-1"]);
        let statements = value["Statement"].as_array().unwrap();
        let keys = statements.iter().find(|s| s["Sid"] == "KeepKeys").unwrap();
        let (tag, marked) = crate::change::OWNERSHIP_TAG;
        let condition = &keys["Condition"]["StringEquals"];
        assert_eq!(condition[format!("aws:ResourceTag/{tag}")], *marked);
        let actions = keys["Action"].as_array().unwrap();
        for action in ["kms:TagResource", "kms:UntagResource"] {
            assert!(actions.iter().any(|other| other == action), "{action}");
        }
    }

    #[test]
    fn regions_are_those_of_the_plan() {
        let (_, value) = document(Builtin::ApprovedRegions, &["eu-west-1", "us-east-1"]);
        assert_eq!(
            value["Statement"][0]["Condition"]["StringNotEquals"]["aws:RequestedRegion"],
            serde_json::json!(["eu-west-1", "us-east-1"])
        );
    }
}
