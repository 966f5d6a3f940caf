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
# # Back-propagation by hand
#
# A network with one hidden layer is written out in thirty lines of NumPy: forward, loss, backward
# and a step. Then `inknet` computes the same, and both agree to the bit.
#
# The data are digits of MNIST: 28 × 28 pixels each, as rows of 784 numbers from 0 to 1.

# %%
import numpy as np

from inknet import load_arrays

pixels, labels, *_ = load_arrays("sample")
x, labels = pixels[:64] / 255.0, labels[:64]
x.shape, labels[:10]

# %% [markdown]
# ## What is computed
#
# Rows are samples. With n samples, 784 inputs, 30 hidden neurons and 10 classes:
#
# | | formula | shape |
# |---|---|---|
# | hidden sums | `z1 = x @ W1 + b1` | (n, 30) |
# | hidden outputs | `a1 = max(z1, 0)`, the activation ReLU | (n, 30) |
# | logits | `z2 = a1 @ W2 + b2` | (n, 10) |
# | probabilities | `p = exp(z2) / sum of exp(z2)`, row by row: softmax | (n, 10) |
# | loss | `J = mean of −log p[right class]`: cross-entropy | one number |
#
# Back-propagation asks of every number: how much does J grow if this number grows by a little?
# It begins at the end. Let `G` be the answer for what was computed last.
#
# 1. **Logits.** `−log p[right] = log(sum of exp(z)) − z[right]`. The derivative of the first part
#    with respect to `z[k]` is `exp(z[k]) / sum = p[k]`; of the second it is 1 for the right class
#    and 0 for the others. So `G = (p − t) / n`, where t is 1 for the right class, else 0, and the
#    mean over the samples gives `1 / n`.
# 2. **Weights and biases of a layer `y = x @ W + b`.** `W[i, j]` changes `y[j]` by `x[i]`, in every
#    sample: `dJ/dW = x.T @ G`. `b[j]` changes `y[j]` by 1: `dJ/db = sum of the rows of G`.
# 3. **What went into the layer.** `x[i]` changes every `y[j]` by `W[i, j]`: `dJ/dx = G @ W.T`.
# 4. **ReLU.** Where `z1 > 0` its slope is 1, else 0: `G = G · (z1 > 0)`. Then 2. again.
#
# That is all. In thirty lines:


# %%
def loss_and_gradients(x, labels, W1, b1, W2, b2):
    """Return the loss and its gradients with respect to W1, b1, W2 and b2."""
    n, samples, ones = len(x), np.arange(len(x)), np.ones(len(x))

    # forward
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2

    # loss: the largest logit is subtracted first, so that no exp overflows; it cancels out
    shifted = z2 - z2.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    total = powers.sum(axis=1)
    loss = (np.log(total) - shifted[samples, labels]).sum() / n

    # backward: logits
    G = powers / total[:, None]
    G[samples, labels] -= 1
    G /= n

    # backward: second layer, ReLU, first layer
    dW2, db2 = a1.T @ G, ones @ G
    G = (G @ W2.T) * (z1 > 0)
    dW1, db1 = x.T @ G, ones @ G
    return loss, [dW1, db1, dW2, db2]


generator = np.random.default_rng(0)
W1 = generator.normal(0, np.sqrt(2 / 784), (784, 30))
W2 = generator.normal(0, np.sqrt(2 / 30), (30, 10))
start = [W1, np.zeros(30), W2, np.zeros(10)]

loss, gradients = loss_and_gradients(x, labels, *start)
print(f"loss {loss:.4f}; guessing has log 10 = {np.log(10):.4f}")

# %% [markdown]
# ## Is it right?
#
# Move one number a little to both sides and compute the loss again: `(J(w + h) − J(w − h)) / 2h` is
# the slope, up to an error that shrinks with `h²`.

# %%
h, place = 1e-5, (300, 12)
losses = []
for step in (h, -h):
    moved = [array.copy() for array in start]
    moved[0][place] += step
    losses.append(loss_and_gradients(x, labels, *moved)[0])
difference = (losses[0] - losses[1]) / (2 * h)
print(f"back-propagation {gradients[0][place]: .10f}")
print(f"difference       {difference: .10f}")
assert abs(difference - gradients[0][place]) < 1e-8

# %% [markdown]
# ## The same network in inknet
#
# An `Architecture` says which layers there are; a `Network` holds all parameters in one vector, and
# each layer has a view of its part. The initial weights are put in.

# %%
from inknet.nn import Architecture, Network

network = Network(Architecture([784, 30, 10], ["relu", "softmax"], [1, 1]), None, "float64")
first, _, second = network.layers
for layer, weight, bias in ((first, *start[:2]), (second, *start[2:])):
    layer.weight[:], layer.bias[:] = weight, bias
network

# %%
loss_of_inknet = network.loss_and_gradients(x, labels, generator)
of_inknet = [
    first.weight_gradient,
    first.bias_gradient,
    second.weight_gradient,
    second.bias_gradient,
]
assert loss_of_inknet == loss
for name, ours, theirs in zip(("W1", "b1", "W2", "b2"), gradients, of_inknet, strict=True):
    print(name, ours.shape, "the same bits:", np.array_equal(ours, theirs))
    assert np.array_equal(ours, theirs)

# %% [markdown]
# ## A hundred steps downhill
#
# Every parameter moves against its gradient, by the learning rate times its size. Both networks
# take the same hundred steps. If one bit of one gradient differed, the weights would drift apart.

# %%
from inknet.nn.optimizers import GradientDescent

rate, optimizer = 0.5, GradientDescent(network.parameters)
parameters = [array.copy() for array in start]
for _ in range(100):
    loss, gradients = loss_and_gradients(x, labels, *parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter -= rate * gradient
    loss_of_inknet = network.loss_and_gradients(x, labels, generator)
    optimizer.step(network.parameters, network.gradients, rate)
    assert loss == loss_of_inknet

assert np.array_equal(parameters[0], first.weight)
assert np.array_equal(parameters[3], second.bias)
print(f"after 100 steps the loss is {loss:.4f} in both, and all weights have the same bits")

# %% [markdown]
# ## Where to go on
#
# - `inknet explain` walks a digit through a trained network in the same way, number by number, with
#   the lines of `inknet.nn` that compute it. `--step` adds one step of training.
# - `inknet gradcheck digits` compares the gradients of a whole recipe with differences.
# - [`src/inknet/nn/layers.py`](https://github.com/inknet/inknet/blob/main/src/inknet/nn/layers.py)
#   has these formulas, and those of dropout and batch normalization.
#
# **Try it.** Leave out `* (z1 > 0)`. Which gradients are wrong then, which are right, and why?
