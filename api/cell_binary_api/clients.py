"""Clients that disconnect, and clients that are slow.

A client's debt is the time that the service has waited for the client, less the time that the bytes
it took need at a given rate. Debt measures progress over time: a pause, or a byte now and then,
changes it little.
"""

import asyncio
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import log
from .settings import STALL   # seconds of debt at the rate LEAST after which a client is dropped

LEAST = 16_000   # bytes a second
BRISK = 1_000_000   # bytes a second
PATIENCE = 1.0   # seconds of debt at the rate BRISK above which a client counts as slow


@dataclass
class Debt:
    """A client's debt at one rate."""

    rate: float   # bytes a second
    seconds: float = 0

    def after(self, waited: float, taken: int = 0) -> float:
        return max(self.seconds + waited - taken / self.rate, 0)


class Pace:
    """The function "send" of one request, which also measures how long the client makes it wait."""

    holding: set["Pace"] = set()   # requests whose download holds a database connection

    def __init__(self, send: Send, what: str):
        self.send, self.what = send, what
        self.least, self.brisk = Debt(LEAST), Debt(BRISK)
        self.since: float | None = None   # when the current wait began
        self.started = False
        self.work: asyncio.Task | None = None
        self.loop = asyncio.get_running_loop()

    async def __call__(self, message: Message) -> None:
        self.since, self.started = self.loop.time(), True
        limit = self.loop.call_at(
            self.since + STALL - self.least.seconds, self.give_up, self.since)
        try:
            await self.send(message)
        finally:
            limit.cancel()
            waited, self.since = self.loop.time() - self.since, None
            for debt in self.least, self.brisk:
                debt.seconds = debt.after(waited, len(message.get("body", b"")))

    def slowness(self) -> float:
        """The seconds of debt above PATIENCE; 0 unless the service waits for the client now."""
        if self.since is None:
            return 0
        return self.brisk.after(self.loop.time() - self.since) - PATIENCE

    def give_up(self, since: float) -> None:
        def unless_it_has_taken() -> None:
            if self.since == since:
                self.break_off("the client takes nothing, or too little")

        # Look again a little later: this process may have been stopped, and not the client.
        self.loop.call_later(0.1, unless_it_has_taken)

    def break_off(self, why: str) -> None:
        """End the answer early. The status is sent already: the client notices because the
        connection ends before Content-Length."""
        self.holding.discard(self)
        if self.work and self.work.cancel():
            log.error("%s: broken off: %s", self.what, why)

    @contextmanager
    def holds_connection(self):
        self.holding.add(self)
        try:
            yield
        finally:
            self.holding.discard(self)

    @classmethod
    def make_way(cls, connections: int) -> None:
        """Break off the slowest download if downloads hold all connections, and slow clients more
        than half of them."""
        slow = [pace for pace in cls.holding if pace.slowness() > 0]
        if len(cls.holding) == connections and len(slow) > connections // 2:
            max(slow, key=cls.slowness).break_off(
                "the client is slow, and others wait for its connection to the database")


class WatchClients:
    """Middleware that cancels the work for a request, and with it the query, when its client has
    disconnected or is dropped."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def cancel_when_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            work.cancel()

        what = f"{scope['method']} {scope['raw_path'].decode()}?{scope['query_string'].decode()}"
        pace = scope["pace"] = Pace(send, what)
        work = pace.work = asyncio.create_task(self.app(scope, receive, pace))
        watch = asyncio.create_task(cancel_when_gone())
        try:
            with suppress(asyncio.CancelledError):
                await work
        finally:
            watch.cancel()
