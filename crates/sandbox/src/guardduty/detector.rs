//! Detectors.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Detector, OrganizationSettings, bad, detector, detector_mut, empty, offered};
use crate::call::{AwsError, Call};
use crate::paging::page;
use crate::world::World;

/// What a new detector does with features its creation does not name: all on, except runtime monitoring
/// (GuardDuty API reference, CreateDetector).
const DEFAULT_FEATURES: &[(&str, bool)] = &[
    ("EBS_MALWARE_PROTECTION", true),
    ("EKS_AUDIT_LOGS", true),
    ("LAMBDA_NETWORK_LOGS", true),
    ("RDS_LOGIN_EVENTS", true),
    ("RUNTIME_MONITORING", false),
    ("S3_DATA_EVENTS", true),
];

/// Features that are always on and cannot be named in requests.
const FOUNDATIONAL: &[&str] = &["CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS"];

/// Whether a feature is one of those that are always on.
pub fn is_foundational(feature: &str) -> bool {
    FOUNDATIONAL.contains(&feature)
}

/// Makes a detector, or says that there is one. Also what `AWS::GuardDuty::Detector` does.
pub fn create_for(
    world: &mut World,
    account: &str,
    region: &str,
    enabled: bool,
) -> Result<&'static str, AwsError> {
    let exists = world
        .region(account, region)
        .is_some_and(|r| r.guardduty.detector.is_some());
    if exists {
        return Err(bad(
            "The request is rejected because a detector already exists for the current account.",
        ));
    }
    let (id, now) = (world.rng.hex(32), world.now);
    world.region_mut(account, region)?.guardduty.detector = Some(Detector {
        id,
        enabled,
        frequency: "SIX_HOURS".to_owned(),
        features: DEFAULT_FEATURES
            .iter()
            .filter(|(name, _)| offered::is_offered(region, name))
            .map(|(name, on)| ((*name).to_owned(), *on))
            .collect(),
        held: std::collections::BTreeSet::new(),
        additional: BTreeMap::new(),
        created: now,
        updated: now,
        tags: BTreeMap::new(),
        administrator: None,
        members: BTreeMap::new(),
        organization: OrganizationSettings::default(),
        destinations: BTreeMap::new(),
        filters: BTreeMap::new(),
        trusted: BTreeMap::new(),
    });
    Ok("created")
}

/// Applies a list of `{Name, Status, AdditionalConfiguration}`.
pub(super) fn set_features(target: &mut Detector, features: &[Value]) -> Result<(), AwsError> {
    let on = |name: &str| {
        features.iter().any(|f| {
            f.get("Name").and_then(Value::as_str) == Some(name)
                && f.get("Status").and_then(Value::as_str) == Some("ENABLED")
        })
    };
    if on("RUNTIME_MONITORING") && on("EKS_RUNTIME_MONITORING") {
        return Err(bad(
            "The request is rejected because EKS_RUNTIME_MONITORING and RUNTIME_MONITORING cannot be used in the same request.",
        ));
    }
    for feature in features {
        let Some(name) = feature.get("Name").and_then(Value::as_str) else {
            continue;
        };
        if target.held.contains(name) {
            return Err(bad(format!(
                "The request is rejected because {name} is managed by an organization policy."
            )));
        }
        target.features.insert(
            name.to_owned(),
            feature.get("Status").and_then(Value::as_str) == Some("ENABLED"),
        );
        if let Some(additional) = feature.get("AdditionalConfiguration") {
            target
                .additional
                .insert(name.to_owned(), additional.clone());
        }
    }
    Ok(())
}

/// Features as GetDetector and GetMemberDetectors list them.
pub(super) fn feature_list(of: &Detector) -> Vec<Value> {
    let status = |on: bool| if on { "ENABLED" } else { "DISABLED" };
    let mut list: Vec<Value> = FOUNDATIONAL
        .iter()
        .map(|name| json!({"Name": name, "Status": status(of.enabled), "UpdatedAt": of.updated.json()}))
        .collect();
    for (name, on) in &of.features {
        let mut entry =
            json!({"Name": name, "Status": status(*on), "UpdatedAt": of.updated.json()});
        if let (true, Some(map)) = (of.held.contains(name), entry.as_object_mut()) {
            map.insert("ManagedBy".to_owned(), json!("GUARDDUTY_POLICY"));
        }
        if let (Some(additional), Some(map)) = (of.additional.get(name), entry.as_object_mut()) {
            map.insert("AdditionalConfiguration".to_owned(), additional.clone());
        }
        list.push(entry);
    }
    list
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    offered::check(&call.region, call.list("Features"))?;
    create_for(
        world,
        &call.account,
        &call.region,
        call.bool("Enable").unwrap_or(true),
    )?;
    apply(world, call)?;
    let id = world
        .region(&call.account, &call.region)
        .and_then(|r| r.guardduty.detector.as_ref())
        .map(|d| d.id.clone());
    Ok(json!({"DetectorId": id}))
}

fn apply(world: &mut World, call: &Call) -> Result<(), AwsError> {
    let Some(target) = super::detector_at(world, &call.account, &call.region) else {
        return Ok(());
    };
    if let Some(enable) = call.bool("Enable") {
        target.enabled = enable;
    }
    if let Some(frequency) = call.str("FindingPublishingFrequency") {
        target.frequency = frequency.to_owned();
    }
    for (key, value) in call.get("Tags").as_object().into_iter().flatten() {
        target
            .tags
            .insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    target.updated = call.now;
    set_features(target, call.list("Features"))
}

pub(super) fn update(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    if detector(world, call)?.administrator.is_some() {
        return Err(bad(
            "The request is rejected because a member account cannot change its own detector; use the administrator account.",
        ));
    }
    offered::check(&call.region, call.list("Features"))?;
    apply(world, call)?;
    Ok(empty())
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let found = detector_mut(world, call)?;
    if found.administrator.is_some() || !found.members.is_empty() {
        return Err(bad(
            "The request is rejected because the current account has member accounts or an administrator account.",
        ));
    }
    world
        .region_mut(&call.account, &call.region)?
        .guardduty
        .detector = None;
    Ok(empty())
}

pub(super) fn list(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let ids = world
        .region(&call.account, &call.region)
        .and_then(|r| r.guardduty.detector.as_ref())
        .map(|d| json!(d.id))
        .into_iter()
        .collect();
    page(call, "DetectorIds", ids, "MaxResults", 50)
}

pub(super) fn get(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let found = detector(world, call)?;
    let mut described = json!({
        "CreatedAt": found.created.iso8601(), "UpdatedAt": found.updated.iso8601(),
        "FindingPublishingFrequency": found.frequency,
        "ServiceRole": format!("arn:aws:iam::{}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty", call.account),
        "Status": if found.enabled { "ENABLED" } else { "DISABLED" },
        "Features": feature_list(found),
    });
    // A map of tags has at least one (the model's TagMap).
    if !found.tags.is_empty() {
        described["Tags"] = json!(found.tags);
    }
    Ok(described)
}
