"""``python -m benchmarks.stale``: which figures are older than the operations they measured.

Each measurement keeps a digest of the sources of ``inknet.nn.ops``. Comments, docstrings and layout
do not count. The exit code is 1 if a figure is older than the sources as they are now.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from pathlib import Path
from typing import Any

from inknet.experiments.measured import MeasuredFile

ROOT = Path(__file__).resolve().parent.parent
OPS = ROOT / "src/inknet/nn/ops"
FIGURES = ROOT / "docs/performance.json"


def digest(folder: Path = OPS) -> str:
    """Return a short digest of the code of a folder, the same with every version of Python."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        code = _code(ast.parse(path.read_bytes()))
        whole.update(f"{path.relative_to(folder).as_posix()}\n{code}\n".encode())
    return whole.hexdigest()[:12]


def _code(value: Any) -> str:
    """Return a syntax tree as text, without docstrings.

    Empty fields are left out: `ast.dump` shows those that a newer Python has added.
    """
    if isinstance(value, list):
        return f"[{','.join(map(_code, value))}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    fields = dict(ast.iter_fields(value))
    if isinstance(value, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = [
            part
            for part in value.body
            if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        ]
    inner = (f"{name}={_code(field)}" for name, field in fields.items() if field not in (None, []))
    return f"{type(value).__name__}({','.join(inner)})"


def stale(results: dict[str, Any], now: str) -> list[str]:
    """Return the names of the measurements of other operations than those with the digest."""
    return [name for name, study in results.items() if study.get("ops") != now]


def main() -> None:
    """Say which figures are older than the operations; end with code 1 if any is."""
    results = MeasuredFile(FIGURES).entries()
    old = stale(results, digest())
    for name in results:
        print(f"{name}: {'older than the operations' if name in old else 'up to date'}")
    sys.exit(bool(old))


if __name__ == "__main__":
    main()
