"""Reads an organization with boto3 and says whether it is as an org plan says.

usage: facts.py PLAN [organization]

Reads the plan by itself and AWS through assumed roles, and shares no code with orgstrap, so that the
two can disagree. With `organization`, looks at the organization layer only.
"""

import json
import sys
import tomllib

import world

with open(sys.argv[1], "rb") as file:
    PLAN = tomllib.load(file)
LAYER = sys.argv[2] if len(sys.argv) > 2 else "all"
TABLE = PLAN["organization"]
HOME = TABLE["home_region"]
REGIONS = sorted(set(TABLE.get("regions", [])) | {HOME, "us-east-1"})
WRONG = []


def check(fact, true, seen=None):
    print(("ok     " if true else "WRONG  ") + fact)
    if not true:
        WRONG.append(fact)
        print(f"       seen: {seen}")


def account_id(key):
    return world.accounts()[PLAN["account"][key].get("name", key)]


def organization_layer():
    org = world.organizations()
    organization = org.describe_organization()["Organization"]
    check(
        "the management account is the plan's, with all features",
        organization["MasterAccountId"] == TABLE["management_account"]
        and organization["FeatureSet"] == "ALL",
        organization,
    )
    ous = world.ous()
    for path in PLAN.get("ou", {}):
        check(f"OU {path} is there", path in ous, sorted(ous))
    names = [a["Name"] for a in world.pages(org.list_accounts, "Accounts")]
    for key, account in PLAN.get("account", {}).items():
        name = account.get("name", key)
        check(f"account {key} is there once", names.count(name) == 1, names)
        if name not in names:
            continue
        parents = org.list_parents(ChildId=world.accounts()[name])["Parents"]
        check(
            f"account {key} is in {account['ou']}",
            [p["Id"] for p in parents] == [ous.get(account["ou"])],
            parents,
        )
        tags = {
            t["Key"]: t["Value"]
            for t in world.pages(
                org.list_tags_for_resource, "Tags", ResourceId=world.accounts()[name]
            )
        }
        wanted = dict(account.get("tags", {}))
        check(
            f"account {key} has its tags",
            all(tags.get(k) == v for k, v in wanted.items())
            and tags.get("orgstrap:key", key if "id" in account else None) == key,
            tags,
        )
    kinds = {"service_control_policy": "SERVICE_CONTROL_POLICY"}
    attached = {}
    for name, policy in PLAN.get("policy", {}).items():
        kind = kinds.get(policy["type"], policy["type"].upper())
        there = world.policies(kind)
        check(f"policy {name} is there", name in there, sorted(there))
        if name in there:
            attached[name] = {
                t["TargetId"]
                for t in world.pages(org.list_targets_for_policy, "Targets", PolicyId=there[name])
            }
    wanted = {name: set() for name in PLAN.get("policy", {})}
    for name in TABLE.get("policies", []):
        wanted[name].add(world.root())
    for path, ou in PLAN.get("ou", {}).items():
        for name in ou.get("policies", []):
            wanted[name].add(ous.get(path))
    for key, account in PLAN.get("account", {}).items():
        for name in account.get("policies", []):
            wanted[name].add(account_id(key))
    for name, targets in wanted.items():
        check(f"policy {name} is where the plan says", attached.get(name) == targets, attached)


def stack_output(account, stack_part, words):
    """Outputs of the stacks of an account in the home Region whose names hold `stack_part`."""
    cloudformation = world.client("cloudformation", HOME, account)
    found = {}
    for stack in world.pages(cloudformation.describe_stacks, "Stacks"):
        if stack_part in stack["StackName"]:
            for output in stack.get("Outputs", []):
                found[output["OutputKey"]] = output["OutputValue"]
    return [value for key, value in found.items() if all(word in key for word in words)]


