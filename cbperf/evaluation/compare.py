"""cbperf compare: run two versions interleaved, and decide whether the new one is slower or takes more memory.

Counts (instructions, heap at its peak) are the same each time, so a ratio above COUNT_THRESHOLD raises an alarm. Times and
the kernel's figures of memory vary: they raise an alarm if the ratio of the medians is above TIME_THRESHOLD and the p of the
Mann-Whitney test (https://doi.org/10.1214/aoms/1177730491, one-sided) is below P_THRESHOLD.
"""

import statistics
import uuid
from dataclasses import dataclass, field

import components
import flame
import host
import profilers
import profiling
import psycopg
import run
import samples
import statements
import workload
from arms import Arm
from run import Recorder, Work, progress
from store import Keeper

COUNT_THRESHOLD = 1.01
TIME_THRESHOLD = 1.05
P_THRESHOLD = 0.01

# measure: the field of a sample, or the profiler that counts it; and the profiler whose trees are the evidence
SAMPLED = {"time": "real", "memory": "peak_private"}
COUNTED = {"instructions": "instructions", "peak_heap": "heap"}
EVIDENCE = COUNTED | {"time": "cpu", "memory": "heap"}


@dataclass
class Settings:
    workloads: list[tuple[str, str]]              # name and SQL
    pairs: int = 15
    timed: str = "timed"                          # the schemas of the tables for times and for counts
    counted: str = "counted"
    labels: dict = field(default_factory=dict)


class Side:
    """The runs of one version in the comparison of a workload."""

    def __init__(self, arm: Arm, which: str, name: str, sql: str, comparison: dict, settings: Settings, keeper: Keeper):
        work = Work("sql", name, [sql], labels=settings.labels | {"user_data": {"comparison": comparison["comparison_id"], "arm": which}})
        self.recorder = Recorder(work, keeper)
        self.record = self.recorder.record
        self.record["git"] = arm.source
        self.timed, self.counted = [with_tables(arm, schema) for schema in (settings.timed, settings.counted)]
        self.sql = statements.split(sql)
        self.session: workload.Session | None = None

    def open(self) -> None:
        self.recorder.keep()
        self.session = workload.Session(self.timed, self.sql)
        self.record["server"] = host.server(self.session.connection, "cell_binary")
        for _ in range(2):
            self.session.run()
        run.libraries(self.record, self.session)

    def execute(self, repetition: int) -> None:
        try:
            self.recorder.add(run.execute(self.session, repetition, False, self.record["unavailable"]))
        except psycopg.Error as error:
            self.recorder.add(error.sample)
            raise

    def close(self) -> None:
        if self.session:
            self.session.close()

    def profile(self, name: str) -> dict:
        """The profile by a custom profiler. Counting and evidence share it."""
        for profile in self.record["profiles"]:
            if profile["profiler"] == name:
                return profile
        session = workload.Session(self.counted if profilers.get(name).replays else self.timed, self.sql)
        try:
            session.run()
            usual = run.usual(self.record)
            profile = profiling.profile(name, session.target(), profiling.repeated(session.run, usual), usual)
        finally:
            session.close()
        self.record["profiles"].append(profile)
        return profile


def verdict(measure: str, base: float | None, new: float | None, threshold: float, unavailable: str | None = None, p: float | None = None) -> dict:
    ratio = new / base if base and new is not None else None
    if ratio is None and unavailable is None:
        unavailable = "one of the versions has no figure"
    alarm = ratio is not None and ratio > threshold and (p is None or p < P_THRESHOLD)
    return {"measure": measure, "base": base, "new": new, "ratio": ratio, "threshold": threshold, "p": p, "alarm": alarm, "unavailable": unavailable}


def by_samples(measure: str, base: dict, new: dict) -> dict:
    name = SAMPLED[measure]
    values = [[sample[name] for sample in record["samples"]] for record in (base, new)]
    why = base["unavailable"].get(name) or new["unavailable"].get(name)
    if why or any(value is None for side in values for value in side):
        return verdict(measure, None, None, TIME_THRESHOLD, why or "not measured")
    from scipy.stats import mannwhitneyu    # imported here because it takes half a second
    p = float(mannwhitneyu(values[1], values[0], alternative="greater").pvalue)
    return verdict(measure, *map(statistics.median, values), TIME_THRESHOLD, p=p)


