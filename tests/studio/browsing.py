"""A browser at the studio: what the tests of its page share."""

from playwright.sync_api import expect

from tests.page.conftest import pictured

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]

__all__ = ["RULES", "axe", "draw", "expect", "pictured"]


def draw(page, strokes):
    """Draw strokes on the pad, as a mouse does: points are shares of its side."""
    page.locator("#pad").wait_for()
    box = page.locator("#pad").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["width"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=3)
        page.mouse.up()


def axe(page, rules):
    """Return the violations of rules of accessibility: each with where it is."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": rules}).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
