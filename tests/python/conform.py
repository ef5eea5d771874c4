"""The same calls to the sandbox and to moto, a third party, and their answers compared field by field.

usage: conform.py SANDBOX MOTO DIFFERENCES

SANDBOX and MOTO are endpoints. What is chosen at random or by the clock is replaced by words first. The
text of an error is not compared, its code and members are. Every difference must be listed in the file
DIFFERENCES with the AWS source that decides it, and every one that is listed must occur. The sandbox's
answers are judged by botocore's models on the way (judge.py).
"""

import datetime
import fnmatch
import json
import re
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

import conform_steps
import judge

CONFIG = Config(
    retries={"max_attempts": 0}, parameter_validation=False, s3={"addressing_style": "path"}
)
KEYS = (
    "Id", "AccountId", "AdminAccountId", "Key", "TargetId", "Type", "ServicePrincipal", "PolicyId", "RoleName",
    "PolicyName", "OutputKey", "ParameterKey", "LogicalResourceId", "StackName", "StackSetName", "Name", "name", "RegionName",
)
ABSENT = "(absent)"


class Place:
    """One of the two worlds: makes calls in it and remembers what they answered, by step."""

    def __init__(self, endpoint, key, secret, management, email):
        self.endpoint = endpoint
        self.keys = {"aws_access_key_id": key, "aws_secret_access_key": secret}
        self.words = {management: "<management>", email: "<management's email>"}
        self.management = management
        self.steps = {}
        self.clients = {}

    def raw(self, service, operation, inside=None, region="us-east-1", **arguments):
        """A call without a record; errors are the caller's."""
        keys = inside or self.keys
        at = (service, region, keys["aws_access_key_id"])
        if at not in self.clients:
            self.clients[at] = boto3.session.Session().client(
                service, region_name=region, endpoint_url=self.endpoint, config=CONFIG, **keys
            )
        return getattr(self.clients[at], xform_name(operation))(**arguments)

    def call(self, step, inside=None, region="us-east-1", hide=(), **arguments):
        """A call whose answer is compared. `step` is SERVICE:OPERATION and a word for the case."""
        service, operation = step.split(" ")[0].split(":")
        try:
            answer = self.raw(service, operation, inside, region, **arguments)
        except ClientError as error:
            answer = None
            told = error.response
            seen = {k: v for k, v in told.items() if k not in ("Error", "ResponseMetadata", "Message", "message")}
            seen["error"] = told["Error"]["Code"]
            seen["status"] = told["ResponseMetadata"]["HTTPStatusCode"]
        except ResponseParserError:
            answer, seen = None, {"error": "(an answer that botocore cannot read)"}
        else:
            seen = {k: v for k, v in answer.items() if k not in ("ResponseMetadata", *hide)}
            for key, value in seen.items():
                if hasattr(value, "read"):
                    seen[key] = value.read().decode()
        assert step not in self.steps, f"two steps are named {step!r}"
        self.steps[step] = seen
        return answer

    def know(self, value, word):
        """From now on `value` is shown as `word`, as it differs between worlds."""
        self.words[value] = f"<{word}>"
        return value

    def wait(self, ready, seconds=40):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                found = ready()
            except ClientError:
                found = None
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError("what was waited for did not come about")

    def normal(self):
        """What was seen, step by step, as fields."""
        words = sorted(self.words, key=len, reverse=True)
        pattern = re.compile("|".join(re.escape(w) for w in words))

        def text(value):
            value = pattern.sub(lambda found: self.words[found.group()], value)
            value = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-][\d:]+)?", "<time>", value)
            value = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "<uuid>", value)
            value = re.sub(r"\bp-[a-z0-9]{8,}\b", "<policy>", value)
            value = re.sub(r"\bcar-[0-9a-z]{8,32}\b", "<request>", value)
            value = re.sub(r"\b(ASIA|AKIA|AROA|AIDA)\w{10,}", r"<\1>", value)
            value = re.sub(r"\bou-(<root suffix>|[0-9a-z]{4,})-[0-9a-z]{8}\b", "<ou>", value)
            return re.sub(r"\b\d{12}\b", "<account>", value)

        def flat(value, path, into):
            if isinstance(value, dict):
                if not value:
                    into[path] = "{}"
                for key, item in value.items():
                    flat(item, f"{path}.{key}" if path else text(str(key)), into)
            elif isinstance(value, list):
                if not value:
                    into[path] = "[]"
                taken = {}
                for item in value:
                    key = next((item[k] for k in KEYS if k in item), None) if isinstance(item, dict) else item
                    key = text(str(key)) if key is not None else "item"
                    taken[key] = taken.get(key, 0) + 1
                    at = f"{path}[{key}]" + (f"#{taken[key]}" if taken[key] > 1 else "")
                    if isinstance(item, (dict, list)):
                        flat(item, at, into)
                    else:
                        into[at] = "there"
            elif isinstance(value, datetime.datetime):
                into[path] = "<time>"
            else:
                into[path] = text(str(value))
            return into

        return {step: flat(seen, "", {}) for step, seen in self.steps.items()}


