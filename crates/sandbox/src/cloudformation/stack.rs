//! A stack as data, and how it is found.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::drift::StackDrift;
use super::template::{Template, TemplateError};
use super::{CloudFormationState, intrinsics, resources};
use crate::call::{AwsError, Call};
use crate::permissions;
use crate::time::Time;
use crate::world::World;

/// Where a stack's template is kept. Thousands of stacks of one stack set share its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Source {
    Text(String),
    /// A revision of a stack set's template.
    Revision {
        admin: String,
        region: String,
        set: String,
        revision: u32,
    },
}

/// A stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// The ARN.
    pub id: String,
    pub name: String,
    pub status: String,
    pub reason: Option<String>,
    pub created: Time,
    pub updated: Option<Time>,
    pub deleted: Option<Time>,
    pub source: Source,
    /// Values of all parameters, defaults included.
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    pub capabilities: Vec<String>,
    pub resources: BTreeMap<String, StackResource>,
    pub outputs: Vec<Value>,
    /// Oldest first.
    pub events: Vec<StackEvent>,
    pub termination_protection: bool,
    pub on_failure: OnFailure,
    /// What an update under way will make of the stack.
    pub pending: Option<Box<Pending>>,
    /// The stack set it belongs to.
    pub stack_set: Option<String>,
    /// What a rollback that failed was to bring back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Box<Stack>>,
    /// Who made or last changed it, in whose name CloudFormation acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What drift detection found since the last update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<StackDrift>,
}

/// What an update is about to bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub source: Source,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// Whether everything that drift detection looks at is put back, changed or not.
    #[serde(default)]
    pub revert: bool,
}

/// What happens to a stack that could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnFailure {
    #[default]
    Rollback,
    DoNothing,
    Delete,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackResource {
    pub kind: String,
    pub physical_id: String,
    pub status: String,
    pub reason: Option<String>,
    pub at: Time,
    /// As last resolved.
    pub properties: Map<String, Value>,
    pub attributes: BTreeMap<String, String>,
}

/// One line of a stack's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackEvent {
    pub at: Time,
    /// `None` is the stack itself.
    pub logical_id: Option<String>,
    pub kind: String,
    pub physical_id: String,
    pub status: String,
    pub reason: Option<String>,
}

impl Stack {
    /// Notes that the stack itself has a new status.
    pub fn turn(&mut self, at: Time, status: &str, reason: Option<String>) {
        self.status = status.to_owned();
        self.reason.clone_from(&reason);
        self.events.push(StackEvent {
            at,
            logical_id: None,
            kind: "AWS::CloudFormation::Stack".to_owned(),
            physical_id: self.id.clone(),
            status: status.to_owned(),
            reason,
        });
    }

    /// Notes what became of a resource.
    pub fn note(
        &mut self,
        at: Time,
        logical_id: &str,
        kind: &str,
        physical_id: &str,
        status: &str,
        reason: Option<String>,
    ) {
        self.events.push(StackEvent {
            at,
            logical_id: Some(logical_id.to_owned()),
            kind: kind.to_owned(),
            physical_id: physical_id.to_owned(),
            status: status.to_owned(),
            reason,
        });
    }

    /// The principal that CloudFormation acts as. Stacks that were copied from elsewhere do not tell.
    pub fn principal(&self, account: &str) -> String {
        match (&self.actor, &self.stack_set) {
            (Some(actor), _) => actor.clone(),
            (None, Some(_)) => execution_role(account),
            (None, None) => format!("arn:aws:iam::{account}:{}", permissions::UNTOLD),
        }
    }

    /// Whether an operation is under way.
    pub fn busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS")
    }
}

/// A session of the role by which service-managed stack sets act: "stacksets-exec-" and 32 hex digits.
pub fn execution_role(account: &str) -> String {
    format!("arn:aws:sts::{account}:assumed-role/stacksets-exec-{account:0>32}/AWSCloudFormation")
}

/// The text of a stack's template.
pub fn template_text(world: &World, source: &Source) -> String {
    match source {
        Source::Text(text) => text.clone(),
        Source::Revision {
            admin,
            region,
            set,
            revision,
        } => world
            .region(admin, region)
            .and_then(|r| r.cloudformation.stack_sets.get(set))
            .and_then(|set| set.templates.get(revision))
            .cloned()
            .unwrap_or_default(),
    }
}

