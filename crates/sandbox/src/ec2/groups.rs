//! The operations on security groups.

use serde_json::{Value, json};

use super::rule::{Peer, Rule, asked, permissions};
use super::{
    Group, default_group, default_vpc, dry_run, groups, groups_mut, pages, passes, tag_list,
};
use crate::call::{AwsError, Call};
use crate::world::World;

/// Inbound rules that a group may have (VPC quotas).
const MOST_RULES: usize = 60;

fn not_found(id: &str) -> AwsError {
    AwsError::new(
        "InvalidGroup.NotFound",
        format!("The security group '{id}' does not exist"),
    )
}

/// The group that a call names, by id or by its name in the default VPC.
fn named(world: &World, call: &Call) -> Result<String, AwsError> {
    let groups = groups(world, &call.account, &call.region);
    match (call.str("GroupId"), call.str("GroupName")) {
        (Some(id), _) if !id.starts_with("sg-") => Err(AwsError::new(
            "InvalidGroupId.Malformed",
            format!("Invalid id: \"{id}\" (expecting \"sg-...\")"),
        )),
        (Some(id), _) => groups
            .contains_key(id)
            .then(|| id.to_owned())
            .ok_or_else(|| not_found(id)),
        (None, Some(name)) => groups
            .iter()
            .find(|(_, group)| group.name == name)
            .map(|(id, _)| id.clone())
            .ok_or_else(|| {
                let vpc = default_vpc(&call.account, &call.region);
                AwsError::new(
                    "InvalidGroup.NotFound",
                    format!("The security group '{name}' does not exist in default VPC '{vpc}'"),
                )
            }),
        (None, None) => Err(AwsError::new(
            "MissingParameter",
            "The request must contain the parameter groupName or groupId",
        )),
    }
}

fn group_mut<'w>(world: &'w mut World, call: &Call, id: &str) -> Result<&'w mut Group, AwsError> {
    groups_mut(world, call)?
        .get_mut(id)
        .ok_or_else(|| not_found(id))
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    dry_run(call)?;
    let name = call.text("GroupName").to_owned();
    let state = world.region(&call.account, &call.region);
    if state.is_some_and(|region| region.ec2.vpc_removed) {
        return Err(AwsError::new(
            "VPCIdNotSpecified",
            "No default VPC for this user.",
        ));
    }
    let vpc = default_vpc(&call.account, &call.region);
    if let Some(other) = call.str("VpcId").filter(|id| *id != vpc) {
        return Err(AwsError::new(
            "InvalidVpcID.NotFound",
            format!("The vpc ID '{other}' does not exist"),
        ));
    }
    if name.starts_with("sg-") {
        return Err(AwsError::new(
            "InvalidParameterValue",
            format!(
                "Invalid value '{name}' for groupName. Group names may not be in the format sg-*"
            ),
        ));
    }
    let there = groups(world, &call.account, &call.region);
    if there.values().any(|group| group.name == name) {
        return Err(AwsError::new(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc}'"),
        ));
    }
    let id = format!("sg-{}", hex(world));
    let rule = format!("sgr-{}", hex(world));
    let specifications = call.list("TagSpecifications").iter();
    let tags = specifications
        .filter_map(|of| of.get("Tags")?.as_array())
        .flatten()
        .filter_map(|tag| {
            let value = tag.get("Value").and_then(Value::as_str).unwrap_or_default();
            Some((tag.get("Key")?.as_str()?.to_owned(), value.to_owned()))
        })
        .collect();
    let group = Group {
        name,
        description: call.text("Description").to_owned(),
        tags,
        ingress: Vec::new(),
        egress: vec![Rule {
            id: rule,
            protocol: "-1".to_owned(),
            ports: None,
            peer: Peer::Ipv4("0.0.0.0/0".to_owned()),
            description: None,
        }],
    };
    let mut out = json!({"GroupId": id, "SecurityGroupArn": arn(call, &id)});
    if let (Some(map), false) = (out.as_object_mut(), group.tags.is_empty()) {
        map.insert("Tags".to_owned(), tag_list(&group.tags));
    }
    groups_mut(world, call)?.insert(id, group);
    Ok(out)
}

fn hex(world: &mut World) -> String {
    world.rng.uuid().replace('-', "").chars().take(17).collect()
}

