"""A table of the warehouse: what it is made of, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias

import polars as pl

Schema: TypeAlias = Literal["unified", "marts", "work"]
"""``work`` is for tables that others are made of and that no warehouse keeps."""
WORK: Final = "work"
TableName: TypeAlias = tuple[str, str]
"""Schema and name."""
Frames: TypeAlias = Mapping[str, pl.LazyFrame]
"""Raw tables, and tables built before, by name."""


@dataclass(frozen=True)
class Table:
    """A table of the warehouse."""

    schema: Schema
    name: str
    reads: tuple[str, ...]
    """Raw tables that it is made of, directly."""
    after: tuple[str, ...]
    """Tables that it is made of and that are built before."""
    make: Callable[[Frames, date], pl.LazyFrame]
    """From those tables and the load date."""
