"""Joint principal components of the weights of several runs on their way.

Of k runs whose mean weights ("centres") are equally far from one another, as independent initial
weights nearly are, the centres make k − 1 components of one size. Any turn of their axes is as
good, so only the subspace that they span means something, and no axis or plane of it does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from dl_experiments.measures.flat import Layout

Snapshot = Mapping[str, Tensor]
"""Tensor name -> tensor; looked up when needed, so it may read from a file."""

COLUMNS = 2**15  # parameters taken to float64 at a time
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@final
@dataclass(frozen=True)
class JointPCA:
    """The common axes of all runs, in float64; those with variance only of rounding are zero.

    Attributes:
        layout: Of the P parameters (a chosen layer's, or all).
        loadings: Unit vectors, one a component [C, P]; the largest entry by size is positive.
        variance: Explained, Σ (x − mean)² along the axis / (n − 1) [C].
        variance_ratio: Share of the total variance [C].
        paths: One a run: coordinates [snapshots, C].
        every: Coordinates of all n snapshots on all A components there may be [n, A].
        scree: Share of the total variance of each of them [A], A = min(n − 1, P).
        between: Share of the total variance that is between the runs' own means.
    """

    layout: Layout
    loadings: Tensor
    variance: Tensor
    variance_ratio: Tensor
    paths: list[Tensor]
    every: Tensor
    scree: Tensor
    between: float


def joint_pca(
    runs: Sequence[Sequence[Snapshot]],
    layout: Layout,
    components: int = 2,
    from_start: bool = False,
) -> JointPCA:
    """PCA of the n snapshots of all runs together, X [n, P], by their Gram matrix.

    With K = (X − mean)(X − mean)ᵀ = U S² Uᵀ [n, n], the loadings are Sᵀ⁻¹Uᵀ(X − mean) and the
    coordinates U S: exact, and never a matrix of P × P. Variances below n·ε of the largest are
    rounding, as the Gram matrix squares what it is made of. Snapshots are read twice, tensor by
    tensor; the memory is that of the largest tensor in all snapshots, as stored.
    (Joint and not one PCA a run: the axes of different runs could not be compared. The view is of
    Li et al. 2018, section 7, which however centres on the final weights.)

    Args:
        runs: The snapshots of each run, in order.
        layout: The parameters that count; ``layout.only(layer)`` for one layer.
        components: C.
        from_start: Of θ(t) − θ(0), each run from its own first snapshot, in place of θ(t).

    Raises:
        ValueError: Fewer than two runs, more components than n − 1 or than parameters, a snapshot
            of another model, or snapshots that do not differ.
    """
    if len(runs) < 2:
        raise ValueError(f"a joint PCA needs two runs or more, got {len(runs)}")
    snapshots = [snapshot for run in runs for snapshot in run]
    most = min(len(snapshots) - 1, layout.size)
    if not 1 <= components <= most:
        raise ValueError(
            f"components={components} must be 1 to {most} with {len(snapshots)} snapshots of "
            f"{layout.size} parameters"
        )
    counts = [len(run) for run in runs]
    starts = counts if from_start else []
    gram = sum(block @ block.T for block in _centred(snapshots, layout, starts))
    assert isinstance(gram, Tensor)
    squares, vectors = torch.linalg.eigh(gram)
    total = gram.trace()
    if not total > 0:
        raise ValueError(f"the {len(snapshots)} snapshots are all the same; there are no axes")
    squares, vectors = squares.flip(0)[:most], vectors.flip(1)[:, :most]
    real = squares > len(snapshots) * torch.finfo(squares.dtype).eps * squares[0]
    squares = torch.where(real, squares, 0)
    every, scree = vectors * squares.sqrt(), squares / total
    squares, vectors, real = squares[:components], vectors[:, :components], real[:components]
    scale = torch.where(real, squares.rsqrt(), 0)

    blocks = _centred(snapshots, layout, starts)
    loadings = torch.cat([scale[:, None] * (vectors.T @ block) for block in blocks], -1)
    largest = loadings.gather(1, loadings.abs().argmax(1, keepdim=True))
    signs = torch.where(largest < 0, -1.0, 1.0).to(loadings)
    paths = every[:, :components] * signs.T
    return JointPCA(
        layout,
        loadings * signs,
        squares / (len(snapshots) - 1),
        scree[:components],
        list(paths.split(counts)),
        every,
        scree,
        _between(gram, counts) / float(total),
    )


def left_out(pca: JointPCA, leading: int, within: int) -> Tensor:
    """How far a subspace turns when a run is left out: angles in degrees [runs].

    The largest principal angle (Björck and Golub 1973, "Numerical methods for computing angles
    between linear subspaces") from the ``leading`` components of the joint PCA of all runs but one
    to the ``within`` first components of all runs; 0 where they lie within.

    With the coordinates Z of the rows that are left on all old axes, centred anew, and their own
    PCA Z = U S Vᵀ, the leading loadings are Vᵀ in terms of the old ones: no weights are needed.

    Args:
        pca: Of three runs or more.
        leading: How many of the components without the run; at most ``within``.
        within: How many of those of all.
    """
    angles = []
    parts = pca.every.split([len(path) for path in pca.paths])
    for run in range(len(parts)):
        rest = torch.cat([part for at, part in enumerate(parts) if at != run])
        axes = torch.linalg.svd(rest - rest.mean(0), full_matrices=False).Vh[:leading]
        sines = torch.linalg.matrix_norm(axes[:, within:], 2)  # what is outside of the old ones
        angles.append(torch.rad2deg(torch.asin(sines.clamp(max=1))))
    return torch.stack(angles)


def leverage(loadings: Tensor) -> Tensor:
    """Share of each weight in the subspace of k orthonormal axes [k, P]: Σ loading² / k [P].

    It is the squared length of the weight's own axis projected on the subspace, over k: the same
    for any axes that span it, and all sum to 1.
    """
    return loadings.square().mean(0)


def by_layer(shares: Tensor, layout: Layout) -> dict[str, float]:
    """What the shares [P] of a layer's weights come to."""
    return {name: float(shares[at].sum()) for name, at in layout.layers().items()}


def spread(
    shares: Tensor, layout: Layout, quantiles: Sequence[float] = QUANTILES
) -> dict[str, list[float]]:
    """Quantiles of P · share within each layer, which is 1 for a weight like the average of all."""
    # by sorting: torch.quantile takes no more than 16 million values
    found = {}
    for name, place in layout.layers().items():
        ordered = (len(shares) * shares[place]).sort().values
        found[name] = [float(ordered[round(q * (len(ordered) - 1))]) for q in quantiles]
    return found


def _between(gram: Tensor, counts: Sequence[int]) -> float:
    """Σ over runs of n_r ‖mean of run r − mean of all‖², of the centred rows' Gram matrix."""
    squares, begin = 0.0, 0
    for count in counts:
        squares += float(gram[begin : begin + count, begin : begin + count].sum()) / count
        begin += count
    return squares


def _centred(
    snapshots: Sequence[Snapshot], layout: Layout, starts: Sequence[int]
) -> Iterator[Tensor]:
    """Some columns of X − mean at a time: [n, p], float64.

    Where the runs' lengths are given, X is what each run has moved from its first row.
    """
    for name in layout.shapes:
        rows = torch.stack([layout.take(snapshot, name).flatten() for snapshot in snapshots])
        for columns in rows.split(COLUMNS, dim=1):
            block = columns.to(torch.float64)
            if starts:
                block = torch.cat([run - run[:1] for run in block.split(list(starts))])
            yield block - block.mean(0)
