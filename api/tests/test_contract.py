"""What HTTP requires of every answer (RFC 9110), and what the documentation says about each."""

import gzip
import hashlib
import json
import os
import posixpath
import subprocess
import sys
from urllib.parse import urljoin

import pytest
from harness import API
from services import VIEWER, data_path, needs_viewer, serve
from werkzeug.http import parse_options_header

NO_SNIFFING = ["nosniff"]


def assert_same_headers(head, get) -> None:
    """HEAD has the headers of GET, and no body."""
    get.headers.replace_header("Date", head.headers["Date"])
    assert head.body == b"" and sorted(head.headers.items()) == sorted(get.headers.items())


# ---- Every answer

@pytest.mark.parametrize("path", [
    "/health", "/samples/?study=lab", "/samples/", "/samples", "/nowhere", "/docs",
    "/openapi.json", data_path("lab", "nowhere")])
def test_answer_without_an_etag_is_not_stored(service, path):
    answer = service.request(path)
    assert "ETag" not in answer.headers and answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [
    data_path("lab", "small"), data_path("lab", "nowhere"), "/samples/", "/samples?study=lab",
    "/health", "/openapi.json", "/docs", "/", "/nowhere", "/viewer/"])
def test_no_sniffing(service, path):
    for method in "GET", "HEAD", "POST", "OPTIONS":
        answer = service.request(path, method)
        assert answer.headers.get_all("X-Content-Type-Options") == NO_SNIFFING


FAULTY = """
from cell_binary_api import app

@app.get("/fault")
async def fault():
    raise RuntimeError("deliberate")
"""


def test_no_sniffing_when_the_service_fails(study, role, tmp_path):
    (tmp_path / "faulty.py").write_text(FAULTY)
    packages = f"{tmp_path}:{API}:{os.environ['PYTHONPATH']}"
    with pytest.raises(AssertionError, match="deliberate"):   # because the log has a traceback
        with serve(tmp_path / "log", "uvicorn", "faulty:app", PYTHONPATH=packages) as service:
            answer = service.request("/fault")
            assert answer.status == 500
            detail = json.loads(answer.body)["detail"]
            assert detail == "The service failed; its log has the reason."
            assert answer.headers.get_all("X-Content-Type-Options") == NO_SNIFFING


# ---- Settings

@pytest.mark.parametrize("name, value", [
    ("CELL_BINARY_DOWNLOADS", "abc"), ("CELL_BINARY_DOWNLOADS", "0"),
    ("CELL_BINARY_PACKINGS", "-1"), ("CELL_BINARY_STALL", "nan"), ("CELL_BINARY_STALL", "inf"),
    ("CELL_BINARY_STALL", "0"), ("CELL_BINARY_CORS_ORIGINS", "lab.example"),
    ("CELL_BINARY_CORS_ORIGINS", "https://lab.example/viewer")])
