"""A net as a function of one flat vector θ [P], and where in θ its tensors and layers lie.

The order is that of ``module.named_parameters()``. Measures are written against plain functions
``loss(theta) -> scalar``; this module makes such functions of a net, a loss and data.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dl_experiments import stop

Scalar = Callable[[Tensor], Tensor]
"""θ [P] -> scalar."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""(outputs, targets) -> mean over the samples of the batch."""
Batch = tuple[Tensor, Tensor]
"""(inputs, targets)."""


@final
@dataclass(frozen=True)
class Layout:
    """The tensors of a flat vector, in order: name -> shape."""

    shapes: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, module: nn.Module) -> "Layout":
        """The parameters of a net; a tensor used in two places counts once."""
        return cls({name: tuple(tensor.shape) for name, tensor in module.named_parameters()})

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def tensors(self) -> dict[str, slice]:
        """Tensor name -> its place in θ."""
        places, start = {}, 0
        for name, shape in self.shapes.items():
            places[name] = slice(start, start + math.prod(shape))
            start = places[name].stop
        return places

    def layers(self) -> dict[str, slice]:
        """Layer name -> its place in θ; weight and bias of a layer together.

        A layer is the module a tensor belongs to (``dense1`` of ``dense1.weight``); a parameter of
        the net itself is a layer of its own. A module's tensors follow one another in θ.
        """
        places: dict[str, slice] = {}
        for name, place in self.tensors().items():
            layer = layer_of(name)
            assert layer not in places or places[layer].stop == place.start
            places[layer] = slice(places.get(layer, place).start, place.stop)
        return places

    def only(self, layer: str) -> "Layout":
        """The tensors of one layer, its bias included.

        Raises:
            ValueError: There is no such layer; the message lists those there are.
        """
        if layer not in self.layers():
            raise ValueError(f"layer={layer} is unknown; choose one of {', '.join(self.layers())}")
        return Layout({name: at for name, at in self.shapes.items() if layer_of(name) == layer})

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """θ [P] from named tensors; names that are not in the layout (buffers) are left out.

        Raises:
            ValueError: A tensor is missing or has another shape.
        """
        return torch.cat([self.take(tensors, name).flatten() for name in self.shapes])

    def take(self, tensors: Mapping[str, Tensor], name: str) -> Tensor:
        """One named tensor, checked.

        Raises:
            ValueError: It is missing or has another shape.
        """
        if name not in tensors:
            raise ValueError(f"weights are of another model: they have no tensor {name}")
        tensor = tensors[name]
        if tuple(tensor.shape) != self.shapes[name]:
            raise ValueError(
                f"weights are of another model: {name} has shape {tuple(tensor.shape)}, "
                f"not {self.shapes[name]}"
            )
        return tensor

    def unflatten(self, theta: Tensor) -> dict[str, Tensor]:
        """Named views of θ [P]."""
        # split, not slices: its derivative is one concatenation, and it has a forward derivative
        parts = theta.split([math.prod(shape) for shape in self.shapes.values()])
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: part.view(shape) for (name, shape), part in named}


def layer_of(tensor: str) -> str:
    """``dense1`` of ``dense1.weight``; a name without a dot is its own layer."""
    return tensor.rpartition(".")[0] or tensor


@final
class FlatNet:
    """f(θ, x): a net in eval mode as a pure function; the module given is never touched.

    Args:
        module: The net; its parameters become ``theta`` [P], its buffers are held fixed.
        dtype: Of ``theta``, of floating buffers, and of floating data given to ``loss``.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype = torch.float64) -> None:
        self._module = copy.deepcopy(module).eval().requires_grad_(False).to(dtype)
        self._buffers = dict(self._module.named_buffers())
        self.dtype = dtype
        self.layout = Layout.of(self._module)
        self.theta = self.layout.flatten(dict(self._module.named_parameters()))

    def outputs(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """f_θ(inputs): θ [P], inputs [batch, ...] -> [batch, ...]."""
        return self.outputs_of(self.layout.unflatten(theta), inputs)

    def outputs_of(self, tensors: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """The same for θ as named tensors."""
        return functional_call(self._module, {**tensors, **self._buffers}, (inputs,))

    def loss(self, loss: Loss, inputs: Tensor, targets: Tensor) -> "NetLoss":
        """L(θ) = ℓ(f_θ(inputs), targets)."""
        return NetLoss(self, loss, self._cast(inputs), self._cast(targets))

    def parts(self, loss: Loss, batches: Iterable[Batch]) -> Iterator[tuple[int, Scalar]]:
        """Per batch its number of samples and its mean loss as a function of θ."""
        for inputs, targets in batches:
            stop.point()
            yield len(inputs), self.loss(loss, inputs, targets)

    def _cast(self, data: Tensor) -> Tensor:
        return data.to(self.dtype) if data.is_floating_point() else data


@final
@dataclass(frozen=True)
class NetLoss:
    """L(θ) = ℓ(f_θ(inputs), targets), of θ [P] or of its tensors one by one."""

    net: FlatNet
    loss: Loss
    inputs: Tensor
    targets: Tensor

    def __call__(self, theta: Tensor) -> Tensor:
        """L of a flat vector."""
        return self.loss(self.net.outputs(theta, self.inputs), self.targets)

    def split(self, theta: Tensor) -> list[Tensor]:
        """The tensors of θ, as views."""
        return list(self.net.layout.unflatten(theta).values())

    def of(self, tensors: Sequence[Tensor]) -> Tensor:
        """L of the tensors that ``split`` gives."""
        named = dict(zip(self.net.layout.shapes, tensors, strict=True))
        return self.loss(self.net.outputs_of(named, self.inputs), self.targets)


def mean_over(parts: Iterable[tuple[int, Scalar]], measure: Callable[[Scalar], Tensor]) -> Tensor:
    """Σ_b n_b m(L_b) / Σ_b n_b: a measure linear in the loss, of the mean over all samples.

    The loss itself, its gradient, its Hessian and Hessian-vector products are linear in the loss,
    so the result is that of one batch of everything, also where the last batch is smaller.

    Args:
        parts: As ``FlatNet.parts`` yields them; at least one.
        measure: Loss -> tensor of any shape.
    """
    total, samples = None, 0
    for count, loss in parts:
        term = count * measure(loss)
        total = term if total is None else total + term
        samples += count
    assert total is not None
    return total / samples
