"""Side-by-side measurements, written into docs/performance.md: ``make bench``.

    python -m benchmarks.bench [SCENARIO ...] [--runs N] [--invoices N] [--millions N ...] [--tax-lines N]

Each scenario starts its servers, runs what it compares in turn, checks that the results are equal, and
replaces its own section of the page; without names, all run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.books import books, exports
from benchmarks.full_sync import full_sync
from benchmarks.growth import growth
from benchmarks.latency import latency
from benchmarks.scale import scale
from benchmarks.tax_lines import LINES, tax_lines
from benchmarks.unchanged import unchanged

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def main() -> None:
    options = _options()
    scenarios: dict[str, Callable[[Path], list[str]]] = {
        "full-sync": lambda work: full_sync(work, invoices=options.invoices, runs=options.runs),
        "unchanged": lambda work: unchanged(work, runs=options.runs),
        "growth": lambda work: growth(work, invoices=options.invoices // 4, runs=options.runs),
        "latency": lambda work: latency(work, invoices=options.invoices, runs=options.runs),
        "scale": lambda work: scale(work, millions=options.millions),
        "tax-lines": lambda work: tax_lines(work, runs=options.runs, lines=options.tax_lines),
        "books": lambda work: books(work, millions=options.millions),
        "exports": exports,
    }
    for name in options.scenarios or scenarios:
        print(f"{name}:", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="sage-bench-") as folder:
            lines = scenarios[name](Path(folder))
        print("\n".join(lines))
        if options.write:
            _write(name, [*lines, "", _circumstances(name, options)])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    names = [
        "full-sync",
        "unchanged",
        "growth",
        "latency",
        "scale",
        "tax-lines",
        "books",
        "exports",
    ]
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(names))
    parser.add_argument("--invoices", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 2], help="ledger entries")
    parser.add_argument("--tax-lines", type=int, default=LINES)
    parser.add_argument("--no-write", dest="write", action="store_false", help="only print")
    options = parser.parse_args()
    if unknown := set(options.scenarios) - set(names):
        parser.error(f"no scenario {', '.join(sorted(unknown))}")
    return options


def _circumstances(name: str, options: argparse.Namespace) -> str:
    """Where the figures are from, and the command that makes them anew."""
    own = {
        "scale": f" --millions {' '.join(str(n) for n in options.millions)}",
        "unchanged": f" --runs {options.runs}",
        "tax-lines": f" --runs {options.runs} --tax-lines {options.tax_lines}",
        "books": f" --millions {' '.join(str(n) for n in options.millions)}",
        "exports": "",
    }
    sizes = own.get(name, f" --invoices {options.invoices} --runs {options.runs}")
    load = os.getloadavg()[1]
    return (
        f"<sub>{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, dlt {version('dlt')}, DuckDB {version('duckdb')}, Arrow "
        f"{version('pyarrow')}; five-minute load at the end {load:.1f}. "
        f"`python -m benchmarks.bench {name}{sizes}`</sub>"
    )


def _write(name: str, lines: list[str]) -> None:
    """Replace a scenario's section, between its two markers."""
    start, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    text = PAGE.read_text(encoding="utf-8")
    section = "\n".join([start, *lines, end])
    replaced, count = re.subn(
        re.escape(start) + ".*?" + re.escape(end), lambda _: section, text, flags=re.DOTALL
    )
    assert count == 1, f"{PAGE} has no markers of {name}"
    PAGE.write_text(replaced, encoding="utf-8")


if __name__ == "__main__":
    main()