def test_invalid_setting(name, value):
    ended = subprocess.run(
        [sys.executable, "-m", "cell_binary_api.server", "--port", "0"], cwd=API,
        env=os.environ | {name: value}, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{name} ") and value in ended.stderr
    assert ended.stderr.count("\n") == 1


# ---- Conditions and ranges

def test_headers_of_304(service):
    """The headers that RFC 9110, 15.4.5, requires, and none that describes the body."""
    for coding in "identity", "gzip":
        whole = service.data(layout="compact", Accept_Encoding=coding)
        answer = service.data(layout="compact", Accept_Encoding=coding,
                              If_None_Match=whole.headers["ETag"])
        assert answer.status == 304 and answer.body == b""
        for name in "ETag", "Vary", "Cache-Control":
            assert answer.headers[name] == whole.headers[name]
        assert answer.headers["Date"]
        for name in ("Content-Type", "Content-Encoding", "Content-Length", "Content-Range",
                     "Accept-Ranges"):
            assert name not in answer.headers


def test_order_of_conditions(service):
    """RFC 9110, 13.2.2: If-Match, If-None-Match, then Range with If-Range. Another error precedes
    all of them."""
    etag = service.data(layout="compact").headers["ETag"]

    def status(**headers: str) -> int:
        return service.data(layout="compact", **headers).status
    assert status(If_Match='"other"', If_None_Match=etag, Range="bytes=0-3") == 412
    assert status(If_Match=etag, If_None_Match=etag, Range="bytes=0-3") == 304
    assert status(If_Match=etag, If_None_Match='"other"', Range="bytes=0-3") == 206
    assert status(If_Range='"other"', Range="bytes=99999999-") == 200
    assert status(If_Range=etag, Range="bytes=99999999-") == 416
    assert status(If_Range=etag) == 200
    assert status(If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT",
                  If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT") == 200
    for condition in {"If_Match": "*"}, {"If_None_Match": "*"}, {"If_Match": '"other"'}:
        assert service.data("lab", "nowhere", **condition).status == 404
    assert status(If_Match="*") == 200
    assert status(If_None_Match="*") == 304


def test_two_range_headers(service):
    """Two lines are two ranges, so the answer is the whole payload and not the first range."""
    answer = service.data(layout="compact", Range=["bytes=0-3", "bytes=8-11"])
    assert answer.status == 200 and len(answer.body) == 16004
    versions = [answer.headers["ETag"], '"other"']
    assert service.data(layout="compact", Range="bytes=0-3", If_Range=versions).status == 200


@pytest.mark.parametrize("headers", [
    {}, {"Accept_Encoding": "br"}, {"Accept_Encoding": "*;q=0"}, {"If_Match": '"other"'},
    {"If_None_Match": "*"}])
def test_head_of_each_answer(service, headers):
    get, head = service.data(**headers), service.data(method="HEAD", **headers)
    assert head.status == get.status
    assert_same_headers(head, get)


def test_head_ignores_ranges(service):
    for asked in "bytes=0-3", "bytes=99999999-":
        head = service.data(method="HEAD", Range=asked)
        assert head.status == 200 and head.headers["Content-Length"] == "20020"


# ---- Paths behind a proxy

QUERY = "study=lab&sample=a%20b%2Fc%26d&layout=dense"


@pytest.mark.parametrize("path, location", [
    (f"/cell-data-binary?{QUERY}", f"cell-data-binary/?{QUERY}"),
    ("/cell-data-binary-feature-names?study=lab", "cell-data-binary-feature-names/?study=lab"),
    ("/samples", "samples/"), ("/samples?", "samples/"), ("/study-names", "study-names/"),
    ("/viewer", "viewer/"),
    ("/viewer?a=http://elsewhere.example//", "viewer/?a=http://elsewhere.example//"),
    ("/", "viewer/" if VIEWER.is_dir() else "docs"),
])
def test_redirects_are_relative(service, path, location):
    """A relative redirect keeps the scheme and the prefix that a proxy adds."""
    for method in "GET", "HEAD":
        answer = service.request(path, method, Host="elsewhere.example")
        assert answer.status == 307 and answer.headers["Location"] == location
    assert service.request(path, "POST").status == 405
    for prefix in "https://lab.example", "https://lab.example/cells":
        assert urljoin(prefix + path, location).startswith(prefix + "/")


@pytest.mark.parametrize("path", [
    "//elsewhere.example", "//elsewhere.example/", "/viewer//elsewhere.example", "/docs/",
    "/health/", "/viewer/assets", "/cell-data-binary//"])
def test_path_that_is_not_redirected(service, path):
    assert service.request(path).status == 404


def test_links_of_the_documentation(service):
    """/docs is a page of Swagger UI, which resolves links relative to its own address."""
    page = service.request("/docs")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"url: 'openapi.json'" in page.body
    document = json.loads(service.request("/openapi.json").body)
    assert document["servers"] == [{"url": "."}]
    assert urljoin("https://lab.example/cells/openapi.json",
                   document["servers"][0]["url"]) == "https://lab.example/cells/"
    assert service.request("/redoc").status == 404


# ---- Documentation

@pytest.fixture(scope="module")
def document(service):
    answer = service.request("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return json.loads(answer.body)


def names(parameters: list[dict], where: str) -> set[str]:
    return {one["name"] for one in parameters if one["in"] == where}


def test_documented_parameters(document):
    data = document["paths"]["/cell-data-binary/"]
    get, head = data["get"]["parameters"], data["head"]["parameters"]
    assert names(get, "query") == names(head, "query") == {"study", "sample", "layout"}
    conditions = {"Accept-Encoding", "If-Match", "If-None-Match"}
    assert names(get, "header") == conditions | {"Range", "If-Range"}
    assert names(head, "header") == conditions
    for path, methods in document["paths"].items():
        assert set(methods) == {"get", "head"}, path
    operations = [operation["operationId"] for methods in document["paths"].values()
                  for operation in methods.values()]
    assert len(set(operations)) == len(operations)


def test_documented_statuses(document):
    """The statuses of the table in README.md; 405 belongs to no documented method."""
    study = {"200", "403", "404", "422", "500", "503"}
    payload = study | {"206", "304", "406", "412", "413", "416"}
    payloads = ["/cell-data-binary/", "/cell-data-binary-intensity/",
                "/cell-data-binary-intensity-whole-study-subsample/",
                "/whole-study-subsample-binary/", "/whole-study-subsample-metadata/"]
    assert {path: set(methods["get"]["responses"])
            for path, methods in document["paths"].items()} == {
        **dict.fromkeys(payloads, payload), "/cell-data-binary-feature-names/": study,
        "/samples/": study, "/channels/": study, "/study-names/": study - {"403"},
        "/health": {"200", "500", "503"}}
    head = document["paths"]["/cell-data-binary/"]["head"]
    assert set(head["responses"]) == payload - {"206", "416"}
    assert "405" in document["info"]["description"]
    readme = (API / "README.md").read_text()
    table = readme.split("| status | when |")[1].split("\n\n")[0]
    statuses = {line[2:5] for line in table.splitlines()[2:]}
    assert payload - {"200", "206", "304"} | {"405"} == statuses


def test_documented_contents(document):
    """Each answer has a form: bytes, or a schema of the components."""
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for status, described in methods["get"]["responses"].items():
            content = described.get("content", {})
            if status == "206" and "metadata" in path:
                assert content == {"application/json": {}}
            elif (status in ("200", "206") and "metadata" not in path
                    and ("binary/" in path or "intensity" in path)):
                assert content["application/octet-stream"]["schema"] == {
                    "type": "string", "format": "binary"}
            elif status == "304":
                assert content == {}
            else:
                (kind, form), = content.items()
                assert kind == ("application/json" if status == "200"
                                else "application/problem+json")
                reference = form["schema"].get("$ref") or form["schema"]["items"]["$ref"]
                assert schemas[posixpath.basename(reference)]["additionalProperties"] is False
        for described in methods["head"]["responses"].values():
            assert "content" not in described
    assert set(schemas) == {
        "Feature", "FeatureNames", "Health", "Problem", "Samples", "StudyName", "SubsampleCount",
        "SubsampleMetadata"}


@pytest.mark.parametrize("status, asked", [
    (200, {}), (200, {"Accept_Encoding": "gzip"}), (206, {"Range": "bytes=0-3"}),
    (304, {"If_None_Match": "*"}), (406, {"Accept_Encoding": "*;q=0"}),
    (412, {"If_Match": '"other"'}), (416, {"Range": "bytes=99999999-"})])
def test_documented_headers(service, document, status, asked):
    """The service documents each header that it sends, and sends each that is documented as
    required."""
    data = document["paths"]["/cell-data-binary/"]["get"]
    described = data["responses"][str(status)]["headers"]
    answer = service.data(**asked)
    assert answer.status == status
    assert all(name in answer.headers for name, header in described.items() if header["required"])
    general = {"date", "server", "content-length", "content-type"}
    sent = {name.lower() for name in answer.headers} - general
    assert sent <= {name.lower() for name in described}


# ---- The files of the viewer

KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
SUFFIXES = {"identity": "", "gzip": ".gz", "br": ".br"}


@needs_viewer
def test_viewer_files(service):
    """Each coding of a file has its own ETag, and caches keep a file as long as its name allows."""
    files = {path.relative_to(VIEWER).as_posix(): path for path in VIEWER.rglob("*")
             if path.is_file() and path.suffix not in SUFFIXES.values()}
    assert {path.rpartition(".")[2] for path in files} == set(KINDS)
    for name, path in files.items():
        kept = ("public, max-age=31536000, immutable" if name.startswith("assets/")
                else "no-cache")
        tags = set()
        for coding, suffix in SUFFIXES.items():
            answer = service.request(f"/viewer/{name}", Accept_Encoding=coding)
            coded = path.with_name(path.name + suffix)
            sent = coding if coded.exists() else "identity"
            assert answer.status == 200
            assert answer.headers.get("Content-Encoding", "identity") == sent
            assert answer.body == (coded if coded.exists() else path).read_bytes()
            etag = answer.headers["ETag"]
            assert etag == f'"{hashlib.sha256(answer.body).hexdigest()}"'
            assert answer.headers["Vary"] == "Accept-Encoding"
            kind = parse_options_header(answer.headers["Content-Type"])[0]
            assert kind == KINDS[path.suffix[1:]]
            assert answer.headers["Cache-Control"] == kept
            head = service.request(f"/viewer/{name}", "HEAD", Accept_Encoding=coding)
            assert_same_headers(head, answer)
            unchanged = service.request(f"/viewer/{name}", Accept_Encoding=coding,
                                        If_None_Match=etag)
            assert unchanged.status == 304 and unchanged.headers["Cache-Control"] == kept
            assert "Content-Type" not in unchanged.headers
            assert "Content-Encoding" not in unchanged.headers
            assert service.request(f"/viewer/{name}", If_Match='"other"').status == 412
            tags.add((etag, sent))
        assert len({tag for tag, _ in tags}) == len({sent for _, sent in tags})


@needs_viewer
def test_script_of_the_viewer_is_compressed(service):
    script = next(VIEWER.glob("assets/*.js"))
    path = f"/viewer/assets/{script.name}"
    small = service.request(path, Accept_Encoding="gzip, deflate, br, zstd")
    assert small.headers["Content-Encoding"] == "br"
    assert len(small.body) < script.stat().st_size / 3
    zipped = service.request(path, Accept_Encoding="gzip").body
    assert gzip.decompress(zipped) == script.read_bytes()
    assert service.request(path, Accept_Encoding="*;q=0").status == 406


@needs_viewer
def test_page_of_the_viewer(service, role, tmp_path):
    page = service.request("/viewer/")
    assert page.body == service.request("/viewer/index.html").body
    assert page.body == (VIEWER / "index.html").read_bytes()
    assert not any(inline in page.body for inline in (b"<script>", b"<style", b" style="))
    policy = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
              "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
    assert page.headers["Content-Security-Policy"] == policy
    origins = "https://lab.example http://localhost:5173"
    with serve(tmp_path / "log",
               CELL_BINARY_CORS_ORIGINS=origins.replace(" ", "/ ")) as open_service:
        page = open_service.request("/viewer/")
        assert page.headers["Content-Security-Policy"] == f"{policy} {origins}"


@needs_viewer
@pytest.mark.parametrize("path", [
    "/viewer/nothing", "/viewer/assets/", "/viewer/index.html.br", "/viewer/../app.py",
    "/viewer/%2e%2e/app.py", "/viewer/..%2fapp.py", "/viewer/assets/../../app.py",
    "/viewer//etc/passwd", "/viewer/%2fetc%2fpasswd"])
def test_path_that_is_no_file_of_the_viewer(service, path):
    answer = service.request(path)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
