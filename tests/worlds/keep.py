#!/usr/bin/env python3
"""Makes what is kept here, with a build of orgstrap: keep.py BINARY

See README.md. Run once, with the build of the commit named there; what exists is not made anew by later builds,
for then nothing would be shown by it.
"""

import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# What is as long as this and stands more than once in a world is kept once.
LONG = 60


def run(binary, folder, *arguments, exits=(0,)):
    command = [binary, *arguments, "--sandbox", "--world", "world.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode not in exits:
        sys.exit(f"{' '.join(arguments)} exits {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def packed(file):
    """A world file without its stacks' events, and what is long and stands there more than once kept once."""
    counts = collections.Counter()

    def written(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def inner(value):
        return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()

    def forget_events(value):
        if isinstance(value, dict) and isinstance(value.get("events"), list):
            value["events"] = []
        for part in inner(value):
            forget_events(part)

    def count(value):
        text = written(value)
        if len(text) < LONG:
            return
        counts[text] += 1
        if counts[text] == 1:
            for part in inner(value):
                count(part)

    forget_events(file)
    count(file)
    often, places = [], {}

    def replaced(value):
        text = written(value)
        if counts[text] > 1:
            if text not in places:
                short = within(value)
                places[text] = len(often)
                often.append(short)
            return {"$often": places[text]}
        return within(value)

    def within(value):
        if isinstance(value, dict):
            return {key: replaced(part) for key, part in value.items()}
        if isinstance(value, list):
            return [replaced(part) for part in value]
        return value

    file = replaced(file)
    return {"often": often, "file": file}


def keep(binary, name):
    """Applies the plan in the sandbox and keeps the world, and what the verbs say of it."""
    kept = HERE / name
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / name
        folder.mkdir()
        shutil.copy(kept / "org.toml", folder)
        for part in ("policies", "baselines"):
            if (kept / part).is_dir():
                shutil.copytree(kept / part, folder / part, dirs_exist_ok=True)
        if name == "acme":
            # 30 accounts are more than a new organization may have. A reading makes the world in which that is changed.
            run(binary, folder, "plan", "org.toml", exits=(1,))
            run(binary, folder, "sandbox", "poke", "quota", "accounts", "100")
        first = run(binary, folder, "plan", "org.toml", "--output", "json", exits=(2,))
        (kept / "first-plan.json").write_text(first.stdout)
        applied = run(binary, folder, "apply", "org.toml", "--yes", "--output", "json", "-vv")
        mark = "DEBUG orgstrap::aws: "
        calls = [line[len(mark):] for line in applied.stderr.splitlines() if line.startswith(mark)]
        if name == "startup":
            (kept / "apply.jsonl").write_text(applied.stdout)
            (kept / "calls.txt").write_text("".join(f"{call}\n" for call in calls))
        file = json.loads((folder / "world.json").read_text())
        (kept / "world.json").write_text(json.dumps(packed(file), ensure_ascii=False, separators=(",", ":")) + "\n")
        for verb in ("plan", "drift"):
            forms = [("json", "json")] + ([("text", "txt")] if name == "startup" else [])
            for form, ending in forms:
                said = run(binary, folder, verb, "org.toml", "--output", form)
                (kept / f"{verb}.{ending}").write_text(said.stdout)
        print(f"{name}: {len(calls)} calls")
        if name == "startup":
            plan = folder / "org.toml"
            text = plan.read_text()
            moved = text.replace('business-unit = "platform" }', 'business-unit = "shop" }')
            assert moved != text
            plan.write_text(moved)
            run(binary, folder, "plan", "org.toml", "--out", "changes.json", exits=(2,))
            run(binary, folder, "inventory", "org.toml", "--out", "inventory.json")
            for saved in ("changes.json", "inventory.json"):
                shutil.copy(folder / saved, kept / saved)


if __name__ == "__main__":
    for name in ("startup", "acme"):
        keep(sys.argv[1], name)
