"""When a checkpoint is written, and when the state is held in memory."""

import pytest

from dl_experiments import stop
from dl_experiments.callbacks import checkpoint
from dl_experiments.callbacks.checkpoint import Clock


@pytest.fixture
def now(monkeypatch):
    """A time that passes when it is told to, in a list."""
    passed = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: passed[0])
    return passed


def of_epochs(clock, now, seconds, holding, count):
    """Times at which something was written or held."""
    written, held = [], []
    for _ in range(count):
        now[0] += seconds
        clock.tick()
        if clock.due:
            written.append(now[0])
        elif clock.hold:
            held.append(now[0])
            now[0] += holding
        clock.held()
    return written, held


def test_holding_costs_a_hundredth_of_the_time(now):
    clock = Clock(1e9)
    _, held = of_epochs(clock, now, 0.001, 0.004, 4000)
    assert held[0] == 0.001
    assert 0.008 < 0.004 * len(held) / now[0] < 0.0101 + 0.004 / now[0]


def test_a_long_epoch_is_held_always(now):
    _, held = of_epochs(Clock(1e9), now, stop.GRACE / 2, 0.4, 20)
    assert len(held) == 20


def test_checkpoints_have_a_least_distance(now):
    written, held = of_epochs(Clock(20.0), now, 6.0, 0.01, 10)
    assert len(written) == 2
    assert len(held) == 8


def test_who_is_to_end_does_not_wait(now, monkeypatch):
    clock = Clock(20.0)
    monkeypatch.setattr(stop, "asked", lambda: True)
    clock.tick()
    assert (clock.due, clock.ending, clock.hold) == (True, True, False)
