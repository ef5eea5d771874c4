//! How a stack set's operation reaches accounts: one instance after another, each ending when its time has come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::engine::{self, Place, with_stack};
use super::operation::{Action, Operation, Outcome, RegionRun};
use super::stack::{OnFailure, Pending, Source, duration, execution_role, parse, template_text};
use super::stack_api::{NewStack, insert};
use super::stack_set::{Instance, StackSet, get, get_mut, instance_key, not_checked};
use super::{Due, drift, parameters, stack_import, stack_set_drift};
use crate::call::AwsError;
use crate::lags::Lag;
use crate::words::{self, filled};
use crate::world::{self, World};

/// A stack set and one of its operations.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Job {
    pub admin: String,
    pub region: String,
    pub set: String,
    pub operation: String,
}

/// What an operation is to do.
pub struct Order {
    pub id: String,
    pub action: Action,
    pub preferences: Value,
    pub targets: Value,
    pub retain: bool,
    /// Accounts with the OU each is reached through.
    pub accounts: BTreeMap<String, String>,
    pub regions: Vec<String>,
    /// Only instances that are there; [`Action::Create`] makes those that are not.
    pub overrides: Option<Overrides>,
    /// The stacks of [`Action::Import`], by instance key.
    pub imports: BTreeMap<String, String>,
}

/// The parameters that an instance has of its own afterwards; `None` keeps the value it has.
pub type Overrides = BTreeMap<String, Option<String>>;

/// Notes an operation and starts it, or queues it behind the one that runs.
///
/// # Errors
/// `OperationInProgressException` where an operation runs and the set has no managed execution.
pub fn submit(
    world: &mut World,
    admin: &str,
    region: &str,
    set_id: &str,
    order: Order,
    may_queue: bool,
) -> Result<String, AwsError> {
    let now = world.now;
    let set = get_mut(world, admin, region, set_id)?;
    set.check_operation_id(&order.id)?;
    let busy = set.running().is_some();
    if busy && !(set.managed_execution || may_queue) {
        return Err(AwsError::new(
            "OperationInProgressException",
            format!(
                "Another Operation on StackSet {} is in progress",
                set.arn(admin, region)
            ),
        )
        .status(409));
    }
    let sequential = order
        .preferences
        .get("RegionConcurrencyType")
        .and_then(Value::as_str)
        != Some("PARALLEL");
    let mut operation = Operation {
        id: order.id.clone(),
        action: order.action,
        status: if busy { "QUEUED" } else { "RUNNING" }.to_owned(),
        reason: None,
        created: now,
        ended: None,
        sequential,
        regions: Vec::new(),
        results: BTreeMap::new(),
        drift: None,
        imports: order.imports,
        retain: order.retain,
        targets: order.targets,
        preferences: order.preferences,
    };
    let first: Vec<String> = strings(operation.preferences.get("RegionOrder"));
    let mut regions: Vec<String> = first
        .iter()
        .filter(|r| order.regions.contains(r))
        .cloned()
        .collect();
    regions.extend(order.regions.iter().filter(|r| !first.contains(r)).cloned());
    for region in regions {
        let mut waiting = VecDeque::new();
        for (account, ou) in &order.accounts {
            let key = instance_key(account, &region);
            if order.action == Action::Import && !operation.imports.contains_key(&key) {
                continue;
            }
            if matches!(order.action, Action::Create | Action::Import) {
                set.instances
                    .entry(key.clone())
                    .or_insert_with(|| fresh(account, &region, ou, &order.id));
            }
            let Some(instance) = set.instances.get_mut(&key) else {
                continue;
            };
            // "Stacks in this state are excluded from further UpdateStackSet operations" (the model of StackInstance).
            if order.action == Action::Update && instance.status == "INOPERABLE" {
                continue;
            }
            // To look at an instance does not change how its last deployment ended.
            if order.action != Action::DetectDrift {
                instance.detailed = "PENDING".to_owned();
            }
            instance.last_operation.clone_from(&order.id);
            if let Some(overrides) = &order.overrides {
                let before = std::mem::take(&mut instance.overrides);
                instance.overrides = overrides
                    .iter()
                    .filter_map(|(key, value)| {
                        let value = value.as_ref().or_else(|| before.get(key))?;
                        Some((key.clone(), value.clone()))
                    })
                    .collect();
            }
            operation.results.insert(
                key,
                Outcome {
                    status: "PENDING".to_owned(),
                    reason: None,
                    ou: match order.action {
                        Action::Create | Action::Import => ou.clone(),
                        _ => instance.ou.clone(),
                    },
                },
            );
            waiting.push_back(account.clone());
        }
        let total = waiting.len();
        operation.regions.push(RegionRun {
            region,
            waiting,
            running: BTreeSet::new(),
            failed: 0,
            total,
            stopped: false,
        });
    }
    set.operations.insert(order.id.clone(), operation);
    set.history.push(order.id.clone());
    let job = Job {
        admin: admin.to_owned(),
        region: region.to_owned(),
        set: set_id.to_owned(),
        operation: order.id.clone(),
    };
    if busy {
        set.queue.push_back(order.id.clone());
    } else {
        world.after(2_000, world::Due::CloudFormation(Due::Pump(job)));
    }
    Ok(order.id)
}

