"""What the service answers: bytes, headers, conditions, codings, ranges and errors."""

import hashlib
import json
import re
import socket
import uuid
from urllib.parse import quote

import psycopg
import pytest
from harness import API
from services import CELLS, ONE_CELL, data_path, packed, packings, register, serve

SHARED = API.parents[1] / "shared" / "data"


def get_json(service, path: str):
    return json.loads(service.request(path).body)


# ---- Payloads

@pytest.mark.parametrize("layout", ["compact", "spt", "dense", "arrow"])
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd", "br"])
def test_bytes_are_those_of_the_database(service, connection, layout, coding):
    answer = service.data(layout=layout, Accept_Encoding=coding)
    assert answer.status == 200
    assert answer.body == packed(connection, layout=layout, coding=coding)
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
    assert answer.headers["Content-Encoding"] == (None if coding == "identity" else coding)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("layout", ["compact", "spt", "dense"])
def test_payload_of_many_chunks(service, connection, layout):
    """The last chunk is not full."""
    answer = service.data(sample="large", layout=layout)
    assert answer.body == packed(connection, sample="large", layout=layout)


def test_default_layout_is_spt(service, connection):
    assert service.data().body == packed(connection, layout="spt")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data")
def test_same_bytes_as_smprofiler(service, connection):
    """The payload and the feature names of SMProfiler's own fixture."""
    study = "Melanoma intralesional IL2"
    symbols = json.loads((SHARED / "spt/expected_bitmask_feature_names.json").read_text())
    lines = list(dict.fromkeys((SHARED / "spt/0.csv").read_text().splitlines()))
    header, *rows = [line.split(",") for line in lines]
    elementary = (SHARED / "spt/elementary_phenotypes.csv").read_text().splitlines()[1:]
    names = [line.split(",")[0] for line in elementary]
    column = [header.index(f"{name} Positive" if f"{name} Positive" in header
                           else f"{name}_Positive") for name in names]
    # SMProfiler identifies channels by numbers, and sorts the numbers as text.
    order = [int(number) for number in sorted(map(str, range(26)))]
    connection.execute("""
        CREATE TABLE melanoma (sample text, cell_id bigint, x double precision,
            y double precision, phenotypes bigint)""")
    box = [header.index(name) for name in ("XMin", "XMax", "YMin", "YMax")]
    for cell_id, row in enumerate(rows):
        x0, x1, y0, y1 = (float(row[i]) for i in box)
        phenotypes = sum(int(row[column[channel]]) << bit for bit, channel in enumerate(order))
        connection.execute("INSERT INTO melanoma VALUES ('lesion 0_1', %s, %s, %s, %s)",
                           (cell_id, (x0 + x1) / 2, (y0 + y1) / 2, phenotypes))
    register(connection, study, "melanoma", [name["symbol"] for name in symbols["names"]])

    payload = service.data(study, "lesion 0_1").body
    # A line of the dump: "address: 20 groups of 8 binary digits  text"
    dump = (SHARED / "spt/celldata.dump").read_text().splitlines()
    octets = [octet for line in dump for octet in line.split(": ")[1].split("  ")[0].split()]
    assert payload[20:] == bytes(int(octet, 2) for octet in octets)
    path = f"/cell-data-binary-feature-names/?study={quote(study)}"
    assert get_json(service, path) == symbols


# ---- Names

def test_names(service, connection):
    assert get_json(service, "/cell-data-binary-feature-names/?study=lab") == {
        "names": [{"symbol": name, "full_name": ""} for name in ("CD3", "CD8", "A & B")]}
    answer = service.request("/samples/?study=lab")
    assert json.loads(answer.body) == {"samples": ["large", "small"]}
    assert answer.headers["Content-Type"] == "application/json"
    assert {"handle": "lab", "display_name_detail": ""} in get_json(service, "/study-names/")
    assert get_json(service, "/health") == {"status": "ok"}


def test_study_without_samples(service, connection):
    connection.execute(f"CREATE TABLE no_cell {CELLS}")
    register(connection, "empty", "no_cell")
    assert get_json(service, "/samples/?study=empty") == {"samples": []}
    assert get_json(service, "/cell-data-binary-feature-names/?study=empty") == {
        "names": [{"symbol": "A", "full_name": ""}]}


def test_names_of_any_text(service, connection):
    name = f"Größe/{uuid.uuid4()} ?&=+%20'\"\\ \U0001f9ec"
    connection.execute("CREATE TABLE odd_names " + CELLS)
    connection.execute("INSERT INTO odd_names VALUES (%s, 1, 2, 3, 4)", (name,))
    register(connection, name, "odd_names", [name])
    query = data_path(name, "").split("?")[1]
    assert get_json(service, f"/samples/?{query}") == {"samples": [name]}
    assert service.data(name, name, "compact").body == ONE_CELL


