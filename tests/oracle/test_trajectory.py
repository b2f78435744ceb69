"""The joint PCA against scikit-learn on the raw matrix."""

import numpy as np
import pytest
import torch
from nets import drawn
from sklearn.decomposition import PCA

from dl_experiments.measures import trajectory
from dl_experiments.measures.flat import Layout
from dl_experiments.measures.trajectory import (
    importance,
    importance_quantiles,
    joint_pca,
    strongest,
)
from dl_experiments.models.mlp import MLP

LAYOUT = Layout.of(MLP([4], 2, [6, 3]))


pytestmark = pytest.mark.usefixtures("one_thread")


def snapshot(theta, layout=LAYOUT):
    return {name: part.clone() for name, part in layout.unflatten(theta).items()}


@pytest.fixture
def runs():
    """Three runs of 5, 4 and 6 snapshots as random walks from different starts."""
    walks = [drawn(count, LAYOUT.size, seed=count).cumsum(0) for count in (5, 4, 6)]
    return [[snapshot(theta) for theta in walk] for walk in walks]


def raw(runs, layout=LAYOUT):
    flat = [[layout.flatten(snapshot) for snapshot in run] for run in runs]
    return torch.stack([theta for run in flat for theta in run]).double()


def same_up_to_sign(found, truth):
    """Columns."""
    signs = np.sign((found * truth).sum(0))
    np.testing.assert_allclose(found, truth * signs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("columns", [2**15, 7])
def test_is_sklearns_on_the_raw_matrix(runs, columns, monkeypatch):
    monkeypatch.setattr(trajectory, "COLUMNS", columns)
    found = joint_pca(runs, LAYOUT, 4)
    matrix = raw(runs).numpy()
    truth = PCA(4, svd_solver="full").fit(matrix)
    np.testing.assert_allclose(found.mean, truth.mean_, atol=1e-12)
    np.testing.assert_allclose(found.variance, truth.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(found.variance_ratio, truth.explained_variance_ratio_, rtol=1e-10)
    same_up_to_sign(found.loadings.T.numpy(), truth.components_.T)
    assert [len(path) for path in found.paths] == [5, 4, 6]
    same_up_to_sign(torch.cat(found.paths).numpy(), truth.transform(matrix))


def test_more_snapshots_than_parameters():
    layout = Layout({"w": (3,)})
    runs = [[{"w": theta} for theta in drawn(20, 3, seed=seed)] for seed in range(2)]
    found = joint_pca(runs, layout, 3)
    truth = PCA(3, svd_solver="full").fit(raw(runs, layout).numpy())
    np.testing.assert_allclose(found.variance_ratio, truth.explained_variance_ratio_, rtol=1e-10)
    same_up_to_sign(found.loadings.T.numpy(), truth.components_.T)


def test_single_precision_weights_are_taken_to_double(runs):
    single = [[{name: t.float() for name, t in s.items()} for s in run] for run in runs]
    found = joint_pca(single, LAYOUT, 2)
    truth = PCA(2, svd_solver="full").fit(raw(single).numpy())
    np.testing.assert_allclose(found.variance_ratio, truth.explained_variance_ratio_, rtol=1e-10)


def test_all_runs_share_the_axes(runs):
    found = joint_pca(runs, LAYOUT, 3)
    torch.testing.assert_close(
        found.loadings @ found.loadings.T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12
    )
    for run, path in zip(runs, found.paths, strict=True):
        for weights, coordinates in zip(run, path, strict=True):
            torch.testing.assert_close(found.project(weights), coordinates, rtol=0, atol=1e-10)


def test_signs_do_not_depend_on_the_order_of_the_runs(runs):
    found, other = joint_pca(runs, LAYOUT, 3), joint_pca(runs[::-1], LAYOUT, 3)
    torch.testing.assert_close(found.loadings, other.loadings, rtol=0, atol=1e-10)
    largest = found.loadings.gather(1, found.loadings.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


def test_straight_paths_stay_straight():
    start, ways = drawn(LAYOUT.size), drawn(2, LAYOUT.size, seed=1)
    times = torch.linspace(0, 1, 5, dtype=torch.float64)
    runs = [[snapshot(start + time * way) for time in times] for way in ways]
    found = joint_pca(runs, LAYOUT, 2)
    assert float(found.variance_ratio.sum()) == pytest.approx(1, abs=1e-12)
    for path, way in zip(found.paths, ways, strict=True):
        steps = path.diff(dim=0)
        torch.testing.assert_close(steps, steps[:1].expand_as(steps), rtol=0, atol=1e-10)
        # the plane holds both lines, so lengths are kept
        torch.testing.assert_close((path[-1] - path[0]).norm(), way.norm(), rtol=1e-10, atol=0)


def test_an_axis_without_variance_is_zero():
    way = drawn(LAYOUT.size)
    runs = [[snapshot(time * way) for time in (0.0, 1.0, 2.0)], [snapshot(3 * way)]]
    found = joint_pca(runs, LAYOUT, 2)
    assert float(found.variance_ratio[0]) == pytest.approx(1)
    assert found.variance[1] == 0
    assert (found.loadings[1] == 0).all()
    assert all((path[:, 1] == 0).all() for path in found.paths)


def test_one_layer_with_its_bias(runs):
    layer = LAYOUT.only("dense2")
    assert list(layer.shapes) == ["dense2.weight", "dense2.bias"]
    found = joint_pca(runs, layer, 2)
    matrix = raw(runs)[:, LAYOUT.layers()["dense2"]].numpy()
    truth = PCA(2, svd_solver="full").fit(matrix)
    same_up_to_sign(found.loadings.T.numpy(), truth.components_.T)


def test_importance_is_shared_out_among_layers(runs):
    found = joint_pca(runs, LAYOUT, 2)
    shares = importance(found.loadings, LAYOUT)
    assert list(shares) == ["dense1", "dense2", "output"]
    torch.testing.assert_close(sum(shares.values()), torch.ones(2, dtype=torch.float64))
    only = torch.zeros(1, LAYOUT.size, dtype=torch.float64)
    only[0, LAYOUT.tensors()["dense2.bias"].start] = 1
    assert {name: float(s) for name, s in importance(only, LAYOUT).items()} == {
        "dense1": 0,
        "dense2": 1,
        "output": 0,
    }


def test_importance_quantiles():
    even = torch.full((1, LAYOUT.size), LAYOUT.size**-0.5, dtype=torch.float64)
    for spread in importance_quantiles(even, LAYOUT).values():
        torch.testing.assert_close(spread, torch.ones_like(spread))
    loadings = drawn(2, LAYOUT.size)
    found = importance_quantiles(loadings, LAYOUT, (0.0, 0.5, 1.0))["dense1"]
    part = LAYOUT.size * loadings[:, LAYOUT.layers()["dense1"]].square()
    truth = np.quantile(part.numpy(), (0, 0.5, 1), axis=1, method="nearest").T
    np.testing.assert_allclose(found, truth)


def test_strongest_weights_are_named():
    loading = torch.zeros(LAYOUT.size, dtype=torch.float64)
    layout = LAYOUT.tensors()
    loading[layout["dense1.weight"].start + 4 * 5 + 2] = -0.9  # row 5 of rows of 4
    loading[layout["output.bias"].start + 1] = 0.4
    assert strongest(loading, LAYOUT, 2) == [
        ("dense1.weight", (5, 2), -0.9),
        ("output.bias", (1,), 0.4),
    ]


def test_bad_input(runs):
    with pytest.raises(ValueError, match="needs two runs or more, got 1"):
        joint_pca(runs[:1], LAYOUT)
    with pytest.raises(
        ValueError, match="layer=dense9 is unknown; choose one of dense1, dense2, o"
    ):
        LAYOUT.only("dense9")
    with pytest.raises(ValueError, match="components=15 must be 1 to 14 with 15 snapshots"):
        joint_pca(runs, LAYOUT, 15)
    with pytest.raises(ValueError, match="2 snapshots are all the same"):
        joint_pca([runs[0][:1], runs[0][:1]], LAYOUT, 1)
    with pytest.raises(ValueError, match="another model"):
        joint_pca([*runs, [MLP([4], 2, [5, 3]).state_dict()]], LAYOUT)
