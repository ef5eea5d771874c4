//! What will cost money: named before it is made, without guessing at amounts.
//!
//! Found from the changes themselves (resource types in templates, GuardDuty features), so that a
//! user's own baseline is looked at like a built-in one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::action::{self, Action};
use crate::addr::Expr;
use crate::change::Change;

/// One thing that AWS will charge for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cost {
    /// What, such as `AWS Config`.
    pub what: String,
    /// What the charge depends on.
    pub why: String,
}

/// Resource types that are charged for, with what the charge depends on.
const CHARGED: [(&str, &str, &str); 8] = [
    (
        "AWS::Config::ConfigurationRecorder",
        "AWS Config",
        "a charge for each configuration item recorded, in every account and Region",
    ),
    (
        "AWS::Config::ConfigRule",
        "AWS Config rules",
        "a charge for each evaluation, in every account and Region",
    ),
    (
        "AWS::CloudTrail::Trail",
        "CloudTrail",
        "the first copy of management events is free; where an account has a trail already, this is a second copy",
    ),
    (
        "AWS::KMS::Key",
        "KMS",
        "a monthly charge for each key, and for its use",
    ),
    (
        "AWS::S3::Bucket",
        "S3",
        "storage and requests of the log buckets",
    ),
    (
        "AWS::Events::Rule",
        "EventBridge",
        "a charge for events sent to another account",
    ),
    (
        "AWS::CloudWatch::Alarm",
        "CloudWatch",
        "a monthly charge for each alarm",
    ),
    (
        "AWS::SecretsManager::Secret",
        "Secrets Manager",
        "a monthly charge for each secret",
    ),
];

/// What these changes will cost money for, by what is charged.
pub fn costs(changes: &[Change]) -> Vec<Cost> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut note = |what: &str, why: String| {
        found.entry(what.to_owned()).or_default().insert(why);
    };
    let mut features: BTreeSet<&str> = BTreeSet::new();
    let mut guardduty = false;
    for change in changes {
        match &change.action {
            Action::CreateStack(action::CreateStack(stack))
            | Action::UpdateStack(action::UpdateStack(stack)) => {
                from_template(&stack.template, &stack.parameters, &mut note);
            }
            Action::CreateStackSet(action::CreateStackSet(set))
            | Action::UpdateStackInstances(action::UpdateStackInstances { set, .. }) => {
                from_template(&set.template, &set.parameters, &mut note);
            }
            Action::ConfigureGuardDuty(configured) => {
                guardduty = true;
                let all = configured.features.iter();
                features.extend(all.filter(|(_, on)| **on).map(|(name, _)| name.as_str()));
            }
            _ => {}
        }
    }
    if guardduty {
        let with = if features.is_empty() {
            String::new()
        } else {
            let names: Vec<&str> = features.into_iter().collect();
            format!(
                "; the features {} are charged on top",
                super::words::list(&names)
            )
        };
        note(
            "GuardDuty",
            format!(
                "a charge by volume analysed, in every account and Region, after AWS's free trial{with}"
            ),
        );
    }
    found
        .into_iter()
        .flat_map(|(what, whys)| {
            whys.into_iter().map(move |why| Cost {
                what: what.clone(),
                why,
            })
        })
        .collect()
}

fn from_template(
    template: &str,
    parameters: &BTreeMap<String, Expr>,
    note: &mut dyn FnMut(&str, String),
) {
    for (kind, what, why) in CHARGED {
        if template.lines().any(|line| names_type(line, kind)) {
            note(what, why.to_owned());
        }
    }
    let mentions = |word: &str| {
        template
            .lines()
            .any(|line| !comment(line) && line.contains(word))
    };
    if mentions("AWS::CloudTrail::Trail") && mentions("DataResources") {
        note("CloudTrail", "a charge for each data event".to_owned());
    }
    // Conditions are not evaluated; the one of the built-in trail is known by its parameter.
    let off = parameters.get("Insights") == Some(&Expr::literal("false"));
    if mentions("InsightSelectors") && !off {
        note(
            "CloudTrail",
            "a charge for events analysed by Insights".to_owned(),
        );
    }
}

/// Whether a template line, YAML or JSON, gives exactly this resource type.
fn names_type(line: &str, kind: &str) -> bool {
    !comment(line)
        && line
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'))
            .any(|word| word == kind || word.strip_prefix("Type:") == Some(kind))
}

fn comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_for_what_is_charged() {
        let mut found = Vec::new();
        from_template(
            "Resources:\n  # AWS::KMS::Key is not here\n  R:\n    Type: AWS::Config::ConfigurationRecorder\n  B: {\"Type\":\"AWS::S3::Bucket\"}\n  P:\n    Type: AWS::S3::BucketPolicy\n",
            &BTreeMap::new(),
            &mut |what, _| found.push(what.to_owned()),
        );
        assert_eq!(found, ["AWS Config", "S3"]);
    }

    #[test]
    fn insights_cost_only_where_they_are_on() {
        let template = "Type: AWS::CloudTrail::Trail\nInsightSelectors: !If [Insights, [], []]\n";
        for (on, expected) in [("true", true), ("false", false)] {
            let mut charged = false;
            let parameters = BTreeMap::from([("Insights".to_owned(), Expr::literal(on))]);
            from_template(template, &parameters, &mut |_, why| {
                charged |= why.contains("Insights");
            });
            assert_eq!(charged, expected, "{on}");
        }
    }
}
