"""Stands between a client and a simulated AWS and judges both by botocore's own service models.

usage: judge.py COMMAND ARGUMENTS...

Runs COMMAND with AWS_ENDPOINT_URL pointing here, passes every exchange on to the AWS_ENDPOINT_URL it was
given, and ends with a line of JSON: how many exchanges of each operation there were, and what was wrong.

A request is decoded (moto's parsers), checked against the model, and serialized again by botocore: what
botocore would not have sent for the same parameters is wrong. A response is read by botocore's parsers and
checked member by member; an error must be one that the operation's model or AWS's list of common errors has.
"""

import collections
import http.client
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from xml.etree import ElementTree

import botocore.awsrequest
import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import regex
from moto.core.model import ServiceModel as MotoModel
from moto.core.parse import PROTOCOL_PARSERS
from werkzeug.datastructures import Headers, MultiDict

FOLDERS = {"tagging": "resourcegroupstaggingapi", "servicequotas": "service-quotas"}
# "Common Errors" of the API references, in the spelling of each protocol, and what STS and S3 add.
COMMON = {
    "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "InternalFailure",
    "InvalidAction", "InvalidClientTokenId", "InvalidParameterCombination", "InvalidParameterValue",
    "MissingAuthenticationToken", "MissingParameter", "NotAuthorized", "OptInRequired", "RequestExpired",
    "ServiceUnavailable", "Throttling", "ThrottlingException", "UnknownOperationException",
    "UnrecognizedClientException", "ValidationError", "ValidationException",
}
_services = {}


def service(signing_name):
    """The model botocore ships for a service, by the name that requests are signed with."""
    if signing_name not in _services:
        folder = FOLDERS.get(signing_name, signing_name)
        model = botocore.loaders.Loader().load_service_model(folder, "service-2")
        _services[signing_name] = botocore.model.ServiceModel(model, folder)
    return _services[signing_name]


_patterns = {}


def matches(pattern, text):
    """Whether a pattern of the models, which are Java's, matches the whole text."""
    if pattern not in _patterns:
        # Java takes a pair of surrogates in a class for the one character that it spells.
        plain = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
        plain = plain.replace("\ud800\udc00-\udbff\udfff", r"\U00010000-\U0010FFFF")
        _patterns[pattern] = regex.compile(plain)
    return _patterns[pattern].fullmatch(text) is not None


def constraints(shape, value, path, wrong):
    """Adds to `wrong` every rule of the shape that the value breaks."""
    rules = shape.metadata
    kind = shape.type_name

    def size(number):
        if number < rules.get("min", number) or number > rules.get("max", number):
            wrong.append(f"{path}: {number} is not within {rules.get('min')} and {rules.get('max')}")

    if kind == "structure":
        if not isinstance(value, dict):
            wrong.append(f"{path}: not a structure")
            return
        for name in shape.required_members:
            if value.get(name) is None:
                wrong.append(f"{path}.{name}: required, and missing")
        for name, item in value.items():
            if name in ("ResponseMetadata", "SDK_UNKNOWN_MEMBER"):
                continue
            if name not in shape.members:
                wrong.append(f"{path}.{name}: no such member")
            elif item is not None:
                constraints(shape.members[name], item, f"{path}.{name}", wrong)
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            wrong.append(f"{path}: a union with {len(value)} members")
    elif kind == "list":
        size(len(value))
        for index, item in enumerate(value):
            constraints(shape.member, item, f"{path}[{index}]", wrong)
    elif kind == "map":
        size(len(value))
        for key, item in value.items():
            constraints(shape.key, key, f"{path}.key", wrong)
            constraints(shape.value, item, f"{path}.{key}", wrong)
    elif kind == "string":
        if not isinstance(value, str):
            wrong.append(f"{path}: not a string")
            return
        size(len(value))
        if shape.enum and value not in shape.enum:
            wrong.append(f"{path}: {value!r} is none of {shape.enum}")
        if "pattern" in rules and not matches(rules["pattern"], value):
            wrong.append(f"{path}: {value!r} does not match {rules['pattern']}")
    elif kind in ("integer", "long"):
        if isinstance(value, bool) or not isinstance(value, int):
            wrong.append(f"{path}: not an integer")
        else:
            size(value)
    elif kind == "boolean" and not isinstance(value, bool):
        wrong.append(f"{path}: not a boolean")


def protocol_of(model, headers):
    """The protocol of a message: some services speak several, and the type of the content tells them apart."""
    kind = headers.get("content-type", "")
    if "cbor" in kind:
        return "smithy-rpc-v2-cbor"
    return "json" if "x-amz-json" in kind else model.metadata["protocol"]


# --- Requests ---------------------------------------------------------------------------------------


