"""The tables of the unified schema: how each is built, from what."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.accounts import dim_account
from sage_unified.bank import fct_bank_transaction
from sage_unified.business import businesses_in_northern_ireland, dim_business, places
from sage_unified.contacts import dim_contact
from sage_unified.document_lines import fct_document_line
from sage_unified.documents import booked_abroad, fct_document
from sage_unified.items import dim_item
from sage_unified.ledger import fct_ledger_entry
from sage_unified.ledger_closing import closing_journals
from sage_unified.overrides import TABLE as OVERRIDES
from sage_unified.payments import fct_payment, fct_payment_allocation
from sage_unified.raw_documents import (
    LINE_TABLES,
    LINES_OF,
    QUICK_ENTRIES,
    WITH_SHIPPING,
    analysis_table,
)
from sage_unified.tables import Frames, Table
from sage_unified.tax_lines.components import BREAKDOWN_TABLES
from sage_unified.tax_lines.fact import fct_tax_line
from sage_unified.tax_rates.components import bridge_tax_rate_component
from sage_unified.tax_rates.dimension import dim_tax_rate, rates_with_lists

_LINES: Final = (*LINE_TABLES.values(), *QUICK_ENTRIES, *WITH_SHIPPING)
_ANALYSES: Final = tuple(analysis_table(name) for name in (*LINE_TABLES, *QUICK_ENTRIES))

_RATES: Final = (
    "tax_rates",
    "tax_rates__percentages",
    "tax_rates__component_tax_rates",
    "tax_rates__component_tax_rates__percentages",
)
_PLACES: Final = ("businesses", "business_settings")


def _rates(f: Frames) -> pl.LazyFrame:
    rates, periods, components, component_periods = (f[table] for table in _RATES)
    return rates_with_lists(rates, periods, components, component_periods)


def _places(f: Frames) -> pl.LazyFrame:
    return places(f["dim_business"], f["businesses"], f["business_settings"])


UNIFIED: Final = (
    Table(
        "unified",
        "dim_business",
        ("businesses", "financial_settings", "business_settings", "ledger_accounts", OVERRIDES),
        (),
        lambda f, _: dim_business(
            f["businesses"],
            f["financial_settings"],
            f["business_settings"],
            f["ledger_accounts"],
            f[OVERRIDES],
        ),
    ),
    Table(
        "unified",
        "dim_account",
        ("ledger_accounts", "bank_accounts", OVERRIDES),
        ("dim_business",),
        lambda f, _: dim_account(
            f["ledger_accounts"], f["bank_accounts"], f["dim_business"], f[OVERRIDES]
        ),
    ),
    Table(
        "unified",
        "dim_tax_rate",
        (*_RATES, *_PLACES, OVERRIDES),
        ("dim_business",),
        lambda f, load_date: dim_tax_rate(
            f["tax_rates"],
            f["tax_rates__percentages"],
            f["tax_rates__component_tax_rates"],
            f["tax_rates__component_tax_rates__percentages"],
            f["dim_business"].select("business_id", "country"),
            businesses_in_northern_ireland(f["businesses"], f["business_settings"]),
            f[OVERRIDES],
            load_date,
        ),
    ),
    Table(
        "unified",
        "bridge_tax_rate_component",
        _RATES,
        ("dim_tax_rate",),
        lambda f, _: bridge_tax_rate_component(f["dim_tax_rate"], _rates(f)),
    ),
    Table(
        "unified",
        "dim_contact",
        ("contacts", "contacts__contact_types"),
        ("dim_business",),
        lambda f, _: dim_contact(f["contacts"], f["contacts__contact_types"], f["dim_business"]),
    ),
    Table(
        "unified",
        "dim_item",
        ("products", "services", "stock_items"),
        (),
        lambda f, _: dim_item(f["products"], f["services"], f["stock_items"]),
    ),
    Table(
        "unified",
        "fct_payment",
        ("contact_payments",),
        ("dim_contact", "dim_business"),
        lambda f, _: fct_payment(f["contact_payments"], f["dim_contact"], f["dim_business"]),
    ),
    Table(
        "unified",
        "fct_payment_allocation",
        (
            "contact_payments",
            "contact_payments__allocated_artefacts",
            "contact_allocations",
            "contact_allocations__allocated_artefacts",
        ),
        (),
        lambda f, _: fct_payment_allocation(
            f["contact_payments"],
            f["contact_payments__allocated_artefacts"],
            f["contact_allocations"],
            f["contact_allocations__allocated_artefacts"],
        ),
    ),
    Table(
        "work",
        "booked_abroad",
        ("other_payments", "bank_accounts", "ledger_entries"),
        ("dim_business",),
        lambda f, _: booked_abroad(f),
    ),
    Table(
        "unified",
        "fct_document",
        (*LINES_OF, "bank_accounts"),
        ("dim_business", "dim_contact", "fct_payment_allocation", "booked_abroad"),
        lambda f, _: fct_document(f),
    ),
    Table(
        "unified",
        "fct_document_line",
        (*_LINES, *_ANALYSES),
        ("fct_document", "dim_account"),
        lambda f, _: fct_document_line(f),
    ),
    Table(
        "unified",
        "fct_tax_line",
        (
            *LINES_OF,
            *LINE_TABLES.values(),
            *BREAKDOWN_TABLES,
            *_RATES,
            *_PLACES,
            OVERRIDES,
            "contacts",
            "financial_settings",
        ),
        (
            "dim_business",
            "dim_account",
            "dim_tax_rate",
            "bridge_tax_rate_component",
            "fct_document",
            "fct_payment_allocation",
        ),
        lambda f, _: fct_tax_line(f, _rates(f), _places(f)),
    ),
    Table(
        "work",
        "closing_journals",
        ("ledger_entries", "transactions"),
        ("dim_account", "dim_business"),
        lambda f, _: closing_journals(
            f["ledger_entries"], f["transactions"], f["dim_account"], f["dim_business"]
        ),
    ),
    Table(
        "unified",
        "fct_ledger_entry",
        ("ledger_entries", "transactions", "journal_codes", "business_settings"),
        ("dim_account", "dim_business", "fct_document", "fct_payment", "closing_journals"),
        lambda f, _: fct_ledger_entry(
            f["ledger_entries"],
            f["transactions"],
            f["journal_codes"],
            f["dim_account"],
            f["dim_business"],
            f["fct_document"],
            f["fct_payment"],
            f["business_settings"],
            f["closing_journals"],
        ),
    ),
    Table(
        "unified",
        "fct_bank_transaction",
        ("bank_accounts", "transactions", "bank_transfers", "bank_deposits"),
        ("fct_ledger_entry",),
        lambda f, _: fct_bank_transaction(
            f["fct_ledger_entry"],
            f["bank_accounts"],
            f["transactions"],
            f["bank_transfers"],
            f["bank_deposits"],
        ),
    ),
)
"""In an order in which each comes after what it is made of."""
