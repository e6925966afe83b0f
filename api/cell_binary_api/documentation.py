"""The answers and request headers in /openapi.json; FastAPI adds the paths and parameters."""

from copy import deepcopy
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, ConfigDict

ABOUT = """PostgreSQL packs the payloads, and this service serves them over HTTP. The body of an
error is `application/problem+json` (RFC 9457). A method other than GET and HEAD gets 405 with the
header Allow."""


class Exact(BaseModel):
    """An object with exactly these members."""

    model_config = ConfigDict(extra="forbid")


class Problem(Exact):
    """An error (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    hint: str = ""


class Feature(Exact):
    symbol: str
    full_name: str


class FeatureNames(Exact):
    names: list[Feature]


class SubsampleCount(Exact):
    specimen: str
    count: int
    thresholds: list[int]


class SubsampleMetadata(Exact):
    """How many cells the subsample takes of each sample, and the order of the channels."""

    subsample_counts: list[SubsampleCount]
    channel_order: list[str]


class Samples(Exact):
    samples: list[str]


class StudyName(Exact):
    handle: str
    display_name_detail: str


class Health(Exact):
    status: Literal["ok"]


def fields(required: bool, **descriptions: str) -> dict:
    """The OpenAPI description of an answer's headers."""
    return {
        name.replace("_", "-"): {
            "description": text, "required": required, "schema": {"type": "string"}}
        for name, text in descriptions.items()}


EVERY = fields(
    True,
    Cache_Control="`no-cache` with an ETag: a cache revalidates the answer before each use. "
                  "`no-store` without an ETag.",
    X_Content_Type_Options="`nosniff`")
CHOSEN = fields(
    True, Vary="`Accept-Encoding`; also `Origin` if pages of other origins can read the answers.")
TAGGED = CHOSEN | fields(
    True, ETag="A strong ETag: the SHA-256 of the payload's bytes in this coding.")
RANGE = fields(
    True,
    Accept_Ranges="`bytes`",
    Content_Range="The positions of the first and the last byte, and the length of the payload.")
CODED = fields(
    False,
    Content_Encoding="The coding, unless it is identity.",
    Accept_Ranges="`bytes` if the coding is identity.")

# Headers by status, in addition to those of every answer.
HEADERS = {
    206: TAGGED | RANGE,
    304: TAGGED,
    406: CHOSEN,
    412: CHOSEN,
    416: CHOSEN | fields(True, Content_Range="`bytes */` and the length of the payload."),
    503: fields(True, Retry_After="The seconds after which the client can try again."),
}
BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

CONDITIONS = {
    "Accept-Encoding": "The codings that the client accepts, of zstd, br, gzip and identity. "
                       "Without this header, the answer has the coding {unasked}.",
    "If-None-Match": "ETags that the client has. The answer is 304 if one of them is the "
                     "payload's.",
    "If-Match": "ETags that the client requires. The answer is 412 if none of them is the "
                "payload's.",
    "Range": "One range of bytes. The answer is 206 if its coding is identity, and otherwise the "
             "whole payload. Several ranges, or another unit, get the whole payload.",
    "If-Range": "The ETag of the payload that the range is of. If the payload has another ETag "
                "now, the answer is the whole payload.",
}

def answer(status: int) -> dict:
    content = PROBLEM if status >= 400 else BINARY if status == 206 else {}
    return {"description": HTTPStatus(status).phrase,
            "headers": EVERY | HEADERS.get(status, {}), "content": content}


def json(model: type, *errors: int) -> dict:
    """Arguments for the decorator of an endpoint that answers with this JSON."""
    return {"responses": {status: answer(status) for status in (*errors, 500, 503)}
            | {200: {"model": model, "headers": EVERY}}}


def payload(model: type | None = None, unasked: str = "identity") -> dict:
    """Arguments for the decorator of an endpoint that serves a payload: bytes, or JSON of a model.
    unasked is its coding without Accept-Encoding."""
    statuses = 206, 304, 403, 404, 406, 412, 413, 416, 422, 500, 503
    responses = {status: answer(status) for status in statuses}
    responses[200] = {"headers": EVERY | TAGGED | CODED}
    if model:
        responses[200]["model"] = model
        responses[206]["content"] = {"application/json": {}}   # a part of JSON
    else:
        responses[200]["content"] = BINARY
    return {"responses": responses,
            "openapi_extra": {"parameters": [
                {"name": name, "in": "header", "description": text.format(unasked=unasked),
                 "schema": {"type": "string"}} for name, text in CONDITIONS.items()]}}


def complete(document: dict) -> None:
    """Add HEAD and the schema of errors."""
    for path in document["paths"].values():
        path["head"] = head = deepcopy(path["get"])
        head["operationId"] += "_head"
        for described in head["responses"].values():
            described.pop("content", None)
        for status in "206", "416":   # HEAD has no ranges
            head["responses"].pop(status, None)
        head["parameters"] = [one for one in head.get("parameters", [])
                              if one["name"] not in ("Range", "If-Range")]
    document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
