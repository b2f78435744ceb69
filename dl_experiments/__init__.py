"""A lab bench for the classic phenomena of deep learning."""

from dl_experiments import _torchvision

_torchvision.cure()
