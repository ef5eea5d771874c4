//! Systems Manager's Parameter Store: orgstrap's lock lies there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{AwsError, Call};
use super::iam::{tag_list, tags};
use super::page;
use super::table::Row;
use super::time::Time;
use super::world::World;

/// What Parameter Store holds in one account and Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SsmState {
    pub parameters: BTreeMap<String, Parameter>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub value: String,
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    pub version: i64,
    pub modified: Time,
    /// The ARN of who wrote it last.
    pub by: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("ssm", "AddTagsToResource", add_tags),
    ("ssm", "DeleteParameter", delete_parameter),
    ("ssm", "DescribeParameters", describe_parameters),
    ("ssm", "GetParameter", get_parameter),
    ("ssm", "GetParameters", get_parameters),
    ("ssm", "GetParametersByPath", get_parameters_by_path),
    ("ssm", "ListTagsForResource", list_tags),
    ("ssm", "PutParameter", put_parameter),
    ("ssm", "RemoveTagsFromResource", remove_tags),
];

fn state<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut SsmState, AwsError> {
    Ok(&mut world.region_mut(&call.account, &call.region)?.ssm)
}

fn not_found(name: &str) -> AwsError {
    AwsError::new("ParameterNotFound", format!("Parameter {name} not found."))
}

fn show(call: &Call, name: &str, parameter: &Parameter) -> Value {
    json!({
        "Name": name,
        "Type": parameter.kind,
        "Value": parameter.value,
        "Version": parameter.version,
        "LastModifiedDate": parameter.modified.json(),
        "ARN": arn(call, name),
        "DataType": "text",
    })
}

fn arn(call: &Call, name: &str) -> String {
    let name = name.trim_start_matches('/');
    format!(
        "arn:aws:ssm:{}:{}:parameter/{name}",
        call.region, call.account
    )
}

fn put_parameter(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let value = call.text("Value");
    // Standard parameters hold 4 KB (M:ssm PutParameter).
    if value.len() > 4096 {
        return Err(AwsError::new(
            "ValidationException",
            "Standard tier parameters support a maximum parameter value of 4096 characters.",
        ));
    }
    if name.starts_with("aws") || name.starts_with("/aws/") || name.starts_with("ssm") {
        return Err(AwsError::new(
            "AccessDeniedException",
            format!("No access to reserved parameter name: {name}."),
        ));
    }
    let overwrite = call.bool("Overwrite").unwrap_or(false);
    // Tags and Overwrite exclude each other (M:ssm PutParameter).
    if overwrite && !call.list("Tags").is_empty() {
        return Err(AwsError::new(
            "ValidationException",
            "Invalid request: tags and overwrite can't be used together.",
        ));
    }
    let parameters = &mut state(world, call)?.parameters;
    let known = parameters.get(name);
    if known.is_some() && !overwrite {
        return Err(AwsError::new(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    let version = known.map_or(0, |known| known.version) + 1;
    let kind = call
        .str("Type")
        .or(known.map(|known| known.kind.as_str()))
        .ok_or_else(|| {
            AwsError::new(
                "ValidationException",
                "A parameter type is required when you create a parameter.",
            )
        })?
        .to_owned();
    let parameter = Parameter {
        value: value.to_owned(),
        kind,
        version,
        modified: call.now,
        by: call.principal.clone(),
        description: call
            .str("Description")
            .map(str::to_owned)
            .or_else(|| known.and_then(|known| known.description.clone())),
        tags: known.map_or_else(|| tags(call.list("Tags")), |known| known.tags.clone()),
    };
    parameters.insert(name.to_owned(), parameter);
    Ok(json!({"Version": version, "Tier": "Standard"}))
}

fn get_parameter(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let parameters = &state(world, call)?.parameters;
    let parameter = parameters.get(name).ok_or_else(|| not_found(name))?;
    Ok(json!({"Parameter": show(call, name, parameter)}))
}

fn get_parameters(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let parameters = &state(world, call)?.parameters;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in call.strings("Names") {
        match parameters.get(&name) {
            Some(parameter) => found.push(show(call, &name, parameter)),
            None => missing.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": missing}))
}

fn get_parameters_by_path(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let path = format!("{}/", call.text("Path").trim_end_matches('/'));
    let deep = call.bool("Recursive").unwrap_or(false);
    let parameters = &state(world, call)?.parameters;
    let inside = parameters.iter().filter(|(name, _)| {
        name.strip_prefix(&path)
            .is_some_and(|rest| deep || !rest.contains('/'))
    });
    let (page, next) = page::take(inside, call, "MaxResults", "NextToken", 10, |(name, _)| {
        name
    })?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|(name, parameter)| show(call, name, parameter))
        .collect();
    Ok(json!({"Parameters": shown, "NextToken": next}))
}

fn describe_parameters(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let parameters = state(world, call)?.parameters.iter();
    let (page, next) = page::take(
        parameters,
        call,
        "MaxResults",
        "NextToken",
        50,
        |(name, _)| name,
    )?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|(name, parameter)| {
            json!({
                "Name": name,
                "ARN": arn(call, name),
                "Type": parameter.kind,
                "Version": parameter.version,
                "LastModifiedDate": parameter.modified.json(),
                "LastModifiedUser": parameter.by,
                "Description": parameter.description,
                "Tier": "Standard",
                "DataType": "text",
            })
        })
        .collect();
    Ok(json!({"Parameters": shown, "NextToken": next}))
}

fn delete_parameter(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name");
    let parameters = &mut state(world, call)?.parameters;
    parameters.remove(name).ok_or_else(|| not_found(name))?;
    Ok(json!({}))
}

fn tagged<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Parameter, AwsError> {
    let id = call.text("ResourceId");
    if call.text("ResourceType") != "Parameter" {
        return Err(AwsError::new(
            "InvalidResourceType",
            "The sandbox has tags of parameters only",
        ));
    }
    state(world, call)?
        .parameters
        .get_mut(id)
        .ok_or_else(|| AwsError::new("InvalidResourceId", format!("{id} does not exist")))
}

fn add_tags(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    tagged(world, call)?.tags.extend(tags(call.list("Tags")));
    Ok(json!({}))
}

fn remove_tags(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let parameter = tagged(world, call)?;
    for key in call.strings("TagKeys") {
        parameter.tags.remove(&key);
    }
    Ok(json!({}))
}

fn list_tags(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let tags = tag_list(&tagged(world, call)?.tags);
    Ok(json!({"TagList": tags}))
}
