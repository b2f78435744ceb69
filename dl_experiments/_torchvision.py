"""Let ``import torchvision`` succeed beside a CPU-only torch.

PyPI's torchvision wheels are compiled for one flavour of torch (on Linux: CUDA). Beside another
flavour their compiled operators cannot be loaded, which torchvision tolerates, until it registers
shape functions for two of them and dies with ``operator torchvision::nms does not exist``.
``lightning`` and ``torchmetrics`` import torchvision where it is installed, and die with it.

Declaring the two missing operators (a schema, no implementation) is all that import needs. This
project uses nothing of torchvision; whoever calls ``torchvision.ops.nms`` still gets torch's plain
"no kernel" error.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, final

_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_library: Any = None  # torch drops the schemas with this object


def _operators_load() -> bool:
    """Whether torchvision's compiled extension is there and fits this torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # no torchvision, nothing to cure
    import torch

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
    import torch

    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        _library.define(name + _BOXES)
    return True


@final
class _AtImport:
    """Finds no module; cures torchvision when somebody is about to import it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """See ``importlib.abc.MetaPathFinder``."""
        if name == "torchvision":
            sys.meta_path.remove(self)
            cure()
        return None


def cure_at_import() -> None:
    """Cure torchvision when it is first imported, so that nobody else pays for importing torch."""
    if "torchvision" not in sys.modules:
        sys.meta_path.insert(0, _AtImport())
