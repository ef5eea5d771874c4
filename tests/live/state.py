"""What a live run knows of itself, in a folder that only its owner may read: how far it is, and what it made."""

import fcntl
import hashlib
import json
import os
import pathlib
import stat


class Refused(Exception):
    """A reason not to go on; nothing was changed because of it."""


class Stopped(Exception):
    """The person stopped, or something has to be looked at; `resume` and `down` go on from here."""


class State:
    """`live.json` in the run's folder. Written before and after each step, whole or not at all."""

    def __init__(self, folder, known):
        self.folder = pathlib.Path(folder)
        self.known = known
        self.held = None

    @classmethod
    def begin(cls, folder, known, plan):
        """A new run: its folder with the org plan, and what is known of it."""
        folder = pathlib.Path(folder)
        if (folder / "live.json").exists():
            raise Refused(f"{folder} has a live run already: go on with `resume` or `down`, or name another --folder")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Refused(f"{folder} is not empty: name another --folder")
        folder.chmod(0o700)
        state = cls(folder, known)
        state.write("org.toml", plan)
        state.put(plan=state.digest("org.toml"))
        return state

    @classmethod
    def load(cls, folder):
        file = pathlib.Path(folder) / "live.json"
        try:
            found = file.stat()
        except FileNotFoundError:
            raise Refused(f"{folder} has no live run: `begin` makes one") from None
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise Refused(f"{file} may be read or written by others than you: look at it, then chmod 600")
        return cls(folder, json.loads(file.read_text()))

    def hold(self):
        """Keeps others out of the run for as long as this process lives, and orgstrap where it outlives it."""
        self.held = os.open(self.path("at-work"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self.held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"another live.py, or the orgstrap that it began, is still at work in {self.folder}") from None

    def save(self):
        file, new = self.folder / "live.json", self.folder / "live.json.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(self.known, out, indent=1, default=str)
            out.flush()
            os.fsync(out.fileno())
        os.replace(new, file)

    def __getitem__(self, key):
        return self.known[key]

    def get(self, key, default=None):
        return self.known.get(key, default)

    def put(self, **known):
        self.known.update(known)
        self.save()

    def path(self, name):
        return self.folder / name

    def write(self, name, text):
        """A file of the run, for its owner only."""
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(text)

    def digest(self, name):
        return hashlib.sha256(self.path(name).read_bytes()).hexdigest()
