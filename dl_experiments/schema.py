"""Every key of a run's config, declared once: its type, what is allowed, its meaning, its weight.

A node is a ``TypedDict``; a key's annotation says what it may be, and a ``Key`` in it what it means
and whether it is science. Defaults are not here: they stand in ``conf/``. From this follow the
checks of every command (``schema_check.py``), the words of a refusal, the reference, and what of a
config is hashed into its run's id (``identity.py``).

A node with a ``_target_`` is open where that names somebody's own class: its keys are those of the
class's signature. The nodes of what this package ships, and of torch's optimizers and schedules in
``conf/``, are declared, so that they are checked before anything heavy is imported.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypeVar,
    Union,
    final,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import Ge, Gt, Le, Len, Lt, Predicate
from typing_extensions import TypedDict, is_typeddict

_Node = TypeVar("_Node", bound=type)


@final
@dataclass(frozen=True)
class Key:
    """What a key means.

    Attributes:
        meaning: In a few words, for a reader who knows the field.
        science: Whether a run's numbers depend on it.
    """

    meaning: str
    science: bool = True


@final
@dataclass(frozen=True)
class Named:
    """What a value is called in a refusal, where its annotation does not say it."""

    words: str


def opened(node: _Node) -> _Node:
    """A node that may have other keys: those that its ``_target_`` takes."""
    node.__opened__ = True  # type: ignore[attr-defined]
    return node


Count = Annotated[int, Ge(1)]
Natural = Annotated[int, Ge(0)]
Seed = Annotated[int, Ge(0), Le(2**63 - 1), Named("a whole number from 0 to 2**63 - 1")]
Number = Annotated[float, Named("a number")]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
Widths = list[Count]
Dropout = Annotated[float, Ge(0), Lt(1)]
Init = Literal["default", "he", "xavier", "orthogonal"]
Activation = Literal["relu", "leaky_relu", "tanh", "selu", "gelu", "identity"]
TwoUp = Annotated[int, Ge(2)]
Betas = Annotated[list[Annotated[float, Ge(0), Lt(1)]], Len(2, 2)]
Function = Literal["sinc", "sign_sinc", "sign_sin", "sine", "damped", "stair", "square"]
Epochs = Literal["thinned", "decades", "ends"] | Count
Precision = Literal["32-true", "64-true", "bf16-mixed"]
BatchSize = Count | Literal["full"]
Study = Annotated[
    str,
    Predicate(re.compile(r"(?!report$)\w[\w .-]{0,99}").fullmatch),
    Named(
        "a folder's name of up to 100 letters, digits, spaces, '_', '-' and '.', other than report"
    ),
]


class Sweep(TypedDict):
    """How a command's runs are trained side by side."""

    stack: Annotated[
        Literal["auto", "always", "never"],
        Key("train runs of one shape together: where it is faster, where it can be, or not"),
    ]
    workers: Annotated[
        Count | None, Key("processes side by side; null: one a core, where there is work")
    ]
    memory_gib: Annotated[
        Positive | None, Key("GiB for all stacks together; null: half of what is free")
    ]


class Paths(TypedDict):
    """Where files are."""

    outputs: Annotated[str, Named("a folder"), Key("the folder of all runs and of the report")]
    data: Annotated[
        str, Named("a folder"), Key("where data sets are looked for, and kept once fetched")
    ]


class Trainer(TypedDict):
    """How long and in which precision a run is trained, and what of it is recorded."""

    max_epochs: Annotated[Count, Key("passes over the training set, at most")]
    precision: Annotated[Precision, Key("the type of weights and products")]
    target_loss: Annotated[
        Positive | None, Key("training loss at which to stop; null: train to max_epochs")
    ]
    target_accuracy: Annotated[
        Annotated[float, Gt(0), Le(1)] | None, Key("training accuracy at which to stop")
    ]
    log_every: Annotated[
        Epochs, Key("the epochs that are evaluated and written: a number n, or a schedule")
    ]
    accelerator: Annotated[
        Literal["auto", "cpu", "gpu"],
        Key("what trains; auto: a CUDA GPU where there is one", science=False),
    ]
    threads: Annotated[
        Count | None,
        Key("processor threads of one run; null: one for small nets, else all", science=False),
    ]


class LabelNoise(TypedDict):
    """Labels that are replaced by drawn ones before training."""

    fraction: Annotated[Share, Key("share of the training labels that is replaced")]
    kind: Annotated[
        Literal["uniform", "symmetric"], Key("drawn from all classes, or never the true one")
    ]
    test_labels: Annotated[
        Literal["original", "random"], Key("what the test set is measured against")
    ]


