"""The recipes of docs/operations.md for caches in front of the service, as they stand there."""

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
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import API, CELLS, DATABASE, Answer, Service, data_path, serve, until, until_it_listens
from test_api import packed, packings
from test_load_and_faults import queries

RECIPES = (API.parent / "docs/operations.md").read_text()
CREDENTIALS = "Basic " + base64.b64encode(b"reader:secret").decode()
UNVERIFIED = ssl._create_unverified_context()


def recipe(language: str, number: int = 0) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", RECIPES, re.DOTALL | re.MULTILINE)[number]


def substituted(text: str, values: dict[str, str]) -> str:
    """What must differ here; that a name is not in the recipe any more is a mistake."""
    for documented, here in values.items():
        assert documented in text, f"{documented} is not in the recipe"
        text = text.replace(documented, here)
    return text


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@dataclass
class Proxy(Service):
    """A service behind a proxy that has TLS, users and a prefix."""

    name: str = ""

    def connect(self) -> ssl.SSLSocket:
        return UNVERIFIED.wrap_socket(socket.create_connection(("127.0.0.1", self.port), timeout=60))

    def request(self, path: str, method: str = "GET", timeout: float = 60, **headers: str) -> Answer:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=UNVERIFIED)
        with contextlib.closing(connection):
            connection.putrequest(method, "/cells" + path, skip_accept_encoding=True)
            for name, value in ({"Authorization": CREDENTIALS} | headers).items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())


@contextlib.contextmanager
def running(command: list, log: Path, *ports: int):
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        for port in ports:
            until_it_listens(process, port, log)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def nginx(folder: Path, text: str, **ports: int):
    """nginx with the recipe, among settings that could spoil it: it codes all by gzip, and its temporary files are small."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=lab.example",
                    "-keyout", folder / "lab.key", "-out", folder / "lab.pem"], check=True, capture_output=True)
    (folder / "cells.users").write_text("reader:{PLAIN}secret\n")
    (folder / "cells.conf").write_text(substituted(text, {"/etc/ssl": str(folder), "/etc/nginx": str(folder)}))
    temporary = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"""
        daemon off; worker_processes 2; pid {folder}/pid; events {{}}
        http {{ {temporary} access_log off; gzip on; gzip_types *; gzip_proxied any; proxy_max_temp_file_size 1m; include {folder}/cells.conf; }}""")
    command = ["/usr/sbin/nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    with running(command, folder / "output", *ports.values()):
        yield Proxy(f"https://127.0.0.1:{ports['tls']}", None, folder / "error.log")


@contextlib.contextmanager
def varnish(folder: Path, port: int, service: Service):
    (folder / "cells.vcl").write_text(substituted(recipe("vcl"), {'"8000"': f'"{service.port}"'}))
    command = re.search(r"^    (varnishd .*)$", RECIPES, re.MULTILINE)[1]
    command = substituted(command, {"127.0.0.1:6081": f"127.0.0.1:{port}", "/etc/varnish": str(folder), "malloc,8g": "malloc,200m"})
    with running(shlex.split(command) + ["-F", "-j", "none", "-n", folder / "varnish"], folder / "varnish.log", port):
        yield


@contextlib.contextmanager
def proxied(name: str, folder: Path, service: Service):
    """The recipe of a name, with addresses and folders of its own."""
    text, tls, behind = recipe("nginx"), free_port(), free_port()
    with contextlib.ExitStack() as stack:
        if name == "nginx":
            text = substituted(text, {"127.0.0.1:8001": f"127.0.0.1:{behind}", "127.0.0.1:8000": f"127.0.0.1:{service.port}"})
        else:
            stack.enter_context(varnish(folder, behind, service))
            first, location, _ = re.split(r"(?m)^(    location /cells/ \{\n.*?^    \}\n)", text, maxsplit=1, flags=re.DOTALL)
            text = first + substituted(recipe("nginx", 1), {"127.0.0.1:6081": f"127.0.0.1:{behind}"}) + "}\n"
        text = substituted(text, {"listen 443": f"listen 127.0.0.1:{tls}", "client_header_timeout 10s": "client_header_timeout 1s", "/var/cache/cells": f"{folder}/cache"})
        proxy = stack.enter_context(nginx(folder, text, tls=tls, behind=behind))
        proxy.name = name
        yield proxy


@pytest.fixture(scope="module")
def behind(role, tmp_path_factory):
    """The service that is behind the proxies, and would answer each origin otherwise."""
    with serve(tmp_path_factory.mktemp("service") / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_CORS_ORIGINS="https://viewer.example") as service:
        yield service


@pytest.fixture(scope="module", params=["nginx", "varnish"])
def proxy(request, behind, tmp_path_factory):
    with proxied(request.param, tmp_path_factory.mktemp(request.param), behind) as proxy:
        yield proxy


def served(connection) -> int:
    """The bytes of payloads that PostgreSQL gave; a 304 costs none."""
    return connection.execute("SELECT sum(served_bytes)::bigint FROM cell_store_stats").fetchone()[0]


def asked(connection) -> int:
    """How often the service looked whether a payload is as it was."""
    return connection.execute("SELECT sum(hits + misses + waits)::int FROM cell_store_stats").fetchone()[0]


def change(connection, sample: str = "small") -> None:
    connection.execute("UPDATE cell SET x = -x WHERE sample = %s AND cell_id = 1", (sample,))


def ask(proxy: Proxy, path: str) -> ssl.SSLSocket:
    """Send a request and read nothing of the answer."""
    client = proxy.connect()
    client.sendall(f"GET /cells{path} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nAuthorization: {CREDENTIALS}\r\nConnection: close\r\n\r\n".encode())
    return client


GATE = 815   # of advisory locks


@pytest.fixture
def slow(connection, role):
    """A study of one sample, of which each packing passes a gate of its own; each test's own."""
    connection.execute(f"""
        CREATE TABLE slow_cell {CELLS};
        INSERT INTO slow_cell SELECT 'S', i, 0, i, i FROM generate_series(1, 200) i;
        CREATE SEQUENCE slow_gate; GRANT USAGE ON SEQUENCE slow_gate TO {role};
        CREATE VIEW slow_view AS SELECT * FROM slow_cell WHERE (SELECT pg_advisory_xact_lock_shared({GATE}, nextval('slow_gate')::integer)::text) = '';
        SELECT cell_register_study('slow', 'slow_view', phenotypes => 'phenotypes', features => '{{A}}', store => true)""")
    yield "slow"
    connection.execute("SELECT cell_drop_study('slow'); DROP VIEW slow_view; DROP TABLE slow_cell; DROP SEQUENCE slow_gate")


