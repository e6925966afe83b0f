"""Replay the statements of a session with postgres in single-user mode, on a copy of the server's cluster.

A data directory cannot have two servers, and valgrind cannot attach to a backend. So this module makes a base backup, and
each replay gets a fresh copy of it, so that all replays start from the same bytes.
"""

import os
import re
import shutil
import subprocess
import weakref
from contextlib import suppress
from pathlib import Path

import psycopg
import scratch
import statements
from psycopg import sql

from .base import Target, Unavailable
from .programs import User, last_line, run

LARGEST_CLUSTER = 2**30

# The server's settings that may affect a statement.
SERVER_SETTINGS = """
SELECT name, setting FROM pg_catalog.pg_settings
WHERE source IN ('environment variable', 'configuration file', 'command line') AND context <> 'internal'
  AND category !~ '^(File Locations|Connections and Auth|Replication|Reporting and Logging|Write-Ahead Log / (Arch|Reco))'
"""

# The session's settings, from the client, the role or the database.
SESSION_SETTINGS = """
SELECT name, setting FROM pg_catalog.pg_settings
WHERE source IN ('global', 'database', 'user', 'database user', 'client', 'session') AND context IN ('user', 'superuser')
"""

# Settings that differ in a replay: a crash loses nothing; statements take 50 times as long; JIT code has no names, and the
# cost of its compiler hides the rest; statistics are reported by the clock; the encoding is the server's.
FIXED = {"fsync": "off", "track_counts": "off", "huge_pages": "off", "jit": "off", "statement_timeout": "0", "lock_timeout": "0",
         "lc_messages": "C", "log_destination": "stderr", "log_line_prefix": "", "log_min_messages": "error",
         "log_min_error_statement": "panic"}
NOT_COPIED = {*FIXED, "client_encoding", "transaction_timeout"}

# The marks of spans have no effect in a replay.
SPANS = """
CREATE FUNCTION pg_temp.span_begin(name text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION pg_temp.span_end() RETURNS void LANGUAGE sql AS ''"""

ERROR = re.compile(r"^(?:ERROR|FATAL|PANIC):  (.*)", re.MULTILINE)


