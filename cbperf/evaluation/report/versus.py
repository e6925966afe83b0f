"""The sections of the page about comparisons and pairs of runs."""

from collections.abc import Iterator
from typing import NamedTuple

import flame

from . import summary
from .flames import Flames
from .markup import Html, element, join, table, wide
from .single import Section
from .units import plural, probability, quantity, ratio, signed


class Pair(NamedTuple):
    name: str
    base: int               # places in the records
    new: int
    shown: set[str]         # profilers whose difference the comparison's evidence shows


def find_pairs(records: list[dict], comparison: dict | None) -> list[Pair]:
    """The pairs of runs of the comparison's workloads. Without a comparison, two runs of the same process are a pair."""
    if comparison:
        places = {record["run_id"]: place for place, record in enumerate(records)}
        return [Pair(workload["workload"], places[workload["base_run"]], places[workload["new_run"]],
                     {evidence["profiler"] for evidence in workload["evidence"] if evidence.get("tree")})
                for workload in comparison["workloads"] if workload.get("base_run") in places and workload.get("new_run") in places]
    if len(records) == 2 and records[0]["process"] == records[1]["process"] and not any(map(summary.scale, records)):
        return [Pair(records[0]["process"], 0, 1, set())]
    return []


def name_sides(labels: list[str], pairs: list[Pair]) -> list[str]:
    """The labels of the runs. A run in a pair is labelled by its side."""
    sides = {place: f"{pair.name}, {side}" for pair in pairs for place, side in ((pair.base, "base"), (pair.new, "new"))}
    return [sides.get(place, label) for place, label in enumerate(labels)]


def comparison_sections(flames: Flames, comparison: dict) -> Iterator[Section]:
    yield "Verdict", join(element("p", headline(comparison), class_=f"verdict {'alarm' if comparison['alarm'] else ''}"),
                          table("A ratio is new / base. A ratio above the threshold raises an alarm.",
                                ["workload", "measure", "base", "new", "ratio", "threshold", "p", "verdict"], verdict_rows(comparison), text_columns=2))
    for workload in comparison["workloads"]:
        for evidence in workload["evidence"]:
            label, unit = summary.verdict_texts(evidence)[0], summary.evidence_unit(evidence)
            yield f"Evidence: {workload['workload']}, {label}", evidence_section(flames, f"{workload['workload']}, {label}", unit, evidence)


def headline(comparison: dict) -> str:
    verdicts = [verdict for workload in comparison["workloads"] for verdict in workload["verdicts"]]
    alarms, missing = (sum(bool(verdict.get(name)) for verdict in verdicts) for name in ("alarm", "unavailable"))
    found = f"{plural(alarms, 'alarm')}: {comparison['new']} needs more than {comparison['base']}" if comparison["alarm"] else "No alarm"
    unknown = f"{missing} of {plural(len(verdicts), 'verdict')} not available" if missing else None
    unfinished = "the comparison is incomplete" if comparison["state"] != "complete" else None
    return "; ".join(filter(None, [found, unknown, unfinished])) + "."


def evidence_section(flames: Flames, title: str, unit: str, evidence: dict) -> Html:
    if not evidence.get("tree"):
        return element("p", f"Not available: {evidence.get('unavailable') or 'no record'}", class_="missing")
    frames = list(dict.fromkeys(guilty["frame"] for guilty in evidence["guilty"]))
    return join(table("The functions that changed most, by their own value", ["function", f"change in {unit}" if unit else "change"],
                      ([element("code", guilty["frame"]), signed(guilty["delta"], unit)] for guilty in evidence["guilty"])),
                flames.figure(f"{title}: new against base", unit, evidence["tree"], frames))


def verdict_rows(comparison: dict) -> Iterator[list]:
    for workload in comparison["workloads"]:
        for verdict in workload["verdicts"]:
            label, unit = summary.verdict_texts(verdict)
            if verdict.get("unavailable"):
                yield [workload["workload"], label, wide(summary.judgement(verdict), 6)]
                continue
            yield [workload["workload"], label, quantity(verdict["base"], unit), quantity(verdict["new"], unit), ratio(verdict["ratio"]),
                   ratio(verdict["threshold"]), probability(verdict.get("p")),
                   element("span", summary.judgement(verdict), class_="alarm" if verdict["alarm"] else "pale")]


def pair_section(flames: Flames, base: dict, new: dict, shown: set[str]) -> Html:
    parts = [table("Medians over the samples of each run, with least and most",
                   ["measure", "base", "least … most", "new", "least … most", "new / base"], pair_rows(base, new))]
    others = {profile["profiler"]: profile for profile in new.get("profiles") or [] if profile.get("tree")}
    for profile in base.get("profiles") or []:
        other = others.get(profile["profiler"])
        if profile.get("tree") and other and profile["profiler"] not in shown:
            difference = flame.difference(profile["tree"], other["tree"])
            parts.append(flames.figure(f"{profile['title']}: new against base", profile["unit"], difference))
    return join(parts)


def pair_rows(base: dict, new: dict) -> Iterator[list]:
    for old, current, change in summary.pair_rows(base, new):
        if old.why and current.why:
            yield [old.label, wide(f"not available: {old.why}", 5)]
        else:
            yield [old.label, *(text for measure in (old, current) for text in (quantity(measure.median, measure.unit), extent(measure))), ratio(change)]


def extent(measure: summary.Measure) -> str:
    return "–" if measure.why else f"{quantity(measure.least, measure.unit)} … {quantity(measure.most, measure.unit)}"
