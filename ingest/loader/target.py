"""The tables of cells, sources and samples in PostgreSQL, and the study that serves the cells."""

import contextlib
import json
import weakref
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pyarrow
from cells import Account
from connection import connect, extension_schema
from engine import MADE
from errors import LoadError
from mapping import Map
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql
from sources import Source

TABLES = (Path(__file__).parent / "tables.sql").read_text()
ROWS_A_BATCH = 50_000
CONTENT = ("cells", "sources", "samples")


class Loaded(Exception):
    """The source is in the table already."""


class Target:
    def __init__(self, conninfo: str, table: str) -> None:
        """Find the schema of a table, whose name is written as in SQL.

        If the name has no schema, the user's search path decides where the table is, or where
        cbload creates it. From then on, queries name the schema.
        """
        self.conninfo = conninfo
        self.connections: weakref.WeakSet[psycopg.Connection] = weakref.WeakSet()
        self.guard: psycopg.Connection | None = None
        self.display = table
        self.path: list[str] = []
        with self.connect() as connection:
            parts = connection.execute("SELECT parse_ident(%s)", [table]).fetchone()[0]
            *schema, name = parts
            if not schema:
                found = [each for each in self.path if exists(connection, each, name)]
                schema = (found or self.path)[:1]
        if not schema:
            raise LoadError(f"{table}: no schema of the search path exists")
        self.names = {
            "cells": sql.Identifier(*schema, name),
            "sources": sql.Identifier(*schema, f"{name}_source"),
            "samples": sql.Identifier(*schema, f"{name}_sample"),
            "samples_source": sql.Identifier(f"{name}_sample_source"),
        }

    def connect(self) -> psycopg.Connection:
        connection, path = connect(self.conninfo, "cbload")
        self.connections.add(connection)
        self.path = self.path or path
        return connection

    def cancel(self) -> None:
        """End whatever a connection waits for with an error. Called from another thread."""
        with contextlib.suppress(Exception):
            for connection in list(self.connections):
                if not connection.closed:
                    connection.cancel_safe(timeout=1)

    def query(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(**self.names)

    def prepare(self, map: Map, replace: bool) -> None:
        """Create the tables if they do not exist, and check the features.

        As long as the tables are empty, only one cbload at a time determines the features. The
        others wait here until its first source is loaded, or until it has ended.
        """
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('cbload makes tables', 0))")
            names = self.quoted(*CONTENT)
            there = connection.execute(
                "SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL, "
                "to_regclass(%s) IS NOT NULL", names).fetchone()
            if not any(there):
                connection.execute(self.query(TABLES))
            elif all(there):
                self.add_column(connection)
            elif not all(there):
                named = dict(zip(there, names))
                raise LoadError(
                    f"table {named[True]} exists, but {named[False]} does not: cbload creates all "
                    "three tables or none; choose another table with --table, or drop the rest")
        self.guard = self.connect()
        self.guard.autocommit = True
        if self.is_empty():
            self.guard.execute(
                "SELECT pg_advisory_lock(hashtextextended('cbload ' || to_regclass(%s)::oid, 0))",
                self.quoted("cells"))
        if not self.is_empty():
            self.release()
            if not replace and not map.is_open:
                with self.connect() as connection:
                    self.same_features(connection, map)

    def quoted(self, *names: str) -> list[str]:
        return [self.names[name].as_string(None) for name in names]

    def is_empty(self) -> bool:
        query = self.query("SELECT NOT EXISTS (SELECT FROM {sources})")
        return self.guard.execute(query).fetchone()[0]

    def release(self) -> None:
        """Let other cbload processes continue."""
        if self.guard:
            self.guard.close()
            self.guard = None

    def add_column(self, connection: psycopg.Connection) -> None:
        """Add the size of a pixel to a table of sources that an earlier cbload has created."""
        there = connection.execute(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) "
            "AND attname = 'micrometres_per_pixel' AND NOT attisdropped)",
            self.quoted("sources")).fetchone()[0]
        if not there:
            connection.execute(self.query(
                "ALTER TABLE {sources} ADD COLUMN micrometres_per_pixel double precision"))

    def features(self) -> list[str] | None:
        """Return the features of the table, or None if it has no source yet."""
        with self.connect() as connection:
            row = connection.execute(
                self.query("SELECT features FROM {sources} ORDER BY source LIMIT 1")).fetchone()
        return row[0] if row else None

    def same_features(self, connection: psycopg.Connection, map: Map) -> None:
        """Refuse a map with other features, because its bits would mean something else."""
        other = connection.execute(
            self.query("SELECT name, features FROM {sources} WHERE features <> %s "
                       "ORDER BY source LIMIT 1"), [map.features]).fetchone()
        if other:
            name, features = other
            raise LoadError(
                f"table {self.display} has the features {listed(features)} (source \"{name}\"), "
                f"but the map has {listed(map.features)}: use another table")

    def same_pixels(self, connection: psycopg.Connection, size: float | None) -> None:
        """Refuse a source with pixels of another size, because a study has one size."""
        other = connection.execute(
            self.query("SELECT name, micrometres_per_pixel FROM {sources} "
                       "WHERE micrometres_per_pixel IS DISTINCT FROM %s ORDER BY source LIMIT 1"),
            [size]).fetchone()
        if other:
            name, there = other
            raise LoadError(
                f'the pixels of source "{name}" in table {self.display} are '
                f"{of_size(there)}, but those of this source {of_size(size)}: give both the same "
                "--pixel-size, or use another table")

    def is_known(self, source: Source) -> bool:
        """Return whether a source with this path is loaded."""
        with self.connect() as connection:
            return connection.execute(
                self.query("SELECT EXISTS (SELECT FROM {sources} WHERE path = %s)"),
                [source.path]).fetchone()[0]

    def known(self, source: Source, fingerprint: str, map: Map) -> list[str]:
        """Return a description of each loaded source that is this one."""
        with self.connect() as connection:
            return [what for _, what in self.found(connection, source, fingerprint, map)]

    def found(
        self, connection: psycopg.Connection, source: Source, fingerprint: str, map: Map,
    ) -> list[tuple[int, str]]:
        """Return the numbers and descriptions of loaded sources with this path or fingerprint."""
        query = self.query(
            """SELECT source, path = %(path)s, fingerprint = %(fingerprint)s, map = %(map)s, name,
                coalesce(path, 'standard input'), cells, to_char(loaded_at, 'YYYY-MM-DD HH24:MI')
            FROM {sources} WHERE path = %(path)s OR fingerprint = %(fingerprint)s
            ORDER BY source""")
        values = {"path": source.path, "fingerprint": fingerprint, "map": map.text}
        found = []
        for row in connection.execute(query, values).fetchall():
            number, same_path, same_content, same_map, name, path, cells, at = row
            what = f"loaded on {at}, {cells:,} cells"
            what += "" if same_path else f', as "{name}" ({path})'
            what += "" if same_content else ", with other content"
            what += "" if same_map else ", with another map"
            found.append((number, what))
        return found

    def load(
        self, engine: duckdb.DuckDBPyConnection, source: Source, map: Map, fingerprint: str,
        account: Account, replace: bool, merge: bool, progress: Callable[..., None],
    ) -> list[str]:
        """Load a source in one transaction, and return descriptions of the replaced sources."""
        with self.connect() as connection:
            if found := self.found(connection, source, fingerprint, map):
                if not replace:
                    raise Loaded(f"already {found[0][1]}")
                self.remove(connection, [number for number, _ in found])
            self.same_features(connection, map)
            size = account.scale.micrometres_per_pixel
            self.same_pixels(connection, size)
            # This waits for another transaction that loads the same source.
            row = connection.execute(self.query(
                """INSERT INTO {sources}
                    (name, path, fingerprint, features, cells, skipped, tables, map,
                    micrometres_per_pixel)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING source"""),
                [source.name, source.path, fingerprint, map.features, account.cells,
                 json.dumps(account.skipped), json.dumps(account.tables()), map.text,
                 size]).fetchone()
            if not row:
                raise Loaded("already loaded by another cbload in the meantime")
            self.take_ids(connection, engine, row[0], merge)
            self.copy(connection, engine, row[0], progress)
            progress("committing")
        self.release()
        return [what for _, what in found]

    def remove(self, connection: psycopg.Connection, numbers: list[int]) -> None:
        connection.execute(self.query(
            """DELETE FROM {cells} c USING {samples} s WHERE s.source = ANY(%(numbers)s)
                AND c.sample = s.sample AND c.source = ANY(%(numbers)s)"""), {"numbers": numbers})
        connection.execute(self.query("DELETE FROM {samples} WHERE source = ANY(%s)"), [numbers])
        connection.execute(self.query("DELETE FROM {sources} WHERE source = ANY(%s)"), [numbers])

    def take_ids(
        self, connection: psycopg.Connection, engine: duckdb.DuckDBPyConnection, number: int,
        merge: bool,
    ) -> None:
        """Reserve the ids of the source's cells in each sample, and register them as table ids.

        The cells keep the ids of the source, or get ids after those of other sources in the sample.
        A concurrent load of the same samples waits until this transaction ends: at the lock, or at
        the primary key, where all loads insert the samples in one order.
        """
        given = engine.execute(
            f"SELECT sample, max(cell_id), count(*) FROM {MADE} GROUP BY sample").fetchall()
        names, lasts, counts = [list(column) for column in zip(*given)] if given else ([], [], [])
        if merge:
            connection.execute(
                "SELECT pg_advisory_xact_lock("
                "hashtextextended('cbload merges ' || to_regclass(%s)::oid, 0))",
                self.quoted("samples"))
        else:
            self.refuse_shared(connection, names)
        try:
            taken = connection.execute(self.query(
                """INSERT INTO {samples} (sample, first_id, last_id, source, cells)
                SELECT g.sample, coalesce(t.next, 0), coalesce(t.next, 0) + g.last, %s, g.cells
                FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) g (sample, last, cells)
                LEFT JOIN (
                    SELECT sample, max(last_id) + 1 AS next FROM {samples} GROUP BY sample
                ) t ON t.sample = g.sample
                ORDER BY g.sample COLLATE "C"
                ON CONFLICT DO NOTHING RETURNING sample, first_id"""),
                [number, names, lasts, counts]).fetchall()
        except psycopg.errors.CheckViolation:
            raise LoadError("a sample has no ids left: the last one is 4294967295") from None
        if len(taken) < len(names):
            raise LoadError("another cbload has loaded cells of the same samples in the meantime")
        names, firsts = zip(*taken) if taken else ((), ())
        engine.register("ids", pyarrow.table({
            "sample": pyarrow.array(names, pyarrow.string()),
            "first_id": pyarrow.array(firsts, pyarrow.int64()),
        }))

    def refuse_shared(self, connection: psycopg.Connection, samples: list[str]) -> None:
        """Refuse samples that have cells of another source."""
        other = connection.execute(self.query(
            """SELECT s.sample, o.name, o.path FROM {samples} s JOIN {sources} o USING (source)
            WHERE s.sample = ANY(%s) LIMIT 1"""), [samples]).fetchone()
        if other:
            sample, name, path = other
            raise LoadError(
                f'sample "{sample}" already has cells of source "{name}" '
                f'({path or "standard input"}): if they belong together, --merge-samples gives the '
                "new cells other ids; otherwise use another --name, or change the sample names in "
                "the map")

    def copy(
        self, connection: psycopg.Connection, engine: duckdb.DuckDBPyConnection, number: int,
        progress: Callable[..., None],
    ) -> None:
        """Copy the cells in the order of the primary key.

        In this order, the server builds the key in half the time, and the cells of a sample are
        adjacent.
        """
        batches = engine.execute(
            f"""SELECT made.sample, made.cell_id + first_id AS cell_id, x, y, phenotypes,
                ?::INTEGER AS source
            FROM {MADE} made JOIN temp.main.ids ids ON ids.sample = made.sample
            ORDER BY made.sample, made.cell_id""", [number]).to_arrow_reader(ROWS_A_BATCH)
        encoder = ArrowToPostgresBinaryEncoder(batches.schema)
        statement = self.query("COPY {cells} (sample, cell_id, x, y, phenotypes, source) "
                               "FROM STDIN WITH (FORMAT binary)")
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(encoder.write_header())
            for batch in batches:
                copy.write(encoder.write_batch(batch))
                progress("loading", batch.num_rows)
            copy.write(encoder.finish())

    def finish(self) -> str | None:
        """Create the primary key of a new table, and collect statistics.

        Creating the key now takes a fraction of the time that keeping it up during the load would
        take. Return the reason if the key cannot be created.
        """
        with self.connect() as connection:
            connection.execute("SET client_min_messages = error")
            try:
                if not self.has_key(connection):
                    with connection.transaction():
                        connection.execute(
                            self.query("ALTER TABLE {cells} ADD PRIMARY KEY (sample, cell_id)"))
            except psycopg.errors.InvalidTableDefinition:     # another cbload has created it
                pass
            except psycopg.errors.InsufficientPrivilege as error:
                return f"table {self.display} has no primary key yet: {error.diag.message_primary}"
            connection.execute(self.query("ANALYZE {cells}"))
        return None

    def has_key(self, connection: psycopg.Connection) -> bool:
        return connection.execute(
            "SELECT EXISTS (SELECT FROM pg_index "
            "WHERE indrelid = to_regclass(%s) AND indisprimary)",
            self.quoted("cells")).fetchone()[0]


