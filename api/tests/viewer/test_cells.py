"""The cells on the canvas: their places, colours and sizes."""

import re

import pytest
from playwright.sync_api import expect
from viewer_page import (
    CORNERS, GREEN, NOTHING, ORANGE, OTHER, PLACES, RULES, SKY, VIEW, cell_count)

SKY_AND_ORANGE = f"&rule={SKY}:A&rule={ORANGE}:B"
MEASURES = """Object.fromEntries(
    performance.getEntriesByType('measure').map(({ name, duration }) => [name, duration]))"""


def test_studies_and_samples(viewer):
    viewer.open()
    viewer.expect_link(study="few")   # the first study
    viewer.choose("Study", "lab")
    viewer.wait(drawn=1_000_000)   # the sample "large"
    viewer.choose("Sample", "small")
    viewer.wait(drawn=1_000)
    assert viewer.page.title() == "small · lab · Slide viewer"
    canvas = viewer.page.get_by_role("application", name="1,000 cells of small")
    assert canvas.is_visible()


def test_a_million_cells(viewer, connection):
    viewer.open("#study=lab&sample=large&rule=56b4e9:CD3:CD8")
    assert viewer.drawn == 1_000_000
    matching = cell_count(connection, "lab", "large", 1, 2)
    assert viewer.legend == {
        "CD3+ CD8-": matching, "no rule": 1_000_000 - matching, "total": 1_000_000}
    steps = viewer.page.evaluate(MEASURES)
    assert set(steps) == {"transfer", "decode", "upload", "draw", "first-frame"}
    assert steps["first-frame"] >= steps["transfer"] + steps["upload"] + steps["draw"]
    assert re.fullmatch(
        r"1,000,000 cells; transfer [\d,]+ ms, decode \d+ ms, upload [\d,]+ ms, draw [\d,]+ ms",
        viewer.page.inner_text("#timing"))


def test_places_of_cells(viewer):
    viewer.open(CORNERS + RULES)
    assert viewer.seen(VIEW, *PLACES, (50, 50), (-20, 0)) == [
        SKY, ORANGE, ORANGE, OTHER, NOTHING, NOTHING]
    # A point of 24 pixels is round: it does not cover the corner of its square.
    x, y = viewer.spot(0, 0, VIEW)
    assert viewer.colours((x + 9, y), (x, y + 9), (x + 10, y + 10), (x + 14, y)) == [
        SKY, SKY, NOTHING, NOTHING]


def test_first_rule_is_on_top(viewer):
    view, places = (75, 0, 2), [(x, 0) for x in (0, 50, 100, 150)]
    viewer.open(f"#study=few&sample=pairs&view=75,0,2&rule={SKY}:A&rule={ORANGE}:B")
    assert viewer.seen(view, *places) == [SKY] * 4
    viewer.open(f"#study=few&sample=pairs&view=75,0,2&rule={ORANGE}:B&rule={SKY}:A")
    assert viewer.seen(view, *places) == [SKY, SKY, ORANGE, ORANGE]


def test_one_cell(viewer):
    viewer.open(f"#study=few&sample=one&rule={SKY}:A")
    assert viewer.drawn == 1
    assert viewer.seen((1234, 567, 0), (1234, 567)) == [SKY]
    assert viewer.legend == {"A+": 1, "no rule": 0, "total": 1}


def test_negative_coordinates(viewer):
    viewer.open(f"#study=few&sample=negative&view=-100,-50,0{SKY_AND_ORANGE}")
    assert viewer.seen((-100, -50, 0), (-100, -50)) == [SKY]
    viewer.open(f"#study=few&sample=negative&view=-5000,-50,3{SKY_AND_ORANGE}")
    assert viewer.seen((-5000, -50, 3), (-5000, -50)) == [ORANGE]


@pytest.mark.parametrize("x, y, colour", [
    (-2**31, -2**31, SKY), (2**31 - 1, 2**31 - 1, ORANGE), (2**31 - 1, -2**31, SKY),
    (0, 0, OTHER)])
