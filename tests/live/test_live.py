"""What a live run promises, on moto in this process: python -m unittest test_live"""

import argparse
import collections
import contextlib
import functools
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

import boto3
import compare
import live
import there
from clients import Aws, Tape
from down import Down
from moto import mock_aws
from state import Refused, State, Stopped

HOME = "eu-west-1"


@functools.cache
def session(*_, **__):
    """Clients read the services' models, which takes longest of all: each is made once for all tests."""
    made = REAL_SESSION(region_name=HOME)
    made.client = functools.cache(made.client)
    return made


REAL_SESSION, boto3.Session, boto3.client = boto3.Session, session, lambda *it, **named: session().client(*it, **named)
ACCOUNT = "123456789012"
PLAN = live.HERE / "organization-only.toml"
ANSWERS = ["a@corp.test", "b@corp.test", f"make {ACCOUNT}"]
POLICY = {
    "AssumeRolePolicyDocument": '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"x"},"Action":"*"}}'
}


def client(service, region=HOME):
    return boto3.client(service, region_name=region)


def org():
    return client("organizations", "us-east-1")


def accounts():
    listed = org().list_accounts()["Accounts"]
    return {one["Name"]: (one["Id"], one.get("State") or one["Status"]) for one in listed}


class Case(unittest.TestCase):
    # A moto of its own.
    in_moto = True

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp()) / "run"
        self.addCleanup(shutil.rmtree, self.folder.parent)
        if self.in_moto:
            self.enter(mock_aws())
        self.said = self.enter(contextlib.redirect_stdout(io.StringIO()))

    def enter(self, context):
        entered = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return entered

    def options(self, **others):
        known = {"folder": self.folder, "plan": PLAN, "profile": None, "home_region": HOME, "pace": "off", "poll": 0}
        return argparse.Namespace(**(known | {"orgstrap": "true"} | others))

    def begin(self, answers, **others):
        with mock.patch("sys.stdin", io.StringIO("\n".join(answers) + "\n")):
            live.begin(self.options(**others))

    def state(self, **others):
        known = {
            "account": ACCOUNT,
            "caller": "user/admin",
            "began": "2020-01-01T00:00:00+00:00",
            "home": HOME,
            "orgstrap": "true",
            "regions": [HOME, "us-east-1"],
            "profile": None,
            "addresses": {"live-logs": "a@corp.test", "live-member": "B@corp.test"},
            "made": there.nothing_made(),
            "done": [],
        }
        return State.begin(self.folder, known | others, "[account.live-member]\n[organization]\n")


class Refusals(Case):
    def refused(self, words, *arguments, **options):
        looks = there.require_nothing if self.looked_at else lambda *_: None
        with self.assertRaises(Refused) as why, mock.patch("live.there.require_nothing", looks):
            self.begin(*arguments, **options)
        self.assertIn(words, str(why.exception))
        self.assertFalse(self.folder.exists())
        # Nothing was made.
        self.assertIsNone(None if self.organized else there.organization(Aws(home=HOME)))

    organized = False
    looked_at = False

    def test_an_organization_is_there(self):
        self.organized = self.looked_at = True
        org().create_organization()
        self.refused(f"account {ACCOUNT} manages organization o-", ANSWERS)

    def test_another_word_is_typed(self):
        for word in ("", "yes", "make", "make 123456789013", f"MAKE {ACCOUNT}", f"down {ACCOUNT}"):
            with self.subTest(word):
                self.refused("nothing was done", [*ANSWERS[:2], word])

    def test_nobody_answers(self):
        with self.assertRaises(Stopped), mock.patch("sys.stdin", io.StringIO("")):
            live.begin(self.options())
        self.assertFalse(self.folder.exists())

    def test_addresses_are_wrong(self):
        for words, first, second in (
            ("is there twice", "a@corp.test", "A@corp.test"),
            ("no address that AWS takes", "a@corp", "b@corp.test"),
            ("no address that AWS takes", 'a@corp.test"\nx = "', "b@corp.test"),
            ("no address that AWS takes", "a" * 60 + "@corp.test", "b@corp.test"),
            ("nobody reads", "a@example.com", "b@corp.test"),
        ):
            with self.subTest(words):
                self.refused(words, [first, second, f"make {ACCOUNT}"])

    def test_plans_that_make_more_or_other_accounts(self):
        one = '[account.{0}]\nemail = "<<address of {0}>>"\n'
        for words, text in (
            ("has 5 accounts; 4 at most", "".join(one.format(f"a{n}") for n in range(5))),
            ("needs a line", one.format("a") + "[account.b]\n"),
            ("places that nothing is known for: budget", one.format("a") + 'x = "<<budget>>"\n'),
        ):
            plan = self.folder.parent / "plan.toml"
            plan.write_text(text)
            with self.subTest(words):
                self.refused(words, ["a@corp.test", f"make {ACCOUNT}"], plan=plan)

    def test_the_root_user(self):
        told = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
        with mock.patch("live.Aws") as aws:
            aws.return_value.client.return_value.get_caller_identity.return_value = told
            with self.assertRaises(Refused) as why:
                self.begin(ANSWERS)
        self.assertIn("root user", str(why.exception))

    def test_what_is_there(self):
        """Each thing that orgstrap makes or would meet, in the home Region and in the other; and nothing of others'."""
        aws, regions = Aws(home=HOME), [HOME, "us-east-1"]
        client("s3", "us-east-1").create_bucket(Bucket="theirs")
        client("iam").create_role(RoleName="theirs", **POLICY)
        stack(HOME, "theirs")
        self.assertEqual(list(there.found(aws, regions)), [])
        for make in EVERYWHERE.values():
            make("eu-west-1")
        for region in regions:
            for make in IN_REGIONS.values():
                make(region)
        found = list(there.found(aws, regions))
        for name in EVERYWHERE:
            self.assertEqual(len([one for one in found if one == name]), 1, name)
        for name in IN_REGIONS:
            for region in regions:
                told = [one for one in found if name in one and region in one]
                self.assertTrue(told, f"{name} in {region}: {found}")

    def test_a_bucket_of_ours_refuses_the_run(self):
        self.looked_at = True
        bucket(HOME)
        self.refused("not empty; there is\n  - bucket orgstrap-x", ANSWERS)


