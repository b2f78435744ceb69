from pathlib import Path

import numpy as np
import pandas as pd
from synthetic import config, image_run, write

from dl_experiments.analysis.report.tables import curve_tables, run_table, write_tables
from dl_experiments.analysis.runs.collect import collect


def test_one_row_a_run_and_one_a_value(tmp_path: Path) -> None:
    image_run(tmp_path, "deep", "mnist", 0, epochs=4)
    image_run(tmp_path, "shallow", "mnist", 1, epochs=4, **{"optimizer.lr": 1})
    write(tmp_path, config("adhoc", "deep", "sinc", 2), {}, np.empty(0), "failed", "no memory")
    runs = collect(tmp_path).runs
    table = run_table(runs).set_index(["study", "seed"])
    assert len(table) == 3
    assert table.loc[("hw1_1_mnist", 1), "model.name"] == "shallow"
    assert table.loc[("hw1_1_mnist", 0), "model.hidden"] == "[5, 10, 10, 10, 10, 10, 5]"
    assert table.loc[("adhoc", 2), "status.state"] == "failed"
    assert table.loc[("adhoc", 2), "status.error"] == "no memory"
    assert np.isnan(table.loc[("adhoc", 2), "test/accuracy"])
    (curves,) = (part.to_pandas() for part in curve_tables(runs))
    assert len(curves) == 2 * 5 * 4
    assert set(curves["metric"]) == {
        "train/loss", "train/accuracy", "test/loss", "test/accuracy",
    }  # fmt: skip


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    # keys whose values are of several kinds must not stop Parquet
    for seed, mixed in enumerate((1, "auto", None, [1, 2], True, 0.5)):
        image_run(tmp_path, "deep", "mnist", seed, epochs=2, **{"trainer.threads": mixed})
    files = write_tables(collect(tmp_path).runs, tmp_path / "report")
    assert [path.name for path in files] == [
        "runs.parquet", "runs.csv", "curves.parquet", "curves.csv",
    ]  # fmt: skip
    runs, text = pd.read_parquet(files[0]), pd.read_csv(files[1])
    assert list(runs.columns) == list(text.columns)
    assert sorted(runs["trainer.threads"].dropna()) == ["0.5", "1", "True", "[1, 2]", "auto"]
    pd.testing.assert_frame_equal(
        pd.read_parquet(files[2])[["epoch", "value"]], pd.read_csv(files[3])[["epoch", "value"]]
    )
