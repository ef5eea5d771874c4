//! Policies that come with orgstrap. Each is a document in `src/plan/policies/` in which a few words in braces stand
//! for what the plan says: a word that is a whole list element is replaced by a list, and a statement that is left
//! without a resource, or without anybody that it is for, is left out.
//!
//! Exempt are, by their full names, only those that work in accounts for orgstrap: the access role, the
//! `stacksets-exec-*` roles of service-managed stack sets, and the repairing role `PREFIX-exec`; so a policy may be in
//! force before an account joins. Service-linked roles and services of AWS are not bound by service control policies at
//! all. Because an exempt name is a way around a policy, `protect-baseline` keeps everybody else from making, changing,
//! passing or taking a role of such a name.
//!
//! `protect-baseline` has two parts more, which are attached to the logging account and to SecOps wherever it holds
//! for them. What they name depends on the baselines: [`crate::diff::guards`] makes them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Organization, PolicyType, Region};

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

/// The parts of `protect-baseline` that are attached to one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// For the logging account: its buckets, keys, stacks and the roles that read.
    Logs,
    /// For SecOps: GuardDuty's settings, the aggregator, and who may triage.
    SecOps,
}

impl Part {
    /// Every one.
    pub const ALL: [Part; 2] = [Part::Logs, Part::SecOps];

    /// What the name of the policy gets at its end.
    pub fn suffix(self) -> &'static str {
        match self {
            Part::Logs => "-logs",
            Part::SecOps => "-secops",
        }
    }

    /// What the policy says of itself.
    pub fn description(self) -> &'static str {
        match self {
            Part::Logs => "Keeps buckets, keys and stacks of the logs as orgstrap made them",
            Part::SecOps => "Keeps GuardDuty's settings and the aggregator as orgstrap made them",
        }
    }

    /// The account that it is for, in words.
    pub fn account(self) -> &'static str {
        match self {
            Part::Logs => "the logging account",
            Part::SecOps => "SecOps",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Part::Logs => include_str!("policies/protect-baseline-logs.json"),
            Part::SecOps => include_str!("policies/protect-baseline-secops.json"),
        }
    }

    /// The document, minified.
    pub fn document(self, parameters: &Parameters<'_>) -> String {
        made(self.template(), parameters)
    }
}

/// What the documents name.
#[derive(Debug, Clone)]
pub struct Parameters<'a> {
    pub regions: &'a BTreeSet<Region>,
    /// ARN patterns of the roles that a document does not bind.
    pub exempt: Vec<String>,
    /// ARN patterns of what a document keeps from being changed, beside the exempt roles.
    pub guarded: Vec<String>,
    /// ARNs of buckets, and of all that is in them.
    pub buckets: Vec<String>,
    /// ARN patterns of the roles that may triage findings; with none everybody may.
    pub analysts: Vec<String>,
}

impl<'a> Parameters<'a> {
    /// Those of a plan, before anything is known of its baselines.
    pub fn of(organization: &'a Organization) -> Self {
        let Organization {
            access_role,
            prefix,
            regions,
            ..
        } = organization;
        Parameters {
            regions,
            exempt: vec![
                role(access_role),
                role("stacksets-exec-*"),
                role(&format!("{prefix}-exec")),
            ],
            guarded: Vec::new(),
            buckets: Vec::new(),
            analysts: Vec::new(),
        }
    }
}

/// The ARN of a role in any account.
pub fn role(name: &str) -> String {
    format!("arn:aws:iam::*:role/{name}")
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
        made(self.template(), parameters)
    }
}

fn made(template: &str, parameters: &Parameters<'_>) -> String {
    // The templates are tested to be JSON; were one not, its text would still be shown.
    let Ok(template) = serde_json::from_str(template) else {
        return template.to_owned();
    };
    let mut document = filled(template, parameters);
    if let Some(Value::Array(statements)) = document.get_mut("Statement") {
        statements.retain(|statement| {
            let empty = |list: &Value| list.as_array().is_some_and(Vec::is_empty);
            let for_analysts = statement.get("Sid").and_then(Value::as_str) == Some(TRIAGE);
            !statement.get("Resource").is_some_and(empty)
                && (!for_analysts || !parameters.analysts.is_empty())
        });
    }
    document.to_string()
}

/// The statement that leaves triage to those whom the plan names.
const TRIAGE: &str = "TriageByAnalysts";

