//! Systems Manager's documents, associations and automations, as far as a baseline uses them: an
//! association runs its automation when it is made and once a day.
//!
//! The sandbox runs no Python. Of `aws:executeScript` it has a model for the one handler that orgstrap's
//! baselines ship, `ec2_defaults`, over the two settings of EC2 in [`Ec2State`]; any other script fails,
//! saying so, as does any other kind of step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::{AwsError, Call};
use super::ec2::Ec2State;
use super::page;
use super::sts::list;
use super::table::Row;
use super::time::Time;
use super::world::{self, World};

/// What an account and Region holds of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutomationState {
    pub documents: BTreeMap<String, Document>,
    /// By id.
    pub associations: BTreeMap<String, Association>,
    /// By id.
    pub executions: BTreeMap<String, Execution>,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Of the default version, which is what runs.
    pub content: String,
    pub kind: String,
    /// The default version.
    pub version: i64,
    pub created: Time,
    /// Contents of the other versions.
    #[serde(default)]
    pub others: BTreeMap<i64, String>,
}

impl Document {
    /// The version that was made last.
    fn newest(&self) -> i64 {
        let last = self.others.keys().next_back().copied();
        last.unwrap_or_default().max(self.version)
    }

    /// A version by its number, or as `$DEFAULT` or `$LATEST`; the default one where none is named.
    fn version(&self, named: Option<&str>) -> Result<(i64, &str), AwsError> {
        let number = match named {
            None | Some("$DEFAULT") => self.version,
            Some("$LATEST") => self.newest(),
            Some(number) => number.parse().unwrap_or_default(),
        };
        if number == self.version {
            return Ok((number, &self.content));
        }
        let found = self.others.get(&number).map(String::as_str);
        found.map(|text| (number, text)).ok_or_else(|| {
            AwsError::new(
                "InvalidDocumentVersion",
                "The document version isn't valid or doesn't exist.",
            )
        })
    }
}

/// An association of an automation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Association {
    pub name: String,
    pub document: String,
    pub parameters: BTreeMap<String, Vec<String>>,
    pub schedule: Option<String>,
    /// The role by which State Manager starts it.
    #[serde(default)]
    pub dispatch_role: Option<String>,
    pub created: Time,
}

/// A run of an automation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub document: String,
    pub version: i64,
    pub started: Time,
    /// Until then it is in progress.
    pub ends: Time,
    pub outputs: BTreeMap<String, Vec<String>>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    pub by: String,
    pub token: Option<String>,
}

/// Work that is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Due {
    /// An association's next run.
    Associated {
        account: String,
        region: String,
        association: String,
    },
}

/// What an automation of one script usually takes.
const RUN_MILLIS: i64 = 9_000;
const DAY_MILLIS: i64 = 86_400_000;
/// The history that is kept: more than anybody looks at.
const KEPT: usize = 10;

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("ssm", "CreateAssociation", create_association),
    ("ssm", "CreateDocument", create_document),
    ("ssm", "DeleteAssociation", delete_association),
    ("ssm", "DeleteDocument", delete_document),
    ("ssm", "DescribeAssociation", describe_association),
    (
        "ssm",
        "DescribeAutomationExecutions",
        describe_automation_executions,
    ),
    ("ssm", "GetAutomationExecution", get_automation_execution),
    ("ssm", "GetDocument", get_document),
    (
        "ssm",
        "StartAutomationExecution",
        start_automation_execution,
    ),
    ("ssm", "UpdateAssociation", update_association),
    ("ssm", "UpdateDocument", update_document),
    (
        "ssm",
        "UpdateDocumentDefaultVersion",
        update_default_version,
    ),
];

/// Runs what has come due.
pub fn run(world: &mut World, due: Due) {
    let Due::Associated {
        account,
        region,
        association,
    } = due;
    // Gone, with its account, or with the role of a closed account.
    let open = world.account(&account).is_some_and(|a| a.closed.is_none());
    if !open {
        return;
    }
    let found = world
        .region(&account, &region)
        .and_then(|region| region.automation.associations.get(&association))
        .cloned();
    if let Some(found) = found {
        if may_dispatch(world, &account, &found) {
            execute(
                world,
                &account,
                &region,
                &Run {
                    document: &found.document,
                    parameters: &found.parameters,
                    by: "arn:aws:iam::aws:role/ssm".to_owned(),
                    token: None,
                },
            );
        }
        schedule(world, account, region, association, &found);
    }
}

