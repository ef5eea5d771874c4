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
    ("sts", "AssumeRoot", assume_root),
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
    let principal = format!("arn:aws:sts::{account}:assumed-role/{name}/{session}");
    let user_id = format!("{role_id}:{session}");
    let opened = open(
        world,
        seconds,
        Credential {
            account,
            principal: principal.clone(),
            user_id: user_id.clone(),
            expires: None,
            token: None,
            session: policies,
        },
    );
    Ok(json!({
        "Credentials": opened,
        "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": principal},
    }))
}

/// Opens a session of so many seconds; what it is opened by, as STS answers it.
fn open(world: &mut World, seconds: i64, credential: Credential) -> Value {
    let expires = world.now.plus_secs(seconds);
    let key = format!("ASIA{}", world.rng.capitals(16));
    let secret = world.rng.letters(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        40,
    );
    let token = format!("sandbox-{}", world.rng.hex(64));
    world.credentials.insert(
        key.clone(),
        Credential {
            expires: Some(expires),
            token: Some(token.clone()),
            ..credential
        },
    );
    world.after(
        (seconds + FORGET_AFTER_SECS) * 1000,
        Due::ForgetSession(key.clone()),
    );
    json!({
        "AccessKeyId": key,
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": expires.json(),
    })
}

/// The tasks that a session of a member's root user may be opened for: AWS's managed policy, the feature of centralized
/// root access that it belongs to, and what it allows (IAM User Guide, "Perform a privileged task on an AWS Organizations
/// member account" and "AWS managed policies for IAM"; M:sts AssumeRoot). The documents are AWS's to change: what they are for is
/// kept here.
const ROOT_TASKS: &[(&str, &str, &[&str])] = &[
    (
        "IAMAuditRootUserCredentials",
        ROOT_CREDENTIALS,
        &[
            "iam:GetAccessKeyLastUsed",
            "iam:GetAccountSummary",
            "iam:GetLoginProfile",
            "iam:GetUser",
            "iam:ListAccessKeys",
            "iam:ListMFADevices",
            "iam:ListSigningCertificates",
        ],
    ),
    (
        "IAMCreateRootUserPassword",
        ROOT_CREDENTIALS,
        &["iam:CreateLoginProfile", "iam:GetLoginProfile"],
    ),
    (
        "IAMDeleteRootUserCredentials",
        ROOT_CREDENTIALS,
        &[
            "iam:DeactivateMFADevice",
            "iam:DeleteAccessKey",
            "iam:DeleteLoginProfile",
            "iam:DeleteSigningCertificate",
            "iam:DeleteVirtualMFADevice",
            "iam:GetAccessKeyLastUsed",
            "iam:GetLoginProfile",
            "iam:GetUser",
            "iam:ListAccessKeys",
            "iam:ListMFADevices",
            "iam:ListSigningCertificates",
        ],
    ),
    (
        "S3UnlockBucketPolicy",
        ROOT_SESSIONS,
        &[
            "s3:DeleteBucketPolicy",
            "s3:GetBucketPolicy",
            "s3:ListAllMyBuckets",
            "s3:PutBucketPolicy",
        ],
    ),
    (
        "SQSUnlockQueuePolicy",
        ROOT_SESSIONS,
        &[
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ListQueues",
            "sqs:SetQueueAttributes",
        ],
    ),
];
const ROOT_TASK: &str = "arn:aws:iam::aws:policy/root-task/";
const ROOT_CREDENTIALS: &str = "RootCredentialsManagement";
const ROOT_SESSIONS: &str = "RootSessions";
/// The longest, and what is given where nothing is asked for (M:sts AssumeRoot).
const ROOT_SECS: i64 = 900;

