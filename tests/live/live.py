#!/usr/bin/env python3
"""One run of orgstrap on live AWS, recorded, on an empty management account of your own. docs/live.md says what it does and costs.

usage: live.py begin  --orgstrap PATH [--folder DIR] [--plan FILE] [--profile NAME] [--home-region REGION]
       live.py resume [--folder DIR]
       live.py down   [--folder DIR]

Needs Python 3.11 or newer with boto3, and credentials of an administrator of the management account: no root user.
"""

import argparse
import collections
import datetime
import email.utils
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib

import compare
import there
from botocore.exceptions import BotoCoreError, ClientError
from breaks import MEMBER, breaks
from clients import Aws, Tape
from down import Down
from state import Refused, State, Stopped

MOST_ACCOUNTS = 4
RECORDING = "aws.jsonl"
STEPS = ("rehearse", "apply", "settled", "break", "found", "fix", "clean", "report")
# What was read some minutes ago does not know what was broken since.
NOW = ("org.toml", "--max-age", "0")
HERE = pathlib.Path(__file__).resolve().parent

COSTS = """What this costs:
  - A few dollars, if it is taken down the same day: AWS Config by what it records, two KMS keys by the day, S3 by what lies there.
    GuardDuty's first 30 days are free. With tests/live/organization-only.toml nothing is charged.
  - {accounts} accounts of this organization's quota, which is 10 or fewer at first: accounts that are closed count against it for
    about 90 days.
  - {accounts} e-mail addresses, for ever: AWS takes the address of a closed account for no other account.
It takes about an hour, the first answers of AWS in a new organization included. The organization itself stays."""


def say(text=""):
    print(text, flush=True)


