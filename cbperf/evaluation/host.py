"""The circumstances of a run: the machine, the server, the libraries, the source."""

import hashlib
import os
import platform
import re
import subprocess
from pathlib import Path

import processes
import psycopg


def field(path: str, name: str) -> str | None:
    try:
        found = re.search(rf"^{name}\s*[:=]\s*\"?([^\"\n]*)", Path(path).read_text(), re.MULTILINE)
    except OSError:
        return None
    return found[1].strip() if found else None


def machine() -> dict:
    uname = os.uname()
    return {"name": uname.nodename, "cpu": field("/proc/cpuinfo", "model name") or uname.machine, "cores": len(os.sched_getaffinity(0)),
            "memory": int((field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) * 1024,
            "kernel": uname.release, "os": field("/etc/os-release", "PRETTY_NAME") or uname.sysname}


def server(connection: psycopg.Connection, extension: str) -> dict:
    """The version, the settings that differ from the default (except locations of files and sockets), and the installed extension."""
    settings = dict(connection.execute(
        "SELECT name, current_setting(name) FROM pg_settings WHERE source NOT IN ('default', 'override', 'client') "
        "AND vartype IS NOT NULL AND category <> 'File Locations' AND category <> 'Preset Options' "
        "AND name NOT LIKE ALL (ARRAY['%conninfo%', '%\\_command', 'unix\\_socket%', 'ssl\\_%', 'application\\_name']) ORDER BY name").fetchall())
    installed = connection.execute("SELECT extversion FROM pg_extension WHERE extname = %s", [extension]).fetchone()
    return {"version": connection.info.parameter_status("server_version").split()[0], "settings": settings,
            "extension": installed and {"name": extension, "version": installed[0], "sha256": None}}


def library_hash(pid: int, name: str) -> str | None:
    """The SHA-256 of the library that a process has mapped, or None. Raises PermissionError if this user may not read it."""
    for path in processes.libraries(pid):
        if path.name == f"{name}.so":
            return hashlib.sha256(Path(f"/proc/{pid}/root{path}").read_bytes()).hexdigest()
    return None


VERSIONED = re.compile(r"^(lib[^/]+?)\.so\.([\d.]+)$")


def libraries(pid: int) -> dict[str, str]:
    """The shared libraries of a process, with the versions in their file names. Raises PermissionError if this user may not read them."""
    found = {}
    for path in processes.libraries(pid):
        if versioned := VERSIONED.match(Path(os.path.realpath(f"/proc/{pid}/root{path}")).name):
            found[versioned[1]] = versioned[2]
    return found | {"libc": " ".join(platform.libc_ver())}


def source(folder: str = ".") -> dict | None:
    """The commit of the folder's git repository, and whether it has uncommitted changes."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout.strip()
    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def dataset(connection: psycopg.Connection, table: str) -> dict:
    """A hash of a table's rows that does not depend on their order: that of the sum of their hashes."""
    name, = connection.execute("SELECT %s::regclass::text", [table]).fetchone()
    digest, = connection.execute(f"SELECT md5(count(*) || ' ' || coalesce(sum(hashtextextended(each::text, 0)), 0)) FROM {name} AS each").fetchone()
    return {"name": name, "hash": digest}
