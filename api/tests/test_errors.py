"""The HTTP status of each error that the database can raise."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product

import psycopg
import pytest
from conftest import CELLS, DATABASE, Answer, data_path, serve


def register(connection, study: str, source: str | None = None) -> None:
    connection.execute("SELECT cell_register_study(%s, %s, phenotypes => 'phenotypes', features => '{A}')", (study, source or study))


def is_problem(answer: Answer, status: int, detail: str = "") -> None:
    assert answer.status == status, answer.body
    problem = json.loads(answer.body)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status and problem["type"] == "about:blank" and problem["title"] and detail in problem["detail"]
    assert answer.headers["Retry-After"] == ("1" if status == 503 else None)
    if status >= 500:   # what the database says is for the log
        assert problem["detail"] in ("The database could not answer this request.", "The database cannot answer now.",
                                     "All connections to the database are busy, or it cannot be reached.")


# ---- The sample's name

@pytest.mark.parametrize("kind, sample, others", [
    ("smallint", "7", ["8", "x", "1.0", "", "32768", "-32769", "99999999999999999999"]),
    ("integer", "7", ["8", "x", "1.0", "", "2147483648", "99999999999999999999"]),
    ("bigint", "7", ["8", "x", "1.0", "", "9223372036854775808"]),
    ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12", "x", "", "7"]),
    ("text", "seven", ["8", "", "x" * 5000]),
    ("varchar(5)", "seven", ["8", "", "seven and more"]),
    ("positive", "7", ["8", "-1", "x", "99999999999"]),
])
def test_sample_of_each_type(service, connection, kind, sample, others):
    """What a column of that type cannot have, no cell has."""
    name = f"of {kind}"
    connection.execute(f"""DROP DOMAIN IF EXISTS positive; CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
        CREATE TABLE "{name}" (sample {kind}, cell_id bigint, x integer, y integer, phenotypes bigint)""")
    try:
        connection.execute(f'INSERT INTO "{name}" VALUES (%s, 1, 2, 3, 4)', (sample,))
        register(connection, name, f'"{name}"')
        assert service.data(name, sample, "compact").body == bytes.fromhex("01000000 02000000 03000000 0400000000000000")
        assert json.loads(service.request("/samples/?study=" + name.replace(" ", "%20")).body) == {"samples": [sample]}
        for other in others:
            is_problem(service.data(name, other), 404)
    finally:
        connection.execute("SELECT cell_drop_study(%s)", (name,))
        connection.execute(f'DROP TABLE "{name}"')


@pytest.mark.parametrize("asked, named", [(("\0", "s", "spt"), "study"), (("lab", "s\0", "spt"), "sample"), (("lab", "small", "\0"), "layout")])
def test_nul(service, asked, named):
    is_problem(service.data(*asked), 400, f"query.{named}: A name cannot have a NUL character.")
    for path in "/samples/", "/cell-data-binary-feature-names/":
        is_problem(service.request(f"{path}?study=%00"), 400, "query.study: A name cannot have a NUL character.")


# ---- The cells

# SQLSTATE: status of a payload whose cells raise it, as a function of a user's view may.
RAISED = {
    "22P02": 500, "22003": 500, "22004": 500, "22012": 500, "22021": 500, "22P05": 500, "22023": 500, "21000": 500, "23514": 500,
    "42704": 500, "42P01": 500, "42703": 500, "42883": 500, "P0001": 500, "P0002": 500, "25006": 500, "0A000": 500, "39P01": 500,
    "54001": 500, "55000": 500, "58P01": 500, "58030": 500, "XX000": 500, "XX001": 500, "XX002": 500, "F0000": 500, "HV000": 500,
    "42501": 403, "54000": 413,
    "08006": 503, "40001": 503, "40P01": 503, "53000": 503, "53100": 503, "53200": 503, "53300": 503, "55P03": 503, "57014": 503, "57P01": 503,
    "57P03": 503,
}


@pytest.mark.parametrize("state", RAISED)
def test_raised_by_a_view(service, raising, state):
    raising(state)
    is_problem(service.data("raising", state), RAISED[state], "deliberate" if RAISED[state] < 500 else "")
    assert service.data("raising", state, method="HEAD").status == RAISED[state]


def test_view_that_cannot_be_read(service, connection):
    """Its cast fails, whatever sample is asked for."""
    connection.execute("CREATE TABLE no_number (name text); INSERT INTO no_number VALUES ('x');"
                       " CREATE VIEW cast_sample AS SELECT name::integer AS sample, 1 AS cell_id, 1 AS x, 1 AS y, 1::bigint AS phenotypes FROM no_number")
    register(connection, "cast_sample")
    is_problem(service.data("cast_sample", "7"), 500)
    is_problem(service.request("/samples/?study=cast_sample"), 500)


@pytest.mark.parametrize("change, data, samples", [
    ("DROP TABLE changing", 500, 500),
    ("ALTER TABLE changing RENAME x TO other", 500, 500),
    ("ALTER TABLE changing RENAME sample TO other", 500, 500),
    ("ALTER TABLE changing RENAME sample TO other; ALTER TABLE changing ADD sample date", 500, 500),
    ("CREATE TYPE kind AS ENUM ('S'); ALTER TABLE changing RENAME sample TO other; ALTER TABLE changing ADD sample kind", 500, 500),
    ("ALTER TABLE changing RENAME TO renamed", 200, 200),
    ("UPDATE changing SET x = NULL", 500, 200),
    ("UPDATE changing SET x = 'NaN'", 500, 200),       # 22003, as a sample that is no number has
    ("UPDATE changing SET x = 1e10", 500, 200),
    ("UPDATE changing SET cell_id = -1", 500, 200),
    ("INSERT INTO changing SELECT * FROM changing", 500, 200),   # two cells of one cell_id
    ("TRUNCATE changing", 404, 200),
    ("REVOKE SELECT ON changing FROM cell_binary_api", 403, 403),
    ("REVOKE SELECT ON changing FROM cell_binary_api; GRANT SELECT (sample) ON changing TO cell_binary_api", 403, 200),
], ids=lambda value: value if isinstance(value, str) else "")
def test_source_that_changes(service, connection, role, change, data, samples):
    connection.execute("CREATE TABLE changing (sample text, cell_id bigint, x double precision, y integer, phenotypes bigint);"
                       " INSERT INTO changing VALUES ('S', 1, 1, 1, 1)")
    register(connection, "changing")
    try:
        assert service.data("changing", "S").status == 200
        connection.execute(change)
        for answer, status in ((service.data("changing", "S"), data), (service.request("/samples/?study=changing"), samples)):
            is_problem(answer, status) if status != 200 else None
            assert answer.status == status
    finally:
        connection.execute("DROP TABLE IF EXISTS changing, renamed; DELETE FROM cell_study WHERE study = 'changing'; DROP TYPE IF EXISTS kind")


# ---- The server

@pytest.mark.parametrize("setting, status", [
    ("statement_timeout=200", 503), ("default_transaction_read_only=on", 200), ("default_transaction_isolation=serializable", 200),
    ("cell_binary.max_payload_size=1kB", 403),   # a setting of the role that it may not have
])
def test_settings_of_the_role(connection, study, role, tmp_path, setting, status):
    connection.execute("CREATE VIEW slowly AS SELECT 'S' AS sample, i AS cell_id, i AS x, i AS y, i::bigint AS phenotypes"
                       " FROM generate_series(1, 500) i WHERE pg_sleep(0.001) IS NOT NULL")
    register(connection, "slowly")
    try:
        with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, PGOPTIONS=f"-c {setting}") as service:
            answer = service.data("slowly", "S", "compact")
            assert answer.status == status
            is_problem(answer, status) if status != 200 else None
    finally:
        connection.execute("SELECT cell_drop_study('slowly'); DROP VIEW slowly")


def test_lock_timeout(connection, study, role, tmp_path):
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, PGOPTIONS="-c lock_timeout=100") as service:
        with psycopg.connect(dbname=DATABASE) as locker:
            locker.execute("LOCK TABLE cell")
            is_problem(service.data("lab", "small"), 503)
            is_problem(service.request("/samples/?study=lab"), 503)
        assert service.data("lab", "small").status == 200


def test_no_connection(connection, study, role, tmp_path):
    """The service's log says which it is; the client can only ask again."""
    connection.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    connection.execute("CREATE DATABASE without_extension TEMPLATE template0")
    kinds = {"no database": {"PGDATABASE": "nowhere"}, "no role": {"PGUSER": "nobody there"}, "no extension": {"PGDATABASE": "without_extension"},
             "no server": {"PGHOST": "127.0.0.1", "PGPORT": "1"}, "no connection left": {"PGUSER": "crowded"}}
    paths = ("/health", "/study-names/", "/samples/?study=lab", "/cell-data-binary-feature-names/?study=lab", data_path("lab", "small"))
    try:
        with ExitStack() as stack, ThreadPoolExecutor(len(kinds) * len(paths)) as clients:
            services = [stack.enter_context(serve(tmp_path / kind, **{"PGDATABASE": DATABASE, "PGUSER": role} | environment))
                        for kind, environment in kinds.items()]
            for answer in list(clients.map(lambda of: of[0].request(of[1]), product(services, paths))):
                is_problem(answer, 503)
    finally:
        connection.execute("DROP DATABASE without_extension WITH (FORCE)")
        connection.execute("DROP ROLE crowded")


