//! What CloudFormation does to a stack's resources: make them, change them, put them back, take them away.
//!
//! A stack is worked on in one go when its time has come: it shows `…_IN_PROGRESS` from the call until then. What
//! happens between resources of one stack is not simulated in time, only in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::intrinsics::{Identity, Scope};
use super::resources::{self, Maker, Props};
use super::stack::{OnFailure, Stack, StackResource, parse, template_text};
use super::template::{DeletionPolicy, Template};
use crate::sandbox::call::AwsError;
use crate::sandbox::time::Time;
use crate::sandbox::world::World;

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

struct Work<'a> {
    at: Place<'a>,
    template: Arc<Template>,
    parameters: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    principal: String,
    made: BTreeMap<String, Identity>,
}

impl Work<'_> {
    fn scope<'s>(&'s self, stack: &'s Stack) -> Scope<'s> {
        Scope {
            template: &self.template,
            parameters: &self.parameters,
            account: self.at.account,
            region: self.at.region,
            stack_name: &stack.name,
            stack_id: &stack.id,
            made: &self.made,
        }
    }

    /// The resources whose conditions hold, each after what it needs.
    fn wanted(&self, stack: &Stack) -> Result<Vec<String>, Failure> {
        let scope = self.scope(stack);
        let mut wanted = BTreeSet::new();
        for (name, def) in &self.template.resources {
            let holds = match &def.condition {
                Some(condition) => scope.condition(condition).map_err(Failure::of_template)?,
                None => true,
            };
            if holds {
                wanted.insert(name.clone());
            }
        }
        let mut order = self
            .template
            .creation_order(|name| wanted.contains(name))
            .map_err(Failure::of_template)?;
        // Ranks decide between resources that do not need each other; a stable sort would break chains, so pick.
        let mut sorted = Vec::with_capacity(order.len());
        while !order.is_empty() {
            let ready =
                |name: &String| self.template.needs(name).iter().all(|n| !order.contains(n));
            let next = order
                .iter()
                .enumerate()
                .filter(|(_, name)| ready(name))
                .min_by_key(|(i, name)| (self.rank(name), *i));
            let Some(index) = next.map(|(i, _)| i) else {
                break;
            };
            sorted.push(order.remove(index));
        }
        Ok(sorted)
    }

    fn rank(&self, name: &str) -> u8 {
        self.template
            .resources
            .get(name)
            .and_then(|def| resources::kind(&def.kind))
            .map_or(0, |kind| kind.rank)
    }

    fn properties(&self, stack: &Stack, name: &str) -> Result<Props, Failure> {
        let Some(def) = self.template.resources.get(name) else {
            return Ok(Map::new());
        };
        let scope = self.scope(stack);
        let mut props = Map::new();
        for (key, value) in &def.properties {
            let value = scope
                .resolve(value)
                .map_err(|e| self.failure(name, e.to_string()))?;
            if let Some(value) = value {
                props.insert(key.clone(), value);
            }
        }
        Ok(props)
    }

    fn failure(&self, name: &str, reason: String) -> Failure {
        let kind = self
            .template
            .resources
            .get(name)
            .map(|def| def.kind.clone())
            .unwrap_or_default();
        Failure {
            logical_id: name.to_owned(),
            kind,
            reason,
        }
    }

    fn maker<'m>(&'m self, world: &'m mut World, stack: &'m Stack, name: &'m str) -> Maker<'m> {
        Maker {
            world,
            account: self.at.account,
            region: self.at.region,
            stack_name: &stack.name,
            logical_id: name,
            principal: &self.principal,
            tags: &self.tags,
        }
    }

    fn refusal(&self, world: &mut World, name: &str, error: &AwsError) -> Failure {
        let token = world.rng.uuid();
        let kind = self
            .template
            .resources
            .get(name)
            .and_then(|def| resources::kind(&def.kind));
        let reason = kind.map_or_else(
            || error.to_string(),
            |kind| resources::reason(kind, error, &token),
        );
        self.failure(name, reason)
    }

    /// Fails if a resource that is to be relied on is not what it should be.
    fn settled(&self, world: &mut World, stack: &Stack, name: &str) -> Result<(), Failure> {
        let Some((kind, resource)) = stack
            .resources
            .get(name)
            .and_then(|r| Some((resources::kind(&r.kind)?, r)))
        else {
            return Ok(());
        };
        let outcome = (kind.stable)(&self.maker(world, stack, name), &resource.physical_id);
        outcome.map_err(|error| self.refusal(world, name, &error))
    }

    fn create(&mut self, world: &mut World, stack: &mut Stack, name: &str) -> Result<(), Failure> {
        for need in self.template.needs(name) {
            self.settled(world, stack, &need)?;
        }
        let props = self.properties(stack, name)?;
        let kind = self
            .template
            .resources
            .get(name)
            .and_then(|def| resources::kind(&def.kind));
        let Some(kind) = kind else { return Ok(()) };
        resources::check(kind, name, &props).map_err(|reason| self.failure(name, reason))?;
        let now = world.now;
        stack.note(now, name, kind.name, "", "CREATE_IN_PROGRESS", None);
        let made = if world.doomed.resource() {
            Err(AwsError::new(
                "InternalFailure",
                "Internal error reported from downstream service",
            )
            .status(500))
        } else {
            (kind.create)(&mut self.maker(world, stack, name), &props)
        };
        let identity = made.map_err(|error| self.refusal(world, name, &error))?;
        self.keep(
            stack,
            now,
            name,
            kind.name,
            identity,
            props,
            "CREATE_COMPLETE",
        );
        Ok(())
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one call notes everything that is known of a resource"
    )]
    fn keep(
        &mut self,
        stack: &mut Stack,
        at: Time,
        name: &str,
        kind: &str,
        identity: Identity,
        properties: Props,
        status: &str,
    ) {
        stack.note(at, name, kind, &identity.physical_id, status, None);
        let resource = StackResource {
            kind: kind.to_owned(),
            physical_id: identity.physical_id.clone(),
            status: status.to_owned(),
            reason: None,
            at,
            properties,
            attributes: identity.attributes.clone(),
        };
        stack.resources.insert(name.to_owned(), resource);
        self.made.insert(name.to_owned(), identity);
    }

    fn outputs(&self, stack: &Stack) -> Result<Vec<Value>, Failure> {
        let scope = self.scope(stack);
        let mut outputs = Vec::new();
        for (key, def) in &self.template.outputs {
            if let Some(condition) = &def.condition
                && !scope.condition(condition).map_err(Failure::of_template)?
            {
                continue;
            }
            let value = scope
                .resolve_text(&def.value, "Output")
                .map_err(Failure::of_template)?;
            let mut output = json!({"OutputKey": key, "OutputValue": value});
            if let (Some(map), Some(description)) = (output.as_object_mut(), &def.description) {
                map.insert("Description".to_owned(), json!(description));
            }
            outputs.push(output);
        }
        Ok(outputs)
    }

    fn policy(&self, name: &str) -> DeletionPolicy {
        self.template
            .resources
            .get(name)
            .map_or(DeletionPolicy::Delete, |def| def.deletion_policy)
    }
}