class Logger(TypedDict):
    """What is written besides the run's own files."""

    tensorboard: Annotated[bool, Key("write event files for TensorBoard")]


# --- networks


class _Named(TypedDict):
    name: NotRequired[Annotated[str, Key("what it is called in folders and figures")]]


class _Network(_Named):
    activation: NotRequired[Annotated[Activation, Key("the function between the layers")]]
    dropout: NotRequired[Annotated[Dropout, Key("probability of dropping a hidden unit")]]
    init: NotRequired[Annotated[Init, Key("how weights are drawn; default: as torch's layers do")]]
    gain: NotRequired[Annotated[Positive, Key("factor of the weights that init draws")]]


class MLP(_Network):
    """A fully connected network."""

    _target_: Literal["dl_experiments.models.mlp.MLP"]
    hidden: Annotated[Widths, Key("the widths of the hidden layers, in order")]


class SizedMLP(_Network):
    """A fully connected network whose widths are solved from a parameter budget."""

    _target_: Literal["dl_experiments.models.sizing.sized_mlp"]
    depth: Annotated[Count, Key("hidden layers")]
    parameters: Annotated[Count, Key("the budget, which is met as closely as widths can")]


class _Convolutions(_Network):
    blocks: Annotated[list[Widths], Key("per block the widths of its convolutions")]
    kernel_size: NotRequired[Annotated[Count, Key("side of a convolution's kernel, odd")]]


class CNN(_Convolutions):
    """A convolutional network for images."""

    _target_: Literal["dl_experiments.models.cnn.CNN"]
    hidden: Annotated[Widths, Key("the widths of the dense layers")]


class SizedCNN(_Convolutions):
    """A convolutional network whose dense layer is solved from a parameter budget."""

    _target_: Literal["dl_experiments.models.sizing.sized_cnn"]
    parameters: Annotated[Count, Key("the budget, which is met as closely as widths can")]


@opened
class Model(_Named):
    """A network of one's own; its other keys are its constructor's."""

    _target_: NotRequired[str]


# --- data


class _Data(TypedDict):
    batch_size: Annotated[BatchSize, Key("samples that one update sees")]
    seed: NotRequired[Annotated[Seed, Key("draws what is drawn of the data: points, a subset")]]


class FunctionData(_Data):
    """Points of a function on an interval."""

    _target_: Literal["dl_experiments.data.functions.FunctionData"]
    name: Annotated[Function, Key("which function")]
    samples: Annotated[TwoUp, Key("training points")]
    low: NotRequired[Annotated[Number, Key("left end of the training interval")]]
    high: NotRequired[Annotated[Number, Key("right end of it")]]
    sampling: NotRequired[Annotated[Literal["grid", "uniform"], Key("equidistant or drawn")]]
    test_samples: NotRequired[Annotated[TwoUp, Key("test points, equidistant")]]
    test_low: NotRequired[Annotated[Number | None, Key("left end for testing; null: low")]]
    test_high: NotRequired[Annotated[Number | None, Key("right end for testing; null: high")]]


class ImageData(_Data):
    """Images with classes."""

    _target_: Literal["dl_experiments.data.images.ImageData"]
    name: Annotated[Literal["mnist", "fashion_mnist", "cifar10", "digits"], Key("which set")]
    root: Annotated[str, Key("where it is kept once fetched: paths.data", science=False)]
    samples: Annotated[Count | None, Key("size of a training subset; null: all")]
    augment: NotRequired[
        Annotated[Count | None, Key("largest shift in pixels of crops with flips; null: none")]
    ]


@opened
class Data(_Named, _Data):
    """A data module of one's own; its other keys are its constructor's."""

    _target_: str
    samples: NotRequired[Annotated[Count | None, Key("size of a training subset; null: all")]]
    test_samples: NotRequired[Annotated[Count | None, Key("test samples")]]
    augment: NotRequired[Annotated[Count | None, Key("how strongly samples are changed")]]


# --- what trains them


@opened
class Task(TypedDict):
    """What a batch's loss and a set's metrics are: a LightningModule of this package's kind."""

    _target_: str


@opened
class Optimizer(_Named):
    """An optimizer of torch's or one's own; its other keys are its constructor's."""

    _target_: str
    lr: Annotated[Positive, Key("learning rate")]
    weight_decay: NotRequired[Annotated[NotNegative, Key("weight decay, as its class has it")]]
    momentum: NotRequired[Annotated[NotNegative, Key("momentum")]]
    nesterov: NotRequired[Annotated[bool, Key("Nesterov's momentum")]]
    betas: NotRequired[Annotated[Betas, Key("decay of the first and of the second moment")]]
    alpha: NotRequired[Annotated[NotNegative, Key("decay of the squared gradient's mean")]]
    eps: NotRequired[Annotated[NotNegative, Key("added to the denominator")]]
    max_iter: NotRequired[Annotated[Count, Key("of L-BFGS: iterations of one step, at most")]]
    history_size: NotRequired[Annotated[Count, Key("of L-BFGS: steps that it remembers")]]
    line_search_fn: NotRequired[
        Annotated[Literal["strong_wolfe"] | None, Key("of L-BFGS: the search along a step")]
    ]


