//! What a call is about: the resources that policies judge it on, by the Service Authorization Reference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::authorization::Resource;
use super::call::Call;
use super::iam;
use super::kms;
use super::sts;
use super::world::World;

/// One resource of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    pub resource: Resource,
    /// The account that it belongs to; `None` for AWS's own, whose account nobody is told.
    pub owner: Option<String>,
    /// Its tags, where the sandbox keeps them.
    pub tags: Option<BTreeMap<String, String>>,
}

impl About {
    fn is(arn: impl Into<String>, owner: &str) -> About {
        About {
            resource: Resource::Is(arn.into()),
            owner: Some(owner.to_owned()),
            tags: None,
        }
    }

    /// One whose name AWS gives, or that the sandbox does not know.
    fn some(beginning: impl Into<String>, owner: &str) -> About {
        About {
            resource: Resource::Some(beginning.into()),
            ..About::is("", owner)
        }
    }

    fn tagged(mut self, tags: BTreeMap<String, String>) -> About {
        self.tags = Some(tags);
        self
    }

    fn of_aws(mut self) -> About {
        self.owner = None;
        self
    }
}

/// The resources of a call: it must be allowed on each.
pub fn of(world: &World, service: &str, operation: &str, call: &Call) -> Vec<About> {
    let account = call.account.as_str();
    let here = |what: &str| format!("arn:aws:{service}:{}:{account}:{what}", call.region);
    let nothing = || About::is("*", account).tagged(BTreeMap::new());
    let one = match service {
        "s3" => bucket(world, call).unwrap_or_else(nothing),
        "iam" => in_iam(world, operation, call).unwrap_or_else(nothing),
        "sts" => match (call.str("RoleArn"), call.str("TargetPrincipal")) {
            (Some(arn), _) => role(world, arn),
            (None, Some(target)) => match sts::root_of(target) {
                Some(id) => About::is(format!("arn:aws:iam::{id}:root"), id),
                None => About::is(target, account),
            },
            (None, None) => nothing(),
        },
        "kms" => return keys(world, call),
        "cloudformation" if operation == "CreateStackRefactor" => return refactored(call),
        "cloudformation" => in_cloudformation(world, operation, call).unwrap_or_else(nothing),
        "cloudtrail" => {
            let named = ["Name", "TrailName", "ResourceId"];
            match named.iter().find_map(|member| call.str(member)) {
                Some(arn) if arn.starts_with("arn:") => About::is(arn, account),
                Some(name) => About::is(here(&format!("trail/{name}")), account),
                None => nothing(),
            }
        }
        "config" => in_config(world, operation, call).unwrap_or_else(nothing),
        "guardduty" => match (call.str("DetectorId"), call.str("ResourceArn")) {
            (_, Some(arn)) => About::is(arn, account),
            (Some(detector), None) => {
                let mut what = format!("detector/{detector}");
                for (member, kind) in [
                    ("DestinationId", "publishingDestination"),
                    ("FilterName", "filter"),
                    ("IpSetId", "ipset"),
                    ("ThreatEntitySetId", "threatentityset"),
                    ("ThreatIntelSetId", "threatintelset"),
                    ("TrustedEntitySetId", "trustedentityset"),
                ] {
                    if let Some(id) = call.str(member) {
                        what.push_str(&format!("/{kind}/{id}"));
                    }
                }
                About::is(here(&what), account)
            }
            (None, None) => nothing(),
        },
        "events" => {
            let bus = call.str("EventBusName").filter(|bus| *bus != "default");
            match (operation, call.str("Name").or(call.str("Rule"))) {
                (_, _) if call.str("ResourceARN").is_some() => {
                    About::is(call.text("ResourceARN"), account)
                }
                ("DescribeEventBus", name) => About::is(
                    here(&format!("event-bus/{}", name.unwrap_or("default"))),
                    account,
                ),
                ("PutPermission" | "RemovePermission", _) => About::is(
                    here(&format!("event-bus/{}", bus.unwrap_or("default"))),
                    account,
                ),
                (_, Some(rule)) => {
                    let within = bus.map_or(String::new(), |bus| format!("{bus}/"));
                    About::is(here(&format!("rule/{within}{rule}")), account)
                }
                (_, None) => nothing(),
            }
        }
        "sns" => match call.str("TopicArn").or(call.str("ResourceArn")) {
            Some(arn) => About::is(arn, arn.split(':').nth(4).unwrap_or(account)),
            None => match call.str("Name") {
                Some(name) => About::is(here(name), account),
                None => nothing(),
            },
        },
        "ssm" => return in_ssm(operation, call),
        "ec2" => match (call.str("GroupId"), operation) {
            (Some(group), _) => About::is(here(&format!("security-group/{group}")), account),
            (None, "CreateSecurityGroup") => About::some(here("security-group/"), account),
            (None, _) => nothing(),
        },
        "account" => {
            let organization = world.organization.as_ref();
            match (call.str("AccountId"), organization) {
                (Some(id), Some(organization)) => About::is(
                    accounts(&organization.management_account, &organization.id, id),
                    id,
                ),
                _ => About::is(format!("arn:aws:account::{account}:account"), account),
            }
        }
        "service-quotas" if operation == "RequestServiceQuotaIncrease" => {
            let quota = format!("{}/{}", call.text("ServiceCode"), call.text("QuotaCode"));
            let region = &call.region;
            About::is(
                format!("arn:aws:servicequotas:{region}:{account}:{quota}"),
                account,
            )
        }
        "organizations" => in_organizations(world, call).unwrap_or_else(nothing),
        _ => nothing(),
    };
    vec![one]
}

