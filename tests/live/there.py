"""What is in the management account: nothing of orgstrap's before a live run, and only what the run made after it."""

import datetime

from botocore.exceptions import ClientError
from clients import error, pages
from state import Refused

PREFIX = "orgstrap-"
TAG = "orgstrap:managed"
LOCK = "/orgstrap/lock"


def organization(aws):
    """The organization, or None."""
    try:
        return aws.organizations().describe_organization()["Organization"]
    except ClientError as failed:
        if error(failed) == "AWSOrganizationsNotInUseException":
            return None
        raise


def creating(aws):
    """Accounts that AWS is creating, which no list shows yet."""
    client = aws.organizations()
    return pages(client.list_create_account_status, "CreateAccountStatuses", States=["IN_PROGRESS"])


def ours(tags):
    return any(tag["Key"] == TAG for tag in tags)


def stack_sets(aws, region):
    """Stack sets of orgstrap's by name. Which set is whose only its tags say."""
    client = aws.client("cloudformation", region)
    listed = pages(client.list_stack_sets, "Summaries", Status="ACTIVE")
    return [one for one in listed if one["StackSetName"].startswith(PREFIX) and one["Status"] == "ACTIVE"]


def stacks(aws, region):
    listed = pages(aws.client("cloudformation", region).describe_stacks, "Stacks")
    return [one for one in listed if one["StackName"].startswith(PREFIX) or ours(one.get("Tags", []))]


def found(aws, regions):
    """What an empty account would not have, a sentence each: what orgstrap makes, and what it would meet."""
    yield from (f"role {one['RoleName']}" for one in roles(aws))
    for one in aws.client("s3").list_buckets().get("Buckets", []):
        if one["Name"].startswith(PREFIX):
            yield f"bucket {one['Name']}"
    for region in regions:
        for one in stacks(aws, region):
            yield f"stack {one['StackName']} in {region}"
        for one in stack_sets(aws, region):
            yield f"stack set {one['StackSetName']} in {region}"
        if aws.client("ssm", region).get_parameters(Names=[LOCK])["Parameters"]:
            yield f"parameter {LOCK} in {region}"
        for one in aws.client("cloudtrail", region).describe_trails()["trailList"]:
            yield f"trail {one['Name']} in {region}"
        for one in aws.client("config", region).describe_configuration_recorders()["ConfigurationRecorders"]:
            yield f"configuration recorder {one['name']} in {region}"
        for one in aws.client("guardduty", region).list_detectors()["DetectorIds"]:
            yield f"GuardDuty detector {one} in {region}"
        tagged = aws.client("resourcegroupstaggingapi", region).get_resources(TagFilters=[{"Key": TAG}])
        for one in tagged["ResourceTagMappingList"]:
            yield f"{one['ResourceARN']} with the tag {TAG}"


def roles(aws):
    client, arguments = aws.client("iam"), {}
    while True:
        answer = client.list_roles(**arguments)
        yield from (one for one in answer["Roles"] if one["RoleName"].startswith(PREFIX))
        if not answer.get("IsTruncated"):
            return
        arguments["Marker"] = answer["Marker"]


def require_nothing(aws, regions):
    """Refuses an account that is not empty: what the run made could not be told from what was there."""
    there = organization(aws)
    if there:
        raise Refused(
            f"account {there['MasterAccountId']} manages organization {there['Id']}, or this account is a member of it. "
            "A live run needs a management account without an organization"
        )
    things = sorted(set(found(aws, regions)))
    if things:
        raise Refused("this account is not empty; there is\n" + "\n".join(f"  - {one}" for one in things))


def record_made(aws, state):
    """Writes down what the run made, by id. Before the run there was no organization and nothing of these in the account
    (`require_nothing`), so that what is there now with our addresses, names and tags is from this run."""
    began = datetime.datetime.fromisoformat(state["began"])
    there = organization(aws)
    made = state["made"]
    if there and not made.get("organization"):
        made["organization"] = there["Id"]
    if there and made["organization"] != there["Id"]:
        raise Refused(f"this account is in organization {there['Id']} now, not in {made['organization']}, which the run made")
    addresses = {address.lower(): key for key, address in state["addresses"].items()}
    for one in pages(aws.organizations().list_accounts, "Accounts") if there else []:
        key = addresses.get(one["Email"].lower())
        if key and one["JoinedMethod"] == "CREATED" and one["JoinedTimestamp"] >= began:
            made["accounts"][key] = one["Id"]
    for region in state["regions"]:
        for one in stack_sets(aws, region):
            made["stack_sets"][one["StackSetId"]] = region
        for one in stacks(aws, region):
            if one["CreationTime"] >= began:
                made["stacks"][one["StackId"]] = region
        watched = aws.client("guardduty", region)
        for one in watched.list_detectors()["DetectorIds"] if there else []:
            made["detectors"][region] = one
        for one in pages(watched.list_organization_admin_accounts, "AdminAccounts") if there else []:
            if one["AdminAccountId"] in made["accounts"].values():
                made["administrators"][region] = one["AdminAccountId"]
    state.save()
    return made


def nothing_made():
    """By key, id or Region, what a run has made before it began."""
    kinds = ("accounts", "stack_sets", "stacks", "detectors", "administrators")
    return {"organization": None, **{kind: {} for kind in kinds}}
