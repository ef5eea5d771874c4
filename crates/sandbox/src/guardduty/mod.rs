//! GuardDuty: detectors, the delegated administrator of each Region, members, and export of findings.
//!
//! Nearly every refusal is a `BadRequestException`; callers must read the text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{AwsError, Call};
use super::lags::Lag;
use super::table::Row;
use super::time::Time;
use super::world::World;

mod detector;
mod filter;
mod lists;
mod members;
mod offered;
mod organization;
mod publishing;

pub use detector::{create_for, is_foundational};

/// The principal that trusted access and policies name.
pub const PRINCIPAL: &str = "guardduty.amazonaws.com";

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GuardDutyState {
    /// One at most.
    pub detector: Option<Detector>,
    /// In the management account: who administers GuardDuty in this Region.
    pub organization_admin: Option<String>,
}

/// A detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    pub id: String,
    pub enabled: bool,
    pub frequency: String,
    /// Whether each feature is on.
    pub features: BTreeMap<String, bool>,
    /// Features that an organization policy holds: no call changes them.
    #[serde(default)]
    pub held: std::collections::BTreeSet<String>,
    /// Additional configuration by feature, as given.
    #[serde(default)]
    pub additional: BTreeMap<String, Value>,
    pub created: Time,
    pub updated: Time,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The account that administers this one.
    #[serde(default)]
    pub administrator: Option<String>,
    /// The administrator's members, with the time they became so.
    #[serde(default)]
    pub members: BTreeMap<String, Time>,
    /// The administrator's settings for the organization.
    #[serde(default)]
    pub organization: OrganizationSettings,
    /// Where findings are exported to, by destination id.
    #[serde(default)]
    pub destinations: BTreeMap<String, Destination>,
    /// Filters of findings, by name.
    #[serde(default)]
    pub filters: BTreeMap<String, Filter>,
    /// Lists of addresses and names that are trusted, by id.
    #[serde(default)]
    pub trusted: BTreeMap<String, TrustedList>,
}

/// A list of what findings leave out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustedList {
    /// Whether it is an IP set; otherwise it is a trusted entity set.
    pub of_addresses: bool,
    pub name: String,
    pub format: String,
    pub location: String,
    pub active: bool,
}

/// A filter of findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// `NOOP` or `ARCHIVE`.
    pub action: String,
    pub description: String,
    pub rank: i64,
    /// As given.
    pub criteria: Value,
}

/// What happens to accounts of the organization.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrganizationSettings {
    /// `ALL`, `NEW` or `NONE`; empty before it is first set, which is `NONE`.
    pub auto_enable: String,
    /// `ALL`, `NEW` or `NONE` by feature.
    pub features: BTreeMap<String, String>,
    /// Additional configuration by feature, as given.
    pub additional: BTreeMap<String, Value>,
}

/// Where findings are exported to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    pub bucket_arn: String,
    pub key_arn: String,
    /// `PENDING_VERIFICATION`, `PUBLISHING`, `UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY` or `STOPPED`.
    pub status: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Work that is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Due {
    /// The organization's settings reach the accounts they are for; `joined` names the only one to look at.
    AutoEnable {
        region: String,
        joined: Option<String>,
    },
    /// The administrator has a detector, if it made none itself.
    OwnDetector { account: String, region: String },
    /// A destination's bucket and key are tried.
    VerifyDestination {
        account: String,
        region: String,
        destination: String,
    },
}

/// Runs what has come due.
pub fn run(world: &mut World, due: Due) {
    match due {
        Due::AutoEnable { region, joined } => {
            members::auto_enable(world, &region, joined.as_deref())
        }
        Due::OwnDetector { account, region } => {
            // There may be one by now: then it is the administrator's.
            let _ = create_for(world, &account, &region, true);
        }
        Due::VerifyDestination {
            account,
            region,
            destination,
        } => publishing::verify(world, &account, &region, &destination),
    }
}

