"""The service that payloads replace: the same rows as JSON from json_agg, forwarded with the same
server and driver."""

from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

pool = AsyncConnectionPool(kwargs={"autocommit": True}, open=False, max_size=16)

CELLS = """
    SELECT json_agg(json_build_object(
        'cell_id', cell_id, 'x', x, 'y', y, 'phenotypes', phenotypes))::text
    FROM cell WHERE sample = %s"""


async def cells(request: Request) -> Response:
    async with pool.connection() as connection:
        cursor = await connection.execute(CELLS, [request.query_params["sample"]])
        row = await cursor.fetchone()
    return Response(row[0], media_type="application/json")


async def health(_: Request) -> Response:
    return Response("{}", media_type="application/json")


@asynccontextmanager
async def lifespan(_: Starlette):
    async with pool:
        yield

app = Starlette(routes=[Route("/cells", cells), Route("/health", health)], lifespan=lifespan)
