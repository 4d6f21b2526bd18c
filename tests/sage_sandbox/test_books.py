"""The sandbox's books are coherent for every country, size and seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sage_sandbox.audit import CHECKS, audit, generated_by_the_last_day
from sage_sandbox.books import Books, generate_business
from sage_sandbox.records import ZERO
from sage_sandbox.store import Business, Record

COUNTRIES = ("GB", "IE", "US", "CA", "FR", "ES", "DE")


@cache
def books_of(country: str, index: int = 0) -> Books:
    """Books that no test changes."""
    return generate_business(country, invoices=160, seed=1, index=index)


def records(country: str, resource: str) -> list[Record]:
    return list(books_of(country).business.collections[resource])


def dumped(business: Business) -> str:
    content = {
        name: [collection.live, collection.deleted]
        for name, collection in business.collections.items()
    }
    return json.dumps([business.record, content], default=str)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("country", COUNTRIES)
def test_books_tie_out(country: str, check: str) -> None:
    assert list(CHECKS[check](books_of(country).business)) == []


@pytest.mark.parametrize("country", COUNTRIES)
def test_nothing_is_later_than_the_last_day(country: str) -> None:
    assert list(generated_by_the_last_day(books_of(country).business)) == []


@settings(max_examples=15, deadline=None)
@given(
    country=st.sampled_from(COUNTRIES),
    invoices=st.integers(0, 60),
    seed=st.integers(0, 10**6),
    index=st.integers(0, 3),
)
def test_books_of_any_size_and_seed_tie_out(
    country: str, invoices: int, seed: int, index: int
) -> None:
    books = generate_business(country, invoices=invoices, seed=seed, index=index)
    assert audit(books.business) == []


@pytest.mark.parametrize("country", ["GB", "CA"])
def test_the_same_arguments_give_the_same_bytes(country: str) -> None:
    first = generate_business(country, invoices=25, seed=7, index=1)
    second = generate_business(country, invoices=25, seed=7, index=1)
    assert dumped(first.business) == dumped(second.business)


def test_another_index_is_another_business() -> None:
    assert books_of("GB").business.id != books_of("GB", 1).business.id


def test_invoices_counts_both_sides() -> None:
    business = books_of("GB").business
    written = [business.collections[name] for name in ("sales_invoices", "purchase_invoices")]
    assert sum(len(c) + len(c.deleted) for c in written) == 160


def test_every_collection_has_a_record_in_some_country() -> None:
    filled, all_names = set(), set()
    for country in COUNTRIES:
        for name, collection in books_of(country).business.collections.items():
            all_names.add(name)
            if collection.live:
                filled.add(name)
    assert all_names - filled == set()


@pytest.mark.parametrize(
    ("name", "countries"),
    [
        ("journal_codes", {"FR"}),
        ("sales_corrective_invoices", {"ES"}),
        ("sales_credit_notes", {"GB", "IE", "US", "CA", "FR", "DE"}),
        ("cis_settings", {"GB"}),
        ("migration_tax_returns", {"GB", "IE"}),
        ("datev_settings", {"DE"}),
        ("tax_schemes", {"GB", "IE", "FR", "ES", "DE"}),
        ("ledger_entries", set(COUNTRIES)),
    ],
)
def test_a_collection_is_absent_where_sage_does_not_offer_it(
    name: str, countries: set[str]
) -> None:
    offered = {c for c in COUNTRIES if name in books_of(c).business.collections}
    assert offered == countries


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_status_of_an_invoice_occurs(country: str) -> None:
    seen = {invoice["status"]["id"] for invoice in records(country, "sales_invoices")}
    assert seen == {"UNPAID", "PART_PAID", "PAID", "VOID", "DRAFT"}


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_payment_at_another_rate_books_an_exchange_difference(country: str) -> None:
    differences = {
        account["id"]
        for account in records(country, "ledger_accounts")
        if (account["control_name"] or "").startswith("EXCHANGE_RATE")
    }
    assert any(e["ledger_account"]["id"] in differences for e in records(country, "ledger_entries"))


@pytest.mark.parametrize("resource", ["sales_invoices", "contact_payments", "bank_transfers"])
def test_some_records_are_tombstones(resource: str) -> None:
    deleted = books_of("GB").business.collections[resource].deleted.values()
    assert deleted
    assert all(record["deleted_at"] == record["updated_at"] for record in deleted)


@pytest.mark.parametrize("resource", ["ledger_entries", "transactions"])
def test_what_a_deleted_document_posted_stays_with_its_flag(resource: str) -> None:
    assert {record["deleted"] for record in records("FR", resource)} == {True, False}


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_record_with_an_id_has_the_three_standard_attributes(country: str) -> None:
    for name, collection in books_of(country).business.collections.items():
        for key, record in collection.live.items():
            if "id" in record and name != "unallocated_artefacts":
                assert (record["id"], record["$path"]) == (key, f"/{name}/{key}")
                assert record["displayed_as"]


def test_a_rate_keeps_its_history() -> None:
    rate = books_of("GB").business.collections["tax_rates"].live["GB_STANDARD"]
    assert [str(period["percentage"]) for period in rate["percentages"]] == [
        "17.5", "15", "17.5", "20",
    ]  # fmt: skip


def test_an_invoice_bears_the_rate_of_its_own_day() -> None:
    """Nova Scotia's HST fell from 15 to 14 on 2025-04-01."""
    seen = {
        (invoice["date"] >= "2025-04-01", int(part["percentage"]))
        for invoice in records("CA", "sales_invoices")
        for line in invoice["invoice_lines"]
        for part in line["tax_breakdown"]
        if part["tax_rate"]["id"] == "CA_HST_NS"
    }
    assert seen == {(False, 15), (True, 14)}


