"""Calls ``kernel.c``: forward and backward pass of many dense nets of one shape.

The nets stand in blocks of ``Kernel.lanes``, one register wide; a net's place in its block is the
last index of every tensor. Lanes that hold no net may hold anything: a lane's numbers are the same
bits whatever stands in other lanes and however many blocks there are.
"""

import ctypes
import logging
import threading
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, final

import torch
from torch import Tensor

from dl_experiments.sweep import compiler

# The order of kernel.c.
ACTIVATIONS = ("identity", "relu", "leaky_relu", "tanh", "selu", "gelu")
NUMBERS = {torch.float32: "float", torch.float64: "double"}
# Rows that go through all layers together: with 10 units a layer, 25 KiB of activations.
CHUNK_ROWS = 40
KEPT_SHAPES = 6

log = logging.getLogger(__name__)
_told = threading.Event()


@final
@dataclass(frozen=True)
class Layers:
    """The shape of a net.

    Attributes:
        widths: n_0..n_L: inputs, then the outputs of each layer.
        activations: What follows each layer: one of ``ACTIVATIONS`` and, for a ``leaky_relu``, its
            slope below zero (not negative; other activations have none to read).
    """

    widths: tuple[int, ...]
    activations: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        assert len(self.widths) == len(self.activations) + 1 > 1, self
        assert all(width > 0 for width in self.widths), self
        assert all(name in ACTIVATIONS and slope >= 0 for name, slope in self.activations), self

    @cached_property
    def parameters(self) -> int:
        """Σ (n_i + 1)·n_{i+1}."""
        return sum((i + 1) * o for i, o in zip(self.widths, self.widths[1:], strict=False))


class _Layer(ctypes.Structure):
    _integers = ("inputs", "outputs", "activation", "weight", "bias", "kept", "derivative")
    _fields_ = (*((name, ctypes.c_long) for name in _integers), ("slope", ctypes.c_double))


class _Net(ctypes.Structure):
    _integers = ("blocks", "rows", "chunk", "layers", "parameters", "kept", "widest")
    _fields_ = (
        *((name, ctypes.c_long) for name in _integers),
        ("layer", ctypes.POINTER(_Layer)),
    )


@final
class Saved:
    """What ``forward`` leaves for ``backward``, and the memory and arguments of both."""

    def __init__(self, layers: Layers, blocks: int, rows: int, lanes: int, dtype: torch.dtype):
        assert rows > 0, rows
        widest = max(layers.widths[1:])
        chunk = min(rows, CHUNK_ROWS)
        records, weight, kept = [], 0, 0
        sizes = zip(layers.widths, layers.widths[1:], layers.activations, strict=False)
        for number, (inputs, outputs, (name, slope)) in enumerate(sizes, start=1):
            bias = weight + inputs * outputs
            derivative = kept + rows * outputs * (number < len(layers.activations))
            sizes_and_kind = (inputs, outputs, ACTIVATIONS.index(name))
            records.append(_Layer(*sizes_and_kind, weight, bias, kept, derivative, slope))
            weight, kept = bias + outputs, derivative + rows * outputs * (name == "gelu")
        table = (_Layer * len(records))(*records)
        self.net = _Net(blocks, rows, chunk, len(records), weight, kept, widest, table)
        self.at = ctypes.byref(self.net)

        self.outputs = torch.empty(blocks, rows, layers.widths[-1], lanes, dtype=dtype)
        self.gradient = torch.empty(blocks, weight, lanes, dtype=dtype)
        self._kept = torch.empty(blocks * kept + 2 * chunk * widest, lanes, dtype=dtype)
        self.kept_at, self.outputs_at = self._kept.data_ptr(), self.outputs.data_ptr()
        self.gradient_at = self.gradient.data_ptr()
        self.scratch_at = self._kept[blocks * kept :].data_ptr()


