"""Judges TOML files by a JSON Schema: python toml_valid.py SCHEMA FILE...

Every file that is not as the schema says is named with its first mistake.
"""

import json
import pathlib
import sys
import tomllib

import jsonschema


def main():
    schema = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    judge = jsonschema.Draft7Validator(schema)
    wrong = 0
    for name in sys.argv[2:]:
        document = tomllib.loads(pathlib.Path(name).read_text(encoding="utf-8"))
        for error in judge.iter_errors(document):
            print(f"{name}: {'/'.join(map(str, error.absolute_path))}: {error.message}")
            wrong += 1
            break
    if wrong:
        sys.exit(1)
    print(f"{len(sys.argv) - 2} files are valid")


main()
