"""``python -m benchmarks.adversarial``: what virtual adversarial training brings on small tables.

Each of scikit-learn's tables is split ten times: 60 % to learn from, 20 % to choose ε, 20 % to
judge. ε is chosen by the mean accuracy of all ten on the part for it, and judged once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from inknet import MLPClassifier

TABLES = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
    "digits": load_digits,
}
EPSILONS = (0.0, 0.1, 0.3, 1.0, 2.0, 3.0)
N_SPLITS = 10


def accuracies(load: Any) -> np.ndarray[Any, Any]:
    """Return accuracies ``(ε, split, 2)``: on the part that chooses, and on the one that judges."""
    X, y = load(return_X_y=True)
    found = np.empty((len(EPSILONS), N_SPLITS, 2))
    for split in range(N_SPLITS):
        X_rest, X_test, y_rest, y_test = train_test_split(
            X, y, test_size=0.2, random_state=split, stratify=y
        )
        X_train, X_val, y_train, y_val = train_test_split(
            X_rest, y_rest, test_size=0.25, random_state=split, stratify=y_rest
        )
        scaler = StandardScaler().fit(X_train)
        X_train, X_val, X_test = map(scaler.transform, (X_train, X_val, X_test))
        for i, epsilon in enumerate(EPSILONS):
            model = MLPClassifier(
                (64,), batch_size=32, max_iter=40, n_iter_no_change=40, adversarial=epsilon
            )
            model.set_params(random_state=split).fit(X_train, y_train)
            found[i, split] = model.score(X_val, y_val), model.score(X_test, y_test)
    return found


def main() -> None:
    """Print a table."""
    print("| table | without | with | ε | better, as good, worse, of the splits |")
    print("|---|---:|---:|---:|---:|")
    for name, load in TABLES.items():
        found = accuracies(load)
        best = int(found[:, :, 0].mean(axis=1).argmax())
        plain, chosen = found[0, :, 1], found[best, :, 1]
        counts = [int(n.sum()) for n in (chosen > plain, chosen == plain, chosen < plain)]
        print(
            f"| {name} | {plain.mean():.2%} | {chosen.mean():.2%} | {EPSILONS[best]:g} | "
            f"{', '.join(map(str, counts))} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
