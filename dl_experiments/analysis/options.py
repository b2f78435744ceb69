"""What each analysis can be told under ``options.<experiment>``: type, limits, meaning.

An experiment's module imports torch and draws; what it can be told is declared here, beside it, so
that a command is checked before either is loaded. Each key reaches the module's ``analyse`` as a
keyword; its default stands in ``conf/analyze.yaml``.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Len, Lt, Predicate
from typing_extensions import TypedDict

from dl_experiments.schema import Count, Key, Named, TwoUp

Samples = Annotated[
    Count | None, Key("of the training set, on which nets are evaluated; null: all")
]
Alpha = Annotated[float, Gt(-1e6), Lt(1e6), Named("a number between -1,000,000 and 1,000,000")]


class Trajectory(TypedDict, total=False):
    """Paths through weight space."""

    layer: Annotated[str, Key("the layer that gets a joint PCA of its own")]


class ErrorSurface(TypedDict, total=False):
    """The loss on planes and lines in weight space."""

    samples: Samples
    points: Annotated[
        Annotated[
            int, Ge(5), Predicate(lambda points: points % 2 == 1), Named("an odd number from 5 up")
        ],
        Key("a side of a plane, and twice as many along a line"),
    ]


class Interpolation(TypedDict, total=False):
    """The line between two nets."""

    low: Annotated[Alpha, Key("the first alpha of the line; 0 and 1 are the two nets")]
    high: Annotated[Alpha, Key("the last")]
    points: Annotated[TwoUp, Key("evenly spaced; a few more lie beside the two nets")]
    samples: Samples
    runs: Annotated[
        Annotated[list[str], Len(2, 2), Named("a list of the folders of two runs")] | None,
        Key("any two finished runs of one architecture; null: the study's own pairs"),
    ]


class Options(TypedDict, total=False):
    """Experiment -> what its analysis can be told."""

    hw1_2_trajectory: Trajectory
    hw1_2_trajectory_cifar10: Trajectory
    hw1_2_error_surface: ErrorSurface
    hw1_3_interpolation: Interpolation
