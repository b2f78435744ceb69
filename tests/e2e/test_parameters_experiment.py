"""The ten published nets from the command line: their counts, in files, weights and report."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dl_experiments.analysis.pipeline import analyze
from dl_experiments.data import sources

COUNTS = {
    50: 39_760, 100: 79_510, 250: 198_760, 500: 397_510, 550: 437_260, 750: 596_260,
    1000: 795_010, 1050: 834_760, 1500: 1_192_510, 2000: 1_590_010,
}  # fmt: skip


@pytest.fixture
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise in MNIST's shape and a test set of 20: it is the counts that matter here."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (60_020, 1, 28, 28), dtype=torch.uint8, generator=draw)
    classes = torch.randint(10, (60_020,), generator=draw)
    made = sources.ImageSet(images[20:], classes[20:], images[:20], classes[:20])
    monkeypatch.setattr(sources, "load", lambda *_: made)
    monkeypatch.setitem(sources.SIZES, "mnist", (60_000, 20))


@pytest.mark.usefixtures("_few_images")
def test_the_ten_nets_have_their_published_counts(lab, outputs, tmp_path: Path) -> None:
    words = ["experiment=hw1_3_parameters", "scale=smoke", "seed=0", "data.samples=20"]
    words += ["data.batch_size=20", "trainer.max_epochs=1", "logger=none", f"paths.data={tmp_path}"]
    done = lab(*words)
    assert (done.code, done.err) == (0, "")
    written = analyze(outputs, ["hw1_3_parameters"], dpi=40)
    assert len(written.found.runs) == len(COUNTS)
    for run in written.found.runs:
        expected = COUNTS[run.get("model.hidden")[0]]
        assert run.summary["model/parameters"] == expected
        weights = load_file(run.path / "weights" / "epoch-000001.safetensors")
        assert sum(tensor.numel() for tensor in weights.values()) == expected
    folder = outputs / "report" / "hw1_3_parameters"
    assert {path.stem for path in folder.glob("*.png")} == {"against-size", "epochs-to-converge"}
