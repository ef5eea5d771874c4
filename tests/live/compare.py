"""What was predicted beside what was: durations, calls, messages. And what tells whose it is, replaced in it."""

import collections
import json
import re


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines() if line]


def calls(log):
    """How often each operation was called: the log of `-vv` names every attempt."""
    named = re.findall(r"^DEBUG orgstrap::aws: (\w+:\w+)", log.read_text(), re.M)
    return collections.Counter(named)


def alike(message):
    """A message without what differs from run to run."""
    message = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d{12}\b", "…", message)
    return re.sub(r"\b\d+(\.\d+)?( (ms|s|min|h)\b)?", "n", message)


def predicted(rehearsal):
    waits = [wait["why"] for link in rehearsal["chain"] for wait in link["waits"]]
    return {
        "seconds": rehearsal["took_seconds"],
        "changes": {
            one["address"]["text"]: one["end_seconds"] - one["start_seconds"]
            for one in rehearsal["changes"]
            if one["outcome"] == "done"
        },
        "calls": collections.Counter({one["operation"]: one["number"] for one in rehearsal["calls"]}),
        "messages": {alike(why) for why in waits + [hold["what"] for hold in rehearsal["holds"]]}
        | {alike(text) for text in rehearsal["notices"]}
        | {alike(one["failure"]["message"]) for one in rehearsal["failed"]},
    }


def real(events, log):
    """What `apply` said; of several runs of it the sum."""
    changes, messages, seconds = {}, {}, 0.0
    for event in events:
        kind = event.get("event")
        if kind == "done":
            changes[event["address"]["text"]] = event["took_seconds"]
        elif kind == "waiting":
            messages[alike(event["why"])] = event["why"]
        elif kind == "notice":
            messages[alike(event["text"])] = event["text"]
        elif kind == "failed":
            messages[alike(event["failure"]["message"])] = event["failure"]["message"]
        elif kind == "summary":
            seconds += event["took_seconds"]
    return {"seconds": seconds, "changes": changes, "calls": log, "messages": messages}


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"


def seconds(value):
    return "–" if value is None else f"{value:.1f}"


def compared(was, now):
    """The comparison as Markdown."""
    yield "## Durations, in seconds"
    yield ""
    yield f"In all: predicted {was['seconds']:.0f}, real {now['seconds']:.0f}."
    yield ""
    names = sorted(
        set(was["changes"]) | set(now["changes"]),
        key=lambda name: (-abs(now["changes"].get(name, 0) - was["changes"].get(name, 0)), name),
    )
    rows = ((name, seconds(was["changes"].get(name)), seconds(now["changes"].get(name))) for name in names)
    yield from table(("change", "predicted", "real"), rows)
    yield ""
    yield "## Calls"
    yield ""
    yield f"In all: predicted {sum(was['calls'].values())}, real {sum(now['calls'].values())}."
    yield ""
    names = sorted(set(was["calls"]) | set(now["calls"]))
    rows = ((name, was["calls"][name], now["calls"][name]) for name in names)
    yield from table(("operation", "predicted", "real"), (row for row in rows if row[1] != row[2]))
    yield ""
    yield "## Messages"
    yield ""
    rows = [("real only", now["messages"][one]) for one in sorted(set(now["messages"]) - was["messages"])]
    rows += [("predicted only", one) for one in sorted(was["messages"] - set(now["messages"]))]
    rows += [("both", one) for one in sorted(was["messages"] & set(now["messages"]))]
    yield from table(("where", "message"), rows)


def stand_ins(private):
    """What the recording replaced, by what may be said in its place."""
    kinds = json.loads(private.read_text())["masks"]["by_kind"]
    return {word: f"<{kind} {n}>" for kind, known in kinds.items() for word, n in known.items()}


def masked(text, words):
    """Longer ones first: what contains another."""
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?<![0-9A-Za-z]){re.escape(word)}(?![0-9A-Za-z])", words[word], text)
    return text


def leaks(text, originals):
    """Which of these a text that is given away still has."""
    return sorted(word for word in originals if word and word.lower() in text.lower())