/// An instance that has no stack yet.
fn fresh(account: &str, region: &str, ou: &str, operation: &str) -> Instance {
    Instance {
        account: account.to_owned(),
        region: region.to_owned(),
        ou: ou.to_owned(),
        stack: None,
        status: "OUTDATED".to_owned(),
        detailed: "PENDING".to_owned(),
        reason: None,
        overrides: BTreeMap::new(),
        last_operation: operation.to_owned(),
        version: 0,
        drift: not_checked(),
        drift_checked: None,
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

/// Starts what may be started, and ends the operation when nothing is left.
pub fn pump(world: &mut World, job: &Job) {
    loop {
        let Ok(set) = get_mut(world, &job.admin, &job.region, &job.set) else {
            return;
        };
        let Some(operation) = set.operations.get_mut(&job.operation) else {
            return;
        };
        if operation.ended.is_some() {
            return;
        }
        let (start, cancelled) = operation.take_startable();
        for (account, region) in &cancelled {
            let key = instance_key(account, region);
            if let Some(outcome) = operation.results.get_mut(&key) {
                outcome.status = "CANCELLED".to_owned();
                outcome.reason = Some(
                    "Cancelled since failure tolerance has exceeded or the operation was stopped"
                        .to_owned(),
                );
            }
            if let Some(instance) = set.instances.get_mut(&key)
                && operation.action != Action::DetectDrift
            {
                instance.detailed = "CANCELLED".to_owned();
            }
        }
        let finished = operation.finished();
        if start.is_empty() {
            if finished {
                end(world, job);
            }
            return;
        }
        for (account, region) in start {
            begin(world, job, &account, &region);
        }
    }
}

/// Ends an operation and starts the next of the queue.
fn end(world: &mut World, job: &Job) {
    let now = world.now;
    let Ok(set) = get_mut(world, &job.admin, &job.region, &job.set) else {
        return;
    };
    let Some(operation) = set.operations.get_mut(&job.operation) else {
        return;
    };
    operation.ended = Some(now);
    let exceeded = operation
        .regions
        .iter()
        .any(|run| run.failed > operation.tolerance(run.total));
    operation.status = match operation.status.as_str() {
        "STOPPING" => "STOPPED",
        _ if exceeded => "FAILED",
        _ => "SUCCEEDED",
    }
    .to_owned();
    if operation.action == Action::DetectDrift {
        let operation = operation.clone();
        let details = stack_set_drift::details(set, &operation);
        if let Some(operation) = set.operations.get_mut(&job.operation) {
            operation.drift = Some(details);
        }
    }
    if let Some(next) = set.queue.pop_front() {
        if let Some(operation) = set.operations.get_mut(&next) {
            operation.status = "RUNNING".to_owned();
            // What was deleted while a creation stood in the queue, as on a move between targets, is made.
            if operation.action == Action::Create {
                for run in &operation.regions {
                    for account in &run.waiting {
                        let key = instance_key(account, &run.region);
                        let ou = operation
                            .results
                            .get(&key)
                            .map(|outcome| outcome.ou.as_str());
                        set.instances.entry(key.clone()).or_insert_with(|| {
                            fresh(account, &run.region, ou.unwrap_or_default(), &next)
                        });
                    }
                }
            }
        }
        world.after(
            1_000,
            world::Due::CloudFormation(Due::Pump(Job {
                operation: next,
                ..job.clone()
            })),
        );
    }
}

/// How an instance is brought about.
pub(super) enum Step {
    /// Over already, well or badly.
    Over(Result<Option<String>, String>),
    /// Left out since the account is suspended or closed.
    Skip,
    /// A stack was put under way.
    Wait {
        seconds: i64,
        stack: String,
        work: InstanceWork,
    },
}

/// What is under way in an instance's stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum InstanceWork {
    Create,
    Update,
    Delete,
    Detect,
    Import,
}

fn begin(world: &mut World, job: &Job, account: &str, region: &str) {
    let key = instance_key(account, region);
    let step = plan_step(world, job, account, region);
    if let Ok(set) = get_mut(world, &job.admin, &job.region, &job.set) {
        if let Some(outcome) = set
            .operations
            .get_mut(&job.operation)
            .and_then(|op| op.results.get_mut(&key))
        {
            outcome.status = "RUNNING".to_owned();
        }
        if let Some(instance) = set.instances.get_mut(&key) {
            if !matches!(
                step,
                Step::Wait {
                    work: InstanceWork::Detect,
                    ..
                }
            ) {
                instance.detailed = "RUNNING".to_owned();
            }
            if let Step::Wait { stack, .. } = &step {
                instance.stack = Some(stack.clone());
            }
        }
    }
    match step {
        Step::Wait { seconds, work, .. } => {
            let due = Due::Instance {
                job: job.clone(),
                account: account.to_owned(),
                region: region.to_owned(),
                work,
            };
            world.after(seconds * 1000, world::Due::CloudFormation(due));
        }
        Step::Over(outcome) => conclude(world, job, account, region, outcome),
        Step::Skip => skip(world, job, account, region),
    }
}

fn plan_step(world: &mut World, job: &Job, account: &str, region: &str) -> Step {
    let Ok(set) = get(world, &job.admin, &job.region, &job.set) else {
        return Step::Over(Ok(None));
    };
    let (Some(operation), Some(instance)) = (
        set.operations.get(&job.operation),
        set.instances.get(&instance_key(account, region)),
    ) else {
        return Step::Over(Ok(None));
    };
    let (action, retain, stack_id) = (operation.action, operation.retain, instance.stack.clone());
    let usable = match &world.organization {
        Some(organization) if set.service_managed => {
            organization.is_active(account) || !organization.members.contains_key(account)
        }
        _ => true,
    };
    if action == Action::Delete && retain {
        return Step::Over(Ok(None));
    }
    if !usable {
        return Step::Skip;
    }
    if action == Action::Import {
        return stack_import::step(world, job, account, region);
    }
    if action == Action::DetectDrift {
        let stack = stack_id
            .as_deref()
            .and_then(|id| world.region(account, region)?.cloudformation.stack(id));
        return match stack {
            Some(stack) => match drift::refusal(stack) {
                Some(why) => Step::Over(Err(why)),
                None => Step::Wait {
                    seconds: drift::seconds(stack),
                    stack: stack.id.clone(),
                    work: InstanceWork::Detect,
                },
            },
            None => Step::Over(Err(format!("Stack for {account}/{region} does not exist"))),
        };
    }
    if !set.service_managed
        && !world
            .account(account)
            .is_some_and(|a| a.iam.roles.contains_key(&set.execution_role))
    {
        return Step::Over(Err(filled(
            words::NO_TRUST,
            &[
                ("account", account),
                ("role", &set.execution_role),
                (
                    "administration",
                    "AWSCloudFormationStackSetAdministrationRole",
                ),
            ],
        )));
    }
    // The text that Terraform tries again after (hashicorp/terraform-provider-aws#15165).
    if set.service_managed
        && action != Action::Delete
        && (world.lags).new_account_waits(Lag::Gate, account, region, world.now)
    {
        world.lags.note(Lag::Gate);
        return Step::Over(Err("AccountGate check failed".to_owned()));
    }
    let at = Place { account, region };
    let existing = stack_id
        .as_deref()
        .and_then(|id| world.region(account, region)?.cloudformation.stack(id));
    let status = existing
        .map(|stack| stack.status.clone())
        .unwrap_or_default();
    let stack_id = stack_id.unwrap_or_default();
    if action == Action::Delete {
        return match status.as_str() {
            "" | "DELETE_COMPLETE" => Step::Over(Ok(None)),
            _ => {
                let now = world.now;
                with_stack(world, at, &stack_id, |_, stack| {
                    stack.turn(now, "DELETE_IN_PROGRESS", Some("User Initiated".to_owned()))
                });
                Step::Wait {
                    seconds: 25,
                    stack: stack_id,
                    work: InstanceWork::Delete,
                }
            }
        };
    }
    let desired = match desired(set, instance, &job.admin, &job.region) {
        Ok(desired) => desired,
        Err(reason) => return Step::Over(Err(reason)),
    };
    match status.as_str() {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" => {
            change(world, at, &stack_id, desired)
        }
        "" if action == Action::Create => make(world, job, at, desired),
        // Made and undone before: StackSets makes it anew.
        "ROLLBACK_COMPLETE" | "DELETE_COMPLETE" | "CREATE_FAILED" | "ROLLBACK_FAILED"
            if action == Action::Create || status != "DELETE_COMPLETE" =>
        {
            let now = world.now;
            with_stack(world, at, &stack_id, |world, stack| {
                let _ = engine::delete(world, at, stack, &[]);
                stack.deleted.get_or_insert(now);
            });
            make(world, job, at, desired)
        }
        "" if instance.version == 0 => make(world, job, at, desired),
        _ => Step::Over(Err(format!(
            "Stack [{stack_id}] does not exist or is in a state in which it cannot be updated ({status})"
        ))),
    }
}

