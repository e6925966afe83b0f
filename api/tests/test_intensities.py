"""The endpoints of intensities and of the subsample, and those that list studies and channels."""

import hashlib
import json
import struct
from urllib.parse import quote

import brotli
import pytest
from services import data_path, packed, packings, register

INTENSITY = "/cell-data-binary-intensity/?study=intense&sample={}"
SUBSAMPLE = "/cell-data-binary-intensity-whole-study-subsample/?study=intense"
BODY = "/whole-study-subsample-binary/?study=intense"
METADATA = "/whole-study-subsample-metadata/?study=intense"
LAYOUTS = {INTENSITY.format("A"): ("A", "intensity"), SUBSAMPLE: (None, "subsample"),
           BODY: (None, "subsample_body"), METADATA: (None, "subsample_metadata")}


def expected(path: str, connection, coding: str = "identity") -> bytes:
    sample, layout = LAYOUTS[path]
    return packed(connection, "intense", sample, layout, coding)


@pytest.mark.parametrize("path", LAYOUTS)
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd", "br"])
def test_bytes_headers_and_codings(service, connection, intense, path, coding):
    answer = service.request(path, Accept_Encoding=coding)
    assert answer.status == 200
    assert answer.body == expected(path, connection, coding)
    assert answer.headers["Content-Encoding"] == (None if coding == "identity" else coding)
    assert answer.headers["Content-Type"] == (
        "application/json" if path == METADATA else "application/octet-stream")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Vary"] == "Accept-Encoding"
    head = service.request(path, "HEAD", Accept_Encoding=coding)
    assert head.headers["Content-Length"] == str(len(answer.body)) and head.body == b""
    known = service.request(path, Accept_Encoding=coding, If_None_Match=answer.headers["ETag"])
    assert known.status == 304
    assert service.request(path, Accept_Encoding=coding, If_Match='"other"').status == 412


@pytest.mark.parametrize("path", LAYOUTS)
def test_range(service, connection, intense, path):
    answer = service.request(path, Accept_Encoding="identity", Range="bytes=3-9")
    assert answer.status == 206 and answer.body == expected(path, connection)[3:10]


@pytest.mark.parametrize("path, coding", [
    (INTENSITY.format("A"), None), (METADATA, None), (SUBSAMPLE, "br"), (BODY, "br")])
def test_coding_without_accept_encoding(service, intense, path, coding):
    """SMProfiler supposes br for the subsample."""
    assert service.request(path).headers["Content-Encoding"] == coding


def test_intensities_are_those_of_the_cells(service, connection, intense):
    """Each cell has its id and a byte for each channel, and the cells are those of the payload."""
    body = service.request(INTENSITY.format("A")).body
    ids = [struct.unpack_from(">I", body, start)[0] for start in range(0, len(body), 7)]
    cells = service.data("intense", "A", "spt").body[20:]
    assert ids == [struct.unpack_from(">I", cells, start)[0] for start in range(0, len(cells), 20)]
    rows = connection.execute("""
        SELECT cell_id, cell_minifloat_encode(i[1]), cell_minifloat_encode(i[2]),
            cell_minifloat_encode(i[3])
        FROM (SELECT cell_id, intensities AS i FROM intense WHERE sample = 'A') c
        ORDER BY cell_id""").fetchall()
    assert [(id, *body[start + 4:start + 7])
            for id, start in zip(ids, range(0, len(body), 7))] == rows
    assert service.data("intense", "A", "intensity").body == body


def test_parts_of_the_subsample(service, intense):
    whole = brotli.decompress(service.request(SUBSAMPLE).body)
    metadata, body = whole.split(b"\x1c", 1)
    assert service.request(METADATA).body == metadata
    assert brotli.decompress(service.request(BODY).body) == body
    described = json.loads(metadata)
    assert described["channel_order"] == ["CD8", "CD3", "DAPI"]
    counts = {one["specimen"]: one["count"] for one in described["subsample_counts"]}
    assert counts == {"A": 25, "B": 25} and len(body) == 3 * 50


def test_packed_once(service, connection, intense):
    connection.execute("SELECT cell_invalidate('intense')")
    before = packings(connection, "intense")
    for _ in range(2):
        for path in SUBSAMPLE, BODY, METADATA:
            assert service.request(path).status == 200
    assert packings(connection, "intense") == before + 1


def test_changed_cell_changes_both(service, connection, intense):
    tags = {path: service.request(path).headers["ETag"] for path in LAYOUTS}
    connection.execute("""
        UPDATE intense SET intensities = ARRAY[0.99, 0.99, 0.99]
        WHERE sample = 'A' AND cell_id <= 60""")
    for path, tag in tags.items():
        answer = service.request(path, If_None_Match=tag)
        assert answer.status == 200 and answer.headers["ETag"] != tag
        assert answer.body == expected(
            path, connection, answer.headers["Content-Encoding"] or "identity")


