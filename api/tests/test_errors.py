"""The HTTP status of each error that the database can raise."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from urllib.parse import quote

import psycopg
import pytest
from services import CELLS, DATABASE, ONE_CELL, Answer, data_path, register, serve

# Details that hide PostgreSQL's message, which is in the service's log
HIDING = (
    "The database could not answer this request; the service's log has the reason.",
    "The database is temporarily unable to answer.",
    "All connections to the database are busy, or the database cannot be reached.")


def assert_problem(answer: Answer, status: int, detail: str = "") -> None:
    assert answer.status == status, answer.body
    problem = json.loads(answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status and detail in problem["detail"]
    assert problem["type"] == "about:blank" and problem["title"]
    assert answer.headers["Retry-After"] == ("1" if status == 503 else None)
    if status >= 500:
        assert problem["detail"] in HIDING


def assert_status(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.body
    if status != 200:
        assert_problem(answer, status)


# ---- Names in the request

@pytest.mark.parametrize("kind, sample, others", [
    ("smallint", "7", ["8", "x", "1.0", "", "32768", "-32769", "99999999999999999999"]),
    ("integer", "7", ["8", "x", "1.0", "", "2147483648", "99999999999999999999"]),
    ("bigint", "7", ["8", "x", "1.0", "", "9223372036854775808"]),
    ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
     ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12", "x", "", "7"]),
    ("text", "seven", ["8", "", "x" * 512]),
    ("varchar(5)", "seven", ["8", "", "seven and more"]),
    ("positive", "7", ["8", "-1", "x", "99999999999"]),
])
def test_sample_of_each_type(service, connection, kind, sample, others):
    """A name that the type cannot hold is a sample without cells."""
    name = f"of {kind}"
    connection.execute(f"""
        DROP DOMAIN IF EXISTS positive; CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
        CREATE TABLE "{name}" (sample {kind}, cell_id bigint, x integer, y integer,
            phenotypes bigint)""")
    try:
        connection.execute(f'INSERT INTO "{name}" VALUES (%s, 1, 2, 3, 4)', (sample,))
        register(connection, name)
        assert service.data(name, sample, "compact").body == ONE_CELL
        samples = service.request(f"/samples/?study={quote(name)}")
        assert json.loads(samples.body) == {"samples": [sample]}
        for other in others:
            assert_problem(service.data(name, other), 404)
    finally:
        connection.execute("SELECT cell_drop_study(%s)", (name,))
        connection.execute(f'DROP TABLE "{name}"')


@pytest.mark.parametrize("asked, parameter", [
    (("\0", "s", "spt"), "study"), (("lab", "s\0", "spt"), "sample"),
    (("lab", "small", "\0"), "layout")])
def test_nul_character(service, asked, parameter):
    detail = "query.{}: A name cannot contain a NUL character."
    assert_problem(service.data(*asked), 422, detail.format(parameter))
    for path in "/samples/", "/cell-data-binary-feature-names/":
        assert_problem(service.request(f"{path}?study=%00"), 422, detail.format("study"))


# ---- Errors of the cells

# By SQLSTATE, the status of a payload whose cells raise it, as a function in a view can.
RAISED = {
    state: status for status, states in {
        500: "22P02 22003 22004 22012 22021 22P05 22023 21000 23514 42704 42P01 42703 42883 P0001 "
             "P0002 25006 0A000 39P01 54001 55000 58P01 58030 XX000 XX001 XX002 F0000 HV000",
        403: "42501",
        413: "54000",
        503: "08006 40001 40P01 53000 53100 53200 53300 55P03 57014 57P01 57P03",
    }.items() for state in states.split()}


@pytest.mark.parametrize("state", RAISED)
def test_error_that_a_view_raises(service, raising, state):
    raising(state)
    status = RAISED[state]
    assert_problem(service.data("raising", state), status, "deliberate" if status < 500 else "")
    assert service.data("raising", state, method="HEAD").status == status


def test_view_whose_cast_fails(service, connection):
    """The cast fails for every sample."""
    connection.execute("""
        CREATE TABLE no_number (name text); INSERT INTO no_number VALUES ('x');
        CREATE VIEW cast_sample AS SELECT name::integer AS sample, 1 AS cell_id, 1 AS x, 1 AS y,
            1::bigint AS phenotypes FROM no_number""")
    register(connection, "cast_sample")
    assert_problem(service.data("cast_sample", "7"), 500)
    assert_problem(service.request("/samples/?study=cast_sample"), 500)


RENAME_SAMPLE = "ALTER TABLE changing RENAME sample TO other"
REVOKE = "REVOKE SELECT ON changing FROM cell_binary_api"


@pytest.mark.parametrize("change, data, samples", [
    ("DROP TABLE changing", 500, 500),
    ("ALTER TABLE changing RENAME x TO other", 500, 500),
    (RENAME_SAMPLE, 500, 500),
    (f"{RENAME_SAMPLE}; ALTER TABLE changing ADD sample date", 500, 500),
    (f"CREATE TYPE kind AS ENUM ('S'); {RENAME_SAMPLE}; ALTER TABLE changing ADD sample kind",
     500, 500),
    ("ALTER TABLE changing RENAME TO renamed", 200, 200),
    ("UPDATE changing SET x = NULL", 500, 200),
    # 22003, as for a sample's name that is out of range
    ("UPDATE changing SET x = 'NaN'", 500, 200),
    ("UPDATE changing SET x = 1e10", 500, 200),
    ("UPDATE changing SET cell_id = -1", 500, 200),
    # Two cells with the same cell_id
    ("INSERT INTO changing SELECT * FROM changing", 500, 200),
    ("TRUNCATE changing", 404, 200),
    (REVOKE, 403, 403),
    (f"{REVOKE}; GRANT SELECT (sample) ON changing TO cell_binary_api", 403, 200),
], ids=lambda value: value if isinstance(value, str) else "")
def test_source_that_changes(service, connection, role, change, data, samples):
    connection.execute("""
        CREATE TABLE changing (sample text, cell_id bigint, x double precision, y integer,
            phenotypes bigint);
        INSERT INTO changing VALUES ('S', 1, 1, 1, 1)""")
    register(connection, "changing")
    try:
        assert service.data("changing", "S").status == 200
        connection.execute(change)
        assert_status(service.data("changing", "S"), data)
        assert_status(service.request("/samples/?study=changing"), samples)
    finally:
        connection.execute("""
            DROP TABLE IF EXISTS changing, renamed;
            DELETE FROM cell_study WHERE study = 'changing';
            DROP TYPE IF EXISTS kind""")


# ---- Errors of the server

@pytest.mark.parametrize("setting, status", [
    ("statement_timeout=200", 503),
    ("default_transaction_read_only=on", 200),
    ("default_transaction_isolation=serializable", 200),
    # The role cannot change this setting.
    ("cell_binary.max_payload_size=1kB", 403),
])
def test_settings_of_the_role(connection, study, role, tmp_path, setting, status):
    connection.execute("""
        CREATE VIEW slowly AS
        SELECT 'S' AS sample, i AS cell_id, i AS x, i AS y, i::bigint AS phenotypes
        FROM generate_series(1, 500) i WHERE pg_sleep(0.001) IS NOT NULL""")
    register(connection, "slowly")
    try:
        with serve(tmp_path / "log", PGOPTIONS=f"-c {setting}") as service:
            assert_status(service.data("slowly", "S", "compact"), status)
    finally:
        connection.execute("SELECT cell_drop_study('slowly'); DROP VIEW slowly")


def test_lock_timeout(connection, study, role, tmp_path):
    with serve(tmp_path / "log", PGOPTIONS="-c lock_timeout=100") as service:
        with psycopg.connect(dbname=DATABASE) as locker:
            locker.execute("LOCK TABLE cell")
            assert_problem(service.data("lab", "small"), 503)
            assert_problem(service.request("/samples/?study=lab"), 503)
        assert service.data("lab", "small").status == 200


NO_CONNECTION = {
    "no database": {"PGDATABASE": "nowhere"},
    "no role": {"PGUSER": "nobody there"},
    "no extension": {"PGDATABASE": "without_extension"},
    "no server": {"PGHOST": "127.0.0.1", "PGPORT": "1"},
    "no connection left": {"PGUSER": "crowded"},
}


def test_no_connection(connection, study, role, tmp_path):
    """Each case is a 503; only the service's log says which case it is."""
    connection.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    connection.execute("CREATE DATABASE without_extension TEMPLATE template0")
    paths = ("/health", "/study-names/", "/samples/?study=lab",
             "/cell-data-binary-feature-names/?study=lab", data_path("lab", "small"))
    try:
        with ExitStack() as stack, \
                ThreadPoolExecutor(len(NO_CONNECTION) * len(paths)) as clients:
            services = [stack.enter_context(serve(tmp_path / case, **environment))
                        for case, environment in NO_CONNECTION.items()]
            answers = [clients.submit(service.request, path)
                       for service, path in product(services, paths)]
            for answer in answers:
                assert_problem(answer.result(), 503)
    finally:
        connection.execute("DROP DATABASE without_extension WITH (FORCE)")
        connection.execute("DROP ROLE crowded")


