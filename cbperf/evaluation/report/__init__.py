"""Reports of runs and comparisons: one self-contained HTML file, or Markdown for the terminal."""

import os
from pathlib import Path

from .summary import first_line
from .terminal import text, text_of_comparisons, text_of_list, text_of_scale

__all__ = ["ReportError", "first_line", "render", "text", "text_of_comparisons", "text_of_list", "text_of_scale"]

# The folder in which npm installed d3 and d3-flame-graph.
LIBRARIES = Path(os.environ.get("CBPERF_LIBRARIES", "/var/cache/cell_binary/perf/node_modules"))


class ReportError(Exception):
    """The report cannot be made; the message says why, and what to do."""


def render(records: list[dict], history: list[dict] = [], comparison: dict | None = None) -> str:
    """A page for one run, a pair (base, new), all runs with a tag, or a comparison with its runs.

    `history` has the runs of the process on its host, oldest first, with "started" and medians by measure, as for changes.find.
    Raises ReportError.
    """
    from .page import page   # imported here, so that showing a run in the terminal does not load matplotlib

    return page(records, history, comparison)


def library(path: str) -> str:
    """A file of the JavaScript libraries. Raises ReportError."""
    try:
        return (LIBRARIES / path).read_text()
    except OSError as error:
        raise ReportError(f"cannot read the flame graph library: {error}; install it (scripts/install-dependencies perf), or set CBPERF_LIBRARIES") from None
