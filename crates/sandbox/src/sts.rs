//! STS: who calls, and sessions of assumed roles.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::authorization::like;
use super::call::{AwsError, Call};
use super::lags::Lag;
use super::table::Row;
use super::time::Time;
use super::world::{Due, World};

/// The access key id of the management account's user. Fixed and public: it opens nothing but a sandbox.
pub const MANAGEMENT_ACCESS_KEY: &str = "AKIASANDBOXMANAGEMNT";
/// The secret that goes with it. Fixed and public; the sandbox does not check signatures.
pub const MANAGEMENT_SECRET_KEY: &str = "sandbox-management-secret-not-a-real-key";

/// A session is forgotten this long after it expired; until then it is answered as expired.
const FORGET_AFTER_SECS: i64 = 3600;
/// A session of a role that a role assumed lasts no longer (AWS_FACTS 6; M:sts AssumeRole).
const CHAINED_SECS: i64 = 3600;

/// What an access key opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    pub account: String,
    /// The ARN that GetCallerIdentity answers.
    pub principal: String,
    pub user_id: String,
    /// `None` for a long-lived key.
    pub expires: Option<Time>,
    /// Sessions must send it.
    pub token: Option<String>,
    /// Documents of the policies that the session was taken with.
    #[serde(default)]
    pub session: Option<Vec<String>>,
}

/// Gives the management account its well-known key.
pub fn give_management_key(world: &mut World) {
    let account = world.management_account.clone();
    world.credentials.insert(
        MANAGEMENT_ACCESS_KEY.to_owned(),
        Credential {
            principal: format!("arn:aws:iam::{account}:user/admin"),
            user_id: format!("AIDA{}", world.rng.capitals(17)),
            account,
            expires: None,
            token: None,
            session: None,
        },
    );
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("sts", "AssumeRole", assume_role),
    ("sts", "GetCallerIdentity", get_caller_identity),
];

fn get_caller_identity(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let user_id = world
        .credentials
        .values()
        .find(|known| known.principal == call.principal)
        .map_or_else(|| call.account.clone(), |known| known.user_id.clone());
    Ok(json!({"UserId": user_id, "Account": call.account, "Arn": call.principal}))
}

