"""Joins that hold no rows in memory are the joins that they stand for."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_unified.joins import look_up

KEYS = st.one_of(st.none(), st.integers(0, 5))


def rows(keys: list[int | None]) -> pl.LazyFrame:
    return pl.LazyFrame(
        {"key": keys, "row": range(len(keys))}, schema={"key": pl.Int64, "row": pl.Int64}
    )


@given(
    left=st.lists(KEYS), right=st.lists(KEYS, unique=True), how=st.sampled_from(["left", "inner"])
)
def test_rows_are_those_of_a_validated_join(
    left: list[int | None], right: list[int | None], how: str
) -> None:
    table = rows(right).rename({"row": "found"})
    plain = rows(left).join(table, on="key", how=how, validate="m:1")  # type: ignore[arg-type]
    found = look_up(rows(left), table, "key", how)  # type: ignore[arg-type]
    assert found.collect(engine="streaming").sort("row").equals(plain.collect().sort("row"))


def test_key_that_stands_twice_is_an_error() -> None:
    with pytest.raises(pl.exceptions.ComputeError, match="a key of key stands twice"):
        look_up(rows([1, 2]), rows([1, 1]), "key").collect(engine="streaming")


def test_nulls_may_stand_twice_since_they_match_nothing() -> None:
    assert look_up(rows([1]), rows([None, None]), "key").collect().height == 1
