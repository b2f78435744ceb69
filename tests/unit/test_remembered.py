"""What the tests remember of Hydra's work is what Hydra does."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from tests.conftest import CONF
from tests.remembered import LISTED, LOADED, MERGED


def composed(*words: str, folder: Path = CONF, name: str = "train") -> str:
    with initialize_config_dir(str(folder), version_base="1.3"):
        return OmegaConf.to_yaml(compose(name, list(words), return_hydra_config=True))


@pytest.mark.parametrize(
    "words",
    [
        ["model=deep", "data=mnist", "seed=3", "+at.x=1"],
        ["experiment=hw1_1_mnist", "scale=quick", "optimizer.lr=0.3"],
        ["experiment=hw1_1_simulate", "callbacks=default", "hydra.job.name=x"],
        ["model=deep", "~trainer.max_epochs", "+more={a: 1}"],
    ],
    ids=" ".join,
)
def test_it_composes_as_hydra_does(words, monkeypatch):
    first, again = composed(*words), composed(*words)
    monkeypatch.setattr(config_loader_impl, "create_defaults_list", LISTED)
    monkeypatch.setattr(ConfigLoaderImpl, "_compose_config_from_defaults_list", MERGED)
    monkeypatch.setattr(ConfigRepository, "load_config", LOADED)
    assert first == again == composed(*words)


def test_what_is_refused_once_is_refused_again():
    for _ in range(2):
        with pytest.raises(ConfigCompositionException, match="nowhere"):
            composed("model=deep", "+nowhere@model=deep")


def test_what_is_changed_is_read_anew(tmp_path):
    (tmp_path / "app.yaml").write_text("a: 1\n")
    assert "a: 1" in composed(folder=tmp_path, name="app")
    (tmp_path / "app.yaml").write_text("a: 22\n")
    assert "a: 22" in composed(folder=tmp_path, name="app")
