"""Opens a drift report in a headless Chromium and uses it as people do:
python drift_html.py SMALL LARGE NAME FINDINGS

SMALL and LARGE are reports; NAME is an account's name in SMALL that would run if it were not text;
FINDINGS are how many findings SMALL has.
"""

import importlib.util
import pathlib
import sys
import time

import webdriver

SHOWN = """return [...document.querySelectorAll('#findings article')]
    .filter((article) => article.checkVisibility()).map((article) => article.textContent.toLowerCase())"""
COUNT = "return document.getElementById('count').textContent"
ABOUT = """const e = document.activeElement;
    return {id: e.id, tag: e.tagName, label: e.textContent.trim().slice(0, 60), article: !!e.closest('article'),
            outline: getComputedStyle(e).outlineStyle}"""


def quiet(browser, what):
    """No message in the console, and nothing asked of a network."""
    messages = [entry["message"] for entry in browser.log("browser")]
    assert messages == [], f"{what}: {messages}"
    asked = [url for url in browser.requests() if not url.startswith(("file:", "data:"))]
    assert asked == [], f"{what}: {asked}"


def opens(browser, small, name):
    browser.open(small)
    title = browser.run("return document.title")
    assert title.startswith("Drift of organization 111111111111"), title
    assert browser.run("return document.scripts.length") == 1
    headings = browser.run("return [...document.querySelectorAll('h3')].map((h) => h.textContent)")
    assert any(name in heading for heading in headings), headings
    quiet(browser, "opening")


def filters(browser, total):
    all_of_them = f"{total} findings"
    assert browser.run(COUNT) == all_of_them
    assert len(browser.run(SHOWN)) == total
    browser.type("#q", "Payments recorder")
    browser.wait("return document.getElementById('count').textContent.includes(' of ')")
    shown = browser.run(SHOWN)
    assert browser.run(COUNT) == f"1 finding of {total}", browser.run(COUNT)
    assert len(shown) == 1 and "payments-prod" in shown[0]
    rows = browser.run(
        "return [...document.querySelectorAll('.matrix tbody tr')].filter((r) => r.checkVisibility())"
        ".map((r) => r.querySelector('th').textContent)"
    )
    assert rows == ["payments-prod"], rows
    browser.click("#reset")
    assert browser.run(COUNT) == all_of_them
    browser.click("#severity option[value='4']")
    assert browser.run(COUNT) == f"1 finding of {total}"
    browser.click("#reset")
    browser.click("#kind option[value='unread']")
    assert browser.run(COUNT) == f"1 finding of {total}"
    browser.type("#q", "no such text anywhere")
    browser.wait("return document.getElementById('count').textContent.startsWith('0 findings of ')")
    assert browser.run("return document.getElementById('nothing').checkVisibility()")
    browser.click("#reset")
    assert len(browser.run(SHOWN)) == total
    # What is clear is there when asked for.
    clear = "return document.querySelectorAll('.matrix tr.clear').length"
    visible = "return [...document.querySelectorAll('.matrix tr.clear')].filter((r) => r.checkVisibility()).length"
    assert browser.run(clear) == browser.run(visible) == 2
    browser.click("#everyone")
    assert browser.run(visible) == 0
    browser.click("#everyone")
    quiet(browser, "filtering")


def keyboard(browser, small):
    """Tab alone reaches the filter and the findings, shows where it is, and opens one."""
    browser.open(small)
    reached = []
    for _ in range(120):
        browser.press(webdriver.TAB)
        about = browser.run(ABOUT)
        reached.append(about)
        if about["article"]:
            break
    assert reached[0]["label"] == "Skip to the filter", reached[0]
    ids = [about["id"] for about in reached]
    order = [ids.index(name) for name in ("q", "severity", "kind", "control", "reset", "everyone")]
    assert order == sorted(order), ids
    assert reached[-1]["article"] and reached[-1]["tag"] == "SUMMARY", reached[-1]
    # Whatever has the focus shows it.
    assert all(about["outline"] != "none" for about in reached), reached
    browser.press(webdriver.ENTER)
    assert browser.run("return document.activeElement.parentElement.open") is True
    # The skip link leads past tree and grid.
    browser.open(small)
    for _ in range(2):
        browser.press(webdriver.TAB)
    browser.press(webdriver.ENTER)
    browser.press(webdriver.TAB)
    assert browser.run(ABOUT)["article"], browser.run(ABOUT)
    quiet(browser, "the keyboard")


