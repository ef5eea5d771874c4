"""Brings the access role into an account as docs/existing.md says it, and tries it as the account's own administrator.

usage: invited.py administrator|by-itself|by-stack-set ACCOUNT
"""

import contextlib
import io
import pathlib
import re
import shlex
import sys
import time

import attack
import botocore.exceptions
import world
from awscli.clidriver import create_clidriver

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
HOME = "eu-west-1"


def commands():
    """The AWS CLI's commands of the page, each on one line."""
    text = (DOCS / "existing.md").read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^\$ aws (cloudformation .*)$", text, re.M)]


def administrator(account):
    """Makes the administrator while the access role is there."""
    attack.administrator(account)


def by_itself(account):
    iam = attack.session(account).client("iam")
    try:
        iam.create_role(
            RoleName="OrganizationAccountAccessRole",
            AssumeRolePolicyDocument=attack.trust(account),
        )
        print("done")
    except botocore.exceptions.ClientError as error:
        print(error.response["Error"]["Message"].split(" because ")[0].split(" with an ")[-1].split(": ")[0])


def by_stack_set(account):
    parent = world.organizations().list_parents(ChildId=account)["Parents"][0]["Id"]
    words = {
        "file://access-role.yaml": f"file://{DOCS / 'access-role.yaml'}",
        "OrganizationalUnitIds=ou-a1b2-c3d4e5f6,Accounts=222222222222,AccountFilterType=INTERSECTION": (
            f"OrganizationalUnitIds={parent},Accounts={account},AccountFilterType=INTERSECTION"
        ),
    }
    sets = [command for command in commands() if "organization-access" in command]
    for command in sets:
        if command[1] not in ("create-stack-set", "create-stack-instances"):
            continue
        told = [words.get(word, word) for word in command] + ["--region", HOME]
        with contextlib.redirect_stdout(io.StringIO()):
            code = create_clidriver().main(told)
        print(f"{command[1]}: {'done' if code == 0 else code}")
    cloudformation = world.client("cloudformation", HOME)
    for _ in range(600):
        operations = cloudformation.list_stack_set_operations(StackSetName="organization-access")
        status = operations["Summaries"][0]["Status"]
        if status not in ("RUNNING", "QUEUED"):
            break
        time.sleep(0.1)
    print(status)


ACTS = {"administrator": administrator, "by-itself": by_itself, "by-stack-set": by_stack_set}
ACTS[sys.argv[1]](world.accounts()[sys.argv[2]])
