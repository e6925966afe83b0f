"""The endpoints. Those of the Spatial Profiling Toolbox (SPT) have its names and forms, so that its clients work."""

import os
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, NamedTuple

import psycopg
from fastapi import FastAPI, Query, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from . import clients, database, negotiation, problems

SMALL = 1 << 20   # bytes that are read at once and kept for a client that does not take them
VARY = {"Vary": "Accept-Encoding"}
VIEWER = Path(__file__).with_name("viewer")


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
            return problems.problem(412, "The payload is another one now.", VARY)
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


def headers_of(payload: database.Payload, head: database.Head) -> dict[str, str]:
    coded = {"Accept-Ranges": "bytes"} if payload.coding == "identity" else {"Content-Encoding": payload.coding}
    return {"Content-Type": "application/octet-stream", "ETag": head.etag, **VARY, "Cache-Control": "no-cache", **coded}   # kept by who likes, and asked for anew with its ETag


@asynccontextmanager
async def lifespan(_: FastAPI):
    async with database.answers, database.payloads, database.downloads:
        yield


app = FastAPI(title="cell_binary", description=__doc__, lifespan=lifespan)
app.add_middleware(clients.WatchClients)
if origins := os.environ.get("CELL_BINARY_CORS_ORIGINS"):
    app.add_middleware(CORSMiddleware, allow_origins=[origin.rstrip("/") for origin in origins.split()], allow_methods=["GET", "HEAD"], allow_headers=[
        "If-Match", "If-None-Match", "If-Range", "Range"], expose_headers=["Content-Encoding", "Content-Range", "ETag", "Retry-After"])
problems.register(app)

def openapi() -> dict:
    document = FastAPI.openapi(app)
    for path in document["paths"].values():
        path["get"]["responses"].pop("422", None)   # what FastAPI expects to answer; it is 400
    return document


app.openapi = openapi
Study = Annotated[str, Query(description="A study that is registered in the database.")]


def endpoint(path: str, content: str = "application/json", statuses: tuple[int, ...] = (400, 403, 404, 503)):
    """GET and HEAD, of which the documentation shows the first."""
    responses = {status: {"description": HTTPStatus(status).phrase, "content": {"application/problem+json": {}} if status >= 400 else {}}
                 for status in statuses} | {200: {"content": {content: {}}}}

    def register(function):
        app.head(path, include_in_schema=False)(function)
        return app.get(path, response_class=Response, responses=responses)(function)
    return register


async def json(query: str, *arguments: str) -> Response:
    """What the database made, as it is."""
    return Response(await database.answer(query, *arguments), media_type="application/json", headers={"Cache-Control": "no-cache"})


@endpoint("/cell-data-binary/", "application/octet-stream", (206, 304, 400, 403, 404, 406, 412, 413, 416, 503))
async def cell_data_binary(
        request: Request, study: Study,
        sample: Annotated[str, Query(description="A slide of the study.")],
        layout: Annotated[str, Query(json_schema_extra={"enum": ["spt", "compact", "dense", "arrow"]})] = "spt") -> Response:
    """The cells of a sample: a payload as docs/format.md of cell_binary specifies it. Has a strong ETag, in the
    coding that Accept-Encoding prefers, and byte ranges of it if that is identity."""
    coding = negotiation.coding(request.headers)
    if coding is None:
        return problems.problem(406, "The codings are zstd, br, gzip and identity.", VARY)
    payload = database.Payload(study, sample, layout, coding)
    head = await database.head(payload)
    headers = headers_of(payload, head)
    if negotiation.is_refused(request.headers, head.etag):
        return problems.problem(412, "The payload is another one now.", VARY)
    if negotiation.is_known(request.headers, head.etag):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers=headers | {"Content-Length": str(head.bytes)})
    return Download(payload, head, request)


@endpoint("/cell-data-binary-feature-names/")
async def cell_data_binary_feature_names(study: Study) -> Response:
    """The features of a study in the order of their bits in a cell's mask, from bit 0."""
    return await json("SELECT cell_feature_names_json(%s)::text", study)


@endpoint("/study-names/", statuses=(503,))
async def study_names() -> Response:
    """The studies that the service may read."""
    return await json("SELECT coalesce(json_agg(json_build_object('handle', study, 'display_name_detail', '')"
                      " ORDER BY study), '[]')::text FROM cell_studies")


@endpoint("/samples/")
async def samples(study: Study) -> Response:
    """The samples of a study, in order."""
    return await json("SELECT json_build_object('samples', coalesce(json_agg(sample), '[]'))::text FROM cell_samples(%s) sample", study)


@endpoint("/health", statuses=(503,))
async def health() -> Response:
    """200 if the database answers, otherwise 503."""
    return await json("SELECT json_build_object('status', 'ok')::text")


@app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def root() -> Response:
    return RedirectResponse("viewer/" if VIEWER.is_dir() else "docs")


if VIEWER.is_dir():
    app.mount("/viewer", StaticFiles(directory=VIEWER, html=True))
