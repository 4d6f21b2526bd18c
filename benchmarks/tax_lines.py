"""600,000 tax lines: the rate on the date and the meaning of the line, beside the same in DuckDB."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.contest import Contender, measured, rows_of
from benchmarks.tax_line_rows import BUSINESSES, RATES

LINES = 600_000


def tax_lines(work: Path, *, runs: int, lines: int = LINES) -> list[str]:
    """The section of the report."""
    # in a process of its own: what a command's parent holds in memory counts as the command's
    measured(["benchmarks.tax_line_rows", str(work), str(lines)], work)
    periods = pl.scan_parquet(work / RATES).select(pl.len()).collect().item()
    modules = {
        "sage_unified (polars)": "benchmarks.tax_lines_polars",
        "DuckDB SQL by hand": "benchmarks.tax_lines_duckdb",
    }
    contenders = [Contender(name) for name in modules]
    inner: dict[str, list[float]] = {name: [] for name in modules}
    outputs = [work / f"{number}.parquet" for number in range(len(modules))]
    for _ in range(runs):
        for contender, module, output in zip(contenders, modules.values(), outputs, strict=True):
            contender.costs.append(measured([module, str(work), str(output)], work))
            inner[contender.name].append(float((work / "output.txt").read_text()))
    ours, theirs = (pl.read_parquet(output).sort("line") for output in outputs)
    assert ours.height == lines, f"{ours.height} of {lines} lines came out"
    assert ours.equals(theirs.cast(dict(ours.schema))), "the two differ"
    least = {name: min(seconds) for name, seconds in inner.items()}
    rows = [
        (
            one.name,
            f"{least[one.name]:.2f}",
            f"{sorted(inner[one.name])[runs // 2]:.2f}",
            f"{one.least_wall_s:.2f}",
            f"{one.least_cpu_s:.2f}",
            f"{one.peak_mib:.0f}",
            f"{least[one.name] / least[contenders[0].name]:.2f}",
        )
        for one in contenders
    ]
    header = ["", "min s", "median s", "process s", "process CPU s", "peak MiB", "min / ours"]
    return [
        f"{lines:,} tax lines of {7 * BUSINESSES} businesses of seven countries, {periods:,} periods of tax "
        f"rates, from Parquet to Parquet. {runs} rounds. All {len(ours.columns)} columns are equal in every "
        "row. Seconds are those of the work; the process adds starting Python and its imports.",
        "",
        *rows_of(header, rows),
    ]
