"""The command line: output, messages, exit statuses, and the content of the store afterwards."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from store import init

CBPERF = Path(__file__).parents[1]
DATABASE = "cbperf_cli"
DONE, ALARM, WRONG_USE, INCOMPLETE, NOT_STORED, BUSY = range(6)


@pytest.fixture(scope="module")
def store(server):
    server.drop(DATABASE)
    init(f"dbname={DATABASE}")
    yield f"dbname={DATABASE}"
    server.drop(DATABASE)


class Cbperf:
    def __init__(self, store, folder):
        self.store = store
        self.folder = folder
        self.environment = os.environ | {"CBPERF_STORE": store, "XDG_STATE_HOME": str(folder), "PYTHON": sys.executable,
                                         "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def start(self, *arguments, ignoring=None, **environment):
        def ignore():     # as a shell does for background commands
            signal.signal(ignoring, signal.SIG_IGN)
        return subprocess.Popen([CBPERF / "cbperf", *map(str, arguments)], env=self.environment | environment, cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=ignore if ignoring else None)

    def __call__(self, *arguments, status=DONE, **environment):
        process = self.start(*arguments, **environment)
        self.output, self.errors = process.communicate(timeout=120)
        assert process.returncode == status, (process.returncode, self.output, self.errors)
        assert "Traceback" not in self.errors
        return self.output

    def json(self, *arguments, **options):
        return json.loads(self(arguments[0], "--json", *arguments[1:], **options))

    def spooled(self):
        return list((self.folder / "cbperf").glob("*"))


@pytest.fixture
def cbperf(store, tmp_path):
    return Cbperf(store, tmp_path)


def stored(store, sql):
    with psycopg.connect(store) as connection:
        return connection.execute(sql).fetchall()


def test_help(cbperf):
    assert "{run,scale" not in cbperf("--help") and "exit status: 0 done" in cbperf.output
    cbperf("run", "--help")
    assert "--memory-limit" in cbperf.output
    cbperf(status=WRONG_USE)


def test_run_show_list_report(cbperf, tmp_path):
    (tmp_path / "sleepy.sql").write_text("-- Some sleep\nSELECT pg_sleep(0.01);\nSELECT pg_sleep(0.01);\n")
    cbperf("run", "--sql", "sleepy.sql", "--repeat", 2, "--tag", "suite", "--description", "two naps", "--data", "colour=blue", "--report", "now.html")
    assert re.search(r"real time *\| +\d+(\.\d+)? ms", cbperf.output) and "sleepy: 2 of 2 ..." in cbperf.errors
    assert "<svg" in (tmp_path / "now.html").read_text()
    cbperf("show")
    assert "# sleepy" in cbperf.output and "two naps" in cbperf.output
    record = cbperf.json("show")
    assert (record["state"], record["tag"], record["user_data"], len(record["samples"])) == ("complete", "suite", {"colour": "blue"}, 2)
    assert record["arguments"] == [(tmp_path / "sleepy.sql").read_text()]
    cbperf("list", "--tag", "suite")
    assert record["run_id"][:8] in cbperf.output
    cbperf("report", record["run_id"][:13], "-o", "later.html")
    assert "sleepy" in (tmp_path / "later.html").read_text()
    cbperf("report", "--tag", "suite", "-o", "-")
    assert cbperf.output.startswith("<!DOCTYPE html>")


def test_waits_and_what_is_ready(cbperf):
    record = cbperf.json("run", "--query", "SELECT pg_sleep(0.3)", "--repeat", 2)
    assert all(sample["waits"]["Timeout:PgSleep"] > 0.1 and sample["runqueue"] >= 0 for sample in record["samples"])
    cbperf("show")
    assert "Timeout:PgSleep" in cbperf.output
    assert cbperf.json("run", "--query", "SELECT pg_sleep(0.1)", "--no-waits")["samples"][0]["waits"] == {}


def test_spans_that_do_not_match(cbperf):
    cbperf("run", "--query", "SELECT pg_temp.span_begin('a')")
    assert "the spans are wrong: span_begin('a') without span_end()" in cbperf.errors
    assert "span_begin('a') without span_end()" in cbperf("show")


def test_a_plug_in_that_is_broken(cbperf, tmp_path):
    (tmp_path / "mine.py").write_text("import nothing_of_that\n")
    cbperf("run", "--query", "SELECT 1", "--profile", "mine", CBPERF_PROFILERS=str(tmp_path), status=WRONG_USE)
    assert "cannot load" in cbperf.errors and "mine.py: ModuleNotFoundError" in cbperf.errors
    cbperf("list", CBPERF_PROFILERS=str(tmp_path))


def test_a_command(cbperf):
    record = cbperf.json("run", "--repeat", 2, "--name", "naps", "--", "sh", "-c", "echo said; sleep 0.1")
    assert record["process"] == "naps" and record["kind"] == "command" and "said" in cbperf.errors
    assert all(0.1 <= sample["real"] and sample["user"] < 0.1 for sample in record["samples"])


def test_a_running_process(cbperf):
    with subprocess.Popen(["sleep", "60"]) as other:
        record = cbperf.json("run", "--pid", other.pid, "--seconds", 0.2)
        other.kill()
    assert record["state"] == "complete" and record["samples"][0]["processes"][0]["pid"] == other.pid


@pytest.mark.parametrize("arguments, message", [
    (["run"], "give one of --sql FILE"),
    (["run", "--query", "SELECT 1", "--pid", "1"], "give one of --sql FILE"),
    (["run", "--query", "SELECT 1", "--profile", "gpu"], "there is no profiler gpu; the profilers are cpu, faults, instructions, heap, contexts"),
    (["run", "--query", "SELEC 1"], '--query: line 1: syntax error at or near "SELEC"'),
    (["run", "--sql", "absent.sql"], "absent.sql: No such file or directory"),
    (["run", "--query", "SELECT 1", "--repeat", "0"], "must be a whole number from 1, not 0"),
    (["run", "--query", "SELECT 1", "--memory-limit", "much"], "must be a number of bytes"),
    (["run", "--query", "SELECT 1", "--data", "colour"], "must be NAME=VALUE"),
    (["run", "--query", "SELECT 1", "--components", "absent.toml"], "absent.toml"),
    (["scale", "--", "true"], "unrecognized arguments"),
    (["scale", "--query", "SELECT 1", "--clients", "0"], "must be whole numbers from 1"),
    (["compare", ".", ".", "--pairs", "4"], "must be a whole number from 5"),
    (["compare", "no-such-revision", "."], "no-such-revision is not a revision"),
    (["compare", ".", ".", "--new-patch", "absent.patch"], "absent.patch: the file does not exist"),
    (["show", "abcdef"], "no id begins with abcdef"),
    (["import", "absent"], "absent: No such file or directory"),
    (["compare", "/", "."], "/ is not a source tree of the extension"),
    (["compare", ".", ".", "--workload", "absent.sql"], "absent.sql: No such file"),
    (["check"], "cannot find the last release: .*: give a version with --base"),
    (["report", "--tag", "nothing"], "no run has the tag nothing"),
    (["report", "last", "--tag", "nothing"], "give either runs or --tag"),
])
def test_wrong_use(cbperf, arguments, message):
    cbperf(*arguments, status=WRONG_USE)
    assert re.search(message, cbperf.errors), cbperf.errors
    assert cbperf.output == "" and cbperf.spooled() == []


def test_a_dead_pid(cbperf):
    gone = subprocess.Popen(["true"])
    gone.wait()
    cbperf("run", "--pid", gone.pid, status=INCOMPLETE)
    assert f"is incomplete: there is no process {gone.pid}" in cbperf.errors
    assert cbperf.json("show")["state"] == "incomplete"


def test_a_workload_that_fails(cbperf):
    cbperf("run", "--query", "SELECT 1 / 0", status=INCOMPLETE)
    assert re.search("query [0-9a-f]{8} is incomplete: division by zero", cbperf.errors)
    cbperf("run", "--", "false", status=INCOMPLETE)
    assert "false is incomplete: false: exit status 1" in cbperf.errors


def test_a_server_that_is_not_there(cbperf):
    cbperf("run", "--query", "SELECT 1", "--server", "host=/nowhere", status=INCOMPLETE)
    assert "/nowhere" in cbperf.errors and cbperf.json("show")["state"] == "incomplete"


def test_no_store(cbperf, tmp_path):
    """cbperf measures everything, and the record is imported later."""
    cbperf("run", "--query", "SELECT 1", "--tag", "spooled", "--store", "host=/nowhere dbname=cbperf", status=NOT_STORED)
    assert "real time" in cbperf.output and "cbperf import" in cbperf.errors
    spooled, = cbperf.spooled()
    assert json.loads(spooled.read_text())["state"] == "complete"
    shutil.copy(spooled, tmp_path / "copy")
    cbperf("import", spooled)
    assert "1 new, 0 already there" in cbperf.errors and cbperf.spooled() == [], "the import deletes it"
    cbperf("import", "copy")
    assert "0 new, 1 already there" in cbperf.errors and (tmp_path / "copy").exists()
    assert cbperf.json("list", "--tag", "spooled")[0]["samples"] == 5
    cbperf("list", "--store", "host=/nowhere dbname=cbperf", status=NOT_STORED)
    assert "/nowhere" in cbperf.errors


def test_the_store_goes_away(cbperf, store, server):
    """During a run, while the server of the workload stays."""
    process = cbperf.start("run", "--query", "SELECT pg_sleep(0.2)", "--repeat", 15, "--tag", "left")
    wait_for_samples(store, "left", 1)
    server.connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
    server.connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [DATABASE])
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        server.connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")
    assert process.returncode == NOT_STORED and "cbperf import" in errors
    spooled, = cbperf.spooled()
    assert len(json.loads(spooled.read_text())["samples"]) == 15
    cbperf("import", spooled)
    record, = [cbperf.json("show", row["run_id"]) for row in cbperf.json("list", "--tag", "left")]
    assert record["state"] == "complete" and len(record["samples"]) == 15


def wait_for_samples(store, tag, number):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if stored(store, f"SELECT 1 FROM cbperf.runs WHERE tag = '{tag}' AND samples >= {number}"):
            return
        time.sleep(0.02)
    raise AssertionError("the run does not begin")


def test_full_disk(cbperf):
    """If the store and the spool folder have no space, the record is on standard error."""
    with psycopg.connect(cbperf.store, autocommit=True) as connection:
        connection.execute("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$")
        connection.execute("CREATE TRIGGER full_disk BEFORE INSERT ON cbperf.run EXECUTE FUNCTION full_disk()")
        try:
            cbperf("run", "--query", "SELECT 1", status=NOT_STORED)
            assert "No space left on device" in cbperf.errors and len(cbperf.spooled()) == 1
            (cbperf.folder / "file").write_text("")
            cbperf("run", "--query", "SELECT 1", "--spool", "file/none", status=NOT_STORED)
        finally:
            connection.execute("DROP FUNCTION full_disk CASCADE")
    line, = [line for line in cbperf.errors.splitlines() if line.startswith("{")]
    assert json.loads(line)["state"] == "complete"


def test_a_report_that_can_not_be_written(cbperf, tmp_path):
    cbperf("run", "--query", "SELECT 1", "--report", "no/such/folder.html", status=WRONG_USE)
    assert "the folder no/such does not exist" in cbperf.errors
    cbperf("run", "--query", "SELECT 1", "--tag", "unwritten", "--report", tmp_path, status=INCOMPLETE)
    assert "cannot write the report" in cbperf.errors and "real time" in cbperf.output
    (tmp_path / "mine").mkdir(mode=0o500)
    cbperf("run", "--query", "SELECT 1", "--report", "mine/report.html", status=WRONG_USE)
    assert "mine/report.html: no permission to write" in cbperf.errors
    assert cbperf.json("list", "--tag", "unwritten")[0]["state"] == "complete"


def test_a_report_for_a_device(cbperf):
    cbperf("run", "--query", "SELECT 1", "--report", "/dev/null")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("by, status", [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGHUP, 130)])
def test_interrupted(cbperf, store, by, status):
    tag = f"interrupted {by}"
    process = cbperf.start("run", "--query", "SELECT pg_sleep(0.2)", "--repeat", 100, "--tag", tag, ignoring=signal.SIGINT)
    wait_for_samples(store, tag, 1)
    process.send_signal(by)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == status and "interrupted; the finished measurements are kept" in errors and "Traceback" not in errors
    row, = cbperf.json("list", "--tag", tag)
    assert row["state"] == "incomplete" and row["samples"] >= 1
    assert cbperf.json("show", row["run_id"])["error"] == "interrupted"


def test_the_command_ends_with_it(cbperf, store):
    process = cbperf.start("run", "--tag", "command", "--", "sh", "-c", "sleep 4321; true")
    deadline = time.monotonic() + 20
    while not subprocess.run(["pgrep", "-f", "^sleep 4321"], capture_output=True).stdout and time.monotonic() < deadline:
        time.sleep(0.02)
    process.terminate()
    process.communicate(timeout=30)
    assert not subprocess.run(["pgrep", "-f", "^sleep 4321"], capture_output=True).stdout


def test_what_a_killed_one_left_is_removed(cbperf, tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    for owner in gone.pid, os.getpid():
        (tmp_path / f"cbperf.{owner}.x/copy").mkdir(parents=True)
    cbperf("run", "--query", "SELECT 1", TMPDIR=str(tmp_path))
    assert [path.name for path in tmp_path.glob("cbperf.*")] == [f"cbperf.{os.getpid()}.x"]


def test_a_plug_in(cbperf, tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/mine.py").write_text("""
from profilers.base import Finished, Profile, Profiler

