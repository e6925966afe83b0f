"""The switch between the slides of a study and its UMAP."""

import re

import pytest
from harness import until
from playwright.sync_api import expect
from viewer_page import (
    NOT_LOADED, ORANGE, OTHER, PAYLOAD, SKY, UMAP_SAMPLES, VIRTUAL_SAMPLE, problem)

RULES = f"&rule={SKY}:A&rule={ORANGE}:B"
SLIDE_VIEW, UMAP_VIEW = (50, 50, 2), (0, 0, 3)
SLIDE = "#study=umap&sample=a&view=50,50,2" + RULES
UMAP = "#study=umap&sample=a&view=50,50,2&umap=0,0,3" + RULES
ON_SLIDE, ON_UMAP, ALONE = len(UMAP_SAMPLES["a"]), len(UMAP_SAMPLES[VIRTUAL_SAMPLE]), 2
SAMPLES = re.compile("/samples/")


def switch(viewer):
    return viewer.page.get_by_role("radiogroup", name="Show")


def radio(viewer, name: str):
    return viewer.page.get_by_role("radio", name=name)


def sample(viewer):
    return viewer.page.get_by_label("Sample", exact=True)


def expect_slide(viewer, name: str = "a", drawn: int = ON_SLIDE) -> None:
    viewer.wait(drawn=drawn)
    expect(radio(viewer, "Slide")).to_be_checked()
    expect(sample(viewer)).to_be_enabled()
    expect(sample(viewer)).to_have_value(name)
    assert viewer.page.title() == f"{name} · umap · Slide viewer"


def expect_umap(viewer, study: str = "umap", drawn: int = ON_UMAP) -> None:
    viewer.wait(drawn=drawn)
    expect(radio(viewer, "UMAP")).to_be_checked()
    expect(sample(viewer)).to_be_disabled()
    expect(sample(viewer)).to_have_value("All samples")
    expect(viewer.slide).to_have_attribute(
        "aria-label", f"{drawn} cells of all samples in the UMAP")
    assert viewer.page.title() == f"UMAP · {study} · Slide viewer"


# ---- The switch

def test_only_studies_with_a_umap_have_the_switch(viewer):
    viewer.open("#study=few&sample=corners")
    expect(switch(viewer)).to_have_count(0)
    viewer.choose("Study", "umap")
    viewer.wait(drawn=ON_SLIDE)
    expect(switch(viewer)).to_be_visible()
    viewer.choose("Study", "few")
    viewer.wait(drawn=4)
    expect(switch(viewer)).to_have_count(0)


def test_umap_is_no_entry_of_the_samples(viewer):
    viewer.open("#study=umap")
    expect_slide(viewer)   # the first sample that is a slide
    assert sample(viewer).locator("option").all_inner_texts() == ["a", "b"]
    viewer.expect_link(sample="a")


def test_cells_of_the_umap(viewer):
    viewer.open(SLIDE)
    radio(viewer, "UMAP").check()
    expect_umap(viewer)
    viewer.expect_link(umap="")
    viewer.open(UMAP)
    expect_umap(viewer)
    assert viewer.seen(UMAP_VIEW, (-30, 0), (30, 0), (0, 30), (-20, 0)) == [
        SKY, ORANGE, OTHER, SKY]
    assert viewer.legend == {"A+": 3, "B+": 1, "no rule": 1, "total": 5}


