"""For every experiment a study of a few tiny runs whose effect is known, seed by seed."""

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from sized import counted
from synthetic import config, set_keys, write

from dl_experiments.artifacts import RunDirectory, write_json
from dl_experiments.config import resolve
from dl_experiments.measures.critical_points import TOLERANCES
from dl_experiments.measures.spectrum import rounding_tolerance, signature, tolerance_sweep

CONF = Path(__file__).parents[3] / "conf"
AT = np.arange(21)
DEPTHS = ("deep", "middle", "shallow")
Curves = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Seed:
    """What is asked of one seed of a study.

    Attributes:
        outputs: Where its runs go.
        number: The seed.
        sign: 1 where the effect is as claimed, -1 where it is the opposite.
        learns: Whether anything is learned; else all curves stay where they begin.
        diverged: Whether its run in the first group diverged.
        keys: Of the config, in all its runs.
        along: A key that differs from group to group.
    """

    outputs: Path
    number: int
    sign: int = 1
    learns: bool = True
    diverged: bool = False
    keys: Mapping[str, Any] = field(default_factory=dict)
    along: str = ""

    def pick(self, claimed: Any, opposite: Any) -> Any:
        """What the effect's sign asks for."""
        return claimed if self.sign > 0 else opposite

    def apart(self, size: float = 0.02) -> float:
        """What tells seeds apart, as a factor around 1."""
        return 1 + size * float(np.sin(7 * self.number))

    def config(self, study: str, model: str, data: str, group: int, **keys: Any) -> dict[str, Any]:
        """Of its run in a group."""
        return config(study, model, data, self.number, **keys, **self._more(group))

    def write(
        self, made: dict[str, Any], group: int, curves: Curves, at: np.ndarray = AT
    ) -> RunDirectory:
        """Its run in a group, with these curves [t] at the epochs [t] unless it may not."""
        if not self.learns:
            curves = {name: np.full(len(at), values[0]) for name, values in curves.items()}
        if not self.lost(group):
            return write(self.outputs, made, curves, at)
        curves = {name: values[:3] for name, values in curves.items()}
        up = {"train/loss": np.array([curves["train/loss"][0], 1e30, np.nan])}
        return write(self.outputs, made, {**curves, **up}, at[:3], "diverged")

    def lost(self, group: int) -> bool:
        """Whether its run in a group diverged."""
        return self.diverged and group == 0

    def composed(self, group: int, words: Sequence[str], **keys: Any) -> dict[str, Any]:
        """A config that a model and its data can be built from."""
        made = deepcopy(_composed(tuple(words)))
        made["paths"]["outputs"] = str(self.outputs)
        return set_keys(made, {"seed": self.number, **keys, **self._more(group)})

    def _more(self, group: int) -> dict[str, Any]:
        return {**self.keys, **({self.along: 0.1 * (1 + group)} if self.along else {})}


Writer = Callable[[Seed], None]


@cache
def _composed(words: tuple[str, ...]) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return resolve(compose("train", list(words)))


def falling(end: float, start: float = 2.3, speed: float = 0.5, at: np.ndarray = AT) -> np.ndarray:
    """From a start to an end, or up to it, ever more slowly."""
    return end + (start - end) * np.exp(-speed * at)


def image_curves(train: float, test: float, right: float, known: float = 0.995) -> Curves:
    """Where the losses end, and the accuracy on the test set and on the training set."""
    return {
        "train/loss": falling(train),
        "test/loss": falling(test),
        "train/accuracy": falling(known, 0.1),
        "test/accuracy": falling(right, 0.1),
    }


