//! Service control policies that keep StackSets from working in an account. The `stacksets-exec-*` roles are no
//! service-linked ones, so policies bind them like everybody: in a quarantine OU that denies everything no stack can be taken
//! away any more.

use std::collections::BTreeMap;

use serde_json::Value;

use super::context::{Context, Standing};
use crate::inventory::AccountFacts;
use crate::plan::{AccountId, AccountKey, OuPath, PolicyType};

/// Whether a policy keeps StackSets from taking an account's stacks away, with its name and where it is attached.
pub(super) enum Denied {
    No,
    /// Not where the account lies, but where it goes.
    AfterTheMove(String),
    /// Where the account lies and stays, or lies and goes.
    Here(String),
}

impl Denied {
    pub(super) fn of(ctx: &Context<'_>, key: &AccountKey, template: &str) -> Self {
        let (Standing::Present(facts), Some(planned)) =
            (ctx.standing(key), ctx.plan.accounts.get(key))
        else {
            return Denied::No;
        };
        let denies = |content: &str| denies(content, template, &facts.id);
        let here = live(ctx, &facts.parent, facts, &denies);
        if ctx.parent_id(&planned.ou) == Some(facts.parent.as_str()) {
            return here.map_or(Denied::No, Denied::Here);
        }
        let there = ctx
            .parent_id(&planned.ou)
            .and_then(|id| live(ctx, id, facts, &denies))
            .or_else(|| to_be(ctx, key, &planned.ou, &denies));
        match (here, there) {
            (_, None) => Denied::No,
            (None, Some(policy)) => Denied::AfterTheMove(policy),
            (Some(policy), Some(_)) => Denied::Here(policy),
        }
    }
}

/// Of the policies that are attached to the account, to an OU or the root, and to what lies above.
fn live(
    ctx: &Context<'_>,
    parent: &str,
    facts: &AccountFacts,
    denies: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let ous = ctx.inventory.ous.known();
    let mut chain: Vec<&str> = vec![facts.id.as_str()];
    let mut at = Some(parent);
    while let Some(id) = at {
        chain.push(id);
        at = ous.and_then(|ous| Some(ous.get(id)?.parent.as_str()));
    }
    let policies = ctx.inventory.policies.known();
    let mut policies = policies.into_iter().flat_map(BTreeMap::values);
    policies.find_map(|policy| {
        let targets = policy.targets.known()?;
        let target = chain.iter().find(|id| targets.contains(**id))?;
        let bound = policy.kind == PolicyType::ServiceControlPolicy
            && policy.content.known().is_some_and(|text| denies(text));
        bound.then(|| {
            let on = match *target == facts.id.as_str() {
                true => "the account".to_owned(),
                false => ctx.parent_name(target),
            };
            named(&policy.name, &on)
        })
    })
}

/// Of the plan's own that are to be attached.
fn to_be(
    ctx: &Context<'_>,
    key: &AccountKey,
    path: &OuPath,
    denies: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let plan = ctx.plan;
    let above = std::iter::successors(Some(path.clone()), OuPath::parent);
    let ous = above.flat_map(|path| {
        let policies = plan.ous.get(&path).map(|ou| &ou.policies);
        let policies = policies.into_iter().flatten();
        policies.map(move |policy| (policy, path.to_string()))
    });
    let root = plan.organization.policies.iter();
    let own = plan.accounts.get(key).map(|planned| &planned.policies);
    let mut all = ous
        .chain(root.map(|policy| (policy, "root".to_owned())))
        .chain(
            own.into_iter()
                .flatten()
                .map(|policy| (policy, "the account".to_owned())),
        );
    all.find_map(|(policy, on)| {
        let planned = plan.policies.get(policy)?;
        let bound = planned.kind == PolicyType::ServiceControlPolicy && denies(&planned.content);
        bound.then(|| named(planned.aws_name(policy), &on))
    })
}

fn named(policy: &str, on: &str) -> String {
    format!("the policy {policy} on {on}")
}

/// What StackSets' role does when it deletes a stack, as far as templates tell.
fn deletions(template: &str) -> Vec<&'static str> {
    let mut actions = vec!["cloudformation:DeleteStack"];
    for (kind, action) in [
        (
            "AWS::Config::ConfigurationRecorder",
            "config:DeleteConfigurationRecorder",
        ),
        (
            "AWS::Config::ConfigurationRecorder",
            "config:StopConfigurationRecorder",
        ),
        (
            "AWS::Config::DeliveryChannel",
            "config:DeleteDeliveryChannel",
        ),
        ("AWS::IAM::Role", "iam:DeleteRole"),
        ("AWS::SSM::Association", "ssm:DeleteAssociation"),
        ("AWS::SSM::Document", "ssm:DeleteDocument"),
    ] {
        if template.contains(kind) {
            actions.push(action);
        }
    }
    actions
}