def bucket(_):
    client("s3", "us-east-1").create_bucket(Bucket="orgstrap-x")


def stack(region, name="orgstrap-x", tags=()):
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    return client("cloudformation", region).create_stack(StackName=name, TemplateBody=body, Tags=list(tags))["StackId"]


def stack_set(region, name="orgstrap-x"):
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    made = client("cloudformation", region).create_stack_set(StackSetName=name, TemplateBody=body)
    return made["StackSetId"]


def recorder(region):
    client("config", region).put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/x"}
    )


def trail(region):
    client("cloudtrail", region).create_trail(
        Name=f"theirs-{region}", S3BucketName="theirs", IsMultiRegionTrail=False
    )


EVERYWHERE = {
    "role orgstrap-audit": lambda _: client("iam").create_role(RoleName="orgstrap-audit", **POLICY),
    "bucket orgstrap-x": bucket,
}
IN_REGIONS = {
    "stack orgstrap-x in": stack,
    "stack tagged in": lambda region: stack(region, "tagged", [{"Key": "orgstrap:managed", "Value": "true"}]),
    "stack set orgstrap-x in": stack_set,
    "parameter /orgstrap/lock in": lambda region: client("ssm", region).put_parameter(
        Name="/orgstrap/lock", Value="x", Type="String"
    ),
    "trail theirs": trail,
    "configuration recorder default in": recorder,
    "GuardDuty detector": lambda region: client("guardduty", region).create_detector(Enable=True),
    "with the tag orgstrap:managed": lambda region: client("sns", region).create_topic(
        Name="x", Tags=[{"Key": "orgstrap:managed", "Value": "true"}]
    ),
}


class States(Case):
    def test_only_the_owner_reads_what_is_kept(self):
        state = self.state()
        for path in (self.folder, *self.folder.iterdir()):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        state.path("live.json").chmod(0o640)
        with self.assertRaises(Refused):
            State.load(self.folder)

    def test_a_run_is_not_begun_twice_nor_in_a_folder_with_other_things(self):
        self.state()
        with self.assertRaises(Refused):
            self.state()
        other = self.folder.parent / "other"
        other.mkdir()
        (other / "theirs").write_text("")
        with self.assertRaises(Refused):
            State.begin(other, {}, "")
        with self.assertRaises(Refused):
            State.load(self.folder.parent)

    def test_a_plan_that_was_edited_is_refused(self):
        self.state().write("org.toml", "[account.live-member]\n# more\n[organization]\n")
        with self.assertRaises(Refused) as why:
            live.Live(State.load(self.folder), 0).go()
        self.assertIn("org.toml was changed", str(why.exception))

    def test_credentials_of_another_account_are_refused(self):
        state = self.state(account="999999999999")
        for act in (live.Live(state, 0).go, live.Live(state, 0).down):
            with self.assertRaises(Refused) as why:
                act()
            self.assertIn("the run is of 999999999999", str(why.exception))

    def test_one_at_a_time(self):
        """Until the last of the processes that hold it ends: orgstrap goes on where live.py is killed."""
        first = self.state()
        first.hold()
        second = State.load(self.folder)
        with self.assertRaises(Refused):
            second.hold()
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(first.held,))
        os.close(first.held)
        with self.assertRaises(Refused) as why:
            second.hold()
        self.assertIn("still at work", str(why.exception))
        child.communicate()
        second.hold()


