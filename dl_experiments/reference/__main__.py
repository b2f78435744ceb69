"""Prints what follows from the schema; ``make reference`` keeps it where it belongs."""

from dl_experiments import streams
from dl_experiments.reference import page


def main() -> None:
    """``python -m dl_experiments.reference``: the page of all keys."""
    with streams.lasting():
        print(page.text(), end="")


if __name__ == "__main__":
    main()
