//! The operations on stacks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::engine::{Place, with_stack};
use super::stack::{
    OnFailure, Pending, Source, Stack, duration, find, invalid, no_such_stack, parameter_list,
    parameters_of, parse, tag_list, tags_of, template_text,
};
use super::template::Template;
use super::{Due, StackWork, drift, parameters};
use crate::call::{AwsError, Call};
use crate::paging::page;
use crate::table::Row;
use crate::world::{self, World};

/// The longest template that may be sent in a request, in bytes.
const LONGEST_BODY: usize = 51_200;

/// The template that a request brings.
pub(super) fn body(call: &Call) -> Result<String, AwsError> {
    match (call.str("TemplateBody"), call.str("TemplateURL")) {
        (Some(text), _) if text.len() > LONGEST_BODY => Err(invalid(format!(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {LONGEST_BODY}"
        ))),
        (Some(text), _) => Ok(text.to_owned()),
        (None, Some(_)) => Err(invalid("S3 error: Access Denied")),
        (None, None) => Err(invalid(
            "Either Template URL or Template Body must be specified.",
        )),
    }
}

/// Refuses a template with IAM resources that the caller has not acknowledged.
pub(super) fn check_capabilities(template: &Template, given: &[String]) -> Result<(), AwsError> {
    match template.needed_capability() {
        Some(needed)
            if !given
                .iter()
                .any(|g| g == needed || g == "CAPABILITY_NAMED_IAM") =>
        {
            Err(AwsError::new(
                "InsufficientCapabilitiesException",
                format!("Requires capabilities : [{needed}]"),
            ))
        }
        _ => Ok(()),
    }
}

/// Everything that a new stack starts from.
pub(super) struct NewStack {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) capabilities: Vec<String>,
    pub(super) termination_protection: bool,
    pub(super) on_failure: OnFailure,
    pub(super) stack_set: Option<String>,
    pub(super) actor: String,
}

/// Puts a stack that is being made into the world; its id.
pub(super) fn insert(world: &mut World, at: Place<'_>, new: NewStack) -> Result<String, AwsError> {
    let (now, uuid) = (world.now, world.rng.uuid());
    let id = format!(
        "arn:aws:cloudformation:{}:{}:stack/{}/{uuid}",
        at.region, at.account, new.name
    );
    let mut stack = Stack {
        id: id.clone(),
        name: new.name.clone(),
        status: String::new(),
        reason: None,
        created: now,
        updated: None,
        deleted: None,
        source: new.source,
        parameters: new.parameters,
        tags: new.tags,
        capabilities: new.capabilities,
        resources: BTreeMap::new(),
        outputs: Vec::new(),
        events: Vec::new(),
        termination_protection: new.termination_protection,
        on_failure: new.on_failure,
        pending: None,
        stack_set: new.stack_set,
        undo: None,
        actor: Some(new.actor),
        drift: None,
    };
    stack.turn(now, "CREATE_IN_PROGRESS", Some("User Initiated".to_owned()));
    let state = &mut world.region_mut(at.account, at.region)?.cloudformation;
    state.names.insert(new.name, id.clone());
    state.stacks.insert(id.clone(), stack);
    Ok(id)
}

pub(super) fn finish_later(
    world: &mut World,
    call: &Call,
    id: &str,
    seconds: i64,
    work: StackWork,
) {
    let due = Due::Stack {
        account: call.account.clone(),
        region: call.region.clone(),
        id: id.to_owned(),
        work,
    };
    world.after(seconds * 1000, world::Due::CloudFormation(due));
}

