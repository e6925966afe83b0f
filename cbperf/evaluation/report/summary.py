"""The content of a report in any form: measures, facts, labels, verdicts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median, median_low

import profilers

from .units import plural, quantity

# name: label, unit
MEASURES = {
    "real": ("real time", "s"),
    "cpu": ("CPU time", "s"),
    "user": ("CPU time in user mode", "s"),
    "system": ("CPU time in the kernel", "s"),
    "runqueue": ("ready, while others ran", "s"),
    "waiting": ("waiting", "s"),
    "peak_private": ("peak private memory", "bytes"),
    "peak_resident": ("peak resident memory", "bytes"),
    "minor_faults": ("minor page faults", ""),
    "major_faults": ("major page faults", ""),
    "voluntary_switches": ("voluntary context switches", ""),
    "involuntary_switches": ("involuntary context switches", ""),
}
VERDICT_MEASURES = {
    "instructions": ("instructions", "instructions"), "peak_heap": ("peak heap", "bytes"), "time": ("time", "s"), "memory": ("private memory", "bytes"),
}
OF_PROCESSES = [name for name in MEASURES if name not in ("real", "cpu", "waiting", "runqueue")]


@dataclass
class Measure:
    """A measure over the samples of a run. Without values, median, least and most are None, and `why` has the reason."""

    name: str
    label: str
    unit: str
    median: float | None
    least: float | None
    most: float | None
    why: str | None


def value(sample: dict, name: str) -> float | None:
    if name == "cpu":
        user, system = sample.get("user"), sample.get("system")
        return None if user is None or system is None else user + system
    return sample.get(name)


def good_samples(record: dict) -> list[dict]:
    return [sample for sample in record["samples"] if not sample.get("failed")]


def measures(record: dict) -> list[Measure]:
    result = []
    for name, (label, unit) in MEASURES.items():
        values = [found for sample in good_samples(record) if (found := value(sample, name)) is not None]
        if values:
            result.append(Measure(name, label, unit, median(values), min(values), max(values), None))
        else:
            unavailable = record.get("unavailable") or {}
            why = unavailable.get(name) or (unavailable.get("user") or unavailable.get("system") if name == "cpu" else None)
            result.append(Measure(name, label, unit, None, None, None, why or "no sample has it"))
    return result


def other_reasons(record: dict) -> dict[str, str]:
    """The reasons why things other than measures are not available: spans, waits, statements ..."""
    return {name: why for name, why in (record.get("unavailable") or {}).items() if name not in MEASURES}


def median_sample(record: dict) -> dict | None:
    """The sample that represents the run: the one with the median real time, or the lower one of two medians."""
    timed = [sample for sample in good_samples(record) if sample.get("real") is not None]
    if not timed:
        return next(iter(good_samples(record)), None)
    middle = median_low(sample["real"] for sample in timed)
    return next(sample for sample in timed if sample["real"] == middle)


def pair_rows(base: dict, new: dict) -> Iterator[tuple[Measure, Measure, float | None]]:
    """Each measure of both runs, with new / base."""
    for old, current in zip(measures(base), measures(new)):
        yield old, current, current.median / old.median if current.median is not None and old.median else None


def problem(document: dict) -> str | None:
    """The reason not to trust a run or comparison: a state other than "complete", or failed samples. Otherwise None."""
    reasons = []
    if document.get("state") != "complete":
        reasons.append(f"{document.get('state')}: {first_line(document.get('error')) or 'without a recorded reason'}")
    samples = document.get("samples") or []
    failed = [sample for sample in samples if sample.get("failed")]
    if failed:
        others = dict.fromkeys(first_line(sample["failed"]) for sample in failed if sample["failed"] != document.get("error"))
        reasons.append(f"{plural(len(failed), 'sample')} of {len(samples)} failed" + (f": {'; '.join(others)}" if others else ""))
    return ". ".join(reasons) or None


def first_line(text: str | None) -> str:
    """The message of an error, without detail and hint."""
    return (text or "").strip().split("\n")[0].removesuffix(".")


def moment(stamp: str | None) -> str:
    """A time of a record, to the second."""
    if stamp is None:
        return "–"
    stamp = str(stamp)
    zone = " UTC" if stamp.endswith(("+00:00", "Z")) else stamp[-6:] if stamp[-6:-5] in ("+", "-") else ""
    return stamp[:19].replace("T", " ") + zone


def short(hexadecimal: str | None) -> str | None:
    return hexadecimal and hexadecimal[:12]


def facts(record: dict) -> dict[str, dict[str, str]]:
    """The known facts about a run (time, host, versions ...), as texts by group and name."""
    host, server, git, dataset = (record.get(name) or {} for name in ("host", "server", "git", "dataset"))
    extension = server.get("extension") or {}
    groups = {
        "Run": {
            "kind": record.get("kind"), "started": moment(record.get("started")), "finished": moment(record.get("finished")),
            "state": record.get("state"), "samples": str(len(record["samples"])), "tag": record.get("tag"), "run": record.get("run_id"),
        },
        "Host": {
            "name": host.get("name"), "CPU": host.get("cpu"), "cores": host.get("cores"),
            "memory": quantity(host["memory"], "bytes") if host.get("memory") else None, "kernel": host.get("kernel"), "system": host.get("os"),
        },
        "Versions": {
            "PostgreSQL": server.get("version"), extension.get("name") or "extension": extension.get("version"),
            "its SHA-256": short(extension.get("sha256")), "cbperf": record.get("tool"),
            "commit": short(git["commit"]) + (" with uncommitted changes" if git.get("dirty") else "") if git else None,
            "dataset": dataset.get("name"), "its hash": short(dataset.get("hash")),
        },
        "Settings": server.get("settings") or {},
        "Libraries": record.get("libraries") or {},
        "User data": record.get("user_data") or {},
    }
    known = {group: {name: str(text) for name, text in names.items() if text not in (None, "")} for group, names in groups.items()}
    return {group: names for group, names in known.items() if names}


def split_facts(records: list[dict]) -> tuple[dict[str, dict[str, str]], dict[str, list[str | None]]]:
    """The facts that all runs share, by group; and those that differ, by name, with a text or None for each run."""
    every = [facts(record) for record in records]
    common: dict[str, dict[str, str]] = {}
    differing: dict[str, list[str | None]] = {}
    for group in dict.fromkeys(group for one in every for group in one):
        for name in dict.fromkeys(name for one in every for name in one.get(group, {})):
            texts = [one.get(group, {}).get(name) for one in every]
            # A run that failed early may lack the whole group.
            known = {text for one, text in zip(every, texts) if group in one}
            if len(known) == 1:
                common.setdefault(group, {})[name] = known.pop()
            else:
                differing[f"{group}: {name}"] = texts
    return common, differing


def scale(record: dict) -> dict | None:
    """The setting and throughput of a run of `cbperf scale`."""
    return (record.get("user_data") or {}).get("scale")


def setting(scale: dict) -> str:
    limit = scale.get("memory_limit")
    return ", ".join([plural(scale["clients"], "client"), plural(scale["workers"], "worker"), *([f"at most {limit / (1 << 20):.4g} MiB"] if limit else [])])


def labels(records: list[dict]) -> list[str]:
    """A short and unique name for each run."""
    names = [setting(scale(record)) if scale(record) else record["process"] for record in records]
    for further in (lambda record: record.get("started", "")[:19].replace("T", " "), lambda record: str(record.get("run_id"))[:8]):
        repeated = Counter(names)
        names = [f"{name}, {further(record)}" if repeated[name] > 1 else name for name, record in zip(names, records)]
    return names


def spans(sample: dict) -> list[dict]:
    """The spans in the order of a tree: each after its parent, and siblings by their start."""
    found = sample.get("spans") or []
    start = {}
    for span in found:
        path = tuple(span["path"])
        start[path] = min(start.get(path, span["start"]), span["start"])
    return sorted(found, key=lambda span: [(start.get(tuple(span["path"][:depth]), 0.0), span["path"][depth - 1])
                                           for depth in range(1, len(span["path"]) + 1)] + [(span["start"], "")])


def self_values(tree: dict) -> Counter:
    """The value of each frame without its callees, by name."""
    own: Counter = Counter()
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        children = node.get("children") or []
        own[node["name"]] += node["value"] - sum(child["value"] for child in children)
        nodes += children
    return own


def verdict_texts(verdict: dict) -> tuple[str, str]:
    """The label of a verdict's measure, and its unit."""
    return VERDICT_MEASURES.get(verdict["measure"], (verdict["measure"], ""))


def evidence_unit(evidence: dict) -> str:
    """The unit of the evidence's profiler, or '' if that profiler is not installed here."""
    profiler = profilers.ALL.get(evidence["profiler"])
    return profiler.unit if profiler else ""


def judgement(verdict: dict) -> str:
    if verdict.get("unavailable"):
        return f"not available: {verdict['unavailable']}"
    return "ALARM" if verdict["alarm"] else "no alarm"
