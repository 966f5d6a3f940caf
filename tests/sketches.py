"""A grey pixel in place of each picture, for tests of what is around the pictures of a run.

To draw takes most of the time of a short training. The files are written as the drawn ones are.

As a script, this is ``inknet`` with such pictures: ``python tests/sketches.py train ...``.
"""

import threading
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from io import BytesIO
from pathlib import Path

from PIL import Image

from inknet.files import write_whole

DRAWN = {
    "inknet.report.plots": ("plot_history", "plot_confusion", "plot_reliability"),
    "inknet.report.images": ("plot_weights", "plot_mistakes"),
    "inknet.experiments.pictures": ("plot_study",),
}
"""What draws the pictures of a run and of a study; the last argument is the path."""


def sketch_pictures(replace: Callable[[object, str, object], None] = setattr) -> None:
    """Replace the functions that draw the pictures of runs, of their reports and of studies."""
    file = BytesIO()
    Image.new("L", (1, 1), 128).save(file, "PNG")
    png = file.getvalue()

    def sketch(*arguments: object) -> None:
        path = arguments[-1]
        assert isinstance(path, Path)
        write_whole(path, lambda place: place.write_bytes(png))

    for module, names in DRAWN.items():
        for name in names:
            replace(import_module(module), name, sketch)
    replace(import_module("inknet.report.page"), "png_of", lambda draw: png)


def sketch_in_runs(replace: Callable[[object, str, object], None]) -> None:
    """Do the same for what `train_run` writes in this process; who else draws, draws."""
    state = threading.local()  # trainings may run in several threads

    def either(drawn: Callable[..., object], sketched: Callable[..., object]) -> object:
        @wraps(drawn)
        def draw(*arguments: object, **keywords: object) -> object:
            is_in_run = getattr(state, "is_in_run", False)
            return (sketched if is_in_run else drawn)(*arguments, **keywords)

        return draw

    def in_run(write: Callable[..., object]) -> object:
        @wraps(write)
        def written(*arguments: object) -> object:
            state.is_in_run = True
            try:
                return write(*arguments)
            finally:
                state.is_in_run = False

        return written

    sketch_pictures(
        lambda module, name, sketch: replace(module, name, either(getattr(module, name), sketch))
    )
    results = import_module("inknet.runs.results")
    for name in ("_draw", "_write_report"):
        replace(results, name, in_run(getattr(results, name)))


if __name__ == "__main__":
    from inknet.cli.app import main

    sketch_pictures()
    main()