fn create_stack(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("StackName").to_owned();
    let fits = name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !fits {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )));
    }
    if find(world, call, &name).is_ok() {
        return Err(AwsError::new(
            "AlreadyExistsException",
            format!("Stack [{name}] already exists"),
        ));
    }
    let text = body(call)?;
    let template = parse(&text).map_err(|e| invalid(e.0))?;
    let given = parameters_of(call.list("Parameters"), &BTreeMap::new());
    let parameters = parameters::settle(&template, &given).map_err(|e| invalid(e.0))?;
    let capabilities = call.strings("Capabilities");
    check_capabilities(&template, &capabilities)?;
    let on_failure = match (call.str("OnFailure"), call.bool("DisableRollback")) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "You can specify either DisableRollback or OnFailure, but not both.",
            ));
        }
        (Some("DO_NOTHING"), _) | (_, Some(true)) => OnFailure::DoNothing,
        (Some("DELETE"), _) => OnFailure::Delete,
        _ => OnFailure::Rollback,
    };
    let new = NewStack {
        name,
        source: Source::Text(text),
        parameters,
        tags: tags_of(call),
        capabilities,
        termination_protection: call.bool("EnableTerminationProtection").unwrap_or(false),
        on_failure,
        stack_set: None,
        actor: call.principal.clone(),
    };
    let id = insert(
        world,
        Place {
            account: &call.account,
            region: &call.region,
        },
        new,
    )?;
    finish_later(world, call, &id, duration(&template), StackWork::Create);
    Ok(json!({"StackId": id}))
}

fn update_stack(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("StackName");
    let stack =
        find(world, call, name).map_err(|_| invalid(format!("Stack [{name}] does not exist")))?;
    let updatable = matches!(
        stack.status.as_str(),
        "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE"
    );
    if !updatable {
        return Err(invalid(format!(
            "Stack:{} is in {} state and can not be updated.",
            stack.id, stack.status
        )));
    }
    let previous = template_text(world, &stack.source);
    let text = if call.bool("UsePreviousTemplate") == Some(true) {
        previous.clone()
    } else {
        body(call)?
    };
    let template = parse(&text).map_err(|e| invalid(e.0))?;
    let given = parameters_of(call.list("Parameters"), &stack.parameters);
    let parameters = parameters::settle(&template, &given).map_err(|e| invalid(e.0))?;
    check_capabilities(&template, &call.strings("Capabilities"))?;
    // Tags that are not given stay; an empty list removes them.
    let tags = if call.get("Tags").is_null() {
        stack.tags.clone()
    } else {
        tags_of(call)
    };
    let old = parse(&previous).map_err(|e| invalid(e.0))?;
    let same_template = old.resources == template.resources
        && old.outputs == template.outputs
        && old.conditions == template.conditions
        && old.mappings == template.mappings;
    if same_template && parameters == stack.parameters && tags == stack.tags {
        return Err(invalid("No updates are to be performed."));
    }
    let id = stack.id.clone();
    let pending = Pending {
        source: Source::Text(text),
        parameters,
        tags,
        revert: false,
    };
    let now = call.now;
    with_stack(
        world,
        Place {
            account: &call.account,
            region: &call.region,
        },
        &id,
        |_, stack| {
            stack.actor = Some(call.principal.clone());
            stack.pending = Some(Box::new(pending));
            stack.turn(now, "UPDATE_IN_PROGRESS", Some("User Initiated".to_owned()));
        },
    );
    finish_later(world, call, &id, duration(&template), StackWork::Update);
    Ok(json!({"StackId": id}))
}

fn continue_update_rollback(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))?;
    if stack.status != "UPDATE_ROLLBACK_FAILED" {
        return Err(invalid(format!(
            "Stack:{} is in {} state and can not continue rolling back.",
            stack.id, stack.status
        )));
    }
    let skip = call.strings("ResourcesToSkip");
    if let Some(unknown) = skip
        .iter()
        .find(|name| !stack.resources.contains_key(*name))
    {
        return Err(invalid(format!(
            "Resource [{unknown}] does not exist in stack {} and cannot be skipped",
            stack.name
        )));
    }
    let id = stack.id.clone();
    let seconds = parse(&template_text(world, &stack.source)).map_or(30, |t| duration(&t));
    let (now, at) = (
        call.now,
        Place {
            account: &call.account,
            region: &call.region,
        },
    );
    with_stack(world, at, &id, |_, stack| {
        stack.actor = Some(call.principal.clone());
        let reason = Some("User Initiated".to_owned());
        stack.turn(now, "UPDATE_ROLLBACK_IN_PROGRESS", reason);
    });
    finish_later(world, call, &id, seconds, StackWork::Rollback { skip });
    Ok(json!({}))
}

