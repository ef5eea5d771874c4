"""Makes docs/images/drift-terminal.png and drift-html.png: a drift check of the startup example after people were at it.

Breaks a world of the sandbox with the built binary and takes both pictures with tests/python/screenshot.py, which needs
Chromium and its driver.

usage: drift.py BINARY
"""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
POKES = [
    ["stop-trail"],
    ["stop-recorder", "shop-dev", "us-east-1"],
    ["move-account", "shop-prod", "Sandbox"],
    ["detach-policy", "protect-baseline", "root"],
    ["suspend-account", "playground"],
    ["create-account", "stray", "stray@example.com"],
]


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "org.toml").write_text((ROOT / "examples/startup.toml").read_text())
        world = ["--world", "world.json"]

        def run(*arguments):
            done = subprocess.run([binary, "-q", *arguments], cwd=folder, capture_output=True, text=True)
            if done.returncode not in (0, 2):
                sys.exit(f"{arguments}: {done.stdout}{done.stderr}")
            return done.stdout

        run("apply", "--yes", "--sandbox", *world)
        for poke in POKES:
            run("sandbox", "poke", *world, *poke)
        text = run("drift", "--sandbox", *world, "--color", "always", "--report", "drift.html")
        (folder / "drift.txt").write_text(text)
        take = [sys.executable, str(ROOT / "tests/python/screenshot.py")]
        subprocess.run([*take, "terminal", folder / "drift.txt", HERE / "drift-terminal.png", "dark"], check=True)
        subprocess.run([*take, "html", folder / "drift.html", HERE / "drift-html.png", "light"], check=True)


main()
