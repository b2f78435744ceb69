"""What a sweep's process asks of the system."""

import resource

import pytest

from dl_experiments.sweep import training


@pytest.mark.parametrize(
    ("soft", "hard", "allowed", "wanted"),
    [
        (1024, 4096, 4096, 4096),
        (4096, 4096, 4096, 4096),
        (256, resource.RLIM_INFINITY, 1 << 20, 1 << 16),  # macOS takes no infinite number
        (256, resource.RLIM_INFINITY, 10240, 10240),
        (256, resource.RLIM_INFINITY, 300, 256),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10240, resource.RLIM_INFINITY),
        (1 << 17, resource.RLIM_INFINITY, 1 << 17, 1 << 17),
    ],
)
def test_as_many_open_files_as_the_system_gives(monkeypatch, soft, hard, allowed, wanted):
    now = [soft, hard]

    def setrlimit(what, limits):
        if limits[0] == resource.RLIM_INFINITY or limits[0] > allowed:
            raise ValueError("current limit exceeds maximum limit")
        now[:] = limits

    monkeypatch.setattr(resource, "getrlimit", lambda what: tuple(now))
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    training._allow_files()
    assert now == [wanted, hard]


@pytest.mark.parametrize("error", [OSError("Operation not permitted"), ValueError("not known")])
def test_a_system_that_says_nothing_of_open_files(monkeypatch, error):
    def getrlimit(what):
        raise error

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    training._allow_files()
