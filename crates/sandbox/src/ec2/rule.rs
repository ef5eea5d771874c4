//! A security group's rule: protocol, ports, and one peer. The API groups rules of the same ports into permissions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::{AwsError, Call};

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// From and to; for ICMP type and code. None for all protocols.
    pub ports: Option<(i64, i64)>,
    pub peer: Peer,
    #[serde(default)]
    pub description: Option<String>,
}

/// Whom a rule lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
    /// A security group of the same account.
    Group(String),
}

impl Peer {
    /// Whether it is every address there is.
    pub fn is_everybody(&self) -> bool {
        matches!(self, Peer::Ipv4(range) if range == "0.0.0.0/0")
            || matches!(self, Peer::Ipv6(range) if range == "::/0")
    }

    fn id(&self) -> &str {
        match self {
            Peer::Ipv4(id) | Peer::Ipv6(id) | Peer::PrefixList(id) | Peer::Group(id) => id,
        }
    }
}

impl Rule {
    /// Whether it lets TCP to this port through.
    pub fn covers_tcp(&self, port: i64) -> bool {
        match (self.protocol.as_str(), self.ports) {
            ("-1", _) => true,
            ("tcp", Some((from, to))) => (from..=to).contains(&port),
            _ => false,
        }
    }

    /// Whether another says the same, whatever its id and description.
    pub fn same(&self, other: &Rule) -> bool {
        self.protocol == other.protocol && self.ports == other.ports && self.peer == other.peer
    }

    /// As messages name it.
    pub fn words(&self) -> String {
        let protocol = match self.protocol.as_str() {
            "-1" => return format!("peer: {}, ALL, ALLOW", self.peer.id()),
            other => other.to_uppercase(),
        };
        let (from, to) = self.ports.unwrap_or((-1, -1));
        format!(
            "peer: {}, {protocol}, from port: {from}, to port: {to}, ALLOW",
            self.peer.id()
        )
    }

    /// As DescribeSecurityGroupRules answers it.
    pub fn view(&self, account: &str, region: &str, group: &str, egress: bool) -> Value {
        let (from, to) = self.ports.unwrap_or((-1, -1));
        let mut out = json!({
            "SecurityGroupRuleId": self.id, "GroupId": group, "GroupOwnerId": account, "IsEgress": egress,
            "IpProtocol": self.protocol, "FromPort": from, "ToPort": to, "Tags": [],
            "SecurityGroupRuleArn": format!("arn:aws:ec2:{region}:{account}:security-group-rule/{}", self.id),
        });
        let (member, value) = match &self.peer {
            Peer::Ipv4(range) => ("CidrIpv4", json!(range)),
            Peer::Ipv6(range) => ("CidrIpv6", json!(range)),
            Peer::PrefixList(list) => ("PrefixListId", json!(list)),
            Peer::Group(other) => (
                "ReferencedGroupInfo",
                json!({"GroupId": other, "UserId": account}),
            ),
        };
        if let Some(map) = out.as_object_mut() {
            map.insert(member.to_owned(), value);
            if let Some(description) = &self.description {
                map.insert("Description".to_owned(), json!(description));
            }
        }
        out
    }
}

/// Rules as DescribeSecurityGroups groups them.
pub(super) fn permissions(rules: &[Rule], account: &str) -> Vec<Value> {
    let mut found: Vec<Vec<&Rule>> = Vec::new();
    for rule in rules {
        let alike = |list: &&mut Vec<&Rule>| {
            list.iter()
                .any(|other| other.protocol == rule.protocol && other.ports == rule.ports)
        };
        match found.iter_mut().find(alike) {
            Some(list) => list.push(rule),
            None => found.push(vec![rule]),
        }
    }
    found
        .into_iter()
        .filter_map(|rules| {
            let first = *rules.first()?;
            let (protocol, ports) = (&first.protocol, first.ports);
            let mut lists: [Vec<Value>; 4] = Default::default();
            for rule in rules {
                let (place, mut item) = match &rule.peer {
                    Peer::Ipv4(range) => (0, json!({ "CidrIp": range })),
                    Peer::Ipv6(range) => (1, json!({ "CidrIpv6": range })),
                    Peer::PrefixList(list) => (2, json!({ "PrefixListId": list })),
                    Peer::Group(group) => (3, json!({"GroupId": group, "UserId": account})),
                };
                if let (Some(map), Some(text)) = (item.as_object_mut(), &rule.description) {
                    map.insert("Description".to_owned(), json!(text));
                }
                if let Some(list) = lists.get_mut(place) {
                    list.push(item);
                }
            }
            let [ipv4, ipv6, prefixes, groups] = lists;
            let mut out = json!({
                "IpProtocol": protocol, "IpRanges": ipv4, "Ipv6Ranges": ipv6,
                "PrefixListIds": prefixes, "UserIdGroupPairs": groups,
            });
            if let (Some(map), Some((from, to))) = (out.as_object_mut(), ports) {
                map.insert("FromPort".to_owned(), json!(from));
                map.insert("ToPort".to_owned(), json!(to));
            }
            Some(out)
        })
        .collect()
}

