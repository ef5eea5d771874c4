//! What is set for an account as a whole: its alias, its password policy, and centralized root access.

use serde_json::{Value, json};

use super::{done, iam, marked};
use crate::call::{AwsError, Call};
use crate::organizations;
use crate::table::Row;
use crate::world::{AccountWorld, World};

/// The rows of this room.
pub(super) const OPERATIONS: &[Row] = &[
    ("iam", "CreateAccountAlias", create_account_alias),
    ("iam", "DeleteAccountAlias", delete_account_alias),
    (
        "iam",
        "DeleteAccountPasswordPolicy",
        delete_account_password_policy,
    ),
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
    ("iam", "ListAccountAliases", list_account_aliases),
    (
        "iam",
        "ListOrganizationsFeatures",
        list_organizations_features,
    ),
    (
        "iam",
        "UpdateAccountPasswordPolicy",
        update_account_password_policy,
    ),
];

fn list_account_aliases(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let alias = iam(world, call)?.alias.clone();
    let aliases: Vec<String> = alias.into_iter().collect();
    Ok(marked(json!({"AccountAliases": aliases}), None))
}

/// An account has one alias, which a new one overwrites; nobody else may have the same (IAM User Guide,
/// "Your AWS account ID and its alias").
fn create_account_alias(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let alias = call.text("AccountAlias");
    let taken = |account: &AccountWorld| account.iam.alias.as_deref() == Some(alias);
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
    if !organization.is_trusted(&world.lags, "iam.amazonaws.com", call.now) {
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

/// Refused without trusted access for iam.amazonaws.com (M:iam ListOrganizationsFeatures, errors).
fn list_organizations_features(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let trusted = world
        .organization
        .as_ref()
        .is_some_and(|organization| organization.trusts("iam.amazonaws.com"));
    if !trusted {
        return Err(AwsError::new(
            "ServiceAccessNotEnabledException",
            "Trusted access is not enabled for iam.amazonaws.com",
        ));
    }
    let id = organizations::id(world).map(str::to_owned);
    let features = organizations::root_features(world, call)?;
    Ok(json!({"OrganizationId": id, "EnabledFeatures": features}))
}
