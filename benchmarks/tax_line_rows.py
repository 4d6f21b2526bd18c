"""Tax lines of seven countries and the tax rates that they name, for both contenders as Parquet files.

    python -m benchmarks.tax_line_rows FOLDER LINES

A rate has the percentages that the law gave its class, each with its dates, and lines are dated over
twenty years, so that about every rate has several periods. What a line says besides is drawn by chance.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from sage_unified import build, rule_table

LINES, RATES, PLACES, SCOPES = "lines.parquet", "rates.parquet", "places.parquet", "scopes.parquet"
FIRST_DAY = date(2006, 1, 1)
DAYS = 20 * 365
BUSINESSES = 10
"""In each country."""
WORDS = {
    # names of rates that are not domestic by themselves, as tenants call them
    "Reverse charge services": "0",
    "EU acquisition of goods": "0",
    "Exempt": "0",
    "Zero rated": "0",
    "Outside the scope": "0",
}
KINDS = (
    "sales_invoice",
    "sales_credit_note",
    "sales_quick_entry_invoice",
    "purchase_invoice",
    "purchase_credit_note",
    "purchase_quick_entry_credit_note",
    "other_payment",
    "other_receipt",
)
COUNTERPARTS = ("GB", "IE", "FR", "DE", "ES", "US", "CA", "NL", "CH", None)
FLAGS = {
    # and how many of a thousand lines have it
    "contact_ni_based": 5,
    "home_tax": 100,
    "eu_tax_registered": 500,
    "eu_not_tax_registered": 50,
    "rest_of_world_tax": 100,
    "is_importer": 300,
    "vat_reverse_charge": 10,
    "postponed_accounting": 10,
    "vat_exempt_consignment": 2,
    "trade_of_asset": 10,
    "import": 5,
}


def write_rows(folder: Path, lines: int) -> None:
    """Write :data:`LINES`, the periods of the :data:`RATES`, :data:`PLACES` and :data:`SCOPES`."""
    rates = _rates()
    raw = _raw(rates)
    dimension = build(raw, FIRST_DAY + timedelta(days=DAYS))["unified", "dim_tax_rate"]
    dimension.write_parquet(folder / RATES)
    places = rates.select("business_id", "country").unique().sort("business_id")
    places = places.with_columns(pl.lit(False).alias("ni_based"))
    places.write_parquet(folder / PLACES)
    rule_table("vat_scope").write_parquet(folder / SCOPES)
    _lines(rates, dimension, lines).write_parquet(folder / LINES)


def _rates() -> pl.DataFrame:
    """``business_id, country, tax_rate_id, name, percentages`` (structs) of each business's rates."""
    lawful = (
        rule_table("vat_rates")
        .filter(pl.col("region").is_null(), pl.col("tax_type").is_in(["VAT", "GST", "SALES_TAX"]))
        .sort("country", "tax_type", "rate_class", "from_date")
        .group_by("country", "rate_class", maintain_order=True)
        .agg(pl.struct("percentage", "from_date", "to_date").alias("percentages"))
        .with_columns(pl.format("VAT {}", "rate_class").alias("name"))
    )
    countries = pl.DataFrame({"country": ["GB", "IE", "US", "CA", "FR", "ES", "DE"]})
    open_period = pl.struct(
        pl.lit(0, pl.Decimal(9, 4)).alias("percentage"),
        pl.lit(FIRST_DAY).alias("from_date"),
        pl.lit(None, pl.Date).alias("to_date"),
    )
    worded = countries.join(pl.DataFrame({"name": list(WORDS)}), how="cross").with_columns(
        pl.concat_list(open_period).alias("percentages")
    )
    businesses = countries.join(pl.DataFrame({"number": range(BUSINESSES)}), how="cross").select(
        "country", pl.format("{}-{}", "country", "number").alias("business_id")
    )
    columns = ["country", "name", "percentages"]
    known = pl.concat([lawful.select(columns), worded.select(columns)], how="vertical_relaxed")
    return businesses.join(known, on="country").with_columns(
        pl.concat_str("business_id", "name").hash(seed=1).cast(pl.String).alias("tax_rate_id")
    )


def _raw(rates: pl.DataFrame) -> dict[str, pl.LazyFrame]:
    """The rates as the raw schema has them."""
    businesses = rates.select("business_id", "country").unique()
    periods = (
        rates.select("business_id", pl.col("tax_rate_id").alias("_root_id"), "percentages")
        .explode("percentages")
        .unnest("percentages")
        .with_columns(pl.int_range(pl.len()).over("business_id", "_root_id").alias("_list_idx"))
    )
    return {
        "businesses": businesses.select(
            "business_id", pl.col("business_id").alias("id"), pl.col("country").alias("country__id")
        ).lazy(),
        "tax_rates": rates.select(
            "business_id",
            pl.col("tax_rate_id").alias("id"),
            "name",
            pl.lit(False).alias("is_combined_rate"),
        ).lazy(),
        "tax_rates__percentages": periods.lazy(),
    }


def _lines(rates: pl.DataFrame, dimension: pl.DataFrame, count: int) -> pl.DataFrame:
    """``count`` lines, each on a day on which its rate has a period."""
    drawn = _Chance(count)
    spans = dimension.group_by("business_id", "tax_rate_id").agg(
        pl.col("valid_from").min().clip(lower_bound=FIRST_DAY).alias("first"),
        pl.col("valid_to").max().clip(upper_bound=FIRST_DAY + timedelta(days=DAYS)).alias("last"),
    )
    usable = (
        rates.select("business_id", "country", "tax_rate_id")
        .join(spans, on=["business_id", "tax_rate_id"])
        .filter(pl.col("first") <= pl.col("last"))
        .sort("business_id", "tax_rate_id")
    )
    chosen = usable[drawn.below(usable.height)]
    share = drawn.below(1_000_000) / 1_000_000
    cents = drawn.below(1_000_000) + 1
    is_taxed = drawn.below(10) < 8
    days = (pl.col("last") - pl.col("first")).dt.total_days()
    net = (cents.cast(pl.Decimal(19, 4)) / 100).cast(pl.Decimal(19, 4))
    return chosen.select(
        pl.int_range(pl.len()).alias("line"),
        "business_id",
        "tax_rate_id",
        pl.col("country").alias("business_country"),
        pl.lit(False).alias("ni_based"),
        (pl.col("first") + pl.duration(days=(days * share).cast(pl.Int64))).alias("document_date"),
        drawn.of(KINDS).alias("kind"),
        drawn.of(COUNTERPARTS).alias("contact_country"),
        drawn.of(("GOODS", "SERVICES", None)).alias("goods_services_type"),
        *((drawn.below(1000) < share).alias(name) for name, share in FLAGS.items()),
        net.alias("net_amount"),
        pl.when(is_taxed).then((net / 5).round(2)).otherwise(0).cast(net.dtype).alias("tax_amount"),
    )


class _Chance:
    """Draws for so many lines, the same in each run: hashes of their numbers, by a seed for each draw."""

    def __init__(self, count: int) -> None:
        self._lines = pl.Series(range(count), dtype=pl.UInt32)
        self._draws = 0

    def below(self, bound: int) -> pl.Series:
        """Numbers from 0 to ``bound`` - 1."""
        self._draws += 1
        return (self._lines.hash(seed=self._draws) % bound).cast(pl.Int64)

    def of(self, values: tuple[str | None, ...]) -> pl.Series:
        return pl.Series(values, dtype=pl.String)[self.below(len(values))]


if __name__ == "__main__":
    write_rows(Path(sys.argv[1]), int(sys.argv[2]))
