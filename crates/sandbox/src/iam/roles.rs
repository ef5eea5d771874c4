//! Roles, their inline policies, what is attached to them, and their tags.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Role, document, done, encoded, iam, marked, no_policy, tag_list, tags};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::page;
use crate::table::Row;
use crate::world::World;

/// The rows of this room.
pub(super) const OPERATIONS: &[Row] = &[
    ("iam", "AttachRolePolicy", attach_role_policy),
    ("iam", "CreateRole", create_role),
    ("iam", "DeleteRole", delete_role),
    ("iam", "DeleteRolePermissionsBoundary", delete_boundary),
    ("iam", "DeleteRolePolicy", delete_role_policy),
    ("iam", "DetachRolePolicy", detach_role_policy),
    ("iam", "GetRole", get_role),
    ("iam", "GetRolePolicy", get_role_policy),
    (
        "iam",
        "ListAttachedRolePolicies",
        list_attached_role_policies,
    ),
    ("iam", "ListRolePolicies", list_role_policies),
    ("iam", "ListRoleTags", list_role_tags),
    ("iam", "ListRoles", list_roles),
    ("iam", "PutRolePermissionsBoundary", put_boundary),
    ("iam", "PutRolePolicy", put_role_policy),
    ("iam", "TagRole", tag_role),
    ("iam", "UntagRole", untag_role),
    ("iam", "UpdateAssumeRolePolicy", update_assume_role_policy),
    ("iam", "UpdateRole", update_role),
];

fn no_role(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchEntity",
        format!("The role with name {name} cannot be found."),
    )
    .status(404)
}

pub(super) fn role<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Role, AwsError> {
    let name = call.text("RoleName");
    iam(world, call)?
        .roles
        .get_mut(name)
        .ok_or_else(|| no_role(name))
}

/// A role that a customer may change: service-linked ones belong to their service (IAM user guide).
fn own_role<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Role, AwsError> {
    let role = role(world, call)?;
    match role.linked_to {
        None => Ok(role),
        Some(_) => Err(AwsError::new(
            "UnmodifiableEntity",
            format!(
                "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
                call.text("RoleName")
            ),
        )
        .status(400)),
    }
}

pub(super) fn show_role(account: &str, name: &str, role: &Role) -> Value {
    let mut shown = json!({
        "Path": role.path,
        "RoleName": name,
        "RoleId": role.id,
        "Arn": format!("arn:aws:iam::{account}:role{}{name}", role.path),
        "CreateDate": role.created.json(),
        "AssumeRolePolicyDocument": encoded(&role.trust),
        "MaxSessionDuration": role.max_session_seconds,
    });
    if !role.description.is_empty() {
        shown["Description"] = Value::from(role.description.as_str());
    }
    if let Some(arn) = &role.boundary {
        shown["PermissionsBoundary"] = json!({
            // As the model has it; AWS has been seen to answer `Policy`.
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": arn,
        });
    }
    if !role.tags.is_empty() {
        shown["Tags"] = tag_list(&role.tags);
    }
    shown
}

fn create_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("RoleName");
    let trust = document(call, "AssumeRolePolicyDocument")?.to_owned();
    let id = format!("AROA{}", world.rng.capitals(17));
    let roles = &mut iam(world, call)?.roles;
    // Role names are unique without regard to case (M:iam CreateRole).
    if roles.keys().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(AwsError::new(
            "EntityAlreadyExists",
            format!("Role with name {name} already exists."),
        )
        .status(409));
    }
    let role = Role {
        id,
        path: call.str("Path").unwrap_or("/").to_owned(),
        trust,
        created: call.now,
        usable_from: call.now,
        description: call.str("Description").unwrap_or_default().to_owned(),
        max_session_seconds: call.int("MaxSessionDuration").unwrap_or(3600),
        inline: BTreeMap::new(),
        attached: Vec::new(),
        tags: tags(call.list("Tags")),
        linked_to: None,
        boundary: call.str("PermissionsBoundary").map(str::to_owned),
    };
    let shown = show_role(&call.account, name, &role);
    roles.insert(name.to_owned(), role);
    let unit = format!("{} {name}", call.account);
    world.lags.begin(Lag::Role, &unit, call.now);
    Ok(json!({"Role": shown}))
}

fn get_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let mut shown = show_role(&call.account, call.text("RoleName"), role(world, call)?);
    // Only here: lists and CreateRole leave it out (model, Role$RoleLastUsed).
    shown["RoleLastUsed"] = json!({});
    Ok(json!({"Role": shown}))
}

