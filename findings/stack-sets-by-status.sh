#!/usr/bin/env bash
# CloudFormation lists stack sets that were deleted too, and ListStackSets takes a Status to tell them apart. moto 5.2.5 takes
# the parameter and ignores it: a deleted set is among the ACTIVE ones, with the status DELETED, while DescribeStackSet says
# that it is not there. Whoever looks for a set of a name by this list must read each Status. Seen with boto3 1.44.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "moto[cloudformation]==5.2.5" boto3==1.44.5
AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_DEFAULT_REGION=us-east-1 "$folder/venv/bin/python" -W ignore - <<'PY'
import boto3
import moto

TEMPLATE = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'

with moto.mock_aws():
    cloudformation = boto3.client("cloudformation")
    for name in ("kept", "deleted"):
        cloudformation.create_stack_set(StackSetName=name, TemplateBody=TEMPLATE)
    cloudformation.delete_stack_set(StackSetName="deleted")

    def listed(status):
        summaries = cloudformation.list_stack_sets(Status=status)["Summaries"]
        return sorted((each["StackSetName"], each["Status"]) for each in summaries)

    print(f"moto {moto.__version__}, boto3 {boto3.__version__}")
    for status in ("ACTIVE", "DELETED"):
        print(f"ListStackSets {status}: {listed(status)}")
    both = [("deleted", "DELETED"), ("kept", "ACTIVE")]
    assert listed("ACTIVE") == both and listed("DELETED") == both, "Status is a filter now"
    try:
        cloudformation.describe_stack_set(StackSetName="deleted")
    except cloudformation.exceptions.StackSetNotFoundException as error:
        print(f"DescribeStackSet: {error}")
    else:
        raise AssertionError("a deleted stack set can be described now")
PY
