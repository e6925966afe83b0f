"""Mouse, touch and keyboard: the tooltip, pan and zoom, focus, and text for screen readers."""

import pytest
from playwright.sync_api import expect
from viewer_page import CORNERS, RULES, SKY, VIEW, WINDOW, Viewer


# ---- Mouse and touch

def test_tooltip(viewer):
    viewer.open(CORNERS + RULES)
    x, y = viewer.spot(0, 100, VIEW)
    viewer.page.mouse.move(x + 5, y - 4)
    expect(viewer.tooltip).to_have_text("Cell at position 2x 0, y 100\npositive for A, B")
    viewer.page.mouse.move(x + 30, y)
    expect(viewer.tooltip).to_be_hidden()
    viewer.point_at(100, 100, VIEW)
    expect(viewer.tooltip).to_have_text(
        "Cell at position 3x 100, y 100\npositive for no feature")
    viewer.page.mouse.move(WINDOW["width"] - 100, 300)   # the panel
    expect(viewer.tooltip).to_be_hidden()


def test_tap(browser, service, slides):
    window, view = {"width": 420, "height": 800}, (50, 50, 1)
    with browser.new_context(viewport=window, has_touch=True) as context:
        viewer = Viewer(context.new_page(), service.url)
        viewer.open("#study=few&sample=corners&view=50,50,1")
        viewer.page.touchscreen.tap(*viewer.spot(0, 100, view))
        expect(viewer.tooltip).to_contain_text("Cell at position 2")
        viewer.page.touchscreen.tap(*viewer.spot(50, 50, view))
        expect(viewer.tooltip).to_be_hidden()
        assert viewer.errors == []


def test_mouse_pans_and_zooms(viewer):
    viewer.open(CORNERS + RULES)
    mouse = viewer.page.mouse
    x, y = viewer.spot(50, 50, VIEW)
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 20, y)   # far enough that it is not a click
    mouse.move(x + 100, y + 40, steps=5)
    mouse.up()
    viewer.expect_view((30, 40, 2), tolerance=1)
    x, y = viewer.spot(0, 0, (30, 40, 2))
    mouse.move(x, y)
    mouse.wheel(0, -300)
    view = viewer.view_when(lambda view: view[2] > 2.3)
    assert viewer.spot(0, 0, view) == pytest.approx((x, y), abs=3)   # the place stays
    mouse.move(400, 300)
    assert viewer.colours((x, y)) == [SKY]


# ---- Keyboard

def test_tab_reaches_every_control(viewer):
    viewer.open(CORNERS + RULES)
    page = viewer.page
    viewer.button("A+ B-", exact=True).click()
    controls = page.locator("canvas, button:enabled, select:enabled, input:enabled").count()
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(controls + 1):   # the extra step leaves the page
        page.keyboard.press("Tab")
        reached.append(page.evaluate("""() => {
            const { activeElement: element } = document;
            const { outlineStyle, outlineWidth } = getComputedStyle(element);
            element.dataset.reached = "";
            return [element.tagName, outlineStyle, parseFloat(outlineWidth)];
        }"""))
    assert page.locator(":not(body)[data-reached]").count() == controls
    assert [(tag, style, width) for tag, style, width in reached
            if tag != "BODY" and (style != "solid" or width < 2)] == []


def test_every_control_has_a_name(viewer):
    viewer.open(CORNERS + RULES)
    viewer.button("A+ B-", exact=True).click()
    unnamed = viewer.page.locator("button, select, input, canvas").evaluate_all("""elements =>
        elements.filter(element => !element.ariaLabel && !element.labels?.length
            && !element.textContent.trim()).map(element => element.outerHTML)""")
    assert unnamed == []


def test_keys_pan_and_zoom(viewer):
    viewer.open(CORNERS + RULES)
    step = 0.1 * viewer.slide.bounding_box()["height"] / 4
    for keys, view in (
            (["ArrowRight"], (50 + step, 50, 2)),
            (["ArrowLeft", "ArrowDown"], (50, 50 + step, 2)),
            (["ArrowUp", "Shift+ArrowUp"], (50, 50 - 5 * step, 2)),
            (["Shift+ArrowDown", "+"], (50, 50, 2.5)),
            (["-", "-"], (50, 50, 1.5))):
        viewer.press(*keys)
        viewer.expect_view(view)
    viewer.press("0")
    viewer.expect_link_without("view")


def test_text_for_screen_readers(viewer):
    viewer.open(CORNERS + RULES)
    viewer.press(*3 * ["ArrowRight", "ArrowDown"])
    spoken = viewer.page.locator("[aria-live=polite]")
    expect(spoken).to_have_text("Nearest to the centre: Cell at position 3, x 100, y 100\n"
                                "positive for no feature")
    viewer.press(*8 * ["Shift+ArrowDown"])
    expect(spoken).to_have_text("No cell near the centre.")


def test_keys_with_modifiers_stay_with_the_browser(viewer):
    viewer.open(CORNERS + RULES)
    viewer.press("Control+ArrowRight")
    viewer.settled_fragment()
    assert viewer.link["view"] == ["50,50,2"]


def test_features_are_chosen_by_keyboard(viewer):
    """A closed list changes at each key; only the feature of the last key is added."""
    viewer.open("#study=wide&sample=bits&rule=56b4e9:")
    page, name = viewer.page, viewer.page.locator("#rules .name")
    name.click()
    page.get_by_label("Positive for").focus()
    for key in "ArrowDown", "ArrowDown", "ArrowDown", "Enter":
        page.keyboard.press(key)
    expect(name).to_contain_text("F2+")
    page.get_by_label("Negative for").focus()
    for key in "ArrowDown", "Tab":
        page.keyboard.press(key)
    expect(name).to_contain_text("F2+ F0-")
    viewer.expect_link(rule="56b4e9:F2:F0")


def test_list_of_samples_keeps_the_focus(viewer):
    viewer.open("#study=few&sample=corners")
    viewer.page.get_by_label("Sample").focus()
    viewer.page.keyboard.press("ArrowDown")
    expect(viewer.page).to_have_title("far · few · Slide viewer")
    expect(viewer.page.get_by_label("Sample")).to_be_focused()


# ---- The window

def test_narrow_window(viewer):
    viewer.page.set_viewport_size({"width": 360, "height": 640})
    viewer.open("#study=few&sample=corners" + RULES)
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert viewer.slide.bounding_box()["height"] >= 260
    viewer.hide_others.check()   # which scrolls the page
    viewer.page.set_viewport_size(WINDOW)
    viewer.frames()
    viewer.expect_link_without("view")   # the page still shows the whole slide
