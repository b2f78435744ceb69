"""What every analysis keeps to, whatever it is about; one row an experiment."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import studies
import torch
from studies import Seed, Writer
from synthetic import worded

from dl_experiments.analysis.claims.claim import Claim
from dl_experiments.analysis.drawing import style
from dl_experiments.analysis.findings import Finding
from dl_experiments.analysis.phenomena import known
from dl_experiments.analysis.runs.collect import collect
from dl_experiments.analysis.runs.grid import show
from dl_experiments.analysis.runs.swept import label

ENOUGH = 5
ARMS = (0.001, 0.01)  # of the key that tells them apart
TOO_FEW = r"too few|the loss did not fall"


@dataclass(frozen=True)
class Row:
    """An experiment and a study of it whose effect is known.

    Attributes:
        experiment: Its name.
        write: Writes all runs of one seed.
        claims: How the claims begin that the effect is about.
        few: Seeds that are too few to decide.
        arm: A key that tells arms apart.
        along: A key that may follow what is compared.
        last: Whether a diverged run is in the number, as the last of all.
        options: What the analysis is told.
        but: Test -> why it is none for this experiment.
        free: Test -> how the claims begin that it is not about.
    """

    experiment: str
    write: Writer
    claims: tuple[str, ...]
    few: int = 3
    arm: str = "optimizer.lr"
    along: str = "optimizer.lr"
    last: bool = False
    options: Mapping[str, object] = field(default_factory=dict)
    but: Mapping[str, str] = field(default_factory=dict)
    free: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, str]:
        """Of the two arms."""
        one, other = (label([self.arm], [show(value)]) for value in ARMS)
        return one, other


NOTHING_COMPARED = {"along": "seeds alone are compared, so that any key that differs is an arm"}

TABLE = [
    Row(
        "hw1_1_simulate",
        studies.functions,
        ("More layers converge in fewer epochs", "Deep is best on sign_sin"),
        last=True,
    ),
    Row(
        "hw1_1_mnist",
        studies.mnist,
        (
            "The deep net ends near 98–99 %",
            "The deep net's test loss turns up",
            "… while the deep net's test accuracy holds",
        ),
    ),
    Row(
        "hw1_1_cifar10",
        studies.cifar10,
        tuple(
            f"Deeper is better on CIFAR-10: {pair}"
            for pair in ("deep over shallow", "deep over middle", "middle over shallow")
        ),
        free={"diverged": ("Deeper is better on CIFAR-10: middle over shallow",)},
    ),
    Row(
        "hw1_2_trajectory",
        studies.paths,
        ("arms end at similar loss", "The arms start from nearby centres"),
        but=NOTHING_COMPARED,
    ),
    Row(
        "hw1_2_error_surface",
        studies.paths,
        ("On the line from initial to final weights the loss falls all the way",),
        options={"points": 5},
        but=NOTHING_COMPARED,
    ),
    Row(
        "hw1_2_gradient_norm",
        studies.gradient_norms,
        (
            "The gradient norm does not vanish as the loss flattens on sinc",
            "The gradient norm oscillates more on sign_sinc than on sinc",
            "Gradient norms spike on sinc or sign_sinc",
        ),
        free={"along": ("The gradient norm does", "Gradient norms spike")},
    ),
    Row(
        "hw1_2_minimal_ratio",
        studies.critical_points,
        (
            "Among points of one search a lower loss goes",
            "Among points of one search the share of negative eigenvalues grows",
        ),
        but={
            "few": "distinct points are counted and no seeds, of which too few decide nothing",
            "diverged": "critical points are counted, and a run that diverged has none",
            "along": "each net is judged by itself, so that nothing is compared",
        },
        free={"nothing": ("Published protocol", "Levenberg–Marquardt")},  # of the search
    ),
    Row(
        "hw1_3_random_labels",
        studies.random_labels,
        (
            "one_hidden",
            "… and then knows no more of the test set",
            "… while its test loss is far above",
            "The more labels are random, the more epochs",
            "The more labels are random, the lower the test accuracy",
            "784-8-10, the narrowest,",
        ),
        free={
            "diverged": ("784-8-10, the narrowest,",),
            "along": ("784-8-10, the narrowest,",),
        },  # one net by itself
    ),
    Row(
        "hw1_3_parameters",
        studies.parameters,
        (
            "The training loss falls all the way as the net grows, after 20 epochs",
            "The test accuracy saturates as the net grows, after 20 epochs",
            "… at about 98 %, after 20 epochs",
        ),
    ),
    Row(
        "hw1_3_parameters_samples",
        studies.samples,
        (
            "More data moves the best size up, by test loss",
            "More data moves the best size up, by test accuracy",
        ),
    ),
    Row(
        "hw1_3_double_descent",
        studies.double_descent,
        (
            "The test error has a peak",
            "The test loss has a peak",
            "Beyond the threshold the test error falls",
        ),
    ),
    Row(
        "hw1_3_interpolation",
        studies.lines,
        (
            "A barrier lies between",
            "… and nets of batch 10 and batch 100",
            "Batch 10 ",
        ),
        arm="model.dropout",
        options={"points": 7},
        but={
            "numbered": "lines of all arms are beside each other in one figure",
            "along": "two nets that differ in more than one thing are no pair",
        },
        free={"nothing": ("α = 0 and α = 1 reproduce",)},  # holds whatever was learned
    ),
    Row(
        "hw1_3_sensitivity",
        studies.sensitivity,
        ("Sensitivity falls beyond", "Small batches generalise better"),
        free={"nothing": ("Control:",)},  # holds of any net
    ),
    Row(
        "hw1_3_sharpness",
        studies.sharpness,
        ("Large batches are sharper", "Sharper nets generalise worse"),
    ),
    Row(
        "basics_activations",
        studies.activations,
        (
            "Layers without activation are no better than one linear layer on sinc",
            "Layers without activation are no better than one linear layer on digits",
            "With ReLU between them they beat the same layers without on sinc",
            "With ReLU between them they beat the same layers without on digits",
        ),
        free={
            "nothing": ("Layers without activation are one linear map",),  # holds of any net
            "diverged": ("With ReLU",),  # which the first group is not in
        },
    ),
    Row(
        "basics_batch_size",
        studies.batch_sizes,
        ("The loss is noisier", "The first epoch teaches more", "An epoch takes longer"),
    ),
    Row(
        "basics_learning_rate",
        studies.learning_rates,
        ("A learning rate of 10 ", "A learning rate of 0.0001"),
        arm="model.dropout",
        along="model.dropout",
        last=True,
        free={"diverged": ("A learning rate of 0.0001",)},  # which the first group is not in
    ),
    Row(
        "basics_regularization",
        studies.regularization,
        ("Dropout 0.5 narrows", "Weight decay 0.01 (Adam, coupled)", "Dropout 0.5 with weight"),
    ),
]

Found = Callable[[Row, str], Finding]


def seeds(row: Row, study: str, path: Path) -> Iterator[Seed]:
    """What a study is made of."""
    if study == "arms":  # the one as claimed, the other the opposite
        for value, sign in zip(ARMS, (1, -1), strict=True):
            for number in range(ENOUGH):
                yield Seed(path, number, sign, keys={row.arm: value})
        return
    along = row.along if study == "along" else ""
    for number in range(row.few if study == "few" else ENOUGH):
        yield Seed(path, number, learns=study != "nothing", along=along)
    if study == "diverged":
        yield Seed(path, ENOUGH, diverged=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """What the analysis of a row finds in one of its studies; each is looked at once."""
    experiments = known()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # waiting for a second takes longer than any of this

    @cache
    def look(experiment: str, study: str) -> Finding:
        (row,) = (row for row in TABLE if row.experiment == experiment)
        path = tmp_path_factory.mktemp(f"{experiment}-{study}")
        for seed in seeds(row, study, path):
            row.write(seed)
        with style.applied():
            return experiments[experiment](collect(path).runs, **row.options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)  # none of it must outlive the machine
        yield lambda row, study: look(row.experiment, study)
    torch.set_num_threads(threads)


def rows(test: str = "") -> pytest.MarkDecorator:
    """All of the table but those that say why a test is none for them."""
    chosen = [row for row in TABLE if test not in row.but]
    return pytest.mark.parametrize("row", chosen, ids=lambda row: row.experiment)


def begins(claim: Claim, starts: Sequence[str]) -> bool:
    """Whether it begins in one of these ways, but for how many there are of something."""
    return re.sub(r"^\d+ ", "", claim.statement).startswith(tuple(starts))


def about(finding: Finding, row: Row, arm: str = "") -> list[Claim]:
    """The claims that a row's effect is about, in an arm if one is named."""
    there = [claim for claim in finding.claims if arm in claim.statement]
    assert all(any(begins(claim, [start]) for claim in there) for start in row.claims)
    return [claim for claim in there if begins(claim, row.claims)]


