"""The calls of *Follow a number*: one digit, forward or in a step of training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Body, Query

from inknet.data import Dataset
from inknet.errors import InputError
from inknet.explain.answers import Answers
from inknet.explain.checking import inputs_of
from inknet.explain.explaining import Explainer, finite
from inknet.explain.steps import Steps
from inknet.explain.tracing import MOST_PARAMETERS, Answer, Step, Values, answered, one_step
from inknet.mlp import MLP
from inknet.recipes import TrainingRecipe, load_recipe
from inknet.runs import Run
from inknet.studio.corrections import shape_of
from inknet.studio.folders import PRETRAINED, Folders, Kept
from inknet.studio.looking import training_part
from inknet.studio.reading import image_in

N_OTHERS = 31
"""So many training images are in the batch of a step, besides the digit that is followed."""

Mode = Literal["answers", "learns"]


def router_for(folders: Folders) -> APIRouter:
    """Return the calls for the runs in a folder."""
    router = APIRouter(tags=["follow"])
    others, traces = Kept(4), Kept(8)

    def traced(run: str, mode: str, request: dict[str, Any]) -> tuple[MLP, Answer | Step]:
        model = folders.model(run)
        shape = shape_of(model)
        image = image_in(request.get("image"), shape)
        label = request.get("label", 0)
        n_classes = len(model.facts.class_names)
        if not isinstance(label, int) or not 0 <= label < n_classes:
            raise InputError(f"label is the number of a class, from 0 to {n_classes - 1}.")
        if model.network.n_parameters > MOST_PARAMETERS:
            raise InputError(f"Networks of at most {MOST_PARAMETERS:,} weights can be followed.")

        def make() -> Answer | Step:
            x = image.reshape(1, -1) / np.float64(255)
            if mode == "answers":
                return answered(model, x)
            batch, labels = others.get(folders.key(run), lambda: _others(folders, run))
            return one_step(
                model,
                np.concatenate([x, batch]),
                np.concatenate([[label], labels]).astype(np.intp),
                _settings(folders, run),
            )

        key = folders.key(run), mode, image.tobytes(), label if mode == "learns" else None
        return model, traces.get(key, make)

    @router.post("/api/follow")
    def follow(
        run: Annotated[str, Query(max_length=300)],
        request: Annotated[
            dict[str, Any],
            Body(
                examples=[
                    {
                        "image": "base64 of the pixels",
                        "label": 7,
                        "mode": "answers",
                        "node": {"kind": "probability", "unit": 7},
                    }
                ]
            ),
        ],
    ) -> dict[str, Any]:
        """Write out a number as the sum that it is, with the lines that compute it."""
        node, mode = request.get("node"), _mode(request)
        if not isinstance(node, dict):
            raise InputError("node says which number is meant, as in the example.")
        model, trace = traced(run, mode, request)
        return _explainer(model, trace).explain(node).to_dict(_most(request))

    @router.post("/api/follow/overview")
    def overview(
        run: Annotated[str, Query(max_length=300)], request: Annotated[dict[str, Any], Body()]
    ) -> dict[str, Any]:
        """Return every value of a digit on its way, and in a step of training every gradient."""
        model, trace = traced(run, _mode(request), request)
        explainer = _explainer(model, trace)
        step = trace if isinstance(trace, Step) else None
        probabilities = trace.probabilities[0]
        return {
            "probabilities": list(map(finite, probabilities.tolist())),
            "predicted": int(probabilities.argmax()),
            "loss": step and finite(step.loss),
            "n": len(step.labels) if step else 1,
            "positions": [
                {
                    "position": position,
                    "name": _name(explainer, position),
                    "values": list(map(finite, values[0].tolist())),
                    "gradients": (
                        list(map(finite, step.gradients[position][0].tolist())) if step else None
                    ),
                }
                for position, values in enumerate(trace.values)
            ],
        }

    return router


def _mode(request: dict[str, Any]) -> str:
    mode = request.get("mode", "answers")
    if mode not in ("answers", "learns"):
        raise InputError("mode is answers or learns.")
    return str(mode)


def _most(request: dict[str, Any]) -> int:
    most = request.get("most", 12)
    if not isinstance(most, int) or not 1 <= most <= 1000:
        raise InputError("most is how many terms are wanted, from 1 to 1,000.")
    return most


def _explainer(model: MLP, trace: Answer | Step) -> Explainer:
    names, (_, width) = model.facts.class_names, shape_of(model)
    if isinstance(trace, Answer):
        return Answers(trace, names, width)
    return Steps(trace, names, width)


def _name(explainer: Explainer, position: int) -> str:
    if position == 0:
        return "pixels"
    if position == explainer.last:
        return "logits"
    return repr(explainer.network.layers[position - 1])


def _others(folders: Folders, run: str) -> tuple[Values, np.ndarray[Any, np.dtype[np.intp]]]:
    """Return some training samples of a run as inputs, and their labels."""
    model = folders.model(run)
    part: Dataset = model.scaled(training_part(folders, run, N_OTHERS))
    return inputs_of(part), part.targets


def _settings(folders: Folders, run: str) -> TrainingRecipe:
    if run == PRETRAINED:
        return load_recipe("handwriting").training
    return Run.open(folders.folder(run)).recipe.training
