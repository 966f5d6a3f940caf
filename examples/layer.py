"""A new layer, and the check that its gradients are right.

PReLU (He et al. 2015): y = x where x > 0, else slope · x, with a slope for each neuron to learn.
    dJ/dslope = sum over the samples of G · min(x, 0), with G = dJ/dy
    dJ/dx     = G where x > 0, else G · slope
"""

import numpy as np

from inknet.nn.activations import Elementwise
from inknet.nn.gradcheck import both_gradients_of_layer, worst_array
from inknet.nn.layers import Layer, Learned


class PReLU(Layer):
    """ReLU that lets some of the negative through, as much as it learns to."""

    def __init__(self, width: int) -> None:
        self.learned = (Learned("slope", (width,), "other", "weight", start=0.25),)
        self.stand_alone()  # makes `slope` and `slope_gradient`

    def __repr__(self) -> str:
        return "PReLU"

    def forward(self, x, generator=None):
        """Return y, and keep x for the way back."""
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, gradient):
        """Return dJ/dx; fill the gradient of the slopes."""
        self.slope_gradient[:] = (gradient * np.minimum(self.x, 0)).sum(axis=0)
        return gradient * np.where(self.x > 0, 1, self.slope)

    def in_use(self):
        """Return what a trained model computes, and its forms in exported files."""
        slope, text = self.slope.copy(), "np.where(z > 0, z, slope * z)"

        def value(z, out):
            out[:] = np.where(z > 0, z, slope * z)

        return [Elementwise("prelu", value, text, "PRelu", arrays={"slope": slope})]


x = np.random.default_rng(0).normal(size=(6, 4))
print("the worst relative error:", worst_array(*both_gradients_of_layer(PReLU(4), x)))

PReLU.backward = lambda layer, gradient: gradient * (layer.x > 0)  # as if the slope were 0
print("if it is wrong:", worst_array(*both_gradients_of_layer(PReLU(4), x)))
