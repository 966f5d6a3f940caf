"""What a training shows in a notebook: a bar, and its curves as they grow.

Both replace what they have shown. Elsewhere they do nothing, and whatever goes wrong when they draw
is no concern of the training: they then draw no more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from io import BytesIO
from time import monotonic
from typing import TYPE_CHECKING, Any

from inknet.training.callbacks import Callback, epoch_line

if TYPE_CHECKING:
    from inknet.training.session import Session


def in_notebook() -> bool:
    """Return whether this runs in a notebook: IPython with a kernel, which a terminal has not."""
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_shell is not None and hasattr(get_shell(), "kernel")


class Place:
    """An output of a notebook's cell whose content is replaced; nothing if there is no notebook."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._works = True

    def show(self, make: Callable[[], dict[str, Any]]) -> None:
        """Show what is made, by MIME type; once that has failed, never again."""
        if not self._works:
            return
        try:
            self._works = in_notebook()
            if self._works:
                self._show(make())
        except Exception:  # drawing must not cost a training
            self._works = False

    def _show(self, content: dict[str, Any]) -> None:
        if self._handle is None:
            display = sys.modules["IPython"].display.display
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


class NotebookBar(Callback):
    """Shows in a notebook how far a training is, and what it measured last."""

    REFRESH_SECONDS = 0.2

    def __init__(self) -> None:
        self._place, self._drawn, self._line = Place(), 0.0, ""

    def on_train_begin(self, trainer: Session) -> None:
        """Show the empty bar."""
        self._draw(trainer)

    def on_step_end(self, trainer: Session) -> None:
        """Advance, but not more often than eyes can follow."""
        if monotonic() - self._drawn >= self.REFRESH_SECONDS:
            self._draw(trainer)

    def on_epoch_end(self, trainer: Session) -> None:
        """Keep what was measured."""
        self._line = epoch_line(trainer)

    def on_train_end(self, trainer: Session) -> None:
        """Show how the training ended."""
        history = trainer.history
        seconds = f"{history.stopped}, {history.seconds:.1f} s"
        self._line = f"{self._line}; {seconds}" if self._line else seconds
        self._draw(trainer)

    def _draw(self, trainer: Session) -> None:
        self._drawn = monotonic()
        bar = f'<progress value="{trainer.step}" max="{trainer.total_steps}"></progress>'
        count = f"step {trainer.step:,} of {trainer.total_steps:,}"
        text = f"{count}; {self._line}" if self._line else count
        self._place.show(
            lambda: {"text/html": f"{bar} <code>{escape(text)}</code>", "text/plain": text}
        )


class LivePlot(Callback):
    """Draws loss and accuracy in a notebook while a network trains; elsewhere it does nothing.

    ``model.train(..., callbacks=[inknet.LivePlot()])``. At most a fifth of the time is spent on
    drawing, so not every epoch is drawn at once; the last always is.

    Parameters
    ----------
    seconds : float
        The shortest time between two drawings, in seconds.
    """

    def __init__(self, seconds: float = 1.0) -> None:
        self.seconds = seconds
        self._place, self._next = Place(), 0.0

    def on_epoch_end(self, trainer: Session) -> None:
        """Draw, if the last drawing is long enough ago."""
        if monotonic() >= self._next:
            self._draw(trainer)

    def on_train_end(self, trainer: Session) -> None:
        """Draw all of it."""
        self._draw(trainer)

    def _draw(self, trainer: Session) -> None:
        def curves() -> dict[str, Any]:
            picture = BytesIO()
            trainer.history.plot().savefig(picture, format="png")
            last = epoch_line(trainer) if len(trainer.history) else "no epoch was completed"
            return {"image/png": picture.getvalue(), "text/plain": last}

        begun = monotonic()
        self._place.show(curves)
        self._next = begun + max(self.seconds, 5 * (monotonic() - begun))
