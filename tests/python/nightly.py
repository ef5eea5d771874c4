"""Deploys the nightly check into SecOps as docs/drift.md says it, and takes the way that its job takes.

usage: nightly.py deploy ACCOUNT
       nightly.py works ACCOUNT PROGRAM

The administrator of the account does it, whom `protect-baseline` binds.
"""

import contextlib
import io
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time

import attack
import boto3
import world
from awscli.clidriver import create_clidriver

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
# The CLI looks every thirty seconds; the sandbox's time goes faster than ours.
wait = time.sleep
time.sleep = lambda seconds: wait(min(seconds, 0.2))
KEYS = {
    "AWS_ACCESS_KEY_ID": "access_key",
    "AWS_SECRET_ACCESS_KEY": "secret_key",
    "AWS_SESSION_TOKEN": "token",
}


def commands():
    """The AWS CLI's commands of the page that are about the nightly check, each on one line."""
    text = (DOCS / "drift.md").read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^aws (cloudformation .*)$", text, re.M)]


@contextlib.contextmanager
def acting(session):
    """What runs inside has a session's credentials."""
    before = {name: os.environ.get(name) for name in KEYS}
    keys = session.get_credentials()
    os.environ.update({name: getattr(keys, part) for name, part in KEYS.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def deploy(account):
    management = boto3.client("sts", region_name=attack.HOME).get_caller_identity()["Account"]
    session = attack.administrator(account)
    session.client("s3").create_bucket(
        Bucket=f"plans-{account}",
        CreateBucketConfiguration={"LocationConstraint": attack.HOME},
    )
    words = {
        "docs/nightly-codebuild.yaml": str(DOCS / "nightly-codebuild.yaml"),
        "SourceBucket=BUCKET": f"SourceBucket=plans-{account}",
        "AuditRoleArn=arn:aws:iam::111111111111:role/orgstrap-audit": (
            f"AuditRoleArn=arn:aws:iam::{management}:role/orgstrap-audit"
        ),
    }
    for command in commands():
        told = [words.get(word, word) for word in command] + ["--region", attack.HOME]
        err = io.StringIO()
        with acting(session), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
            code = create_clidriver().main(told)
        print(f"{command[1]} {command[3]}: {'done' if code == 0 else err.getvalue()}")
    for one in session.client("cloudformation").describe_stack_resources(StackName="nightly-drift")[
        "StackResources"
    ]:
        print(f"{one['LogicalResourceId']}: {one['ResourceStatus']}")


def build():
    """The commands of the project's build, as its template has them."""
    text = (DOCS / "nightly-codebuild.yaml").read_text()
    _, text = text.split("commands:\n")
    text, _ = text.split("reports:\n", 1)
    return [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip()]


def works(account, program):
    """Runs the project's build as its role. CodeBuild gives a container its role's credentials; here they are in the environment."""
    session = attack.session(account)
    made = session.client("cloudformation").describe_stack_resources(StackName="nightly-drift")
    role = next(
        one["PhysicalResourceId"]
        for one in made["StackResources"]
        if one["LogicalResourceId"] == "Role"
    )
    # In CodeBuild's place, whom the role trusts and the sandbox does not have, the administrator takes it.
    session.client("iam").update_assume_role_policy(
        RoleName=role, PolicyDocument=attack.trust(account)
    )
    taken = session.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName="job"
    )["Credentials"]  # An hour at most, since one role takes another.
    management = boto3.client("sts", region_name=attack.HOME).get_caller_identity()["Account"]
    job = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
        "AWS_SESSION_TOKEN": taken["SessionToken"],
        "AWS_REGION": attack.HOME,
        "AUDIT_ROLE": f"arn:aws:iam::{management}:role/orgstrap-audit",
    }
    shutil.copy(program, "orgstrap")
    for command in build():
        told = command.replace("EcsContainer", "Environment")
        code = subprocess.run(["sh", "-c", told], env=job, stdout=subprocess.DEVNULL).returncode
        print(f"{command}: {code}")
    for name in ("drift.html", "drift.xml"):
        print(f"{name}: {'written' if pathlib.Path(name).exists() else 'not there'}")


def main(act, name, *rest):
    {"deploy": deploy, "works": works}[act](world.accounts()[name], *rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
