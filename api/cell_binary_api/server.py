"""The service on uvicorn, with limits for clients that uvicorn does not have: the command cell-binary-api."""

import asyncio
import socket

import click
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .clients import STALL

REQUEST_SECONDS = 10   # from a request's first byte, or the connection, to the request's end
UNSENT = 256 * 1024   # bytes that the kernel has not sent yet when it takes more
CONNECTIONS = 900   # at once; a process may have 1024 files open, if nobody has said otherwise


class Connection(HttpToolsProtocol):
    """A client's connection. The client has some time to send a request, and some to take the end of an answer."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.respond, self.app = self.app, self.respond_and_limit_the_end
        self.request_limit: asyncio.TimerHandle | None = None
        self.end_limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport):
        super().connection_made(transport)
        # Otherwise the kernel takes megabytes for a client that takes nothing, and asks for more when a third of them is gone.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        self.limit_request()

    def data_received(self, data):
        if self.request_limit is None:
            self.limit_request()
        super().data_received(data)

    def limit_request(self) -> None:
        self.request_limit = self.loop.call_later(REQUEST_SECONDS, self.give_up_request)

    def on_message_complete(self):
        super().on_message_complete()
        self.request_limit.cancel()
        self.request_limit = None

    def give_up_request(self) -> None:
        if self.cycle and not self.cycle.response_complete:   # the next one, behind one that is being answered
            return self.limit_request()
        if self.headers is not None:   # of nothing, nothing is said
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    async def respond_and_limit_the_end(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is sent last waits in a buffer when the work is done."""
        if self.end_limit:
            self.end_limit.cancel()
        try:
            await self.respond(scope, receive, send)
        finally:
            self.end_limit = self.loop.call_later(STALL, self.give_up_end)

    def give_up_end(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def connection_lost(self, exc):
        super().connection_lost(exc)
        for limit in self.request_limit, self.end_limit:
            if limit:
                limit.cancel()


def run(limit_concurrency: int | None, **options) -> None:
    uvicorn.main.callback(app="cell_binary_api:app", http="cell_binary_api.server:Connection", limit_concurrency=limit_concurrency or CONNECTIONS, **options)


main = click.Command("cell-binary-api", callback=run, help="Serve what studies of cell_binary have, over HTTP, from the database that libpq's variables name.",
                     params=[parameter for parameter in uvicorn.main.params if parameter.name not in ("app", "http")])

if __name__ == "__main__":
    main()
