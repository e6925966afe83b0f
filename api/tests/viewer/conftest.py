"""Fixtures of the viewer's tests: studies, Chromium at $CHROMIUM, and a page for each test."""

import os
from pathlib import Path

import pytest
from harness import CHROMIUM, CHROMIUM_FLAGS
from playwright.sync_api import sync_playwright
from services import VIEWER
from viewer_page import ODD, UMAP_SAMPLES, VIRTUAL_SAMPLE, WINDOW, Viewer, add_study


@pytest.fixture(scope="session")
def slides(connection, study):
    """Studies of few cells, in addition to the study "lab"."""
    add_study(connection, "few", ["A", "B"], {
        "corners": [(0, 0, 1), (100, 0, 2), (0, 100, 3), (100, 100, 0)],
        "one": [(1234, 567, 1)],
        # Pairs of cells at the same place, in both orders
        "pairs": [(0, 0, 1), (0, 0, 0), (50, 0, 0), (50, 0, 1),
                  (100, 0, 1), (100, 0, 2), (150, 0, 2), (150, 0, 1)],
        "negative": [(-100, -50, 1), (-5000, -50, 2), (-100, 3000, 0)],
        "far": [(-2**31, -2**31, 1), (2**31 - 1, 2**31 - 1, 2), (2**31 - 1, -2**31, 3),
                (0, 0, 0)],
    })
    add_study(connection, "wide", [f"F{bit}" for bit in range(64)], {
        "bits": [(bit % 8 * 10, bit // 8 * 10, 1 << bit) for bit in range(64)]
                + [(200, 200, 2**64 - 1)]})
    # In the order of the names, the virtual sample is the first one.
    add_study(connection, "umap", ["A", "B"], UMAP_SAMPLES)
    add_study(connection, "umap only", ["A"], {VIRTUAL_SAMPLE: [(0, 0, 1), (10, 10, 0)]})
    add_study(connection, "unlisted", ["A"], {"one": [(0, 0, 1), (10, 0, 0)]}, listed=False)
    add_study(connection, "odd", ODD, {
        "S 1/2 & <i>": [(10 * bit, 0, 1 << bit) for bit in range(len(ODD))],
        "other": [(0, 0, 1)]})


@pytest.fixture(scope="session")
def browser():
    assert (VIEWER / "index.html").exists(), "build the viewer with make viewer"
    if not Path(CHROMIUM).exists() and os.environ.get("CI") != "true":
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def page(browser):
    """The page of all tests, because a new page takes Chromium longer than most tests."""
    with browser.new_context(viewport=WINDOW).new_page() as page:
        yield page


@pytest.fixture
def viewer(page, service, slides):
    viewer = Viewer(page, service.url)
    yield viewer
    viewer.leave()


@pytest.fixture
def fresh_viewer(browser, service, slides):
    """A viewer in a page of its own, for tests that change the page's scripts."""
    with browser.new_context(viewport=WINDOW) as context:
        viewer = Viewer(context.new_page(), service.url)
        yield viewer
        viewer.leave()
