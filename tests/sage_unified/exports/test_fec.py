"""The FEC: what the law says of lines, for any text and any amounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from fec_reader import read_fec
from hypothesis import given
from hypothesis import strategies as st

from sage_unified.exports import fec
from sage_unified.exports.refusals import Business, ExportRefusedError, Period, require_one_year

Entries = Callable[..., pl.DataFrame]
NAME = "732829320FEC20251231.txt"
YEAR = Period(date(2025, 1, 1), date(2025, 12, 31))
OPENING_COLUMNS = (
    "account_id", "code", "account_name", "account_subclass", "contact_name", "contact_reference",
    "auxiliary_account", "amount",
)  # fmt: skip


def content(lines: pl.DataFrame) -> bytes:
    return fec.header() + fec.to_bytes(lines)


@given(data=st.data())
def test_any_text_and_code_leave_every_line_whole(
    make_entries: Entries, awkward: st.SearchStrategy[str | None], data: st.DataObject
) -> None:
    amounts = data.draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=4))
    names = (
        "description", "contact_name", "contact_reference", "auxiliary_account", "account_name",
        "document_number", "reference", "journal_code",
    )  # fmt: skip
    texts = {name: data.draw(awkward) for name in names}
    code = data.draw(st.from_regex(r"[1-6][0-9]{2,12}", fullmatch=True))
    legs: list[dict[str, Any]] = [
        {"code": code, "amount": Decimal(a) / 100, "account_subclass": "receivable"}
        for a in amounts
    ]
    legs.append({"code": "706000", "amount": -Decimal(sum(amounts)) / 100})
    found = read_fec(NAME, content(fec.entry_lines(make_entries(legs, **texts), 1)))
    assert found.problems == []
    assert len(found.lines) == len(legs)
    assert found.balances().get(code, 0) == Decimal(sum(amounts)) / 100


def test_numbers_go_on_after_the_opening(make_entries: Entries) -> None:
    booked = [{"code": "512000", "amount": 5}, {"code": "706000", "amount": -5}]
    lines = fec.entry_lines(make_entries(booked, booked), 2)
    assert lines["EcritureNum"].to_list() == ["2", "2", "3", "3"]


def opening(*balances: tuple[str, int]) -> pl.DataFrame:
    rows = [{"account_id": code, "code": code, "amount": amount} for code, amount in balances]
    types = dict.fromkeys(OPENING_COLUMNS, pl.String) | {"amount": pl.Decimal(19, 4)}
    return fec.opening_lines(pl.DataFrame(rows, schema=types), YEAR.first)


@pytest.mark.parametrize(("result", "account"), [(-30, "120"), (30, "129")])
def test_result_of_the_year_before_stands_on_120_or_129(result: int, account: str) -> None:
    lines = opening(("101000", -result), ("706000", result))
    assert read_fec(NAME, content(lines)).balances() == {"101000": -result, account: result}


def test_opening_is_one_balanced_entry_of_the_first_day() -> None:
    lines = opening(("101000", -70), ("512000", 100), ("706000", -30), ("164000", 0))
    assert read_fec(NAME, content(lines)).problems == []
    assert lines["EcritureDate"].unique().to_list() == ["20250101"]
    assert "164000" not in lines["CompteNum"]


def test_no_balance_is_no_opening() -> None:
    assert opening(("101000", 0)).is_empty()


def test_amount_in_currency_keeps_its_sign(make_entries: Entries) -> None:
    legs = [
        {"code": "411000", "amount": "92.40", "currency": "USD", "currency_amount": Decimal(100)},
        {"code": "706000", "amount": "-92.40", "currency": "USD", "currency_amount": Decimal(-100)},
    ]
    lines = fec.entry_lines(make_entries(legs), 1)
    assert lines["Montantdevise"].to_list() == ["100,00", "-100,00"]


def test_payment_of_a_customer_is_in_the_bank_journal(make_entries: Entries) -> None:
    legs = [{"code": "512000", "amount": 1}, {"code": "411000", "amount": -1}]
    lines = fec.entry_lines(make_entries(legs, transaction_type="CUSTOMER_RECEIPT"), 1)
    assert lines["JournalCode"].unique().to_list() == ["BQ"]


@pytest.mark.parametrize("siret", [None, "", "12345", "ABCDEFGHI00012", "٣٣٣٣٣٣٣٣٣00012"])
def test_missing_siren_is_refused(french: Business, siret: str | None) -> None:
    with pytest.raises(ExportRefusedError, match="no SIREN"):
        fec.file_name(replace(french, siret=siret), YEAR)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"code": None, "amount": 1}, "without a code"),
        ({"code": "41", "amount": 1}, "fewer than 3"),
        ({"code": "411000", "amount": "0.0051"}, "fractions of a cent"),
    ],
)
def test_what_no_line_can_hold_is_refused(
    make_entries: Entries, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExportRefusedError, match=message):
        fec.entry_lines(make_entries([row]), 1)


def test_period_in_two_years_is_refused(french: Business) -> None:
    with pytest.raises(ExportRefusedError, match="two financial years"):
        require_one_year(french, Period(date(2025, 7, 1), date(2026, 6, 30)))


@given(
    end=st.dates(date(2000, 1, 1), date(2040, 12, 31)),
    day=st.dates(date(2000, 1, 1), date(2040, 1, 1)),
)
def test_each_day_is_in_the_year_that_is_found_for_it(
    french: Business, end: date, day: date
) -> None:
    year = require_one_year(replace(french, year_end=end), Period(day, day))
    assert year.first <= day <= year.last
    assert 365 <= (year.last - year.first).days + 1 <= 366


def test_period_that_begins_within_the_year_is_refused(french: Business) -> None:
    with pytest.raises(ExportRefusedError, match="--from 2025-01-01"):
        fec.require_whole_year(french, Period(date(2025, 2, 1), YEAR.last), YEAR)


def test_description_names_codes_and_rules(french: Business) -> None:
    note = fec.description_note(french, YEAR, YEAR)
    assert "UTF-8" in note
    assert "version" in note