fn schedule(
    world: &mut World,
    account: String,
    region: String,
    association: String,
    found: &Association,
) {
    if found.schedule.is_some() {
        let due = Due::Associated {
            account,
            region,
            association,
        };
        world.after(DAY_MILLIS, world::Due::Automation(due));
    }
}

fn state<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut AutomationState, AwsError> {
    Ok(&mut world.region_mut(&call.account, &call.region)?.automation)
}

fn no_document(name: &str) -> AwsError {
    AwsError::new(
        "InvalidDocument",
        format!("Document with name {name} does not exist."),
    )
}

fn described(name: &str, document: &Document) -> Value {
    json!({
        "Name": name,
        "DocumentType": document.kind,
        "DocumentFormat": "JSON",
        "DocumentVersion": document.version.to_string(),
        "DefaultVersion": document.version.to_string(),
        "LatestVersion": document.newest().to_string(),
        "Status": "Active",
        "CreatedDate": document.created.json(),
    })
}

fn content(call: &Call) -> Result<String, AwsError> {
    let text = call.text("Content");
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(AwsError::new(
            "InvalidDocumentContent",
            format!("JSON not well-formed. {error}"),
        )),
    }
}

fn create_document(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let document = Document {
        content: content(call)?,
        kind: call.str("DocumentType").unwrap_or("Command").to_owned(),
        version: 1,
        created: call.now,
        others: BTreeMap::new(),
    };
    let documents = &mut state(world, call)?.documents;
    if documents.contains_key(name) {
        let message = format!("Document with name {name} already exists.");
        return Err(AwsError::new("DocumentAlreadyExists", message));
    }
    let shown = described(name, &document);
    documents.insert(name.to_owned(), document);
    Ok(json!({ "DocumentDescription": shown }))
}

fn update_document(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let text = content(call)?;
    let documents = &mut state(world, call)?.documents;
    let document = documents.get_mut(name).ok_or_else(|| no_document(name))?;
    let (newest, last) = document.version(Some("$LATEST"))?;
    if last == text {
        return Err(AwsError::new(
            "DuplicateDocumentContent",
            "The content of the association document matches another document.",
        ));
    }
    // It becomes the default version only when somebody says so.
    document.others.insert(newest + 1, text);
    let mut shown = described(name, document);
    shown["DocumentVersion"] = json!((newest + 1).to_string());
    Ok(json!({ "DocumentDescription": shown }))
}

/// Another default version runs the document's associations at once (M:ssm UpdateDocumentDefaultVersion).
fn update_default_version(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let state = state(world, call)?;
    let document = state
        .documents
        .get_mut(name)
        .ok_or_else(|| no_document(name))?;
    let (number, _) = document.version(Some(call.text("DocumentVersion")))?;
    if let Some(content) = document.others.remove(&number) {
        let before = std::mem::replace(&mut document.content, content);
        document.others.insert(document.version, before);
        document.version = number;
        let of_this = state.associations.values();
        let of_this: Vec<Association> = of_this
            .filter(|association| association.document == name)
            .cloned()
            .collect();
        for association in of_this {
            dispatch(world, call, &association);
        }
    }
    Ok(json!({"Description": {"Name": name, "DefaultVersion": number.to_string()}}))
}

fn get_document(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let documents = &state(world, call)?.documents;
    let document = documents.get(name).ok_or_else(|| no_document(name))?;
    let (number, content) = document.version(call.str("DocumentVersion"))?;
    Ok(json!({
        "Name": name,
        "Content": content,
        "DocumentType": document.kind,
        "DocumentFormat": "JSON",
        "DocumentVersion": number.to_string(),
        "Status": "Active",
    }))
}

