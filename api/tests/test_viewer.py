"""The viewer in a real browser: what is on the canvas, in the panel, in the link, and what it says when something fails.

The browser is Chromium at $CHROMIUM. It draws without a graphics card.
"""

import base64
import json
import os
import re
import time
import urllib.parse
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import API, CELLS, until
from playwright.sync_api import Page, expect, sync_playwright

FLAGS = ("--headless=new --no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update"
         " --disable-sync --use-angle=swiftshader --enable-unsafe-swiftshader").split()
WIDTH, HEIGHT = 1280, 800
PAYLOAD = re.compile(r"/cell-data-binary/\?")
NOT_LOADED = "Failed to load resource"   # what the browser itself says of an answer that is an error
SKY, ORANGE, GREEN, OTHER = "56b4e9", "e69f00", "009e73", "5b6573"
ODD = ["<b>", "A & B", "a+b", "~", " x  y ", "µ-Ω 細胞", "1,2:3;4", "%41", '"', "'"]


# ---- Slides

def add_study(connection, study: str, features: list[str], samples: dict[str, list[tuple[int, int, int]]]) -> None:
    """Cells are (x, y, mask), with ids in their order."""
    connection.execute(f'CREATE TABLE "{study}" {CELLS}')
    for sample, cells in samples.items():
        with connection.cursor() as cursor:
            cursor.executemany(f'INSERT INTO "{study}" VALUES (%s, %s, %s, %s, %s)', [
                (sample, cell, x, y, mask - 2**64 if mask >= 2**63 else mask) for cell, (x, y, mask) in enumerate(cells)])
    connection.execute("SELECT cell_register_study(%s, %s::regclass, phenotypes => 'phenotypes', features => %s)",
                       (study, f'"{study}"', features))


