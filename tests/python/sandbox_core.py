"""boto3 against `orgstrap sandbox serve`: organization, OUs, accounts, policies, roles, tags, paging.

Usage: sandbox_core.py ENDPOINT
"""

import json
import sys
import time

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    sys.exit("This Python has no boto3. Install it, or set ORGSTRAP_TEST_PYTHON to a Python that has it.")

ENDPOINT = sys.argv[1]
CONFIG = Config(retries={"max_attempts": 0})


def client(service, region="us-east-1", **credentials):
    return boto3.client(service, region_name=region, endpoint_url=ENDPOINT, config=CONFIG, **credentials)


def refused(code, act, **arguments):
    """The act must fail with this code."""
    try:
        act(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"{code} expected, got {error}"
        assert error.response["ResponseMetadata"]["RequestId"], "no request id"
        return error.response
    raise AssertionError(f"{code} expected, but it succeeded")


def wait(what, ready, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come about")


org = client("organizations")
sts = client("sts")

# Who calls, and who may not.
me = sts.get_caller_identity()
assert me["Account"] == "111111111111", me
stranger = {"aws_access_key_id": "AKIANOBODYKNOWSTHIS0", "aws_secret_access_key": "x"}
refused("InvalidClientTokenId", client("sts", **stranger).get_caller_identity)
refused("UnrecognizedClientException", client("organizations", **stranger).list_roots)
refused("AWSOrganizationsNotInUseException", org.describe_organization)

# The organization and its tree.
created = org.create_organization(FeatureSet="ALL")["Organization"]
assert created["MasterAccountId"] == "111111111111" and created["FeatureSet"] == "ALL", created
refused("AlreadyInOrganizationException", org.create_organization)
root = org.list_roots()["Roots"][0]
assert {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"} in root["PolicyTypes"], root
ou = org.create_organizational_unit(ParentId=root["Id"], Name="Workloads")["OrganizationalUnit"]["Id"]
refused("DuplicateOrganizationalUnitException", org.create_organizational_unit, ParentId=root["Id"], Name="Workloads")
refused("ParentNotFoundException", org.create_organizational_unit, ParentId="ou-abcd-12345678", Name="x")
parent = ou
for depth in range(2, 6):
    parent = org.create_organizational_unit(ParentId=parent, Name=f"Level {depth}")["OrganizationalUnit"]["Id"]
deep = refused("ConstraintViolationException", org.create_organizational_unit, ParentId=parent, Name="Level 6")
assert deep["Reason"] == "OU_DEPTH_LIMIT_EXCEEDED", deep
refused("OrganizationalUnitNotEmptyException", org.delete_organizational_unit, OrganizationalUnitId=ou)
org.update_organizational_unit(OrganizationalUnitId=parent, Name="Deepest")
assert org.describe_organizational_unit(OrganizationalUnitId=parent)["OrganizationalUnit"]["Name"] == "Deepest"

# Bad input is refused with AWS's own reasons.
bad = refused("InvalidInputException", org.create_account, AccountName="bad", Email="not-an-email")
assert bad["Reason"] == "INVALID_PATTERN", bad

# Accounts: asynchronous, into the root, then moved.
requests = [
    org.create_account(
        AccountName=f"account {number}",
        Email=f"aws+{number}@example.com",
        RoleName="Entry",
        Tags=[{"Key": "orgstrap:key", "Value": f"a{number}"}],
    )["CreateAccountStatus"]["Id"]
    for number in range(3)
]


def all_done():
    pages = org.get_paginator("list_create_account_status").paginate(PaginationConfig={"PageSize": 2})
    states = {status["Id"]: status for page in pages for status in page["CreateAccountStatuses"]}
    assert set(requests) <= set(states), states
    return all(state["State"] == "SUCCEEDED" for state in states.values()) and states


done = wait("the accounts", all_done)
ids = [done[request]["AccountId"] for request in requests]
for account in ids:
    org.move_account(AccountId=account, SourceParentId=root["Id"], DestinationParentId=ou)
refused("DuplicateAccountException", org.move_account, AccountId=ids[0], SourceParentId=root["Id"], DestinationParentId=ou)
refused("SourceParentNotFoundException", org.move_account, AccountId=ids[0], SourceParentId="ou-abcd-12345678", DestinationParentId=root["Id"])
pages = list(org.get_paginator("list_accounts_for_parent").paginate(ParentId=ou, PaginationConfig={"PageSize": 2}))
assert len(pages) == 2 and sorted(a["Id"] for page in pages for a in page["Accounts"]) == sorted(ids), pages
everyone = [a for page in org.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2}) for a in page["Accounts"]]
assert len(everyone) == 4, everyone
assert all(a["State"] == "ACTIVE" for a in everyone), everyone
moved = next(a for a in everyone if a["Id"] == ids[0])
assert moved["Paths"] == [f"{created['Id']}/{root['Id']}/{ou}/{ids[0]}/"], moved
assert org.list_parents(ChildId=ids[0])["Parents"] == [{"Id": ou, "Type": "ORGANIZATIONAL_UNIT"}]
assert {c["Id"] for c in org.list_children(ParentId=ou, ChildType="ACCOUNT")["Children"]} == set(ids)

# Tags, one by one and all at once (the tagging API speaks CBOR to this client).
org.tag_resource(ResourceId=ids[0], Tags=[{"Key": "team", "Value": "payments & co".replace("&", "+")}])
tags = {t["Key"]: t["Value"] for t in org.list_tags_for_resource(ResourceId=ids[0])["Tags"]}
assert tags == {"orgstrap:key": "a0", "team": "payments + co"}, tags
org.untag_resource(ResourceId=ids[0], TagKeys=["team"])
refused("InvalidInputException", org.tag_resource, ResourceId=ids[0], Tags=[{"Key": "aws:x", "Value": "y"}])
found = client("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["organizations:account"])
mapped = {r["ResourceARN"].rsplit("/", 1)[1]: r["Tags"] for r in found["ResourceTagMappingList"]}
assert mapped[ids[1]] == [{"Key": "orgstrap:key", "Value": "a1"}], mapped

# Policies.
content = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"}]})
policy = org.create_policy(Name="stay", Description="", Type="SERVICE_CONTROL_POLICY", Content=content)["Policy"]["PolicySummary"]["Id"]
refused("DuplicatePolicyException", org.create_policy, Name="stay", Description="", Type="SERVICE_CONTROL_POLICY", Content=content)
refused("MalformedPolicyDocumentException", org.create_policy, Name="broken", Description="", Type="SERVICE_CONTROL_POLICY", Content="{")
org.attach_policy(PolicyId=policy, TargetId=ou)
refused("DuplicatePolicyAttachmentException", org.attach_policy, PolicyId=policy, TargetId=ou)
refused("PolicyInUseException", org.delete_policy, PolicyId=policy)
names = {p["Name"] for p in org.list_policies_for_target(TargetId=ou, Filter="SERVICE_CONTROL_POLICY")["Policies"]}
assert names == {"FullAWSAccess", "stay"}, names
targets = org.list_targets_for_policy(PolicyId=policy)["Targets"]
assert [(t["TargetId"], t["Type"]) for t in targets] == [(ou, "ORGANIZATIONAL_UNIT")], targets
org.detach_policy(PolicyId=policy, TargetId=ou)
last = refused("ConstraintViolationException", org.detach_policy, PolicyId="p-FullAWSAccess", TargetId=ou)
assert last["Reason"] == "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", last
assert json.loads(org.describe_policy(PolicyId=policy)["Policy"]["Content"]) == json.loads(content)
org.enable_policy_type(RootId=root["Id"], PolicyType="TAG_POLICY")
refused("PolicyTypeAlreadyEnabledException", org.enable_policy_type, RootId=root["Id"], PolicyType="TAG_POLICY")
wait("tag policies", lambda: {"Type": "TAG_POLICY", "Status": "ENABLED"} in org.list_roots()["Roots"][0]["PolicyTypes"])

# Trusted access and delegation.
early = refused("ConstraintViolationException", org.register_delegated_administrator, AccountId=ids[0], ServicePrincipal="config.amazonaws.com")
assert early["Reason"] == "SERVICE_ACCESS_NOT_ENABLED", early
org.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
refused("InvalidInputException", org.enable_aws_service_access, ServicePrincipal="stacksets.cloudformation.amazonaws.com")
itself = refused("ConstraintViolationException", org.register_delegated_administrator, AccountId="111111111111", ServicePrincipal="config.amazonaws.com")
assert itself["Reason"] == "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR", itself
org.register_delegated_administrator(AccountId=ids[0], ServicePrincipal="config.amazonaws.com")
refused("AccountAlreadyRegisteredException", org.register_delegated_administrator, AccountId=ids[0], ServicePrincipal="config.amazonaws.com")
assert [a["Id"] for a in org.list_delegated_administrators()["DelegatedAdministrators"]] == [ids[0]]
services = org.list_delegated_services_for_account(AccountId=ids[0])["DelegatedServices"]
assert [s["ServicePrincipal"] for s in services] == ["config.amazonaws.com"], services

# Into a member account.
role = f"arn:aws:iam::{ids[1]}:role/Entry"


def entered():
    try:
        return client("sts", "eu-west-1").assume_role(RoleArn=role, RoleSessionName="boto3")["Credentials"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        return None


session = wait("the access role", entered)
inside = {
    "aws_access_key_id": session["AccessKeyId"],
    "aws_secret_access_key": session["SecretAccessKey"],
    "aws_session_token": session["SessionToken"],
}
assert client("sts", **inside).get_caller_identity()["Account"] == ids[1]
refused("AccessDeniedException", client("organizations", **inside).list_accounts)
assert client("organizations", **inside).describe_organization()["Organization"]["Id"] == created["Id"]
iam = client("iam", **inside)
iam.create_service_linked_role(AWSServiceName="config.amazonaws.com")
taken = refused("InvalidInput", iam.create_service_linked_role, AWSServiceName="config.amazonaws.com")
assert "has been taken" in taken["Error"]["Message"], taken
names = {r["RoleName"] for page in iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1}) for r in page["Roles"]}
assert {"Entry", "AWSServiceRoleForConfig", "AWSServiceRoleForOrganizations"} <= names, names
assert iam.get_role(RoleName="Entry")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
refused("NoSuchEntity", iam.get_role, RoleName="Nobody")

# Service control policies bind members and what their policies do not name, not the management account.
scp = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Deny", "Action": ["events:Put*", "s3:ListAllMyBuckets", "guardduty:*"], "Resource": "*"},
        {"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": {
            "StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}}},
        {"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": {
            "ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/Other*"}, "StringEqualsIfExists": {"aws:RequestedRegion": "us-east-1"}}},
    ],
}
fence = org.create_policy(Name="fence", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(scp))["Policy"]["PolicySummary"]["Id"]
org.attach_policy(PolicyId=fence, TargetId=ou)
rule = {"Name": "r", "ScheduleExpression": "rate(1 day)"}
no = refused("AccessDeniedException", client("events", **inside).put_rule, **rule)
assert no["Error"]["Message"].startswith(f"User: arn:aws:sts::{ids[1]}:assumed-role/Entry/boto3 is not authorized to perform: events:PutRule on resource: "), no
assert no["Error"]["Message"].find(" with an explicit deny in a service control policy: arn:aws:organizations::") > 0, no
refused("AccessDenied", client("s3", **inside).list_buckets)
refused("AccessDeniedException", client("guardduty", **inside).list_detectors)
refused("AccessDenied", client("cloudformation", "eu-north-1", **inside).list_stacks)
client("cloudformation", "eu-west-1", **inside).list_stacks()
refused("UnauthorizedOperation", client("ec2", **inside).describe_vpcs)
client("ec2", "eu-west-1", **inside).describe_vpcs()
client("sts", "eu-north-1", **inside).get_caller_identity()
client("events").put_rule(**rule)
org.detach_policy(PolicyId=fence, TargetId=ou)
client("events", **inside).put_rule(**rule)
# Without a policy that allows, at every level, nothing is allowed.
only = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]})
org.update_policy(PolicyId=fence, Content=only)
org.attach_policy(PolicyId=fence, TargetId=ids[1])
org.detach_policy(PolicyId="p-FullAWSAccess", TargetId=ids[1])
no = refused("AccessDeniedException", client("events", **inside).put_rule, **rule)
assert no["Error"]["Message"].endswith(" because no service control policy allows the events:PutRule action"), no
iam.list_roles()
org.attach_policy(PolicyId="p-FullAWSAccess", TargetId=ids[1])

