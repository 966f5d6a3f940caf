"""*Follow a number* in a real browser: sums add up, and a path leads from the loss to a pixel."""

import re
from pathlib import Path

import pytest

import inknet
from inknet.data import load
from inknet.recipes import load_recipe
from inknet.runs import train_run
from tests.studio.browsing import RULES, axe, expect
from tests.studio.test_page import ended, overlaps, served

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a studio with a run of digits and one of four columns without images."""
    folder = tmp_path_factory.mktemp("follow")
    table = load("sample").features[:200, 400:404]
    lines = [",".join([*map(str, row), "ab"[i % 2]]) for i, row in enumerate(table.tolist())]
    (folder / "table.csv").write_text("\n".join(["p,q,r,s,label", *lines]))
    with pytest.MonkeyPatch.context() as patch:  # pictures take longer than the training
        patch.setattr("inknet.runs.results._draw", lambda *_: [])
        for name, source in (("one", "sample"), ("table", str(folder / "table.csv"))):
            changes = [f"data.source={source}", "network.hidden=[24, 12]", "training.epochs=1"]
            train_run(load_recipe("digits", changes), folder / "runs" / name)
    process, address = served(folder)
    yield address
    ended(process)


@pytest.fixture(scope="module")
def context(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture(scope="module")
def opened(context):
    """The page of all tests; each goes to an address of its own."""
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(error.stack))
    return page


@pytest.fixture
def page(opened):
    """The page; what it complains of fails the test."""
    yield opened
    complaints, opened.complaints[:] = list(opened.complaints), []
    assert complaints == []


def follow(page, address, **parameters):
    """Open the place, and wait for the number."""
    parameters = {"run": "one", "row": 3} | parameters
    page.evaluate("document.querySelector('.following')?.setAttribute('aria-busy', true)")
    query = "".join(f"&{name}={value}" for name, value in parameters.items())
    page.goto(f"{address}/#place=follow{query}")
    page.locator("#place-follow .following:not([aria-busy])").wait_for()


def title(page):
    return page.locator("#followed").text_content()


def lead(page, locator):
    """Click what leads to another number, and wait for that."""
    code = locator.get_attribute("value")
    locator.click()
    reached(page, code)


def reached(page, code):
    """Wait until a number is shown; the address has it before."""
    page.locator(f'.following[data-number="{code}"]:not([aria-busy])').wait_for()


def value_of(text):
    """Read a number as the page writes it."""
    found = re.fullmatch(r"([+−]?[\d.]+)(?:·10(.+))?", text.strip())
    power = int((found[2] or "0").translate(RAISED))
    return float(found[1].translate(RAISED)) * 10.0**power


def check_sum(page):
    """What is shown adds up to the sum that is shown, and that is the value."""
    shown = page.locator(".follow-number .terms .product").all_text_contents()
    if not shown:
        return
    *terms, total = map(value_of, shown)
    rounding = 0.00051 * len(terms) + 1e-3 * abs(total)
    assert sum(terms) == pytest.approx(total, abs=rounding)
    value = value_of(page.locator("#followed-value").text_content())
    if title(page).startswith("probability"):
        own = re.search(r"= ([\d.e−]+) / ([\d.]+)$", page.locator(".formula").text_content())
        if own:  # and not with a power of ten
            assert value == pytest.approx(value_of(own[1]) / total, rel=2e-3)
    else:
        assert value == pytest.approx(total, rel=0.05, abs=0.0006)


def check_source(page):
    """The lines that are shown stand at their numbers in the source, those that count in view."""
    functions = page.locator(".sources > div").all()
    assert functions
    for function in functions:
        file = function.locator(".where code").text_content()
        source = (Path(inknet.__file__).parent.parent / file).read_text().splitlines()
        assert function.locator(".code .counts").count() > 0
        for text in function.locator(".code .line").all_text_contents():
            at = int(re.match(r"\d+", text)[0])
            assert text.removeprefix(str(at)).strip() == source[at - 1].strip()
        places = ".code", ".code .counts"
        box, first = (function.locator(one).first.bounding_box() for one in places)
        assert box["y"] <= first["y"] < box["y"] + box["height"]


def test_a_probability_is_followed_to_a_pixel_and_every_sum_adds_up(page, address):
    follow(page, address)
    page.locator("#network .bars button").nth(3).click()
    reached(page, "p3")
    titles = []
    while not title(page).startswith("pixel"):
        titles.append(title(page))
        check_sum(page)
        check_source(page)
        if page.locator(".follow-number .more").count():
            before = page.locator("button.row").count()
            page.locator(".follow-number .more").click()
            assert page.locator("button.row").count() > before
            check_sum(page)
        lead(page, page.locator("button.row").first)
    assert len(titles) == 8
    assert titles[0] == "probability of 3"
    assert titles[1].startswith("logit of")
    expect(page.locator(".follow-number .about")).to_contain_text("Here the number begins")
    expect(page.locator("#network .pixels .followed-grid .mark")).to_be_visible()
    expect(page.locator(".crumbs li")).to_have_count(9)


def test_the_loss_is_followed_to_a_gradient_and_to_the_update_of_a_weight_and_back(page, address):
    follow(page, address)
    page.get_by_role("button", name="as it learns").click()
    expect(page.locator("#mode-note")).to_contain_text("31 training images")
    page.locator("#network .losses button").last.click()
    reached(page, "l")
    check_sum(page)
    page.locator("#network .losses button").first.click()
    reached(page, "s")
    onward = page.locator(".onward button")
    lead(page, onward.filter(has_text="gradient for the logit of 3"))
    assert title(page).startswith("gradient of the loss, for the logit of 3")
    check_sum(page)
    lead(page, onward.filter(has_text="the gradient of the weight"))
    check_sum(page)
    lead(page, onward.filter(has_text="what the step makes of it"))
    assert title(page).endswith("after the step")
    check_sum(page)
    check_source(page)
    lead(page, page.locator("button.row").nth(1))  # its gradient, which is in the path
    expect(page.locator(".crumbs li")).to_have_count(3)
    other = page.locator("button.row").filter(has_text="image 1").first
    lead(page, other)
    lead(page, page.locator(".onward button").filter(has_text="the loss of the image"))
    assert title(page).startswith("loss of a ")
    page.go_back()
    expect(page.locator("#followed")).to_contain_text("gradient of the loss")


def test_any_weight_is_chosen_by_its_neurons(page, address):
    follow(page, address, mode="learns")
    page.locator("#any-what").select_option(label="new weight of layer 2")
    page.locator("#any-input").fill("23")
    page.locator("#any-unit").fill("11")
    page.locator("#any-what").focus()
    page.get_by_role("button", name="Follow it").click()
    reached(page, "u3.11.weight.23")
    assert "output of neuron 23 in layer 1" in title(page)
    page.get_by_role("button", name="as it answers").click()
    page.locator("#place-follow .switch [aria-pressed=true]").filter(has_text="answers").wait_for()
    assert title(page).startswith("probability of")  # an answer has no update


def test_the_keyboard_alone_follows_a_cell_and_a_term(page, address):
    follow(page, address)

    def tab_to(selector):
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.locator(f"{selector}:focus").count():
                return
        raise AssertionError(f"no way by Tab to {selector}")

    tab_to("#follow-row")
    page.keyboard.press("Control+A")
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("row=5"))
    tab_to("[aria-label='Sums of layer 1']")
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    reached(page, "v1.9")
    assert title(page) == "sum of neuron 9 in layer 1"
    expect(page.locator("[role=status].hidden")).to_contain_text("sum of neuron 9 in layer 1: ")
    tab_to("button.row")
    page.keyboard.press("Enter")
    expect(page.locator("#followed")).to_contain_text("pixel in row")
    expect(page.locator("#followed")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".crumbs [aria-current]")).to_be_focused()


def test_the_address_holds_the_whole_view(page, context, address):
    follow(page, address, row=8, label=5, mode="learns", path="l_s_g7.5_d6.5.weight.2")
    other = context.new_page()
    other.goto(page.url)
    other.locator("#place-follow .following:not([aria-busy])").wait_for()
    for place in (".crumbs", "#followed-value", ".follow-number .terms", "#follow-summary"):
        expect(other.locator(place)).to_have_text(page.locator(place).text_content())
    expect(other.locator("#follow-label")).to_have_value("5")
    expect(other.locator("#follow-row")).to_have_value("8")
    other.close()

    image = page.request.get(f"{address}/api/sample?run=one&row=8").json()["image"]
    read = page.locator("#network .probabilities").text_content()
    coded = image.replace("+", "%2B")
    page.goto(f"{address}/#place=follow&run=one&image={coded}&label=5&mode=learns")
    expect(page.locator(".given")).to_contain_text("The image is the one that you came with.")
    expect(page.locator("#network .probabilities")).to_have_text(read)
    page.get_by_role("button", name="Take test images").click()
    expect(page.locator("#follow-row")).to_have_value("0")


def test_what_cannot_be_followed_is_said_in_a_sentence(page, address):
    follow(page, address, path="p99_v1.1")
    expect(page.locator("#trouble")).to_contain_text("This network has no such number")
    expect(page.locator(".crumbs li")).to_have_count(1)
    for parameters, sentence in (
        ({"run": "missing"}, "missing"),
        ({"run": "table"}, "images"),
        ({"row": 99999}, "rows"),
    ):
        query = "".join(f"&{name}={value}" for name, value in ({"run": "one"} | parameters).items())
        page.goto(f"{address}/#place=follow{query}")
        expect(page.locator("#trouble")).to_contain_text(sentence)
        expect(page.locator("#place-follow .empty")).to_be_visible()
        expect(page.locator("#place-follow .following")).to_be_hidden()
    page.get_by_role("button", name="first test image").click()
    expect(page.locator("#follow-row")).to_have_value("0")
    page.complaints.clear()  # the browser reports each refusal


def test_no_rule_of_accessibility_is_broken_and_nothing_is_cut_off(page, address):
    follow(page, address, mode="learns", path="l_s_g7.3_d6.3.weight.2_u6.3.weight.2")
    for width, scheme in ((1440, "light"), (768, "light"), (360, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert width == 768 or axe(page, RULES) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert overlaps(page) == []
    page.get_by_role("button", name="as it answers").click()
    page.locator("#network .values:not(.both)").first.wait_for()
    lead(page, page.locator("button.row").first)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert overlaps(page) == []