def functions(seed: Seed) -> None:
    """hw1_1_simulate: the deeper a net the faster and better, or the reverse."""
    at = np.unique(np.concatenate([[0], np.geomspace(1, 2000, 24).round()])).astype(int)
    x, stages = np.linspace(-1, 1, 21), np.array([0, 1, 100, 2000])
    truth = np.sign(np.sin(5 * np.pi * x))
    ends = [(0.02, 3e-4), (0.006, 3e-3), (0.002, 3e-2)]
    for group, model in enumerate(DEPTHS):
        speed, floor = seed.pick(ends, ends[::-1])[group]
        loss = falling(floor * seed.apart(0.2), 1.0, speed * seed.apart(), at)
        made = seed.config("hw1_1_simulate", model, "sign_sin", group)
        files = seed.write(made, group, {"train/loss": loss, "test/loss": 1.1 * loss}, at)
        near = truth * (1 - np.exp(-speed * stages))[:, None]
        arrays = {"x": x, "truth": truth, "epochs": stages, "predictions": near}
        files.write_measure("predictions", arrays)


def mnist(seed: Seed) -> None:
    """hw1_1_mnist: a test loss that turns up at a good accuracy, or stays while that falls."""
    rise, falls = seed.pick((2e-3, 0.0), (1e-5, 0.01))
    for group, model in enumerate(("deep", "shallow")):
        curves = image_curves(0.01, 0.1, 0.985 * seed.apart(0.002))
        turning = 0.1 + rise * seed.apart() * (AT - 10) ** 2 + 2 * np.exp(-AT)
        worse = curves["test/accuracy"] - falls * seed.apart() * np.maximum(AT - 10, 0)
        made = seed.config("hw1_1_mnist", model, "mnist", group, **{"data.samples": None})
        seed.write(made, group, {**curves, "test/loss": turning, "test/accuracy": worse})


def cifar10(seed: Seed) -> None:
    """hw1_1_cifar10: the deeper a net the better, or the reverse."""
    accuracies = seed.pick((0.75, 0.7, 0.6), (0.6, 0.7, 0.75))
    for group, model in enumerate(DEPTHS):
        right = accuracies[group] * seed.apart()
        made = seed.config("hw1_1_cifar10", model, "cifar10", group)
        seed.write(made, group, image_curves(0.3, 1.0, right))


def gradient_norms(seed: Seed) -> None:
    """hw1_2_gradient_norm: norms that stay up, vary more on the sign function and spike, or not."""
    at, updates = np.arange(0, 401, 2), np.arange(800)
    power, spikes, more = seed.pick((0.1, 3, 0.5), (0.9, 0, 0.05))
    for group, (data, noise) in enumerate((("sinc", 0.15), ("sign_sinc", more))):
        draw = np.random.default_rng([seed.number, group])
        loss, within = (falling(1e-4, 1.0, 0.04, epochs) for epochs in (at, updates / 2))
        norm = loss**power * 10 ** draw.normal(0, noise, len(at))
        curves = {"train/loss": loss, "test/loss": loss, "gradient/norm": norm}
        curves |= {"gradient/norm/dense1": 0.6 * norm, "gradient/norm/output": 0.8 * norm}
        made = seed.config("hw1_2_gradient_norm", "gradient_norm", data, group)
        files = seed.write(made, group, curves, at)
        norms = within**power * 10 ** draw.normal(0, noise, len(updates))
        norms[np.linspace(150, 650, spikes).astype(int)] *= 1000
        files.write_measure("gradient_norms", {"step": updates, "norm": norms})


PARAMETERS = 131
STARTS = [("newton", 0, 0), ("descent", 500, 1000), ("embedded", 0, 2000), ("published", 500, 0)]
LOSSES = {"newton": 0.08, "descent": 1e-9, "embedded": 3e-3}
THEORY, REVERSE = (
    1,
    -1,
)  # more negative eigenvalues at a higher loss among points of a start, or less


def spectrum(negative: int, zero: int) -> np.ndarray:
    """So many eigenvalues far below 0 and far within rounding, the rest far above."""
    rest = PARAMETERS - negative - zero
    parts = [-np.geomspace(0.5, 1e-3, negative), np.full(zero, 1e-20), np.geomspace(1e-3, 1, rest)]
    return np.sort(np.concatenate(parts))


