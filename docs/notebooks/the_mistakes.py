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
# # The mistakes
#
# The study that inknet grew out of ends with an honest list of mistakes, each found after a long
# time. Here each is made on purpose. The doctor, which looks at every training, names it; then it
# is mended. This needs the extra `sklearn`, for its digits.

# %%
import numpy as np
from sklearn.datasets import load_digits

from inknet import MLP

X, y = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(y))
X, y = X[order], y[order]
n = 1200
PARTS = X[:n], y[:n], X[n:], y[n:]


def learn(parts, hidden=(64, 32), *, learning_rate=0.005, num_epochs=20, batch_size=32, **options):
    """Train on parts of data; return the history."""
    of_model = {"activations", "initializer", "bias_start", "l2_lambda", "keep_probs"}
    model = MLP([64, *hidden, 10], **{name: options[name] for name in options.keys() & of_model})
    of_training = {name: options[name] for name in options.keys() - of_model}
    return model.train(*parts, learning_rate, num_epochs, batch_size, **of_training)


def said(history):
    """Return the findings by their identifiers."""
    return {finding.identifier: finding for finding in history.findings}


sound = learn(PARTS)
print(f"a sound training reaches {sound[-1].val_accuracy:.1%} on what it did not learn from")
assert not any(finding.is_alarm for finding in sound.findings)

# %% [markdown]
# ## Rows in order as the test set
#
# The data are sorted by class, and the last rows are taken to judge the network. It is judged by
# digits that it never saw.

# %%
by_class = np.argsort(y, kind="stable")
in_order = X[by_class[:n]], y[by_class[:n]], X[by_class[n:]], y[by_class[n:]]
history = learn(in_order)
print(f"accuracy {history[-1].val_accuracy:.1%}")
print(history.findings[0])
assert {"parts-differ", "class-missing"} & set(said(history))

# %% [markdown]
# It is mended by drawing the rows at random before the parts are made, as above.
#
# ## Full batch without shuffling
#
# Each epoch takes one step, however many samples there are.

# %%
history = learn(PARTS, batch_size="all", shuffle=False, learning_rate=0.001)
print(f"accuracy {history[-1].val_accuracy:.1%}")
print(history.findings[0])
assert "batch-too-large" in said(history)
assert history[-1].val_accuracy < sound[-1].val_accuracy

# %% [markdown]
# ## Too large a network, and no regularization
#
# 156,000 weights for 1,200 digits learn each by heart. It costs time, and here not much accuracy:
# both findings are notes.

# %%
history = learn(PARTS, hidden=(512, 256), num_epochs=10)
for identifier in ("large-network", "no-regularization"):
    print(said(history)[identifier])

# %% [markdown]
# ## Zero biases
#
# With ReLU, a neuron whose biases start at 0 may be 0 for all samples, and then learns nothing.

# %%
history = learn(PARTS, activations=["relu", "relu", "softmax"], bias_start=0.0)
print(said(history)["zero-biases"])

# %% [markdown]
# ## Exploding gradients
#
# Weights that start twelve times too large send gradients back that are larger still. The doctor
# sees it before the first step.

# %%
model = MLP([64, 32, 32, 32, 32, 10], ["relu"] * 4 + ["softmax"])
for dense in model.network.dense_layers:
    dense.weight *= 12
history = model.train(*PARTS, 0.005, 10, 32)
print(f"accuracy {history[-1].val_accuracy:.1%}")
print(said(history)["exploding-gradients"])

mended = MLP([64, 32, 32, 32, 32, 10], ["relu"] * 4 + ["softmax"], initializer="he")
history = mended.train(*PARTS, 0.005, 10, 32, clip_norm=1.0)
print(f"mended: {history[-1].val_accuracy:.1%}")
assert "exploding-gradients" not in said(history)

# %% [markdown]
# ## A test set that is too small
#
# With few samples to judge by, a difference of a point may be chance. The doctor gives the
# interval.

# %%
history = learn((*PARTS[:2], X[n : n + 150], y[n : n + 150]))
print(said(history)["small-part"])

# %% [markdown]
# All findings, and how each is decided: the page *What the doctor finds*. How often they are
# right: *The doctor, measured*.
