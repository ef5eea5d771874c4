//! Customer-managed policies. Only the default version is kept.

use serde_json::{Value, json};

use super::{ManagedPolicy, Role, document, done, encoded, iam, marked, no_policy, tags};
use crate::sandbox::call::{AwsError, Call};
use crate::sandbox::page;
use crate::sandbox::table::Row;
use crate::sandbox::world::World;

/// The rows of this room.
pub(super) const OPERATIONS: &[Row] = &[
    ("iam", "CreatePolicy", create_policy),
    ("iam", "DeletePolicy", delete_policy),
    ("iam", "GetPolicy", get_policy),
    ("iam", "GetPolicyVersion", get_policy_version),
    ("iam", "ListPolicies", list_policies),
];

fn create_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let text = document(call, "PolicyDocument")?.to_owned();
    let path = call.str("Path").unwrap_or("/").to_owned();
    let name = call.text("PolicyName").to_owned();
    let arn = format!("arn:aws:iam::{}:policy{path}{name}", call.account);
    let id = format!("ANPA{}", world.rng.capitals(17));
    let policies = &mut iam(world, call)?.policies;
    if policies
        .values()
        .any(|known| known.name.eq_ignore_ascii_case(&name))
    {
        return Err(AwsError::new(
            "EntityAlreadyExists",
            format!("A policy called {name} already exists. Duplicate names are not allowed."),
        )
        .status(409));
    }
    let policy = ManagedPolicy {
        name,
        id,
        path,
        document: text,
        created: call.now,
        description: call.str("Description").unwrap_or_default().to_owned(),
        tags: tags(call.list("Tags")),
    };
    let shown = show_policy(&arn, &policy, 0);
    policies.insert(arn, policy);
    Ok(json!({"Policy": shown}))
}

fn show_policy(arn: &str, policy: &ManagedPolicy, attachments: usize) -> Value {
    json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": "v1",
        "AttachmentCount": attachments,
        "IsAttachable": true,
        "CreateDate": policy.created.json(),
        "UpdateDate": policy.created.json(),
    })
}

fn get_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn");
    let iam = iam(world, call)?;
    let policy = iam.policies.get(arn).ok_or_else(|| no_policy(arn))?;
    let attachments = iam
        .roles
        .values()
        .filter(|role| role.attached.iter().any(|known| known == arn))
        .count();
    Ok(json!({"Policy": show_policy(arn, policy, attachments)}))
}

fn get_policy_version(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn");
    let iam = iam(world, call)?;
    let policy = iam.policies.get(arn).ok_or_else(|| no_policy(arn))?;
    Ok(json!({"PolicyVersion": {
        "Document": encoded(&policy.document),
        "VersionId": "v1",
        "IsDefaultVersion": true,
        "CreateDate": policy.created.json(),
    }}))
}

fn list_policies(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let policies = iam(world, call)?.policies.iter();
    let (page, next) = page::take(policies, call, "MaxItems", "Marker", 100, |(arn, _)| arn)?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|(arn, policy)| show_policy(arn, policy, 0))
        .collect();
    Ok(marked(json!({"Policies": shown}), next))
}

fn delete_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn");
    let iam = iam(world, call)?;
    let attached = |role: &Role| role.attached.iter().any(|known| known == arn);
    if iam.roles.values().any(attached) {
        return Err(AwsError::new(
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
        )
        .status(409));
    }
    iam.policies.remove(arn).ok_or_else(|| no_policy(arn))?;
    done()
}
