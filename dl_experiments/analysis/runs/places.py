"""Where data lie now, which a run's config cannot know: it remembers where they lay in training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from dl_experiments.schema import Config
from dl_experiments.targets import is_foreign

_now: ContextVar[str | None] = ContextVar("paths.data", default=None)


@contextmanager
def data_at(folder: str | None) -> Iterator[None]:
    """Inside, data are taken from this folder (``paths.data``); None: from where a run had them."""
    token = _now.set(folder and str(Path(folder).expanduser().absolute()))
    try:
        yield
    finally:
        _now.reset(token)


def placed(config: Config) -> Config:
    """A run's config with the data where they are now.

    A set of ours lies in ``paths.data``. What a user's data module is told stays, but for values
    that are the ``paths.data`` of training, or begin with it.
    """
    now = _now.get()
    data: dict[str, Any] = dict(config["data"])
    if now is None:
        return config
    before = str(dict(config.get("paths") or {}).get("data") or "")
    if is_foreign(data["_target_"]):
        data |= {key: _moved(of, before, now) for key, of in data.items() if key not in _NAMES}
    elif "root" in data:
        data["root"] = now
    paths = {**(config.get("paths") or {}), "data": now}
    return cast(Config, {**config, "paths": paths, "data": data})


_NAMES = ("name", "_target_")


def _moved(value: Any, before: str, now: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _moved(of, before, now) for key, of in value.items()}
    if isinstance(value, list):
        return [_moved(of, before, now) for of in value]
    above = before.rstrip("/")
    if before and isinstance(value, str) and f"{value}/".startswith(f"{above}/"):
        return str(Path(now, value[len(above) :].lstrip("/")))
    return value
