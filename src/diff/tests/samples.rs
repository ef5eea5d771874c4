//! A small plan with everything in it, and the organization that satisfies it.

use std::collections::{BTreeMap, BTreeSet};

use super::simulate::{MANAGEMENT, Simulation, empty};
use crate::addr::{Address, Attribute, Expr, Place};
use crate::baseline::{
    Desired, DesiredStack, DesiredStackSet, ExistingRecorders, GuardDutyExport, WantedGuardDuty,
};
use crate::change::Change;
use crate::diff::{Diff, DiffOptions, OnQuota, diff};
use crate::graph::graph;
use crate::inventory::{
    AccountFacts, Inventory, Observed, OuFacts, PolicyFacts, ReadFailure, StackSetFacts,
};
use crate::plan::*;

pub(super) fn key(text: &str) -> AccountKey {
    text.parse().unwrap()
}

pub(super) fn path(text: &str) -> OuPath {
    text.parse().unwrap()
}

pub(super) fn policy(text: &str) -> PolicyKey {
    text.parse().unwrap()
}

pub(super) fn region(text: &str) -> Region {
    text.parse().unwrap()
}

pub(super) fn name(text: &str) -> StackName {
    text.parse().unwrap()
}

pub(super) fn principal(text: &str) -> Principal {
    format!("{text}.amazonaws.com").parse().unwrap()
}

pub(super) fn tags(pairs: &[(&str, &str)]) -> Tags {
    let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    pairs.iter().map(own).collect()
}

pub(super) fn regions() -> BTreeSet<Region> {
    BTreeSet::from([region("eu-west-1"), region("us-east-1")])
}

pub(super) fn account(name: &str, ou: &str) -> Account {
    Account {
        id: None,
        renamed_from: None,
        name: name.to_owned(),
        email: format!("aws+{name}@example.com").parse().unwrap(),
        ou: path(ou),
        tags: Tags::new(),
        policies: BTreeSet::new(),
        full_aws_access: None,
        contacts: BTreeMap::new(),
        preparation: Default::default(),
        iam_user_access_to_billing: true,
    }
}

pub(super) fn scp(content: &str) -> Policy {
    Policy {
        name: None,
        kind: PolicyType::ServiceControlPolicy,
        description: "protects".to_owned(),
        content: content.to_owned(),
        tags: Tags::new(),
        renamed_from: None,
        adopt: false,
        builtin: None,
        part: None,
    }
}

pub(super) const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["organizations:LeaveOrganization"],"Resource":"*"}]}"#;

pub(super) fn plan() -> OrgPlan {
    let mut ous: BTreeMap<OuPath, Ou> = ["Security", "Sandbox", "Workloads", "Workloads/Dev"]
        .iter()
        .chain(&["Workloads/Prod"])
        .map(|text| (path(text), Ou::default()))
        .collect();
    let prod = ous.get_mut(&path("Workloads/Prod")).unwrap();
    prod.policies.insert(policy("protect"));
    prod.tags = tags(&[("stage", "prod")]);
    let mut accounts: BTreeMap<AccountKey, Account> = [
        ("log-archive", "Security"),
        ("security", "Security"),
        ("payments-dev", "Workloads/Dev"),
        ("payments-prod", "Workloads/Prod"),
        ("play", "Sandbox"),
    ]
    .iter()
    .map(|(name, ou)| (key(name), account(name, ou)))
    .collect();
    accounts.get_mut(&key("payments-prod")).unwrap().tags = tags(&[("data", "restricted")]);
    OrgPlan {
        organization: Organization {
            management_account: MANAGEMENT.parse().unwrap(),
            home_region: region("eu-west-1"),
            regions: regions(),
            logging: Some(key("log-archive")),
            secops: Some(key("security")),
            access_role: "OrganizationAccountAccessRole".to_owned(),
            prefix: "orgstrap".to_owned(),
            centralized_root_access: false,
            break_glass_role: None,
            leave: BTreeSet::new(),
            policies: BTreeSet::new(),
            full_aws_access: None,
            tags: BTreeMap::new(),
        },
        segregation: BTreeMap::new(),
        ous,
        accounts,
        policies: BTreeMap::from([(policy("protect"), scp(DENY))]),
        baselines: BTreeMap::new(),
        rollout: Rollout {
            stages: vec![
                vec![Stage::Ou(path("Sandbox"))],
                vec![Stage::Ou(path("Workloads/Dev"))],
                vec![Stage::Rest],
            ],
            max_concurrent: Portion::Percent(100),
            failure_tolerance: Portion::Percent(0),
        },
        trusted_access: BTreeSet::new(),
        delegated_administrators: BTreeMap::new(),
        opt_in_regions: Default::default(),
        pace: BTreeMap::new(),
    }
}

