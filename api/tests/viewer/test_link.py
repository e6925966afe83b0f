"""The link in the address: it restores what the page shows, and reports what it cannot restore."""

from playwright.sync_api import expect
from viewer_page import CORNERS, GREEN, NOTHING, NOT_LOADED, ODD, ORANGE, RULES, SKY


def test_link_restores_the_page(viewer):
    viewer.open("#study=few&sample=corners")
    viewer.expect_link_without("view")   # the whole slide on any screen
    viewer.add_rule(["A"], ["B"])
    viewer.hide_others.check()
    viewer.button("Zoom out").click()
    viewer.press("ArrowRight")
    link, legend = viewer.settled_fragment(), viewer.legend
    view = viewer.view_when(lambda _: True)
    assert "A+ B-" in legend
    viewer.open("#" + link)
    assert viewer.settled_fragment() == link
    assert viewer.legend == legend
    assert viewer.hide_others.is_checked()
    assert viewer.seen(view, (0, 0), (100, 100)) == [SKY, NOTHING]


def test_back_and_forward(viewer):
    viewer.open("#study=few&sample=one")
    viewer.choose("Sample", "corners")
    viewer.wait(drawn=4)
    viewer.page.go_back()
    viewer.wait(drawn=1)
    expect(viewer.page.get_by_label("Sample")).to_have_value("one")
    viewer.page.go_forward()
    viewer.wait(drawn=4)


def test_pasted_link(viewer):
    viewer.open(CORNERS + RULES)
    link = f"study=few&sample=corners&view=0,0,4&rule={GREEN}:A&other=hidden"
    with viewer.page.expect_event("framenavigated"):
        viewer.page.evaluate("link => location.hash = link", link)
    viewer.frames()
    assert viewer.seen((0, 0, 4), (0, 0)) == [GREEN]
    assert list(viewer.legend) == ["A+", "no rule", "total"]
    assert viewer.hide_others.is_checked()


def test_names_with_special_characters(viewer):
    def names() -> list[str]:
        """With all spaces, which the screen joins."""
        return viewer.page.locator("#rules .name").evaluate_all(
            "all => all.map(name => name.textContent)")
    viewer.open("#study=odd&rule=")
    for name in ODD:
        viewer.add_rule([name])
    assert names() == [f"{name}+" for name in reversed(ODD)]
    assert list(viewer.legend.values()) == [1] * len(ODD) + [0, len(ODD)]
    link = viewer.settled_fragment()
    viewer.open("#" + link)
    assert names() == [f"{name}+" for name in reversed(ODD)]
    assert viewer.settled_fragment() == link
    expect(viewer.page.get_by_label("Sample")).to_have_value("S 1/2 & <i>")
    viewer.press("0")
    box = viewer.slide.bounding_box()
    viewer.page.mouse.move(box["x"] + box["width"] * 0.04, box["y"] + box["height"] / 2)
    expect(viewer.tooltip).to_contain_text("positive for <b>")
    assert viewer.page.locator("#tooltip b, #panel b, #panel i").count() == 0


def test_unknown_features_in_the_link(viewer):
    viewer.open(CORNERS + f"&rule={SKY}:A:%3Cb%3E&rule={ORANGE}:B")
    assert ("The rule “A+ <b>-” of the link was ignored: the study “few” has no feature <b>."
            in viewer.alerts)
    assert list(viewer.legend) == ["B+", "no rule", "total"]
    viewer.button("Dismiss").click()
    expect(viewer.messages).to_have_count(0)


def test_broken_link(viewer):
    viewer.open("#study=few&sample=corners&view=1,2&rule=%E0%A4%A&size=99&what")
    for part in "view=1,2", "%E0%A4%A", "size=99", "what":
        assert f"{part}” of the link was ignored" in viewer.alerts
    assert viewer.drawn == 4


def test_study_that_is_not_listed(viewer):
    viewer.open("#study=few&sample=one")
    studies = viewer.page.get_by_label("Study")
    assert "unlisted" not in studies.locator("option").all_inner_texts()
    viewer.open("#study=unlisted")
    viewer.wait(drawn=2)
    expect(studies).to_have_value("unlisted")
    viewer.choose("Study", "few")
    viewer.wait(drawn=4)
    assert "unlisted" not in studies.locator("option").all_inner_texts()


def test_unknown_study(viewer):
    viewer.expected = [NOT_LOADED]
    viewer.open("#study=nope&sample=corners", "error")
    assert "There is no study “nope”." in viewer.alerts
    viewer.choose("Study", "few")
    viewer.wait()
    expect(viewer.messages).to_have_count(0)


def test_unknown_sample(viewer):
    viewer.open("#study=few&sample=nope", "error")
    assert "has no sample “nope”" in viewer.alerts
    viewer.choose("Sample", "corners")
    viewer.wait()
    expect(viewer.messages).to_have_count(0)


def test_view_out_of_range(viewer):
    viewer.open("#study=few&sample=corners&view=50,50,1e9")
    viewer.view_when(lambda view: view[2] < 20)
    viewer.open("#study=few&sample=corners&view=-1e300,1e300,0")
    viewer.button("Zoom to fit").click()
    viewer.expect_link_without("view")
