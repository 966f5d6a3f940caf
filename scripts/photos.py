"""Measure how many pictures of handwriting a model reads, by medium and kind.

``python scripts/photos.py RUN …`` reads the pictures that ``INKNET_PHOTOS_DIR`` lists in its
``truth.tsv`` (columns: file, truth, medium, kind) with each model, and prints the accuracy.
``--wrong`` lists the pictures that were misread. They are not for training, and a look at them is
not for choosing settings: for that there are the pictures that ``tests/photo/degradations.py``
makes of MNIST.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from inknet import MLP
from inknet.photo import open_picture, prepare, read_characters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="RUN", help="run folders or model files")
    parser.add_argument("--wrong", action="store_true", help="list what was misread")
    options = parser.parse_args()
    folder = Path(os.environ["INKNET_PHOTOS_DIR"])
    with (folder / "truth.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    sheets = [row for row in rows if row["kind"] == "several"]
    rows = [row for row in rows if row["kind"] != "several"]
    images, seconds = [], []
    for row in rows:
        picture = open_picture(folder / row["file"])
        start = time.process_time()
        images.append(prepare(picture))
        seconds.append(time.process_time() - start)
    print(f"{len(rows)} pictures, {1000 * np.mean(seconds):.1f} ms each to prepare")
    truth = np.array([int(row["truth"]) for row in rows])
    for name in options.models:
        model = MLP.load(name)
        predicted = model.predict(np.stack(images))
        is_right = predicted == truth
        print(f"{name}: {_share(is_right)}")
        groups: dict[str, list[bool]] = defaultdict(list)
        for row, right in zip(rows, is_right, strict=True):
            groups[row["medium"]].append(right)
            groups[row["kind"]].append(right)
        for group, values in sorted(groups.items()):
            print(f"  {group:14} {_share(np.array(values))}")
        if options.wrong:
            for i in np.flatnonzero(~is_right):
                print(f"  {rows[i]['file']}: {truth[i]} read as {predicted[i]}")
        for kind, some in (("found alone", rows), ("several", sheets)):
            texts = [_text(model, folder / row["file"]) for row in some]
            is_right = np.array(
                [text == row["truth"] for text, row in zip(texts, some, strict=True)]
            )
            print(f"  {kind:14} {_share(is_right)}")
            if options.wrong:
                for i in np.flatnonzero(~is_right):
                    print(f"  {some[i]['file']}: {some[i]['truth']} read as {texts[i]}")


def _text(model: MLP, path: Path) -> str:
    """Return what a picture says, rows separated by spaces."""
    rows = read_characters(open_picture(path), lambda images: model.predict_proba(images))
    return " ".join("".join(str(one.probabilities.argmax()) for one in row) for row in rows)


def _share(is_right: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> str:
    return f"{is_right.mean():7.2%}  ({(~is_right).sum()} errors in {len(is_right)})"


if __name__ == "__main__":
    main()
