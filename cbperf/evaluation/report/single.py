"""The sections of the page about one run."""

import itertools
from collections.abc import Iterable, Iterator

from . import plots, summary
from .flames import Flames
from .markup import Html, element, join, table, wide
from .units import counted, quantity, ratio, share

# name: title, unit
STATEMENT_COUNTERS = {
    "calls": ("calls", ""), "seconds": ("real time", "s"), "user": ("CPU time in user mode", "s"), "system": ("CPU time in the kernel", "s"),
    "rows": ("rows", ""), "shared_blks_hit": ("blocks found", ""), "shared_blks_read": ("blocks read", ""), "temp_blks_read": ("temporary blocks read", ""),
    "temp_blks_written": ("temporary blocks written", ""), "wal_bytes": ("WAL", "bytes"), "minor_faults": ("minor page faults", ""),
    "major_faults": ("major page faults", ""), "disk_read": ("read from disk", "bytes"), "disk_written": ("written to disk", "bytes"),
}

Section = tuple[str, Html]   # heading, content


def run_sections(flames: Flames, record: dict, several: bool = False) -> Iterator[Section]:
    yield "Measures", join(table("Over the samples", ["measure", "median", "least", "most"], measure_rows(record)),
                           wait_table(record), process_table(record), other_reasons(record))
    sample = summary.median_sample(record)
    if sample and sample.get("spans"):
        yield "Spans", span_table(sample)
    if record.get("components"):
        yield "Components", join(None if several else component_stacks([record], [""]), component_table(record))
    if not several:
        figures = [plots.samples([record], [record["process"]]), plots.memory([record], [record["process"]])]
        if any(figures):
            yield "Over time", element("div", figures, class_="plots")
    if record.get("statements"):
        yield "Statements", statement_table(record["statements"])
    elif record.get("unavailable", {}).get("statements"):
        yield "Statements", element("p", f"Not available: {record['unavailable']['statements']}", class_="missing")
    if record.get("profiles"):
        yield "Profiles", join(profile_part(flames, profile) for profile in record["profiles"])


def measure_rows(record: dict) -> Iterator[list]:
    for measure in summary.measures(record):
        if measure.why:
            yield [measure.label, wide(f"not available: {measure.why}", 3)]
        else:
            yield [measure.label, *(quantity(value, measure.unit) for value in (measure.median, measure.least, measure.most))]


def wait_table(record: dict) -> Html | None:
    """The wait events of the median sample."""
    sample = summary.median_sample(record)
    waits = sorted((sample.get("waits") or {}).items(), key=lambda wait: -wait[1]) if sample else []
    if not waits:
        return None
    return table("Waits of the median sample", ["event", "time", "share of real time"],
                 ([event, quantity(seconds, "s"), share(seconds, sample.get("real") or 0)] for event, seconds in waits))


def other_reasons(record: dict) -> Html:
    return join(element("p", f"Not available: {name}: {why}", class_="missing") for name, why in summary.other_reasons(record).items() if name != "statements")


def process_table(record: dict) -> Html | None:
    sample = summary.median_sample(record)
    if not sample or not sample.get("processes"):
        return None
    return table("Processes of the median sample", ["role", "pid", *(summary.MEASURES[name][0] for name in summary.OF_PROCESSES)], (
        [process["role"], str(process["pid"]), *(quantity(process.get(name), summary.MEASURES[name][1]) for name in summary.OF_PROCESSES)]
        for process in sample["processes"]))


def statement_table(statements: list[dict]) -> Html:
    """The server's own counters (pg_stat_statements, pg_stat_kcache), without those that it lacks."""
    counters = {name: about for name, about in STATEMENT_COUNTERS.items() if any(row.get(name) is not None for row in statements)}
    return table("Sums over all repetitions, from the server's counters", ["statement", *(title for title, _ in counters.values())], (
        [element("code", row["query"]), *(quantity(row.get(name), unit) for name, (_, unit) in counters.items())] for row in statements))