fn delete_stack(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("StackName");
    // Deleting what is not there succeeds.
    let Ok(stack) = find(world, call, name) else {
        return Ok(Value::Null);
    };
    if stack.termination_protection {
        return Err(invalid(format!(
            "Stack [{}] cannot be deleted while TerminationProtection is enabled",
            stack.name
        )));
    }
    if stack.status == "DELETE_COMPLETE" || stack.status == "DELETE_IN_PROGRESS" {
        return Ok(Value::Null);
    }
    if stack.busy() {
        return Err(invalid(format!(
            "Stack [{}] cannot be deleted while in status {}",
            stack.name, stack.status
        )));
    }
    let id = stack.id.clone();
    let seconds = parse(&template_text(world, &stack.source)).map_or(5, |t| duration(&t) / 2 + 5);
    let (now, retain) = (call.now, call.strings("RetainResources"));
    with_stack(
        world,
        Place {
            account: &call.account,
            region: &call.region,
        },
        &id,
        |_, stack| {
            stack.actor = Some(call.principal.clone());
            stack.turn(now, "DELETE_IN_PROGRESS", Some("User Initiated".to_owned()));
        },
    );
    finish_later(world, call, &id, seconds, StackWork::Delete { retain });
    Ok(Value::Null)
}

fn view(world: &World, stack: &Stack) -> Value {
    let template = parse(&template_text(world, &stack.source)).ok();
    let mut out = json!({
        "StackId": stack.id, "StackName": stack.name, "CreationTime": stack.created.json(), "StackStatus": stack.status,
        "Parameters": parameter_list(template.as_deref(), &stack.parameters), "Capabilities": stack.capabilities,
        "Outputs": stack.outputs, "Tags": tag_list(&stack.tags), "EnableTerminationProtection": stack.termination_protection,
        "DisableRollback": stack.on_failure == OnFailure::DoNothing, "NotificationARNs": [], "RollbackConfiguration": {},
        "DriftInformation": drift::information(stack),
    });
    optional(
        &mut out,
        &[
            (
                "Description",
                template
                    .and_then(|t| t.description.clone())
                    .map(Value::String),
            ),
            ("StackStatusReason", stack.reason.clone().map(Value::String)),
            ("LastUpdatedTime", stack.updated.map(|t| t.json())),
            ("DeletionTime", stack.deleted.map(|t| t.json())),
        ],
    );
    out
}

/// Adds the members that have a value.
pub(super) fn optional(out: &mut Value, members: &[(&str, Option<Value>)]) {
    if let Some(map) = out.as_object_mut() {
        for (name, value) in members {
            if let Some(value) = value {
                map.insert((*name).to_owned(), value.clone());
            }
        }
    }
}

fn describe_stacks(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let found: Vec<Value> = match call.str("StackName") {
        Some(name) => vec![view(world, find(world, call, name)?)],
        None => {
            let state = world
                .region(&call.account, &call.region)
                .map(|r| &r.cloudformation);
            let stacks = state.into_iter().flat_map(|s| s.stacks.values());
            stacks
                .filter(|s| s.status != "DELETE_COMPLETE")
                .map(|s| view(world, s))
                .collect()
        }
    };
    page(call, "Stacks", found, "", 100)
}

fn list_stacks(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.strings("StackStatusFilter");
    let state = world
        .region(&call.account, &call.region)
        .map(|r| &r.cloudformation);
    let stacks = state.into_iter().flat_map(|s| s.stacks.values());
    let mut found: Vec<&Stack> = stacks
        .filter(|s| wanted.is_empty() || wanted.contains(&s.status))
        .collect();
    found.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    let found = found
        .into_iter()
        .map(|s| {
            let mut out = json!({
                "StackId": s.id, "StackName": s.name, "CreationTime": s.created.json(), "StackStatus": s.status,
                "DriftInformation": drift::information(s),
            });
            optional(&mut out, &[
                ("StackStatusReason", s.reason.clone().map(Value::String)),
                ("LastUpdatedTime", s.updated.map(|t| t.json())),
                ("DeletionTime", s.deleted.map(|t| t.json())),
            ]);
            out
        })
        .collect();
    page(call, "StackSummaries", found, "", 100)
}

