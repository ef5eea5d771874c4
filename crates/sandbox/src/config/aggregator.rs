//! Aggregators over the accounts of the organization.

use serde_json::{Map, Value, json};

use super::{PRINCIPAL, role_exists, state, state_mut};
use crate::call::{AwsError, Call};
use crate::paging::page;
use crate::world::World;

pub(super) fn put_aggregator(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ConfigurationAggregatorName").to_owned();
    let source = call.get("OrganizationAggregationSource").clone();
    if !source.is_null() {
        let Some(organization) = &world.organization else {
            return Err(AwsError::new(
                "NoAvailableOrganizationException",
                "Organization does not exist for this account.",
            ));
        };
        let allowed = organization.management_account == call.account
            || organization.delegates(&call.account, PRINCIPAL);
        if !allowed || !organization.is_trusted(&world.lags, PRINCIPAL, call.now) {
            return Err(AwsError::new(
                "OrganizationAccessDeniedException",
                "This action can only be performed by the management account or a delegated administrator of an organization with trusted access for AWS Config.",
            ));
        }
        let role = source
            .get("RoleArn")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !role_exists(world, &call.account, role) {
            return Err(AwsError::new(
                "InvalidRoleException",
                format!("Role {role} is invalid."),
            ));
        }
    }
    let existing = state(world, call)
        .and_then(|s| s.aggregators.get(&name))
        .cloned();
    let id = match &existing {
        Some(_) => String::new(),
        None => world.rng.base36(8),
    };
    let mut aggregator = existing
        .and_then(|v| v.as_object().cloned())
        .unwrap_or_else(|| {
            let mut fresh = Map::new();
            fresh.insert(
                "ConfigurationAggregatorArn".to_owned(),
                json!(format!(
                    "arn:aws:config:{}:{}:config-aggregator/config-aggregator-{id}",
                    call.region, call.account
                )),
            );
            fresh.insert("CreationTime".to_owned(), call.now.json());
            fresh
        });
    aggregator.insert("ConfigurationAggregatorName".to_owned(), json!(name));
    aggregator.insert("LastUpdatedTime".to_owned(), call.now.json());
    for member in ["AccountAggregationSources", "OrganizationAggregationSource"] {
        match call.get(member) {
            Value::Null => aggregator.remove(member),
            value => aggregator.insert(member.to_owned(), value.clone()),
        };
    }
    let aggregator = Value::Object(aggregator);
    state_mut(world, call)?
        .aggregators
        .insert(name, aggregator.clone());
    Ok(json!({"ConfigurationAggregator": aggregator}))
}

pub(super) fn no_such_aggregator() -> AwsError {
    AwsError::new(
        "NoSuchConfigurationAggregatorException",
        "The configuration aggregator does not exist. Check the configuration aggregator name and try again.",
    )
}

pub(super) fn describe_aggregators(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.strings("ConfigurationAggregatorNames");
    let all = state(world, call).map(|s| &s.aggregators);
    if wanted
        .iter()
        .any(|w| all.is_none_or(|a| !a.contains_key(w)))
    {
        return Err(no_such_aggregator());
    }
    let found: Vec<Value> = all
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted.is_empty() || wanted.contains(name))
        .map(|(_, value)| value.clone())
        .collect();
    page(call, "ConfigurationAggregators", found, "Limit", 100)
}

pub(super) fn delete_aggregator(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    state_mut(world, call)?
        .aggregators
        .remove(call.text("ConfigurationAggregatorName"))
        .ok_or_else(no_such_aggregator)?;
    Ok(json!({}))
}

pub(super) fn aggregator_sources_status(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ConfigurationAggregatorName");
    let aggregator = state(world, call)
        .and_then(|s| s.aggregators.get(name))
        .ok_or_else(no_such_aggregator)?;
    let row = |id: &str, kind: &str, region: &str| json!({"SourceId": id, "SourceType": kind, "AwsRegion": region, "LastUpdateStatus": "SUCCEEDED", "LastUpdateTime": call.now.json()});
    let mut rows = Vec::new();
    if let (Some(_), Some(organization)) = (
        aggregator.get("OrganizationAggregationSource"),
        &world.organization,
    ) {
        rows.push(row(&organization.id, "ORGANIZATION", &call.region));
        for account in organization.members.keys() {
            let regions = world.account(account).map(|a| &a.regions);
            for (region, state) in regions.into_iter().flatten() {
                if state.config.recorder.is_some() {
                    rows.push(row(account, "ACCOUNT", region));
                }
            }
        }
    }
    page(call, "AggregatedSourceStatusList", rows, "Limit", 100)
}
