//! Change sets of three kinds. In REVERT_DRIFT mode what drifted of a stack's checkable resources is put back as the stack
//! has it, and what was deleted is made anew; types that drift detection leaves out stay as they are. Those of the type
//! IMPORT take resources that are there into a stack, and change nothing of it otherwise (user guide, "Import AWS resources
//! into a CloudFormation stack"). Those of the type CREATE make a stack.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::engine::{Place, with_stack};
use super::stack::{
    OnFailure, Pending, Source, Stack, duration, find, invalid, parameters_of, parse, tags_of,
    template_text,
};
use super::stack_api::{NewStack, body, check_capabilities, finish_later, insert};
use super::template::Template;
use super::{StackWork, parameters};
use crate::call::{AwsError, Call};
use crate::cloudcontrol;
use crate::table::Row;
use crate::time::Time;
use crate::world::World;

/// A change set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    pub name: String,
    pub stack: String,
    pub made: Time,
    pub executed: bool,
    /// What it takes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<Import>,
    /// Whether it makes the stack.
    #[serde(default)]
    pub creates: bool,
    /// Why it could not be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Resources by logical id, with their identifiers, and the template and parameters that name them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub resources: BTreeMap<String, String>,
    pub template: String,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
}

/// Making one takes a while, for CloudFormation looks at every resource.
const SECONDS: i64 = 8;

fn arn(stack: &str, name: &str) -> String {
    stack.replacen(":stack/", &format!(":changeSet/{name}/"), 1)
}

fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    if call.str("ChangeSetType") == Some("IMPORT") {
        return create_import(world, call);
    }
    if call.str("ChangeSetType") == Some("CREATE") {
        return create_stack(world, call);
    }
    let stack = find(world, call, call.text("StackName"))?;
    if call.str("DeploymentMode") != Some("REVERT_DRIFT") {
        return Err(invalid(
            "Only change sets of the types CREATE and IMPORT or in REVERT_DRIFT mode are simulated.",
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
        import: None,
        creates: false,
        failed: None,
    };
    sets.insert(id.clone(), set);
    Ok(json!({"Id": id, "StackId": stack}))
}

/// The stack is there at once, to be reviewed, and made when the change set is executed.
fn create_stack(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ChangeSetName").to_owned();
    let text = body(call)?;
    let template = parse(&text).map_err(|e| invalid(e.0))?;
    let capabilities = call.strings("Capabilities");
    check_capabilities(&template, &capabilities)?;
    let given = parameters_of(call.list("Parameters"), &BTreeMap::new());
    let parameters = parameters::settle(&template, &given).map_err(|e| invalid(e.0))?;
    if let Ok(stack) = find(world, call, call.text("StackName")) {
        return Err(invalid(format!(
            "Stack [{}] already exists and cannot be created again with the changeSet [{name}].",
            stack.name
        )));
    }
    let new = NewStack {
        name: call.text("StackName").to_owned(),
        source: Source::Text(text),
        parameters,
        tags: tags_of(call),
        capabilities,
        termination_protection: false,
        on_failure: OnFailure::Rollback,
        stack_set: None,
        actor: call.principal.clone(),
    };
    let stack = in_review(world, call, new)?;
    let id = arn(&stack, &name);
    let set = ChangeSet {
        name,
        stack: stack.clone(),
        made: call.now,
        executed: false,
        import: None,
        creates: true,
        failed: None,
    };
    world
        .region_mut(&call.account, &call.region)?
        .cloudformation
        .change_sets
        .insert(id.clone(), set);
    Ok(json!({"Id": id, "StackId": stack}))
}

/// A stack that has nothing yet but a change set.
fn in_review(world: &mut World, call: &Call, new: NewStack) -> Result<String, AwsError> {
    let at = Place {
        account: &call.account,
        region: &call.region,
    };
    let stack = insert(world, at, new)?;
    with_stack(world, at, &stack, |world, stack| {
        stack.turn(world.now, "REVIEW_IN_PROGRESS", None);
    });
    Ok(stack)
}

fn create_import(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ChangeSetName").to_owned();
    let text = body(call)?;
    let template = parse(&text).map_err(|e| invalid(e.0))?;
    check_capabilities(&template, &call.strings("Capabilities"))?;
    let there = find(world, call, call.text("StackName")).ok().cloned();
    if let Some(stack) = &there
        && (stack.busy() || stack.status.ends_with("_FAILED"))
    {
        return Err(invalid(format!(
            "Stack:{} is in {} state and can not be updated.",
            stack.id, stack.status
        )));
    }
    let previous = there.as_ref().map(|stack| stack.parameters.clone());
    let given = parameters_of(call.list("Parameters"), &previous.unwrap_or_default());
    let parameters = parameters::settle(&template, &given).map_err(|e| invalid(e.0))?;
    let mut resources = BTreeMap::new();
    for one in call.list("ResourcesToImport") {
        let of = |member: &str| one.get(member).and_then(Value::as_str).unwrap_or_default();
        let identifier = one.get("ResourceIdentifier").and_then(Value::as_object);
        let identifier = identifier.and_then(|map| map.values().next()?.as_str());
        resources.insert(
            of("LogicalResourceId").to_owned(),
            identifier.unwrap_or_default().to_owned(),
        );
    }
    let id = match &there {
        Some(stack) => stack.id.clone(),
        None => {
            let new = NewStack {
                name: call.text("StackName").to_owned(),
                source: Source::Text(text.clone()),
                parameters: parameters.clone(),
                tags: BTreeMap::new(),
                capabilities: call.strings("Capabilities"),
                termination_protection: false,
                on_failure: OnFailure::Rollback,
                stack_set: None,
                actor: call.principal.clone(),
            };
            in_review(world, call, new)?
        }
    };
    let failed = refusal(
        world,
        call,
        there.as_ref(),
        &template,
        &parameters,
        &resources,
    );
    let set_id = arn(&id, &name);
    let sets = &mut world
        .region_mut(&call.account, &call.region)?
        .cloudformation
        .change_sets;
    if sets.contains_key(&set_id) {
        return Err(AwsError::new(
            "AlreadyExistsException",
            format!("ChangeSet {name} already exists for stack {id}"),
        ));
    }
    let set = ChangeSet {
        name,
        stack: id.clone(),
        made: call.now,
        executed: false,
        import: Some(Import {
            resources,
            template: text,
            parameters,
            tags: tags_of(call),
        }),
        creates: false,
        failed,
    };
    sets.insert(set_id.clone(), set);
    Ok(json!({"Id": set_id, "StackId": id}))
}

/// Why an import cannot be made as it is asked for.
fn refusal(
    world: &World,
    call: &Call,
    there: Option<&Stack>,
    template: &Template,
    parameters: &BTreeMap<String, String>,
    resources: &BTreeMap<String, String>,
) -> Option<String> {
    let old = there.and_then(|stack| parse(&template_text(world, &stack.source)).ok());
    for (name, def) in &template.resources {
        let imported = resources.contains_key(name);
        let same = old
            .as_ref()
            .is_some_and(|old| old.resources.get(name) == Some(def));
        if !imported && !same {
            return Some(format!(
                "As part of the import operation, you cannot modify or add [{name}]"
            ));
        }
    }
    let outputs = |template: &Template| template.outputs.clone();
    let changed = match &old {
        Some(old) => outputs(old) != outputs(template),
        None => !template.outputs.is_empty(),
    };
    if changed {
        return Some(
            "As part of the import operation, you cannot modify or add [Outputs]".to_owned(),
        );
    }
    if there.is_some_and(|stack| stack.parameters != *parameters) {
        return Some("As part of the import operation, you cannot modify [Parameters]".to_owned());
    }
    let region = world.region(&call.account, &call.region)?;
    for (name, identifier) in resources {
        let Some(def) = template.resources.get(name) else {
            return Some(format!("Resource [{name}] is not in the template"));
        };
        let taken = region.cloudformation.stacks.values().any(|stack| {
            let mut resources = stack.resources.values();
            resources
                .any(|resource| resource.kind == def.kind && resource.physical_id == *identifier)
        });
        if taken {
            return Some(format!("Resource {identifier} already exists in a stack"));
        }
        let read = cloudcontrol::read(world, &call.account, &call.region, &def.kind, identifier);
        if read.is_err() {
            return Some(format!(
                "Resource [{identifier}] of type {} does not exist",
                def.kind
            ));
        }
    }
    None
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
    let reverts = set.import.is_none() && !set.creates;
    let mode = reverts.then_some("REVERT_DRIFT");
    let (status, execution) = match (ready, set.executed) {
        (false, _) => ("CREATE_IN_PROGRESS", "UNAVAILABLE"),
        (true, _) if set.failed.is_some() => ("FAILED", "UNAVAILABLE"),
        (true, false) => ("CREATE_COMPLETE", "AVAILABLE"),
        (true, true) => ("CREATE_COMPLETE", "EXECUTE_COMPLETE"),
    };
    let mut described = json!({
        "ChangeSetId": id, "ChangeSetName": set.name, "StackId": set.stack, "Status": status,
        "ExecutionStatus": execution, "CreationTime": set.made.json(),
    });
    if let Some(map) = described.as_object_mut() {
        let reason = set.failed.filter(|_| ready);
        map.extend(reason.map(|reason| ("StatusReason".to_owned(), json!(reason))));
        map.extend(mode.map(|mode| ("DeploymentMode".to_owned(), json!(mode))));
    }
    Ok(described)
}

fn execute(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let (id, set) = located(world, call)?;
    if call.now < set.made.plus_secs(SECONDS) || set.executed || set.failed.is_some() {
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
    let work = match &set.import {
        Some(import) => StackWork::Import(import.clone()),
        None if set.creates => StackWork::Create,
        None => StackWork::Update,
    };
    with_stack(world, at, &set.stack, |_, stack| {
        stack.actor = Some(call.principal.clone());
        if set.import.is_some() {
            stack.turn(now, "IMPORT_IN_PROGRESS", Some("User Initiated".to_owned()));
            return;
        }
        if set.creates {
            stack.turn(now, "CREATE_IN_PROGRESS", Some("User Initiated".to_owned()));
            return;
        }
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
    finish_later(world, call, &set.stack, seconds, work);
    Ok(json!({}))
}

pub(super) const OPERATIONS: &[Row] = &[
    ("cloudformation", "CreateChangeSet", create),
    ("cloudformation", "DescribeChangeSet", describe),
    ("cloudformation", "ExecuteChangeSet", execute),
];
