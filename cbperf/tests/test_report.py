"""The reports: the content of the page and of the terminal's text, records with hostile texts, and the change points."""

import math
import os
import random
import re
import sys
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

import changes
import flame
import report

HOSTILE = ["operator<", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"quoted\' & $\\frac{$', "_under", "ü→細胞",
           "a|b\nc\x1b[31m"]
START = datetime(2026, 11, 25, tzinfo=timezone.utc)
MEASURES = {"user": 0.15, "system": 0.01, "peak_private": 80_000_000, "peak_resident": 300_000_000, "minor_faults": 20_000, "major_faults": 0,
            "voluntary_switches": 12, "involuntary_switches": 3}


# ---- Records

def sample(repetition: int, factor: float = 1.0, **others) -> dict:
    real = factor * (0.2 + 0.004 * (repetition * 7 % 5))

    def span(path: list[str], start: float, share: float) -> dict:
        return {"path": path, "start": start * real, "real": share * real, "cpu": 0.8 * share * real, "workers_cpu": 0.1 * share * real,
                "minor_faults": int(20_000 * share), "major_faults": 0, "waiting": 0.1 * share * real, "waits": {"IO:DataFileRead": 0.1 * share * real}}
    return {
        "repetition": repetition, "started": (START + timedelta(seconds=repetition)).isoformat(timespec="microseconds"), "failed": None, "real": real,
        "waiting": 0.02, "waits": {"IO:DataFileRead": 0.015, "IPC:ExecuteGather": 0.005}, **MEASURES,
        "processes": [{"pid": 4711, "role": "backend", **MEASURES}, {"pid": 4712, "role": "parallel worker", **MEASURES}],
        "spans": [span(["encode"], 0.6, 0.4), span(["load"], 0.0, 0.6), span(["load", "sort"], 0.4, 0.2), span(["load", "scan"], 0.0, 0.4)],
        "series": {"seconds": [0.01 * tick + 5 for tick in range(21)],
                   "private": [int(80e6 * factor * math.sin(tick / 20 * 2.5) ** 2) + 4_000_000 for tick in range(21)]},
    } | others


def tree(factor: float = 1.0, extra: str | None = None) -> dict:
    stacks = [(["main", "ExecutePlan", "heap_getnextslot"], 400), (["main", "ExecutePlan", "cell_pack_transition"], int(300 * factor)),
              (["main", "ExecutePlan", "cell_pack_transition", "operator<"], 100), (["main", "ExecutePlan", "cell_pack_final", "cell_sort"], 200)]
    return flame.from_stacks(stacks + ([(["main", extra], 150)] if extra else []))


def profile(profiler: str = "cpu", title: str = "CPU", unit: str = "samples", made: dict | None = None, **others) -> dict:
    made = tree() if made is None else made
    return {"profiler": profiler, "title": title, "unit": unit, "total": made["value"], "tree": made, "unavailable": None, "facts": {},
            "overhead": 1.03} | others


def record(run_id: str = "11111111-aaaa-4aaa-8aaa-000000000001", **others) -> dict:
    return {
        "record": 1, "run_id": run_id, "state": "complete", "error": None, "kind": "sql", "process": "pack",
        "arguments": ["SELECT cell_pack(x, y, phenotypes) FROM cells"],
        "started": START.isoformat(timespec="microseconds"), "finished": (START + timedelta(seconds=9)).isoformat(timespec="microseconds"),
        "tag": "nightly", "description": "Compact payload of five million cells.", "user_data": {"ticket": 7},
        "host": {"name": "bench1", "cpu": "AMD EPYC", "cores": 2, "memory": 24 * 2**30, "kernel": "6.1.0", "os": "Debian 12"},
        "server": {"version": "15.20", "settings": {"work_mem": "64MB", "jit": "off"},
                   "extension": {"name": "cell_binary", "version": "0.1.0", "sha256": "ab" * 32}},
        "libraries": {"libzstd": "1.5.4"}, "git": {"commit": "9f09050" + "0" * 33, "dirty": True}, "dataset": {"name": "cells", "hash": "cd" * 32},
        "tool": "0.1.0",
        "unavailable": {}, "statements": [{"query": "SELECT cell_pack(x, y, phenotypes) FROM cells", "calls": 7, "seconds": 1.456, "rows": 7,
                                           "shared_blks_hit": 44248, "shared_blks_read": 0, "wal_bytes": 0.0, "user": None}],
        "samples": [sample(repetition) for repetition in range(1, 8)],
        "profiles": [profile(),
                     profile("contexts", "Memory contexts", "bytes",
                             {"name": "all", "value": 81_234_567, "children": [{"name": "ExecutorState", "value": 80_000_000, "children": []}]},
                             facts={"seconds": [0.1, 0.2, 0.3], "total": [1_000_000, 81_234_567, 2_000_000], "used": [900_000, 80_000_000, 1_000_000]}),
                     profile("faults", "Page faults", "faults", unavailable="perf is not installed: install linux-perf", tree=None, total=None, overhead=None)],
        "components": [{"profiler": profiler, "component": component, "value": int(1000 * share), "share": share, "seconds": share * 0.2 if seconds else None}
                       for profiler, seconds, shares in (("cpu", True, (0.4, 0.4, 0.2)), ("contexts", False, (0.0, 0.1, 0.9)))
                       for component, share in zip(("scan", "transition", "sort"), shares)],
    } | others


