"""Runs the script of stacksets/ec2-defaults.yaml as Systems Manager does, against moto's EC2.

usage: ec2_defaults.py TEMPLATE
"""

import os
import sys

import cfnlint.decode
from moto import mock_aws

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
    os.environ[name] = "testing"
os.environ.pop("AWS_ENDPOINT_URL", None)


def script(template):
    document, problems = cfnlint.decode.decode(template)
    assert not problems, problems
    content = document["Resources"]["Document"]["Properties"]["Content"]
    (step,) = content["mainSteps"]
    names = {}
    exec(step["inputs"]["Script"], names)  # the repository's own
    for output in step["outputs"]:
        assert output["Selector"] == f"$.Payload.{output['Name']}", output
    assert content["outputs"] == [f"{step['name']}.{one['Name']}" for one in step["outputs"]]
    return names[step["inputs"]["Handler"]]


def default_vpcs(ec2):
    found = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return [vpc["VpcId"] for vpc in found]


def fresh():
    import boto3

    ec2 = boto3.client("ec2")
    ec2.disable_ebs_encryption_by_default()
    (vpc,) = default_vpcs(ec2)
    return ec2, vpc


def main(template):
    run = script(template)
    both = {"EncryptEbs": "true", "RemoveDefaultVpc": "true"}
    with mock_aws():
        ec2, vpc = fresh()
        other = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        nothing = {"EncryptEbs": "false", "RemoveDefaultVpc": "false"}
        assert run(nothing, {}) == {"EbsEncryption": "as it was", "DefaultVpc": "as it was"}
        assert not ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
        assert default_vpcs(ec2) == [vpc]
        # Twice, with the same end.
        for _ in range(2):
            assert run(both, {}) == {"EbsEncryption": "on", "DefaultVpc": "none"}
            assert ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
            assert default_vpcs(ec2) == []
            assert [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]] == [other]

    def interface(ec2, vpc, subnet):
        ec2.create_network_interface(SubnetId=subnet)
        return "1 network interfaces"

    def group(ec2, vpc, subnet):
        ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)
        return "1 security groups"

    def table(ec2, vpc, subnet):
        ec2.create_route_table(VpcId=vpc)
        return "1 route tables"

    def own_subnet(ec2, vpc, subnet):
        ec2.create_subnet(VpcId=vpc, CidrBlock="172.31.240.0/24")
        return "1 subnets"

    def acl(ec2, vpc, subnet):
        ec2.create_network_acl(VpcId=vpc)
        return "1 network ACLs"

    def peering(ec2, vpc, subnet):
        other = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)
        return "1 peerings"

    def endpoint(ec2, vpc, subnet):
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.eu-west-1.s3")
        return "1 endpoints"

    for use in (interface, group, table, own_subnet, acl, peering, endpoint):
        with mock_aws():
            ec2, vpc = fresh()
            here = [{"Name": "vpc-id", "Values": [vpc]}]
            subnet = ec2.describe_subnets(Filters=here)["Subnets"][0]["SubnetId"]
            why = use(ec2, vpc, subnet)
            before = len(ec2.describe_subnets(Filters=here)["Subnets"])
            state = run(both, {})
            assert state["DefaultVpc"] == f"{vpc} is in use: {why}", (use.__name__, state)
            assert default_vpcs(ec2) == [vpc], use.__name__
            # Left whole.
            assert len(ec2.describe_subnets(Filters=here)["Subnets"]) == before
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