struct Desired {
    pending: Pending,
    set_id: String,
    set_name: String,
    capabilities: Vec<String>,
    /// Of a self-managed set.
    execution_role: Option<String>,
    seconds: i64,
}

fn desired(
    set: &StackSet,
    instance: &Instance,
    admin: &str,
    region: &str,
) -> Result<Desired, String> {
    let template = parse(set.template()).map_err(|e| e.to_string())?;
    let mut given = set.parameters.clone();
    given.extend(instance.overrides.clone());
    let parameters = parameters::settle(&template, &given).map_err(|e| e.to_string())?;
    let source = Source::Revision {
        admin: admin.to_owned(),
        region: region.to_owned(),
        set: set.id.clone(),
        revision: set.revision,
    };
    Ok(Desired {
        pending: Pending {
            source,
            parameters,
            tags: set.tags.clone(),
            revert: false,
        },
        set_id: set.id.clone(),
        set_name: set.name.clone(),
        capabilities: set.capabilities.clone(),
        execution_role: (!set.service_managed).then(|| set.execution_role.clone()),
        seconds: duration(&template),
    })
}

fn make(world: &mut World, job: &Job, at: Place<'_>, desired: Desired) -> Step {
    let new = NewStack {
        name: format!("StackSet-{}-{}", desired.set_name, world.rng.uuid()),
        source: desired.pending.source,
        parameters: desired.pending.parameters,
        tags: desired.pending.tags,
        capabilities: desired.capabilities,
        termination_protection: false,
        on_failure: OnFailure::Rollback,
        stack_set: Some(format!("{}/{}", job.admin, desired.set_id)),
        actor: match &desired.execution_role {
            None => execution_role(at.account),
            Some(role) => format!(
                "arn:aws:sts::{}:assumed-role/{role}/AWSCloudFormation",
                at.account
            ),
        },
    };
    // Accounts do not all take the same time.
    let seconds = desired.seconds + world.rng.between(0, 8);
    match insert(world, at, new) {
        Ok(stack) => Step::Wait {
            seconds,
            stack,
            work: InstanceWork::Create,
        },
        Err(error) => Step::Over(Err(error.message)),
    }
}