/// The roles that an operation hands to a service, and to which: IAM asks for `iam:PassRole` on each (IAM User Guide, "Grant
/// a user permissions to pass a role to an AWS service").
pub fn passed(service: &str, operation: &str, call: &Call) -> Vec<(String, &'static str)> {
    let inside = |path: &str| call.input.pointer(path).and_then(Value::as_str);
    // A parameter of an automation is a list in the API, and may be a text in a template.
    let first = |path: &str| {
        let value = call.input.pointer(path)?;
        value.as_str().or_else(|| value.get(0)?.as_str())
    };
    let named = |member: &str| {
        let name = call.str(member)?;
        Some(format!("arn:aws:iam::{}:role/{name}", call.account))
    };
    let (arns, to): (Vec<Option<&str>>, &'static str) = match (service, operation) {
        ("cloudformation", _) => (
            vec![call.str("RoleARN"), call.str("AdministrationRoleARN")],
            "cloudformation.amazonaws.com",
        ),
        ("config", _) => (
            vec![
                inside("/ConfigurationRecorder/roleARN"),
                inside("/OrganizationAggregationSource/RoleArn"),
            ],
            "config.amazonaws.com",
        ),
        ("codebuild", _) => (vec![call.str("serviceRole")], "codebuild.amazonaws.com"),
        ("cloudtrail", _) => (
            vec![call.str("CloudWatchLogsRoleArn")],
            "cloudtrail.amazonaws.com",
        ),
        ("ssm", "CreateActivation" | "UpdateManagedInstanceRole") => {
            let role = named("IamRole").map(|arn| (arn, "ssm.amazonaws.com"));
            return role.into_iter().collect();
        }
        ("ssm", "SendCommand") => (vec![call.str("ServiceRoleArn")], "ssm.amazonaws.com"),
        ("ssm", _) => (
            vec![
                first("/Parameters/AutomationAssumeRole"),
                call.str("AssociationDispatchAssumeRole"),
            ],
            "ssm.amazonaws.com",
        ),
        ("events", "PutTargets") => {
            let targets = call.list("Targets").iter();
            let roles = targets.map(|target| target.get("RoleArn")?.as_str());
            (roles.collect(), "events.amazonaws.com")
        }
        ("s3", "PutBucketReplication") => (
            vec![inside("/ReplicationConfiguration/Role")],
            "s3.amazonaws.com",
        ),
        ("iam", "AddRoleToInstanceProfile") => {
            let role = named("RoleName").map(|arn| (arn, "ec2.amazonaws.com"));
            return role.into_iter().collect();
        }
        _ => return Vec::new(),
    };
    let arns = arns.into_iter().flatten();
    let roles: BTreeSet<&str> = arns
        .filter(|arn| arn.starts_with("arn:") && arn.contains(":role/"))
        .collect();
    roles.into_iter().map(|arn| (arn.to_owned(), to)).collect()
}