def cloudtrail():
    logging = account_id(TABLE["logging"])
    trails = world.client("cloudtrail", HOME).describe_trails()["trailList"]
    check("the management account has one trail", len(trails) == 1, trails)
    for trail in trails:
        check(
            "it is an organization trail of all Regions with validated logs",
            trail["IsOrganizationTrail"]
            and trail["IsMultiRegionTrail"]
            and trail["LogFileValidationEnabled"]
            and bool(trail.get("KmsKeyId")),
            trail,
        )
        status = world.client("cloudtrail", HOME).get_trail_status(Name=trail["TrailARN"])
        check(
            "it logs, and delivers",
            status["IsLogging"] and not status.get("LatestDeliveryError"),
            status,
        )
        buckets = stack_output(logging, "cloudtrail", ["Bucket"])
        check(
            "it logs into the logging account's bucket",
            any(trail["S3BucketName"] == b or b.endswith(":" + trail["S3BucketName"]) for b in buckets),
            (trail["S3BucketName"], buckets),
        )


def config():
    secops = account_id(TABLE["secops"])
    logging = account_id(TABLE["logging"])
    buckets = stack_output(logging, "config", ["Bucket"])
    everyone = {"management": None} | {key: account_id(key) for key in PLAN["account"]}
    for key, account in everyone.items():
        for region in REGIONS:
            client = world.client("config", region, account)
            status = client.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
            channels = client.describe_delivery_channels()["DeliveryChannels"]
            recorders = client.describe_configuration_recorders()["ConfigurationRecorders"]
            # IAM types are recorded in one Region only, or each change would be paid for many times.
            group = recorders[0]["recordingGroup"] if recorders else {}
            check(
                f"{key} is recorded in {region}",
                len(status) == 1
                and status[0]["recording"]
                and len(channels) == 1
                and any(channels[0]["s3BucketName"] in bucket for bucket in buckets)
                and bool(group.get("includeGlobalResourceTypes")) == (region == HOME),
                (status, channels, group, buckets),
            )
    aggregators = world.client("config", HOME, secops).describe_configuration_aggregators()[
        "ConfigurationAggregators"
    ]
    check(
        "SecOps aggregates the organization",
        any("OrganizationAggregationSource" in a for a in aggregators),
        aggregators,
    )


def guardduty():
    secops = account_id(TABLE["secops"])
    wanted = set(PLAN["baseline"]["guardduty"].get("features", []))
    for region in REGIONS:
        admins = world.client("guardduty", region).list_organization_admin_accounts()[
            "AdminAccounts"
        ]
        check(
            f"GuardDuty's administrator in {region} is SecOps",
            [a["AdminAccountId"] for a in admins] == [secops],
            admins,
        )
        client = world.client("guardduty", region, secops)
        detectors = client.list_detectors()["DetectorIds"]
        check(f"SecOps has one detector in {region}", len(detectors) == 1, detectors)
        for detector in detectors:
            settings = client.describe_organization_configuration(DetectorId=detector)
            on = {
                f["Name"] for f in settings.get("Features", []) if f["AutoEnable"] in ("ALL", "NEW")
            }
            check(
                f"new and old accounts are watched in {region}, with the plan's features",
                settings["AutoEnableOrganizationMembers"] == "ALL" and on == wanted,
                settings,
            )
            members = world.pages(client.list_members, "Members", DetectorId=detector)
            expected = {account_id(key) for key in PLAN["account"]} - {secops}
            check(
                f"every account is a member in {region}",
                expected <= {m["AccountId"] for m in members if m["RelationshipStatus"] == "Enabled"},
                members,
            )
            exports = client.list_publishing_destinations(DetectorId=detector)["Destinations"]
            check(
                f"findings of {region} are exported",
                [e["Status"] for e in exports] == ["PUBLISHING"],
                exports,
            )


organization_layer()
if LAYER == "all":
    for baseline, look in (("cloudtrail", cloudtrail), ("config", config), ("guardduty", guardduty)):
        if baseline in PLAN.get("baseline", {}):
            look()
print(json.dumps({"wrong": len(WRONG)}))
sys.exit(1 if WRONG else 0)
