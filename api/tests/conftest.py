"""Fixtures of all tests: a database on the server that libpq's variables name, and its service."""

import psycopg
import pytest
from services import CELLS, DATABASE, ROLE, register, serve


@pytest.fixture(scope="session")
def connection():
    """A superuser's connection to the database that the service serves."""
    with psycopg.connect(dbname="postgres", autocommit=True) as maintenance:
        maintenance.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        maintenance.execute(f"CREATE DATABASE {DATABASE}")
        with psycopg.connect(dbname=DATABASE, autocommit=True) as connection:
            # A schema that is not in the default search path
            connection.execute("""
                CREATE SCHEMA imaging; CREATE EXTENSION cell_binary SCHEMA imaging;
                SET search_path = public, imaging""")
            yield connection
        maintenance.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        maintenance.execute(f"DROP ROLE IF EXISTS {ROLE}")


@pytest.fixture(scope="session")
def study(connection):
    """The study "lab": the samples small (1,000 cells) and large (1,000,000 cells, 16 MB)."""
    connection.execute(f"CREATE TABLE cell {CELLS}")
    connection.execute("""
        INSERT INTO cell SELECT sample, i, i % 1000 - 5, i / 1000, i * 2654435761 % 1099511627776
        FROM (VALUES ('small', 1000), ('large', 1000000)) s (sample, cells),
            generate_series(1, cells) i""")
    register(connection, "lab", "cell", ["CD3", "CD8", "A & B"])
    connection.execute("ANALYZE cell")
    return "lab"


@pytest.fixture(scope="session")
def role(connection, study):
    """The service's role, which can read the tables of the tests and nothing else."""
    connection.execute(f"""
        CREATE ROLE {ROLE} LOGIN;
        GRANT SELECT ON cell TO {ROLE};
        GRANT USAGE ON SCHEMA imaging TO {ROLE};
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {ROLE}""")
    return ROLE


@pytest.fixture(scope="session")
def intense(connection, role):
    """The study "intense": the samples A and B of 100 cells, with intensities in three channels.
    Its subsample has 50 cells."""
    connection.execute("""
        CREATE TABLE intense (LIKE cell, intensities real[]);
        INSERT INTO intense SELECT sample, i, i % 97, i % 89, i % 8,
            ARRAY[i % 100 / 100.0, i % 7 / 7.0, i % 3 / 2.0]
        FROM unnest('{A,B}'::text[]) sample, generate_series(1, 100) i""")
    register(connection, "intense", "intense", ["CD8", "CD3", "DAPI"],
             intensities="'intensities'", subsample_cells=50, full_names="'{Leu-2,\"\",\"\"}'")
    return "intense"


@pytest.fixture(scope="session")
def service(role, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("service") / "log") as service:
        yield service


@pytest.fixture(scope="session")
def raising(connection, role):
    """A function that adds a sample to the study "raising". The sample's name is an SQLSTATE, and
    its cells raise it."""
    connection.execute("""
        CREATE FUNCTION raise(state text) RETURNS integer LANGUAGE plpgsql AS $$
            BEGIN RAISE 'deliberate' USING ERRCODE = state; END $$;
        CREATE TABLE raising_cell (state text, cell_id bigint);
        CREATE VIEW raising AS SELECT state AS sample, cell_id, raise(state) AS x, 1 AS y,
            1::bigint AS phenotypes FROM raising_cell""")
    register(connection, "raising")

    def make(state: str) -> None:
        connection.execute("INSERT INTO raising_cell VALUES (%s, 1)", (state,))
    return make
