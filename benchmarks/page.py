"""``docs/performance.md``: every figure in it comes from ``docs/performance.json``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean

from benchmarks.claims import (
    NUMBA,
    Claim,
    Results,
    best_of,
    claims,
    families,
    microseconds_an_image,
    soonest,
    where_the_time_goes,
)
from benchmarks.pictures import LABELS, best_throughput, draw_all
from benchmarks.stale import digest, stale
from benchmarks.statistics import Spread, paired_ratio, spread
from benchmarks.task import Task


def write_page(results: Results, page: Path) -> None:
    """Write the page, and the pictures into the folder next to it."""
    pictures = draw_all(results, page.parent / "pictures")
    page.write_text(render(results, {picture.stem for picture in pictures}), "utf-8")


def render(results: Results, pictures: set[str]) -> str:
    """Return the page as Markdown, with those pictures of which the names are given."""
    parts = [_head(results), *_age(results), _claims(claims(results))]
    sections = {
        "user": _user,
        "user wide": _user_wide,
        "race": _race,
        "epoch": _epoch,
        "step": _step,
        "bn": _batch_norm,
        "wide": _wide,
        "scaling": _scaling,
        "data": _data,
        "predict": _predict,
        "startup": _startup,
        "size": _size,
        "accuracy": _accuracy,
    }
    parts += [section(results[name]) for name, section in sections.items() if name in results]
    parts.append("\n".join([HOW, *_how_peers(results)]))
    text = "\n\n".join(parts) + "\n"
    lines = text.splitlines(keepends=True)
    kept = (line for line in lines if not line.startswith("![") or any(p in line for p in pictures))
    return "".join(kept)


HEAD = """\
<!-- Written by `python -m benchmarks page` from performance.json. Nothing here is by hand. -->

# Performance

How fast inknet is, against the other ways to train and use the same network on the same machine.
`make bench` measures what is missing or older than the code (`--again`: everything), and writes
this page, its pictures and [the raw figures](performance.json); `make stale` says what is older."""

HOW = """\
## How this was measured

- Every contestant has a process of its own and waits there while another is measured. They
  take turns, round by round, every other round in the opposite order, with a pause between two
  turns in which threads go to sleep. The processor time that the waiting ones used is watched.
- A ratio is taken within each round, and the table gives the median of these ratios: noise that
  slows down a whole round cancels. Quartiles are given next to every median.
- Two epochs before the first round, and with them all compilation, are not counted.
- Every contestant draws a new order of the images in each epoch, gathers its batches (the last
  one is short), draws its dropout masks, computes loss and gradients, and takes Adam's steps, in
  float32. inknet gathers uint8 and scales it, and so does PyTorch, for which that is faster; JAX
  is tried with both; scikit-learn and Keras are given float32 that was scaled in advance, at no
  cost to them. Only *as a user gets it* does the time have the evaluation after an epoch in it;
  there, float32 is given to inknet too where uint8 is not named. That each learned is shown
  by its accuracy on the 10,000 test images after the measured epochs.
- Of a library's modes, generators, backends and numbers of threads, the fastest counts. inknet
  chooses its number of threads by itself.
- scikit-learn's `MLPClassifier` has neither leaky ReLU, nor dropout, nor label smoothing, nor
  batch normalization: it does less, with ReLU.
- JAX runs the whole epoch, shuffling and dropout included, in one jitted `lax.scan` that
  overwrites its own state. PyTorch's `compiled` is `torch.compile` over network and loss, with
  fused Adam. Keras is compiled by XLA or `torch.compile`.
- The matrix products alone are those of all dense layers, `x @ weight` forward, `x.T @ dz` and,
  above the first layer, `dz @ weight.T` backward, in NumPy's BLAS, dense, with one batch that
  stays in the cache."""

HOW_PEERS = {
    "bfloat16": """\
- PyTorch's bfloat16 is its autocast around network and loss, forward and backward; its weights and
  Adam stay in float32. All that is not called bfloat16 is in float32.""",
    "tinygrad": """\
