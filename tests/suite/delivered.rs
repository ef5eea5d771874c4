//! Under every policy that comes with orgstrap, and AWS's own data perimeter besides, logs go on being delivered and the company
//! goes on working in what is its own. Who asks is who AWS says asks:
//!
//! - Service principals, which service control policies do not bind and resource control policies exempt by
//!   `aws:PrincipalIsAWSService` (Organizations User Guide, "Service control policies"; IAM User Guide, "Data perimeters").
//! - Service-linked roles, which neither kind binds (the same, and "Resource control policies").
//! - The role of an instance, which both bind like any other.

use std::sync::OnceLock;

use orgstrap::authorization::Verdict;
use orgstrap::sandbox::permissions::{self, service_may};
use orgstrap::sandbox::resource_policy::Access;
use orgstrap::sandbox::{Call, Connection, World, kms, table};
use serde_json::{Value, json};

use super::guardrails::{organization, perimeter};
use crate::support::inside::{self, LoadedPlan};

const MANAGEMENT: &str = "111111111111";
const HOME: &str = "eu-west-1";

fn made() -> World {
    static MADE: OnceLock<World> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let (world, id) = organization();
        let of_aws = perimeter(&id);
        // A target takes five service control policies, FullAWSAccess among them: AWS's RCP is what is left to add.
        let (name, kind, document) = &of_aws[0];
        let text = format!(
            r#"
[organization]
management_account = "{MANAGEMENT}"
home_region = "{HOME}"
regions = ["{HOME}", "us-east-1"]
logging = "log-archive"
secops = "security"
email = "aws+{{account}}@example.com"
policies = ["protect-baseline", "approved-regions", "deny-root", "deny-leave", "block-public-s3", "{name}"]
[ou.Security]
[account.log-archive]
ou = "Security"
[account.security]
ou = "Security"
[account.shop]
ou = "/"
[policy.protect-baseline]
type = "service_control_policy"
builtin = "protect-baseline"
[policy.approved-regions]
type = "service_control_policy"
builtin = "approved-regions"
[policy.deny-root]
type = "service_control_policy"
builtin = "deny-root"
[policy.deny-leave]
type = "service_control_policy"
builtin = "deny-leave"
[policy.block-public-s3]
type = "s3_policy"
builtin = "block-public-s3"
[policy.{name}]
type = "{kind}"
content = '{document}'
[baseline.cloudtrail]
access_logs = true
[baseline.config]
[baseline.guardduty]
[baseline.roles]
[baseline.ec2-defaults]
"#
        );
        let run = inside::apply(&LoadedPlan::of_text(text), world, Connection::default());
        let summary = run.ended.expect("applied");
        assert!(summary.is_success(), "{:?}", summary.failed);
        let mut world = run.world;
        let organization = world.organization.as_ref().expect("there");
        let names: Vec<&str> = organization
            .policies
            .values()
            .map(|policy| policy.name.as_str())
            .collect();
        for name in [
            "protect-baseline",
            "protect-baseline-logs",
            "protect-baseline-secops",
            "approved-regions",
            "deny-root",
            "deny-leave",
            "block-public-s3",
            name,
        ] {
            assert!(names.contains(&name), "{name} of {names:?}");
        }
        let shop = id_of(&world, "shop");
        let call = |world: &mut World, service: &str, operation: &str, input: Value| {
            let root = format!("arn:aws:iam::{shop}:root");
            let call = Call::internal(&shop, HOME, &root, world.now, input);
            table::invoke(world, service, operation, &call).expect("made");
        };
        call(&mut world, "s3", "CreateBucket", json!({"Bucket": "orgstrap-data"}));
        call(
            &mut world,
            "iam",
            "CreateRole",
            json!({"RoleName": "Instance", "AssumeRolePolicyDocument": INSTANCE_TRUST}),
        );
        call(
            &mut world,
            "iam",
            "PutRolePolicy",
            json!({"RoleName": "Instance", "PolicyName": "sessions", "PolicyDocument": session_manager(&shop)}),
        );
        world
    });
    made.clone()
}

