"""Values on the wire."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sage_sandbox.wire import WireStyle, record_bytes

decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15)


@given(decimals)
def test_number_is_written_digit_by_digit(value: Decimal) -> None:
    body = record_bytes({"amount": value}, WireStyle())
    read = json.loads(body, parse_float=Decimal, parse_int=Decimal)["amount"]
    assert format(read, "f") == format(value, "f")


@given(decimals)
def test_text_has_the_same_value(value: Decimal) -> None:
    read = json.loads(record_bytes({"amount": value}, WireStyle("text")))["amount"]
    assert Decimal(read) == value


@pytest.mark.parametrize(
    ("value", "text"), [("110.00", "110.0"), ("5", "5.0"), ("0.125", "0.125"), ("-7.50", "-7.5")]
)
def test_text_keeps_one_decimal_place(value: str, text: str) -> None:
    body = record_bytes({"amount": Decimal(value)}, WireStyle("text"))
    assert json.loads(body) == {"amount": text}


def test_mixed_writes_numbers_and_text_in_turn() -> None:
    record = {"net": Decimal("1.00"), "tax": Decimal("2.00"), "total": Decimal("3.00")}
    assert record_bytes(record, WireStyle("mixed")) == b'{"net":1.00,"tax":"2.0","total":3.00}'


def test_blank_nulls_leave_objects_null() -> None:
    record = {"due_date": None, "tax_rate": None, "lines": [{"net_amount": None, "product": None}]}
    assert json.loads(record_bytes(record, WireStyle(blank_nulls=True))) == {
        "due_date": "",
        "tax_rate": None,
        "lines": [{"net_amount": "", "product": None}],
    }


@given(st.text(st.characters(exclude_characters="\ue000\ue001", exclude_categories=["Cs"])))
def test_text_passes_unchanged(text: str) -> None:
    assert json.loads(record_bytes({"name": text}, WireStyle())) == {"name": text}
