"""Where cells go: a table of PostgreSQL, beside it one of sources and one of samples; and the study that they are."""

import contextlib
import json
import weakref
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pyarrow
from cells import Account
from engine import MADE
from errors import LoadError
from mapping import Map
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql
from sources import Source

TABLES = (Path(__file__).parent / "tables.sql").read_text()
ROWS_A_BATCH = 50_000


class Loaded(Exception):
    """The source is in the table already."""


class Target:
    def __init__(self, conninfo: str, table: str) -> None:
        """The table by its name, with or without a schema, written as in SQL. The user's search path says where it is, or is made;
        from then on it is always called with its schema."""
        self.conninfo = conninfo
        self.connections: weakref.WeakSet[psycopg.Connection] = weakref.WeakSet()
        self.guard: psycopg.Connection | None = None
        self.display = table
        self.path: list[str] = []
        with self.connect() as connection:
            *schema, name = connection.execute("SELECT parse_ident(%s)", [table]).fetchone()[0]
            if not schema:
                found = [each for each in self.path if connection.execute("SELECT to_regclass(%s) IS NOT NULL", [sql.Identifier(each, name).as_string()]).fetchone()[0]]
                schema = (found or self.path)[:1]
        if not schema:
            raise LoadError(f"{table}: no schema in the search path is there")
        self.names = {"cells": sql.Identifier(*schema, name), "sources": sql.Identifier(*schema, f"{name}_source"),
                      "samples": sql.Identifier(*schema, f"{name}_sample"), "samples_source": sql.Identifier(f"{name}_sample_source")}

    def connect(self) -> psycopg.Connection:
        """In UTF-8, as the rows are that are copied. Nothing is looked for in schemas where others may have put a function that
        fits better than PostgreSQL's."""
        connection = psycopg.connect(self.conninfo, fallback_application_name="cbload", client_encoding="utf8", autocommit=True)
        self.connections.add(connection)
        self.path = self.path or connection.execute("SELECT pg_catalog.current_schemas(false)").fetchone()[0]
        connection.execute("SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)")
        connection.autocommit = False
        return connection

    def cancel(self) -> None:
        """From another thread: whatever a connection waits for ends with an error."""
        with contextlib.suppress(Exception):
            for connection in list(self.connections):
                if not connection.closed:
                    connection.cancel_safe(timeout=1)

    def query(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(**self.names)

    def prepare(self, map: Map, replace: bool) -> None:
        """Make the tables, if they are not there. As long as they are empty, one cbload at a time says what features they
        have: the others wait here until its first source is in, or it has ended."""
        with self.connect() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('cbload makes tables', 0))")
            there = connection.execute("SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL", self.quoted("cells", "sources", "samples")).fetchone()
            if not any(there):
                connection.execute(self.query(TABLES))
            elif not all(there):
                names = dict(zip(there, self.quoted("cells", "sources", "samples")))
                raise LoadError(f"there is a table {names[True]}, but no {names[False]}: cbload makes all three or none; choose another with --table, or drop what is left")
        self.guard = self.connect()
        self.guard.autocommit = True
        if self.is_empty():
            self.guard.execute("SELECT pg_advisory_lock(hashtextextended('cbload ' || to_regclass(%s)::oid, 0))", self.quoted("cells"))
        if not self.is_empty():
            self.release()
            if not replace:
                with self.connect() as connection:
                    self.same_features(connection, map)

    def quoted(self, *names: str) -> list[str]:
        return [self.names[name].as_string(None) for name in names]

    def is_empty(self) -> bool:
        return not self.guard.execute(self.query("SELECT EXISTS (SELECT FROM {sources})")).fetchone()[0]

    def release(self) -> None:
        """Let the others go on."""
        if self.guard:
            self.guard.close()
            self.guard = None

    def same_features(self, connection: psycopg.Connection, map: Map) -> None:
        """Masks of other features would mean something else."""
        other = connection.execute(self.query("SELECT name, features FROM {sources} WHERE features <> %s ORDER BY source LIMIT 1"), [map.features]).fetchone()
        if other:
            raise LoadError(f"the table {self.display} has cells with the features {listed(other[1])} (source \"{other[0]}\"), and those of this map are {listed(map.features)}: use another table")

    def is_known(self, source: Source) -> bool:
        """By its path alone."""
        with self.connect() as connection:
            return connection.execute(self.query("SELECT EXISTS (SELECT FROM {sources} WHERE path = %s)"), [source.path]).fetchone()[0]

    def known(self, source: Source, fingerprint: str, map: Map) -> list[str]:
        """A sentence on each source that it is."""
        with self.connect() as connection:
            return [what for _, what in self.found(connection, source, fingerprint, map)]

    def found(self, connection: psycopg.Connection, source: Source, fingerprint: str, map: Map) -> list[tuple[int, str]]:
        rows = connection.execute(self.query("""SELECT source, path = %(path)s, fingerprint = %(fingerprint)s, map = %(map)s, name, coalesce(path, 'standard input'), cells, to_char(loaded_at, 'YYYY-MM-DD HH24:MI')
            FROM {sources} WHERE path = %(path)s OR fingerprint = %(fingerprint)s ORDER BY source"""), {"path": source.path, "fingerprint": fingerprint, "map": map.text}).fetchall()
        return [(number, f"it was loaded on {at}, {cells:,} cells" + ("" if same_path else f', as "{name}" ({path})') + ("" if same_content else ", with other content") + ("" if same_map else ", by another map"))
                for number, same_path, same_content, same_map, name, path, cells, at in rows]

    def load(self, engine: duckdb.DuckDBPyConnection, source: Source, map: Map, fingerprint: str, account: Account, replace: bool, merge: bool,
             progress: Callable[..., None]) -> list[str]:
        """All of it in one transaction, or nothing. Says what was replaced."""
        with self.connect() as connection:
            if found := self.found(connection, source, fingerprint, map):
                if not replace:
                    raise Loaded(found[0][1])
                self.remove(connection, [number for number, _ in found])
            self.same_features(connection, map)
            # Who loads the same source at the same time is waited for.
            row = connection.execute(self.query("""INSERT INTO {sources} (name, path, fingerprint, features, cells, skipped, tables, map)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING source"""),
                [source.name, source.path, fingerprint, map.features, account.cells, json.dumps(account.skipped), json.dumps(account.tables()), map.text]).fetchone()
            if not row:
                raise Loaded("it was loaded by another cbload in the meantime")
            self.take_ids(connection, engine, row[0], merge)
            self.copy(connection, engine, row[0], progress)
            progress("committing")
        self.release()
        return [what for _, what in found]

    def remove(self, connection: psycopg.Connection, numbers: list[int]) -> None:
        connection.execute(self.query("DELETE FROM {cells} c USING {samples} s WHERE s.source = ANY(%(n)s) AND c.sample = s.sample AND c.source = ANY(%(n)s)"), {"n": numbers})
        connection.execute(self.query("DELETE FROM {samples} WHERE source = ANY(%s)"), [numbers])
        connection.execute(self.query("DELETE FROM {sources} WHERE source = ANY(%s)"), [numbers])

    def take_ids(self, connection: psycopg.Connection, engine: duckdb.DuckDBPyConnection, number: int, merge: bool) -> None:
        """Of each sample the ids that the source's cells get, as table ids: those of the source, or if others have cells of
        the sample, those after theirs. Who does so at the same time waits until this transaction has ended: at the lock, or
        at the primary key, where all take the samples in one order."""
        given = engine.execute(f"SELECT sample, max(cell_id), count(*) FROM {MADE} GROUP BY sample").fetchall()
        names, lasts, counts = [list(column) for column in zip(*given)] if given else ([], [], [])
        if merge:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('cbload merges ' || to_regclass(%s)::oid, 0))", self.quoted("samples"))
        elif other := connection.execute(self.query("SELECT s.sample, o.name, o.path FROM {samples} s JOIN {sources} o USING (source) WHERE s.sample = ANY(%s) LIMIT 1"), [names]).fetchone():
            raise LoadError(f'sample "{other[0]}" has cells of source "{other[1]}" ({other[2] or "standard input"}) already. If they belong together, --merge-samples gives these ids of their own; '
                            "otherwise load it with another --name, or let the map name the samples otherwise")
        try:
            taken = connection.execute(self.query("""INSERT INTO {samples} (sample, first_id, last_id, source, cells)
                SELECT g.sample, coalesce(t.next, 0), coalesce(t.next, 0) + g.last, %s, g.cells
                FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) g (sample, last, cells)
                LEFT JOIN (SELECT sample, max(last_id) + 1 AS next FROM {samples} GROUP BY sample) t ON t.sample = g.sample
                ORDER BY g.sample COLLATE "C" ON CONFLICT DO NOTHING RETURNING sample, first_id"""), [number, names, lasts, counts]).fetchall()
        except psycopg.errors.CheckViolation:
            raise LoadError("a sample has no ids left: they end at 4294967295") from None
        if len(taken) < len(names):
            raise LoadError("another cbload has loaded cells of the same samples in the meantime")
        names, firsts = zip(*taken) if taken else ((), ())
        engine.register("ids", pyarrow.table({"sample": pyarrow.array(names, pyarrow.string()), "first_id": pyarrow.array(firsts, pyarrow.int64())}))

    def copy(self, connection: psycopg.Connection, engine: duckdb.DuckDBPyConnection, number: int, progress: Callable[..., None]) -> None:
        """In the order of the primary key: the server makes it in half the time then, and finds the cells of a sample side by side."""
        batches = engine.execute(f"""SELECT made.sample, made.cell_id + first_id AS cell_id, x, y, phenotypes, ?::INTEGER AS source FROM {MADE} made JOIN temp.main.ids ids ON ids.sample = made.sample
            ORDER BY made.sample, made.cell_id""", [number]).to_arrow_reader(ROWS_A_BATCH)
        encoder = ArrowToPostgresBinaryEncoder(batches.schema)
        with connection.cursor() as cursor, cursor.copy(self.query("COPY {cells} (sample, cell_id, x, y, phenotypes, source) FROM STDIN WITH (FORMAT binary)")) as copy:
            copy.write(encoder.write_header())
            for batch in batches:
                copy.write(encoder.write_batch(batch))
                progress("loading", batch.num_rows)
            copy.write(encoder.finish())

    def finish(self) -> str | None:
        """Make the primary key of a new table, which is several times faster when the cells are there, and statistics. Says
        why it could not."""
        with self.connect() as connection:
            connection.execute("SET client_min_messages = error")
            try:
                if not self.has_key(connection):
                    with connection.transaction():
                        connection.execute(self.query("ALTER TABLE {cells} ADD PRIMARY KEY (sample, cell_id)"))
            except psycopg.errors.InvalidTableDefinition:     # another cbload made it
                pass
            except psycopg.errors.InsufficientPrivilege as error:
                return f"table {self.display} has no primary key yet: {error.diag.message_primary}"
            connection.execute(self.query("ANALYZE {cells}"))
        return None

    def has_key(self, connection: psycopg.Connection) -> bool:
        return connection.execute("SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = to_regclass(%s) AND indisprimary)", self.quoted("cells")).fetchone()[0]