def test_switching_keeps_views_and_rules(viewer):
    viewer.open(SLIDE)
    viewer.add_rule(["B"], ["A"])
    viewer.hide_others.check()
    viewer.page.get_by_label("Point size").fill("2")
    parts = {"rule": ["009e73:B:A", f"{SKY}:A", f"{ORANGE}:B"], "other": "hidden", "size": "2"}
    radio(viewer, "UMAP").check()
    expect_umap(viewer)
    assert list(viewer.legend) == ["B+ A-", "A+", "B+", "no rule", "total"]
    viewer.expect_link(sample="a", view="50,50,2", umap="", **parts)
    viewer.press("+", "+")
    viewer.settled_fragment()
    umap = viewer.link["umap"]
    assert umap != [""]
    radio(viewer, "Slide").check()
    expect_slide(viewer)
    viewer.expect_link(sample="a", view="50,50,2", **parts)
    viewer.expect_link_without("umap")
    assert viewer.seen(SLIDE_VIEW, (0, 0)) == [SKY]
    radio(viewer, "UMAP").check()
    expect_umap(viewer)
    viewer.expect_link(umap=umap, **parts)


def test_switching_back_returns_to_the_sample(viewer):
    viewer.open("#study=umap&sample=b")
    radio(viewer, "UMAP").check()
    expect_umap(viewer)
    radio(viewer, "Slide").check()
    expect_slide(viewer, "b", drawn=2)
    viewer.expect_link_without("view")   # the whole slide, as before


def test_switching_while_cells_load(viewer):
    held = []
    viewer.page.route(re.compile("sample=b"), lambda route: held.append(route))
    viewer.open("#study=umap&sample=b" + RULES, "loading")
    until(lambda: viewer.page.inner_text("#progress label") == "Waiting for b …" and held)
    radio(viewer, "UMAP").check()
    expect_umap(viewer)
    held[0].continue_()   # the service answers only now
    viewer.settled_fragment()
    expect_umap(viewer)
    viewer.page.unroute(re.compile("sample=b"))
    radio(viewer, "Slide").check()
    expect_slide(viewer, "b", drawn=2)
    assert list(viewer.legend) == ["A+", "B+", "no rule", "total"]
    expect(viewer.messages).to_have_count(0)


def test_another_study_begins_with_a_slide(viewer):
    viewer.open(UMAP)
    expect_umap(viewer)
    viewer.choose("Study", "few")
    viewer.wait(drawn=4)
    viewer.expect_link(study="few", sample="corners")
    viewer.expect_link_without("umap")


def test_study_without_slides(viewer):
    viewer.open("#study=umap%20only")
    expect_umap(viewer, "umap only", ALONE)
    expect(radio(viewer, "Slide")).to_be_disabled()
    viewer.expect_link(umap="")
    viewer.choose("Study", "umap")
    expect_slide(viewer)
    expect(radio(viewer, "Slide")).to_be_enabled()


# ---- The link

def test_link_restores_the_umap(viewer):
    viewer.open(UMAP)
    expect_umap(viewer)
    assert "#" + viewer.settled_fragment() == UMAP
    radio(viewer, "Slide").check()
    expect_slide(viewer)
    assert "#" + viewer.settled_fragment() == SLIDE


def test_link_that_names_the_virtual_sample(viewer):
    viewer.open("#study=umap&sample=UMAP%20virtual%20sample&view=0,0,3" + RULES)
    expect_umap(viewer)
    viewer.expect_link(umap="0,0,3")
    viewer.expect_link_without("sample")
    assert viewer.seen(UMAP_VIEW, (-30, 0), (30, 0)) == [SKY, ORANGE]
    radio(viewer, "Slide").check()
    expect_slide(viewer)


def test_back_and_forward(viewer):
    viewer.open("#study=umap&sample=b")
    radio(viewer, "UMAP").check()
    expect_umap(viewer)
    viewer.page.go_back()
    expect_slide(viewer, "b", drawn=2)
    viewer.page.go_forward()
    expect_umap(viewer)


def test_pasted_link_of_the_same_umap(viewer):
    viewer.open(UMAP)
    with viewer.page.expect_event("framenavigated"):
        viewer.page.evaluate("link => location.hash = link",
                             f"study=umap&umap=30,0,4&rule={SKY}:B")
    viewer.frames()
    assert viewer.seen((30, 0, 4), (30, 0)) == [SKY]
    radio(viewer, "Slide").check()
    expect_slide(viewer)   # the link names no sample


