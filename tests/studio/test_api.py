"""Every call of the studio, held against what other parts of inknet say of the same."""

import csv
import json
import shutil
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inknet import MLP, __version__
from inknet.data import load
from inknet.errors import InputWarning
from inknet.exchange.html_file import page_model
from inknet.recipes import load_recipe, recipe_names
from inknet.runs.prepare import load_splits
from inknet.seeds import Streams
from tests.commands import inknet
from tests.studio.serving import at_once, base64_of, client, file_of, png, sentence


def images_of(dataset):
    return dataset.images(np.arange(len(dataset)))


def ok(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


# -- the studio and its runs -----------------------------------------------------------------------


def test_the_state_says_what_there_is(read_only, trained):
    state = ok(read_only.get("/api/state"))
    assert state["version"] == __version__
    assert (state["run"], state["training"], state["has_token"]) == ("one", None, False)
    assert state["runs_folder"] == str(trained)
    assert {one["name"] for one in state["recipes"]} == set(recipe_names())
    assert {"sample", "mnist"} <= {one["name"] for one in state["sources"]}


def test_a_run_that_was_asked_for_is_shown_first_as_long_as_it_is_there(root):
    shutil.copytree(root / "one", root / "two")
    studio = client(root, run="one")
    (root / "two" / "metrics.json").touch()
    assert ok(studio.get("/api/state"))["run"] == "one"
    shutil.rmtree(root / "one")
    assert ok(studio.get("/api/state"))["run"] == "two"
    shutil.rmtree(root)
    state = ok(studio.get("/api/state"))
    assert state["run"] is None
    assert ok(studio.get("/api/runs")) == {"total": 0, "runs": []}


def test_a_run_is_listed_with_the_figures_of_its_folder(read_only, trained):
    metrics = json.loads((trained / "one" / "metrics.json").read_text())
    listed = ok(read_only.get("/api/runs"))
    assert listed["total"] == 1
    (row,) = listed["runs"]
    assert row["id"] == "one" and row["state"] == "finished" and row["source"] == "sample"
    assert row["recipe"] == "digits" and row["epochs"] == 2
    assert row["test_accuracy"] == metrics["test"]["accuracy"]
    assert row["test_errors"] == metrics["test"]["errors"]
    # two layers, and the scale and shift of batch normalization between them
    assert row["n_parameters"] == (784 + 1) * 12 + 2 * 12 + (12 + 1) * 10


def test_runs_are_sorted_filtered_and_told_in_parts(root, studio):
    text = (root / "one" / "metrics.json").read_text()
    for seed in range(2, 12):
        folder = root / f"run-{seed}"
        folder.mkdir()
        metrics = json.loads(text)
        metrics["seed"], metrics["recipe"] = seed, "even" if seed % 2 == 0 else "odd"
        (folder / "metrics.json").write_text(json.dumps(metrics))

    def seeds(**asked):
        listed = ok(studio.get("/api/runs", params={"sort": "seed", **asked}))
        return listed["total"], [row["seed"] for row in listed["runs"]]

    assert seeds(filter="ODD", order="asc") == (5, [3, 5, 7, 9, 11])
    assert seeds(filter="even sample", order="desc", limit=2, offset=1) == (5, [8, 6])
    assert seeds(filter="no such words") == (0, [])
    assert seeds(offset=100)[1] == []


def test_a_run_comes_with_its_recipe_history_and_confusion(read_only, one, trained):
    shown = ok(read_only.get("/api/run", params={"run": "one"}))
    with (trained / "one" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    for column in ("epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate"):
        assert shown["history"][column] == pytest.approx([float(row[column]) for row in rows])
    assert shown["recipe"]["network"]["hidden"] == [12]
    assert shown["recipe"]["training"]["epochs"] == 2
    assert shown["class_names"] == list("0123456789") and shown["corrections"] == 0
    test = one.test_data()
    answers = one.model().predict(images_of(test))
    confusion = np.zeros((10, 10), int)
    for true, predicted in zip(test.targets, answers, strict=True):
        confusion[true, int(predicted)] += 1
    assert shown["confusion"] == confusion.tolist()


def test_the_model_is_what_the_page_of_one_file_has(read_only, one):
    assert ok(read_only.get("/api/model", params={"run": "one"})) == json.loads(
        json.dumps(page_model(one.model()))
    )
    package = ok(read_only.get("/api/model", params={"run": "pretrained"}))
    assert package == json.loads(json.dumps(page_model(MLP.pretrained())))


# -- mistakes and images like another --------------------------------------------------------------


def test_mistakes_are_those_of_the_model_surest_first(read_only, one):
    test, model = one.test_data(), one.model()
    images = images_of(test)
    probabilities = model.predict_proba(images)
    predicted = probabilities.argmax(axis=1)
    wrong = [row for row in range(len(test.targets)) if predicted[row] != test.targets[row]]
    told = ok(read_only.get("/api/mistakes", params={"run": "one", "limit": 1000}))
    assert told["total"] == len(wrong) and told["n_samples"] == len(test.targets)
    assert sorted(one["row"] for one in told["mistakes"]) == wrong
    last = 1.0
    for mistake in told["mistakes"]:
        row = mistake["row"]
        assert mistake["true"] == mistake["label"] == test.targets[row]
        assert mistake["predicted"] == predicted[row]
        assert mistake["probability"] == pytest.approx(probabilities[row].max(), abs=1e-5)
        of_true = probabilities[row, test.targets[row]]
        assert mistake["probability_of_true"] == pytest.approx(of_true, abs=1e-5)
        assert b64decode(mistake["image"]) == images[row].tobytes()
        assert mistake["probability"] <= last
        last = mistake["probability"]
    pairs = {(one["true"], one["predicted"]): one["n"] for one in told["pairs"]}
    assert sum(pairs.values()) == len(wrong)
    (true, taken_for), n = max(pairs.items(), key=lambda pair: pair[1])
    some = ok(
        read_only.get(
            "/api/mistakes",
            params={"run": "one", "true": true, "predicted": taken_for, "offset": 1},
        )
    )
    assert some["total"] == n and len(some["mistakes"]) == n - 1
    assert {(one["true"], one["predicted"]) for one in some["mistakes"]} <= {(true, taken_for)}


def test_a_sample_is_that_row_of_the_test_data(read_only, one):
    test = one.test_data()
    shown = ok(read_only.get("/api/sample", params={"run": "one", "row": 17}))
    assert shown["label"] == test.targets[17]
    assert b64decode(shown["image"]) == images_of(test)[17].tobytes()
    answer = read_only.get("/api/sample", params={"run": "one", "row": len(test.targets)})
    assert "rows" in sentence(answer, 400)


def test_the_images_most_like_another_are_those_that_a_loop_finds(read_only, one, digits):
    image = digits[0][4321]
    told = ok(
        read_only.post(
            "/api/similar", params={"run": "one"}, json={"image": base64_of(image), "n": 5}
        )
    )["digits"]
    train = load_splits(one.recipe, Streams.from_seed(one.recipe.seed)).train
    images, distances = images_of(train), []
    for row, other in enumerate(images):
        difference = other / 255 - image / 255
        distances.append((float(np.sqrt((difference**2).sum())), row))
    for (distance, row), found in zip(sorted(distances)[:5], told, strict=True):
        assert found["distance"] == pytest.approx(distance, abs=1e-3)
        assert found["label"] == train.targets[row]
        assert b64decode(found["image"]) == images[row].tobytes()


# -- answers ---------------------------------------------------------------------------------------


def drawn(size, colour, paper, mode="RGB"):
    """A seven, as with a thick pen."""
    image = Image.new(mode, (size, size), paper)
    points = [(0.25, 0.2), (0.72, 0.22), (0.45, 0.8)]
    places = [(x * size, y * size) for x, y in points]
    ImageDraw.Draw(image).line(places, colour, width=size // 14, joint="curve")
    return image


PICTURES = {
    "drawn.png": lambda digits: file_of(drawn(280, "black", "white"), "PNG"),
    "light.png": lambda digits: file_of(drawn(280, "white", "black"), "PNG"),
    "coloured.jpg": lambda digits: file_of(drawn(500, "navy", "beige"), "JPEG", quality=90),
    "large.jpg": lambda digits: file_of(drawn(1700, "navy", "beige"), "JPEG", quality=90),
    "large.png": lambda digits: file_of(drawn(1000, "navy", "beige"), "PNG"),
    "see-through.png": lambda digits: file_of(
        drawn(1000, (0, 0, 0, 255), (0, 0, 0, 0), "RGBA"), "PNG"
    ),
    "canvas.png": lambda digits: file_of(
        drawn(280, (20, 20, 60, 255), (0, 0, 0, 0), "RGBA"), "PNG"
    ),
    "turned.jpg": lambda digits: turned(drawn(700, "black", "white")),
    "grey.png": lambda digits: png(digits[0][11]),
    "palette.gif": lambda digits: file_of(drawn(90, "black", "white").quantize(8), "GIF"),
    "deep.png": lambda digits: file_of(
        Image.fromarray(digits[0][12].astype(np.uint16) * 100), "PNG"
    ),
    "several.png": lambda digits: png(np.hstack(digits[0][20:24])),
    "blank.png": lambda digits: file_of(Image.new("L", (60, 60), 255), "PNG"),
    "pixel.png": lambda digits: file_of(Image.new("L", (1, 1), 255), "PNG"),
}


def turned(image):
    exif = Image.Exif()
    exif[0x0112] = 6
    return file_of(image.rotate(90), "JPEG", exif=exif, quality=95)


@pytest.fixture(scope="module")
def on_the_command_line(tmp_path_factory, digits, trained):
    """The pictures, and what `inknet predict --json` says of them, by the two models."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, make in PICTURES.items():
        (folder / name).write_bytes(make(digits))
    said = {}
    for run, model in (("pretrained", []), ("one", [trained / "one"])):
        result = inknet("predict", *model, *PICTURES, "--json", folder=folder)
        said[run] = {one["image"]: one for one in json.loads(result.stdout)}
    return folder, said


def same(answer, expected):
    """Whether two answers are the same but for the name of the file and the last digits."""
    assert answer["image"] is None
    assert {**answer, "image": expected["image"], "confidence": None, "boxes": None} == {
        **expected,
        "confidence": None,
        "boxes": None,
    }
    assert answer["confidence"] == pytest.approx(expected["confidence"], abs=1e-6)
    for one, other in zip(answer["boxes"], expected["boxes"], strict=True):
        assert one["box"] == other["box"] and one["digit"] == other["digit"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)


@pytest.mark.parametrize("run", ["pretrained", "one"])
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_answered_as_on_the_command_line(read_only, on_the_command_line, name, run):
    folder, said = on_the_command_line
    content = (folder / name).read_bytes()
    kind = {"content-type": "application/octet-stream"}
    answer = read_only.post("/api/predict", params={"run": run}, content=content, headers=kind)
    same(ok(answer), said[run][name])


def test_a_picture_may_be_the_body_a_field_of_a_form_or_base64(read_only, on_the_command_line):
    folder, said = on_the_command_line
    content, expected = (folder / "drawn.png").read_bytes(), said["pretrained"]["drawn.png"]
    for answer in (
        read_only.post("/api/predict", content=content),
        read_only.post("/api/predict", content=content, headers={"content-type": "image/png"}),
        read_only.post("/api/predict", files={"image": ("x.png", content, "image/png")}),
        read_only.post("/api/predict", json={"image": base64_of(content)}),
    ):
        same(ok(answer), expected)


def test_an_image_as_the_network_sees_it_is_answered_as_its_array_is(read_only, one, digits):
    image = digits[0][33]
    for run, model in (("one", one.model()), ("pretrained", MLP.pretrained())):
        answer = read_only.post(
            "/api/predict", params={"run": run}, json={"image": base64_of(image)}
        )
        expected = model.read(image).to_dict()
        same(ok(answer), expected)


def test_features_get_the_labels_and_probabilities_of_the_model(read_only, one):
    test, model = one.test_data(), one.model()
    rows = images_of(test)[:9].reshape(9, -1) / 255
    told = ok(
        read_only.post("/api/predict", params={"run": "one"}, json={"features": rows.tolist()})
    )
    assert told["labels"] == [str(label) for label in model.predict(rows)]
    for row, probabilities in zip(model.predict_proba(rows), told["probabilities"], strict=True):
        assert list(probabilities.values()) == pytest.approx(row.tolist(), abs=1e-6)
    single = {"features": rows[0].tolist()}
    alone = ok(read_only.post("/api/predict", params={"run": "one"}, json=single))
    assert alone["labels"] == told["labels"][:1]


# -- corrections -----------------------------------------------------------------------------------


def test_corrections_are_kept_in_a_file_that_data_takes(studio, root, digits):
    images, labels = digits
    rows = (5, 7, 9)
    for n, row in enumerate(rows, 1):
        answer = studio.post(
            "/api/corrections",
            params={"run": "one"},
            json={"image": base64_of(images[row]), "label": str(labels[row])},
        )
        assert ok(answer) == {"n": n, "file": str(root / "one" / "corrections.npz")}
    with pytest.warns(InputWarning, match="no sample of class"):  # of the others
        dataset = load(str(root / "one" / "corrections.npz"))
    assert np.array_equal(dataset.images(np.arange(3)), images[list(rows)])
    names = [dataset.class_names[target] for target in dataset.targets]
    assert names == [str(labels[row]) for row in rows]
    listed = ok(studio.get("/api/corrections", params={"run": "one"}))
    assert listed["n"] == 3
    assert [one["label"] for one in listed["corrections"]] == names
    assert b64decode(listed["corrections"][1]["image"]) == images[7].tobytes()
    assert ok(studio.get("/api/run", params={"run": "one"}))["corrections"] == 3
    for left in (2, 1, 0, 0):
        assert ok(studio.delete("/api/corrections", params={"run": "one"}))["n"] == left
    assert not (root / "one" / "corrections.npz").exists()


def test_corrections_of_the_model_in_the_package_are_kept_with_the_runs(studio, root, digits):
    said = {"image": base64_of(digits[0][0]), "label": "3"}
    told = ok(studio.post("/api/corrections", params={"run": "pretrained"}, json=said))
    assert told == {"n": 1, "file": str(root / ".studio" / "pretrained-corrections.npz")}
    with pytest.warns(InputWarning, match="no sample of class"):
        assert len(load(told["file"])) == 1


def test_corrections_said_at_the_same_time_are_all_kept(studio, digits):
    said = [{"image": base64_of(image), "label": "1"} for image in digits[0][:12]]
    answers = at_once(
        [
            lambda one=one: studio.post("/api/corrections", params={"run": "one"}, json=one)
            for one in said
        ]
    )
    assert sorted(ok(answer)["n"] for answer in answers) == list(range(1, 13))


def test_a_correction_must_name_a_class_and_have_the_size_of_the_images(studio, root, digits):
    image = base64_of(digits[0][0])
    for body in (
        {"image": image, "label": "seven"},
        {"image": image},
        {"image": base64_of(b"1234"), "label": "7"},
        {"label": "7"},
        {"image": image, "label": "\ud800"},
    ):
        answer = studio.post(
            "/api/corrections",
            params={"run": "one"},
            content=json.dumps(body),
            headers={"content-type": "application/json"},
        )
        sentence(answer, 400)
    assert not (root / "one" / "corrections.npz").exists()


# -- studies and documentation ---------------------------------------------------------------------


def test_studies_are_listed_and_told_as_their_tables(trained, tmp_path):
    assert ok(client(trained).get("/api/studies")) == {"studies": []}
    studio = client(trained, studies_root=tmp_path / "none")
    assert ok(studio.get("/api/studies")) == {"studies": []}
    assert "no study" in sentence(studio.get("/api/study", params={"name": "../x"}), 400, 404)


def test_every_call_is_documented_without_other_servers(read_only):
    page = read_only.get("/docs")
    assert page.status_code == 200
    schema = ok(read_only.get("/openapi.json"))
    for path in schema["paths"]:
        assert path in page.text
    assert "//" not in page.text.replace("<!doctype html>", "").replace("http://localhost", "")


def test_the_recipe_of_a_training_is_checked_and_explained(studio):
    body = {"recipe": "digits", "source": "sample", "settings": {"training.learning_rate": 0.01}}
    told = ok(studio.post("/api/trainings/check", json=body))
    assert (told["ok"], told["error"]) == (True, None)
    keys = {one["key"]: one for one in told["recipe"]}
    recipe = load_recipe("digits")
    assert keys["training.learning_rate"]["value"] == 0.01
    assert keys["training.epochs"]["value"] == recipe.training.epochs
    assert all(one["meaning"] for one in told["recipe"])
    body["settings"] = {"training.learning_rate": -1}
    told = ok(studio.post("/api/trainings/check", json=body))
    assert told["ok"] is False and "learning_rate" in told["error"]