fn accounts(management: &str, organization: &str, id: &str) -> String {
    format!("arn:aws:account::{management}:account/{organization}/{id}")
}

fn bucket(world: &World, call: &Call) -> Option<About> {
    let bucket = call.str("Bucket")?;
    let there = world.s3.buckets.get(bucket);
    let owner = there.map_or(call.account.as_str(), |bucket| &bucket.account);
    let arn = match call.str("Key") {
        Some(key) => format!("arn:aws:s3:::{bucket}/{key}"),
        None => format!("arn:aws:s3:::{bucket}"),
    };
    // Tags of a bucket count only where ABAC is switched on for it, which the sandbox has not.
    Some(About::is(arn, owner).tagged(BTreeMap::new()))
}

/// A role by its ARN.
pub fn role(world: &World, arn: &str) -> About {
    let account = arn.split(':').nth(4).unwrap_or_default();
    let name = arn.rsplit('/').next().unwrap_or_default();
    let tags = world
        .account(account)
        .and_then(|account| account.iam.roles.get(name))
        .map(|role| role.tags.clone());
    About {
        tags,
        ..About::is(arn, account)
    }
}

fn in_iam(world: &World, operation: &str, call: &Call) -> Option<About> {
    let account = &call.account;
    if let Some(name) = call.str("InstanceProfileName") {
        let arn = format!("arn:aws:iam::{account}:instance-profile/{name}");
        return Some(About::is(arn, account));
    }
    if let Some(name) = call.str("RoleName") {
        let there = world
            .account(account)
            .and_then(|account| account.iam.roles.get(name));
        let path = there.map_or(call.str("Path").unwrap_or("/"), |role| &role.path);
        let arn = format!("arn:aws:iam::{account}:role{path}{name}");
        let tags = there.map_or_else(BTreeMap::new, |role| role.tags.clone());
        return Some(About::is(arn, account).tagged(tags));
    }
    if operation == "CreateServiceLinkedRole" {
        let service = call.text("AWSServiceName");
        let name = iam::linked_role_name(service);
        let arn = format!("arn:aws:iam::{account}:role/aws-service-role/{service}/{name}");
        return Some(About::is(arn, account).tagged(BTreeMap::new()));
    }
    if operation == "GetServiceLinkedRoleDeletionStatus" {
        let beginning = format!("arn:aws:iam::{account}:role/aws-service-role/");
        return Some(About::some(beginning, account));
    }
    if let Some(arn) = call.str("PolicyArn") {
        let policy = world
            .account(account)
            .and_then(|account| account.iam.policies.get(arn));
        let about = About {
            tags: policy.map(|policy| policy.tags.clone()),
            ..About::is(arn, account)
        };
        return Some(match arn.starts_with("arn:aws:iam::aws:") {
            true => about.of_aws(),
            false => about,
        });
    }
    let name = call.str("PolicyName")?;
    let path = call.str("Path").unwrap_or("/");
    let arn = format!("arn:aws:iam::{account}:policy{path}{name}");
    Some(About::is(arn, account).tagged(BTreeMap::new()))
}

