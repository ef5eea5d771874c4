//! Existing stacks taken into a stack set.
//!
//! Sources: CloudFormation API reference, ImportStacksToStackSet and StackInstance; user guide, "Importing a stack
//! into StackSets", "Service-managed stack import". What these leave open is as hard on the caller as they allow: every
//! parameter of an imported stack stays an override, also one that has the set's value, and nothing of the stack
//! is changed, whatever its template.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::deployment::{InstanceWork, Job, Order, Step, submit};
use super::engine::{Place, with_stack};
use super::operation::Action;
use super::stack::{execution_role, invalid, parse, template_text};
use super::stack_set::{check_service_managed, get, get_mut, instance_key, locate};
use super::stack_set_api::operation_id;
use crate::call::{AwsError, Call};
use crate::table::Row;
use crate::world::World;

/// "You import up to 10 stacks per StackSet at a time."
const MOST: usize = 10;

/// How long an import takes; nothing is deployed.
const SECONDS: i64 = 15;

fn import(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (admin, id) = locate(world, call)?;
    let set = get(world, &admin, &call.region, &id)?;
    if call.str("StackIdsUrl").is_some() {
        return Err(invalid("Only StackIds are simulated, not StackIdsUrl."));
    }
    let ids: BTreeSet<String> = call.strings("StackIds").into_iter().collect();
    if ids.is_empty() {
        return Err(invalid("Either StackIds or StackIdsUrl must be specified"));
    }
    if ids.len() > MOST {
        return Err(AwsError::new(
            "LimitExceededException",
            format!("You can import up to {MOST} stacks into a StackSet at a time"),
        ));
    }
    let ous = call.strings("OrganizationalUnitIds");
    if set.service_managed {
        check_service_managed(world, &admin)?;
        if ous.is_empty() {
            return Err(invalid(
                "OrganizationalUnitIds are required to import stacks into a StackSet with SERVICE_MANAGED permission model",
            ));
        }
    } else if !ous.is_empty() {
        return Err(invalid(
            "OrganizationalUnitIds can only be specified for StackSets with SERVICE_MANAGED permission model",
        ));
    }
    let mut accounts = BTreeMap::new();
    let mut imports = BTreeMap::new();
    let mut regions = BTreeSet::new();
    for stack in &ids {
        let missing = || {
            AwsError::new(
                "StackNotFoundException",
                format!("Stack {stack} could not be found"),
            )
            .status(404)
        };
        let mut parts = stack.split(':').skip(3);
        let (Some(region), Some(account)) = (parts.next(), parts.next()) else {
            return Err(missing());
        };
        let found = world
            .region(account, region)
            .and_then(|region| region.cloudformation.stacks.get(stack));
        if found.is_none_or(|stack| stack.status == "DELETE_COMPLETE") {
            return Err(missing());
        }
        // "Stack IDs map to the nearest OU in the OU ID list"; the management account is reached through none.
        let ou = match &world.organization {
            Some(organization) if set.service_managed => organization
                .chain(account)
                .into_iter()
                .find(|ou| ous.contains(ou) && account != organization.management_account)
                .ok_or_else(missing)?,
            _ => String::new(),
        };
        let key = instance_key(account, region);
        let there = set.instances.get(&key);
        if there.is_some_and(|instance| instance.detailed != "FAILED_IMPORT")
            || imports.insert(key, stack.clone()).is_some()
        {
            return Err(AwsError::new(
                "InvalidOperationException",
                format!(
                    "StackSet {} has a stack instance in {account}/{region}",
                    set.name
                ),
            ));
        }
        accounts.insert(account.to_owned(), ou);
        regions.insert(region.to_owned());
    }
    let targeted: Vec<(String, String)> = imports
        .keys()
        .filter_map(|key| {
            let (account, region) = key.split_once('/')?;
            Some((accounts.get(account)?.clone(), region.to_owned()))
        })
        .collect();
    let service_managed = set.service_managed;
    let order = Order {
        id: operation_id(world, call),
        action: Action::Import,
        preferences: call.get("OperationPreferences").clone(),
        targets: json!({"OrganizationalUnitIds": ous}),
        retain: false,
        accounts,
        regions: regions.into_iter().collect(),
        overrides: None,
        imports,
    };
    let operation = submit(world, &admin, &call.region, &id, order, false)?;
    if service_managed {
        let set = get_mut(world, &admin, &call.region, &id)?;
        for (ou, region) in targeted {
            set.targets.entry(ou).or_default().insert(region);
        }
    }
    Ok(json!({"OperationId": operation}))
}

/// What an operation does about one stack.
pub(super) fn step(world: &World, job: &Job, account: &str, region: &str) -> Step {
    let id = get(world, &job.admin, &job.region, &job.set)
        .ok()
        .and_then(|set| set.operations.get(&job.operation))
        .and_then(|operation| operation.imports.get(&instance_key(account, region)))
        .cloned()
        .unwrap_or_default();
    let stack = world
        .region(account, region)
        .and_then(|region| region.cloudformation.stacks.get(&id));
    let Some(stack) = stack.filter(|stack| stack.status != "DELETE_COMPLETE") else {
        return Step::Over(Err(format!("Stack [{id}] does not exist")));
    };
    // "Stacks can only belong to one stack set."
    if let Some(other) = &stack.stack_set {
        return Step::Over(Err(format!("Stack [{id}] belongs to StackSet {other}")));
    }
    let steady = [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
    ];
    if !steady.contains(&stack.status.as_str()) {
        return Step::Over(Err(format!(
            "Stack [{id}] is in {} state and can not be imported",
            stack.status
        )));
    }
    // "Stacks that contain NoEcho won't be imported into new stack sets through StackSet import."
    let template = parse(&template_text(world, &stack.source)).ok();
    if template.is_some_and(|template| template.parameters.values().any(|p| p.no_echo)) {
        return Step::Over(Err(format!(
            "Stack [{id}] has NoEcho parameters, which stack import does not support"
        )));
    }
    Step::Wait {
        seconds: SECONDS,
        stack: id,
        work: InstanceWork::Import,
    }
}

/// The stack is the set's from now on.
pub(super) fn join(world: &mut World, job: &Job, account: &str, region: &str, id: &str) {
    let at = Place { account, region };
    let Some((text, parameters, tags)) = with_stack(world, at, id, |world, stack| {
        stack.stack_set = Some(format!("{}/{}", job.admin, job.set));
        stack.actor = Some(execution_role(account));
        let text = template_text(world, &stack.source);
        (text, stack.parameters.clone(), stack.tags.clone())
    }) else {
        return;
    };
    let Ok(set) = get_mut(world, &job.admin, &job.region, &job.set) else {
        return;
    };
    let same = text == set.template() && parameters == set.parameters && tags == set.tags;
    // "You can only override the parameter values that are specified in the StackSet."
    let overrides = parameters
        .into_iter()
        .filter(|(name, _)| set.parameters.contains_key(name))
        .collect();
    let version = set.version;
    if let Some(instance) = set.instances.get_mut(&instance_key(account, region)) {
        instance.overrides = overrides;
        instance.stack = Some(id.to_owned());
        instance.detailed = "SUCCEEDED".to_owned();
        instance.reason = None;
        // "CURRENT: The stack is currently up to date with the StackSet."
        instance.status = if same { "CURRENT" } else { "OUTDATED" }.to_owned();
        if same {
            instance.version = version;
        }
    }
}

pub(super) const OPERATIONS: &[Row] = &[("cloudformation", "ImportStacksToStackSet", import)];
