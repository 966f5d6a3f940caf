"""A network in ten lines of inknet.nn: it learns to read digits.

Run it with: python examples/network.py
"""

import numpy as np

from inknet import load_arrays
from inknet.nn import Architecture, Network
from inknet.nn.optimizers import Adam

images, labels, _, _, test_images, test_labels = load_arrays("sample")
generator = np.random.default_rng(0)
# 784 pixels, 64 hidden neurons, 10 classes; dropout keeps all of them
network = Network(Architecture([784, 64, 10], ["relu", "softmax"], [1.0, 1.0]), generator)
optimizer = Adam(network.parameters)

for epoch in range(1, 11):
    for batch in np.array_split(generator.permutation(len(labels)), 40):
        # forward, loss, and backward: `network.gradients` is then dJ/dparameters
        loss = network.loss_and_gradients(images[batch], labels[batch], generator)
        optimizer.step(network.parameters, network.gradients, 0.003)
    right = network.infer(test_images).argmax(axis=1) == test_labels
    print(f"epoch {epoch:2d}  loss of the last batch {loss:.4f}  test accuracy {right.mean():.2%}")
