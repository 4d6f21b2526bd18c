"""Every check over the sandbox's books: ``python tests/support/ties.py [SEEDS] [COUNTRY…]``.

Generates the books of seven countries for seeds 1 to SEEDS (20), builds all tables from their raw rows
and prints each check that is not ok with a difference of exactly 0. Exit 1 when there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date

import polars as pl
from sandbox_books import COUNTRIES, RawRows, books, raw_frames, raw_rows

import sage_unified as su

LOAD_DATE = date(2026, 7, 1)
"""The day after the last of the sandbox's books."""
LISTINGS = ("tax_rates_mapped", "tax_lines_mapped")
"""Checks that only list; their counts may differ."""


def outcomes(rows: RawRows) -> pl.DataFrame:
    """What the checks say of the tables made of these raw rows."""
    raw = raw_frames(rows)
    built = {name: frame.lazy() for (_, name), frame in su.build(raw, LOAD_DATE).items()}
    return su.check(built | {name: raw[name] for name in su.checked_columns()["sage"]})


def not_tied(found: pl.DataFrame) -> pl.DataFrame:
    """The rows that are not ok to the cent."""
    differs = (pl.col("difference") != 0) & ~pl.col("check").is_in(LISTINGS)
    return found.filter((pl.col("status") != "ok") | differs.fill_null(False))


def main(seeds: int, countries: Sequence[str]) -> int:
    """Print what does not tie; 0 when everything does."""
    broken = 0
    for country in countries:
        for seed in range(1, seeds + 1):
            bad = not_tied(outcomes(raw_rows(books(country, seed).business)))
            for row in bad.iter_rows(named=True):
                told = (str(row[name]) for name in row if name != "business_id")
                sys.stdout.write(f"{country} {seed} {' '.join(told)}\n")
            broken += bad.height
        sys.stdout.write(f"{country}: seeds 1 to {seeds} done, {broken} rows do not tie so far\n")
        sys.stdout.flush()
    return 1 if broken else 0


if __name__ == "__main__":
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    sys.exit(main(seeds, sys.argv[2:] or COUNTRIES))
