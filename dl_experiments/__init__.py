"""A lab bench for the classic phenomena of deep learning."""

from dl_experiments import environment

environment.prepare()  # before the first import of torch

from dl_experiments import _malloc, _matplotlib, _torchvision  # noqa: E402

_malloc.keep_freed_memory()
_matplotlib.guard_import()
_torchvision.cure_at_import()
