"""Tells what a drift check found, a line for each control and account.

usage: found.py FILE [things], as `orgstrap drift --output json` writes it; with `things` a line for each thing
"""

import json
import re
import sys

found = json.load(open(sys.argv[1]))["findings"]
lines = {
    f"{one['severity']:<9}{one['control']}: {one['place'].get('account') or 'the organization'}"
    for one in found
}
if sys.argv[2:] == ["things"]:
    # Without what AWS chooses.
    ids = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b\d{12}\b")
    lines = {
        f"{one['severity']:<9}{one['control']}: {ids.sub('ID', one['subject'])}" for one in found
    }
print("\n".join(sorted(lines)) or "nothing")
