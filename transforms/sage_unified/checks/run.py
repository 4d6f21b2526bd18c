"""All checks over the tables of a warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from sage_unified.checks import bank, documents, ledger, open_items, statements, tax
from sage_unified.checks.comparison import Frames, outcome
from sage_unified.checks.gaps import gaps
from sage_unified.columns import Types, typed
from sage_unified.model import polars_types
from sage_unified.raw import RAW

_CHECKS: Final = (
    *ledger.CHECKS,
    *statements.CHECKS,
    *open_items.CHECKS,
    *documents.CHECKS,
    *bank.CHECKS,
    *tax.CHECKS,
)
_BUSINESS: Final = "business_id"
_READS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "unified": {
        "dim_account": (
            _BUSINESS,
            "account_id",
            "account_class",
            "account_subclass",
            "is_control_account",
        ),
        "dim_business": (_BUSINESS, "base_currency"),
        "dim_contact": (
            _BUSINESS,
            "contact_id",
            "is_customer",
            "is_supplier",
            "balance",
            "deleted_at",
        ),
        "dim_tax_rate": (_BUSINESS, "tax_rate_id", "is_current", "unmapped_reason"),
        "fct_document": (
            _BUSINESS,
            "document_id",
            "resource",
            "direction",
            "total_amount",
            "is_posted",
            "transaction_id",
        ),
        "fct_document_line": (
            _BUSINESS,
            "document_id",
            "resource",
            "account_id",
            "total_amount",
            "base_net_amount",
        ),
        "fct_ledger_entry": (
            _BUSINESS,
            "transaction_id",
            "transaction_type",
            "account_id",
            "contact_id",
            "date",
            "debit",
            "credit",
            "amount",
            "is_deleted",
            "is_closing_entry",
        ),
        "fct_payment": (_BUSINESS, "payment_id"),
        "fct_tax_line": (
            _BUSINESS,
            "document_id",
            "component_seq",
            "is_void",
            "tax_rate_id",
            "direction",
            "base_net_amount",
            "base_tax_amount",
            "base_notional_tax_amount",
            "recoverable_share",
            "unmapped_reason",
            "vat_scope",
        ),
    },
    "marts": {
        "account_classification_check": (_BUSINESS, "account_id", "balance", "problem"),
        "aged_payables": (_BUSINESS, "as_of", "contact_id", "base_outstanding"),
        "aged_receivables": (_BUSINESS, "as_of", "contact_id", "base_outstanding"),
        "balance_sheet": (_BUSINESS, "period_end", "account_class", "balance"),
        "bank_balance": (_BUSINESS, "bank_account_id", "date", "balance"),
        "cash_flow": (_BUSINESS, "period", "amount"),
        "document_ledger_check": (
            _BUSINESS,
            "document_id",
            "transaction_id",
            "base_total_amount",
            "control_amount",
            "problem",
        ),
        "general_ledger": (
            _BUSINESS,
            "account_id",
            "date",
            "created_at",
            "entry_id",
            "running_balance",
        ),
        "profit_and_loss": (_BUSINESS, "period", "account_class", "amount"),
        "trial_balance": (_BUSINESS, "period_end", "account_id", "closing_balance"),
        "vat_lines": (
            _BUSINESS,
            "country",
            "agency",
            "period_start",
            "document_id",
            "direction",
            "tax_type",
            "vat_scope",
            "tax",
            "notional_tax",
            "itc",
            "boxes",
        ),
        "vat_summary": (
            _BUSINESS,
            "country",
            "agency",
            "period_kind",
            "period_start",
            "period_end",
            "box",
            "amount",
            "line_count",
        ),
    },
    "sage": {
        ledger.SAGE_BALANCES: tuple(RAW[ledger.SAGE_BALANCES]),
        "bank_accounts": (_BUSINESS, "id", "ledger_account__id", "currency__id", "balance"),
    },
}


def check(tables: Frames) -> pl.DataFrame:
    """The outcome of every check: ``check, business_id, subject, expected, found, difference, status,
    hint``; amounts are in base currency.

    ``tables`` are the built tables and some raw ones by name, see :func:`checked_columns`; what is absent
    counts as empty. Rows are ordered by check, business and subject. ``tax_rates_mapped`` and
    ``tax_lines_mapped`` count, and are never broken: they list what nothing maps with its reason.
    """
    frames = {
        table: typed(tables.get(table, pl.LazyFrame()), _types(schema, table, columns))
        for schema, wanted in _READS.items()
        for table, columns in wanted.items()
    }
    not_loaded = gaps(frames).collect(engine="streaming").lazy()
    outcomes = [outcome(one, frames, not_loaded) for one in _CHECKS]
    listed = [tax.unmapped_rates(frames), tax.unmapped_lines(frames)]
    # one by one: collected together the twenty plans take five times as long to optimise
    return pl.concat([one.collect(engine="streaming") for one in (*outcomes, *listed)])


def checked_columns() -> dict[str, dict[str, tuple[str, ...]]]:
    """The columns that :func:`check` reads, by schema and table."""
    return {schema: dict(tables) for schema, tables in _READS.items()}


def _types(schema: str, table: str, columns: tuple[str, ...]) -> Types:
    known = RAW[table] if schema == "sage" else polars_types(schema, table)
    return {column: known[column] for column in columns}
