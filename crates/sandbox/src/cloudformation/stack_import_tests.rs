//! The import of stacks into a stack set, rule by rule. The rules are from the CloudFormation API reference and the
//! StackSets user guide.

use serde_json::{Value, json};

use super::fixtures::{
    HOME, MANAGEMENT, OU_PROD, OU_SECURITY, OU_WORK, ROOT, call, parameters, sets, wait, workload,
    world,
};
use crate::world::World;

const TOPIC: &str = "Parameters: {Name: {Type: String, Default: one}}\nResources: {Topic: {Type: 'AWS::SNS::Topic', Properties: {TopicName: watched, DisplayName: !Ref Name}}}";

/// A world with a service-managed set of the template and, in each account, a plain stack of it whose name is `own`.
fn with_stacks(accounts: usize) -> (World, Vec<String>) {
    let mut world = world(accounts);
    sets(&mut world, "ActivateOrganizationsAccess", json!({})).unwrap();
    let set = json!({
        "StackSetName": "s", "TemplateBody": TOPIC, "PermissionModel": "SERVICE_MANAGED",
        "AutoDeployment": {"Enabled": true, "RetainStacksOnAccountRemoval": false}, "ManagedExecution": {"Active": true},
    });
    sets(&mut world, "CreateStackSet", set).unwrap();
    let ids = (0..accounts)
        .map(|number| plain(&mut world, &workload(number), TOPIC))
        .collect();
    wait(&mut world, 300);
    (world, ids)
}

fn plain(world: &mut World, account: &str, template: &str) -> String {
    let input = json!({"StackName": "old", "TemplateBody": template, "Parameters": parameters(&[("Name", "own")])});
    let made = call(world, account, HOME, "cloudformation", "CreateStack", input).unwrap();
    made["StackId"].as_str().unwrap().to_owned()
}

fn import(world: &mut World, ids: &[String], ous: &[&str]) -> Result<String, String> {
    let input = json!({"StackSetName": "s", "StackIds": ids, "OrganizationalUnitIds": ous});
    let answer = sets(world, "ImportStacksToStackSet", input).map_err(|error| error.code)?;
    wait(world, 300);
    Ok(answer["OperationId"].as_str().unwrap().to_owned())
}

fn operation(world: &mut World, id: &str) -> Value {
    let input = json!({"StackSetName": "s", "OperationId": id});
    sets(world, "DescribeStackSetOperation", input).unwrap()["StackSetOperation"].clone()
}

fn instance(world: &mut World, account: &str) -> Value {
    let input =
        json!({"StackSetName": "s", "StackInstanceAccount": account, "StackInstanceRegion": HOME});
    sets(world, "DescribeStackInstance", input).unwrap()["StackInstance"].clone()
}

fn topic(world: &World, account: &str) -> Option<String> {
    let topics = &world.region(account, HOME)?.sns.topics;
    topics.get("watched")?.get("DisplayName").cloned()
}

fn update(world: &mut World, operation: &str, more: Value) {
    let mut input = json!({"StackSetName": "s", "DeploymentTargets": {"OrganizationalUnitIds": [OU_PROD]}, "Regions": [HOME]});
    input
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap());
    sets(world, operation, input).unwrap();
    wait(world, 300);
}

/// "This operation doesn't create stack instances for other member accounts in the associated OUs"; "use those OUs as
/// deployment targets"; "A stack's custom parameter overrides aren't affected during the import operation."
#[test]
fn an_imported_stack_becomes_an_instance_and_keeps_its_parameters() {
    let (mut world, ids) = with_stacks(2);
    let done = import(&mut world, &ids[..1], &[OU_PROD]).unwrap();
    let done = operation(&mut world, &done);
    assert_eq!(
        (&done["Status"], &done["Action"]),
        (&json!("SUCCEEDED"), &json!("CREATE"))
    );
    let found = instance(&mut world, &workload(0));
    assert_eq!(found["StackId"], json!(ids[0]));
    assert_eq!(found["OrganizationalUnitId"], json!(OU_PROD));
    assert_eq!(found["Status"], json!("OUTDATED"));
    assert_eq!(found["ParameterOverrides"], parameters(&[("Name", "own")]));
    let listed = sets(
        &mut world,
        "ListStackInstances",
        json!({"StackSetName": "s"}),
    )
    .unwrap();
    assert_eq!(listed["Summaries"].as_array().unwrap().len(), 1);
    let set = sets(&mut world, "DescribeStackSet", json!({"StackSetName": "s"})).unwrap();
    assert_eq!(set["StackSet"]["OrganizationalUnitIds"], json!([OU_PROD]));
}

