"""Prints what follows from the schema; ``make reference`` keeps it where it belongs."""

import argparse

from dl_experiments import streams
from dl_experiments.reference import editors, page


def main() -> None:
    """``python -m dl_experiments.reference``: the page of all keys, or the editors' schema."""
    parser = argparse.ArgumentParser(prog="python -m dl_experiments.reference", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the JSON schema for editors")
    with streams.lasting():
        print(editors.text() if parser.parse_args().json else page.text(), end="")


if __name__ == "__main__":
    main()
