//! Customer-managed policies and their versions, of which there are five at most.

use serde_json::{Value, json};

use super::{ManagedPolicy, Role, document, done, encoded, iam, marked, no_policy, tags};
use crate::call::{AwsError, Call};
use crate::page;
use crate::table::Row;
use crate::world::World;

/// The rows of this room.
pub(super) const OPERATIONS: &[Row] = &[
    ("iam", "CreatePolicy", create_policy),
    ("iam", "CreatePolicyVersion", create_policy_version),
    ("iam", "DeletePolicy", delete_policy),
    ("iam", "DeletePolicyVersion", delete_policy_version),
    ("iam", "GetPolicy", get_policy),
    ("iam", "GetPolicyVersion", get_policy_version),
    ("iam", "ListPolicies", list_policies),
    ("iam", "ListPolicyVersions", list_policy_versions),
    ("iam", "SetDefaultPolicyVersion", set_default_policy_version),
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
        version: 1,
        others: Default::default(),
        newest: 1,
    };
    let shown = show_policy(&arn, &policy, 0);
    policies.insert(arn, policy);
    Ok(json!({"Policy": shown}))
}

pub(super) fn show_policy(arn: &str, policy: &ManagedPolicy, attachments: usize) -> Value {
    json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.version.max(1)),
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
    let number = number(call);
    let default = policy.version.max(1);
    let document = match number {
        _ if number == default => &policy.document,
        _ => policy.others.get(&number).ok_or_else(|| no_version(call))?,
    };
    Ok(json!({"PolicyVersion": {
        "Document": encoded(document),
        "VersionId": format!("v{number}"),
        "IsDefaultVersion": number == default,
        "CreateDate": policy.created.json(),
    }}))
}

/// The version that a call names; 0 for none that there could be.
fn number(call: &Call) -> u32 {
    let digits = call.text("VersionId").trim_start_matches('v');
    digits
        .split('.')
        .next()
        .unwrap_or_default()
        .parse()
        .unwrap_or(0)
}

fn no_version(call: &Call) -> AwsError {
    AwsError::new(
        "NoSuchEntity",
        format!(
            "Policy {} version {} does not exist or is not attachable.",
            call.text("PolicyArn"),
            call.text("VersionId")
        ),
    )
    .status(404)
}

fn create_policy_version(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let text = document(call, "PolicyDocument")?.to_owned();
    let arn = call.text("PolicyArn");
    let default = call.get("SetAsDefault").as_bool() == Some(true);
    let created = call.now;
    let policies = &mut iam(world, call)?.policies;
    let policy = policies.get_mut(arn).ok_or_else(|| no_policy(arn))?;
    if policy.others.len() >= 4 {
        return Err(AwsError::new(
            "LimitExceeded",
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
        )
        .status(409));
    }
    policy.newest = policy.newest.max(policy.version).max(1) + 1;
    let number = policy.newest;
    if default {
        policy.number_default(number, text);
    } else {
        policy.others.insert(number, text);
    }
    Ok(json!({"PolicyVersion": {
        "VersionId": format!("v{number}"),
        "IsDefaultVersion": default,
        "CreateDate": created.json(),
    }}))
}

impl ManagedPolicy {
    /// Gives it a new default version, where the document is another, as CloudFormation does.
    pub(crate) fn new_default(&mut self, text: String) {
        if self.document == text {
            return;
        }
        if self.others.len() >= 4 {
            self.others.pop_first();
        }
        self.newest = self.newest.max(self.version).max(1) + 1;
        self.number_default(self.newest, text);
    }

    fn number_default(&mut self, number: u32, text: String) {
        let before = std::mem::replace(&mut self.document, text);
        self.others.insert(self.version.max(1), before);
        self.version = number;
    }
}

fn set_default_policy_version(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn");
    let policies = &mut iam(world, call)?.policies;
    let policy = policies.get_mut(arn).ok_or_else(|| no_policy(arn))?;
    let number = number(call);
    if number != policy.version.max(1) {
        let document = policy
            .others
            .remove(&number)
            .ok_or_else(|| no_version(call))?;
        let before = std::mem::replace(&mut policy.document, document);
        policy.others.insert(policy.version.max(1), before);
        policy.newest = policy.newest.max(policy.version).max(1);
        policy.version = number;
    }
    done()
}

fn delete_policy_version(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn");
    let policies = &mut iam(world, call)?.policies;
    let policy = policies.get_mut(arn).ok_or_else(|| no_policy(arn))?;
    let number = number(call);
    if number == policy.version.max(1) {
        return Err(AwsError::new(
            "DeleteConflict",
            "Cannot delete the default version of a policy.",
        )
        .status(409));
    }
    policy
        .others
        .remove(&number)
        .ok_or_else(|| no_version(call))?;
    done()
}

fn list_policy_versions(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn");
    let iam = iam(world, call)?;
    let policy = iam.policies.get(arn).ok_or_else(|| no_policy(arn))?;
    let default = policy.version.max(1);
    let mut numbers: Vec<u32> = policy.others.keys().copied().chain([default]).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let versions: Vec<Value> = numbers
        .into_iter()
        .map(|number| {
            json!({
                "VersionId": format!("v{number}"),
                "IsDefaultVersion": number == default,
                "CreateDate": policy.created.json(),
            })
        })
        .collect();
    Ok(json!({"Versions": versions, "IsTruncated": false}))
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