def operation_of(model, method, target, headers, body):
    """The operation's name and the parameters in its path."""
    path, _, query = target.partition("?")
    if "x-amz-target" in headers:
        return headers["x-amz-target"].rpartition(".")[2], {}
    rpc = regex.fullmatch(r"/service/\w+/operation/(\w+)", path)
    if rpc:
        return rpc.group(1), {}
    if model.metadata["protocol"] in ("query", "ec2"):
        return dict(urllib.parse.parse_qsl(body.decode()))["Action"], {}
    keys = set(dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))
    best = None
    for name in model.operation_names:
        rule = model.operation_model(name).http
        uri, _, literal = rule["requestUri"].partition("?")
        pattern = regex.sub(
            r"\\\{(\w+)(\\\+)?\\\}",
            lambda found: f"(?P<{found.group(1)}>{'.+' if found.group(2) else '[^/]+'})",
            regex.escape(uri),
        )
        found = regex.fullmatch(pattern, path)
        wanted = set(dict(urllib.parse.parse_qsl(literal, keep_blank_values=True)))
        if rule["method"] == method and found and wanted <= keys:
            rank = (len(wanted), -len(found.groupdict()))
            if best is None or rank > best[0]:
                parts = {k: urllib.parse.unquote(v) for k, v in found.groupdict().items()}
                best = (rank, name, parts)
    return (best[1], best[2]) if best else (None, {})


def parameters(operation, protocol, method, target, parts, headers, body):
    """What a request asks for, as botocore's parameters."""
    path, _, query = target.partition("?")
    fields = body.decode() if protocol in ("query", "ec2") else query
    readable = MotoModel(operation.service_model._service_description, operation.service_model.service_name)
    return PROTOCOL_PARSERS[protocol](readable.operation_model(operation.name)).parse(
        {
            "body": body,
            "headers": Headers(list(headers.items())),
            "method": method,
            "url_params": parts,
            "url_path": path,
            "values": MultiDict(urllib.parse.parse_qsl(fields, keep_blank_values=True)),
        }
    )


def sent(protocol, path, query, body):
    """The part of a request that its parameters decide, in a form to compare."""
    if protocol == "query":
        fields = urllib.parse.parse_qsl(body, keep_blank_values=True)
        return sorted(field for field in fields if field[0] != "Version")
    fields = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    return urllib.parse.unquote(path), fields, json.loads(body or "{}")


def judge_request(model, name, parts, method, target, headers, body, wrong):
    protocol = protocol_of(model, headers)
    if protocol == "smithy-rpc-v2-cbor":
        return
    operation = model.operation_model(name)
    values = parameters(operation, protocol, method, target, parts, headers, body)
    if operation.input_shape is not None:
        constraints(operation.input_shape, values, name, wrong)
    serializer = botocore.serialize.create_serializer(protocol, include_validation=True)
    ours = serializer.serialize_to_request(values, operation)
    path, _, query = target.partition("?")
    text = ours["body"] if isinstance(ours["body"], (str, bytes)) else urllib.parse.urlencode(ours["body"])
    text = text.decode() if isinstance(text, bytes) else text
    botocores = sent(protocol, *split(ours), text)
    theirs = sent(protocol, path, query, body.decode())
    if botocores != theirs:
        wrong.append(f"{name}: sent {theirs}, where botocore sends {botocores}")


def split(request):
    path, _, query = request["url_path"].partition("?")
    more = request["query_string"]
    if more:
        pairs = more.items() if isinstance(more, dict) else more
        query = "&".join(filter(None, [query, urllib.parse.urlencode(list(pairs), doseq=True)]))
    return path, query


# --- Responses --------------------------------------------------------------------------------------


