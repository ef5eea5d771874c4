//! Stacks, and the templates of the three baselines in them.

use serde_json::{Value, json};

use super::fixtures::{HOME, LOGGING, MANAGEMENT, OTHER, SECOPS, call, parameters, wait, world};
use crate::world::World;

const TRAIL_LOGS: &str = include_str!("../../../../stacksets/cloudtrail-logs.yaml");
const TRAIL: &str = include_str!("../../../../stacksets/cloudtrail-trail.yaml");
const CONFIG_LOGS: &str = include_str!("../../../../stacksets/config-logs.yaml");
const RECORDER: &str = include_str!("../../../../stacksets/config-recorder.yaml");
const AGGREGATOR: &str = include_str!("../../../../stacksets/config-aggregator.yaml");
const FINDINGS: &str = include_str!("../../../../stacksets/guardduty-findings.yaml");

const TOPIC: &str = "Parameters: {Name: {Type: String, Default: ''}}\nResources: {Topic: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: !Ref Name}}}\nOutputs: {Arn: {Value: !Ref Topic}}";

fn cfn(world: &mut World, account: &str, operation: &str, input: Value) -> Result<Value, String> {
    call(world, account, HOME, "cloudformation", operation, input).map_err(|e| e.to_string())
}

/// Makes a stack, waits, and gives its outputs.
fn deploy(
    world: &mut World,
    account: &str,
    region: &str,
    name: &str,
    template: &str,
    pairs: &[(&str, &str)],
) -> Value {
    let input = json!({
        "StackName": name, "TemplateBody": template, "Parameters": parameters(pairs), "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "EnableTerminationProtection": true,
    });
    call(
        world,
        account,
        region,
        "cloudformation",
        "CreateStack",
        input,
    )
    .unwrap();
    wait(world, 600);
    let events = call(
        world,
        account,
        region,
        "cloudformation",
        "DescribeStackEvents",
        json!({"StackName": name}),
    )
    .unwrap();
    let stack = call(
        world,
        account,
        region,
        "cloudformation",
        "DescribeStacks",
        json!({"StackName": name}),
    )
    .unwrap();
    assert_eq!(
        stack.pointer("/Stacks/0/StackStatus"),
        Some(&json!("CREATE_COMPLETE")),
        "{events:#}"
    );
    let outputs = stack
        .pointer("/Stacks/0/Outputs")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    outputs
        .iter()
        .map(|o| {
            (
                o["OutputKey"].as_str().unwrap().to_owned(),
                o["OutputValue"].clone(),
            )
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn trail_logs(world: &mut World, organization: &str) -> Value {
    deploy(
        world,
        LOGGING,
        HOME,
        "trail-logs",
        TRAIL_LOGS,
        &[
            ("BucketName", "example-trail-logs"),
            ("KeyAlias", "trail"),
            ("ReaderRoleName", "trail-reader"),
            ("TrailName", "org-trail"),
            ("ManagementAccountId", MANAGEMENT),
            ("OrganizationId", organization),
            ("SecOpsAccountId", SECOPS),
        ],
    )
}

#[test]
fn the_cloudtrail_baseline_deploys_and_the_trail_delivers() {
    let mut world = world(2);
    let out = trail_logs(&mut world, "o-abcdefghij");
    let (bucket, key) = (
        out["BucketName"].as_str().unwrap(),
        out["KeyArn"].as_str().unwrap(),
    );
    deploy(
        &mut world,
        MANAGEMENT,
        HOME,
        "trail",
        TRAIL,
        &[
            ("TrailName", "org-trail"),
            ("BucketName", bucket),
            ("KeyArn", key),
        ],
    );
    let status = call(
        &mut world,
        MANAGEMENT,
        HOME,
        "cloudtrail",
        "GetTrailStatus",
        json!({"Name": "org-trail"}),
    )
    .unwrap();
    assert_eq!(status["IsLogging"], json!(true));
    assert!(
        status.get("LatestDeliveryTime").is_some() && status.get("LatestDeliveryError").is_none(),
        "{status}"
    );
    // A member sees a copy in every Region, and cannot stop it.
    let seen = call(
        &mut world,
        SECOPS,
        OTHER,
        "cloudtrail",
        "DescribeTrails",
        json!({}),
    )
    .unwrap();
    let arn = seen.pointer("/trailList/0/TrailARN").cloned().unwrap();
    assert_eq!(
        arn,
        json!(format!(
            "arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/org-trail"
        ))
    );
    let refused = call(
        &mut world,
        SECOPS,
        HOME,
        "cloudtrail",
        "StopLogging",
        json!({"Name": arn}),
    )
    .unwrap_err();
    assert_eq!(refused.code, "NotOrganizationMasterAccountException");
    // Breaking the bucket policy shows in the status.
    call(
        &mut world,
        LOGGING,
        HOME,
        "s3",
        "DeleteBucketPolicy",
        json!({"Bucket": bucket}),
    )
    .unwrap();
    let status = call(
        &mut world,
        MANAGEMENT,
        HOME,
        "cloudtrail",
        "GetTrailStatus",
        json!({"Name": "org-trail"}),
    )
    .unwrap();
    assert_eq!(status["LatestDeliveryError"], json!("AccessDenied"));
}

#[test]
fn a_trail_whose_bucket_lets_another_organization_write_is_rolled_back() {
    let mut world = world(0);
    let out = trail_logs(&mut world, "o-zzzzzzzzzz");
    let values = [
        ("TrailName", "org-trail"),
        ("BucketName", out["BucketName"].as_str().unwrap()),
        ("KeyArn", out["KeyArn"].as_str().unwrap()),
    ];
    cfn(
        &mut world,
        MANAGEMENT,
        "CreateStack",
        json!({"StackName": "trail", "TemplateBody": TRAIL, "Parameters": parameters(&values)}),
    )
    .unwrap();
    wait(&mut world, 600);
    let stack = cfn(
        &mut world,
        MANAGEMENT,
        "DescribeStacks",
        json!({"StackName": "trail"}),
    )
    .unwrap();
    assert_eq!(
        stack.pointer("/Stacks/0/StackStatus"),
        Some(&json!("ROLLBACK_COMPLETE"))
    );
    let events = cfn(
        &mut world,
        MANAGEMENT,
        "DescribeStackEvents",
        json!({"StackName": "trail"}),
    )
    .unwrap()
    .to_string();
    assert!(
        events.contains("Incorrect S3 bucket policy is detected for bucket: example-trail-logs"),
        "{events}"
    );
}

#[test]
fn the_config_baseline_deploys_and_records() {
    let mut world = world(0);
    let out = deploy(
        &mut world,
        LOGGING,
        HOME,
        "config-logs",
        CONFIG_LOGS,
        &[
            ("BucketName", "example-config-logs"),
            ("ReaderRoleName", "config-reader"),
            ("OrganizationId", "o-abcdefghij"),
            ("SecOpsAccountId", SECOPS),
        ],
    );
    let bucket = out["BucketName"].as_str().unwrap().to_owned();
    for (account, region) in [(MANAGEMENT, HOME), (SECOPS, OTHER)] {
        deploy(
            &mut world,
            account,
            region,
            "recorder",
            RECORDER,
            &[("BucketName", &bucket), ("HomeRegion", HOME)],
        );
        let status = call(
            &mut world,
            account,
            region,
            "config",
            "DescribeConfigurationRecorderStatus",
            json!({}),
        )
        .unwrap();
        assert_eq!(
            status.pointer("/ConfigurationRecordersStatus/0/recording"),
            Some(&json!(true))
        );
        assert_eq!(
            status.pointer("/ConfigurationRecordersStatus/0/lastStatus"),
            Some(&json!("Success"))
        );
        let recorder = call(
            &mut world,
            account,
            region,
            "config",
            "DescribeConfigurationRecorders",
            json!({}),
        )
        .unwrap();
        let global =
            recorder.pointer("/ConfigurationRecorders/0/recordingGroup/includeGlobalResourceTypes");
        assert_eq!(global, Some(&json!(region == HOME)));
    }
    deploy(
        &mut world,
        SECOPS,
        HOME,
        "aggregator",
        AGGREGATOR,
        &[
            ("AggregatorName", "organization"),
            ("RoleName", "config-aggregator"),
        ],
    );
    let found = call(
        &mut world,
        SECOPS,
        HOME,
        "config",
        "DescribeConfigurationAggregators",
        json!({}),
    )
    .unwrap();
    assert!(
        found
            .pointer("/ConfigurationAggregators/0/OrganizationAggregationSource/RoleArn")
            .is_some()
    );
}

#[test]
fn the_guardduty_baseline_exports_findings() {
    let mut world = world(2);
    let out = deploy(
        &mut world,
        LOGGING,
        HOME,
        "findings",
        FINDINGS,
        &[
            ("BucketName", "example-findings"),
            ("KeyAlias", "findings"),
            ("ReaderRoleName", "findings-reader"),
            ("OrganizationId", "o-abcdefghij"),
            ("SecOpsAccountId", SECOPS),
        ],
    );
    call(
        &mut world,
        MANAGEMENT,
        OTHER,
        "guardduty",
        "EnableOrganizationAdminAccount",
        json!({"AdminAccountId": SECOPS}),
    )
    .unwrap();
    // The detector that AWS makes for it comes a while later.
    let later = world
        .now
        .plus_secs(crate::lags::Lag::OwnDetector.row().most);
    world.advance(later);
    let ids = call(
        &mut world,
        SECOPS,
        OTHER,
        "guardduty",
        "ListDetectors",
        json!({}),
    )
    .unwrap();
    let id = ids.pointer("/DetectorIds/0").cloned().unwrap();
    let destination = json!({"DetectorId": id, "DestinationType": "S3", "DestinationProperties": {"DestinationArn": out["BucketArn"], "KmsKeyArn": out["KeyArn"]}});
    let made = call(
        &mut world,
        SECOPS,
        OTHER,
        "guardduty",
        "CreatePublishingDestination",
        destination,
    )
    .unwrap();
    let describe = json!({"DetectorId": id, "DestinationId": made["DestinationId"]});
    let before = call(
        &mut world,
        SECOPS,
        OTHER,
        "guardduty",
        "DescribePublishingDestination",
        describe.clone(),
    )
    .unwrap();
    assert_eq!(before["Status"], json!("PENDING_VERIFICATION"));
    wait(&mut world, 60);
    let after = call(
        &mut world,
        SECOPS,
        OTHER,
        "guardduty",
        "DescribePublishingDestination",
        describe,
    )
    .unwrap();
    assert_eq!(after["Status"], json!("PUBLISHING"));
    // Auto-enable ALL reaches everybody, later.
    let update = json!({"DetectorId": id, "AutoEnableOrganizationMembers": "ALL", "Features": [{"Name": "S3_DATA_EVENTS", "AutoEnable": "ALL"}]});
    call(
        &mut world,
        SECOPS,
        OTHER,
        "guardduty",
        "UpdateOrganizationConfiguration",
        update,
    )
    .unwrap();
    let members = |world: &mut World| {
        let found = call(
            world,
            SECOPS,
            OTHER,
            "guardduty",
            "ListMembers",
            json!({"DetectorId": id}),
        )
        .unwrap();
        found["Members"].as_array().unwrap().len()
    };
    assert_eq!(members(&mut world), 0);
    wait(&mut world, 3600);
    assert_eq!(members(&mut world), 4);
}

/// AWS: "Amazon Config … MaxNumberOfConfigurationRecordersExceededException: You have reached the limit of the number of
/// configuration recorders you can create."
#[test]
fn a_second_recorder_fails_the_stack() {
    let mut world = world(0);
    let role = format!(
        "arn:aws:iam::{SECOPS}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    );
    let by_hand = json!({"ConfigurationRecorder": {"name": "by-hand", "roleARN": role}});
    call(
        &mut world,
        SECOPS,
        HOME,
        "config",
        "PutConfigurationRecorder",
        by_hand,
    )
    .unwrap();
    let values = parameters(&[("BucketName", "none"), ("HomeRegion", HOME)]);
    cfn(
        &mut world,
        SECOPS,
        "CreateStack",
        json!({"StackName": "recorder", "TemplateBody": RECORDER, "Parameters": values}),
    )
    .unwrap();
    wait(&mut world, 600);
    let events = cfn(
        &mut world,
        SECOPS,
        "DescribeStackEvents",
        json!({"StackName": "recorder"}),
    )
    .unwrap()
    .to_string();
    assert!(
        events.contains("the maximum number of configuration recorders: 1 is reached"),
        "{events}"
    );
}

#[test]
fn a_channel_that_waits_for_its_recorder_never_comes() {
    let mut world = world(0);
    world
        .s3
        .create("logs", LOGGING, HOME, false, crate::Time::START)
        .unwrap();
    let text = RECORDER.replace(
        "    Type: AWS::Config::DeliveryChannel\n",
        "    Type: AWS::Config::DeliveryChannel\n    DependsOn: Recorder\n",
    );
    let values = parameters(&[("BucketName", "logs"), ("HomeRegion", HOME)]);
    cfn(
        &mut world,
        SECOPS,
        "CreateStack",
        json!({"StackName": "recorder", "TemplateBody": text, "Parameters": values}),
    )
    .unwrap();
    wait(&mut world, 600);
    let events = cfn(
        &mut world,
        SECOPS,
        "DescribeStackEvents",
        json!({"StackName": "recorder"}),
    )
    .unwrap()
    .to_string();
    assert!(events.contains("NotStabilized"), "{events}");
}

#[test]
fn stacks_refuse_in_the_words_of_cloudformation() {
    let mut world = world(0);
    let create =
        json!({"StackName": "topic", "TemplateBody": TOPIC, "EnableTerminationProtection": true});
    cfn(&mut world, SECOPS, "CreateStack", create.clone()).unwrap();
    let refused = |world: &mut World, operation: &str, input: Value| {
        cfn(world, SECOPS, operation, input).unwrap_err()
    };
    assert_eq!(
        refused(&mut world, "CreateStack", create),
        "AlreadyExistsException: Stack [topic] already exists"
    );
    wait(&mut world, 60);
    assert_eq!(
        refused(
            &mut world,
            "UpdateStack",
            json!({"StackName": "topic", "UsePreviousTemplate": true})
        ),
        "ValidationError: No updates are to be performed."
    );
    assert_eq!(
        refused(&mut world, "DeleteStack", json!({"StackName": "topic"})),
        "ValidationError: Stack [topic] cannot be deleted while TerminationProtection is enabled"
    );
    assert_eq!(
        refused(&mut world, "DescribeStacks", json!({"StackName": "none"})),
        "ValidationError: Stack with id none does not exist"
    );
    assert_eq!(
        refused(
            &mut world,
            "CreateStack",
            json!({"StackName": "role", "TemplateBody": AGGREGATOR, "Parameters": parameters(&[("AggregatorName", "a"), ("RoleName", "b")])})
        ),
        "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]"
    );
}

#[test]
fn a_deleted_stack_takes_its_resources_with_it_and_stays_readable_by_id() {
    let mut world = world(0);
    let made = cfn(
        &mut world,
        SECOPS,
        "CreateStack",
        json!({"StackName": "topic", "TemplateBody": TOPIC}),
    )
    .unwrap();
    wait(&mut world, 60);
    assert_eq!(world.region(SECOPS, HOME).unwrap().sns.topics.len(), 1);
    let update = json!({"StackName": "topic", "UsePreviousTemplate": true, "Parameters": parameters(&[("Name", "x")])});
    cfn(&mut world, SECOPS, "UpdateStack", update).unwrap();
    wait(&mut world, 60);
    assert_eq!(
        world
            .region(SECOPS, HOME)
            .unwrap()
            .sns
            .topics
            .values()
            .next()
            .unwrap()
            .get("DisplayName"),
        Some(&"x".to_owned())
    );
    cfn(
        &mut world,
        SECOPS,
        "DeleteStack",
        json!({"StackName": "topic"}),
    )
    .unwrap();
    wait(&mut world, 60);
    assert_eq!(world.region(SECOPS, HOME).unwrap().sns.topics.len(), 0);
    assert!(
        cfn(
            &mut world,
            SECOPS,
            "DescribeStacks",
            json!({"StackName": "topic"})
        )
        .is_err()
    );
    let by_id = cfn(
        &mut world,
        SECOPS,
        "DescribeStacks",
        json!({"StackName": made["StackId"]}),
    )
    .unwrap();
    assert_eq!(
        by_id.pointer("/Stacks/0/StackStatus"),
        Some(&json!("DELETE_COMPLETE"))
    );
}

/// AWS: with RetainExceptOnCreate "the resource is retained … unless the stack operation that created it is rolled back".
#[test]
fn retained_resources_stay_unless_their_creation_is_rolled_back() {
    let text = |extra: &str| {
        format!(
            "Resources:\n  B: {{Type: 'AWS::S3::Bucket', DeletionPolicy: RetainExceptOnCreate, Properties: {{BucketName: kept-bucket}}}}\n{extra}"
        )
    };
    let mut world = world(0);
    let broken = text(
        "  P: {Type: 'AWS::S3::BucketPolicy', DependsOn: B, Properties: {Bucket: other-bucket, PolicyDocument: {}}}\n",
    );
    cfn(
        &mut world,
        SECOPS,
        "CreateStack",
        json!({"StackName": "a", "TemplateBody": broken}),
    )
    .unwrap();
    wait(&mut world, 100);
    assert!(world.s3.buckets.is_empty());
    cfn(
        &mut world,
        SECOPS,
        "CreateStack",
        json!({"StackName": "b", "TemplateBody": text("")}),
    )
    .unwrap();
    wait(&mut world, 100);
    cfn(&mut world, SECOPS, "DeleteStack", json!({"StackName": "b"})).unwrap();
    wait(&mut world, 100);
    assert!(world.s3.buckets.contains_key("kept-bucket"));
}

#[test]
fn a_failed_update_puts_everything_back() {
    let mut world = world(0);
    world.s3.taken_elsewhere.insert("taken-name".to_owned());
    cfn(
        &mut world,
        SECOPS,
        "CreateStack",
        json!({"StackName": "topic", "TemplateBody": TOPIC}),
    )
    .unwrap();
    wait(&mut world, 60);
    let worse = TOPIC.replace("Resources: {", "Resources: {Bucket: {Type: 'AWS::S3::Bucket', DependsOn: Topic, Properties: {BucketName: taken-name}}, ");
    let update = json!({"StackName": "topic", "TemplateBody": worse, "Parameters": parameters(&[("Name", "new")])});
    cfn(&mut world, SECOPS, "UpdateStack", update).unwrap();
    wait(&mut world, 100);
    let stack = cfn(
        &mut world,
        SECOPS,
        "DescribeStacks",
        json!({"StackName": "topic"}),
    )
    .unwrap();
    assert_eq!(
        stack.pointer("/Stacks/0/StackStatus"),
        Some(&json!("UPDATE_ROLLBACK_COMPLETE"))
    );
    assert_eq!(
        stack.pointer("/Stacks/0/Parameters/0/ParameterValue"),
        Some(&json!(""))
    );
    assert_eq!(
        world
            .region(SECOPS, HOME)
            .unwrap()
            .sns
            .topics
            .values()
            .next()
            .unwrap()
            .get("DisplayName"),
        Some(&String::new())
    );
}

/// User guide, "Continue rolling back an update": a rollback that fails stays so until the cause is fixed or what
/// cannot be brought back is skipped.
#[test]
fn a_rollback_that_fails_is_continued() {
    let mut world = world(0);
    let (first, second) = ("first-key".to_owned(), "second-key".to_owned());
    let key: crate::kms::Key = serde_json::from_value(json!({
        "description": "", "policy": "{}", "created": 0, "rotation": false, "enabled": true, "deletion": null, "tags": {}}))
    .unwrap();
    let keys = &mut world.region_mut(LOGGING, HOME).unwrap().kms.keys;
    keys.insert(first.clone(), key.clone());
    keys.insert(second.clone(), key);
    world.s3.taken_elsewhere.insert("taken-bucket".to_owned());
    let alias = "Parameters: {Key: {Type: String}}\nResources:\n  Alias: {Type: 'AWS::KMS::Alias', Properties: {AliasName: alias/mine, TargetKeyId: !Ref Key}}";
    let more = format!(
        "{alias}\n  Bucket: {{Type: 'AWS::S3::Bucket', DependsOn: Alias, Properties: {{BucketName: taken-bucket}}}}"
    );
    let act = |world: &mut World, operation: &str, input: Value| {
        let done = call(world, LOGGING, HOME, "cloudformation", operation, input);
        wait(world, 600);
        done
    };
    let status = |world: &World| {
        let state = &world.region(LOGGING, HOME).unwrap().cloudformation;
        state.stack("s").unwrap().status.clone()
    };
    let input = json!({"StackName": "s", "TemplateBody": alias, "Parameters": parameters(&[("Key", &first)])});
    act(&mut world, "CreateStack", input).unwrap();
    let early = act(
        &mut world,
        "ContinueUpdateRollback",
        json!({"StackName": "s"}),
    );
    assert_eq!(early.unwrap_err().code, "ValidationError");
    let keys = &mut world.region_mut(LOGGING, HOME).unwrap().kms.keys;
    let lost = keys.remove(&first).unwrap();
    let input = json!({"StackName": "s", "TemplateBody": more, "Parameters": parameters(&[("Key", &second)])});
    act(&mut world, "UpdateStack", input.clone()).unwrap();
    assert_eq!(status(&world), "UPDATE_ROLLBACK_FAILED");
    let refused = act(&mut world, "UpdateStack", input).unwrap_err();
    assert!(refused.message.contains("can not be updated"), "{refused}");
    act(
        &mut world,
        "ContinueUpdateRollback",
        json!({"StackName": "s"}),
    )
    .unwrap();
    assert_eq!(status(&world), "UPDATE_ROLLBACK_FAILED");
    let mut skipping = world.clone();
    let skip = json!({"StackName": "s", "ResourcesToSkip": ["Alias"]});
    act(&mut skipping, "ContinueUpdateRollback", skip).unwrap();
    assert_eq!(status(&skipping), "UPDATE_ROLLBACK_COMPLETE");
    let keys = &mut world.region_mut(LOGGING, HOME).unwrap().kms.keys;
    keys.insert(first.clone(), lost);
    act(
        &mut world,
        "ContinueUpdateRollback",
        json!({"StackName": "s"}),
    )
    .unwrap();
    assert_eq!(status(&world), "UPDATE_ROLLBACK_COMPLETE");
    let aliases = &world.region(LOGGING, HOME).unwrap().kms.aliases;
    assert_eq!(aliases.get("alias/mine"), Some(&first));
}
