"""Runs and comparisons as Markdown for the terminal."""

from collections.abc import Iterable, Sequence

from . import summary
from .units import probability, quantity, ratio, share, signed


def text(document: dict) -> str:
    """The main figures of a record or a comparison, ending with a newline."""
    lines = comparison_lines(document) if "comparison" in document else record_lines(document)
    return "\n".join(lines).rstrip("\n") + "\n"


def text_of_scale(records: list[dict]) -> str:
    """A line for each setting of a `cbperf scale`."""
    def rows() -> Iterable[tuple[str, ...]]:
        for record in records:
            setting = summary.scale(record)
            medians = {measure.name: quantity(measure.median, measure.unit) for measure in summary.measures(record)}
            throughput = setting.get("throughput")
            yield (summary.setting(setting), "–" if throughput is None else f"{throughput:.3g}", medians["cpu"], medians["peak_private"],
                   summary.problem(record) or record["state"])
    tags = dict.fromkeys(plain(record["tag"]) for record in records if record.get("tag"))
    header = ["setting", "executions / s", "CPU time", "peak private memory", "state"]
    return "\n".join([f"# {', '.join(tags) or 'Scale'}", "", *table(header, rows(), text_columns=(0, 4))])


def text_of_list(rows: list[dict]) -> str:
    """A line for each row of Store.list."""
    return "\n".join(table(["run", "started", "process", "state", "samples", "real time", "CPU time", "peak private memory", "tag"], (
        (str(row["run_id"])[:8], summary.moment(str(row["started"])), row["process"], row["state"], row["samples"], quantity(row.get("real"), "s"),
         quantity(row.get("cpu"), "s"), quantity(row.get("peak_private"), "bytes"), row.get("tag") or "") for row in rows), text_columns=(0, 1, 2, 3, 8)))


def text_of_comparisons(rows: list[dict]) -> str:
    """A line for each row of Store.comparisons."""
    return "\n".join(table(["comparison", "started", "base", "new", "state", "alarms", "tag"], (
        (str(row["comparison_id"])[:8], summary.moment(str(row["started"])), row["base"], row["new"], row["state"],
         row["alarms"] if row["alarm"] is not None else "–", row["tag"] or "") for row in rows), text_columns=(0, 1, 2, 3, 4, 6)))


def plain(value: object) -> str:
    """The text on one line, without control characters, which could control the terminal."""
    return "".join(c if c.isprintable() else " " if c.isspace() else f"\\x{ord(c):02x}" for c in str(value))


def table(header: Sequence[str], rows: Iterable[Sequence[object]], text_columns: Sequence[int] = (0,)) -> list[str]:
    """The lines of a table. Columns of figures are aligned right, columns of text left."""
    cells = [[plain(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    columns = [(max(3, *map(len, column)), place in text_columns) for place, column in enumerate(zip(*cells))]
    lines = [[cell.ljust(width) if is_text else cell.rjust(width) for cell, (width, is_text) in zip(row, columns)] for row in cells]
    lines.insert(1, ["-" * width if is_text else "-" * (width - 1) + ":" for width, is_text in columns])
    return [*("| " + " | ".join(line) + " |" for line in lines), ""]


def warning(document: dict) -> list[str]:
    problem = summary.problem(document)
    return [f"**{plain(problem)}**", ""] if problem else []


def record_lines(record: dict) -> list[str]:
    lines = [f"# {plain(record['process'])}", "", *warning(record)]
    if record.get("description"):
        lines += [plain(record["description"]), ""]
    for group, names in summary.facts(record).items():
        if group == "Libraries":
            continue      # there are dozens, for which only the page has space
        lines.append(f"- {group}: " + ", ".join(f"{plain(name)} {plain(value)}" for name, value in names.items()))
    lines += ["", "## Measures", "", *table(["measure", "median", "least", "most"], measure_rows(record))]
    sample = summary.median_sample(record)
    if sample and sample.get("waits"):
        lines += ["## Waits", "", *table(["event", "in the median sample"], [(event, quantity(seconds, "s")) for event, seconds in sample["waits"].items()])]
    if sample and sample.get("spans"):
        lines += ["## Spans", "", *table(["span", "start", "real", "CPU", "workers' CPU", "waiting"], [
            ("  " * (len(span["path"]) - 1) + span["path"][-1], *(quantity(span.get(name), "s") for name in ("start", "real", "cpu", "workers_cpu", "waiting")))
            for span in summary.spans(sample)])]
    if record.get("components"):
        lines += ["## Components", "", *table(["component", "profiler", "share", "seconds"], [
            (part["component"], part["profiler"], share(part["share"], 1), quantity(part.get("seconds"), "s"))
            for part in record["components"] if part["value"]], text_columns=(0, 1))]
    if others := summary.other_reasons(record):
        lines += ["## Not available", "", *(f"- {plain(name)}: {plain(why)}" for name, why in others.items()), ""]
    if record.get("profiles"):
        lines += ["## Profiles", "", *table(["profile", "total", "overhead"], profile_rows(record))]
    return lines


def measure_rows(record: dict) -> Iterable[tuple[str, ...]]:
    for measure in summary.measures(record):
        if measure.why:
            yield measure.label, f"not available: {measure.why}", "", ""
        else:
            yield measure.label, *(quantity(value, measure.unit) for value in (measure.median, measure.least, measure.most))


def profile_rows(record: dict) -> Iterable[tuple[str, ...]]:
    for profile in record["profiles"]:
        times = (profile.get("facts") or {}).get("executions")
        total = f"not available: {profile['unavailable']}" if profile.get("unavailable") else \
            quantity(profile["total"], profile["unit"]) + (f" in {times} executions" if times else "")
        yield f"{profile['title']} ({profile['unit']})", total, ratio(profile.get("overhead"))


def comparison_lines(comparison: dict) -> list[str]:
    lines = [f"# {plain(comparison['base'])} → {plain(comparison['new'])}: {'ALARM' if comparison['alarm'] else 'no alarm'}", "", *warning(comparison)]
    lines += table(["workload", "measure", "base", "new", "ratio", "threshold", "p (< 0.01)", "verdict"], verdict_rows(comparison), text_columns=(0, 1, 7))
    for workload in comparison["workloads"]:
        for evidence in workload["evidence"]:
            label, unit = summary.verdict_texts(evidence)[0], summary.evidence_unit(evidence)
            lines += [f"## {plain(workload['workload'])}, {plain(label)}: the functions that changed most", ""]
            if evidence.get("unavailable"):
                lines += [f"Not available: {plain(evidence['unavailable'])}", ""]
            else:
                lines += table(["function", f"change in {unit}" if unit else "change"],
                               [(guilty["frame"], signed(guilty["delta"], unit)) for guilty in evidence["guilty"]])
    return lines


def verdict_rows(comparison: dict) -> Iterable[tuple[str, ...]]:
    for workload in comparison["workloads"]:
        for verdict in workload["verdicts"]:
            label, unit = summary.verdict_texts(verdict)
            yield (workload["workload"], label, quantity(verdict.get("base"), unit), quantity(verdict.get("new"), unit), ratio(verdict.get("ratio")),
                   ratio(verdict.get("threshold")), probability(verdict.get("p")), summary.judgement(verdict))
