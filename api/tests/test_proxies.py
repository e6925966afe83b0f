"""The recipes of docs/operations.md for caches in front of the service, run as the document has
them."""

import base64
import contextlib
import hashlib
import http.client
import json
import re
import shlex
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import API, free_port, nginx, queries, running, until
from services import CELLS, Service, data_path, packed, packings, register, serve

RECIPES = (API.parent / "docs/operations.md").read_text()


def basic(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode()


CREDENTIALS = basic(b"reader:secret")
UNVERIFIED = ssl._create_unverified_context()


def recipe(language: str, number: int = 0) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", RECIPES, re.DOTALL | re.MULTILINE)
    return blocks[number]


def substituted(text: str, values: dict[str, str]) -> str:
    """The recipe with the ports and paths of the test; each must be in the recipe."""
    for documented, here in values.items():
        assert documented in text, f"{documented} is not in the recipe"
        text = text.replace(documented, here)
    return text


class Proxy(Service):
    """A service behind a proxy with TLS, users and a prefix."""

    name: str
    prefix = "/cells"
    every_request = {"Authorization": CREDENTIALS}

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def http_connection(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=timeout, context=UNVERIFIED)

    def connect(self) -> ssl.SSLSocket:
        return UNVERIFIED.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), timeout=60))


@contextlib.contextmanager
def nginx_with(folder: Path, text: str, tls: int, behind: int):
    """nginx with the recipe, and with settings that could break it: nginx compresses every answer,
    and its temporary files are small."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "1", "-subj", "/CN=lab.example",
         "-keyout", folder / "lab.key", "-out", folder / "lab.pem"],
        check=True, capture_output=True)
    (folder / "cells.users").write_text("reader:{PLAIN}secret\n")
    (folder / "cells.conf").write_text(
        substituted(text, {"/etc/ssl": str(folder), "/etc/nginx": str(folder)}))
    with nginx(folder, f"""
            access_log off; gzip on; gzip_types *; gzip_proxied any; proxy_max_temp_file_size 1m;
            include {folder}/cells.conf;""", tls, behind):
        yield Proxy(tls, folder / "error.log")


@contextlib.contextmanager
def varnish(folder: Path, port: int, service: Service):
    (folder / "cells.vcl").write_text(
        substituted(recipe("vcl"), {'"8000"': f'"{service.port}"'}))
    command = substituted(re.search(r"^    (varnishd .*)$", RECIPES, re.MULTILINE)[1], {
        "127.0.0.1:6081": f"127.0.0.1:{port}", "/etc/varnish": str(folder),
        "malloc,8g": "malloc,200m"})
    command = [*shlex.split(command), "-F", "-j", "none", "-n", folder / "varnish"]
    with running(command, folder / "varnish.log", port):
        yield


@contextlib.contextmanager
def proxied(name: str, folder: Path, service: Service):
    """The recipe for nginx alone, or the one for nginx with Varnish."""
    text, tls, behind = recipe("nginx"), free_port(), free_port()
    with contextlib.ExitStack() as stack:
        if name == "nginx":
            text = substituted(text, {"127.0.0.1:8001": f"127.0.0.1:{behind}",
                                      "127.0.0.1:8000": f"127.0.0.1:{service.port}"})
        else:
            stack.enter_context(varnish(folder, behind, service))
            first, _, _ = re.split(r"(?m)^(    location /cells/ \{\n.*?^    \}\n)", text,
                                   maxsplit=1, flags=re.DOTALL)
            location = substituted(recipe("nginx", 1), {"127.0.0.1:6081": f"127.0.0.1:{behind}"})
            text = first + location + "}\n"
        text = substituted(text, {
            "listen 443": f"listen 127.0.0.1:{tls}", "/var/cache/cells": f"{folder}/cache",
            "client_header_timeout 10s": "client_header_timeout 1s"})
        proxy = stack.enter_context(nginx_with(folder, text, tls, behind))
        proxy.name = name
        yield proxy


@pytest.fixture(scope="module")
def behind(role, tmp_path_factory):
    """The service behind the proxies. It would answer each origin with other headers."""
    with serve(tmp_path_factory.mktemp("service") / "log",
               CELL_BINARY_CORS_ORIGINS="https://viewer.example") as service:
        yield service


@pytest.fixture(scope="module", params=["nginx", "varnish"])
def proxy(request, behind, tmp_path_factory):
    with proxied(request.param, tmp_path_factory.mktemp(request.param), behind) as proxy:
        yield proxy


def served(connection) -> int:
    """The bytes of payloads that PostgreSQL served; a 304 serves none."""
    return connection.execute(
        "SELECT sum(served_bytes)::bigint FROM cell_store_stats").fetchone()[0]


def asked(connection) -> int:
    """How often the service asked PostgreSQL for the state of a payload."""
    return connection.execute(
        "SELECT sum(hits + misses + waits)::int FROM cell_store_stats").fetchone()[0]


def change(connection, sample: str = "small") -> None:
    connection.execute("UPDATE cell SET x = -x WHERE sample = %s AND cell_id = 1", (sample,))


def ask(proxy: Proxy, path: str) -> ssl.SSLSocket:
    """Send a request, and read nothing of the answer."""
    client = proxy.connect()
    client.sendall(f"GET /cells{path} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\n"
                   f"Authorization: {CREDENTIALS}\r\nConnection: close\r\n\r\n".encode())
    return client


GATE = 815   # the first key of the gates' advisory locks


@pytest.fixture
def slow(connection, role):
    """The study "slow", made anew for each test. Each packing of its sample S passes the next
    gate."""
    connection.execute(f"""
        CREATE TABLE slow_cell {CELLS};
        INSERT INTO slow_cell SELECT 'S', i, 0, i, i FROM generate_series(1, 200) i;
        CREATE SEQUENCE slow_gate; GRANT USAGE ON SEQUENCE slow_gate TO {role};
        CREATE VIEW slow_view AS SELECT * FROM slow_cell WHERE (
            SELECT pg_advisory_xact_lock_shared({GATE}, nextval('slow_gate')::integer)::text) = ''
        """)
    register(connection, "slow", "slow_view", store=True)
    yield "slow"
    connection.execute("""
        SELECT cell_drop_study('slow'); DROP VIEW slow_view; DROP TABLE slow_cell;
        DROP SEQUENCE slow_gate""")


@contextlib.contextmanager
def closed_gate(connection, ahead: int = 0):
    """Make the next packing wait, or a later one."""
    number = ahead + connection.execute(
        "SELECT last_value + is_called::integer FROM slow_gate").fetchone()[0]
    connection.execute("SELECT pg_advisory_lock(%s, %s::integer)", (GATE, number))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s, %s::integer)", (GATE, number))


WAITING = f"pg_locks WHERE locktype = 'advisory' AND classid = {GATE} AND NOT granted"


def until_waiting(connection) -> None:
    """Wait until a packing waits at a closed gate."""
    until(lambda: connection.execute(f"SELECT EXISTS (SELECT FROM {WAITING})").fetchone()[0])


def samples(proxy: Proxy) -> list[str]:
    return json.loads(proxy.request("/samples/?study=lab").body)["samples"]


CODINGS = "zstd", "br", "gzip", "identity"


def test_stored_payload_is_reused(proxy, connection):
    """The proxy revalidates it, and PostgreSQL sends no body."""
    first = {coding: proxy.data(layout="compact", Accept_Encoding=coding) for coding in CODINGS}
    bodies = {coding: packed(connection, coding=coding) for coding in CODINGS}
    before, times = served(connection), asked(connection)
    for coding, body in bodies.items():
        second = proxy.data(layout="compact", Accept_Encoding=coding, Cookie="page=1")
        head = proxy.data(layout="compact", Accept_Encoding=coding, method="HEAD")
        for answer in first[coding], second, head:
            assert answer.status == 200 and answer.body == (b"" if answer is head else body)
            # A strong ETag, and of the bytes in this coding
            assert answer.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
            assert answer.headers["Content-Encoding"] == (
                None if coding == "identity" else coding)
            assert answer.headers["Content-Length"] == str(len(body))
            assert answer.headers["Cache-Control"] == "no-cache"
            assert "Accept-Encoding" in answer.headers["Vary"]
            assert "X-Accel-Expires" not in answer.headers
    assert served(connection) == before and asked(connection) == times + 8


@pytest.mark.parametrize("accept, coding", [
    ("gzip, deflate, br, zstd", "zstd"), ("br;q=1.0, gzip;q=0.8, *;q=0.1", "br"),
    ("gzip, deflate, br", "br"), ("GZIP,deflate", "gzip"),
    ("zstd;q=0, br;q=0.000, gzip;q=0.5", "gzip"), ("zstd; q=0.01", "zstd"),
    ("gzip;q=0", "identity"), ("*", "identity"), (None, "identity"),
])
def test_one_copy_for_each_coding(proxy, connection, accept, coding):
    """Whatever browsers send as Accept-Encoding, the proxy stores four copies at most."""
    kept = {each: proxy.data(layout="compact", Accept_Encoding=each) for each in CODINGS}[coding]
    before = served(connection)
    headers = {} if accept is None else {"Accept_Encoding": accept}
    answer = proxy.data(layout="compact", **headers)
    assert answer.headers["Content-Encoding"] == kept.headers["Content-Encoding"]
    assert answer.body == kept.body
    assert served(connection) == before


def test_next_request_sees_a_change(proxy, connection):
    for _ in range(10):
        etag = proxy.data(layout="compact").headers["ETag"]
        change(connection)
        answer = proxy.data(layout="compact", If_None_Match=etag)
        assert answer.status == 200 and answer.body == packed(connection)


def test_request_sees_a_change_during_an_earlier_request(proxy, connection, slow):
    connection.execute("SELECT cell_drop_study('slow')")
    register(connection, "slow", "slow_view", store=False)
    with ThreadPoolExecutor(2) as pool:
        # The first packing is for the ETag. The second is for the answer, in one snapshot; the
        # service sends no header before it is done.
        with closed_gate(connection, ahead=1):
            first = pool.submit(proxy.data, slow, "S", "compact")
            until_waiting(connection)
            connection.execute("UPDATE slow_cell SET x = 1")
            second = pool.submit(proxy.data, slow, "S", "compact")
            until(lambda: second.done() or proxy.name == "nginx")   # nginx makes it wait
        assert first.result().status == 200
        assert second.result().body == packed(connection, slow, "S")


def test_only_payloads_are_stored(proxy):
    """nginx stores on disk, where names of samples would stay. Varnish stores nothing else for
    longer than a millisecond."""
    proxy.request("/samples/?study=lab")
    proxy.data(layout="compact")
    if proxy.name == "nginx":
        cache = proxy.log.parent / "cache"
        kept = b"".join(path.read_bytes() for path in cache.rglob("*") if path.is_file())
        assert b"/cells/cell-data-binary/" in kept and b"/cells/samples/" not in kept


def test_conditions_of_the_client(proxy, connection):
    etag = proxy.data(layout="compact").headers["ETag"]
    for method in "GET", "HEAD":
        answer = proxy.data(layout="compact", method=method, If_None_Match=etag)
        assert answer.status == 304 and answer.body == b"" and answer.headers["ETag"] == etag
        assert proxy.data(layout="compact", method=method, If_Match='"other"').status == 412
    assert proxy.data(layout="compact", If_Match=etag).status == 200


def test_ranges(proxy, connection):
    change(connection)
    body = packed(connection)

    def part(asked: str, **headers: str):
        return proxy.data(layout="compact", Range=asked, **headers)
    for _ in "fetched", "stored":
        answer = part("bytes=4-99")
        assert answer.status == 206 and answer.headers["Content-Range"] == "bytes 4-99/16004"
        assert answer.body == body[4:100]
        etag = answer.headers["ETag"]
    before = served(connection)
    assert part("bytes=-4", If_Range=etag).body == body[-4:]
    assert part("bytes=4-99", If_Range='"other"').body == body
    assert part("bytes=16004-").status == 416
    assert served(connection) == before
    change(connection)
    answer = part("bytes=4-99", If_Range=etag)
    assert answer.status == 200 and answer.body == packed(connection)


def test_new_and_deleted_samples(proxy, connection):
    connection.execute("DELETE FROM cell WHERE sample = 'new'")
    assert proxy.data(sample="new").status == 404
    connection.execute("INSERT INTO cell VALUES ('new', 1, 1, 1, 1)")
    assert proxy.data(sample="new").status == 200
    assert samples(proxy) == ["large", "new", "small"]
    connection.execute("DELETE FROM cell WHERE sample = 'new'")
    answer = proxy.data(sample="new")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert samples(proxy) == ["large", "small"]


def test_errors_are_not_stored_and_no_stored_payload_replaces_them(
        proxy, connection, role, slow):
    connection.execute(f"REVOKE SELECT ON cell FROM {role}")
    assert proxy.data().status == 403
    connection.execute(f"GRANT SELECT ON cell TO {role}")
    assert proxy.data().status == 200

    assert proxy.data(slow, "S").status == 200
    connection.execute("SELECT cell_invalidate('slow', 'S')")
    with ThreadPoolExecutor(1) as pool, closed_gate(connection):
        answer = pool.submit(proxy.data, slow, "S")
        until_waiting(connection)
        connection.execute(f"SELECT pg_cancel_backend(pid) FROM {WAITING}")
        assert answer.result().status == 503 and answer.result().headers["Retry-After"] == "1"
    assert proxy.data(slow, "S").status == 200


def test_many_requests_for_an_unpacked_payload(proxy, connection, slow):
    before = served(connection)
    with ThreadPoolExecutor(8) as pool:
        with closed_gate(connection):
            asking = [pool.submit(proxy.data, slow, "S", "dense") for _ in range(8)]
            until_waiting(connection)
        answers = [answer.result() for answer in asking]
    body = packed(connection, slow, "S", "dense")
    assert {answer.body for answer in answers} == {body}
    assert packings(connection, slow) == 1
    if proxy.name == "nginx":   # which fetches it once; the test itself read it once, too
        assert served(connection) - before == 2 * len(body)


def test_slow_clients_hold_no_database_connection(proxy, connection):
    """The payload is not stored yet, and the buffers on the way do not hold it."""
    clients = [ask(proxy, data_path("lab", "large", "spt")) for _ in range(4)]
    try:
        until(lambda: all(client.recv(1) for client in clients))   # the answers have begun
        until(lambda: connection.execute("""
            SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND state <> 'idle' AND pid <> pg_backend_pid()""").fetchone()[0] == 0)
        body = packed(connection, sample="large", layout="spt")
        for client in clients:
            assert client.makefile("rb").read().endswith(b"\r\n\r\n" + body)
    finally:
        for client in clients:
            client.close()


def test_payload_is_stored_even_if_the_client_disconnects(proxy, connection):
    change(connection, "large")
    client = ask(proxy, data_path("lab", "large", "compact"))
    client.recv(1)
    client.close()
    until(lambda: queries(connection, "cell_chunks") == 0)
    before = served(connection)
    assert len(proxy.data(sample="large", layout="compact").body) == 16000004
    assert served(connection) == before


def test_stored_payload_needs_a_password(proxy):
    assert proxy.data().status == 200
    for credentials in "", basic(b"reader:wrong"):
        answer = proxy.data(Authorization=credentials)
        assert answer.status == 401 and "ETag" not in answer.headers


def test_answers_do_not_depend_on_the_origin(proxy, connection):
    change(connection)
    for origin in {"Origin": "https://viewer.example"}, {}:
        answer = proxy.data(layout="compact", **origin)
        assert answer.status == 200 and "Access-Control-Allow-Origin" not in answer.headers


def test_prefix(proxy):
    """The links of the service are relative, so the prefix stays."""
    answer = proxy.request("/samples?study=lab")
    assert answer.status == 307 and answer.headers["Location"] == "samples/?study=lab"
    assert json.loads(proxy.request("/openapi.json").body)["servers"] == [{"url": "."}]


def test_http_2(proxy, connection):
    url = f"{proxy.url}/cells{data_path('lab', 'small', 'compact')}"
    output = subprocess.run(
        ["curl", "--silent", "--insecure", "--http2", "--user", "reader:secret",
         "--write-out", "%{http_version}", url], check=True, capture_output=True).stdout
    assert output == packed(connection) + b"2"


def test_slow_request_header(proxy):
    with contextlib.closing(proxy.connect()) as client:
        client.sendall(b"GET /cells/health HTTP/1.1\r\nHost:")
        client.settimeout(10)
        assert client.recv(1) == b""