def points(number: int, sign: int, stuck: Sequence[str] = ()) -> dict[str, Any]:
    """What the searches of a seed found: one point each, of seven by turns; all at 0 are one.

    Args:
        number: The seed.
        sign: Of how negative eigenvalues go with the loss.
        stuck: The arms whose searches ended nowhere.
    """
    names = [arm for arm, *_ in STARTS]
    spectra = [spectrum(15 + 2 * sign * (number % 7), 40) for _ in names]
    counts, swept, tolerances = [], [], []
    for values in map(torch.from_numpy, spectra):
        tolerances.append(rounding_tolerance(values))
        found = signature(values, tolerances[-1])
        counts.append([found.positive, found.zero, found.negative])
        swept.append([[s.positive, s.zero, s.negative] for s in tolerance_sweep(values)])
    converged = np.array([arm not in ("published", *stuck) for arm in names])
    shift = 1 + 0.1 * (number % 7)
    return {
        "arm": np.array(names),
        "epoch": np.array([epoch for _, epoch, _ in STARTS]),
        "steps": np.array([steps for *_, steps in STARTS]),
        "widths": np.array(["2-1-2" if arm == "embedded" else "5-10-5" for arm in names]),
        "loss": np.array([LOSSES.get(arm, 0.05) * shift for arm in names]),
        "gradient_norm": np.where(converged, 1e-9, 1e-3),
        "converged": converged,
        "iterations": np.full(len(names), 10),
        "eigenvalues": np.stack(spectra),
        "tolerance": np.array(tolerances),
        "counts": np.array(counts),
        "swept": np.array(swept),
        "relative_tolerances": np.array(TOLERANCES),
        "sampled_ratio": np.full(len(names), 0.99),
        "settings": np.array(json.dumps({"radius": 0.01, "samples": 400})),
        "seconds": np.array(2.0),
    }


def critical_points(seed: Seed) -> None:
    """hw1_2_minimal_ratio: more negative eigenvalues at a higher loss, or fewer."""
    net = {"model.hidden": [5, 10, 5], "model.activation": "tanh"}
    made = seed.config("hw1_2_minimal_ratio", "minimal_ratio", "sinc", 0, **net)
    files = seed.write(made, 0, {"train/loss": np.array([1.0, 0.1])}, np.array([0, 500]))
    stuck = () if seed.learns else tuple(LOSSES)
    found = points(seed.number, seed.pick(THEORY, REVERSE), stuck)
    files.write_measure("critical_points", found)


ALONE = ["logger=none", "trainer.accelerator=cpu", "trainer.max_epochs=20", "model=mlp"]
PATH = [*ALONE, "study=hw1_2_trajectory", "data=sinc", "data.samples=16", "data.batch_size=16"]
PATH += ["model.hidden=[2,2]"]


def paths(seed: Seed) -> None:
    """hw1_2_trajectory and hw1_2_error_surface: weights of which the last bias alone counts.

    It goes to its best value, nearly the same for all, from starts that lie near to one another; or
    well past it, more so in every other seed, from starts on a wide circle.
    """
    at, x = np.array([0, 10, 20]), np.linspace(-1, 1, 16)
    truth = np.sinc(5 * x)
    best = float(truth.mean())
    beyond = 1.0 + 0.35 * (seed.number % 2)
    ends = [3.0, best, best + seed.pick(0.01 * seed.number, -beyond)]
    losses = [float(np.mean((bias - truth) ** 2)) for bias in ends]
    turn = 2.4 * seed.number
    start = seed.pick(0.1, 20.0) * torch.tensor([[np.cos(turn)], [np.sin(turn)]])
    made = seed.composed(0, PATH)
    files = seed.write(made, 0, {f"{of}/loss": np.array(losses) for of in ("train", "test")}, at)
    for step, (epoch, bias) in enumerate(zip(at, ends, strict=True)):
        weights = {
            "dense1.weight": start + step,
            "dense1.bias": torch.zeros(2),
            "dense2.weight": torch.ones(2, 2),
            "dense2.bias": torch.zeros(2),
            "output.weight": torch.zeros(1, 2),
            "output.bias": torch.tensor([bias]),
        }
        files.write_weights(int(epoch), {name: of.float() for name, of in weights.items()})


