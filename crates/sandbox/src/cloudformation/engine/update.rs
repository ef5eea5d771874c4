//! Updates of stacks: resources changed, replaced and put right, and all of it undone where one fails.

use super::work::{Work, begin};
use super::{Failure, Place, remove};
use crate::cloudformation::change_set::Import;
use crate::cloudformation::resources;
use crate::cloudformation::stack::{Source, Stack, StackResource, parse, template_text};
use crate::cloudformation::template::DeletionPolicy;
use crate::world::World;

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
            // What is gone cannot be changed back either.
            let gone = failure.reason.contains("HandlerErrorCode: NotFound")
                && before.resources.contains_key(&failure.logical_id);
            if gone && let Some(resource) = stack.resources.get_mut(&failure.logical_id) {
                resource.status = String::from("UPDATE_FAILED");
            }
            roll_back(world, at, stack, before, &[]);
            Err(failure)
        }
    }
}

/// Takes resources that are there into a stack, as they are: their properties are what the template says from then on,
/// and the next update sets them.
pub fn import(
    world: &mut World,
    at: Place<'_>,
    stack: &mut Stack,
    import: Import,
) -> Result<(), Failure> {
    let now = world.now;
    stack.drift = None;
    stack.source = Source::Text(import.template);
    stack.parameters = import.parameters;
    if !import.tags.is_empty() {
        stack.tags = import.tags;
    }
    let mut work = begin(world, at, stack)?;
    for name in work.wanted(stack)? {
        let (Some(identifier), Some(kind)) = (import.resources.get(&name), work.kind(&name)) else {
            continue;
        };
        let identity = resources::imported(kind.name, identifier, at.account, at.region);
        // What the template says of it may refer to others that come along.
        let properties = work.properties(stack, &name)?;
        work.keep(
            stack,
            now,
            &name,
            kind.name,
            identity,
            properties,
            "IMPORT_COMPLETE",
        );
    }
    stack.updated = Some(now);
    stack.turn(now, "IMPORT_COMPLETE", None);
    Ok(())
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
    // What an update does not touch it does not wait for either.
    for name in &order {
        if stack.resources.get(name) != before.resources.get(name) {
            work.settled(world, stack, name)?;
        }
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
    let Some(kind) = work.kind(name) else {
        return Ok(());
    };
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
    let mut maker = work.maker(world, stack, name);
    let there = kind
        .read
        .and_then(|read| read(&maker, &old.physical_id, &old.properties));
    let outcome = match there {
        None => (kind.create)(&mut maker, &props),
        Some(_) => (kind.update)(&mut maker, &old.physical_id, &props),
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

/// Undoes a failed update. Where that fails too, a person fixes the cause, or names what to skip, and has it continued
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
