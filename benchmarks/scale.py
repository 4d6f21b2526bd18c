"""A first sync of millions of ledger entries."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from benchmarks.big_ledger import debits
from benchmarks.contents import contents_of
from benchmarks.contest import measured, rows_of
from benchmarks.servers import WAREHOUSE, big_ledger, sign_in

SYNC = ["sage_elt", "sync", "--resource", "ledger_entries"]


def scale(work: Path, *, millions: Sequence[int]) -> list[str]:
    """The section of the report."""
    rows = []
    for count in millions:
        entries = count * 1_000_000
        folder = work / str(count)
        with big_ledger(entries) as server:
            user = sign_in(server, folder)
            cost = measured(SYNC, folder, user.environment)
        found, sums = contents_of(folder / WAREHOUSE)["ledger_entries"]
        assert found == entries, f"{found} of {entries} entries arrived"
        assert sums["debit"] == Decimal(debits(entries)) / 100, "the debits are not those sent"
        file_mib = (folder / WAREHOUSE).stat().st_size / 1024**2
        rows.append(
            (
                f"{count} million", f"{cost.wall_s:.0f}", f"{cost.wall_s / count:.1f}",
                f"{cost.cpu_s / count:.1f}", f"{cost.peak_mib:.0f}", f"{file_mib:.0f}",
            )
        )  # fmt: skip
    header = [
        "ledger entries", "s", "s a million", "CPU s a million", "peak MiB", "DuckDB file MiB",
    ]  # fmt: skip
    return [
        "One run each, entries made by the server as they are asked for, in pages of 200. All arrived, "
        "and the debits add up to the cent.",
        "",
        *rows_of(header, rows),
    ]
