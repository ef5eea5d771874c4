#!/usr/bin/env bash
# A condition's value may be a string, a number or a boolean ("Grammar of the IAM JSON policy language": condition_value).
# moto refuses a policy with a number there, and parliament ends with a TypeError, so that neither can be asked about
# policies that AWS takes. Seen in moto 5.2.5 and parliament 1.6.4.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[iam]==5.2.5' parliament==1.6.4 setuptools==75.8.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import json

import boto3
from moto import mock_aws
from parliament import analyze_policy_string


def policy(value):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Action": "kms:ScheduleKeyDeletion",
                    "Resource": "*",
                    "Condition": {"NumericLessThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": value}},
                }
            ],
        }
    )


def outcome(act):
    try:
        act()
        return "taken"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


with mock_aws():
    iam = boto3.client("iam", "us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
    seen = {}
    for value in ("30", 30):
        seen["moto", type(value)] = outcome(
            lambda: iam.create_policy(PolicyName=f"days-{type(value).__name__}", PolicyDocument=policy(value))
        )
        seen["parliament", type(value)] = outcome(lambda: analyze_policy_string(policy(value)))
for (who, kind), what in seen.items():
    print(f"{who}, {kind.__name__}: {what}")
assert seen["moto", str] == seen["parliament", str] == "taken"
assert "Syntax errors" in seen["moto", int], "moto takes numbers now"
assert "TypeError" in seen["parliament", int], "parliament takes numbers now"
PY
