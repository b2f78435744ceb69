"""A lab bench for the classic phenomena of deep learning."""

import os

# An OpenMP thread that waits for its siblings spins by default, which on a machine that has other
# work to do can make every step ten times slower. Sleeping costs next to nothing where the cores
# are free. Read when torch loads, so it stands before the first import of torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from dl_experiments import _torchvision

_torchvision.cure()