- tinygrad captures the step, from fetching a batch to Adam, in a `TinyJit` for each size of a
  batch, on its CPU device with Clang. `BEAM=2` is its search for faster kernels, for the step of a
  full batch; it is over before the first round.""",
    "MLX": """\
- MLX runs on its CPU device; forward pass, backward pass and Adam are one function of `mx.compile`,
  and the state is evaluated after each step. Its matrix products are in the BLAS of its wheel,
  which on Linux is the reference BLAS, in one thread.""",
}
"""On what not every page has: older figures lack them, and some machines the packages."""


def _how_peers(results: Results) -> list[str]:
    """Return how those entries were measured that not every page has."""
    names = [name for study in results.values() for name in study.get("seconds", {})]
    return [text for peer, text in HOW_PEERS.items() if any(peer in name for name in names)]


def _head(results: Results) -> str:
    """Return the title, and what it was measured on."""
    newest = max(results.values(), key=lambda study: str(study["began"]))
    machine = newest["machine"]
    memory = machine.get("memory_gigabytes")
    dates = sorted(study["began"][:10] for study in results.values())
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    minutes = sum(study["seconds_measured"] for study in results.values()) / 60
    rows = [
        ("measured", dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"),
        ("took", f"{minutes:.0f} minutes"),
        ("processor", f"{machine['cores']} cores of {machine['processor']}"),
        ("memory", f"{memory:g} GB" if memory else "–"),
        ("system", f"{machine['system']}, Python {machine['python']}"),
        ("BLAS of NumPy", machine["blas"]),
        ("versions", versions),
    ]
    return "\n".join([HEAD, "", *table(["", ""], rows)])


def _age(results: Results) -> list[str]:
    """Return a paragraph on the figures that are older than the operations, if there are any."""
    old = stale(results, digest())
    if not old:
        return _other_machines(results)
    which = "All figures here" if len(old) == len(results) else f"The figures of {', '.join(old)}"
    return [
        *_other_machines(results),
        f"**{which} are older than the operations they measured**: the code in "
        "[`nn/ops`](../src/inknet/nn/ops) has changed since. `make bench` measures again.",
    ]


def _other_machines(results: Results) -> list[str]:
    """Return a paragraph on the figures of another processor than that of the newest."""
    newest = max(results.values(), key=lambda study: str(study["began"]))
    others: dict[str, list[str]] = {}
    for name, study in results.items():
        processor = study["machine"]["processor"]
        if processor != newest["machine"]["processor"]:
            others.setdefault(processor, []).append(name)
    return [
        f"**The figures of {', '.join(names)} are of another machine**: {processor}."
        for processor, names in others.items()
    ]


def table(head: Sequence[str], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table; all columns but the first are set to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)] if len(head) > 2 else ["---"] * len(head)
    return [f"| {' | '.join(row)} |" for row in [tuple(head), tuple(rule), *rows]]


def _claims(all_claims: list[Claim]) -> str:
    """Return the table of what must hold, and a sentence on each figure that is missed."""
    rows = [
        (
            claim.what,
            claim.asked_text(),
            claim.measured_text(),
            "yes" if claim.held else f"**no**, by {claim.missed_by:.0%}",
        )
        for claim in all_claims
    ]
    lines = ["## What must hold", "", *table(["what", "asked", "measured", "held"], rows), ""]
    missed = [claim for claim in all_claims if not claim.held]
    lines += [
        f"- Missed: {claim.what}. Asked was {claim.asked_text()}, measured "
        f"{claim.measured_text()}, which is {claim.missed_by:.1%} off."
        for claim in missed
    ]
    if not missed:
        lines.append("Every figure holds.")
    lines += ["", "Who stood against whom:", ""]
    lines += [f"- {claim.what}: {claim.detail}" for claim in all_claims]
    return "\n".join(lines)


def _training_table(study: Results) -> list[str]:
    """Return the table of an epoch's times, the fastest first, against inknet's numba ops."""
    seconds = study["seconds"]
    ours = seconds[best_of(study, NUMBA)]
    rows = []
    for name in sorted(seconds, key=lambda name: spread(seconds[name]).median):
        times, ratio = spread(seconds[name]), paired_ratio(seconds[name], ours)
        accuracy = study["accuracy"][name]
        rows.append(
            (
                name,
                f"{times.median:.3f}",
                quartiles(times, 3),
                f"{ratio.median:.2f} ×",
                quartiles(ratio, 2),
                "–" if accuracy is None else f"{accuracy:.1%}",
            )
        )
    head = ["", "s an epoch", "quartiles", "over numba ops", "quartiles", "test accuracy"]
    return table(head, rows)


def quartiles(values: Spread, digits: int) -> str:
    """Return the two quartiles with a dash between them."""
    return f"{values.low:.{digits}f}–{values.high:.{digits}f}"


def _notes(study: Results) -> list[str]:
    """Return who was left out, and how quiet the waiting processes were."""
    lines = [
        f"Left out: {name} ({reason.rstrip('.')})." for name, reason in study["missing"].items()
    ]
    if "busy_while_idle" in study:
        lines.append(
            f"{study['rounds']} rounds; the waiting processes together took at most "
            f"{study['busy_while_idle']:.0%} of a core during a turn."
        )
    return ["", *lines]


def _training(title: str, study: Results, *more: str) -> str:
    lines = [f"## {title}", "", f"{Task.from_json(study['task']).describe()}.", "", *more]
    return "\n".join([*lines, *_training_table(study), *_notes(study)])


def _user(study: Results) -> str:
    return _measured("An epoch as a user gets it", study)


def _user_wide(study: Results) -> str:
    return _measured("A wide network as a user gets it", study)


def _measured(title: str, study: Results) -> str:
    n = study["measured_images"]
    text = (
        f"An epoch of training, and after it the loss and the accuracy on {n:,} of the images that "
        f"were learned from and on {n:,} that were held back. Of inknet it is all that `MLP.train` "
        "does by default, its watch over the layers and its doctor too."
    )
    shares = [
        f"- {name}: {spread(values).median:.1%} of its epoch is what follows the last step."
        for name, values in study["measuring_share"].items()
    ]
    return "\n".join([_training(title, study, text, ""), "", *shares])


def _race(study: Results) -> str:
    rows = []
    for racer in study["racers"]:
        if not racer["accuracy"]:
            continue
        times, reached = spread(racer["seconds"]), [100 * value for value in racer["accuracy"]]
        rows.append(
            (
                f"{racer['who']}, {racer['settings']}",
                f"{times.median:.1f}",
                quartiles(times, 1),
                f"{mean(reached):.2f}",
                f"{min(reached):.2f}–{max(reached):.2f}",
            )
        )
    marks = []
    for percent in (97, 98, 98.5):
        best = [soonest(study, percent, is_ours) for is_ours in (True, False)]
        cells = [
            f"{one['seconds']:.1f} s ({one['who']}, {one['settings']})" if one else "not reached"
            for one in best
        ]
        marks.append((f"{percent:g} %", *cells))
    lines = [
        "## From the start of the process to an accuracy",
        "",
        "Whole programs: each starts, reads MNIST's files, trains, evaluates once on the official "
        "test images and prints the accuracy, at which the time ends; inknet draws its pictures "
        "after that. What is compiled and kept on disk is there already. All have the "
        "network of the recipe `sprint`, 784-256-128-10 with batch normalization, and a one-cycle "
        "rate; scikit-learn has neither of the two. inknet learns from 57,000 images: the recipe "
        "holds back 3,000 and measures on them. The others learn from all 60,000. inknet's rate is "
        "that of the recipe, which training images chose; those of PyTorch and JAX were chosen "
        "with one seed on the test images, and scikit-learn's are usual ones. Seeds "
        f"{', '.join(map(str, study['seeds']))}; a program reaches what the mean of its accuracies "
        "reaches.",
        "",
        *table(["mean of the seeds", "inknet", "the fastest peer"], marks),
        "",
        *table(["", "s", "quartiles", "test accuracy, %", "from – to"], rows),
    ]
    missing = [
        f"Left out: {name} ({reason.rstrip('.')})." for name, reason in study["missing"].items()
    ]
    return "\n".join([*lines, *([""] if missing else []), *missing])


def _epoch(study: Results) -> str:
    picture = "![Seconds an epoch of each library](pictures/performance-epoch.png)"
    text = _training("An epoch of training", study, picture, "")
    return f"{text}\n\n{where_the_time_goes(study)}"


STEP_PARTS = {
    "first forward": "first layer, forward",
    "first backward": "first layer, backward",
    "other products": "the other dense layers, both ways",
    "activations": "activations and dropout, both ways",
    "loss": "softmax cross-entropy and its gradient",
    "optimizer": "Adam",
}


def _step(study: Results) -> str:
    rows: list[tuple[str, ...]] = []
    for key, words in STEP_PARTS.items():
        cells = []
        for parts in study["parts"].values():
            share = parts[key] / parts["step"]
            cells += [f"{1e6 * parts[key]:.0f}", f"{share:.0%}"]
        rows.append((words, *cells))
    totals: list[str] = []
    fetching: list[str] = []
    for parts in study["parts"].values():
        totals += [f"{1e6 * parts['step']:.0f}", "100%"]
        fetching += [f"{1e6 * parts['beside']:.0f}", "–"]
    rows += [("the step", *totals), ("in a thread next to it: fetching a batch", *fetching)]
    head = ["", *(f"{label}, {unit}" for label in study["parts"] for unit in ("µs", "share"))]
    task = Task.from_json(study["task"])
    n_steps = -(-task.n_images // task.batch_size)
    epochs = ", ".join(
        f"{n_steps * parts['step']:.3f} s with {label} ops"
        for label, parts in study["parts"].items()
    )
    lines = [
        "## Where the time of a step goes",
        "",
        "The parts of one step of the network above, median of many, in one thread and with "
        f"nothing else running. {n_steps} such steps, an epoch, would take {epochs}.",
        "",
        *table(head, rows),
    ]
    return "\n".join(lines)


def _batch_norm(study: Results) -> str:
    return f"{_training('With batch normalization', study)}\n\n{where_the_time_goes(study)}"


def _wide(study: Results) -> str:
    return f"{_training('A wide network', study)}\n\n{where_the_time_goes(study)}"


def _scaling(study: Results) -> str:
    widths, batch_sizes = study["widths"], study["batch_sizes"]
    lines = [
        "## How time grows with the work",
        "",
        "Microseconds an image: on the left two hidden layers of one width, in batches of "
        f"{widths[0]['task']['batch_size']} and without dropout, on the right the network of the "
        "first section in batches of other sizes. PyTorch is with fused Adam.",
        "",
        "![Time an image over width and batch size](pictures/performance-scaling.png)",
        "",
        *_scaling_table("width", widths),
        "",
        *_scaling_table("batch size", batch_sizes),
    ]
    return "\n".join(lines)


def _scaling_table(what: str, studies: list[Results]) -> list[str]:
    names = families(studies[0])
    rows = []
    for study in studies:
        n_images = study["task"]["n_images"]
        medians = (spread(study["seconds"][best_of(study, family)]).median for family in names)
        cells = (f"{1e6 * median / n_images:.1f}" for median in medians)
        rows.append((f"{study['value']:,}", *cells))
    return table([what, *(LABELS.get(name, name) for name in names)], rows)


def _data(study: Results) -> str:
    rows = [
        (
            f"{size['images']:,}",
            f"{microseconds_an_image(size):.2f}",
            f"{size['memory'].get('resident', float('nan')):,.0f}",
            f"{size['memory'].get('own', float('nan')):,.0f}",
        )
        for size in study["sizes"]
    ]
    lines = [
        "## How time and memory grow with the number of images",
        "",
        "The network of the first section, learning from a memory-mapped IDX file: the images of "
        "MNIST over and over, each time moved by up to two pixels. The time is that of an epoch's "
        "steps. *Resident* is the most memory that the process ever had, with those pages of the "
        "mapped file that the system had not taken back; *own* leaves these out.",
        "",
        *table(["images", "µs an image", "resident, MB", "own, MB"], rows),
        *_notes(study),
    ]
    return "\n".join(lines)


def _predict(study: Results) -> str:
    seconds = study["seconds"]
    ours = seconds[best_of(study, NUMBA)]
    rows: list[tuple[str, ...]] = []
    for name in sorted(seconds, key=lambda name: spread(seconds[name]).median):
        times, ratio = spread(seconds[name]), paired_ratio(seconds[name], ours)
        micro = Spread(1e6 * times.low, 1e6 * times.median, 1e6 * times.high)
        rows.append((name, f"{micro.median:.1f}", quartiles(micro, 1), f"{ratio.median:.2f} ×"))
    sizes = list(study["throughput"])
    images = [
        (
            LABELS.get(family, family),
            *(f"{best_throughput(study, family, int(n)):,.0f}" for n in sizes),
        )
        for family in families(study)
    ]
    lines = [
        "## Prediction",
        "",
        "One trained model, read by all but scikit-learn, which has to learn its own. Everyone "
        "returns the probabilities of the ten classes. `uint8` is handed pixels as they come and "
        "scales them itself; `float32` is handed numbers that were scaled before the clock "
        "started, in the library's own kind of array. One image at a time, median of 1,000 calls "
        "in each round:",
        "",
        *table(["", "µs an image", "quartiles", "over numba ops"], rows),
        "",
        "Images a second, in batches of 1 to 10,000, the fastest of each library's ways:",
        "",
        "![Images a second over batch size](pictures/performance-predict.png)",
        "",
        *table(["batch size", *(f"{int(n):,}" for n in sizes)], images),
        *_notes(study),
    ]
    return "\n".join(lines)


def _startup(study: Results) -> str:
    def rows(seconds: dict[str, list[float]]) -> list[tuple[str, ...]]:
        spreads = {name: spread(values) for name, values in seconds.items()}
        return [
            (name, f"{s.median:.3f}", quartiles(s, 3))
            for name, s in sorted(spreads.items(), key=lambda item: item[1].median)
        ]

    lines = [
        "## From the shell",
        "",
        "A new process that loads a model, reads a picture and says what is on it; the PyTorch "
        "script is [`benchmarks/torch_predict.py`](../benchmarks/torch_predict.py). Both read the "
        "same files:",
        "",
        *(f"    {answer}    ({name})" for name, answer in study["answers"].items()),
        "",
        *table(["", "s", "quartiles"], rows(study["seconds"])),
        "",
        "A new process that imports one thing:",
        "",
        *table(["", "s", "quartiles"], rows(study["import_seconds"])),
    ]
    return "\n".join(lines)


def _size(study: Results) -> str:
    sizes = sorted(study["megabytes"].items(), key=lambda item: float(item[1]))
    rows = [(name, f"{megabytes:,.0f}") for name, megabytes in sizes]
    lines = [
        "## Installed size",
        "",
        "With everything each depends on, without compiled bytecode.",
        "",
        *table(["", "MB"], rows),
        *_notes(study),
    ]
    return "\n".join(lines)


def _accuracy(study: Results) -> str:
    rows = [
        (
            f"{ops} ops",
            *(f"{value:.2%}" for value in values),
            f"{mean(values):.2%}",
        )
        for ops, values in study["accuracy"].items()
    ]
    head = ["", *(f"seed {seed}" for seed in study["seeds"]), "mean"]
    lines = [
        "## Accuracy of both ops",
        "",
        f"Whole trainings by the recipe `{study['recipe']}`, evaluated on the official test set.",
        "",
        *table(head, rows),
    ]
    return "\n".join(lines)
