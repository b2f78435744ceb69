"""Networks, tasks and observers of users' own: right numbers, or one line before training."""

import sys
from pathlib import Path

import pytest
from finished import runs, state

from dl_experiments.artifacts import read_metrics

USERS = Path(__file__).parents[1] / "users"
sys.path.append(str(USERS))

SHORT = ["logger=none", "trainer.max_epochs=6", "trainer.log_every=1", "sweep.workers=1"]
SHORT += ["~measurements.predictions", "data.samples=40", "data.batch_size=8"]


def net(name):
    target = [f"model._target_=users_models.{name}", f"model.name={name.lower()}"]
    return ["model=mine", *target, f"hydra.searchpath=[file://{USERS}/conf]"]


REFUSED = {
    "Squeezed": ["model=squeezed on data=sinc, inputs [3, 1] returns [3]; wanted: [3, 1]"],
    "Pair": ["model=pair on data=sinc", "returns a tuple, not a tensor [3, 1]"],
    "Auxiliary": ["model=auxiliary on data=sinc", "returns a list"],
    "Logarithm": ["model=logarithm on data=sinc", "not finite, with its first weights"],
    "Picky": ["model=picky cannot take data=sinc", "RuntimeError: no such input"],
    "Classes": ["model=classes on data=sinc", "returns [3]; wanted: [3, 1]"],
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_does_not_fit_is_refused_in_one_line(lab, outputs, name):
    outcome = lab(*SHORT, *net(name))
    assert outcome.code == 2
    (line,) = outcome.err.strip().splitlines()
    assert all(part in line for part in REFUSED[name])
    assert not outputs.exists()


@pytest.mark.parametrize("stack", ["never", "always"])
def test_a_network_trains_in_the_type_that_its_config_says(train_all, outputs, stack):
    for name in ("Dense", "Double"):
        train_all(*SHORT, *net(name), f"sweep.stack={stack}", seeds=(0, 1))
    found = {name[:-3]: files for name, files in runs(outputs).items() if name.endswith("s0")}
    rows, other = (read_metrics(found[f"{name}-sinc"].metrics) for name in ("dense", "double"))
    # the same but for weights that were drawn in more digits
    assert {type(value) for row in other for value in row.values()} <= {int, float}
    weights = found["double-sinc"].read_weights(0)
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float32"}
    assert len(rows) == len(other)


@pytest.mark.parametrize("name", ["Drawing", "Noise", "LateMask"])
def test_a_network_that_draws_is_the_same_each_time_and_trained_alone(
    train_all, outputs, capsys, name
):
    seen = []
    for study in ("a", "b"):
        train_all(*SHORT, *net(name), "sweep.stack=always", f"study={study}", seeds=(0, 1))
        assert "in stacks" not in capsys.readouterr().out
        seen.append([p.read_bytes() for p in sorted((outputs / study).glob("*/metrics.csv"))])
    assert seen[0] == seen[1]
    assert seen[0][0] != seen[0][1]


def test_what_a_network_sets_ends_with_its_run(lab, outputs):
    words = [*SHORT, "data=sinc", "sweep.stack=never"]
    target = "model._target_=users_models.Precise,users_models.Dense"
    both = [word for word in net("Dense") if "_target_" not in word]
    assert lab("-m", *words, *both, target, "study=both").code == 0
    assert lab(*words, *net("Dense"), "study=one").code == 0
    (one,) = (outputs / "one").glob("*/metrics.csv")
    ends = [path.read_bytes() for path in (outputs / "both").glob("*/metrics.csv")]
    assert ends.count(one.read_bytes()) == 2  # in its config's type the first is the same net


DRAWING = {
    "a task": ["task._target_=users_models.NoisyLoss"],
    "a schedule": ["schedule=cosine", "~schedule.T_max", "~schedule.eta_min",
                   "schedule._target_=users_models.Wandering"],
    "a callback of Lightning's": ["+callbacks.own._target_=users_models.Plain"],
}  # fmt: skip


@pytest.mark.parametrize("what", DRAWING)
def test_whatever_draws_is_the_same_each_time_and_on_its_own(train_all, outputs, what):
    words = [*SHORT, "model=mlp", "model.hidden=[5]", *DRAWING[what]]
    for study in ("a", "b"):
        train_all(*words, f"study={study}", seeds=(0, 1))
    train_all(*words, "study=one", seeds=(1,))
    sweeps = [
        {path.parent.name: path.read_bytes() for path in (outputs / study).glob("*/metrics.csv")}
        for study in ("a", "b")
    ]
    assert sweeps[0] == sweeps[1]
    (one,) = (outputs / "one").glob("*/metrics.csv")
    assert one.read_bytes() == sweeps[0][one.parent.name]


OWN = ["data=mine_values", "logger=none"]
OWN += ["data._target_=users_data.Flat", "task._target_=users_models.Own", "trainer.max_epochs=2"]
OWN += ["~measurements.predictions", *net("Dense")]


def test_a_task_of_ones_own_may_take_targets_of_another_shape(lab, outputs):
    outcome = lab(*OWN)
    assert (outcome.code, outcome.err) == (0, "")
    assert [state(files) for files in runs(outputs).values()] == ["completed"]


@pytest.mark.parametrize("name", ["OwnLoss", "Variance"])
def test_a_loss_of_ones_own_gets_targets_as_they_are(lab, outputs, name):
    task = [word for word in OWN if not word.startswith("task.")]
    outcome = lab(*task, f"task._target_=users_models.{name}")
    assert (outcome.code, outcome.err) == (0, "")


def test_whole_numbers_are_paired_with_every_output_no_more_than_others(lab, outputs):
    words = [word for word in OWN if not word.startswith(("task.", "data._"))]
    more = ["task._target_=users_models.Silent", "data._target_=users_data.Counts"]
    outcome = lab(*words, *more)
    assert outcome.code == 2
    assert "are broadcast against one another" in outcome.err
    assert not outputs.exists()


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        ("huber", "outputs [3, 1] and targets [3] are broadcast against one another"),
        ("l1", "is [3, 1]; wanted: one number"),
    ],
)
def test_a_loss_that_is_none_is_refused_in_one_line(lab, outputs, loss, says):
    outcome = lab(*OWN, f"loss={loss}")
    assert outcome.code == 2
    (line,) = outcome.err.strip().splitlines()
    assert f"loss={loss}" in line
    assert says in line
    assert not outputs.exists()


@pytest.mark.parametrize("stack", ["never", "always"])
def test_observers_of_ones_own_draw_from_streams_and_change_no_setting(train_all, outputs, stack):
    more = [
        "+callbacks.coin._target_=users_models.Coin",
        "+callbacks.end._target_=users_models.Moody",
    ]
    seen = []
    for study in ("a", "b"):
        words = [*SHORT, "model=mlp", *more, f"sweep.stack={stack}"]
        train_all(*words, f"study={study}", seeds=(0, 1))
        seen.append([p.read_bytes() for p in sorted((outputs / study).glob("*/metrics.csv"))])
    assert seen[0] == seen[1]
    coins = [row["coin"] for row in read_metrics(next((outputs / "a").glob("*/metrics.csv")))]
    assert len(set(coins)) == len(coins)
