//! IAM, as far as orgstrap meets it: roles, their policies, service-linked roles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::{AwsError, Call};
use super::organizations;
use super::page;
use super::table::Row;
use super::time::Time;
use super::world::World;

/// What one account's IAM holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IamState {
    /// Roles by name, service-linked ones included.
    pub roles: BTreeMap<String, Role>,
    /// Customer-managed policies by ARN.
    pub policies: BTreeMap<String, ManagedPolicy>,
    /// The account alias: unique in all of AWS.
    pub alias: Option<String>,
    /// The password policy as UpdateAccountPasswordPolicy was given it, defaults filled in.
    pub password_policy: Option<Value>,
    /// Centralized root access features switched on, in the management account only.
    pub root_features: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    pub id: String,
    pub path: String,
    /// The trust policy as given.
    pub trust: String,
    pub created: Time,
    /// Before this moment nobody can assume it: a new account's role takes a while to appear.
    pub usable_from: Time,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub max_session_seconds: i64,
    /// Inline policies by name.
    #[serde(default)]
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached managed policies.
    #[serde(default)]
    pub attached: Vec<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The service that a service-linked role belongs to, such as `config.amazonaws.com`.
    #[serde(default)]
    pub linked_to: Option<String>,
}

/// A customer-managed policy; only its default version is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    pub name: String,
    pub id: String,
    pub path: String,
    pub document: String,
    pub created: Time,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// The names of service-linked roles, from each service's user guide. A service that is not listed gets the
/// name AWS's scheme suggests.
const LINKED: &[(&str, &str)] = &[
    (
        "access-analyzer.amazonaws.com",
        "AWSServiceRoleForAccessAnalyzer",
    ),
    ("cloudtrail.amazonaws.com", "AWSServiceRoleForCloudTrail"),
    ("config.amazonaws.com", "AWSServiceRoleForConfig"),
    (
        "config-multiaccountsetup.amazonaws.com",
        "AWSServiceRoleForConfigMultiAccountSetup",
    ),
    (
        "guardduty.amazonaws.com",
        "AWSServiceRoleForAmazonGuardDuty",
    ),
    (
        "malware-protection.guardduty.amazonaws.com",
        "AWSServiceRoleForAmazonGuardDutyMalwareProtection",
    ),
    (
        "member.org.stacksets.cloudformation.amazonaws.com",
        "AWSServiceRoleForCloudFormationStackSetsOrgMember",
    ),
    (
        "organizations.amazonaws.com",
        "AWSServiceRoleForOrganizations",
    ),
    ("securityhub.amazonaws.com", "AWSServiceRoleForSecurityHub"),
    ("ssm.amazonaws.com", "AWSServiceRoleForAmazonSSM"),
    (
        "stacksets.cloudformation.amazonaws.com",
        "AWSServiceRoleForCloudFormationStackSetsOrgAdmin",
    ),
];

/// The name of a service's linked role.
pub fn linked_role_name(service: &str) -> String {
    if let Some((_, name)) = LINKED.iter().find(|(known, _)| *known == service) {
        return (*name).to_owned();
    }
    let word = service.split('.').next().unwrap_or(service);
    let mut name = String::from("AWSServiceRoleFor");
    for part in word.split('-') {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters);
    }
    name
}

/// Makes sure that a service's linked role exists in an account, as services do for themselves.
pub fn ensure_linked_role(world: &mut World, account: &str, service: &str) {
    let name = linked_role_name(service);
    let exists = |world: &World| {
        world
            .account(account)
            .is_none_or(|account| account.iam.roles.contains_key(&name))
    };
    if !exists(world) {
        let role = linked_role(world, service);
        if let Some(account) = world.accounts.get_mut(account) {
            account.iam.roles.insert(name, role);
        }
    }
}

/// The role that CreateAccount leaves in a new account. It trusts the management account only (AWS_FACTS 6).
pub fn access_role(id: String, management: &str, created: Time, usable_from: Time) -> Role {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{management}:root")},
            "Action": "sts:AssumeRole",
        }],
    });
    Role {
        id,
        path: String::from("/"),
        trust: trust.to_string(),
        created,
        usable_from,
        description: String::new(),
        max_session_seconds: 3600,
        inline: BTreeMap::new(),
        attached: vec![String::from("arn:aws:iam::aws:policy/AdministratorAccess")],
        tags: BTreeMap::new(),
        linked_to: None,
    }
}

/// Whether a service's linked role exists in an account.
pub fn has_linked_role(world: &World, account: &str, service: &str) -> bool {
    world
        .account(account)
        .is_some_and(|account| account.iam.roles.contains_key(&linked_role_name(service)))
}