# Security groups, in EC2's own protocol.
ec2 = client("ec2", "eu-west-1", **inside)
group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}])["SecurityGroups"][0]
assert [p["UserIdGroupPairs"][0]["GroupId"] for p in group["IpPermissions"]] == [group["GroupId"]], group
ssh = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=ssh)
refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=group["GroupId"], IpPermissions=ssh)
refused("DryRunOperation", ec2.describe_vpcs, DryRun=True)
assert client("ec2", "us-east-1", **inside).describe_security_groups()["SecurityGroups"][0]["GroupId"] != group["GroupId"]
ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=ssh)
unknown = ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=ssh)["UnknownIpPermissions"]
assert unknown[0]["FromPort"] == 22, unknown

# The lock's parameter, per account and Region.
ssm = client("ssm", "eu-west-1")
ssm.put_parameter(Name="/orgstrap/lock", Value="run 1", Type="String", Overwrite=False)
refused("ParameterAlreadyExists", ssm.put_parameter, Name="/orgstrap/lock", Value="run 2", Type="String", Overwrite=False)
assert ssm.get_parameter(Name="/orgstrap/lock")["Parameter"]["Value"] == "run 1"
refused("ParameterNotFound", client("ssm", "us-east-1").get_parameter, Name="/orgstrap/lock")
refused("ParameterNotFound", client("ssm", "eu-west-1", **inside).get_parameter, Name="/orgstrap/lock")
ssm.delete_parameter(Name="/orgstrap/lock")

