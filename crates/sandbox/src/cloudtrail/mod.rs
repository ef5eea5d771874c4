//! CloudTrail: trails, organization trails, and the tests of bucket and key that a trail must pass.
//!
//! Source of the rules: CloudTrail user guide, "Creating a trail for an organization" and "Amazon S3 bucket policy
//! for CloudTrail".

mod administration;
mod delivery;
mod selectors;
mod trails;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::build::NewTrail;
use crate::call::{AwsError, Call};
use crate::organizations::OrganizationState;
use crate::table::Row;
use crate::time::Time;
use crate::world::World;

/// The principal that trusted access and delegation name.
pub const PRINCIPAL: &str = "cloudtrail.amazonaws.com";

/// What one account holds in one Region: the trails whose home it is. An organization trail is the management
/// account's, whoever made it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudTrailState {
    pub trails: BTreeMap<String, Trail>,
}

/// A trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// Members as DescribeTrails answers them, but for the computed ones.
    pub settings: Map<String, Value>,
    pub logging: bool,
    pub started: Option<Time>,
    pub stopped: Option<Time>,
    #[serde(default)]
    pub event_selectors: Option<Value>,
    #[serde(default)]
    pub advanced_event_selectors: Option<Value>,
    #[serde(default)]
    pub insight_selectors: Option<Value>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Where a trail lies.
#[derive(Debug, Clone, PartialEq)]
struct At {
    account: String,
    region: String,
    name: String,
}

impl At {
    fn arn(&self) -> String {
        format!(
            "arn:aws:cloudtrail:{}:{}:trail/{}",
            self.region, self.account, self.name
        )
    }
}

impl Trail {
    fn flag(&self, name: &str) -> bool {
        self.settings
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    fn text(&self, name: &str) -> &str {
        self.settings
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// A trail as one finds it.
pub(super) fn logging_since(now: Time, new: &NewTrail) -> Trail {
    let settings = json!({
        "S3BucketName": new.bucket,
        "IncludeGlobalServiceEvents": true,
        "IsMultiRegionTrail": new.multi_region,
        "LogFileValidationEnabled": true,
        "IsOrganizationTrail": new.organization,
    });
    Trail {
        settings: settings.as_object().cloned().unwrap_or_default(),
        logging: true,
        started: Some(now),
        stopped: None,
        event_selectors: None,
        advanced_event_selectors: None,
        insight_selectors: None,
        tags: BTreeMap::new(),
    }
}

fn not_found(name: &str, account: &str) -> AwsError {
    AwsError::new(
        "TrailNotFoundException",
        format!("Unknown trail: {name} for the user: {account}"),
    )
}

fn member<'w>(world: &'w World, account: &str) -> Option<&'w OrganizationState> {
    world
        .organization
        .as_ref()
        .filter(|o| o.members.contains_key(account) || o.management_account == account)
}

/// Every trail that `account` sees in `region`: its own, and the organization's.
fn visible(world: &World, account: &str, region: &str, shadows: bool) -> Vec<At> {
    let mut owners = vec![(account.to_owned(), false)];
    if let Some(organization) = member(world, account)
        && organization.management_account != account
    {
        owners.push((organization.management_account.clone(), true));
    }
    let mut found = Vec::new();
    for (owner, organization_only) in owners {
        let Some(world) = world.account(&owner) else {
            continue;
        };
        for (home, state) in &world.regions {
            for (name, trail) in &state.cloudtrail.trails {
                let seen = if home == region {
                    true
                } else {
                    shadows && trail.flag("IsMultiRegionTrail")
                };
                if seen && (!organization_only || trail.flag("IsOrganizationTrail")) {
                    found.push(At {
                        account: owner.clone(),
                        region: home.clone(),
                        name: name.clone(),
                    });
                }
            }
        }
    }
    found
}

/// Finds a trail by name or ARN, as the caller sees it.
fn locate(world: &World, call: &Call, name: &str) -> Result<At, AwsError> {
    visible(world, &call.account, &call.region, true)
        .into_iter()
        .find(|at| {
            if name.starts_with("arn:") {
                at.arn() == name
            } else {
                at.name == name
            }
        })
        .or_else(|| {
            // By ARN also from a Region that does not show it.
            let parts: Vec<&str> = name.split(':').collect();
            let home = parts.get(3)?;
            visible(world, &call.account, home, true)
                .into_iter()
                .find(|at| at.arn() == name)
        })
        .ok_or_else(|| not_found(name, &call.account))
}

/// The same, for changes: in the home Region only, and only by the owner or a delegated administrator.
fn locate_own(world: &World, call: &Call, name: &str) -> Result<At, AwsError> {
    let at = locate(world, call, name)?;
    if at.account != call.account && !delegated(world, &call.account) {
        return Err(AwsError::new(
            "NotOrganizationMasterAccountException",
            "This operation can only be performed by the management account or a delegated administrator of the organization.",
        ));
    }
    if at.region != call.region {
        return Err(AwsError::new(
            "InvalidHomeRegionException",
            format!(
                "Trail {} must be changed in its home Region {}.",
                at.name, at.region
            ),
        ));
    }
    Ok(at)
}

fn delegated(world: &World, account: &str) -> bool {
    world
        .organization
        .as_ref()
        .is_some_and(|o| o.delegates(account, PRINCIPAL))
}

fn trail<'w>(world: &'w World, at: &At) -> Result<&'w Trail, AwsError> {
    world
        .region(&at.account, &at.region)
        .and_then(|r| r.cloudtrail.trails.get(&at.name))
        .ok_or_else(|| not_found(&at.name, &at.account))
}

