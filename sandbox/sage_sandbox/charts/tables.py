"""Rows of the sandbox's CSV tables, read once."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

Row = dict[str, str]


@cache
def rows(name: str) -> tuple[Row, ...]:
    """Give the rows of ``<name>.csv`` in file order."""
    text = (files("sage_sandbox.charts") / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def settings(country: str) -> Row:
    """Give what distinguishes a country's business; an unknown country is a KeyError."""
    for row in rows("settings"):
        if row["country"] == country:
            return row
    raise KeyError(f"no sandbox books for country {country!r}; known: {', '.join(countries())}")


def countries() -> list[str]:
    """Give the countries that the sandbox knows."""
    return [row["country"] for row in rows("settings")]


@cache
def words(country: str, kind: str) -> tuple[Row, ...]:
    """Give the rows of one kind of word (stem, trade, form, first, last, street, city)."""
    return tuple(row for row in rows("words") if (row["country"], row["kind"]) == (country, kind))


def offered(row: Row, country: str) -> bool:
    """Tell whether a reference row holds in a country (an empty list means all)."""
    return not row["countries"] or country in row["countries"].split()
