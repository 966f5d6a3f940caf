"""Train the model in the package, and record the training beside it.

``make pretrained`` trains the recipe ``handwriting`` on MNIST with seed 0, and writes to
``src/inknet/pretrained``: the model with weights of float16, the recipe, history and metrics of the
training, and README.md, whose figures are those of the file as it is shipped.
``python scripts/pretrained.py RUN`` takes a run that was trained before.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from inknet import MLP
from inknet.data.sources import load
from inknet.pretrained import NAME
from inknet.recipes import load_recipe
from inknet.runs.lifecycle import train_run
from inknet.runs.other_data import evaluation_part
from inknet.training.callbacks import EpochLines

PRETRAINED = Path(__file__).resolve().parent.parent / "src" / "inknet" / "pretrained"
LARGEST = 1_000_000  # bytes
RECORD = ("recipe.toml", "history.csv", "metrics.json")
CARD = """\
# The model in the package

`MLP.pretrained()` loads `{name}`: a network of the widths {layers}, with
{parameters:,} parameters, and its guard of {guard:,}, for images of handwritten digits like those
of MNIST (28 × 28, light ink on a background of 0). `MLP.read` makes such images of photographs,
scans and drawings. `make pretrained` wrote this page and made the model.

| | |
|---|---|
| data | {train:,} of MNIST's 60,000 training images; {validation:,} more measured each epoch |
| recipe | [`recipe.toml`](recipe.toml), seed {seed}; [`history.csv`](history.csv) and \
[`metrics.json`](metrics.json) record the training |
| trained with | inknet {inknet}, NumPy {numpy}, Python {python}, ops {ops}, {epochs} epochs |
| file | {size:,} bytes; matrices as float16, which changes {changed} of the 10,000 answers below |
| MNIST's official test set | {errors} errors in 10,000: {accuracy:.2%} |

**Limits.** It knows the ten digits and nothing else. Its guard, a second network in the same file,
tells digits from letters, doodles and other things; `MLP.read` uses it for its verdicts, and
`docs/handwriting.md` says how often it is right. `MLP.predict` does not, and gives a digit for
whatever it gets. The model learned from digits that people in the United States wrote in the 1980s
and 1990s, changed into other hands by `inknet.data.pens`, and from those that `inknet.data.hands`
draws; a hand that none of them has, it may misread, more often than the figure above says. Do not
rely on it where a wrong digit does harm.

**Licence.** The weights are under inknet's MIT licence. They were computed from the MNIST database
of handwritten digits (Yann LeCun, Corinna Cortes and Christopher J. C. Burges,
http://yann.lecun.com/exdb/mnist/; commonly listed as CC BY-SA 3.0), which itself was made of NIST's
Special Databases 1 and 3. No image of MNIST is in the file.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="a finished run; without it, train")
    options = parser.parse_args()
    if options.run:
        publish(options.run)
        return
    with tempfile.TemporaryDirectory() as folder:
        train_run(load_recipe("handwriting"), Path(folder) / "run", callbacks=[EpochLines(1)])
        publish(Path(folder) / "run")


def publish(run: Path) -> None:
    """Write model, record and card of a finished run into the package."""
    model = MLP.load(run)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        model.save(path, dtype="float16")
        if path.stat().st_size > LARGEST:
            raise SystemExit(f"{path.stat().st_size:,} bytes; expected at most {LARGEST:,}")
        shutil.copyfile(path, PRETRAINED / NAME)
    for name in RECORD:
        shutil.copyfile(run / name, PRETRAINED / name)
    (PRETRAINED / "README.md").write_text(card(model), "utf-8", newline="\n")


def card(model: MLP) -> str:
    """Return the text about the model in the package, which was made of another one."""
    shipped, test = MLP.pretrained(), evaluation_part(load("mnist"))
    predicted = shipped.logits_on(test).argmax(axis=1)
    metrics = json.loads((PRETRAINED / "metrics.json").read_text("utf-8"))
    guard = shipped.facts.guard
    if guard is None:
        raise SystemExit("the run has no guard; expected one")
    return CARD.format(
        name=NAME,
        layers="–".join(map(str, shipped.network.architecture.layer_dims)),
        parameters=shipped.network.n_parameters,
        guard=guard.n_parameters,
        train=metrics["data"]["train"],
        validation=metrics["data"]["validation"],
        seed=metrics["seed"],
        **metrics["versions"],
        ops=metrics["training"]["ops"],
        epochs=metrics["training"]["epochs"],
        size=(PRETRAINED / NAME).stat().st_size,
        changed=int((predicted != model.logits_on(test).argmax(axis=1)).sum()),
        errors=int((predicted != test.targets).sum()),
        accuracy=float(np.mean(predicted == test.targets)),
    )


if __name__ == "__main__":
    main()
