"""Clients that go away, and clients that are slow.

A client owes the seconds that it was waited for, less those that its bytes would take at some rate. So only
progress over time counts: neither a pause nor a byte now and then changes much.
"""

import asyncio
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import log
from .settings import STALL   # seconds that a client may owe at the rate LEAST, before it is given up

LEAST = 16_000   # bytes a second
PATIENCE = 1.0   # seconds that a client may owe at the rate BRISK; beyond, it is slow, and makes way when others wait
BRISK = 1_000_000


@dataclass
class Debt:
    """What a client owes at a rate."""

    rate: float   # bytes a second
    seconds: float = 0

    def after(self, waited: float, taken: int = 0) -> float:
        return max(self.seconds + waited - taken / self.rate, 0)


class Pace:
    """The function "send" of one request, that notes how long the client lets it wait."""

    holding: set["Pace"] = set()   # those whose download holds a connection to the database

    def __init__(self, send: Send, what: str):
        self.send, self.what = send, what
        self.least, self.brisk = Debt(LEAST), Debt(BRISK)
        self.since: float | None = None   # when it began to wait
        self.started = False
        self.work: asyncio.Task | None = None
        self.loop = asyncio.get_running_loop()

    async def __call__(self, message: Message) -> None:
        self.since, self.started = self.loop.time(), True
        limit = self.loop.call_at(self.since + STALL - self.least.seconds, self.give_up, self.since)
        try:
            await self.send(message)
        finally:
            limit.cancel()
            waited, self.since = self.loop.time() - self.since, None
            for debt in self.least, self.brisk:
                debt.seconds = debt.after(waited, len(message.get("body", b"")))

    def slowness(self) -> float:
        """The seconds that the client owes above PATIENCE, while it is waited for."""
        return 0 if self.since is None else self.brisk.after(self.loop.time() - self.since) - PATIENCE

    def give_up(self, since: float) -> None:
        def unless_it_has_taken() -> None:
            if self.since == since:
                self.break_off("the client takes nothing, or too little")

        self.loop.call_later(0.1, unless_it_has_taken)   # this process may have been stopped all the while

    def break_off(self, why: str) -> None:
        """The status is sent: what tells the client is that the connection ends before Content-Length."""
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
        """If all of so many connections are held, and more than half of them by slow clients, break off the slowest."""
        slow = [pace for pace in cls.holding if pace.slowness() > 0]
        if len(cls.holding) == connections and len(slow) > connections // 2:
            max(slow, key=cls.slowness).break_off("the client is slow, and others wait for its connection to the database")


class WatchClients:
    """Cancel what is done for a client that has closed its connection or is given up, and with it the query."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def cancel_when_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            work.cancel()

        pace = scope["pace"] = Pace(send, f"{scope['method']} {scope['raw_path'].decode()}?{scope['query_string'].decode()}")
        work = pace.work = asyncio.create_task(self.app(scope, receive, pace))
        watch = asyncio.create_task(cancel_when_gone())
        try:
            with suppress(asyncio.CancelledError):
                await work
        finally:
            watch.cancel()
