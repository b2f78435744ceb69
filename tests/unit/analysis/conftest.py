from collections.abc import Callable
from pathlib import Path

import pytest

from dl_experiments.analysis import style
from dl_experiments.analysis.collect import Run, collect
from dl_experiments.analysis.findings import Finding

Analyse = Callable[[list[Run]], Finding]


@pytest.fixture
def analysed(tmp_path: Path) -> Callable[[Analyse], Finding]:
    """Runs an analysis over what the test has written under ``tmp_path``; draws, saves nothing."""

    def run(analyse: Analyse) -> Finding:
        with style.applied():
            return analyse(collect(tmp_path).runs)

    return run
