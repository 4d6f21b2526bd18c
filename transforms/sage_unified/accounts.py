"""Ledger accounts: their class and subclass, the German chart they follow, ``dim_account``.

The account type that Sage shows decides the class, then the group, then the code's range in the
country's chart, then the control account's name. The display name never decides: it is user text in
five languages. Source: ledger_type_map.csv, account_ranges.csv.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import require, typed
from sage_unified.overrides import override_accounts
from sage_unified.rules import rule_table
from sage_unified.tax_rates.words import normalised

UNCLASSIFIED: Final = "unclassified"
CONTRA_SUBCLASSES: Final = ("accumulated_depreciation", "drawings", "dividends", "sales_discount")
"""Accounts whose normal balance is on the other side than that of their class."""

_INPUT: Final = {
    "country": pl.String(),
    "chart_standard": pl.String(),
    "ledger_account_type_id": pl.String(),
    "ledger_account_group_id": pl.String(),
    "nominal_code": pl.String(),
    "display_name": pl.String(),
    "control_name": pl.String(),
}
CLASSIFIED: Final = ("account_class", "account_subclass", "class_method", "class_conflict")

_SKR_EVIDENCE: Final = (
    # chart, code, a word that the name of the account holds there
    ("SKR03", "1200", r"\bbank"),
    ("SKR03", "1400", "forderung"),
    ("SKR03", "1600", "verbindlichkeit"),
    ("SKR03", "8400", r"\berloe?s"),
    ("SKR04", "1800", r"\bbank"),
    ("SKR04", "1200", "forderung"),
    ("SKR04", "3300", "verbindlichkeit"),
    ("SKR04", "4400", r"\berloe?s"),
)


def classify_ledger_accounts(accounts: pl.DataFrame) -> pl.DataFrame:
    """``accounts`` with the class of each; rows and their order are kept.

    Needs ``country, chart_standard`` (SKR03, SKR04, …; null is the country's usual one, SKR03 in
    Germany), ``ledger_account_type_id, ledger_account_group_id, nominal_code, display_name,
    control_name``. Adds ``account_class`` (asset, liability, equity, income, expense, unclassified),
    ``account_subclass``, ``class_method`` (the evidence: type, type+code, …, none) and
    ``class_conflict`` (the code's range says another class than the type or group; without these, the
    control name another than the code).

    Raises :class:`InputError` for a missing column.
    """
    require(accounts, _INPUT, "classify_ledger_accounts")
    given = typed(accounts.lazy(), _INPUT).with_row_index("_row")
    seen = given.with_columns(
        pl.coalesce(pl.col("chart_standard").replace("", None), _usual_chart()).alias("standard"),
        pl.col("nominal_code").str.strip_chars().alias("code"),
    )
    for kind, column in (
        ("type", "ledger_account_type_id"),
        ("group", "ledger_account_group_id"),
        ("control", "control_name"),
    ):
        seen = seen.with_columns(_identifier(column).alias(f"{kind}_key")).join(
            _vocabulary(kind), on=f"{kind}_key", how="left", validate="m:1"
        )
    ranged = seen.join(
        _in_ranges(seen), on=["country", "standard", "code"], how="left", validate="m:1"
    )
    classified = ranged.select("_row", *_classification()).sort("_row").collect()
    return accounts.with_columns(classified.select(CLASSIFIED).get_columns())


def _usual_chart() -> pl.Expr:
    """The standard of a country that has one; of several, the first in account_ranges.csv."""
    charts = rule_table("account_ranges").unique("country", keep="first", maintain_order=True)
    return pl.col("country").replace_strict(charts["country"], charts["standard"], default=None)


def _identifier(column: str) -> pl.Expr:
    """Capitals with ``_`` for whatever is no letter or digit, as ledger_type_map.csv spells ids."""
    return (
        pl.col(column)
        .str.strip_chars()
        .str.to_uppercase()
        .str.replace_all(r"[^A-Z0-9]+", "_")
        .str.strip_chars("_")
    )


def _vocabulary(kind: str) -> pl.LazyFrame:
    """What an id or synonym of a kind means, in columns ``<kind>_…``; unique by ``<kind>_key``."""
    return (
        rule_table("ledger_type_map")
        .lazy()
        .filter(pl.col("kind") == kind)
        .select(
            pl.concat_str("id", pl.col("synonyms").fill_null(""), separator=" ")
            .str.strip_chars()
            .str.split(" ")
            .alias(f"{kind}_key"),
            pl.col("class").alias(f"{kind}_class"),
            pl.col("default_subclass").alias(f"{kind}_subclass"),
            pl.col("allowed_subclasses").str.split(" ").alias(f"{kind}_allowed"),
        )
        .explode(f"{kind}_key")
    )


def _in_ranges(accounts: pl.LazyFrame) -> pl.LazyFrame:
    """``code_class`` and ``code_subclass`` of each distinct ``country, standard, code`` in a range.

    Of numeric ranges the narrowest counts. Of prefixes the longest does, then the narrowest: French
    and Spanish codes have 3 to 13 digits, so they are never compared as numbers.
    """
    key = ["country", "standard", "code"]
    codes = accounts.select(key).drop_nulls().unique()
    candidates = codes.join(rule_table("account_ranges").lazy(), on=["country", "standard"])
    first, last = pl.col("code_from"), pl.col("code_to")
    number = pl.col("code").cast(pl.Int64, strict=False)
    start = pl.col("code").str.head(first.str.len_chars())
    is_prefix = pl.col("match") == "prefix"
    holds = (
        pl.when(is_prefix)
        .then((start >= first) & (start <= last) & (start.str.len_chars() == first.str.len_chars()))
        .otherwise(number.is_between(first.cast(pl.Int64), last.cast(pl.Int64)))
    )
    prefix_length = pl.when(is_prefix).then(first.str.len_chars()).otherwise(0)
    return (
        candidates.filter(holds)
        .sort(prefix_length, first.cast(pl.Int64) - last.cast(pl.Int64), maintain_order=True)
        .unique(key, keep="last", maintain_order=True)
        .select(
            *key, pl.col("class").alias("code_class"), pl.col("subclass").alias("code_subclass")
        )
    )


def _classification() -> list[pl.Expr]:
    by_type, by_group = pl.col("type_class").is_not_null(), pl.col("group_class").is_not_null()
    by_code, by_control = pl.col("code_class").is_not_null(), pl.col("control_class").is_not_null()
    evidence = [(by_type, "type"), (by_group, "group"), (by_code, "code"), (by_control, "control")]
    stated = pl.coalesce("type_class", "group_class")
    refines_code, refines_control = _refines("code"), _refines("control")
    refined = (
        pl.when(stated.is_null())
        .then(pl.lit(""))
        .when(refines_code)
        .then(pl.lit("+code"))
        .when(refines_control)
        .then(pl.lit("+control"))
        .otherwise(pl.lit(""))
    )
    return [
        pl.coalesce("type_class", "group_class", "code_class", "control_class")
        .fill_null(UNCLASSIFIED)
        .alias("account_class"),
        pl.when(stated.is_not_null() & refines_code)
        .then("code_subclass")
        .when(stated.is_not_null() & refines_control)
        .then("control_subclass")
        .otherwise(
            pl.coalesce("type_subclass", "group_subclass", "code_subclass", "control_subclass")
        )
        .alias("account_subclass"),
        (
            pl.coalesce(*(pl.when(known).then(pl.lit(name)) for known, name in evidence)).fill_null(
                "none"
            )
            + refined
        ).alias("class_method"),
        pl.when(stated.is_not_null())
        .then(pl.col("code_class") != stated)
        .otherwise(pl.col("control_class") != pl.col("code_class"))
        .fill_null(False)
        .alias("class_conflict"),
    ]


def _refines(kind: str) -> pl.Expr:
    """Whether the subclass of the code or control name may stand under the stated class."""
    allowed = (
        pl.when(pl.col("type_class").is_not_null()).then("type_allowed").otherwise("group_allowed")
    )
    stated = pl.coalesce("type_class", "group_class")
    agrees = allowed.list.contains("*") & (pl.col(f"{kind}_class") == stated)
    return (allowed.list.contains(pl.col(f"{kind}_subclass")) | agrees).fill_null(False)


def german_charts(accounts: pl.LazyFrame) -> pl.LazyFrame:
    """``business_id, chart_standard``: SKR03 or SKR04, by the accounts whose code and name both fit.

    ``accounts`` has ``business_id, nominal_code, name``. A code alone is no evidence: 1200 is the bank
    in one chart and the debtors in the other. The chart with more such accounts wins; SKR03 of equals.
    """
    name = normalised(pl.col("name"))

    def score(chart: str) -> pl.Expr:
        fits = [
            (pl.col("nominal_code") == code) & name.str.contains(word)
            for standard, code, word in _SKR_EVIDENCE
            if standard == chart
        ]
        return pl.any_horizontal(fits).sum()

    return accounts.group_by("business_id").agg(
        pl.when(score("SKR04") > score("SKR03"))
        .then(pl.lit("SKR04"))
        .otherwise(pl.lit("SKR03"))
        .alias("chart_standard")
    )


def dim_account(
    ledger_accounts: pl.LazyFrame,
    bank_accounts: pl.LazyFrame,
    businesses: pl.LazyFrame,
    overrides: pl.LazyFrame,
) -> pl.LazyFrame:
    """One row a ledger account, key (business_id, account_id), in that order.

    Takes the raw tables, ``dim_business`` (country and chart) and the tenants' overrides.
    """
    of_business = businesses.select("business_id", "country", "chart_standard")
    banks = bank_accounts.select(
        "business_id",
        pl.col("ledger_account__id").alias("id"),
        pl.lit(True).alias("is_bank"),
    ).unique()
    given = (
        ledger_accounts.join(of_business, on="business_id", how="left", validate="m:1")
        .join(banks, on=["business_id", "id"], how="left", validate="1:1")
        .rename(
            {
                "ledger_account_type__id": "ledger_account_type_id",
                "ledger_account_group__id": "ledger_account_group_id",
            }
        )
    )
    classified = override_accounts(
        classify_ledger_accounts(given.collect()).lazy().rename({"id": "account_id"}), overrides
    )
    code = pl.col("nominal_code").str.strip_chars()
    # Sage's integer loses the zeros in front
    countries = rule_table("countries").drop_nulls("code_digits")
    digits = pl.col("country").replace_strict(
        countries["country"], countries["code_digits"], default=0
    )
    return classified.select(
        "business_id",
        "account_id",
        code.str.zfill(digits).alias("code"),
        pl.coalesce("name", "display_name", "displayed_as", "account_id").alias("name"),
        "display_name",
        pl.col("ledger_account_type_id").alias("sage_type_id"),
        pl.col("ledger_account_group_id").alias("sage_group_id"),
        pl.col("ledger_account_classification__id").alias("sage_classification_id"),
        *CLASSIFIED,
        _statement().alias("statement"),
        _normal_balance().alias("normal_balance"),
        "is_control_account",
        "control_name",
        "gifi_code",
        pl.col("tax_rate__id").alias("default_tax_rate_id"),
        pl.col("is_bank").fill_null(False),
        pl.col("included_in_chart").alias("is_active"),
    ).sort("business_id", "account_id")


def _statement() -> pl.Expr:
    account_class = pl.col("account_class")
    return (
        pl.when(account_class.is_in(["asset", "liability", "equity"]))
        .then(pl.lit("BS"))
        .when(account_class.is_in(["income", "expense"]))
        .then(pl.lit("PL"))
    )


def _normal_balance() -> pl.Expr:
    is_debit = pl.col("account_class").is_in(["asset", "expense"])
    is_contra = pl.col("account_subclass").is_in(CONTRA_SUBCLASSES).fill_null(False)
    side = pl.when(is_debit != is_contra).then(pl.lit("debit")).otherwise(pl.lit("credit"))
    return pl.when(pl.col("account_class") != UNCLASSIFIED).then(side)