def pages(browser, small):
    """A finding's fragment shows it alone, open, and leads back."""
    browser.open(small)
    first = browser.run("return document.querySelectorAll('article')[3].id")
    browser.open(small, f"#{first}")
    browser.wait("return document.querySelector('article:target details')?.open")
    visible = browser.run("return [...document.querySelectorAll('article')].filter((a) => a.checkVisibility()).map((a) => a.id)")
    assert visible == [first], visible
    assert not browser.run("return document.getElementById('matrix').checkVisibility()")
    browser.click("article:target .back")
    browser.wait("return document.getElementById('matrix').checkVisibility()")
    assert browser.run("return document.activeElement.closest('article').id") == first
    # From the grid into a finding.
    browser.click(".matrix td a")
    browser.wait("return document.querySelector('article:target details')?.open")
    quiet(browser, "the pages")


def colors(browser, small):
    browser.open(small)
    look = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
    browser.prefer("light")
    light = browser.run(look)
    browser.prefer("dark")
    dark = browser.run(look)
    brightness = lambda color: sum(int(part) for part in color.strip("rgb()").split(",")[:3])
    assert brightness(light[0]) > brightness(light[1]), light
    assert brightness(dark[0]) < brightness(dark[1]), dark
    browser.prefer("light")


def accessible(browser, small):
    """axe-core, the engine that browsers' own audits use, finds nothing in light or dark."""
    package = importlib.util.find_spec("axe_core_python")
    axe = (pathlib.Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    for scheme in ("light", "dark"):
        browser.open(small)
        browser.prefer(scheme)
        browser.run("for (const details of document.querySelectorAll('details')) details.open = true")
        browser.run(axe)
        result = browser.run_async("const done = arguments[0]; axe.run(document).then(done, (e) => done({error: String(e)}))")
        assert "error" not in result, result
        assert len(result["passes"]) > 20, "axe looked at next to nothing"
        wrong = [
            (found["id"], found["help"], [(node["html"][:200], node["failureSummary"]) for node in found["nodes"][:3]])
            for found in result["violations"]
        ]
        assert wrong == [], f"{scheme}: {wrong}"
    browser.prefer("light")
    browser.log("browser")
    browser.requests()


def narrow(browser, small):
    """WCAG 1.4.10: at 320 pixels nobody scrolls sideways but inside the grid."""
    browser.screen(320, 640)
    browser.open(small)
    browser.run("for (const details of document.querySelectorAll('details')) details.open = true")
    width, wide = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= wide == 320, (width, wide)
    browser.devtools("Emulation.clearDeviceMetricsOverride")


def guarded(browser, small):
    """Even if a script got into the page, the policy would not let it run."""
    browser.open(small)
    browser.log("browser")
    browser.run("""const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s);
        const b = document.createElement('b'); b.setAttribute('onclick', 'window.ran = true'); document.body.append(b); b.click();""")
    assert browser.run("return window.ran === undefined")
    assert browser.run("return fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'stopped')") == "stopped"
    stopped = [entry["message"] for entry in browser.log("browser") if "Content Security Policy" in entry["message"]]
    for what in ("inline script", "inline event handler", "127.0.0.1:9"):
        assert any(what in message for message in stopped), (what, stopped)


def large(browser, path):
    started = time.monotonic()
    browser.open(path)
    opened = time.monotonic() - started
    total = browser.run("return Number(document.getElementById('count').dataset.total)")
    assert total == 8000, total
    assert browser.run("return document.querySelectorAll('.matrix tbody tr').length") == 1001
    # Of a thousand accounts, those with findings are shown first, and all of them when asked for.
    visible = "return [...document.querySelectorAll('.matrix tbody tr')].filter((r) => r.checkVisibility()).length"
    assert browser.run(visible) == 200, browser.run(visible)
    browser.click("#everyone")
    assert browser.run(visible) == 1001, browser.run(visible)
    started = time.monotonic()
    browser.type("#q", "workload-0995 rule-7")
    browser.wait("return document.getElementById('count').textContent === '1 finding of 8,000'")
    print(f"8,000 findings: opened in {opened:.1f} s, filtered in {time.monotonic() - started:.1f} s")
    quiet(browser, "the large report")


def main():
    small, big, name, total = sys.argv[1:]
    webdriver.need()
    with webdriver.Browser() as browser:
        opens(browser, small, name)
        filters(browser, int(total))
        keyboard(browser, small)
        pages(browser, small)
        colors(browser, small)
        accessible(browser, small)
        narrow(browser, small)
        guarded(browser, small)
        large(browser, big)
    print("the report works in Chromium")


if __name__ == "__main__":
    main()
