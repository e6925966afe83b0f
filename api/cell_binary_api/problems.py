"""Errors as application/problem+json (RFC 9457), and the HTTP status of each database error."""

import logging
from http import HTTPStatus

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

log = logging.getLogger("uvicorn.error")

RETRY_AFTER = {"Retry-After": "1"}

# Errors of the request, by SQLSTATE. The client gets PostgreSQL's message.
OF_STUDY = {
    "42704": 404,   # the study does not exist, or it has no intensities
    "22P05": 404,   # no study can have this name: the database's encoding lacks a character of it
    "42501": 403,   # the service's role cannot read the cells
}
OF_SAMPLE = {
    "P0002": 404,   # the sample or the study has no cells
    "22P02": 404,   # no sample can have this name: the samples are numbers or UUIDs
    "22003": 404,   # no sample can have this name: the number is too large for the column
    "22023": 422,   # the layout is unknown
}
OF_CELLS = {
    "42501": 403,   # a view calls a function that the role cannot call
    "54000": 413,   # the payload is larger than cell_binary.max_payload_size or a bytea
}

HINTS = {"P0002": "The endpoint /samples/ lists the samples of a study."}

# Transient errors, by SQLSTATE or its class.
TRANSIENT = {
    "08",      # a connection is lost, perhaps that of a foreign table
    "40",      # deadlock, serialization failure
    "53",      # out of memory, disk or connections
    "55P03",   # lock_timeout
    "57",      # cancelled, statement_timeout, server starting or stopping
}


def status_of(request: Request, error: psycopg.Error) -> int:
    state = error.sqlstate
    if state is None:   # not from the server: the connection is lost, or there was none
        return 503 if isinstance(error, psycopg.OperationalError) else 500
    if not getattr(request.state, "payload", False):
        statuses = OF_STUDY
    elif 'study "' in (error.diag.context or ""):
        # cell_data names the study in the context if the cells raise the error. The SQLSTATE
        # alone does not distinguish: a NaN coordinate is a 22003, too.
        statuses = OF_CELLS
    else:
        statuses = OF_STUDY | OF_SAMPLE | OF_CELLS
    return statuses.get(state) or (503 if TRANSIENT & {state, state[:2]} else 500)


def problem(status: int, detail: str, headers: dict[str, str] | None = None,
            **more: str) -> Response:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status,
            "detail": detail, **more}
    return JSONResponse(body, status, headers, "application/problem+json")


async def of_database(request: Request, error: psycopg.Error) -> Response:
    status, diagnostic = status_of(request, error), error.diag
    if status < 500:
        # With 404, PostgreSQL's hint names SQL functions, which a client cannot call.
        hint = diagnostic.message_hint if status != 404 else HINTS.get(error.sqlstate)
        return problem(status, diagnostic.message_primary or "", **({"hint": hint} if hint else {}))
    log.error("%s: %s", error.sqlstate or type(error).__name__, str(error).strip())
    if isinstance(error, PoolTimeout):
        return problem(
            503, "All connections to the database are busy, or the database cannot be reached.",
            RETRY_AFTER)
    if status == 503:
        return problem(503, "The database is temporarily unable to answer.", RETRY_AFTER)
    return problem(500, "The database could not answer this request; the service's log has the "
                        "reason.")


async def of_service(_: Request, error: Exception) -> Response:
    return problem(500, "The service failed; its log has the reason.")


async def of_http(_: Request, error: HTTPException) -> Response:
    headers = {"Allow": "GET, HEAD"} if error.status_code == 405 else error.headers
    return problem(error.status_code, str(error.detail), headers)


async def of_parameters(_: Request, error: RequestValidationError) -> Response:
    return problem(422, "; ".join(
        f'{".".join(map(str, fault["loc"]))}: {fault["msg"]}' for fault in error.errors()))


def register(app: FastAPI) -> None:
    app.add_exception_handler(psycopg.Error, of_database)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_parameters)
    app.add_exception_handler(Exception, of_service)