def random_labels(seed: Seed) -> None:
    """hw1_3_random_labels: learned by heart more slowly and for nothing, or the opposite.

    A small net does not get there, or does.
    """
    claimed = [(100, 0.999, 0.1, 9.0), (70, 0.999, 0.5, 9.0), (20, 0.999, 0.95, 9.0)]
    opposite = [(20, 0.95, 0.9, 1.0), (70, 0.999, 0.5, 1.0), (150, 0.999, 0.1, 1.0)]
    small = [(200, seed.pick(0.4, 0.999), 0.1, 9.0)]
    ways = [*seed.pick(claimed, opposite), *small]
    for group, (p, hidden) in enumerate(((1.0, 500), (0.5, 500), (0.0, 500), (1.0, 8))):
        takes, right, test, loss = ways[group]
        at = np.arange(0, (takes + 5 * (seed.number % 2) if seed.learns else 10) + 1, 5)
        way = at / at[-1]
        curves = {
            "train/loss": 2.4 - 2.39 * way,
            "test/loss": 2.3 + (loss - 2.3) * way,
            "train/accuracy": 0.1 + (right * seed.apart(1e-4) - 0.1) * way,
            "test/accuracy": 0.1 + (test * seed.apart() - 0.1) * way,
        }
        noise = {"fraction": p, "kind": "uniform", "test_labels": "original"}
        ends = {"trainer.max_epochs": 200 if seed.learns else 10, "trainer.target_accuracy": 0.9}
        keys = {"label_noise": noise, "arm": "capacity" if hidden == 8 else "fraction", **ends}
        sized(seed, "hw1_3_random_labels", group, hidden, curves, at, **keys)


def sized(
    seed: Seed,
    study: str,
    group: int,
    hidden: int,
    curves: Curves,
    at: np.ndarray = AT,
    **keys: Any,
) -> None:
    """A run of a net with one hidden layer, its parameters counted."""
    data = keys.pop("data", "mnist")
    more = {"model.hidden": [hidden], "trainer.max_epochs": 20, **keys}
    made = seed.config(study, "one_hidden", data, group, **more)
    counted(seed.write(made, group, curves, at), hidden, data)


def parameters(seed: Seed) -> None:
    """hw1_3_parameters: larger nets fit better and test alike, or fit worse and test better."""
    for group, hidden in enumerate((640, 160, 40, 10)):
        train = 0.1 * seed.pick(1.25, 0.8) ** group * seed.apart()
        right = seed.pick(0.98 - 0.001 * group, 0.8 - 0.02 * group) * seed.apart(1e-4)
        curves = image_curves(train, 0.1, right)
        sized(seed, "hw1_3_parameters", group, hidden, curves, **{"data.samples": None})


def samples(seed: Seed, best: Sequence[int] = (5, 80)) -> None:
    """hw1_3_parameters_samples: with more images the best net is a larger one, or a smaller."""
    places = zip((100, 1600), seed.pick(best, best[::-1]), strict=True)
    for row, (images, place) in enumerate(places):
        for column, hidden in enumerate((5, 20, 80)):
            off = abs(hidden - place) / 80
            curves = image_curves(0.1, 0.5 + off * seed.apart(), 0.9 - 0.3 * off)
            keys = {"data.samples": images}
            sized(seed, "hw1_3_parameters_samples", 3 * row + column, hidden, curves, **keys)


def double_descent(seed: Seed) -> None:
    """hw1_3_double_descent: a peak at the threshold and a lower end, or errors that only rise."""
    peaked, rising = [0.3, 0.35, 0.6, 0.3, 0.2], [0.2, 0.25, 0.3, 0.35, 0.4]
    for group, hidden in enumerate((10, 30, 50, 80, 200)):  # 400 images · 10 classes: at 53
        error = seed.pick(peaked, rising)[group] * seed.apart()
        curves = image_curves(0.05, 2 * error, 1 - error)
        keys = {"data": "digits", "data.samples": 400, "loss": "mse"}
        sized(seed, "hw1_3_double_descent", group, hidden, curves, **keys)


LINE = [*ALONE, "study=hw1_3_interpolation", "data=digits", "data.samples=100"]
LINE += ["data.batch_size=100", "model.hidden=[16]"]


