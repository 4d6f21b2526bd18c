"""DATEV batches: read back as DATEV would, they move every account by what Sage booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from datev_reader import Extf, read_extf
from hypothesis import given
from hypothesis import strategies as st

from sage_unified.exports import datev
from sage_unified.exports.datev_accounts import account_length, personal_numbers
from sage_unified.exports.datev_format import Batch, encoded, header, require_numbers, to_bytes
from sage_unified.exports.datev_legs import Chart
from sage_unified.exports.refusals import Business, ExportRefusedError, Period

Entries = Callable[..., pl.DataFrame]
PERSONS = pl.DataFrame(
    {"contact_id": ["c", "c"], "role": ["receivable", "payable"], "number": ["10001", "70001"]}
)
RATES = pl.DataFrame(
    [
        ("S", date(2007, 1, 1), date(2020, 6, 30), Decimal(19), "domestic"),
        ("S", date(2020, 7, 1), date(2020, 12, 31), Decimal(16), "domestic"),
        ("S", date(2021, 1, 1), date(9999, 12, 31), Decimal(19), "domestic"),
        ("R", date(2007, 1, 1), date(9999, 12, 31), Decimal(7), "domestic"),
        ("G", date(2007, 1, 1), date(9999, 12, 31), Decimal(0), "export"),
        ("K", date(2007, 1, 1), date(9999, 12, 31), Decimal(0), "intra_eu_supply"),
        ("X", date(2007, 1, 1), date(9999, 12, 31), Decimal(19), "reverse_charge"),
    ],
    schema={
        "tax_rate_id": pl.String,
        "valid_from": pl.Date,
        "valid_to": pl.Date,
        "percentage": pl.Decimal(9, 4),
        "treatment": pl.String,
    },
    orient="row",
)
CHART = Chart("SKR04", 4, PERSONS, RATES)
BATCH = Batch(
    consultant=29098,
    client=7,
    year_first=date(2025, 1, 1),
    account_length=4,
    made_at=datetime(2025, 4, 1, 8, 0, 0, 5000, UTC),
    chart="SKR04",
    currency="EUR",
    entries=Period(date(2025, 1, 1), date(2025, 12, 31)),
)
DEBTOR: dict[str, Any] = {
    "code": "1200",
    "account_subclass": "receivable",
    "is_control_account": True,
    "contact_id": "c",
}


def written(entries: pl.DataFrame, chart: Chart = CHART) -> Extf:
    batch = replace(BATCH, account_length=chart.length)
    lines = datev.booking_lines(entries, chart)
    return read_extf(encoded(header(batch, "booking")) + to_bytes(lines))


def booked(entries: pl.DataFrame) -> dict[str, Decimal]:
    """What Sage booked, contacts in place of their control accounts."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for code, contact, amount in entries.select("code", "contact_id", "amount").iter_rows():
        sums["10001" if contact else code] += amount
    return {account: total for account, total in sums.items() if total}


def sale(
    code: str, net: str, tax: str, rate: str = "S", tax_code: str = "3806"
) -> list[dict[str, Any]]:
    return [
        {**DEBTOR, "amount": Decimal(net) + Decimal(tax)},
        {"code": code, "amount": -Decimal(net), "tax_rate_id": rate, "account_class": "income"},
        {"code": tax_code, "amount": -Decimal(tax), "tax_rate_id": rate, "account_subclass": "tax"},
    ]


def test_sale_is_one_line_with_gross_and_key(make_entries: Entries) -> None:
    found = written(make_entries(sale("4420", "100.00", "19.00")))
    assert [found.records[0][p] for p in (0, 1, 6, 7, 8)] == [
        "119,00",
        '"S"',
        "10001",
        "4420",
        '"3"',
    ]


def test_automatic_account_has_no_key(make_entries: Entries) -> None:
    found = written(make_entries(sale("4400", "100.00", "19.00")))
    assert (found.records[0][0], found.text(0, 9)) == ("119,00", "")


def test_automatic_account_is_stopped_where_sage_booked_no_tax(make_entries: Entries) -> None:
    legs = [{**DEBTOR, "amount": 100}, {"code": "4400", "amount": -100}]
    assert written(make_entries(legs)).text(0, 9) == "40"


def test_tax_on_an_account_that_is_not_the_keys_is_a_line_of_its_own(make_entries: Entries) -> None:
    entries = make_entries(sale("4420", "100.00", "7.00", rate="R", tax_code="3806"))
    found = written(entries)
    assert [r[8] for r in found.records] == ['""', '""']
    assert found.movements() == booked(entries)


