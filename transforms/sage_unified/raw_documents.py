"""The raw tables of documents: headers of ten resources, their lines and what hangs on the lines.

All headers have one set of columns and so have all lines, so that the transforms stack them; a resource
that lacks a column shows nulls in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from sage_unified.columns import EXACT, TIME, Types

_TEXT = pl.String()
_FLAG = pl.Boolean()
_DATE = pl.Date()
_INDEX = pl.Int64()

LINES_OF: Final[Mapping[str, str | None]] = {
    "sales_invoices": "invoice_lines",
    "sales_credit_notes": "credit_note_lines",
    "sales_corrective_invoices": "invoice_lines",
    "sales_quick_entries": None,
    "purchase_invoices": "invoice_lines",
    "purchase_credit_notes": "credit_note_lines",
    "purchase_corrective_invoices": "invoice_lines",
    "purchase_quick_entries": None,
    "contact_opening_balances": None,
    "other_payments": "payment_lines",
}
"""The list of lines of each resource of documents; None where the header is its one line."""

QUICK_ENTRIES: Final = ("sales_quick_entries", "purchase_quick_entries")
"""Documents whose header is their line."""
WITH_SHIPPING: Final = ("sales_invoices", "sales_credit_notes", "sales_corrective_invoices")
LINE_TABLES: Final = {name: f"{name}__{lines}" for name, lines in LINES_OF.items() if lines}
"""By resource."""

_AMOUNTS = {
    f"{prefix}{amount}_amount": EXACT
    for prefix in ("", "base_currency_")
    for amount in ("net", "tax", "total")
}
HEADER: Final[Types] = {
    "business_id": _TEXT,
    "id": _TEXT,
    "displayed_as": _TEXT,
    "invoice_number": _TEXT,
    "credit_note_number": _TEXT,
    "reference": _TEXT,
    "vendor_reference": _TEXT,
    "details": _TEXT,
    "contact__id": _TEXT,
    "date": _DATE,
    "due_date": _DATE,
    "delivery_performance_date": _DATE,
    "original_invoice__id": _TEXT,
    "currency__id": _TEXT,
    "exchange_rate": EXACT,
    **_AMOUNTS,
    "outstanding_amount": EXACT,
    "base_currency_outstanding_amount": EXACT,
    "withholding_tax_amount": EXACT,
    "base_currency_withholding_tax_amount": EXACT,
    "shipping_net_amount": EXACT,
    "shipping_tax_amount": EXACT,
    "shipping_total_amount": EXACT,
    "base_currency_shipping_net_amount": EXACT,
    "base_currency_shipping_tax_amount": EXACT,
    "shipping_tax_rate__id": _TEXT,
    "status__id": _TEXT,
    "void_reason": _TEXT,
    "transaction__id": _TEXT,
    "transaction_type__id": _TEXT,
    "quick_entry_type__id": _TEXT,
    "contact_opening_balance_type__id": _TEXT,
    "bank_account__id": _TEXT,
    "ledger_account__id": _TEXT,
    "tax_rate__id": _TEXT,
    "tax_address_region__id": _TEXT,
    "vat_reverse_charge": _FLAG,
    "postponed_accounting": _FLAG,
    "vat_exempt_consignment": _FLAG,
    "import": _FLAG,
    "trade_of_asset": _FLAG,
    "gst_amount": EXACT,
    "pst_amount": EXACT,
    "tax_recoverable": _FLAG,
    "part_recoverable": _FLAG,
    "total_itc_amount": EXACT,
    "total_itr_amount": EXACT,
    "migrated": _FLAG,
    "created_at": TIME,
    "updated_at": TIME,
    "deleted_at": TIME,
}

CHILD: Final[Types] = {"business_id": _TEXT, "_root_id": _TEXT, "_list_idx": _INDEX}
GRANDCHILD: Final[Types] = {**CHILD, "_parent_list_idx": _INDEX}

LINE: Final[Types] = {
    **CHILD,
    "id": _TEXT,
    "description": _TEXT,
    "details": _TEXT,
    "ledger_account__id": _TEXT,
    "product__id": _TEXT,
    "service__id": _TEXT,
    "quantity": EXACT,
    "unit_price": EXACT,
    "discount_amount": EXACT,
    "tax_rate__id": _TEXT,
    **_AMOUNTS,
    "eu_goods_services_type__id": _TEXT,
    "trade_of_asset": _FLAG,
    "gst_amount": EXACT,
    "pst_amount": EXACT,
    "tax_recoverable": _FLAG,
    "is_purchase_for_resale": _FLAG,
}

_BREAKDOWN: Types = {"tax_rate__id": _TEXT, "percentage": EXACT, "amount": EXACT}
_ANALYSIS: Types = {
    "id": _TEXT,
    "displayed_as": _TEXT,
    "analysis_type__id": _TEXT,
    "analysis_type__displayed_as": _TEXT,
}

BREAKDOWNS: Final = ("tax_breakdown", "base_currency_tax_breakdown")


def breakdown_table(resource: str, name: str) -> str:
    """The raw table of the parts of a line's tax; ``name`` is one of :data:`BREAKDOWNS`.

    Of a quick entry those of its header.
    """
    return f"{LINE_TABLES.get(resource, resource)}__{name}"


def shipping_table(resource: str, name: str) -> str:
    """The raw table of the parts of a document's tax on shipping."""
    return f"{resource}__{name.replace('tax_', 'shipping_tax_')}"


def analysis_table(resource: str) -> str:
    """The raw table of the tracking categories of a line; of a quick entry those of its header."""
    return f"{LINE_TABLES.get(resource, resource)}__analysis_type_categories"


def _children(resource: str) -> dict[str, Types]:
    owner = CHILD if resource in QUICK_ENTRIES else GRANDCHILD
    parts: Types = {**owner, **_BREAKDOWN}
    return {analysis_table(resource): {**owner, **_ANALYSIS}} | {
        breakdown_table(resource, name): parts for name in BREAKDOWNS
    }


DOCUMENTS: Final[Mapping[str, Types]] = {
    **dict.fromkeys(LINES_OF, HEADER),
    **dict.fromkeys(LINE_TABLES.values(), LINE),
    **{
        table: types
        for resource in (*LINE_TABLES, *QUICK_ENTRIES)
        for table, types in _children(resource).items()
    },
    **{
        shipping_table(resource, name): {**CHILD, **_BREAKDOWN}
        for resource in WITH_SHIPPING
        for name in BREAKDOWNS
    },
}
"""Columns and types by raw table."""
