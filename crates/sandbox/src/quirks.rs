//! What Organizations does now and then, and a client must bear: off unless a world is told otherwise, for it would
//! falsify how long things usually take.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::call::{AwsError, Call};
use super::codec::model::{Kind, Operation, Service};
use super::lags::Lag;
use super::time::Time;
use super::world::World;

/// The quirks of a world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Quirks {
    /// Until then the organization has not finished initializing.
    pub finalizing_until: Option<Time>,
    /// Whether every page of a list comes after an empty one with a token.
    pub empty_pages: bool,
}

/// What begins the token of an empty page; the token of the page after it follows.
const EMPTY: &str = "empty:";

/// Refuses what an organization cannot do yet. "This can take up to an hour" (API reference, CreateAccount,
/// FinalizingOrganizationException).
pub fn refuse(world: &World, service: &str, operation: &str) -> Result<(), AwsError> {
    if (service, operation) != ("organizations", "CreateAccount") {
        return Ok(());
    }
    let until = world.quirks.finalizing_until;
    if until.is_none_or(|until| until <= world.now)
        && !world.lags.holds(Lag::Finalizing, "", world.now)
    {
        return Ok(());
    }
    Err(AwsError::new(
        "FinalizingOrganizationException",
        "AWS Organizations couldn't perform the operation because your organization hasn't finished initializing. This can take up to an hour. Try again later.",
    ))
}

/// An empty page, where it is the turn of one; else the call as its handler is to see it. "When using `List*`
/// operations, always check `NextToken`: … an empty set of results even when there are more results available"
/// (API reference, ListAccounts).
pub fn empty_page(
    world: &World,
    service: &Service,
    operation: &Operation,
    call: Call,
) -> Result<Call, Value> {
    let lists = service.name == "organizations" && operation.name.starts_with("List");
    if !world.quirks.empty_pages || !lists || operation.name == "ListRoots" {
        return Ok(call);
    }
    let token = call.str("NextToken").unwrap_or_default().to_owned();
    let mut input = call.input.clone();
    let Some(map) = input.as_object_mut() else {
        return Ok(call);
    };
    match token.strip_prefix(EMPTY) {
        Some("") => {
            map.remove("NextToken");
            Ok(call.with_input(input))
        }
        Some(rest) => {
            map.insert("NextToken".to_owned(), Value::from(rest));
            Ok(call.with_input(input))
        }
        None => {
            let mut page = Map::new();
            let shape = operation.output.and_then(|id| service.shape(id));
            if let Some(Kind::Structure { members, .. }) = shape.map(|shape| &shape.kind) {
                for (name, member) in members {
                    let inner = service.shape(member.shape).map(|shape| &shape.kind);
                    if matches!(inner, Some(Kind::List { .. })) {
                        page.insert(name.clone(), Value::Array(Vec::new()));
                    }
                }
            }
            page.insert(
                "NextToken".to_owned(),
                Value::from(format!("{EMPTY}{token}")),
            );
            Err(Value::Object(page))
        }
    }
}
