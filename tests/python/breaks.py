"""Breaks what baselines and plan keep, as an administrator of a member or of the management account does with boto3.

usage: breaks.py HOME OTHER WHAT...

HOME and OTHER are the governed Regions. Each WHAT is a function below; all are done, in this order.
"""

import json
import re
import sys

import world

HOME, OTHER = sys.argv[1:3]
_accounts = {}


def account(name):
    if not _accounts:
        _accounts.update(world.accounts())
    return _accounts[name]


def at(service, name=None, region=HOME):
    return world.client(service, region=region, account=account(name) if name else None)


def bucket(part):
    names = [it["Name"] for it in at("s3", "log-archive").list_buckets()["Buckets"]]
    # Not the one beside it for access logs.
    (found,) = [name for name in names if re.fullmatch(rf"orgstrap-{part}-\d{{12}}-{HOME}", name)]
    return found


def recorder(config):
    (found,) = config.describe_configuration_recorders()["ConfigurationRecorders"]
    return found


def trail():
    (found,) = at("cloudtrail").describe_trails()["trailList"]
    return found["TrailARN"]


# In the services, account by account.


def stop_trail():
    at("cloudtrail").stop_logging(Name=trail())


def trail_writes_only():
    selector = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}
    at("cloudtrail").put_event_selectors(TrailName=trail(), EventSelectors=[selector])


def trail_one_region():
    at("cloudtrail").update_trail(Name=trail(), IsMultiRegionTrail=False)


def stop_recorder():
    config = at("config", "shop")
    config.stop_configuration_recorder(ConfigurationRecorderName=recorder(config)["name"])


def stop_recorder_of_management():
    config = at("config", region=OTHER)
    config.stop_configuration_recorder(ConfigurationRecorderName=recorder(config)["name"])


def record_less():
    config = at("config", "log-archive")
    less = recorder(config)
    less["recordingGroup"] = {
        "allSupported": False,
        "includeGlobalResourceTypes": False,
        "resourceTypes": ["AWS::EC2::Volume"],
    }
    config.put_configuration_recorder(
        ConfigurationRecorder={name: less[name] for name in ("name", "roleARN", "recordingGroup")}
    )


def delete_channel():
    config = at("config", "shop", OTHER)
    config.stop_configuration_recorder(ConfigurationRecorderName=recorder(config)["name"])
    (channel,) = config.describe_delivery_channels()["DeliveryChannels"]
    config.delete_delivery_channel(DeliveryChannelName=channel["name"])


def delete_recorder():
    config = at("config", "log-archive", OTHER)
    config.delete_configuration_recorder(ConfigurationRecorderName=recorder(config)["name"])


def delete_aggregator():
    config = at("config", "security")
    for one in config.describe_configuration_aggregators()["ConfigurationAggregators"]:
        config.delete_configuration_aggregator(
            ConfigurationAggregatorName=one["ConfigurationAggregatorName"]
        )


def delete_bucket_policy():
    at("s3", "log-archive").delete_bucket_policy(Bucket=bucket("config"))


def edit_bucket_policy():
    s3, name = at("s3", "log-archive"), bucket("guardduty")
    policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])
    policy["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{name}/*",
        }
    )
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def public_access():
    at("s3", "log-archive").put_public_access_block(
        Bucket=bucket("cloudtrail"),
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": False,
            "IgnorePublicAcls": False,
            "BlockPublicPolicy": False,
            "RestrictPublicBuckets": False,
        },
    )


def no_public_access_block():
    at("s3", "log-archive").delete_public_access_block(Bucket=bucket("config"))


def no_versions():
    at("s3", "log-archive").put_bucket_versioning(
        Bucket=bucket("guardduty"), VersioningConfiguration={"Status": "Suspended"}
    )


def key(alias):
    kms = at("kms", "log-archive")
    found = kms.describe_key(KeyId=f"alias/{alias}")["KeyMetadata"]
    return kms, found["KeyId"]


def key_goes():
    kms, one = key("orgstrap/cloudtrail")
    kms.schedule_key_deletion(KeyId=one, PendingWindowInDays=7)


def edit_key_policy():
    kms, one = key("orgstrap/guardduty")
    policy = json.loads(kms.get_key_policy(KeyId=one, PolicyName="default")["Policy"])
    policy["Statement"] = policy["Statement"][:1]
    kms.put_key_policy(KeyId=one, PolicyName="default", Policy=json.dumps(policy))


def detector(guardduty):
    return guardduty.list_detectors()["DetectorIds"][0]


