from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from synthetic import config, write

from dl_experiments.analysis.drawing import curves, fits, panels, style
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.scales import LOG
from dl_experiments.artifacts import State


@pytest.fixture
def axis() -> Iterator[Axes]:
    with style.applied():
        yield Figure().subplots()


def add(path: Path, seed: int, values: list[float], state: State = "completed") -> None:
    made = config("adhoc", "deep", "sinc", seed)
    write(path, made, {"train/loss": np.array(values)}, np.arange(len(values)), state)


def test_mean_and_band_go_as_far_as_seeds_do(tmp_path: Path, axis: Axes) -> None:
    add(tmp_path, 0, [4.0, 1.0, 1.0])
    add(tmp_path, 1, [4.0, 4.0, 4.0, 4.0])
    curves.draw(axis, collect(tmp_path).runs, "train/loss", "blue", log=True)
    mean, rest = axis.get_lines()
    np.testing.assert_allclose(mean.get_xdata(), [0, 1, 2])
    np.testing.assert_allclose(mean.get_ydata(), [4, 2, 2])
    (band,) = axis.collections
    box = band.get_paths()[0].get_extents()
    assert (box.y0, box.y1) == (1, 4)
    # of those that go on, thinner
    np.testing.assert_allclose(rest.get_xdata(), [2, 3])
    np.testing.assert_allclose(rest.get_ydata(), [4, 4])
    assert rest.get_linewidth() < mean.get_linewidth()


def test_a_loss_of_zero_is_drawn_at_the_lowest_positive_one(tmp_path: Path, axis: Axes) -> None:
    add(tmp_path, 0, [4.0, 0.0, 0.0])
    add(tmp_path, 1, [4.0, 1.0, 0.25])
    curves.draw(axis, collect(tmp_path).runs, "train/loss", "blue", log=True)
    (mean,) = axis.get_lines()
    np.testing.assert_allclose(mean.get_ydata(), [4, 0.5, 0.25])


def test_every_seed_can_be_shown(tmp_path: Path, axis: Axes) -> None:
    add(tmp_path, 0, [4.0, 1.0, 1.0])
    add(tmp_path, 1, [4.0, 4.0, 4.0, 4.0])
    runs = collect(tmp_path).runs
    curves.draw(axis, runs, "train/loss", "blue", log=True, every=True, start=1)
    assert [list(line.get_ydata()) for line in axis.get_lines()] == [
        [1, 1],
        [4, 4, 4],
        [2, 2],
        [4, 4],
    ]
    assert not axis.collections


def test_a_jumping_loss_is_drawn_where_it_lies(tmp_path: Path, axis: Axes) -> None:
    values = np.where(np.arange(400) % 5, 2.0, 50.0)
    add(tmp_path, 0, list(values))
    look = {"log": True, "every": True, "calm": True, "start": 30}
    curves.draw(axis, collect(tmp_path).runs, "train/loss", "blue", **look)
    for line in axis.get_lines():
        assert set(line.get_ydata()) == {2.0}


def test_a_prediction_is_cut_only_where_it_is_wild(axis: Axes) -> None:
    truth = np.array([-1.0, 1.0])
    fits.within(axis, [{"truth": truth}], [np.array([-1.8, 1.2])])
    assert axis.get_ylim() == pytest.approx((-1.9, 1.3))
    fits.within(axis, [{"truth": truth}], [np.array([-1e9, 1.2]), np.array([np.nan, 0])])
    assert axis.get_ylim() == pytest.approx((-3.1, 1.3))


def test_a_diverged_run_is_drawn_to_where_it_went_and_marked(tmp_path: Path, axis: Axes) -> None:
    add(tmp_path, 0, [4.0, 1.0, 1.0])
    add(tmp_path, 1, [4.0, 10.0, 1e9, 1e20, np.nan], "diverged")
    curves.draw(axis, collect(tmp_path).runs, "train/loss", "blue", log=True)
    mean, line, mark = axis.get_lines()
    np.testing.assert_allclose(mean.get_ydata(), [4, 1, 1])  # it is not averaged in
    np.testing.assert_allclose(line.get_ydata(), [4, 10, curves.ABOVE * 4])
    assert mark.get_marker() == style.MARKS["diverged"]
    assert list(mark.get_xdata()) == [2]


def test_alone_a_diverged_run_is_drawn_from_where_it_began(tmp_path: Path, axis: Axes) -> None:
    add(tmp_path, 0, [4.0, 1e9, np.inf], "diverged")
    curves.draw(axis, collect(tmp_path).runs, "train/loss", "blue", log=True)
    np.testing.assert_allclose(axis.get_lines()[0].get_ydata(), [4, curves.ABOVE * 4])


def test_nothing_to_draw_draws_nothing(tmp_path: Path, axis: Axes) -> None:
    add(tmp_path, 0, [0.0, 0.0])  # no logarithm
    add(tmp_path, 1, [np.nan], "diverged")
    add(tmp_path, 2, [], "running")
    runs = collect(tmp_path).runs
    curves.draw(axis, runs, "train/loss", "blue", log=True)
    curves.draw(axis, runs, "test/accuracy", "blue")
    assert not axis.get_lines()


def test_axes_that_share_a_scale_have_it_though_one_is_empty() -> None:
    _, axes = style.page("title", "about", 2, 2, (3, 2), sharey="row")
    axes[0, 1].plot([0, 1], [1e-3, 1])
    for row in axes:
        panels.values(row[0], "loss", LOG)
    assert [axis.get_yscale() for axis in axes[0]] == ["log", "log"]
    assert [len(axis.get_yticks()) for axis in axes[1]] == [0, 0]  # nothing to read off


def test_colours_stay_with_their_models() -> None:
    assert style.colours(["shallow"])["shallow"] == style.colours(["deep", "shallow"])["shallow"]
    found = style.colours(["deep", "a", "b", "shallow"])
    assert len(set(found.values())) == 4
    assert len(set(style.colours([str(i) for i in range(30)]).values())) == 30


def test_stairs_on_a_logarithmic_axis_have_ticks(axis: Axes) -> None:
    axis.stairs([1.0, 2000.0], [0.0, 1.0, 2.0])
    panels.values(axis, "counts", LOG)
    assert (axis.get_yscale(), axis.get_ylabel()) == ("log", "counts (log scale)")
    labels = [axis.yaxis.get_major_formatter()(value) for value in (1e-3, 1.0, 1e3, 0.0, -10.0)]
    assert labels == ["10⁻³", "10⁰", "10³", "0", "−10¹"]
