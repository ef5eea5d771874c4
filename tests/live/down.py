"""Takes down what a live run made, by the ids that it wrote down, and nothing else. The organization is kept, with its OUs,
policies, trusted access and service-linked roles, which cost nothing."""

import time
import uuid

from botocore.exceptions import ClientError
from clients import error, pages
from state import Refused, Stopped

# Longer than AWS needs for any of it.
PATIENCE = 3600


class Down:
    def __init__(self, aws, state, poll, say):
        self.aws, self.state, self.poll, self.say = aws, state, poll, say
        self.made = state["made"]
        self.gone = state.get("gone", [])

    def run(self):
        made = self.made
        for region, account in made["administrators"].items():
            name = f"GuardDuty administrator {account} in {region}"
            self.once(f"{region} {account}", name, lambda: self.administers(region, account))
        for region, one in made["detectors"].items():
            self.once(one, f"GuardDuty detector {one} in {region}", lambda: self.detector(region, one))
        for one, region in made["stack_sets"].items():
            self.once(one, f"stack set {one} in {region}", lambda: self.stack_set(one, region))
        for one, region in made["stacks"].items():
            self.once(one, f"stack {one}", lambda: self.stack(one, region))
        for account in made["accounts"].values():
            self.delegations(account)
        for key, account in made["accounts"].items():
            self.once(account, f"account {key}, {account}", lambda: self.close(account))

    def once(self, one, name, take_down):
        """What is gone is written down, so that an interrupted run goes on where it was."""
        if one in self.gone:
            return
        self.say(f"  {name}")
        take_down()
        self.gone.append(one)
        self.state.put(gone=self.gone)

    def until(self, true, patience=PATIENCE):
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > patience:
                minutes = patience // 60
                raise Stopped(f"AWS has not done after {minutes} minutes: look at it in the console, and run `down` again")
            time.sleep(self.poll)

    def administers(self, region, account):
        """The administrator lets its members go, and is none any more."""
        admin = self.aws.client("guardduty", region, account)
        for own in admin.list_detectors()["DetectorIds"]:
            # With ALL it may let nobody go.
            admin.update_organization_configuration(DetectorId=own, AutoEnableOrganizationMembers="NONE")
            listed = pages(admin.list_members, "Members", DetectorId=own, OnlyAssociated="false")
            members = [one["AccountId"] for one in listed]
            if members:
                admin.disassociate_members(DetectorId=own, AccountIds=members)
                admin.delete_members(DetectorId=own, AccountIds=members)
        management = self.aws.client("guardduty", region)
        known = pages(management.list_organization_admin_accounts, "AdminAccounts")
        if account in (one["AdminAccountId"] for one in known):
            management.disable_organization_admin_account(AdminAccountId=account)

    def detector(self, region, one):
        """Of the management account, which would go on to be charged."""
        client = self.aws.client("guardduty", region)

        def deleted():
            if one not in client.list_detectors()["DetectorIds"]:
                return True
            # Not while GuardDuty still has it as its former administrator's member.
            ignore(("BadRequestException",), client.delete_detector, DetectorId=one)
            return False

        self.until(deleted, PATIENCE // 6)

    def stack_set(self, one, region):
        client = self.aws.client("cloudformation", region)
        name = one.split(":")[0]
        try:
            found = client.describe_stack_set(StackSetName=name)["StackSet"]
        except client.exceptions.StackSetNotFoundException:
            return
        if found["StackSetId"] != one:
            raise Refused(f"stack set {name} is {found['StackSetId']} now, not {one}, which the run made")
        instances = pages(client.list_stack_instances, "Summaries", StackSetName=name)
        if instances:
            self.until(lambda: not running(client, name))
            operation = client.delete_stack_instances(
                StackSetName=name,
                DeploymentTargets={"OrganizationalUnitIds": sorted({i["OrganizationalUnitId"] for i in instances})},
                Regions=sorted({i["Region"] for i in instances}),
                RetainStacks=False,
                OperationPreferences={
                    "RegionConcurrencyType": "PARALLEL",
                    "MaxConcurrentPercentage": 100,
                    "FailureTolerancePercentage": 100,
                    "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE",
                },
                OperationId=str(uuid.uuid4()),
            )["OperationId"]

            def ended():
                told = client.describe_stack_set_operation(StackSetName=name, OperationId=operation)
                return told["StackSetOperation"]["Status"] in ("SUCCEEDED", "FAILED", "STOPPED")

            self.until(ended)
            left = pages(client.list_stack_instances, "Summaries", StackSetName=name)
            if left:
                whys = sorted({f"{i['Account']} in {i['Region']}: {i.get('StatusReason', '')}" for i in left})
                raise Stopped(f"instances of stack set {name} are left; `down` tries again\n" + "\n".join(whys))
        client.delete_stack_set(StackSetName=name)

    def stack(self, one, region):
        """Of the management account; those in members go with the accounts."""
        client = self.aws.client("cloudformation", region)
        try:
            found = client.describe_stacks(StackName=one)["Stacks"][0]
        except ClientError as failed:
            if error(failed) == "ValidationError":
                return
            raise
        if found["StackStatus"] == "DELETE_COMPLETE":
            return
        if found.get("EnableTerminationProtection"):
            client.update_termination_protection(StackName=one, EnableTerminationProtection=False)
        client.delete_stack(StackName=one)

        def deleted():
            found = client.describe_stacks(StackName=one)["Stacks"][0]
            if found["StackStatus"] == "DELETE_FAILED":
                raise Stopped(f"{one} could not be deleted: {found.get('StackStatusReason')}; `down` tries again")
            return found["StackStatus"] == "DELETE_COMPLETE"

        self.until(deleted)

    def delegations(self, account):
        """AWS closes no account that administers a service for the organization."""
        client = self.aws.organizations()
        try:
            services = pages(client.list_delegated_services_for_account, "DelegatedServices", AccountId=account)
        except ClientError as failed:
            # It is none, or the account is closed already.
            if error(failed) in ("AccountNotRegisteredException", "AccountNotFoundException"):
                return
            raise
        for one in services:
            self.once(
                f"{account} {one['ServicePrincipal']}",
                f"delegated administrator {account} of {one['ServicePrincipal']}",
                lambda: ignore(
                    ("AccountNotRegisteredException",),
                    client.deregister_delegated_administrator,
                    AccountId=account,
                    ServicePrincipal=one["ServicePrincipal"],
                ),
            )

    def close(self, account):
        def asked():
            try:
                self.aws.organizations().close_account(AccountId=account)
            except ClientError as failed:
                code, told = error(failed), str(failed.response)
                if code in ("AccountAlreadyClosedException", "ConflictException"):
                    return True
                # Three may be closed at a time.
                if code == "ConcurrentModificationException" or "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED" in told:
                    return False
                raise
            return True

        def closed():
            told = self.aws.organizations().describe_account(AccountId=account)["Account"]
            return status(told) in ("CLOSED", "SUSPENDED")

        self.until(asked)
        # One after another: which of several AWS closes first, nobody could replay.
        self.until(closed)


def status(account):
    return account.get("State") or account.get("Status")


def running(client, name):
    told = pages(client.list_stack_set_operations, "Summaries", StackSetName=name)
    return any(one["Status"] in ("RUNNING", "QUEUED", "STOPPING") for one in told)


def ignore(codes, call, **arguments):
    try:
        call(**arguments)
    except ClientError as failed:
        if error(failed) not in codes:
            raise
