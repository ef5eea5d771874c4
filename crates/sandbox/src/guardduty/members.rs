//! Members of the administrator, by hand and by auto-enable.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::detector::{feature_list, set_features};
use super::{
    Detector, OrganizationSettings, bad, detector, detector_at, detector_mut, empty, offered,
    organization,
};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::paging::page;
use crate::world::World;

const SERVICE_LINKED_ROLE: &str = "AWSServiceRoleForAmazonGuardDuty";

/// Makes `account` a member: a detector where there is none, the administrator, the features that new members get.
fn enroll(
    world: &mut World,
    admin: &str,
    account: &str,
    region: &str,
    settings: &OrganizationSettings,
) -> Result<(), String> {
    let Some(organization) = &world.organization else {
        return Err("no organization".to_owned());
    };
    if !organization.is_active(account) {
        return Err("The request is rejected because the account is not an active member of the organization.".to_owned());
    }
    let management = organization.management_account == account;
    let unit = format!("{account} {SERVICE_LINKED_ROLE}");
    if management
        && (world.lags.holds(Lag::ServiceLinkedRole, &unit, world.now)
            || !world
                .account(account)
                .is_some_and(|a| a.iam.roles.contains_key(SERVICE_LINKED_ROLE)))
    {
        return Err(format!(
            "The request is rejected because the management account lacks the service-linked role {SERVICE_LINKED_ROLE}."
        ));
    }
    // "Active member accounts that are associated with [an] administrator account can't be added to a different
    // delegated GuardDuty administrator account" (GuardDuty user guide, "Consolidating GuardDuty administrator
    // accounts"). The words are not documented.
    let detector = world
        .region(account, region)
        .and_then(|r| r.guardduty.detector.as_ref());
    if detector
        .and_then(|detector| detector.administrator.as_deref())
        .is_some_and(|other| other != admin)
    {
        return Err("The request is rejected because the given account ID is already an associated member of another administrator account.".to_owned());
    }
    let now = world.now;
    if world
        .region(account, region)
        .is_none_or(|r| r.guardduty.detector.is_none())
    {
        super::create_for(world, account, region, true).map_err(|e| e.message)?;
    }
    let Some(member) = detector_at(world, account, region) else {
        return Ok(());
    };
    let known = member.administrator.is_some();
    member.enabled = true;
    member.administrator = Some(admin.to_owned());
    for (name, auto) in &settings.features {
        // NEW and ALL reach a new member; ALL also those that are members already.
        match auto.as_str() {
            "ALL" => member.features.insert(name.clone(), true),
            "NEW" if !known => member.features.insert(name.clone(), true),
            "NONE" if !known => member.features.insert(name.clone(), false),
            _ => None,
        };
    }
    if let Some(admin) = detector_at(world, admin, region) {
        admin.members.entry(account.to_owned()).or_insert(now);
    }
    Ok(())
}

/// Brings the organization's settings to the accounts they are for.
pub(super) fn auto_enable(world: &mut World, region: &str, joined: Option<&str>) {
    let Some(admin) = organization::admin_of(world, region) else {
        return;
    };
    let Some(settings) = detector_at(world, &admin, region).map(|d| d.organization.clone()) else {
        return;
    };
    let accounts: Vec<String> = match (settings.auto_enable.as_str(), joined) {
        ("ALL" | "NEW", Some(account)) => vec![account.to_owned()],
        ("ALL", None) => world
            .organization
            .as_ref()
            .map(|o| o.members.keys().cloned().collect())
            .unwrap_or_default(),
        _ => return,
    };
    for account in accounts {
        if account != admin {
            // An account that cannot be enrolled is left out, as GuardDuty leaves it out.
            let _ = enroll(world, &admin, &account, region, &settings);
        }
    }
}

/// An account has left the organization.
pub(super) fn leave(world: &mut World, account: &str) {
    for region in organization::administered(world) {
        if let Some(admin) = organization::admin_of(world, &region)
            && let Some(detector) = detector_at(world, &admin, &region)
        {
            detector.members.remove(account);
        }
        if let Some(detector) = detector_at(world, account, &region) {
            detector.administrator = None;
        }
    }
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    organization::require_known(world, call)?;
    let settings = detector(world, call)?.organization.clone();
    if call.list("AccountDetails").len() > 50 {
        return Err(bad(
            "The request is rejected because accountDetails has more than 50 entries.",
        ));
    }
    let mut unprocessed = Vec::new();
    for detail in call.list("AccountDetails") {
        let id = detail
            .get("AccountId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let outcome = if id == call.account {
            Err("The request is rejected because an account cannot be its own member.".to_owned())
        } else {
            enroll(world, &call.account, id, &call.region, &settings)
        };
        if let Err(reason) = outcome {
            unprocessed.push(json!({"AccountId": id, "Result": reason}));
        }
    }
    Ok(json!({"UnprocessedAccounts": unprocessed}))
}

