"""Who may import whom, read from the source: a module imports only what stands above it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From the ground up; packages count as one layer, whose modules may import one another.
LAYERS = [
    ["dl_experiments._malloc"],
    ["dl_experiments._matplotlib"],
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
    "dl_experiments.config",
    "dl_experiments.reference",
    "dl_experiments.targets",
    "dl_experiments.analysis",
}
# The rooms of the analysis -> those that they may look into; of what lies in none, see below.
ROOMS = {
    "runs": {"runs"},
    "claims": {"claims", "runs"},
    "drawing": {"drawing", "runs"},
    "report": {"report", "drawing", "claims", "runs"},
    "phenomena": {"phenomena", "drawing", "claims", "runs"},
}
WING = "dl_experiments.analysis"
BETWEEN = {"findings", "sections", "experiments", "schema", "trusted"}  # families hand these over


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
    judged = "dl_experiments.analysis.claims.claim.claim"
    own = ("interpolation.claims", "minimal_ratio.claims")  # of lines and points, not of runs
    found = {".".join(name.split(".")[-2:]) for name in MODULES if judged in imports(name)}
    assert found == {"claims.forms", "claims.seedwise", *own}


def room(name):
    """The room of a module of the analysis, or its own name where it lies in none."""
    return name.removeprefix(f"{WING}.").split(".")[0]


def looks_into(name):
    """The rooms of the analysis that a module imports from."""
    return {room(word) for word in imports(name) if word.startswith(f"{WING}.")}


@pytest.mark.parametrize("name", [n for n in PACKAGE if room(n) in ROOMS and n != room(n)])
def test_a_room_of_the_analysis_knows_only_what_it_is_made_of(name):
    may = ROOMS[room(name)] | ({"schema"} if room(name) == "runs" else set())
    if room(name) in ("report", "phenomena"):
        may |= BETWEEN
    assert looks_into(name) <= may


def test_no_family_imports_another():
    for name in PACKAGE:
        family = name.split(".")[3:4]
        if room(name) == "phenomena" and family:
            there = {word.split(".")[3] for word in imports(name) if word.count(".") > 3
                     and word.startswith(f"{WING}.phenomena.")}  # fmt: skip
            assert there <= set(family), name


def test_files_of_the_analysis_are_small_and_their_names_are_plain():
    files = [path for name, path in MODULES.items() if name.startswith(f"{WING}.")]
    sizes = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    assert sizes[-1] <= 300
    assert sizes[len(sizes) // 2] <= 120
    assert not [path for path in files if path.name.startswith("_") and path.stem != "__init__"]


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
    """No pickle, and no torch.load that may run what a file says.

    One module reads pickles, by a reader of its own that knows nothing to be called.
    """
    for name, path in MODULES.items():
        if name == "dl_experiments.data.pickles":
            used = set(re.findall(r"pickle\.(\w+)", path.read_text(encoding="utf-8")))
            assert used == {"Unpickler", "UnpicklingError"}
            continue
        assert not roots(name) & {"pickle", "joblib", "dill"}, name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                keys = {key.arg: ast.unparse(key.value) for key in node.keywords}
                assert keys.get("weights_only") == "True", name
