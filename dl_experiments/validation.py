"""Checks of a resolved config that need nothing but the config: one clear line for each mistake.

What needs more (a model's own keys, the data's sizes) is checked where the thing is built.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

PRECISIONS = ("32-true", "64-true", "bf16-mixed")
ACCELERATORS = ("auto", "cpu", "gpu")
SWEEP = ("stack", "workers", "memory_gib")
STACK = ("auto", "always", "never")
TRAINER = (
    "max_epochs",
    "precision",
    "target_loss",
    "target_accuracy",
    "log_every",
    "accelerator",
    "threads",
)


def get(config: Mapping[str, Any], dotted: str) -> Any:
    """The value at a dotted key.

    Raises:
        ValueError: There is none.
    """
    node: Any = config
    for word in dotted.split("."):
        if not isinstance(node, Mapping) or word not in node:
            raise ValueError(f"{dotted} is missing")
        node = node[word]
    return node


def whole_number(key: str, value: object, least: int) -> None:
    """Refuse what is not a whole number from ``least`` up.

    Raises:
        ValueError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{key}={value!r} is not a whole number from {least} up")


def number(key: str, value: object, least: float, open_end: bool = False) -> None:
    """Refuse what is not a finite number from (or, ``open_end``, above) ``least``.

    Raises:
        ValueError: It is not.
    """
    wanted = f"a number {'above' if open_end else 'from'} {least:g}{'' if open_end else ' up'}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key}={value!r} is not {wanted}")
    if value < least or (open_end and value == least):
        raise ValueError(f"{key}={value} is not {wanted}")


def one_of(key: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse what is not among ``allowed``.

    Raises:
        ValueError: It is not.
    """
    if value not in allowed:
        raise ValueError(f"{key}={value!r} is not one of {', '.join(allowed)}")


def check(config: Mapping[str, Any]) -> None:
    """Refuse a config with an impossible value.

    Raises:
        ValueError: Names the key, the value and what is allowed.
    """
    whole_number("seed", get(config, "seed"), 0)
    for key in get(config, "trainer"):
        if key not in TRAINER:
            raise ValueError(f"trainer.{key} is not a key; allowed: {', '.join(TRAINER)}")
    whole_number("trainer.max_epochs", get(config, "trainer.max_epochs"), 1)
    one_of("trainer.precision", get(config, "trainer.precision"), PRECISIONS)
    one_of("trainer.accelerator", get(config, "trainer.accelerator"), ACCELERATORS)
    if get(config, "trainer.threads") is not None:
        whole_number("trainer.threads", get(config, "trainer.threads"), 1)
    if get(config, "trainer.target_loss") is not None:
        number("trainer.target_loss", get(config, "trainer.target_loss"), 0, open_end=True)
    accuracy = get(config, "trainer.target_accuracy")
    if accuracy is not None and (type(accuracy) not in (int, float) or not 0 < accuracy <= 1):
        raise ValueError(
            f"trainer.target_accuracy={accuracy!r} is not a number above 0 and up to 1"
        )
    arm = get(config, "arm")
    if arm is not None and not isinstance(arm, str):
        raise ValueError(f"arm={arm!r} is neither a word nor null")
    if type(get(config, "rerun")) is not bool:
        raise ValueError(f"rerun={config['rerun']!r} is neither true nor false")
    _check_sweep(get(config, "sweep"))
    _check_data(get(config, "data"))
    _check_optimizer(get(config, "optimizer"))
    _check_schedule(get(config, "schedule"))
    study = get(config, "study")
    if not isinstance(study, str) or not re.fullmatch(r"(?!report$)\w[\w .-]*", study):
        raise ValueError(
            f"study={study!r} is not a folder's name of letters, digits, spaces, '_', '-' and '.', "
            "other than report"
        )


def _check_sweep(sweep: Mapping[str, Any]) -> None:
    for key in sweep:
        if key not in SWEEP:
            raise ValueError(f"sweep.{key} is not a key; allowed: {', '.join(SWEEP)}")
    one_of("sweep.stack", get(sweep, "stack"), STACK)
    if get(sweep, "workers") is not None:
        whole_number("sweep.workers", sweep["workers"], 1)
    if get(sweep, "memory_gib") is not None:
        number("sweep.memory_gib", sweep["memory_gib"], 0, open_end=True)


def _check_data(data: Mapping[str, Any]) -> None:
    batch_size = data.get("batch_size")
    if batch_size != "full":
        if isinstance(batch_size, str):
            raise ValueError(
                f"data.batch_size={batch_size!r} is neither a whole number from 1 up nor 'full'"
            )
        whole_number("data.batch_size", batch_size, 1)
    whole_number("data.seed", data.get("seed", 0), 0)
    for key in ("samples", "test_samples", "augment"):
        if data.get(key) is not None:
            whole_number(f"data.{key}", data[key], 1)
    for key in ("low", "high", "test_low", "test_high"):
        if key in data and (data[key] is not None or not key.startswith("test_")):
            number(f"data.{key}", data[key], -1e9)


def _check_optimizer(optimizer: Mapping[str, Any]) -> None:
    number("optimizer.lr", optimizer.get("lr"), 0, open_end=True)
    for key in ("weight_decay", "momentum", "eps", "alpha"):
        if key in optimizer:
            number(f"optimizer.{key}", optimizer[key], 0)
    for key in ("max_iter", "history_size"):
        if key in optimizer:
            whole_number(f"optimizer.{key}", optimizer[key], 1)
    if optimizer.get("line_search_fn") is not None:
        one_of("optimizer.line_search_fn", optimizer["line_search_fn"], ("strong_wolfe",))
    if optimizer.get("nesterov") and not optimizer.get("momentum"):
        raise ValueError("optimizer.nesterov=True needs optimizer.momentum above 0")


def _check_schedule(schedule: Mapping[str, Any]) -> None:
    for key in ("step_size", "T_max"):
        if key in schedule:
            whole_number(f"schedule.{key}", schedule[key], 1)
    for key in ("gamma", "eta_min"):
        if key in schedule:
            number(f"schedule.{key}", schedule[key], 0)
