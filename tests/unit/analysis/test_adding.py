"""The page of code that the recipe for an experiment of one's own prints is a whole analysis."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from synthetic import config, worded, write

from dl_experiments.analysis.findings import Finding

RECIPE = Path(__file__).parents[3] / "docs/adding-an-experiment.md"


@pytest.fixture
def module() -> ModuleType:
    found = re.search(
        r"phenomena/activations\.py`:\n\n```python\n(.*?)```", RECIPE.read_text(), re.S
    )
    assert found
    made = ModuleType("activations")
    exec(found[1], made.__dict__)
    return made


def test_two_claims_a_figure_and_a_table_are_a_page(
    module: ModuleType, tmp_path: Path, analysed: Callable[..., Finding]
) -> None:
    for seed in range(5):
        for place, name in enumerate(("relu", "tanh", "gelu")):
            loss, accuracy = 0.1 * (place + 1) * 1.01**seed, 0.95 - 0.01 * place + 1e-3 * seed
            curves = {"train/loss": [2.3, loss], "test/accuracy": [0.1, accuracy]}
            made = config("activations", "mlp", "digits", seed, **{"model.activation": name})
            write(tmp_path, made, {k: np.array(v) for k, v in curves.items()}, np.arange(2))
    finding = analysed(module.analyse)
    assert [claim.verdict for claim in finding.claims] == ["supported", "supported"]
    assert finding.claims[0].estimate == pytest.approx(-np.log10(2))
    assert [drawing.name for drawing in finding.drawings] == ["accuracy"]
    assert worded(finding)["activation"].tolist() == ["gelu", "relu", "tanh"]
