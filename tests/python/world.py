"""What the scripts share: clients in any account, pages, paths. Nothing here knows orgstrap."""

import os

import boto3
from botocore.config import Config

ROLE = os.environ.get("ACCESS_ROLE", "OrganizationAccountAccessRole")
CONFIG = Config(retries={"max_attempts": 8, "mode": "standard"})
_sessions = {}


def client(service, region="us-east-1", account=None):
    """A client of the management account, or of a member account through the access role."""
    if account is None:
        return boto3.client(service, region_name=region, config=CONFIG)
    if account not in _sessions:
        sts = boto3.client("sts", region_name=region, config=CONFIG)
        _sessions[account] = sts.assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{ROLE}", RoleSessionName="facts"
        )["Credentials"]
    credentials = _sessions[account]
    return boto3.client(
        service,
        region_name=region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=CONFIG,
    )


def pages(call, key, **arguments):
    """All items of a paged call."""
    items = []
    while True:
        answer = call(**arguments)
        items += answer[key]
        token = answer.get("NextToken")
        if not token:
            return items
        arguments["NextToken"] = token


def organizations():
    return client("organizations")


def root():
    return organizations().list_roots()["Roots"][0]["Id"]


def ous():
    """OU ids by path."""
    org = organizations()
    found = {}

    def below(parent, path):
        for ou in pages(
            org.list_organizational_units_for_parent, "OrganizationalUnits", ParentId=parent
        ):
            name = f"{path}/{ou['Name']}" if path else ou["Name"]
            found[name] = ou["Id"]
            below(ou["Id"], name)

    below(root(), "")
    return found


def accounts():
    """Account ids by name."""
    return {a["Name"]: a["Id"] for a in pages(organizations().list_accounts, "Accounts")}


def policies(kind="SERVICE_CONTROL_POLICY"):
    """Policy ids by name."""
    return {
        p["Name"]: p["Id"] for p in pages(organizations().list_policies, "Policies", Filter=kind)
    }


def target(name):
    """The id of a target by its name: `root`, an OU's path or an account's name."""
    if name == "root":
        return root()
    return ous().get(name) or accounts()[name]
