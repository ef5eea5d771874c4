#!/usr/bin/env python3
"""Trims AWS's service models, as botocore ships them, to the operations in operations.txt.

Documentation goes, and every shape that no listed operation reaches. What is left is written beside this
file, one compact JSON a service. Run with a Python that has botocore:

    python3 crates/sandbox/src/models/trim.py
"""

import json
import pathlib
import re

import botocore
import botocore.loaders

HERE = pathlib.Path(__file__).resolve().parent
DROPPED = {
    "documentation",
    "deprecated",
    "deprecatedMessage",
    "deprecatedSince",
    "sensitive",
    "box",
    "contextParam",
    "staticContextParams",
    "synthetic",
    "idempotent",
    "readonly",
    "auth",
    "httpChecksum",
    "retryable",
    "hostLabel",
}
METADATA = (
    "apiVersion",
    "endpointPrefix",
    "jsonVersion",
    "protocols",
    "serviceId",
    "signingName",
    "targetPrefix",
    "xmlNamespace",
)


def read_list():
    """The operations by service, in the order of the file."""
    wanted, service = {}, None
    for line in (HERE / "operations.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        heading = re.fullmatch(r"\[([\w-]+)\]", line)
        if heading:
            service = heading.group(1)
            wanted[service] = []
        else:
            wanted.setdefault(service, []).extend(line.split()) if line else None
    return wanted


def clean(value):
    """Drops documentation and what the codec does not read, at every depth but member names."""
    if isinstance(value, list):
        return [clean(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        if key in DROPPED:
            continue
        if key == "members":
            kept[key] = {name: clean(member) for name, member in item.items()}
        else:
            kept[key] = clean(item)
    return kept


def references(shape):
    """The names of the shapes that a shape names."""
    for member in shape.get("members", {}).values():
        yield member["shape"]
    for part in ("member", "key", "value"):
        if part in shape:
            yield shape[part]["shape"]


def trim(service, names):
    """The model of one service, with these operations and no others."""
    model = botocore.loaders.Loader().load_service_model(service, "service-2")
    missing = sorted(set(names) - set(model["operations"]))
    if missing:
        raise SystemExit(f"{service} has no operation {', '.join(missing)}")
    operations = {name: clean(model["operations"][name]) for name in sorted(set(names))}
    todo = []
    for operation in operations.values():
        operation.pop("name", None)
        errors = [error["shape"] for error in operation.pop("errors", [])]
        todo += errors
        todo += [operation[side]["shape"] for side in ("input", "output") if side in operation]
    reached = {}
    while todo:
        name = todo.pop()
        if name not in reached:
            shape = clean(model["shapes"][name])
            # S3's patterns and the like stay; the examples of strings do not matter.
            reached[name] = shape
            todo.extend(references(shape))
    metadata = {key: model["metadata"][key] for key in METADATA if key in model["metadata"]}
    metadata["protocols"] = metadata.get("protocols", [model["metadata"]["protocol"]])
    return {
        "metadata": metadata,
        "operations": operations,
        "shapes": {name: reached[name] for name in sorted(reached)},
    }


def main():
    for service, names in read_list().items():
        text = json.dumps(trim(service, names), separators=(",", ":"), ensure_ascii=False)
        (HERE / f"{service}.json").write_text(text + "\n")
        print(f"{service}: {len(names)} operations, {len(text) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