const INSTANCE_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// Systems Manager User Guide, "Creating an IAM role with permissions for Session Manager and Amazon S3 and CloudWatch Logs".
fn session_manager(account: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": [
            "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel", "ssm:UpdateInstanceInformation"], "Resource": "*"},
        {"Effect": "Allow", "Action": [
            "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "arn:aws:s3:::orgstrap-data/sessions/*"},
        {"Effect": "Allow", "Action": ["s3:GetEncryptionConfiguration"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
         "Resource": format!("arn:aws:kms:{HOME}:{account}:key/sessions")}]})
    .to_string()
}

fn id_of(world: &World, name: &str) -> String {
    let mut accounts = world.accounts.iter();
    let found = accounts.find(|(_, account)| account.name == name);
    found.expect("the account is there").0.clone()
}

/// What a service is let do with a bucket of the world.
fn with_bucket(
    world: &World,
    bucket: &str,
    service: &str,
    action: &str,
    key: &str,
    context: &[(&str, &str)],
) -> bool {
    let there = &world.s3.buckets[bucket];
    let resource = match key {
        "" => format!("arn:aws:s3:::{bucket}"),
        key => format!("arn:aws:s3:::{bucket}/{key}"),
    };
    let access = Access {
        service,
        action,
        resource: &resource,
        context,
    };
    service_may(world, &there.account, there.policy.as_deref(), &access)
}

/// CloudTrail User Guide, "Organizational trails" and "Amazon S3 bucket policy for CloudTrail".
#[test]
fn cloudtrail_delivers() {
    let world = made();
    let organization = world.organization.as_ref().expect("there").id.clone();
    let logs = id_of(&world, "log-archive");
    let bucket = format!("orgstrap-cloudtrail-{logs}-{HOME}");
    let trail = format!("arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/orgstrap-organization");
    let context = [
        ("aws:SourceArn", trail.as_str()),
        ("aws:SourceAccount", MANAGEMENT),
        ("s3:x-amz-acl", "bucket-owner-full-control"),
        ("aws:SecureTransport", "true"),
    ];
    let may = |service: &str, action: &str, key: &str| {
        with_bucket(&world, &bucket, service, action, key, &context)
    };
    let own = format!("AWSLogs/{MANAGEMENT}/CloudTrail/{HOME}/2026/11/28/x.json.gz");
    let of_member = format!("AWSLogs/{organization}/{logs}/CloudTrail/{HOME}/2026/11/28/x.json.gz");
    let digest = format!("AWSLogs/{organization}/{logs}/CloudTrail-Digest/{HOME}/x.json.gz");
    assert!(may("cloudtrail.amazonaws.com", "s3:GetBucketAcl", ""));
    for key in [&own, &of_member, &digest] {
        assert!(
            may("cloudtrail.amazonaws.com", "s3:PutObject", key),
            "{key}"
        );
        assert!(!may("macie.amazonaws.com", "s3:PutObject", key), "{key}");
    }
    let (_, _, id, key) =
        kms::find(&world, &logs, HOME, "alias/orgstrap/cloudtrail").expect("the key");
    let arn = kms::key_arn(&logs, HOME, &id);
    let context = [
        ("aws:SourceArn", trail.as_str()),
        ("aws:SourceAccount", MANAGEMENT),
        ("kms:EncryptionContext:aws:cloudtrail:arn", trail.as_str()),
    ];
    for action in ["kms:GenerateDataKey", "kms:DescribeKey"] {
        let access = Access {
            service: "cloudtrail.amazonaws.com",
            action,
            resource: &arn,
            context: &context,
        };
        assert!(
            service_may(&world, &logs, Some(&key.policy), &access),
            "{action}"
        );
    }
}

/// Config Developer Guide, "Permissions for the Amazon S3 Bucket for the AWS Config Delivery Channel": by the service's
/// principal, in the name of the account whose recorder it is.
#[test]
fn config_delivers() {
    let world = made();
    let organization = world.organization.as_ref().expect("there").id.clone();
    let (logs, shop) = (id_of(&world, "log-archive"), id_of(&world, "shop"));
    let bucket = format!("orgstrap-config-{logs}-{HOME}");
    let path = format!("{organization}/r-none/");
    let context = [
        ("aws:SourceAccount", shop.as_str()),
        ("aws:SourceOrgID", organization.as_str()),
        ("aws:SourceOrgPaths", path.as_str()),
        ("s3:x-amz-acl", "bucket-owner-full-control"),
        ("aws:SecureTransport", "true"),
    ];
    let key = format!("AWSLogs/{shop}/Config/{HOME}/2026/11/28/ConfigHistory/x.json.gz");
    let may = |action: &str, key: &str| {
        with_bucket(
            &world,
            &bucket,
            "config.amazonaws.com",
            action,
            key,
            &context,
        )
    };
    assert!(may("s3:GetBucketAcl", ""));
    assert!(may("s3:ListBucket", ""));
    assert!(may("s3:PutObject", &key));
    assert!(!may("s3:DeleteObject", &key));
    // And by the service-linked role, which no policy of the organization binds.
    let linked = format!(
        "arn:aws:iam::{shop}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    );
    let object = format!("arn:aws:s3:::{bucket}/{key}");
    assert_eq!(
        asked(&world, &shop, &linked, "s3:PutObject", &object),
        Verdict::Allowed
    );
}

/// GuardDuty User Guide, "Exporting generated findings to Amazon S3".
#[test]
fn guardduty_exports() {
    let world = made();
    let (logs, security) = (id_of(&world, "log-archive"), id_of(&world, "security"));
    let region = world.region(&security, HOME).expect("there");
    let detector = region.guardduty.detector.as_ref().expect("a detector");
    let source = format!(
        "arn:aws:guardduty:{HOME}:{security}:detector/{}",
        detector.id
    );
    let (_, _, id, of_findings) =
        kms::find(&world, &logs, HOME, "alias/orgstrap/guardduty").expect("the key");
    let arn = kms::key_arn(&logs, HOME, &id);
    let context = [
        ("aws:SourceArn", source.as_str()),
        ("aws:SourceAccount", security.as_str()),
        ("aws:SecureTransport", "true"),
        ("s3:x-amz-server-side-encryption", "aws:kms"),
        (
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
            arn.as_str(),
        ),
    ];
    let bucket = format!("orgstrap-guardduty-{logs}-{HOME}");
    let key = format!("AWSLogs/{security}/GuardDuty/{HOME}/2026/11/28/x.jsonl.gz");
    let may = |action: &str, key: &str| {
        with_bucket(
            &world,
            &bucket,
            "guardduty.amazonaws.com",
            action,
            key,
            &context,
        )
    };
    assert!(may("s3:GetBucketLocation", ""));
    assert!(may("s3:PutObject", &key));
    assert!(!may("s3:DeleteObject", &key));
    let access = Access {
        service: "guardduty.amazonaws.com",
        action: "kms:GenerateDataKey",
        resource: &arn,
        context: &context,
    };
    assert!(service_may(
        &world,
        &logs,
        Some(&of_findings.policy),
        &access
    ));
    let exported = detector.destinations.values();
    assert!(
        exported
            .map(|it| it.status.as_str())
            .all(|status| status == "PUBLISHING")
    );
}

/// Amazon S3 User Guide, "Enabling Amazon S3 server access logging".
#[test]
fn s3_writes_its_access_logs() {
    let world = made();
    let logs = id_of(&world, "log-archive");
    let bucket = format!("orgstrap-cloudtrail-{logs}-{HOME}");
    let source = format!("arn:aws:s3:::{bucket}");
    let context = [
        ("aws:SourceArn", source.as_str()),
        ("aws:SourceAccount", logs.as_str()),
        ("aws:SecureTransport", "true"),
    ];
    let key = "cloudtrail/2026-11-28-00-00-00-0123456789ABCDEF";
    let target = format!("{bucket}-access");
    let service = "logging.s3.amazonaws.com";
    assert!(with_bucket(
        &world,
        &target,
        service,
        "s3:PutObject",
        key,
        &context
    ));
    assert!(!with_bucket(
        &world,
        &target,
        service,
        "s3:DeleteObject",
        key,
        &context
    ));
}

/// Amazon VPC User Guide, "Amazon S3 bucket permissions for flow logs": into a bucket of the company's own.
#[test]
fn flow_logs_are_delivered() {
    let mut world = made();
    let shop = id_of(&world, "shop");
    let bucket = "orgstrap-data";
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "AWSLogDeliveryWrite", "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
         "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{bucket}/AWSLogs/{shop}/*"),
         "Condition": {
            "StringEquals": {"aws:SourceAccount": shop, "s3:x-amz-acl": "bucket-owner-full-control"},
            "ArnLike": {"aws:SourceArn": format!("arn:aws:logs:{HOME}:{shop}:*")}}},
        {"Sid": "AWSLogDeliveryAclCheck", "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
         "Action": "s3:GetBucketAcl", "Resource": format!("arn:aws:s3:::{bucket}"),
         "Condition": {
            "StringEquals": {"aws:SourceAccount": shop},
            "ArnLike": {"aws:SourceArn": format!("arn:aws:logs:{HOME}:{shop}:*")}}}]});
    world.s3.buckets.get_mut(bucket).expect("made").policy = Some(policy.to_string());
    let source = format!("arn:aws:logs:{HOME}:{shop}:delivery-source:fl-0123");
    let context = [
        ("aws:SourceArn", source.as_str()),
        ("aws:SourceAccount", shop.as_str()),
        ("s3:x-amz-acl", "bucket-owner-full-control"),
        ("aws:SecureTransport", "true"),
    ];
    let key = format!("AWSLogs/{shop}/vpcflowlogs/{HOME}/2026/11/28/x.log.gz");
    let may = |action: &str, key: &str| {
        with_bucket(
            &world,
            bucket,
            "delivery.logs.amazonaws.com",
            action,
            key,
            &context,
        )
    };
    assert!(may("s3:GetBucketAcl", ""));
    assert!(may("s3:PutObject", &key));
    assert!(!may("s3:DeleteObject", &key));
}

/// What would be said to a principal of an account, in the home Region.
fn asked(world: &World, account: &str, who: &str, action: &str, resource: &str) -> Verdict {
    let principal = permissions::principal(who, account);
    let call = Call::internal(account, HOME, &principal, world.now, Value::Null);
    let context = [(
        "s3:x-amz-acl".to_owned(),
        "bucket-owner-full-control".to_owned(),
    )];
    permissions::simulate(world, &call, action, Some(resource), &context).1
}

/// Both kinds of policies bind the role of an instance; nothing that its sessions need is denied.
#[test]
fn an_instance_writes_the_logs_of_its_sessions() {
    let world = made();
    let (shop, logs) = (id_of(&world, "shop"), id_of(&world, "log-archive"));
    let group = format!("arn:aws:logs:{HOME}:{shop}:log-group:sessions:log-stream:i-0123");
    let key = format!("arn:aws:kms:{HOME}:{shop}:key/sessions");
    let object = "arn:aws:s3:::orgstrap-data/sessions/i-0123.log";
    for (action, resource) in [
        ("ssmmessages:CreateControlChannel", "*"),
        ("ssmmessages:CreateDataChannel", "*"),
        ("ssmmessages:OpenControlChannel", "*"),
        ("ssmmessages:OpenDataChannel", "*"),
        ("ssm:UpdateInstanceInformation", "*"),
        ("logs:CreateLogStream", group.as_str()),
        ("logs:PutLogEvents", group.as_str()),
        ("logs:DescribeLogGroups", "*"),
        ("logs:DescribeLogStreams", "*"),
        ("s3:PutObject", object),
        (
            "s3:GetEncryptionConfiguration",
            "arn:aws:s3:::orgstrap-data",
        ),
        ("kms:Decrypt", key.as_str()),
        ("kms:GenerateDataKey", key.as_str()),
    ] {
        let message = asked(&world, &shop, "Instance", action, resource);
        assert_eq!(message, Verdict::Allowed, "{action}");
    }
    // Nothing more than its own policy says, and nothing of the baselines.
    let elsewhere = "arn:aws:s3:::orgstrap-data/other";
    let message = asked(&world, &shop, "Instance", "s3:PutObject", elsewhere);
    assert!(matches!(message, Verdict::NotAllowed { .. }), "{message:?}");
    let log = format!("arn:aws:s3:::orgstrap-cloudtrail-{logs}-{HOME}/AWSLogs/x");
    let message = asked(&world, &logs, "Instance", "s3:PutObject", &log);
    assert!(message.told().contains("KeepLogs"), "{message:?}");
}

/// A bucket of the same prefix is the company's own, for whoever works there.
#[test]
fn a_bucket_of_the_same_prefix_is_written_to() {
    let world = made();
    for name in ["shop", "log-archive", "security"] {
        let account = id_of(&world, name);
        for action in ["s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"] {
            let object = "arn:aws:s3:::orgstrap-data/orders/1.json";
            let message = asked(&world, &account, "Administrator", action, object);
            assert_eq!(message, Verdict::Allowed, "{name} {action}");
        }
        for action in [
            "s3:PutBucketPolicy",
            "s3:PutLifecycleConfiguration",
            "s3:DeleteBucket",
        ] {
            let message = asked(
                &world,
                &account,
                "Administrator",
                action,
                "arn:aws:s3:::orgstrap-data",
            );
            assert_eq!(message, Verdict::Allowed, "{name} {action}");
        }
    }
}