def test_32_bit_coordinates_are_exact(viewer, x, y, colour):
    """A point is as wide as one pixel of the slide, 32 pixels of the screen, so an error of one
    would show."""
    view = (x + 3, y - 2, 5)
    viewer.open(f"#study=few&sample=far&view={view[0]},{view[1]},5&size=0.5{SKY_AND_ORANGE}")
    assert viewer.seen(view, (x, y), (x + 1, y), (x, y - 1)) == [colour, NOTHING, NOTHING]


def test_slide_of_maximum_size(viewer):
    viewer.open(f"#study=few&sample=far&size=0.5{SKY_AND_ORANGE}")
    box = viewer.slide.bounding_box()
    zoom = viewer.page.evaluate("([w, h]) => Math.log2(0.92 * Math.min(w, h) / (2 ** 32 - 1))",
                                [box["width"], box["height"]])
    least, most = -2**31, 2**31 - 1
    places = (least, least), (most, most), (most, least), (0, 0)
    assert viewer.seen((-0.5, -0.5, zoom), *places) == [SKY, ORANGE, SKY, OTHER]


def test_64_features(viewer, connection):
    rules = {0: SKY, 31: ORANGE, 32: GREEN, 63: "cc79a7"}
    viewer.open("#study=wide&sample=bits&view=35,35,3"
                + "".join(f"&rule={colour}:F{bit}" for bit, colour in rules.items()))
    places = [(bit % 8 * 10, bit // 8 * 10) for bit in range(64)]
    assert viewer.seen((35, 35, 3), *places) == [rules.get(bit, OTHER) for bit in range(64)]
    # The last cell is positive for all features.
    assert viewer.legend == {
        "F0+": 2, "F31+": 1, "F32+": 1, "F63+": 1, "no rule": 60, "total": 65}


def test_rules_and_tooltip_of_the_highest_bits(viewer, connection):
    viewer.open(f"#study=wide&sample=bits&view=200,200,5&rule={SKY}:F63:F31"
                f"&rule={ORANGE}::F0,F32,F31")
    matching = cell_count(connection, "wide", "bits", -2**63, 2**31)
    assert viewer.legend["F63+ F31-"] == matching == 1
    assert viewer.legend["F0- F32- F31-"] == 60
    viewer.point_at(200, 200, (200, 200, 5))
    expect(viewer.tooltip).to_contain_text("F31, F32, ")
    expect(viewer.tooltip).to_contain_text("F62, F63")


def test_point_size(viewer):
    viewer.open(CORNERS + RULES)
    x, y = viewer.spot(0, 0, VIEW)
    assert viewer.colours((x + 20, y)) == [NOTHING]
    viewer.page.get_by_label("Point size").fill("3")
    assert viewer.colours((x + 20, y)) == [SKY]
    viewer.expect_link(size="3")


def test_points_stay_visible_when_zoomed_out(viewer):
    # A line of cells, four in a pixel of the screen; the rule matches none.
    viewer.open(f"#study=lab&sample=small&view=500,0,-2&rule={SKY}:")
    x, y = viewer.spot(500, 0, (500, 0, -2))
    assert viewer.colours((x - 50, y), (x + 50, y), (x, y + 4)) == [OTHER, OTHER, NOTHING]


def test_fewer_cells_are_drawn_while_many_move(viewer):
    """Without a graphics card, all cells take too long. They are drawn when the view rests."""
    viewer.open("#study=lab&sample=large")
    viewer.page.evaluate("""() => {
        const slide = document.querySelector("#slide");
        window.seen = [];
        new MutationObserver(() => window.seen.push(Number(slide.dataset.drawn)))
            .observe(slide, {attributeFilter: ["data-drawn"]});
    }""")
    viewer.slide.focus()
    for _ in range(100):   # the first frame of all cells measures how long a frame takes
        viewer.press("ArrowRight")
        viewer.frames(1)
        if viewer.page.evaluate("window.seen.length"):
            break
    expect(viewer.slide).to_have_attribute("data-drawn", "1000000")
    seen = viewer.page.evaluate("window.seen")
    assert 125_000 in seen and seen[-1] == 1_000_000
