//! Drift detection, rule by rule. The rules are from the CloudFormation user guide ("Detect unmanaged configuration
//! changes", "Performing drift detection on CloudFormation StackSets") and the API reference.

use serde_json::{Value, json};

use super::fixtures::{HOME, LOGGING, MANAGEMENT, OU_SECURITY, SECOPS, call, sets, wait, world};
use crate::world::World;

const BUCKET: &str = "
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: watched-bucket
      VersioningConfiguration: {Status: Enabled}
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: {SSEAlgorithm: 'aws:kms'}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument: {Version: '2012-10-17', Statement: []}
";

const RULE: &str = "
Resources:
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Name: watcher
      State: ENABLED
      EventPattern: {source: ['aws.ec2']}
";

fn make(world: &mut World, name: &str, template: &str) {
    let input = json!({"StackName": name, "TemplateBody": template, "Capabilities": ["CAPABILITY_NAMED_IAM"]});
    sets(world, "CreateStack", input).unwrap();
    wait(world, 600);
}

fn begin(world: &mut World, name: &str) -> String {
    let begun = sets(world, "DetectStackDrift", json!({"StackName": name})).unwrap();
    begun["StackDriftDetectionId"].as_str().unwrap().to_owned()
}

fn status(world: &mut World, id: &str) -> Value {
    let input = json!({"StackDriftDetectionId": id});
    sets(world, "DescribeStackDriftDetectionStatus", input).unwrap()
}

fn detect(world: &mut World, name: &str) -> Value {
    let id = begin(world, name);
    wait(world, 120);
    status(world, &id)
}

fn drifts(world: &mut World, name: &str) -> Vec<Value> {
    let found = sets(
        world,
        "DescribeStackResourceDrifts",
        json!({"StackName": name}),
    );
    found.unwrap()["StackResourceDrifts"]
        .as_array()
        .unwrap()
        .clone()
}

fn edit(world: &mut World, service: &str, operation: &str, input: Value) {
    call(world, MANAGEMENT, HOME, service, operation, input).unwrap();
}

#[test]
fn detection_takes_time_and_one_runs_at_a_time() {
    let mut world = world(0);
    make(&mut world, "b", BUCKET);
    let id = begin(&mut world, "b");
    let now = status(&mut world, &id);
    assert_eq!(now["DetectionStatus"], "DETECTION_IN_PROGRESS");
    // "This is NULL until the drift detection operation reaches a status of DETECTION_COMPLETE."
    assert!(now["DriftedStackResourceCount"].is_null());
    let again = sets(&mut world, "DetectStackDrift", json!({"StackName": "b"})).unwrap_err();
    assert!(again.message.contains("already in progress"), "{again}");
    wait(&mut world, 120);
    let then = status(&mut world, &id);
    assert_eq!(then["DetectionStatus"], "DETECTION_COMPLETE");
    assert_eq!(then["StackDriftStatus"], "IN_SYNC");
    assert_eq!(then["DriftedStackResourceCount"], 0);
}

