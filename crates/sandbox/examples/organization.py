"""A simulated organization on a port, driven with boto3.

    pip install boto3
    python organization.py [ORGSTRAP]

ORGSTRAP is the program, `orgstrap` on the path when left out. Nothing of AWS is asked and no credentials are needed.
"""

import os
import subprocess
import sys
import time

import boto3
from botocore.exceptions import ClientError

ORGSTRAP = sys.argv[1] if len(sys.argv) > 1 else "orgstrap"


def serve():
    """Starts the sandbox on a free port and takes what it prints, such as AWS_ENDPOINT_URL, into the environment."""
    # Ten minutes of AWS's time pass in each second.
    command = [ORGSTRAP, "sandbox", "serve", "--port", "0", "--speed", "600", "--quiet"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    found = {}
    while len(found) < 4:
        line = server.stdout.readline()
        if not line:
            sys.exit("the sandbox did not start")
        name, _, value = line.removeprefix("export ").strip().partition("=")
        if value:
            found[name] = value
    os.environ.update(found)
    return server


def until(what, ready):
    """Asks again until AWS has done it, as with AWS itself."""
    for _ in range(300):
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    sys.exit(f"{what} did not come about")


def main():
    organizations = boto3.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    ou = organizations.create_organizational_unit(ParentId=root, Name="Workloads")["OrganizationalUnit"]["Id"]

    request = until("that an account may be created", lambda: create(organizations, "payments"))

    def done():
        status = organizations.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"]
        assert status["State"] != "FAILED", status
        return status.get("AccountId")

    account = until("the account", done)
    organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=ou)
    print(f"moved {account} into Workloads")

    # A new account's role cannot be assumed at once.
    session = until("its role", lambda: enter(account))
    print("inside:", session.client("sts").get_caller_identity()["Account"] == account)

    # What the sandbox does not have is refused, in AWS's own form.
    try:
        organizations.list_handshakes_for_account()
    except ClientError as error:
        print("refused:", error.response["Error"]["Code"])


def create(organizations, name):
    try:
        asked = organizations.create_account(AccountName=name, Email=f"aws+{name}@example.com")
    except organizations.exceptions.FinalizingOrganizationException:
        return None
    return asked["CreateAccountStatus"]["Id"]


def enter(account):
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    try:
        given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="example")["Credentials"]
    except ClientError:
        return None
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name="eu-west-1",
    )


if __name__ == "__main__":
    sandbox = serve()
    try:
        main()
    finally:
        sandbox.terminate()
        sandbox.wait()