fn begin<'a>(world: &World, at: Place<'a>, stack: &Stack) -> Result<Work<'a>, Failure> {
    let template = parse(&template_text(world, &stack.source)).map_err(Failure::of_template)?;
    let made = stack
        .resources
        .iter()
        .map(|(name, r)| {
            (
                name.clone(),
                Identity {
                    physical_id: r.physical_id.clone(),
                    attributes: r.attributes.clone(),
                },
            )
        })
        .collect();
    Ok(Work {
        at,
        template,
        parameters: stack.parameters.clone(),
        tags: stack.tags.clone(),
        principal: stack.principal(at.account),
        made,
    })
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

/// Brings a stack to what is pending. A failure puts everything back as it was.
pub fn update(world: &mut World, at: Place<'_>, stack: &mut Stack) -> Result<(), Failure> {
    let now = world.now;
    let Some(pending) = stack.pending.take() else {
        return Ok(());
    };
    let before = stack.clone();
    stack.drift = None;
    stack.source = pending.source;
    stack.parameters = pending.parameters;
    stack.tags = pending.tags;
    let outcome = bring(world, at, stack, &before, pending.revert);
    match outcome {
        Ok(()) => {
            stack.turn(now, "UPDATE_COMPLETE", None);
            stack.updated = Some(now);
            Ok(())
        }
        Err(failure) => {
            let reason = format!(
                "The following resource(s) failed to update: [{}]. ",
                failure.logical_id
            );
            stack.turn(now, "UPDATE_ROLLBACK_IN_PROGRESS", Some(reason));
            roll_back(world, at, stack, before, &[]);
            Err(failure)
        }
    }
}