def minimal() -> dict:
    nothing = dict.fromkeys(["error", "finished", "tag", "description", "server", "git", "dataset"])
    return record(**nothing, kind="command", process="true", arguments=[], user_data={}, libraries={}, samples=[], profiles=[], components=[], statements=None,
                  unavailable={"statements": "pg_stat_statements is not installed"} | {name: "the process ended too soon" for name in ("real", *MEASURES)})


def incomplete() -> dict:
    return record(state="incomplete", error="the server ended the connection", finished=None, samples=[sample(1), sample(2, failed="out of memory", real=None)],
                  unavailable={"major_faults": "not counted here"}, profiles=[], components=[])


def scaled() -> list[dict]:
    records = []
    for workers in (0, 1, 3):
        for clients in (1, 2, 4):
            setting = {"clients": clients, "workers": workers, "memory_limit": None, "throughput": 5 * min(clients, 2) * (1 + 0.5 * min(workers, 1))}
            records.append(record(f"{workers}{clients}222222-aaaa-4aaa-8aaa-000000000001", process="pack", tag="scale", user_data={"scale": setting},
                                  samples=[sample(1, 1 + 0.1 * workers)], profiles=[], components=[]))
    return records


def pair() -> tuple[dict, dict]:
    base = record()
    new = record("22222222-aaaa-4aaa-8aaa-000000000002", samples=[sample(repetition, 1.5) for repetition in range(1, 8)],
                 profiles=[profile(made=tree(2, "added"))])
    new["server"]["settings"]["work_mem"] = "4MB"
    return base, new


def comparison(base: dict, new: dict) -> dict:
    difference = flame.difference(tree(), tree(2, "added"))
    verdict = {"measure": "instructions", "base": 1000, "new": 1450, "ratio": 1.45, "threshold": 1.01, "p": None, "alarm": True, "unavailable": None}
    return {
        "comparison": 1, "comparison_id": "c" * 8, "started": base["started"], "finished": new["finished"], "state": "complete", "error": None, "tag": None,
        "base": "v0.1.0", "new": "work tree", "alarm": True,
        "workloads": [{
            "workload": "pack", "base_run": base["run_id"], "new_run": new["run_id"],
            "verdicts": [verdict, verdict | {"measure": "time", "base": 0.208, "new": 0.21, "ratio": 1.0096, "threshold": 1.05, "p": 0.3, "alarm": False},
                         verdict | dict.fromkeys(["base", "new", "ratio"]) | {"measure": "peak_heap", "alarm": False, "unavailable": "no valgrind here"}],
            "evidence": [{"measure": "instructions", "profiler": "instructions", "tree": difference, "guilty": flame.guilty(difference)}],
        }],
    }


def history(values: list[float], measure: str = "real") -> list[dict]:
    return [{"started": (START + timedelta(days=day)).isoformat(), measure: value} for day, value in enumerate(values)]


FIXED = {"kind", "state", "started", "finished", "run_id", "base_run", "new_run", "comparison_id", "profiler", "unit", "measure"}
FREE_KEYS = {"settings", "libraries", "user_data", "waits"}


def hostile(value: object, name: str, key: str = "") -> object:
    """A record in which all free texts begin with `name`."""
    if isinstance(value, dict):
        return {name + inner if key in FREE_KEYS and inner != "scale" else inner: hostile(item, name, inner) for inner, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, name, key) for item in value]
    return name + value if isinstance(value, str) and key not in FIXED else value