def span_table(sample: dict) -> Html:
    spans = summary.spans(sample)
    whole = sample.get("real") or max(span["start"] + span["real"] for span in spans) or 1
    columns = {"real": ("real", "s"), "cpu": ("CPU", "s"), "workers_cpu": ("workers' CPU", "s"), "waiting": ("waiting", "s"),
               "minor_faults": ("minor faults", ""), "major_faults": ("major faults", "")}
    most = {name: whole if unit == "s" else max((span.get(name) or 0 for span in spans), default=0) for name, (_, unit) in columns.items()}

    def bar(value: float | None, name: str) -> Html | str:
        if value is None:
            return "–"
        return element("span", quantity(value, columns[name][1]), class_="bar", style=f"--width: {percent(value, most[name])}")

    def rows() -> Iterator[list]:
        for span in spans:
            waits = sorted((span.get("waits") or {}).items(), key=lambda wait: -wait[1])
            yield [element("span", span["path"][-1], class_="level", style=f"--level: {len(span['path']) - 1}", title=" / ".join(span["path"])),
                   element("span", element("i", style=f"--start: {percent(span['start'], whole)}; --width: {percent(span['real'], whole)}"), class_="time",
                           title=f"from {quantity(span['start'], 's')} for {quantity(span['real'], 's')}"),
                   *(bar(span.get(name), name) for name in columns),
                   element("td", ", ".join(f"{event} {quantity(seconds, 's')}" for event, seconds in waits) or "–", class_="waits")]
    header = ["span", "in time", *(title for title, _ in columns.values()), element("th", "waits", scope="col")]
    return table(f"Spans of the median sample ({quantity(sample.get('real'), 's')})", header, rows(), text_columns=2)


def percent(part: float, whole: float) -> str:
    return f"{min(100.0, max(0.0, 100 * part / whole)) if whole else 0:.2f}%"


def colours(parts: Iterable[dict]) -> dict[str, str]:
    """The colour of each component. 'other' is grey."""
    names = dict.fromkeys(part["component"] for part in parts if part["component"] != "other")
    return dict(zip(names, itertools.cycle(plots.COLOURS))) | {"other": "#9aa3b0"}


def component_stacks(records: list[dict], labels: list[str]) -> Html | None:
    """A bar for each profiler of each run. All bars have the width of the page, because they show shares."""
    colour = colours(part for record in records for part in record.get("components") or [])
    bars = []
    for record, label in zip(records, labels):
        for profiler in dict.fromkeys(part["profiler"] for part in record.get("components") or []):
            parts = [part for part in record["components"] if part["profiler"] == profiler]
            told = ", ".join(f"{part['component']} {share(part['share'], 1)}" for part in parts)
            bars.append(element("div", profiler if not label else f"{label}: {profiler}", class_="pale"))
            bars.append(element("div", (stacked(part, colour) for part in parts if part["share"]), class_="stack",
                                role="img", aria_label=f"Shares of {profiler}: {told}"))
    return join(bars) if bars else None


def stacked(part: dict, colour: dict[str, str]) -> Html:
    """A part of a bar, with a label if it fits."""
    return element("i", f"{part['component']} {part['share']:.0%}" if part["share"] >= 0.07 else "", title=f"{part['component']} {share(part['share'], 1)}",
                   style=f"--width: {percent(part['share'], 1)}; background: {colour[part['component']]}")


def component_table(record: dict) -> Html:
    units = {profile["profiler"]: profile["unit"] for profile in record.get("profiles") or []}
    colour = colours(record["components"])
    rows = ([join(element("span", class_="swatch", style=f"background: {colour[part['component']]}"), part["component"]), part["profiler"],
             share(part["share"], 1), counted(part["value"], units.get(part["profiler"], "")), quantity(part.get("seconds"), "s")]
            for part in record["components"] if part["value"])
    return table("By component", ["component", "profiler", "share", "value", "seconds"], rows, text_columns=2)


def profile_part(flames: Flames, profile: dict) -> Html:
    heading = element("h3", profile["title"])
    if profile.get("unavailable") or not profile.get("tree"):
        return join(heading, element("p", f"Not available: {profile.get('unavailable') or 'no record'}", class_="missing"))
    facts = {name: value for name, value in (profile.get("facts") or {}).items() if not isinstance(value, (list, dict))}
    told = [counted(profile["total"], profile["unit"]) + (f" in {times} executions" if (times := facts.pop("executions", None)) else ""),
            *([f"{ratio(profile['overhead'])} times as long as without the profiler"] if profile.get("overhead") else []),
            *(f"{name} {quantity(value, 'bytes') if name == 'idle' else value}" for name, value in facts.items())]
    return join(heading, element("p", "; ".join(told), class_="pale"), series_plot(profile),
                flames.figure(profile["title"], profile["unit"], profile["tree"]))


def series_plot(profile: dict) -> Html | None:
    """A plot of the facts that are series over time: "seconds", and lists of the same length."""
    facts = profile.get("facts") or {}
    seconds = facts.get("seconds")
    if not isinstance(seconds, list) or not seconds:
        return None
    lines = {name: values for name, values in facts.items() if name != "seconds" and isinstance(values, list) and len(values) == len(seconds)}
    return element("div", plots.over_time(profile["title"], profile["unit"], seconds, lines), class_="plots") if lines else None