fn assume_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("RoleArn");
    // The same answer whether the role is missing, too new or does not trust the caller: STS does not tell.
    let denied = || {
        AwsError::new(
            "AccessDenied",
            format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                call.principal
            ),
        )
        .status(403)
    };
    let (account, name) = role_of(arn)
        .ok_or_else(|| AwsError::new("ValidationError", format!("{arn} is invalid")))?;
    let chained = call.principal.contains(":assumed-role/");
    let seconds = call.int("DurationSeconds").unwrap_or(3600);
    let owner = world.account(&account).ok_or_else(denied)?;
    let role = owner.iam.roles.get(&name).ok_or_else(denied)?;
    if owner.closed.is_some()
        || role.usable_from > call.now
        || (world.lags).holds(Lag::Role, &format!("{account} {name}"), call.now)
        || !trusts(
            &role.trust,
            &call.account,
            &call.principal,
            call.str("ExternalId"),
            organization_of(world, &call.account),
        )
    {
        return Err(denied());
    }
    let longest = role.max_session_seconds.max(3600);
    if seconds > longest {
        return Err(AwsError::new(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    if chained && seconds > CHAINED_SECS {
        return Err(AwsError::new(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let session = call.text("RoleSessionName");
    let policies = session_policies(world, &account, call);
    let role_id = role.id.clone();
    let expires = call.now.plus_secs(seconds);
    let key = format!("ASIA{}", world.rng.capitals(16));
    let secret = world.rng.letters(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        40,
    );
    let token = format!("sandbox-{}", world.rng.hex(64));
    let principal = format!("arn:aws:sts::{account}:assumed-role/{name}/{session}");
    let user_id = format!("{role_id}:{session}");
    world.credentials.insert(
        key.clone(),
        Credential {
            account,
            principal: principal.clone(),
            user_id: user_id.clone(),
            expires: Some(expires),
            token: Some(token.clone()),
            session: policies,
        },
    );
    world.after(
        (seconds + FORGET_AFTER_SECS) * 1000,
        Due::ForgetSession(key.clone()),
    );
    Ok(json!({
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": expires.json(),
        },
        "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": principal},
    }))
}

/// The policies that a session is taken with: a session may do what both they and the role's own allow. Managed ones that
/// the sandbox does not know are taken to allow.
fn session_policies(world: &World, account: &str, call: &Call) -> Option<Vec<String>> {
    let inline = call.str("Policy").map(str::to_owned);
    let arns = call.list("PolicyArns").iter();
    let managed: Option<Vec<String>> = arns
        .filter_map(|it| it.get("arn")?.as_str())
        .map(|arn| {
            Some(
                world
                    .account(account)?
                    .iam
                    .policies
                    .get(arn)?
                    .document
                    .clone(),
            )
        })
        .collect();
    let all: Vec<String> = inline.into_iter().chain(managed?).collect();
    (!all.is_empty()).then_some(all)
}

/// Account and role name of a role's ARN, path left out.
fn role_of(arn: &str) -> Option<(String, String)> {
    let rest = arn.strip_prefix("arn:aws:iam::")?;
    let (account, path) = rest.split_once(":role/")?;
    let name = path.rsplit('/').next()?;
    Some((account.to_owned(), name.to_owned()))
}

/// The organization that an account belongs to.
fn organization_of<'w>(world: &'w World, account: &str) -> Option<&'w str> {
    let organization = world.organization.as_ref()?;
    let inside =
        organization.management_account == account || organization.members.contains_key(account);
    inside.then_some(organization.id.as_str())
}

/// Whether a trust policy lets a principal in. Understands `Principal: {"AWS": …}` by account, account root,
/// role or session ARN and `*`, and the conditions `sts:ExternalId`, `aws:PrincipalArn`,
/// `aws:PrincipalAccount` and `aws:PrincipalOrgID`; any other condition counts as not met.
fn trusts(
    policy: &str,
    account: &str,
    principal: &str,
    external_id: Option<&str>,
    organization: Option<&str>,
) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else {
        return false;
    };
    let role = match principal.split_once(":assumed-role/") {
        Some((_, rest)) => {
            let name = rest.split('/').next().unwrap_or_default();
            format!("arn:aws:iam::{account}:role/{name}")
        }
        None => principal.to_owned(),
    };
    let statements = list(&policy["Statement"]);
    let applies = |statement: &&Value| {
        let action = list(&statement["Action"])
            .iter()
            .any(|action| matches!(action.as_str(), Some("sts:AssumeRole" | "sts:*" | "*")));
        let who = match &statement["Principal"] {
            Value::String(all) => all == "*",
            other => list(&other["AWS"]).iter().any(|trusted| {
                let trusted = trusted.as_str().unwrap_or_default();
                trusted == "*"
                    || trusted == account
                    || trusted == format!("arn:aws:iam::{account}:root")
                    || trusted == principal
                    || trusted == role
            }),
        };
        let conditions = statement["Condition"].as_object();
        let met = conditions.is_none_or(|operators| {
            operators.iter().all(|(operator, keys)| {
                keys.as_object().into_iter().flatten().all(|(key, wanted)| {
                    let actual = match key.to_ascii_lowercase().as_str() {
                        "sts:externalid" => external_id,
                        "aws:principalarn" => Some(role.as_str()),
                        "aws:principalaccount" => Some(account),
                        "aws:principalorgid" => organization,
                        _ => None,
                    };
                    let Some(actual) = actual else {
                        return false;
                    };
                    let wanted = list(wanted);
                    let with_wildcards = operator.contains("Like");
                    wanted
                        .iter()
                        .filter_map(|value| value.as_str())
                        .any(|value| {
                            if with_wildcards {
                                like(value, actual)
                            } else {
                                value == actual
                            }
                        })
                })
            })
        });
        action && who && met
    };
    let effect = |statement: &Value, effect: &str| statement["Effect"].as_str() == Some(effect);
    let allowed = statements
        .iter()
        .any(|it| effect(it, "Allow") && applies(it));
    let denied = statements
        .iter()
        .any(|it| effect(it, "Deny") && applies(it));
    allowed && !denied
}

/// A value or list of values of a policy, as a list.
pub(super) fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_by_principal_and_condition() {
        let trust = |principal: &str, condition: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{principal}"}}{condition}}}]}}"#
            )
        };
        let who = "arn:aws:iam::111111111111:user/admin";
        let root = trust("arn:aws:iam::111111111111:root", "");
        assert!(trusts(&root, "111111111111", who, None, None));
        assert!(!trusts(
            &root,
            "222222222222",
            "arn:aws:iam::222222222222:user/admin",
            None,
            None
        ));
        let external = trust(
            "111111111111",
            r#","Condition":{"StringEquals":{"sts:ExternalId":"x"}}"#,
        );
        assert!(trusts(&external, "111111111111", who, Some("x"), None));
        assert!(!trusts(&external, "111111111111", who, None, None));
        assert!(!trusts("not json", "111111111111", who, None, None));
        let role = trust("arn:aws:iam::111111111111:role/exec", "");
        assert!(trusts(
            &role,
            "111111111111",
            "arn:aws:sts::111111111111:assumed-role/exec/s",
            None,
            None
        ));
        let inside = trust(
            "111111111111",
            r#","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a"}}"#,
        );
        for (organization, opens) in [(Some("o-a"), true), (Some("o-b"), false), (None, false)] {
            let opened = trusts(&inside, "111111111111", who, None, organization);
            assert_eq!(opened, opens, "{organization:?}");
        }
    }
}
