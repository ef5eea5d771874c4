"""What is broken to see it found and fixed: in the member account made for it, and never what writes or keeps the trail."""

MEMBER = "live-member"


def stop_recorder(aws, account):
    """As somebody would who does not want to be recorded."""
    client = aws.client("config", account=account)
    for one in client.describe_configuration_recorders()["ConfigurationRecorders"]:
        # Recorders that AWS services keep for themselves cannot be stopped.
        if "servicePrincipal" in one:
            continue
        client.stop_configuration_recorder(ConfigurationRecorderName=one["name"])


def change_tag(aws, account):
    """As somebody would who moves the account's bill elsewhere."""
    aws.organizations().tag_resource(
        ResourceId=account, Tags=[{"Key": "purpose", "Value": "changed-by-hand"}]
    )


def breaks(plan):
    """The control whose finding is expected, and what causes it, as far as the plan has what can be broken."""
    if "config" in plan.get("baseline", {}):
        yield "config.recording", "AWS Config's recorder is stopped", stop_recorder
    if "purpose" in plan["account"][MEMBER].get("tags", {}):
        yield "organization.tags", "the account's tag `purpose` is changed", change_tag
