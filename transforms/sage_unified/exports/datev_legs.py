"""From ledger entries to DATEV's bookings of two accounts and a tax key.

A line of DATEV is an amount between two accounts. Where Sage booked net and tax apart and DATEV's key
would book exactly this tax on exactly this account, the line has the gross amount and the key; everywhere
else the tax is a line of its own without a key, so that every account moves by what Sage booked.
Amounts are whole cents, debits positive.

Sources: rules/datev_keys.csv, rules/datev_automatic.csv.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from sage_unified.exports.datev_accounts import SHORTEST, number
from sage_unified.exports.texts import cents
from sage_unified.rules import rule_table

NO_AUTOMATIC: Final = "40"
"""The key that keeps DATEV from taking tax out of a booking on an automatic account."""
_GROUP: Final = ["transaction_no", "tax_rate_id"]
_PART: Final = 1_000_000
"""A percentage has four decimals and is of a hundred."""
_SHOWN: Final = (
    "account",
    "key",
    "is_taxed",
    "date",
    "document_number",
    "reference",
    "transaction_id",
    "description",
    "due_date",
    "tax_number",
)
"""What a booking shows of one of its legs."""
_OPEN_END: Final = pl.date(9999, 12, 31)


@dataclass(frozen=True)
class Chart:
    """What is known of the accounts and rates of a business."""

    name: str
    length: int
    persons: pl.DataFrame
    """``contact_id, role, number``."""
    rates: pl.DataFrame
    """``tax_rate_id, valid_from, valid_to, percentage, treatment``."""


def bookings(entries: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """A line for each booking of a batch of whole, balanced transactions, in their order.

    ``entries`` are those of ``fec.entry_lines`` with ``account_class, is_control_account, tax_rate_id,
    contact_id, tax_number, due_date``. Adds ``cents`` (more than 0), ``side`` (S when ``account`` is
    debited), ``account, counter_account, key`` to the columns of the entry on the counter account.
    """
    legs = _merged(_with_zero_keys(_legs(entries, chart), chart), chart)
    return _oriented(_pairs(_with_automatic(legs, chart)))


def _legs(entries: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    persons = chart.persons.rename({"role": "account_subclass", "number": "person"})
    is_control = pl.col("is_control_account").fill_null(False)
    rates = chart.rates.sort("valid_from")
    return (
        entries.with_columns(cents(pl.col("amount")).alias("cents"))
        .filter(pl.col("cents") != 0)
        .join(
            persons,
            on=["contact_id", "account_subclass"],
            how="left",
            validate="m:1",
            maintain_order="left",
        )
        .with_row_index("leg")
        .sort("date", maintain_order=True)
        .join_asof(
            rates, left_on="date", right_on="valid_from", by="tax_rate_id", check_sortedness=False
        )
        .sort("leg")
        .with_columns(
            pl.when(is_control).then("person").alias("person"),
            pl.when(pl.col("date") <= pl.col("valid_to")).then("percentage").alias("percentage"),
            (pl.col("account_subclass") == "tax").fill_null(False).alias("is_tax"),
            pl.col("leg").cast(pl.Int64),
            pl.lit(None, pl.String).alias("key"),
        )
        .with_columns(
            pl.coalesce("person", number(pl.col("code"), chart.length)).alias("account"),
            (pl.col("percentage") * 10_000).cast(pl.Int64).alias("parts"),
        )
    )


def _merged(legs: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """``legs`` with tax taken into the gross amount where a key says the same."""
    taxes = _keyed_taxes(legs, chart)
    nets = (
        legs.filter(~pl.col("is_tax"), pl.col("person").is_null())
        .drop("key")
        .join(taxes, on=_GROUP, validate="m:1", maintain_order="left")
        .with_columns(_share().alias("share"))
    )
    rests = (
        nets.group_by(_GROUP, maintain_order=True)
        .agg(pl.len().alias("nets"), pl.col("share").sum())
        .join(taxes, on=_GROUP, validate="1:1", maintain_order="left")
        .with_columns((pl.col("tax") - pl.col("share")).alias("rest"))
        .filter(pl.col("rest").abs() <= pl.col("nets"))
    )
    gross = nets.join(rests, on=_GROUP, how="semi", maintain_order="left").with_columns(
        pl.col("cents") + pl.col("share")
    )
    of_group = legs.join(rests, on=_GROUP, how="semi", maintain_order="left")
    rounding = (
        of_group.filter("is_tax")
        .unique(_GROUP, keep="first", maintain_order=True)
        .join(rests.select(*_GROUP, "rest"), on=_GROUP, validate="1:1", maintain_order="left")
        .filter(pl.col("rest") != 0)
        .with_columns(pl.col("rest").alias("cents"))
    )
    merged_ids = pl.concat([gross["leg"], of_group.filter("is_tax")["leg"]])
    kept = legs.filter(~pl.col("leg").is_in(merged_ids.implode()))
    columns = legs.columns
    merged = pl.concat([kept, gross.select(columns), rounding.select(columns)]).sort("leg")
    split = _split_keys(merged, gross["leg"])
    return pl.concat(
        [
            merged.join(split, on="transaction_no", how="anti", maintain_order="left"),
            legs.join(split, on="transaction_no", how="semi", maintain_order="left"),
        ]
    ).sort("leg")


def _keyed_taxes(legs: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """``transaction_no, tax_rate_id, tax, key``: tax that stands on the account that a key books it on."""
    keys = (
        rule_table("datev_keys")
        .filter(pl.col("chart") == chart.name, pl.col("tax_account").is_not_null())
        .select(
            "key",
            "percentage",
            "treatment",
            "from_date",
            pl.col("to_date").fill_null(_OPEN_END),
            number(pl.col("tax_account"), chart.length).alias("account"),
        )
    )
    return (
        legs.filter("is_tax", pl.col("tax_rate_id").is_not_null())
        .group_by(_GROUP, maintain_order=True)
        .agg(
            pl.col("cents").sum().alias("tax"),
            pl.col("account").n_unique().alias("accounts"),
            pl.col("account", "percentage", "treatment", "date").first(),
        )
        .filter(pl.col("accounts") == 1)
        .join(keys, on=["account", "percentage", "treatment"], maintain_order="left")
        .filter(pl.col("date").is_between("from_date", "to_date"))
        .select(*_GROUP, "tax", "key")
    )


def _share() -> pl.Expr:
    """The tax that DATEV takes out of net + this: half a cent goes away from zero."""
    exact = pl.col("cents") * pl.col("parts")
    return exact.sign() * ((exact.abs() + _PART // 2) // _PART)


def _split_keys(legs: pl.DataFrame, gross: pl.Series) -> pl.DataFrame:
    """``transaction_no`` where one of the ``gross`` legs can not be one booking with one key.

    It would be cut in pieces, whose tax rounds otherwise, or it stands against a keyed amount.
    """
    is_debit, is_gross = pl.col("cents") > 0, pl.col("leg").is_in(gross.implode())

    def opposite(counted: pl.Expr) -> pl.Expr:
        debits = (counted & is_debit).sum().over("transaction_no")
        credits_ = (counted & ~is_debit).sum().over("transaction_no")
        return pl.when(is_debit).then(credits_).otherwise(debits)

    is_keyed = pl.col("key").is_not_null()
    is_split = is_gross & ((opposite(pl.lit(True)) != 1) | (opposite(is_keyed) > 0))
    return legs.filter(is_split).select("transaction_no").unique()


def _with_zero_keys(legs: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """Keys of sales without tax that the return lists apart: exports and supplies within the EU."""
    free = (
        rule_table("datev_keys")
        .filter(pl.col("chart") == chart.name, pl.col("tax_account").is_null())
        .select("treatment", "percentage", pl.col("key").alias("free_key"))
    )
    is_sale = pl.col("account_class") == "income"
    return (
        legs.join(
            free, on=["treatment", "percentage"], how="left", validate="m:1", maintain_order="left"
        )
        .with_columns(
            pl.coalesce("key", pl.when(is_sale, ~pl.col("is_tax")).then("free_key")).alias("key")
        )
        .drop("free_key")
    )


def _with_automatic(legs: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    """No key where the account itself takes out the same tax, and :data:`NO_AUTOMATIC` where it must not.

    ``is_taxed`` says that DATEV takes tax out of the amount or is kept from it.
    """
    automatic = rule_table("datev_automatic").filter(pl.col("chart") == chart.name)
    code = pl.col("code").str.zfill(SHORTEST)
    own: pl.Expr = pl.lit(None, pl.Decimal(9, 4))
    for first, last, percentage in automatic.select(
        "code_from", "code_to", "percentage"
    ).iter_rows():
        within = code.is_between(pl.lit(first), pl.lit(last)) & (code.str.len_chars() == SHORTEST)
        own = pl.when(within & pl.col("person").is_null()).then(pl.lit(percentage)).otherwise(own)
    is_automatic = pl.col("own").is_not_null()
    is_keyed = pl.col("key").is_not_null()
    return (
        legs.with_columns(own.cast(pl.Decimal(9, 4)).alias("own"))
        .with_columns((is_automatic | is_keyed).alias("is_taxed"))
        .with_columns(
            pl.when(is_automatic & is_keyed & (pl.col("own") == pl.col("percentage")))
            .then(None)
            .when(is_automatic & ~is_keyed)
            .then(pl.lit(NO_AUTOMATIC))
            .otherwise("key")
            .alias("key")
        )
    )


def _pairs(legs: pl.DataFrame) -> pl.DataFrame:
    """Pieces of amounts, each with the ``debit`` and the ``credit`` leg that it is between.

    The debits of a transaction are laid end to end, and so are its credits; every end cuts both.
    """
    laid = legs.with_columns(
        pl.col("cents").abs().cum_sum().over("transaction_no", pl.col("cents") > 0).alias("end")
    )
    cuts = (
        laid.select("transaction_no", "end")
        .unique()
        .sort("transaction_no", "end")
        .with_columns(
            (pl.col("end") - pl.col("end").shift(1, fill_value=0).over("transaction_no")).alias(
                "piece"
            )
        )
    )
    for side, is_side in (("debit_leg", pl.col("cents") > 0), ("credit_leg", pl.col("cents") < 0)):
        ends = laid.filter(is_side).select("transaction_no", "end", pl.col("leg").alias(side))
        cuts = cuts.sort("end", maintain_order=True).join_asof(
            ends.sort("end", maintain_order=True),
            on="end",
            by="transaction_no",
            strategy="forward",
            check_sortedness=False,
        )
    pieces = cuts.sort("transaction_no", "end").drop("transaction_no", "end")
    debits = laid.select(pl.col("leg").alias("debit_leg"), "transaction_no", *_SHOWN)
    credits_ = laid.select(
        pl.col("leg").alias("credit_leg"),
        *(pl.col(name).alias(f"credit_{name}") for name in _SHOWN),
    )
    return pieces.join(debits, on="debit_leg", validate="m:1", maintain_order="left").join(
        credits_, on="credit_leg", validate="m:1", maintain_order="left"
    )


def _oriented(pieces: pl.DataFrame) -> pl.DataFrame:
    """The taxed leg as the counter account, which the key belongs to; else the credit."""
    # of two, the one that DATEV takes tax out of; the key 40 only keeps it from that
    bears_tax = pl.col("key").fill_null("") != NO_AUTOMATIC
    credit_bears_tax = pl.col("credit_key").fill_null("") != NO_AUTOMATIC
    debit_is_taxed = pl.col("is_taxed") & (
        ~pl.col("credit_is_taxed") | (bears_tax & ~credit_bears_tax)
    )
    return pieces.with_columns(
        pl.col("piece").alias("cents"),
        pl.when(debit_is_taxed).then(pl.lit("H")).otherwise(pl.lit("S")).alias("side"),
        pl.when(debit_is_taxed).then("credit_account").otherwise("account").alias("account"),
        pl.when(debit_is_taxed)
        .then("account")
        .otherwise("credit_account")
        .alias("counter_account"),
        *(
            pl.when(debit_is_taxed).then(name).otherwise(f"credit_{name}").alias(name)
            for name in _SHOWN
            if name != "account"
        ),
    ).select("transaction_no", "cents", "side", "counter_account", *_SHOWN)