fn trail_mut<'w>(world: &'w mut World, at: &At) -> Result<&'w mut Trail, AwsError> {
    let missing = not_found(&at.name, &at.account);
    world
        .region_mut(&at.account, &at.region)?
        .cloudtrail
        .trails
        .get_mut(&at.name)
        .ok_or(missing)
}

fn view(at: &At, trail: &Trail) -> Value {
    let mut out = trail.settings.clone();
    out.insert("Name".to_owned(), json!(at.name));
    out.insert("TrailARN".to_owned(), json!(at.arn()));
    out.insert("HomeRegion".to_owned(), json!(at.region));
    out.insert(
        "HasCustomEventSelectors".to_owned(),
        json!(trail.event_selectors.is_some() || trail.advanced_event_selectors.is_some()),
    );
    out.insert(
        "HasInsightSelectors".to_owned(),
        json!(trail.insight_selectors.is_some()),
    );
    Value::Object(out)
}

fn list_tags(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let mut out = Vec::new();
    for id in call.strings("ResourceIdList") {
        let at = locate(world, call, &id)?;
        let tags: Vec<Value> = trail(world, &at)?
            .tags
            .iter()
            .map(|(k, v)| json!({"Key": k, "Value": v}))
            .collect();
        out.push(json!({"ResourceId": id, "TagsList": tags}));
    }
    Ok(json!({"ResourceTagList": out}))
}

fn tags(list: &[Value]) -> BTreeMap<String, String> {
    let text = |v: &Value, k: &str| {
        v.get(k)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    list.iter()
        .map(|tag| (text(tag, "Key"), text(tag, "Value")))
        .collect()
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("cloudtrail", "CreateTrail", trails::create_trail),
    ("cloudtrail", "DeleteTrail", trails::delete_trail),
    (
        "cloudtrail",
        "DeregisterOrganizationDelegatedAdmin",
        administration::deregister_delegated_admin,
    ),
    ("cloudtrail", "DescribeTrails", trails::describe_trails),
    (
        "cloudtrail",
        "GetEventSelectors",
        selectors::get_event_selectors,
    ),
    (
        "cloudtrail",
        "GetInsightSelectors",
        selectors::get_insight_selectors,
    ),
    ("cloudtrail", "GetTrail", trails::get_trail),
    ("cloudtrail", "GetTrailStatus", trails::get_trail_status),
    ("cloudtrail", "ListTags", list_tags),
    ("cloudtrail", "ListTrails", trails::list_trails),
    (
        "cloudtrail",
        "PutEventSelectors",
        selectors::put_event_selectors,
    ),
    (
        "cloudtrail",
        "PutInsightSelectors",
        selectors::put_insight_selectors,
    ),
    (
        "cloudtrail",
        "RegisterOrganizationDelegatedAdmin",
        administration::register_delegated_admin,
    ),
    ("cloudtrail", "StartLogging", trails::start_logging),
    ("cloudtrail", "StopLogging", trails::stop_logging),
    ("cloudtrail", "UpdateTrail", trails::update_trail),
];
