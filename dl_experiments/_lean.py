"""Imports Lightning without SciPy, Matplotlib and torchvision.

Lightning imports all of torchmetrics, and that these three, for metrics of sound and of pictures
and for plots, which takes a third of the time. No metric of this package needs them. A user's code
may, so this is for commands that name none of it. ``torch._dynamo``, another third, is needed by
Lightning itself and by torch's optimizers.
"""

import re
from typing import Any
from unittest.mock import patch

_SPARED = ("matplotlib", "scipy", "torchvision")


def import_lightning() -> None:
    """Import it while torchmetrics takes these packages to be missing; afterwards it asks anew."""
    from lightning_utilities.core import imports

    check, available = imports.RequirementCache._check_available, imports.package_available
    told = []

    def checked(self: Any) -> None:
        if re.split("[<>=]", self.requirement or "")[0] in _SPARED:
            self.available, self.message = False, f"{self.requirement} is not asked for"
            told.append(self)
        else:
            check(self)

    with (
        patch.object(imports.RequirementCache, "_check_available", checked),
        patch.object(imports, "package_available", lambda n: n not in _SPARED and available(n)),
    ):
        import lightning  # noqa: F401
    for one in told:
        one.__dict__.pop("available", None)
