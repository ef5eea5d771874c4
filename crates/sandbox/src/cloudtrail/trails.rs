//! Trails made, changed, read, started and stopped.

use serde_json::{Map, Value, json};

use super::delivery::test_delivery;
use super::{
    At, PRINCIPAL, Trail, delegated, locate, locate_own, member, tags, trail, trail_mut, view,
    visible,
};
use crate::call::{AwsError, Call};
use crate::lags::Lag;
use crate::paging::page;
use crate::world::World;

fn settle(trail: &mut Trail, call: &Call) {
    const COPIED: &[(&str, &str)] = &[
        ("S3BucketName", "S3BucketName"),
        ("S3KeyPrefix", "S3KeyPrefix"),
        ("SnsTopicName", "SnsTopicName"),
        ("IncludeGlobalServiceEvents", "IncludeGlobalServiceEvents"),
        ("IsMultiRegionTrail", "IsMultiRegionTrail"),
        ("EnableLogFileValidation", "LogFileValidationEnabled"),
        ("CloudWatchLogsLogGroupArn", "CloudWatchLogsLogGroupArn"),
        ("CloudWatchLogsRoleArn", "CloudWatchLogsRoleArn"),
        ("KmsKeyId", "KmsKeyId"),
        ("IsOrganizationTrail", "IsOrganizationTrail"),
    ];
    for (from, to) in COPIED {
        if !call.get(from).is_null() {
            trail
                .settings
                .insert((*to).to_owned(), call.get(from).clone());
        }
    }
}

fn test_organization(world: &World, call: &Call) -> Result<String, AwsError> {
    let Some(organization) = member(world, &call.account) else {
        return Err(AwsError::new(
            "OrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        ));
    };
    if organization.management_account != call.account && !delegated(world, &call.account) {
        return Err(AwsError::new(
            "NotOrganizationMasterAccountException",
            "Only the management account or a delegated administrator can create an organization trail.",
        ));
    }
    if !organization.all_features {
        return Err(AwsError::new(
            "OrganizationNotInAllFeaturesModeException",
            "All features must be enabled in the organization.",
        ));
    }
    if !organization.is_trusted(&world.lags, PRINCIPAL, call.now) {
        return Err(AwsError::new(
            "CloudTrailAccessNotEnabledException",
            crate::words::NO_CLOUDTRAIL_ACCESS,
        ));
    }
    // Without the exception's name, as a trail's maker saw it (natsukium/dotfiles#716).
    let role = crate::iam::linked_role_name(PRINCIPAL);
    let unit = format!("{} {role}", organization.management_account);
    if world.lags.holds(Lag::ServiceLinkedRole, &unit, call.now) {
        return Err(AwsError::new(
            "InsufficientDependencyServiceAccessPermissionException",
            crate::words::REQUIRED_APIS,
        ));
    }
    Ok(organization.management_account.clone())
}

pub(super) fn create_trail(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("Name").to_owned();
    let fits = (3..=128).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !fits {
        return Err(AwsError::new(
            "InvalidTrailNameException",
            "Trail name or ARN can not be blank, and must be 3 to 128 letters, numbers, periods, underscores or dashes.",
        ));
    }
    let organization = call.bool("IsOrganizationTrail").unwrap_or(false);
    let account = if organization {
        test_organization(world, call)?
    } else {
        call.account.clone()
    };
    let at = At {
        account,
        region: call.region.clone(),
        name,
    };
    let existing = world
        .region(&at.account, &at.region)
        .map_or(0, |r| r.cloudtrail.trails.len());
    if trail(world, &at).is_ok() {
        return Err(AwsError::new(
            "TrailAlreadyExistsException",
            format!(
                "Trail {} already exists for customer: {}",
                at.name, at.account
            ),
        ));
    }
    if existing >= 5 {
        return Err(AwsError::new(
            "MaximumNumberOfTrailsExceededException",
            format!(
                "User: {} already has 5 trails in {}.",
                at.account, at.region
            ),
        ));
    }
    let mut made = Trail {
        settings: Map::new(),
        logging: false,
        started: None,
        stopped: None,
        event_selectors: None,
        advanced_event_selectors: None,
        insight_selectors: None,
        tags: tags(call.list("TagsList")),
    };
    for (name, default) in [
        ("IncludeGlobalServiceEvents", true),
        ("IsMultiRegionTrail", false),
        ("LogFileValidationEnabled", false),
        ("IsOrganizationTrail", false),
    ] {
        made.settings.insert(name.to_owned(), json!(default));
    }
    settle(&mut made, call);
    test_delivery(world, &at, &made)?;
    let mut out = view(&at, &made);
    world
        .region_mut(&at.account, &at.region)?
        .cloudtrail
        .trails
        .insert(at.name.clone(), made);
    strip(&mut out);
    Ok(out)
}

/// CreateTrail and UpdateTrail answer fewer members than DescribeTrails.
fn strip(view: &mut Value) {
    if let Some(map) = view.as_object_mut() {
        for name in [
            "HomeRegion",
            "HasCustomEventSelectors",
            "HasInsightSelectors",
        ] {
            map.remove(name);
        }
    }
}

pub(super) fn update_trail(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("Name"))?;
    if call.bool("IsOrganizationTrail") == Some(true) {
        test_organization(world, call)?;
    }
    let mut changed = trail(world, &at)?.clone();
    settle(&mut changed, call);
    test_delivery(world, &at, &changed)?;
    let mut out = view(&at, &changed);
    *trail_mut(world, &at)? = changed;
    strip(&mut out);
    Ok(out)
}

pub(super) fn delete_trail(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("Name"))?;
    world
        .region_mut(&at.account, &at.region)?
        .cloudtrail
        .trails
        .remove(&at.name);
    Ok(json!({}))
}