def test_a_combined_rate_breaks_its_tax_down_by_component() -> None:
    lines = [
        line
        for invoice in records("CA", "sales_invoices")
        for line in invoice["invoice_lines"]
        if line["tax_rate"]["id"] == "CA_GST_QST"
    ]
    assert {tuple(part["tax_rate"]["id"] for part in line["tax_breakdown"]) for line in lines} == {
        ("CA_GST", "CA_QST")
    }


@pytest.mark.parametrize("country", ["GB", "IE", "FR", "ES", "DE"])
def test_some_purchases_from_abroad_charge_no_tax_at_a_taxed_rate(country: str) -> None:
    assert any(
        line["tax_amount"] == ZERO and line["tax_breakdown"][0]["percentage"]
        for invoice in records(country, "purchase_invoices")
        for line in invoice["invoice_lines"]
    )


def test_north_and_south_of_the_irish_sea_are_told_apart() -> None:
    flags = [books_of("GB", index).business.record["ni_based"] for index in (0, 1)]
    assert flags == [False, True]


def test_germany_has_both_standard_charts() -> None:
    banks = set()
    for index in (0, 1):
        for account in books_of("DE", index).business.collections["ledger_accounts"]:
            if account["control_name"] == "BANK_ACCOUNT":
                banks.add(account["nominal_code"])
    assert banks == {1200, 1800}


@pytest.mark.parametrize("country", COUNTRIES)
def test_ledger_balances_equal_the_sum_of_periods(country: str) -> None:
    business = books_of(country).business
    assert business.balance_details is not None
    whole = business.balance_details("2024-06-30", "2026-06-30")
    halves = [
        business.balance_details("2024-06-30", "2025-06-30"),
        business.balance_details("2025-07-01", "2026-06-30"),
    ]
    for account_id, details in whole.items():
        for column in ("debits", "credits"):
            assert details[column] == sum(half[account_id][column] for half in halves)


def test_ledger_balances_sum_to_zero() -> None:
    business = books_of("ES").business
    assert business.balance_details is not None
    details = business.balance_details("2025-01-01", "2025-12-31").values()
    assert sum(row["debits"] - row["credits"] for row in details) == 0


def test_no_float_is_in_the_books() -> None:
    def floats(value: Any) -> Iterator[float]:
        if isinstance(value, float):
            yield value
        elif isinstance(value, dict):
            for part in value.values():
                yield from floats(part)
        elif isinstance(value, list):
            for part in value:
                yield from floats(part)

    for collection in books_of("CA").business.collections.values():
        assert list(floats(list(collection.live.values()))) == []
