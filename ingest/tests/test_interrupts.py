"""Whatever is read or waited for: a signal ends cbload within seconds, and nothing is left of it."""

import os
import signal
import socket
import sqlite3
import sys
import threading
import time

import psycopg
import pytest
from conftest import nothing_loaded
from experiment import write
from test_faults import no_sessions
from test_policies import waiting

MAP = "CREATE TABLE objects (i BIGINT, x DOUBLE); SELECT 's' AS sample, i AS cell_id, x, x AS y FROM objects"
MESSAGE = "cbload: interrupted; what is not reported above is not loaded\n"


@pytest.fixture
def started(process, db, tmp_path):
    """cbload, when it is under way."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "map.sql").write_text(MAP)

    def start(*arguments, map=tmp_path / "map.sql", **options):
        made = process(*arguments, "--map", map, env=os.environ | {"TMPDIR": str(tmp_path / "tmp")}, **options)
        for _ in range(400):
            if list((tmp_path / "tmp").glob("cbload.*/.made*")) or made.poll() is not None:
                break
            time.sleep(0.05)
        time.sleep(0.5)
        return made
    return start


def ends(made, number, db, tmp_path) -> None:
    assert made.poll() is None
    made.send_signal(number)
    assert made.wait(30) == 130
    assert made.stderr.read() == MESSAGE
    assert nothing_loaded(db) and not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("what", ["pipe", "pipe with a writer", "device", "link to a device", "socket"])
def test_what_is_no_file(what, cbload, db, tmp_path):
    """It is not waited for."""
    path, writer = tmp_path / "objects.csv", None
    (tmp_path / "map.sql").write_text(MAP)
    if what.startswith("pipe"):
        os.mkfifo(path)
        writer = os.open(path, os.O_RDWR) if "writer" in what else None
    elif what == "socket":
        (server := socket.socket(socket.AF_UNIX)).bind(str(path))
        server.close()
    elif what == "device":
        path = "/dev/zero"
    else:
        path.symlink_to("/dev/zero")
    ended = cbload(path, write(tmp_path / "other.csv", [{"i": 1, "x": 2}]), "--map", tmp_path / "map.sql")
    assert ended.status == 1 and ("standard input, cbload - <" in ended.err) == (what != "socket") and "other.csv: 1 cells loaded" in ended.out, ended
    if writer:
        os.close(writer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("view", ["SELECT n AS i, n AS x FROM r WHERE n < 0", "SELECT n AS i, n AS x FROM r"])
def test_a_view_without_end(view, number, started, db, tmp_path):
    with sqlite3.connect(tmp_path / "a.sqlite") as database:
        database.execute(f"CREATE VIEW objects AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) {view}")
    database.close()
    ends(started(tmp_path / "a.sqlite"), number, db, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("what", ["address", "server", "standard input", "pipe as a map", "map without end"])
def test_what_does_not_answer(what, number, started, db, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        options = {}
        if what == "address":
            arguments = [f"http://127.0.0.1:{port}/a.csv"]
        elif what == "server":
            arguments = [write(tmp_path / "a.csv", [{"i": 1, "x": 2}]), "--server", f"host=127.0.0.1 port={port} user=x"]
        elif what == "standard input":
            reader, writer = os.pipe()
            arguments, options = ["-"], {"stdin": reader}
        else:
            arguments = [write(tmp_path / "a.csv", [{"i": 1, "x": 2}])]
            options["map"] = tmp_path / "other.sql"
            if what == "pipe as a map":
                os.mkfifo(options["map"])
            else:
                options["map"].write_text(MAP.replace("SELECT 's'", "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT 's'") + ", r WHERE n < 0")
        ends(started(*arguments, **options), number, db, tmp_path)


def test_a_server_that_stops(started, cbload, db, tmp_path):
    """While a source is loaded, and without an answer to a request to cancel; after that it has nothing of it."""
    (tmp_path / "map.sql").write_text(MAP)
    assert cbload(write(tmp_path / "before.csv", [{"i": 1, "x": 2}]), "--map", tmp_path / "map.sql").status == 0
    db.execute("DELETE FROM cells; DELETE FROM cells_sample; DELETE FROM cells_source")
    with psycopg.connect() as holder:
        holder.execute("LOCK TABLE cells IN SHARE MODE")
        made = started(write(tmp_path / "a.csv", [{"i": 1, "x": 2}]))
        waiting(db, 1)
        (pid,) = db.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'cbload' AND wait_event_type = 'Lock'").fetchone()
        os.kill(pid, signal.SIGSTOP)
        try:
            ends(made, signal.SIGTERM, db, tmp_path)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert no_sessions(db) and nothing_loaded(db)


def test_the_message_is_printed_once(program, capsys, monkeypatch):
    """The orderly end is so late that the sudden one comes, too."""
    late, over = threading.Event(), threading.Event()
    monkeypatch.setattr(sys, "argv", ["cbload"])
    monkeypatch.setattr(program, "asked", lambda *_: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr(program.Interrupts.watch.__globals__["time"], "sleep", lambda _: late.wait(30))
    monkeypatch.setattr(os, "_exit", lambda _: over.set())
    assert program.main() == 130
    late.set()
    assert over.wait(30) and capsys.readouterr().err == MESSAGE


def test_a_reader_that_leaves(process, db, tmp_path):
    """As head does: no fault of the source, which is loaded."""
    (tmp_path / "map.sql").write_text(MAP)
    made = process(write(tmp_path / "a.csv", [{"i": 1, "x": 2}]), "--map", tmp_path / "map.sql")
    made.stdout.close()
    assert made.stderr.read() == "" and made.wait(20) == 1
    assert db.execute("SELECT count(*) FROM cells").fetchone() == (1,)
