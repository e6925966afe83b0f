"""Flame graphs of a page, drawn by d3-flame-graph, and the scripts that they share."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import report

from . import summary
from .markup import Html, data, element, join, table
from .units import quantity, share

FOLDER = Path(__file__).parent
TOP = 12   # frames in a table


class Flames:
    """The flame graphs of a page. It collects their trees, which follow at the end of the page with the scripts."""

    def __init__(self):
        self.trees: list[Html] = []

    def figure(self, title: str, unit: str, tree: dict, guilty: Sequence[str] = ()) -> Html:
        """An interactive flame graph, with a legend if the tree is differential. Each guilty frame has a button that finds it."""
        identifier = f"tree-{len(self.trees) + 1}"
        self.trees.append(data(identifier, tree))
        differential = "delta" in tree
        return element(
            "figure",
            element("figcaption", title if title.lower() == unit else f"{title}, {unit}"),
            legend() if differential else None,
            element("div",
                    element("input", type="search", placeholder="Search", aria_label=f"Search the frames of {title}", size=16),
                    element("button", "Reset zoom", type="button", class_="reset"),
                    (element("button", frame, type="button", data_search=frame, title="Find it in the graph") for frame in guilty),
                    element("output", aria_live="polite"), class_="tools"),
            element("div", class_="chart", tabindex=0, role="application",
                    aria_label=f"Flame graph: {title}. Arrow keys go from frame to frame, Enter zooms, Escape resets the zoom."),
            element("noscript", element("p", "The flame graph needs JavaScript.")),
            None if differential else top_frames(title, unit, tree),
            class_="flame", data_tree=identifier, data_unit=unit)

    def scripts(self) -> tuple[Html, Html, str]:
        """The scripts with their data, their licences, and the policy that allows a browser to run only them. Raises ReportError."""
        if not self.trees:
            return Html(""), Html(""), policy([])
        codes = [report.library("d3/dist/d3.min.js"), report.library("d3-flame-graph/dist/d3-flamegraph.umd.min.js"),
                 (FOLDER / "flame.js").read_text()]
        codes = [code.replace("</script", "<\\/script") for code in codes]
        licences = [(name, report.library(f"{name}/LICENSE")) for name in ("d3", "d3-flame-graph")]
        return (join(self.trees, (Html(f"<script>{code}</script>") for code in codes)),
                element("details", element("summary", "Licences of the libraries in this page"),
                        ((element("h3", name), element("pre", licence)) for name, licence in licences), class_="sub"),
                policy(codes))


def policy(codes: list[str]) -> str:
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" for code in codes] or ["'none'"]
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src {' '.join(hashes)}"


def legend() -> Html:
    return element("p", "less", element("i"), "more; white: little change; ", element("i", class_="new"),
                   " only in new. The width shows the larger of both values.", class_="legend")


def top_frames(title: str, unit: str, tree: dict) -> Html:
    rows = summary.self_values(tree).most_common(TOP)
    return element("details", element("summary", "Largest frames"),
                   table(f"{title}: frames by their own value", ["frame", unit, "share"],
                         ([element("code", frame), quantity(value, unit), share(value, tree["value"])] for frame, value in rows if value > 0)), class_="sub")