pub(super) fn bucket_place() -> Place {
    Place::member(key("log-archive"), region("eu-west-1"))
}

pub(super) fn output(place: Place, stack: &str, output: &str) -> Expr {
    let address = Address::Stack(place, name(stack));
    Expr::reference(address, Attribute::Output(output.to_owned()))
}

pub(super) fn stack(full_name: &str, parameters: BTreeMap<String, Expr>) -> DesiredStack {
    DesiredStack {
        full_name: full_name.to_owned(),
        template: format!("Description: {full_name}\n"),
        parameters,
        capabilities: BTreeSet::new(),
        tags: Tags::new(),
        existing_recorders: ExistingRecorders::Keep,
        needs: BTreeSet::new(),
    }
}

pub(super) fn recorder() -> DesiredStackSet {
    let bucket = output(bucket_place(), "config-bucket", "BucketName");
    DesiredStackSet {
        full_name: "orgstrap-config-recorder".to_owned(),
        description: "records".to_owned(),
        template: "Resources: {}\n".to_owned(),
        parameters: BTreeMap::from([("Bucket".to_owned(), bucket)]),
        capabilities: BTreeSet::new(),
        tags: Tags::new(),
        regions: regions(),
        retain_on_removal: true,
        except: BTreeSet::new(),
        existing_stacks: BTreeSet::new(),
        existing_recorders: ExistingRecorders::Keep,
        depends_on: BTreeSet::new(),
        needs: BTreeSet::new(),
    }
}

pub(super) fn desired() -> Desired {
    let bucket = output(bucket_place(), "config-bucket", "BucketName");
    let trail = Place::management(region("eu-west-1"));
    let on = |feature: &str, on| (feature.to_owned(), on);
    Desired {
        audit_role: None,
        trusted_access: ["cloudtrail", "config", "guardduty"].map(principal).into(),
        stack_sets_access: true,
        service_linked_roles: BTreeSet::from([principal("config")]),
        management_service_linked_roles: BTreeSet::from([principal("guardduty")]),
        delegated_administrators: BTreeSet::from([(principal("config"), key("security"))]),
        stacks: BTreeMap::from([
            (
                (bucket_place(), name("config-bucket")),
                stack("orgstrap-config-bucket", BTreeMap::new()),
            ),
            (
                (trail, name("trail")),
                stack(
                    "orgstrap-trail",
                    BTreeMap::from([("Bucket".to_owned(), bucket.clone())]),
                ),
            ),
        ]),
        stack_sets: BTreeMap::from([(name("config-recorder"), recorder())]),
        trail: None,
        guardduty: Some(WantedGuardDuty {
            unmanaged_features: BTreeSet::new(),
            regions: regions(),
            administrator: key("security"),
            features: BTreeMap::from([on("S3_DATA_EVENTS", true), on("EKS_AUDIT_LOGS", false)]),
            detector_features: BTreeMap::from([on("AI_ANALYST", false)]),
            export: Some(GuardDutyExport {
                key_arn: bucket.clone(),
                bucket_arn: bucket,
            }),
            replaced: None,
        }),
        controls: BTreeMap::new(),
    }
}

pub(super) const CREATE: DiffOptions = DiffOptions {
    create_organization: true,
    prune: false,
    quotas: OnQuota::Unchecked,
};

