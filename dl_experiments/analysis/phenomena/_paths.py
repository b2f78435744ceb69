"""The paths of runs through weight space: what the trajectory experiments share."""

from collections.abc import Sequence

from dl_experiments.analysis.collect import AnalysisError, Run
from dl_experiments.analysis.describe import percent
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.grid import Grid
from dl_experiments.analysis.phenomena import _trajectory_arms as figures_
from dl_experiments.analysis.phenomena import _trajectory_importance as importance
from dl_experiments.analysis.phenomena._trajectory import (
    Walks,
    distances_to_centre,
    in_words,
    walked,
)
from dl_experiments.analysis.phenomena._trajectory_claims import judge
from dl_experiments.analysis.quantities import columns, final
from dl_experiments.analysis.sections import Made, Row, Section, over, put_together
from dl_experiments.analysis.swept import arms
from dl_experiments.measures.trajectory import JointPCA


def analyse(name: str, title: str, runs: Sequence[Run], layer: str) -> Finding:
    """Four figures, numbers and claims for each config the study has.

    Args:
        name: Of the experiment.
        title: Of the finding.
        runs: Of its study.
        layer: The layer that gets a joint PCA of its own.

    Raises:
        AnalysisError: No model of the study has such a layer.
    """
    apart = arms(runs, [])
    found, notes = walked(apart)
    _check_layer(name, layer, list(found.values()))

    def section(arm: str, _: Grid) -> Section:
        return _section(found[arm], layer) if arm in found else Section()

    return put_together(name, title, runs, [over(apart, section)], notes)


def _section(arm: Walks, layer: str) -> Section:
    try:
        of_layer = _of_layer(arm, layer)
        figures = _figures(arm, layer, of_layer)
    except ValueError as error:  # snapshots that do not differ
        return Section(notes=[in_words(arm.name, str(error))])
    notes = [in_words(arm.name, f"no layer {layer}.")] if of_layer is None else []
    return Section(figures, [_numbers(arm, layer, of_layer)], judge(arm), notes)


def _check_layer(name: str, layer: str, there: Sequence[Walks]) -> None:
    known = dict.fromkeys(found for arm in there for found in arm.layout.layers())
    if there and layer not in known:
        raise AnalysisError(
            f"options.{name}.layer={layer} is unknown; choose one of {', '.join(known)}"
        )


def _of_layer(arm: Walks, layer: str) -> JointPCA | None:
    return arm.pca(arm.layout.only(layer)) if layer in arm.layout.layers() else None


def _figures(arm: Walks, layer: str, of_layer: JointPCA | None) -> dict[str, Made | None]:
    return {
        "paths": figures_.paths(arm, layer, of_layer),
        "loss": figures_.losses(arm),
        "importance": importance.layers(arm),
        "strongest-weights": importance.weights(arm),
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
        ]
    )
    shares = {"PC1 + PC2": arm.whole, f"PC1 + PC2 of {layer}": of_layer}
    more = {
        what: percent(float(pca.variance_ratio.sum())) if pca else "–"
        for what, pca in shares.items()
    }
    return Row({"parameters": f"{arm.layout.size:,}"}, arm.runs, quantities, more)