def guardduty_for_nobody():
    guardduty = at("guardduty", "security")
    guardduty.update_organization_configuration(
        DetectorId=detector(guardduty), AutoEnableOrganizationMembers="NONE"
    )


def guardduty_off():
    guardduty = at("guardduty", "security", OTHER)
    guardduty.update_detector(DetectorId=detector(guardduty), Enable=False)


def guardduty_loses_a_member():
    guardduty = at("guardduty", "security")
    guardduty.disassociate_members(DetectorId=detector(guardduty), AccountIds=[account("shop")])


def guardduty_exports_nothing():
    guardduty = at("guardduty", "security")
    one = detector(guardduty)
    for it in guardduty.list_publishing_destinations(DetectorId=one)["Destinations"]:
        guardduty.delete_publishing_destination(DetectorId=one, DestinationId=it["DestinationId"])


def delete_role(name, role):
    iam = at("iam", name)
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    iam.delete_role(RoleName=role)


def delete_reading_role():
    delete_role("shop", "orgstrap-audit")


def delete_repairing_role():
    delete_role("log-archive", "orgstrap-exec")


def delete_reader_role():
    delete_role("log-archive", "orgstrap-config-reader")


def delete_stack_in_a_member():
    cloudformation = at("cloudformation", "security", OTHER)
    stacks = cloudformation.describe_stacks()["Stacks"]
    (one,) = [it["StackName"] for it in stacks if "ec2-defaults" in it["StackName"]]
    cloudformation.delete_stack(StackName=one)


# In the organization, by the management account.


def detach_policy():
    world.organizations().detach_policy(
        PolicyId=world.policies()["guard"], TargetId=world.target("Workloads")
    )


def edit_policy():
    content = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}],
    }
    world.organizations().update_policy(
        PolicyId=world.policies()["guard"], Content=json.dumps(content)
    )


def detach_full_access():
    world.organizations().detach_policy(
        PolicyId=world.policies()["FullAWSAccess"], TargetId=world.target("Attic")
    )


def move_account():
    org, shop = world.organizations(), account("shop")
    source = org.list_parents(ChildId=shop)["Parents"][0]["Id"]
    org.move_account(
        AccountId=shop, SourceParentId=source, DestinationParentId=world.target("Security")
    )


def rename_ou():
    world.organizations().update_organizational_unit(
        OrganizationalUnitId=world.target("Workloads/Prod"), Name="Live"
    )


def untag_account():
    world.organizations().untag_resource(ResourceId=account("shop"), TagKeys=["team"])


def deregister_administrator():
    world.organizations().deregister_delegated_administrator(
        AccountId=account("security"), ServicePrincipal="config.amazonaws.com"
    )


def register_administrator():
    world.organizations().register_delegated_administrator(
        AccountId=account("shop"), ServicePrincipal="config-multiaccountsetup.amazonaws.com"
    )


def no_trusted_access():
    world.organizations().disable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")


def no_access_for_stack_sets():
    at("cloudformation").deactivate_organizations_access()


def no_administrator_of_guardduty():
    # GuardDuty itself refuses that while the administrator has members; Organizations does not.
    world.organizations().deregister_delegated_administrator(
        AccountId=account("security"), ServicePrincipal="guardduty.amazonaws.com"
    )


def delete_stack():
    cloudformation = at("cloudformation", "security")
    name = "orgstrap-config-aggregator"
    cloudformation.update_termination_protection(
        StackName=name, EnableTerminationProtection=False
    )
    cloudformation.delete_stack(StackName=name)


def no_termination_protection():
    at("cloudformation", "log-archive").update_termination_protection(
        StackName="orgstrap-config-logs", EnableTerminationProtection=False
    )


def delete_instances():
    at("cloudformation").delete_stack_instances(
        StackSetName="orgstrap-config-recorder",
        DeploymentTargets={
            "OrganizationalUnitIds": [world.target("Security")],
            "Accounts": [account("log-archive")],
            "AccountFilterType": "INTERSECTION",
        },
        Regions=[OTHER],
        RetainStacks=False,
    )


def no_auto_deployment():
    cloudformation, name = at("cloudformation"), "orgstrap-ec2-defaults"
    there = cloudformation.describe_stack_set(StackSetName=name)["StackSet"]["Parameters"]
    cloudformation.update_stack_set(
        StackSetName=name,
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": it["ParameterKey"], "UsePreviousValue": True} for it in there
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        AutoDeployment={"Enabled": False},
    )


if __name__ == "__main__":
    for what in sys.argv[3:]:
        try:
            globals()[what]()
        except Exception as error:
            raise SystemExit(f"{what}: {error}") from error