fn arn(call: &Call, id: &str) -> String {
    format!(
        "arn:aws:ec2:{}:{}:security-group/{id}",
        call.region, call.account
    )
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    dry_run(call)?;
    let id = named(world, call)?;
    if id == default_group(&call.account, &call.region) {
        return Err(AwsError::new(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let groups = groups_mut(world, call)?;
    let used = groups.iter().any(|(other, group)| {
        let mut rules = group.ingress.iter().chain(&group.egress);
        *other != id && rules.any(|rule| rule.peer == Peer::Group(id.clone()))
    });
    if used {
        return Err(AwsError::new(
            "DependencyViolation",
            format!("resource {id} has a dependent object"),
        ));
    }
    groups.remove(&id);
    Ok(json!({"Return": true, "GroupId": id}))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    dry_run(call)?;
    let groups = groups(world, &call.account, &call.region);
    let (ids, names) = (call.strings("GroupIds"), call.strings("GroupNames"));
    if let Some(unknown) = ids.iter().find(|id| !groups.contains_key(*id)) {
        return Err(not_found(unknown));
    }
    for name in &names {
        if !groups.values().any(|group| group.name == *name) {
            return Err(not_found(name));
        }
    }
    let vpc = default_vpc(&call.account, &call.region);
    let mut found = Vec::new();
    for (id, group) in &groups {
        let wanted =
            (ids.is_empty() && names.is_empty()) || ids.contains(id) || names.contains(&group.name);
        if !wanted || !passes(call, |name| filter(name, id, group, &vpc, &call.account))? {
            continue;
        }
        found.push(json!({
            "GroupId": id, "GroupName": group.name, "Description": group.description, "OwnerId": call.account,
            "VpcId": vpc, "SecurityGroupArn": arn(call, id), "Tags": tag_list(&group.tags),
            "IpPermissions": permissions(&group.ingress, &call.account),
            "IpPermissionsEgress": permissions(&group.egress, &call.account),
        }));
    }
    pages(call, "SecurityGroups", found)
}

/// What a group has under a filter's name.
fn filter(name: &str, id: &str, group: &Group, vpc: &str, account: &str) -> Option<Vec<String>> {
    let one = |text: &str| Some(vec![text.to_owned()]);
    if let Some(key) = name.strip_prefix("tag:") {
        return Some(group.tags.get(key).cloned().into_iter().collect());
    }
    let (rules, of) = match name.strip_prefix("egress.") {
        Some(rest) => (&group.egress, rest),
        None => (&group.ingress, name),
    };
    let every =
        |value: &dyn Fn(&Rule) -> Option<String>| Some(rules.iter().filter_map(value).collect());
    match of {
        "group-id" => one(id),
        "group-name" => one(&group.name),
        "description" => one(&group.description),
        "vpc-id" => one(vpc),
        "owner-id" => one(account),
        "tag-key" => Some(group.tags.keys().cloned().collect()),
        "ip-permission.protocol" => every(&|rule| Some(rule.protocol.clone())),
        "ip-permission.from-port" => every(&|rule| Some(rule.ports?.0.to_string())),
        "ip-permission.to-port" => every(&|rule| Some(rule.ports?.1.to_string())),
        "ip-permission.cidr" => every(&|rule| match &rule.peer {
            Peer::Ipv4(range) => Some(range.clone()),
            _ => None,
        }),
        "ip-permission.ipv6-cidr" => every(&|rule| match &rule.peer {
            Peer::Ipv6(range) => Some(range.clone()),
            _ => None,
        }),
        "ip-permission.prefix-list-id" => every(&|rule| match &rule.peer {
            Peer::PrefixList(list) => Some(list.clone()),
            _ => None,
        }),
        "ip-permission.group-id" => every(&|rule| match &rule.peer {
            Peer::Group(group) => Some(group.clone()),
            _ => None,
        }),
        _ => None,
    }
}

pub(super) fn describe_rules(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    dry_run(call)?;
    let wanted = call.strings("SecurityGroupRuleIds");
    let mut found = Vec::new();
    let mut known = Vec::new();
    for (id, group) in groups(world, &call.account, &call.region) {
        let ingress = group.ingress.iter().map(|rule| (rule, false));
        for (rule, egress) in ingress.chain(group.egress.iter().map(|rule| (rule, true))) {
            known.push(rule.id.clone());
            let shown = (wanted.is_empty() || wanted.contains(&rule.id))
                && passes(call, |name| match name {
                    "group-id" => Some(vec![id.clone()]),
                    "security-group-rule-id" => Some(vec![rule.id.clone()]),
                    name if name.starts_with("tag:") => Some(Vec::new()),
                    _ => None,
                })?;
            if shown {
                found.push(rule.view(&call.account, &call.region, &id, egress));
            }
        }
    }
    if let Some(unknown) = wanted.iter().find(|id| !known.contains(id)) {
        return Err(no_such_rule(unknown));
    }
    pages(call, "SecurityGroupRules", found)
}

fn no_such_rule(id: &str) -> AwsError {
    AwsError::new(
        "InvalidSecurityGroupRuleId.NotFound",
        format!("The security group rule ID '{id}' does not exist"),
    )
}

pub(super) fn authorize_ingress(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    dry_run(call)?;
    let id = named(world, call)?;
    let mut rules = asked(call)?;
    let there = groups(world, &call.account, &call.region);
    for rule in &rules {
        if let Peer::Group(other) = &rule.peer
            && !there.contains_key(other)
        {
            return Err(not_found(other));
        }
        let twice = there
            .get(&id)
            .is_some_and(|group| group.ingress.iter().any(|kept| kept.same(rule)));
        if twice {
            return Err(AwsError::new(
                "InvalidPermission.Duplicate",
                format!("the specified rule \"{}\" already exists", rule.words()),
            ));
        }
    }
    if there.get(&id).map_or(0, |group| group.ingress.len()) + rules.len() > MOST_RULES {
        return Err(AwsError::new(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ));
    }
    for rule in &mut rules {
        rule.id = format!("sgr-{}", hex(world));
    }
    let views: Vec<Value> = rules
        .iter()
        .map(|rule| rule.view(&call.account, &call.region, &id, false))
        .collect();
    group_mut(world, call, &id)?.ingress.extend(rules);
    Ok(json!({"Return": true, "SecurityGroupRules": views}))
}

/// In a default VPC, rules that are not there are told of and are no error.
pub(super) fn revoke_ingress(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    dry_run(call)?;
    let id = named(world, call)?;
    let ids = call.strings("SecurityGroupRuleIds");
    let account = call.account.clone();
    if !ids.is_empty() {
        let group = group_mut(world, call, &id)?;
        let known = |wanted: &&String| group.ingress.iter().any(|rule| rule.id == **wanted);
        if let Some(unknown) = ids.iter().find(|wanted| !known(wanted)) {
            return Err(no_such_rule(unknown));
        }
        let revoked = take(group, |rule| ids.contains(&rule.id));
        return Ok(json!({"Return": true, "RevokedSecurityGroupRules": told(&revoked, &id)}));
    }
    let rules = asked(call)?;
    let group = group_mut(world, call, &id)?;
    let unknown: Vec<Rule> = rules
        .iter()
        .filter(|rule| !group.ingress.iter().any(|kept| kept.same(rule)))
        .cloned()
        .collect();
    let revoked = take(group, |kept| rules.iter().any(|rule| rule.same(kept)));
    let mut out = json!({"Return": true, "RevokedSecurityGroupRules": told(&revoked, &id)});
    if let (Some(map), false) = (out.as_object_mut(), unknown.is_empty()) {
        let unknown = permissions(&unknown, &account);
        map.insert("UnknownIpPermissions".to_owned(), json!(unknown));
    }
    Ok(out)
}

fn take(group: &mut Group, gone: impl Fn(&Rule) -> bool) -> Vec<Rule> {
    let (revoked, kept) = std::mem::take(&mut group.ingress)
        .into_iter()
        .partition(|rule| gone(rule));
    group.ingress = kept;
    revoked
}

fn told(rules: &[Rule], group: &str) -> Vec<Value> {
    rules
        .iter()
        .map(|rule| {
            let (from, to) = rule.ports.unwrap_or((-1, -1));
            let mut out = json!({
                "SecurityGroupRuleId": rule.id, "GroupId": group, "IsEgress": false,
                "IpProtocol": rule.protocol, "FromPort": from, "ToPort": to,
            });
            let (member, value) = match &rule.peer {
                Peer::Ipv4(range) => ("CidrIpv4", range),
                Peer::Ipv6(range) => ("CidrIpv6", range),
                Peer::PrefixList(list) => ("PrefixListId", list),
                Peer::Group(other) => ("ReferencedGroupId", other),
            };
            if let Some(map) = out.as_object_mut() {
                map.insert(member.to_owned(), json!(value));
                if let Some(description) = &rule.description {
                    map.insert("Description".to_owned(), json!(description));
                }
            }
            out
        })
        .collect()
}