fn wrong(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidParameterValue", message)
}

/// The rules that a request names, in its older flat form or as permissions.
pub(super) fn asked(call: &Call) -> Result<Vec<Rule>, AwsError> {
    let mut permissions: Vec<Value> = call.list("IpPermissions").to_vec();
    if let Some(range) = call.str("CidrIp") {
        let mut flat = Map::new();
        for name in ["IpProtocol", "FromPort", "ToPort"] {
            if !call.get(name).is_null() {
                flat.insert(name.to_owned(), call.get(name).clone());
            }
        }
        flat.insert("IpRanges".to_owned(), json!([{ "CidrIp": range }]));
        permissions.push(Value::Object(flat));
    }
    if permissions.is_empty() {
        return Err(AwsError::new(
            "MissingParameter",
            "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
        ));
    }
    let mut rules = Vec::new();
    for permission in &permissions {
        let protocol = match permission.get("IpProtocol").and_then(Value::as_str) {
            Some("6") => "tcp",
            Some("17") => "udp",
            Some("1") => "icmp",
            Some("58") => "icmpv6",
            Some(other) => other,
            None => {
                return Err(AwsError::new(
                    "MissingParameter",
                    "The request must contain the parameter ipProtocol",
                ));
            }
        };
        let ports = ports(protocol, permission)?;
        let before = rules.len();
        for (list, member, peer) in [
            ("IpRanges", "CidrIp", Peer::Ipv4 as fn(String) -> Peer),
            ("Ipv6Ranges", "CidrIpv6", Peer::Ipv6),
            ("PrefixListIds", "PrefixListId", Peer::PrefixList),
            ("UserIdGroupPairs", "GroupId", Peer::Group),
        ] {
            let items = permission.get(list).and_then(Value::as_array);
            for item in items.into_iter().flatten() {
                let text = |name: &str| item.get(name).and_then(Value::as_str);
                let id = text(member).unwrap_or_default();
                check_range(list, id)?;
                rules.push(Rule {
                    id: String::new(),
                    protocol: protocol.to_owned(),
                    ports,
                    peer: peer(id.to_owned()),
                    description: text("Description").map(str::to_owned),
                });
            }
        }
        if rules.len() == before {
            return Err(AwsError::new(
                "MissingParameter",
                "No IP address range, prefix list or security group was given for the rule.",
            ));
        }
    }
    Ok(rules)
}

fn ports(protocol: &str, permission: &Value) -> Result<Option<(i64, i64)>, AwsError> {
    let port = |name: &str| permission.get(name).and_then(Value::as_i64);
    match (protocol, port("FromPort"), port("ToPort")) {
        ("tcp" | "udp", Some(from), Some(to)) => {
            for port in [from, to] {
                if !(0..=65_535).contains(&port) {
                    return Err(wrong(format!(
                        "Invalid value '{port}' for portRange. Must be between 0 and 65535"
                    )));
                }
            }
            if from > to {
                return Err(wrong(format!(
                    "Invalid TCP/UDP port range ({from}:{to}). from must be less than or equal to to"
                )));
            }
            Ok(Some((from, to)))
        }
        ("tcp" | "udp", ..) => Err(wrong(
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        )),
        ("icmp" | "icmpv6", from, to) => Ok(Some((from.unwrap_or(-1), to.unwrap_or(-1)))),
        _ => Ok(None),
    }
}

fn check_range(list: &str, range: &str) -> Result<(), AwsError> {
    let fine = match (list, range.split_once('/')) {
        ("IpRanges", Some((address, bits))) => {
            address.parse::<std::net::Ipv4Addr>().is_ok()
                && bits.parse::<u8>().is_ok_and(|b| b <= 32)
        }
        ("Ipv6Ranges", Some((address, bits))) => {
            address.parse::<std::net::Ipv6Addr>().is_ok()
                && bits.parse::<u8>().is_ok_and(|b| b <= 128)
        }
        ("IpRanges" | "Ipv6Ranges", None) => false,
        _ => true,
    };
    if fine {
        Ok(())
    } else {
        Err(wrong(format!("CIDR block {range} is malformed")))
    }
}
