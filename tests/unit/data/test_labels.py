import itertools
import math

import pytest
import torch

from dl_experiments.data.images import ImageData
from dl_experiments.data.labels import LabelNoise, corrupt

N, CLASSES = 20_000, 10
TRUE = torch.arange(N) % CLASSES


def within(count, n, probability):
    """Whether a count is within 5 standard deviations of a binomial's mean."""
    return abs(count - n * probability) <= 5 * math.sqrt(n * probability * (1 - probability))


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("kind", "wrong"), [("uniform", 1 - 1 / CLASSES), ("symmetric", 1.0)])
def test_the_share_of_wrong_labels(kind, wrong, fraction):
    noisy = corrupt(TRUE, CLASSES, fraction, kind, seed=0)
    assert within(int((noisy != TRUE).sum()), N, fraction * wrong)


@pytest.mark.parametrize("kind", ["uniform", "symmetric"])
def test_wrong_labels_are_spread_evenly(kind):
    noisy = corrupt(TRUE, CLASSES, 1.0, kind, seed=1)
    pairs = torch.bincount(TRUE * CLASSES + noisy, minlength=CLASSES**2).view(CLASSES, CLASSES)
    for true, drawn in itertools.product(range(CLASSES), repeat=2):
        same = true == drawn
        share = 1 / CLASSES if kind == "uniform" else (0 if same else 1 / (CLASSES - 1))
        assert within(int(pairs[true, drawn]), N // CLASSES, share)


def test_symmetric_is_never_the_true_class():
    assert (corrupt(TRUE, CLASSES, 1.0, "symmetric", seed=2) != TRUE).all()
    two = torch.tensor([0, 1, 1, 0])
    assert torch.equal(corrupt(two, 2, 1.0, "symmetric", seed=0), 1 - two)


@pytest.mark.parametrize("kind", ["uniform", "symmetric"])
def test_no_noise_changes_nothing(kind):
    assert torch.equal(corrupt(TRUE, CLASSES, 0.0, kind, seed=0), TRUE)


@pytest.mark.parametrize("kind", ["uniform", "symmetric"])
def test_more_noise_keeps_what_less_noise_drew(kind):
    fractions = [0.0, 0.2, 0.5, 0.8, 1.0]
    noisy = [corrupt(TRUE, CLASSES, fraction, kind, seed=3) for fraction in fractions]
    for less, more in itertools.pairwise(noisy):
        changed = less != TRUE
        assert torch.equal(less[changed], more[changed])


def test_noise_is_fixed_by_the_seed_and_leaves_its_input_alone():
    labels = TRUE.clone()
    first = corrupt(labels, CLASSES, 0.5, "uniform", seed=0)
    assert torch.equal(first, corrupt(labels, CLASSES, 0.5, "uniform", seed=0))
    assert not torch.equal(first, corrupt(labels, CLASSES, 0.5, "uniform", seed=1))
    assert torch.equal(labels, TRUE)


def test_test_labels_are_the_original_ones_or_random():
    noise = LabelNoise(fraction=1.0)
    assert noise.test(TRUE, CLASSES, 0) is TRUE
    random = LabelNoise(fraction=0.0, test_labels="random")
    assert torch.equal(random.train(TRUE, CLASSES, 0), TRUE)
    drawn = random.test(TRUE, CLASSES, 0)
    assert within(int((drawn == TRUE).sum()), N, 1 / CLASSES)
    assert not torch.equal(drawn, noise.train(TRUE, CLASSES, 0))  # from its own stream


def digits(**keys):
    defaults = {"name": "digits", "root": "", "samples": 500, "batch_size": 64, "run_seed": 0}
    data = ImageData(**(defaults | {"label_noise": LabelNoise(0.5)} | keys))
    data.setup()
    return data


def test_a_data_sets_noisy_labels_do_not_depend_on_how_it_is_walked_through():
    first = digits()
    assert torch.equal(first.train.targets, digits(batch_size=7, augment=1).train.targets)
    assert not torch.equal(first.train.targets, digits(run_seed=1).train.targets)
    assert torch.equal(first.train.inputs, digits(run_seed=1).train.inputs)
    clean = digits(label_noise=LabelNoise())
    assert torch.equal(
        first.train.targets, corrupt(clean.train.targets, 10, 0.5, "uniform", seed=0)
    )
    assert torch.equal(first.test.targets, clean.test.targets)


@pytest.mark.parametrize("batch_size", [7, 64, "full"])
def test_every_pass_at_any_batch_size_sees_the_same_noisy_labels(batch_size):
    data = digits(batch_size=batch_size)
    fixed = data.train.targets.clone()
    walk = data.training_set()
    for number in range(3):
        seen = torch.cat([targets for _, targets in walk.epoch(number)])
        assert torch.equal(seen, fixed[walk.order(number)])
    assert torch.equal(data.train.targets, fixed)


def test_a_data_sets_realised_noise_is_within_binomial_bounds():
    clean = digits(label_noise=LabelNoise(), samples=1000).train.targets
    for fraction, seed in itertools.product((0.2, 0.5, 1.0), range(3)):
        noisy = digits(label_noise=LabelNoise(fraction), samples=1000, run_seed=seed)
        assert within(int((noisy.train.targets != clean).sum()), 1000, 0.9 * fraction)


def test_a_data_sets_test_labels_are_random_only_where_asked():
    true = digits(label_noise=LabelNoise()).test.targets
    asked = digits(label_noise=LabelNoise(0.0, test_labels="random"))
    assert within(int((asked.test.targets == true).sum()), len(true), 0.1)
    assert torch.equal(asked.train.targets, digits(label_noise=LabelNoise()).train.targets)


REFUSED = [
    ({"fraction": 1.5}, r"label_noise\.fraction=1\.5 is not a number from 0 to 1"),
    ({"fraction": -0.1}, r"label_noise\.fraction=-0\.1"),
    ({"fraction": "half"}, r"label_noise\.fraction='half'"),
    ({"fraction": math.nan}, r"label_noise\.fraction=nan"),
    ({"fraction": True}, r"label_noise\.fraction=True"),
    ({"fraction": None}, r"label_noise\.fraction=None"),
    ({"kind": "pair"}, r"label_noise\.kind='pair' is not one of uniform, symmetric"),
    ({"test_labels": "noisy"}, r"label_noise\.test_labels='noisy' is not one of original, random"),
]


@pytest.mark.parametrize(("keys", "message"), REFUSED)
def test_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        LabelNoise(**keys)
