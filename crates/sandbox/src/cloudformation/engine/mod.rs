//! What CloudFormation does to a stack's resources: make them, change them, put them back, take them away.
//!
//! A stack is worked on in one go when its time has come: it shows `…_IN_PROGRESS` from the call until then. What
//! happens between resources of one stack is not simulated in time, only in order.

mod update;
mod work;

pub use update::{continue_rollback, import, update};

use super::resources;
use super::stack::{OnFailure, Stack};
use super::template::DeletionPolicy;
use crate::world::World;
use work::{Work, begin};

/// Where a stack lies.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
}

/// Why a stack operation failed: the first resource that did, and what was said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub logical_id: String,
    pub kind: String,
    pub reason: String,
}

impl Failure {
    /// As StackSets reports it of an instance.
    pub fn of_instance(&self) -> String {
        format!(
            "ResourceLogicalId:{}, ResourceType:{}, ResourceStatusReason:{}.",
            self.logical_id, self.kind, self.reason
        )
    }

    fn of_template(error: impl std::fmt::Display) -> Failure {
        Failure {
            logical_id: String::new(),
            kind: "AWS::CloudFormation::Stack".to_owned(),
            reason: error.to_string(),
        }
    }
}

/// Takes a stack out of the world, lets `act` work on both, and puts it back.
pub fn with_stack<T>(
    world: &mut World,
    at: Place<'_>,
    id: &str,
    act: impl FnOnce(&mut World, &mut Stack) -> T,
) -> Option<T> {
    let mut stack = world
        .region_mut(at.account, at.region)
        .ok()?
        .cloudformation
        .stacks
        .remove(id)?;
    let result = act(world, &mut stack);
    if let Ok(region) = world.region_mut(at.account, at.region) {
        if stack.status == "DELETE_COMPLETE" {
            region.cloudformation.names.retain(|_, other| other != id);
        }
        region.cloudformation.stacks.insert(id.to_owned(), stack);
    }
    Some(result)
}

/// Makes all resources of a stack. A failure rolls back, unless the stack says otherwise.
pub fn create(world: &mut World, at: Place<'_>, stack: &mut Stack) -> Result<(), Failure> {
    let now = world.now;
    let outcome = begin(world, at, stack).and_then(|mut work| {
        let order = work.wanted(stack)?;
        for name in &order {
            if let Err(failure) = work.create(world, stack, name) {
                stack.note(
                    now,
                    name,
                    &failure.kind,
                    "",
                    "CREATE_FAILED",
                    Some(failure.reason.clone()),
                );
                return Err(failure);
            }
        }
        for name in &order {
            work.settled(world, stack, name)?;
        }
        stack.outputs = work.outputs(stack)?;
        Ok(())
    });
    let Err(failure) = outcome else {
        stack.turn(now, "CREATE_COMPLETE", None);
        return Ok(());
    };
    let reason = format!(
        "The following resource(s) failed to create: [{}]. ",
        failure.logical_id
    );
    match stack.on_failure {
        OnFailure::DoNothing => stack.turn(now, "CREATE_FAILED", Some(reason)),
        then => {
            stack.turn(
                now,
                "ROLLBACK_IN_PROGRESS",
                Some(format!("{reason}Rollback requested by user.")),
            );
            let left = remove_all(world, at, stack, &[], true);
            let ended = match (left.is_empty(), then) {
                (true, OnFailure::Delete) => "DELETE_COMPLETE",
                (true, _) => "ROLLBACK_COMPLETE",
                (false, _) => "ROLLBACK_FAILED",
            };
            stack.turn(now, ended, None);
        }
    }
    Err(failure)
}

/// Deletes all resources of a stack that need not stay.
pub fn delete(
    world: &mut World,
    at: Place<'_>,
    stack: &mut Stack,
    retain: &[String],
) -> Result<(), Failure> {
    let now = world.now;
    let left = remove_all(world, at, stack, retain, false);
    if left.is_empty() {
        stack.turn(now, "DELETE_COMPLETE", None);
        stack.deleted = Some(now);
        return Ok(());
    }
    let names: Vec<&str> = left.iter().map(|f| f.logical_id.as_str()).collect();
    let reason = format!(
        "The following resource(s) failed to delete: [{}]. ",
        names.join(", ")
    );
    stack.turn(now, "DELETE_FAILED", Some(reason));
    left.into_iter().next().map_or(Ok(()), Err)
}

/// Takes away what may go, last made first; what fails is tried again after the others, as a channel is that a
/// recorder still uses. Returns what stays although it should not.
fn remove_all(
    world: &mut World,
    at: Place<'_>,
    stack: &mut Stack,
    retain: &[String],
    rolling_back: bool,
) -> Vec<Failure> {
    let Ok(work) = begin(world, at, stack) else {
        return Vec::new();
    };
    let mut order = work
        .template
        .creation_order(|name| stack.resources.contains_key(name))
        .unwrap_or_default();
    order.extend(
        stack
            .resources
            .keys()
            .filter(|name| !work.template.resources.contains_key(*name))
            .cloned(),
    );
    order.reverse();
    let mut failures: Vec<Failure> = Vec::new();
    loop {
        let before = stack.resources.len();
        failures.clear();
        for name in &order {
            let policy = work.policy(name);
            let stays = match policy {
                DeletionPolicy::Retain => true,
                DeletionPolicy::RetainExceptOnCreate => !rolling_back,
                DeletionPolicy::Delete => false,
            };
            if let Err(failure) = remove(world, &work, stack, name, stays || retain.contains(name))
            {
                failures.push(failure);
            }
        }
        if failures.is_empty() || stack.resources.len() == before {
            return failures;
        }
    }
}

fn remove(
    world: &mut World,
    work: &Work<'_>,
    stack: &mut Stack,
    name: &str,
    stays: bool,
) -> Result<(), Failure> {
    let Some(resource) = stack.resources.get(name).cloned() else {
        return Ok(());
    };
    let now = world.now;
    if stays {
        stack.note(
            now,
            name,
            &resource.kind,
            &resource.physical_id,
            "DELETE_SKIPPED",
            None,
        );
    } else if let Some(kind) = resources::kind(&resource.kind) {
        stack.note(
            now,
            name,
            &resource.kind,
            &resource.physical_id,
            "DELETE_IN_PROGRESS",
            None,
        );
        let outcome = (kind.delete)(
            &mut work.maker(world, stack, name),
            &resource.physical_id,
            &resource.properties,
        );
        if let Err(error) = outcome {
            let token = world.rng.uuid();
            let reason = resources::reason(kind, &error, &token);
            stack.note(
                now,
                name,
                &resource.kind,
                &resource.physical_id,
                "DELETE_FAILED",
                Some(reason.clone()),
            );
            return Err(Failure {
                logical_id: name.to_owned(),
                kind: resource.kind,
                reason,
            });
        }
        stack.note(
            now,
            name,
            &resource.kind,
            &resource.physical_id,
            "DELETE_COMPLETE",
            None,
        );
    }
    stack.resources.remove(name);
    Ok(())
}
