"""What the page says when something fails, and how it recovers."""

import re
from contextlib import contextmanager

import pytest
from harness import until
from playwright.sync_api import expect
from viewer_page import (
    CORNERS, NOT_LOADED, ORANGE, OTHER, PAYLOAD, PLACES, RULES, SKY, VIEW, problem)

SAMPLES = re.compile("/samples/")


# ---- Loading

@contextmanager
def throttled(viewer, bytes_a_second: int):
    """Limit the download rate of the page."""
    session = viewer.page.context.new_cdp_session(viewer.page)
    conditions = {"offline": False, "latency": 0, "uploadThroughput": -1}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions",
                 conditions | {"downloadThroughput": bytes_a_second})
    yield
    session.send("Network.emulateNetworkConditions", conditions | {"downloadThroughput": -1})
    session.detach()


def test_progress_and_cancelling(viewer):
    viewer.open("#study=few&sample=corners")
    aborted = []
    viewer.page.once("requestfailed", lambda request: aborted.append(request.url))
    with throttled(viewer, 1_000_000):
        viewer.choose("Study", "lab")
        bar = viewer.page.locator("#bar[max='16000004']")
        bar.wait_for()
        seen = [0]

        def progress() -> int:
            """The bytes received, if the bar has not shown this number before."""
            value = int(bar.get_attribute("value"))
            return value if value not in seen else 0
        for _ in range(5):
            seen.append(until(progress))
        assert seen == sorted(seen) and seen[-1] < 16_000_004
        assert re.fullmatch(r"Loading large: \d+\.\d of 16\.0 MB",
                            viewer.page.inner_text("#progress label"))
        assert viewer.slide.get_attribute("data-state") == "loading"
        assert viewer.drawn == 0
        viewer.choose("Sample", "small")
        viewer.wait(drawn=1_000)
        assert [url for url in aborted if "sample=large" in url]
    viewer.page.wait_for_timeout(500)   # in which the cancelled download could arrive
    assert viewer.drawn == 1_000
    expect(viewer.messages).to_have_count(0)
    expect(viewer.page.locator("#progress")).to_be_hidden()


# ---- Answers of the service

def test_503(viewer):
    viewer.expected = [NOT_LOADED]
    said = viewer.broken(PAYLOAD, **problem(503, "The database is down."))
    assert "503" in said and "The database is down." in said
    viewer.expect_recovery()


def test_error_without_a_problem_document(viewer):
    viewer.expected = [NOT_LOADED]
    said = viewer.broken(
        PAYLOAD, status=502, body="<h1>Bad gateway</h1>", content_type="text/html")
    assert "502" in said and "The service gave no reason." in said
    viewer.expect_recovery()


def test_detail_and_hint(viewer):
    viewer.expected = [NOT_LOADED]
    said = viewer.broken(
        SAMPLES, **problem(403, "permission denied for table <b>", hint="Ask the owner."))
    assert all(part in said for part in (
        "403", "permission denied for table <b>", "Ask the owner."))


def test_sample_is_deleted_before_its_cells_are_requested(viewer, connection):
    viewer.expected = [NOT_LOADED]
    with viewer.answering(SAMPLES, json={"samples": ["gone"]}):
        viewer.open("#study=few&sample=gone", "error")
    assert 'sample "gone" of study "few" has no cells' in viewer.alerts


@pytest.mark.parametrize("body", [
    b"", b"abc", b"\x02\0\0\0" + 20 * b"\0", b"<!doctype html>" + 100 * b" ",
    b"\x01\0\0\0" + 17 * b"\0"], ids=["empty", "short", "truncated", "html", "long"])
def test_invalid_payload(viewer, body):
    said = viewer.broken(PAYLOAD, body=body)
    assert "The answer to the request for the cells of corners is not a complete payload." in said
    viewer.expect_recovery()


def test_truncated_transfer(viewer, service):
    """The connection ends before Content-Length."""
    viewer.expected = [NOT_LOADED, "ERR_"]
    payload = service.data("few", "corners", "compact").body
    said = viewer.broken(
        PAYLOAD, body=payload[:-8], headers={"Content-Length": str(len(payload))})
    assert re.search("not a complete payload|The connection failed before", said)
    viewer.expect_recovery()


@pytest.mark.parametrize("url", [
    "/study-names/", "/samples/", "/cell-data-binary-feature-names/"])
@pytest.mark.parametrize("body", [
    "<html>", "{}", "[1]", '{"names": [{"symbol": "A"}, {"symbol": "A"}]}'],
    ids=["html", "object", "number", "duplicate"])
def test_unexpected_json(viewer, url, body):
    said = viewer.broken(re.compile(url), body=body, content_type="application/json")
    assert re.search("The answer to the request for the .* (has an unexpected form|is not JSON)", said)
    viewer.expect_recovery()


def test_no_studies(viewer):
    with viewer.answering(re.compile("/study-names/"), json=[]):
        viewer.open("", "error")
    assert "There are no studies." in viewer.alerts


