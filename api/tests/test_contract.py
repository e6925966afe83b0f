"""What HTTP asks of every answer (RFC 9110), and what the documentation says of each."""

import gzip
import hashlib
import json
import os
import posixpath
import subprocess
import sys
from urllib.parse import urljoin

import pytest
from conftest import API, DATABASE, data_path, serve
from werkzeug.http import parse_options_header

VIEWER = API / "cell_binary_api" / "viewer"
needs_viewer = pytest.mark.skipif(not VIEWER.is_dir(), reason="the viewer is not built")


# ---- Every answer

@pytest.mark.parametrize("path", ["/health", "/samples/?study=lab", "/samples/", "/samples", "/nowhere", "/docs", "/openapi.json", data_path("lab", "nowhere")])
def test_what_has_no_tag_is_not_kept(service, path):
    answer = service.request(path)
    assert "ETag" not in answer.headers and answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [
    data_path("lab", "small"), data_path("lab", "nowhere"), "/samples/", "/samples?study=lab", "/health", "/openapi.json", "/docs", "/", "/nowhere", "/viewer/"])
def test_no_sniffing(service, path):
    for method in "GET", "HEAD", "POST", "OPTIONS":
        assert service.request(path, method).headers.get_all("X-Content-Type-Options") == ["nosniff"]


def test_no_sniffing_when_the_service_has_a_fault(study, role, tmp_path):
    (tmp_path / "faulty.py").write_text('from cell_binary_api import app\n\n@app.get("/fault")\nasync def fault():\n    raise RuntimeError("deliberate")\n')
    with pytest.raises(AssertionError, match="deliberate"):   # for the log has it
        with serve(tmp_path / "log", "uvicorn", "faulty:app", PGDATABASE=DATABASE, PGUSER=role,
                   PYTHONPATH=f"{tmp_path}:{API}:{os.environ['PYTHONPATH']}") as service:
            answer = service.request("/fault")
            assert answer.status == 500 and json.loads(answer.body)["detail"] == "The service has a fault; its log tells which."
            assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]


# ---- Settings

@pytest.mark.parametrize("name, value", [
    ("CELL_BINARY_DOWNLOADS", "abc"), ("CELL_BINARY_DOWNLOADS", "0"), ("CELL_BINARY_PACKINGS", "-1"), ("CELL_BINARY_STALL", "nan"), ("CELL_BINARY_STALL", "inf"),
    ("CELL_BINARY_STALL", "0"), ("CELL_BINARY_CORS_ORIGINS", "lab.example"), ("CELL_BINARY_CORS_ORIGINS", "https://lab.example/viewer")])
