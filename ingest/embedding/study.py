"""A study in PostgreSQL: the cells of its subsample, and its virtual sample."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy
import psycopg
from connection import connect, extension_schema
from problems import UNSURE, EmbedError, refused, said
from psycopg import sql

# src/smprofiler/virtual_sample.h has the same name.
VIRTUAL_SAMPLE = "UMAP virtual sample"
ROWS_A_BATCH = 5000
INTEGERS = ("smallint", "integer", "bigint")
WITH_TRIGGERS = "rp"     # kinds of relations: tables and partitioned tables


@dataclass
class Cells:
    """Cells of a subsample, in its order."""

    ids: numpy.ndarray
    phenotypes: numpy.ndarray
    intensities: numpy.ndarray
    samples: int
    renumbered: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, row: int) -> "Cells":
        part = slice(row, row + 1)
        return Cells(self.ids[part], self.phenotypes[part], self.intensities[part], 1)


class Study:
    def __init__(self, conninfo: str, name: str) -> None:
        self.conninfo, self.name = conninfo, name
        self.committing = False
        with self.connect() as connection:
            self.find(connection)

    def connect(self) -> psycopg.Connection:
        connection, _ = connect(self.conninfo, "embed")
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return connection

    def find(self, connection: psycopg.Connection) -> None:
        """Look up the source of the study, and its columns."""
        self.extension = extension_schema(connection)
        if not self.extension:
            raise EmbedError("the extension cell_binary is not installed in this database: "
                             "run CREATE EXTENSION cell_binary")
        row = connection.execute(self.query(
            """SELECT source::oid, store, features, sample_column, cell_id_column, x_column,
                y_column, phenotypes_column, feature_columns, intensities_column, nspname, relname,
                relkind
            FROM {extension}.cell_studies JOIN pg_class c ON c.oid = source
            JOIN pg_namespace n ON n.oid = relnamespace WHERE study = %s"""),
            [self.name]).fetchone()
        if not row:
            raise EmbedError(
                f'there is no study "{self.name}" that the role can read; SELECT study FROM '
                f"{row_name(self.extension)}.cell_studies lists the studies")
        (self.oid, store, self.features, *columns, self.feature_columns, intensities, schema,
         relation, kind) = row
        self.sample, self.cell_id, self.x, self.y, self.phenotypes = columns
        if intensities is None:
            raise EmbedError(
                f'study "{self.name}" has no intensities: drop the study with cell_drop_study, and '
                "register it again with the argument intensities")
        self.intensities = intensities
        self.source = sql.Identifier(schema, relation)
        self.display = row_name(self.source)
        self.invalidates = store and kind not in WITH_TRIGGERS
        self.types = dict(connection.execute(
            """WITH RECURSIVE base (name, type) AS (
                SELECT attname, atttypid FROM pg_attribute
                WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped
                UNION ALL
                SELECT name, typbasetype FROM base JOIN pg_type t ON t.oid = type
                WHERE typbasetype <> 0)
            SELECT name, format_type(type, NULL) FROM base JOIN pg_type t ON t.oid = type
            WHERE typbasetype = 0""", [self.oid]).fetchall())
        if (type_ := self.types.get(self.sample)) in (*INTEGERS, "uuid"):
            raise EmbedError(
                f'column {self.sample} of {self.display} has type {type_}, which cannot hold the '
                f'name "{VIRTUAL_SAMPLE}": register a study with a sample column of type text')
        self.refuse_required(connection)

    def refuse_required(self, connection: psycopg.Connection) -> None:
        """Refuse a source with other columns that need a value."""
        written = [column for column, _ in self.columns()]
        required = [name for (name,) in connection.execute(
            """SELECT attname FROM pg_attribute
            WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attnotnull
                AND NOT atthasdef AND attidentity = '' AND attname <> ALL (%s) ORDER BY attnum""",
            [self.oid, written]).fetchall()]
        if required:
            raise EmbedError(
                f"{self.display} has columns that are NOT NULL without a default, and that do not "
                f"belong to the study: {', '.join(required)}; embed writes only the columns of the "
                "study: give these columns a default")

    def query(self, text: str, **names: sql.Composable) -> sql.Composed:
        return sql.SQL(text).format(extension=self.extension, **names)

    def columns(self) -> list[tuple[str, str]]:
        """Return the columns to write, each with its expression of the columns of the COPY."""
        columns = [(self.cell_id, "cell_id"), (self.x, "x"), (self.y, "y")]
        if self.phenotypes:
            columns.append((self.phenotypes, "phenotypes"))
        for bit, column in enumerate(self.feature_columns or []):
            value = f"phenotypes >> {bit} & 1"
            is_integer = self.types.get(column) in INTEGERS
            columns.append((column, value if is_integer else f"({value}) <> 0"))
        columns.append((self.intensities, "intensities"))
        return [(self.sample, "sample"), *columns]

    def read(self, cells: int, seed: int, progress: Callable[[int], None]) -> Cells:
        """Read a subsample. Ids that are not unique are replaced by numbers from 1."""
        ids, phenotypes, intensities, samples = [], [], [], set()
        with self.connect() as connection, connection.cursor("cells", binary=True) as cursor:
            cursor.execute(self.query(
                "SELECT sample, cell_id, phenotypes, intensities "
                "FROM {extension}.cell_subsample_rows(%s, %s, %s)"), [self.name, cells, seed])
            while rows := cursor.fetchmany(ROWS_A_BATCH):
                samples.update(row[0] for row in rows)
                ids.append(numpy.array([row[1] for row in rows], dtype=numpy.int64))
                phenotypes.append(numpy.array([row[2] for row in rows], dtype=numpy.int64))
                intensities.append(numpy.array([row[3] for row in rows], dtype=numpy.float64))
                progress(len(rows))
        if not ids:
            raise EmbedError(f'study "{self.name}" has no cells')
        read = Cells(numpy.concatenate(ids), numpy.concatenate(phenotypes),
                     numpy.concatenate(intensities), len(samples))
        if len(numpy.unique(read.ids)) < len(read):
            read.ids, read.renumbered = numpy.arange(1, len(read) + 1), True
        return read

    def rehearse(self, cells: Cells, replace: bool) -> None:
        """Write one cell, and roll back, to meet the errors of writing before the long work."""
        last = cells.only(int(cells.ids.argmax()))
        with self.connect() as connection:
            self.insert(connection, last, numpy.ones((1, 2)), replace, lambda _: None)
            connection.rollback()

    def write(
        self, cells: Cells, places: numpy.ndarray, replace: bool, progress: Callable[[int], None],
    ) -> int:
        """Write the sample in one transaction, and return the number of replaced cells."""
        with self.connect() as connection:
            replaced = self.insert(connection, cells, places, replace, progress)
            self.committing = True
            try:
                connection.commit()
            except psycopg.Error as error:
                if error.sqlstate:
                    self.committing = False
                    raise
                raise EmbedError(f"{UNSURE} ({said(error)})") from None
            self.committing = False
        return replaced

    def exists(self, connection: psycopg.Connection) -> bool:
        query = self.query(
            "SELECT EXISTS (SELECT FROM {source} WHERE {sample} = %s::text)",
            source=self.source, sample=sql.Identifier(self.sample))
        return connection.execute(query, [VIRTUAL_SAMPLE]).fetchone()[0]

    def insert(
        self, connection: psycopg.Connection, cells: Cells, places: numpy.ndarray, replace: bool,
        progress: Callable[[int], None],
    ) -> int:
        try:
            # Another embed of the same source waits here, and then finds the sample.
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('embed ' || %s::oid, 0))",
                [self.oid])
            if self.exists(connection) and not replace:
                raise EmbedError(
                    f'study "{self.name}" already has a sample "{VIRTUAL_SAMPLE}"; '
                    "--replace replaces it")
            replaced = 0
            if replace:
                replaced = connection.execute(self.query(
                    "DELETE FROM {source} WHERE {sample} = %s::text",
                    source=self.source, sample=sql.Identifier(self.sample)),
                    [VIRTUAL_SAMPLE]).rowcount
            self.copy(connection, cells, places, progress)
            columns = self.columns()[1:]
            connection.execute(self.query(
                "INSERT INTO {source} ({sample}, {columns}) "
                "SELECT {name}, {expressions} FROM pg_temp.embedded",
                source=self.source, sample=sql.Identifier(self.sample),
                columns=sql.SQL(", ").join(sql.Identifier(column) for column, _ in columns),
                name=sql.Literal(VIRTUAL_SAMPLE),
                expressions=sql.SQL(", ".join(expression for _, expression in columns))))
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            if self.invalidates:
                connection.execute(
                    self.query("SELECT {extension}.cell_invalidate(%s, %s)"),
                    [self.name, VIRTUAL_SAMPLE])
        except psycopg.Error as error:
            if not error.sqlstate:
                raise
            raise EmbedError(refused(error, self.display, VIRTUAL_SAMPLE)) from None
        return replaced

    def copy(
        self, connection: psycopg.Connection, cells: Cells, places: numpy.ndarray,
        progress: Callable[[int], None],
    ) -> None:
        """Copy the cells into a temporary table."""
        connection.execute(
            """CREATE TEMPORARY TABLE embedded (
                cell_id bigint, x double precision, y double precision, phenotypes bigint,
                intensities double precision[]) ON COMMIT DROP""")
        x, y = self.fitting(self.x, places[:, 0]), self.fitting(self.y, places[:, 1])
        statement = "COPY pg_temp.embedded FROM STDIN WITH (FORMAT binary)"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(["int8", "float8", "float8", "int8", "float8[]"])
            for begin in range(0, len(cells), ROWS_A_BATCH):
                part = slice(begin, begin + ROWS_A_BATCH)
                intensities = cells.intensities[part]
                if self.types.get(self.intensities) == "real[]":
                    intensities = not_below(intensities)
                rows = zip(cells.ids[part].tolist(), x[part].tolist(), y[part].tolist(),
                           cells.phenotypes[part].tolist(), intensities.tolist())
                for number, row in enumerate(rows, 1):
                    copy.write_row(row)
                progress(number)

    def fitting(self, column: str, values: numpy.ndarray) -> numpy.ndarray:
        """Truncate coordinates for an integer column, as packing does; a cast would round."""
        values = values.astype(numpy.float64)
        return numpy.trunc(values) if self.types.get(column) in INTEGERS else values


def not_below(numbers: numpy.ndarray) -> numpy.ndarray:
    """Round to single precision, but not below the number, which would change its code."""
    rounded = numbers.astype(numpy.float32)
    above = numpy.nextafter(rounded, numpy.float32(numpy.inf))
    return numpy.where(rounded < numbers, above, rounded).astype(numpy.float64)


def row_name(name: sql.Identifier) -> str:
    return name.as_string(None)
