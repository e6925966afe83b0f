"""Comparisons raise alarms for worse versions only, and the evidence names the function."""

import os
import subprocess
import tempfile
from pathlib import Path

import arms
import compare
import pytest

ROOT = Path(__file__).parents[2]
PATCHES = Path(__file__).parent / "patches"
PACK = [("pack", "SELECT octet_length(cell_pack(x, y, phenotypes)) FROM cells")]
CELLS = 20_000


class Kept:
    problem = None

    def __init__(self):
        self.documents = {}

    def keep(self, document):
        self.documents[document.get("run_id") or document["comparison_id"]] = dict(document)


def sampled(*values):
    return {"samples": [{"real": value, "peak_private": value} for value in values], "unavailable": {}}


@pytest.fixture
def history(tmp_path, monkeypatch):
    """A repository, and a function that commits a change log."""
    def git(*arguments):
        settings = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        return subprocess.run(["git", "-C", tmp_path, *settings, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def commit(changelog):
        (tmp_path / "CHANGELOG.md").write_text(changelog)
        git("add", ".")
        git("commit", "--allow-empty", "-qm", "a commit")
        return git("rev-parse", "HEAD")
    git("init", "-q")
    monkeypatch.setattr(arms, "ROOT", tmp_path)
    return commit


def test_the_last_release_is_the_commit_with_its_date(history):
    history("## [0.1.0] - unreleased\n")
    first = history("## [0.1.0] - 2026-01-31\n")
    assert arms.last_release() == first
    history("## [0.1.0] - 2026-01-31\n\nmore\n")
    history("## [0.2.0] - unreleased\n\n## [0.1.0] - 2026-01-31\n\nmore\n")
    assert arms.last_release() == first
    second = history("## [0.2.0] - 2026-02-28\n\n## [0.1.0] - 2026-01-31\n\nmore\n")
    history("## [0.2.0] - 2026-02-28\n\nnews\n\n## [0.1.0] - 2026-01-31\n\nmore\n")
    assert arms.last_release() == second


def test_no_release(history, tmp_path, monkeypatch):
    history("## [0.1.0] - unreleased\n")
    with pytest.raises(arms.Unbuildable, match="has no heading of a release"):
        arms.last_release()
    history("## [0.1.0] - 2026-01-31\n")
    history("## [0.1.0] - 2026-01-31\n\nmore\n")
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{tmp_path}", tmp_path / "shallow"], check=True)
    monkeypatch.setattr(arms, "ROOT", tmp_path / "shallow")
    with pytest.raises(arms.Unbuildable, match="too shallow"):
        arms.last_release()


STEADY = [1.0 + i / 1000 for i in range(12)]


@pytest.mark.parametrize("factor, alarm", [(1.0, False), (1.04, False), (1.1, True), (0.5, False)])
def test_times(factor, alarm):
    """A version that is slower by less than the threshold raises no alarm, nor does a faster one."""
    found = compare.by_samples("time", sampled(*STEADY), sampled(*(factor * value for value in STEADY)))
    assert found["alarm"] is alarm and found["ratio"] == pytest.approx(factor)
    assert (found["p"] < compare.P_THRESHOLD) is (factor > 1)


def test_noise_is_no_alarm():
    """The median is 20 % higher, but so are some times of the base."""
    noisy = sampled(1, 1.5, 1, 1.4, 1, 1.6, 1.2, 1), sampled(1.2, 1, 1.5, 1.3, 1, 1.4, 1.2, 1.2)
    found = compare.by_samples("time", *noisy)
    assert found["ratio"] > compare.TIME_THRESHOLD and not found["alarm"]


def test_what_was_not_measured():
    base, new = sampled(*STEADY), sampled(*STEADY)
    new["unavailable"]["peak_private"] = "no rights"
    found = compare.by_samples("memory", base, new)
    assert found["unavailable"] == "no rights" and not found["alarm"] and found["ratio"] is None


@pytest.mark.parametrize("base, new, alarm", [(1000, 1000, False), (1000, 1010, False), (1000, 1011, True), (1000, 900, False)])
def test_counts(base, new, alarm):
    assert compare.verdict("instructions", base, new, compare.COUNT_THRESHOLD)["alarm"] is alarm


@pytest.fixture(scope="module")
def base(server):
    """The server of the tests, with the tables of a built version."""
    arm = arms.Arm("base", f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user={os.environ['PGUSER']} dbname=compared", folder=Path(os.environ["SANDBOX"]))
    server.drop("compared")
    server.connection.execute("CREATE DATABASE compared")
    arms.load(arm, "timed", CELLS)
    arms.load(arm, "counted", CELLS)
    yield arm
    server.drop("compared")


@pytest.fixture(scope="module")
def worse(tmp_path_factory):
    """A version with all three faults."""
    patch = tmp_path_factory.mktemp("patches") / "worse.patch"
    patch.write_text("".join(path.read_text() for path in sorted(PATCHES.glob("*.patch"))))
    with arms.arm(str(ROOT), None, patch) as arm:
        arms.load(arm, "timed", CELLS)
        arms.load(arm, "counted", CELLS)
        yield arm


def test_the_same(base):
    kept = Kept()
    comparison, records = compare.compare(base, base, compare.Settings(PACK, pairs=8), kept)
    workload, = comparison["workloads"]
    verdicts = {verdict["measure"]: verdict for verdict in workload["verdicts"]}
    assert comparison["state"] == "complete"
    assert verdicts.keys() == {"instructions", "peak_heap", "time", "memory"}
    assert all(verdict["unavailable"] is None for verdict in verdicts.values()), verdicts
    assert verdicts["instructions"]["ratio"] == pytest.approx(1, abs=1e-4) and verdicts["peak_heap"]["ratio"] == pytest.approx(1, abs=5e-3)
    assert not verdicts["instructions"]["alarm"] and not verdicts["peak_heap"]["alarm"]     # on a busy machine, time may raise one
    assert comparison["alarm"] == any(verdict["alarm"] for verdict in verdicts.values()) == bool(workload["evidence"])
    assert set(kept.documents) == {comparison["comparison_id"], workload["base_run"], workload["new_run"]}
    assert all(record["state"] == "complete" and len(record["samples"]) == 8 for record in records)
    assert {record["user_data"]["arm"] for record in records} == {"base", "new"}


def test_the_worse(base, worse):
    comparison, _ = compare.compare(base, worse, compare.Settings(PACK, pairs=8), Kept())
    workload, = comparison["workloads"]
    assert comparison["alarm"] and comparison["new"].startswith(ROOT.name) and comparison["new"].endswith(" + worse.patch")
    alarms = {verdict["measure"] for verdict in workload["verdicts"] if verdict["alarm"]}
    assert {"instructions", "peak_heap"} <= alarms
    evidence = {evidence["measure"]: evidence for evidence in workload["evidence"]}
    assert evidence.keys() == alarms
    # The functions of the patches are at the top.
    assert {guilty["frame"] for guilty in evidence["instructions"]["guilty"][:2]} == {"cell_pack_transfn_integer", "cell_pack_finalfn"}
    assert {guilty["frame"] for guilty in evidence["peak_heap"]["guilty"][:2]} == {"CellSetGrow", "cell_pack_finalfn"}
    assert evidence["instructions"]["tree"]["delta"] > 0


def test_a_workload_that_fails_leaves_the_others(base, monkeypatch):
    monkeypatch.setattr(compare, "COUNTED", {})
    workloads = [("absent", "SELECT absent FROM cells"), *PACK]
    comparison, records = compare.compare(base, base, compare.Settings(workloads, pairs=3), Kept())
    assert comparison["state"] == "incomplete" and 'absent: column "absent" does not exist' in comparison["error"]
    assert [workload["workload"] for workload in comparison["workloads"]] == ["pack"]
    assert [record["state"] for record in records] == ["incomplete", "incomplete", "complete", "complete"]


def test_a_version_that_can_not_be_built(tmp_path):
    def scratch():
        return {path for path in Path(tempfile.gettempdir()).glob("cbperf.*") if path.owner() == Path(tmp_path).owner()}
    before = scratch()
    patch = tmp_path / "wrong.patch"
    patch.write_text("--- a/src/pack/pack.c\n+++ b/src/pack/pack.c\n@@ -1,1 +1,1 @@\n-nothing of that\n+nor that\n")
    with pytest.raises(arms.Unbuildable, match="does not apply"), arms.arm(str(ROOT), None, patch):
        pass
    patch.write_text((PATCHES / "slower.patch").read_text().replace("volatile int", "undeclared"))
    with pytest.raises(arms.Unbuildable, match="undeclared"), arms.arm(str(ROOT), None, patch):
        pass
    assert scratch() <= before


def test_labels_have_no_password():
    with arms.arm("postgresql://me:secret@there/ours", None) as arm:
        assert "secret" not in arm.label and "me" in arm.label and "secret" in arm.conninfo
