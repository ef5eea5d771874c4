"""The sandbox's models must be exactly what its trimming makes of the installed botocore's."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parents[2] / "crates/sandbox/src/models"
sys.path.insert(0, str(HERE))

import botocore.loaders
import trim

RULES = ("type", "required", "min", "max", "pattern", "enum", "exception", "union")
wrong = []
for service, names in trim.read_list().items():
    kept = json.loads((HERE / f"{service}.json").read_text())
    if kept != trim.trim(service, names):
        wrong.append(f"{service}.json is not what trim.py makes: run it")
    # Looked at without trim.py, so that it cannot lose a rule in silence.
    whole = botocore.loaders.Loader().load_service_model(service, "service-2")
    for name in names:
        for side in ("input", "output"):
            if kept["operations"][name].get(side, {}).get("shape") != whole["operations"][name].get(side, {}).get("shape"):
                wrong.append(f"{service}: {name} has another {side}")
    for name, shape in kept["shapes"].items():
        for rule in RULES:
            if shape.get(rule) != whole["shapes"][name].get(rule):
                wrong.append(f"{service}: {name} has another {rule}")
        if set(shape.get("members", {})) != set(whole["shapes"][name].get("members", {})):
            wrong.append(f"{service}: {name} has other members")
print("\n".join(wrong))
sys.exit(bool(wrong))
