"""The scenarios of conform.py: what is done, in the same order, in both worlds."""

import json

DENY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"}],
    }
)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
SCP = "SERVICE_CONTROL_POLICY"


def run(place):
    organizations(place)
    sts(place)
    iam(place)
    ssm(place)
    s3(place)
    cloudformation(place)
    cloudtrail(place)
    config(place)
    ec2(place)
    guardduty(place)
    closing(place)


def organizations(place):
    call = place.call
    call("sts:GetCallerIdentity management")
    call("organizations:DescribeOrganization before there is one")
    call("organizations:ListRoots before there is one")
    created = call("organizations:CreateOrganization first", FeatureSet="ALL")["Organization"]
    place.know(created["Id"], "organization")
    call("organizations:CreateOrganization second", FeatureSet="ALL")
    call("organizations:DescribeOrganization after")
    root = place.know(place.raw("organizations", "ListRoots")["Roots"][0]["Id"], "root")
    place.know(root[2:], "root suffix")
    place.root = root
    call("organizations:ListRoots after")
    call("organizations:ListAccounts of a new organization")

    # OUs
    def ou(case, parent, name):
        made = call(f"organizations:CreateOrganizationalUnit {case}", ParentId=parent, Name=name)
        return made and place.know(made["OrganizationalUnit"]["Id"], f"ou {name}")

    work = ou("first", root, "Workloads")
    # What moto lets pass must not change what follows, so it happens to this one.
    scrap = ou("for scraps", root, "Scrap")
    inner = ou("in it", scrap, "Inner")
    call("organizations:CreateOrganizationalUnit same name", ParentId=scrap, Name="Inner", hide=["OrganizationalUnit"])
    call("organizations:CreateOrganizationalUnit unknown parent", ParentId="ou-abcd-12345678", Name="x")
    call("organizations:CreateOrganizationalUnit malformed parent", ParentId="nonsense", Name="x", hide=["OrganizationalUnit"])
    call("organizations:CreateOrganizationalUnit empty name", ParentId=scrap, Name="")
    call("organizations:CreateOrganizationalUnit without a name", ParentId=scrap)
    parent = work
    for depth in range(2, 6):
        parent = ou(f"level {depth}", parent, f"Level {depth}")
    call("organizations:CreateOrganizationalUnit level 6", ParentId=parent, Name="Level 6")
    call("organizations:DescribeOrganizationalUnit known", OrganizationalUnitId=work)
    call("organizations:DescribeOrganizationalUnit unknown", OrganizationalUnitId="ou-abcd-12345678")
    call("organizations:UpdateOrganizationalUnit rename", OrganizationalUnitId=parent, Name="Deepest")
    other = ou("beside", root, "Sandbox")
    call("organizations:UpdateOrganizationalUnit to a taken name", OrganizationalUnitId=other, Name="Workloads")
    call("organizations:ListOrganizationalUnitsForParent root", ParentId=root)
    call("organizations:ListOrganizationalUnitsForParent unknown", ParentId="ou-abcd-12345678")
    call("organizations:ListChildren OUs", ParentId=root, ChildType="ORGANIZATIONAL_UNIT")
    call("organizations:ListChildren of a wrong type", ParentId=root, ChildType="NONSENSE")
    call("organizations:ListParents of an OU", ChildId=work)
    call("organizations:ListParents of an unknown OU", ChildId="ou-abcd-12345678")
    call("organizations:DeleteOrganizationalUnit with OUs in it", OrganizationalUnitId=scrap)
    call("organizations:ListParents of an inner OU", ChildId=inner)
    gone = ou("to be deleted", root, "Gone")
    call("organizations:DeleteOrganizationalUnit empty", OrganizationalUnitId=gone)
    call("organizations:DeleteOrganizationalUnit again", OrganizationalUnitId=gone)

    # Accounts
    begun = call(
        "organizations:CreateAccount first",
        AccountName="payments",
        Email="aws+payments@example.com",
        Tags=[{"Key": "team", "Value": "payments"}],
    )
    first = account(place, begun)
    status = begun["CreateAccountStatus"]["Id"]
    call("organizations:DescribeCreateAccountStatus when done", CreateAccountRequestId=status)
    call("organizations:DescribeCreateAccountStatus unknown", CreateAccountRequestId="car-" + "0" * 32)
    call("organizations:ListCreateAccountStatus succeeded", States=["SUCCEEDED"])
    call("organizations:ListCreateAccountStatus failed", States=["FAILED"])
    second = account(
        place, call("organizations:CreateAccount second", AccountName="shop", Email="aws+shop@example.com")
    )
    place.accounts = {"payments": first, "shop": second}
    place.know(first, "payments")
    place.know(second, "shop")
    call("organizations:CreateAccount bad email", AccountName="bad", Email="nonsense")
    call("organizations:CreateAccount without an email", AccountName="bad")
    again = call("organizations:CreateAccount same email", AccountName="again", Email="aws+shop@example.com")
    account(place, again)
    call(
        "organizations:DescribeCreateAccountStatus same email",
        CreateAccountRequestId=again["CreateAccountStatus"]["Id"],
    )
    call("organizations:DescribeAccount known", AccountId=first)
    call("organizations:DescribeAccount unknown", AccountId="999999999999")
    call("organizations:DescribeAccount malformed", AccountId="1")
    call("organizations:ListParents of a new account", ChildId=first)
    call("organizations:MoveAccount", AccountId=first, SourceParentId=root, DestinationParentId=work)
    call("organizations:MoveAccount from where it is not", AccountId=second, SourceParentId=work, DestinationParentId=root)
    call("organizations:MoveAccount to nowhere", AccountId=first, SourceParentId=work, DestinationParentId="ou-abcd-12345678")
    call("organizations:MoveAccount of nobody", AccountId="999999999999", SourceParentId=root, DestinationParentId=work)
    call("organizations:ListParents of a moved account", ChildId=first)
    call("organizations:ListAccountsForParent of an OU", ParentId=work)
    call("organizations:ListChildren accounts", ParentId=work, ChildType="ACCOUNT")
    call("organizations:ListAccountsForParent unknown", ParentId="ou-abcd-12345678")

    # Tags
    call("organizations:ListTagsForResource of an account", ResourceId=first)
    call("organizations:TagResource", ResourceId=first, Tags=[{"Key": "team", "Value": "money"}, {"Key": "b", "Value": ""}])
    call("organizations:ListTagsForResource after tagging", ResourceId=first)
    call("organizations:UntagResource", ResourceId=first, TagKeys=["b"])
    call("organizations:ListTagsForResource after untagging", ResourceId=first)
    call("organizations:TagResource unknown OU", ResourceId="ou-abcd-12345678", Tags=[{"Key": "a", "Value": "b"}])
    call("organizations:TagResource reserved prefix", ResourceId=first, Tags=[{"Key": "aws:x", "Value": "b"}])
    call("organizations:TagResource an OU", ResourceId=work, Tags=[{"Key": "a", "Value": "b"}])
    call("organizations:ListTagsForResource of an OU", ResourceId=work)

    # Policies
    call("organizations:ListPolicies at first", Filter=SCP)
    made = call("organizations:CreatePolicy first", Name="stay", Description="", Type=SCP, Content=DENY)
    policy = place.know(made["Policy"]["PolicySummary"]["Id"], "policy stay")
    call("organizations:CreatePolicy same name", Name="stay", Description="", Type=SCP, Content=DENY)
    call("organizations:CreatePolicy bad JSON", Name="broken", Description="", Type=SCP, Content="{")
    call("organizations:CreatePolicy unknown type", Name="odd", Description="", Type="NONSENSE", Content=DENY)
    call("organizations:DescribePolicy known", PolicyId=policy)
    call("organizations:DescribePolicy unknown", PolicyId="p-abcdefgh")
    call("organizations:UpdatePolicy description", PolicyId=policy, Description="No way out")
    call("organizations:UpdatePolicy bad JSON", PolicyId=policy, Content="{")
    call("organizations:AttachPolicy to an OU", PolicyId=policy, TargetId=work)
    call("organizations:AttachPolicy again", PolicyId=policy, TargetId=work)
    call("organizations:AttachPolicy to an account", PolicyId=policy, TargetId=first)
    call("organizations:AttachPolicy unknown policy", PolicyId="p-abcdefgh", TargetId=work)
    call("organizations:AttachPolicy unknown target", PolicyId=policy, TargetId="ou-abcd-12345678")
    call("organizations:ListPoliciesForTarget OU", TargetId=work, Filter=SCP)
    call("organizations:ListPoliciesForTarget account", TargetId=first, Filter=SCP)
    call("organizations:ListPoliciesForTarget unknown", TargetId="ou-abcd-12345678", Filter=SCP)
    call("organizations:ListTargetsForPolicy", PolicyId=policy)
    call("organizations:ListTargetsForPolicy unknown", PolicyId="p-abcdefgh")
    call("organizations:DeletePolicy attached", PolicyId=policy)
    call("organizations:DetachPolicy from an OU", PolicyId=policy, TargetId=work)
    call("organizations:DetachPolicy again", PolicyId=policy, TargetId=work)
    call("organizations:DetachPolicy from an account", PolicyId=policy, TargetId=first)
    call("organizations:DetachPolicy the last", PolicyId="p-FullAWSAccess", TargetId=other)
    call("organizations:DeletePolicy", PolicyId=policy)
    call("organizations:DeletePolicy again", PolicyId=policy)
    call("organizations:EnablePolicyType", RootId=root, PolicyType="TAG_POLICY")
    place.wait(
        lambda: {"Type": "TAG_POLICY", "Status": "ENABLED"}
        in place.raw("organizations", "ListRoots")["Roots"][0]["PolicyTypes"]
    )
    call("organizations:EnablePolicyType again", RootId=root, PolicyType="TAG_POLICY")
    call("organizations:EnablePolicyType unknown", RootId=root, PolicyType="NONSENSE")
    call("organizations:DisablePolicyType", RootId=root, PolicyType="TAG_POLICY")
    place.wait(
        lambda: not any(
            kind["Type"] == "TAG_POLICY" and kind["Status"] != "PENDING_DISABLE"
            for kind in place.raw("organizations", "ListRoots")["Roots"][0]["PolicyTypes"]
        )
    )
    call("organizations:DisablePolicyType again", RootId=root, PolicyType="TAG_POLICY")

    # Trusted access, delegated administrators
    principal = "config-multiaccountsetup.amazonaws.com"
    call("organizations:RegisterDelegatedAdministrator unknown service", AccountId=first, ServicePrincipal="nonsense.amazonaws.com")
    call("organizations:EnableAWSServiceAccess", ServicePrincipal=principal)
    call("organizations:EnableAWSServiceAccess again", ServicePrincipal=principal)
    call("organizations:EnableAWSServiceAccess unknown", ServicePrincipal="nonsense")
    call("organizations:ListAWSServiceAccessForOrganization")
    call("organizations:RegisterDelegatedAdministrator", AccountId=first, ServicePrincipal=principal)
    call("organizations:RegisterDelegatedAdministrator again", AccountId=first, ServicePrincipal=principal)
    call("organizations:RegisterDelegatedAdministrator management", AccountId=place.management, ServicePrincipal=principal)
    call("organizations:RegisterDelegatedAdministrator nobody", AccountId="999999999999", ServicePrincipal=principal)
    call("organizations:ListDelegatedAdministrators")
    call("organizations:ListDelegatedAdministrators of a service", ServicePrincipal=principal)
    call("organizations:ListDelegatedServicesForAccount", AccountId=first)
    call("organizations:ListDelegatedServicesForAccount of one that has none", AccountId=second)
    call("organizations:DeregisterDelegatedAdministrator", AccountId=first, ServicePrincipal=principal)
    call("organizations:DeregisterDelegatedAdministrator again", AccountId=first, ServicePrincipal=principal)
    call("organizations:DisableAWSServiceAccess", ServicePrincipal=principal)
    call("organizations:ListAWSServiceAccessForOrganization after")