class Mine(Profiler):
    name, title, unit = "mine", "Mine", "samples"
    def start(self, target, scratch):
        return Finished(Profile(self.unit, 7, {"name": "all", "value": 7, "children": []}))

PROFILERS = [Mine()]
""")
    record = cbperf.json("run", "--query", "SELECT 1", "--profile", "mine", CBPERF_PROFILERS=str(tmp_path / "plugins"))
    assert [(profile["profiler"], profile["total"]) for profile in record["profiles"]] == [("mine", 7)]


def test_passwords_are_not_kept(cbperf):
    record = cbperf.json("run", "--", "true", "postgresql://me:secret@there/ours", "host=there password=secret user=me")
    assert record["arguments"] == ["postgresql://me:***@there/ours", "host=there password=*** user=me"]


def test_a_session_that_may_not_write(cbperf):
    cbperf("run", "--query", "SELECT 1", "--server", "options='-c default_transaction_read_only=on'")


def test_killed(cbperf, store):
    """A killed cbperf cannot finish its record. The next one on this machine marks it."""
    process = cbperf.start("run", "--query", "SELECT pg_sleep(0.2)", "--repeat", 100, "--tag", "killed")
    wait_for_samples(store, "killed", 1)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while cbperf.json("list", "--tag", "killed")[0]["state"] != "incomplete" and time.monotonic() < deadline:
        cbperf("run", "--query", "SELECT 1", "--repeat", 1)
    row, = cbperf.json("list", "--tag", "killed")
    assert row["state"] == "incomplete" and row["samples"] >= 1
    assert cbperf.json("show", row["run_id"])["error"] == "the process that measured it ended"


def test_two_at_once(cbperf, store):
    process = cbperf.start("run", "--query", "SELECT pg_sleep(0.5)", "--repeat", 6, "--tag", "first")
    wait_for_samples(store, "first", 1)
    cbperf("run", "--query", "SELECT 1", status=BUSY)
    assert f"process {process.pid} is measuring on this machine; use --wait" in cbperf.errors
    cbperf("run", "--query", "SELECT 1", "--wait")
    process.communicate()
    assert process.returncode == DONE
    cbperf("list")      # commands that do not measure can run at the same time
    cbperf("list", "--comparisons")


def test_export_and_import(cbperf, server, tmp_path):
    cbperf("run", "--query", "SELECT 'to be exported'", "--tag", "exported")
    lines = cbperf("export", "--tag", "exported")
    (tmp_path / "lines").write_text(lines)
    try:
        cbperf("init", "--store", "dbname=cbperf_other")
        cbperf("import", "lines", "--store", "dbname=cbperf_other")
        assert cbperf("export", "--store", "dbname=cbperf_other") == lines
    finally:
        server.drop("cbperf_other")
    (tmp_path / "bad").write_text(lines + "{}\n")
    cbperf("import", "bad", status=WRONG_USE)
    assert "line 2" in cbperf.errors


def test_scale(cbperf, tmp_path):
    records = cbperf.json("scale", "--query", "SELECT pg_sleep(0.01)", "--clients", "1,2", "--workers", "0,1", "--seconds", 0.1, "--report", "scale.html")
    assert [record["user_data"]["scale"] | {"throughput": 0} for record in records] == [
        {"clients": clients, "workers": workers, "memory_limit": None, "throughput": 0} for workers in (0, 1) for clients in (1, 2)]
    assert len({record["tag"] for record in records}) == 1
    assert "clients" in (tmp_path / "scale.html").read_text()
    cbperf("scale", "--query", "SELECT length(repeat('x', 200 * 1024 * 1024))", "--clients", 1, "--workers", 0, "--seconds", 0.1, "--memory-limit", "100MB", status=INCOMPLETE)
    assert "out of memory" in cbperf.errors


def test_a_server_of_another_machine(cbperf):
    """Simulated by hiding that the backend's process is on this machine."""
    script = f"import runpy, workload\nworkload.Session.find_postmaster = lambda self: None\nrunpy.run_path({str(CBPERF / 'evaluation/__main__.py')!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", script, "run", "--query", "SELECT pg_temp.span_begin('a'); SELECT pg_sleep(0.05); SELECT pg_temp.span_end()", "--json"],
                          env=cbperf.environment, cwd=CBPERF / "evaluation", capture_output=True, text=True)
    assert done.returncode == DONE, done.stderr
    record = json.loads(done.stdout)
    sample = record["samples"][0]
    assert sample["real"] >= 0.05 and sample["user"] is None and sample["peak_private"] is None and sample["spans"][0]["cpu"] is None
    assert all(record["unavailable"][name] == "the server's processes are not on this machine"
               for name in ("user", "system", "peak_private", "minor_faults", "waiting", "libraries"))


