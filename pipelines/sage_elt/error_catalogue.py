"""The catalogue of errors: what each code means and what heals it, from the ``errors.csv`` of each layer."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

LAYERS: Final = ("sage_accounting", "sage_unified", "sage_elt")
PAGE: Final = "docs/errors.md"

UNEXPECTED: Final = "unexpected-failure"
"""Of an error that nobody foresaw."""


@dataclass(frozen=True)
class Entry:
    """One code of the catalogue."""

    code: str
    layer: str
    """Package that raises it."""
    cause: str
    remedy: str


@cache
def catalogue() -> Mapping[str, Entry]:
    """All entries by code, in alphabetical order."""
    entries = [
        Entry(row["code"], layer, row["cause"], row["remedy"])
        for layer in LAYERS
        for row in csv.DictReader(
            files(layer).joinpath("errors.csv").read_text(encoding="utf-8").splitlines()
        )
    ]
    return {entry.code: entry for entry in sorted(entries, key=lambda entry: entry.code)}


def anchor_of(code: str) -> str:
    """Where the documentation explains a code."""
    return f"{PAGE}#{code}"
