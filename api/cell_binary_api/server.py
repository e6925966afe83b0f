"""The service on uvicorn, with limits for clients that uvicorn does not have: the command cell-binary-api."""

import asyncio
import socket

import click
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .settings import STALL

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
        self.in_head = False   # of a request

    def connection_made(self, transport):
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:   # which leaves files for connections to the database
            return transport.abort()
        client = transport.get_extra_info("socket")
        if client.family != socket.AF_UNIX:
            # Otherwise the kernel takes megabytes for a client that takes nothing, and asks for more when a third of them is gone.
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
        self.limit_request()   # also of what is no request yet
        super().data_received(data)

    def on_message_begin(self):
        super().on_message_begin()
        self.in_head = True
        self.limit_request()   # of the next one in the same data

    def on_headers_complete(self):
        super().on_headers_complete()
        self.in_head = False

    def on_message_complete(self):
        super().on_message_complete()
        self.unlimit_request()

    def give_up_request(self) -> None:
        self.request_limit = None
        if self.cycle and not self.cycle.response_complete:   # the next one, behind one that is being answered
            return self.limit_request()
        if self.in_head:
            headers = [*self.server_state.default_headers, (b"content-length", b"0"), (b"connection", b"close")]
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\n" + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n")
        self.transport.close()

    async def respond_and_limit_the_end(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is sent last waits in a buffer when the work is done."""
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
    uvicorn.main.callback(app="cell_binary_api:app", http="cell_binary_api.server:Connection", **options)


main = click.Command("cell-binary-api", callback=run, help="Serve what studies of cell_binary have, over HTTP, from the database that libpq's variables name.",
                     params=[parameter for parameter in uvicorn.main.params if parameter.name not in ("app", "http")],
                     context_settings={"default_map": {"timeout_worker_healthcheck": 60}})   # a slow machine takes longer than 5 s to start one

if __name__ == "__main__":
    main()
