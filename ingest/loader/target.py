"""Where cells go: a table of PostgreSQL, beside it one of sources and one of samples; and the study that they are."""

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pyarrow
from cells import Account
from errors import LoadError
from mapping import Map
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql
from sources import Source

TABLES = (Path(__file__).parent / "tables.sql").read_text()
ROWS_A_BATCH = 50_000
LAST_ID = (1 << 32) - 1


class Loaded(Exception):
    """The source is in the table already."""


class Target:
    def __init__(self, conninfo: str, table: str) -> None:
        """The table by its name, with or without a schema, written as in SQL."""
        self.conninfo = conninfo
        with self.connect() as connection:
            *schema, name = connection.execute("SELECT parse_ident(%s)", [table]).fetchone()[0]
        self.display = table
        self.names = {"cells": sql.Identifier(*schema, name), "sources": sql.Identifier(*schema, f"{name}_source"),
                      "samples": sql.Identifier(*schema, f"{name}_sample"), "samples_source": sql.Identifier(f"{name}_sample_source")}

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.conninfo, fallback_application_name="cbload")

    def query(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(**self.names)

    def prepare(self, map: Map) -> None:
        """Make the tables, if they are not there."""
        with self.connect() as connection:
            there = self.there(connection)
            if not any(there.values()):
                connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('cbload ' || %s, 0))", [self.display])
                connection.execute("SET LOCAL client_min_messages = warning")     # another cbload may have made them by now
                connection.execute(self.query(TABLES))
            elif not all(there.values()):
                names = {found: self.names[name].as_string(connection) for name, found in there.items()}
                raise LoadError(f"there is a table {names[True]}, but no {names[False]}: it is not one that cbload made; choose another with --table")
            self.same_features(connection, map)

    def there(self, connection: psycopg.Connection) -> dict[str, bool]:
        return {name: connection.execute("SELECT to_regclass(%s) IS NOT NULL", [self.names[name].as_string(connection)]).fetchone()[0] for name in ("cells", "sources", "samples")}

    def same_features(self, connection: psycopg.Connection, map: Map) -> None:
        """Masks of other features would mean something else."""
        other = connection.execute(self.query("SELECT name, features FROM {sources} WHERE features <> %s ORDER BY source LIMIT 1"), [map.features]).fetchone()
        if other:
            raise LoadError(f"the table {self.display} has cells with the features {listed(other[1])} (source \"{other[0]}\"), and those of this map are {listed(map.features)}: use another table")

    def known(self, source: Source, fingerprint: str) -> list[tuple[int, str]]:
        """What is loaded of it, and a sentence on each."""
        with self.connect() as connection:
            return known(connection, self, source, fingerprint)

    def load(self, engine: duckdb.DuckDBPyConnection, source: Source, map: Map, fingerprint: str, account: Account, replace: bool, merge: bool,
             progress: Callable[[int], None], connected: Callable[[psycopg.Connection], None]) -> None:
        """All of it in one transaction, or nothing."""
        with self.connect() as connection:
            connected(connection)
            if found := known(connection, self, source, fingerprint):
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

    def remove(self, connection: psycopg.Connection, numbers: list[int]) -> None:
        connection.execute(self.query("DELETE FROM {cells} c USING {samples} s WHERE s.source = ANY(%(n)s) AND c.sample = s.sample AND c.source = ANY(%(n)s)"), {"n": numbers})
        connection.execute(self.query("DELETE FROM {samples} WHERE source = ANY(%s)"), [numbers])
        connection.execute(self.query("DELETE FROM {sources} WHERE source = ANY(%s)"), [numbers])

    def take_ids(self, connection: psycopg.Connection, engine: duckdb.DuckDBPyConnection, number: int, merge: bool) -> None:
        """Of each sample the ids that the source's cells get, as table "#ids": those of the source, or if others have cells of
        the sample, those after theirs. Who does so at the same time waits until this transaction has ended: at the lock, or
        at the primary key. All take the samples in one order."""
        samples = engine.execute('SELECT sample, max(cell_id), count(*) FROM "#made" GROUP BY sample ORDER BY encode(sample)').fetchall()
        first_ids = []
        for sample, last, cells in samples:
            if merge:
                connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, hashtextextended(%s, 0)))", [sample, self.names["samples"].as_string(connection)])
            other, first = connection.execute(self.query("""SELECT 'source "' || min(o.name) || '"', coalesce(max(s.last_id) + 1, 0) FROM {samples} s JOIN {sources} o USING (source) WHERE s.sample = %s"""), [sample]).fetchone()
            if other is None or merge:
                if first + last > LAST_ID:
                    raise LoadError(f'sample "{sample}" has no ids left for {cells} cells')
                if connection.execute(self.query("INSERT INTO {samples} (sample, first_id, last_id, source, cells) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING true"),
                                      [sample, first, first + last, number, cells]).fetchone():
                    first_ids.append((sample, first))
                    continue
            raise LoadError(f'sample "{sample}" has cells of {other or "another source"} already. If they belong together, --merge-samples gives these ids of their own; '
                            "otherwise let the map name the samples after getvariable('source')")
        names, firsts = zip(*first_ids) if first_ids else ((), ())
        engine.register("#ids", pyarrow.table({"sample": pyarrow.array(names, pyarrow.string()), "first_id": pyarrow.array(firsts, pyarrow.int64())}))

    def copy(self, connection: psycopg.Connection, engine: duckdb.DuckDBPyConnection, number: int, progress: Callable[[int], None]) -> None:
        """In the order of the primary key: the server makes it in half the time then, and finds the cells of a sample side by side."""
        batches = engine.execute('SELECT sample, cell_id + first_id AS cell_id, x, y, phenotypes, ?::INTEGER AS source FROM "#made" JOIN "#ids" USING (sample) ORDER BY sample, "#made".cell_id', [number]).to_arrow_reader(ROWS_A_BATCH)
        encoder = ArrowToPostgresBinaryEncoder(batches.schema)
        with connection.cursor() as cursor, cursor.copy(self.query("COPY {cells} (sample, cell_id, x, y, phenotypes, source) FROM STDIN WITH (FORMAT binary)")) as copy:
            copy.write(encoder.write_header())
            for batch in batches:
                copy.write(encoder.write_batch(batch))
                progress(batch.num_rows)
            copy.write(encoder.finish())

    def finish(self) -> None:
        """Make the primary key of a new table, which is several times faster when the cells are there, and statistics."""
        with self.connect() as connection:
            if not self.has_key(connection):
                try:
                    with connection.transaction():
                        connection.execute(self.query("ALTER TABLE {cells} ADD PRIMARY KEY (sample, cell_id)"))
                except psycopg.errors.InvalidTableDefinition:     # another cbload made it
                    pass
            connection.execute(self.query("ANALYZE {cells}"))

    def has_key(self, connection: psycopg.Connection) -> bool:
        return connection.execute("SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = to_regclass(%s) AND indisprimary)", [self.names["cells"].as_string(connection)]).fetchone()[0]


