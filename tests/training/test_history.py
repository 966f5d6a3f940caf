import csv
from dataclasses import replace
from math import isnan

import pytest
from PIL import Image

from inknet.errors import InputError
from inknet.training.history import EpochRecord, History


def record(epoch, val=True):
    return EpochRecord(
        epoch=epoch,
        train_loss=1 / epoch,
        train_accuracy=0.5,
        val_loss=2 / epoch if val else None,
        val_accuracy=0.25 if val else None,
        learning_rate=0.001,
        seconds=0.5,
        training_seconds=0.375,
        gradient_norms=(0.1, 0.2),
        active_fractions=(0.75,),
    )


def test_a_history_is_a_sequence_of_records():
    history = History([record(1), record(2)])
    assert len(history) == 2
    assert history[-1].epoch == 2
    assert [one.epoch for one in history] == [1, 2]
    assert history.column("train_loss") == [1.0, 0.5]


def test_what_was_not_measured_is_nan_in_a_column_and_a_dash_in_the_table():
    history = History([record(1, val=False)])
    assert isnan(history.column("val_loss")[0])
    assert "–" in str(history)


def test_it_prints_as_a_table_with_the_best_epoch_marked():
    header, first, second = str(History([record(1), record(2)], best_epoch=2)).splitlines()
    assert header.split("  ")[0] == "epoch"
    assert "50.00%" in first
    assert not first.endswith("best")
    assert second.endswith("best")
    assert second.index("25.00%") < second.index("0.001")


@pytest.mark.parametrize("val", [True, False])
def test_the_csv_file_holds_every_measurement(tmp_path, val):
    path = tmp_path / "history.csv"
    History([record(1, val), record(3, val)]).save_csv(path)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "3"]
    assert float(rows[1]["train_loss"]) == 1 / 3, "nothing is rounded away"
    assert rows[0]["val_loss"] == ("2.0" if val else "")
    assert float(rows[0]["training_seconds"]) == 0.375
    assert float(rows[0]["gradient_norm_2"]) == 0.2
    assert float(rows[0]["active_fraction_1"]) == 0.75


def test_an_empty_history_is_still_a_table_with_a_header(tmp_path):
    path = tmp_path / "history.csv"
    History().save_csv(path)
    assert path.read_text().startswith("epoch,train_loss")
    assert str(History()).startswith("epoch")


def test_a_measurement_is_found_by_its_name():
    history = History([record(1), record(2, val=False)])
    assert history["train_loss"] == [one.train_loss for one in history]
    assert isnan(history["val_loss"][1])
    assert history[-1] is history.records[1]
    with pytest.raises(KeyError, match="no measurement is called 'loss'; expected epoch, train_"):
        history["loss"]


def test_what_is_written_is_read_again(tmp_path):
    records = [
        replace(record(epoch), gradient_norms=(0.5, 0.25), active_fractions=(0.75,))
        for epoch in (1, 2)
    ]
    for history in (History(records), History([record(1, val=False)])):
        history.save_csv(tmp_path / "history.csv")
        assert History.from_csv(tmp_path / "history.csv").records == history.records
    for text in ("a,b\n1,2\n", "epoch\nx\n", "epoch,train_loss\n1,2\n"):
        (tmp_path / "history.csv").write_text(text)
        with pytest.raises(InputError, match=r"history\.csv: not the history of a run"):
            History.from_csv(tmp_path / "history.csv")
    with pytest.raises(InputError, match=r"none\.csv"):
        History.from_csv(tmp_path / "none.csv")


def test_a_notebook_shows_a_table_and_the_curves(tmp_path):
    history = History([record(1), record(2)], best_epoch=2)
    html = history._repr_html_()
    assert html.count("<tr>") == 3
    assert "<th>val acc</th>" in html and ">best</td>" in html
    figure = history.plot(tmp_path / "loss.png")
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch"]
    with Image.open(tmp_path / "loss.png") as image:
        assert image.width > image.height
    assert figure._repr_png_() == (tmp_path / "loss.png").read_bytes()
