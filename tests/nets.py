"""Small nets and data for the oracles, in float64 and the same at each call."""

import torch

from dl_experiments.measures.flat import FlatNet


def drawn(*shape, seed=0):
    """Standard normal."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sinc(samples):
    """Inputs and targets of sinc(5x) on an even grid, [samples, 1] each."""
    inputs = torch.linspace(-1, 1, samples, dtype=torch.float64)[:, None]
    return inputs, torch.sinc(5 * inputs)


def seeded(make):
    """``make()`` under seed 0, which leaves the random numbers of the test alone."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def flat_net(make, dtype=torch.float64):
    """A net as a function of its parameters, with its initial ones."""
    return seeded(lambda: FlatNet(make(), dtype))


def stack(make, count):
    """A net and ``count`` draws of its initial parameters."""
    nets = seeded(lambda: [FlatNet(make()) for _ in range(count)])
    return nets[0], torch.stack([net.theta for net in nets])
