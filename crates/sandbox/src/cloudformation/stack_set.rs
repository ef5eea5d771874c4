//! A stack set as data: template revisions, instances, operations.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::Operation;
use super::stack::invalid;
use crate::call::{AwsError, Call};
use crate::time::Time;
use crate::words;
use crate::world::World;

/// The principal under which stack sets are delegated.
pub const PRINCIPAL: &str = "member.org.stacksets.cloudformation.amazonaws.com";

/// A stack set. It lies in the administrator's account (the management account for service-managed ones) and Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackSet {
    /// `name:uuid`.
    pub id: String,
    pub name: String,
    pub description: String,
    pub created: Time,
    pub deleted: bool,
    pub service_managed: bool,
    pub execution_role: String,
    /// Every text the template had, by revision.
    pub templates: BTreeMap<u32, String>,
    pub revision: u32,
    /// Counts changes of template, parameters and tags: an instance with an older count is OUTDATED.
    pub version: u64,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub capabilities: Vec<String>,
    pub auto: AutoDeployment,
    pub managed_execution: bool,
    /// The Regions that auto-deployment fills in, by OU or root.
    pub targets: BTreeMap<String, BTreeSet<String>>,
    /// Instances by [`instance_key`].
    pub instances: BTreeMap<String, Instance>,
    pub operations: BTreeMap<String, Operation>,
    /// Operation ids in the order in which they were asked for.
    pub history: Vec<String>,
    /// Operations that wait for the one that runs.
    pub queue: VecDeque<String>,
}

/// Whether accounts that join or leave a targeted OU get or lose stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoDeployment {
    pub enabled: bool,
    pub retain: bool,
    pub depends_on: Vec<String>,
}

/// A stack set's stack in one account and Region, made or to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub account: String,
    pub region: String,
    /// The OU or root through which the account is a target.
    pub ou: String,
    pub stack: Option<String>,
    /// `CURRENT`, `OUTDATED` or `INOPERABLE`.
    pub status: String,
    /// `PENDING`, `RUNNING`, `SUCCEEDED`, `FAILED`, `CANCELLED`, `INOPERABLE`, `FAILED_IMPORT` or `SKIPPED_SUSPENDED_ACCOUNT`.
    pub detailed: String,
    pub reason: Option<String>,
    pub overrides: BTreeMap<String, String>,
    pub last_operation: String,
    /// The stack set's version that it has.
    pub version: u64,
    /// `NOT_CHECKED`, `IN_SYNC` or `DRIFTED`, as detection of the set last found it.
    #[serde(default = "not_checked")]
    pub drift: String,
    #[serde(default)]
    pub drift_checked: Option<Time>,
}

/// The drift status before anybody looked.
pub fn not_checked() -> String {
    "NOT_CHECKED".to_owned()
}

/// `account/region`.
pub fn instance_key(account: &str, region: &str) -> String {
    format!("{account}/{region}")
}

impl StackSet {
    /// The set's ARN.
    pub fn arn(&self, admin: &str, region: &str) -> String {
        format!(
            "arn:aws:cloudformation:{region}:{admin}:stackset/{}",
            self.id
        )
    }

    /// The present template.
    pub fn template(&self) -> &str {
        self.templates
            .get(&self.revision)
            .map_or("", String::as_str)
    }

    /// The operation that runs now.
    pub fn running(&self) -> Option<&Operation> {
        self.history
            .iter()
            .rev()
            .filter_map(|id| self.operations.get(id))
            .find(|op| op.status == "RUNNING" || op.status == "STOPPING")
    }

    /// An operation id that is used already.
    pub fn check_operation_id(&self, id: &str) -> Result<(), AwsError> {
        if self.operations.contains_key(id) {
            return Err(AwsError::new(
                "OperationIdAlreadyExistsException",
                format!("Operation {id} already exists for StackSet {}", self.id),
            )
            .status(409));
        }
        Ok(())
    }
}

/// Whose stack sets a call is about: the caller's own, or the management account's for a delegated administrator.
pub fn admin_of(world: &World, call: &Call) -> Result<String, AwsError> {
    if call.str("CallAs") != Some("DELEGATED_ADMIN") {
        return Ok(call.account.clone());
    }
    match &world.organization {
        Some(organization) if organization.delegates(&call.account, PRINCIPAL) => {
            Ok(organization.management_account.clone())
        }
        _ => Err(invalid("Account used is not a delegated administrator")),
    }
}

