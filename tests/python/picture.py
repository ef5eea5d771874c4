"""Reads a picture of `orgstrap graph` with a parser that is not ours, and prints what is in it as JSON.

usage: picture.py dot|mermaid < PICTURE

A group is [the first line of its label, its accounts' first lines, its groups]. DOT is read by pydot; Mermaid by
Mermaid's own parser.
"""

import html
import json
import re
import sys


def dot(text):
    import pydot

    (graph,) = pydot.graph_from_dot_data(text)
    assert graph.get_type() == "digraph" and not graph.get_edges()

    def first_line(thing):
        label = thing.get("label")
        assert label[0] == label[-1] == '"', label
        # Graphviz's escString: backslash n ends a line, before anything else the backslash goes.
        lines = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], label[1:-1])
        return html.unescape(lines).split("\n")[0]

    def group(cluster):
        assert cluster.get_name().startswith("cluster_"), cluster.get_name()
        nodes = [node for node in cluster.get_nodes() if node.get("style") != "invis"]
        return [
            first_line(cluster),
            [first_line(node) for node in nodes],
            [group(below) for below in cluster.get_subgraphs()],
        ]

    (root,) = graph.get_subgraphs()
    return group(root)


def mermaid(text):
    import contextlib

    # It says on stdout that it is in no notebook.
    with contextlib.redirect_stdout(sys.stderr):
        from mermaid_parser.parser import MermaidParser

        read = MermaidParser().parse(text)
    assert read["graph_type"].startswith("flowchart"), read["graph_type"]
    data = read["graph_data"]
    assert not data["edges"] and not data["classes"] and not data["tooltips"]
    groups = {found["id"]: found for found in data["subGraphs"]}

    def first_line(label):
        # What Mermaid puts for `#40;` and `#quot;` until it draws.
        first = label.split("<br/>")[0]
        assert "<" not in first, label
        return html.unescape(first.replace("ﬂ°°", "&#").replace("ﬂ°", "&").replace("¶ß", ";"))

    def group(found):
        nodes = [data["vertices"][n]["text"] for n in found["nodes"] if n not in groups]
        return [
            first_line(found["title"]),
            [first_line(text) for text in nodes if text != "no accounts"],
            [group(groups[n]) for n in found["nodes"] if n in groups],
        ]

    inner = {n for found in groups.values() for n in found["nodes"]}
    (root,) = [found for name, found in groups.items() if name not in inner]
    return group(root)


def ordered(group):
    name, accounts, groups = group
    return [name, sorted(accounts), sorted(map(ordered, groups))]


print(json.dumps(ordered({"dot": dot, "mermaid": mermaid}[sys.argv[1]](sys.stdin.read()))))
