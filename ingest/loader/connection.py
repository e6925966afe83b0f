"""Connections to PostgreSQL."""

import psycopg
from psycopg import sql


def connect(conninfo: str, program: str) -> tuple[psycopg.Connection, list[str]]:
    """Connect in UTF-8, with a safe search path. Also return the schemas of the user's path.

    In these schemas, other roles may have put functions that fit a call better than PostgreSQL's.
    """
    connection = psycopg.connect(
        conninfo, fallback_application_name=program, client_encoding="utf8", autocommit=True)
    path = connection.execute("SELECT pg_catalog.current_schemas(false)").fetchone()[0]
    connection.execute("SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)")
    connection.autocommit = False
    return connection, path


def extension_schema(connection: psycopg.Connection) -> sql.Identifier | None:
    """Return the schema of the extension cell_binary, or None if it is not installed."""
    row = connection.execute(
        "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace "
        "WHERE extname = 'cell_binary'").fetchone()
    return sql.Identifier(row[0]) if row else None
