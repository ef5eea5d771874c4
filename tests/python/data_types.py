"""Writes the properties that replace a resource into the table of types that hold data, from the schemas of
CloudFormation that cfn-lint carries. The types themselves are chosen by hand: a new one is a line with its name.

    python data_types.py            rewrites src/baseline/data-types.txt
    python data_types.py --check    says whether it is as it would be written
"""

import json
import pathlib
import sys

import cfnlint

TABLE = pathlib.Path(__file__).parents[2] / "src/baseline/data-types.txt"
SCHEMAS = pathlib.Path(cfnlint.__file__).parent / "data/schemas"


def paths(schema, key):
    """Property paths without their first part, such as `BucketName` or `Engine/Version`."""
    listed = schema.get(key, [])
    return sorted({path.removeprefix("/properties/") for path in listed})


def main():
    index = json.loads((SCHEMAS / "providers/us-east-1.json").read_text())
    old = TABLE.read_text()
    lines, unknown = [], []
    for line in old.splitlines():
        if not line or line.startswith("#"):
            lines.append(line)
            continue
        kind = line.split()[0]
        if kind not in index:
            unknown.append(kind)
            continue
        schema = json.loads((SCHEMAS / "resources" / f"{index[kind]}.json").read_text())
        always = paths(schema, "createOnlyProperties")
        perhaps = [path + "?" for path in paths(schema, "conditionalCreateOnlyProperties")]
        lines.append(" ".join([kind, *always, *perhaps]))
    if unknown:
        sys.exit(f"no such types: {', '.join(unknown)}")
    new = "\n".join(lines) + "\n"
    if "--check" in sys.argv[1:]:
        if new != old:
            sys.exit(f"{TABLE.name} is not as data_types.py writes it")
        print("as written")
        return
    TABLE.write_text(new)


if __name__ == "__main__":
    main()
