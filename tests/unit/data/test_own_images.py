"""Image sets of users' own do what the package's do."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dl_experiments.data import images, sources
from dl_experiments.data.contract import Contract, ContractBroken
from dl_experiments.data.images import ImageData, InMemoryImages
from dl_experiments.data.labels import LabelNoise
from dl_experiments.data.sources import ImageSet

VARIANTS = {
    "whole": {},
    "a subset": {"samples": 300, "seed": 4},
    "the whole set as a batch": {"batch_size": "full"},
    "augmented": {"augment": 1},
    "noisy labels": {"label_noise": LabelNoise(0.5, "symmetric"), "run_seed": 3},
    "random test labels": {"label_noise": LabelNoise(1.0, test_labels="random"), "run_seed": 3},
}


class Own(InMemoryImages):
    input_shape = (1, 8, 8)
    outputs = 10
    sizes = (1437, 360)

    def read(self) -> ImageSet:
        return sources.load("digits", "")


class Drawn(Own):
    """Draws which images are the test set's, from the global generator."""

    reads = 0

    def read(self) -> ImageSet:
        type(self).reads += 1
        whole = super().read()
        order = torch.randperm(1437)
        labels = whole.train_labels[order]
        return replace(whole, train_images=whole.train_images[order], train_labels=labels)


@pytest.fixture(autouse=True)
def _nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_read", {})


def made(kind: type, name: str = "own", **keys: object) -> InMemoryImages:
    module = kind(name, **({"root": "", "samples": None, "batch_size": 50, "run_seed": 0} | keys))
    module.contract = Contract(f"data={name}", "classes")
    return module


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_set_of_one_s_own_is_taken_as_ours(variant: str) -> None:
    keys = VARIANTS[variant]
    own, ours = made(Own, **keys), made(ImageData, "digits", **keys)
    for module in (own, ours):
        module.prepare_data()
        module.place("cpu", torch.float32)
    assert own.training_set().updates == ours.training_set().updates
    trained, tested = ((m.training_set().epoch(1), m.test.chunks()) for m in (own, ours))
    for mine, theirs in zip(trained, tested, strict=True):
        for (inputs, targets), (expected, classes) in zip(mine, theirs, strict=True):
            assert torch.equal(inputs, expected)
            assert torch.equal(targets, classes)
            assert inputs.is_contiguous(memory_format=torch.channels_last)


def test_it_is_read_once_and_by_no_seed() -> None:
    one = made(Drawn)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        one.ready()
    images._read.clear()
    other = made(Drawn, seed=7, run_seed=5)
    other.ready()
    made(Drawn, seed=8).ready()
    assert Drawn.reads == 2
    assert torch.equal(one.train.inputs, other.train.inputs)


def test_what_it_reads_by_is_told_apart(tmp_path: Path) -> None:
    class Sized(Own):
        def __init__(self, root: str, size: int) -> None:
            super().__init__("sized", root, None, 50, 0)
            self.source += (size,)
            self.size = size

        def read(self) -> ImageSet:
            whole = super().read()
            return replace(whole, train_images=whole.train_images // self.size)

    small, large = Sized("~/here", 1), Sized("~/here", 2)
    assert small.root == Path.home() / "here"
    assert small.shapes() != large.shapes()
    assert not torch.equal(small.load()[0].inputs, large.load()[0].inputs)


def test_a_channel_without_variation_is_not_divided_by_zero() -> None:
    class Blank(Own):
        def read(self) -> ImageSet:
            whole = super().read()
            return replace(whole, train_images=torch.full_like(whole.train_images, 7))

    module = made(Blank)
    module.place("cpu", torch.float32)
    assert not module.train.prepare(module.train.inputs).any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: replace(s, train_images=s.train_images.float()), "training set's images are no"),
        (lambda s: replace(s, test_images=s.test_images[:, 0]), "test set's images are no uint8"),
        (lambda s: replace(s, test_images=s.test_images[:9]), "holds 9 images; sizes says 360"),
        (lambda s: replace(s, train_labels=s.train_labels + 1), "labels from 1 to 10"),
        (lambda s: replace(s, train_images=s.train_images[..., :7]), r"\[1437, 1, 8, 7\]"),
    ],
)
def test_what_is_not_as_it_says_is_refused(change, said: str) -> None:
    class Wrong(Own):
        def read(self) -> ImageSet:
            return change(super().read())

    module = made(Wrong)
    module.prepare_data()
    with pytest.raises(ContractBroken, match=f"^data=own: .*{said}"):
        module.check(torch.float32)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"samples": 1438},
            "data.samples=1438 is not within 1 to 1437, the training images of own",
        ),
        ({"augment": 0}, "data.augment=0"),
        ({"batch_size": 1438}, "data.batch_size=1438"),
    ],
)
def test_a_value_out_of_range_is_refused(keys: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made(Own, **keys)
