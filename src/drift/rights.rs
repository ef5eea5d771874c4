//! What the roles of orgstrap's stacks may do beyond what their templates give them. CloudFormation's drift detection does not
//! see a policy, or a boundary, that a template does not name.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Finding, FindingPlace, Fix, Kind, Severity};
use crate::authorization::like;
use crate::baseline::{Known, MadeRights, Named, Rendering};
use crate::inventory::{AccountRoles, ManagedPolicyFacts};

/// The control under which it is told.
pub(super) const CONTROL: &str = "organization.role-rights";

/// A stack that is there and as AWS holds it.
pub(super) struct Stack<'a> {
    /// What it is called where findings name it.
    pub told: String,
    /// What the name of the stack begins with.
    pub name: String,
    pub template: &'a str,
    pub known: Known,
}

/// An account of the plan, and the stacks in it.
pub(super) struct Account<'a> {
    pub key: String,
    pub place: FindingPlace,
    pub roles: &'a AccountRoles,
    pub stacks: Vec<Stack<'a>>,
}

/// Templates that were read: a stack set has the same in every account and Region.
pub(super) type Renderings<'a> = BTreeMap<&'a str, Result<Rendering, String>>;

/// One thing that is otherwise than the stack sets it.
struct Found {
    severity: Severity,
    title: String,
    hint: String,
}

