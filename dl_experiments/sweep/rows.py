"""One row of parameters per member of a stack.

Computes with batched products and grouped convolutions, or by ``torch.func.vmap`` where the network
is no plain sequence of known layers.
"""

from collections.abc import Callable, Iterator
from typing import final

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from dl_experiments.sweep.layouts import Layout, Masks, flat, total
from dl_experiments.tasks.losses import Loss

POINTWISE: tuple[type[nn.Module], ...] = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.Tanh,
    nn.SELU,
    nn.GELU,
    nn.Identity,
    nn.Sigmoid,
    nn.SiLU,
    nn.ELU,
    nn.Softplus,
)
POOLS: tuple[type[nn.Module], ...] = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)


Forward = Callable[[list[Tensor], Tensor, Masks | None], Tensor]


SLAB = 32
"""A processor computes numbers that lie side by side in registers, and the last few, which do not
fill one, by other instructions, which round otherwise. So a member's share of a transcendental
function is filled up to two of the widest registers, and only the last member can meet the end."""
_EXACT: tuple[type[nn.Module], ...] = (nn.ReLU, nn.LeakyReLU, nn.Identity)


@final
class Rows(Layout):
    """Parameters [M, P]; products are batched, convolutions grouped, anything else mapped.

    On a processor a member's numbers depend neither on how many there are nor on its place, as long
    as there are two at least and another one comes after it: a single product is computed by
    another routine, and see ``SLAB``. So one more is added, whose numbers nobody reads. Grouped
    convolutions change their routine at eight members and others, so none is stacked there.

    Args:
        network: One member's, for its layers and shapes; its weights do not matter.

    Attributes:
        mapped: Whether the network is no sequence of known layers.
    """

    def __init__(self, network: nn.Module) -> None:
        self.shapes = [parameter.shape for parameter in network.parameters()]
        self.spare = 1 if next(network.parameters()).device.type == "cpu" else 0
        layers = flat(network) or []
        steps = [_step(layer) for layer in layers]
        self.mapped = not steps or None in steps
        if self.mapped:
            self.name = "vmap"
            mapped = Mapped(network)
            self.forward: Forward = lambda parameters, x, masks: mapped(
                parameters, x, training=masks is not None
            )
        else:
            self.name = "batched products"
            counts = [len(list(layer.parameters())) for layer in layers]
            self.forward = _Sequence([step for step in steps if step is not None], counts)

    def pack(self, rows: Tensor) -> Tensor:
        """The rows themselves."""
        return rows

    def unpack(self, packed: Tensor) -> Tensor:
        """The rows themselves."""
        return packed

    def spread(self, values: Tensor) -> Tensor:
        """[..., M, 1]."""
        return values[..., None]

    def norms(self, gradient: Tensor) -> Tensor:
        """See ``Layout``."""
        return torch.linalg.vector_norm(gradient, dim=1)

    @torch.no_grad()
    def outputs(self, packed: Tensor, inputs: Tensor) -> Tensor:
        """See ``Layout``."""
        own = inputs.expand(len(packed), *inputs.shape[1:])
        return self.forward(list(self._cut(packed)), own, None)

    def batches(self, inputs: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Views of the members' batches, [M, B, ...]."""
        yield from zip(inputs.unbind(1), targets.unbind(1), strict=True)

    def gradient(
        self, packed: Tensor, inputs: Tensor, targets: Tensor, loss: Loss, masks: Masks
    ) -> Tensor:
        """See ``Layout``."""
        leaves = [part.detach().requires_grad_() for part in self._cut(packed)]
        value = total(loss, self.forward(leaves, inputs, masks), targets)
        gradients = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
        return torch.cat([part.reshape(len(part), -1) for part in gradients], 1)

    def _cut(self, packed: Tensor) -> Iterator[Tensor]:
        begin = 0
        for shape in self.shapes:
            end = begin + shape.numel()
            yield packed[:, begin:end].view(len(packed), *shape)
            begin = end


Step = Callable[[list[Tensor], Tensor, Masks | None], Tensor]


@final
class _Sequence:
    """The steps of a sequence of layers, each with its share of the parameters."""

    def __init__(self, steps: list[Step], counts: list[int]) -> None:
        self.steps, self.counts = steps, counts

    def __call__(self, parameters: list[Tensor], x: Tensor, masks: Masks | None) -> Tensor:
        begin = 0
        for step, count in zip(self.steps, self.counts, strict=True):
            x = step(parameters[begin : begin + count], x, masks)
            begin += count
        return x


@final
class Mapped:
    """Any network, by ``torch.func.vmap``; one that draws random numbers raises."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.names = [name for name, _ in network.named_parameters()]

    def __call__(self, parameters: list[Tensor], x: Tensor, training: bool) -> Tensor:
        """[M, B, outputs] of parameters [M, ...] and inputs [M, B, ...]."""
        named = dict(zip(self.names, parameters, strict=True))
        was_training = self.network.training
        self.network.train(training)
        call = vmap(lambda own, inputs: functional_call(self.network, own, (inputs,)))
        outputs: Tensor = call(named, x)
        self.network.train(was_training)
        return outputs


def _step(layer: nn.Module) -> Step | None:
    """What a layer does to [M, B, ...]; None for a layer that is not known."""
    if type(layer) is nn.Linear:
        return _linear
    if type(layer) is nn.Conv2d and layer.padding_mode == "zeros":
        return lambda parameters, x, _: _convolution(layer, parameters, x)
    if type(layer) in _EXACT:
        return lambda _, x, __: layer(x)
    if type(layer) in POINTWISE:
        return lambda _, x, __: _pointwise(layer, x)
    if type(layer) in POOLS:
        return lambda _, x, __: _grouped(layer, x)
    if type(layer) is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1):
        return lambda _, x, __: x.flatten(2)
    if type(layer) is nn.Dropout:
        return lambda _, x, masks: x if masks is None or not layer.p else x * masks(x, layer.p)
    return None


def _pointwise(layer: nn.Module, x: Tensor) -> Tensor:
    """A function of each number by itself, each member's share filled up to ``SLAB``."""
    each = x[0].numel()
    if each >= SLAB:
        result: Tensor = layer(x)
        return result
    filled = nn.functional.pad(x.reshape(len(x), each), (0, SLAB - each))
    part: Tensor = layer(filled)[:, :each]
    return part.reshape(x.shape)


def _linear(parameters: list[Tensor], x: Tensor, _: Masks | None) -> Tensor:
    """x_m W_mᵀ + b_m for every member m.

    Computed as (W_m x_mᵀ + b_m)ᵀ, so that autograd's product for the weight's gradient is with x,
    not with xᵀ: up to ten times faster where a layer is narrow and its input wide.
    """
    weight, *bias = parameters
    assert x.dim() == 3, x.shape
    if bias:
        return torch.baddbmm(bias[0][..., None], weight, x.mT).mT
    return torch.bmm(weight, x.mT).mT


def _convolution(layer: nn.Conv2d, parameters: list[Tensor], x: Tensor) -> Tensor:
    """The members' channels side by side, as groups of one convolution."""
    weight, *bias = parameters
    members = len(x)
    return (
        nn.functional.conv2d(
            x.transpose(0, 1).flatten(1, 2),
            weight.flatten(0, 1),
            bias[0].flatten() if bias else None,
            layer.stride,
            layer.padding,
            layer.dilation,
            members * layer.groups,
        )
        .unflatten(1, (members, -1))
        .transpose(0, 1)
    )


def _grouped(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer that treats channels alike, over the members' channels side by side."""
    side_by_side: Tensor = layer(x.transpose(0, 1).flatten(1, 2))
    return side_by_side.unflatten(1, (len(x), -1)).transpose(0, 1)
