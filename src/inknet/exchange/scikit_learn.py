"""Convert a fitted MLPClassifier of scikit-learn or inknet, or a pipeline with it, to an `MLP`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from inknet.errors import InputError, InputWarning, quoted
from inknet.exchange.pipelines import folded, last_step
from inknet.mlp import MLP
from inknet.model_file import ModelFacts
from inknet.nn.architecture import Architecture
from inknet.nn.layers import BatchNorm
from inknet.nn.network import Network
from inknet.scale import PIXELS, Scale
from inknet.seeds import Streams

ACTIVATIONS = {"logistic": "sigmoid"}
"""Activations that have another name in scikit-learn."""


def from_sklearn(
    classifier: Any, *, pixels: bool = False, image_shape: tuple[int, int] | None = None
) -> MLP:
    """Convert a fitted ``MLPClassifier`` to an `MLP` with the same probabilities.

    Of a pipeline, scalers that multiply and add (``StandardScaler``, ``MinMaxScaler``,
    ``MaxAbsScaler``, ``RobustScaler``) become part of the first layer: the `MLP` takes the features
    that the pipeline takes.

    `MLP.predict` gives the positions of classes, `MLP.predict_names` their names, as text. If the
    classifier's own are not 0, 1, 2, …, so that it answers otherwise, an `InputWarning` says so.

    scikit-learn itself is not needed. Its classifier for two classes has one output z with a
    sigmoid; this becomes a softmax over ``(0, z)``, which is the same function.

    Parameters
    ----------
    classifier : MLPClassifier or Pipeline
        scikit-learn's or inknet's, fitted; or a pipeline that ends with it.
    pixels : bool
        Whether its inputs were pixels divided by 255. The model then takes uint8 pixels and scales
        them itself.
    image_shape : (height, width), optional
        If its inputs are images.

    Returns
    -------
    MLP
        With the same probabilities up to rounding.

    Raises
    ------
    InputError
        If it is not a fitted classifier, or is a multi-label classifier, or another step is before
        it in a pipeline.
    """
    classifier, scaling = last_step(classifier)
    kind = type(classifier).__name__
    names = ("coefs_", "intercepts_", "classes_", "out_activation_", "activation")
    if missing := [name for name in names if not hasattr(classifier, name)]:
        raise InputError(f"{kind} has no {', '.join(missing)}; expected a fitted MLPClassifier")
    weights, biases = list(classifier.coefs_), list(classifier.intercepts_)
    classes = classifier.classes_
    if classifier.out_activation_ == "logistic":
        if len(weights[-1][0]) != 1 or len(classes) != 2:
            raise InputError(
                f"{kind} can give a sample any number of its {len(classes)} labels; "
                "expected a classifier that gives each sample one of two or more classes"
            )
        weights[-1] = np.hstack([np.zeros_like(weights[-1]), weights[-1]])
        biases[-1] = np.concatenate([np.zeros_like(biases[-1]), biases[-1]])
    dtype = np.result_type(np.float32, weights[0].dtype)
    if scaling is not None:
        weights[0], biases[0] = folded(weights[0], biases[0], scaling)
    # scikit-learn's predicts with its parameters as they are now, inknet's as they were in the fit
    activation = getattr(classifier, "activation_", classifier.activation)
    activations = [activation] * (len(weights) - 1) if isinstance(activation, str) else activation
    norms = getattr(classifier, "norms_", [])
    n_hidden = len(weights) - 1
    try:
        architecture = Architecture(
            layer_dims=[len(weights[0]), *map(len, biases)],
            activations=[*(ACTIVATIONS.get(name, name) for name in activations), "softmax"],
            keep_probs=[1.0] * (n_hidden + 1),
            batch_norm=classifier.batch_norm_ if norms else "none",
        )
        network = Network(architecture, None, dtype)
        for dense, weight, bias in zip(network.dense_layers, weights, biases, strict=True):
            dense.weight[:], dense.bias[:] = weight, bias
    except ValueError as error:
        raise InputError(f"{kind}: {error}") from None
    batch_norms = [layer for layer in network.layers if isinstance(layer, BatchNorm)]
    for norm, parts in zip(batch_norms, norms, strict=True):
        for name, values in parts.items():
            getattr(norm, name)[:] = values
    if image_shape is not None and np.prod(image_shape) != len(weights[0]):
        raise InputError(f"image_shape {image_shape} does not hold {len(weights[0])} pixels")
    if np.asarray(classes).tolist() != list(range(len(classes))):
        warnings.warn(
            f"the first class of this {kind} is {quoted(classes[0])}, not the number 0; "
            "MLP.predict answers with their positions, MLP.predict_names with their names",
            InputWarning,
            stacklevel=2,
        )
    facts = ModelFacts(tuple(map(str, classes)), image_shape, scale=PIXELS if pixels else Scale())
    return MLP.from_parts(network, facts, Streams.from_seed(0))