@opened
class Schedule(_Named):
    """A learning rate schedule of torch's or one's own; its other keys are its constructor's."""

    _target_: Annotated[str | None, Key("the schedule's class; null: the learning rate stays")]
    step_size: NotRequired[Annotated[Count, Key("of step: epochs between two falls")]]
    gamma: NotRequired[Annotated[NotNegative, Key("of step: the factor of a fall")]]
    T_max: NotRequired[Annotated[Count, Key("of cosine: epochs to the lowest point")]]
    eta_min: NotRequired[Annotated[NotNegative, Key("of cosine: the lowest learning rate")]]


# --- what is measured


class Snapshots(TypedDict):
    """Weights that are kept."""

    _target_: Literal["dl_experiments.callbacks.snapshots.Snapshots"]
    schedule: Annotated[Epochs, Key("the epochs whose weights are kept, besides first and last")]


class Predictions(TypedDict):
    """What the net says on the test points, at the snapshots."""

    _target_: Literal["dl_experiments.callbacks.predictions.Predictions"]


class GradientNorm(TypedDict):
    """The gradient's norm at every update."""

    _target_: Literal["dl_experiments.callbacks.gradient_norm.GradientNorm"]


class BatchNoise(TypedDict):
    """How mini-batch losses scatter around the whole set's."""

    _target_: Literal["dl_experiments.callbacks.batch_noise.BatchNoise"]


class CriticalPoints(TypedDict):
    """Points without slope that are searched for from the snapshots, and their spectra."""

    _target_: Literal["dl_experiments.callbacks.critical_points.CriticalPoints"]
    epochs: Annotated[list[Natural], Key("snapshots that Newton's method starts from")]
    newton: Annotated[Count, Key("steps of damped Newton on the squared slope, at most")]
    descent: Annotated[Count, Key("Levenberg-Marquardt steps from the last snapshot, at most")]
    widths: Annotated[list[Widths], Key("narrower nets whose points are embedded")]
    narrow_descent: Annotated[Count, Key("Levenberg-Marquardt steps in a narrower net, at most")]
    published_steps: Annotated[Count, Key("steps of Adam on the squared slope, at most")]
    published_lr: Annotated[Positive, Key("its learning rate")]
    radius: Annotated[Positive, Key("of the ball the sampled minimal ratio is taken in")]
    samples: Annotated[Count, Key("points in that ball")]
    memory_gib: Annotated[Positive, Key("GiB for a Hessian, at most")]


class Probe(TypedDict):
    """What is measured on a few samples."""

    samples: Annotated[Count, Key("samples that it is taken on")]


class Sensitivity(Probe):
    """Norms of the derivative by the input, on test samples."""

    _target_: Literal["dl_experiments.callbacks.sensitivity.Sensitivity"]
    evaluation_batches: Annotated[Widths, Key("batch sizes it is evaluated with, to compare")]


class Sharpness(Probe):
    """How the loss rises around the weights, on training samples."""

    _target_: Literal["dl_experiments.callbacks.sharpness.Sharpness"]
    radii: Annotated[list[Positive], Key("of the balls around the weights, ascending")]
    draws: Annotated[Count, Key("random points of each ball")]
    steps: Annotated[Count, Key("of gradient ascent from each start")]
    starts: Annotated[Count, Key("of it in each ball")]
    lanczos: Annotated[Count, Key("steps of Lanczos")]


@opened
class Callback(TypedDict):
    """A callback of one's own; its other keys are its constructor's."""

    _target_: str


class Callbacks(  # type: ignore[call-arg]
    TypedDict, extra_items=Annotated[Callback | None, Key("a callback of one's own")]
):
    """What is recorded while a run trains; a null leaves one out, and others may join."""

    snapshots: NotRequired[Annotated[Snapshots | Callback | None, Key("weights to keep")]]
    gradient_norm: NotRequired[
        Annotated[GradientNorm | Callback | None, Key("the gradient's norm at every update")]
    ]
    batch_noise: NotRequired[
        Annotated[BatchNoise | Callback | None, Key("how mini-batch losses scatter")]
    ]


@opened
class Measurement(TypedDict):
    """A measurement of one's own; its other keys are its constructor's."""

    _target_: str