/// See [`super::hooks::account_moved`].
pub fn account_moved(
    world: &mut World,
    account: &str,
    from: Option<&[String]>,
    to: Option<&[String]>,
) {
    match (from, to) {
        (None, Some(_)) => {
            for region in organization::administered(world) {
                let unit = format!("{account} {region}");
                let millis = world.lags.mode.millis(Lag::AutoEnableJoined, &unit);
                world.after(
                    millis,
                    super::world::Due::GuardDuty(Due::AutoEnable {
                        region,
                        joined: Some(account.to_owned()),
                    }),
                );
            }
        }
        (Some(_), None) => members::leave(world, account),
        _ => {}
    }
}

fn bad(message: impl Into<String>) -> AwsError {
    AwsError::new("BadRequestException", message)
}

/// The caller's detector, which the input must name.
fn detector<'w>(world: &'w World, call: &Call) -> Result<&'w Detector, AwsError> {
    world
        .region(&call.account, &call.region)
        .and_then(|r| r.guardduty.detector.as_ref())
        .filter(|d| d.id == call.text("DetectorId"))
        .ok_or_else(|| bad("The request is rejected because the input detectorId is not owned by the current account."))
}

fn detector_mut<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut Detector, AwsError> {
    detector(world, call)?;
    detector_at(world, &call.account, &call.region)
        .ok_or_else(|| bad("The request is rejected because the input detectorId is not owned by the current account."))
}

fn detector_at<'w>(world: &'w mut World, account: &str, region: &str) -> Option<&'w mut Detector> {
    world
        .region_mut(account, region)
        .ok()?
        .guardduty
        .detector
        .as_mut()
}

fn empty() -> Value {
    json!({})
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("guardduty", "CreateDetector", detector::create),
    ("guardduty", "CreateFilter", filter::create),
    ("guardduty", "CreateIPSet", lists::create_addresses),
    ("guardduty", "CreateMembers", members::create),
    (
        "guardduty",
        "CreatePublishingDestination",
        publishing::create,
    ),
    (
        "guardduty",
        "CreateTrustedEntitySet",
        lists::create_entities,
    ),
    ("guardduty", "DeleteDetector", detector::delete),
    ("guardduty", "DeleteFilter", filter::delete),
    ("guardduty", "DeleteIPSet", lists::delete),
    ("guardduty", "DeleteMembers", members::delete),
    (
        "guardduty",
        "DeletePublishingDestination",
        publishing::delete,
    ),
    ("guardduty", "DeleteTrustedEntitySet", lists::delete),
    (
        "guardduty",
        "DescribeOrganizationConfiguration",
        organization::describe,
    ),
    (
        "guardduty",
        "DescribePublishingDestination",
        publishing::describe,
    ),
    (
        "guardduty",
        "DisableOrganizationAdminAccount",
        organization::disable_admin,
    ),
    ("guardduty", "DisassociateMembers", members::disassociate),
    (
        "guardduty",
        "EnableOrganizationAdminAccount",
        organization::enable_admin,
    ),
    (
        "guardduty",
        "GetAdministratorAccount",
        members::administrator,
    ),
    ("guardduty", "GetDetector", detector::get),
    ("guardduty", "GetFilter", filter::get),
    ("guardduty", "GetIPSet", lists::get),
    ("guardduty", "GetMemberDetectors", members::detectors),
    ("guardduty", "GetMembers", members::get),
    ("guardduty", "GetTrustedEntitySet", lists::get),
    ("guardduty", "ListDetectors", detector::list),
    ("guardduty", "ListFilters", filter::list),
    ("guardduty", "ListIPSets", lists::list_addresses),
    ("guardduty", "ListMembers", members::list),
    (
        "guardduty",
        "ListOrganizationAdminAccounts",
        organization::list_admins,
    ),
    ("guardduty", "ListPublishingDestinations", publishing::list),
    ("guardduty", "ListTrustedEntitySets", lists::list_entities),
    ("guardduty", "UpdateDetector", detector::update),
    ("guardduty", "UpdateFilter", filter::update),
    ("guardduty", "UpdateIPSet", lists::update),
    (
        "guardduty",
        "UpdateMemberDetectors",
        members::update_detectors,
    ),
    (
        "guardduty",
        "UpdateOrganizationConfiguration",
        organization::update,
    ),
    (
        "guardduty",
        "UpdatePublishingDestination",
        publishing::update,
    ),
    ("guardduty", "UpdateTrustedEntitySet", lists::update),
];