def verdicts(finding: Finding, row: Row, arm: str = "") -> set[str]:
    return {claim.verdict for claim in about(finding, row, arm)}


def but_free(claims: Sequence[Claim], row: Row, test: str) -> list[Claim]:
    """Those that a test is about."""
    return [claim for claim in claims if not begins(claim, row.free.get(test, ()))]


def test_every_experiment_with_claims_has_a_row() -> None:
    bare = {"basics_parameter_count"}  # needs no runs and claims nothing
    like = {"hw1_2_trajectory_cifar10", "hw1_3_parameters_cifar10", "hw1_3_parameters_cnn"}
    like |= {"hw1_3_sensitivity_cifar10"}  # share the analysis of a row
    assert {row.experiment for row in TABLE} == {*known()} - bare - like


@rows()
def test_an_effect_is_found(row: Row, found: Found) -> None:
    assert verdicts(found(row, "arms"), row, row.labels[0]) == {"supported"}


@rows()
def test_its_opposite_is_refuted(row: Row, found: Found) -> None:
    assert verdicts(found(row, "arms"), row, row.labels[1]) == {"not supported"}


@rows("few")
def test_few_seeds_only_lean(row: Row, found: Found) -> None:
    assert verdicts(found(row, "few"), row) == {"inconclusive, leaning supported"}


