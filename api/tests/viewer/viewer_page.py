"""What the tests of the viewer share: the page in the browser, the studies, and colours."""

import base64
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from harness import until
from playwright.sync_api import ConsoleMessage, Error, Page, expect
from services import CELLS, register

WINDOW = {"width": 1040, "height": 640}   # not larger, because Chromium draws in software
PAYLOAD = re.compile(r"/cell-data-binary/\?")
NOT_LOADED = "Failed to load resource"   # Chromium's console message about an error status
SKY, ORANGE, GREEN, OTHER, NOTHING = "56b4e9", "e69f00", "009e73", "5b6573", "07090c"
ODD = ["<b>", "A & B", "a+b", "~", " x  y ", "µ-Ω 細胞", "1,2:3;4", "%41", '"', "'"]

# The slide "corners" of the study "few": a cell in each corner, positive for A, B, both and none
CORNERS = "#study=few&sample=corners&view=50,50,2"
RULES = f"&rule={SKY}:A:B&rule={ORANGE}:B"
VIEW = (50, 50, 2)
PLACES = [(0, 0), (100, 0), (0, 100), (100, 100)]

# The samples of the study "umap": two slides, and all their cells at other places
VIRTUAL_SAMPLE = "UMAP virtual sample"
UMAP_SAMPLES = {
    "a": [(0, 0, 1), (100, 0, 2), (0, 100, 0)],
    "b": [(500, 500, 1), (600, 500, 1)],
    VIRTUAL_SAMPLE: [(-30, 0, 1), (30, 0, 2), (0, 30, 0), (-20, 0, 1), (-10, 0, 1)],
}

View = tuple[float, float, float]   # x, y, zoom
LINK_DELAY = 0.2   # seconds until the page writes its link

# Reads pixels of a PNG. The page's policy forbids an image from a data: address.
PIXELS = """async ([picture, spots]) => {
    const bytes = Uint8Array.from(atob(picture), byte => byte.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], {type: "image/png"}));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    return spots.map(([x, y]) =>
        [...context.getImageData(Math.floor(x), Math.floor(y), 1, 1).data].slice(0, 3)
            .map(part => part.toString(16).padStart(2, "0")).join(""));
}"""
# The names and counts of the legend, read at one moment; null until all counts are there.
LEGEND = """() => {
    const texts = selector => [...document.querySelectorAll(selector)].map(one => one.innerText);
    const names = [...texts("#rules .name"), "no rule", "total"];
    const counts = texts("#rules .count, #other-count, #total");
    return counts.includes("–") || counts.length != names.length
        ? null : names.map((name, row) => [name, counts[row]]);
}"""


def add_study(connection, study: str, features: list[str],
              samples: dict[str, list[tuple[int, int, int]]], **options: bool) -> None:
    """Make a study from cells (x, y, phenotypes); the ids of the cells ascend."""
    connection.execute(f'CREATE TABLE "{study}" {CELLS}')
    for sample, cells in samples.items():
        with connection.cursor() as cursor:
            cursor.executemany(f'INSERT INTO "{study}" VALUES (%s, %s, %s, %s, %s)', [
                (sample, cell, x, y, bits - 2**64 if bits >= 2**63 else bits)
                for cell, (x, y, bits) in enumerate(cells)])
    register(connection, study, features=features, **options)


def cell_count(connection, study: str, sample: str, all_of: int = 0, none_of: int = 0) -> int:
    """The count of cells that PostgreSQL returns for the same rule."""
    return connection.execute(
        "SELECT cell_count(cell_data(%s, %s, 'compact', 'identity'), %s, %s)",
        (study, sample, all_of, none_of)).fetchone()[0]


def problem(status: int, detail: str, **more: str) -> dict:
    """An error of the service, as arguments of Viewer.answering."""
    return {"status": status, "content_type": "application/problem+json",
            "body": json.dumps({"status": status, "detail": detail, **more})}


