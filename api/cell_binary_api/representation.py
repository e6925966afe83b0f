"""Answers with an ETag: their headers and conditions, and downloads of payloads (RFC 9110)."""

from contextlib import aclosing
from typing import NamedTuple

import psycopg
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from . import clients, database, negotiation, problems

SMALL = database.CHUNK_BYTES   # bytes that are read at once and kept in memory for the client
VARY = {"Vary": "Accept-Encoding"}
MEDIA_TYPES = {"subsample_metadata": "application/json"}   # of layouts; all others are binary
# Headers that describe the body, which a 304 omits (RFC 9110, 15.4.5).
METADATA = {"Content-Type", "Content-Encoding", "Accept-Ranges"}
REFUSED = "If-Match does not contain the current ETag."


def headers_of(payload: database.Payload, head: database.Head) -> dict[str, str]:
    headers = {"Content-Type": MEDIA_TYPES.get(payload.layout, "application/octet-stream"),
               "ETag": head.etag, **VARY,
               "Cache-Control": "no-cache"}   # caches may store it, and revalidate before each use
    if payload.coding == "identity":
        return headers | {"Accept-Ranges": "bytes"}
    return headers | {"Content-Encoding": payload.coding}


def without_body(request: Request, etag: str, headers: dict[str, str]) -> Response | None:
    """The answer 412 or 304 if If-Match or If-None-Match calls for it, in the order of RFC 9110,
    13.2.2; otherwise None."""
    if negotiation.is_refused(request.headers, etag):
        return problems.problem(412, REFUSED, VARY)
    if negotiation.is_known(request.headers, etag):
        return Response(status_code=304, headers={
            name: value for name, value in headers.items() if name not in METADATA})
    return None


class Part(NamedTuple):
    """The part of a payload to send: the bytes from start to before stop."""

    status: int
    headers: dict[str, str]
    start: int
    stop: int

    def is_large(self) -> bool:
        return self.stop - self.start > SMALL


class Download(Response):
    """The bytes of a payload.

    A small part is read at once, and sent after its database connection is returned. A large part
    is read as the client takes it, on a connection of the pool for large downloads. So slow clients
    take no connection from other kinds of requests.
    """

    def __init__(self, payload: database.Payload, head: database.Head, request: Request):
        super().__init__()
        self.payload, self.head, self.request = payload, head, request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pace: clients.Pace = scope["pace"]
        rest = self.part(self.head)
        try:
            if isinstance(rest, Part) and not rest.is_large():
                async with database.small_download(self.payload) as (head, body):
                    rest = self.part(head)
                    if isinstance(rest, Part) and not rest.is_large():
                        chunks = [chunk async for chunk in body(rest.start, rest.stop)]
                        rest = Response(b"".join(chunks), rest.status, rest.headers)
            if isinstance(rest, Part):
                async with database.large_download(self.payload, pace) as (head, body):
                    rest = self.part(head)
                    if isinstance(rest, Part):
                        await self.stream(rest, body, send)
        except psycopg.Error as error:
            if not pace.started:
                raise
            return pace.break_off(str(error))
        # The connection is returned by now: the client may be slow to take the rest.
        if isinstance(rest, Response):
            await rest(scope, receive, send)
        else:
            await send({"type": "http.response.body", "body": b""})

    def part(self, head: database.Head) -> Part | Response:
        """The part of the payload that the request asks for, or the error answer."""
        asked, headers = self.request.headers, headers_of(self.payload, head)
        part = None
        if self.payload.coding == "identity":
            part = negotiation.byte_range(asked, head.etag, head.bytes)
        start, stop = part or (0, head.bytes)
        if negotiation.is_refused(asked, head.etag):
            return problems.problem(412, REFUSED, VARY)
        if start == stop:
            return problems.problem(416, f"The payload has {head.bytes} bytes.",
                                    VARY | {"Content-Range": f"bytes */{head.bytes}"})
        headers |= {"Content-Length": str(stop - start)}
        if part:
            headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{head.bytes}"}
        return Part(206 if part else 200, headers, start, stop)

    async def stream(self, part: Part, body: database.Body, send: Send) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in part.headers.items()]
        await send({"type": "http.response.start", "status": part.status, "headers": headers})
        async with aclosing(body(part.start, part.stop)) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