fn delete_document(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let removed = state(world, call)?.documents.remove(name);
    removed.map(|_| json!({})).ok_or_else(|| no_document(name))
}

/// Lists of texts; templates may give flags and numbers.
fn parameters(value: &Value) -> BTreeMap<String, Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, values)| {
            let values = list(values).into_iter().map(text);
            (name.clone(), values.collect())
        })
        .collect()
}

fn association(call: &Call, before: Option<&Association>) -> Association {
    let text = |name: &str| call.str(name).map(str::to_owned);
    Association {
        name: text("AssociationName")
            .or_else(|| before.map(|before| before.name.clone()))
            .unwrap_or_default(),
        document: text("Name")
            .or_else(|| before.map(|before| before.document.clone()))
            .unwrap_or_default(),
        parameters: match (call.get("Parameters"), before) {
            (Value::Null, Some(before)) => before.parameters.clone(),
            (given, _) => parameters(given),
        },
        schedule: text("ScheduleExpression"),
        dispatch_role: text("AssociationDispatchAssumeRole"),
        created: before.map_or(call.now, |before| before.created),
    }
}

fn shown_association(id: &str, association: &Association) -> Value {
    let mut shown = json!({
        "AssociationId": id,
        "Name": association.document,
        "AssociationName": association.name,
        "Parameters": association.parameters,
        "Date": association.created.json(),
    });
    if let Some(schedule) = &association.schedule {
        shown["ScheduleExpression"] = Value::from(schedule.as_str());
    }
    if let Some(role) = &association.dispatch_role {
        shown["AssociationDispatchAssumeRole"] = Value::from(role.as_str());
    }
    json!({ "AssociationDescription": shown })
}

fn create_association(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let made = association(call, None);
    if !state(world, call)?.documents.contains_key(&made.document) {
        return Err(no_document(&made.document));
    }
    let id = world.rng.uuid();
    let shown = shown_association(&id, &made);
    keep(world, call, id, made)?;
    Ok(shown)
}

fn update_association(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("AssociationId").to_owned();
    let before = state(world, call)?.associations.get(&id).cloned();
    let before = before.ok_or_else(no_association)?;
    let made = association(call, Some(&before));
    let shown = shown_association(&id, &made);
    keep(world, call, id, made)?;
    Ok(shown)
}

/// An association runs when it is made or changed, and then by its schedule, a day later at the soonest
/// that the sandbox knows (Systems Manager User Guide, "About association scheduling").
fn keep(world: &mut World, call: &Call, id: String, made: Association) -> Result<(), AwsError> {
    state(world, call)?
        .associations
        .insert(id.clone(), made.clone());
    world.due.retain(|_, due| {
        !matches!(due, world::Due::Automation(Due::Associated { association, .. }) if *association == id)
    });
    dispatch(world, call, &made);
    schedule(world, call.account.clone(), call.region.clone(), id, &made);
    Ok(())
}

/// Runs an association now.
fn dispatch(world: &mut World, call: &Call, association: &Association) {
    if may_dispatch(world, &call.account, association) {
        execute(
            world,
            &call.account,
            &call.region,
            &Run {
                document: &association.document,
                parameters: &association.parameters,
                by: call.principal.clone(),
                token: None,
            },
        );
    }
}

fn no_association() -> AwsError {
    AwsError::new("AssociationDoesNotExist", "The association does not exist.")
}

fn describe_association(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("AssociationId");
    let associations = &state(world, call)?.associations;
    let found = associations.get(id).ok_or_else(no_association)?;
    Ok(shown_association(id, found))
}

fn delete_association(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("AssociationId");
    let removed = state(world, call)?.associations.remove(id);
    removed.map(|_| json!({})).ok_or_else(no_association)
}

struct Run<'a> {
    document: &'a str,
    parameters: &'a BTreeMap<String, Vec<String>>,
    by: String,
    token: Option<String>,
}