fn linked_role(world: &mut World, service: &str) -> Role {
    Role {
        id: format!("AROA{}", world.rng.capitals(17)),
        path: format!("/aws-service-role/{service}/"),
        trust: json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
            }],
        })
        .to_string(),
        created: world.now,
        usable_from: world.now,
        description: String::new(),
        max_session_seconds: 3600,
        inline: BTreeMap::new(),
        attached: Vec::new(),
        tags: BTreeMap::new(),
        linked_to: Some(service.to_owned()),
    }
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("iam", "AttachRolePolicy", attach_role_policy),
    ("iam", "CreateAccountAlias", create_account_alias),
    ("iam", "CreatePolicy", create_policy),
    ("iam", "CreateRole", create_role),
    ("iam", "CreateServiceLinkedRole", create_service_linked_role),
    ("iam", "DeleteAccountAlias", delete_account_alias),
    (
        "iam",
        "DeleteAccountPasswordPolicy",
        delete_account_password_policy,
    ),
    ("iam", "DeletePolicy", delete_policy),
    ("iam", "DeleteRole", delete_role),
    ("iam", "DeleteRolePolicy", delete_role_policy),
    ("iam", "DeleteServiceLinkedRole", delete_service_linked_role),
    ("iam", "DetachRolePolicy", detach_role_policy),
    (
        "iam",
        "EnableOrganizationsRootCredentialsManagement",
        enable_root_credentials,
    ),
    (
        "iam",
        "EnableOrganizationsRootSessions",
        enable_root_sessions,
    ),
    (
        "iam",
        "GetAccountPasswordPolicy",
        get_account_password_policy,
    ),
    ("iam", "GetPolicy", get_policy),
    ("iam", "GetPolicyVersion", get_policy_version),
    ("iam", "GetRole", get_role),
    ("iam", "GetRolePolicy", get_role_policy),
    (
        "iam",
        "GetServiceLinkedRoleDeletionStatus",
        get_deletion_status,
    ),
    ("iam", "ListAccountAliases", list_account_aliases),
    (
        "iam",
        "ListAttachedRolePolicies",
        list_attached_role_policies,
    ),
    (
        "iam",
        "ListOrganizationsFeatures",
        list_organizations_features,
    ),
    ("iam", "ListPolicies", list_policies),
    ("iam", "ListRolePolicies", list_role_policies),
    ("iam", "ListRoleTags", list_role_tags),
    ("iam", "ListRoles", list_roles),
    ("iam", "PutRolePolicy", put_role_policy),
    ("iam", "TagRole", tag_role),
    ("iam", "UntagRole", untag_role),
    (
        "iam",
        "UpdateAccountPasswordPolicy",
        update_account_password_policy,
    ),
    ("iam", "UpdateAssumeRolePolicy", update_assume_role_policy),
    ("iam", "UpdateRole", update_role),
];

fn done() -> Result<Value, AwsError> {
    Ok(json!({}))
}

fn iam<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut IamState, AwsError> {
    Ok(&mut world.account_mut(&call.account)?.iam)
}

fn no_role(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchEntity",
        format!("The role with name {name} cannot be found."),
    )
    .status(404)
}

fn role<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Role, AwsError> {
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

/// IAM writes policy documents percent-encoded (M:iam GetRole).
fn encoded(document: &str) -> String {
    percent_encoding::utf8_percent_encode(document, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn document<'c>(call: &'c Call, member: &str) -> Result<&'c str, AwsError> {
    let text = call.text(member);
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(policy) if policy.contains_key("Statement") => Ok(text),
        _ => Err(AwsError::new(
            "MalformedPolicyDocument",
            "This policy contains invalid Json or has no Statement",
        )),
    }
}

/// Tags of an input, `[{Key, Value}]`, as a map.
pub(super) fn tags(list: &[Value]) -> BTreeMap<String, String> {
    list.iter()
        .map(|tag| {
            let text = |member: &str| tag[member].as_str().unwrap_or_default().to_owned();
            (text("Key"), text("Value"))
        })
        .collect()
}

/// Tags as the list that most services answer.
pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

fn show_role(account: &str, name: &str, role: &Role) -> Value {
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
    };
    let shown = show_role(&call.account, name, &role);
    roles.insert(name.to_owned(), role);
    Ok(json!({"Role": shown}))
}

fn create_service_linked_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let service = call.text("AWSServiceName");
    let mut name = linked_role_name(service);
    if let Some(suffix) = call.str("CustomSuffix") {
        name = format!("{name}_{suffix}");
    }
    let mut role = linked_role(world, service);
    role.description = call.str("Description").unwrap_or_default().to_owned();
    let roles = &mut iam(world, call)?.roles;
    if roles.contains_key(&name) {
        // AWS_FACTS 11: "has been taken" is success for who only ensures it.
        return Err(AwsError::new(
            "InvalidInput",
            format!("Service role name {name} has been taken in this account, please try a different suffix."),
        )
        .status(400));
    }
    let shown = show_role(&call.account, &name, &role);
    roles.insert(name, role);
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

fn delete_service_linked_role(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("RoleName");
    let role = role(world, call)?;
    if role.linked_to.is_none() {
        return Err(AwsError::new(
            "InvalidInput",
            format!("{name} is not a service-linked role"),
        ));
    }
    let path = role.path.clone();
    iam(world, call)?.roles.remove(name);
    let task = format!("task{path}{name}/{}", world.rng.uuid());
    Ok(json!({"DeletionTaskId": task}))
}

