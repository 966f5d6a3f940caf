"""docs/record.md says what docs/record.json has measured, and whether it is what was promised."""

import re
from dataclasses import replace

import numpy as np
import pytest

from inknet.data import load
from inknet.experiments.measured import MeasuredFile
from scripts import record

MACHINE = {
    "cores": 2,
    "processor": "a processor",
    "system": "Linux",
    "python": "3.12",
    "versions": {},
}


def run(recipe, seed, errors, seconds=50.0):
    """What a training of this recipe might have left; the images it misreads are 0, 1, 2, …"""
    return {
        "recipe": recipe,
        "digest": "0",
        "seed": seed,
        "seconds_measured": seconds + 3,
        "processor_seconds": 1.9 * seconds,
        "load_before": 0.1,
        "machine": MACHINE,
        "errors": errors,
        "seconds": seconds,
        "epochs": 3,
        "parameters": 1000,
        "ops": "numba",
        "validation_samples": 3000,
        "validation_error": 0.5 + seed / 10,
        "curve": [[seconds / 3, 4.0], [2 * seconds / 3, 1.0], [seconds, 0.5]],
        "mistakes": [[i + seed, 3, 5, 0.5 + i / 1000] for i in range(errors)],
    }


def results(*runs):
    return {f"{one['recipe']}-{one['seed']}": one for one in runs}


