"""What a drift check asks of AWS, cold and warm, and what memory it takes.

usage: reads.py BINARY ACCOUNTS REGIONS

Applies the startup example with ACCOUNTS accounts in REGIONS Regions in the sandbox, serves that world from one
process and checks it from another, twice, through a describe cache of its own. Prints one JSON document.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALL_REGIONS = ["eu-west-1", "us-east-1", "eu-central-1", "us-west-2"]
ACCOUNT = """
[account.team-{number:05}]
ou = "Workloads/Prod"
tags = {{ data-classification = "restricted", business-unit = "shop" }}
"""
OF_EXAMPLE = 5


def plan(accounts, regions):
    """The example's own accounts, the management account not among them, and as many more as are missing."""
    text = (ROOT / "examples/startup.toml").read_text()
    text = text.replace('regions = ["eu-west-1", "us-east-1"]', f"regions = {json.dumps(ALL_REGIONS[:regions])}")
    return text + "".join(ACCOUNT.format(number=number) for number in range(accounts - OF_EXAMPLE))


def run(folder, *arguments, **environment):
    """Exit code, stdout, calls by operation, and the most memory it took, in KiB."""
    errors = folder / "stderr"
    with open(errors, "w") as stderr:
        child = subprocess.Popen(
            [BINARY, *arguments], stdout=subprocess.PIPE, stderr=stderr, cwd=folder, env={**os.environ, **environment}
        )
        out = child.stdout.read().decode()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    calls = collections.Counter(re.findall(r"DEBUG orgstrap::aws: ([a-z]+:\w+)", errors.read_text()))
    if child.returncode not in (0, 2):
        sys.exit(f"{arguments}: exit code {child.returncode}\n{errors.read_text()[-2000:]}")
    return out, calls, usage.ru_maxrss


def main(accounts, regions, folder):
    (folder / "org.toml").write_text(plan(accounts, regions))
    sandbox = ["--sandbox", "--world", "world.json"]
    # An empty world, whose quota of accounts AWS would have raised by then.
    run(folder, "plan", "--on-quota", "ignore", *sandbox)
    world = folder / "world.json"
    text = world.read_text()
    raised = text.replace('"account_quota":10,', '"account_quota":100000,')
    assert raised != text, "the quota of accounts is where it was"
    world.write_text(raised)
    run(folder, "-q", "apply", "--yes", *sandbox)
    # No faster: a session lasts an hour of the sandbox's time, and is to last for the check.
    server = subprocess.Popen(
        [BINARY, "sandbox", "serve", "--world", "world.json", "--port", "0", "--speed", "10"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )
    try:
        environment = {"XDG_CACHE_HOME": str(folder / "cache")}
        while len(environment) < 5:
            name, value = server.stdout.readline().removeprefix("export ").strip().split("=", 1)
            environment[name] = value
        check = ["-vv", "drift", "--output", "json", "--pace", "10", "--max-age", "1h"]
        cold, cold_calls, cold_kib = run(folder, *check, **environment)
        warm, warm_calls, warm_kib = run(folder, *check, **environment)
    finally:
        server.kill()
        server.wait()
    found, again = json.loads(cold), json.loads(warm)
    assert found["findings"] == again["findings"], "the cache tells the same"
    return {
        "findings": found["findings"],
        "from_cache": [sorted(found["from_cache"]), sorted(again["from_cache"])],
        "checks": sum(found["checked"].values()),
        "cold": cold_calls,
        "warm": warm_calls,
        "kib": max(cold_kib, warm_kib),
        "cache_bytes": sum(file.stat().st_size for file in (folder / "cache" / "orgstrap").glob("*.json")),
    }


if __name__ == "__main__":
    BINARY = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(main(int(sys.argv[2]), int(sys.argv[3]), pathlib.Path(name))))
