"""Runs a command on a terminal, presses keys, and prints what the screen then shows.

usage: terminal.py WIDTH HEIGHT STEPS -- COMMAND...

STEPS is a JSON list of pairs: a regular expression that is waited for in what the screen shows, and what is typed then.
Prints the last screen, and in the last line the exit code. Understands the few control sequences that bars are drawn with;
anything else is an error, so that a screen is never judged wrongly.
"""

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios

LIMIT = 60  # seconds without a byte


class Screen:
    def __init__(self, width, height):
        self.width, self.height = width, height
        self.lines = [""]
        self.row = self.column = 0
        self.rest = ""

    def feed(self, text):
        text = self.rest + text
        self.rest = ""
        at = 0
        while at < len(text):
            char = text[at]
            if char == "\x1b":
                found = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])").match(text, at)
                if not found:
                    if len(text) - at > 16:
                        raise SystemExit(f"not understood: {text[at:at + 16]!r}")
                    self.rest = text[at:]
                    return
                self.control(found[1], found[2])
                at = found.end()
                continue
            at += 1
            if char == "\r":
                self.column = 0
            elif char == "\n":
                self.down(1)
            elif char >= " ":
                if self.column >= self.width:
                    self.column = 0
                    self.down(1)
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + char + line[self.column + 1 :]
                self.column += 1

    def down(self, number):
        self.row += number
        while len(self.lines) <= self.row:
            self.lines.append("")

    def control(self, numbers, what):
        number = int(numbers or 1) if numbers.isdigit() or not numbers else 1
        if what == "A":
            # The top of the screen is where it ends; what scrolled away stays.
            self.row = max(self.row - number, len(self.lines) - self.height, 0)
        elif what == "B":
            self.down(number)
        elif what == "C":
            self.column = min(self.column + number, self.width - 1)
        elif what == "D":
            self.column = max(self.column - number, 0)
        elif what == "K":
            self.lines[self.row] = "" if numbers == "2" else self.lines[self.row][: self.column]
        elif what == "J":
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]
        elif what not in "mhl":
            raise SystemExit(f"not understood: ESC [ {numbers} {what}")

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines)


def main():
    width, height = int(sys.argv[1]), int(sys.argv[2])
    steps = json.loads(sys.argv[3])
    command = sys.argv[5:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    screen = Screen(width, height)
    partial = b""
    while True:
        while steps and re.search(steps[0][0], screen.text()):
            os.write(terminal, steps.pop(0)[1].encode())
        if not select.select([terminal], [], [], LIMIT)[0]:
            raise SystemExit(f"nothing came any more; on the screen:\n{screen.text()}")
        try:
            partial += os.read(terminal, 65536)
        except OSError:  # Linux: nobody has the other end any more
            break
        text = partial.decode("utf-8", "ignore")
        # A character that is not whole yet waits for the rest.
        partial = partial[len(text.encode()) :]
        screen.feed(text)
    _, status = os.waitpid(child, 0)
    print(screen.text())
    print(f"exit {os.waitstatus_to_exitcode(status)}")
    if steps:
        raise SystemExit(f"never on the screen: {steps[0][0]}")


if __name__ == "__main__":
    main()
