"""The command cell-binary-api: the service on uvicorn, with limits for slow clients."""

import asyncio
import socket

import click
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .settings import STALL

REQUEST_SECONDS = 10   # from the connection, or a request's first byte, to the request's end
UNSENT = 256 * 1024   # with fewer unsent bytes in its buffer, the kernel takes more
CONNECTIONS = 900   # at once; a process can open 1024 files by default, and the database needs some


class Connection(HttpToolsProtocol):
    """A client's connection, with a time limit for each request and for the end of each answer."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.respond, self.app = self.app, self.respond_and_limit_the_end
        self.request_limit: asyncio.TimerHandle | None = None
        self.end_limit: asyncio.TimerHandle | None = None
        self.in_head = False   # of a request

    def connection_made(self, transport):
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            return transport.abort()
        client = transport.get_extra_info("socket")
        if client.family != socket.AF_UNIX:
            # Otherwise the kernel buffers megabytes for a client that takes nothing, and takes more
            # only when a third of them has gone.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        self.limit_request()

    def limit_request(self) -> None:
        if self.request_limit is None:
            self.request_limit = self.loop.call_later(REQUEST_SECONDS, self.give_up_request)

    def unlimit_request(self) -> None:
        if self.request_limit:
            self.request_limit.cancel()
            self.request_limit = None

    def data_received(self, data):
        self.limit_request()   # even if the data does not begin a request yet
        super().data_received(data)

    def on_message_begin(self):
        super().on_message_begin()
        self.in_head = True
        self.limit_request()   # the data may contain another request

    def on_headers_complete(self):
        super().on_headers_complete()
        self.in_head = False

    def on_message_complete(self):
        super().on_message_complete()
        self.unlimit_request()

    def give_up_request(self) -> None:
        self.request_limit = None
        if self.cycle and not self.cycle.response_complete:
            # The service still answers the request before this one.
            return self.limit_request()
        if self.in_head:
            headers = [*self.server_state.default_headers, (b"content-length", b"0"),
                       (b"connection", b"close")]
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\n" + lines + b"\r\n")
        self.transport.close()

    async def respond_and_limit_the_end(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. The last bytes are still in a buffer when the application is done, so
        their limit starts then."""
        if self.end_limit:
            self.end_limit.cancel()
        try:
            await self.respond(scope, receive, send)
        finally:
            if self.transport.get_write_buffer_size():
                self.end_limit = self.loop.call_later(STALL, self.give_up_end)

    def give_up_end(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def connection_lost(self, exc):
        super().connection_lost(exc)
        self.unlimit_request()
        if self.end_limit:
            self.end_limit.cancel()


def run(**options) -> None:
    uvicorn.main.callback(
        app="cell_binary_api:app", http="cell_binary_api.server:Connection", **options)


main = click.Command(
    "cell-binary-api", callback=run,
    help="Serve the payloads of the PostgreSQL extension cell_binary over HTTP. libpq's "
         "environment variables (PGHOST, PGDATABASE and so on) select the database.",
    params=[parameter for parameter in uvicorn.main.params
            if parameter.name not in ("app", "http")],
    # A slow machine needs more than uvicorn's 5 seconds to start a worker.
    context_settings={"default_map": {"timeout_worker_healthcheck": 60}})

if __name__ == "__main__":
    main()
