//! Change sets, in REVERT_DRIFT mode only: what drifted of a stack's checkable resources is put back as the stack
//! has it, and what was deleted is made anew. Types that drift detection leaves out stay as they are.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::engine::{Place, with_stack};
use super::stack::{Pending, duration, find, invalid, parameters_of, parse, template_text};
use super::stack_api::{check_capabilities, finish_later};
use super::{StackWork, parameters};
use crate::sandbox::call::{AwsError, Call};
use crate::sandbox::table::Row;
use crate::sandbox::time::Time;
use crate::sandbox::world::World;

/// A change set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    pub name: String,
    pub stack: String,
    pub made: Time,
    pub executed: bool,
}

/// Making one takes a while, for CloudFormation looks at every resource.
const SECONDS: i64 = 8;

fn arn(stack: &str, name: &str) -> String {
    stack.replacen(":stack/", &format!(":changeSet/{name}/"), 1)
}

fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))?;
    if call.str("DeploymentMode") != Some("REVERT_DRIFT") {
        return Err(invalid(
            "Only change sets in REVERT_DRIFT mode are simulated.",
        ));
    }
    if stack.busy() {
        return Err(invalid(format!(
            "Stack:{} is in {} state and can not be updated.",
            stack.id, stack.status
        )));
    }
    // Parameters without a default are to be named, with their previous value.
    let template = parse(&template_text(world, &stack.source)).map_err(|e| invalid(e.0))?;
    let given = parameters_of(call.list("Parameters"), &stack.parameters);
    parameters::settle(&template, &given).map_err(|e| invalid(e.0))?;
    check_capabilities(&template, &call.strings("Capabilities"))?;
    let (name, stack) = (call.text("ChangeSetName").to_owned(), stack.id.clone());
    let id = arn(&stack, &name);
    let sets = &mut world
        .region_mut(&call.account, &call.region)?
        .cloudformation
        .change_sets;
    if sets.contains_key(&id) {
        return Err(AwsError::new(
            "AlreadyExistsException",
            format!("ChangeSet {name} already exists for stack {stack}"),
        ));
    }
    let set = ChangeSet {
        name,
        stack: stack.clone(),
        made: call.now,
        executed: false,
    };
    sets.insert(id.clone(), set);
    Ok(json!({"Id": id, "StackId": stack}))
}

/// The caller's change set, by id or by its name and its stack's.
fn located(world: &World, call: &Call) -> Result<(String, ChangeSet), AwsError> {
    let name = call.text("ChangeSetName");
    let id = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        arn(&find(world, call, call.text("StackName"))?.id, name)
    };
    world
        .region(&call.account, &call.region)
        .and_then(|region| region.cloudformation.change_sets.get(&id))
        .cloned()
        .map(|set| (id, set))
        .ok_or_else(|| {
            AwsError::new(
                "ChangeSetNotFoundException",
                format!("ChangeSet [{name}] does not exist"),
            )
        })
}

fn describe(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (id, set) = located(world, call)?;
    let ready = call.now >= set.made.plus_secs(SECONDS);
    let (status, execution) = match (ready, set.executed) {
        (false, _) => ("CREATE_IN_PROGRESS", "UNAVAILABLE"),
        (true, false) => ("CREATE_COMPLETE", "AVAILABLE"),
        (true, true) => ("CREATE_COMPLETE", "EXECUTE_COMPLETE"),
    };
    Ok(json!({
        "ChangeSetId": id, "ChangeSetName": set.name, "StackId": set.stack, "Status": status,
        "ExecutionStatus": execution, "DeploymentMode": "REVERT_DRIFT", "CreationTime": set.made.json(),
    }))
}

fn execute(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (id, set) = located(world, call)?;
    if call.now < set.made.plus_secs(SECONDS) || set.executed {
        return Err(AwsError::new(
            "InvalidChangeSetStatus",
            format!("ChangeSet [{id}] cannot be executed in its current status"),
        ));
    }
    let stack = find(world, call, &set.stack)?;
    let seconds = parse(&template_text(world, &stack.source)).map_or(30, |t| duration(&t));
    let now = call.now;
    let at = Place {
        account: &call.account,
        region: &call.region,
    };
    with_stack(world, at, &set.stack, |_, stack| {
        stack.actor = Some(call.principal.clone());
        stack.pending = Some(Box::new(Pending {
            source: stack.source.clone(),
            parameters: stack.parameters.clone(),
            tags: stack.tags.clone(),
            revert: true,
        }));
        stack.turn(now, "UPDATE_IN_PROGRESS", Some("User Initiated".to_owned()));
    });
    let state = &mut world
        .region_mut(&call.account, &call.region)?
        .cloudformation;
    if let Some(set) = state.change_sets.get_mut(&id) {
        set.executed = true;
    }
    finish_later(world, call, &set.stack, seconds, StackWork::Update);
    Ok(json!({}))
}

pub(super) const OPERATIONS: &[Row] = &[
    ("cloudformation", "CreateChangeSet", create),
    ("cloudformation", "DescribeChangeSet", describe),
    ("cloudformation", "ExecuteChangeSet", execute),
];
