"""The environment variables that would change a run: taken away, or recorded.

A run's numbers follow from its config. Variables that would change them beneath it are removed
before torch loads, or kept from Lightning; those that choose devices, threads and kernels are the
user's, may change last bits, and are recorded.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_REMOVED = (
    "DNNL_DEFAULT_FPMATH_MODE",  # products of float32 in bfloat16
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "NVIDIA_TF32_OVERRIDE",  # products of float32 in TF32, or never
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD",  # would unpickle
)

_LIGHTNINGS = "PL_"
"""Lightning's Trainer takes arguments that nobody gave from PL_TRAINER_<ARGUMENT>."""

_RECORDED = (
    *("ATEN_", "BLIS_", "CUBLAS_", "CUDA_", "CUDNN_", "DNNL_", "GOMP_", "KMP_", "MKL_", "NVIDIA_"),
    *("OMP_", "ONEDNN_", "OPENBLAS_", "PYTORCH_", "TORCH_", "PYTHONHASHSEED"),
)


def prepare() -> None:
    """Take away what changes numbers; set what makes them repeat. Before torch is imported."""
    for name in _REMOVED:
        os.environ.pop(name, None)
    # An OpenMP thread that waits for its siblings spins by default for so long that on a machine
    # with other work to do every step can take ten times as long. A short spin costs nothing
    # measurable where the cores are free. Read when torch loads.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # Intel's matrix products round by how their operands happen to lie in memory, so the same run
    # could differ in its last bits from one process, or one stack of runs, to the next. This ends
    # it, at no measurable cost. Read at the first product.
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


@contextmanager
def without_lightnings() -> Iterator[None]:
    """Run a block in which Lightning finds none of its variables."""
    hidden = {name: value for name, value in os.environ.items() if name.startswith(_LIGHTNINGS)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def recorded() -> dict[str, str]:
    """The variables that choose devices, threads and kernels, as they are set."""
    return {name: os.environ[name] for name in sorted(os.environ) if name.startswith(_RECORDED)}