/// Members stay in the list, as `Removed`, until they are deleted from it.
pub(super) fn disassociate(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let found = detector(world, call)?;
    // "With autoEnableOrganizationMembers configuration for your organization set to ALL, you'll receive an error
    // if you attempt to disassociate a member account" (GuardDuty API reference, DisassociateMembers).
    let administers =
        organization::admin_of(world, &call.region).as_deref() == Some(call.account.as_str());
    if administers && found.organization.auto_enable == "ALL" {
        return Err(bad(
            "The request is rejected because autoEnableOrganizationMembers is ALL for the organization.",
        ));
    }
    let mut unprocessed = Vec::new();
    for id in call.strings("AccountIds") {
        if !detector(world, call)?.members.contains_key(&id) {
            unprocessed.push(json!({"AccountId": id, "Result": "The request is rejected because the account is not a member."}));
        } else if let Some(member) = detector_at(world, &id, &call.region) {
            member.administrator = None;
        }
    }
    Ok(json!({"UnprocessedAccounts": unprocessed}))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let mut unprocessed = Vec::new();
    for id in call.strings("AccountIds") {
        if detector_mut(world, call)?.members.remove(&id).is_none() {
            unprocessed.push(json!({"AccountId": id, "Result": "The request is rejected because the account is not a member."}));
        } else if let Some(member) = detector_at(world, &id, &call.region) {
            member.administrator = None;
        }
    }
    Ok(json!({"UnprocessedAccounts": unprocessed}))
}

fn view(world: &World, call: &Call, id: &str) -> Result<Option<Value>, AwsError> {
    let Some(since) = detector(world, call)?.members.get(id) else {
        return Ok(None);
    };
    let member = world
        .region(id, &call.region)
        .and_then(|r| r.guardduty.detector.as_ref());
    let relationship = match member {
        Some(member) if member.administrator.as_deref() != Some(&call.account) => "Removed",
        Some(member) if member.enabled => "Enabled",
        _ => "Disabled",
    };
    Ok(Some(json!({
        "AccountId": id, "DetectorId": member.map(|d| d.id.clone()), "MasterId": call.account, "AdministratorId": call.account,
        "Email": world.account(id).map(|a| a.email.clone()).unwrap_or_default(), "RelationshipStatus": relationship,
        "InvitedAt": since.iso8601(), "UpdatedAt": since.iso8601(),
    })))
}

pub(super) fn list(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let ids: Vec<String> = detector(world, call)?.members.keys().cloned().collect();
    let all = call.str("OnlyAssociated") == Some("false");
    let mut members = Vec::with_capacity(ids.len());
    for id in ids {
        let member = view(world, call, &id)?;
        members.extend(member.filter(|member| all || member["RelationshipStatus"] != "Removed"));
    }
    page(call, "Members", members, "MaxResults", 50)
}

pub(super) fn get(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    each_member(world, call, "Members", view)
}

pub(super) fn detectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    each_member(
        world,
        call,
        "MemberDataSourceConfigurations",
        |world, call, id| {
            if !detector(world, call)?.members.contains_key(id) {
                return Ok(None);
            }
            let member = world
                .region(id, &call.region)
                .and_then(|r| r.guardduty.detector.as_ref());
            // What only detectors know is none of an organization's features.
            let shown = |feature: &Value| {
                let name = feature["Name"].as_str().unwrap_or_default();
                !["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS", "AI_ANALYST"].contains(&name)
            };
            Ok(member.map(|d| {
                let features: Vec<Value> = feature_list(d).into_iter().filter(shown).collect();
                json!({"AccountId": id, "Features": features, "DataSources": data_sources(d)})
            }))
        },
    )
}

/// The older form of the features, which the model still requires.
fn data_sources(of: &Detector) -> Value {
    let status = |on: bool| json!({"Status": if on { "ENABLED" } else { "DISABLED" }});
    let s3 = of.features.get("S3_DATA_EVENTS").copied();
    json!({
        "CloudTrail": status(of.enabled), "DNSLogs": status(of.enabled), "FlowLogs": status(of.enabled),
        "S3Logs": status(s3.unwrap_or_default()),
    })
}

fn each_member(
    world: &World,
    call: &Call,
    member: &str,
    view: impl Fn(&World, &Call, &str) -> Result<Option<Value>, AwsError>,
) -> Result<Value, AwsError> {
    let (mut found, mut unprocessed) = (Vec::new(), Vec::new());
    for id in call.strings("AccountIds") {
        match view(world, call, &id)? {
            Some(value) => found.push(value),
            None => unprocessed.push(json!({"AccountId": id, "Result": "The request is rejected because the account is not a member."})),
        }
    }
    let mut out = BTreeMap::new();
    out.insert(member, found);
    out.insert("UnprocessedAccounts", unprocessed);
    Ok(json!(out))
}

pub(super) fn update_detectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    offered::check(&call.region, call.list("Features"))?;
    let mut unprocessed = Vec::new();
    for id in call.strings("AccountIds") {
        let known = detector(world, call)?.members.contains_key(&id);
        match detector_at(world, &id, &call.region).filter(|_| known) {
            Some(member) => set_features(member, call.list("Features"))?,
            None => unprocessed.push(json!({"AccountId": id, "Result": "The request is rejected because the account is not a member."})),
        }
    }
    Ok(json!({"UnprocessedAccounts": unprocessed}))
}

pub(super) fn administrator(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    Ok(match &detector(world, call)?.administrator {
        Some(admin) => {
            json!({"Administrator": {"AccountId": admin, "RelationshipStatus": "Enabled"}})
        }
        None => empty(),
    })
}