/// UpdateStackInstances: "To leave all parameters set to their present values, don't specify this property at all"; "To
/// set an overridden parameter back to the value specified in the StackSet, specify a parameter list but don't include
/// the parameter in the list."
#[test]
fn an_override_stays_until_a_list_leaves_it_out() {
    let (mut world, ids) = with_stacks(1);
    import(&mut world, &ids, &[OU_PROD]).unwrap();
    update(
        &mut world,
        "UpdateStackSet",
        json!({"TemplateBody": TOPIC, "Parameters": parameters(&[("Name", "two")])}),
    );
    update(&mut world, "UpdateStackInstances", json!({}));
    assert_eq!(topic(&world, &workload(0)).as_deref(), Some("own"));
    let keep = json!({"ParameterOverrides": [{"ParameterKey": "Name", "UsePreviousValue": true}]});
    update(&mut world, "UpdateStackInstances", keep);
    assert_eq!(topic(&world, &workload(0)).as_deref(), Some("own"));
    update(
        &mut world,
        "UpdateStackInstances",
        json!({"ParameterOverrides": []}),
    );
    assert_eq!(topic(&world, &workload(0)).as_deref(), Some("two"));
    let found = instance(&mut world, &workload(0));
    assert_eq!(found["ParameterOverrides"], json!([]));
    assert_eq!(found["Status"], json!("CURRENT"));
}

/// "Stack IDs presented in the input will map to the nearest OU"; "If a stack doesn't belong to an existing OU ID in
/// the input list", `StackNotFoundException`; "in any of the member accounts, and not the management account".
#[test]
fn stacks_are_found_through_the_nearest_of_the_ous() {
    let (mut world, ids) = with_stacks(1);
    let own = plain(&mut world, MANAGEMENT, TOPIC);
    wait(&mut world, 300);
    let not_found = Err("StackNotFoundException".to_owned());
    assert_eq!(import(&mut world, &ids, &[OU_SECURITY]), not_found);
    assert_eq!(import(&mut world, &[own], &[ROOT]), not_found);
    let gone = ids[0].replace("stack/old/", "stack/older/");
    assert_eq!(import(&mut world, &[gone], &[ROOT]), not_found);
    let invalid = Err("ValidationError".to_owned());
    assert_eq!(import(&mut world, &ids, &[]), invalid);
    assert_eq!(import(&mut world, &[], &[ROOT]), invalid);
    import(&mut world, &ids, &[ROOT, OU_WORK]).unwrap();
    let found = instance(&mut world, &workload(0));
    assert_eq!(found["OrganizationalUnitId"], json!(OU_WORK));
}

/// "You import up to 10 stacks per StackSet at a time."
#[test]
fn ten_stacks_go_in_one_call_and_eleven_do_not() {
    let (mut world, ids) = with_stacks(11);
    assert_eq!(
        import(&mut world, &ids, &[OU_PROD]),
        Err("LimitExceededException".to_owned())
    );
    import(&mut world, &ids[..10], &[OU_PROD]).unwrap();
}

/// "Stacks can only belong to one stack set"; `FAILED_IMPORT`: "Once the issues causing the failure are fixed, the import
/// operation can be retried."
#[test]
fn a_failed_import_can_be_tried_again() {
    let (mut world, ids) = with_stacks(1);
    let other = json!({"StackSetName": "other", "TemplateBody": TOPIC, "PermissionModel": "SERVICE_MANAGED"});
    sets(&mut world, "CreateStackSet", other).unwrap();
    let input =
        json!({"StackSetName": "other", "StackIds": ids, "OrganizationalUnitIds": [OU_PROD]});
    sets(&mut world, "ImportStacksToStackSet", input).unwrap();
    wait(&mut world, 300);
    let failed = import(&mut world, &ids, &[OU_PROD]).unwrap();
    assert_eq!(operation(&mut world, &failed)["Status"], json!("FAILED"));
    let found = instance(&mut world, &workload(0));
    assert_eq!(found["Status"], json!("INOPERABLE"));
    assert_eq!(
        found["StackInstanceStatus"]["DetailedStatus"],
        json!("FAILED_IMPORT")
    );
    // The other set lets go of it and keeps it.
    let forget = json!({
        "StackSetName": "other", "DeploymentTargets": {"OrganizationalUnitIds": [OU_PROD]}, "Regions": [HOME],
        "RetainStacks": true,
    });
    sets(&mut world, "DeleteStackInstances", forget).unwrap();
    wait(&mut world, 300);
    let done = import(&mut world, &ids, &[OU_PROD]).unwrap();
    assert_eq!(operation(&mut world, &done)["Status"], json!("SUCCEEDED"));
    assert_eq!(
        import(&mut world, &ids, &[OU_PROD]),
        Err("InvalidOperationException".to_owned())
    );
}

/// "Stacks that contain NoEcho won't be imported into new stack sets through StackSet import."
#[test]
fn stacks_with_hidden_parameters_are_not_imported() {
    let (mut world, _) = with_stacks(1);
    let template = TOPIC
        .replace("Type: String,", "Type: String, NoEcho: true,")
        .replace("watched", "hidden");
    let input = json!({"StackName": "secret", "TemplateBody": template, "Parameters": parameters(&[("Name", "own")])});
    let made = call(
        &mut world,
        &workload(0),
        HOME,
        "cloudformation",
        "CreateStack",
        input,
    );
    let ids = [made.unwrap()["StackId"].as_str().unwrap().to_owned()];
    wait(&mut world, 300);
    let failed = import(&mut world, &ids, &[OU_PROD]).unwrap();
    assert_eq!(operation(&mut world, &failed)["Status"], json!("FAILED"));
}
