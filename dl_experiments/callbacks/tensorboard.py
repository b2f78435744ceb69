"""Mirrors a run's rows to TensorBoard."""

import os
import shutil
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any, final

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import hparams

from dl_experiments.artifacts import RunDirectory

_FILE_VERSION = "brain.Event:2"  # what TensorBoard's reader calls its format


@final
class TensorBoard:
    """Scalars at the update they were measured at, and the hyperparameters once.

    The HPARAMS tab shows the last value of each scalar; declaring the hyperparameters in the
    run's own event file keeps a trial one run. A row is one event, handed to the operating
    system before ``row`` returns: hundreds of runs may be open at once, and a killed process
    loses none of their rows.

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
        """Begin anew: the rows follow from the first, those of a run that is resumed too."""
        folder = self.directory.tensorboard
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # TensorBoard reads files with ``tfevents`` in their names, in the order of the time there.
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.0"
        self._writer = RecordWriter((folder / name).open("wb"))
        self._write(Event(file_version=_FILE_VERSION))
        experiment, start, _ = hparams(self.hyperparameters, dict.fromkeys(columns, 0.0))
        self._write(Event(summary=experiment))
        self._write(Event(summary=start))

    def row(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Write the scalars."""
        scalars = {**values, "epoch": epoch}
        summary = Summary(
            value=[Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        )
        self._write(Event(step=step, summary=summary))

    def close(self) -> None:
        """Say that the trial ended."""
        _, _, end = hparams({}, {})
        self._write(Event(summary=end))
        self._writer.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())
        self._writer.flush()