def test_database_in_another_encoding(connection, tmp_path):
    connection.execute("""
        CREATE DATABASE cell_binary_latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0""")
    try:
        with psycopg.connect(dbname="cell_binary_latin1", autocommit=True) as latin1:
            latin1.execute(f"""
                CREATE EXTENSION cell_binary; CREATE TABLE cell {CELLS};
                INSERT INTO cell VALUES ('Größe', 1, 2, 3, 4)""")
            register(latin1, "Größe", "cell", ["µ"])
        with serve(tmp_path / "log", PGDATABASE="cell_binary_latin1", PGUSER="postgres",
                   PGCLIENTENCODING="LATIN1") as service:
            assert service.data("Größe", "Größe", "compact").body == ONE_CELL
            path = f"/samples/?study={quote('Größe')}"
            assert get_json(service, path) == {"samples": ["Größe"]}
            assert service.data("Größe", "\U0001f9ec").status == 404
    finally:
        connection.execute("DROP DATABASE cell_binary_latin1 WITH (FORCE)")


# ---- HEAD and conditions

@pytest.mark.parametrize("path", [
    data_path("lab", "small"), "/samples/?study=lab", "/study-names/", "/health",
    "/cell-data-binary-feature-names/?study=lab"])
def test_head_is_get_without_a_body(service, path):
    get, head = service.request(path), service.request(path, "HEAD")
    get.headers.replace_header("Date", head.headers["Date"])
    assert head.status == 200 and head.body == b""
    assert sorted(head.headers.items()) == sorted(get.headers.items())


def test_head_and_304_pack_nothing(service, connection):
    etag = service.data().headers["ETag"]
    before = packings(connection)
    assert service.data(method="HEAD").headers["Content-Length"] == "20020"
    for tag in etag, f"W/{etag}", f'"other", {etag}', "*", ['"other"', etag]:
        for method in "GET", "HEAD":
            answer = service.data(method=method, If_None_Match=tag)
            assert answer.status == 304 and answer.body == b"" and answer.headers["ETag"] == etag
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert answer.headers["Cache-Control"] == "no-cache"
    assert packings(connection) == before


def test_etag_depends_on_layout_and_coding(service):
    tags = [service.data(layout=layout, Accept_Encoding=coding, method="HEAD").headers["ETag"]
            for layout in ("compact", "spt") for coding in ("identity", "gzip", "br")]
    assert len(set(tags)) == 6
    answer = service.data(layout="compact", Accept_Encoding="gzip", If_None_Match=tags[0])
    assert answer.status == 200


def test_changed_cells_are_served_at_once(service, connection):
    move = "UPDATE cell SET x = x + %s WHERE sample = 'small' AND cell_id = 1"
    first = service.data(layout="compact")
    connection.execute(move, [1])
    answer = service.data(layout="compact", If_None_Match=first.headers["ETag"])
    assert answer.status == 200 and answer.body == packed(connection) != first.body
    connection.execute(move, [-1])
    assert service.data(layout="compact", If_None_Match=first.headers["ETag"]).status == 304


def test_if_match(service):
    etag = service.data(layout="compact").headers["ETag"]
    for tag in etag, "*", f'"other", {etag}', ['"other"', etag]:
        assert service.data(layout="compact", If_Match=tag).status == 200
        assert service.data(layout="compact", If_Match=tag, Range="bytes=0-3").status == 206
    for tag in '"other"', f"W/{etag}", "":
        for method in "GET", "HEAD":
            answer = service.data(layout="compact", method=method, If_Match=tag,
                                  If_None_Match=etag, Range="bytes=0-3")
            assert answer.status == 412
            assert answer.headers["Content-Type"] == "application/problem+json"


# ---- Codings

