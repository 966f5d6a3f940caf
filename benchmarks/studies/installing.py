"""How much disk each takes, with all it depends on."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.conductor import ROOT, say

WHAT = {
    "inknet": [str(ROOT)],
    "inknet with numba": [f"{ROOT}[fast]", "numba"],
    "scikit-learn": ["scikit-learn"],
    "ONNX Runtime": ["onnxruntime"],
    "JAX": ["jax", "jaxlib"],
    "PyTorch, CPU alone": ["torch==2.13.0"],
}


def measure(rounds: int) -> dict[str, Any]:
    """Return the megabytes of each, installed into an empty folder; once, whatever ``rounds``."""
    megabytes, missing = {}, {}
    for name, requirements in WHAT.items():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
            finished = subprocess.run(
                [*command, "--target", folder, *requirements], capture_output=True, text=True
            )
            if finished.returncode:
                missing[name] = (finished.stderr.strip().splitlines() or ["pip failed"])[-1]
                continue
            files = (path for path in Path(folder).rglob("*") if path.is_file())
            megabytes[name] = sum(path.stat().st_size for path in files) / 1e6
            say(f"  {name}: {megabytes[name]:.0f} MB")
    return {"megabytes": megabytes, "missing": missing}