fn change(world: &mut World, at: Place<'_>, stack_id: &str, desired: Desired) -> Step {
    let now = world.now;
    let wanted = template_text(world, &desired.pending.source);
    let started = with_stack(world, at, stack_id, |world, stack| {
        let same = template_text(world, &stack.source) == wanted
            && stack.parameters == desired.pending.parameters
            && stack.tags == desired.pending.tags;
        if same {
            stack.source = desired.pending.source;
            return false;
        }
        stack.pending = Some(Box::new(desired.pending));
        stack.turn(now, "UPDATE_IN_PROGRESS", Some("User Initiated".to_owned()));
        true
    });
    match started {
        Some(true) => Step::Wait {
            seconds: desired.seconds,
            stack: stack_id.to_owned(),
            work: InstanceWork::Update,
        },
        _ => Step::Over(Ok(Some("No updates are to be performed.".to_owned()))),
    }
}

/// An instance's time has come.
pub fn finish(world: &mut World, job: &Job, account: &str, region: &str, work: InstanceWork) {
    let at = Place { account, region };
    let set = get(world, &job.admin, &job.region, &job.set).ok();
    let stack = set
        .and_then(|set| set.instances.get(&instance_key(account, region)))
        .and_then(|i| i.stack.clone());
    if work == InstanceWork::Import {
        if let Some(id) = &stack {
            stack_import::join(world, job, account, region, id);
        }
        conclude(world, job, account, region, Ok(None));
        pump(world, job);
        return;
    }
    let result = stack.and_then(|id| {
        with_stack(world, at, &id, |world, stack| match work {
            InstanceWork::Create => engine::create(world, at, stack),
            InstanceWork::Update => engine::update(world, at, stack),
            InstanceWork::Delete => engine::delete(world, at, stack, &[]),
            InstanceWork::Detect => {
                drift::detect(world, at, stack, &[]);
                Ok(())
            }
            InstanceWork::Import => Ok(()),
        })
    });
    let outcome = match result {
        Some(Err(failure)) => Err(failure.of_instance()),
        Some(Ok(())) | None => Ok(None),
    };
    conclude(world, job, account, region, outcome);
    pump(world, job);
}

