"""What a figure was measured on and with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "inknet",
    "numpy",
    "numba",
    "scikit-learn",
    "torch",
    "jax",
    "jaxlib",
    "keras",
    "onnxruntime",
)


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory, system and versions, as far as they can be found out."""
    facts: dict[str, Any] = {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas": _blas(),
        "versions": {},
    }
    memory = _first("/proc/meminfo", "MemTotal")
    if memory:
        facts["memory_gigabytes"] = round(int(memory.split()[0]) * 1024 / 1e9, 1)
    for name in PACKAGES:
        try:
            facts["versions"][name] = version(name)
        except PackageNotFoundError:
            continue
    return facts


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
