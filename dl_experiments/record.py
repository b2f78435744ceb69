"""What a run was trained on: checksums of its data as loaded, and of the user's code it names.

The record stands in ``provenance.json`` and in the checkpoint. Two runs can be held against one
another where their data must be the same: the same data node and label noise, and the same seed
where loading uses it.
"""

import hashlib
import json
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from dl_experiments import randomness, source
from dl_experiments.data.labels import LabelNoise
from dl_experiments.data.loader import InMemory, InMemoryDataModule
from dl_experiments.identity import scientific
from dl_experiments.schema import Config

_NOT_BY_SEED = ("super().__init__", "label_noise.train", "label_noise.test")
SUMS, TILE = 3, 4096
_digests: Any = WeakTensorKeyDictionary()


def key(config: Config) -> dict[str, Any]:
    """Which data a config asks for: runs for which this is equal must see the same tensors.

    Returns:
        ``key``: a hash of the data node and the label noise; ``seed``: the run's where loading
        uses it, else None. It does where labels are drawn, and where the data module's source
        mentions ``run_seed`` in any other place than a call of ``super().__init__`` or of the
        label noise.
    """
    target = config["data"]["_target_"]
    foreign = not target.startswith("dl_experiments.")
    data = dict(config["data"])
    if not (foreign and source.mentions(target, "batch_size", _NOT_BY_SEED)):
        data.pop("batch_size", None)  # it reaches no tensor
    node = {"data": data, "label_noise": config["label_noise"]}
    text = json.dumps(scientific(node), sort_keys=True, separators=(",", ":"))
    noise = LabelNoise(**config["label_noise"])
    by_seed = noise.draws or (foreign and source.mentions(target, "run_seed", _NOT_BY_SEED))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {"key": digest, "seed": config["seed"] if by_seed else None}


def of(config: Config, module: InMemoryDataModule) -> dict[str, Any]:
    """The record of a run whose data are loaded, and not moved or cast yet."""
    facts: dict[str, Any] = key(config) | {"training samples": len(module.train)}
    facts["outputs"] = int(module.outputs)
    for which, data in (("training", module.train), ("test", module.test)):
        for part in ("inputs", "targets"):
            facts[f"{which} {part}"] = _digest(data, part)
    return {"data": facts, "code": source.code(config)}


def _digest(data: InMemory, part: str) -> str:
    """Of the inputs with what they are normalised by, or of the targets."""
    tensors = [data.inputs, data.mean, data.scale] if part == "inputs" else [data.targets]
    return "/".join(_checksum(tensor) for tensor in tensors if tensor is not None)


def _checksum(tensor: Tensor) -> str:
    """SHA-256 of type, shape and values, and sums; kept as long as the tensor lives unchanged."""
    version, known = _digests.get(tensor, (None, ""))
    if version != tensor._version:
        flat = tensor.detach().contiguous().reshape(-1)
        whole = hashlib.sha256(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        whole.update(flat.view(torch.uint8).numpy().data)
        known = ":".join([whole.hexdigest()[:16], *_sums(flat)])
        _digests[tensor] = (tensor._version, known)
    return known


def _sums(flat: Tensor) -> list[str]:
    """Σ ±xᵢ for a few drawn signs, and by how much each may differ; of integers none."""
    if not flat.is_floating_point():
        return []
    draw = randomness.generator(0, "record")
    signs = torch.randint(2, (TILE, SUMS), generator=draw, dtype=torch.float64) * 2 - 1
    sums, square = torch.zeros(SUMS, dtype=torch.float64), 0.0
    for tile in flat.split(TILE):
        values = tile.double()
        turn = 1 - 2 * float(torch.randint(2, (), generator=draw))
        sums += turn * (values @ signs[: len(values)])
        square += float(values @ values)
    return [
        *(repr(number) for number in sums.tolist()),
        repr(64 * torch.finfo(flat.dtype).eps * square**0.5),
    ]
