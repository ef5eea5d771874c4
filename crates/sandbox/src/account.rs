//! Account Management: names, contacts and Regions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{AwsError, Call};
use super::page;
use super::table::Row;
use super::world::{self, World};
use crate::words::{self, filled};

/// What the service knows of one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountState {
    /// Alternate contacts by type, as the API shows them.
    pub contacts: BTreeMap<String, Value>,
    /// The primary contact.
    pub contact: Option<Value>,
    /// Opt-in Regions that are not `DISABLED`, with their status.
    pub regions: BTreeMap<String, String>,
}

/// Work that is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Due {
    /// A Region is enabled or disabled at last.
    FinishRegion {
        account: String,
        region: String,
        enable: bool,
    },
}

/// Regions that every account has (AWS account guide, Region availability).
pub const DEFAULT_REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Regions that an account must opt into.
pub const OPT_IN_REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
];

/// Enabling takes minutes to hours (M:EnableRegion); the sandbox takes between these.
const ENABLE_MILLIS: (i64, i64) = (300_000, 1_200_000);
/// Regions being changed at once in one account (AWS_FACTS 6).
const CHANGES_AT_ONCE: usize = 6;

/// Whether a Region may be used.
pub fn is_enabled(state: &AccountState, region: &str) -> bool {
    DEFAULT_REGIONS.contains(&region)
        || state.regions.get(region).map(String::as_str) == Some("ENABLED")
}

/// Runs what has come due.
pub fn run(world: &mut World, due: Due) {
    let Due::FinishRegion {
        account,
        region,
        enable,
    } = due;
    if let Some(account) = world.accounts.get_mut(&account) {
        if enable {
            let status = String::from("ENABLED");
            account.settings.regions.insert(region, status);
        } else {
            account.settings.regions.remove(&region);
        }
    }
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    (
        "account",
        "DeleteAlternateContact",
        delete_alternate_contact,
    ),
    ("account", "DisableRegion", disable_region),
    ("account", "EnableRegion", enable_region),
    ("account", "GetAccountInformation", get_account_information),
    ("account", "GetAlternateContact", get_alternate_contact),
    ("account", "GetContactInformation", get_contact_information),
    ("account", "GetPrimaryEmail", get_primary_email),
    ("account", "GetRegionOptStatus", get_region_opt_status),
    ("account", "ListRegions", list_regions),
    ("account", "PutAccountName", put_account_name),
    ("account", "PutAlternateContact", put_alternate_contact),
    ("account", "PutContactInformation", put_contact_information),
];

fn denied(why: &str) -> AwsError {
    AwsError::new("AccessDeniedException", why).status(403)
}

/// The account that a call is about: the caller's, or a member's where the management account or a delegated
/// administrator names it and `account.amazonaws.com` has trusted access (M:account).
fn subject(world: &World, call: &Call) -> Result<String, AwsError> {
    let Some(id) = call.str("AccountId") else {
        return Ok(call.account.clone());
    };
    let organization = world
        .organization
        .as_ref()
        .ok_or_else(|| denied("The account is not a member of an organization."))?;
    let principal = "account.amazonaws.com";
    let allowed = organization.management_account == call.account
        || organization.delegates(&call.account, principal);
    if !allowed {
        return Err(denied(
            "User is not authorized to perform this operation on another account.",
        ));
    }
    if !organization.is_trusted(&world.lags, principal, call.now) {
        let user = call.principal.as_str();
        return Err(denied(&filled(
            words::NO_TRUSTED_ACCESS_FOR_ACCOUNTS,
            &[("user", user), ("action", "account:*")],
        )));
    }
    // The management account omits its own id (M:account).
    if organization.management_account == id {
        return Err(denied(
            "The management account cannot specify its own AccountId.",
        ));
    }
    if !organization.members.contains_key(id) {
        return Err(denied("The account is not in the organization."));
    }
    Ok(id.to_owned())
}

fn settings<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut AccountState, AwsError> {
    let id = subject(world, call)?;
    Ok(&mut world.account_mut(&id)?.settings)
}

fn get_account_information(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = subject(world, call)?;
    let account = world.account_mut(&id)?;
    Ok(json!({
        "AccountId": id,
        "AccountName": account.name,
        "AccountCreatedDate": account.created.json(),
        "AccountState": if account.closed.is_some() { "CLOSED" } else { "ACTIVE" },
    }))
}

fn put_account_name(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = subject(world, call)?;
    world.account_mut(&id)?.name = call.text("AccountName").to_owned();
    Ok(Value::Null)
}