def row(page, name):
    (line,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` | 784"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_is_what_its_figures_say():
    figures = MeasuredFile(record.RESULTS).entries()
    assert record.PAGE.read_text("utf-8") == record.render(figures)
    assert record.TRIALS.read_text("utf-8") == record.render_trials(figures)
    for picture in re.findall(r"\]\((pictures/[^)]+)\)", record.render(figures)):
        assert (record.DOCS / picture).is_file()


def test_every_figure_is_of_the_recipe_as_it_is_now():
    for one in MeasuredFile(record.RESULTS).entries().values():
        if "digest" not in one:
            continue
        assert one["digest"] == record.digest(one["recipe"]), f"measure {one['recipe']} again"


def test_every_promise_is_held_against_the_mean_error_and_the_longest_time():
    page = record.render(
        results(
            *(run("quick", seed, errors) for seed, errors in enumerate((99, 100, 101, 98, 102))),
            *(run("strong", seed, errors) for seed, errors in enumerate((49, 50, 52, 48, 51))),
            *(run("invariant", seed, 90, 361.0 if seed == 1 else 60.0) for seed in range(5)),
        )
    )
    assert row(page, "quick")[3:] == ["1.00 %", "99, 100, 101, 98, 102", "50 s", "yes"]
    assert row(page, "strong")[3:] == ["0.50 %", "49, 50, 52, 48, 51", "50 s", "**no**"]
    assert row(page, "invariant")[3:] == ["0.90 %", "90, 90, 90, 90, 90", "6.0 min", "**no**"]
    assert row(record.render(results(run("quick", 0, 80))), "strong")[4] == "not measured"
    assert row(record.render(results(run("quick", 0, 80))), "quick")[-1] == "yes (1 of 5 seeds)"


def test_our_row_stands_among_the_published_ones_by_its_error():
    page = record.render(results(run("strong", 0, 45), run("invariant", 0, 97)))
    published = page.split("## Among the published ones")[1].split("- Simard")[0]
    tables = [
        [float(error) for error in re.findall(r"([\d.]+) %", part)]
        for part in published.split(" | test error | |")[1:]
    ]
    assert tables == [[0.70, 0.49, 0.45, 0.41, 0.35], [0.97, 0.95, 0.80, 0.64]]
    assert "| **784-1000-500-10** | **0.45 %** | inknet, `strong`: 50 s, 2 cores |" in published


def test_images_that_all_misread_come_first():
    runs = [run("quick", seed, 4) for seed in range(3)]  # 0–3, 1–4 and 2–5
    found = record._mistakes(runs)
    assert list(found) == [2, 3, 1, 4, 0, 5] or list(found) == [3, 2, 4, 1, 5, 0]
    assert [count for count, _ in found.values()] == [3, 3, 2, 2, 1, 1]
    page = record.render(results(*runs))
    assert "misread 6 images, 2 of them all alike" in page
    assert "The commonest: 3 as 5 (6)." in page
    runs[0]["mistakes"][0][1:3] = [4, 9]
    assert "The commonest: 3 as 5 (5), 4 as 9 (1)." in record.render(results(*runs))


def test_the_pictures_are_drawn(tmp_path, monkeypatch):
    from PIL import Image

    sample = replace(load("sample"), n_official_test=1000)
    monkeypatch.setattr(record, "PICTURES", tmp_path / "pictures")
    monkeypatch.setattr("inknet.data.load", lambda source: sample)
    figures = results(*(run(name, s, 20 + s) for name in record.PROMISES for s in range(3)))
    record.draw(figures)
    for name in ("record-versions.png", "record-curves.png", "record-mistakes.png"):
        with Image.open(tmp_path / "pictures" / name) as picture:
            assert len(np.unique(np.asarray(picture.convert("L")))) > 20


def test_what_was_measured_of_the_same_recipe_is_kept(tmp_path, monkeypatch, capsys):
    trained = []

    def train(recipe, seed):
        trained.append((recipe, seed))
        return run(recipe, seed, 50) | {"digest": record.digest(recipe)}

    monkeypatch.setattr(record, "train", train)
    monkeypatch.setattr(record, "draw", lambda results: None)
    for name in ("RESULTS", "PAGE", "TRIALS"):
        monkeypatch.setattr(record, name, tmp_path / name)
    MeasuredFile(tmp_path / "RESULTS").put("quick-1", run("quick", 1, 70))
    expected = []
    for arguments, more in (
        (["quick", "--seeds", "0"], [("quick", 0)]),
        (
            ["quick", "strong"],
            [*(("quick", s) for s in range(1, 5)), *(("strong", s) for s in range(5))],
        ),
        (["quick"], []),
        (["page"], []),
        (["quick", "--seeds", "2", "--again"], [("quick", 2)]),
    ):
        monkeypatch.setattr("sys.argv", ["record", *arguments])
        record.main()
        expected += more
        assert trained == expected
    assert "| `quick` | " in (tmp_path / "PAGE").read_text()
    monkeypatch.setattr("sys.argv", ["record", "quik"])
    with pytest.raises(SystemExit):
        record.main()
    assert "no part is called 'quik'" in capsys.readouterr().err


def test_a_training_is_a_study_of_one_run_and_is_not_done_twice(tmp_path, monkeypatch):
    mnist = replace(load("sample"), n_official_test=1000)
    monkeypatch.setattr("inknet.runs.prepare.load", lambda source, **read: mnist)
    monkeypatch.setattr(record, "RUNS", tmp_path)
    monkeypatch.setattr(record, "N_TEST", 1000)
    changes = {"training.epochs": 2, "network.hidden": [16], "data.source": "mnist"}
    study = record.study_of("quick", 0).model_copy(update={"set": changes})
    monkeypatch.setattr(record, "study_of", lambda recipe, seed: study)
    one = record.train("quick", 0)
    assert one["errors"] == len(one["mistakes"]) > 0
    assert [len(one["curve"]), one["epochs"], one["seed"]] == [2, 2, 0]
    assert one["digest"] == record.digest("quick")
    assert one["validation_error"] == one["curve"][-1][1]
    monkeypatch.setattr(record, "on_all_cores", lambda jobs: pytest.fail("trained twice"))
    assert record.train("quick", 0) == one
    assert row(record.render(results(one)), "quick")[-1] == "**no** (1 of 5 seeds)"


def test_a_changed_recipe_is_another_study(monkeypatch):
    before = record.study_of("quick", 0).name
    monkeypatch.setattr(record, "digest", lambda recipe: "0123456789ab")
    assert record.study_of("quick", 0).name != before


def test_every_promise_is_of_a_recipe_that_ships():
    for name in record.PROMISES:
        assert re.fullmatch("[0-9a-f]{12}", record.digest(name))


def test_what_was_tried_is_listed_by_its_errors_and_without_the_test_images(monkeypatch):
    sample = load("sample")
    order = np.random.default_rng(0).permutation(5000)
    labels = sample.labels[order].copy()
    labels[1800:] = 0  # whoever looked at the test images would see nothing but zeros
    features = sample.features[order]
    writers = np.where(np.arange(5000) < 1800, np.arange(5000) // 10, 1000)
    mnist = replace(sample, features=features, labels=labels, n_official_test=3200, groups=writers)
    monkeypatch.setattr("inknet.runs.prepare.load", lambda source, **read: mnist)
    changes = ["training.epochs=4", "network.hidden=[32]", "training.batch_size=50"]
    trial = record.try_out("quick", changes, seed=1)
    assert trial["errors"] < 150  # of 300
    assert trial["settings"].startswith("hidden 32, rotation 15.0")
    other = trial | {"errors": 290, "settings": trial["settings"].replace("epochs 4", "epochs 5")}
    assert (trial["held_back"], trial["fold"]) == (record.BY_WRITER, "1/6")
    again = trial | {"errors": 2, "loss": trial["loss"] + 2, "fold": "2/6"}
    page = record.render_trials({"a": trial, "b": again, "c": other})
    told = page.split("**For `quick`**: ")[1].split("; and")[0]
    assert told.startswith("hidden 32, distortions 15.0 / 15.0 / 0.15 / 1.0 / 36.0, ")
    unmoved = trial | {"settings": trial["settings"].replace("shift 1.0, ", "")}
    assert "distortions 15.0 / 15.0 / 0.15 / 0.0 / 36.0" in record.render_trials({"a": unmoved})
    assert "epochs" not in told and told.endswith(trial["settings"].split("batch size")[1])
    assert "### Evaluated on writers of whom nothing was learned" in page
    assert "| settings | fold 1/6 | fold 2/6 | mean loss |" in page
    rows = [line.split(" | ")[:4] for line in page.splitlines() if line.startswith("| epochs")]
    assert rows == [
        ["| epochs 4", str(trial["errors"]), "2", f"{trial['loss'] + 1:.4f}"],
        ["| epochs 5", "290", "", f"{trial['loss']:.4f}"],
    ]


def test_known_writers_are_counted_and_misread_images_are_said_to_be_by_whom(monkeypatch):
    n_train, n_test = 60, 12
    hands = {
        "train": np.zeros((n_train, 8), np.int64),
        "test": np.zeros((n_test, 8), np.int64),
    }
    hands["train"][:, 1] = np.arange(n_train) % 2 * 4  # every other image is by a student
    hands["train"][:, 2] = np.where(np.arange(n_train) % 2, 100 + np.arange(n_train) % 3, 0)
    hands["train"][0::2, 2] = np.arange(n_train)[0::2] // 10  # an employee for each part
    hands["test"][:, 1] = np.arange(n_test) // 6 * 4
    hands["test"][:, 2] = 500 + np.arange(n_test) // 3
    sample = load("sample").subset(np.arange(n_train + n_test))
    whole = np.concatenate([hands["train"], hands["test"]])
    mnist = replace(
        sample,
        features=sample.stored(),
        labels=sample.targets,
        rows=None,
        n_official_test=n_test,
        groups=whole[:, 2].astype(np.intp),
    )
    monkeypatch.setattr("inknet.data.load", lambda source, groups: mnist)
    monkeypatch.setattr("inknet.data.writers.hands_of", hands.__getitem__)
    one = run("quick", 0, 9)
    found = record.measure_writers({"quick-0": one})
    assert found["known_in_a_row"] == [5] * 6, "the students of each part"
    assert (found["train"], found["test"]) == (
        {"writers": 9, "by_students": 30},
        {"writers": 4, "by_students": 6},
    )
    assert found["in_both"] == 0
    monkeypatch.setattr(record, "REJECTED", frozenset((2, 7, 11)))
    page = record.render({"quick-0": one, "writers": found})
    assert "| `quick` | 9 | 3 | 6 | 2 | 0.07 % |" in page


def test_the_second_figure_leaves_out_what_raters_rejected():
    assert len(record.REJECTED) == 15
    figures = MeasuredFile(record.RESULTS).entries()
    for name in ("strong", "invariant"):
        runs = record.runs_of(figures, name)
        (line,) = (
            line
            for line in record.render(figures).splitlines()
            if line.startswith(f"| `{name}` |") and line.endswith("% |")
        )
        left = [sum(one[0] not in record.REJECTED for one in run["mistakes"]) for run in runs]
        assert line.endswith(f"| {np.mean(left) / 9985:.2%} |".replace("%", " %"))