fn keys(world: &World, call: &Call) -> Vec<About> {
    let (account, region) = (&call.account, &call.region);
    let mut about = Vec::new();
    if let Some(alias) = call.str("AliasName") {
        let arn = format!("arn:aws:kms:{region}:{account}:{alias}");
        about.push(About::is(arn, account).tagged(BTreeMap::new()));
    }
    let named = call.str("KeyId").or(call.str("TargetKeyId"));
    // An alias is changed and taken away on its key too.
    let named = named.or_else(|| {
        call.str("AliasName")
            .filter(|_| call.str("TargetKeyId").is_none())
    });
    if let Some(id) = named {
        match kms::find(world, account, region, id) {
            Some((owner, at, id, key)) => about
                .push(About::is(kms::key_arn(&owner, &at, &id), &owner).tagged(key.tags.clone())),
            None if call.str("AliasName").is_none() => {
                about.push(About::is(kms::key_arn(account, region, id), account));
            }
            None => {}
        }
    }
    if about.is_empty() {
        about.push(About::is("*", account).tagged(BTreeMap::new()));
    }
    about
}

fn in_cloudformation(world: &World, operation: &str, call: &Call) -> Option<About> {
    let (account, region) = (&call.account, &call.region);
    let state = world.region(account, region).map(|it| &it.cloudformation);
    let beginning = |what: &str| format!("arn:aws:cloudformation:{region}:{account}:{what}");
    if let Some(name) = call.str("StackName") {
        let there = state.and_then(|state| {
            let id = match name.starts_with("arn:") {
                true => name,
                false => state.names.get(name)?,
            };
            Some((id, state.stacks.get(id)))
        });
        return Some(match there {
            Some((id, _)) => About::is(id, account),
            None if name.starts_with("arn:") => About::is(name, account),
            None => About::some(beginning(&format!("stack/{name}/")), account),
        });
    }
    if operation == "CreateStackSet" {
        return None;
    }
    if let Some(name) = call.str("StackSetName") {
        // Its id is name and UUID; a delegated administrator's call is about the management account's set.
        return Some(About::some(
            beginning(&format!("stackset/{name}:")),
            account,
        ));
    }
    let unnamed = call.str("ChangeSetName").or(call.str("StackRefactorId"));
    unnamed.map(|_| About::some(beginning("stack/"), account))
}

/// The stacks that a refactoring is about.
fn refactored(call: &Call) -> Vec<About> {
    let definitions = call.list("StackDefinitions").iter();
    let names = definitions.filter_map(|definition| definition.get("StackName")?.as_str());
    let (account, region) = (&call.account, &call.region);
    names
        .map(|name| match name.starts_with("arn:") {
            true => About::is(name, account),
            false => About::some(
                format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/"),
                account,
            ),
        })
        .collect()
}

fn in_config(world: &World, operation: &str, call: &Call) -> Option<About> {
    let (account, region) = (&call.account, &call.region);
    let named = ["ResourceArn", "ConfigurationRecorderArn", "Arn"];
    if let Some(arn) = named.iter().find_map(|member| call.str(member)) {
        return Some(About::is(arn, account));
    }
    let here = |what: &str| format!("arn:aws:config:{region}:{account}:{what}");
    let name = |member: &str, inner: &str| {
        call.str(member)
            .or_else(|| {
                call.get(inner)
                    .get("ConfigRuleName")
                    .and_then(Value::as_str)
            })
            .or_else(|| call.get(inner).get("name").and_then(Value::as_str))
            .map(str::to_owned)
    };
    if operation.ends_with("ConfigurationRecorder") {
        let name = name("ConfigurationRecorderName", "ConfigurationRecorder");
        let name = name.unwrap_or_else(|| "default".to_owned());
        return Some(About::some(
            here(&format!("configuration-recorder/{name}")),
            account,
        ));
    }
    let state = world.region(account, region).map(|it| &it.config);
    if operation.ends_with("ConfigRule") {
        let name = name("ConfigRuleName", "ConfigRule")?;
        let known = state.and_then(|state| state.rules.get(&name)).is_some();
        // The id is AWS's: its beginning is what both have.
        let beginning = here("config-rule/config-rule-");
        let about = About::some(beginning, account);
        return Some(match known {
            true => about,
            false => about.tagged(BTreeMap::new()),
        });
    }
    if call.str("ConfigurationAggregatorName").is_some() {
        return Some(About::some(here("config-aggregator/"), account));
    }
    if operation.ends_with("AggregationAuthorization") {
        let what = format!(
            "aggregation-authorization/{}/{}",
            call.text("AuthorizedAccountId"),
            call.text("AuthorizedAwsRegion")
        );
        return Some(About::is(here(&what), account));
    }
    None
}

