//! The templates: `cfn-lint` finds nothing, and they keep what AWS asks of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("stacksets")
}

/// Every template by file name.
fn templates() -> BTreeMap<String, Value> {
    let mut templates = BTreeMap::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let documents = Yaml::load_from_str(&text).unwrap();
        templates.insert(name, plain(&documents[0]));
    }
    assert!(templates.len() >= 6);
    templates
}

fn template(name: &str) -> Value {
    templates().remove(name).unwrap()
}

/// A template as JSON, its functions reduced to their arguments: `!Ref A` reads `A`, `!Sub "x"` reads `x`.
fn plain(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::Boolean(flag)) => json!(flag),
        Yaml::Value(scalar) => json!(format!("{scalar:?}")),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(map) => Value::Object(
            map.iter()
                .map(|(key, value)| (plain(key).as_str().unwrap().to_owned(), plain(value)))
                .collect::<Map<_, _>>(),
        ),
        Yaml::Tagged(_, inner) => plain(inner),
        other => panic!("{other:?}"),
    }
}

/// The statement of a policy by its Sid.
fn statement<'a>(policy: &'a Value, sid: &str) -> &'a Value {
    let all = policy["Statement"].as_array().unwrap();
    all.iter()
        .find(|statement| statement["Sid"] == sid)
        .unwrap_or_else(|| panic!("no {sid} in {all:#?}"))
}

fn resources(template: &Value, kind: &str) -> Vec<Value> {
    template["Resources"]
        .as_object()
        .unwrap()
        .values()
        .filter(|resource| resource["Type"] == kind)
        .cloned()
        .collect()
}

const TRAIL: &str =
    "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${ManagementAccountId}:trail/${TrailName}";

