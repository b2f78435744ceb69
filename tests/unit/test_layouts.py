"""What layouts share: the loss of a stack."""

import pytest
import torch

from dl_experiments.sweep.layouts import total
from dl_experiments.tasks.losses import CLASSIFICATION, REGRESSION

SAMPLES, OUTPUTS = 7, 3
LOSSES = [*(("values", loss) for loss in REGRESSION), *(("classes", c) for c in CLASSIFICATION)]


def drawn(kind, dtype, *shape):
    """Outputs [n, SAMPLES, ..., OUTPUTS] and what they should be."""
    draw = torch.Generator().manual_seed(0)
    outputs = torch.randn(*shape, OUTPUTS, dtype=dtype, generator=draw)
    if kind == "values":
        return outputs, torch.randn(outputs.shape, dtype=dtype, generator=draw)
    return outputs, torch.randint(OUTPUTS, shape, generator=draw)


def gradient(function, outputs):
    leaf = outputs.clone().requires_grad_()
    (found,) = torch.autograd.grad(function(leaf), leaf)
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("kind", "name"), LOSSES)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_a_member_s_gradient_is_the_bits_of_its_own_loss(kind, name, count, dtype):
    """However many others there are; their number need not divide without a remainder."""
    loss = (REGRESSION if kind == "values" else CLASSIFICATION)[name]
    outputs, targets = drawn(kind, dtype, count, SAMPLES)
    found = gradient(lambda o: total(loss, o, targets), outputs)
    lanes, theirs = drawn(kind, dtype, count, SAMPLES, 4)
    blocks = gradient(lambda o: total(loss, o, theirs, 4), lanes)
    for number in range(count):
        alone = gradient(lambda o, n=number: loss(o, targets[n]), outputs[number])
        assert torch.equal(found[number], alone)
        for lane in range(4):
            own = lanes[number, :, lane]
            alone = gradient(lambda o, n=number, i=lane: loss(o, theirs[n, :, i]), own)
            assert torch.equal(blocks[number, :, lane], alone)


def test_it_is_the_sum_of_the_members_losses():
    outputs, targets = drawn("values", torch.float64, 6, SAMPLES)
    expected = sum(REGRESSION["huber"](o, t) for o, t in zip(outputs, targets, strict=True))
    assert total(REGRESSION["huber"], outputs, targets).item() == pytest.approx(expected.item())


def test_a_member_that_diverged_does_not_touch_the_others():
    outputs, targets = drawn("values", torch.float32, 5, SAMPLES)
    clean = gradient(lambda o: total(REGRESSION["mse"], o, targets), outputs)
    outputs[1], outputs[3] = float("nan"), float("inf")
    found = gradient(lambda o: total(REGRESSION["mse"], o, targets), outputs)
    for number in (0, 2, 4):
        assert torch.equal(found[number], clean[number])
