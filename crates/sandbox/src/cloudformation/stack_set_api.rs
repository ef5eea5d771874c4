//! The operations on stack sets and their instances.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

use super::deployment::{Order, Overrides, submit};
use super::operation::Action;
use super::stack::{invalid, parameters_of, parse, tags_of};
use super::stack_api::{body, check_capabilities};
use super::stack_set::{
    AutoDeployment, StackSet, admin_of, check_service_managed, get, get_mut, locate, targets,
};
use super::stack_set_reads::ous;
use super::{Due, parameters};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::service_quotas;
use crate::table::Row;
use crate::words::{self, filled};
use crate::world::{self, World};

fn auto_of(call: &Call, before: &AutoDeployment) -> AutoDeployment {
    let given = call.get("AutoDeployment");
    let flag = |name: &str, old: bool| given.get(name).and_then(Value::as_bool).unwrap_or(old);
    AutoDeployment {
        enabled: flag("Enabled", before.enabled),
        retain: flag("RetainStacksOnAccountRemoval", before.retain),
        depends_on: match given.get("DependsOn").and_then(Value::as_array) {
            Some(list) => list
                .iter()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            None => before.depends_on.clone(),
        },
    }
}

/// Refuses to come after what is no stack set here.
fn check_depends_on(world: &World, admin: &str, region: &str, call: &Call) -> Result<(), AwsError> {
    let given = call.get("AutoDeployment").get("DependsOn");
    let sets = world
        .region(admin, region)
        .map(|r| &r.cloudformation.stack_sets);
    let arns: Vec<String> = sets
        .into_iter()
        .flatten()
        .filter(|(_, set)| !set.deleted)
        .map(|(_, set)| set.arn(admin, region))
        .collect();
    let mut named = given.and_then(Value::as_array).into_iter().flatten();
    match named.find(|arn| !arns.iter().any(|known| arn.as_str() == Some(known))) {
        Some(arn) => Err(invalid(format!("StackSet {arn} in DependsOn not found"))),
        None => Ok(()),
    }
}

fn create_stack_set(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let admin = admin_of(world, call)?;
    let name = call.text("StackSetName").to_owned();
    let fits = name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !fits {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'stackSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )));
    }
    let service_managed = call.str("PermissionModel") == Some("SERVICE_MANAGED");
    if service_managed {
        check_service_managed(world, &admin)?;
    } else if !call.get("AutoDeployment").is_null() {
        return Err(invalid(
            "AutoDeployment can only be specified for stack sets with SERVICE_MANAGED permission model",
        ));
    }
    check_depends_on(world, &admin, &call.region, call)?;
    let text = body(call)?;
    let template = parse(&text).map_err(|e| invalid(e.0))?;
    let parameters = parameters::settle(
        &template,
        &parameters_of(call.list("Parameters"), &BTreeMap::new()),
    )
    .map_err(|e| invalid(e.0))?;
    let capabilities = call.strings("Capabilities");
    check_capabilities(&template, &capabilities)?;
    let uuid = world.rng.uuid();
    let most = service_quotas::stack_sets(world);
    let sets = &mut world
        .region_mut(&admin, &call.region)?
        .cloudformation
        .stack_sets;
    if sets.values().any(|set| !set.deleted && set.name == name) {
        return Err(AwsError::new(
            "NameAlreadyExistsException",
            format!("StackSet already exists: {name}"),
        )
        .status(409));
    }
    if sets.values().filter(|set| !set.deleted).count() >= most {
        return Err(AwsError::new(
            "LimitExceededException",
            "You have reached the maximum number of stack sets.",
        ));
    }
    let id = format!("{name}:{uuid}");
    let set = StackSet {
        id: id.clone(),
        name,
        description: call.text("Description").to_owned(),
        created: call.now,
        deleted: false,
        service_managed,
        execution_role: call
            .str("ExecutionRoleName")
            .unwrap_or("AWSCloudFormationStackSetExecutionRole")
            .to_owned(),
        templates: BTreeMap::from([(1, text)]),
        revision: 1,
        version: 1,
        parameters,
        tags: tags_of(call),
        capabilities,
        auto: auto_of(call, &AutoDeployment::default()),
        managed_execution: managed(call).unwrap_or(false),
        targets: BTreeMap::new(),
        instances: BTreeMap::new(),
        operations: BTreeMap::new(),
        history: Vec::new(),
        queue: VecDeque::new(),
    };
    sets.insert(id.clone(), set);
    Ok(json!({"StackSetId": id}))
}

