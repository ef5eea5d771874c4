//! CloudTrail: trails, organization trails, and the tests of bucket and key that a trail must pass.
//!
//! Source of the rules: CloudTrail user guide, "Creating a trail for an organization" and "Amazon S3 bucket policy
//! for CloudTrail".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::{AwsError, Call};
use super::paging::page;
use super::resource_policy::{Access, allows};
use super::table::Row;
use super::time::Time;
use super::world::World;
use super::{kms, organizations::OrganizationState};

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

/// Work that is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Due {}

/// Runs what has come due.
pub fn run(_world: &mut World, due: Due) {
    match due {}
}

/// See [`super::hooks::account_moved`]. Members' copies of organization trails are computed when they are read.
pub fn account_moved(
    _world: &mut World,
    _account: &str,
    _from: Option<&[String]>,
    _to: Option<&[String]>,
) {
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

/// What CloudTrail tests before it accepts a bucket and key; also what later deliveries meet.
fn test_delivery(world: &World, at: &At, trail: &Trail) -> Result<(), AwsError> {
    let name = trail.text("S3BucketName");
    let Some(bucket) = world.s3.buckets.get(name) else {
        return Err(AwsError::new(
            "S3BucketDoesNotExistException",
            format!("S3 bucket {name} does not exist!"),
        ));
    };
    let arn = at.arn();
    let context = [
        ("aws:SourceArn", arn.as_str()),
        ("aws:SourceAccount", at.account.as_str()),
        ("s3:x-amz-acl", "bucket-owner-full-control"),
        ("aws:SecureTransport", "true"),
    ];
    let prefix = match trail.text("S3KeyPrefix") {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let bucket_arn = format!("arn:aws:s3:::{name}");
    let mut tests = vec![
        ("s3:GetBucketAcl", bucket_arn.clone()),
        (
            "s3:PutObject",
            format!("{bucket_arn}/{prefix}AWSLogs/{}/CloudTrail/x", at.account),
        ),
    ];
    if trail.flag("IsOrganizationTrail")
        && let Some(organization) = &world.organization
    {
        tests.push((
            "s3:PutObject",
            format!(
                "{bucket_arn}/{prefix}AWSLogs/{}/{}/CloudTrail/x",
                organization.id, at.account
            ),
        ));
    }
    let lets = |(action, resource): &(&str, String)| {
        allows(
            bucket.policy.as_deref(),
            &Access {
                service: PRINCIPAL,
                action,
                resource,
                context: &context,
            },
        )
    };
    if !tests.iter().all(lets) {
        return Err(AwsError::new(
            "InsufficientS3BucketPolicyException",
            format!("Incorrect S3 bucket policy is detected for bucket: {name}"),
        ));
    }
    test_key(world, at, trail, &bucket.region)
}

fn test_key(world: &World, at: &At, trail: &Trail, bucket_region: &str) -> Result<(), AwsError> {
    let wanted = trail.text("KmsKeyId");
    if wanted.is_empty() {
        return Ok(());
    }
    let found = kms::find(world, &at.account, &at.region, wanted)
        .filter(|(_, region, _, _)| region == bucket_region);
    let Some((account, region, id, key)) = found else {
        return Err(AwsError::new(
            "KmsKeyNotFoundException",
            format!("KMS key {wanted} was not found in the Region of the S3 bucket."),
        ));
    };
    if !key.enabled || key.deletion.is_some() {
        return Err(AwsError::new(
            "KmsKeyDisabledException",
            format!("KMS key {wanted} is disabled."),
        ));
    }
    let arn = at.arn();
    let log_arn = [
        ("aws:SourceArn", arn.as_str()),
        ("aws:SourceAccount", at.account.as_str()),
        ("kms:EncryptionContext:aws:cloudtrail:arn", arn.as_str()),
    ];
    let key_arn = kms::key_arn(&account, &region, &id);
    let lets = |action| {
        allows(
            Some(&key.policy),
            &Access {
                service: PRINCIPAL,
                action,
                resource: &key_arn,
                context: &log_arn,
            },
        )
    };
    if lets("kms:GenerateDataKey") && lets("kms:DescribeKey") {
        return Ok(());
    }
    Err(AwsError::new(
        "InsufficientEncryptionPolicyException",
        format!(
            "Insufficient permissions to access S3 bucket {} or KMS key {key_arn}.",
            trail.text("S3BucketName")
        ),
    ))
}

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
    if !organization.trusts(PRINCIPAL) {
        return Err(AwsError::new(
            "CloudTrailAccessNotEnabledException",
            "Trusted access between AWS CloudTrail and AWS Organizations is not enabled.",
        ));
    }
    Ok(organization.management_account.clone())
}

fn create_trail(world: &mut World, call: &Call) -> Result<Value, AwsError> {
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

fn update_trail(world: &mut World, call: &Call) -> Result<Value, AwsError> {
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

fn delete_trail(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("Name"))?;
    world
        .region_mut(&at.account, &at.region)?
        .cloudtrail
        .trails
        .remove(&at.name);
    Ok(json!({}))
}

fn start_logging(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("Name"))?;
    let trail = trail_mut(world, &at)?;
    trail.logging = true;
    trail.started = Some(call.now);
    Ok(json!({}))
}

fn stop_logging(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("Name"))?;
    let trail = trail_mut(world, &at)?;
    trail.logging = false;
    trail.stopped = Some(call.now);
    Ok(json!({}))
}

