"""What accounts were given inside, shown and changed past orgstrap.

usage: prepared.py show ACCOUNT | weaken ACCOUNT | alias ACCOUNT ALIAS
"""

import sys

import world


def iam(account):
    return world.client("iam", account=world.accounts()[account])


def show(account):
    client = iam(account)
    print("alias:", *client.list_account_aliases()["AccountAliases"])
    policy = client.get_account_password_policy()["PasswordPolicy"]
    for name in sorted(policy):
        print(f"{name}: {policy[name]}")


def weaken(account):
    iam(account).update_account_password_policy(MinimumPasswordLength=6, MaxPasswordAge=365)


def alias(account, name):
    iam(account).create_account_alias(AccountAlias=name)


if __name__ == "__main__":
    act, *arguments = sys.argv[1:]
    {"show": show, "weaken": weaken, "alias": alias}[act](*arguments)