def account(place, begun):
    """Waits for an account; gives its id, or nothing if it failed."""
    request = begun["CreateAccountStatus"]["Id"]
    place.know(request, "request")

    def ended():
        status = place.raw("organizations", "DescribeCreateAccountStatus", CreateAccountRequestId=request)
        status = status["CreateAccountStatus"]
        return status if status["State"] != "IN_PROGRESS" else None

    return place.wait(ended).get("AccountId")


def sts(place):
    member = place.accounts["payments"]
    role = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"
    place.wait(lambda: place.raw("sts", "AssumeRole", RoleArn=role, RoleSessionName="test"))
    secret = ("SecretAccessKey", "SessionToken")
    answer = place.raw("sts", "AssumeRole", RoleArn=role, RoleSessionName="test")
    place.know(answer["AssumedRoleUser"]["AssumedRoleId"].split(":")[0], "role id")
    for name in secret:
        place.know(answer["Credentials"][name], name)
    place.know(answer["Credentials"]["AccessKeyId"], "key id")
    place.call("sts:AssumeRole of a member", RoleArn=role, RoleSessionName="test", hide=["Credentials"])
    place.call("sts:AssumeRole missing", RoleArn=f"arn:aws:iam::{member}:role/Nobody", RoleSessionName="test", hide=["Credentials"])
    place.call("sts:AssumeRole malformed", RoleArn="nonsense", RoleSessionName="test")
    place.call("sts:AssumeRole short session", RoleArn=role, RoleSessionName="x")
    place.call("sts:AssumeRole too long", RoleArn=role, RoleSessionName="test", DurationSeconds=99999)
    place.call("sts:GetCallerIdentity member", inside=inside(place))
    place.call("organizations:DescribeOrganization by a member", inside=inside(place))
    place.call("organizations:ListAccounts by a member", inside=inside(place))