pub(super) fn start_logging(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("Name"))?;
    let trail = trail_mut(world, &at)?;
    trail.logging = true;
    trail.started = Some(call.now);
    Ok(json!({}))
}

pub(super) fn stop_logging(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("Name"))?;
    let trail = trail_mut(world, &at)?;
    trail.logging = false;
    trail.stopped = Some(call.now);
    Ok(json!({}))
}

pub(super) fn describe_trails(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.strings("trailNameList");
    let shadows = call.bool("includeShadowTrails").unwrap_or(true);
    let mut found = Vec::new();
    for at in visible(world, &call.account, &call.region, shadows) {
        if wanted.is_empty() || wanted.iter().any(|w| *w == at.name || *w == at.arn()) {
            found.push(view(&at, trail(world, &at)?));
        }
    }
    Ok(json!({"trailList": found}))
}

pub(super) fn get_trail(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate(world, call, call.text("Name"))?;
    Ok(json!({"Trail": view(&at, trail(world, &at)?)}))
}

pub(super) fn get_trail_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate(world, call, call.text("Name"))?;
    let found = trail(world, &at)?;
    let mut out = Map::new();
    out.insert("IsLogging".to_owned(), json!(found.logging));
    if let Some(at) = found.started {
        out.insert("StartLoggingTime".to_owned(), at.json());
        out.insert("TimeLoggingStarted".to_owned(), json!(at.iso8601()));
    }
    if let Some(at) = found.stopped {
        out.insert("StopLoggingTime".to_owned(), at.json());
        out.insert("TimeLoggingStopped".to_owned(), json!(at.iso8601()));
    }
    if let Some(started) = found.started.filter(|_| found.logging) {
        // Deliveries come about every five minutes.
        const EVERY: i64 = 300_000;
        let deliveries = (call.now.0 - started.0) / EVERY;
        match test_delivery(world, &at, found) {
            Err(error) => {
                let code = if error.code.starts_with("S3BucketDoesNotExist") {
                    "NoSuchBucket"
                } else {
                    "AccessDenied"
                };
                out.insert("LatestDeliveryError".to_owned(), json!(code));
            }
            Ok(()) if deliveries > 0 => {
                let last = started.plus_millis(deliveries * EVERY);
                out.insert("LatestDeliveryTime".to_owned(), last.json());
                out.insert(
                    "LatestDeliveryAttemptTime".to_owned(),
                    json!(last.iso8601()),
                );
                out.insert(
                    "LatestDeliveryAttemptSucceeded".to_owned(),
                    json!(last.iso8601()),
                );
            }
            Ok(()) => {}
        }
    }
    Ok(Value::Object(out))
}

pub(super) fn list_trails(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let trails: Vec<Value> = visible(world, &call.account, &call.region, true)
        .iter()
        .map(|at| json!({"TrailARN": at.arn(), "Name": at.name, "HomeRegion": at.region}))
        .collect();
    page(call, "Trails", trails, "", 1000)
}