pub(super) const KEEP: DiffOptions = DiffOptions {
    create_organization: false,
    prune: false,
    quotas: OnQuota::Unchecked,
};

pub(super) const PRUNE: DiffOptions = DiffOptions {
    create_organization: false,
    prune: true,
    quotas: OnQuota::Unchecked,
};

/// The inventory after every change was made, in the graph's order.
pub(super) fn applied(
    plan: &OrgPlan,
    desired: &Desired,
    inventory: Inventory,
    diff: Diff,
) -> Inventory {
    assert_eq!(diff.problems, vec![]);
    let mut simulation = Simulation::new(inventory, diff.bindings, desired);
    for change in graph(diff.changes).unwrap().changes() {
        simulation.apply(change);
    }
    simulation.observed(&plan.organization.regions)
}

/// An organization that satisfies a plan, made from nothing.
pub(super) fn satisfied(plan: &OrgPlan, desired: &Desired) -> Inventory {
    let found = diff(plan, desired, &empty(), &CREATE);
    applied(plan, desired, empty(), found)
}

/// An organization that satisfies the sample plan.
pub(super) fn settled() -> Inventory {
    satisfied(&plan(), &desired())
}

pub(super) fn compare(inventory: &Inventory) -> Diff {
    diff(&plan(), &desired(), inventory, &KEEP)
}

pub(super) fn addresses(diff: &Diff) -> Vec<String> {
    diff.changes.iter().map(|c| c.address.to_string()).collect()
}

pub(super) fn change<'a>(diff: &'a Diff, address: &str) -> &'a Change {
    diff.changes
        .iter()
        .find(|change| change.address.to_string() == address)
        .unwrap_or_else(|| panic!("no `{address}` among {:?}", addresses(diff)))
}

/// `field: before -> after` of every field.
pub(super) fn fields(change: &Change) -> Vec<String> {
    let show = |field: &crate::change::FieldChange| {
        let before = field.before.as_deref().unwrap_or("-");
        let after = field.after.as_ref().map_or("-".to_owned(), Expr::to_string);
        format!("{}: {before} -> {after}", field.field)
    };
    change.fields.iter().map(show).collect()
}

pub(super) fn member_of<'a>(inventory: &'a mut Inventory, name: &str) -> &'a mut AccountFacts {
    let accounts = super::simulate::known(&mut inventory.accounts);
    accounts
        .values_mut()
        .find(|facts| facts.name == name)
        .unwrap()
}

pub(super) fn ou_of<'a>(inventory: &'a mut Inventory, at: &str) -> &'a mut OuFacts {
    let ous = super::simulate::known(&mut inventory.ous);
    ous.values_mut()
        .find(|facts| facts.path == path(at))
        .unwrap()
}

pub(super) fn policy_of<'a>(inventory: &'a mut Inventory, name: &str) -> &'a mut PolicyFacts {
    let policies = super::simulate::known(&mut inventory.policies);
    policies
        .values_mut()
        .find(|facts| facts.name == name)
        .unwrap()
}

pub(super) fn set_of(inventory: &mut Inventory) -> &mut StackSetFacts {
    let sets = super::simulate::known(&mut inventory.stack_sets);
    sets.get_mut("orgstrap-config-recorder").unwrap()
}

/// What is said of something that is not in the plan.
pub(super) fn told(diff: &Diff, kind: &str, name: &str) -> String {
    diff.unmanaged
        .iter()
        .find(|one| one.kind == kind && one.name == name)
        .unwrap_or_else(|| panic!("no {kind} {name} among {:?}", diff.unmanaged))
        .note
        .clone()
}

pub(super) fn unread<T>() -> Observed<T> {
    Observed::Unread(ReadFailure {
        operation: "organizations:Read".to_owned(),
        reason: "AccessDeniedException".to_owned(),
    })
}

/// The id of an account by its name.
pub(super) fn id_of(inventory: &Inventory, name: &str) -> AccountId {
    let accounts = inventory.accounts.known().unwrap();
    let found = accounts.values().find(|facts| facts.name == name);
    found.unwrap().id.clone()
}
