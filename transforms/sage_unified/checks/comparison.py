"""A tie-out as a value: what is compared, and how its outcome is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl

from sage_unified.columns import MONEY, Types

Frames: TypeAlias = Mapping[str, pl.LazyFrame]
"""Built and raw tables by name."""

COLUMNS: Final[Types] = {
    "check": pl.String(),
    "business_id": pl.String(),
    "subject": pl.String(),
    "expected": MONEY,
    "found": MONEY,
    "difference": MONEY,
    "status": pl.String(),
    "hint": pl.String(),
}

NO_AMOUNTS: Final = [pl.lit(None, MONEY).alias(name) for name in ("expected", "found")]

_COMPARED: Final = ("business_id", "subject", "expected", "found")
_DETAIL: Final = "detail"
_TOLERANCE: Final = "tolerance"
_IS_BROKEN: Final = "is_broken"


@dataclass(frozen=True)
class Check:
    """A comparison and what to say of its outcome."""

    name: str
    subjects: str
    """What the compared subjects are, in the plural."""
    compare: Callable[[Frames], pl.LazyFrame]
    """``business_id, subject, expected, found``; where known ``detail``, what is wrong in particular,
    and ``tolerance``, a difference that is still no break."""
    when_broken: str
    when_missing: str
    needs: tuple[str, ...] = ()
    """Resources without which a business can not be compared, see :mod:`sage_unified.checks.gaps`."""


def outcome(check: Check, frames: Frames, gaps: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of one check, in the order of :data:`COLUMNS`, by business and subject.

    ``gaps`` has ``business_id, resource`` of what was not loaded.
    """
    lacking = _lacking(check, gaps)
    is_broken = (pl.col("expected") - pl.col("found")).abs() > pl.col(_TOLERANCE)
    compared = (
        _complete(check.compare(frames))
        .join(lacking, on="business_id", how="anti")
        .with_columns(is_broken.alias(_IS_BROKEN))
    )
    # both at once, so that nothing of a million subjects but what is broken is kept
    broken, totals = (
        found.lazy()
        for found in pl.collect_all(
            [compared.filter(_IS_BROKEN), _totals(compared)], engine="streaming"
        )
    )
    count = pl.concat_str("subjects", pl.lit(f" {check.subjects}"))
    sound = totals.filter(~pl.col(_IS_BROKEN)).with_columns(
        pl.when(pl.col("subjects") == 1).then("subject").otherwise(count).alias("subject")
    )
    missing = (
        frames["dim_business"]
        .join(totals, on="business_id", how="anti")
        .join(lacking, on="business_id", how="left", validate="1:1")
        .select("business_id", pl.lit(check.subjects).alias("subject"), *NO_AMOUNTS, "lacking")
    )
    broken_hint = pl.concat_str(
        pl.format("{}. ", _DETAIL), pl.lit(check.when_broken), ignore_nulls=True
    )
    missing_hint = pl.concat_str(
        pl.format("Not loaded at all: {}. ", "lacking"),
        pl.lit(check.when_missing),
        ignore_nulls=True,
    )
    return pl.concat(
        [
            rows(check.name, sound, "ok", pl.lit("")),
            rows(check.name, broken, "broken", broken_hint),
            rows(check.name, missing, "missing", missing_hint),
        ]
    ).sort("business_id", "subject")


def _totals(compared: pl.LazyFrame) -> pl.LazyFrame:
    """By business: how many subjects, one of them, the sums, and whether any is broken."""
    return compared.group_by("business_id").agg(
        pl.len().alias("subjects"),
        pl.col("subject").first(),
        pl.col("expected", "found").sum(),
        pl.col(_IS_BROKEN).any(),
    )


def rows(name: str, outcomes: pl.LazyFrame, status: str, hint: pl.Expr) -> pl.LazyFrame:
    """``outcomes`` (business_id, subject, expected, found) in the order of :data:`COLUMNS`."""
    return outcomes.select(
        pl.lit(name).alias("check"),
        "business_id",
        "subject",
        pl.col("expected", "found").cast(MONEY),
        (pl.col("found") - pl.col("expected")).cast(MONEY).alias("difference"),
        pl.lit(status).alias("status"),
        hint.alias("hint"),
    )


def both(
    expected: pl.LazyFrame, found: pl.LazyFrame, subject: str, nobody: str = "none"
) -> pl.LazyFrame:
    """The subjects of either side, by business and the column ``subject``; a side lacking one has 0.

    ``expected`` and ``found`` are grouped by it and have a column of their name. A null subject is called
    ``nobody``.
    """
    key = ["business_id", subject]
    return (
        expected.join(found, on=key, how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col("expected", "found").fill_null(0))
        .with_columns(pl.col(subject).cast(pl.String).fill_null(nobody).alias("subject"))
    )


def _complete(compared: pl.LazyFrame) -> pl.LazyFrame:
    columns = compared.collect_schema().names()
    detail = pl.col(_DETAIL) if _DETAIL in columns else pl.lit(None, pl.String)
    tolerance = pl.col(_TOLERANCE) if _TOLERANCE in columns else pl.lit(0, MONEY)
    return compared.select(*_COMPARED, detail.alias(_DETAIL), tolerance.alias(_TOLERANCE))


def _lacking(check: Check, gaps: pl.LazyFrame) -> pl.LazyFrame:
    """``business_id, lacking``: what the check needs and was not loaded, as text."""
    return (
        gaps.filter(pl.col("resource").is_in(check.needs))
        .group_by("business_id")
        .agg(pl.col("resource").unique().sort().str.join(", ").alias("lacking"))
    )
