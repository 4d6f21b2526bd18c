"""The sandbox's books tie out in every check; any raw row changed breaks the check that watches it.

A seed a country here; all twenty with ``python tests/support/ties.py``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sandbox_books import COUNTRIES, RawRows, books, raw_rows
from ties import LISTINGS, not_tied, outcomes


@pytest.mark.parametrize(("seed", "country"), list(enumerate(COUNTRIES, 1)))
def test_books_tie_out_in_every_check(seed: int, country: str) -> None:
    bad = not_tied(outcomes(raw_rows(books(country, seed).business)))
    assert bad.is_empty(), bad.rows()


def test_every_check_has_something_to_compare() -> None:
    found = outcomes(raw_rows(books("GB", 1).business))
    assert found.filter(pl.col("status") == "missing").is_empty()


@pytest.fixture(scope="module")
def sound() -> RawRows:
    return raw_rows(books("ES", 1).business)


Change = Callable[[RawRows, st.DataObject], set[tuple[str, str]]]
"""Changes one row in place; gives the checks that must break, each with its subject."""
CENT = Decimal("0.01")


def pick(data: st.DataObject, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return rows[data.draw(st.integers(0, len(rows) - 1))]


def live_entries(rows: RawRows) -> list[dict[str, Any]]:
    return [row for row in rows["ledger_entries"] if not row["deleted"]]


def posted(rows: RawRows, resource: str) -> list[dict[str, Any]]:
    unposted = ("DRAFT", "VOID")
    return [
        row
        for row in rows[resource]
        if row["status__id"] not in unposted and row["total_amount"] != 0
    ]


def change_an_amount(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    entry = pick(data, live_entries(rows))
    entry["debit" if entry["debit"] else "credit"] += CENT
    return {
        ("transaction_balances", entry["transaction__id"]),
        ("ledger_balances", "all entries"),
        ("trial_balance_equals_sage", entry["ledger_account__id"]),
    }


def drop_an_entry(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    entry = pick(data, live_entries(rows))
    rows["ledger_entries"].remove(entry)
    return {
        ("transaction_balances", entry["transaction__id"]),
        ("trial_balance_equals_sage", entry["ledger_account__id"]),
    }


def move_an_entry(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    """To another account: the transaction still balances."""
    entry = pick(data, live_entries(rows))
    others = [a for a in rows["ledger_accounts"] if a["id"] != entry["ledger_account__id"]]
    before, after = entry["ledger_account__id"], pick(data, others)["id"]
    entry["ledger_account__id"] = after
    return {("trial_balance_equals_sage", before), ("trial_balance_equals_sage", after)}


def drop_a_document(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    resource = data.draw(st.sampled_from(["sales_invoices", "purchase_invoices"]))
    document = pick(data, posted(rows, resource))
    rows[resource].remove(document)
    return {("documents_equal_ledger", document["transaction__id"])}


def change_a_document(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    """By more than the rounding of its lines."""
    resource = data.draw(st.sampled_from(["sales_invoices", "purchase_invoices"]))
    document = pick(data, posted(rows, resource))
    for name in ("total_amount", "base_currency_total_amount"):
        document[name] += 1
    return {
        ("documents_equal_ledger", document["id"]),
        ("documents_equal_lines", document["id"]),
    }


def drop_a_line(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    of_posted = {row["id"] for row in posted(rows, "sales_invoices")}
    lines = rows["sales_invoices__invoice_lines"]
    line = pick(data, [row for row in lines if row["_root_id"] in of_posted])
    lines.remove(line)
    return {("documents_equal_lines", line["_root_id"])}


def change_a_tax(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    taxed = [
        row
        for row in rows["sales_invoices__invoice_lines"]
        if row["base_currency_tax_amount"]
        and row["_root_id"] in {document["id"] for document in posted(rows, "sales_invoices")}
    ]
    line = pick(data, taxed)
    for name in ("tax_amount", "base_currency_tax_amount"):
        line[name] += 1
    return {("tax_lines_equal_tax_accounts", line["_root_id"])}


def change_a_contact(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    contact = pick(data, rows["contacts"])
    contact["balance"] += CENT
    return {("open_items_equal_contact_balances", contact["id"])}


def change_a_bank_account(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    base = rows["financial_settings"][0]["base_currency__id"]
    account = pick(data, [row for row in rows["bank_accounts"] if row["currency__id"] == base])
    account["balance"] += CENT
    return {("bank_equals_sage", account["id"])}


def change_a_balance(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    account = pick(data, rows["_ledger_account_balances"])
    account["balance_details__debits"] += CENT
    return {("trial_balance_equals_sage", account["id"])}


def drop_a_payment(rows: RawRows, data: st.DataObject) -> set[tuple[str, str]]:
    """With what it allocated: its contact owes what it paid."""
    payment = pick(data, rows["contact_payments"])
    rows["contact_payments"].remove(payment)
    allocated = "contact_payments__allocated_artefacts"
    rows[allocated] = [row for row in rows[allocated] if row["_root_id"] != payment["id"]]
    side = "receivables" if payment["transaction_type__id"].startswith("CUSTOMER") else "payables"
    return {
        (f"{side}_equal_control_account", payment["contact__id"]),
        ("open_items_equal_contact_balances", payment["contact__id"]),
    }


CHANGES: tuple[Change, ...] = (
    change_an_amount,
    drop_an_entry,
    move_an_entry,
    drop_a_document,
    change_a_document,
    drop_a_line,
    change_a_tax,
    change_a_contact,
    change_a_bank_account,
    change_a_balance,
    drop_a_payment,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@settings(max_examples=2, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_changed_row_breaks_the_check_that_watches_it(
    sound: RawRows, change: Change, data: st.DataObject
) -> None:
    rows = copy.deepcopy(sound)
    must_break = change(rows, data)
    found = outcomes(rows).filter(pl.col("status") == "broken")
    assert must_break <= set(found.select("check", "subject").iter_rows())


@pytest.mark.parametrize(
    ("resource", "check"),
    [
        ("ledger_entries", "transaction_balances"),
        ("ledger_accounts", "balance_sheet_balances"),
        ("contact_payments", "receivables_equal_control_account"),
        ("sales_invoices", "documents_equal_ledger"),
        ("bank_accounts", "bank_equals_sage"),
        ("contacts", "open_items_equal_contact_balances"),
        ("_ledger_account_balances", "trial_balance_equals_sage"),
    ],
)
def test_resource_not_loaded_is_missing_and_breaks_nothing_of_its_check(
    sound: RawRows, resource: str, check: str
) -> None:
    without = {table: rows for table, rows in sound.items() if table.split("__")[0] != resource}
    if resource == "_ledger_account_balances":
        without.pop(resource, None)
    found = outcomes(without).filter(pl.col("check") == check)
    assert found["status"].to_list() == ["missing"]


@pytest.mark.parametrize("resource", ["ledger_entries", "sales_invoices", "contact_payments"])
def test_partial_load_breaks_no_check(sound: RawRows, resource: str) -> None:
    without = {table: rows for table, rows in sound.items() if table.split("__")[0] != resource}
    found = outcomes(without).filter(pl.col("status") == "broken")
    assert set(found["check"]) <= set(LISTINGS), found.rows()