@pytest.mark.parametrize("accept, coding", [
    (None, "identity"), ("", "identity"), ("identity", "identity"), ("gzip", "gzip"),
    ("GZip", "gzip"), ("deflate", "identity"), ("gzip, deflate, br, zstd", "zstd"),
    ("gzip, deflate, br", "br"), ("gzip;q=0.5", "gzip"), ("gzip;q=1.0, br;q=0.9", "gzip"),
    ("gzip;q=0", "identity"), ("gzip;q=0.5, identity;q=0.7", "identity"),
    ("gzip;q=0.5, identity;q=0.5", "gzip"), ("*", "zstd"), ("*;q=0.1, br", "br"),
    ("zstd;q=0, *", "br"), ("identity;q=0, gzip;q=0.1", "gzip"),
    ("identity;q=0.5, *;q=0", "identity"), ("*;q=0, gzip;q=0.1", "gzip"), ("*;q=0", None),
    ("identity;q=0", None), ("identity;q=0, deflate", None),
    ("gzip;q=2, br;q=nonsense", "identity"), (";;,,q=,", "identity"), ("x-gzip", "gzip"),
    (["deflate", "gzip"], "gzip"), (["gzip;q=0.5", "br"], "br"),
])
def test_negotiation_of_the_coding(service, accept, coding):
    headers = {} if accept is None else {"Accept_Encoding": accept}
    answer = service.data(layout="compact", **headers)
    assert answer.headers["Vary"] == "Accept-Encoding"
    if coding is None:
        assert answer.status == 406
        assert answer.headers["Content-Type"] == "application/problem+json"
    else:
        assert answer.status == 200
        assert answer.headers.get("Content-Encoding", "identity") == coding
        assert answer.headers["Accept-Ranges"] == ("bytes" if coding == "identity" else None)


# ---- Ranges

@pytest.mark.parametrize("asked, start, stop", [
    ("bytes=0-0", 0, 1), ("bytes=0-3", 0, 4), ("bytes=4-19", 4, 20),
    ("bytes=262143-262144", 262143, 262145), ("bytes=262144-524287", 262144, 524288),
    ("bytes=100-999999", 100, 1000000), ("bytes=-1", 16000003, 16000004),
    ("bytes=-99999999", 0, 16000004), ("bytes=16000003-", 16000003, 16000004),
    ("bytes=15000000-99999999", 15000000, 16000004), ("BYTES=0-3", 0, 4),
])
def test_range(service, connection, asked, start, stop):
    answer = service.data(sample="large", layout="compact", Range=asked)
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/16000004"
    assert answer.headers["Content-Length"] == str(stop - start)
    assert answer.body == packed(connection, sample="large")[start:stop]


@pytest.mark.parametrize("asked", [
    "bytes=0-1,4-5", "bytes=5-4", "bytes=x", "bytes=-", "cells=0-1", "0-1", "bytes=--1", ""])
def test_range_that_the_service_ignores(service, asked):
    answer = service.data(layout="compact", Range=asked)
    assert answer.status == 200 and len(answer.body) == 16004
    assert "Content-Range" not in answer.headers


def test_range_after_the_end(service):
    answer = service.data(layout="compact", Range="bytes=16004-")
    assert answer.status == 416 and answer.headers["Content-Range"] == "bytes */16004"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == 416


def test_range_needs_identity_get_and_the_current_version(service):
    etag = service.data(layout="compact").headers["ETag"]

    def status(**headers: str) -> int:
        return service.data(layout="compact", Range="bytes=0-3", **headers).status
    assert status(If_Range=etag) == 206
    for other in '"other"', f"W/{etag}", "Tue, 24 Nov 2026 00:00:00 GMT":
        assert status(If_Range=other) == 200
    assert status(Accept_Encoding="gzip") == 200
    assert status(method="HEAD") == 200
    assert status(If_None_Match=etag) == 304


# ---- Errors

@pytest.fixture(scope="session")
def unreadable(connection, role):
    connection.execute(f"""
        CREATE TABLE secret {CELLS}; REVOKE ALL ON secret FROM {role};
        INSERT INTO secret VALUES ('S', 1, 1, 1, 1)""")
    register(connection, "secret")


@pytest.fixture(scope="session")
def numbered(connection):
    connection.execute("""
        CREATE TABLE numbered (sample integer, cell_id bigint, x integer, y integer,
            phenotypes bigint);
        INSERT INTO numbered VALUES (7, 1, 1, 1, 1)""")
    register(connection, "numbered")


MISSING = "query.{}: Field required"
REPEATED = "query.study: The parameter is given more than once."
NO_STUDY = 'study "nowhere" does not exist'


