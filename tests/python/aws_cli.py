"""Runs the AWS CLI's commands of a transcript in one process and writes the transcript anew to stdout.

usage: aws_cli.py TRANSCRIPT

Comments and `$ aws ...` lines stay. Below each command stand its stdout, its stderr (each line after `! `)
and its exit code where it is not 0. `<account id>` in a command is an account that nobody has: in the transcript all
ids that AWS chooses are words.
"""

import contextlib
import io
import shlex
import sys

from awscli.clidriver import create_clidriver

NOBODY = "999999999999"


def run(words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = create_clidriver().main(words)
    yield from out.getvalue().splitlines()
    yield from (f"! {line}".rstrip() for line in err.getvalue().splitlines())
    if code:
        yield f"[exit {code}]"


with open(sys.argv[1]) as file:
    lines = file.read().splitlines()
started = False
for line in lines:
    if line.startswith("# "):
        print(f"\n{line}" if started else line)
        started = True
    elif line.startswith("$ aws "):
        print(line)
        words = shlex.split(line.removeprefix("$ aws ").replace("<account id>", NOBODY))
        print("\n".join(run(words)))
