"""ingest/embed: it writes the right cells, the same ones again, and all of them or none."""

import contextlib
import importlib.util
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import psycopg
import pytest
from conftest import INGEST, Ended, until

sys.path.insert(0, str(INGEST / "embedding"))
import output
import places

SAMPLE = "UMAP virtual sample"
CHANNELS = ("CD3", "CD8", "CD20", "KI67", "PDL1", "DAPI", "ONE")
CLUSTERS = 3
REDUCE = places.reduce
INTERRUPTED = "embed: interrupted; nothing is written\n"

# The columns of a source, and the arguments that register it.
PHENOTYPES = ("sample text, cell_id bigint, x double precision, y double precision, "
              "phenotypes bigint, intensities double precision[]", "phenotypes => 'phenotypes'")
BOOLEANS = ('sample varchar(40), cell_id integer, x integer, y bigint, "Is CD3" boolean, '
            "cd8 boolean, cd20 boolean, ki67 boolean, pdl1 boolean, dapi boolean, one boolean, "
            "intensities real[]",
            """feature_columns => '{"Is CD3",cd8,cd20,ki67,pdl1,dapi,one}'""")
INTEGERS = ("intensities strength, one smallint, y numeric, x real, cell_id bigint, "
            "cd3 smallint, cd8 integer, cd20 bigint, ki67 smallint, pdl1 zero_or_one, "
            "dapi integer, note text NOT NULL DEFAULT 'x', sample name_of_sample",
            "feature_columns => '{cd3,cd8,cd20,ki67,pdl1,dapi,one}'")
DOMAINS = ("CREATE DOMAIN strength AS double precision[]; CREATE DOMAIN zero_or_one AS integer "
           "CHECK (VALUE IN (0, 1)); CREATE DOMAIN name_of_sample AS text")