/// Refuses service-managed stack sets where the organization has not let StackSets in.
pub fn check_service_managed(world: &World, admin: &str) -> Result<(), AwsError> {
    let Some(organization) = world
        .organization
        .as_ref()
        .filter(|o| o.management_account == *admin)
    else {
        return Err(invalid(words::NOT_MANAGEMENT));
    };
    let known = super::access::activated(world)
        && organization.is_trusted(&world.lags, PRINCIPAL, world.now);
    if !organization.all_features || !known {
        return Err(invalid(words::NO_ORGANIZATIONS_ACCESS));
    }
    Ok(())
}

/// The id of an active stack set, by name or id.
pub fn locate(world: &World, call: &Call) -> Result<(String, String), AwsError> {
    let admin = admin_of(world, call)?;
    let wanted = call.text("StackSetName");
    let sets = world
        .region(&admin, &call.region)
        .map(|r| &r.cloudformation.stack_sets);
    let found = sets
        .into_iter()
        .flatten()
        .find(|(id, set)| !set.deleted && (set.name == wanted || *id == wanted));
    match found {
        Some((id, _)) => Ok((admin, id.clone())),
        None => Err(AwsError::new(
            "StackSetNotFoundException",
            format!("StackSet {wanted} not found"),
        )
        .status(404)),
    }
}

/// A stack set, which must be there.
pub fn get<'w>(
    world: &'w World,
    admin: &str,
    region: &str,
    id: &str,
) -> Result<&'w StackSet, AwsError> {
    world
        .region(admin, region)
        .and_then(|r| r.cloudformation.stack_sets.get(id))
        .ok_or_else(|| {
            AwsError::new(
                "StackSetNotFoundException",
                format!("StackSet {id} not found"),
            )
            .status(404)
        })
}

/// A stack set to change.
pub fn get_mut<'w>(
    world: &'w mut World,
    admin: &str,
    region: &str,
    id: &str,
) -> Result<&'w mut StackSet, AwsError> {
    world
        .region_mut(admin, region)?
        .cloudformation
        .stack_sets
        .get_mut(id)
        .ok_or_else(|| {
            AwsError::new(
                "StackSetNotFoundException",
                format!("StackSet {id} not found"),
            )
            .status(404)
        })
}

/// The accounts that `DeploymentTargets` means, each with the OU or root it is reached through. Child OUs are
/// included; the management account never is.
pub fn targets(
    world: &World,
    wanted: &Value,
    creating: bool,
) -> Result<BTreeMap<String, String>, AwsError> {
    let strings = |name: &str| -> Vec<String> {
        let list = wanted.get(name).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    let (ous, accounts) = (strings("OrganizationalUnitIds"), strings("Accounts"));
    let filter = wanted.get("AccountFilterType").and_then(Value::as_str);
    if ous.is_empty() {
        return Err(invalid("OrganizationalUnitIds are required"));
    }
    if ous.len() > 50 {
        return Err(invalid(
            "1 validation error detected: Value at 'deploymentTargets.organizationalUnitIds' failed to satisfy constraint: Member must have length less than or equal to 50",
        ));
    }
    let Some(organization) = &world.organization else {
        return Err(invalid("No organization"));
    };
    let mut found = BTreeMap::new();
    for ou in &ous {
        if *ou != organization.root && !organization.ous.contains_key(ou) {
            return Err(invalid(format!("OrganizationalUnit {ou} not found")));
        }
        for account in organization.accounts_under(ou) {
            if account != organization.management_account {
                found.entry(account).or_insert_with(|| ou.clone());
            }
        }
    }
    match filter {
        None | Some("NONE") if accounts.is_empty() => {}
        None | Some("UNION") if creating => {
            return Err(invalid(
                "AccountFilterType UNION is not supported for CreateStackInstances operations",
            ));
        }
        None | Some("UNION") => {
            for account in accounts {
                let ou = ous.first().cloned().unwrap_or_default();
                found.entry(account).or_insert(ou);
            }
        }
        Some("INTERSECTION") => found.retain(|account, _| accounts.contains(account)),
        Some("DIFFERENCE") => found.retain(|account, _| !accounts.contains(account)),
        Some(other) => {
            return Err(invalid(format!(
                "AccountFilterType {other} cannot be used with Accounts"
            )));
        }
    }
    Ok(found)
}