def test_extension_of_another_version(service, connection):
    """Without a function that the service calls."""
    with psycopg.connect(dbname=DATABASE) as change:
        names = ("cell_data_head(text, text, text, text)", "cell_samples(text)", "cell_feature_names_json(text)")
        for name in names:
            change.execute(f"ALTER FUNCTION imaging.{name} RENAME TO {name.partition('(')[0]}_of_another_version")
        change.execute("ALTER VIEW imaging.cell_studies RENAME TO cell_studies_of_another_version")
        change.commit()
        try:
            for path in data_path("lab", "small"), "/samples/?study=lab", "/cell-data-binary-feature-names/?study=lab", "/study-names/":
                is_problem(service.request(path), 500)
        finally:
            for name in names:
                bare, bracket, types = name.partition("(")
                change.execute(f"ALTER FUNCTION imaging.{bare}_of_another_version{bracket}{types} RENAME TO {bare}")
            change.execute("ALTER VIEW imaging.cell_studies_of_another_version RENAME TO cell_studies")


def test_names_that_are_not_text(connection, tmp_path):
    """A database of encoding SQL_ASCII may have bytes that are no characters. The caller cannot mend that."""
    connection.execute("CREATE DATABASE cell_binary_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with psycopg.connect(dbname="cell_binary_ascii", autocommit=True, client_encoding="sql_ascii") as ascii:
            ascii.execute(f"CREATE EXTENSION cell_binary; CREATE TABLE cell {CELLS}; INSERT INTO cell VALUES (E'\\xff', 1, 2, 3, 4), ('S', 1, 2, 3, 4)")
            register(ascii, "cell")
        with serve(tmp_path / "log", PGDATABASE="cell_binary_ascii") as service:
            assert service.data("cell", "S").status == 200
            is_problem(service.data("cell", "ÿ"), 404)
            is_problem(service.request("/samples/?study=cell"), 500)
    finally:
        connection.execute("DROP DATABASE cell_binary_ascii WITH (FORCE)")
