import logging
from itertools import chain, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dl_experiments.models.cnn import CNN
from dl_experiments.models.mlp import MLP
from dl_experiments.models.sizing import (
    count_cnn,
    count_mlp,
    sized_cnn,
    sized_mlp,
    solve_cnn,
    solve_mlp,
)

SHAPES = [(1, 28, 28), (3, 32, 32), (1, 8, 8)]
small = st.integers(1, 4)


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def closest_gap(inputs: int, outputs: int, depth: int, budget: int) -> int:
    """|count - budget| of the best net, by trying every vector of widths that could be it."""
    counts = (
        count_mlp(inputs, widths, outputs)
        for widths in product(range(1, budget // 3 + 2), repeat=depth)
    )
    return min(abs(count - budget) for count in counts)


@given(st.integers(1, 9), st.lists(st.integers(1, 9), max_size=5), st.integers(1, 9))
def test_mlp_count_is_that_of_the_built_net(inputs: int, hidden: list[int], outputs: int) -> None:
    assert count_mlp(inputs, hidden, outputs) == parameters(MLP((inputs,), outputs, hidden))


@given(
    st.tuples(st.integers(1, 3), st.integers(4, 9), st.integers(4, 9)),
    st.lists(st.lists(small, min_size=1, max_size=3), min_size=1, max_size=2),
    st.lists(small, max_size=2),
    small,
    st.sampled_from([1, 3, 5]),
)
def test_cnn_count_is_that_of_the_built_net(
    shape: tuple[int, ...], blocks: list[list[int]], hidden: list[int], outputs: int, kernel: int
) -> None:
    built = CNN(shape, outputs, blocks, hidden, kernel_size=kernel)

    assert count_cnn(shape, blocks, hidden, outputs, kernel) == parameters(built)


@settings(deadline=None)
@given(small, small, st.integers(1, 3), st.integers(0, 60))
def test_no_widths_come_closer_than_the_solution(
    inputs: int, outputs: int, depth: int, extra: int
) -> None:
    budget = count_mlp(inputs, (1,) * depth, outputs) + extra
    sizing = solve_mlp(inputs, outputs, depth, budget)

    assert abs(sizing.gap) == closest_gap(inputs, outputs, depth, budget)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_a_larger_budget_never_gives_fewer_parameters(depth: int) -> None:
    smallest = count_mlp(2, (1,) * depth, 3)
    counts = [solve_mlp(2, 3, depth, smallest + extra).parameters for extra in range(150)]

    assert counts == sorted(counts)


@settings(deadline=None)
@given(st.integers(1, 3072), st.integers(1, 10), st.integers(1, 8), st.integers(100_000, 2_000_000))
def test_a_solution_is_consistent_close_and_even(
    inputs: int, outputs: int, depth: int, budget: int
) -> None:
    sizing = solve_mlp(inputs, outputs, depth, budget)

    assert len(sizing.hidden) == depth
    assert sizing.parameters == count_mlp(inputs, sizing.hidden, outputs)
    assert sizing.gap == sizing.parameters - budget
    assert abs(sizing.gap) <= 0.005 * budget + inputs / 2
    assert max(sizing.hidden) <= 4 * min(sizing.hidden)


@pytest.mark.parametrize(("depth", "hidden"), [(1, (190,)), (4, (13, 13, 13, 12))])
def test_571_parameters_are_hit_exactly(depth: int, hidden: tuple[int, ...]) -> None:
    sizing = solve_mlp(1, 1, depth, 571)

    assert (sizing.hidden, sizing.parameters, sizing.gap) == (hidden, 571, 0)


@pytest.mark.parametrize(
    ("inputs", "outputs", "depth", "budget"),
    [(1, 1, 7, 571), (784, 10, 2, 418_060), (784, 10, 4, 100_000), (1, 1, 8, 100_000)],
)
def test_deeper_nets_hit_the_budget_exactly(
    inputs: int, outputs: int, depth: int, budget: int
) -> None:
    assert solve_mlp(inputs, outputs, depth, budget).gap == 0


def test_the_exact_budget_of_equal_widths_returns_them() -> None:
    assert solve_mlp(784, 10, 3, count_mlp(784, (60, 60, 60), 10)).hidden == (60, 60, 60)


def test_of_two_equally_close_counts_the_smaller_wins() -> None:
    assert [solve_mlp(1, 2, 1, b).parameters for b in (10, 11, 12, 13, 14)] == [10, 10, 10, 14, 14]


def test_a_missed_budget_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        sized_mlp((784,), 10, depth=1, parameters=100_000)

    assert caplog.messages == ["widths [126]: 100180 parameters, +180 of the budget"]


def test_sized_mlp_passes_its_keys_on() -> None:
    model = sized_mlp((1,), 1, depth=4, parameters=571, activation="tanh", dropout=0.5)

    kinds = [type(layer) for layer in model]
    assert parameters(model) == 571
    assert kinds == [*([nn.Linear, nn.Tanh, nn.Dropout] * 4), nn.Linear]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("blocks", [[[8, 8], [16, 16]], [[8], [16]], [[8]], [[20]], [[16, 32]]])
def test_cnn_is_within_half_a_percent(shape: tuple[int, ...], blocks: list[list[int]]) -> None:
    sizing = solve_cnn(shape, 10, blocks, 100_000)

    built = sized_cnn(shape, 10, blocks, 100_000)
    assert sizing.parameters == parameters(built)
    assert sizing.gap == sizing.parameters - 100_000
    assert abs(sizing.gap) <= 500
    assert [len(block) for block in sizing.blocks] == [len(block) for block in blocks]


def test_nominal_convolutions_stay_where_they_come_close_enough() -> None:
    assert solve_cnn((1, 28, 28), 10, [[8, 8], [16, 16]], 100_000).blocks == ((8, 8), (16, 16))


def test_convolutions_move_no_further_than_needed() -> None:
    """Nothing between the nominal width 16 and the solution's comes within 0.5 %."""
    sizing = solve_cnn((3, 32, 32), 10, [[16]], 100_000)
    shift = abs(sizing.blocks[0][0] - 16)

    assert shift > 0
    nearer = [[[16 + delta]] for delta in range(-shift + 1, shift)]
    counts = [count_cnn((3, 32, 32), blocks, (n,), 10) for blocks in nearer for n in range(1, 100)]
    assert min(abs(count - 100_000) for count in counts) > 500


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.integers(1, 24), min_size=1, max_size=2), min_size=1, max_size=2),
    st.integers(30_000, 500_000),
)
def test_cnn_is_never_worse_than_its_nominal_convolutions_allow(
    blocks: list[list[int]], budget: int
) -> None:
    sizing = solve_cnn((1, 28, 28), 10, blocks, budget)
    nominal = min(abs(count_cnn((1, 28, 28), blocks, (n,), 10) - budget) for n in range(1, 3_000))

    assert abs(sizing.gap) <= max(nominal, 0.005 * budget)
    assert min(chain(sizing.hidden, *sizing.blocks)) >= 1


