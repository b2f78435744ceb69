"""What surrounds a command decides nothing about its runs."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from commands import command
from finished import TINY, runs

from dl_experiments.artifacts import read_metrics

ROOT = Path(__file__).parents[2]
WORDS = ["data=sinc", *TINY, "trainer.max_epochs=3", "logger=none", "trainer.accelerator=cpu"]

SLURM = {
    "SLURM_JOB_ID": "42", "SLURM_JOB_NAME": "sweep", "SLURM_NTASKS": "4", "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1", "SLURM_NODEID": "0", "SLURM_NTASKS_PER_NODE": "4",
}  # fmt: skip
FRESH = {  # what is read while torch is imported, and before
    "Lightning's, torch's and Python's": {
        "PL_TRAINER_FAST_DEV_RUN": "1",
        "PL_TRAINER_LIMIT_TRAIN_BATCHES": "0",
        "PL_TRAINER_MAX_TIME": "00:00:00:00",
        "PL_TRAINER_GRADIENT_CLIP_VAL": "0.1",
        "PL_GLOBAL_SEED": "7",
        "PL_TRAINER_MAX_STEPS": "1",
        "PYTHONHASHSEED": "3",
        "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
        "DNNL_DEFAULT_FPMATH_MODE": "ANY",
        "NVIDIA_TF32_OVERRIDE": "1",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
    },
}
SURROUNDINGS = {
    "Slurm's": SLURM,
    "torchrun's": {
        "RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "GROUP_RANK": "0",
        "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500",
        "TORCHELASTIC_RUN_ID": "x", "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_MAX_RESTARTS": "0",
    },
}  # fmt: skip


def fresh(*words, **surroundings: str):
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | surroundings,
    )  # fmt: skip


preloaded = partial(command, cwd=ROOT)


def trained(outputs: Path, start=preloaded, **surroundings: str):
    done = start(ROOT / "train.py", *WORDS, f"paths.outputs={outputs}", **surroundings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    (files,) = runs(outputs).values()
    return files


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("alone") / "outputs").metrics.read_bytes()


@pytest.fixture
def srun(tmp_path, monkeypatch):
    """A machine of a Slurm cluster."""
    (tmp_path / "bin").mkdir()
    srun = tmp_path / "bin/srun"
    srun.write_text("#!/bin/sh\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("srun") == str(srun)


@pytest.mark.parametrize("surroundings", [{}, SLURM], ids=["a login node", "a job"])
def test_on_a_cluster_a_run_by_itself_is_the_same(outputs, srun, tmp_path, surroundings):
    """Lightning warns there of srun, and goes on from what a job of Slurm's has left."""
    (tmp_path / "hpc_ckpt_1.ckpt").write_text("of another run")
    words = [*WORDS, "sweep.stack=never", f"paths.outputs={outputs}"]
    done = command(ROOT / "train.py", *words, cwd=tmp_path, **surroundings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    (files,) = runs(outputs).values()
    assert read_metrics(files.metrics)[-1]["epoch"] == 3


@pytest.mark.parametrize("whose", FRESH | SURROUNDINGS)
def test_variables_decide_nothing(outputs, alone, whose):
    files = (
        trained(outputs, fresh, **FRESH[whose])
        if whose in FRESH
        else trained(outputs, **SURROUNDINGS[whose])
    )
    assert read_metrics(files.metrics)[-1]["epoch"] == 3
    assert files.metrics.read_bytes() == alone


def test_on_macos_numbers_are_the_same(outputs, alone):
    """As far as a stand-in shows it: see ``tests/macos``."""
    files = trained(outputs, fresh, PYTHONPATH=str(ROOT / "tests/macos"))
    assert files.metrics.read_bytes() == alone


def test_what_chooses_threads_and_kernels_is_recorded(outputs):
    files = trained(outputs, fresh, OMP_NUM_THREADS="1", MKL_CBWR="COMPATIBLE", PYTHONHASHSEED="5")
    told = json.loads(files.provenance.read_text())["environment"]
    assert {key: told[key] for key in ("OMP_NUM_THREADS", "MKL_CBWR", "PYTHONHASHSEED")} == {
        "OMP_NUM_THREADS": "1",
        "MKL_CBWR": "COMPATIBLE",
        "PYTHONHASHSEED": "5",
    }
