"""Errors as application/problem+json (RFC 9457)."""

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

# What the caller can mend, by SQLSTATE; its message is for him.
OF_STUDY = {
    "42704": 404,   # there is no such study,
    "22P05": 404,   # nor can there be: the database's encoding lacks a character of the name
    "42501": 403,   # the service's role may not read the cells
}
OF_SAMPLE = {
    "P0002": 404,   # it has no cells,
    "22P02": 404,   # nor can it have any: the samples are numbers or UUIDs,
    "22003": 404,   # or no numbers as large as that
    "22023": 400,   # there is no such layout
}
OF_CELLS = {
    "42501": 403,   # a view calls a function that the role may not call
    "54000": 413,   # larger than cell_binary.max_payload_size, or than a bytea
}

# What passes, by the class of the SQLSTATE, or all of it.
PASSES = {
    "08",      # a connection, perhaps of a foreign table, is lost
    "40",      # deadlock, serialization
    "53",      # memory, disk or connections are used up
    "55P03",   # lock_timeout
    "57",      # cancelled, statement_timeout, starting, stopping
}


def status_of(request: Request, error: psycopg.Error) -> int:
    state = error.sqlstate
    if state is None:   # no answer of the database: the connection is lost, or none was to be had
        return 503 if isinstance(error, psycopg.OperationalError) else 500
    if request.scope["route"].path != "/cell-data-binary/":
        mended = OF_STUDY
    elif 'sample "' in (error.diag.context or ""):   # cell_data says so if it is in the cells: a NaN coordinate is a 22003, too
        mended = OF_CELLS
    else:
        mended = OF_STUDY | OF_SAMPLE | OF_CELLS
    return mended.get(state) or (503 if PASSES & {state, state[:2]} else 500)


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: str) -> Response:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers, "application/problem+json")


async def of_database(request: Request, error: psycopg.Error) -> Response:
    status, diagnostic = status_of(request, error), error.diag
    if status < 500:
        return problem(status, diagnostic.message_primary or "", **({"hint": diagnostic.message_hint} if diagnostic.message_hint else {}))
    log.error("%s: %s", error.sqlstate or type(error).__name__, str(error).strip())
    if isinstance(error, PoolTimeout):
        return problem(503, "All connections to the database are busy, or it cannot be reached.", RETRY_AFTER)
    if status == 503:
        return problem(503, "The database cannot answer now.", RETRY_AFTER)
    return problem(500, "The database could not answer this request.")


def register(app: FastAPI) -> None:
    app.add_exception_handler(psycopg.Error, of_database)
    app.add_exception_handler(HTTPException, lambda _, error: problem(
        error.status_code, str(error.detail), {"Allow": "GET, HEAD"} if error.status_code == 405 else error.headers))
    app.add_exception_handler(RequestValidationError, lambda _, error: problem(
        400, "; ".join(f'{".".join(map(str, fault["loc"]))}: {fault["msg"]}' for fault in error.errors())))
    app.add_exception_handler(Exception, lambda _, error: problem(500, "The service has a fault; its log tells which."))
