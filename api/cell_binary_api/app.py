"""The endpoints. Their paths, parameters and answers are those of SMProfiler (formerly SPT)."""

import re
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
    """FastAPI that adds two headers to every answer and completes its OpenAPI document."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                # A cache cannot revalidate an answer without an ETag.
                headers.setdefault("Cache-Control", "no-store")
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


# Every link is relative, because only the proxy in front of the service knows the scheme and the
# prefix of the addresses that clients use.
app = Service(
    title="cell_binary", description=documentation.ABOUT, lifespan=lifespan,
    docs_url=None, redoc_url=None, redirect_slashes=False, servers=[{"url": "."}])
app.add_middleware(clients.WatchClients)
if ORIGINS:
    app.add_middleware(
        CORSMiddleware, allow_origins=ORIGINS, allow_methods=["GET", "HEAD"],
        allow_headers=["If-Match", "If-None-Match", "If-Range", "Range"],
        expose_headers=["Content-Encoding", "Content-Range", "ETag", "Retry-After"])
problems.register(app)


def once(request: Request) -> None:
    """Refuse a repeated parameter: a proxy that checks access could read the first value of it,
    and the service the last."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in "study", "sample", "layout", "collection":
        if names.count(name) > 1:
            raise HTTPException(422, f"query.{name}: The parameter is given more than once.")


def text(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("nul", "A name cannot contain a NUL character.")
    return value


def parameter(description: str, max_length: int | None = None, **schema: list[str]):
    return Annotated[str, AfterValidator(text), Query(
        description=description, max_length=max_length,
        json_schema_extra={"pattern": r"^[^\u0000]*$"} | schema)]


Study = parameter("The name of a study that is registered in the database.")
Sample = parameter(
    'The name of a sample (one slide) of the study, or "UMAP virtual sample", if the study has it.',
    max_length=512)
Layout = parameter("The layout of the payload.",
                   enum=["spt", "compact", "dense", "arrow", "intensity"])
Collection = parameter(
    "The token of a collection: a study belongs to it if its name ends with ` collection: ` and "
    "the token. Without this parameter, no such study is listed.", max_length=512)


# The name of a study can end with the token of a collection, as in "Study collection: token".
TOKEN = "[a-z0-9-]+"


def page(path: str):
    """Register GET and HEAD of a path that the OpenAPI document leaves out."""
    return app.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)


def endpoint(path: str, **documented):
    """Register GET and HEAD of a path; without its trailing slash, the path is a redirect."""
    def register(function):
        if path.endswith("/"):
            page(path[:-1])(to_slash)
        app.head(path, include_in_schema=False, dependencies=[Depends(once)])(function)
        return app.get(path, response_class=Response, dependencies=[Depends(once)],
                       **documented)(function)
    return register


async def to_slash(request: Request) -> Response:
    address = f"{request.url.path.rpartition('/')[2]}/"
    query = request.url.query
    return RedirectResponse(f"{address}?{query}" if query else address)


async def json(query: str, *arguments: str) -> Response:
    """Answer with the JSON that the database made."""
    return Response(await database.answer(query, *arguments), media_type="application/json")


async def payload(request: Request, study: str, sample: str | None, layout: str,
                  unasked: str = "identity") -> Response:
    """Answer with a payload, in the coding that the client prefers; unasked is the coding without
    the header Accept-Encoding."""
    request.state.payload = True
    coding = negotiation.coding(request.headers, unasked=unasked)
    if coding is None:
        return problems.problem(
            406, "The service offers the codings zstd, br, gzip and identity.", VARY)
    payload = database.Payload(study, sample, layout, coding)
    head = await database.head(payload)
    headers = headers_of(payload, head)
    if answer := without_body(request, head.etag, headers):
        return answer
    if request.method == "HEAD":
        return Response(headers=headers | {"Content-Length": str(head.bytes)})
    return Download(payload, head, request)


@endpoint("/cell-data-binary/", **documentation.payload())
async def cell_data_binary(
        request: Request, study: Study, sample: Sample, layout: Layout = "spt") -> Response:
    """The cells of a sample as a payload, in the format that docs/format.md of cell_binary
    specifies. The answer has the coding that Accept-Encoding prefers, and a strong ETag. Byte
    ranges apply to the coding identity only."""
    return await payload(request, study, sample, layout)