def clusters(cells: int, seed: int = 3) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return intensities of three clusters, and the cluster of each cell.

    The last channel has only two values.
    """
    random = numpy.random.default_rng(seed)
    labels = numpy.arange(cells) % CLUSTERS
    centres = random.random((CLUSTERS, len(CHANNELS) - 1))
    values = centres[labels] + 0.04 * random.standard_normal((cells, len(CHANNELS) - 1))
    both = random.integers(0, 2, (cells, 1)) * 0.5
    return numpy.hstack([numpy.clip(values, 0, 1.5), both]), labels


def make_study(db, kind=PHENOTYPES, cells=60, name="s", first_ids=(0, 1000), more="") -> None:
    """Create a table with two samples, and register it."""
    columns, registration = kind
    intensities, _ = clusters(cells)
    if "strength" in columns:
        db.execute(DOMAINS)
    db.execute(f'CREATE TABLE "cells of s" ({columns})')
    masks = ((intensities > 0.5) @ (1 << numpy.arange(len(CHANNELS)))).tolist()
    for number in range(cells):
        sample, place = ("A", "B")[number % 2], number // 2
        row = {"sample": sample, "cell_id": first_ids[number % 2] + place,
               "x": 10 + number, "y": 2 * number, "phenotypes": masks[number],
               "intensities": intensities[number].tolist()}
        for bit, channel in enumerate(CHANNELS):
            name_ = "Is CD3" if '"Is CD3"' in columns and bit == 0 else channel.lower()
            value = masks[number] >> bit & 1
            row[name_] = bool(value) if "boolean" in columns else value
        used = [key for key in row if f"{key} " in columns.replace('"', "")]
        db.execute(
            psycopg.sql.SQL('INSERT INTO "cells of s" ({}) VALUES ({})').format(
                psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, used)),
                psycopg.sql.SQL(", ").join(psycopg.sql.Placeholder() * len(used))),
            [row[key] for key in used])
    db.execute('ALTER TABLE "cells of s" ADD PRIMARY KEY (sample, cell_id)')
    db.execute(
        f"SELECT cell_register_study('{name}', '\"cells of s\"', intensities => 'intensities', "
        f"features => '{{{','.join(CHANNELS)}}}', {registration}{more})")


def subsample(db, cells=100000, seed=0) -> list[tuple]:
    return db.execute(
        "SELECT sample, cell_id, phenotypes, intensities FROM cell_subsample_rows('s', %s, %s)",
        [cells, seed]).fetchall()


def written(db, columns="cell_id, x, y, phenotypes, intensities") -> list[tuple]:
    return db.execute(
        f'SELECT {columns} FROM "cells of s" WHERE sample = %s ORDER BY cell_id',
        [SAMPLE]).fetchall()


def everything(db) -> list[tuple]:
    return db.execute('SELECT * FROM "cells of s" c ORDER BY sample, cell_id').fetchall()


def data(db, sample=SAMPLE, layout="spt") -> bytes:
    return db.execute("SELECT cell_data('s', %s, %s)", [sample, layout]).fetchone()[0]


def placed_as_in_smprofiler(reduced: numpy.ndarray) -> list[tuple]:
    """Scale and shift points as SMProfiler does before it packs them."""
    size_x, size_y = max(reduced[:, 0]), max(reduced[:, 1])
    points = 5000 / min(size_x, size_y) * reduced
    least_x, least_y = min(points[:, 0]), min(points[:, 1])
    if least_x <= 1 or least_y <= 1:
        return [(x - least_x + 1, y - least_y + 1) for x, y in points]
    return [(x, y) for x, y in points]


def fake(intensities, *_) -> numpy.ndarray:
    """Return places without UMAP."""
    assert intensities.shape[1] == len(CHANNELS) - 1     # without the one of two values
    return (intensities[:, :2] * 13 - 3).astype(numpy.float32)


@pytest.fixture
def program(monkeypatch):
    spec = importlib.util.spec_from_file_location("embed_main", INGEST / "embedding/__main__.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    handlers = {number: signal.getsignal(number) for number in program.SIGNALS}
    monkeypatch.setattr(output, "program", output.program)
    yield program
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def embed(db, program, capsys, monkeypatch):
    """Run embed in this process, without UMAP."""
    monkeypatch.setattr(places, "reduce", fake)

    def run(*arguments) -> Ended:
        monkeypatch.setattr(sys, "argv", ["embed", *map(str, arguments)])
        try:
            status = program.main()
        except SystemExit as end:
            status = end.code
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture
def process(db):
    """Start the command, which a test can kill."""
    started: list[subprocess.Popen] = []

    def start(*arguments, **more) -> subprocess.Popen:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = [str(INGEST / "embed"), *map(str, arguments)]
        started.append(subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment | more,
            # Under nohup, the tests ignore this signal, and their children would do so, too.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)))
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
        each.communicate()


def umap_of(pid: int) -> int | None:
    """Return the process that runs UMAP for embed."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if "reduction.py" in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
    return None


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.filterwarnings("ignore:n_jobs value")
def test_the_embedding(process, db):
    """Two runs of the command, and umap-learn in this process, give the same places.

    Cells of a cluster stay together.
    """
    make_study(db, cells=600)
    ended = process("s")
    from sklearn.preprocessing import QuantileTransformer     # while the command runs
    from umap import UMAP
    rows = subsample(db)
    values = numpy.array([row[3] for row in rows])[:, :6]
    values = QuantileTransformer(n_quantiles=600, random_state=99).fit_transform(values)
    expected = placed_as_in_smprofiler(UMAP(random_state=99, min_dist=0.2).fit_transform(values))

    out, err = ended.communicate()
    assert ended.returncode == 0 and err == "", err
    assert out.startswith("s: 600 cells embedded in ")
    assert out.splitlines()[-1] == "  left out, at most two intensities: ONE"
    first = written(db)
    assert first == sorted(
        (cell_id, float(x), float(y), phenotypes, intensities)
        for (_, cell_id, phenotypes, intensities), (x, y) in zip(rows, expected))

    points = numpy.array([row[1:3] for row in first])
    assert points.min() >= 1
    labels = numpy.array([2 * (cell_id % 1000) + cell_id // 1000 for cell_id, *_ in first]) % 3
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    numpy.fill_diagonal(distances, numpy.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.95

    again = process("s", "--replace")
    out, err = again.communicate()
    assert again.returncode == 0 and "  replaced: 600 cells" in out.splitlines(), err
    assert written(db) == first


@pytest.mark.parametrize("kind", [PHENOTYPES, BOOLEANS, INTEGERS])
def test_kinds_of_columns(kind, embed, db):
    make_study(db, kind)
    before = data(db, "A"), data(db, "B", "compact")
    rows = subsample(db)
    ended = embed("s")
    assert (ended.status, ended.err) == (0, ""), ended
    xy = placed_as_in_smprofiler(fake(numpy.array([row[3] for row in rows])[:, :6]))
    if kind is BOOLEANS:
        xy = [(int(x), int(y)) for x, y in xy]
    found = {row[0]: row[1:] for row in written(db, "cell_id, x::float8, y::float8")}
    assert found == {row[1]: pytest.approx((float(x), float(y)), 1e-13)
                     for row, (x, y) in zip(rows, xy)}

    # What is served: SMProfiler's payload, and the codes of the cells that are embedded.
    header = [len(rows), *(int(f(place[k] for place in xy)) for k in (0, 1) for f in (min, max))]
    cells = sorted((cell_id, int(x), int(y), phenotypes)
                   for (_, cell_id, phenotypes, _), (x, y) in zip(rows, xy))
    assert data(db) == struct.pack(">5I", *header) + b"".join(
        struct.pack(">3I", *cell[:3]) + struct.pack("<Q", cell[3]) for cell in cells)
    codes = db.execute(
        'SELECT cell_pack_intensities(cell_id, intensities) FROM "cells of s" WHERE sample <> %s',
        [SAMPLE]).fetchone()[0]
    assert data(db, layout="intensity") == codes
    assert (data(db, "A"), data(db, "B", "compact")) == before
    assert subsample(db) == rows


def test_ids(embed, db):
    """Ids that several samples share are replaced by numbers in the order of the subsample."""
    make_study(db, first_ids=(0, 0))
    rows = subsample(db, 31, 7)
    assert rows[0][0] == "A" and rows[-1][0] == "B"
    ended = embed("s", "--cells", 31, "--seed", 7)
    assert "  of 2 samples; the ids are numbered from 1\n" in ended.out
    assert written(db, "cell_id, phenotypes, intensities") == [
        (number, *row[2:]) for number, row in enumerate(rows, 1)]


def test_an_existing_sample(embed, db):
    """The payload in the store is not served after its sample is replaced."""
    make_study(db)
    assert embed("s").status == 0
    db.execute("CALL cell_prepare('s', %s, 'spt')", [SAMPLE])
    first, before = data(db), everything(db)
    ended = embed("s")
    assert ended.status == 1 and everything(db) == before
    assert ended.err == (f'embed: study "s" already has a sample "{SAMPLE}"; --replace replaces '
                         "it\n")
    ended = embed("s", "--replace", "--cells", 40)
    assert ended.status == 0 and "  replaced: 60 cells\n" in ended.out
    assert len(written(db)) == 40 and data(db) != first
    assert [row for row in everything(db) if row[0] != SAMPLE] == [
        row for row in before if row[0] != SAMPLE]
    ended = embed("s", "--replace", "--quiet")
    assert (ended.status, ended.out, ended.err) == (0, "", "") and data(db) == first


def test_two_at_a_time(embed, db, monkeypatch):
    """Another session writes the sample during UMAP."""
    make_study(db)

    def late(*arguments):
        db.execute('INSERT INTO "cells of s" SELECT %s, cell_id, x, y, phenotypes, intensities '
                   'FROM "cells of s" WHERE cell_id = 7', [SAMPLE])
        return fake(*arguments)

    monkeypatch.setattr(places, "reduce", late)
    ended = embed("s")
    assert ended.status == 1 and "already has a sample" in ended.err and len(written(db)) == 1
    db.execute('UPDATE "cells of s" SET x = -9 WHERE sample = %s', [SAMPLE])
    monkeypatch.setattr(places, "reduce", fake)
    assert embed("s", "--replace").status == 0 and len(written(db)) == 60


def test_check(embed, db, monkeypatch):
    make_study(db)
    before = everything(db)
    monkeypatch.delattr(places, "reduce")
    ended = embed("s", "--check")
    assert ended.status == 0 and ended.out.startswith("s: 60 cells can be embedded; checked in ")
    assert everything(db) == before


def test_clipped_intensities(embed, db):
    """A report tells that a subsample has no intensities above 1."""
    make_study(db)
    db.execute('UPDATE "cells of s" SET intensities[2] = 7 + x WHERE x > 25')
    ended = embed("s")
    assert "  most intensities are 1 or more, and count as 1: CD8\n" in ended.out


ERRORS = {
    "an unknown study": (
        ["t"], "", 'there is no study "t" that the role can read; SELECT study FROM "packed"'),
    "no intensities": (
        ["plain"], "SELECT cell_register_study('plain', '\"cells of s\"', phenotypes => "
        "'phenotypes', features => '{CD3}')",
        'study "plain" has no intensities: drop the study with cell_drop_study, and register it '),
    "integers as samples": (
        ["numbers"], "CREATE TABLE n AS SELECT 1 AS sample, cell_id, x, y, phenotypes, intensities "
        "FROM \"cells of s\"; SELECT cell_register_study('numbers', 'n', phenotypes => "
        f"'phenotypes', intensities => 'intensities', features => '{{{','.join(CHANNELS)}}}')",
        'column sample of "made"."n" has type integer, which cannot hold the name "UMAP virtual '),
    "a short sample column": (
        ["s"], "SELECT cell_drop_study('s'); ALTER TABLE \"cells of s\" ALTER sample TYPE "
        "varchar(9); SELECT cell_register_study('s', '\"cells of s\"', phenotypes => 'phenotypes', "
        f"intensities => 'intensities', features => '{{{','.join(CHANNELS)}}}')",
        "value too long for type character varying(9): the sample column of"),
    "constant intensities": (
        ["s"], "UPDATE \"cells of s\" SET intensities = '{1,2,3,4,5,6,7}'",
        'no channel of study "s" has more than two intensities, so there is nothing to embed; a '),
    "no cells": (["s"], 'TRUNCATE "cells of s"', 'study "s" has no cells'),
    "too few cells": (
        ["s", "--cells", 15], "",
        'the subsample of study "s" has 15 cells, but UMAP with 15 neighbours needs 16: use a '),
    "a required column": (
        ["s"], 'ALTER TABLE "cells of s" ADD a int DEFAULT 1 NOT NULL, ADD b int DEFAULT 1 NOT '
        'NULL; ALTER TABLE "cells of s" ALTER b DROP DEFAULT',
        '"made"."cells of s" has columns that are NOT NULL without a default, and that do not '
        "belong to the study: b; embed writes only"),
    "a view": (
        ["v"], 'CREATE VIEW v AS SELECT * FROM "cells of s" UNION ALL SELECT * FROM "cells of s" '
        "WHERE false; SELECT cell_register_study('v', 'v', phenotypes => 'phenotypes', "
        f"intensities => 'intensities', features => '{{{','.join(CHANNELS)}}}')",
        'cannot insert into view "v": "made"."v" cannot be written; create INSTEAD OF triggers'),
    "a materialized view": (
        ["v"], 'CREATE MATERIALIZED VIEW v AS SELECT * FROM "cells of s"; SELECT '
        "cell_register_study('v', 'v', phenotypes => 'phenotypes', intensities => 'intensities', "
        f"features => '{{{','.join(CHANNELS)}}}')",
        'cannot change materialized view "v": "made"."v" cannot be written'),
    "ids that must be unique": (
        ["s"], 'CREATE UNIQUE INDEX i ON "cells of s" (cell_id)',
        'duplicate key value violates unique constraint "i": Key (cell_id)=(1029) already exists'),
    "a foreign key": (
        ["s"], "CREATE TABLE samples (sample text PRIMARY KEY); INSERT INTO samples VALUES ('A'), "
        "('B'); ALTER TABLE \"cells of s\" ADD FOREIGN KEY (sample) REFERENCES samples DEFERRABLE "
        "INITIALLY DEFERRED",
        f'is not present in table "samples". First add the sample "{SAMPLE}" there'),
    "a check": (
        ["s"], "ALTER TABLE \"cells of s\" ADD CONSTRAINT short CHECK (length(sample) = 1)",
        'new row for relation "cells of s" violates check constraint "short"'),
    "a role that can read": (
        ["s", "--server", "options='-c role=embed_reader'"], "",
        "permission denied for table cells of s; the role needs SELECT, INSERT and DELETE"),
    "a role that cannot read": (
        ["s", "--server", "options='-c role=embed_stranger'"], "",
        'there is no study "s" that the role can read'),
    "a read-only session": (
        ["s", "--server", "options='-c default_transaction_read_only=on'"], "",
        "cannot execute CREATE TABLE in a read-only transaction"),
    "a NULL intensity": (
        ["s"], 'UPDATE "cells of s" SET intensities[3] = NULL WHERE cell_id = 7',
        "element 3 of the intensities of cell_id 7 must not be null"),
    "no server": (["s", "--server", "host=/nowhere"], "", "connection to server on socket"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case, embed, db, monkeypatch):
    """Each error comes before UMAP begins, and nothing changes."""
    arguments, change, message = ERRORS[case]
    make_study(db)
    for role in "embed_reader", "embed_stranger":
        db.execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role}")
        db.execute(f"GRANT USAGE ON SCHEMA packed, made TO {role}")
    try:
        db.execute('GRANT SELECT ON "cells of s" TO embed_reader')
        if change:
            db.execute(change)
        before = everything(db)
        monkeypatch.delattr(places, "reduce")
        ended = embed(*arguments)
        assert ended.status == 1 and ended.out == "" and message in ended.err, ended
        assert ended.err.startswith("embed: ") and ended.err.count("\n") == 1
        assert everything(db) == before
    finally:
        db.execute("DROP OWNED BY embed_reader, embed_stranger; "
                   "DROP ROLE embed_reader, embed_stranger")


def test_wrong_usage(embed, db):
    for arguments in ([], ["s", "--cells", 0], ["s", "--cells", "many"], ["s", "--min-dist", 2],
                      ["s", "--neighbors", 1], ["s", "--umap-seed", -1], ["s", "t"]):
        assert embed(*arguments).status == 2
    ended = embed(os.fsdecode(b"\xff"))
    assert ended.status == 2 and ended.err == "embed: an argument is not in UTF-8\n"
    ended = embed("a\x1b[2J")
    assert ended.status == 1 and '"a\\x1b[2J"' in ended.err


def test_a_failed_replacement(embed, db, monkeypatch):
    """An error in the last statement restores the replaced sample."""
    make_study(db)
    assert embed("s").status == 0
    before = everything(db)
    db.execute("CREATE FUNCTION made.fail() RETURNS trigger LANGUAGE plpgsql AS "
               "$$ BEGIN IF (SELECT count(*) FROM new) > 1 THEN RAISE 'not today'; END IF; "
               "RETURN NULL; END $$")
    db.execute('CREATE TRIGGER fail AFTER INSERT ON "cells of s" REFERENCING NEW TABLE AS new '
               "FOR EACH STATEMENT EXECUTE FUNCTION made.fail()")
    ended = embed("s", "--replace", "--cells", 50)
    assert (ended.status, ended.err) == (1, "embed: not today\n") and everything(db) == before


def test_a_view_with_triggers(embed, db):
    """The stored payloads of a view are made unusable, because nothing notices its changes."""
    make_study(db)
    db.execute("""
        CREATE VIEW v AS SELECT * FROM "cells of s" WHERE sample <> 'B' OR true OFFSET 0;
        CREATE FUNCTION made.put() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'INSERT' THEN INSERT INTO made."cells of s" SELECT NEW.*; RETURN NEW; END IF;
        DELETE FROM made."cells of s" c WHERE (c.sample, c.cell_id) = (OLD.sample, OLD.cell_id);
        RETURN OLD; END $$;
        CREATE TRIGGER put INSTEAD OF INSERT OR DELETE ON v FOR EACH ROW
        EXECUTE FUNCTION made.put()""")
    db.execute("SELECT cell_drop_study('s'); SELECT cell_register_study('s', 'v', phenotypes => "
               "'phenotypes', intensities => 'intensities', store => true, features => "
               f"'{{{','.join(CHANNELS)}}}')")
    assert embed("s").status == 0
    db.execute("CALL cell_prepare('s', %s, 'spt')", [SAMPLE])
    first = data(db)
    assert embed("s", "--replace", "--cells", 30).status == 0
    assert len(data(db)) == 20 + 30 * 20 and len(first) == 20 + 60 * 20


def test_umap_that_fails(embed, db, tmp_path, monkeypatch):
    make_study(db)
    before = everything(db)
    monkeypatch.setattr(places, "reduce", REDUCE)
    for code, message in (
            ("raise ValueError('no places')", "ValueError: no places"),
            ("print('x')", "it has not placed every cell"),
            ("import os; os.kill(os.getpid(), 9)", "it was killed, perhaps for lack")):
        (tmp_path / "reduction.py").write_text(code)
        monkeypatch.setattr(places, "PROGRAM", tmp_path / "reduction.py")
        ended = embed("s")
        assert ended.status == 1 and f"embed: UMAP failed: {message}" in ended.err, ended
    assert everything(db) == before


def test_much_data(tmp_path, monkeypatch):
    """Numbers and places that do not fit into a pipe, and a process that reads them late."""
    (tmp_path / "reduction.py").write_text(
        "import io, sys, time, numpy; time.sleep(1); "
        "given = numpy.load(io.BytesIO(sys.stdin.buffer.read())); "
        "numpy.save(result := io.BytesIO(), given[:, :2]); "
        "sys.stdout.buffer.write(result.getbuffer())")
    monkeypatch.setattr(places, "PROGRAM", tmp_path / "reduction.py")
    given = numpy.random.default_rng(1).random((50000, 30))
    waits = []
    result = places.reduce(given, places.Settings(15, 0.2, 99), lambda: waits.append(1))
    assert (result == given[:, :2]).all() and waits


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupts_during_umap(number, process, db):
    make_study(db, cells=60)
    before = everything(db)
    made = process("s")
    until(lambda: umap_of(made.pid) or made.poll() is not None)
    child = umap_of(made.pid)
    time.sleep(0.3)
    made.send_signal(number)
    status = made.wait(20)
    until(lambda: not runs(child))
    assert everything(db) == before
    if number != signal.SIGKILL:
        assert status == 130 and made.stderr.read() == INTERRUPTED


def test_interrupts_at_a_lock(process, db):
    make_study(db)
    before = everything(db)
    waiting = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
               "AND application_name = 'embed' AND wait_event_type = 'Lock'")
    for number in signal.SIGHUP, signal.SIGKILL:
        with psycopg.connect() as holder:
            holder.execute('LOCK TABLE "cells of s" IN SHARE MODE')
            made = process("s")
            until(lambda: db.execute(waiting).fetchone() == (1,))
            made.send_signal(number)
            assert made.wait(20) == (130 if number == signal.SIGHUP else -number)
        until(lambda: db.execute(waiting).fetchone() == (0,))
        assert everything(db) == before


def test_interrupts_while_writing(embed, db, monkeypatch):
    """Ctrl-C after the INSERT, before the commit."""
    make_study(db)
    before = everything(db)
    db.execute("CREATE FUNCTION made.wait() RETURNS trigger LANGUAGE plpgsql AS "
               "$$ BEGIN IF (SELECT count(*) FROM new) > 1 THEN PERFORM pg_sleep(60); END IF; "
               "RETURN NULL; END $$")
    db.execute('CREATE TRIGGER wait AFTER INSERT ON "cells of s" REFERENCING NEW TABLE AS new '
               "FOR EACH STATEMENT EXECUTE FUNCTION made.wait()")
    timer = threading.Timer(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    ended = embed("s")
    assert ended.status == 130 and ended.err == INTERRUPTED and everything(db) == before


@pytest.mark.parametrize("points", [
    [[-3, 2], [10, 8], [4, 5]], [[1, 2], [3, 4], [5, 9]], [[-9, 1], [-2, 3], [-1, 7]],
    [[0, 0], [0, 0], [0, 0]], [[-5, -5], [1e-9, 5], [5, 1e-9]], [[2, 1], [2, 9], [2, 4]]])
def test_places(points):
    """As in SMProfiler, or, where SMProfiler divides by a number of 0 or less, valid places."""
    given = numpy.array(points, dtype=numpy.float32)
    result = places.scaled(given)
    assert result.dtype == numpy.float32 and numpy.isfinite(result).all()
    assert result.min() >= 1 and result.max() < 2**31
    if given.max(axis=0).min() > 1e-3:
        assert [tuple(point) for point in result] == placed_as_in_smprofiler(given)
