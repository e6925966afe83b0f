"""The rules of the panel: their colours, counts and order."""

from playwright.sync_api import expect
from viewer_page import (
    CORNERS, NOTHING, NOT_LOADED, ORANGE, OTHER, PLACES, RULES, SKY, VIEW, cell_count)


def test_default_rules(viewer, connection):
    viewer.open("#study=lab&sample=small")
    counts = {name: cell_count(connection, "lab", "small", 1 << bit)
              for bit, name in enumerate(["CD3", "CD8", "A & B"])}
    rarest_first = sorted((count, name) for name, count in counts.items() if 0 < count < 500)
    assert list(viewer.legend)[:-2] == [f"{name}+" for _, name in rarest_first]


def test_default_rules_of_equally_rare_features(viewer):
    viewer.open("#study=wide&sample=bits")
    assert len(viewer.legend) == 6 + 2


def test_no_default_rule_for_a_feature_of_all_cells(viewer):
    viewer.open("#study=few&sample=one")
    assert set(viewer.legend) == {"no rule", "total"}


def test_rules_are_added_changed_and_removed(viewer, connection):
    viewer.open(CORNERS + "&rule=")
    assert viewer.seen(VIEW, *PLACES) == [OTHER] * 4
    viewer.add_rule(["A"])
    assert viewer.seen(VIEW, *PLACES) == [SKY, OTHER, SKY, OTHER]
    count = cell_count(connection, "few", "corners", 1)
    assert viewer.legend == {"A+": count, "no rule": 2, "total": 4}
    viewer.page.get_by_label("Negative for").select_option(label="B")
    assert viewer.seen(VIEW, *PLACES) == [SKY, OTHER, OTHER, OTHER]
    count = cell_count(connection, "few", "corners", 1, 2)
    assert viewer.legend == {"A+ B-": count, "no rule": 3, "total": 4}
    viewer.add_rule(["B"])
    assert viewer.seen(VIEW, *PLACES) == [SKY, ORANGE, ORANGE, OTHER]
    assert list(viewer.legend) == ["B+", "A+ B-", "no rule", "total"]
    viewer.button("Remove B+", exact=True).click()
    assert viewer.legend == {"No features yet": 0, "A+ B-": 1, "no rule": 3, "total": 4}
    viewer.button("Remove rule").click()
    assert viewer.legend == {"A+ B-": 1, "no rule": 3, "total": 4}
    viewer.expect_link(rule=f"{SKY}:A:B")


def test_feature_is_not_both_positive_and_negative(viewer):
    viewer.open(CORNERS + "&rule=")
    viewer.add_rule(["A", "B"], ["A"])
    assert list(viewer.legend)[0] == "B+ A-"


def test_order_and_colour(viewer):
    viewer.open(CORNERS + f"&rule={SKY}:A&rule={ORANGE}:B")
    assert viewer.seen(VIEW, (0, 100)) == [SKY]
    name = viewer.button("A+", exact=True)
    name.click()
    viewer.button("Move A+ down").click()
    assert list(viewer.legend) == ["B+", "A+", "no rule", "total"]
    assert viewer.seen(VIEW, (0, 100)) == [ORANGE]
    expect(name).to_be_focused()
    viewer.button("Move A+ up").click()
    viewer.page.get_by_label("Colour of A+").fill("#123456")
    assert viewer.seen(VIEW, (0, 100)) == ["123456"]
    viewer.expect_link(rule=["123456:A", f"{ORANGE}:B"])
    assert viewer.legend == {"A+": 2, "B+": 1, "no rule": 1, "total": 4}


def test_at_most_16_rules(viewer):
    viewer.open(CORNERS + "&rule=")
    for _ in range(16):
        viewer.add_rule()
    expect(viewer.button("Add rule")).to_be_disabled()
    colours = viewer.page.locator("#rules input").evaluate_all(
        "inputs => inputs.map(({ value }) => value)")
    assert len(set(colours)) == 16


def test_sixteenth_rule(viewer):
    viewer.open(CORNERS + f"&rule={SKY}:" * 15 + f"&rule={ORANGE}:B")
    assert viewer.seen(VIEW, *PLACES) == [OTHER, ORANGE, ORANGE, OTHER]


def test_cells_that_match_no_rule_are_hidden(viewer):
    viewer.open(CORNERS + RULES)
    viewer.hide_others.check()
    assert viewer.seen(VIEW, *PLACES) == [SKY, ORANGE, ORANGE, NOTHING]
    assert viewer.legend["no rule"] == 1   # the legend still counts them
    viewer.point_at(100, 100, VIEW)
    viewer.frames()
    expect(viewer.tooltip).to_be_hidden()
    viewer.expect_link(other="hidden")
    viewer.hide_others.uncheck()
    assert viewer.seen(VIEW, (100, 100)) == [OTHER]


def test_options_without_a_slide(viewer):
    """Before there are cells, and after an error, the options change nothing."""
    viewer.expected = [NOT_LOADED]
    viewer.open("#study=nowhere", "error")
    viewer.hide_others.click()
    viewer.page.mouse.move(300, 300)
    viewer.frames()
    assert viewer.messages.count() == 1
