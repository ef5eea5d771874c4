//! Pokes of stacks and stack sets.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Given, Poke, PokeError, call, find, settle};
use crate::cloudformation::stack::Stack;
use crate::cloudformation::stack_set::StackSet;
use crate::world::World;

pub(super) const POKES: &[Poke] = &[
    Poke {
        name: "delete-stack",
        arguments: &["STACK", "[ACCOUNT]", "[REGION]"],
        help: "take a stack's termination protection off and delete it, an instance's stack too",
        act: delete_stack,
    },
    Poke {
        name: "edit-stack",
        arguments: &["STACK", "PARAMETER", "VALUE"],
        help: "update a stack with another value of a parameter",
        act: edit_stack,
    },
    Poke {
        name: "delete-stack-instance",
        arguments: &["SET", "ACCOUNT", "REGION"],
        help: "delete one instance of a stack set, and its stack",
        act: delete_instance,
    },
    Poke {
        name: "edit-stack-set",
        arguments: &["SET", "PARAMETER", "VALUE"],
        help: "update a stack set with another value of a parameter, in all its accounts",
        act: edit_stack_set,
    },
    Poke {
        name: "edit-template",
        arguments: &["SET", "ACCOUNT", "REGION"],
        help: "update a stack set's template in one account only: the others are OUTDATED then",
        act: edit_template,
    },
];

/// A place: account and Region.
type At = (String, String);

/// The stack that is meant. Stacks of stack sets are found where an account is given.
fn stack(world: &World, given: &Given<'_>, instances: bool) -> Result<(At, Stack), PokeError> {
    let account = match given.option(1) {
        Some(word) if instances => Some(find::account(world, word)?),
        _ => None,
    };
    let region = given.option(2).filter(|_| instances);
    let found: Vec<(At, &Stack)> = world
        .accounts
        .iter()
        .filter(|(id, _)| account.as_ref().is_none_or(|wanted| wanted == *id))
        .flat_map(|(id, it)| it.regions.iter().map(move |(region, it)| (id, region, it)))
        .filter(|(_, here, _)| region.is_none_or(|wanted| wanted == *here))
        .flat_map(|(id, region, it)| {
            let stacks = it.cloudformation.stacks.values();
            stacks.map(move |stack| ((id.clone(), region.clone()), stack))
        })
        .filter(|(_, stack)| stack.status != "DELETE_COMPLETE")
        .filter(|(_, stack)| account.is_some() || stack.stack_set.is_none())
        .collect();
    let names = found.iter().map(|(_, stack)| stack.name.as_str());
    let name = find::one("stack", Some(given.get(0)), names)?;
    let mut places = found.iter().filter(|(_, stack)| stack.name == name);
    match (places.next(), places.next()) {
        (Some((at, stack)), None) => Ok((at.clone(), (*stack).clone())),
        _ => Err(
            PokeError::new(format!("there is a stack {name} in several places"))
                .hint("name the account and the Region too"),
        ),
    }
}

fn idle(world: &World, (account, region): &At, id: &str) -> bool {
    world
        .region(account, region)
        .and_then(|it| it.cloudformation.stacks.get(id))
        .is_none_or(|stack| !stack.busy())
}

fn status(world: &World, (account, region): &At, id: &str) -> String {
    world
        .region(account, region)
        .and_then(|it| it.cloudformation.stacks.get(id))
        .map(|stack| stack.status.clone())
        .unwrap_or_default()
}

fn delete_stack(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (at, stack) = stack(world, given, true)?;
    let place = (at.0.as_str(), at.1.as_str());
    if stack.termination_protection {
        call(
            world,
            place,
            "cloudformation",
            "UpdateTerminationProtection",
            json!({"StackName": stack.name, "EnableTerminationProtection": false}),
        )?;
    }
    let input = json!({"StackName": stack.name});
    call(world, place, "cloudformation", "DeleteStack", input)?;
    settle(world, |world| idle(world, &at, &stack.id))?;
    let how = match status(world, &at, &stack.id).as_str() {
        "DELETE_COMPLETE" => String::from("was deleted"),
        other => format!("could not be deleted and is {other}"),
    };
    Ok(format!(
        "stack {} of {} in {} {how}",
        stack.name,
        find::shown(world, &at.0),
        at.1
    ))
}

/// The parameter that is meant, and all of them as a request that changes only this one.
fn parameters(
    word: &str,
    value: &str,
    known: &BTreeMap<String, String>,
) -> Result<(String, Vec<Value>), PokeError> {
    let name = find::one("parameter", Some(word), known.keys().map(String::as_str))?.to_owned();
    let list = known
        .keys()
        .map(|key| {
            if *key == name {
                json!({"ParameterKey": key, "ParameterValue": value})
            } else {
                json!({"ParameterKey": key, "UsePreviousValue": true})
            }
        })
        .collect();
    Ok((name, list))
}

fn edit_stack(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (at, stack) = stack(world, given, false)?;
    let (name, parameters) = parameters(given.get(1), given.get(2), &stack.parameters)?;
    call(
        world,
        (&at.0, &at.1),
        "cloudformation",
        "UpdateStack",
        json!({
            "StackName": stack.name, "UsePreviousTemplate": true, "Parameters": parameters,
            "Capabilities": stack.capabilities,
        }),
    )?;
    settle(world, |world| idle(world, &at, &stack.id))?;
    Ok(format!(
        "stack {} was updated with {name} = {} and is {}",
        stack.name,
        given.get(2),
        status(world, &at, &stack.id)
    ))
}

