//! A small organization for tests, made by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::call::{AwsError, Call};
use crate::iam::Role;
use crate::organizations::{Children, Member, OrganizationState, Ou};
use crate::table;
use crate::time::Time;
use crate::world::{AccountWorld, World};

pub(crate) const MANAGEMENT: &str = "111111111111";
pub(crate) const LOGGING: &str = "222222222222";
pub(crate) const SECOPS: &str = "333333333333";
pub(crate) const HOME: &str = "eu-west-1";
pub(crate) const OTHER: &str = "us-east-1";
pub(crate) const ROOT: &str = "r-abcd";
pub(crate) const OU_SECURITY: &str = "ou-abcd-security1";
pub(crate) const OU_WORK: &str = "ou-abcd-workload";
pub(crate) const OU_PROD: &str = "ou-abcd-prod0001";

pub(crate) fn workload(number: usize) -> String {
    format!("4{number:011}")
}

/// Management, logging, SecOps, and `workloads` accounts in Workloads/Prod. Everything trusted, Config's role everywhere.
pub(crate) fn world(workloads: usize) -> World {
    let mut world = World::empty(MANAGEMENT, 7);
    let ou = |name: &str, parent: &str| Ou {
        name: name.to_owned(),
        parent: parent.to_owned(),
    };
    let ous = BTreeMap::from([
        (OU_SECURITY.to_owned(), ou("Security", ROOT)),
        (OU_WORK.to_owned(), ou("Workloads", ROOT)),
        (OU_PROD.to_owned(), ou("Prod", OU_WORK)),
    ]);
    let mut children: BTreeMap<String, Children> = BTreeMap::new();
    children.entry(ROOT.to_owned()).or_default().ous =
        BTreeSet::from([OU_SECURITY.to_owned(), OU_WORK.to_owned()]);
    children.entry(OU_WORK.to_owned()).or_default().ous = BTreeSet::from([OU_PROD.to_owned()]);
    let mut organization = OrganizationState {
        id: "o-abcdefghij".to_owned(),
        root: ROOT.to_owned(),
        management_account: MANAGEMENT.to_owned(),
        all_features: true,
        created: Time::START,
        policy_types: BTreeMap::new(),
        ous,
        members: BTreeMap::new(),
        children,
        policies: BTreeMap::new(),
        attached: BTreeMap::new(),
        trusted: BTreeMap::new(),
        delegated: BTreeMap::new(),
        creations: BTreeMap::new(),
        creating: Default::default(),
        tags: BTreeMap::new(),
        resource_policy: None,
        closures: Vec::new(),
        invitations: BTreeMap::new(),
    };
    for service in ["cloudtrail", "config", "guardduty"] {
        organization
            .trusted
            .insert(format!("{service}.amazonaws.com"), Time::START);
    }
    organization.delegated.insert(
        SECOPS.to_owned(),
        BTreeMap::from([("config.amazonaws.com".to_owned(), Time::START)]),
    );
    let mut add = |id: &str, parent: &str| {
        organization.members.insert(
            id.to_owned(),
            Member {
                parent: parent.to_owned(),
                method: "CREATED".to_owned(),
                joined: Time::START,
                state: "ACTIVE".to_owned(),
            },
        );
        organization
            .children
            .entry(parent.to_owned())
            .or_default()
            .accounts
            .insert(id.to_owned());
        let email = format!("{id}@example.com");
        let account = world
            .accounts
            .entry(id.to_owned())
            .or_insert_with(|| AccountWorld::new(id, &email, Time::START));
        for (name, service) in [
            ("AWSServiceRoleForConfig", "config"),
            ("AWSServiceRoleForAmazonGuardDuty", "guardduty"),
        ] {
            account
                .iam
                .roles
                .insert(name.to_owned(), linked_role(service));
        }
    };
    add(MANAGEMENT, ROOT);
    add(LOGGING, OU_SECURITY);
    add(SECOPS, OU_SECURITY);
    for number in 0..workloads {
        add(&workload(number), OU_PROD);
    }
    world.organization = Some(organization);
    world
}

fn linked_role(service: &str) -> Role {
    serde_json::from_value(json!({
        "id": "AROA", "path": format!("/aws-service-role/{service}.amazonaws.com/"), "trust": "{}", "created": 0, "usable_from": 0,
    }))
    .unwrap()
}

/// One call, as an administrator of the account would make it.
pub(crate) fn call(
    world: &mut World,
    account: &str,
    region: &str,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Value, AwsError> {
    let principal = format!("arn:aws:iam::{account}:root");
    let call = Call::internal(account, region, &principal, world.now, input);
    table::invoke(world, service, operation, &call)
}

/// The same against CloudFormation of the management account's home Region.
pub(crate) fn sets(world: &mut World, operation: &str, input: Value) -> Result<Value, AwsError> {
    call(world, MANAGEMENT, HOME, "cloudformation", operation, input)
}

/// Lets that many seconds pass.
pub(crate) fn wait(world: &mut World, seconds: i64) {
    let until = world.now.plus_secs(seconds);
    world.advance(until);
}

/// `{"a": "b"}` as CloudFormation's parameters.
pub(crate) fn parameters(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(k, v)| json!({"ParameterKey": k, "ParameterValue": v}))
        .collect()
}

/// Moves an account as Organizations does, hooks included.
pub(crate) fn move_account(world: &mut World, account: &str, to: &str) {
    let organization = world.organization.as_mut().unwrap();
    let from = organization.chain(account);
    let old = organization.members.get(account).unwrap().parent.clone();
    organization
        .children
        .get_mut(&old)
        .unwrap()
        .accounts
        .remove(account);
    organization
        .children
        .entry(to.to_owned())
        .or_default()
        .accounts
        .insert(account.to_owned());
    organization.members.get_mut(account).unwrap().parent = to.to_owned();
    let chain = organization.chain(account);
    crate::hooks::account_moved(world, account, Some(&from), Some(&chain));
}
