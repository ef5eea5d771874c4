//! All of an account's IAM in one answer.

use serde_json::{Value, json};

use super::policies::show_policy;
use super::{ManagedPolicy, Role, encoded, iam, marked, roles};
use crate::call::{AwsError, Call};
use crate::page;
use crate::table::Row;
use crate::world::World;

/// The row of this room.
pub(super) const OPERATIONS: &[Row] = &[(
    "iam",
    "GetAccountAuthorizationDetails",
    get_account_authorization_details,
)];

/// Roles and customer-managed policies, as far as `Filter` asks for them: the sandbox has no users and groups, and of AWS's own
/// policies no documents. A page holds so many of both together, and any list of it may be empty (M:iam).
fn get_account_authorization_details(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let account = call.account.clone();
    let asked = call.strings("Filter");
    let wants = |kind: &str| asked.is_empty() || asked.iter().any(|it| it == kind);
    let iam = iam(world, call)?;
    let mut items: Vec<(String, Value)> = Vec::new();
    if wants("LocalManagedPolicy") {
        items.extend(iam.policies.iter().map(|(arn, policy)| {
            let attached = iam
                .roles
                .values()
                .filter(|role| role.attached.contains(arn));
            let bounded = iam
                .roles
                .values()
                .filter(|role| role.boundary.as_ref() == Some(arn));
            let shown = show_managed(arn, policy, (attached.count(), bounded.count()));
            (format!("policy/{arn}"), shown)
        }));
    }
    if wants("Role") {
        let shown = iam.roles.iter();
        items
            .extend(shown.map(|(name, role)| (format!("role/{name}"), show(&account, name, role))));
    }
    let (page, next) = page::take(items.iter(), call, "MaxItems", "Marker", 100, |(key, _)| {
        key
    })?;
    let of = |kind: &str| -> Value {
        let of_kind = page.iter().filter(|(key, _)| key.starts_with(kind));
        of_kind.map(|(_, shown)| shown.clone()).collect()
    };
    Ok(marked(
        json!({
            "UserDetailList": [],
            "GroupDetailList": [],
            "RoleDetailList": of("role/"),
            "Policies": of("policy/"),
        }),
        next,
    ))
}

fn show(account: &str, name: &str, role: &Role) -> Value {
    let mut shown = roles::show_role(account, name, role);
    if let Some(shown) = shown.as_object_mut() {
        // A detail of a role has neither (M:iam RoleDetail).
        shown.shift_remove("Description");
        shown.shift_remove("MaxSessionDuration");
    }
    shown["InstanceProfileList"] = json!([]);
    shown["RolePolicyList"] = role
        .inline
        .iter()
        .map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": encoded(text)}))
        .collect();
    shown["AttachedManagedPolicies"] = role
        .attached
        .iter()
        .map(|arn| {
            let name = arn.rsplit('/').next().unwrap_or(arn);
            json!({"PolicyName": name, "PolicyArn": arn})
        })
        .collect();
    shown["RoleLastUsed"] = json!({});
    shown
}

fn show_managed(arn: &str, policy: &ManagedPolicy, (attached, bounded): (usize, usize)) -> Value {
    let mut shown = show_policy(arn, policy, attached);
    shown["PermissionsBoundaryUsageCount"] = json!(bounded);
    if !policy.description.is_empty() {
        shown["Description"] = json!(policy.description);
    }
    let default = policy.version.max(1);
    let others = policy.others.iter();
    let mut versions: Vec<(u32, &String)> = others.map(|(number, text)| (*number, text)).collect();
    versions.push((default, &policy.document));
    versions.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    shown["PolicyVersionList"] = versions
        .into_iter()
        .map(|(number, text)| {
            json!({
                "Document": encoded(text),
                "VersionId": format!("v{number}"),
                "IsDefaultVersion": number == default,
                "CreateDate": policy.created.json(),
            })
        })
        .collect();
    shown
}
