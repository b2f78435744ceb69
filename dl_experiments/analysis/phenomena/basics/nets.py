"""Every model of conf/model for every shape of data that it takes, without weights and runs."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

from dl_experiments.config import CONF, plain
from dl_experiments.data.sources import CLASSES, SHAPES
from dl_experiments.reference.defaults import composed
from dl_experiments.targets import instantiate, reason, without_name

KINDS = {"function": "sinc", "image": "mnist"}
"""Kind -> data of it."""


@dataclass(frozen=True)
class Shape:
    """What data looks like to a model.

    Attributes:
        data: The data sets of this shape.
        kind: ``function`` or ``image``.
        inputs: Of one sample.
        outputs: Values a model returns for a sample.
    """

    data: str
    kind: str
    inputs: tuple[int, ...]
    outputs: int

    def __str__(self) -> str:
        return f"{self.data} ({'×'.join(map(str, self.inputs))} → {self.outputs})"


Net = tuple[str, Shape, nn.Module]


def shapes() -> list[Shape]:
    """Functions of one variable, then the image sets from small to large; equal shapes once."""
    images: dict[tuple[tuple[int, ...], int], list[str]] = {}
    for name, shape in SHAPES.items():
        images.setdefault((tuple(shape), CLASSES[name]), []).append(name)
    ordered = sorted(images.items(), key=lambda item: (torch.Size(item[0][0]).numel(), item[1]))
    found = [Shape(", ".join(names), "image", *shape) for shape, names in ordered]
    return [Shape("functions", "function", (1,), 1), *found]


def models() -> list[str]:
    """The names in conf/model; a file that gives another's net an older name is left out."""
    files = [*(CONF / "model").glob("*.yaml")]
    made_of_others = {one.stem for one in files if "defaults:" in one.read_text(encoding="utf-8")}
    names = {one.stem for one in files} - made_of_others
    known = {_net(name) for name in names}
    return sorted(names | {name for name in made_of_others if _net(name) not in known})


def _net(model: str) -> str:
    """What tells it from other models; its name where it cannot be composed."""
    try:
        return json.dumps([without_name(keys(model, kind)) for kind in KINDS], sort_keys=True)
    except Exception:  # whatever is the matter with the file: `nets` says it
        return model


def keys(model: str, kind: str) -> dict[str, Any]:
    """What training has of a model for a kind of data: ``_target_``, ``name`` and arguments."""
    completed = (CONF / "network" / f"{model}_{kind}.yaml").exists()
    return _composed(model, kind if completed else "image")  # else it is the same for every kind


@cache
def _composed(model: str, kind: str) -> dict[str, Any]:
    return plain(composed([f"model={model}", f"data={KINDS[kind]}"]).config.model)


def nets() -> tuple[list[Net], list[str]]:
    """Each model with each shape that it takes, on torch's ``meta`` device.

    Returns:
        The nets, and a sentence on each model that cannot be built for any.
    """
    found: list[Net] = []
    notes = []
    for model in models():
        reasons = []
        for shape in shapes():
            try:
                with torch.device("meta"):
                    net = instantiate(
                        "model",
                        without_name(keys(model, shape.kind)),
                        input_shape=shape.inputs,
                        outputs=shape.outputs,
                    )
                found.append((model, shape, net))
            except Exception as error:  # a convolutional net takes no function; a user's may do all
                reasons.append(reason(error))
        if len(reasons) == len(shapes()):
            notes.append(f"Left out: model={model} cannot be built: {reasons[0]}.")
    return found, notes
