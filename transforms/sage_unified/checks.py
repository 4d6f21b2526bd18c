"""Tie-outs: what must be equal in sound books, as values with a place.

Each check compares amounts by business and subject (a transaction, a month, an account). What differs
is a row ``broken`` with what was expected, what was found and where to look; a business in which
nothing differs has one row ``ok`` with the totals; one in which there was nothing to compare, a row
``missing``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from sage_unified.columns import MONEY, Types, typed
from sage_unified.model import Frames, polars_types
from sage_unified.raw import RAW

COLUMNS: Final[Types] = {
    "check": pl.String(),
    "business_id": pl.String(),
    "subject": pl.String(),
    "expected": MONEY,
    "found": MONEY,
    "difference": MONEY,
    "status": pl.String(),
    "hint": pl.String(),
}

_NO_AMOUNTS: Final = [pl.lit(None, MONEY).alias(name) for name in ("expected", "found")]

_SAGE_BALANCES: Final = "_ledger_account_balances"
_READS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "unified": {
        "dim_business": ("business_id",),
        "fct_ledger_entry": (
            "business_id",
            "transaction_id",
            "account_id",
            "date",
            "debit",
            "credit",
            "amount",
            "is_deleted",
        ),
        "dim_tax_rate": ("business_id", "tax_rate_id", "is_current", "unmapped_reason"),
    },
    "marts": {
        "trial_balance": ("business_id", "period_end", "account_id", "closing_balance"),
    },
    "sage": {_SAGE_BALANCES: tuple(RAW[_SAGE_BALANCES])},
}


@dataclass(frozen=True)
class _Check:
    """A comparison and what to say of its outcome."""

    name: str
    subjects: str
    """What the compared subjects are, in the plural."""
    compare: Callable[[Frames], pl.LazyFrame]
    """``business_id, subject, expected, found``."""
    when_broken: str
    when_missing: str


def check(tables: Frames) -> pl.DataFrame:
    """The outcome of every check, in the order of :data:`COLUMNS`; amounts are in base currency.

    ``tables`` are the built tables and Sage's own balances (raw) by name, see :func:`checked_columns`;
    what is absent counts as empty. Rows are ordered by check, business and subject.
    ``tax_rates_mapped`` counts rates and is never broken: it lists each unmapped one with its reason.
    """
    frames = {
        table: typed(tables.get(table, pl.LazyFrame()), _types(schema, table, columns))
        for schema, wanted in _READS.items()
        for table, columns in wanted.items()
    }
    outcomes = [_outcome(one, frames) for one in _CHECKS] + [_rates(frames)]
    return pl.concat(pl.collect_all(outcomes))


def checked_columns() -> dict[str, dict[str, tuple[str, ...]]]:
    """The columns that :func:`check` reads, by schema and table."""
    return {schema: dict(tables) for schema, tables in _READS.items()}


def _types(schema: str, table: str, columns: tuple[str, ...]) -> Types:
    known = RAW[table] if schema == "sage" else polars_types(schema, table)
    return {column: known[column] for column in columns}


def _posted(frames: Frames) -> pl.LazyFrame:
    return frames["fct_ledger_entry"].filter(~pl.col("is_deleted"))


def _by_transaction(frames: Frames) -> pl.LazyFrame:
    by_transaction = _posted(frames).drop_nulls("transaction_id")
    return by_transaction.group_by("business_id", pl.col("transaction_id").alias("subject")).agg(
        pl.col("credit").sum().alias("expected"), pl.col("debit").sum().alias("found")
    )


def _by_business(frames: Frames) -> pl.LazyFrame:
    return (
        _posted(frames)
        .group_by("business_id")
        .agg(pl.col("credit").sum().alias("expected"), pl.col("debit").sum().alias("found"))
        .with_columns(pl.lit("all entries").alias("subject"))
    )


def _months(frames: Frames) -> pl.LazyFrame:
    return (
        frames["trial_balance"]
        .group_by("business_id", pl.col("period_end").cast(pl.String).alias("subject"))
        .agg(pl.col("closing_balance").sum().alias("found"))
        .with_columns(pl.lit(0, MONEY).alias("expected"))
    )


def _accounts(frames: Frames) -> pl.LazyFrame:
    account = ["business_id", "account_id"]
    booked = _posted(frames).group_by(account).agg(pl.col("amount").sum().alias("expected"))
    closing = (
        frames["trial_balance"]
        .group_by(account)
        .agg(pl.col("closing_balance").sort_by("period_end").last().alias("found"))
    )
    return _both(booked, closing)


def _sage_accounts(frames: Frames) -> pl.LazyFrame:
    """Only businesses whose balances Sage gave, and of those every account that either side has."""
    balances = frames[_SAGE_BALANCES].rename({"id": "account_id"})
    balance = pl.col("balance_details__debits") - pl.col("balance_details__credits")
    first, last = pl.col("balance_details__from_date"), pl.col("balance_details__to_date")
    theirs = balances.select("business_id", "account_id", balance.alias("expected"))
    spans = balances.group_by("business_id").agg(first.min(), last.max())
    ours = (
        _posted(frames)
        .join(spans, on="business_id", validate="m:1")
        .filter(
            first.is_null() | (pl.col("date") >= first), last.is_null() | (pl.col("date") <= last)
        )
        .group_by("business_id", "account_id")
        .agg(pl.col("amount").sum().alias("found"))
    )
    return _both(theirs, ours)


def _both(expected: pl.LazyFrame, found: pl.LazyFrame) -> pl.LazyFrame:
    """The accounts of either side; what one side lacks is 0 there."""
    account = ["business_id", "account_id"]
    return expected.join(found, on=account, how="full", coalesce=True, validate="1:1").with_columns(
        pl.col("expected", "found").fill_null(0), pl.col("account_id").alias("subject")
    )


_NO_ENTRIES: Final = (
    "No ledger entries were loaded: the user may lack the role Journals in Sage. "
    "See sage-elt doctor."
)
_CHECKS: Final = (
    _Check(
        "transaction_balances",
        "transactions",
        _by_transaction,
        "Debits and credits of this transaction differ. Compare its rows in unified.fct_ledger_entry "
        "with Sage, then run: sage-elt sync --resource ledger_entries --full-refresh",
        _NO_ENTRIES,
    ),
    _Check(
        "ledger_balances",
        "ledgers",
        _by_business,
        "Debits and credits of all entries differ. The broken transactions, or entries without one, "
        "say where.",
        _NO_ENTRIES,
    ),
    _Check(
        "trial_balance_sums_to_zero",
        "months",
        _months,
        "The closing balances of this month do not sum to 0. The broken transactions say where; if "
        "there are none, run: sage-elt transform",
        _NO_ENTRIES,
    ),
    _Check(
        "trial_balance_equals_ledger",
        "accounts",
        _accounts,
        "The last closing balance of this account is not the sum of its entries. The mart is older "
        "than the ledger; run: sage-elt transform",
        _NO_ENTRIES,
    ),
    _Check(
        "trial_balance_equals_sage",
        "accounts",
        _sage_accounts,
        "Sage's own balance of this account is another. Entries may have changed between the two "
        "reads; run: sage-elt run --full-refresh",
        "Sage's own balances were not loaded. Run: sage-elt sync --resource _ledger_account_balances",
    ),
)


def _outcome(one: _Check, frames: Frames) -> pl.LazyFrame:
    compared = one.compare(frames).select("business_id", "subject", "expected", "found")
    broken = compared.filter(pl.col("expected") != pl.col("found"))
    count = pl.concat_str(pl.len(), pl.lit(f" {one.subjects}"))
    sound = (
        compared.join(broken, on="business_id", how="anti")
        .group_by("business_id")
        .agg(
            pl.when(pl.len() == 1)
            .then(pl.col("subject").first())
            .otherwise(count)
            .alias("subject"),
            pl.col("expected", "found").sum(),
        )
    )
    missing = (
        frames["dim_business"]
        .join(compared, on="business_id", how="anti")
        .select("business_id", pl.lit(one.subjects).alias("subject"), *_NO_AMOUNTS)
    )
    return pl.concat(
        [
            _rows(one.name, sound, "ok", pl.lit("")),
            _rows(one.name, broken, "broken", pl.lit(one.when_broken)),
            _rows(one.name, missing, "missing", pl.lit(one.when_missing)),
        ]
    ).sort("business_id", "subject")


def _rates(frames: Frames) -> pl.LazyFrame:
    """How many current rates are mapped, and each that is not, with its reason."""
    name = "tax_rates_mapped"
    current = frames["dim_tax_rate"].filter("is_current")
    reason = pl.col("unmapped_reason")
    counted = current.group_by("business_id").agg(
        pl.lit("current tax rates").alias("subject"),
        pl.len().cast(MONEY).alias("expected"),
        reason.is_null().sum().cast(MONEY).alias("found"),
    )
    listed = current.drop_nulls("unmapped_reason").select(
        "business_id", pl.col("tax_rate_id").alias("subject"), *_NO_AMOUNTS, reason
    )
    return pl.concat(
        [_rows(name, counted, "ok", pl.lit("")), _rows(name, listed, "ok", reason)]
    ).sort("business_id", "subject")


def _rows(name: str, outcome: pl.LazyFrame, status: str, hint: pl.Expr) -> pl.LazyFrame:
    return outcome.select(
        pl.lit(name).alias("check"),
        "business_id",
        "subject",
        pl.col("expected", "found").cast(MONEY),
        (pl.col("found") - pl.col("expected")).cast(MONEY).alias("difference"),
        pl.lit(status).alias("status"),
        hint.alias("hint"),
    )
