"""Export models to ONNX, Python or HTML; import them from state dicts or scikit-learn.

`onnx_file`, `numpy_file` and `html_file` write, `state_dict` and `scikit_learn` read. The commands
``inknet export`` and ``inknet import`` are in `inknet.cli`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inknet.exchange.html_file import export_html as export_html
    from inknet.exchange.numpy_file import export_numpy as export_numpy
    from inknet.exchange.onnx_file import export_onnx as export_onnx
    from inknet.exchange.scikit_learn import from_sklearn as from_sklearn
    from inknet.exchange.state_dict import read_state_dict as read_state_dict

_MODULES = {
    "export_html": "html_file",
    "export_numpy": "numpy_file",
    "export_onnx": "onnx_file",
    "from_sklearn": "scikit_learn",
    "read_state_dict": "state_dict",
}

__all__ = ["export_html", "export_numpy", "export_onnx", "from_sklearn", "read_state_dict"]


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it."""
    if name not in _MODULES:
        raise AttributeError(f"module 'inknet.exchange' has no attribute {name!r}")
    return getattr(import_module(f"inknet.exchange.{_MODULES[name]}"), name)
