"""The server's counters of the statements of a run, from pg_stat_statements and pg_stat_kcache."""

import psycopg

# PostgreSQL 15 to 18 have these columns, and pg_stat_kcache since 2.2. Seconds and bytes.
QUERY = """
SELECT s.queryid, s.toplevel, s.query, s.calls, s.total_exec_time / 1000 AS seconds, s.rows,
	s.shared_blks_hit, s.shared_blks_read, s.temp_blks_read, s.temp_blks_written, s.wal_bytes::float8 AS wal_bytes{kcache}
FROM {statements} s{join}
WHERE s.userid = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
KCACHE = """, k.exec_user_time AS "user", k.exec_system_time AS system, k.exec_minflts AS minor_faults, k.exec_majflts AS major_faults,
	k.exec_reads AS disk_read, k.exec_writes AS disk_written"""


def snapshot(connection: psycopg.Connection) -> dict[tuple, dict] | str:
    """The counters of this user's statements in this database, or the reason why there are none."""
    schemas = dict(connection.execute("SELECT extname, extnamespace::regnamespace::text FROM pg_extension "
                                      "WHERE extname IN ('pg_stat_statements', 'pg_stat_kcache')").fetchall())
    if "pg_stat_statements" not in schemas:
        return "extension pg_stat_statements is not installed in this database"
    kcache, join = "", ""
    if "pg_stat_kcache" in schemas:
        kcache = KCACHE
        join = (f"\nLEFT JOIN {schemas['pg_stat_kcache']}.pg_stat_kcache() k "
                "ON (k.queryid, k.userid, k.dbid, k.top) = (s.queryid, s.userid, s.dbid, s.toplevel)")
    query = QUERY.format(statements=f"{schemas['pg_stat_statements']}.pg_stat_statements", kcache=kcache, join=join)
    try:
        with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            return {(row.pop("queryid"), row.pop("toplevel")): row for row in cursor.execute(query).fetchall()}
    except psycopg.Error as error:     # the extension is installed, but the server has not loaded it
        return str(error).strip().splitlines()[0]


def difference(before: dict[tuple, dict], after: dict[tuple, dict]) -> list[dict]:
    """The differences of the counters, the longest statement first. A counter that does not exist is None."""
    found = []
    for key, row in after.items():
        old = before.get(key, {})
        if row["calls"] > old.get("calls", 0):
            found.append({name: value if isinstance(value, str) or value is None else value - (old.get(name) or 0) for name, value in row.items()})
    return sorted(found, key=lambda row: -row["seconds"])