/// Parses a template; the same text is parsed once. Only a memo: the answer depends on the text alone.
pub fn parse(text: &str) -> Result<Arc<Template>, TemplateError> {
    static PARSED: Mutex<BTreeMap<String, Arc<Template>>> = Mutex::new(BTreeMap::new());
    let mut parsed = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = parsed.get(text) {
        return Ok(found.clone());
    }
    let template = Arc::new(Template::parse(text, |kind| {
        resources::kind(kind).is_some()
    })?);
    if parsed.len() > 200 {
        parsed.clear();
    }
    parsed.insert(text.to_owned(), template.clone());
    Ok(template)
}

/// How long making all resources takes, in seconds: the longest chain.
pub fn duration(template: &Template) -> i64 {
    let mut ends: BTreeMap<String, i64> = BTreeMap::new();
    for name in template.creation_order(|_| true).unwrap_or_default() {
        let start = template
            .needs(&name)
            .iter()
            .filter_map(|n| ends.get(n))
            .max()
            .copied()
            .unwrap_or(0);
        let own = template
            .resources
            .get(&name)
            .and_then(|def| resources::kind(&def.kind))
            .map_or(5, |k| k.seconds);
        ends.insert(name, start + own);
    }
    ends.values().max().copied().unwrap_or(0) + 5
}

/// A `ValidationError`, the code of nearly everything that CloudFormation refuses.
pub fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", message)
}

/// `Stack with id X does not exist`.
pub fn no_such_stack(name: &str) -> AwsError {
    invalid(format!("Stack with id {name} does not exist"))
}

impl CloudFormationState {
    /// A stack by name (a living one) or by id (also a deleted one).
    pub fn stack(&self, name: &str) -> Option<&Stack> {
        let id = if name.starts_with("arn:") {
            name
        } else {
            self.names.get(name)?
        };
        self.stacks.get(id)
    }
}

/// The caller's stack, by name or id.
pub fn find<'w>(world: &'w World, call: &Call, name: &str) -> Result<&'w Stack, AwsError> {
    world
        .region(&call.account, &call.region)
        .and_then(|r| r.cloudformation.stack(name))
        .ok_or_else(|| no_such_stack(name))
}

/// A list of `{Key, Value}` or of `{ParameterKey, ParameterValue}` as a map.
pub fn pairs(list: &[Value], key: &str, value: &str) -> BTreeMap<String, String> {
    let get = |item: &Value, name: &str| {
        item.get(name)
            .and_then(intrinsics::text)
            .unwrap_or_default()
    };
    list.iter()
        .map(|item| (get(item, key), get(item, value)))
        .collect()
}

/// Tags of a request.
pub fn tags_of(call: &Call) -> BTreeMap<String, String> {
    pairs(call.list("Tags"), "Key", "Value")
}

/// Parameters of a request, with `UsePreviousValue` looked up in `previous`.
pub fn parameters_of(
    list: &[Value],
    previous: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut given = BTreeMap::new();
    for item in list {
        let Some(key) = item.get("ParameterKey").and_then(Value::as_str) else {
            continue;
        };
        let value = if item.get("UsePreviousValue").and_then(Value::as_bool) == Some(true) {
            previous.get(key).cloned()
        } else {
            item.get("ParameterValue").and_then(intrinsics::text)
        };
        if let Some(value) = value {
            given.insert(key.to_owned(), value);
        }
    }
    given
}

/// Parameters as answers list them; values of `NoEcho` parameters are masked.
pub fn parameter_list(
    template: Option<&Template>,
    parameters: &BTreeMap<String, String>,
) -> Vec<Value> {
    parameters
        .iter()
        .map(|(key, value)| {
            let hidden = template
                .and_then(|t| t.parameters.get(key))
                .is_some_and(|p| p.no_echo);
            json!({"ParameterKey": key, "ParameterValue": if hidden { "****" } else { value }})
        })
        .collect()
}

/// Tags as answers list them.
pub fn tag_list(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter()
        .map(|(k, v)| json!({"Key": k, "Value": v}))
        .collect()
}