# ---- The page, parsed

class Page(HTMLParser):
    """The elements of the page, and its text without scripts and styles. It checks that all elements are closed."""

    VOID = {"meta", "input"}

    def __init__(self, text: str):
        super().__init__()
        self.source, self.open, self.elements, self.parts = text, [], [], []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] not in ("script", "style"):
            self.parts.append(text)

    def all(self, tag: str, **wanted) -> list[dict]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in wanted.items()}
        return [attributes for found, attributes in self.elements if found == tag and wanted.items() <= attributes.items()]


def render(*arguments, **options) -> Page:
    page = Page(report.render(*arguments, **options))
    assert page.open == []
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for tag, attributes in page.elements:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith("#"), f"{tag} refers outside the page: {attributes}"
        if tag == "svg":
            assert attributes["aria-label"]
    return page


def test_one_run():
    page = render([record()])
    for text in ("pack", "2026-11-25 00:00:00 UTC", "bench1", "15.20", "64MB", "9f09050", "cells", "libzstd", "Compact payload", "SELECT cell_pack(",
                 "Not available: perf is not installed: install linux-perf", "parallel worker", "IO:DataFileRead", "1.030 times as long", "80.0 MB",
                 "Memory contexts, bytes", "1.46 s", "44,248"):
        assert text in page.text, text
    assert len(page.all("figure", class_="flame")) == 2
    assert len(page.all("figure", class_="plot")) == 3
    assert "Memory contexts over time. total: at most 81.2 MB; used: at most 80.0 MB." in [attributes["aria-label"] for attributes in page.all("svg")]
    assert "Permission to use, copy, modify" in page.text and "Apache License" in page.text


def test_spans_are_a_tree():
    page = render([record()])
    names = [attributes["title"] for attributes in page.all("span", class_="level")]
    assert names == ["load", "load / scan", "load / sort", "encode"]


def test_a_minimal_run_says_what_it_lacks():
    page = render([minimal()])
    assert page.text.count("not available: the process ended too soon") == len(MEASURES) + 2   # real and CPU time
    assert "Not available: pg_stat_statements is not installed" in page.text
    assert page.all("script") == []
    assert "script-src 'none'" in page.all("meta")[-1]["content"]


def test_an_incomplete_run_says_why():
    page = render([incomplete()])
    assert "This run is incomplete: the server ended the connection. 1 sample of 2 failed: out of memory" in page.text
    assert page.all("p", class_="banner")
    assert "the server ended the connection" in report.text(incomplete())


def test_pair():
    page = render(list(pair()))
    assert "1.500" in page.text
    assert "What differs between the runs" in page.text and "Settings: work_mem" in page.text
    assert "CPU: new against base" in page.text


def test_scale():
    page = render(scaled())
    titles = [attributes["aria-label"].partition(".")[0] for attributes in page.all("svg")]
    assert sum(title.startswith("Executions per second") for title in titles) == 2
    assert sum(title.startswith("Speed-up by") for title in titles) == 2
    speed_up = next(attributes["aria-label"] for attributes in page.all("svg") if "Speed-up by clients" in attributes["aria-label"])
    assert "ideal would be 4.00 with 4" in speed_up and "0 workers: 1.00 with 1, 2.00 with 2, 2.00 with 4" in speed_up
    assert "4 clients, 3 workers" in report.text_of_scale(scaled())


def test_comparison():
    base, new = pair()
    page = render([base, new], comparison=comparison(base, new))
    headings = [text for text in ("Verdict", "Evidence: pack, instructions", "pack: base and new") if text in page.text]
    assert len(headings) == 3
    assert page.text.index("ALARM") < page.text.rindex("Evidence: pack, instructions") < page.text.rindex("Each run")
    assert "1 alarm: work tree needs more than v0.1.0; 1 of 3 verdicts not available." in page.text
    assert page.all("button", data_search="cell_pack_transition")
    assert "not available: no valgrind here" in page.text
    render([], comparison=comparison(base, new))


def test_an_incomplete_comparison_does_not_look_fine():
    compared = comparison(*pair()) | {"state": "incomplete", "error": "interrupted", "alarm": False, "workloads": []}
    page = render([], comparison=compared)
    assert "No alarm; the comparison is incomplete." in page.text
    assert "This comparison is incomplete: interrupted" in page.text
    assert "interrupted" in report.text(compared)