@contextlib.contextmanager
def closed_gate(connection, ahead: int = 0):
    """The next packing has to wait, or the one that comes so many later."""
    number = connection.execute("SELECT last_value + is_called::integer FROM slow_gate").fetchone()[0] + ahead
    connection.execute("SELECT pg_advisory_lock(%s, %s::integer)", (GATE, number))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s, %s::integer)", (GATE, number))


WAITING = f"pg_locks WHERE locktype = 'advisory' AND classid = {GATE} AND NOT granted"


def is_waiting(connection) -> bool:
    return connection.execute(f"SELECT EXISTS (SELECT FROM {WAITING})").fetchone()[0]


CODINGS = "zstd", "br", "gzip", "identity"


def test_use_of_a_kept_payload_costs_no_body(proxy, connection):
    first = {coding: proxy.data(layout="compact", Accept_Encoding=coding) for coding in CODINGS}
    bodies = {coding: packed(connection, coding=coding) for coding in CODINGS}
    before, times = served(connection), asked(connection)
    for coding, body in bodies.items():
        second = proxy.data(layout="compact", Accept_Encoding=coding, Cookie="page=1")
        head = proxy.data(layout="compact", Accept_Encoding=coding, method="HEAD")
        for answer in first[coding], second, head:
            assert answer.status == 200 and answer.body == (b"" if answer is head else body)
            assert answer.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'   # strong, and of what is sent
            assert answer.headers["Content-Encoding"] == (None if coding == "identity" else coding)
            assert answer.headers["Content-Length"] == str(len(body))
            assert answer.headers["Cache-Control"] == "no-cache" and "Accept-Encoding" in answer.headers["Vary"]
            assert "X-Accel-Expires" not in answer.headers
    assert served(connection) == before and asked(connection) == times + 8


