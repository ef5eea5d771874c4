"""Fails on actions that AWS does not count as reading: those in none of its policies for readers.

The policies are AWS's own ReadOnlyAccess, ViewOnlyAccess and SecurityAudit in moto's copy.
"""

import fnmatch
import json
import sys

from moto.iam.aws_managed_policies import aws_managed_policies_data

# Entering a member account, by a role that only reads there, is no reading of AWS's.
APART = {"sts:assumerole"}


def allowed():
    policies = json.loads(aws_managed_policies_data)
    for name in ("ReadOnlyAccess", "ViewOnlyAccess", "SecurityAudit"):
        for statement in policies[name]["Document"]["Statement"]:
            if statement["Effect"] == "Allow":
                actions = statement["Action"]
                yield from [actions] if isinstance(actions, str) else actions


patterns = [pattern.lower() for pattern in allowed()]
wrong = []
for action in sys.argv[1:]:
    word = action.lower()
    # A pattern of ours is inside one of AWS's if that matches it as a text.
    if word not in APART and not any(fnmatch.fnmatchcase(word, pattern) for pattern in patterns):
        wrong.append(action)
print("\n".join(wrong))
sys.exit(bool(wrong))