#[test]
fn cfn_lint_finds_nothing() {
    let python = std::env::var("ORGSTRAP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let lint = |arguments: &[&str]| {
        Command::new(&python)
            .args([
                "-c",
                "import sys; from cfnlint.runner import main; sys.exit(main())",
            ])
            .args(arguments)
            .current_dir(folder())
            .output()
            .unwrap_or_else(|error| panic!("{python} does not start: {error}"))
    };
    // A linter that is missing or checks nothing must not pass for a clean template.
    let version = lint(&["--version"]);
    assert!(
        version.status.success(),
        "cfn-lint is missing (pip install cfn-lint, ORGSTRAP_TEST_PYTHON): {}",
        String::from_utf8_lossy(&version.stderr)
    );
    let broken = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(
        broken.path(),
        "Resources: {T: {Type: 'AWS::CloudTrail::Trail'}}",
    )
    .unwrap();
    assert!(
        !lint(&["--", broken.path().to_str().unwrap()])
            .status
            .success()
    );

    let mut names: Vec<String> = templates().into_keys().collect();
    names.push("../docs/access-role.yaml".to_owned());
    names.push("../docs/nightly-codebuild.yaml".to_owned());
    let mut arguments = vec!["--include-checks", "I", "--"];
    arguments.extend(names.iter().map(String::as_str));
    let output = lint(&arguments);
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_bucket_is_private_versioned_owned_encrypted_tls_only_and_kept() {
    let mut buckets = 0;
    for (name, template) in templates() {
        let policies = resources(&template, "AWS::S3::BucketPolicy");
        let found = resources(&template, "AWS::S3::Bucket");
        assert_eq!(policies.len(), found.len(), "{name}");
        for bucket in found {
            buckets += 1;
            let properties = &bucket["Properties"];
            for block in [
                "BlockPublicAcls",
                "BlockPublicPolicy",
                "IgnorePublicAcls",
                "RestrictPublicBuckets",
            ] {
                assert_eq!(
                    properties["PublicAccessBlockConfiguration"][block], true,
                    "{name}"
                );
            }
            assert_eq!(properties["VersioningConfiguration"]["Status"], "Enabled");
            assert_eq!(
                properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
                "BucketOwnerEnforced"
            );
            assert!(
                properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
                    ["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
                    .is_string()
            );
            assert!(properties["LifecycleConfiguration"]["Rules"].is_array());
        }
        for policy in policies {
            let deny = statement(&policy["Properties"]["PolicyDocument"], "OnlyTls").clone();
            assert_eq!(deny["Effect"], "Deny");
            assert_eq!(deny["Principal"], "*");
            assert_eq!(deny["Action"], "s3:*");
            assert_eq!(
                deny["Resource"].as_array().unwrap().len(),
                2,
                "bucket and objects"
            );
            assert_eq!(
                deny["Condition"],
                json!({"Bool": {"aws:SecureTransport": "false"}})
            );
        }
        for kind in ["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key"] {
            for resource in resources(&template, kind) {
                assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
                assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
            }
        }
        for key in resources(&template, "AWS::KMS::Key") {
            assert_eq!(key["Properties"]["EnableKeyRotation"], true);
        }
    }
    assert_eq!(buckets, 4);
}

/// AWS CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail", organization trails.
#[test]
fn the_trail_s_bucket_policy_is_the_documented_one() {
    let template = template("cloudtrail-logs.yaml");
    let policy = &template["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"];
    let service = json!({"Service": "cloudtrail.amazonaws.com"});
    let check = statement(policy, "CloudTrailChecksBucket");
    assert_eq!(check["Principal"], service);
    assert_eq!(check["Action"], "s3:GetBucketAcl");
    assert_eq!(
        check["Condition"],
        json!({"StringEquals": {"aws:SourceArn": TRAIL}})
    );
    for (sid, whose) in [
        ("CloudTrailDeliversManagementAccount", "ManagementAccountId"),
        ("CloudTrailDeliversOrganization", "OrganizationId"),
    ] {
        let deliver = statement(policy, sid);
        assert_eq!(deliver["Effect"], "Allow");
        assert_eq!(deliver["Principal"], service);
        assert_eq!(deliver["Action"], "s3:PutObject");
        assert_eq!(
            deliver["Resource"][0],
            format!("${{Bucket.Arn}}/${{Folder}}/${{{whose}}}/*")
        );
        assert_eq!(
            deliver["Resource"][1]["Folder"],
            json!(["HasPrefix", "${KeyPrefix}/AWSLogs", "AWSLogs"])
        );
        assert_eq!(
            deliver["Condition"],
            json!({"StringEquals": {
                "s3:x-amz-acl": "bucket-owner-full-control",
                "aws:SourceArn": TRAIL,
            }})
        );
    }
}

/// AWS CloudTrail User Guide, "Configure AWS KMS key policies for CloudTrail".
#[test]
fn the_trail_s_key_policy_is_the_documented_one() {
    let template = template("cloudtrail-logs.yaml");
    let policy = &template["Resources"]["Key"]["Properties"]["KeyPolicy"];
    let encrypts = statement(policy, "CloudTrailEncrypts");
    assert_eq!(encrypts["Action"], "kms:GenerateDataKey*");
    assert_eq!(
        encrypts["Condition"]["StringEquals"],
        json!({"aws:SourceArn": TRAIL})
    );
    assert_eq!(
        encrypts["Condition"]["StringLike"]["kms:EncryptionContext:aws:cloudtrail:arn"],
        "arn:${AWS::Partition}:cloudtrail:*:${ManagementAccountId}:trail/*"
    );
    let checks = statement(policy, "CloudTrailChecksKey");
    assert_eq!(checks["Action"], json!(["kms:DescribeKey", "kms:Decrypt"]));
    for statement in policy["Statement"].as_array().unwrap() {
        let cloudtrail = statement["Principal"]["Service"] == "cloudtrail.amazonaws.com";
        assert_eq!(
            cloudtrail,
            statement["Condition"]["StringEquals"]["aws:SourceArn"] == TRAIL,
            "every statement for the service is bound to the trail"
        );
    }
}

#[test]
fn the_trail_is_multi_region_validated_and_of_the_organization() {
    let template = template("cloudtrail-trail.yaml");
    let trail = &template["Resources"]["Trail"]["Properties"];
    for property in [
        "IsLogging",
        "IsOrganizationTrail",
        "IsMultiRegionTrail",
        "IncludeGlobalServiceEvents",
        "EnableLogFileValidation",
    ] {
        assert_eq!(trail[property], true, "{property}");
    }
    assert_eq!(trail["KMSKeyId"], "KeyArn");
    assert_eq!(template["Parameters"]["Insights"]["Default"], "false");
}

/// AWS Config rejects delivery channels whose bucket has Object Lock
/// (AWS::Config::DeliveryChannel in the CloudFormation reference).
#[test]
fn the_config_bucket_has_no_object_lock_and_takes_the_organization() {
    let template = template("config-logs.yaml");
    let bucket = template["Resources"]["Bucket"]["Properties"]
        .as_object()
        .unwrap();
    assert!(bucket.keys().all(|key| !key.starts_with("ObjectLock")));
    let policy = &template["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"];
    let checks = statement(policy, "ConfigChecksBucket");
    assert_eq!(
        checks["Action"],
        json!(["s3:GetBucketAcl", "s3:ListBucket"])
    );
    let delivers = statement(policy, "ConfigDelivers");
    assert_eq!(delivers["Action"], "s3:PutObject");
    assert_eq!(
        delivers["Resource"][0],
        "${Bucket.Arn}/${Folder}/*/Config/*"
    );
    assert_eq!(
        delivers["Condition"]["StringEquals"]["s3:x-amz-acl"],
        "bucket-owner-full-control"
    );
    for statement in [checks, delivers] {
        assert_eq!(
            statement["Principal"],
            json!({"Service": "config.amazonaws.com"})
        );
        assert_eq!(
            statement["Condition"]["StringEquals"]["aws:SourceOrgID"],
            "OrganizationId"
        );
    }
}

/// Either order between recorder and channel hangs CloudFormation (aws-cdk 3577, 9001).
#[test]
fn recorder_and_channel_do_not_wait_for_each_other() {
    let template = template("config-recorder.yaml");
    for (name, resource) in template["Resources"].as_object().unwrap() {
        assert!(resource.get("DependsOn").is_none(), "{name}");
    }
    let text = std::fs::read_to_string(folder().join("config-recorder.yaml")).unwrap();
    let (_, body) = text.split_once("\nResources:").unwrap();
    let (body, _) = body.split_once("\nOutputs:").unwrap();
    for reference in [
        "!Ref Recorder\n",
        "!Ref Channel",
        "GetAtt",
        "${Recorder}",
        "${Channel}",
    ] {
        assert!(!body.contains(reference), "{reference}");
    }
}

#[test]
fn the_recorder_takes_global_types_in_the_home_region_only() {
    let template = template("config-recorder.yaml");
    assert_eq!(
        template["Conditions"]["IsHome"],
        json!(["AWS::Region", "HomeRegion"])
    );
    let recorder = &template["Resources"]["Recorder"]["Properties"];
    assert_eq!(
        recorder["RoleARN"],
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    );
    let [condition, excluding, all] = recorder["RecordingGroup"].as_array().unwrap().as_slice()
    else {
        panic!()
    };
    assert_eq!(condition, "Excludes");
    // IncludeGlobalResourceTypes requires AllSupported (RecordingGroup in the Config API).
    assert_eq!(all["AllSupported"], true);
    assert_eq!(
        all["IncludeGlobalResourceTypes"],
        json!(["IsHome", true, false])
    );
    // It has no effect with exclusions, so elsewhere the four types are excluded by name.
    assert_eq!(excluding["AllSupported"], false);
    let types = &excluding["ExclusionByResourceTypes"]["ResourceTypes"];
    assert_eq!(types[0], "IsHome");
    for kind in ["User", "Group", "Role", "Policy"] {
        let desired = format!("AWS::IAM::{kind}");
        assert!(!types[1].to_string().contains(&desired), "at home");
        assert!(types[2].to_string().contains(&desired), "elsewhere");
    }
    assert_eq!(
        template["Parameters"]["RecordingFrequency"]["AllowedValues"],
        json!(["CONTINUOUS", "DAILY"])
    );
}

/// Amazon GuardDuty User Guide, "Exporting generated findings to Amazon S3 buckets", with detectors
/// by pattern, since their ids come later than the bucket.
#[test]
fn guardduty_s_export_is_bound_to_the_secops_detectors() {
    let template = template("guardduty-findings.yaml");
    let key = &template["Resources"]["Key"]["Properties"]["KeyPolicy"];
    let bucket = &template["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"];
    for (policy, sid, action) in [
        (key, "GuardDutyEncrypts", "kms:GenerateDataKey"),
        (bucket, "GuardDutyChecksBucket", "s3:GetBucketLocation"),
        (bucket, "GuardDutyDelivers", "s3:PutObject"),
    ] {
        let allow = statement(policy, sid);
        assert_eq!(allow["Effect"], "Allow");
        assert_eq!(allow["Action"], action);
        assert_eq!(
            allow["Condition"],
            json!({
                "StringEquals": {"aws:SourceAccount": "SecOpsAccountId"},
                "ArnLike": {"aws:SourceArn": "arn:${AWS::Partition}:guardduty:*:${SecOpsAccountId}:detector/*"},
            })
        );
    }
    for sid in ["GuardDutyMustEncrypt", "GuardDutyMustUseThisKey"] {
        assert_eq!(statement(bucket, sid)["Effect"], "Deny");
    }
}

#[test]
fn readers_are_secops_of_this_organization_and_may_only_read() {
    for (name, template) in templates() {
        for role in resources(&template, "AWS::IAM::Role") {
            let trust = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0];
            if name == "config-aggregator.yaml" {
                assert_eq!(trust["Principal"]["Service"], "config.amazonaws.com");
                continue;
            }
            if name == "ec2-defaults.yaml" {
                assert_eq!(trust["Principal"]["Service"], "ssm.amazonaws.com");
                // Whether State Manager says for which account it comes is not documented; nobody can hand it a role
                // of another account.
                let starts_runs =
                    role["Properties"]["RoleName"] == "${RoleName}-run-${AWS::Region}";
                let account = &trust["Condition"]["StringEquals"]["aws:SourceAccount"];
                assert!(starts_runs || account.is_string());
                continue;
            }
            if name == "roles.yaml" {
                continue;
            }
            assert_eq!(
                trust["Principal"]["AWS"],
                "arn:${AWS::Partition}:iam::${SecOpsAccountId}:root"
            );
            assert_eq!(
                trust["Condition"]["StringEquals"]["aws:PrincipalOrgID"],
                "OrganizationId"
            );
        }
        for policy in resources(&template, "AWS::IAM::RolePolicy") {
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
                .as_array()
                .unwrap()
            {
                let actions = match &statement["Action"] {
                    Value::Array(actions) => actions.clone(),
                    one => vec![one.clone()],
                };
                for action in actions {
                    let action = action.as_str().unwrap();
                    assert!(
                        action == "kms:Decrypt"
                            || action.starts_with("s3:Get")
                            || action.starts_with("s3:List"),
                        "{name}: {action}"
                    );
                }
            }
        }
    }
}

/// Whom the roles that check and repair trust: nobody outside the organization, and for repairs nobody
/// but the management account.
#[test]
fn checks_are_trusted_to_management_and_secops_and_repairs_to_management() {
    let template = template("roles.yaml");
    let account = |parameter: &str| format!("arn:${{AWS::Partition}}:iam::${{{parameter}}}:root");
    let (management, secops) = (account("ManagementAccountId"), account("SecOpsAccountId"));
    for (role, trusted) in [
        ("AuditRole", json!([management, secops])),
        ("ExecRole", json!(management)),
    ] {
        let role = &template["Resources"][role]["Properties"];
        let statements = role["AssumeRolePolicyDocument"]["Statement"].as_array();
        let [statement] = statements.unwrap().as_slice() else {
            panic!("one statement")
        };
        assert_eq!(statement["Principal"]["AWS"], trusted);
        assert_eq!(
            statement["Condition"],
            json!({"StringEquals": {"aws:PrincipalOrgID": "OrganizationId"}})
        );
    }
    assert_eq!(resources(&template, "AWS::IAM::Role").len(), 2);
}

/// moto's EC2, a third party, is what the script of the automation works on.
#[test]
fn the_script_for_ec2_defaults_removes_only_a_default_vpc_that_nobody_uses() {
    let Some(python) = crate::support::python() else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .arg(root.join("tests/python/ec2_defaults.py"))
        .arg(folder().join("ec2-defaults.yaml"))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && message.trim() == "ok",
        "{message}{why}"
    );
}

