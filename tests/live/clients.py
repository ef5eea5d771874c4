"""Clients of AWS, and what they ask written into the same recording as what orgstrap asks."""

import json
import re
import subprocess
import time
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from state import Stopped

ROLE = "OrganizationAccountAccessRole"
GAP = "the script's own calls could not be recorded, so the recording has a gap"
CONFIG = Config(retries={"max_attempts": 8, "mode": "standard"})


def error(failed):
    """The code of an error of AWS."""
    return failed.response["Error"]["Code"]


class Tape:
    """Calls and their answers on their way into a recording; `orgstrap sandbox record` replaces what tells whose they are."""

    def __init__(self, orgstrap, file):
        self.began = time.monotonic()
        self.session = URLLib3Session()
        self.process = subprocess.Popen(
            [orgstrap, "-q", "sandbox", "record", str(file)], stdin=subprocess.PIPE, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        if self.process.wait() != 0:
            raise Stopped(GAP)

    def send(self, request, **_):
        """Sends a request in botocore's place, and writes down what came of it."""
        asked = time.monotonic()
        try:
            answer = self.session.send(request)
        except HTTPClientError:
            self.write(request, asked, {"status": None})
            raise
        told = {"status": answer.status_code, "answer": text(answer.content)}
        self.write(request, asked, told | {"error": answer.headers.get("x-amzn-errortype")})
        return answer

    def write(self, request, asked, told):
        url = urlsplit(request.url)
        headers = {name.lower(): text(value) for name, value in request.headers.items()}
        # Of what is signed only who signed it, where and for what: no signature, no token.
        scope = re.search(r"Credential=([^, ]+)", headers.get("authorization", ""))
        call = {
            "at_millis": millis(asked - self.began),
            "took_millis": millis(time.monotonic() - asked),
            "scope": scope[1] if scope else "",
            "method": request.method,
            "path": url.path,
            "query": url.query,
            "target": headers.get("x-amz-target"),
            "content_type": headers.get("content-type"),
            "body": text(request.body or ""),
            **told,
        }
        try:
            self.process.stdin.write(json.dumps(call) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Stopped(GAP) from None


def text(value):
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else value


def millis(seconds):
    return int(seconds * 1000)


class Aws:
    """Clients of the management account, and of members through the role that AWS made in them."""

    def __init__(self, profile=None, home="eu-west-1", tape=None):
        self.home = home
        self.tape = tape
        self.profile = profile
        self.session = boto3.Session(profile_name=profile, region_name=home)
        self.members = {}
        self.clients = {}

    def taped(self, tape):
        """The same, with what is asked written down."""
        return Aws(self.profile, self.home, tape)

    def client(self, service, region=None, account=None):
        key = (service, region or self.home, account)
        if key not in self.clients:
            session = self.session if account is None else self.member(account)
            client = session.client(service, region_name=key[1], config=CONFIG)
            if self.tape:
                client.meta.events.register("before-send.*", self.tape.send)
            self.clients[key] = client
        return self.clients[key]

    def organizations(self):
        return self.client("organizations", "us-east-1")

    def member(self, account):
        if account not in self.members:
            given = self.client("sts").assume_role(
                RoleArn=f"arn:aws:iam::{account}:role/{ROLE}", RoleSessionName="orgstrap-live"
            )["Credentials"]
            self.members[account] = boto3.Session(
                aws_access_key_id=given["AccessKeyId"],
                aws_secret_access_key=given["SecretAccessKey"],
                aws_session_token=given["SessionToken"],
                region_name=self.home,
            )
        return self.members[account]


def pages(call, key, **arguments):
    """All items of a paged call."""
    items = []
    while True:
        answer = call(**arguments)
        items += answer.get(key, [])
        token = answer.get("NextToken")
        if not token:
            return items
        arguments["NextToken"] = token