def inside(place):
    """Fresh credentials in a member account: sessions last an hour of the sandbox's time, which is soon over."""
    role = f"arn:aws:iam::{place.accounts['payments']}:role/OrganizationAccountAccessRole"
    credentials = place.raw("sts", "AssumeRole", RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def iam(place):
    call = place.call
    call("iam:GetRole unknown", RoleName="Nobody")
    made = call("iam:CreateRole", RoleName="Reader", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}])
    if made:
        place.know(made["Role"]["RoleId"], "role reader")
    call("iam:CreateRole same name", RoleName="Reader", AssumeRolePolicyDocument=TRUST)
    call("iam:CreateRole bad JSON", RoleName="Bad", AssumeRolePolicyDocument="{")
    call("iam:CreateRole bad name", RoleName="a b", AssumeRolePolicyDocument=TRUST)
    call("iam:GetRole", RoleName="Reader")
    call("iam:PutRolePolicy", RoleName="Reader", PolicyName="deny", PolicyDocument=DENY)
    call("iam:PutRolePolicy bad JSON", RoleName="Reader", PolicyName="bad", PolicyDocument="{")
    call("iam:ListRolePolicies", RoleName="Reader")
    call("iam:GetRolePolicy", RoleName="Reader", PolicyName="deny")
    call("iam:GetRolePolicy unknown", RoleName="Reader", PolicyName="nothing")
    made = call("iam:CreatePolicy", PolicyName="stay", PolicyDocument=DENY)
    place.know(made["Policy"]["PolicyId"], "policy id")
    managed = made["Policy"]["Arn"]
    call("iam:AttachRolePolicy", RoleName="Reader", PolicyArn=managed)
    call("iam:ListAttachedRolePolicies", RoleName="Reader")
    call("iam:DeleteRole with policies", RoleName="Reader")
    call("iam:DetachRolePolicy", RoleName="Reader", PolicyArn=managed)
    call("iam:DetachRolePolicy again", RoleName="Reader", PolicyArn=managed)
    call("iam:DeleteRolePolicy", RoleName="Reader", PolicyName="deny")
    call("iam:ListRoleTags", RoleName="Reader")
    call("iam:UpdateRole", RoleName="Reader", MaxSessionDuration=7200)
    call("iam:GetRole after an update", RoleName="Reader")
    call("iam:DeleteRole", RoleName="Reader")
    call("iam:DeleteRole again", RoleName="Reader")
    call("iam:ListAccountAliases without one")
    call("iam:CreateAccountAlias", AccountAlias="acme-conform")
    call("iam:ListAccountAliases with one")
    call("iam:CreateAccountAlias another", AccountAlias="acme-other")
    call("iam:ListAccountAliases after another")
    call("iam:DeleteAccountAlias", AccountAlias="acme-other")
    call("iam:GetAccountPasswordPolicy without one")
    call("iam:UpdateAccountPasswordPolicy", MinimumPasswordLength=14, RequireNumbers=True, MaxPasswordAge=90)
    call("iam:GetAccountPasswordPolicy with one")
    call("iam:UpdateAccountPasswordPolicy too short", MinimumPasswordLength=3)
    call("iam:DeleteAccountPasswordPolicy")
    call("iam:DeleteAccountPasswordPolicy again")
    made = call("iam:CreateServiceLinkedRole", AWSServiceName="config.amazonaws.com", inside=inside(place))
    if made:
        place.know(made["Role"]["RoleId"], "role config")
    call("iam:CreateServiceLinkedRole again", AWSServiceName="config.amazonaws.com", inside=inside(place))
    call("iam:GetRole service-linked", RoleName="AWSServiceRoleForConfig", inside=inside(place))
    call("iam:GetRole of another account", RoleName="AWSServiceRoleForConfig")


