"""Tie-outs of the ledger with itself and with Sage's own balances."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.checks.comparison import Check, Frames, both
from sage_unified.checks.gaps import ENTRIES
from sage_unified.columns import MONEY
from sage_unified.joins import look_up

SAGE_BALANCES: Final = "_ledger_account_balances"
NO_ENTRIES: Final = (
    "No ledger entries were loaded: the user may lack the role Journals in Sage. "
    "See sage-elt doctor."
)
STALE: Final = "run: sage-elt transform"

_ACCOUNT: Final = ["business_id", "account_id"]


def posted(frames: Frames) -> pl.LazyFrame:
    """The entries that count."""
    return frames["fct_ledger_entry"].filter(~pl.col("is_deleted"))


def _by_transaction(frames: Frames) -> pl.LazyFrame:
    by_transaction = posted(frames).drop_nulls("transaction_id")
    return by_transaction.group_by("business_id", pl.col("transaction_id").alias("subject")).agg(
        pl.col("credit").sum().alias("expected"), pl.col("debit").sum().alias("found")
    )


def _by_business(frames: Frames) -> pl.LazyFrame:
    return (
        posted(frames)
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
    booked = posted(frames).group_by(_ACCOUNT).agg(pl.col("amount").sum().alias("expected"))
    return both(booked, _last_closing(frames).rename({"closing": "found"}), "account_id")


def _last_closing(frames: Frames) -> pl.LazyFrame:
    last = pl.col("closing_balance").sort_by("period_end").last()
    return frames["trial_balance"].group_by(_ACCOUNT).agg(last.alias("closing"))


def _sage_accounts(frames: Frames) -> pl.LazyFrame:
    """Only businesses whose balances Sage gave, and of those every account that either side has."""
    balances = frames[SAGE_BALANCES].rename({"id": "account_id"})
    balance = pl.col("balance_details__debits") - pl.col("balance_details__credits")
    first, last = pl.col("balance_details__from_date"), pl.col("balance_details__to_date")
    theirs = balances.select(*_ACCOUNT, balance.alias("expected"))
    spans = balances.group_by("business_id").agg(first.min(), last.max())
    ours = (
        look_up(posted(frames), spans, "business_id", "inner")
        .filter(
            first.is_null() | (pl.col("date") >= first), last.is_null() | (pl.col("date") <= last)
        )
        .group_by(_ACCOUNT)
        .agg(pl.col("amount").sum().alias("found"))
    )
    return both(theirs, ours, "account_id")


def _running(frames: Frames) -> pl.LazyFrame:
    order = ["date", "created_at", "entry_id"]
    ended = (
        frames["general_ledger"]
        .group_by(_ACCOUNT)
        .agg(pl.col("running_balance").sort_by(order).last().alias("found"))
    )
    return both(_last_closing(frames).rename({"closing": "expected"}), ended, "account_id")


def _entries(frames: Frames) -> pl.LazyFrame:
    count = pl.len().cast(MONEY)
    booked = posted(frames).group_by(_ACCOUNT).agg(count.alias("expected"))
    listed = frames["general_ledger"].group_by(_ACCOUNT).agg(count.alias("found"))
    return both(booked, listed, "account_id")


CHECKS: Final = (
    Check(
        "transaction_balances",
        "transactions",
        _by_transaction,
        "Debits and credits of this transaction differ. Compare its rows in unified.fct_ledger_entry "
        "with Sage, then run: sage-elt sync --resource ledger_entries --full-refresh",
        NO_ENTRIES,
    ),
    Check(
        "ledger_balances",
        "ledgers",
        _by_business,
        "Debits and credits of all entries differ. The broken transactions, or entries without one, "
        "say where.",
        NO_ENTRIES,
    ),
    Check(
        "trial_balance_sums_to_zero",
        "months",
        _months,
        "The closing balances of this month do not sum to 0. The broken transactions say where; if "
        f"there are none, {STALE}",
        NO_ENTRIES,
    ),
    Check(
        "trial_balance_equals_ledger",
        "accounts",
        _accounts,
        "The last closing balance of this account is not the sum of its entries. The mart is older "
        f"than the ledger; {STALE}",
        NO_ENTRIES,
    ),
    Check(
        "trial_balance_equals_sage",
        "accounts",
        _sage_accounts,
        "Sage's own balance of this account is another. Entries may have changed between the two "
        "reads; run: sage-elt run --full-refresh",
        f"Sage's own balances are compared with entries. Run: sage-elt sync --resource {SAGE_BALANCES}",
        (ENTRIES,),
    ),
    Check(
        "running_balance_equals_trial_balance",
        "accounts",
        _running,
        "The last running balance of this account in marts.general_ledger is not its last closing "
        f"balance in marts.trial_balance. One of them is older than the ledger; {STALE}",
        NO_ENTRIES,
    ),
    Check(
        "general_ledger_has_every_entry",
        "accounts",
        _entries,
        "marts.general_ledger has more or fewer entries of this account than "
        f"unified.fct_ledger_entry, deleted ones apart. The mart is older than the ledger; {STALE}",
        NO_ENTRIES,
    ),
)