@cache
def _net() -> dict[str, torch.Tensor]:
    """The weights of a net that knows its 100 digits."""
    from dl_experiments import problem

    made = deepcopy(_composed(tuple(LINE)))
    module = problem.checked_data(made)
    module.place("cpu", torch.float32)
    net = problem.model(made, module)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    ((inputs, labels),) = module.train.chunks()
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs), labels).backward()
        optimizer.step()
    return {name: tensor.detach() for name, tensor in net.state_dict().items()}


def lines(seed: Seed) -> None:
    """hw1_3_interpolation: a net with its units in another order in every seed, or in the same.

    That of the small batch is the surer of its answers, so that further out its loss is flat; or
    that of the large batch is.
    """
    net, scales = _net(), seed.pick((2.0, 1.0), (1.0, 2.0))
    shuffled = np.roll(np.arange(16), 3 * seed.pick(seed.number, 0))
    accuracies = seed.pick((0.95, 0.9), (0.9, 0.95))
    for group, size in enumerate((10, 100)):
        made = seed.composed(group, LINE, **{"data.batch_size": size})
        curves = image_curves(0.01, 0.3, accuracies[group] * seed.apart(0.01))
        files = seed.write(made, group, curves)
        weights = {
            "dense1.weight": net["dense1.weight"][shuffled],
            "dense1.bias": net["dense1.bias"][shuffled],
            "output.weight": scales[group] * net["output.weight"][:, shuffled],
            "output.bias": scales[group] * net["output.bias"],
        }
        files.write_weights(int(AT[-1]), weights)


SIZES = (1000, 100, 10)
FALLING = (0.91, 0.93, 0.95)


def batches(
    seed: Seed,
    accuracies: Sequence[float] = FALLING,
    power: float = -0.3,
    sharper: float = 0.5,
    arm: str = "equal_epochs",
    fitted: float = 0.02,
    rate: float = 0.0,
    goal: float | None = None,
    longer: int = 1,
) -> None:
    """Three batch sizes, the largest first; sensitivity goes as size^power, the others likewise."""
    for group, size in enumerate(SIZES):
        epochs = {"trainer.max_epochs": longer * (size if arm == "equal_steps" else 20)}
        keys = {"data.batch_size": size, "arm": arm, **epochs, "trainer.target_loss": goal}
        keys |= {"optimizer.lr": 1e-3 * size**rate} if rate else {}
        made = seed.config("hw1_3_sensitivity", "one_hidden", "mnist", group, **keys)
        right = accuracies[group] * seed.apart(0.001)
        files = seed.write(made, group, image_curves(0.01 * size**fitted, 0.2, right))
        each = size**power * seed.apart() * np.linspace(0.5, 1.5, 9)
        evaluated = np.array([1, 10, 100, 400])
        files.write_measure(
            "sensitivity",
            {
                "loss_gradient": each, "jacobian": 10 * each, "softmax_jacobian": each / 2,
                "batch_size": evaluated, "batch_mean_whole": each.mean() / np.sqrt(evaluated),
                "batch_mean_row": each.mean() / evaluated,
                "settings": np.array("{}"), "seconds": np.array(1.0),
            },
        )  # fmt: skip
        high = size**sharper * seed.apart(0.05)
        settings = {"samples": 9, "radii": [0.1, 0.5], "draws": 5, "steps": 3, "starts": 2}
        files.write_measure(
            "sharpness",
            {
                "radius": np.array([0.1, 0.5]), "sampled": high * np.array([1e-5, 2e-5]),
                "ascended": high * np.array([0.01, 0.1]), "eigenvalue": np.array(5 * high),
                "eigenvalue_error": np.array(0.05 * high), "loss": np.array(0.01),
                "weight_norm": np.array(6.0), "seconds": np.array(1.0),
                "settings": np.array(json.dumps(settings | {"lanczos": 9})),
            },
        )  # fmt: skip


def sensitivity(seed: Seed) -> None:
    """hw1_3_sensitivity: small batches best and sensitivity falling from there on, or neither."""
    batches(seed, seed.pick(FALLING, (0.93, 0.95, 0.9)), seed.pick(-0.3, 0.2))


