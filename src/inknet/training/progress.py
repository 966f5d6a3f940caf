"""A bar that shows how far the training is."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from inknet.training.callbacks import Callback

if TYPE_CHECKING:
    from inknet.training.session import Session


class ProgressBar(Callback):
    """Shows a bar over all steps while training; what the console prints goes above it.

    Parameters
    ----------
    console
        Where to draw. If it is not a terminal, nothing is drawn.
    """

    REFRESH_SECONDS = 0.1

    def __init__(self, console: Console) -> None:
        self._works = True
        # refreshed in on_step_end: a thread that redraws would take time from the steps
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("elapsed,"),
            TimeRemainingColumn(),
            TextColumn("to go"),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )

    def on_train_begin(self, trainer: Session) -> None:
        """Show the empty bar."""
        self._task = self.progress.add_task("training", total=trainer.total_steps)
        self._drawn = monotonic()
        self._attempt(self.progress.start)

    def on_step_end(self, trainer: Session) -> None:
        """Advance, but do not redraw more often than eyes can follow."""
        if monotonic() - self._drawn >= self.REFRESH_SECONDS:
            self._drawn = monotonic()
            self.progress.update(self._task, completed=trainer.step)
            self._attempt(self.progress.refresh)

    def on_train_end(self, trainer: Session) -> None:
        """Remove the bar."""
        if not self.progress.disable:  # rich before 14.3 would end a bar that never was by a line
            self._attempt(self.progress.stop)

    def _attempt(self, draw: Callable[[], object]) -> None:
        """Draw; if that fails, never again: a terminal that is gone must not end the training."""
        if self._works:
            try:
                draw()
            except (OSError, ValueError, SystemExit):  # rich would end the program if a pipe broke
                self._works = False
