//! Trusted access, delegated administrators, tags and the resource policy.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts::{PAGE, after, not_found, show as show_account};
use super::{
    OrganizationState, ResourcePolicy, access_denied, constraint, invalid, manager, reader,
};
use crate::call::{AwsError, Call};
use crate::iam::tag_list;
use crate::lags::Lag;
use crate::page;
use crate::table::Row;
use crate::time::Time;
use crate::world::World;

/// Tags on a resource (L).
const TAGS: usize = 50;

/// Principals that EnableAWSServiceAccess knows (Organizations user guide, services that integrate). The
/// StackSets administrator's own is not among them: AWS rejects it (AWS_FACTS 1, trusted access).
const SERVICES: &[&str] = &[
    "access-analyzer",
    "account",
    "agentless.inspector2",
    "artifact",
    "auditmanager",
    "aws-artifact-account-sync",
    "backup",
    "cloudtrail",
    "compute-optimizer",
    "config",
    "config-multiaccountsetup",
    "controltower",
    "cost-optimization-hub.bcm",
    "detective",
    "devops-guru",
    "ds",
    "fms",
    "guardduty",
    "health",
    "iam",
    "inspector2",
    "ipam",
    "license-manager",
    "license-manager-linux-subscriptions",
    "macie",
    "malware-protection.guardduty",
    "member.org.stacksets.cloudformation",
    "networkmanager",
    "notifications",
    "observabilityadmin",
    "opsdatasync.ssm",
    "ram",
    "reachabilityanalyzer.networkinsights",
    "report.declarative-policies-ec2",
    "reporting.trustedadvisor",
    "resource-explorer-2",
    "securityhub",
    "securitylake",
    "servicecatalog",
    "servicequotas",
    "ssm",
    "ssm-quicksetup",
    "sso",
    "storage-lens.s3",
    "tagpolicies.tag",
    "user-subscriptions",
    "wellarchitected",
];

/// How many delegated administrators a service may have (AWS_FACTS 1, delegated admins); one for the rest.
const DELEGATES: &[(&str, usize)] = &[
    ("cloudtrail.amazonaws.com", 3),
    ("config.amazonaws.com", 3),
    ("config-multiaccountsetup.amazonaws.com", 3),
    ("member.org.stacksets.cloudformation.amazonaws.com", 5),
];

pub(super) const OPERATIONS: &[Row] = &[
    (
        "organizations",
        "DeleteResourcePolicy",
        delete_resource_policy,
    ),
    (
        "organizations",
        "DeregisterDelegatedAdministrator",
        deregister_administrator,
    ),
    (
        "organizations",
        "DescribeResourcePolicy",
        describe_resource_policy,
    ),
    ("organizations", "DisableAWSServiceAccess", disable_access),
    ("organizations", "EnableAWSServiceAccess", enable_access),
    (
        "organizations",
        "ListAWSServiceAccessForOrganization",
        list_access,
    ),
    (
        "organizations",
        "ListDelegatedAdministrators",
        list_administrators,
    ),
    (
        "organizations",
        "ListDelegatedServicesForAccount",
        list_delegated_services,
    ),
    ("organizations", "ListTagsForResource", list_tags),
    ("organizations", "PutResourcePolicy", put_resource_policy),
    (
        "organizations",
        "RegisterDelegatedAdministrator",
        register_administrator,
    ),
    ("organizations", "TagResource", tag),
    ("organizations", "UntagResource", untag),
];

/// Lets a service act for the organization, as services do for themselves when asked through their own API.
pub fn trust(world: &mut World, principal: &str) {
    let now = world.now;
    if let Some(organization) = world.organization.as_mut()
        && !organization.trusts(principal)
    {
        organization.trusted.insert(principal.to_owned(), now);
        world.lags.begin(Lag::TrustedAccess, principal, now);
    }
}

fn enable_access(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let principal = call.text("ServicePrincipal");
    let organization = manager(world, call)?;
    if !organization.all_features {
        return Err(constraint(
            "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
            "The organization must have all features enabled.",
        ));
    }
    let known = principal
        .strip_suffix(".amazonaws.com")
        .is_some_and(|service| SERVICES.contains(&service));
    if !known {
        return Err(invalid(
            "UNRECOGNIZED_SERVICE_PRINCIPAL",
            "You specified an unrecognized service principal.",
        ));
    }
    // Enabling again is no error (M).
    trust(world, principal);
    Ok(Value::Null)
}

fn disable_access(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let principal = call.text("ServicePrincipal");
    let organization = manager(world, call)?;
    let delegated = organization
        .delegated
        .values()
        .any(|services| services.contains_key(principal));
    if delegated {
        return Err(constraint(
            "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
            "Deregister the delegated administrators of this service first.",
        ));
    }
    organization.trusted.remove(principal);
    Ok(Value::Null)
}