fn filled(value: Value, parameters: &Parameters<'_>) -> Value {
    match value {
        Value::Array(values) => values
            .into_iter()
            .flat_map(|value| {
                let list = match value.as_str() {
                    Some("{regions}") => {
                        let regions = parameters.regions.iter();
                        return regions.map(|region| region.as_str().into()).collect();
                    }
                    Some("{exempt}") => &parameters.exempt,
                    Some("{guarded}") => &parameters.guarded,
                    Some("{buckets}") => &parameters.buckets,
                    Some("{analysts}") => &parameters.analysts,
                    _ => return vec![filled(value, parameters)],
                };
                list.iter().map(|text| text.as_str().into()).collect()
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

    fn parameters(regions: &BTreeSet<Region>) -> Parameters<'_> {
        Parameters {
            regions,
            exempt: vec![role("Access"), role("stacksets-exec-*"), role("org-exec")],
            guarded: vec![role("org-audit")],
            buckets: vec!["arn:aws:s3:::org-logs".to_owned()],
            analysts: vec![],
        }
    }

    fn regions(names: &[&str]) -> BTreeSet<Region> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn each_fits_with_every_region() {
        let all: Vec<&str> = crate::plan::regions::KNOWN
            .iter()
            .map(|region| region.name)
            .collect();
        let regions = regions(&all);
        let mut given = parameters(&regions);
        given.exempt = vec![role(&"A".repeat(64)), role(&"B".repeat(64)), role("C")];
        for builtin in Builtin::ALL {
            let text = builtin.document(&given);
            let size = text.len();
            assert!(size <= builtin.kind().safe_size(), "{builtin:?} has {size}");
            assert!(!text.contains('{') || value(&text).is_object());
            assert!(!text.contains("\"{"), "{builtin:?} keeps a word: {text}");
        }
    }

    #[test]
    fn whoever_works_in_accounts_is_exempt_from_every_statement_and_nobody_else() {
        let regions = regions(&["eu-west-1"]);
        let given = parameters(&regions);
        let texts = [
            Builtin::ProtectBaseline.document(&given),
            Builtin::ApprovedRegions.document(&given),
            Part::Logs.document(&given),
            Part::SecOps.document(&given),
        ];
        for text in texts {
            for statement in value(&text)["Statement"].as_array().unwrap() {
                let exempt = &statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"];
                assert_eq!(*exempt, serde_json::json!(given.exempt), "{statement}");
            }
        }
    }

    #[test]
    fn triage_is_left_to_those_who_are_named() {
        let regions = regions(&["eu-west-1"]);
        let mut given = parameters(&regions);
        assert!(!Part::SecOps.document(&given).contains(TRIAGE));
        given.analysts = vec![role("Analyst")];
        let text = Part::SecOps.document(&given);
        let document = value(&text);
        let statements = document["Statement"].as_array().unwrap();
        let triage = statements.iter().find(|s| s["Sid"] == TRIAGE).unwrap();
        let mut exempt = given.exempt.clone();
        exempt.push(role("Analyst"));
        assert_eq!(
            triage["Condition"]["ArnNotLike"]["aws:PrincipalArn"],
            serde_json::json!(exempt)
        );
        let kept = statements.last().unwrap();
        assert_eq!(
            kept["Resource"],
            serde_json::json!([role("org-audit"), role("Analyst")])
        );
    }

    #[test]
    fn a_statement_about_nothing_is_left_out() {
        let regions = regions(&["eu-west-1"]);
        let mut given = parameters(&regions);
        given.guarded.clear();
        assert!(!Part::Logs.document(&given).contains("KeepWhatLogsNeed"));
    }

    /// AWS Organizations User Guide, "Amazon S3 policy syntax and examples".
    #[test]
    fn public_access_is_blocked_as_s3_policies_say_it() {
        let regions = regions(&["eu-west-1"]);
        assert_eq!(
            Builtin::BlockPublicS3.document(&parameters(&regions)),
            r#"{"s3_attributes":{"public_access_block_configuration":{"@@assign":"all"}}}"#
        );
        assert_eq!(Builtin::BlockPublicS3.kind(), PolicyType::S3Policy);
    }

    /// A key is known by its tag, so the tag must not be changed either: TagResource overwrites.
    #[test]
    fn protected_keys_keep_the_tag_that_protects_them() {
        let regions = regions(&["eu-west-1"]);
        let document = value(&Part::Logs.document(&parameters(&regions)));
        let statements = document["Statement"].as_array().unwrap();
        let keys = statements.iter().find(|s| s["Sid"] == "KeepKeys").unwrap();
        let (tag, marked) = crate::addr::OWNERSHIP_TAG;
        let condition = &keys["Condition"]["StringEquals"];
        assert_eq!(condition[format!("aws:ResourceTag/{tag}")], *marked);
        let actions = keys["Action"].as_array().unwrap();
        for action in ["kms:TagResource", "kms:UntagResource"] {
            assert!(actions.iter().any(|other| other == action), "{action}");
        }
    }

    #[test]
    fn regions_are_those_of_the_plan() {
        let regions = regions(&["eu-west-1", "us-east-1"]);
        let document = value(&Builtin::ApprovedRegions.document(&parameters(&regions)));
        assert_eq!(
            document["Statement"][0]["Condition"]["StringNotEquals"]["aws:RequestedRegion"],
            serde_json::json!(["eu-west-1", "us-east-1"])
        );
    }
}