fn bring(
    world: &mut World,
    at: Place<'_>,
    stack: &mut Stack,
    before: &Stack,
    revert: bool,
) -> Result<(), Failure> {
    let now = world.now;
    let mut work = begin(world, at, stack)?;
    let order = work.wanted(stack)?;
    let mut replaced = Vec::new();
    for name in &order {
        let outcome = match before.resources.get(name) {
            None => work.create(world, stack, name),
            Some(old) if revert => put_right(world, &mut work, stack, name, old),
            Some(old) => change(world, &mut work, stack, before, name, old, &mut replaced),
        };
        if let Err(failure) = outcome {
            stack.note(
                now,
                name,
                &failure.kind,
                "",
                "UPDATE_FAILED",
                Some(failure.reason.clone()),
            );
            return Err(failure);
        }
    }
    for name in &order {
        work.settled(world, stack, name)?;
    }
    stack.outputs = work.outputs(stack)?;
    // Only when all is well is anything taken away.
    let old_template =
        parse(&template_text(world, &before.source)).map_err(Failure::of_template)?;
    for (name, old) in replaced {
        let keep = work
            .template
            .resources
            .get(&name)
            .is_some_and(|def| def.update_replace_policy == DeletionPolicy::Retain);
        if let (false, Some(kind)) = (keep, resources::kind(&old.kind)) {
            let _ = (kind.delete)(
                &mut work.maker(world, stack, &name),
                &old.physical_id,
                &old.properties,
            );
        }
    }
    let gone: Vec<String> = stack
        .resources
        .keys()
        .filter(|name| !order.contains(name))
        .cloned()
        .collect();
    for name in gone.iter().rev() {
        let policy = old_template
            .resources
            .get(name)
            .map_or(DeletionPolicy::Delete, |def| def.deletion_policy);
        let _ = remove(world, &work, stack, name, policy != DeletionPolicy::Delete);
    }
    Ok(())
}

fn change(
    world: &mut World,
    work: &mut Work<'_>,
    stack: &mut Stack,
    before: &Stack,
    name: &str,
    old: &StackResource,
    replaced: &mut Vec<(String, StackResource)>,
) -> Result<(), Failure> {
    let now = world.now;
    let props = work.properties(stack, name)?;
    let kind = work
        .template
        .resources
        .get(name)
        .and_then(|def| resources::kind(&def.kind));
    let Some(kind) = kind else { return Ok(()) };
    if kind.name == old.kind && props == old.properties && stack.tags == before.tags {
        return Ok(());
    }
    resources::check(kind, name, &props).map_err(|reason| work.failure(name, reason))?;
    let replaces = kind.name != old.kind
        || kind
            .replaced_by
            .iter()
            .any(|key| props.get(*key) != old.properties.get(*key));
    stack.note(
        now,
        name,
        kind.name,
        &old.physical_id,
        "UPDATE_IN_PROGRESS",
        None,
    );
    let outcome = if replaces {
        (kind.create)(&mut work.maker(world, stack, name), &props)
    } else {
        (kind.update)(
            &mut work.maker(world, stack, name),
            &old.physical_id,
            &props,
        )
    };
    let identity = outcome.map_err(|error| work.refusal(world, name, &error))?;
    if replaces {
        replaced.push((name.to_owned(), old.clone()));
    }
    work.keep(
        stack,
        now,
        name,
        kind.name,
        identity,
        props,
        "UPDATE_COMPLETE",
    );
    Ok(())
}