@final
class Kernel:
    """The compiled passes for one type of number; made by ``load``.

    What its methods return belongs to the kernel and is overwritten by the next call with the same
    layers, blocks and rows in the same thread. The last ``KEPT_SHAPES`` of these are kept, all
    activations included: large sets are better evaluated in pieces.

    Attributes:
        lanes: Nets in a block.
    """

    def __init__(self, library: Any, dtype: torch.dtype) -> None:
        pointer, number = ctypes.c_void_p, ctypes.c_long
        self._forward, self._backward = library.forward, library.backward
        self._forward.argtypes = (pointer, number, *[pointer] * 4)
        self._backward.argtypes = (pointer, number, *[pointer] * 7)
        self._forward.restype = self._backward.restype = None
        self.dtype, self.lanes = dtype, int(library.lanes())

        @lru_cache(maxsize=KEPT_SHAPES)
        def buffers(layers: Layers, blocks: int, rows: int, thread: int) -> Saved:
            return Saved(layers, blocks, rows, self.lanes, dtype)

        self._buffers = buffers

    def forward(self, layers: Layers, theta: Tensor, x: Tensor) -> tuple[Tensor, Saved]:
        """The outputs of every net.

        Args:
            layers: The shape of the nets.
            theta: ``[blocks, parameters, lanes]``, in the order of ``Module.parameters()``: weight
                ``[outputs, inputs]``, then bias, layer by layer.
            x: ``[blocks, rows, inputs, lanes]``, or one block for all.

        Returns:
            Outputs ``[blocks, rows, outputs, lanes]``, not to be changed before ``backward``, and
            what that needs.
        """
        saved = self._buffers(layers, theta.shape[0], x.shape[1], threading.get_ident())
        given = self._inputs(layers, theta, x, saved)
        self._forward(saved.at, *given, saved.kept_at, saved.outputs_at)
        return saved.outputs, saved

    def backward(
        self, layers: Layers, theta: Tensor, x: Tensor, saved: Saved, grad_outputs: Tensor
    ) -> Tensor:
        """The gradient of a loss with respect to ``theta``.

        Args:
            layers: As given to ``forward``; so are ``theta`` and ``x``, unchanged since.
            theta: See ``forward``.
            x: See ``forward``.
            saved: What ``forward`` returned.
            grad_outputs: The loss's gradient with respect to the outputs, in their shape.

        Returns:
            The gradient, in the shape of ``theta``; the caller may change it.
        """
        given = self._inputs(layers, theta, x, saved)
        self._check(grad_outputs, saved.outputs.shape)
        kept = (saved.kept_at, saved.outputs_at, grad_outputs.data_ptr())
        self._backward(saved.at, *given, *kept, saved.gradient_at, saved.scratch_at)
        return saved.gradient

    def _inputs(
        self, layers: Layers, theta: Tensor, x: Tensor, saved: Saved
    ) -> tuple[bool, int, int]:
        """Whether all blocks share the inputs; where parameters and inputs are."""
        blocks, rows = saved.outputs.shape[:2]
        shared = x.shape[0] == 1
        self._check(theta, (blocks, layers.parameters, self.lanes))
        self._check(x, (1 if shared else blocks, rows, layers.widths[0], self.lanes))
        return shared, theta.data_ptr(), x.data_ptr()

    def _check(self, tensor: Tensor, shape: tuple[int, ...]) -> None:
        assert tensor.shape == shape, (tensor.shape, shape)
        assert tensor.dtype == self.dtype, (tensor.dtype, self.dtype)
        assert tensor.device.type == "cpu", tensor.device
        assert tensor.is_contiguous(), (tensor.stride(), shape)


@cache
def load(dtype: torch.dtype) -> Kernel | None:
    """The kernel for float32 or float64, compiled by ``$CC`` or the first of cc, gcc and clang.

    The library is kept in ``~/.cache/dl_experiments-kernels``, or the like in ``$XDG_CACHE_HOME``.

    Returns:
        None where there is no compiler or it fails; the log says so once.
    """
    try:
        return Kernel(compiler.library(NUMBERS[dtype]), dtype)
    except Exception as error:  # whatever it is, stacks can be trained without
        if not _told.is_set():
            _told.set()
            log.info("stacks of networks train slower without a C compiler (%s)", error)
        return None