def test_no_samples(viewer):
    assert "has no samples" in viewer.broken(SAMPLES, json={"samples": []})


def test_no_cells(viewer):
    with viewer.answering(PAYLOAD, body=bytes(4)):
        viewer.open("#study=few&sample=corners")
    assert "has no cells" in viewer.alerts
    assert viewer.legend["total"] == 0


# ---- The network

def test_no_connection(viewer):
    viewer.expected = [NOT_LOADED]
    viewer.open("#study=few&sample=one")
    viewer.page.context.set_offline(True)
    try:
        viewer.choose("Sample", "corners")
        viewer.wait("error")
    finally:
        viewer.page.context.set_offline(False)
    assert "The connection failed" in viewer.alerts
    viewer.expect_recovery()


def test_connection_breaks(viewer):
    viewer.expected = [NOT_LOADED]
    viewer.page.route(PAYLOAD, lambda route: route.abort("connectionreset"))
    viewer.open("#study=few&sample=corners", "error")
    assert "The connection failed before the cells of corners arrived." in viewer.alerts
    viewer.page.unroute(PAYLOAD)
    viewer.expect_recovery()


@pytest.mark.parametrize("part", ["js", "css"])
def test_missing_part_of_the_viewer(viewer, part):
    """The notice is visible at once without the style, and otherwise after 10 seconds."""
    viewer.expected = [NOT_LOADED]
    viewer.page.route(re.compile(rf"\.{part}$"), lambda route: route.abort())
    viewer.page.goto(viewer.url)
    notice = viewer.page.locator("#missing")
    if part == "js":
        expect(notice).to_be_hidden()
        delays = notice.evaluate("""notice => notice.getAnimations().map(animation => {
            animation.finish();
            return animation.effect.getTiming().delay;
        })""")
        assert delays == [10_000]
    expect(notice).to_be_visible()
    assert "A part of the viewer did not load." in viewer.alerts


# ---- The browser

def test_no_webgl(fresh_viewer):
    viewer = fresh_viewer
    viewer.page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    viewer.open("", "error")
    assert "no WebGL 2" in viewer.alerts


def test_graphics_context_is_lost(viewer):
    viewer.open(CORNERS + RULES)
    viewer.slide.evaluate("""slide =>
        slide.getContext("webgl2").getExtension("WEBGL_lose_context").loseContext()""")
    viewer.wait("error")
    assert "The graphics card stopped drawing." in viewer.alerts
    viewer.expect_recovery()
    assert viewer.seen(VIEW, *PLACES) == [SKY, ORANGE, ORANGE, OTHER]
    viewer.press("ArrowLeft")
    expect(viewer.page.locator("[aria-live=polite]")).to_contain_text("Nearest to the centre")


def test_out_of_graphics_memory(fresh_viewer):
    """A simulation, because a test cannot exhaust the memory of WebGL."""
    viewer = fresh_viewer
    viewer.page.add_init_script("""
        const { bufferData, getError } = WebGL2RenderingContext.prototype;
        let full = false;
        WebGL2RenderingContext.prototype.bufferData = function (...all) {
            full ||= all[1] === 64;
            bufferData.apply(this, all);
        };
        WebGL2RenderingContext.prototype.getError = function () {
            return full ? this.OUT_OF_MEMORY : getError.call(this);
        };
    """)
    viewer.open("#study=few&sample=corners", "error")
    assert "too large for the graphics memory" in viewer.alerts


def test_content_security_policy(fresh_viewer):
    """The page works under the policy, and the browser enforces it."""
    viewer = fresh_viewer
    viewer.page.add_init_script("""
        window.refused = [];
        addEventListener("securitypolicyviolation", event =>
            refused.push(event.violatedDirective));
    """)
    viewer.open(CORNERS + RULES)
    viewer.add_rule(["A"])
    viewer.point_at(0, 0, VIEW)
    viewer.frames()
    assert viewer.page.evaluate("refused") == [] and viewer.errors == []
    viewer.expected = ["Content Security Policy", NOT_LOADED]
    viewer.page.evaluate("""() => {
        const script = document.createElement("script"), image = new Image();
        script.textContent = "window.ran = true";
        document.body.append(script);
        document.body.setAttribute("style", "color: red");
        image.src = "data:image/gif;base64,";
        fetch("https://elsewhere.example").catch(() => {});
    }""")
    viewer.page.wait_for_function("refused.length === 4")
    assert set(viewer.page.evaluate("refused")) == {
        "script-src-elem", "style-src-attr", "img-src", "connect-src"}
    assert viewer.page.evaluate("window.ran") is None


def test_error_in_the_viewer(viewer):
    viewer.open(CORNERS)
    viewer.expected = ["deliberate"]
    viewer.page.evaluate("() => { setTimeout(() => { throw new Error('deliberate') }) }")
    assert "An error occurred in the viewer." in viewer.alerts and "deliberate" in viewer.alerts