ENDPOINTS = ["/cell-data-binary-intensity/?sample=small&study=",
             "/cell-data-binary-intensity-whole-study-subsample/?study=",
             "/whole-study-subsample-binary/?study=", "/whole-study-subsample-metadata/?study="]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_errors(service, connection, endpoint):
    """The study has no intensities; there is no such study; Accept-Encoding forbids all codings."""
    for study, detail in {"lab": 'study "lab" has no intensities',
                          "nowhere": 'study "nowhere" does not exist'}.items():
        answer = service.request(endpoint + study)
        assert answer.status == 404 and json.loads(answer.body)["detail"] == detail
        assert service.request(endpoint + study, "HEAD").status == 404
    assert service.request(endpoint + "lab", Accept_Encoding="*;q=0").status == 406
    assert service.request(endpoint + "lab&study=lab").status == 422
    assert service.request(endpoint + "%00").status == 422
    assert service.request(endpoint.removesuffix("study=")).status == 422


@pytest.mark.parametrize("endpoint", [
    "/cell-data-binary/", "/cell-data-binary-intensity/"])
def test_limit_of_a_sample_name(service, endpoint):
    assert service.request(f"{endpoint}?study=lab&sample={'x' * 512}").status == 404
    assert service.request(f"{endpoint}?study=lab&sample={'x' * 513}").status == 422


def test_study_without_cells(service, connection):
    connection.execute("CREATE TABLE no_intense (LIKE intense)")
    register(connection, "no cells", "no_intense", intensities="'intensities'")
    answer = service.request(SUBSAMPLE.replace("intense", quote("no cells")))
    assert answer.status == 404 and json.loads(answer.body)["detail"] == (
        'study "no cells" has no cells')


def test_cell_that_is_no_cell(service, connection, intense):
    """The fault is not the client's; the log has the reason."""
    connection.execute("""
        CREATE TABLE bad_intense AS SELECT * FROM intense WHERE sample = 'A';
        UPDATE bad_intense SET intensities = '{1}' WHERE cell_id = 7""")
    register(connection, "bad", "bad_intense", ["a", "b", "c"], intensities="'intensities'")
    assert service.request("/cell-data-binary-intensity/?study=bad&sample=A").status == 500
    assert service.request(
        "/cell-data-binary-intensity-whole-study-subsample/?study=bad").status == 500
    log = service.log.read_text()
    assert "22023: cell_id 7 has 1 intensities instead of 3" in log
    assert 'cell_id 7 of sample "A" of study "bad"' in log


def test_channels(service, connection, intense):
    answer = service.request("/channels/?study=intense")
    assert json.loads(answer.body) == [
        {"symbol": "CD3", "full_name": ""}, {"symbol": "CD8", "full_name": "Leu-2"},
        {"symbol": "DAPI", "full_name": ""}]
    assert [name["symbol"] for name in json.loads(service.request(
        "/cell-data-binary-feature-names/?study=intense").body)["names"]] == ["CD8", "CD3", "DAPI"]
    assert service.request("/channels/?study=nowhere").status == 404
    assert service.request("/channels/").status == 422


def handles(service, query: str = "") -> set[str]:
    return {one["handle"] for one in json.loads(service.request(f"/study-names/{query}").body)}


def test_listed_studies(service, connection, study):
    for name, listed in {"Lung": "true", "Lung collection: abc-1": "true",
                         "Skin collection: abc-1": "true", "Bone collection: abc": "true",
                         "Not listed": "false", "Not listed collection: abc": "false",
                         "Bone collection: ABC": "true"}.items():
        register(connection, name, "cell", listed=listed)
    public = handles(service)
    assert {"lab", "Lung", "Bone collection: ABC"} <= public
    assert not any(name.endswith(("abc", "abc-1")) or name == "Not listed" for name in public)
    assert handles(service, "?collection=abc-1") == {
        "Lung collection: abc-1", "Skin collection: abc-1"}
    assert handles(service, "?collection=abc") == {"Bone collection: abc"}
    assert handles(service, "?collection=bc") == set()
    # A study that is not listed is served to those who know its name.
    assert service.request("/samples/?study=Not%20listed").status == 200
    assert service.data("Not listed", "small", "compact").body == packed(connection)


@pytest.mark.parametrize("token, status", [
    ("x" * 512, 200), ("x" * 513, 422), ("", 404), ("ABC", 404), ("a%20b", 404), ("%25", 404),
    ("abc%0a", 404), ("%C3%A9", 404), ("abc&collection=x", 422)])
def test_token_of_a_collection(service, token, status):
    answer = service.request(f"/study-names/?collection={token}")
    assert answer.status == status
    if status == 404:
        assert "is not a valid collection string." in json.loads(answer.body)["detail"]


def test_paths_of_other_kinds(service, connection, intense):
    """A layout of studies has no sample."""
    answer = service.request(data_path("intense", "A", "subsample"))
    assert answer.status == 422 and "of a study" in json.loads(answer.body)["detail"]
