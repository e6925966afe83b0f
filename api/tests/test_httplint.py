"""The verdict of httplint, the linter of REDbot, on each kind of answer."""

import contextlib
import time

import pytest
from httplint import HttpRequestLinter, HttpResponseLinter
from httplint.note import levels
from services import VIEWER, data_path, needs_viewer, register, serve

PAYLOAD = data_path("lab", "small", "compact")

# By the name of a note, the reason why it is no fault of the service
REASONS = {
    "STATUS_BAD_REQUEST": "A 400 has this note always; the problem names the parameter.",
    "STORE_PUBLIC_UNNECESSARY":
        "Even if a proxy asks for a password, shared caches can store the viewer's files.",
    "VARY_COMPLEX": "Starlette sends this header with a preflight, which no cache stores.",
}


def lint(service, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    """The status, and the warnings of httplint by name, without those that have a reason."""
    headers = {"Host": f"127.0.0.1:{service.port}", "User-Agent": "test",
               "Accept-Encoding": "identity"} | {
        name.replace("_", "-"): value for name, value in headers.items()}
    start = time.time()
    with contextlib.closing(service.http_connection(60)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()

    request = HttpRequestLinter(start_time=start)
    request.process_request_topline(method.encode(), f"{service.url}{path}".encode(), b"1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in headers.items()])
    request.finish_content(True)
    linter = HttpResponseLinter(start_time=start)
    linter.request = request
    linter.is_head_response = method == "HEAD"
    linter.base_uri = request.uri
    linter.process_response_topline(b"1.1", str(answer.status).encode(), answer.reason.encode())
    linter.process_headers([(name.encode(), value.encode())
                            for name, value in answer.getheaders()])
    linter.feed_content(body)
    linter.finish_content(True)
    warnings = {type(note).__name__: f"{note.level.value}: {note.summary}"
                for note in linter.notes if note.level in (levels.WARN, levels.BAD)}
    return answer.status, {name: text for name, text in warnings.items() if name not in REASONS}


LAB = "https://lab.example"
PREFLIGHT = {"method": "OPTIONS", "Origin": LAB}
CASES = {
    "identity": (200, PAYLOAD, {}),
    "gzip": (200, PAYLOAD, {"Accept_Encoding": "gzip"}),
    "br": (200, PAYLOAD, {"Accept_Encoding": "br"}),
    "zstd": (200, PAYLOAD, {"Accept_Encoding": "zstd"}),
    "HEAD": (200, PAYLOAD, {"method": "HEAD"}),
    "HEAD, gzip": (200, PAYLOAD, {"method": "HEAD", "Accept_Encoding": "gzip"}),
    "feature names": (200, "/cell-data-binary-feature-names/?study=lab", {}),
    "samples": (200, "/samples/?study=lab", {}),
    "intensities": (200, "/cell-data-binary-intensity/?study=intense&sample=A", {}),
    "subsample": (200, "/cell-data-binary-intensity-whole-study-subsample/?study=intense", {}),
    "its metadata": (200, "/whole-study-subsample-metadata/?study=intense", {}),
    "channels": (200, "/channels/?study=intense", {}),
    "studies": (200, "/study-names/", {}),
    "health": (200, "/health", {}),
    "HEAD of health": (200, "/health", {"method": "HEAD"}),
    "OpenAPI document": (200, "/openapi.json", {}),
    "documentation": (200, "/docs", {}),
    "range": (206, PAYLOAD, {"Range": "bytes=0-99"}),
    "last bytes": (206, PAYLOAD, {"Range": "bytes=-4"}),
    "not modified": (304, PAYLOAD, {"If_None_Match": "*"}),
    "HEAD, not modified": (304, PAYLOAD, {"If_None_Match": "*", "method": "HEAD"}),
    "redirect to the slash": (307, "/samples?study=lab", {}),
    "root": (307, "/", {}),
    "missing parameter": (422, "/cell-data-binary/?study=lab", {}),
    "unknown layout": (422, PAYLOAD + "x", {}),
    "unreadable cells": (403, data_path("hidden", "S"), {}),
    "unknown study": (404, "/samples/?study=nowhere", {}),
    "no cells": (404, data_path("lab", "nowhere"), {}),
    "unknown path": (404, "/nowhere", {}),
    "DELETE": (405, PAYLOAD, {"method": "DELETE"}),
    "OPTIONS": (405, PAYLOAD, {"method": "OPTIONS"}),
    "no coding": (406, PAYLOAD, {"Accept_Encoding": "*;q=0"}),
    "another ETag": (412, PAYLOAD, {"If_Match": '"other"'}),
    "range after the end": (416, PAYLOAD, {"Range": "bytes=99999999-"}),
    "another origin": (200, PAYLOAD, {"Origin": LAB}),
    "error, another origin": (404, "/nowhere", {"Origin": LAB}),
    "preflight": (200, PAYLOAD, PREFLIGHT | {
        "Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "range"}),
    "preflight of another method": (400, PAYLOAD, PREFLIGHT | {
        "Access_Control_Request_Method": "PUT"}),
}
VIEWER_PATHS = {"page": "", "icon": "favicon.svg"} | {
    file.suffix: f"assets/{file.name}"
    for file in VIEWER.glob("assets/*") if file.suffix in (".js", ".css")}
VIEWER_CASES = {
    f"{kind}, {coding}, {what}": (status, path, {"Accept_Encoding": coding} | more)
    for coding in ("identity", "gzip", "br")
    for kind, path in VIEWER_PATHS.items()
    for what, status, more in (("GET", 200, {}), ("HEAD", 200, {"method": "HEAD"}),
                               ("not modified", 304, {"If_None_Match": "*"}))
}


@pytest.fixture(scope="module")
def open_service(connection, role, tmp_path_factory):
    """A service that pages of another origin can use."""
    connection.execute(f"""
        CREATE TABLE hidden AS TABLE cell WITH NO DATA; REVOKE ALL ON hidden FROM {role}""")
    register(connection, "hidden")
    with serve(tmp_path_factory.mktemp("open") / "log", CELL_BINARY_CORS_ORIGINS=LAB) as service:
        yield service


@pytest.mark.parametrize("name", CASES)
def test_answers(service, open_service, intense, name):
    status, path, asked = CASES[name]
    assert lint(open_service if "Origin" in asked else service, path, **asked) == (status, {})


@needs_viewer
def test_files_of_the_viewer(service):
    for name, (status, path, asked) in VIEWER_CASES.items():
        assert lint(service, f"/viewer/{path}", **asked) == (status, {}), name


def test_redirect_to_the_viewer(service):
    assert lint(service, "/viewer") == (307, {})


@pytest.mark.parametrize("status, state", [(413, "54000"), (500, "XX001"), (503, "57014")])
def test_database_errors(service, raising, status, state):
    raising(state)
    assert lint(service, data_path("raising", state)) == (status, {})