def apply():
    """What `apply` makes, in short: goes on from what is there."""
    if there.organization(Aws(home=HOME)) is None:
        org().create_organization()
    known = {one["Email"] for one in org().list_accounts()["Accounts"]}
    for name, email in (("live-logs", "a@corp.test"), ("live-member", "b@corp.test")):
        if email not in known:
            org().create_account(AccountName=name, Email=email)


class Told(live.Orgstrap):
    """orgstrap's part, played."""

    def run(self, step, *arguments):
        if arguments[0] in ("plan", "drift"):
            assert "--max-age 0" in " ".join(arguments), "what was read before would be believed"
        made, number = [], self.state.get("commands", 0) + 1
        name, code = f"{number:02}-{step}", 0
        if step == "rehearse":
            creations = [{"address": {"kind": "account", "text": one}, "verb": "create"} for one in accounts_of(self.state)]
            changes = [one | {"outcome": "done", "start_seconds": 0, "end_seconds": 2} for one in creations]
            empty = dict.fromkeys(("chain", "holds", "calls", "notices", "failed"), [])
            made = [{"changes": changes, "took_seconds": 60, **empty}]
        elif step == "apply":
            apply()
            made = [{"event": "summary", "took_seconds": 61.0}]
        elif step == "found":
            account = self.state["made"]["accounts"]["live-member"]
            made, code = [{"findings": [{"control": "organization.tags", "place": {"account_id": account}}]}], 2
        self.state.write(f"{name}.jsonl", "\n".join(map(json.dumps, made)))
        self.state.write(f"{name}.log", "DEBUG orgstrap::aws: sts:GetCallerIdentity\n")
        self.state.write(live.RECORDING, "a line\n")
        self.state.write(live.RECORDING + ".private", '{"masks": {"by_kind": {}}}')
        done = {"step": step, "name": name, "exit": code, "lines": [0, 1]}
        self.state.put(commands=number, ran=[*self.state.get("ran", []), done])
        return code, made


def accounts_of(state):
    return list(state["addresses"])


@contextlib.contextmanager
def no_tape(*_):
    yield types.SimpleNamespace(send=lambda **_: None)


class Crash(BaseException):
    """The machine goes off."""


class Runs(Case):
    in_moto = False

    def setUp(self):
        super().setUp()
        self.enter(mock.patch("live.Orgstrap", Told))
        self.enter(mock.patch("live.Tape", no_tape))
        self.enter(mock.patch("live.there.require_nothing", lambda *_: None))
        # Every question is answered with the word that it asks for.
        self.enter(mock.patch("live.ask_word", lambda *_: None))
        version = types.SimpleNamespace(stdout="orgstrap 0\n")
        self.enter(mock.patch("live.subprocess.run", lambda *_, **__: version))

    def test_a_run_that_is_cut_off_at_any_moment_ends_as_one_that_is_not(self):
        """After each write of the state the machine goes off once; the person goes on."""
        number, crashed = 0, True
        while crashed:
            number += 1
            with self.subTest(number), mock_aws():
                crashed = self.cut_off_at(number)
                self.assertEqual(State.load(self.folder)["done"], list(live.STEPS))
                names = collections.Counter(one["Name"] for one in org().list_accounts()["Accounts"])
                self.assertEqual(names, {"master": 1, "live-logs": 1, "live-member": 1})
                states = {name: state for name, (_, state) in accounts().items()}
                self.assertEqual(states, {"master": "ACTIVE", "live-logs": "SUSPENDED", "live-member": "SUSPENDED"})
                # What was taken down is not made anew.
                with self.assertRaises(Refused):
                    live.Live(State.load(self.folder), 0).go()
                shutil.rmtree(self.folder)
        self.assertGreater(number, 15)

    def cut_off_at(self, number):
        """Goes the whole way, with the machine off once after so many writes; whether that came."""
        save, written = State.save, 0

        def crashes(state):
            nonlocal written
            save(state)
            written += 1
            if written == number:
                raise Crash

        def loaded():
            return live.Live(State.load(self.folder), 0)

        ways = [lambda: self.begin(ANSWERS), *2 * [lambda: loaded().go()], *2 * [lambda: loaded().down()]]
        with mock.patch.object(State, "save", crashes):
            for way in ways:
                with contextlib.suppress(Crash):
                    way()
        return written >= number

    def test_more_accounts_than_four_in_the_rehearsal_stop_it(self):
        self.enter(mock_aws())
        self.enter(mock.patch.object(sys.modules[__name__], "accounts_of", lambda _: "abcde"))
        with self.assertRaises(Refused) as why:
            self.begin(ANSWERS)
        self.assertIn("5 accounts would be made; 4 at most", str(why.exception))
        self.assertIsNone(there.organization(Aws(home=HOME)))

    def test_nothing_is_broken_but_in_the_member_that_the_run_made(self):
        self.enter(mock_aws())
        self.state()
        org().create_organization()
        theirs = org().create_account(AccountName="live-member", Email="theirs@example.org")
        theirs = theirs["CreateAccountStatus"]["AccountId"]
        run = live.Live(State.load(self.folder), 0)
        there.record_made(run.aws, run.state)
        run.plan["organization"] = {"logging": "live-logs", "secops": "live-logs"}
        with self.assertRaises(Refused):
            run.breaking()
        self.assertEqual(org().list_tags_for_resource(ResourceId=theirs)["Tags"], [])