class Measurements(  # type: ignore[call-arg]
    TypedDict, extra_items=Annotated[Measurement | None, Key("a measurement of one's own")]
):
    """What is taken from the weights that a finished run has kept; a null leaves one out."""

    predictions: NotRequired[
        Annotated[Predictions | Measurement | None, Key("outputs on the test points")]
    ]
    critical_points: NotRequired[
        Annotated[CriticalPoints | Measurement | None, Key("points without slope")]
    ]
    sensitivity: NotRequired[
        Annotated[Sensitivity | Measurement | None, Key("derivatives by the input")]
    ]
    sharpness: NotRequired[
        Annotated[Sharpness | Measurement | None, Key("how the loss rises nearby")]
    ]


class Run(TypedDict):
    """A run's resolved config."""

    seed: Annotated[Seed, Key("draws initial weights, batch order, dropout, label noise")]
    study: Annotated[Study, Key("the folder under the outputs", science=False)]
    experiment: Annotated[str | None, Key("the published experiment it is of", science=False)]
    scale: Annotated[str, Key("smoke, quick or full: how large an experiment is", science=False)]
    arm: Annotated[str | None, Key("which arm of an experiment it is of, in a word", science=False)]
    rerun: Annotated[
        bool, Key("train anew what is there; its folder is moved aside", science=False)
    ]
    kind: Annotated[str, Key("function or image: what the data bring to choose a network by")]
    data: Annotated[FunctionData | ImageData | Data, Key("what is learned")]
    model: Annotated[MLP | SizedMLP | CNN | SizedCNN | Model, Key("the network")]
    task: Annotated[Task, Key("what the loss and the metrics are taken of")]
    loss: Annotated[str, Key("what is minimised, of those that the task knows")]
    optimizer: Annotated[Optimizer, Key("how weights are updated")]
    schedule: Annotated[Schedule, Key("how the learning rate changes over the epochs")]
    label_noise: Annotated[LabelNoise, Key("labels that are drawn")]
    trainer: Annotated[Trainer, Key("how long, in which precision, what is recorded")]
    callbacks: Annotated[Callbacks, Key("what is kept, and measured while a run trains")]
    measurements: Annotated[
        Measurements, Key("what is taken from finished weights, at once or later", science=False)
    ]
    logger: Annotated[Logger, Key("what is written besides", science=False)]
    sweep: Annotated[Sweep, Key("how runs are trained side by side", science=False)]
    paths: Annotated[Paths, Key("where files are", science=False)]


Config = Run
"""What a function takes that is given a run's whole, resolved config; mypy knows its keys."""


# --- what is declared


@final
@dataclass(frozen=True)
class Field:
    """A key of a node.

    Attributes:
        annotation: What it may be, with all limits.
        key: What it means; None where that is said by the node.
        required: Whether a node must have it.
        nodes: The nodes that it may be; empty: it is a value.
        nullable: Whether it may be null.
    """

    annotation: Any
    key: Key | None
    required: bool
    nodes: tuple[type, ...]
    nullable: bool


@cache
def fields(node: type) -> Mapping[str, Field]:
    """The declared keys of a node, in order."""
    hints = get_type_hints(node, include_extras=True)
    required = node.__required_keys__  # type: ignore[attr-defined]
    return {name: _field(hint, name in required) for name, hint in hints.items()}


@cache
def extra(node: type) -> Field | None:
    """What other keys of a node hold; None: there may be none, or the node is open."""
    hint = getattr(node, "__extra_items__", None)
    return _field(hint, False) if get_origin(hint) is Annotated else None


def is_open(node: type) -> bool:
    """Whether a node has the keys of what its ``_target_`` names as well."""
    return getattr(node, "__opened__", False)


def _field(hint: Any, required: bool) -> Field:
    if get_origin(hint) is NotRequired:
        (hint,) = get_args(hint)
    marks = hint.__metadata__ if get_origin(hint) is Annotated else ()
    key = next((mark for mark in marks if isinstance(mark, Key)), None)
    members = get_args(hint)[:1] if marks else (hint,)
    if get_origin(members[0]) in (Union, UnionType):
        members = get_args(members[0])
    nodes = tuple(member for member in members if is_typeddict(member))
    return Field(hint, key, required, nodes, type(None) in members)


def not_science() -> Iterator[str]:
    """Dotted keys (with all below them) that say where and how a run is made, not what it is."""
    yield from dict.fromkeys(_not_science(Run, ""))


def _not_science(node: type, prefix: str) -> Iterator[str]:
    for name, field in fields(node).items():
        if field.key is not None and not field.key.science:
            yield f"{prefix}{name}"
        else:
            for one in field.nodes:
                yield from _not_science(one, f"{prefix}{name}.")
