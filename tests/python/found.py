"""Tells what a drift check found, a line for each control and account.

usage: found.py FILE, as `orgstrap drift --output json` writes it
"""

import json
import sys

found = json.load(open(sys.argv[1]))["findings"]
lines = {
    f"{one['severity']:<9}{one['control']}: {one['place'].get('account') or 'the organization'}"
    for one in found
}
print("\n".join(sorted(lines)) or "nothing")
