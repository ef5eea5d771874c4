"""Pictures for the documents, taken with a headless Chromium:

    python screenshot.py html REPORT.html OUT.png [light|dark]
    python screenshot.py terminal OUTPUT.txt OUT.png [light|dark]

OUTPUT.txt is what a command printed with `--color always`.
"""

import html
import pathlib
import re
import sys
import tempfile

import webdriver

# The names of the 16 colours of a terminal, as a light and a dark one may show them.
COLORS = {
    "light": ["#24292f", "#a40e26", "#116329", "#7d4e00", "#0550ae", "#6e3096", "#1b6f78", "#57606a"],
    "dark": ["#6e7681", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#c9d1d9"],
}
PAGE = {"light": ("#ffffff", "#1b1f24"), "dark": ("#0d1117", "#e6edf3")}


def spans(text, scheme):
    """Text with ANSI styles as HTML: bold, dim, inverse, and the first 16 colours."""
    out, look = [], {}
    for part in re.split(r"(\x1b\[[0-9;]*m)", text):
        found = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if not found:
            background, foreground = PAGE[scheme]
            color = look.get("color", foreground)
            style = [f"color:{color}"] if not look.get("inverse") else [f"color:{background}", f"background:{color}"]
            style += ["font-weight:bold"] * look.get("bold", False) + ["opacity:.65"] * look.get("dim", False)
            out.append(f'<span style="{";".join(style)}">{html.escape(part)}</span>' if part else "")
            continue
        for code in (int(code or 0) for code in found.group(1).split(";")):
            if code == 0:
                look = {}
            elif code in (1, 2, 7):
                look[{1: "bold", 2: "dim", 7: "inverse"}[code]] = True
            elif 30 <= code <= 37 or 90 <= code <= 97:
                look["color"] = COLORS[scheme][code % 10]
            elif code == 39:
                look.pop("color", None)
    return "".join(out)


def terminal(source, scheme):
    text = pathlib.Path(source).read_text(encoding="utf-8").rstrip("\n")
    background, foreground = PAGE[scheme]
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><body style="margin:0;background:{background};color:{foreground}">'
        f'<pre style="display:inline-block;margin:0;padding:16px;font:14px/1.4 monospace">{spans(text, scheme)}</pre>'
    )


def main():
    if len(sys.argv) not in (4, 5) or sys.argv[1] not in ("html", "terminal"):
        sys.exit(__doc__)
    kind, source, out = sys.argv[1:4]
    scheme = sys.argv[4] if len(sys.argv) == 5 else "light"
    webdriver.need()
    with tempfile.TemporaryDirectory() as folder, webdriver.Browser() as browser:
        if kind == "terminal":
            page = pathlib.Path(folder) / "terminal.html"
            page.write_text(terminal(source, scheme), encoding="utf-8")
            browser.open(page)
            width, height = browser.run(
                "const b = document.querySelector('pre').getBoundingClientRect(); return [Math.ceil(b.width), Math.ceil(b.height)]"
            )
            browser.screen(width, height)
        else:
            browser.screen(1280, 1000)
            browser.open(source)
        browser.prefer(scheme)
        browser.screenshot(out)


if __name__ == "__main__":
    main()
