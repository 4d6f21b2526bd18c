"""The raw tables that the transforms read, and what they expect of each.

A load may be partial: a user without the role for journals, a country without a collection, a field
that no record of a business has. :func:`complete` makes all of these empty tables and null columns.
Nested fields are joined with ``__``; child rows carry ``_root_id`` (the record's id), ``_list_idx`` and,
from the second level on, ``_parent_list_idx``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from sage_unified.columns import EXACT, TIME, Types, typed
from sage_unified.raw_documents import CHILD, DOCUMENTS, GRANDCHILD

_TEXT = pl.String()
_FLAG = pl.Boolean()
_DATE = pl.Date()
_PERIOD: Types = {"percentage": EXACT, "from_date": _DATE, "to_date": _DATE}

_ITEM: Types = {
    "business_id": _TEXT,
    "id": _TEXT,
    "item_code": _TEXT,
    "description": _TEXT,
    "displayed_as": _TEXT,
    "sales_ledger_account__id": _TEXT,
    "purchase_ledger_account__id": _TEXT,
    "sales_tax_rate__id": _TEXT,
    "cost_price": EXACT,
    "quantity_in_stock": EXACT,
    "average_cost_price_stock_value": EXACT,
    "active": _FLAG,
    "deleted_at": TIME,
}
_MOVE: Types = {
    "business_id": _TEXT,
    "id": _TEXT,
    "transaction__id": _TEXT,
    "from_bank_account__id": _TEXT,
    "to_bank_account__id": _TEXT,
}

RAW: Final[Mapping[str, Types]] = {
    "businesses": {
        "business_id": _TEXT,
        "id": _TEXT,
        "name": _TEXT,
        "displayed_as": _TEXT,
        "country__id": _TEXT,
        "ni_based": _FLAG,
    },
    "financial_settings": {
        "business_id": _TEXT,
        "base_currency__id": _TEXT,
        "year_end_date": _DATE,
        "year_end_lockdown_date": _DATE,
        "accounts_start_date": _DATE,
        "accounting_type": _TEXT,
        "tax_scheme__id": _TEXT,
        "tax_return_frequency__id": _TEXT,
        "tax_number": _TEXT,
        "multi_currency_enabled": _FLAG,
        "recoverable_percentage": EXACT,
    },
    "business_settings": {
        "business_id": _TEXT,
        "siret": _TEXT,
        "country_of_registration__id": _TEXT,
        "default_ledger_accounts__exchange_rate_gains_ledger_account__id": _TEXT,
        "default_ledger_accounts__exchange_rate_losses_ledger_account__id": _TEXT,
    },
    "ledger_accounts": {
        "business_id": _TEXT,
        "id": _TEXT,
        "nominal_code": _TEXT,
        "name": _TEXT,
        "display_name": _TEXT,
        "displayed_as": _TEXT,
        "ledger_account_type__id": _TEXT,
        "ledger_account_group__id": _TEXT,
        "ledger_account_classification__id": _TEXT,
        "is_control_account": _FLAG,
        "control_name": _TEXT,
        "gifi_code": pl.Int32(),
        "tax_rate__id": _TEXT,
        "included_in_chart": _FLAG,
    },
    "bank_accounts": {
        "business_id": _TEXT,
        "id": _TEXT,
        "ledger_account__id": _TEXT,
        "currency__id": _TEXT,
        "balance": EXACT,
    },
    "tax_rates": {
        "business_id": _TEXT,
        "id": _TEXT,
        "name": _TEXT,
        "displayed_as": _TEXT,
        "agency": _TEXT,
        "percentage": EXACT,
        "is_visible": _FLAG,
        "retailer": _FLAG,
        "is_combined_rate": _FLAG,
    },
    "tax_rates__percentages": {**CHILD, **_PERIOD},
    "tax_rates__component_tax_rates": {
        **CHILD,
        "id": _TEXT,
        "name": _TEXT,
        "agency": _TEXT,
        "percentage": EXACT,
    },
    "tax_rates__component_tax_rates__percentages": {**GRANDCHILD, **_PERIOD},
    "contacts": {
        "business_id": _TEXT,
        "id": _TEXT,
        "name": _TEXT,
        "displayed_as": _TEXT,
        "reference": _TEXT,
        "tax_number": _TEXT,
        "main_address__address_line_1": _TEXT,
        "main_address__address_line_2": _TEXT,
        "main_address__city": _TEXT,
        "main_address__postal_code": _TEXT,
        "main_address__country__id": _TEXT,
        "tax_treatment__home_tax": _FLAG,
        "tax_treatment__eu_tax_registered": _FLAG,
        "tax_treatment__eu_not_tax_registered": _FLAG,
        "tax_treatment__rest_of_world_tax": _FLAG,
        "tax_treatment__is_importer": _FLAG,
        "ni_based": _FLAG,
        "currency__id": _TEXT,
        "credit_days": pl.Int32(),
        "credit_limit": EXACT,
        "auxiliary_account": _TEXT,
        "aux_reference": _TEXT,
        "balance": EXACT,
        "is_active": _FLAG,
        "deleted_at": TIME,
    },
    "contacts__contact_types": {**CHILD, "id": _TEXT},
    "products": _ITEM,
    "services": _ITEM,
    "stock_items": _ITEM,
    **DOCUMENTS,
    "contact_payments": {
        "business_id": _TEXT,
        "id": _TEXT,
        "transaction_type__id": _TEXT,
        "contact__id": _TEXT,
        "bank_account__id": _TEXT,
        "payment_method__id": _TEXT,
        "date": _DATE,
        "reference": _TEXT,
        "currency__id": _TEXT,
        "exchange_rate": EXACT,
        "total_amount": EXACT,
        "base_currency_total_amount": EXACT,
        "base_currency_currency_charge": EXACT,
        "payment_on_account__id": _TEXT,
        "payment_on_account__outstanding_amount": EXACT,
        "transaction__id": _TEXT,
        "deleted_at": TIME,
    },
    "contact_payments__allocated_artefacts": {
        **CHILD,
        "id": _TEXT,
        "artefact__id": _TEXT,
        "amount": EXACT,
        "discount": EXACT,
    },
    "contact_allocations": {
        "business_id": _TEXT,
        "id": _TEXT,
        "date": _DATE,
        "deleted_at": TIME,
    },
    "contact_allocations__allocated_artefacts": {
        **CHILD,
        "id": _TEXT,
        "artefact__id": _TEXT,
        "amount": EXACT,
        "discount": EXACT,
    },
    "bank_transfers": _MOVE,
    "bank_deposits": _MOVE,
    "ledger_entries": {
        "business_id": _TEXT,
        "id": _TEXT,
        "date": _DATE,
        "debit": EXACT,
        "credit": EXACT,
        "description": _TEXT,
        "deleted": _FLAG,
        "ledger_account__id": _TEXT,
        "transaction__id": _TEXT,
        "transaction__transaction_type__id": _TEXT,
        "contact__id": _TEXT,
        "tax_rate__id": _TEXT,
        "journal_code__id": _TEXT,
        "journal_code__code": _TEXT,
        "created_at": TIME,
        "updated_at": TIME,
    },
    "transactions": {
        "business_id": _TEXT,
        "id": _TEXT,
        "transaction_type__id": _TEXT,
        "origin__id": _TEXT,
        "origin__currency__id": _TEXT,
        "reference": _TEXT,
    },
    "journal_codes": {"business_id": _TEXT, "id": _TEXT, "code": _TEXT},
    "_ledger_account_balances": {
        "business_id": _TEXT,
        "id": _TEXT,
        "balance_details__debits": EXACT,
        "balance_details__credits": EXACT,
        "balance_details__from_date": _DATE,
        "balance_details__to_date": _DATE,
    },
}
"""Columns and types by raw table."""


def complete(raw: Mapping[str, pl.LazyFrame]) -> dict[str, pl.LazyFrame]:
    """Every table of :data:`RAW` with exactly its columns; what ``raw`` lacks is empty or null."""
    return {
        table: typed(raw[table], columns) if table in raw else pl.LazyFrame(schema=dict(columns))
        for table, columns in RAW.items()
    }
