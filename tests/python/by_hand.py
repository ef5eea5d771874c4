"""Changes an organization as people do, by hand, past orgstrap.

usage: by_hand.py ACT ARGUMENTS...
"""

import sys

import world


def move(account, to):
    org = world.organizations()
    child = world.accounts()[account]
    source = org.list_parents(ChildId=child)["Parents"][0]["Id"]
    org.move_account(AccountId=child, SourceParentId=source, DestinationParentId=world.target(to))


def detach(policy, at):
    world.organizations().detach_policy(
        PolicyId=world.policies()[policy], TargetId=world.target(at)
    )


def attach(policy, at):
    world.organizations().attach_policy(
        PolicyId=world.policies()[policy], TargetId=world.target(at)
    )


def tag(name, key, value):
    world.organizations().tag_resource(
        ResourceId=world.target(name), Tags=[{"Key": key, "Value": value}]
    )


def untag(name, key):
    world.organizations().untag_resource(ResourceId=world.target(name), TagKeys=[key])


def create_ou(parent, name):
    world.organizations().create_organizational_unit(ParentId=world.target(parent), Name=name)


def create_policy(name, content):
    world.organizations().create_policy(
        Name=name, Description="by hand", Content=content, Type="SERVICE_CONTROL_POLICY"
    )


def edit_policy(name, content):
    world.organizations().update_policy(PolicyId=world.policies()[name], Content=content)


def trust(principal):
    world.organizations().enable_aws_service_access(ServicePrincipal=principal)


def create_account(name, email):
    import time

    org = world.organizations()
    request = org.create_account(AccountName=name, Email=email)["CreateAccountStatus"]["Id"]
    for _ in range(600):
        status = org.describe_create_account_status(CreateAccountRequestId=request)
        if status["CreateAccountStatus"]["State"] != "IN_PROGRESS":
            break
        time.sleep(0.1)
    print(status["CreateAccountStatus"]["State"])


def delete_instance(stack_set, account, region):
    import time

    # Stack sets lie in the home Region of the scenarios' plans.
    cloudformation = world.client("cloudformation", "eu-west-1")
    name = next(
        s["StackSetName"]
        for s in world.pages(cloudformation.list_stack_sets, "Summaries", Status="ACTIVE")
        if stack_set in s["StackSetName"]
    )
    child = world.accounts()[account]
    # AWS knows an account by the target through which it came, which may lie above its own OU.
    parent = next(
        s["OrganizationalUnitId"]
        for s in world.pages(
            cloudformation.list_stack_instances,
            "Summaries",
            StackSetName=name,
            StackInstanceAccount=child,
        )
    )
    operation = cloudformation.delete_stack_instances(
        StackSetName=name,
        DeploymentTargets={
            "OrganizationalUnitIds": [parent],
            "Accounts": [child],
            "AccountFilterType": "INTERSECTION",
        },
        Regions=[region],
        RetainStacks=False,
    )["OperationId"]
    for _ in range(600):
        status = cloudformation.describe_stack_set_operation(
            StackSetName=name, OperationId=operation
        )["StackSetOperation"]["Status"]
        if status not in ("RUNNING", "QUEUED"):
            break
        time.sleep(0.1)
    print(status)


def lock(run):
    import json

    holder = {
        "run": run,
        "who": "arn:aws:iam::123456789012:user/somebody",
        "started": "2026-01-05T09:00:00Z",
    }
    world.client("ssm", "eu-west-1").put_parameter(
        Name="/orgstrap/lock", Type="String", Overwrite=False, Value=json.dumps(holder)
    )


ACTS = {
    "lock": lock,
    "move": move,
    "detach": detach,
    "attach": attach,
    "tag": tag,
    "untag": untag,
    "create-ou": create_ou,
    "create-policy": create_policy,
    "edit-policy": edit_policy,
    "trust": trust,
    "create-account": create_account,
    "delete-instance": delete_instance,
}
ACTS[sys.argv[1]](*sys.argv[2:])