fn describe_stack_events(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))
        .map_err(|_| invalid(format!("Stack [{}] does not exist", call.text("StackName"))))?;
    let events = stack
        .events
        .iter()
        .enumerate()
        .rev()
        .map(|(index, event)| {
            let logical = event.logical_id.clone().unwrap_or_else(|| stack.name.clone());
            let mut out = json!({
                "StackId": stack.id, "StackName": stack.name, "EventId": format!("{logical}-{}-{index}", event.status),
                "LogicalResourceId": logical, "PhysicalResourceId": event.physical_id, "ResourceType": event.kind,
                "Timestamp": event.at.json(), "ResourceStatus": event.status,
            });
            optional(&mut out, &[("ResourceStatusReason", event.reason.clone().map(Value::String))]);
            out
        })
        .collect();
    page(call, "StackEvents", events, "", 100)
}

fn resource_list(stack: &Stack, time: &str) -> Vec<Value> {
    stack
        .resources
        .iter()
        .map(|(name, r)| {
            let mut out = json!({
                "LogicalResourceId": name, "PhysicalResourceId": r.physical_id, "ResourceType": r.kind,
                "ResourceStatus": r.status, "DriftInformation": drift::resource_information(stack, name),
            });
            optional(&mut out, &[(time, Some(r.at.json())), ("ResourceStatusReason", r.reason.clone().map(Value::String))]);
            out
        })
        .collect()
}

fn list_stack_resources(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))?;
    page(
        call,
        "StackResourceSummaries",
        resource_list(stack, "LastUpdatedTimestamp"),
        "",
        100,
    )
}

fn describe_stack_resources(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))?;
    let mut list = resource_list(stack, "Timestamp");
    if let Some(wanted) = call.str("LogicalResourceId") {
        list.retain(|r| r.get("LogicalResourceId").and_then(Value::as_str) == Some(wanted));
    }
    for item in &mut list {
        optional(
            item,
            &[
                ("StackId", Some(json!(stack.id))),
                ("StackName", Some(json!(stack.name))),
            ],
        );
    }
    Ok(json!({"StackResources": list}))
}

fn get_template(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let stack = find(world, call, call.text("StackName"))?;
    Ok(
        json!({"TemplateBody": template_text(world, &stack.source), "StagesAvailable": ["Original", "Processed"]}),
    )
}

fn validate_template(_: &mut World, call: &Call) -> Result<Value, AwsError> {
    let template = parse(&body(call)?).map_err(|e| invalid(e.0))?;
    let parameters: Vec<Value> = template
        .parameters
        .iter()
        .map(|(name, def)| {
            let mut out = json!({"ParameterKey": name, "NoEcho": def.no_echo});
            optional(
                &mut out,
                &[
                    ("DefaultValue", def.default.clone().map(Value::String)),
                    ("Description", def.description.clone().map(Value::String)),
                ],
            );
            out
        })
        .collect();
    let capabilities: Vec<&str> = template.needed_capability().into_iter().collect();
    let mut out = json!({"Parameters": parameters, "Capabilities": capabilities});
    optional(
        &mut out,
        &[(
            "Description",
            template.description.clone().map(Value::String),
        )],
    );
    Ok(out)
}

fn update_termination_protection(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.bool("EnableTerminationProtection").unwrap_or(false);
    let id = find(world, call, call.text("StackName"))?.id.clone();
    let at = Place {
        account: &call.account,
        region: &call.region,
    };
    with_stack(world, at, &id, |_, stack| {
        stack.termination_protection = wanted
    })
    .ok_or_else(|| no_such_stack(&id))?;
    Ok(json!({"StackId": id}))
}

pub(super) const OPERATIONS: &[Row] = &[
    (
        "cloudformation",
        "ContinueUpdateRollback",
        continue_update_rollback,
    ),
    ("cloudformation", "CreateStack", create_stack),
    ("cloudformation", "DeleteStack", delete_stack),
    (
        "cloudformation",
        "DescribeStackEvents",
        describe_stack_events,
    ),
    (
        "cloudformation",
        "DescribeStackResources",
        describe_stack_resources,
    ),
    ("cloudformation", "DescribeStacks", describe_stacks),
    ("cloudformation", "GetTemplate", get_template),
    ("cloudformation", "ListStackResources", list_stack_resources),
    ("cloudformation", "ListStacks", list_stacks),
    ("cloudformation", "UpdateStack", update_stack),
    (
        "cloudformation",
        "UpdateTerminationProtection",
        update_termination_protection,
    ),
    ("cloudformation", "ValidateTemplate", validate_template),
];
