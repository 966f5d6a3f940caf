"""scikit-learn: MLPClassifier with Adam."""

from __future__ import annotations

import json
import sys
import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.race import load


def main(seed: int, epochs: int, rate: float, batch_size: int) -> float:
    """Train; return the accuracy on the test images."""
    X_train, y_train, X_test, y_test = load()
    model = MLPClassifier(
        (256, 128),
        alpha=0.0,
        batch_size=batch_size,
        learning_rate_init=rate,
        max_iter=epochs,
        random_state=seed,
    )
    warnings.simplefilter("ignore", ConvergenceWarning)  # it is to end before it has converged
    return float(model.fit(X_train, y_train).score(X_test, y_test))


if __name__ == "__main__":
    print(main(**json.loads(sys.argv[1])), flush=True)
