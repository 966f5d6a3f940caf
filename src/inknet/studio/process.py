"""A training as a process of its own, started by the studio: ``python -m inknet.studio.process``.

It ends by itself, whether the studio is still there or not. SIGTERM pauses it: it keeps a
checkpoint, from which it resumes to the same bits.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from inknet.data import Splits
from inknet.doctor.doctor import Doctor
from inknet.errors import InputError, TrainingStopped, printable
from inknet.mlp import MLP
from inknet.recipes import Recipe, load_recipe
from inknet.runs import Run, resume_run, train_run
from inknet.studio.corrections import learn_on
from inknet.studio.live import STOPPED, Live, Log
from inknet.training.callbacks import Callback, EpochLines


def main(arguments: list[str] | None = None) -> int:
    """Train, resume or learn on, and log what happens; return 0 if there is a run in the end."""
    os.environ["MPLBACKEND"] = "agg"
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("train", "resume", "learn"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("log", type=Path)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument(
        "--base", type=Path, help="the run whose model learns on; none: the package's"
    )
    parser.add_argument("--corrections", type=Path)
    given = parser.parse_args(arguments)
    log = Log(given.log)
    live = Live(log, given.log.with_suffix(".stop"))

    def begin(recipe: Recipe, model: MLP, parts: Splits) -> None:
        live.watch(model)
        if given.what == "resume":  # the log has it already
            return
        log.write(
            "begin",
            classes=list(model.facts.class_names),
            epochs=recipe.training.epochs,
            total_steps=recipe.training.epochs * _steps(recipe, len(parts.train)),
            shape=parts.train.image_shape,
            n_train=len(parts.train),
            n_val=len(parts.validation),
        )

    def callbacks(recipe: Recipe) -> list[Callback]:
        # those of `inknet train`, which may resume it, too
        lines = EpochLines(max(1, recipe.training.epochs // 20), lambda line: None)
        return [live, lines, Doctor(live.found, recipe.augment)]

    def warn(line: str) -> None:
        print(printable(line), file=sys.stderr, flush=True)

    try:
        if given.what == "resume":
            run = resume_run(given.folder, callbacks=callbacks, on_start=begin, warn=warn)
        elif given.what == "learn":
            run = learn_on(given.base, given.corrections, given.folder, callbacks, begin, warn)
        else:
            recipe = load_recipe(str(given.recipe))
            run = train_run(
                recipe, given.folder, callbacks=callbacks(recipe), on_start=begin, warn=warn
            )
    except TrainingStopped as stop:
        if not stop.complete:
            message = "" if stop.resumable else "It was ended before its first checkpoint."
            log.write("state", state="paused" if stop.resumable else "failed", message=message)
            return 1
        run = Run(stop.folder)
    except InputError as error:  # it diverged, too
        said = printable(str(error))
        log.write("state", state="failed", message=f"{said[:1].upper()}{said[1:]}.")
        return 1
    except BaseException as error:
        log.write("state", state="failed", message=f"It failed: {type(error).__name__}.")
        raise
    was_stopped = run.metrics["training"]["stopped"] == STOPPED
    log.write("state", state="stopped" if was_stopped else "finished", message="")
    return 0


def _steps(recipe: Recipe, n_train: int) -> int:
    size = recipe.training.batch_size
    return 1 if size == "all" else -(-n_train // size)


if __name__ == "__main__":
    sys.exit(main())