#[test]
fn a_changed_property_is_told_with_its_path_and_a_policy_is_not_looked_at() {
    let mut world = world(0);
    make(&mut world, "b", BUCKET);
    edit(
        &mut world,
        "s3",
        "PutBucketVersioning",
        json!({"Bucket": "watched-bucket", "VersioningConfiguration": {"Status": "Suspended"}}),
    );
    edit(
        &mut world,
        "s3",
        "DeleteBucketPolicy",
        json!({"Bucket": "watched-bucket"}),
    );
    let found = detect(&mut world, "b");
    assert_eq!(found["StackDriftStatus"], "DRIFTED");
    assert_eq!(found["DriftedStackResourceCount"], 1);
    let drifts = drifts(&mut world, "b");
    assert_eq!(drifts.len(), 1, "{drifts:?}");
    let drift = drifts.first().unwrap();
    assert_eq!(drift["LogicalResourceId"], "Bucket");
    assert_eq!(drift["StackResourceDriftStatus"], "MODIFIED");
    assert_eq!(
        drift["PropertyDifferences"],
        json!([{"PropertyPath": "/VersioningConfiguration/Status", "ExpectedValue": "Enabled",
                "ActualValue": "Suspended", "DifferenceType": "NOT_EQUAL"}])
    );
    let described = sets(&mut world, "DescribeStacks", json!({"StackName": "b"})).unwrap();
    assert_eq!(
        described["Stacks"][0]["DriftInformation"]["StackDriftStatus"],
        "DRIFTED"
    );
    let listed = sets(&mut world, "ListStackResources", json!({"StackName": "b"})).unwrap();
    let of = |name: &str| {
        let all = listed["StackResourceSummaries"].as_array().unwrap().clone();
        let found = all.into_iter().find(|r| r["LogicalResourceId"] == name);
        found.unwrap()["DriftInformation"]["StackResourceDriftStatus"].clone()
    };
    assert_eq!(of("Policy"), "NOT_CHECKED");
    assert_eq!(of("Bucket"), "MODIFIED");
}

#[test]
fn a_deleted_resource_is_told_as_deleted() {
    let mut world = world(0);
    make(&mut world, "r", RULE);
    edit(
        &mut world,
        "events",
        "DeleteRule",
        json!({"Name": "watcher"}),
    );
    assert_eq!(detect(&mut world, "r")["StackDriftStatus"], "DRIFTED");
    let drifts = drifts(&mut world, "r");
    let drift = drifts.first().unwrap();
    assert_eq!(drift["StackResourceDriftStatus"], "DELETED");
    assert!(drift["ActualProperties"].is_null() && drift["PropertyDifferences"].is_null());
}

/// User guide: "a stack … is considered IN_SYNC if it has no resources that support drift detection".
#[test]
fn a_stack_with_nothing_to_check_is_in_sync() {
    let mut world = world(0);
    let template = "Resources: {Policy: {Type: 'AWS::IAM::Policy', Properties: {PolicyName: p, PolicyDocument: {Statement: []}}}}";
    make(&mut world, "p", template);
    assert_eq!(detect(&mut world, "p")["StackDriftStatus"], "IN_SYNC");
    assert!(drifts(&mut world, "p").is_empty());
    let refused = sets(
        &mut world,
        "DetectStackResourceDrift",
        json!({"StackName": "p", "LogicalResourceId": "Policy"}),
    );
    assert_eq!(refused.unwrap_err().code, "ValidationError");
}

#[test]
fn one_resource_can_be_looked_at_by_itself() {
    let mut world = world(0);
    make(&mut world, "r", RULE);
    let pattern = json!({"Name": "watcher", "EventPattern": "{\"source\":[\"aws.s3\"]}"});
    edit(&mut world, "events", "PutRule", pattern);
    let found = sets(
        &mut world,
        "DetectStackResourceDrift",
        json!({"StackName": "r", "LogicalResourceId": "Rule"}),
    )
    .unwrap();
    let drift = &found["StackResourceDrift"];
    assert_eq!(
        drift["PropertyDifferences"],
        json!([{"PropertyPath": "/EventPattern/source/0", "ExpectedValue": "aws.ec2",
                "ActualValue": "aws.s3", "DifferenceType": "NOT_EQUAL"}])
    );
}