class Downs(Case):
    def setUp(self):
        super().setUp()
        apply()
        self.theirs = org().create_account(AccountName="theirs", Email="theirs@example.org")["CreateAccountStatus"]["AccountId"]
        self.aws = Aws(home=HOME)

    def down(self, state):
        Down(self.aws, state, 0, lambda _: None).run()

    def test_only_what_the_run_made_is_written_down(self):
        """By the addresses that it asked for, in any case, of accounts made since it began."""
        stack(HOME, "theirs")
        mine = stack("us-east-1")
        state = self.state()
        made = there.record_made(self.aws, state)
        self.assertEqual(made["accounts"], {key: accounts()[key][0] for key in ("live-logs", "live-member")})
        self.assertEqual(made["stacks"], {mine: "us-east-1"})
        later = self.folder.parent / "later"
        state = State.begin(later, state.known | {"began": "2100-01-01T00:00:00+00:00", "made": there.nothing_made()}, "")
        made = there.record_made(self.aws, state)
        self.assertEqual((made["accounts"], made["stacks"]), ({}, {}))

    def test_accounts_that_are_being_created_are_waited_for(self):
        """No list shows them yet, and afterwards nobody would close them."""
        state = self.state(addresses={"theirs": "theirs@example.org"})
        seen = iter([["one"], ["one"], []])
        run = live.Live(state, 0)
        with (
            mock.patch("live.there.creating", lambda _: next(seen)),
            mock.patch("live.ask", lambda _: f"down {ACCOUNT}"),
            mock.patch("live.Tape", no_tape),
        ):
            run.down()
        self.assertEqual(list(seen), [])
        self.assertEqual(accounts()["theirs"][1], "SUSPENDED")

    def test_another_organization_is_refused(self):
        made = there.nothing_made() | {"organization": "o-another0000"}
        with self.assertRaises(Refused):
            there.record_made(self.aws, self.state(made=made))

    def test_what_was_not_written_down_stays(self):
        mine, theirs = stack(HOME, "orgstrap-mine"), stack(HOME, "orgstrap-theirs")
        my_set = stack_set(HOME, "orgstrap-mine")
        stack_set(HOME, "orgstrap-theirs")
        made = there.nothing_made() | {
            "accounts": {"live-member": accounts()["live-member"][0]},
            "stacks": {mine: HOME},
            "stack_sets": {my_set_id(my_set): HOME},
        }
        self.down(self.state(made=made))
        self.assertEqual(
            {name: state for name, (_, state) in accounts().items()},
            {"master": "ACTIVE", "live-logs": "ACTIVE", "theirs": "ACTIVE", "live-member": "SUSPENDED"},
        )
        left = client("cloudformation").describe_stacks()["Stacks"]
        self.assertEqual([one["StackId"] for one in left], [theirs])
        sets = client("cloudformation").list_stack_sets(Status="ACTIVE")["Summaries"]
        # moto lists those that are deleted too.
        self.assertEqual([one["StackSetName"] for one in sets if one["Status"] == "ACTIVE"], ["orgstrap-theirs"])

    def test_a_set_of_the_same_name_that_somebody_else_made_is_refused(self):
        stack_set(HOME, "orgstrap-x")
        made = there.nothing_made() | {"stack_sets": {"orgstrap-x:00000000-0000-4000-8000-000000000000": HOME}}
        with self.assertRaises(Refused):
            self.down(self.state(made=made))
        self.assertEqual(len(client("cloudformation").list_stack_sets(Status="ACTIVE")["Summaries"]), 1)

    def test_what_is_gone_is_not_asked_for_again(self):
        made = there.nothing_made() | {"accounts": {key: accounts()[key][0] for key in ("live-logs", "live-member")}}
        state = self.state(made=made)
        closed = []
        close = Down.close

        def crashes(down, account):
            closed.append(account)
            close(down, account)
            if len(closed) == 2:
                raise Crash

        with mock.patch.object(Down, "close", crashes):
            with self.assertRaises(Crash):
                self.down(state)
            self.down(State.load(self.folder))
        # The second is asked for again, since nobody knows whether it was heard, and AWS says that it was.
        self.assertEqual(closed, [*made["accounts"].values(), made["accounts"]["live-member"]])


