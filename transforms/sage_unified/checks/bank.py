"""Tie-outs of bank accounts with the ledger and with Sage's own balances."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.checks.comparison import Check, Frames, both
from sage_unified.checks.gaps import BANKS, ENTRIES
from sage_unified.checks.ledger import NO_ENTRIES, STALE, posted

_BANK_ACCOUNT: Final = ["business_id", "bank_account_id"]


def _last_balances(frames: Frames) -> pl.LazyFrame:
    last = pl.col("balance").sort_by("date").last()
    return frames["bank_balance"].group_by(_BANK_ACCOUNT).agg(last.alias("found"))


def _with_balances(frames: Frames) -> pl.LazyFrame:
    """The businesses of which a bank account moved."""
    return frames["bank_balance"].select("business_id").unique()


def _ledger(frames: Frames) -> pl.LazyFrame:
    accounts = frames["bank_accounts"].select(
        "business_id",
        pl.col("id").alias("bank_account_id"),
        pl.col("ledger_account__id").alias("account_id"),
    )
    booked = (
        posted(frames)
        .join(accounts, on=["business_id", "account_id"])
        .group_by(_BANK_ACCOUNT)
        .agg(pl.col("amount").sum().alias("expected"))
        .join(_with_balances(frames), on="business_id", how="semi")
    )
    return both(booked, _last_balances(frames), "bank_account_id")


def _sage(frames: Frames) -> pl.LazyFrame:
    """Accounts in base currency: Sage shows the balance of others in their own."""
    base = frames["dim_business"].select("business_id", "base_currency")
    is_base = pl.col("currency__id").is_null() | (pl.col("currency__id") == pl.col("base_currency"))
    return (
        frames["bank_accounts"]
        .join(_with_balances(frames), on="business_id", how="semi")
        .join(base, on="business_id", validate="m:1")
        .filter(is_base, pl.col("balance").is_not_null())
        .select("business_id", pl.col("id").alias("bank_account_id"), "balance")
        .join(_last_balances(frames), on=_BANK_ACCOUNT, how="left", validate="1:1")
        .select(
            "business_id",
            pl.col("bank_account_id").alias("subject"),
            pl.col("balance").alias("expected"),
            pl.col("found").fill_null(0),
        )
    )


CHECKS: Final = (
    Check(
        "bank_equals_ledger",
        "bank accounts",
        _ledger,
        "The last balance of this bank account in marts.bank_balance is not the sum of the entries on "
        f"its ledger account. The mart is older than the ledger; {STALE}",
        NO_ENTRIES,
        (BANKS, ENTRIES),
    ),
    Check(
        "bank_equals_sage",
        "bank accounts",
        _sage,
        "Sage's own balance of this bank account is not what its entries come to. Entries may have changed "
        "between the two reads; run: sage-elt run --full-refresh",
        "No bank accounts in base currency, or no ledger entries, were loaded. Run: sage-elt sync",
        (BANKS, ENTRIES),
    ),
)