# Account management.
account = client("account")
refused("AccessDeniedException", account.put_account_name, AccountId=ids[2], AccountName="renamed")
org.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
account.put_account_name(AccountId=ids[2], AccountName="renamed")
assert org.describe_account(AccountId=ids[2])["Account"]["Name"] == "renamed"
assert account.get_account_information(AccountId=ids[2])["AccountName"] == "renamed"
contact = {"Name": "Ada", "Title": "Security", "EmailAddress": "ada@example.com", "PhoneNumber": "+1 555 0100"}
refused("ResourceNotFoundException", account.get_alternate_contact, AlternateContactType="SECURITY")
account.put_alternate_contact(AlternateContactType="SECURITY", **contact)
assert account.get_alternate_contact(AlternateContactType="SECURITY")["AlternateContact"]["Name"] == "Ada"
regions = {r["RegionName"]: r["RegionOptStatus"] for page in account.get_paginator("list_regions").paginate() for r in page["Regions"]}
assert regions["eu-west-1"] == "ENABLED_BY_DEFAULT" and regions["eu-south-1"] == "DISABLED", regions
refused("UnrecognizedClientException", client("ssm", "eu-south-1").describe_parameters)
account.enable_region(RegionName="eu-south-1")
wait("the Region", lambda: account.get_region_opt_status(RegionName="eu-south-1")["RegionOptStatus"] == "ENABLED")
client("ssm", "eu-south-1").describe_parameters()

# What is not simulated says so.
refused("InvalidAction", sts.get_session_token)
refused("UnknownOperationException", org.invite_account_to_organization, Target={"Id": ids[0], "Type": "ACCOUNT"})
refused("NotImplemented", client("s3").get_bucket_accelerate_configuration, Bucket="bucket")

# Closing.
org.close_account(AccountId=ids[2])
refused("AccountAlreadyClosedException", org.close_account, AccountId=ids[2])
wait("the closure", lambda: org.describe_account(AccountId=ids[2])["Account"]["State"] == "CLOSED")
assert org.describe_account(AccountId=ids[2])["Account"]["Status"] == "SUSPENDED"
print("boto3 got through")
