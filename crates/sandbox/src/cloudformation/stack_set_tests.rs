//! Stack sets, rule by rule. The rules are from the CloudFormation API reference and the StackSets user guide.

use serde_json::{Value, json};

use super::fixtures::{
    HOME, LOGGING, MANAGEMENT, OTHER, OU_PROD, OU_SECURITY, OU_WORK, ROOT, SECOPS, call,
    move_account, parameters, sets, wait, workload, world,
};
use crate::world::World;

const TOPIC: &str = "Parameters: {Name: {Type: String, Default: one}}\nResources: {Topic: {Type: 'AWS::SNS::Topic', Properties: {TopicName: watched, DisplayName: !Ref Name}}}";

fn create_set(world: &mut World, name: &str, more: Value) {
    sets(world, "ActivateOrganizationsAccess", json!({})).unwrap();
    let mut input = json!({
        "StackSetName": name, "TemplateBody": TOPIC, "PermissionModel": "SERVICE_MANAGED",
        "AutoDeployment": {"Enabled": true, "RetainStacksOnAccountRemoval": false}, "ManagedExecution": {"Active": true},
    });
    input
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap());
    sets(world, "CreateStackSet", input).unwrap();
}

fn fast() -> Value {
    json!({"RegionConcurrencyType": "PARALLEL", "MaxConcurrentPercentage": 100, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE"})
}

fn instances(world: &mut World, ous: &[&str], regions: &[&str]) -> String {
    let input = json!({
        "StackSetName": "s", "DeploymentTargets": {"OrganizationalUnitIds": ous}, "Regions": regions, "OperationPreferences": fast(),
    });
    sets(world, "CreateStackInstances", input).unwrap()["OperationId"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn status(world: &mut World, operation: &str) -> Value {
    let found = sets(
        world,
        "DescribeStackSetOperation",
        json!({"StackSetName": "s", "OperationId": operation}),
    )
    .unwrap();
    found["StackSetOperation"].clone()
}

/// `account/region status detailed` of every instance.
fn listed(world: &mut World) -> Vec<String> {
    let found = sets(world, "ListStackInstances", json!({"StackSetName": "s"})).unwrap();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    found["Summaries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| {
            format!(
                "{}/{} {} {}",
                text(&i["Account"]),
                text(&i["Region"]),
                text(&i["Status"]),
                text(&i["StackInstanceStatus"]["DetailedStatus"])
            )
        })
        .collect()
}

fn topic(world: &World, account: &str, region: &str) -> Option<String> {
    world
        .region(account, region)?
        .sns
        .topics
        .get("watched")?
        .get("DisplayName")
        .cloned()
}

#[test]
fn trusted_access_alone_is_not_enough() {
    let mut world = world(0);
    world
        .organization
        .as_mut()
        .unwrap()
        .trusted
        .insert(super::stack_set::PRINCIPAL.to_owned(), crate::Time::START);
    let input =
        json!({"StackSetName": "s", "TemplateBody": TOPIC, "PermissionModel": "SERVICE_MANAGED"});
    let refused = sets(&mut world, "CreateStackSet", input).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ValidationError: You must enable organizations access to operate a service managed stack set"
    );
}

#[test]
fn ous_include_child_ous_and_never_the_management_account() {
    let mut world = world(1);
    create_set(&mut world, "s", json!({}));
    let operation = instances(&mut world, &[ROOT], &[HOME, OTHER]);
    assert_eq!(status(&mut world, &operation)["Status"], json!("RUNNING"));
    wait(&mut world, 300);
    assert_eq!(status(&mut world, &operation)["Status"], json!("SUCCEEDED"));
    let accounts: Vec<String> = listed(&mut world)
        .iter()
        .map(|l| l[..12].to_owned())
        .collect();
    assert_eq!(
        accounts,
        [LOGGING, LOGGING, SECOPS, SECOPS, &workload(0), &workload(0)]
    );
    assert!(
        topic(&world, &workload(0), OTHER).is_some() && topic(&world, MANAGEMENT, HOME).is_none()
    );
}

#[test]
fn account_filters_intersect_and_subtract_and_union_is_refused_on_create() {
    let mut world = world(3);
    create_set(&mut world, "s", json!({}));
    let filtered = |filter: Value| {
        let mut targets = json!({"OrganizationalUnitIds": [OU_PROD], "Accounts": [workload(1)]});
        targets
            .as_object_mut()
            .unwrap()
            .extend(filter.as_object().cloned().unwrap());
        json!({"StackSetName": "s", "DeploymentTargets": targets, "Regions": [HOME]})
    };
    for union in [json!({}), json!({"AccountFilterType": "UNION"})] {
        assert_eq!(
            sets(&mut world, "CreateStackInstances", filtered(union))
                .unwrap_err()
                .code,
            "ValidationError"
        );
    }
    sets(
        &mut world,
        "CreateStackInstances",
        filtered(json!({"AccountFilterType": "INTERSECTION"})),
    )
    .unwrap();
    wait(&mut world, 100);
    assert_eq!(
        listed(&mut world),
        [format!("{}/{HOME} CURRENT SUCCEEDED", workload(1))]
    );
    sets(
        &mut world,
        "CreateStackInstances",
        filtered(json!({"AccountFilterType": "DIFFERENCE"})),
    )
    .unwrap();
    wait(&mut world, 300);
    assert_eq!(listed(&mut world).len(), 3);
}

#[test]
fn one_operation_at_a_time_unless_execution_is_managed() {
    let mut world = world(2);
    create_set(
        &mut world,
        "s",
        json!({"ManagedExecution": {"Active": false}}),
    );
    instances(&mut world, &[OU_PROD], &[HOME]);
    let more = json!({"StackSetName": "s", "DeploymentTargets": {"OrganizationalUnitIds": [OU_SECURITY]}, "Regions": [HOME]});
    assert_eq!(
        sets(&mut world, "CreateStackInstances", more.clone())
            .unwrap_err()
            .code,
        "OperationInProgressException"
    );
    wait(&mut world, 300);
    sets(&mut world, "UpdateStackSet", json!({"StackSetName": "s", "UsePreviousTemplate": true, "ManagedExecution": {"Active": true}})).unwrap();
    let queued = sets(&mut world, "CreateStackInstances", more).unwrap()["OperationId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(status(&mut world, &queued)["Status"], json!("QUEUED"));
    wait(&mut world, 300);
    assert_eq!(status(&mut world, &queued)["Status"], json!("SUCCEEDED"));
}

#[test]
fn an_operation_id_can_be_used_once() {
    let mut world = world(1);
    create_set(&mut world, "s", json!({}));
    let input = json!({"StackSetName": "s", "OperationId": "mine", "DeploymentTargets": {"OrganizationalUnitIds": [OU_PROD]}, "Regions": [HOME]});
    sets(&mut world, "CreateStackInstances", input.clone()).unwrap();
    assert_eq!(
        sets(&mut world, "CreateStackInstances", input)
            .unwrap_err()
            .code,
        "OperationIdAlreadyExistsException"
    );
}

#[test]
fn an_unchanged_update_deploys_nothing() {
    let mut world = world(1);
    create_set(&mut world, "s", json!({}));
    instances(&mut world, &[OU_PROD], &[HOME]);
    wait(&mut world, 300);
    let stack = |world: &World| {
        let stacks = &world
            .region(&workload(0), HOME)
            .unwrap()
            .cloudformation
            .stacks;
        stacks.values().next().unwrap().events.len()
    };
    let before = stack(&world);
    // Somebody breaks what the stack made: an update without changes does not fix it.
    world
        .region_mut(&workload(0), HOME)
        .unwrap()
        .sns
        .topics
        .clear();
    sets(
        &mut world,
        "UpdateStackSet",
        json!({"StackSetName": "s", "UsePreviousTemplate": true}),
    )
    .unwrap();
    wait(&mut world, 300);
    assert_eq!(stack(&world), before);
    assert_eq!(topic(&world, &workload(0), HOME), None);
    assert_eq!(
        listed(&mut world),
        [format!("{}/{HOME} CURRENT SUCCEEDED", workload(0))]
    );
}

#[test]
fn a_targeted_update_changes_the_set_for_all_and_leaves_the_others_outdated() {
    let mut world = world(1);
    create_set(&mut world, "s", json!({}));
    instances(&mut world, &[OU_PROD, OU_SECURITY], &[HOME]);
    wait(&mut world, 300);
    let update = json!({
        "StackSetName": "s", "UsePreviousTemplate": true, "Parameters": parameters(&[("Name", "two")]),
        "DeploymentTargets": {"OrganizationalUnitIds": [OU_SECURITY]}, "Regions": [HOME], "OperationPreferences": fast(),
    });
    sets(&mut world, "UpdateStackSet", update).unwrap();
    wait(&mut world, 300);
    assert_eq!(topic(&world, LOGGING, HOME).as_deref(), Some("two"));
    assert_eq!(topic(&world, &workload(0), HOME).as_deref(), Some("one"));
    assert_eq!(
        listed(&mut world),
        [
            format!("{LOGGING}/{HOME} CURRENT SUCCEEDED"),
            format!("{SECOPS}/{HOME} CURRENT SUCCEEDED"),
            format!("{}/{HOME} OUTDATED SUCCEEDED", workload(0)),
        ]
    );
    // An account that joins in the meantime gets the new template.
    world.organization.as_mut().unwrap();
    move_account(&mut world, &workload(0), ROOT);
    wait(&mut world, 300);
    move_account(&mut world, &workload(0), OU_PROD);
    wait(&mut world, 300);
    assert_eq!(topic(&world, &workload(0), HOME).as_deref(), Some("two"));
}

#[test]
fn an_untargeted_update_reaches_every_outdated_instance() {
    let mut world = world(1);
    create_set(&mut world, "s", json!({}));
    instances(&mut world, &[OU_PROD, OU_SECURITY], &[HOME]);
    wait(&mut world, 300);
    let targeted = json!({
        "StackSetName": "s", "UsePreviousTemplate": true, "Parameters": parameters(&[("Name", "two")]),
        "DeploymentTargets": {"OrganizationalUnitIds": [OU_SECURITY]}, "Regions": [HOME], "OperationPreferences": fast(),
    });
    sets(&mut world, "UpdateStackSet", targeted).unwrap();
    wait(&mut world, 300);
    let toggle = json!({
        "StackSetName": "s", "UsePreviousTemplate": true, "AutoDeployment": {"Enabled": false}, "OperationPreferences": fast(),
        "Parameters": [{"ParameterKey": "Name", "UsePreviousValue": true}],
    });
    sets(&mut world, "UpdateStackSet", toggle).unwrap();
    wait(&mut world, 300);
    assert_eq!(topic(&world, &workload(0), HOME).as_deref(), Some("two"));
}

#[test]
fn overrides_stay_over_updates() {
    let mut world = world(1);
    create_set(&mut world, "s", json!({}));
    let input = json!({
        "StackSetName": "s", "DeploymentTargets": {"OrganizationalUnitIds": [OU_PROD]}, "Regions": [HOME],
        "ParameterOverrides": parameters(&[("Name", "own")]),
    });
    sets(&mut world, "CreateStackInstances", input).unwrap();
    wait(&mut world, 300);
    sets(&mut world, "UpdateStackSet", json!({"StackSetName": "s", "UsePreviousTemplate": true, "Parameters": parameters(&[("Name", "two")])})).unwrap();
    wait(&mut world, 300);
    assert_eq!(topic(&world, &workload(0), HOME).as_deref(), Some("own"));
}

#[test]
fn suspended_accounts_are_skipped_and_are_no_failure() {
    let mut world = world(2);
    create_set(&mut world, "s", json!({}));
    world
        .organization
        .as_mut()
        .unwrap()
        .members
        .get_mut(&workload(0))
        .unwrap()
        .state = "SUSPENDED".to_owned();
    let operation = instances(&mut world, &[OU_PROD], &[HOME]);
    wait(&mut world, 300);
    assert_eq!(status(&mut world, &operation)["Status"], json!("SUCCEEDED"));
    assert_eq!(
        listed(&mut world)[0],
        format!("{}/{HOME} OUTDATED SKIPPED_SUSPENDED_ACCOUNT", workload(0))
    );
}

#[test]
fn success_may_hide_tolerated_failures() {
    let mut world = world(3);
    create_set(
        &mut world,
        "s",
        json!({"TemplateBody": "Resources: {D: {Type: 'AWS::GuardDuty::Detector', Properties: {Enable: true}}}"}),
    );
    call(
        &mut world,
        &workload(1),
        HOME,
        "guardduty",
        "CreateDetector",
        json!({"Enable": true}),
    )
    .unwrap();
    let mut preferences = fast();
    preferences["FailureToleranceCount"] = json!(1);
    let input = json!({"StackSetName": "s", "DeploymentTargets": {"OrganizationalUnitIds": [OU_PROD]}, "Regions": [HOME], "OperationPreferences": preferences});
    let operation = sets(&mut world, "CreateStackInstances", input).unwrap()["OperationId"]
        .as_str()
        .unwrap()
        .to_owned();
    wait(&mut world, 300);
    let found = status(&mut world, &operation);
    assert_eq!(
        (
            &found["Status"],
            &found["StatusDetails"]["FailedStackInstancesCount"]
        ),
        (&json!("SUCCEEDED"), &json!(1))
    );
    assert_eq!(
        listed(&mut world)[1],
        format!("{}/{HOME} OUTDATED FAILED", workload(1))
    );
    let results = sets(
        &mut world,
        "ListStackSetOperationResults",
        json!({"StackSetName": "s", "OperationId": operation}),
    )
    .unwrap()
    .to_string();
    assert!(
        results.contains("a detector already exists for the current account"),
        "{results}"
    );
    // Without tolerance the same failure ends the operation.
    let strict = json!({"StackSetName": "s", "DeploymentTargets": {"OrganizationalUnitIds": [OU_PROD]}, "Regions": [HOME]});
    let operation = sets(&mut world, "CreateStackInstances", strict).unwrap()["OperationId"]
        .as_str()
        .unwrap()
        .to_owned();
    wait(&mut world, 300);
    assert_eq!(status(&mut world, &operation)["Status"], json!("FAILED"));
}

#[test]
fn leaving_every_target_deletes_the_stacks_and_joining_makes_them() {
    let mut world = world(1);
    create_set(&mut world, "s", json!({}));
    instances(&mut world, &[OU_WORK], &[HOME, OTHER]);
    wait(&mut world, 300);
    move_account(&mut world, &workload(0), OU_SECURITY);
    wait(&mut world, 300);
    assert_eq!(
        (listed(&mut world).len(), topic(&world, &workload(0), HOME)),
        (0, None)
    );
    move_account(&mut world, &workload(0), OU_PROD);
    wait(&mut world, 300);
    assert_eq!(listed(&mut world).len(), 2);
    assert!(topic(&world, &workload(0), OTHER).is_some());
    // Inside one target a move changes nothing.
    move_account(&mut world, &workload(0), OU_WORK);
    let before = sets(
        &mut world,
        "ListStackSetOperations",
        json!({"StackSetName": "s"}),
    )
    .unwrap();
    wait(&mut world, 300);
    assert_eq!(
        sets(
            &mut world,
            "ListStackSetOperations",
            json!({"StackSetName": "s"})
        )
        .unwrap(),
        before
    );
}

#[test]
fn a_set_that_depends_on_another_gives_its_stacks_after_it() {
    let mut world = world(1);
    move_account(&mut world, &workload(0), OU_SECURITY);
    create_set(&mut world, "z-first", json!({}));
    let described = sets(
        &mut world,
        "DescribeStackSet",
        json!({"StackSetName": "z-first"}),
    );
    let arn = described.unwrap()["StackSet"]["StackSetARN"].clone();
    let after = json!({"AutoDeployment": {"Enabled": true, "RetainStacksOnAccountRemoval": false, "DependsOn": [arn]}});
    create_set(&mut world, "a-second", after.clone());
    let nothing = json!({"AutoDeployment": {"Enabled": true, "RetainStacksOnAccountRemoval": false, "DependsOn": ["arn:aws:cloudformation:eu-west-1:111111111111:stackset/none:1"]}});
    let mut input = json!({"StackSetName": "a-second", "UsePreviousTemplate": true});
    input["AutoDeployment"] = nothing["AutoDeployment"].clone();
    assert!(sets(&mut world, "UpdateStackSet", input).is_err());
    for name in ["a-second", "z-first"] {
        let input = json!({"StackSetName": name, "DeploymentTargets": {"OrganizationalUnitIds": [OU_WORK]}, "Regions": [HOME]});
        sets(&mut world, "CreateStackInstances", input).unwrap();
    }
    wait(&mut world, 300);
    move_account(&mut world, &workload(0), OU_PROD);
    wait(&mut world, 600);
    let mut newest = |name: &str| {
        let all = sets(
            &mut world,
            "ListStackSetOperations",
            json!({"StackSetName": name}),
        );
        all.unwrap()["Summaries"][0].clone()
    };
    let (first, second) = (newest("z-first"), newest("a-second"));
    assert_eq!(
        (first["Action"].as_str(), second["Action"].as_str()),
        (Some("CREATE"), Some("CREATE"))
    );
    let (ended, begun) = (&first["EndTimestamp"], &second["CreationTimestamp"]);
    assert!(
        ended.as_f64() <= begun.as_f64() && ended.as_str() <= begun.as_str(),
        "{ended} {begun}"
    );
}

#[test]
fn leaving_with_retention_orphans_the_stacks() {
    let mut world = world(1);
    create_set(
        &mut world,
        "s",
        json!({"AutoDeployment": {"Enabled": true, "RetainStacksOnAccountRemoval": true}}),
    );
    instances(&mut world, &[OU_PROD], &[HOME]);
    wait(&mut world, 300);
    move_account(&mut world, &workload(0), OU_SECURITY);
    wait(&mut world, 300);
    assert!(listed(&mut world).is_empty() && topic(&world, &workload(0), HOME).is_some());
}

#[test]
fn deleting_instances_deletes_their_stacks_and_then_the_set_can_go() {
    let mut world = world(1);
    create_set(
        &mut world,
        "s",
        json!({"Tags": [{"Key": "owner", "Value": "x"}]}),
    );
    instances(&mut world, &[OU_PROD], &[HOME]);
    wait(&mut world, 300);
    let id = world
        .region(&workload(0), HOME)
        .unwrap()
        .cloudformation
        .stacks
        .values()
        .next()
        .unwrap();
    assert_eq!(id.tags.get("owner").map(String::as_str), Some("x"));
    assert_eq!(
        sets(&mut world, "DeleteStackSet", json!({"StackSetName": "s"}))
            .unwrap_err()
            .code,
        "StackSetNotEmptyException"
    );
    let input = json!({"StackSetName": "s", "DeploymentTargets": {"OrganizationalUnitIds": [OU_PROD]}, "Regions": [HOME], "RetainStacks": false});
    sets(&mut world, "DeleteStackInstances", input).unwrap();
    wait(&mut world, 300);
    assert_eq!(topic(&world, &workload(0), HOME), None);
    sets(&mut world, "DeleteStackSet", json!({"StackSetName": "s"})).unwrap();
    assert_eq!(
        sets(&mut world, "DescribeStackSet", json!({"StackSetName": "s"}))
            .unwrap_err()
            .code,
        "StackSetNotFoundException"
    );
}

#[test]
fn delegated_administrators_say_so() {
    let mut world = world(0);
    create_set(&mut world, "s", json!({}));
    let ask = |world: &mut World, input: Value| {
        call(
            world,
            SECOPS,
            HOME,
            "cloudformation",
            "DescribeStackSet",
            input,
        )
    };
    assert!(
        ask(
            &mut world,
            json!({"StackSetName": "s", "CallAs": "DELEGATED_ADMIN"})
        )
        .is_err()
    );
    let organization = world.organization.as_mut().unwrap();
    organization
        .delegated
        .entry(SECOPS.to_owned())
        .or_default()
        .insert(super::stack_set::PRINCIPAL.to_owned(), crate::Time::START);
    assert!(
        ask(
            &mut world,
            json!({"StackSetName": "s", "CallAs": "DELEGATED_ADMIN"})
        )
        .is_ok()
    );
    assert_eq!(
        ask(&mut world, json!({"StackSetName": "s"}))
            .unwrap_err()
            .code,
        "StackSetNotFoundException"
    );
}

#[test]
fn a_world_in_the_middle_of_a_rollout_can_be_saved_and_goes_on() {
    let mut first = world(3);
    create_set(&mut first, "s", json!({}));
    instances(&mut first, &[OU_PROD], &[HOME]);
    wait(&mut first, 10);
    let mut second: World = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
    wait(&mut first, 300);
    wait(&mut second, 300);
    assert_eq!(first, second);
    assert_eq!(listed(&mut second).len(), 3);
}

#[test]
fn a_thousand_accounts_in_two_regions() {
    let mut world = world(1000);
    create_set(&mut world, "s", json!({}));
    let operation = instances(&mut world, &[OU_PROD], &[HOME, OTHER]);
    wait(&mut world, 600);
    assert_eq!(status(&mut world, &operation)["Status"], json!("SUCCEEDED"));
    assert!(topic(&world, &workload(999), OTHER).is_some());
}
