"""Reports of runs and comparisons: one HTML file that needs nothing else, and Markdown for the terminal."""

import os
from pathlib import Path

from .summary import first_line
from .terminal import text, text_of_comparisons, text_of_list, text_of_scale

__all__ = ["ReportError", "first_line", "render", "text", "text_of_comparisons", "text_of_list", "text_of_scale"]

# Where npm put d3 and d3-flame-graph.
LIBRARIES = Path(os.environ.get("CBPERF_LIBRARIES", "/var/cache/cell_binary/perf/node_modules"))


class ReportError(Exception):
    """A report can't be made. The message says why and what to do."""


def render(records: list[dict], history: list[dict] = [], comparison: dict | None = None) -> str:
    """A page for one run, a pair (base, new), all runs of a tag, or a comparison with its runs.

    `history`: runs of the process on its host, oldest first: "started" and medians by measure (as in changes.find).
    Raises ReportError.
    """
    from .page import page   # here, so that to show a run in the terminal does not load matplotlib

    return page(records, history, comparison)


def library(path: str) -> str:
    """A file of the JavaScript libraries. Raises ReportError."""
    try:
        return (LIBRARIES / path).read_text()
    except OSError as error:
        raise ReportError(f"the flame graphs' library is missing: {error}; install it (scripts/install-dependencies), or set CBPERF_LIBRARIES") from None
