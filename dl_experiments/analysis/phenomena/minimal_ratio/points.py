"""What the figures of hw1_2_minimal_ratio share: the points found, by net and activation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dl_experiments.analysis.claims.forms import Group, twice
from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.runs.collect import Run
from dl_experiments.analysis.runs.grid import Grid

ARMS = {
    "descent": ("Levenberg–Marquardt, then Newton", style.COLOURS[0], "o"),
    "embedded": ("embedded narrower nets", style.COLOURS[1], "s"),
    "newton": ("Newton from early in training", style.COLOURS[2], "^"),
    "published": ("published: Adam on ‖∇L‖² only", style.COLOURS[4], "D"),
}
"""Arm -> name, colour, marker; all but the published minimise ‖∇L‖² by damped Newton."""
LEVELS = {"below 10⁻⁶": 1e-6, "10⁻⁶ to 0.05": 0.05, "above 0.05": np.inf}
"""Classes of loss -> their upper end."""
LIMIT = 1e-8  # a gradient norm below which a point counts as critical
LEAST = 1e-32  # losses are drawn from here up
ZERO_LOSS = 1e-8  # root mean square error 10⁻⁴: no eye tells such a fit from the truth
SAME = 0.01  # share by which losses of one function may differ: some lie in valleys without end
KINKED = ("relu", "leaky_relu", "selu")
"""Activations with a kink at 0."""


@dataclass(frozen=True)
class Points:
    """Where the searches of a group's runs ended, one entry a start.

    Attributes:
        label: The group: "1-5-10-5-1, tanh".
        activation: Of its nets.
        twice: That seeds have several runs in it, and how these differ; else empty.
        parameters: P.
        runs: Whose searches they are.
        arm: [n]; a key of ``ARMS``.
        start: [n]; the arm and where in it the search began, in words.
        loss: [n].
        gradient_norm: [n].
        converged: Whether it ended at a critical point, ‖∇L‖ < 1e-8 [n].
        counts: n₊, n₀, n₋ at the rounding tolerance [n, 3].
        swept: The same at each relative tolerance [n, T, 3].
        relative: Tolerances [T] as shares of max|λ|, 0 last.
        rounding: The rounding tolerance as a share of max|λ| [n].
        sampled: The sampled minimal ratio [n].
        spectrum: λ / max|λ| [n, P].
        settings: How the searches were made, as JSON.
        seconds: Time of one run's measurement, a mean.
    """

    label: str
    activation: str
    twice: str
    parameters: int
    runs: Sequence[Run]
    arm: np.ndarray
    start: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray
    converged: np.ndarray
    counts: np.ndarray
    swept: np.ndarray
    relative: np.ndarray
    rounding: np.ndarray
    sampled: np.ndarray
    spectrum: np.ndarray
    settings: str
    seconds: float

    def at(self, relative: float | None) -> np.ndarray:
        """Counts [n, 3] at a relative tolerance of the sweep; None: at rounding."""
        if relative is None:
            return self.counts
        return self.swept[:, int(np.argmin(np.abs(self.relative - relative)))]

    @property
    def judged(self) -> np.ndarray:
        """Which tolerances lie above rounding at every critical point, [T]."""
        return self.relative > self.widest_rounding

    @property
    def widest_rounding(self) -> float:
        """The largest rounding tolerance of a critical point, as a share of max|λ|."""
        return float(self.rounding[self.converged].max(initial=0.0))

    def distinct(self, start: str) -> np.ndarray:
        """A number for each distinct point of a start, from 0 up by loss, −1 for all others [n].

        Points whose losses agree to ``SAME``, one to the next, are one: the same function on the
        data, or its mirror image, with its units in another order. So are all at a loss of zero
        (up to ``ZERO_LOSS``).
        """
        found = np.full(len(self.loss), -1)
        mine = np.flatnonzero(self.converged & (self.start == start))
        mine = mine[np.argsort(self.loss[mine])]
        losses = np.log(np.maximum(self.loss[mine], ZERO_LOSS))
        found[mine] = np.cumsum(np.diff(losses, prepend=losses[:1]) > SAME)
        return found

    def level(self, name: str) -> np.ndarray:
        """Which critical points have a loss of a class of ``LEVELS``, [n]."""
        names = list(LEVELS)
        below = names.index(name) - 1
        least = LEVELS[names[below]] if below >= 0 else -np.inf
        return self.converged & (self.loss >= least) & (self.loss < LEVELS[name])


def read(runs: Sequence[Run]) -> dict[str, Points]:
    """Label -> points of the completed runs that have been measured; the deeper net first."""
    found = {}
    for (net, activation), members in sorted(Grid(runs).along(_net).items(), key=_order):
        done = [run for run in members if run.completed]
        pairs = [(run, arrays) for run in done if (arrays := run.measure("critical_points"))]
        if pairs:
            label = ", ".join(filter(None, [net, activation]))
            found[label] = _pooled(label, activation, pairs)
    return found


def _order(item: tuple[tuple[str, str], Any]) -> tuple[int, str, bool]:
    net, activation = item[0]
    return -net.count("-"), net, activation != "tanh"


def _net(run: Run) -> tuple[str, str]:
    """Widths and activation of its net; one that has no such keys is called by its name."""
    hidden = run.get("model.hidden")
    widths = run.model if hidden is None else "-".join(map(str, [1, *hidden, 1]))
    return widths, str(run.get("model.activation") or "")


def _pooled(
    label: str, activation: str, pairs: Sequence[tuple[Run, Mapping[str, np.ndarray]]]
) -> Points:
    def pooled(name: str) -> np.ndarray:
        return np.concatenate([arrays[name] for _, arrays in pairs])

    spectra = pooled("eigenvalues")
    largest = np.maximum(np.abs(spectra).max(1), 1e-300)
    first = pairs[0][1]
    return Points(
        label=label,
        activation=activation,
        twice=twice([Group([run for run, _ in pairs], label)]),
        parameters=spectra.shape[1],
        runs=[run for run, _ in pairs],
        arm=pooled("arm"),
        start=np.concatenate([_starts(arrays) for _, arrays in pairs]),
        loss=np.maximum(pooled("loss"), LEAST),
        gradient_norm=pooled("gradient_norm"),
        converged=pooled("converged"),
        counts=pooled("counts"),
        swept=pooled("swept"),
        relative=first["relative_tolerances"],
        rounding=pooled("tolerance") / largest,
        sampled=pooled("sampled_ratio"),
        spectrum=spectra / largest[:, None],
        settings=str(first["settings"]),
        seconds=float(np.mean([arrays["seconds"] for _, arrays in pairs])),
    )


def _starts(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    words = {
        "newton": "newton from epoch {epoch}",
        "descent": "descent, {steps} steps",
        "embedded": "embedded {widths}",
        "published": "published, from epoch {epoch}",
    }
    columns = ("arm", "epoch", "steps", "widths")
    rows = zip(*(arrays[name] for name in columns), strict=True)
    return np.array([words[arm].format(epoch=e, steps=s, widths=w) for arm, e, s, w in rows])


def facets(
    title: str, about: str, groups: Mapping[str, Points], size: tuple[float, float]
) -> tuple[Figure, list[Axes]]:
    """A figure with an axes a group, at most two side by side."""
    columns = min(len(groups), 2)
    rows = -(-len(groups) // columns)
    figure, axes = style.page(title, about, rows, columns, size, sharey=True)
    for spare in axes.flat[len(groups) :]:
        spare.set_axis_off()
    return figure, list(axes.flat[: len(groups)])


def keys(groups: Mapping[str, Points], every: bool = False) -> list[Line2D]:
    """Legend entries of the arms that are drawn: of all searches, or of those that converged."""
    entries = []
    for arm, (name, colour, marker) in ARMS.items():
        drawn = [p.arm if every else p.arm[p.converged] for p in groups.values()]
        if any((arms == arm).any() for arms in drawn):
            filled = any((p.arm[p.converged] == arm).any() for p in groups.values())
            look = {"marker": marker, "color": colour, "alpha": 0.8}
            entries.append(style.key(name, ls="", mfc=colour if filled else "none", **look))
    return entries


def how_many(groups: Mapping[str, Points]) -> str:
    """How many starts are critical points and how many are left out, in words."""
    words = [
        f"{label}: {int(p.converged.sum())} shown, {int((~p.converged).sum())} not converged"
        for label, p in groups.items()
    ]
    return f"Only searches that ended at ‖∇L‖ < 10⁻⁸ are drawn ({'; '.join(words)})."


def kinks(groups: Mapping[str, Points]) -> list[str]:
    """What is to be said of nets whose activation has a kink, if there are any."""
    names = dict.fromkeys(p.activation for p in groups.values() if p.activation in KINKED)
    return [
        f"The loss of a net of {' or '.join(names)} has kinks: its Hessian is that of the smooth "
        "piece around the point, and it has no embedded starts, whose silent units would sit on "
        "the kinks."
    ] * bool(names)
