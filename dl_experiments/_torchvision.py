"""Let ``import torchvision`` succeed beside a CPU-only torch.

PyPI's torchvision wheels are compiled for one flavour of torch (on Linux: CUDA). Beside another
flavour their compiled operators cannot be loaded, which torchvision tolerates, until it registers
shape functions for two of them and dies with ``operator torchvision::nms does not exist``.
``lightning`` and ``torchmetrics`` import torchvision where it is installed, and die with it.

Declaring the two missing operators (a schema, no implementation) is all that import needs. This
project uses torchvision to download data sets, never its compiled operators; whoever calls
``torchvision.ops.nms`` still gets torch's plain "no kernel" error.
"""

import importlib.util
import sys
from pathlib import Path

import torch

_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_library: torch.library.Library | None = None  # torch drops the schemas with this object


def _operators_load() -> bool:
    """Whether torchvision's compiled extension is there and fits this torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # no torchvision, nothing to cure
    extensions = sorted(Path(spec.origin).parent.glob("_C.*"))
    if not extensions:
        return False
    try:
        torch.ops.load_library(str(extensions[0]))
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")


def cure() -> bool:
    """Declare torchvision's missing operators; do nothing where torchvision is whole.

    Returns:
        Whether something was declared.
    """
    global _library
    if _library is not None or "torchvision" in sys.modules or _operators_load():
        return False
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        _library.define(name + _BOXES)
    return True