def ssm(place):
    call = place.call
    lock = "/orgstrap/lock"
    call("ssm:GetParameter unknown", Name=lock)
    call("ssm:PutParameter first", Name=lock, Value="run 1", Type="String", Overwrite=False)
    call("ssm:PutParameter again", Name=lock, Value="run 2", Type="String", Overwrite=False)
    call("ssm:PutParameter over it", Name=lock, Value="run 2", Type="String", Overwrite=True)
    call("ssm:PutParameter reserved prefix", Name="/aws/x", Value="1", Type="String")
    call("ssm:PutParameter unknown type", Name="/x", Value="1", Type="Nonsense")
    call("ssm:GetParameter", Name=lock)
    call("ssm:GetParameter elsewhere", Name=lock, region="eu-west-1")
    call("ssm:GetParameter in a member", Name=lock, inside=inside(place))
    call("ssm:GetParameters some", Names=[lock, "/nothing"])
    call("ssm:GetParametersByPath", Path="/orgstrap")
    call("ssm:DeleteParameter", Name=lock)
    call("ssm:DeleteParameter again", Name=lock)


def s3(place):
    call = place.call
    bucket = {"Bucket": "orgstrap-conformance-0a"}
    call("s3:GetBucketPolicy no bucket", **bucket)
    call("s3:CreateBucket", **bucket)
    call("s3:ListBuckets", hide=["Owner"])
    call("s3:CreateBucket bad name", Bucket="Not_A_Bucket")
    call("s3:GetBucketLocation", **bucket)
    call("s3:GetBucketPolicy none", **bucket)
    call("s3:PutBucketPolicy bad JSON", Policy="{", **bucket)
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudtrail.amazonaws.com"},
                    "Action": ["s3:GetBucketAcl", "s3:PutObject"],
                    "Resource": [f"arn:aws:s3:::{bucket['Bucket']}", f"arn:aws:s3:::{bucket['Bucket']}/*"],
                }
            ],
        }
    )
    call("s3:PutBucketPolicy", Policy=policy, **bucket)
    call("s3:GetBucketPolicy", **bucket)
    call("s3:GetBucketVersioning at first", **bucket)
    call("s3:PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"}, **bucket)
    call("s3:GetBucketVersioning", **bucket)
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    call("s3:GetPublicAccessBlock at first", **bucket)
    call("s3:PutPublicAccessBlock", PublicAccessBlockConfiguration=block, **bucket)
    call("s3:GetPublicAccessBlock", **bucket)
    call("s3:GetBucketEncryption at first", **bucket)
    call("s3:GetBucketLifecycleConfiguration none", **bucket)
    call("s3:CreateBucket another", Bucket="orgstrap-conformance-0b")
    call("s3:DeleteBucket", Bucket="orgstrap-conformance-0b")
    call("s3:DeleteBucket again", Bucket="orgstrap-conformance-0b")
    place.bucket = bucket["Bucket"]


