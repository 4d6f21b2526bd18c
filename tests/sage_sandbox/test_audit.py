"""The audit sees what it claims to see: broken books are reported."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from sage_sandbox.audit import CHECKS
from sage_sandbox.books import generate_business
from sage_sandbox.store import Business, Record

Break = Callable[[Business], None]


def first(business: Business, resource: str, wanted: Callable[[Record], bool]) -> Record:
    return next(record for record in business.collections[resource] if wanted(record))


def add_to(resource: str, attribute: str, wanted: Callable[[Record], bool]) -> Break:
    """Give what makes one record's amount a cent too big."""

    def break_it(business: Business) -> None:
        record = first(business, resource, wanted)
        record[attribute] += Decimal("0.01")

    return break_it


def posted(record: Record) -> bool:
    return record["status"]["id"] == "PAID"


def point_nowhere(business: Business) -> None:
    invoice = first(business, "sales_invoices", posted)
    invoice["contact"] = {**invoice["contact"], "$path": "/contacts/missing"}


def turn_back_time(business: Business) -> None:
    first(business, "contacts", bool)["updated_at"] = "2000-01-01T00:00:00Z"


def hide_an_open_item(business: Business) -> None:
    unallocated = business.collections["unallocated_artefacts"]
    unallocated.remove(next(iter(unallocated.live)))


@pytest.mark.parametrize(
    ("check", "break_it"),
    [
        ("transactions_sum_to_zero", add_to("ledger_entries", "debit", lambda e: not e["deleted"])),
        (
            "control_accounts_equal_open_items",
            add_to("sales_invoices", "base_currency_outstanding_amount", posted),
        ),
        ("contact_balances_equal_open_items", add_to("contacts", "balance", bool)),
        ("bank_balances_equal_entries", add_to("bank_accounts", "balance", bool)),
        ("documents_equal_their_lines", add_to("sales_invoices", "net_amount", posted)),
        (
            "outstanding_follows_from_allocations",
            add_to("sales_invoices", "outstanding_amount", posted),
        ),
        ("payments_are_spent", add_to("contact_payments", "total_amount", bool)),
        (
            "documents_equal_their_postings",
            add_to("sales_invoices", "base_currency_total_amount", posted),
        ),
        (
            "tax_accounts_equal_tax_charged",
            add_to("sales_invoices", "base_currency_tax_amount", posted),
        ),
        ("unallocated_artefacts_are_the_open_ones", hide_an_open_item),
        ("stock_equals_movements", add_to("stock_items", "quantity_in_stock", bool)),
        ("pointers_lead_somewhere", point_nowhere),
        ("times_are_in_order", turn_back_time),
    ],
)
def test_a_broken_tie_is_reported(check: str, break_it: Break) -> None:
    business = generate_business("GB", invoices=20, seed=3).business
    break_it(business)
    assert list(CHECKS[check](business)) != []