def known(connection: psycopg.Connection, target: Target, source: Source, fingerprint: str) -> list[tuple[int, str]]:
    rows = connection.execute(target.query("SELECT source, path = %s, fingerprint = %s, coalesce(path, name), to_char(loaded_at, 'YYYY-MM-DD HH24:MI') FROM {sources} WHERE path = %s OR fingerprint = %s ORDER BY source"),
                              [source.path, fingerprint, source.path, fingerprint]).fetchall()
    return [(number, f"it was loaded on {at}" + ("" if same_path and same_content else ", with other content" if same_path else f", as {path}")) for number, same_path, same_content, path, at in rows]


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
        if connection.execute(sql.SQL("SELECT NOT EXISTS (SELECT FROM {}.cell_studies WHERE study = %s)").format(self.schema), [self.name]).fetchone()[0]:
            return False
        relation, features = connection.execute(sql.SQL("SELECT source = to_regclass(%s), features FROM {}.cell_studies WHERE study = %s").format(self.schema),
                                                [self.target.names["cells"].as_string(connection), self.name]).fetchone()
        if not relation:
            raise LoadError(f'study "{self.name}" is registered, with another table than {self.target.display}')
        if features != self.features:
            raise LoadError(f'study "{self.name}" has the features {listed(features)}, and those of this map are {listed(self.features)}')
        return True

    def register(self) -> None:
        with self.target.connect() as connection:
            connection.execute(sql.SQL("SELECT {}.cell_register_study(%s, to_regclass(%s), phenotypes => 'phenotypes', features => %s)").format(self.schema),
                               [self.name, self.target.names["cells"].as_string(connection), self.features])
