"""How a rehearsal grows with the number of accounts: time, memory and calls, and their ratios.

usage: scale.py BINARY NUMBER...

Fails where 1,000 accounts take more than 30 s or 500 MiB, or 10,000 more than 5 minutes. Time is the
process's own, so that other work on the machine does not count; compare it with a release build.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = """
[account.team-{number:05}]
ou = "Workloads/Prod"
tags = {{ data-classification = "restricted", business-unit = "shop" }}
"""
LIMITS = {1000: (30, 500), 10000: (300, None)}


def rehearse(binary, number):
    plan = (ROOT / "examples/startup.toml").read_text()
    plan += "".join(ACCOUNT.format(number=n) for n in range(number))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "org.toml"
        path.write_text(plan)
        # An empty world, whose quota of accounts AWS would have raised by then.
        world = ["--world", str(pathlib.Path(folder) / "world.json")]
        subprocess.run([binary, "-q", "plan", str(path), "--sandbox", *world], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([binary, "-q", "sandbox", "poke", *world, "quota", "accounts", str(number + 100)], check=True)
        command = [binary, "-q", "rehearse", str(path), "--sandbox", *world, "--output", "json"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        document = json.load(child.stdout)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{number} accounts: exit code {child.returncode}")
    return {
        "accounts": number,
        "seconds": usage.ru_utime + usage.ru_stime,
        "mebibytes": usage.ru_maxrss / 1024,
        "calls": sum(calls["number"] for calls in document["calls"]),
        "virtual hours": document["took_seconds"] / 3600,
    }


def main():
    binary, numbers = sys.argv[1], [int(word) for word in sys.argv[2:]]
    before, wrong = None, []
    print(f"{'accounts':>9} {'seconds':>9} {'MiB':>7} {'calls':>9} {'virtual h':>9}   growth: seconds per account")
    for number in numbers:
        found = rehearse(binary, number)
        each = found["seconds"] / number
        growth = "" if before is None else f"{each / before:.2f} times that before"
        before = each
        print(
            f"{number:>9} {found['seconds']:>9.1f} {found['mebibytes']:>7.0f} {found['calls']:>9}"
            f" {found['virtual hours']:>9.1f}   {growth}",
            flush=True,
        )
        seconds, mebibytes = LIMITS.get(number, (None, None))
        if seconds and found["seconds"] > seconds:
            wrong.append(f"{number} accounts took {found['seconds']:.0f} s of at most {seconds}")
        if mebibytes and found["mebibytes"] > mebibytes:
            wrong.append(f"{number} accounts took {found['mebibytes']:.0f} MiB of at most {mebibytes}")
    sys.exit("\n".join(wrong) or None)


main()