/// Which properties replace a resource is taken from CloudFormation's own schemas.
#[test]
fn the_table_of_types_with_data_is_as_the_schemas_say() {
    let Some(python) = crate::support::python() else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .arg(root.join("tests/python/data_types.py"))
        .arg("--check")
        .output()
        .unwrap();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{why}");
}

/// Whatever the script calls, its role allows; and nothing else.
#[test]
fn the_role_for_ec2_defaults_allows_what_the_script_calls() {
    let text = std::fs::read_to_string(folder().join("ec2-defaults.yaml")).unwrap();
    let calls = text.split("ec2.").skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('(')?;
        let known = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        known.then(|| {
            let words = name.split('_').map(|word| match word {
                "acls" => "Acls".to_owned(),
                word => word[..1].to_uppercase() + &word[1..],
            });
            format!("ec2:{}", words.collect::<String>())
        })
    });
    let called: std::collections::BTreeSet<String> = calls.collect();
    let role = template("ec2-defaults.yaml");
    let statement = &role["Resources"]["Rights"]["Properties"]["PolicyDocument"]["Statement"][0];
    let allowed: std::collections::BTreeSet<String> = statement["Action"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action.as_str().unwrap().to_owned())
        .collect();
    assert!(called.len() > 10);
    assert_eq!(called, allowed);
}

