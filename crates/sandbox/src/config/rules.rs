//! Rules, and what they come to, in one account or as an aggregator tells it.

use serde_json::{Value, json};

use super::aggregator::no_such_aggregator;
use super::{state, state_mut};
use crate::call::{AwsError, Call};
use crate::ec2;
use crate::paging::page;
use crate::world::World;

pub(super) fn put_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    if state(world, call).is_none_or(|s| s.recorder.is_none()) {
        return Err(AwsError::new(
            "NoAvailableConfigurationRecorderException",
            "Configuration Recorder is not available to put config rule.",
        ));
    }
    let id = world.rng.base36(6);
    let mut rule = call
        .get("ConfigRule")
        .as_object()
        .cloned()
        .unwrap_or_default();
    let name = rule
        .get("ConfigRuleName")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    rule.insert("ConfigRuleState".to_owned(), json!("ACTIVE"));
    let state = state_mut(world, call)?;
    let old = state.rules.get(&name);
    let kept = |member: &str| old.and_then(|o| o.get(member)).cloned();
    let id = kept("ConfigRuleId").unwrap_or_else(|| json!(format!("config-rule-{id}")));
    rule.insert(
        "ConfigRuleArn".to_owned(),
        json!(format!(
            "arn:aws:config:{}:{}:config-rule/{}",
            call.region,
            call.account,
            id.as_str().unwrap_or_default()
        )),
    );
    rule.insert("ConfigRuleId".to_owned(), id);
    state.rules.insert(name, Value::Object(rule));
    Ok(json!({}))
}

/// What a rule comes to: what the sandbox can evaluate, else as it was last put into its `Compliance`. Evaluation
/// and aggregation take no time here.
fn compliance(world: &World, account: &str, region: &str, rule: &Value) -> String {
    let managed = rule
        .pointer("/Source/SourceIdentifier")
        .and_then(Value::as_str);
    match managed {
        // "Rule is COMPLIANT if the IP addresses of the incoming SSH traffic in the security groups are restricted
        // (CIDR other than 0.0.0.0/0 or ::/0)" (Config developer guide, restricted-ssh).
        Some("INCOMING_SSH_DISABLED") => {
            if ec2::lets_the_world_in(world, account, region, 22) {
                "NON_COMPLIANT"
            } else {
                "COMPLIANT"
            }
        }
        _ => rule
            .pointer("/Compliance/Type")
            .and_then(Value::as_str)
            .unwrap_or("COMPLIANT"),
    }
    .to_owned()
}

pub(super) fn compliance_by_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let names = call.strings("ConfigRuleNames");
    let types = call.strings("ComplianceTypes");
    let rules = state(world, call).map(|s| &s.rules);
    if let Some(unknown) = names
        .iter()
        .find(|name| rules.is_none_or(|rules| !rules.contains_key(*name)))
    {
        return Err(no_such_rule(unknown));
    }
    let found = rules
        .into_iter()
        .flatten()
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .map(|(name, rule)| {
            let kind = compliance(world, &call.account, &call.region, rule);
            (name, kind)
        })
        .filter(|(_, kind)| types.is_empty() || types.contains(kind))
        .map(|(name, kind)| json!({"ConfigRuleName": name, "Compliance": {"ComplianceType": kind}}))
        .collect();
    page(call, "ComplianceByConfigRules", found, "", 100)
}

/// What every rule of the aggregated accounts comes to.
pub(super) fn aggregate_compliance(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ConfigurationAggregatorName");
    state(world, call)
        .and_then(|s| s.aggregators.get(name))
        .ok_or_else(no_such_aggregator)?;
    let filter = call.get("Filters");
    let wanted = |member: &str, value: &str| {
        let asked = filter.get(member).and_then(Value::as_str);
        asked.is_none_or(|asked| asked == value)
    };
    let members = world.organization.iter().flat_map(|o| o.members.keys());
    let mut rows = Vec::new();
    for account in members.filter(|account| wanted("AccountId", account)) {
        let regions = world.account(account).map(|a| &a.regions);
        for (region, state) in regions.into_iter().flatten() {
            for (rule, settings) in &state.config.rules {
                if wanted("AwsRegion", region) && wanted("ConfigRuleName", rule) {
                    let kind = compliance(world, account, region, settings);
                    rows.push(json!({
                        "ConfigRuleName": rule, "AccountId": account, "AwsRegion": region,
                        "Compliance": {"ComplianceType": kind},
                    }));
                }
            }
        }
    }
    page(call, "AggregateComplianceByConfigRules", rows, "Limit", 100)
}

fn no_such_rule(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchConfigRuleException",
        format!(
            "The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name."
        ),
    )
}

pub(super) fn describe_rules(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let wanted = call.strings("ConfigRuleNames");
    let rules = state(world, call).map(|s| &s.rules);
    if let Some(unknown) = wanted
        .iter()
        .find(|w| rules.is_none_or(|r| !r.contains_key(*w)))
    {
        return Err(no_such_rule(unknown));
    }
    let found: Vec<Value> = rules
        .into_iter()
        .flatten()
        .filter(|(name, _)| wanted.is_empty() || wanted.contains(name))
        .map(|(_, rule)| rule.clone())
        .collect();
    page(call, "ConfigRules", found, "", 25)
}

pub(super) fn delete_rule(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    let name = call.text("ConfigRuleName");
    state_mut(world, call)?
        .rules
        .remove(name)
        .ok_or_else(|| no_such_rule(name))?;
    Ok(json!({}))
}