/// Runs an automation and keeps what it came to; its id.
fn execute(world: &mut World, account: &str, region: &str, run: &Run<'_>) -> Option<String> {
    let id = world.rng.uuid();
    let now = world.now;
    let may = may_assume(world, account, run.parameters);
    let place = world.region_mut(account, region).ok()?;
    let (state, ec2) = (&mut place.automation, &mut place.ec2);
    let document = state.documents.get(run.document)?.clone();
    let result = may.and_then(|()| steps(ec2, &document.content, run.parameters));
    let (outputs, failure) = match result {
        Ok(outputs) => (outputs, None),
        Err(why) => (BTreeMap::new(), Some(why)),
    };
    let execution = Execution {
        document: run.document.to_owned(),
        version: document.version,
        started: now,
        ends: now.plus_millis(RUN_MILLIS),
        outputs,
        failure,
        by: run.by.clone(),
        token: run.token.clone(),
    };
    state.executions.insert(id.clone(), execution);
    while state.executions.len() > KEPT {
        let oldest = state.executions.iter().min_by_key(|(_, run)| run.started);
        let oldest = oldest.map(|(id, _)| id.clone())?;
        state.executions.remove(&oldest);
    }
    Some(id)
}

/// Whether Systems Manager may take the role that the run is to have.
fn may_assume(
    world: &World,
    account: &str,
    parameters: &BTreeMap<String, Vec<String>>,
) -> Result<(), String> {
    let arn = parameters
        .get("AutomationAssumeRole")
        .and_then(|values| values.first());
    let Some(arn) = arn else {
        return Ok(());
    };
    match trusts_systems_manager(world, account, arn) {
        true => Ok(()),
        false => Err(format!(
            "The defined assume role is unable to be assumed: {arn}"
        )),
    }
}

/// Whether State Manager may take the role by which it starts the runs of an association.
fn may_dispatch(world: &World, account: &str, association: &Association) -> bool {
    let role = association.dispatch_role.as_deref();
    role.is_none_or(|arn| trusts_systems_manager(world, account, arn))
}

/// Whether the role of an ARN is there and trusts Systems Manager.
fn trusts_systems_manager(world: &World, account: &str, arn: &str) -> bool {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let role = world
        .account(account)
        .and_then(|account| account.iam.roles.get(name));
    role.is_some_and(|role| role.trust.contains("ssm.amazonaws.com"))
}

/// Runs a document's steps; the outputs that it declares.
fn steps(
    ec2: &mut Ec2State,
    content: &str,
    parameters: &BTreeMap<String, Vec<String>>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let document: Value = serde_json::from_str(content).map_err(|error| error.to_string())?;
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for step in list(&document["mainSteps"]) {
        let name = step["name"].as_str().unwrap_or_default();
        let handler = step.pointer("/inputs/Handler").and_then(Value::as_str);
        let payload: BTreeMap<String, String> = match (step["action"].as_str(), handler) {
            (Some("aws:executeScript"), Some("ec2_defaults")) => {
                ec2_defaults(ec2, &filled(&step["inputs"]["InputPayload"], parameters))
            }
            (action, handler) => {
                return Err(format!(
                    "Step {name}: the sandbox has no model of {} {}",
                    action.unwrap_or_default(),
                    handler.unwrap_or_default()
                ));
            }
        };
        for output in list(&step["outputs"]) {
            let (Some(output), Some(selector)) =
                (output["Name"].as_str(), output["Selector"].as_str())
            else {
                continue;
            };
            let key = selector.trim_start_matches("$.Payload.");
            if let Some(value) = payload.get(key) {
                known.insert(format!("{name}.{output}"), value.clone());
            }
        }
    }
    Ok(list(&document["outputs"])
        .into_iter()
        .filter_map(Value::as_str)
        .filter_map(|name| Some((name.to_owned(), vec![known.get(name)?.clone()])))
        .collect())
}

/// Inputs with `{{ PARAMETER }}` filled in.
fn filled(inputs: &Value, parameters: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, String> {
    let fill = |text: &str| {
        let name = text.trim_start_matches("{{").trim_end_matches("}}").trim();
        let values = parameters.get(name).filter(|_| text.starts_with("{{"));
        values
            .and_then(|values| values.first())
            .map_or_else(|| text.to_owned(), Clone::clone)
    };
    inputs
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), fill(value.as_str().unwrap_or_default())))
        .collect()
}