def my_set_id(made):
    """moto gives the id without the name that AWS puts before it; what AWS tells of it is what is compared."""
    return client("cloudformation").describe_stack_set(StackSetName="orgstrap-mine")["StackSet"]["StackSetId"]


class Recordings(Case):
    def test_no_signature_and_no_token_goes_into_the_recording(self):
        tape = Tape.__new__(Tape)
        tape.began = 0
        answer = types.SimpleNamespace(status_code=200, headers={}, content=b"{}")
        tape.session = types.SimpleNamespace(send=lambda _: answer)
        tape.process = types.SimpleNamespace(stdin=io.StringIO())
        headers = {
            "Authorization": b"AWS4-HMAC-SHA256 Credential=AKIAX/20261128/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=abcdef",
            "X-Amz-Security-Token": b"token-of-mine",
            "X-Amz-Target": b"X.Y",
        }
        request = types.SimpleNamespace(url="https://sts/?a=b", method="POST", headers=headers, body=b"body")
        self.assertIs(tape.send(request), answer)
        call = json.loads(tape.process.stdin.getvalue())
        self.assertEqual(call["scope"], "AKIAX/20261128/eu-west-1/sts/aws4_request")
        self.assertEqual((call["path"], call["query"], call["body"], call["target"]), ("/", "a=b", "body", "X.Y"))
        for secret in ("abcdef", "token-of-mine"):
            self.assertNotIn(secret, json.dumps(call))

    def test_what_is_predicted_stands_beside_what_was(self):
        address = {"kind": "ou", "text": "ou A"}
        rehearsal = {
            "took_seconds": 10,
            "changes": [{"address": address, "outcome": "done", "start_seconds": 1, "end_seconds": 3}],
            "calls": [{"operation": "sts:AssumeRole", "number": 2}],
            "chain": [{"waits": [{"why": "account 123456789012 is not ready"}]}],
            "holds": [],
            "notices": [],
            "failed": [],
        }
        events = [
            {"event": "done", "address": address, "took_seconds": 4.25},
            {"event": "waiting", "address": address, "why": "account 210987654321 is not ready"},
            {"event": "failed", "address": address, "failure": {"message": "a pipe | in it"}},
            {"event": "summary", "took_seconds": 30},
        ]
        log = self.folder.parent / "log"
        log.write_text("DEBUG orgstrap::aws: sts:AssumeRole in x\nReading\nDEBUG orgstrap::aws: iam:ListRoles\n")
        text = "\n".join(compare.compared(compare.predicted(rehearsal), compare.real(events, compare.calls(log))))
        for line in (
            "In all: predicted 10, real 30.",
            "| ou A | 2.0 | 4.2 |",
            "| sts:AssumeRole | 2 | 1 |",
            "| iam:ListRoles | 0 | 1 |",
            "| both | account … is not ready |",
            "| real only | a pipe \\| in it |",
        ):
            self.assertIn(line, text)

    def test_what_tells_is_replaced_in_the_report(self):
        private = self.folder.parent / "private"
        private.write_text(json.dumps({"masks": {"by_kind": {"account": {"123456789012": 1}, "email": {"a@b.org": 2}}}}))
        words = compare.stand_ins(private)
        text = compare.masked("123456789012 has a@b.org, 1234567890123 has not", words)
        self.assertEqual(text, "<account 1> has <email 2>, 1234567890123 has not")
        self.assertEqual(compare.leaks("of Corp.Test", ["corp.test", "x", None]), ["corp.test"])


if __name__ == "__main__":
    sys.exit(unittest.main())
