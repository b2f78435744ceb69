"""Finding and reading the runs that a test has trained."""

import pytest

from dl_experiments.artifacts import RunDirectory, read_metrics

TINY = ["model.hidden=[4]", "data.samples=16", "data.batch_size=8", "data.test_samples=5"]


def runs(outputs):
    """Name without the id -> run directory."""
    found = {path.parent.name[:-11]: path.parent for path in outputs.glob("*/*/status.json")}
    return {name: RunDirectory(found[name]) for name in sorted(found)}


def state(files):
    return files.read_status().state


def events_of(files):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(files.tensorboard), size_guidance={"scalars": 0})
    return events.Reload()


def assert_scalars_are_the_metrics(files):
    events, rows = events_of(files), read_metrics(files.metrics)
    names = [name for name in rows[0] if name != "step"]
    assert sorted(events.Tags()["scalars"]) == sorted(names)
    for name in names:
        read = [(event.step, event.value) for event in events.Scalars(name)]
        expected = [(row["step"], pytest.approx(row[name], rel=1e-6)) for row in rows]
        assert read == expected
