"""The same tax lines by hand in SQL: ``python -m benchmarks.tax_lines_duckdb FOLDER OUTPUT``.

One query over the same files and rule table, as a good engineer would write it for exactly this.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import duckdb

SQL = Path(__file__).with_name("tax_lines.sql")


def main(folder: Path, output: Path) -> None:
    started = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        query = SQL.read_text(encoding="utf-8").replace("{folder}", str(folder))
        connection.execute(f"COPY ({query}) TO '{output}' (FORMAT parquet, COMPRESSION lz4)")
    print(f"{time.perf_counter() - started:.3f}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
