"""The endpoints. Those of the Spatial Profiling Toolbox (SPT) have its names and forms, so that its clients work."""

import asyncio
import os
from contextlib import aclosing, asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import psycopg
from fastapi import FastAPI, Query, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from . import database, negotiation, problems

STALL = float(os.environ.get("CELL_BINARY_STALL", 60))   # seconds that a client may take nothing: a download holds a snapshot
VARY = {"Vary": "Accept-Encoding"}
VIEWER = Path(__file__).with_name("viewer")


class CancelWhenClientGone:
    """Cancel what is done for a client that has closed its connection, and with it the query."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def cancel_when_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            work.cancel()

        work, watch = asyncio.create_task(self.app(scope, receive, send)), asyncio.create_task(cancel_when_gone())
        try:
            with suppress(asyncio.CancelledError):
                await work
        finally:
            watch.cancel()


class Download(Response):
    """The bytes of a payload, row after row as the client takes them."""

    def __init__(self, payload: database.Payload, request: Request):
        super().__init__()
        self.payload, self.request = payload, request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = self.request.headers
        response, started = None, False
        try:
            async with database.download(self.payload) as (head, body):
                part = negotiation.byte_range(asked, head.etag, head.bytes) if self.payload.coding == "identity" else None
                start, stop = part or (0, head.bytes)
                if negotiation.is_refused(asked, head.etag):
                    response = problems.problem(412, "The payload is another one now.", VARY)
                elif start == stop:
                    response = problems.problem(416, f"The payload has {head.bytes} bytes.", VARY | {"Content-Range": f"bytes */{head.bytes}"})
                else:
                    headers = headers_of(self.payload, head) | {"Content-Length": str(stop - start)} | (
                        {"Content-Range": f"bytes {start}-{stop - 1}/{head.bytes}"} if part else {})
                    await send({"type": "http.response.start", "status": 206 if part else 200,
                                "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()]})
                    started = True
                    async with aclosing(body(start, stop)) as chunks:
                        async for chunk in chunks:
                            async with asyncio.timeout(STALL):
                                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except (psycopg.Error, TimeoutError) as error:
            if not started:
                raise
            # The status is sent: what tells the client is that the connection ends before Content-Length.
            return problems.log.error("download of %s broken off: %s", self.payload, str(error) or "the client takes nothing")
        # Without a connection to the database: a client may be slow to take the rest.
        await (response(scope, receive, send) if response else send({"type": "http.response.body", "body": b""}))


def headers_of(payload: database.Payload, head: database.Head) -> dict[str, str]:
    coded = {"Accept-Ranges": "bytes"} if payload.coding == "identity" else {"Content-Encoding": payload.coding}
    return {"Content-Type": "application/octet-stream", "ETag": head.etag, **VARY, "Cache-Control": "no-cache", **coded}   # kept by who likes, and asked for anew with its ETag


@asynccontextmanager
async def lifespan(_: FastAPI):
    async with database.answers, database.payloads:
        yield


app = FastAPI(title="cell_binary", description=__doc__, lifespan=lifespan)
app.add_middleware(CancelWhenClientGone)
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
    return Download(payload, request)


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