def ask(question):
    print(question, end=" ", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise Stopped("there was no answer")
    return line.strip()


def ask_word(word, why):
    answer = ask(f"{why}\nType `{word}` to go on:")
    if answer != word:
        raise Refused(f"that was not `{word}`: nothing was done")


class Orgstrap:
    """Runs orgstrap in the folder of a live run: what it asks is recorded, what it says is kept."""

    def __init__(self, state):
        self.state = state

    def recorded(self):
        """How many lines the recording has."""
        file = self.state.path(RECORDING)
        return len(file.read_bytes().splitlines()) if file.exists() else 0

    def run(self, step, *arguments):
        """The exit code, and what stdout said, a JSON document a line."""
        state = self.state
        number = state.get("commands", 0) + 1
        name = f"{number:02}-{step}"
        command = [state["orgstrap"], *arguments, "--output", "json", "--record", RECORDING, "-vv"]
        command += ["--pace", state["pace"]]
        if state["profile"]:
            command += ["--profile", state["profile"]]
        say(f"\n$ orgstrap {' '.join(arguments)}")
        first = self.recorded()
        state.write(f"{name}.jsonl", "")
        state.write(f"{name}.log", "")
        # The first Ctrl-C is orgstrap's: it finishes what is in flight, so that the recording has no gap.
        before = signal.signal(signal.SIGINT, lambda *_: say("orgstrap finishes what is in flight …"))
        try:
            with open(state.path(f"{name}.jsonl"), "a") as out, open(state.path(f"{name}.log"), "a") as log:
                state.put(commands=number, running=step)
                child = subprocess.Popen(
                    command,
                    cwd=state.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    pass_fds=(state.held,),
                )
                for line in child.stdout:
                    out.write(line)
                    out.flush()
                    self.tell(line)
                code = child.wait()
        finally:
            signal.signal(signal.SIGINT, before)
        done = {"step": step, "name": name, "exit": code, "lines": [first, self.recorded()]}
        state.put(running=None, ran=[*state.get("ran", []), done])
        if code == 3:
            raise Stopped("orgstrap was stopped")
        if code == 4:
            self.unlock(name)
            return self.run(step, *arguments)
        return code, compare.lines(state.path(f"{name}.jsonl"))

    def tell(self, line):
        """What of an event a person wants to see while it goes on."""
        try:
            event = json.loads(line)
        except ValueError:
            return
        kind, what = event.get("event"), event.get("address", {}).get("text")
        if kind == "done":
            say(f"  done    {what} ({event['took_seconds']:.0f} s)")
        elif kind == "waiting":
            say(f"  waits   {what}: {event['why']}")
        elif kind == "failed":
            say(f"  FAILED  {what}: {event['failure']['message']}")

    def unlock(self, name):
        """A run that was cut off leaves its lock; a person says whether it is over."""
        told = self.state.path(f"{name}.log").read_text() + self.state.path(f"{name}.jsonl").read_text()
        run = re.search(r"orgstrap unlock ([\w-]+)", told)
        if not run or not self.state.get("gaps"):
            raise Stopped("another run of orgstrap holds the lock")
        ask_word("unlock", f"The run that was cut off, {run[1]}, left its lock. It is over?")
        self.run("unlock", "unlock", run[1])

    def cut_off(self):
        """A command that this script did not see the end of may have asked what was not written down."""
        if self.state.get("running"):
            gaps = [*self.state.get("gaps", []), self.recorded()]
            self.state.put(running=None, gaps=gaps)


class Live:
    def __init__(self, state, poll):
        self.state, self.poll = state, poll
        self.aws = Aws(state["profile"], state["home"])
        self.orgstrap = Orgstrap(state)
        self.plan = tomllib.loads(state.path("org.toml").read_text())

    def go(self):
        """All steps that are not done yet."""
        same_account(self.aws, self.state)
        self.orgstrap.cut_off()
        if self.state.get("gone"):
            raise Refused("what this run made is being taken down: `down` goes on with that")
        if self.state.digest("org.toml") != self.state["plan"]:
            raise Refused("org.toml was changed since the run began: what was asked for would not be what is made")
        for step in STEPS:
            if step not in self.state["done"]:
                getattr(self, step.replace("break", "breaking"))()
                self.state.put(done=[*self.state["done"], step])

    def expect(self, step, code, expected, what):
        if code != expected:
            unlike = f"{what}: exit code {code} instead of {expected}"
            say(f"  {unlike}")
            self.state.put(unexpected=[*self.state.get("unexpected", []), f"{step}: {unlike}"])

    def rehearse(self):
        code, told = self.orgstrap.run("rehearse", "rehearse", "org.toml")
        if code != 0:
            raise Stopped(f"the rehearsal ended with exit code {code}; why is in {self.state.folder}")
        made = [one for one in told[0]["changes"] if (one["address"]["kind"], one["verb"]) == ("account", "create")]
        if len(made) > MOST_ACCOUNTS:
            raise Refused(f"{len(made)} accounts would be made; {MOST_ACCOUNTS} at most are")
        say(f"  {len(told[0]['changes'])} changes, about {told[0]['took_seconds'] / 60:.0f} minutes")

    def apply(self):
        try:
            code, _ = self.orgstrap.run("apply", "apply", "org.toml", "--create-organization", "--yes")
        finally:
            there.record_made(self.aws, self.state)
        if code != 0:
            raise Stopped(
                f"apply ended with exit code {code}. That is a result: run `resume`, which runs it again, and send back both"
            )

    def settled(self):
        code, _ = self.orgstrap.run("plan", "plan", *NOW)
        self.expect("plan", code, 0, "plan right after apply")
        code, _ = self.orgstrap.run("drift", "drift", *NOW)
        self.expect("drift", code, 0, "drift right after apply")

    def member(self):
        """The account in which things are broken: one that this run made, and nobody's but its."""
        account = self.state["made"]["accounts"].get(MEMBER)
        duties = [self.plan["organization"][duty] for duty in ("logging", "secops")]
        if not account or MEMBER in duties or account == self.state["account"]:
            raise Refused(f"there is no account {MEMBER} that this run made and that has no duty: nothing is broken")
        return account

    def breaking(self):
        account = self.member()
        things = list(breaks(self.plan))
        say("\nNow something is broken, to see it found and fixed:")
        for control, what, _ in things:
            say(f"  - {what} (finding {control})")
        ask_word(f"break {account}", f"Only in {MEMBER}, account {account}, which this run made.")
        first = self.orgstrap.recorded()
        with Tape(self.state["orgstrap"], self.state.path(RECORDING)) as tape:
            aws = self.aws.taped(tape)
            for _, _, act in things:
                act(aws, account)
        done = {"step": "break", "name": "break", "exit": 0, "lines": [first, self.orgstrap.recorded()]}
        self.state.put(ran=[*self.state["ran"], done])

    def found(self):
        code, told = self.orgstrap.run("found", "drift", *NOW)
        self.expect("found", code, 2, "drift after something was broken")
        account = self.member()
        found = {one["control"] for one in told[0]["findings"] if one["place"]["account_id"] == account}
        for control in sorted({control for control, _, _ in breaks(self.plan)} - found):
            say(f"  {control} was not found")
            self.state.put(unexpected=[*self.state.get("unexpected", []), f"found: no finding {control}"])

    def fix(self):
        code, _ = self.orgstrap.run("fix", "drift", *NOW, "--fix", "--yes")
        self.expect("fix", code, 0, "drift --fix")

    def clean(self):
        code, _ = self.orgstrap.run("clean", "drift", *NOW)
        self.expect("clean", code, 0, "drift after it was fixed")

    def report(self):
        state = self.state
        ran = {step: [one for one in state["ran"] if one["step"] == step] for step in ("rehearse", "apply")}
        rehearsal = compare.lines(state.path(ran["rehearse"][-1]["name"] + ".jsonl"))[0]
        events, log = [], collections.Counter()
        for one in ran["apply"]:
            events += compare.lines(state.path(one["name"] + ".jsonl"))
            log += compare.calls(state.path(one["name"] + ".log"))
        version = subprocess.run([state["orgstrap"], "--version"], capture_output=True, text=True, check=True)
        text = [f"# A live run of {version.stdout.strip()}", ""]
        text += [f"Begun {state['began'][:10]}, home Region {state['home']}, at {state['at']}.", ""]
        text += list(compare.table(("step", "exit code"), ((one["name"], one["exit"]) for one in state["ran"])))
        text += ["", "## Not as expected", ""]
        text += [f"- {one}" for one in state.get("unexpected", [])] or ["Nothing."]
        if state.get("gaps"):
            lines = ", ".join(map(str, state["gaps"]))
            text += ["", f"A command was cut off: calls may be missing from the recording after its line {lines}."]
        text += ["", *compare.compared(compare.predicted(rehearsal), compare.real(events, log)), ""]
        words = compare.stand_ins(state.path(RECORDING + ".private"))
        state.write("report.md", compare.masked("\n".join(text), words))
        self.look_for_originals()
        say("Now take down what was made, which is recorded too: `live.py down`.")

    def originals(self):
        """What must not be in what is given away."""
        made, state = self.state["made"], self.state
        yield from (state["account"], state["caller"], made["organization"])
        for kind in ("accounts", "detectors"):
            yield from made[kind].values()
        for address in state["addresses"].values():
            yield from (address, address.split("@")[1])
        keys = self.aws.session.get_credentials().get_frozen_credentials()
        yield from (keys.access_key, keys.secret_key, keys.token)

    def look_for_originals(self):
        originals = list(self.originals())
        for name in (RECORDING, "report.md"):
            leaks = compare.leaks(self.state.path(name).read_text(), originals)
            if leaks:
                raise Stopped(f"{name} still has {', '.join(leaks)}: do not give it away, and tell us")
        say(f"\nSend back {self.state.path(RECORDING)} and {self.state.path('report.md')}: what tells whose they are is")
        say("replaced in them; look through them all the same. Nothing else of the folder is to be given away.")

    def down(self):
        """Asks again, and takes down what was made by this run."""
        same_account(self.aws, self.state)
        self.orgstrap.cut_off()
        while there.organization(self.aws) and there.creating(self.aws):
            say("AWS is still creating an account …")
            time.sleep(self.poll)
        made = there.record_made(self.aws, self.state)
        say("\nThis run made, and this takes down:")
        for key, account in made["accounts"].items():
            say(f"  account {key}, {account}: closed for ever")
        for kind in ("stack_sets", "stacks"):
            for one, region in made[kind].items():
                say(f"  {kind[:-1].replace('_', ' ')} {one} in {region}")
        for region, one in made["administrators"].items():
            say(f"  GuardDuty administrator {one} in {region}")
        for region, one in made["detectors"].items():
            say(f"  GuardDuty detector {one} in {region}")
        say(f"Organization {made['organization']} is kept, with its OUs and policies.")
        ask_word(f"down {self.state['account']}", "Closed accounts can be brought back for about 90 days, by AWS's support only.")
        first = self.orgstrap.recorded()
        try:
            with Tape(self.state["orgstrap"], self.state.path(RECORDING)) as tape:
                Down(self.aws.taped(tape), self.state, self.poll, say).run()
        finally:
            done = {"step": "down", "name": "down", "exit": 0, "lines": [first, self.orgstrap.recorded()]}
            self.state.put(ran=[*self.state.get("ran", []), done])
        say("Taken down.")
        if "report" in self.state["done"]:
            # The calls of it are in the recording too.
            self.look_for_originals()


def same_account(aws, state):
    caller = aws.client("sts").get_caller_identity()
    if caller["Account"] != state["account"]:
        raise Refused(f"these credentials are of account {caller['Account']}; the run is of {state['account']}")


def begin(options):
    template = pathlib.Path(options.plan).read_text()
    accounts = re.findall(r"<<address of ([\w-]+)>>", template)
    tables = tomllib.loads(template)["account"]
    if sorted(tables) != sorted(accounts):
        raise Refused(f'each account of {options.plan} needs a line `email = "<<address of NAME>>"`')
    if len(accounts) > MOST_ACCOUNTS:
        raise Refused(f"{options.plan} has {len(accounts)} accounts; {MOST_ACCOUNTS} at most are made")
    orgstrap = shutil.which(options.orgstrap)
    if not orgstrap:
        raise Refused(f"there is no program {options.orgstrap}")
    aws = Aws(options.profile, options.home_region)
    caller = aws.client("sts").get_caller_identity()
    account = caller["Account"]
    if caller["Arn"].endswith(":root"):
        raise Refused("these are the root user's credentials, which can assume no role: take those of an administrator")
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    say(f"Account {account}, as {caller['Arn']}, at {endpoint or 'AWS'}.")
    regions = sorted({options.home_region, "us-east-1"})
    there.require_nothing(aws, regions)
    say("There is nothing in it that would be in the way.\n")
    say(COSTS.format(accounts=len(accounts)))
    say("\nEach account needs an address that you can read and that no AWS account ever had.")
    addresses = {}
    for name in accounts:
        address = ask(f"  Address of {name}:")
        require_address(address, addresses.values(), endpoint)
        addresses[name] = address
    ask_word(f"make {account}", f"\n{len(accounts)} accounts are made in a new organization of account {account}.")
    answered = caller["ResponseMetadata"]["HTTPHeaders"].get("date")
    # AWS's own clock, and a minute for clocks that differ.
    now = email.utils.parsedate_to_datetime(answered) if answered else datetime.datetime.now(datetime.timezone.utc)
    state = State.begin(
        options.folder,
        {
            "account": account,
            "caller": caller["Arn"].split(":", 5)[-1],
            "at": "another endpoint" if endpoint else "AWS",
            "began": (now - datetime.timedelta(minutes=1)).isoformat(),
            "profile": options.profile,
            "orgstrap": str(pathlib.Path(orgstrap).resolve()),
            "pace": options.pace,
            "home": options.home_region,
            "regions": regions,
            "addresses": addresses,
            "made": there.nothing_made(),
            "done": [],
        },
        filled(template, account, options.home_region, addresses),
    )
    state.hold()
    Live(state, options.poll).go()


def filled(template, account, home, addresses):
    words = {"management account": account, "home Region": home}
    words |= {f"address of {name}": address for name, address in addresses.items()}
    unknown = sorted(set(re.findall("<<(.*?)>>", template)) - set(words))
    if unknown:
        raise Refused(f"the plan has places that nothing is known for: {', '.join(unknown)}")
    return re.sub("<<(.*?)>>", lambda found: words[found[1]], template)


def require_address(address, others, endpoint):
    if not re.fullmatch(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", address) or len(address) > 64:
        raise Refused(f"`{address}` is no address that AWS takes")
    if address.lower() in (other.lower() for other in others):
        raise Refused(f"{address} is there twice: each account needs an address of its own")
    if not endpoint and re.search(r"@(.*\.)?example\.[a-z]+$", address, re.I):
        raise Refused(f"nobody reads {address}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("act", choices=("begin", "resume", "down"))
    parser.add_argument("--folder", default="orgstrap-live", help="where the run is kept; only you can read it")
    parser.add_argument("--orgstrap", default="orgstrap", help="the program")
    parser.add_argument("--plan", default=HERE / "org.toml", help="the plan with <<places>> to fill in")
    parser.add_argument("--profile", help="the profile of the AWS configuration files")
    parser.add_argument("--home-region", default="eu-west-1")
    parser.add_argument("--pace", default="1", help="as of orgstrap")
    parser.add_argument("--poll", type=float, default=10, help="seconds between two looks at what AWS is at")
    return parser.parse_args()


def main():
    os.umask(0o077)
    options = arguments()
    try:
        if options.act == "begin":
            begin(options)
        else:
            state = State.load(options.folder)
            state.hold()
            live = Live(state, options.poll)
            live.go() if options.act == "resume" else live.down()
    except Refused as why:
        sys.exit(f"Refused: {why}.")
    except (Stopped, KeyboardInterrupt) as why:
        told = str(why) or "stopped by you"
        sys.exit(f"Stopped: {told}.\nGo on with `live.py resume`, or take down what was made with `live.py down`.")
    except (ClientError, BotoCoreError) as failed:
        sys.exit(f"AWS refused: {failed}\nWhat is done is kept: `live.py resume` goes on, `live.py down` takes down.")


if __name__ == "__main__":
    main()