fn get_primary_email(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let id = subject(world, call)?;
    Ok(json!({"PrimaryEmail": world.account_mut(&id)?.email}))
}

fn put_alternate_contact(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let mut contact = json!({});
    for member in [
        "AlternateContactType",
        "EmailAddress",
        "Name",
        "PhoneNumber",
        "Title",
    ] {
        contact[member] = call.get(member).clone();
    }
    let kind = call.text("AlternateContactType").to_owned();
    settings(world, call)?.contacts.insert(kind, contact);
    Ok(Value::Null)
}

fn no_contact() -> AwsError {
    AwsError::new(
        "ResourceNotFoundException",
        "No contact of the inputted alternate contact type found.",
    )
    .status(404)
}

fn get_alternate_contact(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let contacts = &settings(world, call)?.contacts;
    let contact = contacts.get(call.text("AlternateContactType"));
    Ok(json!({"AlternateContact": contact.ok_or_else(no_contact)?}))
}

fn delete_alternate_contact(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let contacts = &mut settings(world, call)?.contacts;
    let removed = contacts.remove(call.text("AlternateContactType"));
    removed.ok_or_else(no_contact).map(|_| Value::Null)
}

fn put_contact_information(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    settings(world, call)?.contact = Some(call.get("ContactInformation").clone());
    Ok(Value::Null)
}

fn get_contact_information(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let contact = settings(world, call)?.contact.clone();
    Ok(json!({"ContactInformation": contact.ok_or_else(no_contact)?}))
}

fn status(state: &AccountState, region: &str) -> Option<String> {
    if DEFAULT_REGIONS.contains(&region) {
        Some(String::from("ENABLED_BY_DEFAULT"))
    } else if OPT_IN_REGIONS.contains(&region) {
        let known = state.regions.get(region).cloned();
        Some(known.unwrap_or_else(|| String::from("DISABLED")))
    } else {
        None
    }
}

fn unknown_region(region: &str) -> AwsError {
    AwsError::new("ValidationException", format!("{region} is not a Region"))
}

fn get_region_opt_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let region = call.text("RegionName");
    let status = status(settings(world, call)?, region).ok_or_else(|| unknown_region(region))?;
    Ok(json!({"RegionName": region, "RegionOptStatus": status}))
}

fn list_regions(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.strings("RegionOptStatusContains");
    let state = settings(world, call)?;
    let mut names: Vec<&str> = DEFAULT_REGIONS
        .iter()
        .chain(OPT_IN_REGIONS)
        .copied()
        .collect();
    names.sort_unstable();
    let regions: Vec<(&str, String)> = names
        .into_iter()
        .filter_map(|name| Some((name, status(state, name)?)))
        .filter(|(_, status)| wanted.is_empty() || wanted.contains(status))
        .collect();
    let (page, next) = page::take(
        regions.into_iter(),
        call,
        "MaxResults",
        "NextToken",
        50,
        |(name, _)| *name,
    )?;
    let shown: Vec<Value> = page
        .into_iter()
        .map(|(name, status)| json!({"RegionName": name, "RegionOptStatus": status}))
        .collect();
    Ok(json!({"Regions": shown, "NextToken": next}))
}

fn change_region(world: &mut World, call: &Call, enable: bool) -> Result<Value, AwsError> {
    let region = call.text("RegionName").to_owned();
    let account = subject(world, call)?;
    let millis = world.rng.between(ENABLE_MILLIS.0, ENABLE_MILLIS.1);
    let state = settings(world, call)?;
    if !OPT_IN_REGIONS.contains(&region.as_str()) {
        return Err(unknown_region(&region));
    }
    let now = state.regions.get(&region).map(String::as_str);
    let (done, pending) = if enable {
        (now == Some("ENABLED"), "ENABLING")
    } else {
        (now.is_none(), "DISABLING")
    };
    if done {
        return Ok(Value::Null);
    }
    let changing = |status: &&String| status.ends_with("ING");
    // One that is already changing conflicts, and so does a seventh at once (M:EnableRegion, AWS_FACTS 6).
    if now.is_some_and(|status| status.ends_with("ING"))
        || state.regions.values().filter(changing).count() >= CHANGES_AT_ONCE
    {
        return Err(
            AwsError::new("ConflictException", "A Region is already being changed.").status(409),
        );
    }
    state.regions.insert(region.clone(), pending.to_owned());
    let due = Due::FinishRegion {
        account,
        region,
        enable,
    };
    world.after(millis, world::Due::Account(due));
    Ok(Value::Null)
}

fn enable_region(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_region(world, call, true)
}

fn disable_region(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    change_region(world, call, false)
}
