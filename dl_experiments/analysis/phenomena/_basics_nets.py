"""Every model of conf/model for every shape of data it can meet, without weights and without runs.

Hydra completes a model by ``conf/network/<model>_<kind>.yaml`` where there is one, whose keys win
(see ``conf/train.yaml``). The same is done here from the files, as an analysis composes no configs;
a test compares the two for every model.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
import yaml
from torch import nn

from dl_experiments.data.sources import CLASSES, SHAPES

CONF = Path(__file__).parents[3] / "conf"


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


def shapes() -> list[Shape]:
    """Functions of one variable, then the image sets from small to large; equal shapes once."""
    images: dict[tuple[tuple[int, ...], int], list[str]] = {}
    for name, shape in SHAPES.items():
        images.setdefault((tuple(shape), CLASSES[name]), []).append(name)
    ordered = sorted(images.items(), key=lambda item: (torch.Size(item[0][0]).numel(), item[1]))
    found = [Shape(", ".join(names), "image", *shape) for shape, names in ordered]
    return [Shape("functions", "function", (1,), 1), *found]


def models() -> list[str]:
    """The names in conf/model."""
    return sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


def keys(model: str, kind: str) -> dict[str, Any]:
    """What conf says of a model for a kind of data: ``_target_``, ``name`` and its arguments."""
    found = _read(CONF / "model" / f"{model}.yaml")
    network = CONF / "network" / f"{model}_{kind}.yaml"
    return found | (_read(network) if network.exists() else {})


def _read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict), path
    assert "defaults" not in content, path
    return content


def nets() -> Iterator[tuple[str, Shape, nn.Module]]:
    """Each model with each shape that it takes, on torch's ``meta`` device."""
    for model in models():
        for shape in shapes():
            arguments = {k: v for k, v in keys(model, shape.kind).items() if k != "name"}
            build = resolve_name(arguments.pop("_target_"))
            try:
                with torch.device("meta"):
                    net = build(input_shape=shape.inputs, outputs=shape.outputs, **arguments)
            except ValueError:  # a convolutional net takes no function
                continue
            yield model, shape, net