/// What the script of `stacksets/ec2-defaults.yaml` does, in its words.
fn ec2_defaults(ec2: &mut Ec2State, inputs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let asked = |name: &str| inputs.get(name).is_some_and(|value| value == "true");
    let untouched = || String::from("as it was");
    let mut encryption = untouched();
    if asked("EncryptEbs") {
        ec2.ebs_encryption = true;
        encryption = String::from("on");
    }
    let mut vpc = untouched();
    if asked("RemoveDefaultVpc") {
        if !ec2.vpc_removed && ec2.interfaces > 0 {
            let interfaces = ec2.interfaces;
            vpc = format!("the default VPC is in use: {interfaces} network interfaces");
        } else {
            ec2.vpc_removed = true;
            vpc = String::from("none");
        }
    }
    BTreeMap::from([
        (String::from("EbsEncryption"), encryption),
        (String::from("DefaultVpc"), vpc),
    ])
}

fn start_automation_execution(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("DocumentName");
    let token = call.str("ClientToken").map(str::to_owned);
    let state = state(world, call)?;
    if !state.documents.contains_key(name) {
        return Err(AwsError::new(
            "AutomationDefinitionNotFoundException",
            format!("Automation definition {name} could not be found."),
        ));
    }
    let same = state
        .executions
        .iter()
        .find(|(_, run)| token.is_some() && run.token == token);
    if let Some((id, _)) = same {
        return Ok(json!({ "AutomationExecutionId": id }));
    }
    let parameters = parameters(call.get("Parameters"));
    let run = Run {
        document: name,
        parameters: &parameters,
        by: call.principal.clone(),
        token,
    };
    let id = execute(world, &call.account, &call.region, &run);
    Ok(json!({ "AutomationExecutionId": id }))
}

fn shown(id: &str, run: &Execution, now: Time) -> Value {
    let over = run.ends <= now;
    let status = match (&run.failure, over) {
        (_, false) => "InProgress",
        (None, true) => "Success",
        (Some(_), true) => "Failed",
    };
    let mut shown = json!({
        "AutomationExecutionId": id,
        "DocumentName": run.document,
        "DocumentVersion": run.version.to_string(),
        "AutomationExecutionStatus": status,
        "ExecutionStartTime": run.started.json(),
        "ExecutedBy": run.by,
    });
    if over {
        shown["ExecutionEndTime"] = run.ends.json();
        if !run.outputs.is_empty() {
            shown["Outputs"] = json!(run.outputs);
        }
        if let Some(why) = &run.failure {
            shown["FailureMessage"] = Value::from(why.as_str());
        }
    }
    shown
}

fn get_automation_execution(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = call.text("AutomationExecutionId");
    let run = state(world, call)?.executions.get(id).ok_or_else(|| {
        AwsError::new(
            "AutomationExecutionNotFoundException",
            format!("Automation execution {id} could not be found."),
        )
    })?;
    Ok(json!({ "AutomationExecution": shown(id, run, call.now) }))
}

fn describe_automation_executions(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let value = |key: &str| -> Option<String> {
        let filters = call.list("Filters").iter();
        let mut found = filters.filter(|filter| filter["Key"] == key);
        let value = found.next()?["Values"].as_array()?.first()?;
        value.as_str().map(str::to_owned)
    };
    let prefix = value("DocumentNamePrefix").unwrap_or_default();
    let after = value("StartTimeAfter").unwrap_or_default();
    let executions = &state(world, call)?.executions;
    let wanted = executions.iter().filter(|(_, run)| {
        // Both are UTC in the same form.
        run.document.starts_with(&prefix) && run.started.iso8601() > after
    });
    let (page, next) = page::take(wanted, call, "MaxResults", "NextToken", 50, |(id, _)| id)?;
    let runs: Vec<Value> = page
        .into_iter()
        .map(|(id, run)| shown(id, run, call.now))
        .collect();
    Ok(json!({ "AutomationExecutionMetadataList": runs, "NextToken": next }))
}
