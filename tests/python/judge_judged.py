"""The judge must find what is wrong: a client and an AWS that break the models, and it between them."""

import http.server
import json
import sys
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import judge


class Liar(http.server.BaseHTTPRequestHandler):
    """Answers whatever stands in `answer`."""

    protocol_version = "HTTP/1.1"
    answer = (200, "", b"")

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        status, kind, body = Liar.answer
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("x-amzn-requestid", "1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
threading.Thread(target=server.serve_forever, daemon=True).start()
between = judge.Judge(f"http://127.0.0.1:{server.server_address[1]}")


def client(service):
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=between.url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"max_attempts": 0}, parameter_validation=False),
    )


def finds(what, status, kind, body, act, **arguments):
    between.wrong.clear()
    Liar.answer = (status, kind, body if isinstance(body, bytes) else json.dumps(body).encode())
    try:
        act(**arguments)
    except ClientError:
        pass
    found = list(between.wrong)
    if what is None:
        assert not found, found
    else:
        assert any(what in text for text in found), (what, found)


JSON = "application/x-amz-json-1.1"
org = client("organizations")
account = {"AccountId": "111111111111"}
finds(None, 200, JSON, {"Account": {"Id": "111111111111"}}, org.describe_account, **account)
finds("Account.Id: '1' does not match", 200, JSON, {"Account": {"Id": "1"}}, org.describe_account, **account)
finds("Account.Ident: no such member", 200, JSON, {"Account": {"Ident": "x"}}, org.describe_account, **account)
finds("is none of", 200, JSON, {"Account": {"State": "GONE"}}, org.describe_account, **account)
finds("AccountId: required", 200, JSON, {}, org.describe_account)
finds("AccountId: 'x' does not match", 200, JSON, {}, org.describe_account, AccountId="x")
finds("is no error of this operation", 400, JSON, {"__type": "NoSuchEntity"}, org.describe_account, **account)
finds(None, 400, JSON, {"__type": "AccountNotFoundException"}, org.describe_account, **account)
finds("is none of", 400, JSON, {"__type": "InvalidInputException", "Reason": "WHIM"}, org.describe_account, **account)
finds("no such member", 400, JSON, {"__type": "AccountNotFoundException", "Whim": 1}, org.describe_account, **account)
roles = b"<ListRolesResponse><ListRolesResult>%s</ListRolesResult></ListRolesResponse>"
iam = client("iam")
finds("ListRoles.Roles: required", 200, "text/xml", roles % b"", iam.list_roles)
finds(None, 200, "text/xml", roles % b"<Roles/>", iam.list_roles)
finds("Whim: no such member", 200, "text/xml", roles % b"<Roles/><Whim/>", iam.list_roles)
finds("100000 is not within", 200, "text/xml", roles % b"<Roles/>", iam.list_roles, MaxItems=100000)


def twisted(request, **_):
    """A client that sends what botocore would not."""
    request.data["MaxItem"] = request.data.pop("MaxItems")


iam.meta.events.register("before-sign.iam.ListRoles", twisted)
finds("where botocore sends", 200, "text/xml", roles % b"<Roles/>", iam.list_roles, MaxItems=10)
print("found everything")
sys.exit(0)