TEMPLATE = json.dumps(
    {
        "Parameters": {"Text": {"Type": "String", "Default": "one"}},
        "Resources": {
            "Value": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Name": "/conformance/value", "Type": "String", "Value": {"Ref": "Text"}},
            }
        },
        "Outputs": {"Name": {"Value": {"Ref": "Value"}, "Description": "Its name"}},
    }
)


def cloudformation(place):
    call = place.call
    name = {"StackName": "conformance"}

    def settled():
        stacks = place.raw("cloudformation", "DescribeStacks", **name)["Stacks"]
        return not stacks[0]["StackStatus"].endswith("_IN_PROGRESS")

    call("cloudformation:DescribeStacks unknown", **name)
    call("cloudformation:ValidateTemplate", TemplateBody=TEMPLATE)
    call("cloudformation:ValidateTemplate not a template", TemplateBody="nonsense")
    call("cloudformation:CreateStack not a template", StackName="no-template", TemplateBody="{}", hide=["StackId"])
    call("cloudformation:CreateStack bad name", StackName="a b", TemplateBody=TEMPLATE.replace("/value", "/name"), hide=["StackId"])
    call(
        "cloudformation:CreateStack unknown parameter",
        StackName="unknown-parameter",
        TemplateBody=TEMPLATE.replace("/value", "/unknown"),
        Parameters=[{"ParameterKey": "Nothing", "ParameterValue": "1"}],
        hide=["StackId"],
    )
    made = call("cloudformation:CreateStack", TemplateBody=TEMPLATE, Tags=[{"Key": "a", "Value": "b"}], **name)
    place.know(made["StackId"], "stack id")
    place.wait(settled)
    call("cloudformation:CreateStack again", TemplateBody=TEMPLATE, **name)
    call("cloudformation:DescribeStacks", **name)
    call("cloudformation:DescribeStackResources", **name)
    call("cloudformation:ListStackResources", **name)
    call("ssm:GetParameter made by a stack", Name="/conformance/value")
    call("cloudformation:UpdateStack without changes", TemplateBody=TEMPLATE, **name)
    two = [{"ParameterKey": "Text", "ParameterValue": "two"}]
    call("cloudformation:UpdateStack", UsePreviousTemplate=True, Parameters=two, **name)
    place.wait(settled)
    call("cloudformation:DescribeStacks after an update", **name)
    call("ssm:GetParameter updated by a stack", Name="/conformance/value")
    call("cloudformation:UpdateStack unknown", StackName="nothing", TemplateBody=TEMPLATE)
    call("cloudformation:UpdateTerminationProtection", EnableTerminationProtection=True, **name)
    call("cloudformation:DeleteStack protected", **name)
    call("cloudformation:UpdateTerminationProtection off", EnableTerminationProtection=False, **name)
    call("cloudformation:DeleteStack", **name)

    def deleted():
        for stack in place.raw("cloudformation", "ListStacks", StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]:
            return stack["StackName"] == "conformance"

    place.wait(deleted)
    call("cloudformation:DescribeStacks after deletion", **name)
    call("ssm:GetParameter deleted with a stack", Name="/conformance/value")
    call("cloudformation:DeleteStack of nothing", StackName="nothing")
    call("cloudformation:DescribeStackSet unknown", StackSetName="nothing")
    call("cloudformation:CreateStackSet", StackSetName="conformance", TemplateBody=TEMPLATE, hide=["StackSetId"])
    call("cloudformation:ListStackSets", Status="ACTIVE", hide=["StackSetId"])
    call("cloudformation:ListStackInstances none", StackSetName="conformance")
    call("cloudformation:DescribeStackSetOperation unknown", StackSetName="conformance", OperationId="nothing")
    call("cloudformation:ImportStacksToStackSet unknown", StackSetName="conformance", StackIds=["nothing"])
    call("cloudformation:DeleteStackSet", StackSetName="conformance")
    place.raw("cloudformation", "CreateStackSet", StackSetName="twice", TemplateBody=TEMPLATE)
    call("cloudformation:CreateStackSet again", StackSetName="twice", TemplateBody=TEMPLATE, hide=["StackSetId"])