class Viewer:
    """The viewer in a page of the browser."""

    def __init__(self, page: Page, url: str):
        self.page, self.url = page, f"{url}/viewer/"
        self.slide, self.tooltip = page.locator("#slide"), page.locator("#tooltip")
        self.messages = page.locator("[role=alert]")
        self.expected: list[str] = []   # patterns of errors that the test causes
        self.errors: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", self.note_error)
        page.on("console", self.note_message)

    def note_error(self, error: Error) -> None:
        self.errors.append(str(error))

    def note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def leave(self) -> None:
        """Leave the page to the next test, and check that there were no unexpected errors."""
        self.page.goto("about:blank")
        self.page.remove_listener("pageerror", self.note_error)
        self.page.remove_listener("console", self.note_message)
        self.page.unroute_all()
        self.page.set_viewport_size(WINDOW)
        assert self.unexpected == []

    @property
    def unexpected(self) -> list[str]:
        return [error for error in self.errors
                if not any(re.search(expected, error) for expected in self.expected)]

    # ---- Loading

    def open(self, link: str = "", state: str = "ready") -> "Viewer":
        self.page.goto("about:blank")   # a change of the fragment alone would not load the page
        self.page.goto(self.url + link)
        return self.wait(state)

    def wait(self, state: str = "ready", drawn: int | None = None) -> "Viewer":
        cells = "" if drawn is None else f"[data-drawn='{drawn}']"
        self.page.wait_for_selector(f"#slide[data-state={state}]{cells}")
        return self

    @property
    def drawn(self) -> int:
        return int(self.slide.get_attribute("data-drawn"))

    # ---- The link

    @property
    def fragment(self) -> str:
        """The part of the address after "#". (Page.url has it only after Playwright's events.)"""
        return self.page.evaluate("location.hash.slice(1)")

    @property
    def link(self) -> dict[str, list[str]]:
        """The link as it is now; the page may be about to write another one."""
        return urllib.parse.parse_qs(self.fragment, keep_blank_values=True)

    def expect_link(self, **parts: str | list[str]) -> None:
        """Wait until the link has these parts."""
        wanted = {key: [value] if isinstance(value, str) else value
                  for key, value in parts.items()}
        until(lambda: wanted.items() <= self.link.items())

    def expect_link_without(self, key: str) -> None:
        """Wait until the link lacks a part, and check that the page does not add it."""
        until(lambda: key not in self.link)
        self.page.wait_for_timeout(1000 * 1.5 * LINK_DELAY)
        assert key not in self.link

    def view_when(self, condition: Callable[[View], bool]) -> View:
        """The view in the link, once it meets a condition."""
        def view() -> View | None:
            parts = self.link.get("view")
            found = parts and tuple(float(number) for number in parts[0].split(","))
            return found if found and condition(found) else None
        return until(view)

    def expect_view(self, view: View, tolerance: float = 0.1) -> None:
        self.view_when(lambda found: found == pytest.approx(view, abs=tolerance))

    def settled_fragment(self) -> str:
        """The fragment, once it has not changed for longer than the page's delay."""
        fragment, since = self.fragment, time.monotonic()
        while time.monotonic() < since + 1.5 * LINK_DELAY:
            self.page.wait_for_timeout(50)
            if fragment != self.fragment:
                fragment, since = self.fragment, time.monotonic()
        return fragment

    # ---- The slide

    def frames(self, number: int = 3) -> None:
        self.page.evaluate("""async number => {
            while (number--) await new Promise(requestAnimationFrame);
        }""", number)

    def spot(self, x: float, y: float, view: View) -> tuple[float, float]:
        """The place in the window of a point of the slide."""
        box = self.slide.bounding_box()
        scale = 2 ** view[2]
        return (box["x"] + box["width"] / 2 + (x - view[0]) * scale,
                box["y"] + box["height"] / 2 + (y - view[1]) * scale)

    def point_at(self, x: float, y: float, view: View) -> None:
        self.page.mouse.move(*self.spot(x, y, view))

    def colours(self, *spots: tuple[float, float]) -> list[str]:
        """The colours of pixels of the window, as they are on the screen."""
        self.frames()
        picture = base64.b64encode(self.page.screenshot()).decode()
        return self.page.evaluate(PIXELS, [picture, spots])

    def seen(self, view: View, *places: tuple[float, float]) -> list[str]:
        """The colours at points of the slide."""
        return self.colours(*(self.spot(x, y, view) for x, y in places))

    def press(self, *keys: str) -> None:
        """Press keys while the slide has the focus."""
        self.slide.focus()
        for key in keys:
            self.page.keyboard.press(key)

    # ---- The panel

    def button(self, name: str, exact: bool = False):
        return self.page.get_by_role("button", name=name, exact=exact)

    def choose(self, label: str, value: str) -> None:
        """Choose from the list of studies or samples."""
        self.page.get_by_label(label).select_option(value)

    @property
    def hide_others(self):
        return self.page.get_by_label("Hide cells that match no rule")

    @property
    def legend(self) -> dict[str, int]:
        """The counts by the name of the rule, once they are there."""
        rows = until(lambda: self.page.evaluate(LEGEND))
        return {name.rstrip(" ▸▾"): int(count.replace(",", "")) for name, count in rows}

    def add_rule(self, positive: list[str] = (), negative: list[str] = ()) -> None:
        """Add a rule, which becomes the first one."""
        self.button("Add rule").click()
        for label, features in ("Positive for", positive), ("Negative for", negative):
            for feature in features:
                self.page.get_by_label(label).select_option(label=feature)

    # ---- Messages

    @property
    def alerts(self) -> str:
        """The texts of all messages, once there is one."""
        self.messages.first.wait_for()
        return "\n".join(self.messages.all_inner_texts())

    @contextmanager
    def answering(self, url: str | re.Pattern, **answer) -> Iterator[None]:
        """Answer requests in place of the service."""
        self.page.route(url, lambda route: route.fulfill(**answer))
        yield
        self.page.unroute(url)

    def broken(self, url: str | re.Pattern, **answer) -> str:
        """The messages of the page after such an answer."""
        with self.answering(url, **answer):
            return self.open("#study=few&sample=corners", "error").alerts

    def expect_recovery(self) -> None:
        """Check that the page works again after "Try again"."""
        self.button("Try again").click()
        self.wait()
        assert self.drawn == 4
        expect(self.messages).to_have_count(0)
        expect(self.page.locator("#progress")).to_be_hidden()
