"""The mathematics: everything between a batch of numbers and its gradient.

A network and its training in ten lines. The modules below explain every part:

>>> import numpy as np
>>> from inknet.nn.activations import ACTIVATIONS
>>> from inknet.nn.layers import Activation, Dense
>>> from inknet.nn.losses import softmax_cross_entropy
>>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
>>> labels = np.array([0, 1, 1, 0])  # "either, but not both", which no single layer can learn
>>> layers = [Dense(2, 8), Activation(ACTIVATIONS["tanh"]), Dense(8, 2)]
>>> for step in range(500):
...     signal, gradient = x, np.empty((4, 2))
...     for layer in layers:
...         signal = layer.forward(signal)  # each remembers what its backward pass needs
...     loss = softmax_cross_entropy(signal, labels, gradient)
...     for layer in reversed(layers):
...         gradient = layer.backward(gradient)  # the chain rule
...     for value, its_gradient in [pair for layer in layers for pair in layer.parameters()]:
...         value -= 0.5 * its_gradient  # downhill
>>> print(signal.argmax(axis=1), f"{loss:.2f}")
[0 1 1 0] 0.01

Read the modules in this order. Each one uses only what those above it have explained:

1. `arrays`: the types of the arrays.
2. `activations`: why a stack of layers is more than one matrix.
3. `initializers`: how to choose initial weights so that signals neither grow nor vanish.
4. `ops`: the operations on whole arrays, as formulas and in NumPy. How they are made fast can be
   read later, or never. A `Batch` carries the data into the first layer.
5. `layers`: forward and backward of each layer, the chain rule line by line.
6. `losses`: what training minimizes, and the gradient that back-propagation starts from.
7. `architecture`: which layers a network has, and which settings must fit together.
8. `network`: layers over one flat vector of parameters.
9. `optimizers`: how gradients change parameters.
10. `schedules`: how the learning rate changes during training.
11. `gradcheck`: how to prove that all of it is right.

Rows are samples throughout: a batch is ``(n, d)``, a weight matrix ``(fan_in, fan_out)``, and a
layer computes ``x @ weight + bias``.
"""

from inknet.nn.architecture import Architecture
from inknet.nn.network import Network

__all__ = ["Architecture", "Network"]
