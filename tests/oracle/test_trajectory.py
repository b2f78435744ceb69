"""The joint PCA against scikit-learn on the raw matrix."""

import numpy as np
import pytest
import torch
from nets import drawn
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from dl_experiments.measures import trajectory
from dl_experiments.measures.flat import Layout
from dl_experiments.measures.trajectory import by_layer, joint_pca, left_out, leverage, spread
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
    np.testing.assert_allclose(found.variance, truth.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(found.variance_ratio, truth.explained_variance_ratio_, rtol=1e-10)
    same_up_to_sign(found.loadings.T.numpy(), truth.components_.T)
    assert [len(path) for path in found.paths] == [5, 4, 6]
    same_up_to_sign(torch.cat(found.paths).numpy(), truth.transform(matrix))
    every = PCA(svd_solver="full").fit(matrix)
    np.testing.assert_allclose(found.scree, every.explained_variance_ratio_[:14], atol=1e-12)
    same_up_to_sign(found.every.numpy(), every.transform(matrix)[:, :14])


def test_from_its_start_each_run_begins_at_the_same_place(runs):
    found = joint_pca(runs, LAYOUT, 3, from_start=True)
    moved = np.concatenate([part - part[:1] for part in np.split(raw(runs).numpy(), [5, 9])])
    truth = PCA(3, svd_solver="full").fit(moved)
    np.testing.assert_allclose(found.variance_ratio, truth.explained_variance_ratio_, rtol=1e-10)
    same_up_to_sign(torch.cat(found.paths).numpy(), truth.transform(moved))
    for path in found.paths[1:]:
        torch.testing.assert_close(path[0], found.paths[0][0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [3, 8])
def test_equal_centres_make_one_component_fewer_of_equal_size(k):
    """k orthogonal centres of one length: k − 1 components of 1/(k − 1) each, and nothing else."""
    layout = Layout({"w": (20,)})
    turned = torch.linalg.qr(drawn(20, 20))[0]
    found = joint_pca([[{"w": 3 * turned[run]}] * 2 for run in range(k)], layout, k)
    np.testing.assert_allclose(found.scree[: k - 1], 1 / (k - 1), rtol=1e-12)
    np.testing.assert_allclose(found.scree[k - 1 :], 0, atol=1e-12)
    assert found.between == pytest.approx(1)
    # what is left of the centres lies in what they all span, however its axes lie
    np.testing.assert_allclose(left_out(found, k - 2, k - 1), 0, atol=1e-5)
    shares = leverage(found.loadings[: k - 1])
    span = turned[:k] - turned[:k].mean(0)
    projector = span.T @ torch.linalg.pinv(span.T)
    torch.testing.assert_close(shares, projector.diagonal() / (k - 1), rtol=0, atol=1e-10)


def test_the_share_between_runs_is_that_of_an_analysis_of_variance(runs):
    parts = np.split(raw(runs).numpy(), [5, 9])
    centre = np.concatenate(parts).mean(0)
    between = sum(len(part) * ((part.mean(0) - centre) ** 2).sum() for part in parts)
    total = ((np.concatenate(parts) - centre) ** 2).sum()
    assert joint_pca(runs, LAYOUT).between == pytest.approx(between / total, rel=1e-10)


@pytest.mark.parametrize(("leading", "within"), [(2, 2), (1, 2), (3, 5)])
def test_leaving_a_run_out_turns_as_scipys_angles_say(runs, leading, within):
    found = left_out(joint_pca(runs, LAYOUT), leading, within)
    parts = np.split(raw(runs).numpy(), [5, 9])
    every = PCA(within, svd_solver="full").fit(np.concatenate(parts)).components_.T
    for run, angle in enumerate(found.tolist()):
        rest = np.concatenate([part for at, part in enumerate(parts) if at != run])
        axes = PCA(leading, svd_solver="full").fit(rest).components_.T
        assert angle == pytest.approx(np.rad2deg(subspace_angles(axes, every)).max(), abs=1e-6)


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


def test_the_axes_are_orthonormal(runs):
    found = joint_pca(runs, LAYOUT, 3)
    torch.testing.assert_close(
        found.loadings @ found.loadings.T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12
    )


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


def test_leverage_is_of_the_subspace_and_not_of_its_axes(runs):
    loadings = joint_pca(runs, LAYOUT, 3).loadings
    turned = torch.linalg.qr(drawn(3, 3))[0] @ loadings
    torch.testing.assert_close(leverage(turned), leverage(loadings), rtol=0, atol=1e-14)
    shares = by_layer(leverage(loadings), LAYOUT)
    assert list(shares) == ["dense1", "dense2", "output"]
    assert sum(shares.values()) == pytest.approx(1)
    only = torch.zeros(LAYOUT.size, dtype=torch.float64)
    only[LAYOUT.tensors()["dense2.bias"].start] = 1
    assert by_layer(only, LAYOUT) == {"dense1": 0, "dense2": 1, "output": 0}


def test_spread_within_a_layer():
    even = torch.full((LAYOUT.size,), 1 / LAYOUT.size, dtype=torch.float64)
    assert all(one == pytest.approx(1) for of in spread(even, LAYOUT).values() for one in of)
    shares = drawn(LAYOUT.size).square()
    part = LAYOUT.size * shares[LAYOUT.layers()["dense1"]]
    truth = np.quantile(part.numpy(), (0, 0.5, 1), method="nearest")
    np.testing.assert_allclose(spread(shares, LAYOUT, (0.0, 0.5, 1.0))["dense1"], truth)


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