@pytest.mark.parametrize("depth", [1, 3, 10])
def test_mlp_below_the_smallest_count_is_refused(depth: int) -> None:
    smallest = count_mlp(784, (1,) * depth, 10)

    assert solve_mlp(784, 10, depth, smallest).hidden == (1,) * depth
    with pytest.raises(
        ValueError, match=rf"^model\.parameters={smallest - 1} is too small for "
    ) as c:
        solve_mlp(784, 10, depth, smallest - 1)
    assert f"model.depth={depth}: with one unit a layer it takes {smallest}" in str(c.value)
    assert "\n" not in str(c.value)


def test_cnn_below_the_smallest_count_is_refused() -> None:
    smallest = count_cnn((1, 28, 28), [[8], [16]], (1,), 10)

    solve_cnn((1, 28, 28), 10, [[8], [16]], smallest)
    message = (
        rf"^model\.parameters={smallest - 1} is too small for model\.blocks=\[\[8\], \[16\]\]: "
        rf"with one dense unit they take {smallest}$"
    )
    with pytest.raises(ValueError, match=message):
        solve_cnn((1, 28, 28), 10, [[8], [16]], smallest - 1)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "many", None])
@pytest.mark.parametrize("key", ["depth", "parameters"])
def test_depth_and_budget_are_counts(key: str, value: object) -> None:
    keys: dict[str, object] = {"depth": 2, "parameters": 1000} | {key: value}
    with pytest.raises(ValueError, match=rf"^model\.{key}={value} must be an integer >= 1$"):
        sized_mlp((1,), 1, **keys)  # type: ignore[arg-type]


@pytest.mark.parametrize("kernel_size", [2, "big", None])
def test_kernel_size_is_odd(kernel_size: object) -> None:
    with pytest.raises(ValueError, match=rf"^model\.kernel_size={kernel_size} must be an odd"):
        sized_cnn((1, 8, 8), 2, [[8]], 1000, kernel_size)  # type: ignore[arg-type]


def test_cnn_sizing_takes_only_images() -> None:
    with pytest.raises(ValueError, match="choose model=mlp or an image data set"):
        sized_cnn((1,), 1, [[8]], 1000)
