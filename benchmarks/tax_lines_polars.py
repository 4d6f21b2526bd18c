"""The tax lines by ``sage_unified``: ``python -m benchmarks.tax_lines_polars FOLDER OUTPUT``.

What ``fct_tax_line`` does with them: the rate in force on the document's date, then the line's meaning.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import polars as pl

from benchmarks.tax_line_rows import LINES, PLACES, RATES
from sage_unified.overrides import COLUMNS as OVERRIDES
from sage_unified.raw import RAW
from sage_unified.tax_lines.classify import CLASSIFIED, classified, with_defaults
from sage_unified.tax_rates.dimension import rates_with_lists
from sage_unified.tax_rates.on_dates import RATE, rates_on_dates

KEPT = ("line", "percentage", "rate_category", "rate_treatment", *CLASSIFIED)


def main(folder: Path, output: Path) -> None:
    started = time.perf_counter()
    lines = pl.scan_parquet(folder / LINES)
    raw = {name: pl.LazyFrame(schema=dict(columns)) for name, columns in RAW.items()}
    meaning = rates_on_dates(
        lines,
        pl.scan_parquet(folder / RATES),
        rates_with_lists(*(raw[table] for table in _RATE_TABLES)),
        pl.scan_parquet(folder / PLACES),
        pl.LazyFrame(schema=dict(OVERRIDES)),
    ).select(
        *RATE,
        "document_date",
        "percentage",
        pl.col("category_code").alias("rate_category"),
        pl.col("treatment").alias("rate_treatment"),
        pl.col("percentage").alias("rate_percentage"),
    )
    rows = lines.join(meaning, on=[*RATE, "document_date"], how="left")
    decided = classified(with_defaults(rows)).select(KEPT).collect(engine="streaming")
    decided.write_parquet(output, compression="lz4")
    print(f"{time.perf_counter() - started:.3f}")


_RATE_TABLES = (
    "tax_rates",
    "tax_rates__percentages",
    "tax_rates__component_tax_rates",
    "tax_rates__component_tax_rates__percentages",
)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
