"""What a tax rate means on a date: category, class, treatment, tax type; or why that is not known.

The id decides before the name, the name before the figure; nothing is guessed. Source: tax_rules.csv,
vat_rates.csv; categories of EN 16931.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.columns import require, typed
from sage_unified.tax_rates.decision import CLASSIFIED, METHODS, decide
from sage_unified.tax_rates.percentages import parts_on_date, percentages_on_date

_SCALARS: Final = {
    "country": pl.String(),
    "ni_based": pl.Boolean(),
    "tax_rate_id": pl.String(),
    "name": pl.String(),
    "is_combined_rate": pl.Boolean(),
    "retailer": pl.Boolean(),
    "document_date": pl.Date(),
}
_FLAGS: Final = {"ni_based": False, "is_combined_rate": False, "retailer": False}
_AS_GIVEN: Final = ("percentage", "percentages", "component_tax_rates")


def classify_tax_rates(rates: pl.DataFrame) -> pl.DataFrame:
    """``rates`` with what each means on its ``document_date``; rows and their order are kept.

    Needs ``country`` (of the business), ``ni_based, tax_rate_id, name, percentage, percentages``
    (a list of structs percentage, from_date, to_date), ``is_combined_rate, component_tax_rates``
    (a list of structs id, name, percentage, percentages), ``retailer, document_date``. Percentages are
    text or Decimal. Adds :data:`CLASSIFIED`: ``percentage_on_date`` is Decimal(9, 4),
    ``mapping_method`` id, name, figure or unmapped, ``unmapped_reason`` null exactly when mapped.

    Raises :class:`InputError` for a missing column.
    """
    wanted = [*_SCALARS, *_AS_GIVEN]
    require(rates, wanted, "classify_tax_rates")
    # many lines share few rates and days: what is equal in everything is decided once
    distinct = rates.select(wanted).with_row_index("_row").group_by(wanted).agg("_row")
    cases = distinct.with_row_index("case").with_columns(
        typed(distinct.lazy(), _SCALARS, _FLAGS).collect().get_columns()
    )
    decided = _decide_with_parts(cases)
    rows = cases.select("_row").with_columns(decided.get_columns()).explode("_row").sort("_row")
    return rates.with_columns(rows.select(CLASSIFIED).get_columns())


def _decide_with_parts(cases: pl.DataFrame) -> pl.DataFrame:
    """:data:`CLASSIFIED` of each case, in its order; components are decided first, as whole rates."""
    parts = parts_on_date(cases)
    owners = cases.select("case", "country", "ni_based")
    whole = parts.join(owners, on="case", how="left", validate="m:1", maintain_order="left")
    decided = decide(
        whole.with_columns(
            pl.lit(False).alias("retailer"),
            pl.lit(None, pl.String).alias("part_names"),
            pl.lit(None, pl.String).alias("parts_method"),
            pl.lit(None, pl.String).alias("parts_class"),
        )
    )
    summaries = (
        parts.select("case", "name").with_columns(decided.get_columns()).group_by("case")
    ).agg(
        pl.col("name").str.join(" ").alias("part_names"),
        _if_all_standard_rated(_weakest_method()).alias("parts_method"),
        _if_all_standard_rated(_common_class()).alias("parts_class"),
    )
    return decide(
        cases.with_columns(percentages_on_date(cases, parts).get_columns())
        .join(summaries, on="case", how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.when("is_combined_rate").then("parts_method").alias("parts_method"))
    )


def _if_all_standard_rated(value: pl.Expr) -> pl.Expr:
    return pl.when((pl.col("category_code") == "S").fill_null(False).all()).then(value)


def _weakest_method() -> pl.Expr:
    order = pl.Enum(METHODS)
    return pl.col("mapping_method").cast(order, strict=False).max().cast(pl.String)


def _common_class() -> pl.Expr:
    """The class that all components share; parts of several classes make another rate."""
    classes = pl.col("rate_class")
    return pl.when(classes.n_unique() == 1).then(classes.first()).otherwise(pl.lit("other"))
