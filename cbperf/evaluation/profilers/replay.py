"""A copy of a server's cluster, in which postgres in single-user mode does again what a session did.

A server's data directory can't have a second server, and valgrind can't attach to a backend. So there is a base backup;
of that a copy for each replay, which always begins with the same bytes.
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

# Of the server's own settings those that could matter to a statement.
SERVER_SETTINGS = """
SELECT name, setting FROM pg_catalog.pg_settings
WHERE source IN ('environment variable', 'configuration file', 'command line') AND context <> 'internal'
  AND category !~ '^(File Locations|Connections and Auth|Replication|Reporting and Logging|Write-Ahead Log / (Arch|Reco))'
"""

# And of the session's, whether from the client, the role or the database.
SESSION_SETTINGS = """
SELECT name, setting FROM pg_catalog.pg_settings
WHERE source IN ('global', 'database', 'user', 'database user', 'client', 'session') AND context IN ('user', 'superuser')
"""

# What is different in a replay. Nothing is lost if it crashes; statements take 50 times as long; code that JIT made has no
# names, and its compiler hides all else; it is by the clock when counts for statistics are passed on; the encoding is the server's.
FIXED = {"fsync": "off", "track_counts": "off", "huge_pages": "off", "jit": "off", "statement_timeout": "0", "lock_timeout": "0",
         "lc_messages": "C", "log_destination": "stderr", "log_line_prefix": "", "log_min_messages": "error",
         "log_min_error_statement": "panic"}
NOT_COPIED = {*FIXED, "client_encoding", "transaction_timeout"}

# The marks that a workload may set mean nothing here.
SPANS = """
CREATE FUNCTION pg_temp.span_begin(name text) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION pg_temp.span_end() RETURNS void LANGUAGE sql AS ''"""

ERROR = re.compile(r"^(?:ERROR|FATAL|PANIC):  (.*)", re.MULTILINE)


class Replay:
    """The copy for a target; it lasts as long as the target does.

    setup and workload are lists of statements, for run(); each is a transaction of its own.
    """

    _made: "weakref.WeakKeyDictionary[Target, Replay]" = weakref.WeakKeyDictionary()

    @classmethod
    def of(cls, target: Target) -> "Replay":
        """That of this target, made if there is none yet. Unavailable if there can't be one."""
        if target not in cls._made:
            cls._made[target] = cls(target)
        return cls._made[target]

    def __init__(self, target: Target):
        self.program, self.owner, size = find_server(target.postmaster)
        self.folder = scratch.make()
        remove = weakref.finalize(target, scratch.remove, self.folder)
        try:
            check_size(size, self.folder)
            self.folder.chmod(0o711)        # the server's user works in folders below, and must not put links into this one
            with target.connect() as connection:
                self.setup = [statement.text for statement in statements.split(target.setup_sql)] if target.setup_sql else []
                self.workload = [statement.text for statement in statements.split(target.sql)]
                self.read_session(connection)
                self.back_up(connection)
            self.postgres([], self.folder / "pristine", [], self.folder)      # recovers, so that no replay has to
        except psycopg.Error as error:
            remove()
            raise Unavailable(f"the server could not be asked: {str(error).splitlines()[0]}") from None
        except BaseException:
            remove()
            raise

    def read_session(self, connection: psycopg.Connection) -> None:
        """What makes a session of single-user mode, which is the first superuser's, like this connection."""
        self.server_settings = connection.execute(SERVER_SETTINGS).fetchall()
        settings = [(name, setting) for name, setting in connection.execute(SESSION_SETTINGS) if name not in NOT_COPIED]
        user, role, replicates = connection.execute(
            "SELECT session_user, current_user, rolsuper OR rolreplication FROM pg_catalog.pg_roles WHERE rolname = session_user").fetchone()
        if not replicates:
            raise Unavailable(f"role {user} may not copy the cluster; ALTER ROLE {user} REPLICATION would allow it")
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
        """The base backup; as who we are, since that is who could connect."""
        program = Path(self.program).with_name("pg_basebackup")
        if not program.exists():
            raise Unavailable(f"there is no {program}; install the client programs of the server's version")
        info = connection.info
        pristine = self.folder / "pristine"
        messages = self.folder / "messages"
        environment = os.environ | ({"PGPASSWORD": info.password} if info.password else {})
        # Not all parameters: this program's libpq may know more of them than that one's.
        known = "host", "hostaddr", "port", "user", "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout"
        address = psycopg.conninfo.make_conninfo("", **{name: value for name, value in info.get_parameters().items() if name in known})
        status = run([str(program), "-d", address, "-D", str(pristine), "-X", "fetch", "-c", "fast",
                      "--no-sync", "--no-manifest"], messages, environment=environment)
        if status:
            raise Unavailable(f"the cluster could not be copied: {last_line(messages)}")
        (pristine / "postgresql.auto.conf").write_text("")
        with (pristine / "postgresql.conf").open("w", encoding="utf-8") as file:
            for name, setting in self.server_settings:
                if name not in NOT_COPIED:
                    escaped = setting.replace("\\", "\\\\").replace("'", "''")
                    file.write(f"{name} = '{escaped}'\n")
        if self.owner != User.current():
            # The folder last: until then nobody but this user can get at what is in it, and lead chown elsewhere by a link.
            for path in (*pristine.rglob("*"), pristine):
                os.chown(path, self.owner.uid, self.owner.gid, follow_symlinks=False)

    def run(self, tool: list[str], inputs: list[str]) -> Path:
        """Run statements under a tool; its files belong into its working directory, which is returned, and lasts until the next run.

        Postgres reads an input for each, after one that makes the session. Unavailable if a statement failed.
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
        # With -j, the end of an input is ";" and an empty line.
        text = "".join(text.replace(";\n\n", "; \n\n") + "\n;\n\n" for text in inputs)
        settings = [argument for name, value in FIXED.items() for argument in ("-c", f"{name}={value}")]
        messages = self.folder / "messages"
        status = run([*tool, self.program, "--single", "-D", str(cluster), "-j", *settings, self.database], messages, self.owner,
                     text.encode(self.encoding), environment={"PATH": os.defpath, "LC_ALL": "C", "TMPDIR": str(folder)}, folder=folder)
        error = ERROR.search(messages.read_text(errors="replace"))
        if error or status:
            raise Unavailable(f"the replay failed: {error[1] if error else last_line(messages)}")


def find_server(postmaster: int | None) -> tuple[str, User, int]:
    """The server's program, its user, and the bytes in its data directory without WAL."""
    if postmaster is None:
        raise Unavailable("the server is not on this machine; run this where it is")
    process = Path(f"/proc/{postmaster}")
    try:
        program, data = os.readlink(process / "exe"), Path(os.readlink(process / "cwd"))
        status = process.stat()
    except FileNotFoundError:
        raise Unavailable(f"there is no process {postmaster}; the server has ended") from None
    except PermissionError:
        raise Unavailable("the server's files can't be read; run this as the server's user, or root") from None
    if program.endswith(" (deleted)"):
        raise Unavailable("the server's program has been replaced since it began; restart the server")
    if any(path.is_symlink() for path in (data / "pg_tblspc").iterdir()):
        raise Unavailable("the cluster has tablespaces, which are not copied; measure on a server that has none")
    size = 0
    for folder, _, names in os.walk(data):
        for name in names if Path(folder).name != "pg_wal" else ():
            with suppress(FileNotFoundError):
                size += os.lstat(Path(folder) / name).st_size
    return program, User(status.st_uid, status.st_gid), size


def check_size(size: int, folder: Path) -> None:
    if size > LARGEST_CLUSTER:
        raise Unavailable(f"the cluster has {size / 1e6:,.0f} MB, and at most {LARGEST_CLUSTER / 1e6:,.0f} MB are copied;"
                          " measure on a server that has less data")
    if shutil.disk_usage(folder).free < 3 * size:
        raise Unavailable(f"there is no room for two copies of the cluster, {size / 1e6:,.0f} MB each, in {folder.parent}; set TMPDIR")
