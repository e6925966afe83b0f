"""What httplint, the checks of redbot, says to each kind of answer."""

import http.client
import time

import pytest
from conftest import API, DATABASE, data_path, serve
from httplint import HttpRequestLinter, HttpResponseLinter
from httplint.note import levels

VIEWER = API / "cell_binary_api" / "viewer"
PAYLOAD = data_path("lab", "small", "compact")


def notes(service, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    """The status, and by their names what httplint holds to be bad or doubtful."""
    headers = {"Host": f"127.0.0.1:{service.port}", "User-Agent": "test"} | {name.replace("_", "-"): value for name, value in headers.items()}
    start = time.time()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request(method, path, headers=headers | {"Accept-Encoding": headers.get("Accept-Encoding", "identity")})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()

    request = HttpRequestLinter(start_time=start)
    request.process_request_topline(method.encode(), f"http://127.0.0.1:{service.port}{path}".encode(), b"1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in headers.items()])
    request.finish_content(True)
    linter = HttpResponseLinter(start_time=start)
    linter.request = request
    linter.is_head_response = method == "HEAD"
    linter.base_uri = request.uri
    linter.process_response_topline(b"1.1", str(answer.status).encode(), answer.reason.encode())
    linter.process_headers([(name.encode(), value.encode()) for name, value in answer.getheaders()])
    linter.feed_content(body)
    linter.finish_content(True)
    return answer.status, {type(note).__name__: f"{note.level.value}: {note.summary}" for note in linter.notes if note.level in (levels.WARN, levels.BAD)}


# Why what is said is no fault, by its name.
REASONS = {
    "STATUS_BAD_REQUEST": "It is what 400 is for; the problem says what was not understood.",
    "STORE_PUBLIC_UNNECESSARY": "A proxy may ask for a password. The viewer's files are no secret: shared caches may keep them all the same.",
    "VARY_COMPLEX": "Starlette's, of a preflight, which no cache keeps.",
}


CASES = {
    "identity": (200, PAYLOAD, {}), "gzip": (200, PAYLOAD, {"Accept_Encoding": "gzip"}), "br": (200, PAYLOAD, {"Accept_Encoding": "br"}),
    "zstd": (200, PAYLOAD, {"Accept_Encoding": "zstd"}), "head": (200, PAYLOAD, {"method": "HEAD"}), "head, gzip": (200, PAYLOAD, {"method": "HEAD", "Accept_Encoding": "gzip"}),
    "names of features": (200, "/cell-data-binary-feature-names/?study=lab", {}), "samples": (200, "/samples/?study=lab", {}),
    "studies": (200, "/study-names/", {}), "health": (200, "/health", {}), "head of health": (200, "/health", {"method": "HEAD"}),
    "document": (200, "/openapi.json", {}), "documentation": (200, "/docs", {}),
    "range": (206, PAYLOAD, {"Range": "bytes=0-99"}), "last bytes": (206, PAYLOAD, {"Range": "bytes=-4"}),
    "not modified": (304, PAYLOAD, {"If_None_Match": "*"}), "head, not modified": (304, PAYLOAD, {"If_None_Match": "*", "method": "HEAD"}),
    "to the slash": (307, "/samples?study=lab", {}), "root": (307, "/", {}),
    "no sample": (400, "/cell-data-binary/?study=lab", {}), "no such layout": (400, PAYLOAD + "x", {}), "may not read": (403, data_path("hidden", "S"), {}),
    "no such study": (404, "/samples/?study=nowhere", {}), "no cells": (404, data_path("lab", "nowhere"), {}), "no such address": (404, "/nowhere", {}),
    "method": (405, PAYLOAD, {"method": "DELETE"}), "options": (405, PAYLOAD, {"method": "OPTIONS"}), "no coding": (406, PAYLOAD, {"Accept_Encoding": "*;q=0"}),
    "another tag": (412, PAYLOAD, {"If_Match": '"other"'}), "out of reach": (416, PAYLOAD, {"Range": "bytes=99999999-"}),
    "of another origin": (200, PAYLOAD, {"Origin": "https://lab.example"}), "error, of another origin": (404, "/nowhere", {"Origin": "https://lab.example"}),
    "preflight": (200, PAYLOAD, {"method": "OPTIONS", "Origin": "https://lab.example", "Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "range"}),
    "preflight of another method": (400, PAYLOAD, {"method": "OPTIONS", "Origin": "https://lab.example", "Access_Control_Request_Method": "PUT"}),
}
VIEWER_CASES = {
    f"{kind}, {coding}, {what}": (status, path, {"Accept_Encoding": coding} | more)
    for coding in ("identity", "gzip", "br") for kind, path in {
        "page": "", "icon": "favicon.svg", **{file.suffix: f"assets/{file.name}" for file in VIEWER.glob("assets/*") if file.suffix in (".js", ".css")}}.items()
    for what, status, more in (("whole", 200, {}), ("head", 200, {"method": "HEAD"}), ("not modified", 304, {"If_None_Match": "*"}))
}


@pytest.fixture(scope="module")
def open_service(connection, role, tmp_path_factory):
    """One that pages of another origin may ask."""
    connection.execute("CREATE TABLE hidden AS TABLE cell WITH NO DATA; REVOKE ALL ON hidden FROM cell_binary_api")
    connection.execute("SELECT cell_register_study('hidden', 'hidden', phenotypes => 'phenotypes', features => '{A}')")
    with serve(tmp_path_factory.mktemp("open") / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_CORS_ORIGINS="https://lab.example") as service:
        yield service


@pytest.mark.parametrize("name", CASES)
def test_answers(service, open_service, name):
    status, path, asked = CASES[name]
    got, said = notes(open_service if "Origin" in asked else service, path, **asked)
    assert got == status
    assert {note: text for note, text in said.items() if note not in REASONS} == {}


@pytest.mark.skipif(not VIEWER.is_dir(), reason="the viewer is not built")
def test_viewer(service):
    for name, (status, path, asked) in VIEWER_CASES.items():
        got, said = notes(service, f"/viewer/{path}", **asked)
        assert got == status
        assert {note: text for note, text in said.items() if note not in REASONS} == {}, name


def test_way_to_the_viewer(service):
    assert notes(service, "/viewer") == (307, {})


@pytest.mark.parametrize("status, state", [(413, "54000"), (500, "XX001"), (503, "57014")])
def test_failures(service, raising, status, state):
    raising(state)
    got, said = notes(service, data_path("raising", state))
    assert got == status
    assert {note: text for note, text in said.items() if note not in REASONS} == {}
