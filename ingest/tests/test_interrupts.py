"""Interrupts: whatever cbload reads or waits for, a signal ends it within seconds."""

import os
import signal
import socket
import sqlite3
import sys
import threading
import time

import psycopg
import pytest
from conftest import INTERRUPTED, delete_all, nothing_loaded, until, wait_for_end, wait_for_locks
from experiment import write

MAP = ("CREATE TABLE objects (i BIGINT, x DOUBLE); "
       "SELECT 's' AS sample, i AS cell_id, x, x AS y FROM objects")
ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)"
ROWS = [{"i": 1, "x": 2}]


@pytest.fixture
def started(process, db, map, tmp_path):
    """Start cbload in its own process, and wait until it works."""
    (tmp_path / "tmp").mkdir()

    def start(*arguments, map=map, **options):
        environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
        made = process(*arguments, "--map", map, env=environment, **options)
        marks = (tmp_path / "tmp").glob
        until(lambda: list(marks("cbload.*/.made*")) or made.poll() is not None)
        time.sleep(0.5)
        return made
    return start


def assert_ends(made, number, db, tmp_path) -> None:
    """Send a signal, and check the end."""
    assert made.poll() is None
    made.send_signal(number)
    assert made.wait(30) == 130, made.stderr.read()
    assert made.stderr.read() == INTERRUPTED
    assert nothing_loaded(db) and not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize(
    "what", ["pipe", "pipe with a writer", "device", "link to a device", "socket"])
def test_sources_that_are_no_files(what, cbload, db, map, tmp_path):
    """cbload does not wait for them."""
    path, writer = tmp_path / "objects.csv", None
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
    ended = cbload(path, write(tmp_path / "other.csv", ROWS), "--map", map)
    assert ended.status == 1 and "other.csv: 1 cells loaded" in ended.out, ended
    assert ("standard input, cbload - <" in ended.err) == (what != "socket"), ended
    if writer:
        os.close(writer)


# One handler takes all signals, and test_faults.py sends each of them: here, they take turns.
@pytest.mark.parametrize("condition, number", [
    ("WHERE n < 0", signal.SIGINT), ("", signal.SIGTERM)])
def test_an_endless_view(condition, number, started, db, tmp_path):
    """The view yields no row at all, or never ends."""
    with sqlite3.connect(tmp_path / "a.sqlite") as database:
        database.execute(
            f"CREATE VIEW objects AS {ENDLESS} SELECT n AS i, n AS x FROM r {condition}")
    database.close()
    assert_ends(started(tmp_path / "a.sqlite"), number, db, tmp_path)


@pytest.mark.parametrize("what, number", [
    ("address", signal.SIGINT), ("server", signal.SIGTERM), ("standard input", signal.SIGINT),
    ("pipe as a map", signal.SIGTERM), ("endless map", signal.SIGINT)])
def test_what_does_not_answer(what, number, started, db, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        source = write(tmp_path / "a.csv", ROWS)
        other_map = tmp_path / "other.sql"
        arguments, options = [source], {}
        if what == "address":
            arguments = [f"http://127.0.0.1:{port}/a.csv"]
        elif what == "server":
            arguments += ["--server", f"host=127.0.0.1 port={port} user=x"]
        elif what == "standard input":
            reader, writer = os.pipe()
            arguments, options = ["-"], {"stdin": reader}
        elif what == "pipe as a map":
            os.mkfifo(other_map)
            options = {"map": other_map}
        else:
            endless = MAP.replace("SELECT 's'", f"{ENDLESS} SELECT 's'") + ", r WHERE n < 0"
            other_map.write_text(endless)
            options = {"map": other_map}
        assert_ends(started(*arguments, **options), number, db, tmp_path)


def test_a_server_that_stops(started, cbload, db, map, tmp_path):
    """The server stops during a load, and does not answer a request to cancel."""
    assert cbload(write(tmp_path / "before.csv", ROWS), "--map", map).status == 0
    delete_all(db)
    with psycopg.connect() as holder:
        holder.execute("LOCK TABLE cells IN SHARE MODE")
        made = started(write(tmp_path / "a.csv", ROWS))
        wait_for_locks(db, 1)
        (pid,) = db.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'cbload' AND wait_event_type = 'Lock'").fetchone()
        os.kill(pid, signal.SIGSTOP)
        try:
            assert_ends(made, signal.SIGTERM, db, tmp_path)
        finally:
            os.kill(pid, signal.SIGCONT)
    wait_for_end(db)
    assert nothing_loaded(db)


def test_the_message_is_printed_once(program, capsys, monkeypatch):
    """The orderly end is so late that the forced end comes as well."""
    late, over = threading.Event(), threading.Event()
    timer = program.Interrupts.watch.__globals__["time"]
    monkeypatch.setattr(sys, "argv", ["cbload"])
    monkeypatch.setattr(program, "asked", lambda *_: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr(timer, "sleep", lambda _: late.wait(30))
    monkeypatch.setattr(os, "_exit", lambda _: over.set())
    assert program.main() == 130
    late.set()
    assert over.wait(30) and capsys.readouterr().err == INTERRUPTED


def test_a_reader_that_leaves(process, db, map, tmp_path):
    """A reader such as head closes the pipe. The source is loaded nevertheless."""
    made = process(write(tmp_path / "a.csv", ROWS), "--map", map)
    made.stdout.close()
    assert made.stderr.read() == "" and made.wait(20) == 1
    assert db.execute("SELECT count(*) FROM cells").fetchone() == (1,)