fn managed(call: &Call) -> Option<bool> {
    call.get("ManagedExecution")
        .get("Active")
        .and_then(Value::as_bool)
}

pub(super) fn operation_id(world: &mut World, call: &Call) -> String {
    match call.str("OperationId") {
        Some(id) => id.to_owned(),
        None => world.rng.uuid(),
    }
}

/// The accounts that a call is about: OUs for service-managed sets, a list for the others.
fn accounts_of(
    world: &World,
    call: &Call,
    set: &StackSet,
    creating: bool,
) -> Result<BTreeMap<String, String>, AwsError> {
    let listed = call.strings("Accounts");
    if set.service_managed {
        if !listed.is_empty() {
            return Err(invalid(
                "Accounts cannot be specified for StackSets with SERVICE_MANAGED permission model; use DeploymentTargets",
            ));
        }
        return targets(world, call.get("DeploymentTargets"), creating);
    }
    if listed.is_empty() {
        return Err(invalid(
            "Either Accounts or DeploymentTargets must be specified",
        ));
    }
    Ok(listed
        .into_iter()
        .map(|account| (account, String::new()))
        .collect())
}

fn ous_of(call: &Call) -> Vec<String> {
    let list = call
        .get("DeploymentTargets")
        .get("OrganizationalUnitIds")
        .and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

/// Refuses an OU that is no target of the set, also where it lies under one (hashicorp/terraform-provider-aws#33785).
/// What is left of a former target can still be named by it.
fn check_targets(set: &StackSet, call: &Call) -> Result<(), AwsError> {
    let is_known = |ou: &String| {
        set.targets.contains_key(ou) || set.instances.values().any(|instance| instance.ou == *ou)
    };
    match ous_of(call).into_iter().find(|ou| !is_known(ou)) {
        Some(ou) if set.service_managed => Err(invalid(filled(words::NO_TARGET, &[("ou", &ou)]))),
        _ => Ok(()),
    }
}

/// No list leaves every override as it is; a list is all there are afterwards, those with `UsePreviousValue` as they
/// were.
fn overrides_of(call: &Call, set: &StackSet) -> Result<Option<Overrides>, AwsError> {
    if call.get("ParameterOverrides").is_null() {
        return Ok(None);
    }
    let listed = call.list("ParameterOverrides");
    let given = parameters_of(listed, &set.parameters);
    let template = parse(set.template()).map_err(|e| invalid(e.0))?;
    let mut all = set.parameters.clone();
    all.extend(given.clone());
    parameters::settle(&template, &all).map_err(|e| invalid(e.0))?;
    let kept = listed
        .iter()
        .filter(|item| item.get("UsePreviousValue").and_then(Value::as_bool) == Some(true))
        .filter_map(|item| item.get("ParameterKey").and_then(Value::as_str))
        .map(|key| (key.to_owned(), None));
    let mut overrides: Overrides = given
        .into_iter()
        .map(|(key, value)| (key, Some(value)))
        .collect();
    overrides.extend(kept);
    Ok(Some(overrides))
}

fn create_stack_instances(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (admin, id) = locate(world, call)?;
    let set = get(world, &admin, &call.region, &id)?;
    if set.service_managed {
        check_service_managed(world, &admin)?;
    }
    let accounts = accounts_of(world, call, set, true)?;
    let overrides = overrides_of(call, set)?;
    let regions = call.strings("Regions");
    check_instance_quota(world, set, &accounts, &regions)?;
    let order = Order {
        id: operation_id(world, call),
        action: Action::Create,
        preferences: call.get("OperationPreferences").clone(),
        targets: call.get("DeploymentTargets").clone(),
        retain: false,
        accounts,
        regions: regions.clone(),
        overrides,
        imports: BTreeMap::new(),
    };
    keep_ous(world, call, &admin, &id);
    let operation = submit(world, &admin, &call.region, &id, order, false)?;
    let set = get_mut(world, &admin, &call.region, &id)?;
    for ou in ous_of(call) {
        set.targets
            .entry(ou)
            .or_default()
            .extend(regions.iter().cloned());
    }
    Ok(json!({"OperationId": operation}))
}

/// DescribeStackSet may show the OUs as they were for a while.
fn keep_ous(world: &mut World, call: &Call, admin: &str, id: &str) {
    if let Ok(set) = get(world, admin, &call.region, id) {
        let before = json!(ous(set));
        world.lags.keep(Lag::SetTargets, id, call.now, before);
    }
}

/// The instances that a set would have must fit; AWS says so before it begins.
fn check_instance_quota(
    world: &World,
    set: &StackSet,
    accounts: &BTreeMap<String, String>,
    regions: &[String],
) -> Result<(), AwsError> {
    let there: BTreeSet<(&str, &str)> = set
        .instances
        .values()
        .map(|instance| (instance.account.as_str(), instance.region.as_str()))
        .collect();
    let added = accounts
        .keys()
        .flat_map(|account| {
            let regions = regions.iter();
            regions.map(move |region| (account.as_str(), region.as_str()))
        })
        .filter(|place| !there.contains(place))
        .count();
    if there.len() + added > service_quotas::stack_instances(world) {
        return Err(AwsError::new(
            "LimitExceededException",
            "You have reached the maximum number of stack instances of a stack set.",
        ));
    }
    Ok(())
}

fn update_stack_instances(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (admin, id) = locate(world, call)?;
    let set = get(world, &admin, &call.region, &id)?;
    let accounts = accounts_of(world, call, set, false)?;
    let overrides = overrides_of(call, set)?;
    let regions = call.strings("Regions");
    check_instances(set, &accounts, &regions)?;
    let order = Order {
        id: operation_id(world, call),
        action: Action::Update,
        preferences: call.get("OperationPreferences").clone(),
        targets: call.get("DeploymentTargets").clone(),
        retain: false,
        accounts,
        regions,
        overrides,
        imports: BTreeMap::new(),
    };
    Ok(json!({"OperationId": submit(world, &admin, &call.region, &id, order, false)?}))
}

fn check_instances(
    set: &StackSet,
    accounts: &BTreeMap<String, String>,
    regions: &[String],
) -> Result<(), AwsError> {
    let any = set
        .instances
        .values()
        .any(|i| accounts.contains_key(&i.account) && regions.contains(&i.region));
    if any {
        return Ok(());
    }
    Err(AwsError::new(
        "StackInstanceNotFoundException",
        "No stack instance was found for the given targets and Regions.",
    )
    .status(404))
}

fn delete_stack_instances(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (admin, id) = locate(world, call)?;
    let set = get(world, &admin, &call.region, &id)?;
    let mut accounts = if set.service_managed {
        targets(world, call.get("DeploymentTargets"), false)?
    } else {
        accounts_of(world, call, set, false)?
    };
    check_targets(set, call)?;
    let regions = call.strings("Regions");
    // Accounts that have left the organization keep their instances until they are deleted here.
    let named = call
        .get("DeploymentTargets")
        .get("Accounts")
        .and_then(Value::as_array);
    let filter = call.get("DeploymentTargets").get("AccountFilterType");
    let is_wanted = |account: &str| {
        let is_named = named.is_some_and(|list| list.iter().any(|id| id.as_str() == Some(account)));
        match filter.and_then(Value::as_str) {
            Some("INTERSECTION") => is_named,
            Some("DIFFERENCE") => !is_named,
            _ => named.is_none(),
        }
    };
    let ous = ous_of(call);
    for instance in set.instances.values() {
        if ous.contains(&instance.ou) && is_wanted(&instance.account) {
            accounts
                .entry(instance.account.clone())
                .or_insert_with(|| instance.ou.clone());
        }
    }
    let order = Order {
        id: operation_id(world, call),
        action: Action::Delete,
        preferences: call.get("OperationPreferences").clone(),
        targets: call.get("DeploymentTargets").clone(),
        retain: call.bool("RetainStacks").unwrap_or(false),
        accounts,
        regions: regions.clone(),
        overrides: None,
        imports: BTreeMap::new(),
    };
    keep_ous(world, call, &admin, &id);
    let operation = submit(world, &admin, &call.region, &id, order, false)?;
    if named.is_none() {
        let set = get_mut(world, &admin, &call.region, &id)?;
        for ou in ous_of(call) {
            if let Some(targeted) = set.targets.get_mut(&ou) {
                targeted.retain(|region| !regions.contains(region));
            }
        }
        set.targets.retain(|_, regions| !regions.is_empty());
    }
    Ok(json!({"OperationId": operation}))
}

/// Changes the set, for all, and its instances where they are targets. What changed makes every other instance OUTDATED;
/// where nothing changed and all are CURRENT, nothing is deployed.
fn update_stack_set(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (admin, id) = locate(world, call)?;
    let set = get(world, &admin, &call.region, &id)?;
    if set.service_managed {
        check_service_managed(world, &admin)?;
    }
    let targeted = !call.get("DeploymentTargets").is_null() || !call.strings("Accounts").is_empty();
    if targeted == call.strings("Regions").is_empty() {
        return Err(invalid(
            "To specify deployment targets, both targets and Regions must be given",
        ));
    }
    if !call.get("AutoDeployment").is_null() && targeted {
        return Err(invalid(
            "AutoDeployment cannot be changed together with DeploymentTargets or Regions",
        ));
    }
    check_depends_on(world, &admin, &call.region, call)?;
    if managed(call).is_some_and(|wanted| wanted != set.managed_execution)
        && set.running().is_some()
    {
        return Err(invalid(
            "ManagedExecution cannot be changed while operations are running or queued",
        ));
    }
    let named = |name: &str| !call.get(name).is_null();
    if named("ManagedExecution")
        && managed(call) != Some(set.managed_execution)
        && ["TemplateBody", "TemplateURL", "Parameters"]
            .iter()
            .any(|name| named(name))
    {
        return Err(AwsError::new(
            "InvalidOperationException",
            words::MANAGED_EXECUTION,
        ));
    }
    let text = if call.bool("UsePreviousTemplate") == Some(true) {
        set.template().to_owned()
    } else {
        body(call)?
    };
    let template = parse(&text).map_err(|e| invalid(e.0))?;
    // AWS's own resource handler names no parameters where it changes managed execution, and they stay.
    let settled =
        if call.get("Parameters").is_null() && call.bool("UsePreviousTemplate") == Some(true) {
            set.parameters.clone()
        } else {
            parameters::settle(
                &template,
                &parameters_of(call.list("Parameters"), &set.parameters),
            )
            .map_err(|e| invalid(e.0))?
        };
    let capabilities = if call.get("Capabilities").is_null() {
        set.capabilities.clone()
    } else {
        call.strings("Capabilities")
    };
    check_capabilities(&template, &capabilities)?;
    let tags = if call.get("Tags").is_null() {
        set.tags.clone()
    } else {
        tags_of(call)
    };
    let regions = if targeted {
        call.strings("Regions")
    } else {
        every_region(set)
    };
    check_targets(set, call)?;
    let accounts = if targeted {
        accounts_of(world, call, set, false)?
    } else {
        every_account(set)
    };
    if targeted {
        check_instances(set, &accounts, &regions)?;
    }
    let changed = text != set.template() || settled != set.parameters || tags != set.tags;
    let auto = auto_of(call, &set.auto);
    let order = Order {
        id: operation_id(world, call),
        action: Action::Update,
        preferences: call.get("OperationPreferences").clone(),
        targets: call.get("DeploymentTargets").clone(),
        retain: false,
        accounts,
        regions,
        overrides: None,
        imports: BTreeMap::new(),
    };
    // The operation first: a refused one must not change the set.
    keep_ous(world, call, &admin, &id);
    let operation = submit(world, &admin, &call.region, &id, order, false)?;
    let set = get_mut(world, &admin, &call.region, &id)?;
    if text != set.template() {
        set.revision += 1;
        set.templates.insert(set.revision, text);
    }
    if changed {
        set.version += 1;
        set.parameters = settled;
        set.tags = tags;
        for instance in set.instances.values_mut().filter(|i| i.status == "CURRENT") {
            instance.status = "OUTDATED".to_owned();
        }
    }
    set.capabilities = capabilities;
    set.auto = auto;
    set.managed_execution = managed(call).unwrap_or(set.managed_execution);
    if let Some(description) = call.str("Description") {
        set.description = description.to_owned();
    }
    Ok(json!({"OperationId": operation}))
}

pub(super) fn every_region(set: &StackSet) -> Vec<String> {
    let regions: BTreeSet<&String> = set.instances.values().map(|i| &i.region).collect();
    regions.into_iter().cloned().collect()
}

pub(super) fn every_account(set: &StackSet) -> BTreeMap<String, String> {
    set.instances
        .values()
        .map(|i| (i.account.clone(), i.ou.clone()))
        .collect()
}

fn delete_stack_set(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    // Deleting what is not there succeeds.
    let Ok((admin, id)) = locate(world, call) else {
        return Ok(json!({}));
    };
    let set = get_mut(world, &admin, &call.region, &id)?;
    if set.running().is_some() {
        return Err(AwsError::new(
            "OperationInProgressException",
            format!(
                "Another Operation on StackSet {} is in progress",
                set.arn(&admin, &call.region)
            ),
        )
        .status(409));
    }
    if !set.instances.is_empty() {
        return Err(
            AwsError::new("StackSetNotEmptyException", "StackSet is not empty").status(409),
        );
    }
    set.deleted = true;
    Ok(json!({}))
}

fn stop_operation(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (admin, id) = locate(world, call)?;
    let wanted = call.text("OperationId").to_owned();
    let set = get_mut(world, &admin, &call.region, &id)?;
    let operation = set
        .operations
        .get_mut(&wanted)
        .ok_or_else(|| no_such_operation(&wanted))?;
    match operation.status.as_str() {
        "RUNNING" => operation.status = "STOPPING".to_owned(),
        "QUEUED" => {
            operation.status = "STOPPED".to_owned();
            operation.ended = Some(call.now);
            set.queue.retain(|queued| *queued != wanted);
        }
        status => {
            return Err(AwsError::new(
                "InvalidOperationException",
                format!("Operation {wanted} is in status {status} and cannot be stopped"),
            ));
        }
    }
    let job = super::deployment::Job {
        admin,
        region: call.region.clone(),
        set: id,
        operation: wanted,
    };
    world.after(1_000, world::Due::CloudFormation(Due::Pump(job)));
    Ok(json!({}))
}

/// `OperationNotFoundException`.
pub(super) fn no_such_operation(id: &str) -> AwsError {
    AwsError::new(
        "OperationNotFoundException",
        format!("Operation {id} not found"),
    )
    .status(404)
}

/// What DescribeStackSet and ListStackSets both answer.
pub(super) fn auto_view(set: &StackSet) -> Value {
    let mut auto = Map::new();
    auto.insert("Enabled".to_owned(), json!(set.auto.enabled));
    if set.auto.enabled {
        auto.insert(
            "RetainStacksOnAccountRemoval".to_owned(),
            json!(set.auto.retain),
        );
    }
    if !set.auto.depends_on.is_empty() {
        auto.insert("DependsOn".to_owned(), json!(set.auto.depends_on));
    }
    Value::Object(auto)
}

pub(super) const OPERATIONS: &[Row] = &[
    (
        "cloudformation",
        "CreateStackInstances",
        create_stack_instances,
    ),
    ("cloudformation", "CreateStackSet", create_stack_set),
    (
        "cloudformation",
        "DeleteStackInstances",
        delete_stack_instances,
    ),
    ("cloudformation", "DeleteStackSet", delete_stack_set),
    ("cloudformation", "StopStackSetOperation", stop_operation),
    (
        "cloudformation",
        "UpdateStackInstances",
        update_stack_instances,
    ),
    ("cloudformation", "UpdateStackSet", update_stack_set),
];
