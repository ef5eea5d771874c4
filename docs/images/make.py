"""Makes docs/images/apply.svg: a run of `orgstrap apply --sandbox` as it looks on a terminal.

Runs the built binary on a pseudo-terminal, follows the screen with pyte, and draws two of its states as
one picture: the run half way, and the end report. Needs `pip install -r docs/images/requirements.txt`.

usage: make.py BINARY [PLAN]
"""

import html
import os
import pathlib
import pty
import select
import struct
import sys
import fcntl
import termios
import time

import pyte

COLUMNS, LINES = 100, 44
ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(__file__).resolve().with_name("apply.svg")

CELL, LINE, MARGIN, TITLE = 8.0, 18, 18, 34
COLOURS = {
    "default": "#d6deeb",
    "red": "#ef6b73",
    "green": "#7fd88f",
    "brown": "#e6c07b",
    "yellow": "#e6c07b",
    "blue": "#82aaff",
    "magenta": "#c792ea",
    "cyan": "#7fdbca",
    "white": "#d6deeb",
    "black": "#5c6773",
    "brightblack": "#5c6773",
    "dim": "#7f8c98",
}
FACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Screen(pyte.Screen):
    """pyte forgets faint text; here it is a colour of its own."""

    def select_graphic_rendition(self, *attributes, **kwargs):
        plain = [a for a in attributes if a != 2]
        if plain or not attributes:
            super().select_graphic_rendition(*plain, **kwargs)
        if 2 in attributes:
            self.cursor.attrs = self.cursor.attrs._replace(fg="dim")


def run(binary, plan):
    """Every state of the screen with the time at which it stood there."""
    screen = Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    command = [binary, "apply", plan, "--sandbox", "--yes"]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ.update(TERM="xterm-256color")
        os.environ.pop("NO_COLOR", None)
        os.execv(binary, command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    states, start = [], time.monotonic()
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        try:
            data = os.read(terminal, 65536) if ready else b""
        except OSError:
            data = b""
        if not data:
            break
        stream.feed(data)
        if not states or time.monotonic() - start - states[-1][0] > 0.04:
            states.append((time.monotonic() - start, rows(screen)))
    states.append((time.monotonic() - start, rows(screen)))
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"the run ended with {status}")
    return states


def rows(screen):
    """The screen's rows, each as runs of text with colour and weight."""
    found = []
    for line in range(LINES):
        runs = []
        for column in range(COLUMNS):
            cell = screen.buffer[line][column]
            colour = COLOURS.get(cell.fg, "#" + cell.fg if len(cell.fg) == 6 else COLOURS["default"])
            style = (colour, cell.bold)
            if runs and runs[-1][1] == style:
                runs[-1][0].append(cell.data)
            else:
                runs.append(([cell.data], style, column))
        found.append([("".join(text), style, column) for text, style, column in runs])
    return found


def text(row):
    return "".join(run[0] for run in row).rstrip()


def trimmed(screen):
    """Without the empty rows at the end."""
    last = max((n for n, row in enumerate(screen) if text(row)), default=0)
    return screen[: last + 1]


def middle(states):
    """The state in the middle of the run with the most going on."""
    def running(screen):
        return sum(any(spinner in text(row)[:4] for spinner in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏") for row in screen)

    busy = [screen for _, screen in states if any(" of " in text(r) and "━" in text(r) for r in screen)]
    if not busy:
        sys.exit("no bars were seen")
    part = busy[len(busy) // 4 : len(busy) * 3 // 4] or busy
    return max(part, key=running)


def tail(screen, number):
    """The last rows of a screen: a run leaves the plan above the bars."""
    return trimmed(screen)[-number:]


def panel(screen, top, title):
    """One terminal window."""
    width = MARGIN * 2 + CELL * COLUMNS
    height = TITLE + LINE * len(screen) + MARGIN
    parts = [
        f'<rect x="0.5" y="{top + 0.5}" width="{width - 1}" height="{height - 1}" rx="8" fill="#11161d" stroke="#2b3440"/>',
        *(
            f'<circle cx="{20 + 18 * n}" cy="{top + 18}" r="5" fill="{colour}"/>'
            for n, colour in enumerate(["#ef6b73", "#e6c07b", "#7fd88f"])
        ),
        f'<text x="{width / 2}" y="{top + 22}" text-anchor="middle" fill="#7f8c98">{html.escape(title)}</text>',
    ]
    for number, row in enumerate(screen):
        y = top + TITLE + LINE * number + 14
        for content, (colour, bold), column in row:
            if not content.strip():
                continue
            start = len(content) - len(content.lstrip())
            shown = content.strip()
            weight = ' font-weight="bold"' if bold else ""
            parts.append(
                f'<text x="{MARGIN + CELL * (column + start):g}" y="{y}" fill="{colour}"{weight}'
                f' textLength="{CELL * len(shown):g}" xml:space="preserve">{html.escape(shown)}</text>'
            )
    return parts, height


def draw(panels):
    width = MARGIN * 2 + CELL * COLUMNS
    parts, top = [], 0
    for screen, title in panels:
        more, height = panel(screen, top, title)
        parts += more
        top += height + 14
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {top - 14:g}"'
            f' font-family="{FACE}" font-size="13.3" role="img"'
            ' aria-label="orgstrap apply in the sandbox: bars while it runs, and the end report">',
            *parts,
            "</svg>",
            "",
        ]
    )


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    plan = sys.argv[2] if len(sys.argv) > 2 else "examples/startup.toml"
    states = run(binary, plan)
    end = trimmed(states[-1][1])
    report = next((n for n, row in enumerate(end) if text(row).startswith("Accounts")), 0)
    command = f"orgstrap apply {plan} --sandbox"
    OUT.write_text(draw([(tail(middle(states), 18), command), (end[report:], "… and at its end")]))
    print(f"{OUT.name}: {len(states)} states seen")


main()
