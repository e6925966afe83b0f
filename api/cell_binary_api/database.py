"""PostgreSQL: connections, and the calls that may take long.

The server, database and role are those of libpq's variables (PGHOST, PGSERVICE, ...).
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

CHUNK_BYTES = 256 * 1024   # what a download holds is a few of these
GRACE = 0.5   # seconds that a packing goes on when nobody waits for it: a proxy that gives up asks again at once


class Payload(NamedTuple):
    """What is asked for: the arguments of cell_data."""

    study: str
    sample: str
    layout: str
    coding: str


class Head(NamedTuple):
    """What cell_data_head gives: the ETag with its quotation marks."""

    cells: int
    bytes: int
    etag: str


class View(Loader):
    """A bytea as it stands in the result, not copied once more."""

    format = Format.BINARY

    def load(self, data):
        return data


async def configure(connection: AsyncConnection) -> None:
    """Find the functions in whatever schema the extension is."""
    schema = await (await connection.execute(
        "SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'cell_binary'"
        " AND has_schema_privilege(n.oid, 'USAGE')")).fetchone()
    if schema is None:
        raise OperationalError(f'the database "{connection.info.dbname}" has no extension cell_binary, or {connection.info.user} has no USAGE on its schema')
    await connection.execute("SELECT set_config('search_path', %s, false)", schema)
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)   # of transactions: one snapshot for head and body


async def reset(_: AsyncConnection) -> None:
    """Nothing, but that there is a reset lets the pool take a connection back in a task of its own. Otherwise
    the request does, and if it is cancelled in that moment the pool has one connection less for ever."""


def pool(name: str, connections: int, patience: float) -> AsyncConnectionPool:
    """Connections that are looked at before use, and made when they are needed: no waiting once the server is back."""
    async def check(connection: AsyncConnection) -> None:
        try:
            async with asyncio.timeout(1):   # what does not answer is broken, too
                await AsyncConnectionPool.check_connection(connection)
        except Exception:
            await made.drain()   # if one is broken, others are; the pool would try one after the other, ever more slowly
            raise

    made = AsyncConnectionPool(
        name=name, open=False, min_size=0, max_size=connections, timeout=patience, reconnect_timeout=0, configure=configure, reset=reset,
        check=check, kwargs={"autocommit": True, "prepare_threshold": None, "client_encoding": "utf8",
                             "connect_timeout": os.environ.get("PGCONNECT_TIMEOUT", "2")})
    return made


# Of each kind its own: names and health; tags, packing, and what is small; large downloads, which last as long as their
# clients take. Four processes fit into the 100 connections of PostgreSQL's default.
answers = pool("answers", 4, 2)
payloads = pool("payloads", PACKINGS, 5)
downloads = pool("downloads", DOWNLOADS, 5)


async def answer(query: str, *arguments: str) -> str | None:
    """The one value of a quick query, if it gives one."""
    async with answers.connection() as connection:
        row = await (await connection.execute(query, arguments)).fetchone()
        return row and row[0]


async def _head(connection: AsyncConnection, payload: Payload) -> Head:
    row = await (await connection.execute("SELECT cells, bytes, etag FROM cell_data_head(%s, %s, %s, %s)", payload)).fetchone()
    return Head(*row)


class _Packing:
    """A call of make_ready for all who ask for that payload; it goes on as long as somebody waits for it."""

    running: dict[Payload, "_Packing"] = {}

    def __init__(self, payload: Payload):
        self.waiting = 0
        self.expiry: asyncio.TimerHandle | None = None
        self.running[payload] = self
        self.task = asyncio.create_task(self.run(payload))
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())   # which perhaps nobody waits for

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
    """Have a payload packed and stored, if it is not; in a transaction of its own, so that it outlives the download."""
    async with payloads.connection() as connection:
        return await _head(connection, payload)


async def head(payload: Payload) -> Head:
    """Length and ETag of a payload as it is now."""
    if packing := _Packing.running.get(payload):
        await packing.wait()   # but what it gives may be older than this request: take the next one's
    while True:
        packing = _Packing.running.get(payload) or _Packing(payload)
        await packing.wait()
        if not packing.task.cancelled():   # when those had gone who asked before
            return packing.task.result()


Body = Callable[[int, int], AsyncIterator[bytes]]   # the bytes of a payload from one offset to another


@asynccontextmanager
async def small_download(payload: Payload) -> AsyncIterator[tuple[Head, Body]]:
    """Length and ETag of a payload, and a function that gives its bytes, for as long as it takes to read some."""
    async with payloads.connection() as connection, snapshot(connection, payload) as found:
        yield found


@asynccontextmanager
async def large_download(payload: Payload, pace: Pace) -> AsyncIterator[tuple[Head, Body]]:
    """The same for as long as a client takes them. If no connection is free, slow clients make way, down to half of them."""
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


@asynccontextmanager
async def snapshot(connection: AsyncConnection, payload: Payload) -> AsyncIterator[tuple[Head, Body]]:
    async def body(start: int, stop: int) -> AsyncIterator[bytes]:
        cursor = connection.cursor()
        cursor.adapters.register_loader("bytea", View)
        # Not cell_data_chunks, whose rows PostgreSQL collects before it sends the first one.
        async with aclosing(cursor.stream(
                "SELECT byte_offset, body FROM (SELECT cell_data(%s, %s, %s, %s) OFFSET 0) AS p (payload), cell_chunks(payload, %s)"
                " WHERE chunk BETWEEN %s AND %s",
                (*payload, CHUNK_BYTES, start // CHUNK_BYTES, (stop - 1) // CHUNK_BYTES), binary=True)) as rows:
            async for offset, chunk in rows:
                yield chunk[max(start - offset, 0):stop - offset]

    async with connection.transaction():
        yield await _head(connection, payload), body