@pytest.fixture(scope="module")
def slides(connection, study):
    add_study(connection, "few", ["A", "B"], {
        "corners": [(0, 0, 1), (100, 0, 2), (0, 100, 3), (100, 100, 0)],
        "one": [(1234, 567, 1)],
        # Pairs at the same place, in both orders.
        "pairs": [(0, 0, 1), (0, 0, 0), (50, 0, 0), (50, 0, 1), (100, 0, 1), (100, 0, 2), (150, 0, 2), (150, 0, 1)],
        "negative": [(-100, -50, 1), (-5000, -50, 2), (-100, 3000, 0)],
        "far": [(-2**31, -2**31, 1), (2**31 - 1, 2**31 - 1, 2), (2**31 - 1, -2**31, 3), (0, 0, 0)],
    })
    add_study(connection, "wide", [f"F{bit}" for bit in range(64)], {
        "bits": [(bit % 8 * 10, bit // 8 * 10, 1 << bit) for bit in range(64)] + [(200, 200, 2**64 - 1)]})
    add_study(connection, "odd", ODD, {"S 1/2 & <i>": [(10 * bit, 0, 1 << bit) for bit in range(len(ODD))], "other": [(0, 0, 1)]})


def cell_count(connection, study: str, sample: str, all_of: int = 0, none_of: int = 0) -> int:
    return connection.execute("SELECT cell_count(cell_data(%s, %s, 'compact', 'identity'), %s, %s)", (study, sample, all_of, none_of)).fetchone()[0]


# ---- The page

@pytest.fixture(scope="module")
def browser():
    assert (API / "cell_binary_api" / "viewer" / "index.html").exists(), "build the viewer: npm ci && npm run build in api/viewer"
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(chromium).exists() and os.environ.get("CI") != "true":
        pytest.skip(f"no Chromium at {chromium}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


class Viewer:
    def __init__(self, page: Page, url: str):
        self.page, self.url = page, f"{url}/viewer/"
        self.expected: list[str] = []   # errors that a test is about
        self.errors: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))

    def open(self, link: str = "", state: str = "ready") -> "Viewer":
        self.page.goto("about:blank")   # as a change of the hash alone would not load the page
        self.page.goto(self.url + link)
        return self.wait(state)

    def wait(self, state: str = "ready") -> "Viewer":
        self.page.wait_for_selector(f"#slide[data-state={state}]")
        return self

    def frames(self, number: int = 3) -> None:
        self.page.evaluate("async number => { while (number--) await new Promise(requestAnimationFrame) }", number)

    @property
    def drawn(self) -> int:
        return int(self.page.locator("#slide").get_attribute("data-drawn"))

    @property
    def hash(self) -> dict[str, list[str]]:
        """The link, once it tells what is on the screen."""
        self.page.wait_for_timeout(400)
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.page.url).fragment, keep_blank_values=True)

    @property
    def raw_hash(self) -> str:
        self.page.wait_for_timeout(400)
        return urllib.parse.urlsplit(self.page.url).fragment

    def spot(self, x: float, y: float, view: tuple[float, float, float]) -> tuple[float, float]:
        """Where a place of the slide is in the window."""
        box = self.page.locator("#slide").bounding_box()
        scale = 2 ** view[2]
        return box["x"] + box["width"] / 2 + (x - view[0]) * scale, box["y"] + box["height"] / 2 + (y - view[1]) * scale

    def colours(self, *spots: tuple[float, float]) -> list[str]:
        """Of the pixels there, as they are on the screen."""
        self.frames()
        picture = base64.b64encode(self.page.screenshot()).decode()
        return self.page.evaluate("""async ([picture, spots]) => {   // not from a data: address, which the page's policy forbids
            const image = await createImageBitmap(new Blob([Uint8Array.from(atob(picture), byte => byte.charCodeAt(0))], {type: "image/png"}));
            const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
            context.drawImage(image, 0, 0);
            return spots.map(([x, y]) => [...context.getImageData(Math.floor(x), Math.floor(y), 1, 1).data].slice(0, 3)
                .map(part => part.toString(16).padStart(2, "0")).join(""));
        }""", [picture, spots])

    def seen(self, view: tuple[float, float, float], *places: tuple[float, float]) -> list[str]:
        return self.colours(*(self.spot(x, y, view) for x, y in places))

    @property
    def legend(self) -> dict[str, int]:
        """Counts by the name of the rule, once they are there."""
        rows = until(lambda: self.page.evaluate("""() => {   // all of one moment
            const texts = selector => [...document.querySelectorAll(selector)].map(element => element.innerText);
            const names = [...texts("#rules .name"), "no rule", "total"], counts = texts("#rules .count, #other-count, #total");
            return counts.includes("–") || counts.length != names.length ? null : names.map((name, row) => [name, counts[row]]);
        }"""))
        return {name.rstrip(" ▸▾"): int(count.replace(",", "")) for name, count in rows}

    def add(self, positive: list[str] = (), negative: list[str] = ()) -> None:
        """A rule, which becomes the first."""
        self.page.get_by_role("button", name="Add rule").click()
        for label, features in ("Positive for", positive), ("And not for", negative):
            for feature in features:
                self.page.get_by_label(label).select_option(label=feature)

    @property
    def alerts(self) -> str:
        self.page.wait_for_selector("[role=alert]")
        return "\n".join(self.page.locator("[role=alert]").all_inner_texts())

    @contextmanager
    def answering(self, url: str | re.Pattern, **answer):
        """Have the service's place taken."""
        self.page.route(url, lambda route: route.fulfill(**answer))
        yield
        self.page.unroute(url)

    def broken(self, url: str | re.Pattern, state: str = "error", **answer) -> str:
        """What the page says to such an answer."""
        with self.answering(url, **answer):
            return self.open("#study=few&sample=corners", state).alerts

    def recovers(self) -> None:
        self.page.get_by_role("button", name="Try again").click()
        self.wait()
        assert self.drawn == 4
        expect(self.page.locator("[role=alert]")).to_have_count(0)
        expect(self.page.locator("#progress")).to_be_hidden()


@pytest.fixture
def viewer(browser, service, slides):
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    viewer = Viewer(context.new_page(), service.url)
    yield viewer
    context.close()
    assert [error for error in viewer.errors if not any(re.search(expected, error) for expected in viewer.expected)] == []


def problem(status: int, detail: str, **more: str) -> dict:
    return {"status": status, "content_type": "application/problem+json", "body": json.dumps({"status": status, "detail": detail, **more})}


# ---- Cells

CORNERS = "#study=few&sample=corners&view=50,50,2"
RULES = f"&rule={SKY}:A:B&rule={ORANGE}:B"
VIEW = (50, 50, 2)
PLACES = [(0, 0), (100, 0), (0, 100), (100, 100)]
NOTHING = "07090c"


def test_slide_of_the_service(viewer, connection):
    viewer.open()
    page = viewer.page
    assert viewer.hash["study"] == ["few"]   # the first
    page.get_by_label("Study").select_option("lab")
    page.wait_for_selector("#slide[data-state=ready][data-drawn='1000000']")   # the sample "large"
    page.get_by_label("Sample").select_option("small")
    page.wait_for_selector("#slide[data-state=ready][data-drawn='1000']")
    assert page.title() == "small · lab · Slide viewer"
    assert page.get_by_role("application", name="1,000 cells of small").is_visible()


def test_a_million_cells(viewer, connection):
    viewer.open("#study=lab&sample=large&rule=56b4e9:CD3:CD8")
    assert viewer.drawn == 1_000_000
    assert viewer.legend == {
        "CD3+ CD8-": cell_count(connection, "lab", "large", 1, 2),
        "no rule": 1_000_000 - cell_count(connection, "lab", "large", 1, 2), "total": 1_000_000}
    entries = viewer.page.evaluate("Object.fromEntries(performance.getEntriesByType('measure').map(({name, duration}) => [name, duration]))")
    assert set(entries) == {"transfer", "decode", "upload", "draw", "first-frame"}
    assert entries["first-frame"] >= entries["transfer"] + entries["upload"] + entries["draw"]
    assert re.fullmatch(r"1,000,000 cells; transfer [\d,]+ ms, decode \d+ ms, upload [\d,]+ ms, draw [\d,]+ ms", viewer.page.inner_text("#timing"))


def test_cells_are_where_they_should_be(viewer):
    viewer.open(CORNERS + RULES)
    assert viewer.seen(VIEW, *PLACES, (50, 50), (-50, 0)) == [SKY, ORANGE, ORANGE, OTHER, NOTHING, NOTHING]
    # They are round: at 24 pixels wide, the corner of the square is not covered.
    x, y = viewer.spot(0, 0, VIEW)
    assert viewer.colours((x + 9, y), (x, y + 9), (x + 10, y + 10), (x + 14, y)) == [SKY, SKY, NOTHING, NOTHING]


def test_the_first_rule_is_on_top(viewer):
    viewer.open(f"#study=few&sample=pairs&view=75,0,2&rule={SKY}:A&rule={ORANGE}:B")
    places = [(x, 0) for x in (0, 50, 100, 150)]
    assert viewer.seen((75, 0, 2), *places) == [SKY] * 4
    viewer.open(f"#study=few&sample=pairs&view=75,0,2&rule={ORANGE}:B&rule={SKY}:A")
    assert viewer.seen((75, 0, 2), *places) == [SKY, SKY, ORANGE, ORANGE]


def test_one_cell(viewer):
    viewer.open(f"#study=few&sample=one&rule={SKY}:A")
    assert viewer.drawn == 1
    assert viewer.seen((1234, 567, 0), (1234, 567)) == [SKY]
    assert viewer.legend == {"A+": 1, "no rule": 0, "total": 1}


def test_negative_coordinates(viewer):
    viewer.open(f"#study=few&sample=negative&view=-100,-50,0&rule={SKY}:A&rule={ORANGE}:B")
    assert viewer.seen((-100, -50, 0), (-100, -50)) == [SKY]
    viewer.open(f"#study=few&sample=negative&view=-5000,-50,3&rule={SKY}:A&rule={ORANGE}:B")
    assert viewer.seen((-5000, -50, 3), (-5000, -50)) == [ORANGE]


@pytest.mark.parametrize("x, y, colour", [(-2**31, -2**31, SKY), (2**31 - 1, 2**31 - 1, ORANGE), (2**31 - 1, -2**31, SKY), (0, 0, OTHER)])
def test_coordinates_of_32_bits_are_exact(viewer, x, y, colour):
    """At 32 screen pixels for one of the slide, a point is one of the slide's wide: off by one would show."""
    view = (x + 3, y - 2, 5)
    viewer.open(f"#study=few&sample=far&view={view[0]},{view[1]},5&size=0.5&rule={SKY}:A&rule={ORANGE}:B")
    assert viewer.seen(view, (x, y), (x + 1, y), (x, y - 1)) == [colour, NOTHING, NOTHING]
    viewer.page.locator("#slide").focus()
    viewer.page.keyboard.press("0")   # all of them, in the corners and the middle
    viewer.frames()
    box = viewer.page.locator("#slide").bounding_box()
    zoom = viewer.page.evaluate("([w, h]) => Math.log2(0.92 * Math.min(w, h) / (2 ** 32 - 1))", [box["width"], box["height"]])
    assert viewer.seen((-0.5, -0.5, zoom), (-2**31, -2**31), (2**31 - 1, 2**31 - 1), (2**31 - 1, -2**31), (0, 0)) == [SKY, ORANGE, SKY, OTHER]


def test_64_features(viewer, connection):
    view = (35, 35, 3)
    rules = {0: SKY, 31: ORANGE, 32: GREEN, 63: "cc79a7"}
    viewer.open("#study=wide&sample=bits&view=35,35,3" + "".join(f"&rule={colour}:F{bit}" for bit, colour in rules.items()))
    places = [(bit % 8 * 10, bit // 8 * 10) for bit in range(64)]
    assert viewer.seen(view, *places) == [rules.get(bit, OTHER) for bit in range(64)]
    assert viewer.legend == {"F0+": 2, "F31+": 1, "F32+": 1, "F63+": 1, "no rule": 60, "total": 65}   # all 64 in the last cell
    viewer.open("#study=wide&sample=bits&rule=56b4e9:F63:F31&rule=e69f00::F0,F32,F31")
    assert viewer.legend["F63+ F31-"] == cell_count(connection, "wide", "bits", -2**63, 2**31) == 1
    assert viewer.legend["F0- F32- F31-"] == 60
    viewer.page.mouse.move(*viewer.spot(63 % 8 * 10, 70, view))
    viewer.open("#study=wide&sample=bits&view=200,200,5")
    viewer.page.mouse.move(*viewer.spot(200, 200, (200, 200, 5)))
    expect(viewer.page.locator("#tooltip")).to_contain_text("F31, F32, ")
    expect(viewer.page.locator("#tooltip")).to_contain_text("F62, F63")


# ---- Rules

def test_default_rules(viewer, connection):
    viewer.open("#study=lab&sample=large")
    frequency = [cell_count(connection, "lab", "large", 1 << bit) for bit in range(3)]
    names = ["CD3", "CD8", "A & B"]
    chosen = sorted((count, name) for count, name in zip(frequency, names, strict=True) if 0 < count < 500_000)
    assert [name for name in viewer.legend][:-2] == [f"{name}+" for _, name in chosen]
    viewer.open("#study=wide&sample=bits")   # all equally rare
    assert len(viewer.legend) == 6 + 2
    viewer.open("#study=few&sample=one")     # positive in all cells
    assert set(viewer.legend) == {"no rule", "total"}


def test_rules_are_changed(viewer, connection):
    viewer.open(CORNERS + "&rule=")
    assert viewer.seen(VIEW, *PLACES) == [OTHER] * 4
    viewer.add(["A"])
    assert viewer.seen(VIEW, *PLACES) == [SKY, OTHER, SKY, OTHER]
    assert viewer.legend == {"A+": cell_count(connection, "few", "corners", 1), "no rule": 2, "total": 4}
    viewer.page.get_by_label("And not for").select_option(label="B")
    assert viewer.seen(VIEW, *PLACES) == [SKY, OTHER, OTHER, OTHER]
    assert viewer.legend == {"A+ B-": cell_count(connection, "few", "corners", 1, 2), "no rule": 3, "total": 4}
    viewer.add(["B"])
    assert viewer.seen(VIEW, *PLACES) == [SKY, ORANGE, ORANGE, OTHER]
    assert list(viewer.legend) == ["B+", "A+ B-", "no rule", "total"]
    viewer.page.get_by_role("button", name="Remove A+").or_(viewer.page.get_by_role("button", name="Remove B+", exact=True)).first.click()
    assert viewer.legend == {"No features yet": 0, "A+ B-": 1, "no rule": 3, "total": 4}
    viewer.page.get_by_role("button", name="Remove rule").click()
    assert viewer.legend == {"A+ B-": 1, "no rule": 3, "total": 4}
    assert viewer.hash["rule"] == [f"{SKY}:A:B"]


def test_a_feature_is_not_both(viewer):
    viewer.open(CORNERS + "&rule=")
    viewer.add(["A", "B"], ["A"])
    assert list(viewer.legend)[0] == "B+ A-"


def test_order_and_colour(viewer):
    viewer.open(CORNERS + f"&rule={SKY}:A&rule={ORANGE}:B")
    page = viewer.page
    assert viewer.seen(VIEW, (0, 100)) == [SKY]
    page.get_by_role("button", name="A+", exact=True).click()
    page.get_by_role("button", name="Move A+ down").click()
    assert list(viewer.legend) == ["B+", "A+", "no rule", "total"]
    assert viewer.seen(VIEW, (0, 100)) == [ORANGE]
    expect(page.get_by_role("button", name="A+", exact=True)).to_be_focused()
    page.get_by_role("button", name="Move A+ up").click()
    page.get_by_label("Colour of A+").fill("#123456")
    assert viewer.seen(VIEW, (0, 100)) == ["123456"]
    assert viewer.hash["rule"] == ["123456:A", f"{ORANGE}:B"]
    assert viewer.legend == {"A+": 2, "B+": 1, "no rule": 1, "total": 4}


def test_at_most_16_rules(viewer):
    viewer.open(CORNERS + "&rule=")
    for _ in range(16):
        viewer.add()
    expect(viewer.page.get_by_role("button", name="Add rule")).to_be_disabled()
    colours = viewer.page.locator("#rules input").evaluate_all("inputs => inputs.map(({ value }) => value)")
    assert len(set(colours)) == 16


def test_sixteenth_rule(viewer):
    viewer.open(CORNERS + f"&rule={SKY}:" * 15 + f"&rule={ORANGE}:B")
    assert viewer.seen(VIEW, *PLACES) == [OTHER, ORANGE, ORANGE, OTHER]


def test_others_are_hidden(viewer):
    viewer.open(CORNERS + RULES)
    viewer.page.get_by_label("Hide cells of no rule").check()
    assert viewer.seen(VIEW, *PLACES) == [SKY, ORANGE, ORANGE, NOTHING]
    assert viewer.legend["no rule"] == 1   # still counted
    viewer.page.mouse.move(*viewer.spot(100, 100, VIEW))
    viewer.frames()
    expect(viewer.page.locator("#tooltip")).to_be_hidden()
    assert viewer.hash["other"] == ["hidden"]
    viewer.page.get_by_label("Hide cells of no rule").uncheck()
    assert viewer.seen(VIEW, (100, 100)) == [OTHER]


def test_point_size(viewer):
    viewer.open(CORNERS + RULES)
    x, y = viewer.spot(0, 0, VIEW)
    assert viewer.colours((x + 20, y)) == [NOTHING]
    viewer.page.get_by_label("Point size").fill("3")
    assert viewer.colours((x + 20, y)) == [SKY]
    assert viewer.hash["size"] == ["3"]


def test_zoomed_out_points_stay_visible(viewer):
    viewer.open(f"#study=lab&sample=small&view=500,0,-2&rule={SKY}:")   # a line of cells, four in a screen pixel
    x, y = viewer.spot(500, 0, (500, 0, -2))
    assert viewer.colours((x - 50, y), (x + 50, y), (x, y + 4)) == [OTHER, OTHER, NOTHING]


# ---- Pointing

def test_tooltip(viewer):
    viewer.open(CORNERS + RULES)
    page, tooltip = viewer.page, viewer.page.locator("#tooltip")
    x, y = viewer.spot(0, 100, VIEW)
    page.mouse.move(x + 5, y - 4)
    expect(tooltip).to_have_text("Cell at position 2x 0, y 100\npositive for A, B")
    page.mouse.move(x + 30, y)
    expect(tooltip).to_be_hidden()
    page.mouse.move(*viewer.spot(100, 100, VIEW))
    expect(tooltip).to_have_text("Cell at position 3x 100, y 100\npositive for no feature")
    page.mouse.move(*viewer.spot(1000, 100, VIEW))   # the panel
    expect(tooltip).to_be_hidden()


def test_tap(browser, service, slides):
    context = browser.new_context(viewport={"width": 420, "height": 800}, has_touch=True)
    viewer = Viewer(context.new_page(), service.url).open("#study=few&sample=corners&view=50,50,1")
    viewer.page.touchscreen.tap(*viewer.spot(0, 100, (50, 50, 1)))
    expect(viewer.page.locator("#tooltip")).to_contain_text("Cell at position 2")
    viewer.page.touchscreen.tap(*viewer.spot(50, 50, (50, 50, 1)))
    expect(viewer.page.locator("#tooltip")).to_be_hidden()
    context.close()
    assert viewer.errors == []


def test_mouse_pans_and_zooms(viewer):
    viewer.open(CORNERS + RULES)
    page = viewer.page
    x, y = viewer.spot(50, 50, VIEW)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y)   # far enough to be no click
    page.mouse.move(x + 100, y + 40, steps=5)
    page.mouse.up()
    assert [float(number) for number in viewer.hash["view"][0].split(",")] == pytest.approx([30, 40, 2], abs=1)
    x, y = viewer.spot(0, 0, (30, 40, 2))
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    view = tuple(float(number) for number in viewer.hash["view"][0].split(","))
    assert view[2] > 2.3
    assert viewer.spot(0, 0, view) == pytest.approx((x, y), abs=3)   # what the mouse points at stays there
    page.mouse.move(400, 300)
    assert viewer.colours((x, y)) == [SKY]


# ---- Link

def test_link_restores(viewer):
    viewer.open("#study=few&sample=corners")
    assert "view" not in viewer.hash   # the whole slide, on any screen
    viewer.add(["A"], ["B"])
    viewer.page.get_by_label("Hide cells of no rule").check()
    viewer.page.get_by_role("button", name="Zoom out").click()
    viewer.page.locator("#slide").focus()
    viewer.page.keyboard.press("ArrowRight")
    link, legend = viewer.raw_hash, viewer.legend
    view = tuple(float(number) for number in viewer.hash["view"][0].split(","))
    assert "A+ B-" in legend
    viewer.open("#" + link)
    assert viewer.raw_hash == link
    assert viewer.legend == legend
    assert viewer.page.get_by_label("Hide cells of no rule").is_checked()
    assert viewer.seen(view, (0, 0), (100, 100))[1] == NOTHING
    assert viewer.seen(view, (0, 0))[0] == SKY


def test_back_and_forward(viewer):
    viewer.open("#study=few&sample=one")
    viewer.raw_hash
    viewer.page.get_by_label("Sample").select_option("corners")
    viewer.page.wait_for_selector("#slide[data-state=ready][data-drawn='4']")
    viewer.raw_hash
    viewer.page.go_back()
    viewer.page.wait_for_selector("#slide[data-state=ready][data-drawn='1']")
    expect(viewer.page.get_by_label("Sample")).to_have_value("one")
    viewer.page.go_forward()
    viewer.page.wait_for_selector("#slide[data-state=ready][data-drawn='4']")


def test_pasted_link(viewer):
    viewer.open(CORNERS + RULES)
    with viewer.page.expect_event("framenavigated"):
        viewer.page.evaluate(f"location.hash = 'study=few&sample=corners&view=0,0,4&rule={GREEN}:A&other=hidden'")
    viewer.frames()
    assert viewer.seen((0, 0, 4), (0, 0)) == [GREEN]
    assert list(viewer.legend) == ["A+", "no rule", "total"]
    assert viewer.page.get_by_label("Hide cells of no rule").is_checked()


def test_odd_names(viewer):
    viewer.open("#study=odd&rule=")
    for name in ODD:
        viewer.add([name])
    legend = viewer.legend
    # As they are, not as the browser shows them, which joins spaces.
    names = viewer.page.locator("#rules .name").evaluate_all("all => all.map(name => name.textContent)")
    assert names == [f"{name}+" for name in reversed(ODD)]
    assert list(legend.values()) == [1] * len(ODD) + [0, len(ODD)]
    link = viewer.raw_hash
    viewer.open("#" + link)
    assert viewer.page.locator("#rules .name").evaluate_all("all => all.map(name => name.textContent)") == names
    assert viewer.raw_hash == link
    expect(viewer.page.get_by_label("Sample")).to_have_value("S 1/2 & <i>")
    viewer.page.locator("#slide").focus()
    viewer.page.keyboard.press("0")
    box = viewer.page.locator("#slide").bounding_box()
    viewer.page.mouse.move(box["x"] + box["width"] * 0.04, box["y"] + box["height"] / 2)
    expect(viewer.page.locator("#tooltip")).to_contain_text("positive for <b>")
    assert viewer.page.locator("#tooltip b, #panel b, #panel i").count() == 0


def test_unknown_features_in_the_link(viewer):
    viewer.open(CORNERS + f"&rule={SKY}:A:%3Cb%3E&rule={ORANGE}:B")
    assert "The rule “A+ <b>-” of the link is left out: the study “few” has no feature <b>." in viewer.alerts
    assert list(viewer.legend) == ["B+", "no rule", "total"]
    viewer.page.get_by_role("button", name="Dismiss").click()
    expect(viewer.page.locator("[role=alert]")).to_have_count(0)


def test_broken_link(viewer):
    viewer.open("#study=few&sample=corners&view=1,2&rule=%E0%A4%A&size=99&what")
    for part in "view=1,2", "%E0%A4%A", "size=99", "what":
        assert part in viewer.alerts
    assert viewer.drawn == 4


def test_unknown_study_and_sample(viewer):
    viewer.open("#study=nope&sample=corners", "error")
    assert "There is no study “nope”." in viewer.alerts
    viewer.page.get_by_label("Study").select_option("few")
    viewer.wait()
    viewer.open("#study=few&sample=nope", "error")
    assert "has no sample “nope”" in viewer.alerts
    viewer.page.get_by_label("Sample").select_option("corners")
    viewer.wait()
    expect(viewer.page.locator("[role=alert]")).to_have_count(0)


def test_far_view_is_held(viewer):
    viewer.open("#study=few&sample=corners&view=50,50,1e9")
    assert float(viewer.hash["view"][0].split(",")[2]) < 20
    viewer.open("#study=few&sample=corners&view=-1e300,1e300,0")
    viewer.page.get_by_role("button", name="Fit the slide").click()
    assert "view" not in viewer.hash


# ---- Keyboard

def test_everything_is_reached_by_tab(viewer):
    viewer.open(CORNERS + RULES)
    page = viewer.page
    page.get_by_role("button", name="A+ B-", exact=True).click()
    controls = page.evaluate("document.querySelectorAll('canvas, button:enabled, select:enabled, input:enabled').length")
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(controls + 1):   # past the end of the page once
        page.keyboard.press("Tab")
        reached.append(page.evaluate("""() => {
            const { activeElement: element } = document, { outlineStyle, outlineWidth } = getComputedStyle(element);
            element.dataset.reached = "";
            return [element.tagName, outlineStyle, parseFloat(outlineWidth)];
        }"""))
    assert page.evaluate("document.querySelectorAll(':not(body)[data-reached]').length") == controls
    assert [control for control in reached if control[0] != "BODY" and (control[1] != "solid" or control[2] < 2)] == []
    # Each has a name.
    unnamed = page.locator("button, select, input, canvas").evaluate_all("""elements => elements.filter(element =>
        !element.ariaLabel && !element.labels?.length && !element.textContent.trim()).map(element => element.outerHTML)""")
    assert unnamed == []


def test_keyboard(viewer):
    viewer.open(CORNERS + RULES)
    page = viewer.page
    height = page.locator("#slide").bounding_box()["height"]
    page.locator("#slide").focus()

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)
        return tuple(float(number) for number in viewer.hash["view"][0].split(","))

    step = 0.1 * height / 4
    assert press("ArrowRight") == pytest.approx((50 + step, 50, 2), abs=0.1)
    assert press("ArrowLeft", "ArrowDown") == pytest.approx((50, 50 + step, 2), abs=0.1)
    assert press("ArrowUp", "Shift+ArrowUp") == pytest.approx((50, 50 - 5 * step, 2), abs=0.1)
    assert press("Shift+ArrowDown", "+") == pytest.approx((50, 50, 2.5), abs=0.1)
    assert press("-", "-") == pytest.approx((50, 50, 1.5), abs=0.1)
    page.keyboard.press("0")
    assert "view" not in viewer.hash


def test_keyboard_reads_out(viewer):
    viewer.open(CORNERS + RULES)
    viewer.page.locator("#slide").focus()
    for _ in range(3):
        viewer.page.keyboard.press("ArrowRight")
        viewer.page.keyboard.press("ArrowDown")
    spoken = viewer.page.locator("[aria-live=polite]")
    expect(spoken).to_have_text("Nearest to the centre: Cell at position 3, x 100, y 100\npositive for no feature")
    for _ in range(8):
        viewer.page.keyboard.press("Shift+ArrowDown")
    expect(spoken).to_have_text("No cell near the centre.")


def test_keys_with_modifiers_are_the_browsers(viewer):
    viewer.open(CORNERS + RULES)
    viewer.page.locator("#slide").focus()
    viewer.page.keyboard.press("Control+ArrowRight")
    assert viewer.hash["view"] == ["50,50,2"]


def test_narrow_window(viewer):
    viewer.page.set_viewport_size({"width": 360, "height": 640})
    viewer.open("#study=few&sample=corners" + RULES)
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert viewer.page.locator("#slide").bounding_box()["height"] >= 260
    viewer.page.get_by_label("Hide cells of no rule").check()   # scrolls there
    viewer.page.set_viewport_size({"width": 1280, "height": 800})
    viewer.frames()
    assert "view" not in viewer.hash   # the slide still fits


# ---- Loading

def slow(viewer, bytes_a_second: int):
    session = viewer.page.context.new_cdp_session(viewer.page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": bytes_a_second, "uploadThroughput": -1})
    return session


def test_progress_and_cancelling(viewer):
    viewer.open("#study=few&sample=corners")
    aborted = []
    viewer.page.on("requestfailed", lambda request: aborted.append(request.url))
    session = slow(viewer, 1_000_000)
    viewer.page.get_by_label("Study").select_option("lab")
    bar = viewer.page.locator("#bar")
    seen = []
    while len(seen) < 5:
        viewer.page.wait_for_timeout(100)
        value = bar.get_attribute("value")
        if value and value not in map(str, seen):
            assert bar.get_attribute("max") == "16000004"
            seen.append(int(value))
    assert seen == sorted(seen) and 0 < seen[0] < seen[-1] < 16_000_004
    assert re.fullmatch(r"Loading large: \d+\.\d of 16\.0 MB", viewer.page.inner_text("#progress label"))
    assert viewer.page.locator("#slide").get_attribute("data-state") == "loading"
    assert viewer.drawn == 0
    viewer.page.get_by_label("Sample").select_option("small")
    viewer.wait()
    assert viewer.drawn == 1000
    assert [url for url in aborted if "sample=large" in url]
    session.send("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    viewer.page.wait_for_timeout(500)
    assert viewer.drawn == 1000
    expect(viewer.page.locator("[role=alert]")).to_have_count(0)
    expect(viewer.page.locator("#progress")).to_be_hidden()


# ---- What can fail

def test_503(viewer):
    viewer.expected = [NOT_LOADED]
    said = viewer.broken(PAYLOAD, **problem(503, "The database cannot answer now."))
    assert "503" in said and "The database cannot answer now." in said
    viewer.recovers()


def test_status_without_problem(viewer):
    viewer.expected = [NOT_LOADED]
    assert "502" in viewer.broken(PAYLOAD, status=502, body="<h1>Bad gateway</h1>", content_type="text/html")
    viewer.recovers()


def test_detail_and_hint(viewer):
    viewer.expected = [NOT_LOADED]
    said = viewer.broken(re.compile("/samples/"), **problem(403, "permission denied for table <b>", hint="Ask the owner."))
    assert "403" in said and "permission denied for table <b>" in said and "Ask the owner." in said


def test_cells_that_are_gone(viewer, connection):
    """Between the list of samples and the request of the payload."""
    viewer.expected = [NOT_LOADED]
    with viewer.answering(re.compile("/samples/"), json={"samples": ["gone"]}):
        viewer.open("#study=few&sample=gone", "error")
    assert 'sample "gone" of study "few" has no cells' in viewer.alerts


@pytest.mark.parametrize("body", [b"", b"abc", b"\x02\0\0\0" + 20 * b"\0", b"<!doctype html>" + 100 * b" ", b"\x01\0\0\0" + 17 * b"\0"],
                         ids=["empty", "short", "truncated", "html", "long"])
def test_no_payload(viewer, body):
    assert "no complete payload" in viewer.broken(PAYLOAD, body=body)
    viewer.recovers()


def test_truncated_transfer(viewer, service):
    """The connection ends before Content-Length."""
    viewer.expected = [NOT_LOADED, "ERR_"]
    payload = service.data("few", "corners", "compact").body
    viewer.page.route(PAYLOAD, lambda route: route.fulfill(body=payload[:-8], headers={"Content-Length": str(len(payload))}))
    viewer.open("#study=few&sample=corners", "error")
    assert re.search("no complete payload|did not arrive", viewer.alerts)
    viewer.page.unroute(PAYLOAD)
    viewer.recovers()


@pytest.mark.parametrize("url", ["/study-names/", "/samples/", "/cell-data-binary-feature-names/"])
@pytest.mark.parametrize("body", ["<html>", "{}", "[1]", '{"names": [{"symbol": "A"}, {"symbol": "A"}]}'])
def test_not_the_json_that_it_should_be(viewer, url, body):
    assert "What arrived as" in viewer.broken(re.compile(url), body=body, content_type="application/json")
    viewer.recovers()


def test_no_connection(viewer):
    viewer.expected = [NOT_LOADED]
    viewer.open("#study=few&sample=one")
    viewer.page.context.set_offline(True)
    viewer.page.get_by_label("Sample").select_option("corners")
    viewer.wait("error")
    assert "The connection failed" in viewer.alerts
    viewer.page.context.set_offline(False)
    viewer.recovers()


def test_connection_breaks(viewer):
    viewer.expected = [NOT_LOADED]
    viewer.page.route(PAYLOAD, lambda route: route.abort("connectionreset"))
    viewer.open("#study=few&sample=corners", "error")
    assert "The connection failed: the cells of corners did not arrive." in viewer.alerts
    viewer.page.unroute(PAYLOAD)
    viewer.recovers()


def test_no_studies(viewer):
    assert "There are no studies." in viewer.broken(re.compile("/study-names/"), json=[])


def test_no_samples(viewer):
    with viewer.answering(re.compile("/samples/"), json={"samples": []}):
        viewer.open("#study=few", "error")
    assert "has no samples" in viewer.alerts


def test_no_cells(viewer):
    with viewer.answering(PAYLOAD, body=bytes(4)):
        viewer.open("#study=few&sample=corners")
    assert "has no cells" in viewer.alerts
    assert viewer.legend["total"] == 0


def test_no_webgl(viewer):
    viewer.page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    viewer.open("", "error")
    assert "no WebGL 2" in viewer.alerts


def test_context_lost(viewer):
    viewer.open(CORNERS + RULES)
    viewer.page.evaluate("document.querySelector('#slide').getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()")
    viewer.wait("error")
    assert "The graphics card stopped drawing." in viewer.alerts
    viewer.recovers()
    assert viewer.seen(VIEW, *PLACES) == [SKY, ORANGE, ORANGE, OTHER]
    viewer.page.locator("#slide").focus()
    viewer.page.keyboard.press("ArrowLeft")
    expect(viewer.page.locator("[aria-live=polite]")).to_contain_text("Nearest to the centre")


def test_graphics_memory(viewer):
    """WebGL has no way to run out of memory for a test; this is what it says then."""
    viewer.page.add_init_script("""
        const { bufferData, getError } = WebGL2RenderingContext.prototype;
        let full = false;
        WebGL2RenderingContext.prototype.bufferData = function (...all) { full ||= all[1] === 64; bufferData.apply(this, all); };
        WebGL2RenderingContext.prototype.getError = function () { return full ? this.OUT_OF_MEMORY : getError.call(this); };
    """)
    viewer.open("#study=few&sample=corners", "error")
    assert "too large for the graphics memory" in viewer.alerts


@pytest.mark.parametrize("part", ["js", "css"])
def test_parts_do_not_arrive(viewer, part):
    viewer.expected = [NOT_LOADED]
    viewer.page.route(re.compile(rf"\.{part}$"), lambda route: route.abort())
    viewer.page.goto(viewer.url)
    assert "A part of the viewer did not arrive." in viewer.alerts


def test_content_security_policy(viewer):
    """The page works under it, and it is in force."""
    viewer.page.add_init_script("window.refused = []; addEventListener('securitypolicyviolation', event => refused.push(event.violatedDirective))")
    viewer.open(CORNERS + RULES)
    viewer.add(["A"])
    viewer.page.mouse.move(*viewer.spot(0, 0, VIEW))
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
    assert set(viewer.page.evaluate("refused")) == {"script-src-elem", "style-src-attr", "img-src", "connect-src"}
    assert viewer.page.evaluate("window.ran") is None


def test_faults_are_told(viewer):
    viewer.open(CORNERS)
    viewer.expected = ["deliberate"]
    viewer.page.evaluate("() => { setTimeout(() => { throw new Error('deliberate') }) }")
    assert "The viewer has a fault." in viewer.alerts and "deliberate" in viewer.alerts


def test_fewer_cells_while_many_move(viewer):
    """Without a graphics card all take too long. When the view rests, all are there."""
    viewer.open("#study=lab&sample=large")
    viewer.page.evaluate("""() => {
        const slide = document.querySelector("#slide");
        window.seen = [];
        new MutationObserver(() => window.seen.push(Number(slide.dataset.drawn))).observe(slide, {attributeFilter: ["data-drawn"]});
    }""")
    viewer.page.locator("#slide").focus()
    deadline = time.monotonic() + 30
    while not viewer.page.evaluate("window.seen.length") and time.monotonic() < deadline:
        viewer.page.keyboard.press("ArrowRight")   # the first frame of all cells tells how long one takes
        viewer.frames(1)
    expect(viewer.page.locator("#slide")).to_have_attribute("data-drawn", "1000000")
    seen = viewer.page.evaluate("window.seen")
    assert 125_000 in seen and seen[-1] == 1_000_000


def test_options_without_a_slide(viewer):
    """Before there are cells, and after a failure, there is nothing to colour."""
    viewer.open("#study=nowhere", "error")
    viewer.page.get_by_label("Hide cells of no rule").click()
    viewer.page.mouse.move(300, 300)
    viewer.frames()
    assert viewer.page.locator("[role=alert]").count() == 1


def test_features_by_keyboard(viewer):
    """A closed list changes with each key: what was passed over is not added."""
    viewer.open("#study=wide&sample=bits&rule=56b4e9:")
    page = viewer.page
    page.locator("#rules .name").click()
    page.get_by_label("Positive for").focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#rules .name")).to_contain_text("F2+")
    page.get_by_label("And not for").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator("#rules .name")).to_contain_text("F2+ F0-")
    assert viewer.hash["rule"] == ["56b4e9:F2:F0"]
