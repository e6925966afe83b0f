"""The two versions that a comparison runs: each is a private server or an existing one."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import host
import psycopg
import scratch

ROOT = Path(__file__).parents[2]

# With these settings nothing runs in the background, and plans depend only on the workload.
SETTINGS = {"autovacuum": "off", "jit": "off", "max_parallel_workers_per_gather": "0", "synchronize_seqscans": "off",
            "checkpoint_timeout": "1d", "shared_buffers": "512MB", "work_mem": "256MB"}


class Unbuildable(Exception):
    """A version cannot be built or found; the message says why."""


@dataclass
class Arm:
    label: str
    conninfo: str
    source: dict | None = None         # git commit, in the form of a record
    folder: Path | None = None         # of the private server's sandbox
    programs: Path | None = None       # the folder with the server's programs

    def restart(self) -> None:
        """Restart the private server, so that its shared buffers are new and at other addresses."""
        if not self.folder:
            return
        command = [self.programs / "pg_ctl", "restart", "-s", "-w", "-D", self.folder / "data", "-l", self.folder / "server.log"]
        subprocess.run(command, check=True, **owner(self.folder / "data"))

    def connect(self, options: str = "") -> psycopg.Connection:
        return psycopg.connect(self.conninfo, autocommit=True, application_name="cbperf", **({"options": options} if options else {}))


def owner(path: Path) -> dict:
    """Arguments for subprocess that run a program as the owner of a folder, as PostgreSQL requires."""
    status = path.stat()
    return {"user": status.st_uid, "group": status.st_gid, "extra_groups": [], "cwd": "/"} if os.geteuid() == 0 else {}


def git(*arguments: str, text: bool = True) -> str | bytes:
    done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=text)
    if done.returncode:
        raise Unbuildable((done.stderr if text else done.stderr.decode()).strip())
    return done.stdout


def without_password(conninfo: str) -> str:
    """The connection string without passwords, for labels, which all readers see."""
    return psycopg.conninfo.make_conninfo("", **{name: value for name, value in psycopg.conninfo.conninfo_to_dict(conninfo).items() if "password" not in name})


RELEASE = re.compile(r"^## \[[0-9][^]]*\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$", re.MULTILINE)


def last_release() -> str:
    """The commit that gave the newest released version its date in CHANGELOG.md."""
    try:
        heading = RELEASE.search(git("show", "HEAD:CHANGELOG.md"))
        commits = git("log", "--format=%H %P", "-S", heading[0], "--", "CHANGELOG.md").splitlines() if heading else []
    except Unbuildable as error:
        raise Unbuildable(f"cannot find the last release: {error}: give a version with --base") from None
    if not commits:
        raise Unbuildable("CHANGELOG.md has no heading of a release (## [1.2.3] - 2026-01-31): give a version with --base")
    commit, *parents = commits[-1].split()
    if not parents and git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise Unbuildable("the clone is too shallow to have the commit of the last release: run git fetch --unshallow, or give a version with --base")
    return commit


def tree_of(version: str, room: Path) -> tuple[Path, dict | None]:
    """The source folder of a version, which is a folder or a git revision, and its commit."""
    if Path(version).is_dir():
        if not (Path(version) / "cell_binary.control").exists():
            raise Unbuildable(f"{version} is not a source tree of the extension")
        return Path(version), host.source(version)
    try:
        commit = git("rev-parse", "--verify", "--quiet", f"{version}^{{commit}}").strip()
    except Unbuildable:
        raise Unbuildable(f"{version} is not a revision of {ROOT}, not a folder, and not the address of a server") from None
    folder = room / "source"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=git("archive", commit, text=False), check=True)
    return folder, {"commit": commit, "dirty": False}


@contextlib.contextmanager
def arm(version: str, pg_config: str | None, patch: Path | None = None) -> Iterator[Arm]:
    """Run a version: the address of a server (postgresql://...), a source folder, or a git revision.

    `patch` is applied to the source before the build.
    """
    if version.startswith(("postgresql://", "postgres://")) or "=" in version:
        yield Arm(without_password(version), version)
        return
    folder = scratch.make()
    try:
        tree, source = tree_of(version, folder)
        label = version
        if tree.is_relative_to(Path(version)):
            label = f"{tree.resolve().name} at {source['commit'][:9]}{' and changes' * source['dirty']}" if source else tree.resolve().name
        if patch:
            label += f" + {patch.name}"
            copy = folder / "patched"
            shutil.copytree(tree, copy, ignore=shutil.ignore_patterns(".git", "node_modules", "*.o", "*.bc", "*.so", "build", "results", "tmp_check"))
            done = subprocess.run(["patch", "-s", "-p1", "-d", copy, "-i", patch.resolve()], capture_output=True, text=True)
            if done.returncode:
                raise Unbuildable(f"{patch} does not apply: {(done.stdout + done.stderr).strip()}")
            tree, source = copy, source and source | {"dirty": True}
        environment = dict(os.environ) | ({"PG_CONFIG": pg_config} if pg_config else {})
        # The private server runs until its standard input ends.
        errors = folder / "errors"
        server = subprocess.Popen([ROOT / "scripts/sandbox", "--source", tree, "sh", "-c",
                                   'printf "%s\\n%s\\n" "$SANDBOX" "$(dirname "$(command -v postgres)")"; exec cat'],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors.open("w"), text=True, env=environment,
                                  start_new_session=True)
        try:
            sandbox, programs = server.stdout.readline().strip(), server.stdout.readline().strip()
            if not programs:
                raise Unbuildable(f"cannot build {version}: {errors.read_text().strip()[-2000:]}")
            made = Arm(label, f"host={sandbox} port=5432 user=postgres dbname=postgres", source, Path(sandbox), Path(programs))
            with made.connect() as connection:
                for name, value in SETTINGS.items():
                    connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            made.restart()
            yield made
        finally:
            server.stdin.close()
            server.wait()
    finally:
        scratch.remove(folder)


def load(arm: Arm, schema: str, cells: int) -> None:
    """Create the benchmark's table cells in its own schema, with this number of cells, and freeze it."""
    with arm.connect() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS cell_binary")
        if not connection.execute("SELECT to_regnamespace('tissue')").fetchone()[0]:
            connection.execute((ROOT / "demo/tissue.sql").read_text())
        connection.execute(f"CREATE SCHEMA {schema}; SET search_path = {schema}, public")
        connection.execute((ROOT / "benchmark/tables.sql").read_text().replace(":cells", str(cells)))
        connection.execute(f"VACUUM (FREEZE, ANALYZE) {schema}.cells")