def differences(sandbox, moto):
    """(step, field, the sandbox's value, moto's value) for each that differs."""
    assert list(sandbox) == list(moto), "the two did not go through the same steps"
    for step, ours in sandbox.items():
        theirs = moto[step]
        if ("error" in ours) != ("error" in theirs):
            said = [fields.get("error", "done") for fields in (ours, theirs)]
            yield (step, "outcome", *said)
            continue
        for field in sorted(set(ours) | set(theirs)):
            pair = (ours.get(field, ABSENT), theirs.get(field, ABSENT))
            # An empty list differs in its items, which are fields of their own.
            fuller = theirs if pair[0] in ("[]", "{}") else ours if pair[1] in ("[]", "{}") else {}
            if pair[0] != pair[1] and not any(f.startswith((f"{field}[", f"{field}.")) for f in fuller):
                yield (step, field, *pair)


def covers(entry, difference):
    wanted = (entry["steps"], entry["fields"], [entry["sandbox"]], [entry["moto"]])
    plain = [text.replace("[", "(").replace("]", ")") for text in difference]
    return all(
        any(fnmatch.fnmatchcase(text, p.replace("[", "(").replace("]", ")")) for p in patterns)
        for patterns, text in zip(wanted, plain)
    )


def main():
    sandbox_url, moto_url, listed = sys.argv[1:4]
    with open(listed, "rb") as file:
        entries = tomllib.load(file)["difference"]
    proxy = judge.Judge(sandbox_url, requests=False)
    key, secret = "AKIASANDBOXMANAGEMNT", "sandbox-management-secret-not-a-real-key"
    sandbox = Place(proxy.url, key, secret, "111111111111", "management@example.com")
    moto = Place(moto_url, "testing", "testing", "123456789012", "master@example.com")
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(conform_steps.run, place) for place in (sandbox, moto)]:
            done.result()
    found = list(differences(sandbox.normal(), moto.normal()))
    failures = []
    used = set()
    for difference in found:
        entry = next((n for n, entry in enumerate(entries) if covers(entry, difference)), None)
        if entry is None:
            step, field, ours, theirs = difference
            failures.append(f"not listed: {step} | {field}\n    sandbox: {ours}\n    moto:    {theirs}")
        used.add(entry)
    for number, entry in enumerate(entries):
        if number not in used:
            failures.append(f"listed, but no longer there: {json.dumps(entry)}")
    failures += [f"against the model: {text}" for text in proxy.wrong]
    print("\n".join(failures))
    fields = sum(len(fields) for fields in sandbox.normal().values())
    print(f"{len(sandbox.steps)} calls, {fields} fields, {len(found)} differences, {len(failures)} not accounted for")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
