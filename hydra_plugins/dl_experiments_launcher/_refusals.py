"""What Hydra refuses, told in one line of our own words, with what is near."""

import difflib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from dl_experiments import schema_check
from dl_experiments.config import CONF
from dl_experiments.schema import Run

GROUPS = tuple(sorted(path.name for path in CONF.iterdir() if path.is_dir()))
_FULL = "HYDRA_FULL_ERROR"
_NUMBER_KEY = {
    "batch_size": "data.batch_size",
    "label_noise": "label_noise.fraction",
    "optimizer": "optimizer.lr",
}


@contextmanager
def told(words: Sequence[str], root: type = Run) -> Iterator[None]:
    """Call Hydra in this: what it raises ends the command with one line and exit code 2.

    Where the user has set ``HYDRA_FULL_ERROR``, it is raised as it is.

    Args:
        words: Of the command line.
        root: The declaration of what it asks for.
    """
    with refused():
        check_words(words, root)
    if _FULL in os.environ:
        yield
        return
    os.environ[_FULL] = "1"  # else Hydra prints for itself
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError, TypeError) as error:
        if isinstance(error, ValueError | TypeError) and not is_hydras(error):
            raise
        print(in_one_line(error, words, root), file=sys.stderr)
        raise SystemExit(2) from None
    finally:
        os.environ.pop(_FULL, None)


@contextmanager
def refused(*kinds: type[Exception]) -> Iterator[None]:
    """An error of these kinds, else a ``ValueError``, ends the command: one line, exit code 2."""
    kinds = kinds or (ValueError,)
    try:
        yield
    except kinds as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def check_words(words: Sequence[str], root: type = Run) -> None:
    """Refuse what Hydra answers with a traceback, or takes and ignores.

    Args:
        words: Of the command line.
        root: The declaration of what it asks for.

    Raises:
        ValueError: One line that names what to say instead.
    """
    for word in words:
        if root is not Run and word in ("-m", "--multirun"):
            raise ValueError(f"{word}: this command is not swept; several names are a list, [a,b]")
        group, equals, options = word.partition("=")
        if equals and not group:
            raise ValueError(f"{word!r} is not key=value")
        for one in options.split(",") if group in _groups(root) else ():
            if one.lstrip("+-").replace(".", "", 1).replace("e-", "", 1).isdigit():
                said = f"{word}: {one} is not an option of {group}"
                if group in _NUMBER_KEY:
                    raise ValueError(f"{said}; to set a number, say {_NUMBER_KEY[group]}={options}")
                known = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
                raise ValueError(f"{said}; allowed: {', '.join(known)}")


def in_one_line(error: Exception, words: Sequence[str], root: type = Run) -> str:
    """What is said of an error of Hydra's."""
    said = " ".join(str(error).partition("\nSee https")[0].split())
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}, line {mark.line + 1}: {error.problem}"
    if packaged := re.search(
        r"'(\w+)@(\w+)\.\1'", said
    ):  # an override in a file without its header
        group = packaged[2]
        asks = next((word for word in words if word.startswith(f"{group}=")), group)
        return f"{asks}: {schema_check.no_package(group)}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is not None:
        return _missing(error.missing_cfg_file, error.options or (), said)
    cause = error.__cause__
    key = getattr(cause, "full_key", None)
    if key is not None:
        return _unknown(str(key), getattr(cause, "parent_node", None), root)
    for word in words:
        name, _, value = word.lstrip("+~").partition("=")
        if name and name in said:
            if said.startswith("Ambiguous value"):
                return f"{word}: several values are a list; write {name}=[{value}]"
            if word.startswith("+"):
                return f"{word}: {name} is there already; leave out the +"
            if word.startswith("~") and name not in _groups(root):
                return f"{word}: there is no such key to leave out"
            return f"{word}: {said}"
        path, _, last = name.rpartition(".")
        if path and f"'{last}'" in said:
            return f"{word}: {path} has no keys of its own"
    return f"{' '.join(words)}: {said}"


def option(group: str, wrong: str, options: Sequence[str]) -> str:
    """What is said of an option that a group does not have."""
    near = difflib.get_close_matches(wrong, options, 1)
    hint = f"did you mean {near[0]}?; " if near else ""
    return f"{group}={wrong}: not an option; {hint}allowed: {', '.join(options)}"


def _unreadable(word: str) -> str:
    if "=" not in word.lstrip("+~"):
        return f"{word!r} is not key=value"
    return f"{word!r} cannot be read as key=value; put what holds any of {{}}[](),:= into quotes"


def _missing(file: str, options: Sequence[str], said: str) -> str:
    group, _, wrong = file.rpartition("/")
    if not group:
        return said
    place = said.partition("'")[2].partition("'")[0]  # the file that asks for it
    asks = "" if place in ("", "train", "hydra/config") else f"{place}.yaml: "
    return asks + option(group, wrong, options)


def _unknown(key: str, parent: Any, root: type) -> str:
    there: Any = OmegaConf.to_container(parent) if isinstance(parent, DictConfig) else {}
    siblings = [str(name) for name in there if name != "hydra"]
    if "." in key:
        whole: Any = OmegaConf.to_container(parent._get_root()) if there else None
        return schema_check.unknown(key, siblings, root, whole)
    siblings += [group for group in _groups(root) if group not in siblings]
    return schema_check.unknown(key, siblings, root, there)


def _groups(root: type) -> Sequence[str]:
    """The groups that a command's words choose from."""
    return GROUPS if root is Run else ()


def is_hydras(error: Exception) -> bool:
    """Whether it was raised while Hydra composed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return str(module).partition(".")[0] in ("hydra", "omegaconf")