@pytest.mark.parametrize("path, status, detail", [
    (data_path("nowhere", "small"), 404, NO_STUDY),
    (data_path("lab", "nowhere"), 404, 'sample "nowhere" of study "lab" has no cells'),
    (data_path("numbered", "x"), 404, "x"),
    (data_path("lab", "small", "nonsense"), 422, 'unknown layout "nonsense"'),
    (data_path("lab", "small", ""), 200, None),
    (data_path("secret", "S"), 403, "secret"),
    (data_path("lab", "\0"), 422, "NUL"),
    (data_path("lab", "'; DROP TABLE cell; --"), 404, "has no cells"),
    ("/cell-data-binary/?study=lab", 422, MISSING.format("sample")),
    (data_path("lab", "small") + "&study=secret", 422, REPEATED),
    ("/samples/?study=secret&study=lab", 422, REPEATED),
    ("/cell-data-binary/", 422, f"{MISSING.format('study')}; {MISSING.format('sample')}"),
    ("/cell-data-binary/?study=%ff&sample=small", 404, "does not exist"),
    ("/samples/?study=nowhere", 404, NO_STUDY),
    ("/samples/?study=secret", 403, "secret"),
    ("/samples/", 422, MISSING.format("study")),
    ("/cell-data-binary-feature-names/?study=nowhere", 404, NO_STUDY),
    ("/nowhere", 404, "Not Found"),
])
def test_errors(service, unreadable, numbered, path, status, detail):
    answer = service.request(path)
    assert answer.status == status, answer.body
    if status != 200:
        problem = json.loads(answer.body)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert problem["status"] == status and detail in problem["detail"]
        assert problem["type"] == "about:blank" and problem["title"]
        assert service.request(path, "HEAD").status == status


def test_method_not_allowed(service):
    answer = service.data(method="POST")
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"
    assert json.loads(answer.body)["status"] == 405


def test_payload_over_the_limit(service, connection, role):
    disconnect = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
    connection.execute(f"ALTER ROLE {role} SET cell_binary.max_payload_size = '100kB'")
    try:
        connection.execute(disconnect, (role,))
        connection.execute("SELECT cell_invalidate('lab', 'large')")
        answer = service.data(sample="large", layout="compact")
        problem = json.loads(answer.body)
        assert answer.status == 413 and "102400 bytes" in problem["detail"] and problem["hint"]
        assert service.data(sample="small", layout="compact").status == 200
    finally:
        connection.execute(f"ALTER ROLE {role} RESET cell_binary.max_payload_size")
        connection.execute(disconnect, (role,))


@pytest.mark.parametrize("request_bytes", [
    b"\0\1\2\3\r\n\r\n", b"GET /health\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n"], ids=["binary", "0.9", "length", "long"])
def test_input_that_is_not_http(service, request_bytes):
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        try:
            client.sendall(request_bytes)
            assert b"Traceback" not in client.recv(65536)
        except ConnectionError:
            pass
    assert service.request("/health").status == 200


# ---- Documentation, version, origins

def test_openapi(service):
    document = get_json(service, "/openapi.json")
    assert set(document["paths"]) == {
        "/cell-data-binary/", "/cell-data-binary-feature-names/", "/cell-data-binary-intensity/",
        "/cell-data-binary-intensity-whole-study-subsample/", "/whole-study-subsample-binary/",
        "/whole-study-subsample-metadata/", "/channels/", "/study-names/", "/samples/", "/health"}
    data = document["paths"]["/cell-data-binary/"]["get"]
    assert {p["name"]: p["required"] for p in data["parameters"] if p["in"] == "query"} == {
        "study": True, "sample": True, "layout": False}
    assert "application/octet-stream" in data["responses"]["200"]["content"]
    assert set(data["responses"]) >= {
        "200", "206", "304", "403", "404", "406", "412", "413", "416", "422", "503"}
    assert service.request("/docs").status == 200


def test_version_is_that_of_the_extension():
    control = (API.parent / "cell_binary.control").read_text()
    project = (API / "pyproject.toml").read_text()
    assert (re.search(r"^version = \"(.*)\"$", project, re.M)[1]
            == re.search(r"^default_version = '(.*)'$", control, re.M)[1])


def test_page_of_another_origin(service, tmp_path):
    viewer = "https://viewer.example"
    assert "Access-Control-Allow-Origin" not in service.data(Origin=viewer).headers
    with serve(tmp_path / "log",
               CELL_BINARY_CORS_ORIGINS=f"{viewer}/ http://localhost:5173") as open_service:
        headers = open_service.data(Origin=viewer).headers
        assert headers["Access-Control-Allow-Origin"] == viewer
        assert "ETag" in headers["Access-Control-Expose-Headers"]
        assert headers["Vary"] == "Accept-Encoding, Origin"
        headers = open_service.data(Origin="https://other.example").headers
        assert "Access-Control-Allow-Origin" not in headers
        for method in "GET", "HEAD":
            answer = open_service.data(
                method="OPTIONS", Origin=viewer, Access_Control_Request_Method=method,
                Access_Control_Request_Headers="if-none-match, range, if-range")
            assert answer.status == 200


def test_root_redirects_to_the_viewer_or_the_documentation(service):
    for method in "GET", "HEAD":
        answer = service.request("/", method)
        assert answer.status == 307 and answer.headers["Location"] in ("viewer/", "docs")