fn conclude(
    world: &mut World,
    job: &Job,
    account: &str,
    region: &str,
    outcome: Result<Option<String>, String>,
) {
    let Ok(set) = get_mut(world, &job.admin, &job.region, &job.set) else {
        return;
    };
    let key = instance_key(account, region);
    let version = set.version;
    let Some(operation) = set.operations.get_mut(&job.operation) else {
        return;
    };
    operation.done(account, region, outcome.is_err());
    let action = operation.action;
    if action == Action::DetectDrift {
        detected(world, job, account, region, outcome);
        return;
    }
    if let Some(result) = operation.results.get_mut(&key) {
        result.status = if outcome.is_ok() {
            "SUCCEEDED"
        } else {
            "FAILED"
        }
        .to_owned();
        result.reason = match &outcome {
            Ok(reason) => reason.clone(),
            Err(reason) => Some(reason.clone()),
        };
    }
    if action == Action::Delete && outcome.is_ok() {
        let (retain, instance) = (operation.retain, set.instances.remove(&key));
        // A stack that is kept belongs to no set any more.
        if let Some(id) = instance
            .and_then(|instance| instance.stack)
            .filter(|_| retain)
        {
            with_stack(world, Place { account, region }, &id, |_, stack| {
                stack.stack_set = None
            });
        }
        return;
    }
    let Some(instance) = set.instances.get_mut(&key) else {
        return;
    };
    match outcome {
        // What it is now was noted as it joined.
        Ok(_) if action == Action::Import => {}
        Err(reason) if action == Action::Import => {
            instance.status = "INOPERABLE".to_owned();
            instance.detailed = "FAILED_IMPORT".to_owned();
            instance.reason = Some(reason);
            instance.stack = None;
        }
        Ok(reason) => {
            instance.status = "CURRENT".to_owned();
            instance.detailed = "SUCCEEDED".to_owned();
            instance.reason = reason;
            instance.version = version;
        }
        Err(reason) => {
            let lost =
                action == Action::Delete || reason.contains("does not exist or is in a state");
            instance.status = if lost { "INOPERABLE" } else { "OUTDATED" }.to_owned();
            instance.detailed = if lost { "INOPERABLE" } else { "FAILED" }.to_owned();
            instance.reason = Some(reason);
        }
    }
}

/// Notes what detection found, or why it could not look.
fn detected(
    world: &mut World,
    job: &Job,
    account: &str,
    region: &str,
    outcome: Result<Option<String>, String>,
) {
    let now = world.now;
    let key = instance_key(account, region);
    let stack = get(world, &job.admin, &job.region, &job.set)
        .ok()
        .and_then(|set| set.instances.get(&key)?.stack.clone());
    let found = stack.and_then(|id| {
        let stack = world.region(account, region)?.cloudformation.stack(&id)?;
        Some(stack.drift.as_ref()?.status().to_owned())
    });
    let Ok(set) = get_mut(world, &job.admin, &job.region, &job.set) else {
        return;
    };
    if let Some(result) = set
        .operations
        .get_mut(&job.operation)
        .and_then(|operation| operation.results.get_mut(&key))
    {
        result.status = match &outcome {
            Ok(_) => "SUCCEEDED",
            Err(_) => "FAILED",
        }
        .to_owned();
        result.reason = outcome.as_ref().err().cloned();
    }
    if let Some(instance) = set.instances.get_mut(&key)
        && outcome.is_ok()
    {
        instance.drift = found.unwrap_or_else(not_checked);
        instance.drift_checked = Some(now);
    }
}

fn skip(world: &mut World, job: &Job, account: &str, region: &str) {
    let Ok(set) = get_mut(world, &job.admin, &job.region, &job.set) else {
        return;
    };
    let key = instance_key(account, region);
    if let Some(operation) = set.operations.get_mut(&job.operation) {
        operation.done(account, region, false);
        if let Some(result) = operation.results.get_mut(&key) {
            result.status = "CANCELLED".to_owned();
            result.reason = Some(format!("Skipped deployment to suspended account {account}"));
        }
    }
    let looking = set
        .operations
        .get(&job.operation)
        .is_some_and(|operation| operation.action == Action::DetectDrift);
    if let Some(instance) = set.instances.get_mut(&key)
        && !looking
    {
        instance.detailed = "SKIPPED_SUSPENDED_ACCOUNT".to_owned();
        instance.reason = Some(format!("Account {account} is suspended"));
    }
}