class Replay:
    """The copy of the cluster for a target. It exists as long as the target.

    setup and workload are lists of statements for run(). Each statement is its own transaction.
    """

    _made: "weakref.WeakKeyDictionary[Target, Replay]" = weakref.WeakKeyDictionary()

    @classmethod
    def of(cls, target: Target) -> "Replay":
        """The copy for this target, made at the first call. Raises Unavailable."""
        if target not in cls._made:
            cls._made[target] = cls(target)
        return cls._made[target]

    def __init__(self, target: Target):
        self.program, self.owner, size = find_server(target.postmaster)
        self.folder = scratch.make()
        remove = weakref.finalize(target, scratch.remove, self.folder)
        try:
            check_size(size, self.folder)
            self.folder.chmod(0o711)        # the server's user works in subfolders, and must not create links in this folder
            with target.connect() as connection:
                self.setup = [statement.text for statement in statements.split(target.setup_sql)] if target.setup_sql else []
                self.workload = [statement.text for statement in statements.split(target.sql)]
                self.read_session(connection)
                self.back_up(connection)
            self.postgres([], self.folder / "pristine", [], self.folder)      # recover now, so that no replay needs to
        except psycopg.Error as error:
            remove()
            raise Unavailable(f"the query to the server failed: {str(error).splitlines()[0]}") from None
        except BaseException:
            remove()
            raise

    def read_session(self, connection: psycopg.Connection) -> None:
        """Make the SQL that turns a session in single-user mode, which belongs to the first superuser, into one like this connection."""
        self.server_settings = connection.execute(SERVER_SETTINGS).fetchall()
        settings = [(name, setting) for name, setting in connection.execute(SESSION_SETTINGS) if name not in NOT_COPIED]
        user, role, replicates = connection.execute(
            "SELECT session_user, current_user, rolsuper OR rolreplication FROM pg_catalog.pg_roles WHERE rolname = session_user").fetchone()
        if not replicates:
            raise Unavailable(f"role {user} has no permission to copy the cluster; use ALTER ROLE {user} REPLICATION")
        self.database = connection.info.dbname
        connection.execute("SELECT set_config('client_encoding', current_setting('server_encoding'), false)")
        self.encoding = connection.info.encoding if connection.info.encoding != "ascii" else "utf-8"
        calls = [sql.SQL("set_config({}, {}, false)").format(*setting) for setting in settings]
        texts = [sql.SQL(SPANS),
                 sql.SQL("SELECT {}, setseed(0)").format(sql.SQL(", ").join(calls)) if calls else sql.SQL("SELECT setseed(0)"),
                 sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(user))]
        if role != user:
            texts.append(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        self.session = ";\n".join(text.as_string(connection) for text in texts)

    def back_up(self, connection: psycopg.Connection) -> None:
        """Make the base backup, as the current user, because this role can connect."""
        program = Path(self.program).with_name("pg_basebackup")
        if not program.exists():
            raise Unavailable(f"{program} does not exist; install the client programs of the server's version")
        info = connection.info
        pristine = self.folder / "pristine"
        messages = self.folder / "messages"
        environment = os.environ | ({"PGPASSWORD": info.password} if info.password else {})
        # Pass only these parameters, because the libpq of pg_basebackup may know fewer than this one.
        known = "host", "hostaddr", "port", "user", "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout"
        address = psycopg.conninfo.make_conninfo("", **{name: value for name, value in info.get_parameters().items() if name in known})
        status = run([str(program), "-d", address, "-D", str(pristine), "-c", "fast",
                      "--no-sync", "--no-manifest"], messages, environment=environment)
        if status:
            raise Unavailable(f"cannot copy the cluster: {last_line(messages)}")
        (pristine / "postgresql.auto.conf").write_text("")
        with (pristine / "postgresql.conf").open("w", encoding="utf-8") as file:
            for name, setting in self.server_settings:
                if name not in NOT_COPIED:
                    escaped = setting.replace("\\", "\\\\").replace("'", "''")
                    file.write(f"{name} = '{escaped}'\n")
        if self.owner != User.current():
            # Change the folder last. Until then no other user can put a link into it that leads chown elsewhere.
            for path in (*pristine.rglob("*"), pristine):
                os.chown(path, self.owner.uid, self.owner.gid, follow_symlinks=False)

    def run(self, tool: list[str], inputs: list[str]) -> Path:
        """Run statements under a tool. Return the tool's working directory, which has its files until the next run.

        Postgres reads the setup of the session and then each statement as a separate input. Raises Unavailable if one fails.
        """
        output, cluster = self.folder / "output", self.folder / "cluster"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        os.chown(output, self.owner.uid, self.owner.gid)
        try:
            subprocess.run(["cp", "-a", "--reflink=auto", self.folder / "pristine", cluster], check=True)
            self.postgres(tool, cluster, [self.session, *inputs], output)
        finally:
            shutil.rmtree(cluster, ignore_errors=True)
        return output

    def postgres(self, tool: list[str], cluster: Path, inputs: list[str], folder: Path) -> None:
        # With -j, an input ends with ";" and an empty line.
        text = "".join(text.replace(";\n\n", "; \n\n") + "\n;\n\n" for text in inputs)
        settings = [argument for name, value in FIXED.items() for argument in ("-c", f"{name}={value}")]
        messages = self.folder / "messages"
        status = run([*tool, self.program, "--single", "-D", str(cluster), "-j", *settings, self.database], messages, self.owner,
                     text.encode(self.encoding), environment={"PATH": os.defpath, "LC_ALL": "C", "TMPDIR": str(folder)}, folder=folder)
        error = ERROR.search(messages.read_text(errors="replace"))
        if error or status:
            raise Unavailable(f"the replay failed: {error[1] if error else last_line(messages)}")


def find_server(postmaster: int | None) -> tuple[str, User, int]:
    """The server's program, its user, and the size of its data directory without WAL, in bytes."""
    if postmaster is None:
        raise Unavailable("the server is on another machine; run cbperf there")
    process = Path(f"/proc/{postmaster}")
    try:
        program, data = os.readlink(process / "exe"), Path(os.readlink(process / "cwd"))
        status = process.stat()
    except FileNotFoundError:
        raise Unavailable(f"there is no process {postmaster}; the server has ended") from None
    except PermissionError:
        raise Unavailable("no permission to read the server's files; run cbperf as the server's user or as root") from None
    if program.endswith(" (deleted)"):
        raise Unavailable("the server's program was replaced after the server started; restart the server")
    if any(path.is_symlink() for path in (data / "pg_tblspc").iterdir()):
        raise Unavailable("the cluster has tablespaces, which cbperf does not copy; use a server without tablespaces")
    size = 0
    for folder, _, names in os.walk(data):
        for name in names if Path(folder).name != "pg_wal" else ():
            with suppress(FileNotFoundError):
                size += os.lstat(Path(folder) / name).st_size
    return program, User(status.st_uid, status.st_gid), size


def check_size(size: int, folder: Path) -> None:
    if size > LARGEST_CLUSTER:
        raise Unavailable(f"the cluster has {size / 1e6:,.0f} MB, but cbperf copies at most {LARGEST_CLUSTER / 1e6:,.0f} MB;"
                          " use a server with less data")
    if shutil.disk_usage(folder).free < 3 * size:
        raise Unavailable(f"{folder.parent} has no space for two copies of the cluster, {size / 1e6:,.0f} MB each; set TMPDIR")