def test_watch(cbperf, tmp_path):
    """The command runs pg_activity with the server's address."""
    program = tmp_path / "pg_activity"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert cbperf("watch", "--server", "host=/there port=7 user=me dbname=ours", "--", "--no-db-size", PATH=path) == \
        "--host=/there --port=7 --username=me --dbname=ours --no-db-size\n"
    for name in ("bash", "readlink", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name))
    program.unlink()
    cbperf("watch", status=WRONG_USE, PATH=str(tmp_path))
    assert "pg-activity" in cbperf.errors


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory):
    """A separate server that has loaded pg_stat_statements and pg_stat_kcache."""
    folder = tmp_path_factory.mktemp("data", numbered=True) / "d"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run(["initdb", "--no-sync", "--auth=trust", "--username=postgres", folder], check=True, capture_output=True)
    with (folder / "postgresql.conf").open("a") as settings:
        settings.write(f"shared_preload_libraries = 'pg_stat_statements, pg_stat_kcache'\nfsync = off\nlisten_addresses = 'localhost'\nport = {port}\nunix_socket_directories = ''\n")
    started = subprocess.run(["pg_ctl", "start", "-s", "-w", "-D", folder, "-l", folder / "log"])
    if started.returncode and "pg_stat_kcache" in (folder / "log").read_text():
        pytest.skip("pg_stat_kcache is not installed")
    try:
        conninfo = f"host=localhost port={port} user=postgres dbname=postgres"
        with psycopg.connect(conninfo) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_kcache")
        yield conninfo
    finally:
        subprocess.run(["pg_ctl", "stop", "-s", "-m", "immediate", "-D", folder], check=True)


