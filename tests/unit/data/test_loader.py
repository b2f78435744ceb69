import itertools

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dl_experiments import randomness
from dl_experiments.data.images import ImageData, crop_and_flip
from dl_experiments.data.loader import InMemory, TrainingSet


def numbered(n):
    """A set whose inputs say which sample they are."""
    return InMemory(torch.arange(n)[:, None].double(), 2 * torch.arange(n)[:, None].double())


def order(batch_size, epoch, n=20, seed=0):
    walk = TrainingSet(numbered(n), batch_size, seed, None)
    return [inputs[:, 0].int().tolist() for inputs, _ in walk.epoch(epoch)]


@pytest.mark.parametrize(("n", "batch_size"), [(20, 6), (20, 20), (20, 1), (20, 19), (1, 1)])
def test_each_sample_comes_once_an_epoch(n, batch_size):
    walk = TrainingSet(numbered(n), batch_size, 0, None)
    batches = list(walk.epoch(3))
    assert len(batches) == walk.updates
    assert {len(inputs) for inputs, _ in batches[:-1]} <= {batch_size}
    inputs = torch.cat([inputs for inputs, _ in batches])
    targets = torch.cat([targets for _, targets in batches])
    assert sorted(inputs[:, 0].int().tolist()) == list(range(n))
    assert torch.equal(targets, 2 * inputs.double())


def test_order_is_a_function_of_seed_and_epoch_alone():
    flat = [list(itertools.chain(*order(size, epoch=4))) for size in (1, 6, 20)]
    assert flat[0] == flat[1] == flat[2]
    expected = torch.randperm(20, generator=randomness.generator(0, "order", 4)).tolist()
    assert flat[0] == expected
    torch.manual_seed(7)
    state = torch.get_rng_state()
    assert order(6, epoch=4) == order(6, epoch=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert order(6, epoch=5) != order(6, epoch=4)
    assert order(6, epoch=4, seed=1) != order(6, epoch=4)


class Counter(TorchDispatchMode):
    """Counts torch's operations."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("augment", [None, 2])
def test_no_work_for_each_sample(augment):
    """A batch of 500 takes as many operations as a batch of 5."""

    def operations(batch_size):
        data = ImageData("digits", "", 5 * batch_size, batch_size, run_seed=0, augment=augment)
        data.place("cpu", torch.float32)
        (walk,) = data.train_dataloader()
        with Counter() as counter:
            assert len(list(walk.epoch(0))) == 5
        return counter.count

    assert operations(250) == operations(5) <= 5 * 60


def test_evaluation_sees_everything_once_in_order():
    data = numbered(20)
    for size in (1, 6, 20, 50):
        chunks = list(data.chunks(size))
        assert torch.equal(torch.cat([inputs for inputs, _ in chunks]), data.inputs.float())
        assert torch.equal(torch.cat([targets for _, targets in chunks]), data.targets)


def test_a_batch_is_normalised_and_the_store_is_not_touched():
    data = ImageData("digits", "", None, 1437, run_seed=0)
    data.place("cpu", torch.float64)
    stored = data.train.inputs.clone()
    inputs = data.train.prepare(data.train.inputs)
    raw = stored.numpy().astype(np.float64)
    np.testing.assert_allclose(inputs.numpy(), (raw - raw.mean()) / raw.std(), atol=1e-12)
    assert torch.equal(data.train.inputs, stored)
    assert stored.dtype == torch.uint8
    # the test set by the training set's numbers
    test = data.test.inputs.numpy().astype(np.float64)
    expected = (test - raw.mean()) / raw.std()
    np.testing.assert_allclose(data.test.prepare(data.test.inputs).numpy(), expected, atol=1e-12)


def test_points_are_not_touched_either():
    data = numbered(5).placed("cpu", torch.float32)
    data.prepare(data.inputs)
    assert torch.equal(data.inputs, torch.arange(5.0)[:, None])


def test_a_subset_is_drawn_by_the_datas_seed_alone():
    def subset(**keys):
        defaults = {"samples": 30, "batch_size": 10, "run_seed": 0, "seed": 0}
        data = ImageData("digits", "", **(defaults | keys))
        data.setup()
        return data

    first = subset()
    assert len(first.train) == 30
    assert torch.equal(first.train.inputs, subset(run_seed=5, batch_size=3).train.inputs)
    assert not torch.equal(first.train.inputs, subset(seed=1).train.inputs)
    assert torch.equal(first.train.inputs, subset(samples=50).train.inputs[:30])
    assert len(first.test) == 360
    assert torch.equal(first.train.mean, subset(samples=50).train.mean)


def augmented_one_by_one(images, draw, padding):
    """The obvious loop: pad, cut a window, mirror it."""
    count, _, height, width = images.shape
    tops = torch.randint(2 * padding + 1, (count, 1), generator=draw)
    lefts = torch.randint(2 * padding + 1, (count, 1), generator=draw)
    mirror = torch.rand(count, 1, generator=draw) < 0.5
    results = []
    for image, top, left, flip in zip(images.numpy(), tops, lefts, mirror, strict=True):
        padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])
        window = padded[:, int(top) : int(top) + height, int(left) : int(left) + width]
        results.append(window[:, :, ::-1] if flip else window)
    return torch.from_numpy(np.stack(results))


@pytest.mark.parametrize("shape", [(40, 3, 6, 6), (17, 1, 5, 8), (1, 2, 4, 4)])
@pytest.mark.parametrize("padding", [1, 4])
def test_augmentation_is_the_obvious_loop(shape, padding):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(1, 256, shape, dtype=torch.uint8, generator=generator)
    for laid_out in (images, images.contiguous(memory_format=torch.channels_last)):
        before = laid_out.clone()
        ours = crop_and_flip(laid_out, randomness.generator(0, "augment", 1), padding)
        slow = augmented_one_by_one(laid_out, randomness.generator(0, "augment", 1), padding)
        assert ours.dtype == torch.uint8
        assert torch.equal(ours, slow)
        assert torch.equal(laid_out, before)


def test_augmentation_draws_anew_each_epoch_and_leaves_the_order_alone():
    def labels_and_images(augment, epoch):
        data = ImageData("digits", "", 100, 10, run_seed=0, augment=augment)
        data.place("cpu", torch.float32)
        (walk,) = data.train_dataloader()
        batches = list(walk.epoch(epoch))
        return torch.cat([y for _, y in batches]), torch.cat([x for x, _ in batches])

    plain, augmented = labels_and_images(None, 2), labels_and_images(2, 2)
    assert torch.equal(plain[0], augmented[0])
    assert not torch.equal(plain[1], augmented[1])
    assert torch.equal(labels_and_images(2, 2)[1], augmented[1])
    assert not torch.equal(labels_and_images(2, 3)[1], augmented[1])


REFUSED = [
    ({"name": "svhn"}, r"data\.name='svhn' is not one of mnist"),
    ({"samples": 1438}, r"data\.samples=1438 is not within 1 to 1437"),
    ({"samples": 0}, r"data\.samples=0 is not within 1 to 1437"),
    ({"augment": 0}, r"data\.augment=0"),
    ({"samples": 10, "batch_size": 11}, r"data\.batch_size=11 is more than the 10 training"),
]


@pytest.mark.parametrize(("keys", "message"), REFUSED)
def test_refused(keys, message):
    defaults = {"name": "digits", "root": "", "samples": None, "batch_size": 10, "run_seed": 0}
    with pytest.raises(ValueError, match=message):
        ImageData(**(defaults | keys))