def test_setting_that_makes_no_sense(name, value):
    ended = subprocess.run([sys.executable, "-m", "cell_binary_api.server", "--port", "0"], cwd=API, env=os.environ | {name: value}, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and ended.stderr.startswith(f"{name} ") and value in ended.stderr and ended.stderr.count("\n") == 1


# ---- Conditions and ranges

def test_headers_of_304(service):
    """Those that RFC 9110, 15.4.5, names, and none that describes the bytes."""
    for coding in "identity", "gzip":
        whole = service.data(layout="compact", Accept_Encoding=coding)
        answer = service.data(layout="compact", Accept_Encoding=coding, If_None_Match=whole.headers["ETag"])
        assert answer.status == 304 and answer.body == b""
        for name in "ETag", "Vary", "Cache-Control":
            assert answer.headers[name] == whole.headers[name]
        assert answer.headers["Date"]
        for name in "Content-Type", "Content-Encoding", "Content-Length", "Content-Range", "Accept-Ranges":
            assert name not in answer.headers


def test_order_of_conditions(service):
    """RFC 9110, 13.2.2: If-Match, If-None-Match, then Range and If-Range; none of them if the answer were another error."""
    etag = service.data(layout="compact").headers["ETag"]
    assert service.data(layout="compact", If_Match='"other"', If_None_Match=etag, Range="bytes=0-3").status == 412
    assert service.data(layout="compact", If_Match=etag, If_None_Match=etag, Range="bytes=0-3").status == 304
    assert service.data(layout="compact", If_Match=etag, If_None_Match='"other"', Range="bytes=0-3").status == 206
    assert service.data(layout="compact", If_Range='"other"', Range="bytes=99999999-").status == 200
    assert service.data(layout="compact", If_Range=etag, Range="bytes=99999999-").status == 416
    assert service.data(layout="compact", If_Range=etag).status == 200
    assert service.data(layout="compact", If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT", If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
    for condition in {"If_Match": "*"}, {"If_None_Match": "*"}, {"If_Match": '"other"'}:
        assert service.data("lab", "nowhere", **condition).status == 404
    assert service.data(layout="compact", If_Match="*").status == 200
    assert service.data(layout="compact", If_None_Match="*").status == 304


def test_range_in_two_lines(service):
    """Two ranges, which are answered with the whole, and not the first one."""
    answer = service.data(layout="compact", Range=["bytes=0-3", "bytes=8-11"])
    assert answer.status == 200 and len(answer.body) == 16004
    etag = answer.headers["ETag"]
    assert service.data(layout="compact", Range="bytes=0-3", If_Range=[etag, '"other"']).status == 200


def test_head_of_each_answer(service):
    """The headers of GET, and no body; Range is not for HEAD."""
    for headers in {}, {"Accept_Encoding": "br"}, {"Accept_Encoding": "*;q=0"}, {"If_Match": '"other"'}, {"If_None_Match": "*"}:
        get, head = service.data(**headers), service.data(method="HEAD", **headers)
        get.headers.replace_header("Date", head.headers["Date"])
        assert head.status == get.status and head.body == b"" and sorted(head.headers.items()) == sorted(get.headers.items())
    for asked in "bytes=0-3", "bytes=99999999-":
        head = service.data(method="HEAD", Range=asked)
        assert head.status == 200 and head.headers["Content-Length"] == "20020"


# ---- Addresses behind a proxy

@pytest.mark.parametrize("path, leads_to", [
    ("/cell-data-binary?study=lab&sample=a%20b%2Fc%26d&layout=dense", "cell-data-binary/?study=lab&sample=a%20b%2Fc%26d&layout=dense"),
    ("/cell-data-binary-feature-names?study=lab", "cell-data-binary-feature-names/?study=lab"),
    ("/samples", "samples/"), ("/samples?", "samples/"), ("/study-names", "study-names/"), ("/viewer", "viewer/"),
    ("/viewer?a=http://elsewhere.example//", "viewer/?a=http://elsewhere.example//"),
    ("/", "viewer/" if VIEWER.is_dir() else "docs"),
])
def test_redirects_are_relative(service, path, leads_to):
    """So that they keep the prefix and the scheme that a proxy gave the service."""
    for method in "GET", "HEAD":
        answer = service.request(path, method, Host="elsewhere.example")
        assert answer.status == 307 and answer.headers["Location"] == leads_to
    assert service.request(path, "POST").status == 405
    for prefix in "https://lab.example", "https://lab.example/cells":
        assert urljoin(prefix + path, answer.headers["Location"]).startswith(prefix + "/")


@pytest.mark.parametrize("path", ["//elsewhere.example", "//elsewhere.example/", "/viewer//elsewhere.example", "/docs/", "/health/", "/viewer/assets", "/cell-data-binary//"])
def test_no_redirect(service, path):
    assert service.request(path).status == 404


def test_documentation_finds_its_document(service):
    """/docs is a page of Swagger UI, which takes addresses relative to its own."""
    page = service.request("/docs")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"url: 'openapi.json'" in page.body
    document = json.loads(service.request("/openapi.json").body)
    assert document["servers"] == [{"url": "."}]
    assert urljoin("https://lab.example/cells/openapi.json", document["servers"][0]["url"]) == "https://lab.example/cells/"
    assert service.request("/redoc").status == 404


# ---- Documentation

@pytest.fixture(scope="module")
def document(service):
    answer = service.request("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return json.loads(answer.body)


def names(parameters: list[dict], where: str) -> set[str]:
    return {one["name"] for one in parameters if one["in"] == where}


def test_documented_requests(document):
    data = document["paths"]["/cell-data-binary/"]
    assert names(data["get"]["parameters"], "query") == names(data["head"]["parameters"], "query") == {"study", "sample", "layout"}
    assert names(data["get"]["parameters"], "header") == {"Accept-Encoding", "If-Match", "If-None-Match", "Range", "If-Range"}
    assert names(data["head"]["parameters"], "header") == {"Accept-Encoding", "If-Match", "If-None-Match"}
    for path, methods in document["paths"].items():
        assert set(methods) == {"get", "head"}, path
    operations = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(operations)) == len(operations)


def test_documented_statuses(document):
    """Those of the table in README.md, of which 405 is of no documented method."""
    study = {"200", "400", "403", "404", "500", "503"}
    payload = study | {"206", "304", "406", "412", "413", "416"}
    assert {path: set(methods["get"]["responses"]) for path, methods in document["paths"].items()} == {
        "/cell-data-binary/": payload, "/cell-data-binary-feature-names/": study, "/samples/": study,
        "/study-names/": {"200", "500", "503"}, "/health": {"200", "500", "503"}}
    assert set(document["paths"]["/cell-data-binary/"]["head"]["responses"]) == payload - {"206", "416"}
    assert "405" in document["info"]["description"]
    readme = (API / "README.md").read_text()
    table = readme.split("| status | when |")[1].split("\n\n")[0]
    assert payload - {"200", "206", "304"} | {"405"} == {line[2:5] for line in table.splitlines()[2:]}


def test_documented_contents(document):
    """Each answer has a form: bytes, or a schema that the components have."""
    for path, methods in document["paths"].items():
        for status, described in methods["get"]["responses"].items():
            content = described.get("content", {})
            if status in ("200", "206") and path == "/cell-data-binary/":
                assert content["application/octet-stream"]["schema"] == {"type": "string", "format": "binary"}
            elif status == "304":
                assert content == {}
            else:
                (kind, form), = content.items()
                assert kind == ("application/json" if status == "200" else "application/problem+json")
                reference = form["schema"].get("$ref") or form["schema"]["items"]["$ref"]
                assert document["components"]["schemas"][posixpath.basename(reference)]["additionalProperties"] is False
        for described in methods["head"]["responses"].values():
            assert "content" not in described
    assert set(document["components"]["schemas"]) == {"Feature", "FeatureNames", "Health", "Problem", "Samples", "StudyName"}


@pytest.mark.parametrize("status, asked", [
    (200, {}), (200, {"Accept_Encoding": "gzip"}), (206, {"Range": "bytes=0-3"}), (304, {"If_None_Match": "*"}), (406, {"Accept_Encoding": "*;q=0"}),
    (412, {"If_Match": '"other"'}), (416, {"Range": "bytes=99999999-"})])
def test_documented_headers(service, document, status, asked):
    """What the service sends is documented, and what is documented as always there is sent."""
    described = document["paths"]["/cell-data-binary/"]["get"]["responses"][str(status)]["headers"]
    answer = service.data(**asked)
    assert answer.status == status
    assert all(name in answer.headers for name, header in described.items() if header["required"])
    general = {"date", "server", "content-length", "content-type"}
    assert {name.lower() for name in answer.headers} - general <= {name.lower() for name in described}


# ---- The viewer's files

@needs_viewer
def test_viewer_files(service):
    """Each in its codings, with a tag of its own, kept as long as its name allows."""
    files = {path.relative_to(VIEWER).as_posix(): path for path in VIEWER.rglob("*") if path.is_file() and path.suffix not in (".br", ".gz")}
    assert {path.rpartition(".")[2] for path in files} == {"html", "js", "css", "svg"}
    kinds = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    for name, path in files.items():
        tags = set()
        for coding, suffix in {"identity": "", "gzip": ".gz", "br": ".br"}.items():
            answer = service.request(f"/viewer/{name}", Accept_Encoding=coding)
            coded = path.with_name(path.name + suffix)
            sent = coding if coded.exists() else "identity"
            assert answer.status == 200 and answer.headers.get("Content-Encoding", "identity") == sent
            assert answer.body == (coded if coded.exists() else path).read_bytes()
            assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert parse_options_header(answer.headers["Content-Type"])[0] == kinds[path.suffix[1:]]
            assert answer.headers["Cache-Control"] == ("public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache")
            head = service.request(f"/viewer/{name}", "HEAD", Accept_Encoding=coding)
            answer.headers.replace_header("Date", head.headers["Date"])
            assert head.body == b"" and sorted(head.headers.items()) == sorted(answer.headers.items())
            unchanged = service.request(f"/viewer/{name}", Accept_Encoding=coding, If_None_Match=answer.headers["ETag"])
            assert unchanged.status == 304 and "Content-Type" not in unchanged.headers and "Content-Encoding" not in unchanged.headers
            assert unchanged.headers["Cache-Control"] == answer.headers["Cache-Control"]
            assert service.request(f"/viewer/{name}", If_Match='"other"').status == 412
            tags.add((answer.headers["ETag"], sent))
        assert len({tag for tag, _ in tags}) == len({sent for _, sent in tags})


@needs_viewer
def test_viewer_is_small_on_the_wire(service):
    script = next(VIEWER.glob("assets/*.js"))
    small = service.request(f"/viewer/assets/{script.name}", Accept_Encoding="gzip, deflate, br, zstd")
    assert small.headers["Content-Encoding"] == "br" and len(small.body) < script.stat().st_size / 3
    assert gzip.decompress(service.request(f"/viewer/assets/{script.name}", Accept_Encoding="gzip").body) == script.read_bytes()
    assert service.request(f"/viewer/assets/{script.name}", Accept_Encoding="*;q=0").status == 406


@needs_viewer
def test_page_of_the_viewer(service, role, tmp_path):
    page = service.request("/viewer/")
    assert page.body == service.request("/viewer/index.html").body == (VIEWER / "index.html").read_bytes()
    assert b"<script>" not in page.body and b"<style" not in page.body and b" style=" not in page.body
    policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    assert page.headers["Content-Security-Policy"] == policy + "frame-ancestors 'self'"
    with serve(tmp_path / "log", PGDATABASE=DATABASE, PGUSER=role, CELL_BINARY_CORS_ORIGINS="https://lab.example/ http://localhost:5173") as open_service:
        assert open_service.request("/viewer/").headers["Content-Security-Policy"] == policy + "frame-ancestors 'self' https://lab.example http://localhost:5173"


@needs_viewer
@pytest.mark.parametrize("path", ["/viewer/nothing", "/viewer/assets/", "/viewer/index.html.br", "/viewer/../app.py", "/viewer/%2e%2e/app.py", "/viewer/..%2fapp.py",
                                  "/viewer/assets/../../app.py", "/viewer//etc/passwd", "/viewer/%2fetc%2fpasswd"])
def test_no_file_of_the_viewer(service, path):
    answer = service.request(path)
    assert answer.status == 404 and answer.headers["Content-Type"] == "application/problem+json"
