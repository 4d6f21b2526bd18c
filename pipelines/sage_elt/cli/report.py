"""``report``: one page about the warehouse for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sage_elt.cli.app import app
from sage_elt.cli.console import say
from sage_elt.cli.options import DestinationName, examples
from sage_elt.report import write_report
from sage_elt.warehouse import open_warehouse


@app.command(epilog=examples("sage-elt report", "sage-elt report --out books.html"))
def report(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    destination: DestinationName = "duckdb",
) -> None:
    """Write one page of tie-outs, VAT boxes, ageing and freshness for a browser.

    It needs no server and no network, and changes nothing. The same warehouse gives the same page.
    """
    write_report(open_warehouse(destination), out)
    say(f"report: {out.absolute()}")
