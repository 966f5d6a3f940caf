# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From scikit-learn in one import
#
# `inknet.MLPClassifier` has the parameters, attributes and methods of scikit-learn's. Change the
# import, and leave the rest of the program as it is. This needs the extra `sklearn`.

# %%
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from inknet import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

# %% [markdown]
# ## The same seed, the same network
#
# Initial weights, order of the samples and every step are scikit-learn's, so the weights at the end
# are the same up to rounding.

# %%
settings = {"hidden_layer_sizes": (32,), "random_state": 0, "tol": 0.01, "max_iter": 300}
theirs = TheirClassifier(**settings).fit(X_train, y_train)
ours = MLPClassifier(**settings).fit(X_train, y_train)

print(f"scikit-learn: {theirs.n_iter_} epochs, accuracy {theirs.score(X_test, y_test):.2%}")
print(f"inknet:       {ours.n_iter_} epochs, accuracy {ours.score(X_test, y_test):.2%}")
apart = max(np.abs(a - b).max() for a, b in zip(theirs.coefs_, ours.coefs_, strict=True))
print(f"largest difference of a weight: {apart:.0e}")
assert ours.n_iter_ == theirs.n_iter_
assert apart < 1e-6

# %% [markdown]
# ## In pipelines and searches
#
# It passes scikit-learn's own checks of estimators: what works with one works with the other.

# %%
search = GridSearchCV(
    make_pipeline(StandardScaler(), MLPClassifier((16,), random_state=0, tol=0.05)),
    {"mlpclassifier__alpha": [0.0001, 0.1]},
    cv=2,
)
search.fit(X_train, y_train)
print(search.best_params_, f"{search.score(X_test, y_test):.2%}")

# %% [markdown]
# ## What is new
#
# Dropout, batch normalization, label smoothing, schedules and class weights are parameters.
# `X_val` and `y_val` are evaluated after each epoch.

# %%
X_fit, X_val, y_fit, y_val = train_test_split(X_train, y_train, random_state=0)
model = MLPClassifier(
    (64, 32),
    dropout=0.2,
    batch_norm="before",
    label_smoothing=0.1,
    early_stopping=True,
    max_iter=60,
    n_iter_no_change=5,
    random_state=0,
)
model.fit(X_fit, y_fit, X_val=X_val, y_val=y_val)
print(f"stopped after {len(model.validation_scores_)} epochs")
print(f"best validation accuracy {model.best_validation_score_:.2%}")
print(f"test accuracy {model.score(X_test, y_test):.2%}")

# %% [markdown]
# A callback sees every epoch, and may end the training. `inknet.LivePlot()` is one: in a notebook
# it draws the curves while they grow.

# %%
from inknet import Callback


class GoodEnough(Callback):
    """Ends the training at 95 % of the validation samples."""

    def on_epoch_end(self, trainer):
        """Look at the newest record."""
        if trainer.history[-1].val_accuracy > 0.95:
            trainer.stop_reason = "good enough"


model = MLPClassifier((64,), callbacks=[GoodEnough()], max_iter=200, random_state=0)
model.fit(X_fit, y_fit, X_val=X_val, y_val=y_val)
print(f"good enough after {model.n_iter_} epochs: {model.score(X_test, y_test):.2%}")

# %% [markdown]
# [Coming from scikit-learn](https://github.com/inknet/inknet/blob/main/docs/from-scikit-learn.md)
# has the table of parameters, the differences and their reasons, and the measurements.