def test_history():
    runs = history(step(0.02, seed=1))
    for run in runs:   # as in rows of the store
        run |= {"started": datetime.fromisoformat(run["started"]), "git_commit": "abcdef0123456789", "real_ratio": None, "peak_private": 1_000_000}
    page = render([record()], history=runs)
    assert re.search(r"real time 2026-12-1\d 00:00:00 UTC abcdef012345 200 ms 221 ms 1.1\d+ < 0.0001", page.text)
    assert "change by +10" in next(attributes["aria-label"] for attributes in page.all("svg") if "across time" in attributes["aria-label"])
    assert "too few" in render([record()], history=history([1.0] * 3)).text.lower()


@pytest.mark.parametrize("name", [*HOSTILE, "".join(HOSTILE)])
def test_hostile_names(name):
    base, new = pair()
    base, new, compared = (hostile(document, name) for document in (base, new, comparison(base, new)))
    page = render([base, new], comparison=compared)
    assert " ".join(name.split()) in page.text and not page.all("img")
    assert len(page.all("script")) == 3 + len(page.all("figure", class_="flame"))
    for text in (report.text(base), report.text(compared)):
        assert "\x1b" not in text and "\nc" not in text
        assert all(line.endswith("|") for line in text.splitlines() if line.startswith("|"))


def test_hostile_names_elsewhere():
    name = "".join(HOSTILE)
    for page in (render([hostile(record, name) for record in scaled()[:3]]), render([hostile(incomplete(), name)])):
        assert not page.all("img") and not page.all("script")
    assert "\x1b" not in report.text_of_scale([hostile(record, name) for record in scaled()])


def test_text():
    text = report.text(record())
    assert re.search(r"\| real time +\| +208 ms \| +200 ms \| +216 ms \|", text)
    assert "not available: perf is not installed" in text
    base, new = pair()
    text = report.text(comparison(base, new))
    assert "# v0.1.0 → work tree: ALARM" in text
    assert re.search(r"\| pack +\| instructions +\| +1,000 \| +1,450 \| +1.450 \| +1.010 \| +– \| ALARM +\|", text)
    assert "cell_pack_transition" in text


def test_text_of_a_list():
    row = {"run_id": "11111111-aaaa-4aaa-8aaa-000000000001", "started": START, "process": "pack", "state": "complete", "samples": 7, "real": 0.208, "cpu": None,
           "peak_private": 80_000_000, "tag": None}
    text = report.text_of_list([row])
    assert re.search(r"\| 11111111 \| 2026-11-25 00:00:00 UTC \| pack +\| complete \| +7 \| +208 ms \| +– \| +80.0 MB \|", text)
    assert len(report.text_of_list([]).splitlines()) == 2


def test_a_missing_library_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(report, "LIBRARIES", tmp_path)
    with pytest.raises(report.ReportError, match="CBPERF_LIBRARIES"):
        report.render([record()])


# ---- In a browser

def wide_tree(nodes: int) -> dict:
    """A tree with this number of nodes below the root, some too narrow to see."""
    chooser = random.Random(1)
    root = {"name": "all", "value": 0, "children": []}
    everything = [(root, 0)]
    while len(everything) <= nodes:
        parent, depth = chooser.choice(everything)
        if depth < 40:
            child = {"name": f"f{len(everything)}", "value": 0, "children": []}
            parent["children"].append(child)
            everything.append((child, depth + 1))
    for node, _ in reversed(everything):
        node["value"] = 1 + sum(child["value"] for child in node["children"])
    return root


