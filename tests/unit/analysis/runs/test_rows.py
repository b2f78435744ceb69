"""The rows of ``metrics.csv`` as columns hold what they hold as rows."""

from pathlib import Path

import numpy as np
import pytest

from dl_experiments.analysis.runs.rows import NONE, Peers, read_rows
from dl_experiments.artifacts import read_metrics

TEXT = """step,epoch,train/loss,test/loss,never
0,0,2.5,,
10,1,1.25,3,
20,2,inf,2.0,
30,3,0.5,1e-30,
40,4,0.1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "metrics.csv"
    file.write_text(TEXT + "50,5,0.0")  # cut short
    return file


def test_rows_are_those_that_the_training_reads(path: Path) -> None:
    rows = read_rows(path)
    assert list(rows) == read_metrics(path)
    assert rows[-1] == {"step": 40, "epoch": 4, "train/loss": 0.1}
    assert rows[:1] == [{"step": 0, "epoch": 0, "train/loss": 2.5}]
    assert isinstance(rows[0]["epoch"], int)
    assert rows.metrics == ["train/loss", "test/loss"]
    assert len(rows) == 5
    assert not NONE
    assert rows == read_rows(path)


def test_curves_have_the_values_where_they_are(path: Path) -> None:
    rows = read_rows(path)
    epochs, values = rows.curve("test/loss")
    assert (epochs.tolist(), values.tolist()) == ([1, 2, 3], [3.0, 2.0, 1e-30])
    assert rows.curve("test/loss", "step")[0].tolist() == [10, 20, 30]
    assert [len(part) for part in rows.curve("nothing")] == [0, 0]


def test_peers_share_the_epochs_that_all_have(tmp_path: Path) -> None:
    files = []
    for name, epochs in (("a", range(0, 13)), ("b", (0, 12)), ("c", (0, 6, 12))):
        files.append(tmp_path / f"{name}.csv")
        lines = [f"{10 * e},{e},{1 / (e + 1)}" for e in epochs]
        files[-1].write_text("\n".join(["step,epoch,train/loss", *lines, ""]))
    rows = [read_rows(file) for file in files]
    assert Peers(rows).epochs("train/loss").tolist() == [0, 12]
    assert Peers(rows[::2]).epochs("train/loss").tolist() == [0, 6, 12]
    assert Peers(rows).epochs("test/loss").tolist() == []


def test_a_curve_costs_a_few_bytes_a_value(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    names = [f"m{n}" for n in range(6)]
    lines = [f"{e},{e}," + ",".join(f"{0.1 * e + n!r}" for n in range(6)) for e in range(200)]
    file.write_text("\n".join([",".join(["step", "epoch", *names]), *lines, ""]))
    rows = read_rows(file)
    assert sum(rows.curve(name)[1].nbytes for name in names) == 200 * 6 * 8
    assert rows.curve("m0")[0] is rows.curve("m5")[0]  # the epochs once for all
    np.testing.assert_allclose(rows.curve("m3")[1], 0.1 * np.arange(200) + 3)