# ---- Keyboard and pointer

def test_switch_by_keyboard(viewer):
    viewer.open(SLIDE)
    viewer.page.get_by_label("Study").focus()
    viewer.page.keyboard.press("Tab")
    expect(radio(viewer, "Slide")).to_be_focused()
    viewer.page.keyboard.press("ArrowRight")
    expect_umap(viewer)
    expect(radio(viewer, "UMAP")).to_be_focused()   # also while the cells were loading
    viewer.page.keyboard.press("ArrowLeft")
    expect_slide(viewer)
    expect(radio(viewer, "Slide")).to_be_focused()


def test_tooltip_has_no_coordinates_in_the_umap(viewer):
    viewer.open(UMAP)
    viewer.point_at(-30, 0, UMAP_VIEW)
    expect(viewer.tooltip).to_have_text("Cell at position 0positive for A")
    radio(viewer, "Slide").check()
    expect_slide(viewer)
    viewer.point_at(100, 0, SLIDE_VIEW)
    expect(viewer.tooltip).to_have_text("Cell at position 1x 100, y 0\npositive for B")


# ---- Failures

def test_study_without_the_umap_of_the_link(viewer):
    viewer.open("#study=few&umap=", "error")
    assert "The study “few” has no UMAP." in viewer.alerts
    expect(switch(viewer)).to_have_count(0)
    expect(sample(viewer)).to_have_value("")
    viewer.choose("Sample", "corners")
    viewer.wait(drawn=4)
    viewer.expect_link_without("umap")
    expect(viewer.messages).to_have_count(0)


def test_umap_is_deleted_before_its_cells_are_requested(viewer):
    viewer.expected = [NOT_LOADED]
    with viewer.answering(SAMPLES, json={"samples": ["corners", VIRTUAL_SAMPLE]}):
        viewer.open("#study=few&umap=", "error")
    assert f'sample "{VIRTUAL_SAMPLE}" of study "few" has no cells' in viewer.alerts
    assert "The service did not return the cells of the UMAP (status 404)." in viewer.alerts
    radio(viewer, "Slide").check()
    viewer.wait(drawn=4)
    expect(switch(viewer)).to_have_count(0)


def test_sample_is_deleted_while_the_umap_is_shown(viewer):
    viewer.open(UMAP)
    with viewer.answering(SAMPLES, json={"samples": [VIRTUAL_SAMPLE, "b"]}):
        radio(viewer, "Slide").check()
        viewer.wait("error")
    assert "The study “umap” has no sample “a”." in viewer.alerts
    sample(viewer).select_option("b")
    expect_slide(viewer, "b", drawn=2)
    expect(viewer.messages).to_have_count(0)


@pytest.mark.parametrize("leave", [False, True], ids=["again", "slide"])
def test_failed_request_for_the_umap(viewer, leave):
    viewer.expected = [NOT_LOADED]
    viewer.open(SLIDE)
    with viewer.answering(PAYLOAD, **problem(503, "The database is down.")):
        radio(viewer, "UMAP").check()
        viewer.wait("error")
    assert "unable to return the cells of the UMAP (status 503)" in viewer.alerts
    if leave:
        radio(viewer, "Slide").check()
        expect_slide(viewer)
    else:
        viewer.button("Try again").click()
        expect_umap(viewer)
    assert list(viewer.legend) == ["A+", "B+", "no rule", "total"]
    expect(viewer.messages).to_have_count(0)


def test_lost_graphics_context(viewer):
    viewer.open(UMAP)
    viewer.slide.evaluate("""slide =>
        slide.getContext("webgl2").getExtension("WEBGL_lose_context").loseContext()""")
    viewer.wait("error")
    viewer.button("Try again").click()
    expect_umap(viewer)
    assert viewer.seen(UMAP_VIEW, (-30, 0), (30, 0)) == [SKY, ORANGE]