def test_rate_of_the_half_year_of_2020_has_no_key(make_entries: Entries) -> None:
    entries = make_entries(sale("4420", "100.00", "16.00"), date=date(2020, 9, 1))
    assert {r[8] for r in written(entries).records} == {'""'}


def test_export_and_supply_within_the_union_bear_their_keys(make_entries: Entries) -> None:
    of_world = [
        {**DEBTOR, "amount": 5},
        {"code": "4120", "amount": -5, "tax_rate_id": "G", "account_class": "income"},
    ]
    of_union = [
        {**DEBTOR, "amount": 6, "tax_number": "FR 83404833048"},
        {"code": "4125", "amount": -6, "tax_rate_id": "K", "account_class": "income", "tax_number": "FR 83404833048"},
    ]  # fmt: skip
    found = written(make_entries(of_world, of_union))
    assert [found.text(i, 9) for i in (0, 1)] == ["1", "11"]
    assert found.text(1, 40) == "FR83404833048"


def test_cent_of_rounding_is_a_line_of_its_own(make_entries: Entries) -> None:
    entries = make_entries(sale("4420", "100.00", "19.01"))
    found = written(entries)
    assert len(found.records) == 2
    assert found.movements() == booked(entries)


def test_keyed_amounts_against_each_other_are_not_one_booking(make_entries: Entries) -> None:
    taken, given_back = (
        [
            {"code": "4400", "amount": -sign * Decimal("0.03"), "tax_rate_id": "S", "account_class": "income"},
            {"code": "3806", "amount": -sign * Decimal("0.01"), "tax_rate_id": "S", "account_subclass": "tax"},
        ]
        for sign in (1, -1)
    )  # fmt: skip
    entries = make_entries([*taken, *given_back])
    assert written(entries).movements() == booked(entries)


def test_amount_with_tax_against_one_without_keeps_its_tax(make_entries: Entries) -> None:
    legs = [
        {"code": "4400", "amount": Decimal("0.03"), "tax_rate_id": "S", "account_class": "income"},
        {"code": "3806", "amount": Decimal("0.01"), "tax_rate_id": "S", "account_subclass": "tax"},
        {"code": "4400", "amount": Decimal("-0.04"), "tax_rate_id": "R", "account_class": "income"},
    ]
    entries = make_entries(legs)
    assert written(entries).movements() == booked(entries)


CENTS = st.integers(-(10**7), 10**7).filter(bool)