def cloudtrail(place):
    call = place.call
    call("cloudtrail:DescribeTrails none")
    call("cloudtrail:GetTrailStatus unknown", Name="nothing")
    call("cloudtrail:CreateTrail no bucket", Name="trail", S3BucketName="orgstrap-conformance-none")
    call("cloudtrail:CreateTrail bad name", Name="a", S3BucketName=place.bucket)
    call("cloudtrail:CreateTrail", Name="trail", S3BucketName=place.bucket, IsMultiRegionTrail=True)
    call("cloudtrail:DescribeTrails")
    call("cloudtrail:GetTrail", Name="trail")
    call("cloudtrail:ListTrails")
    call("cloudtrail:GetTrailStatus at first", Name="trail")
    call("cloudtrail:StartLogging", Name="trail")
    call(
        "cloudtrail:GetTrailStatus started",
        Name="trail",
        hide=[
            "LatestDeliveryTime", "LatestDeliveryAttemptTime", "LatestNotificationAttemptTime",
            "LatestNotificationAttemptSucceeded", "LatestDeliveryAttemptSucceeded", "TimeLoggingStopped",
        ],
    )
    call("cloudtrail:GetEventSelectors", TrailName="trail")
    call("cloudtrail:UpdateTrail", Name="trail", EnableLogFileValidation=True)
    call("cloudtrail:StopLogging", Name="trail")
    call("cloudtrail:CreateTrail again", Name="trail", S3BucketName=place.bucket)
    call("cloudtrail:DeleteTrail", Name="trail")
    call("cloudtrail:DeleteTrail again", Name="trail")


