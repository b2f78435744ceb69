"""Mirrors a run's rows to TensorBoard."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, final

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from dl_experiments.artifacts import RunDirectory


@final
class TensorBoard:
    """Scalars at the update they were measured at, and the hyperparameters once.

    The HPARAMS tab shows the last value of each scalar; declaring the hyperparameters in the
    run's own event file keeps a trial one run.

    Args:
        directory: The run's.
        hyperparameters: Dotted key -> value.
    """

    def __init__(self, directory: RunDirectory, hyperparameters: Mapping[str, Any]) -> None:
        self.directory = directory
        self.hyperparameters = {
            key: value if isinstance(value, int | float | str) else str(value)
            for key, value in hyperparameters.items()
            if value is not None
        }

    def open(self, columns: Sequence[str]) -> None:
        """Begin anew: what a killed process left here may lack rows that it had still in memory."""
        shutil.rmtree(self.directory.tensorboard, ignore_errors=True)
        self._writer = SummaryWriter(str(self.directory.tensorboard))
        experiment, start, _ = hparams(self.hyperparameters, dict.fromkeys(columns, 0.0))
        self._write(experiment)
        self._write(start)

    def row(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Write the scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.add_scalar("epoch", epoch, step)

    def close(self) -> None:
        """Say that the trial ended."""
        _, _, end = hparams({}, {})
        self._write(end)
        self._writer.close()

    def _write(self, summary: Any) -> None:
        self._writer._get_file_writer().add_summary(summary)
