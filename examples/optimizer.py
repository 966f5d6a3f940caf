"""A new optimizer, beside those that inknet has.

Lion (Chen et al. 2023, "Symbolic discovery of optimization algorithms") steps by the sign of a
running mean of the gradients: every parameter moves by the learning rate, up or down.
"""

import numpy as np

from inknet import load_arrays
from inknet.nn import Architecture, Network
from inknet.nn.optimizers import Adam, Momentum, Optimizer


class Lion(Optimizer):
    """`p = p - rate · sign(beta1 · m + (1 - beta1) · g)`, then `m` moves towards g."""

    beta1, beta2 = 0.9, 0.99
    remembers = ("mean",)  # an array like the parameters, which starts at 0 and is in checkpoints

    def _step(self, parameters, gradients, rate):
        parameters -= rate * np.sign(self.beta1 * self.mean + (1 - self.beta1) * gradients)
        self.mean += (1 - self.beta2) * (gradients - self.mean)


images, labels, _, _, test_images, test_labels = load_arrays("sample")
for kind, rate in ((Lion, 0.001), (Adam, 0.003), (Momentum, 0.3)):
    generator = np.random.default_rng(0)  # the same start and the same batches for each
    network = Network(Architecture([784, 64, 10], ["relu", "softmax"], [1.0, 1.0]), generator)
    optimizer = kind(network.parameters)
    for _ in range(5):
        for batch in np.array_split(generator.permutation(len(labels)), 40):
            network.loss_and_gradients(images[batch], labels[batch], generator)
            optimizer.step(network.parameters, network.gradients, rate)
    right = network.infer(test_images).argmax(axis=1) == test_labels
    print(f"{kind.__name__:8}  {optimizer.steps_taken} steps  test accuracy {right.mean():.2%}")