fn in_ssm(operation: &str, call: &Call) -> Vec<About> {
    let (account, region) = (&call.account, &call.region);
    let here = |what: &str| format!("arn:aws:ssm:{region}:{account}:{what}");
    let parameter = |name: &str| {
        let name = name.trim_start_matches('/');
        About::is(here(&format!("parameter/{name}")), account)
    };
    let document = |name: &str| match (name.starts_with("arn:"), name.starts_with("AWS")) {
        (true, _) => About::is(name, name.split(':').nth(4).unwrap_or(account)),
        (false, true) => {
            About::is(format!("arn:aws:ssm:{region}::document/{name}"), account).of_aws()
        }
        (false, false) => About::is(here(&format!("document/{name}")), account),
    };
    let nothing = || vec![About::is("*", account).tagged(BTreeMap::new())];
    match operation {
        "GetParameters" => call
            .strings("Names")
            .iter()
            .map(|it| parameter(it))
            .collect(),
        "GetParametersByPath" => vec![parameter(call.text("Path"))],
        name if name.ends_with("Parameter") => vec![parameter(call.text("Name"))],
        "StartAutomationExecution" => vec![
            document(call.text("DocumentName")),
            About::some(here("automation-execution/"), account),
        ],
        "GetAutomationExecution" => {
            let id = call.text("AutomationExecutionId");
            vec![About::is(
                here(&format!("automation-execution/{id}")),
                account,
            )]
        }
        name if name.ends_with("Association") => {
            let of = call.str("Name").map(document);
            let own = match call.str("AssociationId") {
                Some(id) => Some(About::is(here(&format!("association/{id}")), account)),
                None if operation == "CreateAssociation" => None,
                None => Some(About::some(here("association/"), account)),
            };
            match of.into_iter().chain(own).collect::<Vec<_>>() {
                none if none.is_empty() => nothing(),
                some => some,
            }
        }
        name if name.contains("Document") && call.str("Name").is_some() => {
            vec![document(call.text("Name"))]
        }
        "SendCommand" => vec![document(call.text("DocumentName"))],
        "CreateAssociationBatch" => {
            let entries = call.list("Entries").iter();
            entries
                .filter_map(|entry| Some(document(entry.get("Name")?.as_str()?)))
                .collect()
        }
        "PutResourcePolicy" | "DeleteResourcePolicy" => {
            vec![About::is(call.text("ResourceArn"), account)]
        }
        "AddTagsToResource" | "RemoveTagsFromResource" | "ListTagsForResource" => {
            let id = call.text("ResourceId");
            vec![match call.text("ResourceType") {
                "Parameter" => parameter(id),
                "Document" => document(id),
                "Association" => About::is(here(&format!("association/{id}")), account),
                _ => About::some(here(""), account),
            }]
        }
        _ => nothing(),
    }
}

fn in_organizations(world: &World, call: &Call) -> Option<About> {
    let organization = world.organization.as_ref()?;
    let members = [
        "PolicyId",
        "TargetId",
        "AccountId",
        "OrganizationalUnitId",
        "ParentId",
        "ResourceId",
        "ChildId",
    ];
    members.iter().find_map(|member| call.str(member))?;
    // Members call little of it, and no policy of theirs names these one by one.
    let beginning = format!(
        "arn:aws:organizations::{}:",
        organization.management_account
    );
    Some(About::some(beginning, &organization.management_account))
}
