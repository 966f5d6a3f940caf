"""What figures were measured on: processor, cores, system and versions."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from inknet.nn.ops.parallel import n_cores

PACKAGES = (
    "inknet", "numpy", "numba", "scipy", "scikit-learn", "torch", "jax", "jaxlib", "keras",
    "tinygrad", "mlx", "onnxruntime",
)  # fmt: skip
TITLES = {"numpy": "NumPy", "scipy": "SciPy"}


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory, system and versions, as far as they can be found out."""
    machine: dict[str, Any] = {
        "processor": _first("/proc/cpuinfo", "model name")
        or platform.processor()
        or platform.machine(),
        "cores": n_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas": _blas(),
        "versions": {},
    }
    memory = _first("/proc/meminfo", "MemTotal")
    if memory:
        machine["memory_gigabytes"] = round(int(memory.split()[0]) * 1024 / 1e9, 1)
    for name in PACKAGES:
        try:
            machine["versions"][name] = version(name)
        except PackageNotFoundError:
            continue
    return machine


def in_words(machine: Mapping[str, Any], packages: Sequence[str] = ("numpy",)) -> str:
    """Return a description in one line, with the versions of some packages that were installed."""
    versions = machine["versions"]
    parts = [
        f"{machine['cores']} cores of {machine['processor']}",
        machine["system"].split()[0],
        f"Python {machine['python']}",
        *(f"{TITLES.get(name, name)} {versions[name]}" for name in packages if name in versions),
    ]
    return ", ".join(parts)


def _first(path: str, key: str) -> str:
    """Return the value of the first line ``key : value`` of a file in /proc."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except OSError:
        return ""
    values = (line.split(":", 1)[1].strip() for line in lines if line.startswith(key))
    return next(values, "")


def _blas() -> str:
    """Return the name, version and kernels of the BLAS that NumPy uses."""
    import numpy  # noqa: F401  so that its BLAS is loaded
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return ", ".join(
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', '?')})"
        for pool in pools[:1]
    )