def config(place):
    call = place.call
    role = f"arn:aws:iam::{place.management}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
    place.raw("iam", "CreateServiceLinkedRole", AWSServiceName="config.amazonaws.com")
    recorder = {"name": "default", "roleARN": role, "recordingGroup": {"allSupported": True, "includeGlobalResourceTypes": True}}
    channel = {"name": "default", "s3BucketName": place.bucket}
    call("config:DescribeConfigurationRecorders none")
    call("config:DescribeConfigurationRecorders unknown", ConfigurationRecorderNames=["nothing"])
    call("config:PutDeliveryChannel without a recorder", DeliveryChannel=channel)
    call("config:StartConfigurationRecorder unknown", ConfigurationRecorderName="nothing")
    call("config:PutConfigurationRecorder", ConfigurationRecorder=recorder)
    call("config:PutConfigurationRecorder second", ConfigurationRecorder={**recorder, "name": "other"})
    call("config:DescribeConfigurationRecorders")
    call("config:StartConfigurationRecorder without a channel", ConfigurationRecorderName="default")
    call("config:PutDeliveryChannel no bucket", DeliveryChannel={"name": "default", "s3BucketName": "orgstrap-conformance-none"})
    place.raw("s3", "PutBucketPolicy", Bucket=place.bucket, Policy=config_policy(place.bucket))
    call("config:PutDeliveryChannel", DeliveryChannel=channel)
    call("config:DescribeDeliveryChannels")
    call("config:DescribeConfigurationRecorderStatus at first")
    call("config:StartConfigurationRecorder", ConfigurationRecorderName="default")
    call("config:DescribeConfigurationRecorderStatus started")
    call("config:DeleteDeliveryChannel while recording", DeliveryChannelName="default")
    call("config:StopConfigurationRecorder", ConfigurationRecorderName="default")
    call("config:DeleteDeliveryChannel", DeliveryChannelName="default")
    call("config:DeleteDeliveryChannel again", DeliveryChannelName="default")
    call("config:DeleteConfigurationRecorder", ConfigurationRecorderName="default")
    call("config:DeleteConfigurationRecorder again", ConfigurationRecorderName="default")
    call("config:DescribeConfigurationAggregators none")