def listed(features: list[str]) -> str:
    return ", ".join(features) or "none"


class Study:
    """A study whose source is the table. Looked at before anything is loaded."""

    def __init__(self, target: Target, name: str, map: Map) -> None:
        self.target, self.name, self.features = target, name, map.features
        with target.connect() as connection:
            schema = connection.execute("SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'cell_binary'").fetchone()
            if not schema:
                raise LoadError("the extension is not in this database: CREATE EXTENSION cell_binary")
            self.schema = sql.Identifier(schema[0])
            self.registered = self.look(connection)

    def look(self, connection: psycopg.Connection) -> bool:
        """Whether it is registered; an error if it is another one."""
        other = connection.execute(sql.SQL("SELECT study FROM {}.cell_studies WHERE source = to_regclass(%s) AND study <> %s").format(self.schema), [*self.target.quoted("cells"), self.name]).fetchone()
        if other:
            raise LoadError(f'table {self.target.display} is the study "{other[0]}", and a study is all of its table: choose another with --table')
        if connection.execute(sql.SQL("SELECT NOT EXISTS (SELECT FROM {}.cell_studies WHERE study = %s)").format(self.schema), [self.name]).fetchone()[0]:
            return False
        relation, features = connection.execute(sql.SQL("SELECT source = to_regclass(%s), features FROM {}.cell_studies WHERE study = %s").format(self.schema),
                                                [*self.target.quoted("cells"), self.name]).fetchone()
        if not relation:
            raise LoadError(f'study "{self.name}" is registered, with another table than {self.target.display}')
        if features != self.features:
            raise LoadError(f'study "{self.name}" has the features {listed(features)}, and those of this map are {listed(self.features)}')
        return True

    def register(self) -> None:
        with self.target.connect() as connection:
            connection.execute(sql.SQL("SELECT {}.cell_register_study(%s, to_regclass(%s), phenotypes => 'phenotypes', features => %s)").format(self.schema),
                               [self.name, *self.target.quoted("cells"), self.features])