@endpoint("/cell-data-binary-intensity/", **documentation.payload())
async def cell_data_binary_intensity(
        request: Request, study: Study, sample: Sample) -> Response:
    """The intensities of the cells of a sample, in the order of the cells of cell-data-binary: for
    each cell its id (4 bytes, big-endian), then a byte for each channel, in the order of
    cell-data-binary-feature-names. 404 if the study has no intensities."""
    return await payload(request, study, sample, "intensity")


@endpoint("/cell-data-binary-intensity-whole-study-subsample/",
          **documentation.payload(unasked="br"))
async def cell_data_binary_intensity_whole_study_subsample(
        request: Request, study: Study) -> Response:
    """The intensities of a subsample of the study's cells: the metadata as JSON, a byte 28, and a
    byte for each channel of each cell. 404 if the study has no intensities."""
    return await payload(request, study, None, "subsample", unasked="br")


@endpoint("/whole-study-subsample-binary/", **documentation.payload(unasked="br"))
async def whole_study_subsample_binary(request: Request, study: Study) -> Response:
    """The part after the byte 28 of cell-data-binary-intensity-whole-study-subsample."""
    return await payload(request, study, None, "subsample_body", unasked="br")


@endpoint("/whole-study-subsample-metadata/",
          **documentation.payload(documentation.SubsampleMetadata))
async def whole_study_subsample_metadata(request: Request, study: Study) -> Response:
    """The part before the byte 28 of cell-data-binary-intensity-whole-study-subsample. A threshold
    is a byte, like an intensity; cells from there on are positive for the channel."""
    return await payload(request, study, None, "subsample_metadata")


@endpoint("/cell-data-binary-feature-names/",
          **documentation.json(documentation.FeatureNames, 403, 404, 422))
async def cell_data_binary_feature_names(study: Study) -> Response:
    """The features of a study in the order of their bits in a cell's phenotypes, from bit 0."""
    return await json("SELECT cell_feature_names_json(%s)::text", study)


@endpoint("/channels/", **documentation.json(list[documentation.Feature], 403, 404, 422))
async def channels(study: Study) -> Response:
    """The channels of a study, which are its features, in the order of their symbols."""
    return await json("""
        SELECT coalesce(json_agg(json_build_object('symbol', feature, 'full_name', full_name)
            ORDER BY feature COLLATE "C"), '[]')::text FROM cell_feature_names(%s)""", study)


@endpoint("/study-names/", **documentation.json(list[documentation.StudyName], 404, 422))
async def study_names(collection: Collection | None = None) -> Response:
    """The studies that the service can read, except those that their owners do not want listed."""
    if collection is not None and not re.fullmatch(TOKEN, collection):
        raise HTTPException(
            404, f'Collection "{collection}" is not a valid collection string.')
    return await json("""
        SELECT coalesce(json_agg(json_build_object('handle', study, 'display_name_detail', '')
            ORDER BY study), '[]')::text FROM cell_studies
        WHERE listed AND substring(study FROM ' collection: (' || %s::text || ')$')
            IS NOT DISTINCT FROM %s::text""", TOKEN, collection)


@endpoint("/samples/", **documentation.json(documentation.Samples, 403, 404, 422))
async def samples(study: Study) -> Response:
    """The samples of a study in ascending order."""
    return await json("""
        SELECT json_build_object('samples', coalesce(json_agg(sample), '[]'))::text
        FROM cell_samples(%s) sample""", study)


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
    """A file of the viewer, in the coding that the browser prefers among those of the file."""
    file = VIEWER.get(name)
    if file is None:
        raise HTTPException(404)
    coding = negotiation.coding(request.headers, file.coded)
    if coding is None:
        return problems.problem(
            406, f"The service offers this file in the codings {', '.join(file.coded)}.", VARY)
    body, etag = file.coded[coding]
    headers = {"ETag": etag, **VARY, "Cache-Control": file.cache_control,
               "Content-Security-Policy": VIEWER_POLICY}
    if coding != "identity":
        headers["Content-Encoding"] = coding
    return without_body(request, etag, headers) or Response(
        body, headers=headers, media_type=file.media_type)