/// State Manager may start this document and nothing else, and hand it the role that it works by and no other.
#[test]
fn associations_of_ec2_defaults_are_started_by_a_role_of_their_own() {
    let template = template("ec2-defaults.yaml");
    let resources = &template["Resources"];
    assert_eq!(
        resources["Association"]["Properties"]["AssociationDispatchAssumeRole"],
        "Dispatcher.Arn"
    );
    let document = &resources["MayStart"]["Properties"]["PolicyDocument"];
    let statements = document["Statement"].as_array().unwrap();
    let [start, pass] = statements.as_slice() else {
        panic!("{statements:?}")
    };
    assert_eq!(start["Action"], "ssm:StartAutomationExecution");
    let of_this_document = |resource: &serde_json::Value| {
        let resource = resource.as_str().unwrap();
        resource.contains("${DocumentName}") || resource.ends_with(":automation-execution/*")
    };
    assert!(
        start["Resource"]
            .as_array()
            .unwrap()
            .iter()
            .all(of_this_document)
    );
    assert_eq!(pass["Action"], "iam:PassRole");
    assert_eq!(pass["Resource"], "Role.Arn");
    let to = &pass["Condition"]["StringEquals"]["iam:PassedToService"];
    assert_eq!(to, "ssm.amazonaws.com");
}