def test_extension_of_another_version(service, connection):
    """An extension without the functions that the service calls."""
    functions = {"cell_data_head": "(text, text, text, text)", "cell_samples": "(text)",
                 "cell_feature_names_json": "(text)"}
    with psycopg.connect(dbname=DATABASE) as change:
        for name, types in functions.items():
            change.execute(f"ALTER FUNCTION imaging.{name}{types} RENAME TO other_{name}")
        change.execute("ALTER VIEW imaging.cell_studies RENAME TO other_cell_studies")
        change.commit()
        try:
            for path in (data_path("lab", "small"), "/samples/?study=lab", "/study-names/",
                         "/cell-data-binary-feature-names/?study=lab"):
                assert_problem(service.request(path), 500)
        finally:
            for name, types in functions.items():
                change.execute(f"ALTER FUNCTION imaging.other_{name}{types} RENAME TO {name}")
            change.execute("ALTER VIEW imaging.other_cell_studies RENAME TO cell_studies")


def test_names_that_are_not_text(connection, tmp_path):
    """In the encoding SQL_ASCII, a database can hold bytes that are no characters. The client
    cannot correct that."""
    connection.execute("""
        CREATE DATABASE cell_binary_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0""")
    try:
        with psycopg.connect(dbname="cell_binary_ascii", autocommit=True,
                             client_encoding="sql_ascii") as ascii:
            ascii.execute(f"""
                CREATE EXTENSION cell_binary; CREATE TABLE cell {CELLS};
                INSERT INTO cell VALUES (E'\\xff', 1, 2, 3, 4), ('S', 1, 2, 3, 4)""")
            register(ascii, "cell")
        with serve(tmp_path / "log", PGDATABASE="cell_binary_ascii",
                   PGUSER="postgres") as service:
            assert service.data("cell", "S").status == 200
            assert_problem(service.data("cell", "ÿ"), 404)
            assert_problem(service.request("/samples/?study=cell"), 500)
    finally:
        connection.execute("DROP DATABASE cell_binary_ascii WITH (FORCE)")
