"""Surrogate keys stay what they are."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import polars as pl

from sage_unified.keys import surrogate_key


def keys(*rows: tuple[str | None, date]) -> list[str]:
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.Date}, orient="row")
    return frame.select(surrogate_key("a", "b")).to_series().to_list()


def test_key_is_of_a_published_hash() -> None:
    expected = sha256(b"x\x1f2024-05-01").hexdigest()[:32]
    assert keys(("x", date(2024, 5, 1))) == [expected]


def test_null_has_a_key() -> None:
    assert keys((None, date(2024, 5, 1))) == keys(("", date(2024, 5, 1)))
