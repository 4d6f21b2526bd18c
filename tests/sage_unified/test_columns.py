"""The border: text, numbers and dates become what the transforms work with, exactly."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_unified.columns import MONEY, require, typed
from sage_unified.errors import InputError


def as_money(*values: object) -> list[Decimal | None]:
    frame = pl.LazyFrame({"amount": values}, strict=False)
    return typed(frame, {"amount": MONEY}).collect()["amount"].to_list()


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("14,975", "14.975"),
        ("20 %", "20"),
        ("10,00\u00a0%", "10"),
        (" 5. ", "5"),
        (".5", "0.5"),
        ("+3", "3"),
        ("-20", "-20"),
        ("1e1", "10"),
    ],
)
def test_text_of_a_number_is_that_number(text: str, amount: str) -> None:
    assert as_money(text) == [Decimal(amount)]


@pytest.mark.parametrize(
    "text", ["", " ", "1.234,50", "abc", "NaN", "inf", "--1", "%", "1,2,3", "."]
)
def test_text_that_is_no_number_is_null(text: str) -> None:
    assert as_money(text) == [None]


def test_a_float_column_is_read_by_its_shortest_text() -> None:
    assert as_money(0.1, 13.5, 1000.0) == [Decimal("0.1"), Decimal("13.5"), Decimal(1000)]


@given(st.decimals(-(10**14), 10**14, places=4))
def test_every_amount_in_text_comes_through_exactly(amount: Decimal) -> None:
    assert as_money(f"{amount:f}") == [amount]


@pytest.mark.parametrize("text", ["2024-05-01", "2024-05-01T00:00:00", " 2024-05-01 "])
def test_date_is_the_date_part_of_a_text(text: str) -> None:
    frame = typed(pl.LazyFrame({"day": [text]}), {"day": pl.Date()}).collect()
    assert frame["day"].to_list() == [date(2024, 5, 1)]


def test_date_is_the_date_part_of_a_moment() -> None:
    frame = pl.LazyFrame({"day": [datetime(2024, 5, 1, 23, 59)]})  # noqa: DTZ001 - naive on purpose
    assert typed(frame, {"day": pl.Date()}).collect()["day"].to_list() == [date(2024, 5, 1)]


def test_flag_may_be_a_number_or_a_word() -> None:
    numbers = typed(pl.LazyFrame({"flag": [1, 0, None]}), {"flag": pl.Boolean()}).collect()
    words = typed(pl.LazyFrame({"flag": ["true", "0", ""]}), {"flag": pl.Boolean()}).collect()
    assert numbers["flag"].to_list() == words["flag"].to_list() == [True, False, None]


def test_missing_column_is_null_and_keeps_the_rows() -> None:
    frame = typed(pl.LazyFrame({"other": [1, 2]}), {"amount": MONEY}).collect()
    assert frame["amount"].to_list() == [None, None]


def test_frame_without_columns_has_no_rows() -> None:
    assert typed(pl.LazyFrame(), {"amount": MONEY}, {"amount": 0}).collect().is_empty()


def test_default_stands_for_a_missing_column_and_for_a_null() -> None:
    frame = pl.LazyFrame({"given": [None, "2"]})
    columns = {"given": MONEY, "absent": MONEY}
    filled = typed(frame, columns, {"given": 1, "absent": 0}).collect()
    assert filled.rows() == [(Decimal(1), Decimal(0)), (Decimal(2), Decimal(0))]


def test_missing_input_names_function_and_columns() -> None:
    with pytest.raises(InputError, match=r"classify_x needs the columns b, c"):
        require(pl.DataFrame({"a": [1]}), ["a", "b", "c"], "classify_x")
