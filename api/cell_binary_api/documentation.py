"""What /openapi.json says of the answers. FastAPI reads paths and queries off the endpoints; the rest is here."""

from copy import deepcopy
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, ConfigDict

ABOUT = """PostgreSQL makes the payloads; this service adds what HTTP needs. Its errors are problems of RFC 9457. A method
other than GET and HEAD gets 405, with the header Allow."""


class Exact(BaseModel):
    """An object that has these members and no others."""

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


class Samples(Exact):
    samples: list[str]


class StudyName(Exact):
    handle: str
    display_name_detail: str


class Health(Exact):
    status: Literal["ok"]


def fields(required: bool, **descriptions: str) -> dict:
    """Headers of an answer."""
    return {name.replace("_", "-"): {"description": text, "required": required, "schema": {"type": "string"}}
            for name, text in descriptions.items()}


EVERY = fields(True, Cache_Control="`no-cache` with an ETag: a cache asks anew before it uses the answer. `no-store` without.", X_Content_Type_Options="`nosniff`")
CHOSEN = fields(True, Vary="`Accept-Encoding`; and `Origin`, if pages of other origins may read the answers.")
TAGGED = CHOSEN | fields(True, ETag="A strong tag: the SHA-256 of the payload in this coding.")
RANGE = fields(True, Accept_Ranges="`bytes`", Content_Range="The first byte and the last, and the length of the whole.")
CODED = fields(False, Content_Encoding="The coding, unless it is identity.", Accept_Ranges="`bytes`, if the coding is identity.")

# By status, besides those of every answer.
HEADERS = {
    206: TAGGED | RANGE,
    304: TAGGED,
    406: CHOSEN,
    412: CHOSEN,
    416: CHOSEN | fields(True, Content_Range="`bytes */` and the length of the payload."),
    503: fields(True, Retry_After="Seconds after which to ask again."),
}
BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

CONDITIONS = {
    "Accept-Encoding": "The codings that the client takes: zstd, br, gzip, identity. Without this header, the answer has none.",
    "If-None-Match": "Tags that the client has: 304 if the payload's is among them.",
    "If-Match": "Tags that the client insists on: 412 if the payload's is not among them.",
    "Range": "One range of bytes: 206 if the coding is identity. Several ranges, or another unit, get the whole.",
    "If-Range": "The tag that the range is of: the whole if the payload has another one.",
}
PAYLOAD = {"parameters": [{"name": name, "in": "header", "description": text, "schema": {"type": "string"}} for name, text in CONDITIONS.items()]}


def answer(status: int) -> dict:
    content = PROBLEM if status >= 400 else BINARY if status == 206 else {}
    return {"description": HTTPStatus(status).phrase, "headers": EVERY | HEADERS.get(status, {}), "content": content}


def json(model: type, *errors: int) -> dict:
    """For the decorator of an endpoint that answers JSON of this form."""
    return {"responses": {status: answer(status) for status in (*errors, 500, 503)} | {200: {"model": model, "headers": EVERY}}}


def payload(*statuses: int) -> dict:
    """For that of the endpoint that serves payloads."""
    return {"responses": {status: answer(status) for status in (*statuses, 500, 503)} | {
        200: {"headers": EVERY | TAGGED | CODED, "content": BINARY}}, "openapi_extra": PAYLOAD}


def complete(document: dict) -> None:
    """Add what FastAPI has no means for, and take away what it expects to answer."""
    for path in document["paths"].values():
        path["get"]["responses"].pop("422", None)   # it is 400
        path["head"] = head = deepcopy(path["get"])
        head["operationId"] += "_head"
        for status, described in head["responses"].items():
            described.pop("content", None)
        head["responses"].pop("206", None), head["responses"].pop("416", None)   # Range is for GET
        head["parameters"] = [one for one in head.get("parameters", []) if one["name"] not in ("Range", "If-Range")]
    schemas = document["components"]["schemas"]
    del schemas["HTTPValidationError"], schemas["ValidationError"]
    schemas["Problem"] = Problem.model_json_schema()
