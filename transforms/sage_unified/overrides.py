"""A tenant's overrides: what a business's own tax rate, account or chart means, against the rules.

An override is data: one row sets a tax rate's meaning, an account's class or the chart of a German
business. It wins over every rule and shows as the method ``override``.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import Types, typed
from sage_unified.errors import OverrideError, RuleTableError
from sage_unified.rule_schemas import Column, Mistake, Row, TableSchema
from sage_unified.rules import rule_table, validated
from sage_unified.vocabulary import (
    ACCOUNT_CLASSES,
    CATEGORIES,
    RATE_CLASSES,
    TAX_TYPES,
    TREATMENTS,
)

METHOD: Final = "override"
TABLE: Final = "_overrides"
"""The name of the overrides among the frames that tables are made of."""

_OF_KIND: Final = {
    "tax_rate": ("category_code", "rate_class", "treatment", "tax_type"),
    "account": ("account_class", "account_subclass"),
    "chart": ("chart_standard",),
}
_OPTIONAL: Final = ("tax_type", "account_subclass")
_LINE: Final = "line"
_FIRST_LINE: Final = 2
"""Of a file with a header, as which rows without a line are counted."""

COLUMNS: Final[Types] = {
    name: pl.String()
    for name in ("business_id", "kind", "id", *(c for of in _OF_KIND.values() for c in of))
}


def _fits_kind(row: Row, _rows: object) -> Mistake:
    """A row names what it sets, sets all of it and nothing of another kind."""
    kind = row["kind"]
    if (kind == "chart") != (row["id"] == ""):
        wanted = "is empty for a chart" if kind == "chart" else f"is the id of the {kind}"
        return "id", f"it {wanted}"
    for of, names in _OF_KIND.items():
        for name in names:
            if of == kind and not row[name] and name not in _OPTIONAL:
                return name, f"a row of kind {kind} sets it"
            if of != kind and row[name]:
                return name, f"a row of kind {kind} does not set it"
    return None


def _schema() -> TableSchema:
    charts = rule_table("account_ranges")["standard"].unique(maintain_order=True)
    subclasses = pl.concat(
        [
            rule_table("account_ranges")["subclass"],
            rule_table("ledger_type_map")["default_subclass"],
        ]
    ).unique(maintain_order=True)
    vocabularies = {
        "category_code": CATEGORIES,
        "rate_class": RATE_CLASSES,
        "treatment": TREATMENTS,
        "tax_type": TAX_TYPES,
        "account_class": ACCOUNT_CLASSES,
        "account_subclass": tuple(subclasses.sort()),
        "chart_standard": tuple(charts),
    }
    keys = {
        "business_id": Column(),
        "kind": Column(one_of=tuple(_OF_KIND)),
        "id": Column(required=False),
    }
    values = {name: Column(required=False, one_of=words) for name, words in vocabularies.items()}
    return TableSchema(keys | values, key=("business_id", "kind", "id"), row_check=_fits_kind)


def read_overrides(rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` validated, with exactly :data:`COLUMNS`; what they lack is null.

    A column ``line`` says where each stands, for messages; without it the first is line 2. ``kind`` is
    tax_rate, account or chart; ``id`` that of the tax rate or account, empty for a chart.

    Raises :class:`OverrideError` with line and column.
    """
    for name in rows.columns:
        if name not in COLUMNS and name != _LINE:
            raise OverrideError(1, name, f"it is none of {', '.join(COLUMNS)}")
    lines = (
        rows[_LINE].to_list()
        if _LINE in rows.columns
        else list(range(_FIRST_LINE, rows.height + _FIRST_LINE))
    )
    texts = typed(rows.lazy(), COLUMNS).select(pl.all().str.strip_chars().fill_null("")).collect()
    try:
        return validated("overrides", texts.to_dicts(), lines, _schema())
    except RuleTableError as error:
        raise OverrideError(error.line, error.column, error.mistake) from None


def override_tax_rates(rates: pl.LazyFrame, overrides: pl.LazyFrame) -> pl.LazyFrame:
    """``rates``, of ``business_id, tax_rate_id`` and their meaning, with what the overrides set."""
    set_by_tenant = _of_kind(overrides, "tax_rate", "tax_rate_id")
    is_set = pl.col("_category_code").is_not_null()
    return (
        rates.join(set_by_tenant, on=["business_id", "tax_rate_id"], how="left", validate="m:1")
        .with_columns(
            *(pl.coalesce(f"_{name}", name).alias(name) for name in _OF_KIND["tax_rate"]),
            pl.when(is_set)
            .then(pl.lit(METHOD))
            .otherwise("mapping_method")
            .alias("mapping_method"),
            *(
                pl.when(~is_set).then(name).alias(name)
                for name in ("unmapped_reason", "mapping_rule_id")
            ),
        )
        .drop(f"_{name}" for name in _OF_KIND["tax_rate"])
    )


def override_accounts(accounts: pl.LazyFrame, overrides: pl.LazyFrame) -> pl.LazyFrame:
    """``accounts``, of ``business_id, account_id`` and their class, with what the overrides set.

    A class set without a subclass has none.
    """
    set_by_tenant = _of_kind(overrides, "account", "account_id")
    is_set = pl.col("_account_class").is_not_null()
    return (
        accounts.join(set_by_tenant, on=["business_id", "account_id"], how="left", validate="m:1")
        .with_columns(
            *(
                pl.when(is_set).then(f"_{name}").otherwise(name).alias(name)
                for name in _OF_KIND["account"]
            ),
            pl.when(is_set).then(pl.lit(METHOD)).otherwise("class_method").alias("class_method"),
            (pl.col("class_conflict") & ~is_set).alias("class_conflict"),
        )
        .drop(f"_{name}" for name in _OF_KIND["account"])
    )


def charts_set(overrides: pl.LazyFrame) -> pl.LazyFrame:
    """``business_id, chart_set`` of the businesses whose chart the overrides set."""
    return overrides.filter(pl.col("kind") == "chart").select(
        "business_id", pl.col("chart_standard").alias("chart_set")
    )


def _of_kind(overrides: pl.LazyFrame, kind: str, key: str) -> pl.LazyFrame:
    return overrides.filter(pl.col("kind") == kind).select(
        "business_id",
        pl.col("id").alias(key),
        *(pl.col(name).alias(f"_{name}") for name in _OF_KIND[kind]),
    )