@pytest.mark.parametrize("accept, coding", [
    ("gzip, deflate, br, zstd", "zstd"), ("br;q=1.0, gzip;q=0.8, *;q=0.1", "br"), ("gzip, deflate, br", "br"), ("GZIP,deflate", "gzip"),
    ("zstd;q=0, br;q=0.000, gzip;q=0.5", "gzip"), ("zstd; q=0.01", "zstd"), ("gzip;q=0", "identity"), ("*", "identity"), (None, "identity"),
])
def test_one_copy_for_each_coding_whatever_browsers_send(proxy, connection, accept, coding):
    kept = {coding: proxy.data(layout="compact", Accept_Encoding=coding) for coding in CODINGS}[coding]
    before = served(connection)
    answer = proxy.data(layout="compact", **({} if accept is None else {"Accept_Encoding": accept}))
    assert answer.headers["Content-Encoding"] == kept.headers["Content-Encoding"] and answer.body == kept.body
    assert served(connection) == before


def test_change_is_seen_by_the_next_request(proxy, connection):
    for _ in range(10):
        etag = proxy.data(layout="compact").headers["ETag"]
        change(connection)
        answer = proxy.data(layout="compact", If_None_Match=etag)
        assert answer.status == 200 and answer.body == packed(connection)


def test_change_is_seen_while_an_earlier_request_is_answered(proxy, connection, slow):
    connection.execute("SELECT cell_drop_study('slow'); SELECT cell_register_study('slow', 'slow_view', phenotypes => 'phenotypes', features => '{A}', store => false)")
    with ThreadPoolExecutor(2) as pool:
        # It is packed to know its tag, and then for the answer, in a snapshot; no header is sent before that is done.
        with closed_gate(connection, ahead=1):
            first = pool.submit(proxy.data, slow, "S", "compact")
            until(lambda: is_waiting(connection))
            connection.execute("UPDATE slow_cell SET x = 1")
            second = pool.submit(proxy.data, slow, "S", "compact")
            until(lambda: second.done() or proxy.name == "nginx")   # which lets it wait
        assert first.result().status == 200 and second.result().body == packed(connection, slow, "S")


def test_only_payloads_are_kept(proxy):
    """On disk, where names of samples would stay; Varnish keeps nothing else for longer than a millisecond."""
    proxy.request("/samples/?study=lab")
    proxy.data(layout="compact")
    if proxy.name == "nginx":
        kept = b"".join(path.read_bytes() for path in (proxy.log.parent / "cache").rglob("*") if path.is_file())
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
    for _ in "fetched", "kept":
        answer = proxy.data(layout="compact", Range="bytes=4-99")
        assert answer.status == 206 and answer.headers["Content-Range"] == "bytes 4-99/16004" and answer.body == body[4:100]
        etag = answer.headers["ETag"]
    before = served(connection)
    assert proxy.data(layout="compact", Range="bytes=-4", If_Range=etag).body == body[-4:]
    assert proxy.data(layout="compact", Range="bytes=4-99", If_Range='"other"').body == body
    assert proxy.data(layout="compact", Range="bytes=16004-").status == 416
    assert served(connection) == before
    change(connection)
    answer = proxy.data(layout="compact", Range="bytes=4-99", If_Range=etag)
    assert answer.status == 200 and answer.body == packed(connection)