fn list_access(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = reader(world, call)?;
    let trusted = organization.trusted.range(after(call)?);
    let (page, next) = page::take(trusted, call, "MaxResults", "NextToken", PAGE, |(it, _)| it)?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|(principal, since)| json!({"ServicePrincipal": principal, "DateEnabled": since.json()}))
        .collect();
    Ok(json!({"EnabledServicePrincipals": shown, "NextToken": next}))
}

/// Makes an account the delegated administrator of a service, with every check that AWS makes. Services whose
/// own API registers (CloudTrail, GuardDuty) use it too.
pub fn register(world: &mut World, account: &str, principal: &str) -> Result<(), AwsError> {
    let now = world.now;
    let organization = world.organization.as_mut().ok_or_else(super::not_in_use)?;
    if organization.management_account == account {
        return Err(constraint(
            "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register master account/yourself as delegated administrator for your organization.",
        ));
    }
    let member = organization
        .members
        .get(account)
        .ok_or_else(|| not_found(account))?;
    if member.state != "ACTIVE" {
        return Err(constraint(
            "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
            "You can't register a suspended account as delegated administrator.",
        ));
    }
    if !organization.trusts(principal) {
        return Err(constraint(
            "SERVICE_ACCESS_NOT_ENABLED",
            "You must enable trusted access for the service before you register a delegated administrator.",
        ));
    }
    if organization.delegates(account, principal) {
        return Err(AwsError::new(
            "AccountAlreadyRegisteredException",
            "The provided account is already a delegated administrator for your organization.",
        ));
    }
    let most = DELEGATES
        .iter()
        .find(|(known, _)| *known == principal)
        .map_or(1, |(_, most)| *most);
    let there = organization
        .delegated
        .values()
        .filter(|services| services.contains_key(principal))
        .count();
    if there >= most {
        return Err(constraint(
            "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED",
            "You have exceeded the number of delegated administrators for this service.",
        ));
    }
    organization
        .delegated
        .entry(account.to_owned())
        .or_default()
        .insert(principal.to_owned(), now);
    Ok(())
}

/// Takes the delegation back.
pub fn deregister(world: &mut World, account: &str, principal: &str) -> Result<(), AwsError> {
    let organization = world.organization.as_mut().ok_or_else(super::not_in_use)?;
    if !organization.members.contains_key(account) {
        return Err(not_found(account));
    }
    let services = organization.delegated.get_mut(account);
    let removed = services.and_then(|services| services.remove(principal));
    if removed.is_none() {
        return Err(not_registered());
    }
    organization
        .delegated
        .retain(|_, services| !services.is_empty());
    Ok(())
}

fn not_registered() -> AwsError {
    AwsError::new(
        "AccountNotRegisteredException",
        "The specified account is not a delegated administrator for this service.",
    )
}

fn register_administrator(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    manager(world, call)?;
    register(world, call.text("AccountId"), call.text("ServicePrincipal"))?;
    Ok(Value::Null)
}

fn deregister_administrator(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    manager(world, call)?;
    deregister(world, call.text("AccountId"), call.text("ServicePrincipal"))?;
    Ok(Value::Null)
}

fn list_administrators(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    reader(world, call)?;
    let organization = world.organization.as_ref().ok_or_else(access_denied)?;
    let wanted = call.str("ServicePrincipal");
    let delegated = organization
        .delegated
        .range(after(call)?)
        .filter(|(_, services)| wanted.is_none_or(|it| services.contains_key(it)));
    let (page, next) = page::take(
        delegated,
        call,
        "MaxResults",
        "NextToken",
        PAGE,
        |(id, _)| id,
    )?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|(id, services)| {
            let since = services.values().min().copied();
            let mut shown = show_account(world, organization, id);
            if let Some(shown) = shown.as_object_mut() {
                shown.shift_remove("Paths");
                shown.insert(
                    "DelegationEnabledDate".to_owned(),
                    since.map_or(Value::Null, Time::json),
                );
            }
            shown
        })
        .collect();
    Ok(json!({"DelegatedAdministrators": shown, "NextToken": next}))
}

fn list_delegated_services(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("AccountId");
    let organization = reader(world, call)?;
    if !organization.members.contains_key(id) {
        return Err(not_found(id));
    }
    let services = organization.delegated.get(id).ok_or_else(not_registered)?;
    let services = services.range(after(call)?);
    let (page, next) = page::take(
        services,
        call,
        "MaxResults",
        "NextToken",
        PAGE,
        |(it, _)| it,
    )?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|(principal, since)| {
            json!({"ServicePrincipal": principal, "DelegationEnabledDate": since.json()})
        })
        .collect();
    Ok(json!({"DelegatedServices": shown, "NextToken": next}))
}