def test_in_a_browser(tmp_path):
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(chromium).exists() and os.environ.get("CI") != "true":
        pytest.skip(f"no Chromium at {chromium}")
    sync_api = pytest.importorskip("playwright.sync_api")
    base, new = pair()
    target = tmp_path / "report.html"
    target.write_text(report.render([record(profiles=[profile(), profile("big", "Big", "bytes", wide_tree(20_000))])], comparison=comparison(base, new)))
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type in ("error", "warning") and errors.append(message.text))
        page.on("request", lambda request: request.url == target.as_uri() or errors.append(request.url))
        page.goto(target.as_uri())
        difference, cpu, big = (page.locator(".flame").nth(number) for number in range(3))
        big.locator("g.frame").first.wait_for()

        def frames(figure) -> dict[str, dict]:
            """The drawn frames by name, with width and colour."""
            return figure.evaluate("""figure => Object.fromEntries(Array.from(figure.querySelectorAll("g.frame"), frame => [frame.getAttribute("name"),
                {width: Number(frame.getAttribute("width")), colour: frame.querySelector("rect").getAttribute("fill").match(/\\d+/g).map(Number)}]))""")

        assert set(frames(cpu)) == {"all", "main", "ExecutePlan", "heap_getnextslot", "cell_pack_transition", "operator<", "cell_pack_final", "cell_sort"}

        # Hover, zoom by a click and back, by keyboard, search
        said = cpu.locator("output")
        cpu.locator("g[name='cell_pack_transition']").hover()
        assert said.text_content() == "cell_pack_transition: 400 samples, 40.00% of all; own 300 samples"
        before = frames(cpu)["operator<"]["width"]
        cpu.locator("g[name='cell_pack_transition']").click()
        after = frames(cpu)
        assert "heap_getnextslot" not in after and after["operator<"]["width"] == pytest.approx(before / 0.4, rel=0.01)
        cpu.locator(".reset").click()
        assert len(frames(cpu)) == 8
        cpu.locator(".chart").focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"):
            page.keyboard.press(key)
        assert said.text_content().startswith("heap_getnextslot: ") or said.text_content().startswith("cell_pack_transition: ")
        page.keyboard.press("Enter")
        assert len(frames(cpu)) < 8
        page.keyboard.press("Escape")
        assert len(frames(cpu)) == 8
        cpu.locator("input").fill("OPERATOR<")
        assert said.text_content() == "1 matching frame: 100 samples, 10.00% of all"

        # The difference: red frames grew, blue ones (there are none) shrank, unchanged frames are white, new frames have their own colour
        colours = {name: frame["colour"] for name, frame in frames(difference).items()}
        red, green, blue = colours["cell_pack_transition"]
        assert red > green + 20 and green == blue
        assert len(set(colours["heap_getnextslot"])) == 1
        red, green, blue = colours["added"]
        assert red > green > blue
        difference.locator("button", has_text="cell_pack_transition").click()
        assert "1 matching frame" in difference.locator("output").text_content()

        # Narrow, and big
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_function("Number(document.querySelector('.chart svg').getAttribute('width')) < 360")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        big.locator("input").fill("f1")
        big.locator("g[name='all']").click()

        # Names with markup, the end of a script, or a pattern
        name = "".join(HOSTILE)
        target.write_text(report.render([hostile(record(), name)], comparison=hostile(comparison(base, new), name)))
        page.goto(target.as_uri())
        cpu.locator("g.frame").first.wait_for()
        assert len(frames(cpu)) == 8 and all(frame.startswith(name) for frame in frames(cpu))
        assert errors == []
        browser.close()


# ---- Change points

def step(noise: float, seed: int, runs: int = 30, at: int = 18, by: float = 1.1) -> list[float]:
    chance = random.Random(seed)
    return [(by if run >= at else 1.0) * chance.gauss(0.2, 0.2 * noise) for run in range(runs)]


@pytest.mark.parametrize("seed", range(8))
def test_a_step_is_found_at_its_place(seed):
    change, = changes.find(history(step(0.02, seed)), "real")
    assert abs(change.index - 18) <= 1
    assert change.time == (START + timedelta(days=change.index)).isoformat()
    assert change.ratio == pytest.approx(1.1, abs=0.03) and change.p < 0.001
    assert change.before == pytest.approx(0.2, rel=0.02) and change.measure == "real"


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_change(seed):
    assert changes.find(history(step(0.05, seed, by=1.0, runs=60)), "real") == []


def test_counts_that_never_vary():
    assert changes.find(history([1000.0] * 20, "instructions"), "instructions") == []
    change, = changes.find(history([1000.0] * 10 + [1100.0] * 10, "instructions"), "instructions")
    assert (change.index, change.before, change.after) == (10, 1000, 1100)


def test_runs_without_the_measure_are_passed_over():
    runs = history(step(0.01, 3, at=10, runs=20))
    runs.insert(4, {"started": START.isoformat(), "real": None})
    assert [change.index for change in changes.find(runs, "real")] == [11]


def test_few_runs_are_too_few():
    with pytest.raises(changes.TooFew, match="7 instead of at least 8"):
        changes.find(history([0.2] * 7), "real")