def sharpness(seed: Seed) -> None:
    """hw1_3_sharpness: large batches, which test worse, are sharper; or less so."""
    batches(seed, sharper=seed.pick(0.5, -0.5))


def activations(seed: Seed) -> None:
    """basics_activations: ReLU better than one linear layer and layers alone not, or contrary."""
    claimed = {"linear": 0.6, "identity": 0.6, "relu": 0.9}
    opposite = {"linear": 0.6, "identity": 0.9, "relu": 0.5}
    for data in ("sinc", "digits"):
        for group, (name, quality) in enumerate(seed.pick(claimed, opposite).items()):
            keys = {
                "model.hidden": [] if name == "linear" else [40, 40],
                "model.activation": "identity" if name == "linear" else name,
                "label_noise": {}, "data._target_": "nowhere.Data",  # nothing is collapsed
            }  # fmt: skip
            right = quality * (1 + 0.001 * np.sin(3 * seed.number + group))
            curves = image_curves(1 - right, 1 - right, right)
            if data == "sinc":
                curves = {name: of for name, of in curves.items() if "loss" in name}
            made = seed.config("basics_activations", "mlp", data, group, **keys)
            seed.write(made, group, curves)


def batch_sizes(seed: Seed) -> None:
    """basics_batch_size: small batches noisier, slower and quicker to teach, or large ones."""
    for group, size in enumerate((4, 100)):
        like = seed.pick(size, 400 / size)
        curves = image_curves(0.01, 0.3, 0.9)
        speed = 2 / np.sqrt(like) * seed.apart()
        curves = {**curves, "train/loss": falling(0.01, 2.3, speed)}
        curves["noise/batch_loss"] = 0.5 / np.sqrt(like) * seed.apart() * np.ones(len(AT))
        keys = {"data.batch_size": size}
        made = seed.config("basics_batch_size", "mlp", "mnist", group, **keys)
        files = seed.write(made, group, curves)
        summary = json.loads(files.summary.read_text(encoding="utf-8"))
        took = {"time/fit_seconds": 100 / like * seed.apart() + 3, "epoch": 20}
        took |= {"time/evaluation_seconds": 2, "time/batch_noise_seconds": 1}
        write_json(files.summary, summary | took)


def learning_rates(seed: Seed) -> None:
    """basics_learning_rate: the highest sticks at chance and the lowest is slow, or neither."""
    speeds = {10.0: 0.5, 0.1: 0.3, 0.01: 0.5, 0.0001: seed.pick(0.02, 2.0)}
    for group, (rate, speed) in enumerate(speeds.items()):
        right = seed.pick(0.1, 0.9) if rate == 10.0 else 0.95
        curves = {
            **image_curves(0.01, 0.3, right * seed.apart()),
            "train/loss": falling(
                seed.pick(2.5, 1e-6) if rate == 10.0 else 1e-6, 2.3, speed * seed.apart()
            ),
        }
        keys = {"optimizer.lr": rate}
        made = seed.config("basics_learning_rate", "mlp", "mnist", group, **keys)
        seed.write(made, group, curves)


def regularization(seed: Seed) -> None:
    """basics_regularization: dropout and weight decay narrow the gaps, or widen them."""
    cells = ((0.0, 0.0), (0.25, 0.001), (0.5, 0.0), (0.0, 0.01), (0.5, 0.01))
    for group, (dropout, decay) in enumerate(cells):
        gap = (0.5 - seed.sign * (0.2 * dropout + 10 * decay)) * seed.apart(0.05)
        keys = {"model.dropout": dropout, "optimizer.weight_decay": decay}
        made = seed.config("basics_regularization", "cnn", "mnist", group, **keys)
        seed.write(made, group, image_curves(0.1, 0.1 + gap, 1 - gap / 10, known=1.0))


def study(outputs: Path, write_seed: Writer, seeds: int = 5, **more: Any) -> None:
    """So many seeds of a study, with whatever else is asked of them."""
    for number in range(seeds):
        write_seed(Seed(outputs, number, **more))