/// The tags after a request to add some, or why AWS refuses them.
pub(super) fn checked_tags(
    present: &BTreeMap<String, String>,
    given: &[Value],
) -> Result<BTreeMap<String, String>, AwsError> {
    let mut added = BTreeMap::new();
    for tag in given {
        let text = |member: &str| tag[member].as_str().unwrap_or_default().to_owned();
        let key = text("Key");
        if key.to_lowercase().starts_with("aws:") {
            return Err(invalid(
                "INVALID_SYSTEM_TAGS_PARAMETER",
                "You specified a tag key that begins with aws:, which is reserved.",
            ));
        }
        if added.insert(key, text("Value")).is_some() {
            return Err(invalid(
                "DUPLICATE_TAG_KEY",
                "You specified the same tag key more than once.",
            ));
        }
    }
    let mut merged = present.clone();
    merged.extend(added);
    if merged.len() > TAGS {
        return Err(constraint(
            "MAX_TAG_LIMIT_EXCEEDED",
            "You have exceeded the number of tags allowed on this resource.",
        ));
    }
    Ok(merged)
}

/// Whether the id is of something that can have tags.
fn taggable(organization: &OrganizationState, id: &str) -> Result<(), AwsError> {
    let known = organization.is_parent(id)
        || organization.members.contains_key(id)
        || organization
            .policies
            .get(id)
            .is_some_and(|it| !it.aws_managed)
        || organization
            .resource_policy
            .as_ref()
            .is_some_and(|it| it.id == id);
    if known {
        Ok(())
    } else {
        Err(AwsError::new(
            "TargetNotFoundException",
            format!("You specified a target that doesn't exist: {id}"),
        ))
    }
}

fn tag(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("ResourceId");
    let organization = manager(world, call)?;
    taggable(organization, id)?;
    let none = BTreeMap::new();
    let present = organization.tags.get(id).unwrap_or(&none);
    let merged = checked_tags(present, call.list("Tags"))?;
    let before = json!(present);
    organization.tags.insert(id.to_owned(), merged);
    world.lags.keep(Lag::Tags, id, call.now, before);
    Ok(Value::Null)
}

fn untag(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("ResourceId");
    let organization = manager(world, call)?;
    taggable(organization, id)?;
    let before = json!(organization.tags.get(id).cloned().unwrap_or_default());
    if let Some(tags) = organization.tags.get_mut(id) {
        for key in call.strings("TagKeys") {
            tags.remove(&key);
        }
        if tags.is_empty() {
            organization.tags.remove(id);
        }
    }
    world.lags.keep(Lag::Tags, id, call.now, before);
    Ok(Value::Null)
}

fn list_tags(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("ResourceId");
    let organization = reader(world, call)?;
    taggable(organization, id)?;
    let mut tags = organization.tags.get(id).cloned().unwrap_or_default();
    if let Some(old) = world.lags.shown(Lag::Tags, id, call.now) {
        tags = old;
    }
    Ok(json!({"Tags": tag_list(&tags)}))
}

fn show_policy(organization: &OrganizationState, policy: &ResourcePolicy) -> Value {
    json!({"ResourcePolicy": {
        "ResourcePolicySummary": {
            "Id": policy.id,
            "Arn": organization.arn_in("resourcepolicy", &policy.id),
        },
        "Content": policy.content,
    }})
}

fn put_resource_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let content = call.text("Content");
    let suffix = world.rng.base36(8);
    let organization = manager(world, call)?;
    if serde_json::from_str::<serde_json::Map<String, Value>>(content).is_err() {
        return Err(invalid(
            "INVALID_RESOURCE_POLICY_JSON",
            "You specified a resource policy that is not valid JSON.",
        ));
    }
    let id = match &organization.resource_policy {
        Some(known) => known.id.clone(),
        None => format!("rp-{suffix}"),
    };
    let policy = ResourcePolicy {
        id,
        content: content.to_owned(),
    };
    let shown = show_policy(organization, &policy);
    organization.resource_policy = Some(policy);
    Ok(shown)
}

fn no_resource_policy() -> AwsError {
    AwsError::new(
        "ResourcePolicyNotFoundException",
        "We can't find a resource policy for this organization.",
    )
}

fn describe_resource_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = reader(world, call)?;
    let policy = organization.resource_policy.as_ref();
    let policy = policy.ok_or_else(no_resource_policy)?;
    Ok(show_policy(organization, policy))
}

fn delete_resource_policy(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let organization = manager(world, call)?;
    organization
        .resource_policy
        .take()
        .ok_or_else(no_resource_policy)?;
    Ok(Value::Null)
}
