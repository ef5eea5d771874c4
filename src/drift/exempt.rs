//! Roles under names that `protect-baseline` exempts. Nobody can make one where it is in force; one that was made before, as in
//! an account that was invited, gets around it. Who made a role nobody can ask, but whom it trusts can be read: the
//! management account alone takes those that orgstrap, StackSets and Control Tower make.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::inventory::RoleFacts;
use crate::plan::AccountId;

/// Names that are exempt, and who makes roles of them.
pub(super) struct Exempt<'a> {
    pub management: &'a AccountId,
    pub access_role: &'a str,
    pub prefix: &'a str,
    /// Whether the plan's baselines bring the repairing role.
    pub repairs: bool,
    /// Whether Control Tower governs some OU.
    pub control_tower: bool,
}

/// StackSets' roles: the name, and whose service-linked role in the management account takes them.
const STACK_SETS: &str = "stacksets-exec-";
const CONTROL_TOWER: &str = "AWSControlTowerExecution";

impl Exempt<'_> {
    /// The roles of an account that are exempt and were made by somebody else, each with what tells.
    pub(super) fn strangers(
        &self,
        roles: &BTreeMap<String, RoleFacts>,
    ) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (name, facts) in roles {
            let trusts = &facts.trusts;
            let exec = format!("{}-exec", self.prefix);
            let why = if *name == exec && !self.repairs {
                Some("the plan has no baseline `roles`, which makes it".to_owned())
            } else if *name == exec || name == self.access_role {
                self.foreign(trusts)
            } else if let Some(id) = name.strip_prefix(STACK_SETS) {
                let made = id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit());
                match made {
                    true => self.foreign(trusts),
                    false => Some("StackSets gives its own 32 hexadecimal digits".to_owned()),
                }
            } else if name == CONTROL_TOWER && self.control_tower {
                self.foreign(trusts)
            } else {
                None
            };
            if let Some(why) = why {
                found.insert(name.clone(), why);
            }
        }
        found
    }

    /// Whom else a role trusts than the management account.
    fn foreign(&self, trusts: &str) -> Option<String> {
        let text = percent_decode_str(trusts).decode_utf8_lossy();
        let Ok(document) = serde_json::from_str::<Value>(&text) else {
            return Some("whom it trusts cannot be read".to_owned());
        };
        let management = self.management.as_str();
        let own = |principal: &str| {
            principal == management
                || principal
                    .strip_prefix("arn:aws:iam::")
                    .is_some_and(|rest| rest.split(':').next() == Some(management))
        };
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let mut others = Vec::new();
        for statement in statements {
            if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
                continue;
            }
            match statement.get("Principal") {
                Some(Value::Object(kinds)) => {
                    for (kind, principals) in kinds {
                        let principals = match principals {
                            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
                            one => one.as_str().into_iter().collect::<Vec<_>>(),
                        };
                        let foreign = principals
                            .into_iter()
                            .filter(|who| kind != "AWS" || !own(who));
                        others.extend(foreign.map(str::to_owned));
                    }
                }
                Some(Value::String(all)) => others.push(all.clone()),
                // NotPrincipal with Allow trusts nearly everybody.
                _ => others.push("whoever is not named".to_owned()),
            }
        }
        others.sort();
        others.dedup();
        (!others.is_empty()).then(|| format!("it trusts {}", others.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "stacksets-exec-0123456789abcdef0123456789abcdef";

    fn told(name: &str, principal: &str) -> Option<String> {
        let management: AccountId = "111111111111".parse().unwrap();
        let exempt = Exempt {
            management: &management,
            access_role: "Access",
            prefix: "org",
            repairs: true,
            control_tower: true,
        };
        let trusts = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#
        );
        let facts = RoleFacts {
            trusts,
            ..RoleFacts::default()
        };
        let roles = BTreeMap::from([(name.to_owned(), facts)]);
        exempt.strangers(&roles).remove(name)
    }

    #[test]
    fn what_the_management_account_alone_takes_is_nobody_elses() {
        for (name, principal) in [
            ("Access", r#"{"AWS":"arn:aws:iam::111111111111:root"}"#),
            ("Access", r#"{"AWS":"111111111111"}"#),
            ("org-exec", r#"{"AWS":["arn:aws:iam::111111111111:root"]}"#),
            (
                HEX,
                r#"{"AWS":"arn:aws:iam::111111111111:role/aws-service-role/stacksets.cloudformation.amazonaws.com/AWSServiceRoleForCloudFormationStackSetsOrgAdmin"}"#,
            ),
            (CONTROL_TOWER, r#"{"AWS":"arn:aws:iam::111111111111:root"}"#),
            // These are not exempt.
            ("org-audit", r#"{"AWS":"arn:aws:iam::333333333333:root"}"#),
            ("org-executor", r#"{"Service":"ec2.amazonaws.com"}"#),
        ] {
            assert_eq!(told(name, principal), None, "{name} {principal}");
        }
    }

    #[test]
    fn an_exempt_role_that_trusts_somebody_else_is_told() {
        for (name, principal, who) in [
            (
                "Access",
                r#"{"AWS":"arn:aws:iam::444444444444:root"}"#,
                "arn:aws:iam::444444444444:root",
            ),
            ("Access", r#""*""#, "*"),
            (
                "org-exec",
                r#"{"AWS":["arn:aws:iam::111111111111:root","arn:aws:iam::444444444444:role/Admin"]}"#,
                "arn:aws:iam::444444444444:role/Admin",
            ),
            (
                HEX,
                r#"{"Service":"lambda.amazonaws.com"}"#,
                "lambda.amazonaws.com",
            ),
            (
                CONTROL_TOWER,
                r#"{"Federated":"cognito-identity.amazonaws.com"}"#,
                "cognito",
            ),
            (
                "stacksets-exec-mine",
                r#"{"AWS":"arn:aws:iam::111111111111:root"}"#,
                "32 hexadecimal",
            ),
        ] {
            let message = told(name, principal).expect(name);
            assert!(message.contains(who), "{name}: {message}");
        }
    }

    #[test]
    fn what_aws_returns_is_percent_encoded() {
        let management: AccountId = "111111111111".parse().unwrap();
        let exempt = Exempt {
            management: &management,
            access_role: "Access",
            prefix: "org",
            repairs: false,
            control_tower: false,
        };
        let trusts = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22AWS%22%3A%22111111111111%22%7D%7D%7D";
        let facts = RoleFacts {
            trusts: trusts.to_owned(),
            ..RoleFacts::default()
        };
        let roles = BTreeMap::from([
            ("Access".to_owned(), facts.clone()),
            ("org-exec".to_owned(), facts),
        ]);
        let found = exempt.strangers(&roles);
        assert_eq!(found.len(), 1);
        assert!(found["org-exec"].contains("no baseline"));
    }
}
