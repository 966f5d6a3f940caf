"""In Nielsen's style: sigmoids, back-propagation and the descent written by oneself, in NumPy."""

import sys

import matplotlib.pyplot as plt
import numpy as np
from mnist import load
from PIL import Image


def sigmoid(z):
    """Squash any number into 0 to 1."""
    return 1 / (1 + np.exp(-z))


class Network:
    """Layers of sigmoid neurons; images are the columns of a matrix."""

    def __init__(self, sizes, rng):
        pairs = list(zip(sizes, sizes[1:]))
        self.weights = [rng.normal(0, m**-0.5, (n, m)).astype("float32") for m, n in pairs]
        self.biases = [np.zeros((n, 1), "float32") for _, n in pairs]

    def forward(self, a):
        """Return the activations of every layer, the input first."""
        activations = [a]
        for w, b in zip(self.weights, self.biases):
            activations.append(sigmoid(w @ activations[-1] + b))
        return activations

    def predict(self, X):
        """Return the digit of each row of `X`."""
        return self.forward(X.T)[-1].argmax(axis=0)

    def step(self, X, Y, rate, decay):
        """Change weights and biases a little, against the gradient of the cross-entropy."""
        activations = self.forward(X.T)
        delta = (activations[-1] - Y.T) / len(X)
        for layer in reversed(range(len(self.weights))):
            a = activations[layer]
            w_gradient, b_gradient = delta @ a.T, delta.sum(axis=1, keepdims=True)
            delta = (self.weights[layer].T @ delta) * a * (1 - a)
            self.weights[layer] *= 1 - rate * decay
            self.weights[layer] -= rate * w_gradient
            self.biases[layer] -= rate * b_gradient

    def save(self, path):
        """Write all weights and biases to a file."""
        arrays = {f"w{i}": w for i, w in enumerate(self.weights)}
        np.savez(path, **arrays, **{f"b{i}": b for i, b in enumerate(self.biases)})

    @classmethod
    def load(cls, path):
        """Read what `save` wrote."""
        network = cls([], None)
        with np.load(path) as arrays:
            n_layers = len(arrays) // 2
            network.weights = [arrays[f"w{i}"] for i in range(n_layers)]
            network.biases = [arrays[f"b{i}"] for i in range(n_layers)]
        return network


def read(path, network):
    """Return the digit in a picture of dark ink on light paper."""
    grey = Image.open(path).convert("L").resize((28, 28))
    return network.predict(1 - np.asarray(grey).reshape(1, 784) / 255)[0]


seed = int(sys.argv[1])
X_train, y_train, X_val, y_val, X_test, y_test = load(seed)
X_train, X_val, X_test = (X.astype("float32") / 255 for X in (X_train, X_val, X_test))
targets = np.eye(10, dtype="float32")[y_train]
rng = np.random.default_rng(seed)
network = Network([784, 512, 10], rng)

curve = []
for epoch in range(1, 31):
    for rows in np.array_split(rng.permutation(len(X_train)), len(X_train) // 32):
        network.step(X_train[rows], targets[rows], rate=0.5, decay=2e-5)
    curve.append(np.mean(network.predict(X_val) == y_val))
    print(f"epoch {epoch}: {curve[-1]:.2%} of the validation images")
    if curve[-1] >= 0.98:
        break

plt.plot(range(1, len(curve) + 1), curve)
plt.xlabel("epoch")
plt.ylabel("validation accuracy")
plt.savefig("curve.png")

answers = network.predict(X_test)
print(f"test: {np.mean(answers == y_test):.2%}")
network.save("digits.npz")
network = Network.load("digits.npz")
assert np.array_equal(network.predict(X_test), answers)
for path in sys.argv[2:]:
    print(path, read(path, network))
