"""The marts: how each is built, from what, in which types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from typing import Final

import polars as pl

from sage_unified.marts.account_classification import account_classification_check
from sage_unified.marts.aged_balances import Direction, aged_balances
from sage_unified.marts.balance_sheet import balance_sheet
from sage_unified.marts.bank_balance import bank_balance
from sage_unified.marts.cash_flow import cash_flow
from sage_unified.marts.document_ledger import document_ledger_check
from sage_unified.marts.general_ledger import general_ledger
from sage_unified.marts.profit_and_loss import profit_and_loss
from sage_unified.marts.trial_balance import trial_balance
from sage_unified.marts.vat_lines import vat_lines
from sage_unified.marts.vat_summary import vat_summary
from sage_unified.rules import rule_table
from sage_unified.tables import Frames, Table

_LEDGER: Final = ("fct_ledger_entry", "dim_account")
_ITEMS: Final = ("fct_document", "fct_payment", "fct_payment_allocation")


def _aged(direction: Direction) -> Callable[[Frames, date], pl.LazyFrame]:
    return lambda f, load_date: aged_balances(
        f["fct_document"], f["fct_payment"], f["fct_payment_allocation"], direction, load_date
    )


MARTS: Final = (
    Table(
        "marts",
        "general_ledger",
        (),
        _LEDGER,
        lambda f, _: general_ledger(f["fct_ledger_entry"], f["dim_account"]),
    ),
    Table(
        "marts",
        "trial_balance",
        (),
        _LEDGER,
        lambda f, _: trial_balance(f["fct_ledger_entry"], f["dim_account"]),
    ),
    Table(
        "marts",
        "profit_and_loss",
        (),
        _LEDGER,
        lambda f, _: profit_and_loss(f["fct_ledger_entry"], f["dim_account"]),
    ),
    Table(
        "marts",
        "balance_sheet",
        (),
        ("trial_balance", *_LEDGER, "dim_business"),
        lambda f, _: balance_sheet(
            f["trial_balance"], f["fct_ledger_entry"], f["dim_account"], f["dim_business"]
        ),
    ),
    Table(
        "marts",
        "cash_flow",
        (),
        _LEDGER,
        lambda f, _: cash_flow(f["fct_ledger_entry"], f["dim_account"]),
    ),
    Table(
        "marts",
        "account_classification_check",
        (),
        _LEDGER,
        lambda f, _: account_classification_check(f["fct_ledger_entry"], f["dim_account"]),
    ),
    Table(
        "marts",
        "bank_balance",
        (),
        ("fct_bank_transaction",),
        lambda f, _: bank_balance(f["fct_bank_transaction"]),
    ),
    Table(
        "marts",
        "document_ledger_check",
        (),
        ("fct_document", "fct_ledger_entry", "fct_bank_transaction", "dim_account"),
        lambda f, _: document_ledger_check(
            f["fct_document"], f["fct_ledger_entry"], f["fct_bank_transaction"], f["dim_account"]
        ),
    ),
    Table(
        "marts",
        "aged_receivables",
        (),
        _ITEMS,
        _aged("sale"),
    ),
    Table(
        "marts",
        "aged_payables",
        (),
        _ITEMS,
        _aged("purchase"),
    ),
    Table(
        "marts",
        "vat_lines",
        (),
        ("fct_tax_line", "fct_document", "fct_payment_allocation", "dim_business"),
        lambda f, _: vat_lines(
            f["fct_tax_line"], f["fct_document"], f["fct_payment_allocation"], f["dim_business"]
        ),
    ),
    Table(
        "marts",
        "vat_summary",
        ("financial_settings",),
        ("vat_lines",),
        lambda f, _: vat_summary(f["vat_lines"], f["financial_settings"]),
    ),
)
"""In an order in which each comes after what it is made of."""


@cache
def mart_columns(mart: str) -> Mapping[str, str]:
    """Columns of a mart and their DuckDB types, in order, by mart_columns.csv."""
    columns = rule_table("mart_columns").filter(pl.col("mart") == mart)
    return dict(zip(columns["column"], columns["duckdb_type"], strict=True))