/// Puts a resource back as the stack has it, or makes it anew where it is gone; not those that drift detection
/// leaves out.
fn put_right(
    world: &mut World,
    work: &mut Work<'_>,
    stack: &mut Stack,
    name: &str,
    old: &StackResource,
) -> Result<(), Failure> {
    let Some(kind) = resources::kind(&old.kind) else {
        return Ok(());
    };
    if kind.read.is_none() {
        return Ok(());
    }
    let props = work.properties(stack, name)?;
    let updated = (kind.update)(
        &mut work.maker(world, stack, name),
        &old.physical_id,
        &props,
    );
    let outcome = match updated {
        Err(error) if error.code.contains("NotFound") || error.code.contains("NoSuch") => {
            (kind.create)(&mut work.maker(world, stack, name), &props)
        }
        outcome => outcome,
    };
    let identity = outcome.map_err(|error| work.refusal(world, name, &error))?;
    let now = world.now;
    work.keep(
        stack,
        now,
        name,
        kind.name,
        identity,
        props,
        "UPDATE_COMPLETE",
    );
    Ok(())
}

/// Undoes a failed update. Where that fails too, a person mends the cause, or names what to skip, and has it continued
/// (user guide, "Continue rolling back an update").
fn roll_back(world: &mut World, at: Place<'_>, stack: &mut Stack, before: Stack, skip: &[String]) {
    let now = world.now;
    let failed = put_back(world, at, stack, &before, skip);
    stack.updated = Some(now);
    if failed.is_empty() {
        stack.turn(now, "UPDATE_ROLLBACK_COMPLETE", None);
        return;
    }
    let reason = format!(
        "The following resource(s) failed to update: [{}]. ",
        failed.join(", ")
    );
    stack.turn(now, "UPDATE_ROLLBACK_FAILED", Some(reason));
    stack.undo = Some(Box::new(Stack {
        events: Vec::new(),
        ..before
    }));
}

/// Goes on with a rollback that failed.
pub fn continue_rollback(world: &mut World, at: Place<'_>, stack: &mut Stack, skip: &[String]) {
    if let Some(before) = stack.undo.take() {
        roll_back(world, at, stack, *before, skip);
    }
}

/// What was made goes, what was changed is changed back. Returns what could not be.
fn put_back(
    world: &mut World,
    at: Place<'_>,
    stack: &mut Stack,
    before: &Stack,
    skip: &[String],
) -> Vec<String> {
    let mut failed = Vec::new();
    let now = world.now;
    stack.source.clone_from(&before.source);
    stack.parameters.clone_from(&before.parameters);
    stack.tags.clone_from(&before.tags);
    stack.outputs.clone_from(&before.outputs);
    let Ok(work) = begin(world, at, stack) else {
        return failed;
    };
    let names: Vec<String> = stack.resources.keys().cloned().collect();
    for name in names {
        let Some(current) = stack.resources.get(&name).cloned() else {
            continue;
        };
        match before.resources.get(&name) {
            Some(old) if *old == current => {}
            Some(old) => {
                if let Some(kind) = resources::kind(&old.kind)
                    && !skip.contains(&name)
                {
                    if old.physical_id == current.physical_id {
                        let undone = (kind.update)(
                            &mut work.maker(world, stack, &name),
                            &old.physical_id,
                            &old.properties,
                        );
                        if let Err(error) = undone {
                            let failure = work.refusal(world, &name, &error);
                            stack.note(
                                now,
                                &name,
                                &old.kind,
                                &old.physical_id,
                                "UPDATE_FAILED",
                                Some(failure.reason),
                            );
                            failed.push(name);
                            continue;
                        }
                    } else {
                        let _ = (kind.delete)(
                            &mut work.maker(world, stack, &name),
                            &current.physical_id,
                            &current.properties,
                        );
                    }
                }
                stack.note(
                    now,
                    &name,
                    &old.kind,
                    &old.physical_id,
                    "UPDATE_COMPLETE",
                    None,
                );
                stack.resources.insert(name, old.clone());
            }
            None => {
                let _ = remove(world, &work, stack, &name, false);
            }
        }
    }
    failed
}
