"""MLP: the classifier that users train, save and load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inknet.data.dataset import Dataset
from inknet.data.feature_names import in_order
from inknet.data.inputs import checked_dataset, on_scale
from inknet.data.layout import warn_of_other_background
from inknet.data.upright import upright
from inknet.errors import DivergedError, InputError
from inknet.files import as_path
from inknet.model_file import ModelFacts, check_layers, load_model, save_model
from inknet.nn.arrays import Floats
from inknet.nn.network import Network
from inknet.nn.ops import NUMPY, fastest
from inknet.report.tables import model_html
from inknet.seeds import Streams
from inknet.training.arguments import (
    checked_settings,
    new_network,
    on_one_scale,
    refuse_distortions,
    with_lines,
)
from inknet.training.temperature import fitted_temperature, to_probabilities

if TYPE_CHECKING:
    from inknet.data.sources import PictureReader
    from inknet.photo.reading import Reading
    from inknet.predictor import Predictor
    from inknet.recipes import AugmentRecipe, TrainingRecipe
    from inknet.recipes.options import TrainingOptions
    from inknet.report.evaluation import Evaluation
    from inknet.training.callbacks import Callback
    from inknet.training.checkpoint import Checkpoint
    from inknet.training.history import History


class MLP:
    """A multi-layer perceptron: a classifier made of dense layers.

    Features are rows: ``X`` is ``(n_samples, n_features)``, numbers of any type. Pixels, and counts
    on one scale, are divided by their largest value: docs/inputs.md. Labels are whole, from 0.

    Parameters
    ----------
    layer_dims : sequence of int
        Width of the input, of each hidden layer, and number of classes: ``[784, 128, 10]``.
    activations : sequence of str, optional
        One for each layer after the input: ``relu``, ``leaky_relu``, ``sigmoid`` or ``tanh``, and
        ``softmax`` for the last. Without it, leaky ReLU and softmax.
    keep_probs : sequence of float, optional
        One for each layer after the input: the probability that dropout keeps a neuron. Without
        it, all are kept.
    l2_lambda : float
        Penalty on large weights, see `inknet.nn.losses`.
    random_seed : int
        Decides initial weights, order of the samples and dropout.
    batch_norm : {"none", "before", "after"}
        Batch normalization of each hidden layer, before or after its activation.
    initializer : {"he", "glorot", "normal"}
        How the initial weights are drawn.
    bias_start : float
        Initial biases of layers with an activation of the ReLU family.
    dtype : {"float32", "float64"}
        Type of all numbers in the network.
    class_names : sequence of str, optional
        The name of each class; without it, its number.

    Attributes
    ----------
    network : Network
        The layers and their parameters.
    l2_lambda : float
        As given; may be changed between trainings.
    facts : ModelFacts
        Class names, what features and logits are divided by, and the shape of the images if any.
    history : History or None
        What the last training measured, also if Ctrl-C ended it: the model has learned until then.

    Raises
    ------
    InputError
        In one line that names the parameter, its value and what is allowed.
    """

    def __init__(
        self,
        layer_dims: Sequence[int],
        activations: Sequence[str] | None = None,
        keep_probs: Sequence[float] | None = None,
        l2_lambda: float = 0.0,
        random_seed: int = 0,
        *,
        batch_norm: Literal["none", "before", "after"] = "none",
        initializer: Literal["he", "glorot", "normal"] = "he",
        bias_start: float = 0.01,
        dtype: Literal["float32", "float64"] = "float32",
        class_names: Sequence[str] | None = None,
    ) -> None:
        network, names, streams = new_network(
            layer_dims,
            activations,
            keep_probs,
            l2_lambda,
            random_seed,
            batch_norm,
            initializer,
            bias_start,
            dtype,
            class_names,
        )
        self._assemble(network, ModelFacts(names), streams, l2_lambda)

    @classmethod
    def from_parts(cls, network: Network, facts: ModelFacts, streams: Streams) -> MLP:
        """Return an MLP around a network that exists already.

        Parameters
        ----------
        network : Network
            Its parameters are used, not copied.
        facts : ModelFacts
            The names of the classes, and what the features stand for.
        streams : Streams
            The random generators of a further training, see `inknet.seeds`.

        Returns
        -------
        MLP
            Without a history.
        """
        mlp = cls.__new__(cls)
        mlp._assemble(network, facts, streams, l2_lambda=0.0)
        return mlp

    def _assemble(
        self, network: Network, facts: ModelFacts, streams: Streams, l2_lambda: float
    ) -> None:
        self.network, self.facts, self.l2_lambda = network, facts, l2_lambda
        self.history: History | None = None
        self._streams = streams

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.network.layers))
        return f"MLP({layers}; {self.network.n_parameters:,} parameters)"

    def _repr_html_(self) -> str:
        return model_html(self.network, self.facts)

    def __getstate__(self) -> dict[str, Any]:
        check_layers(self.network)
        return self.__dict__

    # -- training ---------------------------------------------------------------------------------

    def train(
        self,
        X_train: ArrayLike,
        y_train: ArrayLike,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        learning_rate: float = 0.001,
        num_epochs: int = 20,
        batch_size: int | Literal["all"] = 128,
        print_interval: int | None = None,
        patience: int | None = None,
        *,
        augment: Mapping[str, Any] | None = None,
        callbacks: Sequence[Callback] | None = None,
        doctor: bool = True,
        **options: Unpack[TrainingOptions],
    ) -> History:
        """Learn from labelled samples, starting from the current weights.

        Parameters
        ----------
        X_train, y_train : (n, n_features), (n,)
            Samples to learn from.
        X_val, y_val : (m, n_features), (m,), optional
            Samples to validate on after each epoch; early stopping needs them.
        learning_rate : float
            The highest rate. It falls to 0 along a cosine, or as another ``schedule`` says; with
            ``schedule="constant"`` it stays.
        num_epochs : int
            How often every sample is used.
        batch_size : int or "all"
            Samples in a step; ``"all"`` for full-batch training.
        print_interval : int, optional
            Print a line every so many epochs; with 0 nothing, without it a bar in notebooks.
        patience : int, optional
            Stop after this many epochs without improvement, and restore the best weights.
        augment : dict, optional
            How images are distorted, with the keys of `AugmentRecipe`: ``{"rotation": 10.0}``.
        callbacks : sequence of Callback, optional
            Called at each event, see `inknet.Callback`; each starts afresh with this training.
        doctor : bool
            Whether to look for what is wrong, see `inknet.doctor`. What is found is in
            ``history.findings``, and printed if lines are.
        **options
            The other keys of `inknet.recipes.TrainingRecipe`, with its defaults: ``shuffle``,
            ``standardize``, ``deslant``, ``optimizer``, ``weight_decay``, ``schedule``,
            ``warmup``, ``label_smoothing``, ``adversarial``, ``l2_on_biases``, ``clip_norm``,
            ``clip_value``, ``max_norm``, ``average_decay``, ``measured_samples``, ``monitor`` and
            ``on_divergence``. The schedule may also be a function from progress, 0 to 1, to a
            factor on the rate.

        Returns
        -------
        History
            What each epoch measured; prints as a table.

        Raises
        ------
        InputError
            In one line, if samples or settings are not as described, or if the loss diverges.
        """
        from inknet.doctor.attaching import with_doctor
        from inknet.recipes import augment_recipe

        settings, schedule = checked_settings(
            options,
            learning_rate=learning_rate,
            epochs=num_epochs,
            batch_size=batch_size,
            patience=patience,
            l2_lambda=self.l2_lambda,
        )
        if (X_val is None) != (y_val is None):
            raise InputError("X_val and y_val belong together: one was given without the other")
        distortions = None if augment is None else augment_recipe(augment)
        callbacks = with_lines(callbacks, print_interval)
        if doctor:
            callbacks = with_doctor(callbacks, bool(print_interval), distortions)
        train = self._dataset(X_train, y_train, "_train")
        validation = None if X_val is None else self._dataset(X_val, y_val, "_val")
        return self.train_on(
            train, validation, settings, callbacks, augment=distortions, schedule=schedule
        )

    def train_on(
        self,
        train: Dataset,
        validation: Dataset | None,
        settings: TrainingRecipe,
        callbacks: Sequence[Callback] | None = None,
        checkpoint: Checkpoint | None = None,
        augment: AugmentRecipe | None = None,
        schedule: Callable[[float], float] | None = None,
    ) -> History:
        """Learn from a dataset, as a recipe says, or resume from a checkpoint; see `train`.

        Parameters
        ----------
        train, validation : Dataset, Dataset or None
            Samples to learn from, and to validate on after each epoch.
        settings : TrainingRecipe
            How the weights are found.
        callbacks : sequence of Callback, optional
            Called at each event.
        checkpoint : Checkpoint, optional
            The state that the training resumes from.
        augment : AugmentRecipe, optional
            How images are distorted.
        schedule : callable, optional
            From progress, 0 to 1, to a factor on the rate, in place of the one in ``settings``.

        Returns
        -------
        History
            What each epoch measured.

        Raises
        ------
        InputError
            As for `train`; `DivergedError`, which is one, if the loss is no longer finite.
        """
        from inknet.training.loop import Trainer
        from inknet.training.standardizing import Standardizing
        from inknet.training.state import restore

        dtype, deslants = self.network.dtype, settings.deslant
        train, validation, facts = on_one_scale(train, validation, self.facts, dtype, deslants)
        before = self.facts, self.history
        trainer, standardizing = None, None
        if settings.standardize:
            refuse_distortions(augment)
            standardizing = Standardizing(self.network, train)
            train = standardizing.apply(train)
            validation = validation and standardizing.apply(validation)
            standardizing.begin(is_new=self.facts.scale is None)
        try:
            data, streams = (train, validation), self._streams
            began_on = checkpoint.ops if checkpoint else ""
            trainer = Trainer(self.network, *data, settings, streams, callbacks, augment, began_on)
            trainer.schedule = schedule or trainer.schedule
            if checkpoint is not None:
                restore(trainer, checkpoint.arrays, checkpoint.values)
            self.facts, self.history = facts, trainer.history
            return trainer.run()
        except InputError as error:
            if not isinstance(error, DivergedError) and (trainer is None or trainer.step == 0):
                self.facts, self.history = before  # a training that is refused changes nothing
                self.network.use(NUMPY)
                if standardizing is not None:
                    standardizing.undo()
                    standardizing = None
            raise
        finally:
            if standardizing is not None:
                standardizing.end()

    def calibrate(self, X: ArrayLike, y: ArrayLike) -> float:
        """Make confidence as large as accuracy on samples that it did not learn from.

        Fits the temperature that all logits are divided by before they become probabilities, see
        `inknet.training.temperature`; weights and answers stay as they are.

        Parameters
        ----------
        X, y : (n, n_features), (n,)
            Samples and their labels.

        Returns
        -------
        float
            The temperature, now ``facts.temperature``; a further training sets it back to 1.

        Raises
        ------
        InputError
            If X or y is not as the model needs it.
        """
        return self.calibrate_on(self._dataset(X, y, ""))

    def calibrate_on(self, dataset: Dataset) -> float:
        """Calibrate on a dataset, see `calibrate`.

        Parameters
        ----------
        dataset : Dataset
            Samples that the model did not learn from.

        Returns
        -------
        float
            The temperature.
        """
        temperature = fitted_temperature(self.logits_on(dataset), dataset.targets)
        self.facts = replace(self.facts, temperature=temperature)
        return temperature

    # -- inference --------------------------------------------------------------------------------

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the probability of each class for each row of X.

        Parameters
        ----------
        X : (n, n_features)
            Features that stand for the same as those of the training: docs/inputs.md.

        Returns
        -------
        (n, n_classes) float32 or float64
            From 0 to 1; each row sums to 1.

        Raises
        ------
        InputError
            If X is not as the model needs it: its shape, its type, or its scale.
        """
        logits = self.logits_on(self._dataset(X, None, ""))
        to_probabilities(logits, self.facts.temperature)
        return logits

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """Return the number of the most probable class for each row of X.

        Parameters
        ----------
        X : (n, n_features)
            As for `predict_proba`.

        Returns
        -------
        (n,) intp
            From 0 to ``n_classes - 1``.

        Raises
        ------
        InputError
            As for `predict_proba`.
        """
        classes: NDArray[np.intp] = self.logits_on(self._dataset(X, None, "")).argmax(axis=1)
        return classes

    def predict_names(self, X: ArrayLike) -> NDArray[np.str_]:
        """Return the name of the most probable class for each row of X.

        Parameters
        ----------
        X : (n, n_features)
            As for `predict_proba`.

        Returns
        -------
        (n,) str
            Names of ``facts.class_names``.

        Raises
        ------
        InputError
            As for `predict_proba`.
        """
        return np.array(self.facts.class_names)[self.predict(X)]

    def predictor(self) -> Predictor:
        """Return a function from samples to the probabilities of their classes.

        It takes one sample ``(n_features,)`` or many ``(n, n_features)``, and answers in
        microseconds. It is a copy of the current model, and safe from many threads. Its last digits
        may differ from those of `predict_proba`, which gives the same bits wherever a model is
        loaded. With numba installed, the first answer may wait for the compiler.

        Returns
        -------
        Predictor
            To be called with a sample, or with many.

        Raises
        ------
        InputError
            If the environment variable ``INKNET_OPS`` names operations that do not exist.
        """
        from inknet.predictor import Predictor

        try:
            facts = self.facts
            return Predictor(self.network, fastest(), facts.scale, facts.temperature, facts.upright)
        except ValueError as error:
            raise InputError(str(error)) from None

    def logits_on(self, dataset: Dataset) -> Floats:
        """Return the logits of each sample: the input of softmax.

        Parameters
        ----------
        dataset : Dataset
            Samples.

        Returns
        -------
        (n, n_classes) float32 or float64
            Not divided by the temperature.

        Raises
        ------
        InputError
            If a column is missing, or the features are on another scale than those of the training.
        """
        from inknet.training.inference import predict_logits

        dataset = self.scaled(dataset)
        warn_of_other_background(dataset, self.facts.image_shape, self.facts.light_background)
        return predict_logits(self.network, dataset)

    def scaled(self, dataset: Dataset, *, deslant: bool = True) -> Dataset:
        """Return a dataset as the network takes it: the order, the scale, and upright images.

        Parameters
        ----------
        dataset : Dataset
            With the features of the training, in any order if they have names.
        deslant : bool
            Whether images are deslanted, if the network takes them so; without, they can be shown
            as they are, and are deslanted at the next call.

        Returns
        -------
        Dataset
            The same samples; docs/inputs.md has the rule.

        Raises
        ------
        InputError
            If a column is missing, or the features are on a scale that cannot be the same.
        """
        ordered = in_order(dataset, self.facts.feature_names)
        scaled = on_scale(ordered, self.facts.scale, self.network.dtype)
        return upright(scaled, self.facts.upright) if deslant else scaled

    def picture_reader(self) -> PictureReader:
        """Return how this model makes an image of a picture's file, see `read_images`.

        Returns
        -------
        callable
            From a path to an image ``(height, width)`` uint8.

        Raises
        ------
        InputError
            If the model was not trained on images.
        """
        from inknet.photo.reading import picture_reader

        return picture_reader(self.facts.fitting)

    def read_images(self, paths: Iterable[str | Path]) -> Floats:
        """Return the probability of each class for pictures of one character.

        Each becomes one image like those of the training.

        Parameters
        ----------
        paths : iterable of str or Path
            The files of n pictures.

        Returns
        -------
        (n, n_classes) float32 or float64
            From 0 to 1; each row sums to 1.

        Raises
        ------
        InputError
            If a file is no picture or blank, or the model was not trained on images.
        """
        from inknet.photo.reading import read_pictures

        return self._recognize(read_pictures(paths, self.picture_reader()))[0]

    def read(
        self, picture: str | Path | NDArray[np.uint8], *, grid: tuple[int, int] | None = None
    ) -> Reading:
        """Read what is written in a picture: see `inknet.photo.reading.read`.

        Parameters
        ----------
        picture : str, Path, or (height, width) or (height, width, 3 or 4) uint8
            A file, or pixels: grey, or colours with or without their opacity.
        grid : (rows, columns), optional
            Of a sheet of squares with one character in each, or none.

        Returns
        -------
        Reading
            Its verdict, and each character with its box.

        Raises
        ------
        InputError
            If it is no picture, or the model was not trained on images.
        """
        from inknet.photo.reading import read

        facts = self.facts
        return read(picture, facts.fitting, facts.class_names, self._recognize, grid, facts.upright)

    def _recognize(self, images: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
        """Return what the network and its guard say of images, see `inknet.photo.sheet`."""
        from inknet.training.inference import guarded

        pixels = replace(self._dataset(images, None, ""), is_scaled=True)
        logits = self.logits_on(pixels)
        to_probabilities(logits, self.facts.temperature)
        return logits, *guarded(self.facts.guard, pixels, logits.argmax(axis=1))

    def evaluate(self, X: ArrayLike, y: ArrayLike) -> Evaluation:
        """Compare the predictions with the true labels.

        Parameters
        ----------
        X, y : (n, n_features), (n,)
            Samples and their labels.

        Returns
        -------
        Evaluation
            Accuracy, loss, the confusion matrix, and the figures of each class.

        Raises
        ------
        InputError
            If X or y is not as the model needs it, or a label is no class of the model.
        """
        return self.evaluate_on(self._dataset(X, y, ""))

    def evaluate_on(self, dataset: Dataset) -> Evaluation:
        """Compare the predictions for a dataset with its labels.

        Parameters
        ----------
        dataset : Dataset
            Samples with labels.

        Returns
        -------
        Evaluation
            As of `evaluate`.
        """
        from inknet.report.evaluation import evaluate

        logits, facts = self.logits_on(dataset), self.facts
        return evaluate(logits, dataset.targets, facts.class_names, facts.temperature)

    def evaluate_copies_on(
        self, dataset: Dataset, augment: AugmentRecipe, n_copies: int, seed: int = 0
    ) -> Evaluation:
        """Compare predictions with labels, each the mean over an image and distorted copies of it.

        See `inknet.training.inference.predict_over_copies`.

        Parameters
        ----------
        dataset : Dataset
            Images with labels.
        augment : AugmentRecipe
            How copies are distorted.
        n_copies : int
            Of each image, besides the image itself.
        seed : int
            Decides the distortions.

        Returns
        -------
        Evaluation
            Of the mean probabilities, not of the network on the image alone.
        """
        from inknet.report.evaluation import evaluate
        from inknet.training.inference import predict_over_copies

        dataset, temperature = self.scaled(dataset), self.facts.temperature
        mean = predict_over_copies(self.network, dataset, augment, n_copies, seed, temperature)
        with np.errstate(divide="ignore"):  # a probability may be 0
            return evaluate(np.log(mean), dataset.targets, self.facts.class_names)

    # -- files ------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, dtype: Literal["float16"] | None = None) -> None:
        """Write the model to one safetensors file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file; an existing one is replaced.
        dtype : "float16", optional
            Round the weights to three digits, in half the space.

        Raises
        ------
        InputError
            If the file cannot be written, or its name ends as those of another format do, such as
            ``.onnx``; or if a layer is none of inknet's.
        """
        save_model(as_path(path), self.network, self.facts, dtype)

    @classmethod
    def pretrained(cls) -> MLP:
        """Return the model in the package, which reads handwritten digits: `inknet.pretrained`.

        Returns
        -------
        MLP
            Trained by the recipe ``handwriting``.
        """
        from inknet.pretrained import load

        return cls.from_parts(*load(), Streams.from_seed(0))

    @classmethod
    def load(cls, path: str | Path) -> MLP:
        """Read a model that `save` wrote, or the model of a run folder.

        A model file holds what prediction needs. To train it further with a penalty on large
        weights, set ``l2_lambda`` again.

        Parameters
        ----------
        path : str or Path
            A model file or a run folder.

        Returns
        -------
        MLP
            Without a history.

        Raises
        ------
        InputError
            If there is no such file, or it is not a whole model file.
        """
        return cls.from_parts(*load_model(as_path(path)), Streams.from_seed(0))

    def _dataset(self, X: ArrayLike, y: Any, part: str) -> Dataset:
        """Check features and labels, and return them as a dataset."""
        facts, n_features = self.facts, self.network.architecture.layer_dims[0]
        return checked_dataset(X, y, part, n_features, facts.class_names, facts.image_shape)
