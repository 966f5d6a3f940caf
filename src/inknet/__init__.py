"""inknet: a neural network you can read, that reads your handwriting.

Importing it costs NumPy and nothing more: each name below is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from inknet.data.arrays import load_arrays as load_arrays
    from inknet.errors import InputError as InputError
    from inknet.mlp import MLP as MLP
    from inknet.runs import Run as Run
    from inknet.sklearn import MLPClassifier as MLPClassifier
    from inknet.sklearn import MLPRegressor as MLPRegressor
    from inknet.training.callbacks import Callback as Callback
    from inknet.training.notebook import LivePlot as LivePlot

_HOMES = {
    "MLP": "inknet.mlp",
    "MLPClassifier": "inknet.sklearn",
    "MLPRegressor": "inknet.sklearn",
    "Callback": "inknet.training.callbacks",
    "InputError": "inknet.errors",
    "LivePlot": "inknet.training.notebook",
    "Run": "inknet.runs",
    "load_arrays": "inknet.data.arrays",
    # for `History.plot`, which is on a lower floor than what draws
    "history_figure": "inknet.report.plots",
    "plot_history": "inknet.report.plots",
}

__all__ = [
    "MLP",
    "Callback",
    "InputError",
    "LivePlot",
    "MLPClassifier",
    "MLPRegressor",
    "Run",
    "__version__",
    "load_arrays",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'inknet' has no attribute {name!r}")
    from importlib import import_module  # not every version of NumPy has loaded it

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
