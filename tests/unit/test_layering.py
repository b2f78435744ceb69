"""Who may import whom, read from the source: a module imports only what stands above it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From the ground up; packages count as one layer, whose modules may import one another.
LAYERS = [
    ["dl_experiments._malloc"],
    ["dl_experiments._torchvision"],
    ["dl_experiments._lean"],
    ["dl_experiments.environment"],
    ["dl_experiments.streams"],
    ["dl_experiments.stop"],
    ["dl_experiments.leases"],
    ["dl_experiments.claims"],
    ["dl_experiments"],  # the package itself: only what must come first
    ["dl_experiments.machine"],
    ["dl_experiments.schema"],
    ["dl_experiments.schema_check"],
    ["dl_experiments.identity"],
    ["dl_experiments.config"],
    ["dl_experiments.reference"],
    ["dl_experiments.job"],
    ["dl_experiments.source"],
    ["dl_experiments.agreement"],
    ["dl_experiments.randomness"],
    ["dl_experiments.settings"],
    ["dl_experiments.targets"],
    ["dl_experiments.artifacts"],
    ["dl_experiments.taken"],
    ["dl_experiments.folder"],
    ["dl_experiments.planning"],
    ["dl_experiments.provenance"],
    ["dl_experiments.models"],
    ["dl_experiments.data"],
    ["dl_experiments.record"],
    ["dl_experiments.measures"],
    ["dl_experiments.problem"],
    ["dl_experiments.tasks"],
    ["dl_experiments.callbacks"],
    ["dl_experiments.build"],
    ["dl_experiments.attempt"],
    ["dl_experiments.run"],
    ["dl_experiments.sweep"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# An analysis sees run directories and pure functions, never what trains.
ANALYSIS_MAY = {
    "dl_experiments",
    "dl_experiments.machine",
    "dl_experiments.schema",
    "dl_experiments.schema_check",
    "dl_experiments.identity",
    "dl_experiments.randomness",
    "dl_experiments.artifacts",
    "dl_experiments.claims",
    "dl_experiments.models",
    "dl_experiments.data",
    "dl_experiments.measures",
    "dl_experiments.problem",
    "dl_experiments.record",
    "dl_experiments.agreement",
    "dl_experiments.analysis",
}


def modules():
    """Dotted name -> file, of everything that is the project's own."""
    found = {}
    for path in [
        *ROOT.glob("*.py"),
        *ROOT.glob("dl_experiments/**/*.py"),
        *ROOT.glob("hydra_plugins/**/*.py"),
    ]:
        words = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(words[:-1] if words[-1] == "__init__" else words)] = path
    return found


MODULES = modules()


def imports(name):
    """The dotted names a module imports, wherever in it; ``from a import b`` is a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute"
            assert node.module
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(name):
    """The layer of a module of ours: the package below dl_experiments, or the module itself."""
    return ".".join(name.split(".")[:2])


def own(name):
    """The layers a module imports."""
    ours = {word for word in imports(name) if word.split(".")[0] == "dl_experiments"}
    # ``from dl_experiments import run`` names the package, and with it nothing above it
    return {layer(word) for word in ours if layer(word) in known()} - {"dl_experiments"}


def known():
    return {layer(name) for name in MODULES if name.startswith("dl_experiments")}


PACKAGE = sorted(name for name in MODULES if name.startswith("dl_experiments"))


def test_every_module_has_its_layer():
    assert known() <= RANK.keys() | {"dl_experiments.analysis"}


@pytest.mark.parametrize("name", [n for n in PACKAGE if layer(n) != "dl_experiments.analysis"])
def test_a_module_imports_only_what_stands_above_it(name):
    assert "dl_experiments.analysis" not in own(name)
    own_rank = RANK[layer(name)]
    allowed = {other for other, rank in RANK.items() if rank < own_rank} | {layer(name)}
    assert own(name) <= allowed


@pytest.mark.parametrize("name", [n for n in PACKAGE if layer(n) == "dl_experiments.analysis"])
def test_an_analysis_imports_nothing_that_trains(name):
    assert own(name) <= ANALYSIS_MAY
    assert not roots(name) & {"lightning", "hydra"}


def roots(name):
    return {word.split(".")[0] for word in imports(name)}


def importers(package):
    return {name for name in MODULES if package in roots(name)}


def test_matplotlib_is_imported_only_by_analyses():
    assert {layer(name) for name in importers("matplotlib")} <= {"dl_experiments.analysis"}


def test_every_claim_has_a_form_that_counts_who_is_left_out():
    judged = "dl_experiments.analysis.claims.claim"
    own = ("_interpolation_claims", "_ratio_claims")  # of lines and of critical points, not of runs
    found = {name.split(".")[-1] for name in MODULES if judged in imports(name)}
    assert found == {"forms", "seedwise", *own}


def test_hydra_is_imported_only_where_configs_come_in():
    allowed = {"train", "analyze", "dl_experiments.config", "dl_experiments.reference.defaults"}
    plugins = {name for name in MODULES if name.startswith("hydra_plugins")}
    assert importers("hydra") <= allowed | plugins
    assert importers("omegaconf") <= allowed | plugins


def test_lightning_is_no_business_of_models_and_measures():
    layers = {layer(name) for name in importers("lightning")}
    assert not layers & {"dl_experiments.models", "dl_experiments.measures"}


def test_entry_scripts_are_short():
    for name in ("train", "analyze"):
        assert len(MODULES[name].read_text().splitlines()) <= 45


def test_nothing_is_unpickled():
    """No pickle, and no torch.load that may run what a file says."""
    for name, path in MODULES.items():
        assert not roots(name) & {"pickle", "joblib", "dill"}, name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                keys = {key.arg: ast.unparse(key.value) for key in node.keywords}
                assert keys.get("weights_only") == "True", name
