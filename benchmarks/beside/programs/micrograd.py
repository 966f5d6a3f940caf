"""In micrograd's style: every number remembers how it was computed, and asks back for its slope."""

import json
import math
import random
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from mnist import load
from PIL import Image


class Value:
    """A number, what it was computed from, and how it changes the result."""

    def __init__(self, data, sources=(), slopes=()):
        self.data, self.grad = data, 0.0
        self.sources, self.slopes = sources, slopes

    def __add__(self, other):
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def times(self, number):
        """Multiply by a number that is not learned."""
        return Value(self.data * number, (self,), (number,))

    def relu(self):
        """Keep what is above 0."""
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))

    def exp(self):
        """Return e to this number."""
        power = math.exp(self.data)
        return Value(power, (self,), (power,))

    def log(self):
        """Return the natural logarithm."""
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def backward(self):
        """Compute the slope of this number over every number that it was computed from."""
        order, seen = [], set()

        def visit(value):
            if id(value) not in seen:
                seen.add(id(value))
                for source in value.sources:
                    visit(source)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            for source, slope in zip(value.sources, value.slopes):
                source.grad += slope * value.grad


class Neuron:
    """A weighted sum with a bias."""

    def __init__(self, n_inputs):
        deviation = math.sqrt(2 / n_inputs)
        self.weights = [Value(random.gauss(0, deviation)) for _ in range(n_inputs)]
        self.bias = Value(0.0)


class Network:
    """A hidden layer of ReLU, and a neuron for each digit."""

    def __init__(self, n_inputs, n_hidden, n_classes):
        self.hidden = [Neuron(n_inputs) for _ in range(n_hidden)]
        self.output = [Neuron(n_hidden) for _ in range(n_classes)]
        self.neurons = self.hidden + self.output
        self.values = [value for neuron in self.neurons for value in [*neuron.weights, neuron.bias]]

    def scores(self, pixels):
        """Return a number for each digit; pixels of 0 add nothing, and are left out."""
        inked = [(i, pixel) for i, pixel in enumerate(pixels) if pixel]
        signals = []
        for neuron in self.hidden:
            total = neuron.bias
            for i, pixel in inked:
                total = total + neuron.weights[i].times(pixel)
            signals.append(total.relu())
        scores = []
        for neuron in self.output:
            total = neuron.bias
            for weight, signal in zip(neuron.weights, signals):
                total = total + weight * signal
            scores.append(total)
        return scores

    def learn(self, pixels, digit, rate):
        """Change every weight a little, against the slope of the cross-entropy of one image."""
        powers = [score.exp() for score in self.scores(pixels)]
        total = powers[0]
        for power in powers[1:]:
            total = total + power
        loss = total.log() + powers[digit].log().times(-1.0)
        for value in self.values:
            value.grad = 0.0
        loss.backward()
        for value in self.values:
            value.data -= rate * value.grad

    def predict(self, X):
        """Return the digit of each row, with plain numbers: nothing is asked back here."""
        for layer in (self.hidden, self.output):
            weights = np.array([[weight.data for weight in neuron.weights] for neuron in layer])
            X = X @ weights.T + [neuron.bias.data for neuron in layer]
            X = np.maximum(X, 0) if layer is self.hidden else X
        return X.argmax(axis=1)

    def save(self, path):
        """Write all numbers to a file."""
        with open(path, "w") as file:
            json.dump([value.data for value in self.values], file)

    def load(self, path):
        """Read what `save` wrote."""
        with open(path) as file:
            for value, data in zip(self.values, json.load(file)):
                value.data = data


def read(path, network):
    """Return the digit in a picture of dark ink on light paper."""
    grey = Image.open(path).convert("L").resize((28, 28))
    return network.predict(1 - np.asarray(grey).reshape(1, 784) / 255)[0]


seed, seconds = int(sys.argv[1]), 60
sys.setrecursionlimit(10_000)
random.seed(seed)
X_train, y_train, X_val, y_val, X_test, y_test = load(seed)
X_train, X_val, X_test = X_train / 255, X_val / 255, X_test / 255
network = Network(784, 16, 10)

curve, until = [], time.monotonic() + seconds
for n, (pixels, digit) in enumerate(zip(X_train, y_train), 1):
    network.learn(pixels.tolist(), digit, rate=0.01)
    if n % 100 == 0:
        curve.append(np.mean(network.predict(X_val) == y_val))
        print(f"{n} images: {curve[-1]:.2%} of the validation images")
        if curve[-1] >= 0.98 or time.monotonic() > until:
            break

plt.plot(range(100, 100 * len(curve) + 1, 100), curve)
plt.xlabel("images")
plt.ylabel("validation accuracy")
plt.savefig("curve.png")

answers = network.predict(X_test)
print(f"test: {np.mean(answers == y_test):.2%}")
network.save("digits.json")
network = Network(784, 16, 10)
network.load("digits.json")
assert np.array_equal(network.predict(X_test), answers)
for path in sys.argv[2:]:
    print(path, read(path, network))