def unknown_json(shape, value, path, wrong):
    """Members that the shape does not have; botocore's parsers pass over them in silence."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {m.serialization.get("name", n): m for n, m in shape.members.items()}
        for name, item in value.items():
            if name not in names:
                wrong.append(f"{path}.{name}: no such member")
            else:
                unknown_json(names[name], item, f"{path}.{name}", wrong)
    elif shape.type_name == "list" and isinstance(value, list):
        for item in value:
            unknown_json(shape.member, item, f"{path}[]", wrong)
    elif shape.type_name == "map" and isinstance(value, dict):
        for item in value.values():
            unknown_json(shape.value, item, f"{path}{{}}", wrong)


def tag(node):
    return node.tag.rpartition("}")[2]


def unknown_xml(shape, node, path, wrong):
    if shape.type_name == "structure":
        names = {}
        for name, member in shape.members.items():
            flat = member.serialization.get("flattened")
            inner = member.member.serialization.get("name") if flat and member.type_name == "list" else None
            names[inner or member.serialization.get("name", name)] = (member, flat)
        for child in node:
            if tag(child) not in names:
                wrong.append(f"{path}.{tag(child)}: no such member")
                continue
            member, flat = names[tag(child)]
            if flat and member.type_name == "list":
                member = member.member
            unknown_xml(member, child, f"{path}.{tag(child)}", wrong)
    elif shape.type_name == "list":
        for child in node:
            unknown_xml(shape.member, child, f"{path}[]", wrong)


def judge_response(model, name, status, headers, body, wrong):
    protocol = protocol_of(model, headers)
    operation = model.operation_model(name)
    parser = botocore.parsers.create_parser(protocol)
    response = {"status_code": status, "headers": headers, "body": body}
    if status < 300:
        shape = operation.output_shape
        parsed = parser.parse(response, shape)
        if shape is None:
            return
        constraints(shape, parsed, name, wrong)
        payload = shape.serialization.get("payload")
        inner = shape.members[payload] if payload else shape
        if protocol in ("json", "rest-json") and body:
            unknown_json(inner, json.loads(body), name, wrong)
        elif protocol in ("query", "ec2", "rest-xml") and body and inner.type_name == "structure":
            node = ElementTree.fromstring(body)
            if protocol == "query":
                wrapper = shape.serialization.get("resultWrapper")
                node = next((c for c in node if tag(c) == wrapper), None)
            if protocol == "ec2":
                node = [child for child in node if tag(child) != "requestId"]
            if node is not None:
                unknown_xml(inner, node, name, wrong)
        return
    parsed = parser.parse(response, operation.output_shape)
    if not parsed["ResponseMetadata"].get("RequestId") and status != 404:
        wrong.append(f"{name}: an error without a request id")
    if protocol in ("rest-xml", "ec2"):
        return  # S3's and EC2's errors stand in their guides, not in their models.
    code = parsed["Error"]["Code"]
    modeled = {shape.error_code: shape for shape in operation.error_shapes}
    modeled.update({shape.name: shape for shape in operation.error_shapes})
    if code not in modeled and code not in COMMON:
        wrong.append(f"{name}: {code} is no error of this operation")
    elif code in modeled:
        shape = modeled[code]
        details = parser.parse({**response, "status_code": 200}, shape) if protocol == "json" else {}
        if protocol == "json":
            details.pop("ResponseMetadata", None)
            constraints(shape, details, f"{name}.{code}", wrong)
            content = {k: v for k, v in json.loads(body).items() if k not in ("__type", "message")}
            known = {k.lower() for k in shape.members}
            wrong += [f"{name}.{code}.{k}: no such member" for k in content if k.lower() not in known]
        stated = shape.metadata.get("error", {}).get("httpStatusCode")
        if stated and stated != status:
            wrong.append(f"{name}: {code} has status {status}; the model says {stated}")


# --- The proxy --------------------------------------------------------------------------------------


class Judge:
    """A proxy before `upstream`. `requests` says whether requests are judged too: boto3's own need not be."""

    def __init__(self, upstream, requests=True):
        self.upstream = urllib.parse.urlparse(upstream).netloc
        self.requests = requests
        self.counts = collections.Counter()
        self.wrong = {}
        judge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                judge.pass_on(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        onward = http.client.HTTPConnection(self.upstream)
        onward.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
        for name, value in handler.headers.items():
            if name.lower() not in ("connection", "expect"):
                onward.putheader(name, value)
        onward.endheaders(body)
        response = onward.getresponse()
        answer = response.read()
        headers = {k.lower(): v for k, v in response.getheaders()}
        onward.close()
        self.judge(handler, body, response.status, headers, answer)
        handler.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("content-length", "connection", "date", "server", "transfer-encoding"):
                handler.send_header(name, value)
        length = headers.get("content-length", "0") if handler.command == "HEAD" else str(len(answer))
        handler.send_header("content-length", length)
        handler.end_headers()
        handler.wfile.write(answer)

    def judge(self, handler, body, status, answer_headers, answer):
        headers = {k.lower(): v for k, v in handler.headers.items()}
        wrong, name = [], handler.path
        try:
            scope = headers["authorization"].split("Credential=")[1].split(",")[0].split("/")
            model = service(scope[3])
            name, parts = operation_of(model, handler.command, handler.path, headers, body)
            if name not in model.operation_names:
                wrong.append(f"{scope[3]} has no operation {name} ({handler.command} {handler.path})")
            else:
                answer_headers = botocore.awsrequest.HeadersDict(answer_headers)
                judge_response(model, name, status, answer_headers, answer, wrong)
                if self.requests:
                    judge_request(
                        model, name, parts, handler.command, handler.path, headers, body, wrong
                    )
            name = f"{scope[3]}:{name}"
        except Exception as error:  # A judge that falls over has found something too.
            wrong.append(f"{name}: {type(error).__name__}: {error}")
        self.counts[str(name)] += 1
        for text in wrong:
            self.wrong.setdefault(text, 0)
            self.wrong[text] += 1

    def report(self):
        return {"exchanges": dict(sorted(self.counts.items())), "wrong": self.wrong}


if __name__ == "__main__":
    judge = Judge(os.environ["AWS_ENDPOINT_URL"])
    ended = subprocess.run(sys.argv[1:], env={**os.environ, "AWS_ENDPOINT_URL": judge.url})
    print(json.dumps(judge.report()), flush=True)
    sys.exit(ended.returncode or bool(judge.wrong))