def exists(connection: psycopg.Connection, schema: str, table: str) -> bool:
    name = sql.Identifier(schema, table).as_string()
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone()[0]


def of_size(micrometres: float | None) -> str:
    return f"of {micrometres:g} micrometres" if micrometres else "of unknown size"


def listed(features: list[str]) -> str:
    return ", ".join(features) or "none"


class Study:
    """The study whose source is the table. It is checked before anything is loaded."""

    def __init__(self, target: Target, name: str, map: Map) -> None:
        self.target, self.name, self.map = target, name, map
        with target.connect() as connection:
            self.schema = extension_schema(connection)
            if not self.schema:
                raise LoadError('extension "cell_binary" is not installed in this database: '
                                "run CREATE EXTENSION cell_binary")
            self.registered = self.look(connection)

    def look(self, connection: psycopg.Connection) -> bool:
        """Return whether the study is registered, or raise an error if it is a different one."""
        (table,) = self.target.quoted("cells")
        display = self.target.display
        other = connection.execute(self.query(
            "SELECT study FROM {}.cell_studies WHERE source = to_regclass(%s) AND study <> %s"),
            [table, self.name]).fetchone()
        if other:
            raise LoadError(f'table {display} is the study "{other[0]}", and a study is all of its '
                            "table: choose another table with --table")
        found = connection.execute(self.query(
            "SELECT source = to_regclass(%s), features FROM {}.cell_studies WHERE study = %s"),
            [table, self.name]).fetchone()
        if not found:
            return False
        same_table, features = found
        if not same_table:
            raise LoadError(f'study "{self.name}" is registered with a table other than {display}')
        if features != self.map.features and not self.map.is_open:
            raise LoadError(f'study "{self.name}" has the features {listed(features)}, '
                            f"but the map has {listed(self.map.features)}")
        return True

    def register(self, features: list[str]) -> None:
        with self.target.connect() as connection:
            connection.execute(self.query(
                "SELECT {}.cell_register_study(%s, to_regclass(%s), "
                "phenotypes => 'phenotypes', features => %s)"),
                [self.name, *self.target.quoted("cells"), features])

    def query(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(self.schema)