/// What is told of an account, and how many roles were looked at.
pub(super) fn judge<'a>(
    account: &Account<'a>,
    renderings: &mut Renderings<'a>,
) -> (Vec<Finding>, usize) {
    let mut findings = Vec::new();
    let mut made: Vec<(&Stack<'_>, MadeRights)> = Vec::new();
    for stack in &account.stacks {
        let rendering = renderings
            .entry(stack.template)
            .or_insert_with(|| Rendering::parse(stack.template));
        let rendering = rendering.as_ref().map_err(String::clone);
        match rendering.and_then(|rendering| rendering.rights(&stack.known)) {
            Ok(rights) => made.push((stack, rights)),
            // A template of one's own may use functions that are not known here; `validate` is not stricter.
            Err(why) => findings.push(account.finding(
                Kind::Skipped,
                Severity::Info,
                format!("roles of stack {} in {}", stack.told, account.key),
                format!("what they may do was not compared: {why}"),
                Fix::Nothing,
            )),
        }
    }
    let mut looked_at = BTreeSet::new();
    for (stack, rights) in &made {
        for role in &rights.roles {
            let there = account.roles.roles.iter();
            let there = there.filter(|(name, _)| role.name.is(name, &stack.name));
            for (name, _) in there {
                if looked_at.insert(name.as_str()) {
                    let found = account.role(name, &stack.told, role.bounded, &made);
                    findings.extend(found.into_iter().map(|found| {
                        let subject = format!("role {name} in {}", account.key);
                        account.told(subject, found)
                    }));
                }
            }
        }
        for policy in &rights.policies {
            let there = account.roles.policies.iter();
            let there = there.filter(|(arn, _)| policy.is(arn, &stack.name));
            for (arn, facts) in there {
                findings.extend(versions(arn, facts).into_iter().map(|found| {
                    let name = arn.rsplit('/').next().unwrap_or(arn);
                    account.told(format!("policy {name} in {}", account.key), found)
                }));
            }
        }
    }
    (findings, looked_at.len())
}

impl Account<'_> {
    /// What a role has that no stack gives it.
    fn role(
        &self,
        name: &str,
        stack: &str,
        bounded: bool,
        made: &[(&Stack<'_>, MadeRights)],
    ) -> Vec<Found> {
        let Some(facts) = self.roles.roles.get(name) else {
            return Vec::new();
        };
        let given = |role: &Named, policy: &Named, arn: &str, by: &Stack<'_>| {
            role.is(name, &by.name) && policy.is(arn, &by.name)
        };
        let mut found = Vec::new();
        let after = "see in CloudTrail who did it, and what the role did since; then";
        for arn in &facts.attached {
            let known = made.iter().any(|(by, rights)| {
                let mut attached = rights.attached.iter();
                attached.any(|(role, policy)| given(role, policy, arn, by))
            });
            if known {
                continue;
            }
            let document = self
                .roles
                .policies
                .get(arn)
                .and_then(ManagedPolicyFacts::document);
            found.push(Found {
                severity: severity(document),
                title: format!("{arn} is attached to it, which stack {stack} does not do"),
                hint: format!(
                    "{after}, by the access role: aws iam detach-role-policy --role-name {name} --policy-arn {arn}"
                ),
            });
        }
        for (policy, document) in &facts.inline {
            let known = made.iter().any(|(by, rights)| {
                let mut inline = rights.inline.iter();
                inline.any(|(role, known)| role.is(name, &by.name) && known == policy)
            });
            if known {
                continue;
            }
            found.push(Found {
                severity: severity(Some(document)),
                title: format!("it has an inline policy {policy}, which stack {stack} does not give it"),
                hint: format!(
                    "{after}, by the access role: aws iam delete-role-policy --role-name {name} --policy-name {policy}"
                ),
            });
        }
        if let (Some(arn), false) = (&facts.boundary, bounded) {
            found.push(Found {
                severity: Severity::Medium,
                title: format!("{arn} bounds what it may do, which stack {stack} does not set"),
                hint: format!(
                    "orgstrap's work fails where the boundary does not let it; by the access role: aws iam \
                     delete-role-permissions-boundary --role-name {name}"
                ),
            });
        }
        found
    }

    fn told(&self, subject: String, found: Found) -> Finding {
        let fix = Fix::Person { hint: found.hint };
        self.finding(Kind::Drift, found.severity, subject, found.title, fix)
    }

    fn finding(
        &self,
        kind: Kind,
        severity: Severity,
        subject: String,
        title: String,
        fix: Fix,
    ) -> Finding {
        Finding {
            control: CONTROL.to_owned(),
            kind,
            severity,
            place: self.place.clone(),
            subject,
            title,
            fields: Vec::new(),
            fix,
            references: Vec::new(),
            accounts: BTreeSet::new(),
            address: None,
            cause: None,
        }
    }
}

/// High where it may give rights, which a policy of AWS's own, whose text is not read, always may.
fn severity(document: Option<&str>) -> Severity {
    match document.map(allowed) {
        Some(allowed) if allowed.is_empty() => Severity::Medium,
        _ => Severity::High,
    }
}

/// Versions of a policy that are not in force, and that no stack left behind. CloudFormation makes its new version the one in
/// force and leaves the former ones, so what is newer than that is somebody else's. An older one is told where it allows what the
/// one in force does not.
fn versions(arn: &str, facts: &ManagedPolicyFacts) -> Vec<Found> {
    let number = |version: &str| version.trim_start_matches('v').parse::<u32>().unwrap_or(0);
    let default = number(&facts.default);
    let own = facts.document().map(allowed).unwrap_or_default();
    let mut found = Vec::new();
    for (version, document) in &facts.versions {
        let more: BTreeSet<String> = allowed(document)
            .into_iter()
            .filter(|action| !own.iter().any(|known| like(known, action)))
            .collect();
        let (severity, which) = match number(version) {
            at if at == default => continue,
            at if at > default => (Severity::Medium, "newer than the one in force"),
            _ if more.is_empty() => continue,
            _ => (Severity::Info, "older than the one in force"),
        };
        let more = match more.first() {
            Some(action) => format!(", and allows {action}, which that does not"),
            None => String::new(),
        };
        found.push(Found {
            severity,
            title: format!("it has a version {version} beside {}, {which}{more}", facts.default),
            hint: format!(
                "it does nothing until somebody makes it the one in force; by the access role: aws iam \
                 delete-policy-version --policy-arn {arn} --version-id {version}"
            ),
        });
    }
    found
}

/// What a policy allows, as patterns of actions in small letters; a statement that allows all but some is `*`, as is what cannot be
/// read.
fn allowed(document: &str) -> BTreeSet<String> {
    let text = percent_decode_str(document).decode_utf8_lossy();
    let Ok(document) = serde_json::from_str::<Value>(&text) else {
        return BTreeSet::from(["*".to_owned()]);
    };
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let mut allowed = BTreeSet::new();
    for statement in statements {
        if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
            continue;
        }
        match statement.get("Action") {
            Some(Value::String(action)) => {
                allowed.insert(action.to_lowercase());
            }
            Some(Value::Array(actions)) => {
                let texts = actions.iter().filter_map(Value::as_str);
                allowed.extend(texts.map(str::to_lowercase));
            }
            _ => {
                allowed.insert("*".to_owned());
            }
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::RoleFacts;

    const TEMPLATE: &str = r#"
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: orgstrap-audit
      Policies: [{PolicyName: own}]
  Reads:
    Type: AWS::IAM::ManagedPolicy
    Properties: {ManagedPolicyName: orgstrap-reads, Roles: [!Ref Role]}
"#;
    const READS: &str = "arn:aws:iam::222222222222:policy/orgstrap-reads";

    fn policy(effect: &str, action: &str) -> String {
        format!(r#"{{"Statement":[{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}]}}"#)
    }

    /// What is told where the account's roles are edited so.
    fn told(template: &str, edit: impl Fn(&mut RoleFacts, &mut AccountRoles)) -> Vec<String> {
        let mut roles = AccountRoles::default();
        let mut role = RoleFacts {
            attached: BTreeSet::from([READS.to_owned()]),
            inline: BTreeMap::from([("own".to_owned(), policy("Allow", "*"))]),
            ..RoleFacts::default()
        };
        let reads = ManagedPolicyFacts {
            default: "v2".to_owned(),
            versions: BTreeMap::from([
                ("v1".to_owned(), policy("Allow", "s3:GetBucketAcl")),
                ("v2".to_owned(), policy("Allow", "s3:GetBucket*")),
            ]),
        };
        roles.policies.insert(READS.to_owned(), reads);
        edit(&mut role, &mut roles);
        roles.roles.insert("orgstrap-audit".to_owned(), role);
        roles.roles.insert(
            "theirs".to_owned(),
            RoleFacts {
                attached: BTreeSet::from(
                    ["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
                ),
                ..RoleFacts::default()
            },
        );
        let account = Account {
            key: "shop".to_owned(),
            place: FindingPlace::default(),
            roles: &roles,
            stacks: vec![Stack {
                told: "roles".to_owned(),
                name: "StackSet-orgstrap-roles-".to_owned(),
                template,
                known: Known {
                    account: "222222222222".to_owned(),
                    ..Known::default()
                },
            }],
        };
        let (findings, _) = judge(&account, &mut Renderings::new());
        findings
            .iter()
            .map(|it| format!("{:?} {}: {}", it.severity, it.subject, it.title))
            .collect()
    }

    #[test]
    fn what_a_template_gives_and_what_it_left_behind_is_no_finding() {
        assert_eq!(told(TEMPLATE, |_, _| ()), [""; 0]);
    }

    #[test]
    fn whatever_else_a_role_has_is_found() {
        let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
        let own = "arn:aws:iam::222222222222:policy/theirs";
        let attached = |document: String| {
            told(TEMPLATE, |role, roles| {
                role.attached.insert(own.to_owned());
                let versions = BTreeMap::from([("v1".to_owned(), document.clone())]);
                let default = "v1".to_owned();
                roles
                    .policies
                    .insert(own.to_owned(), ManagedPolicyFacts { default, versions });
            })
        };
        let high = format!(
            "High role orgstrap-audit in shop: {own} is attached to it, which stack roles does not do"
        );
        assert_eq!(attached(policy("Allow", "s3:GetObject")).join("; "), high);
        assert_eq!(attached("no JSON".to_owned()).join("; "), high);
        assert_eq!(
            attached(policy("Deny", "*")),
            [high.replace("High", "Medium")]
        );
        assert_eq!(
            told(TEMPLATE, |role, _| {
                role.attached.insert(administrator.to_owned());
                role.inline
                    .insert("more".to_owned(), "%7B%22Statement%22%3A%5B%5D%7D".to_owned());
                role.boundary = Some("arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned());
            }),
            [
                format!("High role orgstrap-audit in shop: {administrator} is attached to it, which stack roles does not do"),
                "Medium role orgstrap-audit in shop: it has an inline policy more, which stack roles does not give it".to_owned(),
                "Medium role orgstrap-audit in shop: arn:aws:iam::aws:policy/ReadOnlyAccess bounds what it may do, which stack roles does not set".to_owned(),
            ]
        );
    }

    #[test]
    fn versions_that_are_not_in_force_are_found_where_no_stack_left_them() {
        let with = |version: &str, document: String| {
            told(TEMPLATE, |_, roles| {
                let reads = roles.policies.get_mut(READS).expect("is there");
                reads.versions.insert(version.to_owned(), document.clone());
            })
        };
        assert_eq!(
            with("v3", policy("Allow", "*")),
            [
                "Medium policy orgstrap-reads in shop: it has a version v3 beside v2, newer than the one in force, and allows *, which that does not"
            ]
        );
        assert_eq!(
            with("v10", policy("Allow", "s3:GetBucketAcl")),
            [
                "Medium policy orgstrap-reads in shop: it has a version v10 beside v2, newer than the one in force"
            ]
        );
        assert_eq!(
            with("v1", policy("Allow", "s3:PutObject")),
            [
                "Info policy orgstrap-reads in shop: it has a version v1 beside v2, older than the one in force, and allows s3:putobject, which that does not"
            ]
        );
    }

    #[test]
    fn a_template_that_cannot_be_read_is_said_to_be_left_out() {
        let template = TEMPLATE.replace("orgstrap-audit", "!FindInMap [a, b, c]");
        assert_eq!(
            told(&template, |_, _| ()),
            [
                "Info roles of stack roles in shop: what they may do was not compared: `Fn::FindInMap` is not known here"
            ]
        );
    }
}
