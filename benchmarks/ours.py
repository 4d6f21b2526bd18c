"""Ours: the source with the destination that ``sage-elt sync`` uses, and the same resources.

    python -m benchmarks.ours BUSINESS_ID FOLDER

The sandbox's addresses and credentials stand in the environment, a connection is signed in.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # as the command sets it

import dlt

from sage_accounting import sage_accounting
from sage_elt.duckdb_file import duckdb_destination


def main(business_id: str, folder: str) -> None:
    pipeline = dlt.pipeline(
        "ours",
        destination=duckdb_destination(Path(folder) / "books.duckdb"),
        dataset_name="sage",
        pipelines_dir=f"{folder}/pipelines",
    )
    resources = ["sales_invoices", "purchase_invoices", "ledger_entries"]
    pipeline.run(sage_accounting(businesses=[business_id], resources=resources))


if __name__ == "__main__":
    main(*sys.argv[1:])