/// A detection in progress holds other operations back, as any operation does; each instance is looked at by itself,
/// and one whose stack somebody deleted fails.
#[test]
fn a_set_is_looked_at_instance_by_instance() {
    let mut world = world(0);
    sets(&mut world, "ActivateOrganizationsAccess", json!({})).unwrap();
    let set = json!({"StackSetName": "s", "TemplateBody": RULE, "PermissionModel": "SERVICE_MANAGED",
                     "AutoDeployment": {"Enabled": false}});
    sets(&mut world, "CreateStackSet", set).unwrap();
    let input = json!({
        "StackSetName": "s", "DeploymentTargets": {"OrganizationalUnitIds": [OU_SECURITY]}, "Regions": [HOME],
        "OperationPreferences": {"MaxConcurrentPercentage": 100, "FailureTolerancePercentage": 100},
    });
    sets(&mut world, "CreateStackInstances", input).unwrap();
    wait(&mut world, 600);
    let disable = json!({"Name": "watcher"});
    call(&mut world, LOGGING, HOME, "events", "DisableRule", disable).unwrap();
    let input = json!({"StackSetName": "s", "OperationPreferences": {"MaxConcurrentPercentage": 100, "FailureTolerancePercentage": 100}});
    let begun = sets(&mut world, "DetectStackSetDrift", input.clone()).unwrap();
    let busy = sets(&mut world, "DetectStackSetDrift", input.clone()).unwrap_err();
    assert_eq!(busy.code, "OperationInProgressException");
    let id = begun["OperationId"].clone();
    let operation = |world: &mut World, id: &Value| {
        let input = json!({"StackSetName": "s", "OperationId": id});
        sets(world, "DescribeStackSetOperation", input).unwrap()["StackSetOperation"].clone()
    };
    let during = operation(&mut world, &id);
    assert_eq!(during["Action"], "DETECT_DRIFT");
    let details = &during["StackSetDriftDetectionDetails"];
    assert_eq!(details["DriftDetectionStatus"], "IN_PROGRESS");
    assert_eq!(details["InProgressStackInstancesCount"], 2);
    wait(&mut world, 600);
    let after = operation(&mut world, &id);
    assert_eq!(after["Status"], "SUCCEEDED");
    let details = &after["StackSetDriftDetectionDetails"];
    assert_eq!(details["DriftDetectionStatus"], "COMPLETED");
    assert_eq!(details["DriftStatus"], "DRIFTED");
    assert_eq!(details["DriftedStackInstancesCount"], 1);
    assert_eq!(details["InSyncStackInstancesCount"], 1);
    let drifted = sets(
        &mut world,
        "ListStackInstances",
        json!({"StackSetName": "s", "Filters": [{"Name": "DRIFT_STATUS", "Values": "DRIFTED"}]}),
    )
    .unwrap();
    let drifted = drifted["Summaries"].as_array().unwrap();
    assert_eq!(drifted.len(), 1);
    assert_eq!(drifted[0]["Account"], LOGGING);
    assert_eq!(
        drifted[0]["StackInstanceStatus"]["DetailedStatus"],
        "SUCCEEDED"
    );
    let found = sets(
        &mut world,
        "ListStackInstanceResourceDrifts",
        json!({"StackSetName": "s", "StackInstanceAccount": LOGGING, "StackInstanceRegion": HOME, "OperationId": id}),
    )
    .unwrap();
    assert_eq!(
        found["Summaries"][0]["PropertyDifferences"][0]["PropertyPath"],
        "/State"
    );
    // A stack that is gone cannot be looked at.
    let gone = drifted[0]["StackId"].clone();
    call(
        &mut world,
        LOGGING,
        HOME,
        "cloudformation",
        "DeleteStack",
        json!({"StackName": gone}),
    )
    .unwrap();
    wait(&mut world, 600);
    let begun = sets(&mut world, "DetectStackSetDrift", input).unwrap();
    wait(&mut world, 600);
    let after = operation(&mut world, &begun["OperationId"]);
    let details = &after["StackSetDriftDetectionDetails"];
    assert_eq!(details["DriftDetectionStatus"], "PARTIAL_SUCCESS");
    assert_eq!(details["FailedStackInstancesCount"], 1);
    let unknown = json!({"StackSetName": "s", "StackInstanceAccount": SECOPS, "StackInstanceRegion": HOME, "OperationId": "no"});
    let refused = sets(&mut world, "ListStackInstanceResourceDrifts", unknown).unwrap_err();
    assert_eq!(refused.code, "OperationNotFoundException");
}
