"""Both contenders decide the same of tax lines."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[2]))  # benchmarks are no installed package

from benchmarks import tax_lines_duckdb, tax_lines_polars
from benchmarks.tax_line_rows import write_rows


def test_tax_lines_by_hand_are_those_of_the_transforms(tmp_path: Path) -> None:
    write_rows(tmp_path, 5_000)
    tax_lines_polars.main(tmp_path, tmp_path / "ours.parquet")
    tax_lines_duckdb.main(tmp_path, tmp_path / "theirs.parquet")
    ours, theirs = (
        pl.read_parquet(tmp_path / f"{name}.parquet").sort("line") for name in ("ours", "theirs")
    )
    assert ours.height == 5_000
    assert ours.equals(theirs.cast(dict(ours.schema)))