fn describe_trails(world: &mut World, call: &Call) -> Result<Value, AwsError> {
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

fn get_trail(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate(world, call, call.text("Name"))?;
    Ok(json!({"Trail": view(&at, trail(world, &at)?)}))
}

fn get_trail_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
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

fn list_trails(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let trails: Vec<Value> = visible(world, &call.account, &call.region, true)
        .iter()
        .map(|at| json!({"TrailARN": at.arn(), "Name": at.name, "HomeRegion": at.region}))
        .collect();
    page(call, "Trails", trails, "", 1000)
}

fn get_event_selectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate(world, call, call.text("TrailName"))?;
    let found = trail(world, &at)?;
    if let Some(advanced) = &found.advanced_event_selectors {
        return Ok(json!({"TrailARN": at.arn(), "AdvancedEventSelectors": advanced}));
    }
    let basic = found.event_selectors.clone().unwrap_or_else(|| {
        json!([{"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": []}])
    });
    Ok(json!({"TrailARN": at.arn(), "EventSelectors": basic}))
}

fn put_event_selectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("TrailName"))?;
    let some = |name: &str| Some(call.get(name).clone()).filter(|v| !v.is_null());
    let (basic, advanced) = (some("EventSelectors"), some("AdvancedEventSelectors"));
    let trail = trail_mut(world, &at)?;
    trail.event_selectors = basic;
    trail.advanced_event_selectors = advanced;
    get_event_selectors(world, call)
}

fn get_insight_selectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate(world, call, call.text("TrailName"))?;
    match &trail(world, &at)?.insight_selectors {
        Some(selectors) => Ok(json!({"TrailARN": at.arn(), "InsightSelectors": selectors})),
        None => Err(AwsError::new(
            "InsightNotEnabledException",
            format!(
                "Trail {} does not have Insights enabled. Edit the trail settings to enable Insights, and then try the operation again.",
                at.arn()
            ),
        )),
    }
}

fn put_insight_selectors(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let at = locate_own(world, call, call.text("TrailName"))?;
    let wanted = call.get("InsightSelectors").clone();
    trail_mut(world, &at)?.insight_selectors =
        (!call.list("InsightSelectors").is_empty()).then_some(wanted.clone());
    Ok(json!({"TrailARN": at.arn(), "InsightSelectors": wanted}))
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

/// Trusted access first; never the management account; three at most.
fn register_delegated_admin(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let account = call.text("MemberAccountId").to_owned();
    let now = call.now;
    let organization = managed(world, call)?;
    if account == organization.management_account {
        return Err(AwsError::new(
            "CannotDelegateManagementAccountException",
            "The management account cannot be registered as a delegated administrator.",
        ));
    }
    if !organization.is_active(&account) {
        return Err(AwsError::new(
            "AccountNotFoundException",
            format!("Account {account} is not an active member of the organization."),
        ));
    }
    if !organization.trusts(PRINCIPAL) {
        return Err(AwsError::new(
            "CloudTrailAccessNotEnabledException",
            "Trusted access between AWS CloudTrail and AWS Organizations is not enabled.",
        ));
    }
    if organization.delegates(&account, PRINCIPAL) {
        return Err(AwsError::new(
            "AccountRegisteredException",
            format!(
                "Account {account} is already registered as a CloudTrail delegated administrator."
            ),
        ));
    }
    if organization
        .delegated
        .values()
        .filter(|services| services.contains_key(PRINCIPAL))
        .count()
        >= 3
    {
        return Err(AwsError::new(
            "DelegatedAdminAccountLimitExceededException",
            "The maximum number of CloudTrail delegated administrators is reached.",
        ));
    }
    organization
        .delegated
        .entry(account)
        .or_default()
        .insert(PRINCIPAL.to_owned(), now);
    Ok(json!({}))
}

fn deregister_delegated_admin(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let account = call.text("DelegatedAdminAccountId").to_owned();
    let organization = managed(world, call)?;
    let removed = organization
        .delegated
        .get_mut(&account)
        .and_then(|services| services.remove(PRINCIPAL));
    if removed.is_none() {
        return Err(AwsError::new(
            "AccountNotRegisteredException",
            format!("Account {account} is not a CloudTrail delegated administrator."),
        ));
    }
    organization
        .delegated
        .retain(|_, services| !services.is_empty());
    Ok(json!({}))
}

fn managed<'w>(world: &'w mut World, call: &Call) -> Result<&'w mut OrganizationState, AwsError> {
    match &mut world.organization {
        None => Err(AwsError::new(
            "OrganizationsNotInUseException",
            "Your account is not a member of an organization.",
        )),
        Some(organization) if organization.management_account != call.account => {
            Err(AwsError::new(
                "NotOrganizationManagementAccountException",
                "Only the management account can do this.",
            ))
        }
        Some(organization) => Ok(organization),
    }
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    ("cloudtrail", "CreateTrail", create_trail),
    ("cloudtrail", "DeleteTrail", delete_trail),
    (
        "cloudtrail",
        "DeregisterOrganizationDelegatedAdmin",
        deregister_delegated_admin,
    ),
    ("cloudtrail", "DescribeTrails", describe_trails),
    ("cloudtrail", "GetEventSelectors", get_event_selectors),
    ("cloudtrail", "GetInsightSelectors", get_insight_selectors),
    ("cloudtrail", "GetTrail", get_trail),
    ("cloudtrail", "GetTrailStatus", get_trail_status),
    ("cloudtrail", "ListTags", list_tags),
    ("cloudtrail", "ListTrails", list_trails),
    ("cloudtrail", "PutEventSelectors", put_event_selectors),
    ("cloudtrail", "PutInsightSelectors", put_insight_selectors),
    (
        "cloudtrail",
        "RegisterOrganizationDelegatedAdmin",
        register_delegated_admin,
    ),
    ("cloudtrail", "StartLogging", start_logging),
    ("cloudtrail", "StopLogging", stop_logging),
    ("cloudtrail", "UpdateTrail", update_trail),
];
