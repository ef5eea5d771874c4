#!/usr/bin/env bash
# AWS has two rules for the name of an account: Organizations' CreateAccount takes any printable ASCII, and the account
# service's PutAccountName, which is the one way to rename it, takes neither `<` nor `>`. So an account can be made
# under a name that it can never be given again. Seen in the service models of botocore 1.44.5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check botocore==1.44.5
"$folder/venv/bin/python" - <<'PY'
import re
import botocore
import botocore.session

session = botocore.session.get_session()


def rule(service, operation, member):
    shape = session.get_service_model(service).operation_model(operation).input_shape.members[member]
    return shape.metadata["pattern"]


made = rule("organizations", "CreateAccount", "AccountName")
renamed = rule("account", "PutAccountName", "AccountName")
print(f"botocore {botocore.__version__}")
print(f"organizations CreateAccount AccountName: {made}")
print(f"account PutAccountName AccountName:      {renamed}")
name = "Research <EU>"
may_be_made = re.fullmatch(made, name) is not None
may_be_given = re.fullmatch(renamed, name) is not None
print(f"{name!r}: may be created {may_be_made}, may be renamed to {may_be_given}")
assert (may_be_made, may_be_given) == (True, False), "the two rules agree now"
PY
