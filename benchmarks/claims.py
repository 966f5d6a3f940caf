"""What inknet is asked to hold, against what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from benchmarks.statistics import Spread, fastest, paired_ratio, spread

Results = dict[str, Any]
"""What ``docs/performance.json`` holds: the raw figures of each study, by its name."""

NUMBA, NUMPY, FLOOR = "inknet numba", "inknet NumPy", "floor"
NUMBA_BYTES, NUMPY_BYTES = f"{NUMBA} uint8", f"{NUMPY} uint8"
NOT_PEERS = (NUMBA, NUMPY, FLOOR, NUMBA_BYTES, NUMPY_BYTES)


@dataclass(frozen=True)
class Claim:
    """One figure that is asked for, and the one that was measured.

    Attributes
    ----------
    what : str
        In words.
    asked, measured : float
    at_least : bool
        Whether `asked` is a lower limit rather than an upper one.
    unit : str
        Written after both, such as ``" ×"``.
    digits : int
        Digits after the point.
    detail : str
        Who stood against whom, and the quartiles.
    """

    what: str
    asked: float
    at_least: bool
    measured: float
    unit: str = " ×"
    digits: int = 2
    detail: str = ""

    @property
    def held(self) -> bool:
        """Whether the measured figure is on the right side of the one asked for."""
        return self.measured >= self.asked if self.at_least else self.measured <= self.asked

    @property
    def missed_by(self) -> float:
        """How far the measured figure is from the one asked for, as a fraction of that."""
        return abs(self.measured - self.asked) / self.asked

    def asked_text(self) -> str:
        """Return the limit, such as ``≥ 2 ×``."""
        return f"{'≥' if self.at_least else '≤'} {self.asked:,g}{self.unit}"

    def measured_text(self) -> str:
        """Return what was measured, with its unit."""
        return f"{self.measured:,.{self.digits}f}{self.unit}"


def best_of(study: Results, family: str) -> str:
    """Return who is the fastest of a family; of ``"peers"``, of all that are not ours."""

    def belongs(name: str) -> bool:
        its_own = study["families"][name]
        return its_own not in NOT_PEERS if family == "peers" else its_own == family

    return fastest({name: times for name, times in study["seconds"].items() if belongs(name)})


def families(study: Results) -> list[str]:
    """Return the families of a study, each once, in order."""
    return list(dict.fromkeys(study["families"].values()))


def ratio(study: Results, numerator: str, denominator: str) -> tuple[Spread, str]:
    """Return the paired ratio of the times of two families' fastest, and who these are."""
    top, bottom = best_of(study, numerator), best_of(study, denominator)
    return paired_ratio(study["seconds"][top], study["seconds"][bottom]), f"{top} / {bottom}"


def claims(results: Results) -> list[Claim]:
    """Return every claim whose study was measured."""
    by_study: dict[str, Callable[[Results], Iterator[Claim]]] = {
        "user": _user,
        "user wide": _user_wide,
        "race": _race,
        "epoch": _epoch,
        "bn": _batch_norm,
        "wide": _wide,
        "predict": _predict,
        "startup": _startup,
        "data": _data,
        "accuracy": _accuracy,
    }
    return [
        claim for name, make in by_study.items() if name in results for claim in make(results[name])
    ]


def _ratio_claim(
    what: str, study: Results, families: tuple[str, str], asked: float, at_least: bool = True
) -> Claim:
    measured, names = ratio(study, *families)
    detail = f"{names}, quartiles {measured.low:.2f}–{measured.high:.2f}"
    return Claim(what, asked, at_least, measured.median, detail=detail)


def _user(study: Results) -> Iterator[Claim]:
    what = "epoch as a user gets it, numba ops"
    yield _ratio_claim(f"{what}, against the fastest peer", study, ("peers", NUMBA), 2)
    for peer in ("PyTorch", "scikit-learn"):
        yield _ratio_claim(f"{what}, against {peer}", study, (peer, NUMBA), 3.5)
    plain = "epoch as a user gets it, NumPy ops, against the fastest peer"
    yield _ratio_claim(plain, study, ("peers", NUMPY), 0.8)
    pixels = f"{what}, float32 over uint8"
    yield _ratio_claim(pixels, study, (NUMBA, NUMBA_BYTES), 1.05, at_least=False)
    shares = spread(study["measuring_share"][best_of(study, NUMBA)])
    yield Claim(
        "measuring, as a share of that epoch",
        12,
        False,
        100 * shares.median,
        unit=" %",
        digits=1,
        detail=f"quartiles {100 * shares.low:.1f}–{100 * shares.high:.1f} %",
    )


def _user_wide(study: Results) -> Iterator[Claim]:
    what = "epoch of the wide network as a user gets it, numba ops, against PyTorch"
    yield _ratio_claim(what, study, ("PyTorch", NUMBA), 1.3)


def _race(study: Results) -> Iterator[Claim]:
    ours, peers = (soonest(study, 98, is_ours) for is_ours in (True, False))
    if ours is None:
        return
    what = "98 % on the official test images, from process start, warm"
    detail = f"{ours['who']}, {ours['settings']}: {ours['mean']:.2f} %"
    yield Claim(what, 4, False, ours["seconds"], unit=" s", detail=detail)
    if peers is not None:
        ratio = peers["seconds"] / ours["seconds"]
        detail = f"{peers['who']}, {peers['settings']}: {peers['mean']:.2f} %"
        yield Claim(f"{what}, against the best peer", 3, True, ratio, detail=detail)


