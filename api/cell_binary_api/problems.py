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
STATUS = {
    "42704": 404,   # no such study
    "P0002": 404,   # no cells in the sample
    "22P02": 404,   # nor can there be: the samples are numbers,
    "22P05": 404,   # or the database's encoding
    "22021": 404,   # has no such character
    "22023": 400,   # no such layout
    "42501": 403,   # the service's role may not read the cells
    "54000": 413,   # larger than cell_binary.max_payload_size, or than a bytea
}

def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: str) -> Response:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, {"Cache-Control": "no-cache"} | (headers or {}), "application/problem+json")


async def of_database(request: Request, error: psycopg.Error) -> Response:
    if status := STATUS.get(error.sqlstate or ""):
        diagnostic = error.diag
        return problem(status, diagnostic.message_primary or "", **({"hint": diagnostic.message_hint} if diagnostic.message_hint else {}))
    log.error("%s: %s", error.sqlstate or type(error).__name__, str(error).strip())
    if isinstance(error, PoolTimeout):
        return problem(503, "All connections to the database are busy, or it cannot be reached.", RETRY_AFTER)
    if isinstance(error, psycopg.OperationalError):   # lost, starting, out of resources, cancelled, deadlock ...
        return problem(503, "The database cannot answer now.", RETRY_AFTER)
    if isinstance(error, psycopg.DataError) and not error.sqlstate:
        return problem(400, "The name of a study or sample cannot have a NUL character.")
    return problem(500, "The database could not answer this request.")


def register(app: FastAPI) -> None:
    app.add_exception_handler(psycopg.Error, of_database)
    app.add_exception_handler(HTTPException, lambda _, error: problem(
        error.status_code, str(error.detail), {"Allow": "GET, HEAD"} if error.status_code == 405 else error.headers))
    app.add_exception_handler(RequestValidationError, lambda _, error: problem(
        400, "; ".join(f'{".".join(map(str, fault["loc"]))}: {fault["msg"]}' for fault in error.errors())))
    app.add_exception_handler(Exception, lambda _, error: problem(500, "The service has a fault; its log tells which."))