fn get_deletion_status(_world: &mut World, _call: &Call) -> Result<Value, AwsError> {
    // The sandbox deletes at once.
    Ok(json!({"Status": "SUCCEEDED"}))
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

/// IAM pages with `IsTruncated` and `Marker`.
fn marked(mut output: Value, next: Option<String>) -> Value {
    output["IsTruncated"] = Value::Bool(next.is_some());
    if let Some(next) = next {
        output["Marker"] = Value::from(next);
    }
    output
}

fn put_role_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let text = document(call, "PolicyDocument")?.to_owned();
    let name = call.text("PolicyName").to_owned();
    own_role(world, call)?.inline.insert(name, text);
    done()
}

fn no_policy(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchEntity",
        format!("The policy {name} cannot be found."),
    )
    .status(404)
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

fn list_account_aliases(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let alias = iam(world, call)?.alias.clone();
    let aliases: Vec<String> = alias.into_iter().collect();
    Ok(marked(json!({"AccountAliases": aliases}), None))
}

/// An account has one alias, which a new one overwrites; nobody else may have the same (IAM User Guide,
/// "Your AWS account ID and its alias").
fn create_account_alias(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let alias = call.text("AccountAlias");
    let taken = |account: &super::world::AccountWorld| account.iam.alias.as_deref() == Some(alias);
    if world.accounts.values().any(taken) {
        let message = format!("The account alias {alias} already exists.");
        return Err(AwsError::new("EntityAlreadyExists", message).status(409));
    }
    iam(world, call)?.alias = Some(alias.to_owned());
    done()
}

fn delete_account_alias(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let alias = call.text("AccountAlias");
    let own = &mut iam(world, call)?.alias;
    if own.as_deref() != Some(alias) {
        let message = format!("The account alias {alias} cannot be found.");
        return Err(AwsError::new("NoSuchEntity", message).status(404));
    }
    *own = None;
    done()
}

/// Whatever is not named goes back to its default (M:iam UpdateAccountPasswordPolicy).
fn update_account_password_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let flag = |name: &str| call.bool(name).unwrap_or(false);
    let age = call.int("MaxPasswordAge").filter(|days| *days > 0);
    let mut policy = json!({
        "MinimumPasswordLength": call.int("MinimumPasswordLength").unwrap_or(6),
        "RequireSymbols": flag("RequireSymbols"),
        "RequireNumbers": flag("RequireNumbers"),
        "RequireUppercaseCharacters": flag("RequireUppercaseCharacters"),
        "RequireLowercaseCharacters": flag("RequireLowercaseCharacters"),
        "AllowUsersToChangePassword": flag("AllowUsersToChangePassword"),
        "ExpirePasswords": age.is_some(),
        "HardExpiry": flag("HardExpiry"),
    });
    if let Some(age) = age {
        policy["MaxPasswordAge"] = json!(age);
    }
    if let Some(former) = call.int("PasswordReusePrevention").filter(|n| *n > 0) {
        policy["PasswordReusePrevention"] = json!(former);
    }
    iam(world, call)?.password_policy = Some(policy);
    done()
}

fn no_password_policy(call: &Call) -> AwsError {
    let message = format!(
        "The Password Policy with domain name {} cannot be found.",
        call.account
    );
    AwsError::new("NoSuchEntity", message).status(404)
}

fn get_account_password_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let policy = iam(world, call)?.password_policy.clone();
    let policy = policy.ok_or_else(|| no_password_policy(call))?;
    Ok(json!({ "PasswordPolicy": policy }))
}

fn delete_account_password_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let removed = iam(world, call)?.password_policy.take();
    removed
        .map(|_| json!({}))
        .ok_or_else(|| no_password_policy(call))
}

/// Centralized root access needs trusted access for iam.amazonaws.com (AWS_FACTS 1, root access).
fn enable_root_feature(world: &mut World, call: &Call, feature: &str) -> Result<Value, AwsError> {
    let organization = world.organization.as_ref().ok_or_else(|| {
        AwsError::new(
            "OrganizationNotFoundException",
            "The account is not a member of an organization",
        )
        .status(404)
    })?;
    if organization.management_account != call.account {
        return Err(AwsError::new(
            "CallerIsNotManagementAccountException",
            "The caller is not the management account",
        ));
    }
    if !organization.trusts("iam.amazonaws.com") {
        return Err(AwsError::new(
            "ServiceAccessNotEnabledException",
            "Trusted access is not enabled for iam.amazonaws.com",
        ));
    }
    let iam = iam(world, call)?;
    if !iam.root_features.iter().any(|known| known == feature) {
        iam.root_features.push(feature.to_owned());
    }
    list_organizations_features(world, call)
}

fn enable_root_credentials(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    enable_root_feature(world, call, "RootCredentialsManagement")
}

fn enable_root_sessions(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    enable_root_feature(world, call, "RootSessions")
}

fn list_organizations_features(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = organizations::id(world).map(str::to_owned);
    let features = iam(world, call)?.root_features.clone();
    Ok(json!({"OrganizationId": id, "EnabledFeatures": features}))
}
