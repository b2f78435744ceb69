from collections.abc import Mapping, Sequence
from typing import Any

from dl_experiments import run
from dl_experiments.artifacts import Status
from dl_experiments.job import Job


class Silent:
    """Takes the rows of a run and shows nothing."""

    def open(self, columns: Sequence[str]) -> None:
        pass

    def row(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        pass

    def close(self) -> None:
        pass


def execute(config: dict[str, Any]) -> Status:
    """Train one run by itself, unseen."""
    return run.execute(Job(config), Silent(), lambda epochs: None)


class Unseen:
    """A reporter that nobody reads; failures are kept."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def begin(self, title: str, members: int, epochs: int, updates: int) -> None:
        pass

    def advance(self, epochs: float, loss: float | None = None) -> None:
        pass

    def ended(self, name: str, status: Status, seconds: float, values: Mapping[str, float]) -> None:
        pass

    def failed(self, message: str) -> None:
        self.messages.append(message)

    def say(self, line: str) -> None:
        self.messages.append(line)

    def close(self) -> None:
        pass