def test_errors_are_not_kept_and_nothing_kept_takes_their_place(proxy, connection, role, slow):
    connection.execute("DELETE FROM cell WHERE sample = 'new'")
    assert proxy.data(sample="new").status == 404
    connection.execute("INSERT INTO cell VALUES ('new', 1, 1, 1, 1)")
    assert proxy.data(sample="new").status == 200
    assert json.loads(proxy.request("/samples/?study=lab").body)["samples"] == ["large", "new", "small"]
    connection.execute("DELETE FROM cell WHERE sample = 'new'")
    answer = proxy.data(sample="new")
    assert answer.status == 404 and answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(proxy.request("/samples/?study=lab").body)["samples"] == ["large", "small"]

    connection.execute(f"REVOKE SELECT ON cell FROM {role}")
    assert proxy.data().status == 403
    connection.execute(f"GRANT SELECT ON cell TO {role}")
    assert proxy.data().status == 200

    assert proxy.data(slow, "S").status == 200
    connection.execute("SELECT cell_invalidate('slow', 'S')")
    with ThreadPoolExecutor(1) as pool, closed_gate(connection):
        answer = pool.submit(proxy.data, slow, "S")
        until(lambda: is_waiting(connection))
        connection.execute(f"SELECT pg_cancel_backend(pid) FROM {WAITING}")
        assert answer.result().status == 503 and answer.result().headers["Retry-After"] == "1"
    assert proxy.data(slow, "S").status == 200


def test_many_ask_for_what_is_not_packed(proxy, connection, slow):
    before = served(connection)
    with ThreadPoolExecutor(8) as pool:
        with closed_gate(connection):
            asking = [pool.submit(proxy.data, slow, "S", "dense") for _ in range(8)]
            until(lambda: is_waiting(connection))
        answers = [answer.result() for answer in asking]
    assert {answer.body for answer in answers} == {packed(connection, slow, "S", "dense")} and packings(connection, slow) == 1
    if proxy.name == "nginx":   # one of them fetches it
        assert served(connection) - before == 2 * len(answers[0].body)   # with what is compared


def test_slow_clients_hold_nothing_of_the_database(proxy, connection):
    """What they ask for is not kept yet, and does not fit into buffers on the way."""
    clients = [ask(proxy, data_path("lab", "large", "spt")) for _ in range(4)]
    try:
        until(lambda: all(client.recv(1) for client in clients))   # the answers have begun
        until(lambda: connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()").fetchone()[0] == 0)
        body = packed(connection, sample="large", layout="spt")
        for client in clients:
            assert client.makefile("rb").read().endswith(b"\r\n\r\n" + body)
    finally:
        for client in clients:
            client.close()


def test_client_that_leaves_does_not_keep_others_from_using_it(proxy, connection):
    change(connection, "large")
    client = ask(proxy, data_path("lab", "large", "compact"))
    client.recv(1)
    client.close()
    until(lambda: queries(connection, "cell_chunks") == 0)
    before = served(connection)
    assert len(proxy.data(sample="large", layout="compact").body) == 16000004 and served(connection) == before


def test_kept_payload_is_for_who_may_read_it(proxy):
    assert proxy.data().status == 200
    for credentials in "", "Basic " + base64.b64encode(b"reader:wrong").decode():
        answer = proxy.data(Authorization=credentials)
        assert answer.status == 401 and "ETag" not in answer.headers


def test_one_answer_for_all_origins(proxy, connection):
    change(connection)
    for origin in {"Origin": "https://viewer.example"}, {}:
        answer = proxy.data(layout="compact", **origin)
        assert answer.status == 200 and "Access-Control-Allow-Origin" not in answer.headers


def test_prefix(proxy):
    """What the service says of itself is relative to the address that was asked."""
    answer = proxy.request("/samples?study=lab")
    assert answer.status == 307 and answer.headers["Location"] == "samples/?study=lab"
    assert json.loads(proxy.request("/openapi.json").body)["servers"] == [{"url": "."}]


def test_http_2(proxy, connection):
    body = subprocess.run(["curl", "--silent", "--insecure", "--http2", "--user", "reader:secret", "--write-out", "%{http_version}",
                           f"{proxy.url}/cells{data_path('lab', 'small', 'compact')}"], check=True, capture_output=True).stdout
    assert body == packed(connection) + b"2"


def test_slow_headers(proxy):
    with contextlib.closing(proxy.connect()) as client:
        client.sendall(b"GET /cells/health HTTP/1.1\r\nHost:")
        client.settimeout(10)
        assert client.recv(1) == b""