def soonest(study: Results, percent: float, is_ours: bool) -> Results | None:
    """Return the racer whose mean accuracy is so high in the least time; None if there is none.

    It has ``who``, ``settings`` in words, the ``mean`` accuracy in percent, and median ``seconds``.
    """
    found = [
        {
            "who": racer["who"],
            "settings": racer["settings"],
            "mean": 100 * mean(racer["accuracy"]),
            "seconds": median(racer["seconds"]),
        }
        for racer in study["racers"]
        if racer["who"].startswith("inknet") == is_ours and racer["accuracy"]
    ]
    fast = [racer for racer in found if racer["mean"] >= percent]
    return min(fast, key=lambda racer: float(racer["seconds"])) if fast else None


def _epoch(study: Results) -> Iterator[Claim]:
    yield _ratio_claim("epoch, numba ops, against the fastest peer", study, ("peers", NUMBA), 2)
    for peer in ("PyTorch", "scikit-learn"):
        yield _ratio_claim(f"epoch, numba ops, against {peer}", study, (peer, NUMBA), 3.5)
    yield _ratio_claim("epoch, NumPy ops, against the fastest peer", study, ("peers", NUMPY), 1)
    what = "epoch, numba ops, over the matrix products alone"
    yield _ratio_claim(what, study, (NUMBA, FLOOR), 1.35, at_least=False)


def _batch_norm(study: Results) -> Iterator[Claim]:
    what = "epoch with batch norm, numba ops, against PyTorch"
    yield _ratio_claim(what, study, ("PyTorch", NUMBA), 3)


def _wide(study: Results) -> Iterator[Claim]:
    what = "epoch of the wide network, numba ops, against PyTorch"
    yield _ratio_claim(what, study, ("PyTorch", NUMBA), 1.4)


def _predict(study: Results) -> Iterator[Claim]:
    for peer, asked in (("ONNX Runtime", 1.0), ("PyTorch", 4.0)):
        what = f"one image predicted in-process, against {peer}"
        yield _ratio_claim(what, study, (peer, NUMBA), asked)

    for n in study["throughput"]:
        for peers, asked in ((("ONNX Runtime",), 1.0), (("PyTorch", "scikit-learn"), 1.2)):
            theirs = max(images_a_second(study, n, peer) for peer in peers)
            yield Claim(
                f"images a second in batches of {int(n):,}, against {' and '.join(peers)}",
                asked,
                True,
                images_a_second(study, n, NUMBA) / theirs,
                detail=f"{images_a_second(study, n, NUMBA):,.0f} / {theirs:,.0f}",
            )


def images_a_second(study: Results, batch_size: str, family: str) -> float:
    """Return the median of the fastest of a family, 0 if none took part."""
    found = [
        median(values)
        for name, values in study["throughput"][batch_size].items()
        if study["families"].get(name) == family
    ]
    return max(found, default=0.0)


def _startup(study: Results) -> Iterator[Claim]:
    seconds = study["seconds"]
    measured = paired_ratio(seconds["PyTorch script"], seconds["inknet predict"])
    yield Claim(
        "`inknet predict` from the shell, against a PyTorch script that does the same",
        3,
        True,
        measured.median,
        detail=f"quartiles {measured.low:.2f}–{measured.high:.2f}",
    )


def microseconds_an_image(size: Results) -> float:
    """Return the median time of an image in an epoch, from one of the sizes of that study."""
    return float(1e6 * median(size["seconds"]) / size["images"])


def _data(study: Results) -> Iterator[Claim]:
    first, last = study["sizes"][0], study["sizes"][-1]
    times = microseconds_an_image(first), microseconds_an_image(last)
    yield Claim(
        f"time an image, {last['images']:,} memory-mapped images over {first['images']:,}",
        1.1,
        False,
        times[1] / times[0],
        detail=f"{times[1]:.2f} µs / {times[0]:.2f} µs",
    )
    if last["memory"]:
        yield Claim(
            f"peak resident memory with {last['images']:,} memory-mapped images",
            600,
            False,
            last["memory"]["resident"],
            unit=" MB",
            digits=0,
            detail=f"of that its own, without pages of the file: {last['memory']['own']:.0f} MB",
        )


def _accuracy(study: Results) -> Iterator[Claim]:
    fast, plain = study["accuracy"]["numba"], study["accuracy"]["numpy"]
    difference = max(abs(a - b) for a, b in zip(fast, plain, strict=True))
    yield Claim(
        "test accuracy of numba and NumPy ops, same seed: the largest difference",
        0.2,
        False,
        100 * difference,
        unit=" points",
        detail=f"recipe `{study['recipe']}`, seeds {', '.join(map(str, study['seeds']))}",
    )
    means = [100 * mean(values) for values in (fast, plain)]
    yield Claim(
        "test accuracy, the lower mean of the two",
        98.4,
        True,
        min(means),
        unit=" %",
        detail=f"numba ops {means[0]:.2f} %, NumPy ops {means[1]:.2f} %",
    )


def where_the_time_goes(study: Results) -> str:
    """Return a sentence that divides inknet's epoch into matrix products and all else."""
    name, floor = best_of(study, NUMBA), best_of(study, FLOOR)
    whole, products = (spread(study["seconds"][n]).median for n in (name, floor))
    rest = 1000 * (whole - products)
    sign = f"all else takes {rest:.0f} ms" if rest >= 0 else f"it saves {-rest:.0f} ms of these"
    return (
        f"Of the {1000 * whole:.0f} ms of an epoch with numba ops, the matrix products alone, "
        f"dense and with nothing between them, would take {1000 * products:.0f} ms ({floor}): "
        f"{sign}."
    )
