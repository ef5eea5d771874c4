#!/usr/bin/env bash
# An organization policy can hold features of GuardDuty, which then cannot be changed by API. GetDetector tells so
# (ManagedBy); DescribeOrganizationConfiguration, where an administrator sets the same features for all members, has no
# such member: whoever reads only the organization's settings cannot see that they are held. Seen in botocore 1.44.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check botocore==1.44.5
"$folder/venv/bin/python" - <<'PY'
import botocore
import botocore.session

model = botocore.session.get_session().get_service_model("guardduty")


def members(shape, path, seen):
    """Every member below a shape, by its path."""
    if shape.type_name == "structure" and shape.name not in seen:
        for name, below in shape.members.items():
            yield from members(below, f"{path}.{name}", seen | {shape.name})
    elif shape.type_name == "list":
        yield from members(shape.member, f"{path}[]", seen)
    else:
        yield path


def held(operation):
    output = model.operation_model(operation).output_shape
    return [path for path in members(output, operation, frozenset()) if "ManagedBy" in path]


print(f"botocore {botocore.__version__}")
for operation in ("GetDetector", "DescribeOrganizationConfiguration"):
    print(f"{operation}: {held(operation) or 'no member says what holds a setting'}")
assert held("GetDetector"), "GetDetector does not tell any more"
assert not held("DescribeOrganizationConfiguration"), "DescribeOrganizationConfiguration tells it now"
PY
