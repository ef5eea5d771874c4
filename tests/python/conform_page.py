"""Writes docs/conformance.md, from tests/conformance/differences.toml, to stdout."""

import pathlib
import re
import tomllib

import botocore.loaders

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = """# Where the sandbox and moto differ

Made from `tests/conformance/differences.toml`; do not edit it by hand.

The conformance suite makes the same calls with boto3 in the sandbox and in [moto](https://docs.getmoto.org), a
simulated AWS by others, and compares answers field by field, error codes and their members included. Ids and times,
which are chosen at random, are taken out first; the text of errors is not compared. Where the two differ, AWS's own
documents or service models decide. Where moto was right the sandbox was fixed; what is left stands here, each with
its source. A difference that is not listed fails the suite, and so does one that is listed and no longer occurs.

"Model" means the service model that botocore ships, where AWS describes each operation.
"""


def short(texts):
    return "<br>".join(f"`{text}`" for text in texts).replace("|", "\\|")


with open(ROOT / "tests/conformance/differences.toml", "rb") as file:
    entries = tomllib.load(file)["difference"]

# What is cited from a model must be in it.
for entry in entries:
    for service, name in re.findall(r"Model: (\w+)\.(\w+)", entry["source"]):
        model = botocore.loaders.Loader().load_service_model(service, "service-2")
        assert name in model["shapes"] or name in model["operations"], entry
        words = {word for shape in model["shapes"].values() for word in shape.get("enum", [])}
        assert words.issuperset(re.findall(r"[A-Z]{2,}_[A-Z_]+", entry["source"])), entry
print(HEAD)
services = sorted({step.partition(":")[0] for entry in entries for step in entry["steps"]})
for service in services:
    print(f"## {service}\n")
    print("| calls | field | sandbox | moto | why | source |\n| --- | --- | --- | --- | --- | --- |")
    for entry in entries:
        steps = [s.partition(":")[2] for s in entry["steps"] if s.startswith(service + ":")]
        if steps:
            cells = (
                short(steps),
                short(entry["fields"]),
                short([entry["sandbox"]]),
                short([entry["moto"]]),
                entry["reason"],
                entry["source"],
            )
            print("| " + " | ".join(cells) + " |")
    print()
print("Here `*` stands for any text, and `(absent)` for a member that the answer does not have.")