@rows()
def test_nets_that_learned_nothing_decide_nothing(row: Row, found: Found) -> None:
    finding = found(row, "nothing")
    judged = but_free(finding.claims, row, "nothing")
    assert {claim.verdict for claim in judged} == {"inconclusive"}
    assert [c.note for c in about(finding, row) if not re.search(TOO_FEW, c.note)] == []


@rows("diverged")
def test_a_diverged_run_is_counted(row: Row, found: Found) -> None:
    judged = but_free(about(found(row, "diverged"), row), row, "diverged")
    counted = r"\b1 of \d seeds\b.*diverged|\bdiverged and [a-z ]+: 1\b|\b1 diverged\b"
    assert [claim.note for claim in judged if not re.search(counted, claim.note)] == []
    assert {claim.n for claim in judged} == {ENOUGH + row.last}


@rows()
def test_arms_are_told_apart(row: Row, found: Found) -> None:
    finding = found(row, "arms")
    one, other = (about(finding, row, arm) for arm in row.labels)
    assert len(one) == len(other)
    assert not {claim.statement for claim in one} & {claim.statement for claim in other}
    assert len({claim.statement for claim in finding.claims}) == len(finding.claims)


@rows("numbered")
def test_arms_have_figures_and_numbers_of_their_own(row: Row, found: Found) -> None:
    finding = found(row, "arms")
    one, other = (
        [d.name.removesuffix(end) for d in finding.drawings if d.name.endswith(end)]
        for end in ("-1", "-2")
    )
    assert one == other
    assert len(one) + len(other) == len(finding.drawings) > 0
    for number, arm in enumerate(row.labels, start=1):
        for drawing in finding.drawings:
            words = "\n".join(text.get_text() for text in drawing.figure.texts)
            there = arm in re.split(r" · |\n", words)
            assert there == drawing.name.endswith(f"-{number}")
    assert set(worded(finding)["arm"]) == set(row.labels)


@rows("along")
def test_where_two_things_differ_at_once_there_is_no_verdict(row: Row, found: Found) -> None:
    finding = found(row, "along")
    judged = but_free(finding.claims, row, "along")
    assert {claim.verdict for claim in judged} == {"inconclusive"}
    assert all("Differing along with" in claim.note for claim in judged)
    assert any(note.startswith("Differing along with") for note in finding.notes)


@rows()
def test_a_finding_says_what_it_is_of(row: Row, found: Found) -> None:
    finding = found(row, "arms")
    assert all(drawing.caption and drawing.caption.endswith(".") for drawing in finding.drawings)
    assert len({drawing.name for drawing in finding.drawings}) == len(finding.drawings)
