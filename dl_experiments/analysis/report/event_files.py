"""The figures as images in TensorBoard event files, so that they lie beside the curves."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

WIDTH = 1400  # pixels: enough to read, a fraction of the file's


def write_images(folder: Path, experiment: str, pictures: Mapping[str, Path]) -> None:
    """Replace ``folder`` by event files that hold one image a figure.

    Args:
        folder: Where the event files go; removed first, so that nothing piles up.
        experiment: First part of the tags.
        pictures: Name of the figure, the tag's second part -> its PNG.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with SummaryWriter(str(folder)) as writer:
        for name, path in pictures.items():
            with Image.open(path) as opened:
                image = opened.convert("RGB")
            image.thumbnail((WIDTH, WIDTH * 2))
            writer.add_image(f"{experiment}/{name}", np.asarray(image), dataformats="HWC")
