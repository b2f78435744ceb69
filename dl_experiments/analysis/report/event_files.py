"""The figures as images in TensorBoard event files, so that they lie beside the curves."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def write_images(folder: Path, experiment: str, pictures: Mapping[str, Path]) -> None:
    """Replace ``folder`` by event files that hold one image a figure.

    Args:
        folder: Where the event files go; removed first, so that nothing piles up.
        experiment: First part of the tags.
        pictures: Name of the figure, the tag's second part -> its PNG, taken as it is.
    """
    shutil.rmtree(folder, ignore_errors=True)
    writer = EventFileWriter(str(folder))
    try:
        for name, path in pictures.items():
            with Image.open(path) as opened:  # no more than its size is read
                width, height = opened.size
            image = Summary.Image(
                width=width, height=height, colorspace=4, encoded_image_string=path.read_bytes()
            )
            value = Summary.Value(tag=f"{experiment}/{name}", image=image)
            writer.add_event(Event(wall_time=time.time(), step=0, summary=Summary(value=[value])))
    finally:
        writer.close()