/// A role that may change roles may give itself more.
#[test]
fn the_repairing_role_can_not_raise_its_own_rights() {
    let template = template("roles.yaml");
    for policy in resources(&template, "AWS::IAM::ManagedPolicy") {
        let document = &policy["Properties"]["PolicyDocument"];
        // IAM's quota for a managed policy, white space not counted; ids make it little longer.
        assert!(document.to_string().len() < 6_144 - 500);
        for statement in document["Statement"].as_array().unwrap() {
            for action in statement["Action"].as_array().into_iter().flatten() {
                let action = action.as_str().unwrap();
                let writes = [
                    "iam:Put",
                    "iam:Attach",
                    "iam:CreateRole",
                    "iam:CreatePolicy",
                ];
                assert!(!writes.iter().any(|w| action.starts_with(w)), "{action}");
                assert!(!["*", "iam:*"].contains(&action), "{action}");
                assert!(!action.starts_with("iam:Update") || action.ends_with("PasswordPolicy"));
            }
        }
        let pass = document["Statement"].as_array().unwrap();
        for statement in pass.iter().filter(|s| s["Action"] == "iam:PassRole") {
            assert!(statement["Condition"]["StringEquals"]["iam:PassedToService"].is_string());
            assert_ne!(statement["Resource"], "*");
        }
    }
}

/// CloudFormation's drift detection does not look at AWS::IAM::Policy; and a partition in writing
/// would fail in the others.
#[test]
fn templates_keep_to_what_drift_detection_sees_and_name_no_partition() {
    for (name, template) in templates() {
        assert!(
            resources(&template, "AWS::IAM::Policy").is_empty(),
            "{name}"
        );
        let text = std::fs::read_to_string(folder().join(&name)).unwrap();
        assert!(!text.contains("arn:aws:"), "{name}");
        assert!(text.len() <= 51_200, "{name}");
        assert!(template.get("Transform").is_none(), "{name}");
        let Some((_, comment)) = text.split_once("\n# ") else {
            panic!("{name} does not say why it is as it is")
        };
        assert!(comment.find("\nParameters:").is_some());
    }
}
