"""How long an epoch of training takes, for three networks."""

from __future__ import annotations

from typing import Any

from benchmarks.conductor import Company, Entry
from benchmarks.task import BATCH_NORM, EPOCH, N_MEASURED, WIDE, Task

THREADS = (1, 2)
WARM_UP = [("epoch",), ("epoch",)]


def threads_label(n: int) -> str:
    """Return the number with its noun."""
    return f"{n} thread{'s' * (n > 1)}"


INKNET = [
    Entry(
        f"inknet, {label} ops",
        f"inknet {label}",
        "benchmarks.contestants.inknet_mlp:InknetTraining",
        environment={"INKNET_OPS": ops},
    )
    for ops, label in (("numba", "numba"), ("numpy", "NumPy"))
]
USER = [
    Entry(
        f"{entry.name}, {kind}",
        entry.family if kind == "float32" else f"{entry.family} {kind}",
        entry.make,
        {"kind": kind, "measured": True},
        environment=entry.environment,
    )
    for entry in INKNET
    for kind in ("float32", "uint8")
]
"""With validation; the family that counts takes pixels scaled in advance, as most people do."""
FLOOR = [
    Entry(
        f"matrix products alone, {threads_label(n)}",
        "floor",
        "benchmarks.contestants.matrix_products:MatrixProducts",
        {"threads": n},
    )
    for n in THREADS
]
SKLEARN = [
    Entry(
        f"scikit-learn, {threads_label(n)}",
        "scikit-learn",
        "benchmarks.contestants.sklearn_mlp:SklearnTraining",
        {"threads": n},
    )
    for n in THREADS
]
TORCH = [
    Entry(
        f"PyTorch {mode}, {threads_label(n)}",
        "PyTorch",
        "benchmarks.contestants.torch_mlp:TorchTraining",
        {"mode": mode, "threads": n},
    )
    for mode in ("eager", "fused", "compiled")
    for n in THREADS
]
TORCH_BFLOAT16 = [
    Entry(
        f"PyTorch {mode}, bfloat16, {threads_label(n)}",
        "PyTorch",
        "benchmarks.contestants.torch_mlp:TorchTraining",
        {"mode": mode, "threads": n, "bfloat16": True},
    )
    for mode in ("fused", "compiled")
    for n in THREADS
]
JAX = [
    Entry(
        f"JAX, {bits}", "JAX", "benchmarks.contestants.jax_mlp:JaxTraining", {"random_bits": bits}
    )
    for bits in ("threefry2x32", "rbg", "unsafe_rbg")
] + [
    Entry(
        "JAX, threefry2x32, uint8",
        "JAX",
        "benchmarks.contestants.jax_mlp:JaxTraining",
        {"random_bits": "threefry2x32", "pixels": True},
    ),
    Entry(
        "JAX, threefry2x32, 1 thread",
        "JAX",
        "benchmarks.contestants.jax_mlp:JaxTraining",
        {"random_bits": "threefry2x32"},
        environment={"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"},
    ),
]
KERAS = [
    Entry(
        f"Keras on {label}",
        "Keras",
        "benchmarks.contestants.keras_mlp:KerasTraining",
        environment={"KERAS_BACKEND": backend},
    )
    for backend, label in (("jax", "JAX"), ("torch", "PyTorch"))
]
TINYGRAD = [
    Entry(
        f"tinygrad, {label}",
        "tinygrad",
        "benchmarks.contestants.tinygrad_mlp:TinygradTraining",
        options,
        environment={"DEV": "CPU"},
    )
    for label, options in (
        ("float32", {}),
        ("uint8", {"pixels": True}),
        ("uint8, BEAM=2", {"pixels": True, "beam": 2}),
    )
]
MLX = [
    Entry(f"MLX, {kind}", "MLX", "benchmarks.contestants.mlx_mlp:MlxTraining", {"pixels": pixels})
    for kind, pixels in (("float32", False), ("uint8", True))
]


def measure_epoch(rounds: int) -> dict[str, Any]:
    """Measure everyone on the network that speed is asked of."""
    peers = [*SKLEARN, *TORCH, *TORCH_BFLOAT16, *JAX, *KERAS, *TINYGRAD, *MLX]
    return measure(EPOCH, [*INKNET, *FLOOR, *peers], rounds)


def measure_batch_norm(rounds: int) -> dict[str, Any]:
    """Measure the same network with batch normalization."""
    return measure(BATCH_NORM, [*INKNET, *FLOOR, *TORCH, *TORCH_BFLOAT16], rounds)


def measure_wide(rounds: int) -> dict[str, Any]:
    """Measure a network whose matrix products are nearly all its work."""
    return measure(WIDE, [*INKNET, *FLOOR, *TORCH, *TORCH_BFLOAT16], rounds)


def measure_user(rounds: int) -> dict[str, Any]:
    """Measure an epoch as a user gets it, with loss and accuracy of images held back."""
    entries = [*USER, *SKLEARN, *TORCH, *TORCH_BFLOAT16, *JAX, *TINYGRAD, *MLX]
    study = measure(EPOCH, entries, rounds, "measured_epoch")
    return study | {"measured_images": N_MEASURED}


def measure_user_wide(rounds: int) -> dict[str, Any]:
    """Measure the same for the network whose matrix products are nearly all its work."""
    study = measure(WIDE, [*USER, *TORCH, *TORCH_BFLOAT16], rounds, "measured_epoch")
    return study | {"measured_images": N_MEASURED}


def measure(task: Task, entries: list[Entry], rounds: int, call: str = "epoch") -> dict[str, Any]:
    """Return the seconds of each epoch by name, and what each had learned in the end."""
    with Company(entries, task, WARM_UP) as company:
        if call != "epoch":
            company.rounds(1, call)  # whatever is compiled for it
        seconds = company.rounds(rounds, call)
        shares = {
            name: [worker.call("measuring_share") for _ in range(rounds)]
            for name, worker in company.workers.items()
            if call != "epoch" and name.startswith("inknet")
        }
        accuracy = company.once("accuracy")
        return {
            "measuring_share": shares,
            "task": task.to_json(),
            "seconds": {name: seconds[name] for name in accuracy},
            "families": {entry.name: entry.family for entry in entries if entry.name in accuracy},
            "accuracy": accuracy,
            "missing": company.missing,
            "busy_while_idle": company.busy_while_idle,
        }
