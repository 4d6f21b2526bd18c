"""The parts of the tax of a line, as Sage's tax breakdowns show them."""

from __future__ import annotations

from typing import Final

import polars as pl

from sage_unified.document_lines import LINE
from sage_unified.raw_documents import (
    BREAKDOWNS,
    LINE_TABLES,
    QUICK_ENTRIES,
    WITH_SHIPPING,
    breakdown_table,
    shipping_table,
)
from sage_unified.tables import Frames

BREAKDOWN_TABLES: Final = (
    *(breakdown_table(r, name) for r in (*LINE_TABLES, *QUICK_ENTRIES) for name in BREAKDOWNS),
    *(shipping_table(r, name) for r in WITH_SHIPPING for name in BREAKDOWNS),
)
"""The raw tables that :func:`line_parts` reads."""


def line_parts(frames: Frames) -> pl.LazyFrame:
    """One row a part of a line whose tax has several, key (…, line_no, component_seq).

    Columns ``part_rate_id, part_percentage, part_tax`` and, where Sage shows it, ``part_base_tax``;
    amounts without the document's sign.
    """
    shown, in_base = (_stacked(frames, name) for name in BREAKDOWNS)
    base = in_base.select(*LINE, "component_seq", pl.col("part_tax").alias("part_base_tax"))
    several = shown.group_by(LINE).agg(pl.len().alias("parts")).filter(pl.col("parts") > 1)
    return shown.join(several.select(LINE), on=LINE, how="semi").join(
        base, on=[*LINE, "component_seq"], how="left", validate="1:1"
    )


def _stacked(frames: Frames, name: str) -> pl.LazyFrame:
    one, shipping = pl.lit(1, pl.Int64), pl.lit(0, pl.Int64)
    of_lines = {r: (breakdown_table(r, name), pl.col("_parent_list_idx") + 1) for r in LINE_TABLES}
    of_entries = {r: (breakdown_table(r, name), one) for r in QUICK_ENTRIES}
    of_shipping = {r: (shipping_table(r, name), shipping) for r in WITH_SHIPPING}
    return pl.concat(
        frames[table].select(
            "business_id",
            pl.lit(resource).alias("resource"),
            pl.col("_root_id").alias("document_id"),
            line_no.cast(pl.Int32).alias("line_no"),
            (pl.col("_list_idx") + 1).cast(pl.Int16).alias("component_seq"),
            pl.col("tax_rate__id").alias("part_rate_id"),
            pl.col("percentage").alias("part_percentage"),
            pl.col("amount").alias("part_tax"),
        )
        for tables in (of_lines, of_entries, of_shipping)
        for resource, (table, line_no) in tables.items()
    )