fn update_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let role = own_role(world, call)?;
    if let Some(text) = call.str("Description") {
        text.clone_into(&mut role.description);
    }
    if let Some(seconds) = call.int("MaxSessionDuration") {
        role.max_session_seconds = seconds;
    }
    done()
}

fn update_assume_role_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let trust = document(call, "PolicyDocument")?.to_owned();
    own_role(world, call)?.trust = trust;
    done()
}

fn delete_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let role = own_role(world, call)?;
    if !role.inline.is_empty() || !role.attached.is_empty() {
        return Err(AwsError::new(
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
        )
        .status(409));
    }
    iam(world, call)?.roles.remove(call.text("RoleName"));
    done()
}

fn list_roles(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let account = call.account.clone();
    let prefix = call.str("PathPrefix").unwrap_or("/").to_owned();
    let roles = &iam(world, call)?.roles;
    let items = roles
        .iter()
        .filter(|(_, role)| role.path.starts_with(&prefix));
    let (page, next) = page::take(items, call, "MaxItems", "Marker", 100, |(name, _)| name)?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|(name, role)| {
            let mut shown = show_role(&account, name, role);
            // ListRoles leaves tags out (M:iam ListRoles).
            if let Some(shown) = shown.as_object_mut() {
                shown.shift_remove("Tags");
            }
            shown
        })
        .collect();
    Ok(marked(json!({"Roles": shown}), next))
}

fn put_boundary(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PermissionsBoundary").to_owned();
    let aws_managed = arn.starts_with("arn:aws:iam::aws:policy/");
    if !aws_managed && !iam(world, call)?.policies.contains_key(&arn) {
        return Err(no_policy(&arn));
    }
    own_role(world, call)?.boundary = Some(arn);
    done()
}

fn delete_boundary(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    own_role(world, call)?.boundary = None;
    done()
}

fn put_role_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let text = document(call, "PolicyDocument")?.to_owned();
    let name = call.text("PolicyName").to_owned();
    own_role(world, call)?.inline.insert(name, text);
    done()
}

fn get_role_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("PolicyName");
    let role = role(world, call)?;
    let text = role.inline.get(name).ok_or_else(|| no_policy(name))?;
    Ok(json!({
        "RoleName": call.text("RoleName"),
        "PolicyName": name,
        "PolicyDocument": encoded(text),
    }))
}

fn delete_role_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("PolicyName");
    let role = own_role(world, call)?;
    role.inline.remove(name).ok_or_else(|| no_policy(name))?;
    done()
}

fn list_role_policies(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let names = role(world, call)?.inline.keys();
    let (page, next) = page::take(names, call, "MaxItems", "Marker", 100, |name| name)?;
    Ok(marked(json!({"PolicyNames": page}), next))
}

fn attach_role_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn").to_owned();
    let aws_managed = arn.starts_with("arn:aws:iam::aws:policy/");
    if !aws_managed && !iam(world, call)?.policies.contains_key(&arn) {
        return Err(no_policy(&arn));
    }
    let attached = &mut own_role(world, call)?.attached;
    if !attached.contains(&arn) {
        attached.push(arn);
    }
    done()
}

fn detach_role_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let arn = call.text("PolicyArn");
    let attached = &mut own_role(world, call)?.attached;
    let before = attached.len();
    attached.retain(|known| known != arn);
    if attached.len() == before {
        return Err(no_policy(arn));
    }
    done()
}

fn list_attached_role_policies(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let attached = &role(world, call)?.attached;
    let shown: Vec<Value> = attached
        .iter()
        .map(|arn| {
            let name = arn.rsplit('/').next().unwrap_or(arn);
            json!({"PolicyName": name, "PolicyArn": arn})
        })
        .collect();
    Ok(marked(json!({"AttachedPolicies": shown}), None))
}

fn tag_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let role = own_role(world, call)?;
    let mut merged = role.tags.clone();
    merged.extend(tags(call.list("Tags")));
    // IAM allows 50 tags (M:iam TagRole).
    if merged.len() > 50 {
        return Err(
            AwsError::new("LimitExceeded", "Cannot exceed quota for TagsPerRole: 50").status(409),
        );
    }
    role.tags = merged;
    done()
}

fn untag_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let role = own_role(world, call)?;
    for key in call.strings("TagKeys") {
        role.tags.remove(&key);
    }
    done()
}

fn list_role_tags(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let tags = tag_list(&role(world, call)?.tags);
    Ok(marked(json!({"Tags": tags}), None))
}
