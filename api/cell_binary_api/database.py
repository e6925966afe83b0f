"""Connections to PostgreSQL, and the queries of payloads.

libpq's environment variables (PGHOST, PGSERVICE, ...) name the server, the database and the role.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import NamedTuple

from psycopg import AsyncConnection, IsolationLevel, OperationalError
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg_pool import AsyncConnectionPool

from .clients import Pace
from .settings import DOWNLOADS, PACKINGS

CHUNK_BYTES = 256 * 1024   # a download keeps a few chunks in memory
# Seconds that packing continues after the last client has gone: a proxy that gives up retries soon.
GRACE = 0.5


class Payload(NamedTuple):
    """What a request asks for: the arguments of cell_data. The payload of a study has no sample."""

    study: str
    sample: str | None
    layout: str
    coding: str


class Head(NamedTuple):
    """The result of cell_data_head; the ETag includes its quotation marks."""

    cells: int
    bytes: int
    etag: str


class View(Loader):
    """Loads a bytea as a view of the result, without another copy."""

    format = Format.BINARY

    def load(self, data):
        return data


async def configure(connection: AsyncConnection) -> None:
    """Set the search path to the schema of the extension, whichever that is."""
    schema = await (await connection.execute("""
        SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
        WHERE extname = 'cell_binary' AND has_schema_privilege(n.oid, 'USAGE')""")).fetchone()
    if schema is None:
        raise OperationalError(
            f'the database "{connection.info.dbname}" has no extension cell_binary, '
            f'or the role "{connection.info.user}" has no USAGE on its schema')
    await connection.execute("SELECT set_config('search_path', %s, false)", schema)
    # Of transactions: length, ETag and body come from one snapshot.
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)


async def reset(_: AsyncConnection) -> None:
    """Do nothing. Because a reset function exists, the pool takes a connection back in a task of
    its own. Otherwise the request's task does that, and if it is cancelled meanwhile, the pool
    loses the connection for good."""


def pool(name: str, connections: int, patience: float) -> AsyncConnectionPool:
    """A pool that opens connections on demand and checks each one before use, so that requests
    succeed as soon as the server is back."""
    async def check(connection: AsyncConnection) -> None:
        try:
            async with asyncio.timeout(1):   # a connection that does not answer is broken, too
                await AsyncConnectionPool.check_connection(connection)
        except Exception:
            # The others are probably broken as well. The pool would try them one after the other,
            # with growing delays.
            await made.drain()
            raise

    made = AsyncConnectionPool(
        name=name, open=False, min_size=0, max_size=connections, timeout=patience,
        reconnect_timeout=0, configure=configure, reset=reset, check=check,
        kwargs={"autocommit": True, "prepare_threshold": None, "client_encoding": "utf8",
                "connect_timeout": os.environ.get("PGCONNECT_TIMEOUT", "2")})
    return made


# One pool for names and health; one for ETags, packing and small payloads; one for large
# downloads, which last as long as their clients take. The sum fits four processes into
# PostgreSQL's default of 100 connections.
answers = pool("answers", 4, 2)
payloads = pool("payloads", PACKINGS, 5)
downloads = pool("downloads", DOWNLOADS, 5)


async def answer(query: str, *arguments: str) -> str | None:
    """The single value of a quick query, or None if the query returns no row."""
    async with answers.connection() as connection:
        row = await (await connection.execute(query, arguments)).fetchone()
        return row and row[0]


async def _head(connection: AsyncConnection, payload: Payload) -> Head:
    row = await (await connection.execute(
        "SELECT cells, bytes, etag FROM cell_data_head(%s, %s, %s, %s)", payload)).fetchone()
    return Head(*row)


class _Packing:
    """One call of make_ready for all requests for a payload; it runs while a request waits."""

    running: dict[Payload, "_Packing"] = {}

    def __init__(self, payload: Payload):
        self.waiting = 0
        self.expiry: asyncio.TimerHandle | None = None
        self.running[payload] = self
        self.task = asyncio.create_task(self.run(payload))
        # Fetch the exception, because perhaps no request is left to do so.
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def run(self, payload: Payload) -> Head:
        try:
            return await make_ready(payload)
        finally:
            del self.running[payload]

    async def wait(self) -> None:
        self.waiting += 1
        if self.expiry:
            self.expiry.cancel()
        try:
            await asyncio.wait([self.task])
        finally:
            self.waiting -= 1
            if self.waiting == 0:
                self.expiry = asyncio.get_running_loop().call_later(GRACE, self.task.cancel)


async def make_ready(payload: Payload) -> Head:
    """Pack and store a payload unless it is stored already, in a transaction of its own: the stored
    payload remains when the download fails."""
    async with payloads.connection() as connection:
        return await _head(connection, payload)


async def head(payload: Payload) -> Head:
    """The current length and ETag of a payload."""
    if packing := _Packing.running.get(payload):
        await packing.wait()   # its result may be older than this request: use the next one's
    while True:
        packing = _Packing.running.get(payload) or _Packing(payload)
        await packing.wait()
        if not packing.task.cancelled():   # cancelled when all earlier requests had gone
            return packing.task.result()


Body = Callable[[int, int], AsyncIterator[bytes]]   # the bytes from one offset to another


@asynccontextmanager
async def small_download(payload: Payload) -> AsyncIterator[tuple[Head, Body]]:
    """A payload's head and a function that reads its bytes, on a connection for short use."""
    async with payloads.connection() as connection, snapshot(connection, payload) as found:
        yield found


@asynccontextmanager
async def large_download(payload: Payload, pace: Pace) -> AsyncIterator[tuple[Head, Body]]:
    """The same, on a connection for as long as the client takes. If no connection is free, slow
    clients lose theirs, until they hold half of the connections."""
    async def make_way() -> None:
        while True:
            await asyncio.sleep(0.1)
            Pace.make_way(DOWNLOADS)

    waiting = asyncio.create_task(make_way())
    try:
        async with downloads.connection() as connection:
            waiting.cancel()
            with pace.holds_connection():
                async with snapshot(connection, payload) as found:
                    yield found
    finally:
        waiting.cancel()


# Not cell_data_chunks: PostgreSQL collects the rows of that function before it sends the first one.
BODY = """
    SELECT byte_offset, body
    FROM (SELECT cell_data(%s, %s, %s, %s) OFFSET 0) AS p (payload), cell_chunks(payload, %s)
    WHERE chunk BETWEEN %s AND %s"""


@asynccontextmanager
async def snapshot(
        connection: AsyncConnection, payload: Payload) -> AsyncIterator[tuple[Head, Body]]:
    async def body(start: int, stop: int) -> AsyncIterator[bytes]:
        cursor = connection.cursor()
        cursor.adapters.register_loader("bytea", View)
        first, last = start // CHUNK_BYTES, (stop - 1) // CHUNK_BYTES
        async with aclosing(cursor.stream(
                BODY, (*payload, CHUNK_BYTES, first, last), binary=True)) as rows:
            async for offset, chunk in rows:
                yield chunk[max(start - offset, 0):stop - offset]

    async with connection.transaction():
        yield await _head(connection, payload), body