@given(
    invoices=st.lists(
        st.tuples(
            st.lists(
                st.tuples(
                    st.sampled_from(["4400", "4420", "4300"]),
                    CENTS,
                    st.sampled_from("SRGX"),
                    st.integers(-3, 3),
                ),
                min_size=1,
                max_size=4,
            ),
            st.sampled_from([0, 0, 0, 500]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_read_back_every_account_moved_by_what_sage_booked(
    make_entries: Entries, invoices: list[Any]
) -> None:
    transactions = []
    for lines, deposit in invoices:
        legs: list[dict[str, Any]] = []
        for code, net, rate, off in lines:
            legs.append({"code": code, "amount": Decimal(-net) / 100, "tax_rate_id": rate, "account_class": "income"})  # fmt: skip
            tax = round(net * {"S": 19, "R": 7, "G": 0, "X": 0}[rate] / 100) + off * (rate in "SR")
            legs.append({"code": "3806" if rate == "S" else "3801", "amount": Decimal(-tax) / 100, "tax_rate_id": rate, "account_subclass": "tax"})  # fmt: skip
        total = -sum((leg["amount"] for leg in legs), Decimal(0))
        cash = Decimal(deposit) / 100
        legs += [{"code": "1800", "amount": cash}, {**DEBTOR, "amount": total - cash}]
        transactions.append(legs)
    entries = make_entries(*transactions)
    found = written(entries)
    assert found.problems == []
    assert found.movements() == booked(entries)


@given(data=st.data())
def test_any_text_leaves_every_line_whole(
    make_entries: Entries, awkward: st.SearchStrategy[str | None], data: st.DataObject
) -> None:
    texts = {
        n: data.draw(awkward)
        for n in ("description", "document_number", "reference", "transaction_id")
    }
    found = written(make_entries(sale("4420", "1.00", "0.19"), **texts))
    assert found.problems == []
    assert len(found.records) == 1


CONTACT_TEXTS = (
    "name",
    "tax_number",
    "address_line_1",
    "address_line_2",
    "city",
    "postal_code",
    "country",
)


@given(data=st.data())
def test_any_contact_is_one_line_of_254_fields(
    awkward: st.SearchStrategy[str | None], data: st.DataObject
) -> None:
    texts = {name: data.draw(awkward) for name in CONTACT_TEXTS}
    contact = {"contact_id": "c", "credit_limit": Decimal("5000"), "credit_days": 30, **texts}
    types = dict.fromkeys(contact, pl.String) | {
        "credit_limit": pl.Decimal(19, 4),
        "credit_days": pl.Int32,
    }
    lines = datev.contact_lines(pl.DataFrame([contact], schema=types), PERSONS)
    found = read_extf(encoded(header(BATCH, "contact")) + to_bytes(lines))
    assert found.problems == []
    assert [record[0] for record in found.records] == ["10001", "70001"]
    assert [record[107] for record in found.records] == ["5000", ""]


def test_umlauts_are_kept_and_emoji_are_marked(make_entries: Entries) -> None:
    found = written(make_entries(sale("4420", "1.00", "0.19"), description="Müller „Tür“ 🪑 Łódź"))
    assert found.text(0, 14) == "Müller „Tür“ ? ?ódz"


def test_header_says_the_fiscal_year_and_never_locks() -> None:
    found = read_extf(encoded(header(BATCH, "booking")))
    assert (found.header[5], found.header[12], found.header[20]) == (
        "20250401080000005",
        "20250101",
        "0",
    )
    assert "2026.1" in found.header[30]


@pytest.mark.parametrize(
    ("codes", "length"), [(["21", "4400"], 4), (["4400", "12345678"], 8), ([], 4)]
)
def test_account_length_holds_the_longest(codes: list[str], length: int) -> None:
    assert account_length(pl.Series(codes, dtype=pl.String)) == length


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (["123456789"], "too long for DATEV"),
        (["4400", "1234567890123"], "13 digits"),
        (["44A0"], "is no number"),
        (["4400", "44000"], "become the same account"),
    ],
)
def test_account_that_datev_can_not_hold_is_refused(codes: list[str], message: str) -> None:
    with pytest.raises(ExportRefusedError, match=message):
        account_length(pl.Series(codes))


@given(
    contacts=st.lists(
        st.tuples(
            st.one_of(st.none(), st.sampled_from(["C1", "C0001", "S1", "x", "99999999999"])),
            st.one_of(st.none(), st.sampled_from(["10001", "70001", "4711", "A1", "١٠٠٠١"])),
        ),
        max_size=20,
    ),
    length=st.integers(4, 8),
)
def test_numbers_of_persons_are_in_their_range_and_their_own(
    contacts: list[tuple[str | None, str | None]], length: int
) -> None:
    rows = [(f"c{i}", *contact, True, True) for i, contact in enumerate(contacts)]
    names = ["contact_id", "reference", "auxiliary_account", "is_receivable", "is_payable"]
    types = dict.fromkeys(names[:3], pl.String) | dict.fromkeys(names[3:], pl.Boolean)
    numbers = personal_numbers(pl.DataFrame(rows, schema=types, orient="row"), length)
    assert numbers["number"].n_unique() == 2 * len(contacts)
    for role, number in numbers.select("role", "number").iter_rows():
        assert len(number) == length + 1
        assert (number[0] in "123456") == (role == "receivable")


def test_number_that_sage_has_is_kept() -> None:
    one = pl.DataFrame(
        {"contact_id": ["c"], "reference": ["C9"], "auxiliary_account": ["10007"], "is_receivable": [True], "is_payable": [False]}
    )  # fmt: skip
    assert personal_numbers(one, 4)["number"].to_list() == ["10007"]


def test_chart_without_keys_is_refused(french: Business) -> None:
    with pytest.raises(ExportRefusedError, match="tax keys are known for"):
        datev.require_chart(replace(french, country="DE", chart="SKR14"))


def test_business_of_another_country_is_refused(french: Business) -> None:
    with pytest.raises(ExportRefusedError, match="is of FR"):
        datev.require_chart(french)


@pytest.mark.parametrize(("consultant", "client"), [(1000, 1), (10_000_000, 1), (1001, 0)])
def test_numbers_that_datev_never_gives_are_refused(consultant: int, client: int) -> None:
    with pytest.raises(ExportRefusedError, match="consultant"):
        require_numbers(consultant, client)


def test_amount_of_eleven_digits_is_refused(make_entries: Entries) -> None:
    legs = [{"code": "1800", "amount": 10**10}, {"code": "2900", "amount": -(10**10)}]
    with pytest.raises(ExportRefusedError, match="ten digits"):
        datev.booking_lines(make_entries(legs), CHART)
