//! EC2, as far as orgstrap meets it: the default VPC with its security groups, and whether new volumes are encrypted.
//!
//! Every account has a default VPC with a default security group in every Region (VPC user guide, "Default VPCs");
//! they come about when they are first looked at, with ids that follow from account and Region. No other VPC, no
//! instance, no network interface.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::call::{AwsError, Call};
use super::paging::page;
use super::table::Row;
use super::world::World;

mod groups;
mod rule;

pub use rule::{Peer, Rule};

/// What one account holds in one Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ec2State {
    /// Security groups by id; none before the first change, when there is the default group alone.
    pub groups: Option<BTreeMap<String, Group>>,
    /// Whether new volumes are encrypted.
    pub ebs_encryption: bool,
    /// Whether the default VPC was removed, and its groups with it.
    pub vpc_removed: bool,
    /// How many network interfaces are in the default VPC.
    pub interfaces: usize,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    pub description: String,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
}

/// Seventeen hex digits that follow from what they name.
fn digits(what: &str, account: &str, region: &str) -> String {
    let hash = Sha256::digest(format!("{what} {account} {region}"));
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.get(..17).unwrap_or(&hex).to_owned()
}

/// The id of the default VPC.
pub fn default_vpc(account: &str, region: &str) -> String {
    format!("vpc-{}", digits("vpc", account, region))
}

/// The id of the default VPC's default security group.
pub fn default_group(account: &str, region: &str) -> String {
    format!("sg-{}", digits("group", account, region))
}

/// The security groups of an account in a Region.
pub fn groups(world: &World, account: &str, region: &str) -> BTreeMap<String, Group> {
    match world.region(account, region).map(|region| &region.ec2) {
        Some(ec2) if ec2.vpc_removed => BTreeMap::new(),
        Some(Ec2State {
            groups: Some(groups),
            ..
        }) => groups.clone(),
        _ => first(account, region),
    }
}

/// What the default VPC comes with (VPC user guide, "Default security groups for your VPCs").
fn first(account: &str, region: &str) -> BTreeMap<String, Group> {
    let id = default_group(account, region);
    let rule = |name: &str, peer: Peer| Rule {
        id: format!("sgr-{}", digits(name, account, region)),
        protocol: "-1".to_owned(),
        ports: None,
        peer,
        description: None,
    };
    let group = Group {
        name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        tags: BTreeMap::new(),
        ingress: vec![rule("ingress", Peer::Group(id.clone()))],
        egress: vec![rule("egress", Peer::Ipv4("0.0.0.0/0".to_owned()))],
    };
    BTreeMap::from([(id, group)])
}

fn groups_mut<'w>(
    world: &'w mut World,
    call: &Call,
) -> Result<&'w mut BTreeMap<String, Group>, AwsError> {
    let state = &mut world.region_mut(&call.account, &call.region)?.ec2;
    Ok(state
        .groups
        .get_or_insert_with(|| first(&call.account, &call.region)))
}

/// Whether somebody on the internet can reach TCP port `port` through a security group.
pub fn lets_the_world_in(world: &World, account: &str, region: &str, port: i64) -> bool {
    groups(world, account, region)
        .values()
        .flat_map(|group| &group.ingress)
        .any(|rule| rule.peer.is_everybody() && rule.covers_tcp(port))
}

/// `DryRunOperation`, where a call only asks whether it might.
fn dry_run(call: &Call) -> Result<(), AwsError> {
    match call.bool("DryRun") {
        Some(true) => Err(AwsError::new(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        )
        .status(412)),
        _ => Ok(()),
    }
}

/// Whether an item passes every filter. `values` gives what the item has under a filter's name; a name that it
/// does not know is an error.
fn passes(call: &Call, values: impl Fn(&str) -> Option<Vec<String>>) -> Result<bool, AwsError> {
    for filter in call.list("Filters") {
        let name = filter
            .get("Name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let has = values(name).ok_or_else(|| {
            AwsError::new(
                "InvalidParameterValue",
                format!("The filter '{name}' is invalid"),
            )
        })?;
        let wanted = filter.get("Values").and_then(Value::as_array);
        let met = wanted
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|wanted| has.iter().any(|value| value == wanted));
        if !met {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Everything on one page unless a size is asked for.
fn pages(call: &Call, member: &str, items: Vec<Value>) -> Result<Value, AwsError> {
    page(call, member, items, "MaxResults", usize::MAX)
}

fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

fn describe_vpcs(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    dry_run(call)?;
    let state = world.region(&call.account, &call.region);
    let removed = state.is_some_and(|region| region.ec2.vpc_removed);
    let id = default_vpc(&call.account, &call.region);
    if let Some(unknown) = call
        .strings("VpcIds")
        .iter()
        .find(|wanted| removed || **wanted != id)
    {
        return Err(AwsError::new(
            "InvalidVpcID.NotFound",
            format!("The vpc ID '{unknown}' does not exist"),
        ));
    }
    let shown = !removed
        && passes(call, |name| {
            Some(vec![
                match name {
                    "vpc-id" => id.as_str(),
                    "is-default" | "isDefault" => "true",
                    "state" => "available",
                    "cidr" => "172.31.0.0/16",
                    "owner-id" => call.account.as_str(),
                    name if name.starts_with("tag") => return Some(Vec::new()),
                    _ => return None,
                }
                .to_owned(),
            ])
        })?;
    let association = digits("association", &call.account, &call.region);
    let options = digits("options", &call.account, &call.region);
    let vpc = json!({
        "VpcId": id, "OwnerId": call.account, "State": "available", "CidrBlock": "172.31.0.0/16", "IsDefault": true,
        "InstanceTenancy": "default", "DhcpOptionsId": format!("dopt-{options}"),
        "CidrBlockAssociationSet": [{"AssociationId": format!("vpc-cidr-assoc-{association}"),
            "CidrBlock": "172.31.0.0/16", "CidrBlockState": {"State": "associated"}}],
    });
    pages(
        call,
        "Vpcs",
        if shown && !removed {
            vec![vpc]
        } else {
            Vec::new()
        },
    )
}

fn get_encryption(world: &mut World, call: &Call) -> Result<Value, AwsError> {
    dry_run(call)?;
    let state = world.region(&call.account, &call.region);
    let on = state.is_some_and(|region| region.ec2.ebs_encryption);
    Ok(json!({ "EbsEncryptionByDefault": on }))
}

fn set_encryption(world: &mut World, call: &Call, on: bool) -> Result<Value, AwsError> {
    dry_run(call)?;
    world
        .region_mut(&call.account, &call.region)?
        .ec2
        .ebs_encryption = on;
    Ok(json!({ "EbsEncryptionByDefault": on }))
}

/// The rows of this service.
pub const OPERATIONS: &[Row] = &[
    (
        "ec2",
        "AuthorizeSecurityGroupIngress",
        groups::authorize_ingress,
    ),
    ("ec2", "CreateSecurityGroup", groups::create),
    ("ec2", "DeleteSecurityGroup", groups::delete),
    ("ec2", "DescribeSecurityGroupRules", groups::describe_rules),
    ("ec2", "DescribeSecurityGroups", groups::describe),
    ("ec2", "DescribeVpcs", describe_vpcs),
    ("ec2", "DisableEbsEncryptionByDefault", |world, call| {
        set_encryption(world, call, false)
    }),
    ("ec2", "EnableEbsEncryptionByDefault", |world, call| {
        set_encryption(world, call, true)
    }),
    ("ec2", "GetEbsEncryptionByDefault", get_encryption),
    ("ec2", "RevokeSecurityGroupIngress", groups::revoke_ingress),
];