/// Whether a policy surely denies StackSets' role in an account what it takes to delete a stack. A condition that cannot be
/// judged from here counts as not met.
fn denies(content: &str, template: &str, account: &AccountId) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(content) else {
        return false;
    };
    let actions = deletions(template);
    let role =
        format!("arn:aws:iam::{account}:role/stacksets-exec-0123456789abcdef0123456789abcdef");
    list(document.get("Statement"))
        .into_iter()
        .any(|statement| {
            statement.get("Effect").and_then(Value::as_str) == Some("Deny")
                && actions
                    .iter()
                    .any(|action| names(statement, "Action", "NotAction", action))
                && names(statement, "Resource", "NotResource", "*")
                && statement
                    .get("Condition")
                    .is_none_or(|condition| meets(condition, &role))
        })
}

/// Whether an element, or its opposite, names something.
fn names(statement: &Value, element: &str, opposite: &str, what: &str) -> bool {
    let any = |value: &Value| {
        list(Some(value))
            .into_iter()
            .filter_map(Value::as_str)
            .any(|pattern| like(&pattern.to_ascii_lowercase(), &what.to_ascii_lowercase()))
    };
    match (statement.get(element), statement.get(opposite)) {
        (Some(value), _) => any(value),
        (None, Some(value)) => !any(value),
        (None, None) => false,
    }
}

/// Whether a role meets a condition that is about principals only.
fn meets(condition: &Value, role: &str) -> bool {
    let Some(operators) = condition.as_object() else {
        return false;
    };
    operators.iter().all(|(operator, keys)| {
        let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
        let negative = match operator {
            "ArnNotLike" | "ArnNotEquals" | "StringNotLike" | "StringNotEquals" => true,
            "ArnLike" | "ArnEquals" | "StringLike" | "StringEquals" => false,
            _ => return false,
        };
        let Some(keys) = keys.as_object() else {
            return false;
        };
        keys.iter().all(|(key, patterns)| {
            let matched = list(Some(patterns))
                .into_iter()
                .filter_map(Value::as_str)
                .any(|pattern| like(pattern, role));
            key.eq_ignore_ascii_case("aws:PrincipalArn") && matched != negative
        })
    })
}

/// One value or many, as policies write both.
fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(values)) => values.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// `*` for anything and `?` for one character, as in policies.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let mut reach = vec![false; text.len() + 1];
    if let Some(first) = reach.first_mut() {
        *first = true;
    }
    for part in pattern {
        let mut next = vec![false; text.len() + 1];
        let mut before = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let here = reach.get(at).copied().unwrap_or(false);
            let behind = at
                .checked_sub(1)
                .and_then(|at| Some((reach.get(at)?, text.get(at)?)));
            *slot = match part {
                '*' => here || before,
                '?' => behind.is_some_and(|(reached, _)| *reached),
                part => behind.is_some_and(|(reached, c)| *reached && *c == part),
            };
            before = *slot;
        }
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDER: &str = "AWS::Config::ConfigurationRecorder";

    fn denied(statement: &str) -> bool {
        let content = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        denies(&content, RECORDER, &"222222222222".parse().unwrap())
    }

    #[test]
    fn what_binds_stack_sets_is_seen() {
        for (statement, expected) in [
            (r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#, true),
            (
                r#"{"Effect":"Deny","Action":["s3:*","config:Delete*"],"Resource":"*"}"#,
                true,
            ),
            (
                r#"{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*"}"#,
                true,
            ),
            (
                r#"{"Effect":"Deny","NotAction":["config:*","cloudformation:*"],"Resource":"*"}"#,
                false,
            ),
            (
                r#"{"Effect":"Deny","Action":"ec2:*","Resource":"*"}"#,
                false,
            ),
            (r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#, false),
            (
                r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalARN":["arn:aws:iam::*:role/Admin","arn:aws:iam::*:role/stacksets-exec-*"]}}}"#,
                false,
            ),
            (
                r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLikeIfExists":{"aws:PrincipalArn":"arn:aws:iam::*:role/Admin"}}}"#,
                true,
            ),
            (
                r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}"#,
                false,
            ),
            (
                r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}"#,
                false,
            ),
        ] {
            assert_eq!(denied(statement), expected, "{statement}");
        }
    }
}