/// A session of a member's root user, for one task: asked for by the management account or IAM's delegated administrator, of an
/// organization that manages root access centrally. What it may do is what its task says and the member's policies leave, as
/// they bind its root user.
fn assume_root(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let target = call.text("TargetPrincipal");
    let account = root_of(target)
        .ok_or_else(|| AwsError::new("ValidationError", format!("{target} is invalid")))?
        .to_owned();
    let arn = call.get("TaskPolicyArn").get("arn").and_then(Value::as_str);
    let arn = arn.unwrap_or_default();
    let task = ROOT_TASKS
        .iter()
        .find(|(name, _, _)| arn.strip_prefix(ROOT_TASK) == Some(name));
    let Some((_, feature, actions)) = task else {
        let message = format!("{arn} is no policy of a task of the root user");
        return Err(AwsError::new("ValidationError", message));
    };
    // AWS documents no other answer than this, whatever is missing.
    let denied = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRoot on resource: arn:aws:iam::{account}:root",
            call.principal
        );
        AwsError::new("AccessDenied", message).status(403)
    };
    let organization = world.organization.as_ref().ok_or_else(denied)?;
    let management = organization.management_account.clone();
    let administers = call.account == management
        || organization
            .delegated
            .get(&call.account)
            .is_some_and(|services| services.contains_key("iam.amazonaws.com"));
    let root = call.principal.ends_with(":root") || call.principal.ends_with(":assumed-root");
    let member = account != management && organization.members.contains_key(&account);
    let trusted = organization.trusts("iam.amazonaws.com");
    let on = world
        .account(&management)
        .is_some_and(|it| it.iam.root_features.iter().any(|known| known == feature));
    let open_there = world
        .account(&account)
        .is_some_and(|it| it.closed.is_none());
    if !administers || root || !member || !trusted || !on || !open_there {
        return Err(denied());
    }
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    });
    let opened = open(
        world,
        call.int("DurationSeconds").unwrap_or(ROOT_SECS),
        Credential {
            principal: format!("arn:aws:sts::{account}:assumed-root"),
            user_id: account.clone(),
            account,
            expires: None,
            token: None,
            session: Some(vec![document.to_string()]),
        },
    );
    Ok(json!({ "Credentials": opened }))
}

