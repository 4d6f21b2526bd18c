"""Tie-outs of what customers owe and what is owed to suppliers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from sage_unified.checks.comparison import Check, Frames, both
from sage_unified.checks.gaps import ACCOUNTS, DOCUMENTS, ENTRIES, PAYMENTS
from sage_unified.checks.ledger import posted

_ACCOUNT: Final = ["business_id", "account_id"]
_CONTACT: Final = ["business_id", "contact_id"]
_ITEMS: Final = (*DOCUMENTS, PAYMENTS)
_NO_ITEMS: Final = (
    "Run: sage-elt sync; if that does not help, the user may lack a role: sage-elt doctor"
)


def _open(frames: Frames, mart: str) -> pl.LazyFrame:
    """``open`` by contact on the last day of the mart."""
    last = pl.col("as_of") == pl.col("as_of").max()
    return (
        frames[mart]
        .filter(last)
        .group_by(_CONTACT)
        .agg(pl.col("base_outstanding").sum().alias("open"))
    )


def _control(mart: str, subclass: str, sign: int) -> Callable[[Frames], pl.LazyFrame]:
    """Open items of each contact against its entries on the control account."""

    def compare(frames: Frames) -> pl.LazyFrame:
        controls = (
            frames["dim_account"]
            .filter(pl.col("account_subclass") == subclass, pl.col("is_control_account"))
            .select(_ACCOUNT)
        )
        as_of = frames[mart].select(pl.col("as_of").max().alias("last"))
        booked = (
            posted(frames)
            .join(controls, on=_ACCOUNT, how="semi")
            .join(as_of, how="cross")
            .filter(pl.col("last").is_null() | (pl.col("date") <= pl.col("last")))
            .group_by(_CONTACT)
            .agg((pl.col("amount").sum() * sign).alias("expected"))
        )
        found = _open(frames, mart).rename({"open": "found"})
        return both(booked, found, "contact_id", nobody="entries without contact")

    return compare


def _contacts(frames: Frames) -> pl.LazyFrame:
    """Sage's balance: what a customer owes, what is owed to a supplier, the one less the other of both."""
    receivable = _open(frames, "aged_receivables").rename({"open": "receivable"})
    payable = _open(frames, "aged_payables").rename({"open": "payable"})
    owed, owing = pl.col("receivable").fill_null(0), pl.col("payable").fill_null(0)
    is_customer, is_supplier = pl.col("is_customer"), pl.col("is_supplier")
    return (
        frames["dim_contact"]
        .filter(pl.col("deleted_at").is_null(), pl.col("balance").is_not_null())
        .join(receivable, on=_CONTACT, how="left", validate="1:1")
        .join(payable, on=_CONTACT, how="left", validate="1:1")
        .select(
            "business_id",
            pl.col("contact_id").alias("subject"),
            pl.col("balance").alias("expected"),
            pl.when(is_supplier & ~is_customer)
            .then(owing - owed)
            .otherwise(owed - owing)
            .alias("found"),
        )
    )


_WHEN_CONTROL_BROKEN: Final = (
    "The open items of this contact are not what its entries on the control account come to. Look at "
    "its rows in marts.document_ledger_check and for journals on the control account; documents, payments "
    "or allocations may be missing: run: sage-elt sync --full-refresh"
)
CHECKS: Final = (
    Check(
        "receivables_equal_control_account",
        "contacts",
        _control("aged_receivables", "receivable", 1),
        _WHEN_CONTROL_BROKEN,
        _NO_ITEMS,
        (*_ITEMS, ENTRIES, ACCOUNTS),
    ),
    Check(
        "payables_equal_control_account",
        "contacts",
        _control("aged_payables", "payable", -1),
        _WHEN_CONTROL_BROKEN,
        _NO_ITEMS,
        (*_ITEMS, ENTRIES, ACCOUNTS),
    ),
    Check(
        "open_items_equal_contact_balances",
        "contacts",
        _contacts,
        "Sage's own balance of this contact is not what its open items come to. Look at its rows in "
        "marts.aged_receivables and marts.aged_payables; if they are right, the contact is older than they "
        "are: run: sage-elt sync --resource contacts --full-refresh",
        "Not read: Sage's balance of a contact would be old with the next payment. Open items are compared with "
        "the control accounts.",
        _ITEMS,
    ),
)
