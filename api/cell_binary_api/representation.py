"""Answers that have an ETag: their headers, conditions, byte ranges, and the downloads of payloads (RFC 9110)."""

from contextlib import aclosing
from typing import NamedTuple

import psycopg
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from . import clients, database, negotiation, problems

SMALL = database.CHUNK_BYTES   # bytes that are read at once and kept for a client that does not take them
VARY = {"Vary": "Accept-Encoding"}
METADATA = {"Content-Type", "Content-Encoding", "Accept-Ranges"}   # of a representation, not in 304 (RFC 9110, 15.4.5)
REFUSED = "If-Match does not have the current ETag."


def headers_of(payload: database.Payload, head: database.Head) -> dict[str, str]:
    coded = {"Accept-Ranges": "bytes"} if payload.coding == "identity" else {"Content-Encoding": payload.coding}
    return {"Content-Type": "application/octet-stream", "ETag": head.etag, **VARY, "Cache-Control": "no-cache", **coded}   # kept by who likes, and asked for anew with its ETag


def without_body(request: Request, etag: str, headers: dict[str, str]) -> Response | None:
    """The answer to If-Match or If-None-Match, in this order (RFC 9110, 13.2.2), if it is not the representation."""
    if negotiation.is_refused(request.headers, etag):
        return problems.problem(412, REFUSED, VARY)
    if negotiation.is_known(request.headers, etag):
        return Response(status_code=304, headers={name: value for name, value in headers.items() if name not in METADATA})
    return None


class Part(NamedTuple):
    """What of a payload is sent: the bytes from start to before stop."""

    status: int
    headers: dict[str, str]
    start: int
    stop: int

    def is_large(self) -> bool:
        return self.stop - self.start > SMALL


class Download(Response):
    """The bytes of a payload. No client keeps a connection that others need: what is small is read at once, and sent
    when the connection is given back; what is large is read as the client takes it, over connections for that alone."""

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
                        rest = Response(b"".join([chunk async for chunk in body(rest.start, rest.stop)]), rest.status, rest.headers)
            if isinstance(rest, Part):
                async with database.large_download(self.payload, pace) as (head, body):
                    rest = self.part(head)
                    if isinstance(rest, Part):
                        await self.stream(rest, body, send)
        except psycopg.Error as error:
            if not pace.started:
                raise
            return pace.break_off(str(error))
        # Without a connection to the database: a client may be slow to take the rest.
        await (rest(scope, receive, send) if isinstance(rest, Response) else send({"type": "http.response.body", "body": b""}))

    def part(self, head: database.Head) -> Part | Response:
        """What is asked for of a payload, or the problem with that."""
        asked, headers = self.request.headers, headers_of(self.payload, head)
        part = negotiation.byte_range(asked, head.etag, head.bytes) if self.payload.coding == "identity" else None
        start, stop = part or (0, head.bytes)
        if negotiation.is_refused(asked, head.etag):
            return problems.problem(412, REFUSED, VARY)
        if start == stop:
            return problems.problem(416, f"The payload has {head.bytes} bytes.", VARY | {"Content-Range": f"bytes */{head.bytes}"})
        headers |= {"Content-Length": str(stop - start)}
        if part:
            headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{head.bytes}"}
        return Part(206 if part else 200, headers, start, stop)

    async def stream(self, part: Part, body: database.Body, send: Send) -> None:
        await send({"type": "http.response.start", "status": part.status,
                    "headers": [(name.lower().encode(), value.encode()) for name, value in part.headers.items()]})
        async with aclosing(body(part.start, part.stop)) as chunks:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
