"""The endpoints. Those of the Spatial Profiling Toolbox (SPT) have its names and forms, so that its clients work."""

from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import RedirectResponse
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from . import clients, database, documentation, negotiation, problems, viewer
from .representation import VARY, Download, headers_of, without_body
from .settings import ORIGINS

VIEWER = viewer.read(viewer.FOLDER)
VIEWER_POLICY = viewer.policy(ORIGINS)


class Service(FastAPI):
    """Adds to every answer what browsers and caches are to be told; its documentation is complete."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers.setdefault("Cache-Control", "no-store")   # what has no ETag can only be asked for again
            await send(message)

        await super().__call__(scope, receive, send_with_headers)

    def openapi(self) -> dict:
        if self.openapi_schema is None:
            documentation.complete(super().openapi())
        return self.openapi_schema


@asynccontextmanager
async def lifespan(_: FastAPI):
    async with database.answers, database.payloads, database.downloads:
        yield


# The addresses that clients see have a prefix and a scheme that only the proxy in front knows: every link is relative.
app = Service(title="cell_binary", description=documentation.ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False,
              servers=[{"url": "."}])
app.add_middleware(clients.WatchClients)
if ORIGINS:
    app.add_middleware(CORSMiddleware, allow_origins=ORIGINS, allow_methods=["GET", "HEAD"], allow_headers=[
        "If-Match", "If-None-Match", "If-Range", "Range"], expose_headers=["Content-Encoding", "Content-Range", "ETag", "Retry-After"])
problems.register(app)


def once(request: Request) -> None:
    """Refuse repeated parameters: a proxy that checks rights could read the first, and the database the last."""
    names = [name for name, _ in request.query_params.multi_items()]
    if twice := [name for name in ("study", "sample", "layout") if names.count(name) > 1]:
        raise HTTPException(400, f"query.{twice[0]}: There are several.")


def text(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul", "A name cannot have a NUL character.")
    return value


def parameter(description: str, **schema: list[str]):
    return Annotated[str, AfterValidator(text), Query(description=description, json_schema_extra={"pattern": r"^[^\u0000]*$"} | schema)]


Study = parameter("A study that is registered in the database.")
Sample = parameter("A slide of the study.")
Layout = parameter("The form of the payload.", enum=["spt", "compact", "dense", "arrow"])


def page(path: str):
    """GET and HEAD of what the documentation does not show."""
    return app.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)


def endpoint(path: str, **documented):
    """GET and HEAD. An address that lacks its last slash leads to the one that has it."""
    def register(function):
        if path.endswith("/"):
            page(path[:-1])(to_slash)
        app.head(path, include_in_schema=False, dependencies=[Depends(once)])(function)
        return app.get(path, response_class=Response, dependencies=[Depends(once)], **documented)(function)
    return register


async def to_slash(request: Request) -> Response:
    address = f"{request.url.path.rpartition('/')[2]}/"
    return RedirectResponse(f"{address}?{request.url.query}" if request.url.query else address)


async def json(query: str, *arguments: str) -> Response:
    """What the database made, as it is."""
    return Response(await database.answer(query, *arguments), media_type="application/json")


@endpoint("/cell-data-binary/", **documentation.payload(206, 304, 400, 403, 404, 406, 412, 413, 416))
async def cell_data_binary(request: Request, study: Study, sample: Sample, layout: Layout = "spt") -> Response:
    """The cells of a sample: a payload as docs/format.md of cell_binary specifies it. Has a strong ETag, in the
    coding that Accept-Encoding prefers, and byte ranges of it if that is identity."""
    coding = negotiation.coding(request.headers)
    if coding is None:
        return problems.problem(406, "The codings are zstd, br, gzip and identity.", VARY)
    payload = database.Payload(study, sample, layout, coding)
    head = await database.head(payload)
    headers = headers_of(payload, head)
    if answer := without_body(request, head.etag, headers):
        return answer
    if request.method == "HEAD":
        return Response(headers=headers | {"Content-Length": str(head.bytes)})
    return Download(payload, head, request)


@endpoint("/cell-data-binary-feature-names/", **documentation.json(documentation.FeatureNames, 400, 403, 404))
async def cell_data_binary_feature_names(study: Study) -> Response:
    """The features of a study in the order of their bits in a cell's mask, from bit 0."""
    return await json("SELECT cell_feature_names_json(%s)::text", study)


@endpoint("/study-names/", **documentation.json(list[documentation.StudyName]))
async def study_names() -> Response:
    """The studies that the service may read."""
    return await json("SELECT coalesce(json_agg(json_build_object('handle', study, 'display_name_detail', '')"
                      " ORDER BY study), '[]')::text FROM cell_studies")


@endpoint("/samples/", **documentation.json(documentation.Samples, 400, 403, 404))
async def samples(study: Study) -> Response:
    """The samples of a study, in order."""
    return await json("SELECT json_build_object('samples', coalesce(json_agg(sample), '[]'))::text FROM cell_samples(%s) sample", study)


@endpoint("/health", **documentation.json(documentation.Health))
async def health() -> Response:
    """200 if the database answers, otherwise 503."""
    return await json("SELECT json_build_object('status', 'ok')::text")


@page("/")
async def root() -> Response:
    return RedirectResponse("viewer/" if VIEWER else "docs")


@page("/docs")
async def docs() -> Response:
    return get_swagger_ui_html(openapi_url="openapi.json", title="cell_binary")


page("/viewer")(to_slash)


@page("/viewer/{name:path}")
async def viewer_file(request: Request, name: str) -> Response:
    """A file of the viewer in the coding that the browser prefers, of those that it has."""
    file = VIEWER.get(name)
    if file is None:
        raise HTTPException(404)
    coding = negotiation.coding(request.headers, file.coded)
    if coding is None:
        return problems.problem(406, f"The codings are {', '.join(file.coded)}.", VARY)
    body, etag = file.coded[coding]
    headers = {"ETag": etag, **VARY, "Cache-Control": file.cache_control, "Content-Security-Policy": VIEWER_POLICY} | (
        {} if coding == "identity" else {"Content-Encoding": coding})
    return without_body(request, etag, headers) or Response(body, headers=headers, media_type=file.media_type)