def by_counts(measure: str, base: Side, new: Side) -> dict:
    profiles = [side.profile(COUNTED[measure]) for side in (base, new)]
    for profile in profiles:
        if profile["unavailable"]:
            return verdict(measure, None, None, COUNT_THRESHOLD, profile["unavailable"])
    # Subtract the heap of an idle session, because it would hide an increase.
    return verdict(measure, *[profile["total"] - profile["facts"].get("idle", 0) for profile in profiles], COUNT_THRESHOLD)


def evidence(measure: str, base: Side, new: Side) -> dict:
    """Run both versions again under the profiler that shows where the difference is."""
    name = EVIDENCE[measure]
    profiles = [side.profile(name) for side in (base, new)]
    for profile in profiles:
        if profile["unavailable"]:
            return {"measure": measure, "profiler": name, "tree": None, "guilty": [], "unavailable": profile["unavailable"]}
    tree = flame.difference(profiles[0]["tree"], profiles[1]["tree"])
    return {"measure": measure, "profiler": name, "tree": tree, "guilty": flame.guilty(tree), "unavailable": None}


def with_tables(arm: Arm, schema: str) -> str:
    """The address of a version, with the settings of benchmark/suite: the search path of a schema, and no scan.

    The library is loaded at once, because the profilers that replay a session copy only settings that the server knows.
    A server that the caller gave has its own tables.
    """
    options = f"-c search_path={schema},public -c session_preload_libraries=cell_binary -c cell_binary.scan=off"
    return psycopg.conninfo.make_conninfo(arm.conninfo, options=options) if arm.folder else arm.conninfo


def compare_workload(base: Side, new: Side, pairs: int) -> dict:
    name = base.record["process"]
    sides = base, new
    found = {"workload": name, "base_run": base.record["run_id"], "new_run": new.record["run_id"], "verdicts": [], "evidence": []}
    failure = None
    try:
        for each in sides:
            each.open()
        for pair in range(1, pairs + 1):
            if pair % 5 == 1:
                progress(f"{name}: pair {pair} of {pairs} ...")
            # The second one finds the caches as the first one left them, so each version is second equally often.
            for each in sides if pair % 2 else reversed(sides):
                each.execute(pair)
        for measure in COUNTED:
            progress(f"{name}: {measure} ...")
            found["verdicts"].append(by_counts(measure, base, new))
        found["verdicts"] += [by_samples(measure, base.record, new.record) for measure in SAMPLED]
        for measure in [verdict["measure"] for verdict in found["verdicts"] if verdict["alarm"]]:
            progress(f"{name}: ALARM by {measure}, evidence ...")
            found["evidence"].append(evidence(measure, base, new))
        for each in sides:
            each.record["components"] = components.split(each.record["profiles"], each.record["samples"])
    except BaseException as error:
        failure = error
        raise
    finally:
        for each in sides:
            each.close()
            each.recorder.finish(failure)
    return found


def compare(base: Arm, new: Arm, settings: Settings, keeper: Keeper) -> tuple[dict, list[dict]]:
    """Return the comparison and the records of its runs. All are kept, also after an error. If a workload fails, the others still run."""
    comparison = {"comparison": 1, "comparison_id": str(uuid.uuid4()), "started": samples.now(), "finished": None, "state": "running",
                  "error": None, "tag": settings.labels.get("tag"), "base": base.label, "new": new.label, "alarm": False, "workloads": []}
    records, failures = [], []
    keeper.keep(comparison)
    try:
        for name, sql in settings.workloads:
            sides = [Side(arm, which, name, sql, comparison, settings, keeper) for arm, which in ((base, "base"), (new, "new"))]
            try:
                comparison["workloads"].append(compare_workload(*sides, settings.pairs))
            except (psycopg.Error, workload.Failed) as error:
                failures.append(f"{name}: {str(error).strip()}")
            records += [side.record for side in sides]
            comparison["alarm"] = any(verdict["alarm"] for found in comparison["workloads"] for verdict in found["verdicts"])
            keeper.keep(comparison)
        comparison |= {"state": "incomplete", "error": "; ".join(failures)} if failures else {"state": "complete"}
    except BaseException as error:
        comparison |= {"state": "incomplete", "error": run.reason(error)}
        raise
    finally:
        comparison["finished"] = samples.now()
        keeper.keep(comparison)
    return comparison, records
