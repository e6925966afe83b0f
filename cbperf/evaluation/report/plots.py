"""Plots as SVG in the page. Text stays text, and has the page's colour in light and dark mode."""

import html
import io
import itertools
import re
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

from changes import Change

from . import summary
from .markup import Html, element
from .units import plural, quantity

INK = "#010203"   # replaced by the page's text colour
COLOURS = ["#2b87d1", "#d9741a", "#159c72", "#b65c9f", "#b8940d", "#6f6fd8", "#c8504a", "#5f8f2e"]
MARKERS = "osD^vPX*"
STYLE = {
    "svg.fonttype": "none", "text.parse_math": False, "font.size": 9,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": INK, "grid.alpha": 0.15,
    "axes.prop_cycle": cycler(color=COLOURS), "legend.frameon": False, "lines.linewidth": 1.6, "lines.markersize": 4.5,
}
MOST_LABELS = 16   # the most labels in a legend


def plot(title: str, description: str, draw: Callable, legend: bool = True, size: tuple[float, float] = (5.2, 2.9)) -> Html:
    """`draw` takes the axes. The description tells readers who cannot see the plot its content and main figures."""
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": title + description}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")   # matplotlib only measures the text; the browser has its own fonts
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        handles, names = axes.get_legend_handles_labels()
        if legend and 1 < len(names) <= MOST_LABELS:
            figure.legend(handles, names, loc="outside lower left", ncols=2 if max(map(len, names)) < 32 else 1, fontsize=8)
            figure.set_figheight(size[1] + 0.17 * len(names) / 2)
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    return element("figure", embedded(target.getvalue(), description), element("figcaption", title), class_="plot")


def embedded(svg: str, description: str) -> Html:
    """Prepare an SVG for a page with other plots: a viewBox without size, the page's colours, and only identifiers that are used."""
    body = svg[svg.index(">", svg.index("<svg")) + 1:]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace(INK, "currentColor")
    shape = svg.partition('viewBox="')[2].partition('"')[0]
    return Html(f'<svg viewBox="{shape}" role="img" aria-label="{html.escape(description)}">{body}')


def name(label: str) -> str:
    """A label for a legend, which would leave out a label that begins with an underscore."""
    short = label if len(label) <= 48 else label[:47] + "…"
    return " " + short if short.startswith("_") else short


def in_unit(axes, axis: str, unit: str) -> None:
    if unit in ("s", "bytes"):
        getattr(axes, axis).set_major_formatter(lambda value, _: quantity(value, unit))
        getattr(axes, axis).get_major_locator().set_params(nbins=5)   # few labels, because labels with units are long


def from_zero(axes) -> None:
    """Start the axis of values at 0, so that heights are comparable."""
    axes.set_ylim(0, 1.08 * axes.dataLim.y1 or 1)


def styles():
    """Colours and markers, so that lines are distinguishable without colours too."""
    return zip(itertools.cycle(COLOURS), itertools.cycle(MARKERS))


def samples(records: list[dict], labels: list[str]) -> Html | None:
    """Real time by repetition, if a run has several repetitions."""
    lines = []
    for record, label in zip(records, labels):
        timed = [sample for sample in summary.good_samples(record) if sample.get("real") is not None]
        if timed:
            lines.append((label, [sample["repetition"] for sample in timed], [sample["real"] for sample in timed]))
    if all(len(times) == 1 for _, _, times in lines):
        return None

    def draw(axes):
        for (label, repetitions, times), (colour, marker) in zip(lines, styles()):
            axes.plot(repetitions, times, color=colour, marker=marker, linewidth=0.8, label=name(label))
        from_zero(axes)
        axes.set_xlabel("repetition")
        axes.xaxis.get_major_locator().set_params(integer=True)
        in_unit(axes, "yaxis", "s")
    told = "; ".join(f"{label}: {quantity(min(times), 's')} to {quantity(max(times), 's')}" for label, _, times in lines)
    return plot("Real time of each repetition", f"Real time by repetition. {told}.", draw)


def memory(records: list[dict], labels: list[str]) -> Html | None:
    """Private memory over time from the start of the sample, for the median sample of each run. A single run also shows its other samples, pale."""
    lines, pale = [], []
    for record, label in zip(records, labels):
        sample = summary.median_sample(record)
        for other in record["samples"]:
            series = other.get("series") or {}
            if not series.get("seconds"):
                continue
            if other is sample:
                lines.append((label, series["seconds"], series["private"]))
            elif len(records) == 1:
                pale.append((series["seconds"], series["private"]))
    if not lines:
        return None

    def draw(axes):
        for seconds, private in pale:
            axes.plot([second - seconds[0] for second in seconds], private, color=INK, alpha=0.2, linewidth=0.7)
        for (label, seconds, private), (colour, _) in zip(lines, styles()):
            axes.plot([second - seconds[0] for second in seconds], private, color=colour, label=name(label))
        from_zero(axes)
        axes.set_xlabel("time from the start")
        in_unit(axes, "xaxis", "s")
        in_unit(axes, "yaxis", "bytes")
    told = "; ".join(f"{label}: at most {quantity(max(private), 'bytes')} over {quantity(seconds[-1] - seconds[0], 's')}" for label, seconds, private in lines)
    title = "Private memory of all processes over time" + (", median sample (others pale)" if pale else ", median samples" if len(lines) > 1 else "")
    return plot(title, f"Private memory over time. {told}.", draw)


# setting: its name, and the ideal throughput for a value of it, or None
AXES: dict[str, tuple[str, Callable | None]] = {
    "clients": ("clients", lambda clients: clients),
    "workers": ("parallel workers", lambda workers: workers + 1),   # the backend works too
    "memory_limit": ("memory limit", None),
}


