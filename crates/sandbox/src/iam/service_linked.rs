//! Service-linked roles: their names, and how services and customers make and delete them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::roles::{role, show_role};
use super::{Role, iam};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::table::Row;
use crate::world::World;

/// The rows of this room.
pub(super) const OPERATIONS: &[Row] = &[
    ("iam", "CreateServiceLinkedRole", create_service_linked_role),
    ("iam", "DeleteServiceLinkedRole", delete_service_linked_role),
    (
        "iam",
        "GetServiceLinkedRoleDeletionStatus",
        get_deletion_status,
    ),
];

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
        boundary: None,
    }
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
    let unit = format!("{} {name}", call.account);
    roles.insert(name, role);
    world.lags.begin(Lag::ServiceLinkedRole, &unit, call.now);
    Ok(json!({"Role": shown}))
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
