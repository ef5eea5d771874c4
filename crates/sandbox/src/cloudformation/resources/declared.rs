//! Types of services that the sandbox does not have: taken as they are declared, as far as policies let the stack make them.

use serde_json::json;

use super::{Identity, Kind, Maker, Props, always_stable, identity, str_of};
use crate::call::AwsError;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "AWS::CodeBuild::Project",
        properties: &[
            "Artifacts",
            "AutoRetryLimit",
            "BadgeEnabled",
            "BuildBatchConfig",
            "Cache",
            "ConcurrentBuildLimit",
            "Description",
            "EncryptionKey",
            "Environment",
            "FileSystemLocations",
            "LogsConfig",
            "Name",
            "QueuedTimeoutInMinutes",
            "ResourceAccessRole",
            "SecondaryArtifacts",
            "SecondarySourceVersions",
            "SecondarySources",
            "ServiceRole",
            "Source",
            "SourceVersion",
            "Tags",
            "TimeoutInMinutes",
            "Triggers",
            "Visibility",
            "VpcConfig",
        ],
        required: &["Artifacts", "Environment", "ServiceRole", "Source"],
        replaced_by: &["Name"],
        seconds: 5,
        rank: 0,
        create: |maker, props| {
            let name = str_of(props, "Name").unwrap_or_else(|| maker.make_name(150));
            project(maker, "CreateProject", &name, props)
        },
        update: |maker, name, props| project(maker, "UpdateProject", name, props),
        delete: |maker, name, _| maker.may("codebuild", "DeleteProject", json!({ "name": name })),
        stable: always_stable,
        read: None,
    },
    Kind {
        name: "AWS::Logs::LogGroup",
        properties: &[
            "BearerTokenAuthenticationEnabled",
            "DataProtectionPolicy",
            "DeletionProtectionEnabled",
            "FieldIndexPolicies",
            "KmsKeyId",
            "LogGroupClass",
            "LogGroupName",
            "ResourcePolicyDocument",
            "RetentionInDays",
            "Tags",
        ],
        required: &[],
        replaced_by: &["LogGroupName"],
        seconds: 5,
        rank: 0,
        create: |maker, props| {
            let name = str_of(props, "LogGroupName").unwrap_or_else(|| maker.make_name(512));
            log_group(maker, "CreateLogGroup", &name)
        },
        update: |maker, name, _| log_group(maker, "PutRetentionPolicy", name),
        delete: |maker, name, _| {
            maker.may("logs", "DeleteLogGroup", json!({ "logGroupName": name }))
        },
        stable: always_stable,
        read: None,
    },
];

fn project(
    maker: &Maker<'_>,
    operation: &str,
    name: &str,
    props: &Props,
) -> Result<Identity, AwsError> {
    let role = str_of(props, "ServiceRole");
    let input = json!({ "name": name, "serviceRole": role });
    maker.may("codebuild", operation, input)?;
    let arn = format!(
        "arn:aws:codebuild:{}:{}:project/{name}",
        maker.region, maker.account
    );
    Ok(identity(name, &[("Arn", &arn)]))
}

fn log_group(maker: &Maker<'_>, operation: &str, name: &str) -> Result<Identity, AwsError> {
    maker.may("logs", operation, json!({ "logGroupName": name }))?;
    let arn = format!(
        "arn:aws:logs:{}:{}:log-group:{name}:*",
        maker.region, maker.account
    );
    Ok(identity(name, &[("Arn", &arn)]))
}