def scale(records: list[dict]) -> list[Html]:
    """Throughput and speed-up by each setting that varies, with a line for each combination of the other settings."""
    points = [found for record in records if (found := summary.scale(record)) and found.get("throughput")]
    cores = next((record["host"]["cores"] for record in records if (record.get("host") or {}).get("cores")), None)
    figures = []
    for axis, (title, parts) in AXES.items():
        lines: dict[tuple, list[tuple[float, float]]] = {}
        for point in points:
            if point.get(axis) is not None:
                others = tuple((other, point.get(other)) for other in AXES if other != axis)
                lines.setdefault(others, []).append((point[axis], point["throughput"]))
        lines = {others: sorted(line) for others, line in lines.items() if len({place for place, _ in line}) > 1}
        if lines:
            varying = {other for place, other in enumerate(name for name in AXES if name != axis) if len({others[place] for others in lines}) > 1}
            named = {other_settings(others, varying): line for others, line in lines.items()}
            figures.append(throughput(named, title, axis))
            if parts:
                figures.append(speed_up(named, title, parts, cores))
    return figures


def other_settings(others: tuple, varying: set[str]) -> str:
    words = [quantity(value, "bytes") if axis == "memory_limit" and value else "no memory limit" if axis == "memory_limit" else plural(value, axis.rstrip("s"))
             for axis, value in others if axis in varying]
    return ", ".join(words) or "measured"


def throughput(lines: dict[str, list[tuple[float, float]]], title: str, axis: str) -> Html:
    def draw(axes):
        for (label, line), (colour, marker) in zip(lines.items(), styles()):
            axes.plot(*zip(*line), color=colour, marker=marker, label=label)
        from_zero(axes)
        axes.set_xlabel(title)
        axes.set_ylabel("executions per second")
        if axis == "memory_limit":
            in_unit(axes, "xaxis", "bytes")
        else:
            axes.xaxis.get_major_locator().set_params(integer=True)
    told = "; ".join(f"{label}: " + ", ".join(f"{throughput:.3g} with {place:,}" for place, throughput in line) for label, line in lines.items())
    return plot(f"Throughput by {title}", f"Executions per second by {title}. {told}.", draw)


def speed_up(lines: dict[str, list[tuple[float, float]]], title: str, parts: Callable, cores: int | None) -> Html:
    """The speed-up relative to the smallest setting. The ideal one is proportional to the number of working processes."""
    first = min(line[0][0] for line in lines.values())
    last = max(line[-1][0] for line in lines.values())
    ups = {label: [(place, throughput / line[0][1] * parts(line[0][0]) / parts(first)) for place, throughput in line] for label, line in lines.items()}

    def draw(axes):
        axes.plot([first, last], [1, parts(last) / parts(first)], color=INK, linestyle="--", linewidth=1, label="ideal")
        if cores and parts(first) < cores < parts(last):
            axes.axvline(first + cores - parts(first), color=INK, linestyle=":", linewidth=1, label=plural(cores, "core"))
        for (label, line), (colour, marker) in zip(ups.items(), styles()):
            axes.plot(*zip(*line), color=colour, marker=marker, label=label)
        from_zero(axes)
        axes.set_xlabel(title)
        axes.set_ylabel(f"throughput / that with {first}")
        axes.xaxis.get_major_locator().set_params(integer=True)
    told = "; ".join(f"{label}: " + ", ".join(f"{up:.2f} with {place:,}" for place, up in line) for label, line in ups.items())
    return plot(f"Speed-up by {title}", f"Speed-up by {title}, against {first:,}; ideal would be {parts(last) / parts(first):.2f} with {last:,}. {told}.", draw)


def history(runs: list[dict], measure: str, changes: list[Change]) -> Html | None:
    """Medians of one measure across time. Runs are at equal distances, because most occur in groups. A line marks each change."""
    label, unit = summary.MEASURES[measure]
    values = [(place, float(run[measure])) for place, run in enumerate(runs) if run.get(measure) is not None]
    if not values:
        return None

    def draw(axes):
        axes.plot(*zip(*values), color=COLOURS[0], marker="o", linewidth=0.8, markersize=3.5, label="median of a run")
        for number, change in enumerate(changes):
            axes.axvline(change.index - 0.5, color=COLOURS[6], linestyle="--", linewidth=1, label=None if number else "change")
        from_zero(axes)
        axes.margins(x=0.03)
        axes.set_xlim(-0.5, len(runs) - 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
        axes.xaxis.set_major_formatter(lambda place, _: day(runs[int(place)]["started"]) if place == int(place) and 0 <= place < len(runs) else "")
        in_unit(axes, "yaxis", unit)
    told = "; ".join(f"change by {(change.ratio - 1):+.1%} at {summary.moment(str(change.time))}" for change in changes) or "no change found"
    return plot(f"{label[0].upper()}{label[1:]} of {plural(len(values), 'run')}",
                f"{label} across time, from {quantity(values[0][1], unit)} to {quantity(values[-1][1], unit)}: {told}.", draw)


def day(stamp: str | datetime) -> str:
    return str(stamp)[:10]


def over_time(title: str, unit: str, seconds: Sequence[float], lines: dict[str, Sequence[float]]) -> Html:
    def draw(axes):
        for (label, values), (colour, marker) in zip(lines.items(), styles()):
            axes.plot(seconds, values, color=colour, marker=marker, markersize=3, drawstyle="steps-post", label=name(label))
        from_zero(axes)
        axes.set_xlabel("time from the start")
        in_unit(axes, "xaxis", "s")
        in_unit(axes, "yaxis", unit)
    told = "; ".join(f"{label}: at most {quantity(max(values), unit)}" for label, values in lines.items())
    return plot(f"{title} over time", f"{title} over time. {told}.", draw)