/// The stack set that is meant, with the account and Region in which it lies.
fn stack_set(world: &World, word: &str) -> Result<(At, StackSet), PokeError> {
    let found: Vec<(At, &StackSet)> = world
        .accounts
        .iter()
        .flat_map(|(id, it)| it.regions.iter().map(move |(region, it)| (id, region, it)))
        .flat_map(|(id, region, it)| {
            let sets = it.cloudformation.stack_sets.values();
            sets.map(move |set| ((id.clone(), region.clone()), set))
        })
        .filter(|(_, set)| !set.deleted)
        .collect();
    let names = found.iter().map(|(_, set)| set.name.as_str());
    let name = find::one("stack set", Some(word), names)?;
    found
        .iter()
        .find(|(_, set)| set.name == name)
        .map(|(at, set)| (at.clone(), (*set).clone()))
        .ok_or_else(|| PokeError::new(format!("there is no stack set `{word}`")))
}

/// Waits for the set's operations and says how the last one ended.
fn operation(world: &mut World, at: &At, set: &StackSet) -> Result<String, PokeError> {
    let known = |world: &World| {
        let region = world.region(&at.0, &at.1)?;
        region.cloudformation.stack_sets.get(&set.id).cloned()
    };
    settle(world, |world| {
        known(world).is_none_or(|set| set.running().is_none() && set.queue.is_empty())
    })?;
    let ended = known(world).and_then(|set| {
        let last = set.history.last()?;
        Some(set.operations.get(last)?.status.clone())
    });
    Ok(ended.unwrap_or_default())
}

/// The target of one instance, for an operation on it alone.
fn only(world: &World, set: &StackSet, given: &Given<'_>) -> Result<(String, String), PokeError> {
    let account = find::account(world, given.get(1))?;
    let regions: Vec<String> = set
        .instances
        .values()
        .filter(|instance| instance.account == account)
        .map(|instance| instance.region.clone())
        .collect();
    let what = format!("instance of {} in {}", set.name, given.get(1));
    let region = find::region(&what, given.option(2), &regions)?;
    Ok((account, region))
}

fn target(world: &World, set: &StackSet, account: &str) -> Value {
    if !set.service_managed {
        return json!({"Accounts": [account]});
    }
    // Through a target of the set: where the account lies is often below one.
    let mut instances = set.instances.values();
    let through = instances.find(|instance| instance.account == account);
    let through = through.map(|instance| instance.ou.clone());
    let parent = through.or_else(|| {
        let organization = world.organization.as_ref()?;
        Some(organization.members.get(account)?.parent.clone())
    });
    json!({
        "DeploymentTargets": {
            "OrganizationalUnitIds": [parent],
            "Accounts": [account],
            "AccountFilterType": "INTERSECTION",
        },
    })
}

fn with(mut input: Value, more: Value) -> Value {
    if let (Some(input), Value::Object(more)) = (input.as_object_mut(), more) {
        input.extend(more);
    }
    input
}

fn delete_instance(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (at, set) = stack_set(world, given.get(0))?;
    let (account, region) = only(world, &set, given)?;
    let input = json!({"StackSetName": set.name, "Regions": [region], "RetainStacks": false});
    let input = with(input, target(world, &set, &account));
    let place = (at.0.as_str(), at.1.as_str());
    call(
        world,
        place,
        "cloudformation",
        "DeleteStackInstances",
        input,
    )?;
    let ended = operation(world, &at, &set)?;
    Ok(format!(
        "the instance of {} in {} and {region} was deleted: {ended}",
        set.name,
        find::shown(world, &account)
    ))
}

fn edit_stack_set(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (at, set) = stack_set(world, given.get(0))?;
    let (name, parameters) = parameters(given.get(1), given.get(2), &set.parameters)?;
    call(
        world,
        (&at.0, &at.1),
        "cloudformation",
        "UpdateStackSet",
        json!({
            "StackSetName": set.name, "UsePreviousTemplate": true, "Parameters": parameters,
            "Capabilities": set.capabilities,
        }),
    )?;
    let ended = operation(world, &at, &set)?;
    Ok(format!(
        "stack set {} was updated with {name} = {}: {ended}",
        set.name,
        given.get(2)
    ))
}

fn edit_template(world: &mut World, given: &Given<'_>) -> Result<String, PokeError> {
    let (at, set) = stack_set(world, given.get(0))?;
    let (account, region) = only(world, &set, given)?;
    // JSON takes no comments, but blanks; either is another template to CloudFormation.
    let text = if set.template().trim_start().starts_with('{') {
        format!("{}\n ", set.template())
    } else {
        format!("{}\n# edited by hand\n", set.template().trim_end())
    };
    let parameters: Vec<Value> = set
        .parameters
        .keys()
        .map(|key| json!({"ParameterKey": key, "UsePreviousValue": true}))
        .collect();
    let input = json!({
        "StackSetName": set.name, "TemplateBody": text, "Parameters": parameters,
        "Capabilities": set.capabilities, "Regions": [region],
    });
    let input = with(input, target(world, &set, &account));
    let place = (at.0.as_str(), at.1.as_str());
    call(world, place, "cloudformation", "UpdateStackSet", input)?;
    let ended = operation(world, &at, &set)?;
    Ok(format!(
        "stack set {} has another template, deployed to {} in {region} only: {ended}",
        set.name,
        find::shown(world, &account)
    ))
}
