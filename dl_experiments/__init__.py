"""A lab bench for the classic phenomena of deep learning."""

import os

# An OpenMP thread that waits for its siblings spins by default for so long that on a machine with
# other work to do every step can take ten times as long. A short spin costs nothing measurable
# where the cores are free. Read when torch loads, so it stands before the first import of torch.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Intel's matrix products round by how their operands happen to lie in memory, so the same run could
# differ in its last bits from one process, or one stack of runs, to the next. This ends it, at no
# measurable cost. Read at the first product.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

from dl_experiments import _malloc, _torchvision

_malloc.keep_freed_memory()
_torchvision.cure()