/// The account of a root user, which is named by its id or its ARN.
pub(super) fn root_of(target: &str) -> Option<&str> {
    let id = match target.strip_prefix("arn:aws:iam::") {
        Some(rest) => rest.strip_suffix(":root")?,
        None => target,
    };
    (id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(id)
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
    use crate::cloudformation::fixtures::{self, HOME, LOGGING, MANAGEMENT, SECOPS};
    use crate::{permissions, table};

    fn ask(
        world: &mut World,
        account: &str,
        who: &str,
        (service, operation): (&str, &str),
        input: Value,
    ) -> Result<Value, String> {
        let call = Call::internal(
            account,
            HOME,
            &permissions::principal(who, account),
            world.now,
            input,
        );
        let answer = table::invoke(world, service, operation, &call);
        answer.map_err(|error| error.code.to_string())
    }

    fn task(name: &str, target: &str) -> Value {
        json!({"TargetPrincipal": target, "TaskPolicyArn": {"arn": format!("{ROOT_TASK}{name}")}})
    }

    const UNLOCK: &str = "S3UnlockBucketPolicy";
    const ROOT: (&str, &str) = ("sts", "AssumeRoot");

    /// As centralized root access asks for, one after the other: trusted access, the feature, an administrator of it.
    #[test]
    fn a_session_of_a_members_root_user_needs_the_organizations_leave() {
        let mut world = fixtures::world(2);
        let denied = Err("AccessDenied".to_owned());
        let open = |world: &mut World, who: (&str, &str), task: Value| {
            ask(world, who.0, who.1, ROOT, task).map(|_| ())
        };
        let admin = (MANAGEMENT, "user/admin");
        assert_eq!(open(&mut world, admin, task(UNLOCK, LOGGING)), denied);
        let trust = json!({"ServicePrincipal": "iam.amazonaws.com"});
        let enable = ("organizations", "EnableAWSServiceAccess");
        ask(&mut world, MANAGEMENT, "user/admin", enable, trust).expect("trusted");
        assert_eq!(open(&mut world, admin, task(UNLOCK, LOGGING)), denied);
        let sessions = ("iam", "EnableOrganizationsRootSessions");
        ask(&mut world, MANAGEMENT, "user/admin", sessions, json!({})).expect("enabled");
        for target in [LOGGING.to_owned(), format!("arn:aws:iam::{LOGGING}:root")] {
            assert_eq!(open(&mut world, admin, task(UNLOCK, &target)), Ok(()));
        }
        // The other feature is not on.
        let audit = "IAMAuditRootUserCredentials";
        assert_eq!(open(&mut world, admin, task(audit, LOGGING)), denied);
        let credentials = ("iam", "EnableOrganizationsRootCredentialsManagement");
        ask(&mut world, MANAGEMENT, "user/admin", credentials, json!({})).expect("enabled");
        assert_eq!(open(&mut world, admin, task(audit, LOGGING)), Ok(()));
        // Not to root users, of the management account, of strangers, nor by members.
        for (who, target) in [
            ((MANAGEMENT, "root"), LOGGING),
            (admin, MANAGEMENT),
            (admin, "999999999999"),
            ((SECOPS, "Administrator"), LOGGING),
        ] {
            assert_eq!(
                open(&mut world, who, task(UNLOCK, target)),
                denied,
                "{who:?}"
            );
        }
        let register = ("organizations", "RegisterDelegatedAdministrator");
        let iam = json!({"AccountId": SECOPS, "ServicePrincipal": "iam.amazonaws.com"});
        ask(&mut world, MANAGEMENT, "user/admin", register, iam).expect("registered");
        let delegated = (SECOPS, "Administrator");
        assert_eq!(open(&mut world, delegated, task(UNLOCK, LOGGING)), Ok(()));
        let features = ("iam", "ListOrganizationsFeatures");
        let listed = ask(&mut world, SECOPS, "Administrator", features, json!({}));
        assert_eq!(
            listed.expect("listed")["EnabledFeatures"][0],
            "RootSessions"
        );
        // The five tasks are all that there is.
        let other = json!({"TargetPrincipal": LOGGING,
            "TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}});
        assert_eq!(
            open(&mut world, admin, other),
            Err("ValidationError".to_owned())
        );
        assert_eq!(
            open(&mut world, admin, task(UNLOCK, "somebody")),
            Err("ValidationError".to_owned())
        );
    }

    /// It is the member's root user to policies, for its task alone, and for a quarter of an hour.
    #[test]
    fn a_session_of_a_root_user_does_its_task_and_nothing_else() {
        let mut world = fixtures::world(2);
        let organization = world.organization.as_mut().expect("is there");
        organization
            .trusted
            .insert("iam.amazonaws.com".to_owned(), world.now);
        let management = world.accounts.get_mut(MANAGEMENT).expect("is there");
        management.iam.root_features = vec![ROOT_SESSIONS.to_owned()];
        let opened = ask(
            &mut world,
            MANAGEMENT,
            "user/admin",
            ROOT,
            task(UNLOCK, LOGGING),
        );
        let opened = opened.expect("opened");
        let key = opened["Credentials"]["AccessKeyId"]
            .as_str()
            .expect("a key");
        let known = world.credentials.get(key).expect("known").clone();
        assert_eq!(
            (known.account.as_str(), known.user_id.as_str()),
            (LOGGING, LOGGING)
        );
        assert_eq!(known.expires, Some(world.now.plus_secs(900)));
        let may = |service: &str, operation: &str| {
            let input = json!({"Bucket": "logs", "Key": "x"});
            let call = Call {
                session: known.session.clone(),
                ..Call::internal(LOGGING, HOME, &known.principal, world.now, input)
            };
            permissions::check(&world, service, operation, &call).is_ok()
        };
        assert!(may("s3", "DeleteBucketPolicy") && may("s3", "PutBucketPolicy"));
        for (service, operation) in [
            ("s3", "DeleteObject"),
            ("s3", "PutBucketAcl"),
            ("iam", "CreateRole"),
            ("sts", "AssumeRole"),
        ] {
            assert!(!may(service, operation), "{service}:{operation}");
        }
        let call = Call::internal(LOGGING, HOME, &known.principal, world.now, json!({}));
        let judged = permissions::judge(&world, "s3", "ListBuckets", &call);
        let values: Vec<(&str, &[String])> = judged[0].0.context.values().collect();
        let has = |key: &str, value: &str| values.contains(&(key, &[value.to_owned()][..]));
        assert!(has("aws:assumedroot", "true"));
        assert!(has(
            "aws:principalarn",
            &format!("arn:aws:iam::{LOGGING}:root")
        ));
    }

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
