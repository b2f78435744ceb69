"""``python -m benchmarks [rows]``: measure the speed table, print it, keep it."""

import argparse
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

import dl_experiments  # noqa: F401  (before torch loads)
from benchmarks import harness, machine, table
from benchmarks.rows import COMPARISONS

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(row.name for comparison in COMPARISONS for row in comparison.rows)
    parser.add_argument("rows", nargs="*", help=f"of {names}; none: all")
    parser.add_argument("--repetitions", type=int, default=5, help="turns (default: 5)")
    parser.add_argument("--quick", action="store_true", help="tiny lengths: shows that it works")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the table is kept")
    chosen = parser.parse_args(arguments)
    if chosen.repetitions < 1:
        parser.error(f"--repetitions {chosen.repetitions}: at least 1")
    try:
        comparisons = harness.select(COMPARISONS, chosen.rows)
    except ValueError as error:
        parser.error(str(error))

    console = Console()
    facts = machine.facts()
    started = time.perf_counter()
    results: list[harness.Result] = []
    for number, comparison in enumerate(comparisons, start=1):
        rows = ", ".join(row.name for row in comparison.rows)
        console.print(f"[{number}/{len(comparisons)}] {rows}", markup=False, highlight=False)
        results += harness.measure(comparison, chosen.repetitions, chosen.quick)
    facts |= {
        "load average at the end": machine.load(),
        "turns": str(chosen.repetitions),
        "took": f"{time.perf_counter() - started:.0f} s",
    }
    if chosen.quick:
        facts["lengths"] = "tiny, the numbers mean nothing"

    console.print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n", highlight=False)
    console.print(table.terminal(results))
    console.print(*table.notes(results), sep="\n", markup=False, highlight=False)
    chosen.results.mkdir(parents=True, exist_ok=True)
    now = datetime.now().astimezone()
    kept = chosen.results / f"{now:%Y-%m-%d-%H%M%S}.json"
    kept.write_text(
        table.as_json(results, facts, measured_at=now.isoformat(timespec="seconds")),
        encoding="utf-8",
    )
    (chosen.results / "latest.md").write_text(table.markdown(results, facts), encoding="utf-8")
    console.print(f"kept: {kept}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
