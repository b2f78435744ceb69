from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from synthetic import config, write

from dl_experiments.analysis.drawing import curves, dots, fits, panels, style
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.quantities import final
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


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.95, 1.4, "1 1.1 1.2 1.3 1.4"),
        (1.05, 2.4, "1.5 2"),
        (0.015, 0.08, "0.02 0.03 0.05 0.07"),
        (0.4, 60, "0.5 1 2 5 10 20 50"),
        (0.02, 7, "0.03 0.1 0.3 1 3"),
        (4e-6, 3e-5, "5×10⁻⁶ 7×10⁻⁶ 10⁻⁵ 2×10⁻⁵ 3×10⁻⁵"),
        (4e3, 3e6, "10⁴ 3×10⁴ 10⁵ 3×10⁵ 10⁶ 3×10⁶"),
        (0.08, 1.2e3, "10⁻¹ 10⁰ 10¹ 10² 10³"),
    ],
)
def test_a_logarithmic_axis_is_labelled_in_one_way(
    axis: Axes, low: float, high: float, labels: str
) -> None:
    axis.plot([0, 1], [low, high])
    axis.set_ylim(low, high * 1.001)
    panels.values(axis, "loss", LOG)
    found = axis.yaxis.get_major_ticks(), axis.yaxis.get_majorticklocs()
    axis.figure.draw_without_rendering()
    shown = [
        tick.label1.get_text() for tick, at in zip(*found, strict=True) if low <= at <= 1.001 * high
    ]
    assert " ".join(shown) == labels


def test_counts_are_plain_numbers(axis: Axes) -> None:
    axis.set_xlim(10, 1500)
    panels.counts(axis, "batch size")
    format_, at = axis.xaxis.get_major_formatter(), axis.get_xticks()
    shown = [format_(value) for value in at if 10 <= value <= 1500]
    assert shown == ["10", "20", "50", "100", "200", "500", "1,000"]
    assert format_(2_000_000) == "2,000,000"


def test_percent_has_the_decimals_it_needs() -> None:
    percent = panels.Percent()
    assert percent.format_ticks([0.1, 0.2, 0.3]) == ["10 %", "20 %", "30 %"]
    assert percent.format_ticks([0.9, 0.925, 0.95]) == ["90.0 %", "92.5 %", "95.0 %"]
    assert percent(-0.07) == "−7 %"


@pytest.mark.parametrize(("first", "begin"), [(0.1, 2), (0.9, 0)])
def test_accuracy_begins_where_it_can_be_seen(
    tmp_path: Path, axis: Axes, first: float, begin: int
) -> None:
    for seed in range(2):
        found = np.array([first, 0.85 + 0.05 * seed, 0.95])
        made = config("adhoc", "deep", "mnist", seed)
        write(tmp_path, made, {f"{split}/accuracy": found for split in curves.SPLITS}, [0, 2, 4])
    runs = collect(tmp_path).runs
    axis.axhline(0.1, **curves.GUESSING)
    curves.draw(axis, runs, "train/accuracy", "blue")
    curves.percent_axis(axis, runs)
    guess, mean = axis.get_lines()
    (band,) = axis.collections
    assert list(mean.get_xdata()) == [at for at in (0, 2, 4) if at >= begin]
    assert band.get_paths()[0].get_extents().x0 == begin
    assert list(guess.get_xdata()) == [0, 1]


def test_marks_that_all_figures_share_are_explained_once_where_they_are(tmp_path: Path) -> None:
    for seed in range(3):
        add(tmp_path, seed, [4.0, 1.0 + seed])
    runs = collect(tmp_path).runs
    drawn = {
        style.RANGE: lambda axis: curves.draw(axis, runs, "train/loss", "blue"),
        style.ONE: lambda axis: curves.draw(axis, runs, "train/loss", "blue", every=True),
        style.MEAN: lambda axis: dots.column(axis, 0, runs, final("train/loss"), "blue"),
    }
    for name, draw in drawn.items():
        with style.applied():
            figure, axes = style.page("title", "about", 1, 2, (3, 3))
            for axis in axes.flat:
                draw(axis)
            style.legend_below(figure, [])
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [name]


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
