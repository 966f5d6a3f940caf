"""A scikit-learn estimator with inknet's network, from the extra ``sklearn``.

`classifier` has the estimator: its parameters, and how it is fitted. `fitted` has what it predicts
with. `solvers` trains its network by scikit-learn's rules, `samples` are what it learns from, and
`rows` gives it batches of dense or sparse features.
"""

try:
    import sklearn as _  # noqa: F401
except ImportError:
    raise ImportError(
        "inknet's MLPClassifier needs scikit-learn; install it with: pip install 'inknet[sklearn]'"
    ) from None

from inknet.sklearn.classifier import MLPClassifier

__all__ = ["MLPClassifier"]
