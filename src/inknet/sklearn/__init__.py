"""scikit-learn's estimators with inknet's network, from the extra ``sklearn``.

`classifier` and `regressor` have the estimators; `perceptron` is what they share. `settings`
translates their parameters, `record` keeps what epochs measured, and `fitted` computes outputs;
`versions` knows pickles of others. `solvers` trains the network by scikit-learn's rules, with the
`losses` of numbers too, and `measuring` says how good it is. `samples` are what it learns from, and
`rows` gives it batches of dense or sparse features. `onnx_converters` are for skl2onnx,
`tasks` for scikit-learn's own callbacks.
"""

try:
    import sklearn as _  # noqa: F401
except ImportError:
    raise ImportError(
        "inknet's estimators need scikit-learn; install it with: pip install 'inknet[sklearn]'"
    ) from None

from inknet.sklearn.classifier import MLPClassifier
from inknet.sklearn.onnx_converters import register_onnx_converters
from inknet.sklearn.regressor import MLPRegressor
from inknet.sklearn.versions import OtherVersionWarning

__all__ = ["MLPClassifier", "MLPRegressor", "OtherVersionWarning", "register_onnx_converters"]