def ec2(place):
    call = place.call
    world = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}]}
    vpc = place.raw("ec2", "DescribeVpcs", Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    place.know(vpc, "vpc")
    place.know(place.raw("ec2", "DescribeVpcs")["Vpcs"][0]["CidrBlockAssociationSet"][0]["AssociationId"], "association")
    at_default = [{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [vpc]}]
    default = place.raw("ec2", "DescribeSecurityGroups", Filters=at_default)["SecurityGroups"][0]["GroupId"]
    place.know(default, "default group")
    call("ec2:DescribeVpcs", VpcIds=[vpc])
    call("ec2:DescribeVpcs unknown", VpcIds=["vpc-0123456789abcdef0"])
    call("ec2:DescribeSecurityGroups default", GroupIds=[default])
    call("ec2:DescribeSecurityGroups unknown", GroupIds=["sg-0123456789abcdef0"])
    call("ec2:DescribeSecurityGroups of an odd filter", Filters=[{"Name": "odd", "Values": ["x"]}])
    made = call("ec2:CreateSecurityGroup", GroupName="conform", Description="tried", VpcId=vpc)
    group = place.know(made["GroupId"], "group")
    call("ec2:CreateSecurityGroup again", GroupName="conform", Description="tried", VpcId=vpc)
    call("ec2:CreateSecurityGroup of an odd name", GroupName="sg-conform", Description="tried", VpcId=vpc)
    call("ec2:AuthorizeSecurityGroupIngress", hide=("SecurityGroupRules",), GroupId=group, IpPermissions=[world])
    call("ec2:AuthorizeSecurityGroupIngress again", GroupId=group, IpPermissions=[world])
    call("ec2:AuthorizeSecurityGroupIngress flat", hide=("SecurityGroupRules",), GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=81, CidrIp="10.0.0.0/8")
    call("ec2:AuthorizeSecurityGroupIngress of a group", hide=("SecurityGroupRules",), GroupId=group, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": default}]}])
    call("ec2:AuthorizeSecurityGroupIngress of an odd range", GroupId=group, IpPermissions=[{**world, "IpRanges": [{"CidrIp": "1.2.3/8"}]}])
    call("ec2:AuthorizeSecurityGroupIngress unknown", GroupId="sg-0123456789abcdef0", IpPermissions=[world])
    call("ec2:DescribeSecurityGroups with rules", GroupIds=[group])
    call("ec2:DescribeSecurityGroups by port", Filters=[{"Name": "ip-permission.from-port", "Values": ["22"]}, {"Name": "ip-permission.cidr", "Values": ["0.0.0.0/0"]}])
    rules = place.raw("ec2", "DescribeSecurityGroupRules", Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    place.steps["ec2:DescribeSecurityGroupRules"] = {
        f"{rule['IsEgress']} {rule['IpProtocol']} {rule.get('FromPort')}": {
            key: value for key, value in rule.items() if key not in ("SecurityGroupRuleId", "SecurityGroupRuleArn", "Tags")
        }
        for rule in rules
    }
    call("ec2:RevokeSecurityGroupIngress", hide=("RevokedSecurityGroupRules",), GroupId=group, IpPermissions=[world])
    call("ec2:RevokeSecurityGroupIngress of an unknown rule", GroupId=group, SecurityGroupRuleIds=["sgr-0123456789abcdef0"])
    call("ec2:DeleteSecurityGroup default", GroupId=default)
    call("ec2:DeleteSecurityGroup", GroupId=group)
    call("ec2:DeleteSecurityGroup again", GroupId=group)
    call("ec2:GetEbsEncryptionByDefault")
    call("ec2:EnableEbsEncryptionByDefault")
    call("ec2:GetEbsEncryptionByDefault enabled")
    call("ec2:DisableEbsEncryptionByDefault")


def config_policy(bucket):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "config.amazonaws.com"},
                    "Action": ["s3:GetBucketAcl", "s3:ListBucket", "s3:PutObject"],
                    "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                }
            ],
        }
    )


def guardduty(place):
    call = place.call
    call("guardduty:ListDetectors none")
    call("guardduty:GetDetector unknown", DetectorId="0" * 32)
    made = call("guardduty:CreateDetector", Enable=True)
    detector = place.know(made["DetectorId"], "detector")
    call("guardduty:ListDetectors")
    call("guardduty:GetDetector", DetectorId=detector)
    call("guardduty:CreateDetector again", Enable=True, hide=["DetectorId"])
    call("guardduty:ListOrganizationAdminAccounts none")
    place.raw("organizations", "EnableAWSServiceAccess", ServicePrincipal="guardduty.amazonaws.com")
    call("guardduty:EnableOrganizationAdminAccount", AdminAccountId=place.accounts["shop"])
    call("guardduty:ListOrganizationAdminAccounts")
    call("guardduty:EnableOrganizationAdminAccount another", AdminAccountId=place.accounts["payments"])
    call("guardduty:DeleteDetector", DetectorId=detector)


def closing(place):
    call = place.call
    shop = place.accounts["payments"]
    call("organizations:CloseAccount", AccountId=shop)

    def closed():
        account = place.raw("organizations", "DescribeAccount", AccountId=shop)["Account"]
        return account["Status"] == "SUSPENDED"

    place.wait(closed)
    call("organizations:DescribeAccount closed", AccountId=shop)
    call("organizations:CloseAccount again", AccountId=shop)
    call("organizations:CloseAccount nobody", AccountId="999999999999")
    call("organizations:CloseAccount management", AccountId=place.management)
    call("organizations:DeleteOrganization with accounts")
