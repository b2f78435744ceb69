"""The paths of several trainings through weight space, in one joint PCA of all of them.

Expected: arms from nearby centres that end at similar loss.
"""

from collections.abc import Sequence

from dl_experiments.analysis.findings import Finding, Row
from dl_experiments.analysis.phenomena.trajectory import paths_figures, subspace
from dl_experiments.analysis.phenomena.trajectory.arm import (
    Walks,
    distances_to_centre,
    in_words,
    walked,
)
from dl_experiments.analysis.phenomena.trajectory.claims import judge, turns
from dl_experiments.analysis.runs.collect import AnalysisError, Run
from dl_experiments.analysis.runs.describe import percent
from dl_experiments.analysis.runs.grid import Grid
from dl_experiments.analysis.runs.quantities import columns, final
from dl_experiments.analysis.runs.swept import arms
from dl_experiments.analysis.sections import Made, Section, over, put_together
from dl_experiments.measures.trajectory import JointPCA


def analyse(runs: Sequence[Run], layer: str = "dense1") -> Finding:
    """Five figures, numbers and claims for each config the study has.

    Args:
        runs: Of its study.
        layer: The layer that gets a joint PCA of its own.

    Raises:
        AnalysisError: No model of the study has such a layer.
    """
    apart = arms(runs, [])
    found, notes = walked(apart)
    _check_layer(runs[0].study, layer, list(found.values()))

    def section(arm: str, _: Grid) -> Section:
        return _section(found[arm], layer) if arm in found else Section()

    return put_together(runs, [over(apart, section)], notes)


def _section(arm: Walks, layer: str) -> Section:
    try:
        of_layer = _of_layer(arm, layer, from_start=False)
        figures = _figures(arm, layer, of_layer)
    except ValueError as error:  # snapshots that do not differ
        return Section(notes=[in_words(arm.name, str(error))])
    notes = [in_words(arm.name, f"no layer {layer}.")] if of_layer is None else []
    return Section(figures, [_numbers(arm, layer, of_layer)], judge(arm), notes)


def _check_layer(study: str, layer: str, there: Sequence[Walks]) -> None:
    known = dict.fromkeys(found for arm in there for found in arm.layout.layers())
    if there and layer not in known:
        raise AnalysisError(
            f"options.{study}.layer={layer} is unknown; choose one of {', '.join(known)}"
        )


def _of_layer(arm: Walks, layer: str, from_start: bool) -> JointPCA | None:
    there = layer in arm.layout.layers()
    return arm.pca(arm.layout.only(layer), from_start) if there else None


def _figures(arm: Walks, layer: str, of_layer: JointPCA | None) -> dict[str, Made | None]:
    return {
        "paths": paths_figures.paths(arm, layer, arm.whole, of_layer),
        "from-their-starts": paths_figures.ways(arm, layer, arm.ways, _of_layer(arm, layer, True)),
        "scree": subspace.scree(arm),
        "layers": subspace.layers(arm),
        "loss": paths_figures.losses(arm),
    }


def _numbers(arm: Walks, layer: str, of_layer: JointPCA | None) -> Row:
    starts, ends = arm.ends
    apart = [distances_to_centre(points).tolist() for points in arm.ends]
    quantities = columns(
        [
            final("train/loss"),
            final("test/accuracy"),
            arm.quantity("distance of starts to their centre", apart[0]),
            arm.quantity("of ends to theirs", apart[1]),
            arm.quantity("from start to end", (ends - starts).norm(dim=1).tolist()),
            arm.quantity("length of the path", arm.lengths.tolist()),
            arm.quantity("turn of the plane without a run", turns(arm, 2, 2), unit="°"),
            arm.quantity("of the subspace", turns(arm, arm.span - 1, arm.span), unit="°"),
        ]
    )
    shares = {"PC1 + PC2": arm.whole, f"PC1 + PC2 of {layer}": of_layer}
    more = {
        what: percent(float(pca.variance_ratio[:2].sum())) if pca else "–"
        for what, pca in shares.items()
    }
    more["variance between the runs"] = percent(arm.whole.between)
    return Row({"parameters": f"{arm.layout.size:,}"}, arm.runs, quantities, more)
