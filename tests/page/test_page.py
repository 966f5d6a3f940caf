"""The exported page in a real browser: it draws, reads, follows numbers, and loads nothing."""

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from inknet import MLP, InputError
from inknet.data import load
from inknet.exchange import export_html
from inknet.predictor import fold
from tests.page.conftest import model_in, pictured

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
SHOWS = "([place, text]) => document.querySelector(place).textContent === text"
SEVEN = [[(0.25, 0.2), (0.75, 0.2), (0.62, 0.5), (0.5, 0.85)]]
SEVENTY_ONE = [
    [(0.15, 0.3), (0.42, 0.3), (0.35, 0.5), (0.27, 0.75)],
    [(0.7, 0.3), (0.7, 0.75)],
]


@pytest.fixture(scope="module")
def model():
    """As large as that of the recipe digits; a short training on the sample."""
    data = load("sample")
    model = MLP([784, 256, 128, 10], ["relu", "relu", "softmax"], batch_norm="before")
    model.train(data.stored(), data.targets, num_epochs=8, batch_size=128, learning_rate=0.003)
    return model


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "digits.html"
    export_html(model, path)
    return path


@pytest.fixture
def context(browser):
    """A browser without a network."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context, file):
    """The page, opened from its file. Whatever else it asks for, and every complaint, fails."""
    opened = context.new_page()
    troubles = []
    opened.on("console", lambda message: troubles.append(message.text))
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("request", lambda request: troubles.append(request.url))
    opened.goto(file.as_uri())
    troubles.remove(file.as_uri())
    yield opened
    assert [one for one in troubles if not one.startswith(("data:", "blob:"))] == []


def drawn(page, strokes):
    box = page.locator("#pad").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["width"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=2)  # after each, the page reads
        page.mouse.up()


def expect_text(page, text):
    page.wait_for_function("text => document.getElementById('text').textContent === text", arg=text)


SAYS = "text => document.getElementById('sentence').textContent === text"


def png_file(picture):
    content = BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def sentence(page):
    return page.locator("#sentence").text_content()


def test_a_page_of_235_914_weights_is_small(file, model):
    assert model.network.architecture.n_parameters == 235_914
    assert file.stat().st_size <= 1.5e6


def test_what_the_mouse_draws_is_read_and_the_bars_say_how_surely(page):
    drawn(page, SEVEN)
    expect_text(page, "7")
    bars = page.locator("#bars .value").all_text_contents()
    shares = [float(re.sub(r"[^\d.]", "", text)) for text in bars]
    assert np.argmax(shares) == 7
    assert sum(shares) == pytest.approx(100, abs=1)


def test_bars_follow_the_stroke_before_it_ends(page):
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 250, steps=5)
    expect_text(page, "1")
    page.mouse.up()


def test_a_picture_that_arrives_during_a_stroke_ends_it(page):
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 50, box["y"] + 100, steps=3)
    picture = Image.new("L", (50, 40), 200)
    page.set_input_files(
        "#file", {"name": "blank.png", "mimeType": "image/png", "buffer": png_file(picture)}
    )
    page.wait_for_function(SAYS, arg="There is no ink in this picture.")
    page.mouse.move(box["x"] + 50, box["y"] + 250, steps=5)
    page.mouse.up()
    assert sentence(page) == "There is no ink in this picture."
    page.click("#clear")
    drawn(page, SEVEN)
    expect_text(page, "7")


def test_what_a_finger_draws_is_read(browser, file):
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, offline=True
    )
    page = context.new_page()
    page.goto(file.as_uri())
    box = page.locator("#pad").bounding_box()
    session = context.new_cdp_session(page)
    last = None
    for share in np.linspace(0, 1, 12):
        point = {
            "x": box["x"] + box["width"] / 2,
            "y": box["y"] + box["height"] * (0.2 + share / 2),
        }
        kind = "touchStart" if last is None else "touchMove"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        last = point
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_text(page, "1")
    assert page.evaluate("scrollY") == 0  # the finger draws, and does not scroll
    context.close()


def test_the_keyboard_draws_and_follows_a_number(page):
    page.locator("#pad").focus()
    for _ in range(10):
        page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect_text(page, "1")
    page.locator("#layers .grid").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#follow [aria-current]").text_content() == "neuron 1.1"
    page.locator("#follow button.row").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#follow [aria-current]").text_content() == "pixel"


def test_undo_redo_and_clear_are_steps_that_lose_nothing(page):
    drawn(page, SEVEN)
    expect_text(page, "7")
    page.click("#clear")
    expect_text(page, "–")
    assert sentence(page) == "Nothing is drawn yet."
    page.click("#undo")
    expect_text(page, "7")
    page.keyboard.press("Control+z")
    expect_text(page, "–")
    page.click("#redo")
    expect_text(page, "7")


def test_an_empty_pad_gets_no_answer(page):
    assert sentence(page) == "Nothing is drawn yet."
    assert page.locator("#bars button:enabled").count() == 0
    page.locator("#layers .grid").first.click()
    assert "Draw something first" in page.locator("#follow").text_content()


def test_an_unsure_answer_says_so(context, tmp_path):
    untrained = MLP([784, 20, 10], random_seed=0)
    data = load("sample")
    untrained.train(data.stored()[:50], data.targets[:50], num_epochs=1, learning_rate=1e-6)
    export_html(untrained, tmp_path / "unsure.html")
    page = context.new_page()
    page.goto((tmp_path / "unsure.html").as_uri())
    drawn(page, SEVEN)
    page.wait_for_function(
        "() => document.getElementById('sentence').textContent.startsWith('Not sure')"
    )


def test_the_page_says_what_it_leaves_to_python(page):
    said = page.locator("#limits").text_content()
    assert said.startswith("The answer is one of the classes, whatever is drawn.")
    assert "Only inknet predict and MLP.read straighten sheets" in said


def test_several_digits_are_read_in_order_and_each_can_be_looked_at(page):
    drawn(page, SEVENTY_ONE)
    expect_text(page, "71")
    page.locator("#characters button").nth(1).click()
    assert page.locator("#bars .best .name").text_content() == "1"


def test_a_number_is_followed_to_a_pixel_and_each_sum_is_right(page, model):
    """The sums that the page writes out are those of the folded weights and the image it shows."""
    drawn(page, SEVEN)
    expect_text(page, "7")
    page.locator("#bars button").nth(7).click()
    names = ["probability of 7"]
    weights = fold(model.network)
    for layer in (3, 2, 1, 0):
        page.locator("#follow button.row").first.click()
        names.append(page.locator("#follow [aria-current]").text_content())
        if layer == 0:
            break
        unit = 7 if layer == 3 else int(names[-1].split(".")[1])
        weight, bias, _ = weights[layer - 1]
        while page.locator("#follow .more").count():
            page.click("#follow .more")
        rows = [
            (number_of(row.locator(".what")), *factors(row), number_of(row.locator(".product")))
            for row in page.locator("#follow button.row").all()[:12]
        ]
        for place, value, factor, product in rows:
            assert factor == pytest.approx(weight[place, unit], abs=6e-4)
            assert product == pytest.approx(value * weight[place, unit], abs=2e-3)
        ends = page.locator("#follow div.row .product").all_text_contents()
        assert number(ends[-2]) == pytest.approx(bias[unit], abs=6e-4)
        terms = page.locator("#follow button.row .product").all_text_contents()
        total = sum(map(number, [*terms, *ends[:-1]]))
        assert total == pytest.approx(number(ends[-1]), abs=5e-4 * (len(terms) + 3))
    assert names[-1] == "pixel"
    assert "row" in page.locator("#follow").text_content()


def number(text):
    digits, _, power = text.replace("−", "-").partition("·10")
    return float(f"{digits}e{power.translate(SUPERSCRIPTS) or 0}")


def number_of(place):
    """The number of a neuron, the position of a pixel, or a value, in a text."""
    text = place.text_content()
    if match := re.fullmatch(r"pixel in row (\d+), column (\d+)", text):
        return 28 * int(match[1]) + int(match[2])
    if match := re.fullmatch(r"neuron (\d+) of layer \d", text):
        return int(match[1])
    return number(text)


def factors(row):
    value, factor = row.locator(".how").text_content().split(" × ")
    return number(value), number(factor)


def test_the_address_shows_the_same_view_again(page, context, file):
    drawn(page, SEVEN)
    expect_text(page, "7")
    page.select_option("#class", "3")
    page.locator("#bars button").nth(7).click()
    page.locator("#follow button.row").first.click()
    other = context.new_page()
    other.goto(page.url)
    expect_text(other, "7")
    for place in ("#follow", "#bars", "#reasons-note"):
        there = page.locator(place).text_content()
        other.wait_for_function(SHOWS, arg=[place, there])  # what is followed comes after bars
    assert other.locator("#class").input_value() == "3"
    for broken in ("#draw=zz", "#follow=9.9-1.1&class=77", "#draw=~.&character=5", "#%"):
        other.goto("about:blank")  # else the page, which is still open, may write its own address
        other.goto(file.as_uri() + broken)
        assert sentence(other) == "Nothing is drawn yet."


@pytest.mark.parametrize("way", ["choose", "drop", "paste"])
def test_a_picture_is_chosen_dropped_or_pasted(page, model, way):
    digits = load("sample").stored().reshape(-1, 28, 28)
    sure = int(model.predict_proba(digits[:500]).max(axis=1).argmax())
    pictured(page, Image.fromarray(255 - digits[sure]).resize((300, 300)), way)
    expect_text(page, str(model.predict(digits[sure : sure + 1])[0]))
    page.click("#clear")
    expect_text(page, "–")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", marks=pytest.mark.slow),
        b"not a picture",
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(40), marks=pytest.mark.slow),
    ],
)
def test_what_is_no_picture_is_said(page, content):
    page.set_input_files("#file", {"name": "<b>x.png", "mimeType": "image/png", "buffer": content})
    page.wait_for_selector("#trouble:not([hidden])")
    said = page.locator("#trouble").text_content()
    assert said == "<b>x.png: not a picture that this browser can open."
    drawn(page, SEVEN)
    expect_text(page, "7")
    assert page.locator("#trouble").is_hidden()


def test_a_blank_picture_gets_no_answer(page):
    content = png_file(Image.new("L", (50, 40), 200))
    page.set_input_files("#file", {"name": "blank.png", "mimeType": "image/png", "buffer": content})
    page.wait_for_function(SAYS, arg="There is no ink in this picture.")
    assert page.locator("#text").text_content() == "–"


def test_names_of_classes_with_markup_are_only_text(context, tmp_path):
    names = [
        *("</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", "&amp;"),
        *('"', "'", "\\", "`${1}`", "<!--", "-->", "ü"),
    ]
    model = MLP([784, 10], class_names=names)
    data = load("sample")
    model.train(data.stored()[:500], data.targets[:500], num_epochs=1)
    export_html(model, tmp_path / "names.html")
    page = context.new_page()
    troubles = []
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto((tmp_path / "names.html").as_uri())
    drawn(page, SEVEN)
    page.wait_for_selector("#bars button:enabled")
    assert page.locator("#bars .name").all_text_contents() == names
    assert page.locator("#class option").all_text_contents()[1:] == names
    assert page.locator("img, main script").count() == 0
    assert troubles == []


def test_the_policy_lets_no_other_script_run_and_nothing_be_fetched(page, file):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', file.read_text("utf-8"))[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_injected_script_and_requests_are_blocked(context, file):
    page = context.new_page()
    page.goto(file.as_uri())
    blocked = page.evaluate(
        """async () => {
          const blocked = [];
          document.addEventListener("securitypolicyviolation", (event) =>
            blocked.push(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "window.injected = true";
          document.body.append(script);
          await fetch("http://127.0.0.1:1/").catch(() => {});
          await new Promise((done) => setTimeout(done, 200));
          return [window.injected ?? false, ...blocked.sort()];
        }"""
    )
    assert blocked == [False, "connect-src", "script-src-elem"]


def test_a_damaged_file_says_so(context, file, tmp_path):
    text = file.read_text("utf-8")
    cut = tmp_path / "cut.html"
    cut.write_text(text.replace('"layers": [', '"layers": [[', 1), "utf-8")
    page = context.new_page()
    page.goto(cut.as_uri())
    page.wait_for_selector("#trouble:not([hidden])")
    assert "damaged" in page.locator("#trouble").text_content()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_no_rule_of_accessibility_is_broken(browser, file, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(file.as_uri())
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    for strokes in ([], SEVEN):
        drawn(page, strokes)
        if strokes:
            expect_text(page, "7")
            page.locator("#bars button").nth(7).click()
            for _ in range(3):
                page.locator("#follow button.row").first.click()
        found = axe.run(page, options=rules).response["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.mark.parametrize("shape", [(8, 8), (12, 20)])
def test_a_model_of_other_images_has_a_page_too(context, tmp_path, shape):
    generator = np.random.default_rng(0)
    images = (generator.random((60, *shape)) ** 4 * 255).astype(np.uint8)
    model = MLP([shape[0] * shape[1], 9, 3], class_names=["a", "b", "c"])
    model.train(images, generator.integers(0, 3, 60), num_epochs=2)
    export_html(model, tmp_path / "other.html")
    page = context.new_page()
    page.goto((tmp_path / "other.html").as_uri())
    drawn(page, SEVEN)
    page.wait_for_selector("#bars button:enabled")
    said = page.locator("#limits").text_content()
    assert said == "The answer is one of the classes, whatever is drawn."
    assert page.locator("#seen-caption").text_content() == f"{shape[0]} × {shape[1]} pixels"


def test_a_model_that_reads_no_pictures_is_refused(tmp_path):
    model = MLP([4, 3])
    model.train(np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3, num_epochs=1)
    with pytest.raises(InputError, match=r"table\.html: a page is for models of images"):
        export_html(model, tmp_path / "table.html")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_float16_are_kept_so(tmp_path):
    data = load("sample")
    model = MLP([784, 30, 10])
    model.train(data.stored()[:200], data.targets[:200], num_epochs=1)
    export_html(model, tmp_path / "full.html")
    for array in model.network.tensors().values():
        array[:] = array.astype(np.float16)
    export_html(model, tmp_path / "half.html")
    layers = model_in((tmp_path / "half.html").read_text("utf-8"))["layers"]
    assert [layer["type"] for layer in layers] == ["float16", "float16"]
    found = np.frombuffer(base64.b64decode(layers[0]["weight"]), "<f2").reshape(784, 30)
    assert_allclose(found, fold(model.network)[0].weight, atol=0)
    sizes = [(tmp_path / name).stat().st_size for name in ("half.html", "full.html")]
    assert sizes[1] - sizes[0] > 60_000