def test_statistics_of_statements(cbperf, preloaded):
    query = "SELECT count(*) FROM generate_series(1, 300000); SELECT pg_sleep(0.02)"
    record = cbperf.json("run", "--query", query, "--server", preloaded, "--repeat", 3)
    found = {row["query"]: row for row in record["statements"]}
    counting, sleeping = found["SELECT count(*) FROM generate_series($1, $2)"], found["SELECT pg_sleep($1)"]
    assert (counting["calls"], counting["rows"], sleeping["calls"]) == (3, 3, 3) and sleeping["seconds"] >= 0.06
    assert counting["user"] + counting["system"] > 0.03 > sleeping["user"] and counting["minor_faults"] is not None


def test_statistics_of_statements_are_not_there(cbperf):
    assert cbperf.json("run", "--query", "SELECT 1")["unavailable"]["statements"] == "extension pg_stat_statements is not installed in this database"
    with psycopg.connect("", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        try:
            assert "shared_preload_libraries" in cbperf.json("run", "--query", "SELECT 1")["unavailable"]["statements"]
        finally:
            connection.execute("DROP EXTENSION pg_stat_statements")


def test_a_fault_of_the_tool_is_no_alarm(cbperf, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import json\njson.dumps = lambda *a, **k: 1 / 0\n")
    process = cbperf.start("show", "--json", PYTHONPATH=f"{tmp_path}:{cbperf.environment['PYTHONPATH']}")
    _, errors = process.communicate()
    assert process.returncode == INCOMPLETE and "ZeroDivisionError" in errors


def test_output_that_is_not_read(cbperf):
    with contextlib.suppress(BrokenPipeError):
        done = subprocess.run(f"{CBPERF}/cbperf export | head -c 1", shell=True, env=cbperf.environment, capture_output=True, text=True)
        assert "Traceback" not in done.stderr
