//! Service control policies: what a principal of a member account may do at most.
//!
//! At every level from the root to the account some attached policy must allow the call, and none at any level may
//! deny it. The management account and service-linked roles are exempt. Source: Organizations user guide, "Service
//! control policies" and "SCP evaluation"; IAM user guide, "Access denied error messages". What a role's
//! own policies allow is [`super::identity_policy`]'s to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::call::{AwsError, Call};
use super::codec::model::{self, Protocol};
use super::identity_policy::action;
use super::kms;
use super::resource_policy::statement_matches;
use super::world::World;

const KIND: &str = "SERVICE_CONTROL_POLICY";

/// Refuses what the policies of the caller's account do not let it do.
pub fn check(world: &World, service: &str, operation: &str, call: &Call) -> Result<(), AwsError> {
    let Some(organization) = &world.organization else {
        return Ok(());
    };
    let governed = organization.members.contains_key(&call.account)
        && call.account != organization.management_account
        && organization.policy_types.get(KIND).map(String::as_str) == Some("ENABLED");
    // Who they are may be asked whatever policies say (STS API reference, GetCallerIdentity).
    if !governed || (service, operation) == ("sts", "GetCallerIdentity") {
        return Ok(());
    }
    let Some(principal) = principal(world, call) else {
        return Ok(());
    };
    let action = action(service, operation);
    let (resource, tags) = resource(world, service, call);
    let mut context = vec![
        ("aws:PrincipalArn".to_owned(), principal),
        ("aws:PrincipalAccount".to_owned(), call.account.clone()),
        ("aws:PrincipalOrgID".to_owned(), organization.id.clone()),
        ("aws:PrincipalIsAWSService".to_owned(), "false".to_owned()),
        ("aws:ViaAWSService".to_owned(), "false".to_owned()),
        ("aws:RequestedRegion".to_owned(), call.region.clone()),
    ];
    context.extend(
        tags.into_iter()
            .map(|(key, value)| (format!("aws:ResourceTag/{key}"), value)),
    );
    let context: Vec<(&str, &str)> = context
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let mut levels = organization.chain(&call.account);
    levels.push(call.account.clone());
    let mut allowed = true;
    for level in levels {
        let attached = organization.attached.get(&level).into_iter().flatten();
        let mut allows = false;
        for policy in attached.filter_map(|id| organization.policies.get(id)) {
            if policy.kind != KIND {
                continue;
            }
            let document = parse(&policy.content);
            let statements = match document.get("Statement") {
                Some(Value::Array(statements)) => statements.as_slice(),
                Some(one) => std::slice::from_ref(one),
                None => &[],
            };
            for statement in statements {
                if !statement_matches(statement, &action, &resource, &context) {
                    continue;
                }
                if statement.get("Effect").and_then(Value::as_str) == Some("Deny") {
                    let why = "with an explicit deny in a service control policy".to_owned();
                    return Err(denied(service, call, &action, &resource, &why));
                }
                allows = true;
            }
        }
        allowed &= allows;
    }
    if allowed {
        return Ok(());
    }
    let why = format!("because no service control policy allows the {action} action");
    Err(denied(service, call, &action, &resource, &why))
}

/// The caller as `aws:PrincipalArn` has it; none for those that policies do not bind.
fn principal(world: &World, call: &Call) -> Option<String> {
    // Nobody gets a root user's credentials here: these are pokes, which break things past all policies.
    if call.principal.ends_with(":root") {
        return None;
    }
    let Some((_, session)) = call.principal.split_once(":assumed-role/") else {
        return Some(call.principal.clone());
    };
    let name = session.split('/').next().unwrap_or(session);
    let role = world
        .account(&call.account)
        .and_then(|account| account.iam.roles.get(name));
    let path = role.map_or("/", |role| role.path.as_str());
    if path.starts_with("/aws-service-role/") {
        return None;
    }
    Some(format!("arn:aws:iam::{}:role{path}{name}", call.account))
}

fn denied(service: &str, call: &Call, action: &str, resource: &str, why: &str) -> AwsError {
    let message = format!(
        "User: {} is not authorized to perform: {action} on resource: {resource} {why}",
        call.principal
    );
    let protocol = model::service(service)
        .and_then(Result::ok)
        .map_or(Protocol::Json, |service| service.protocol);
    match protocol {
        Protocol::Json => AwsError::new("AccessDeniedException", message),
        Protocol::RestJson => AwsError::new("AccessDeniedException", message).status(403),
        Protocol::Query | Protocol::RestXml => AwsError::new("AccessDenied", message).status(403),
        Protocol::Ec2 => AwsError::new("UnauthorizedOperation", message).status(403),
    }
}

/// What a call is about, where policies are likely to name it, with its tags; `*` for everything else.
fn resource(world: &World, service: &str, call: &Call) -> (String, BTreeMap<String, String>) {
    let (account, region) = (&call.account, &call.region);
    let none = BTreeMap::new();
    match service {
        "s3" => match (call.str("Bucket"), call.str("Key")) {
            (Some(bucket), Some(key)) => (format!("arn:aws:s3:::{bucket}/{key}"), none),
            (Some(bucket), None) => (format!("arn:aws:s3:::{bucket}"), none),
            _ => ("*".to_owned(), none),
        },
        "iam" => match call.str("RoleName") {
            Some(name) => {
                let roles = world.account(account).map(|account| &account.iam.roles);
                let role = roles.and_then(|roles| roles.get(name));
                let path = role.map_or(call.str("Path").unwrap_or("/"), |role| &role.path);
                (format!("arn:aws:iam::{account}:role{path}{name}"), none)
            }
            None => ("*".to_owned(), none),
        },
        "cloudformation" => match call.str("StackName") {
            Some(name) if name.starts_with("arn:") => (name.to_owned(), none),
            Some(name) => {
                let state = world.region(account, region).map(|r| &r.cloudformation);
                let there = state.and_then(|state| state.names.get(name)).cloned();
                let new = || format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/*");
                (there.unwrap_or_else(new), none)
            }
            None => ("*".to_owned(), none),
        },
        "kms" => match call.str("KeyId").or(call.str("TargetKeyId")) {
            Some(id) => match kms::find(world, account, region, id) {
                Some((owner, at, id, key)) => (kms::key_arn(&owner, &at, &id), key.tags.clone()),
                None => (kms::key_arn(account, region, id), none),
            },
            None => ("*".to_owned(), none),
        },
        "sts" => (call.str("RoleArn").unwrap_or("*").to_owned(), none),
        "cloudtrail" => match call.str("Name").or(call.str("TrailName")) {
            Some(arn) if arn.starts_with("arn:") => (arn.to_owned(), none),
            Some(name) => (
                format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}"),
                none,
            ),
            None => ("*".to_owned(), none),
        },
        _ => ("*".to_owned(), none),
    }
}

/// A policy's document; the same text is parsed once. Only a memo: the answer depends on the text alone.
fn parse(text: &str) -> Arc<Value> {
    static PARSED: Mutex<BTreeMap<String, Arc<Value>>> = Mutex::new(BTreeMap::new());
    let mut parsed = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = parsed.get(text) {
        return found.clone();
    }
    let document = Arc::new(serde_json::from_str(text).unwrap_or(Value::Null));
    if parsed.len() > 200 {
        parsed.clear();
    }
    parsed.insert(text.to_owned(), document.clone());
    document
}
