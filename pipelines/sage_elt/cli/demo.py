"""``demo``: everything, with a sandbox instead of Sage."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from sage_accounting.settings import load_settings
from sage_accounting.tokens import authorise
from sage_elt import connections, demo
from sage_elt.cli.app import app
from sage_elt.cli.console import say, tell, working, write_table
from sage_elt.cli.options import DestinationName, examples
from sage_elt.cli.progress import sync_progress
from sage_elt.cli.sync import summarise
from sage_elt.failures import ExitCode
from sage_elt.jobs.checking import check
from sage_elt.jobs.syncing import SyncRequest, sync
from sage_elt.jobs.transforming import transform
from sage_elt.warehouse import Warehouse, open_warehouse

if TYPE_CHECKING:
    from sage_sandbox.server import Sandbox


@app.command(
    "demo",
    epilog=examples(
        "sage-elt demo", "sage-elt demo --keep", "sage-elt demo --invoices 20 --seed 7"
    ),
)
def run_demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the sandbox server up until Ctrl-C.")
    ] = False,
    invoices: Annotated[int, typer.Option(min=1, help="Sales invoices of each business.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the books.")] = 1,
    destination: DestinationName = "duckdb",
) -> None:
    """Seven countries' books from a sandbox server into sage.duckdb, transformed and tied out."""
    started = time.monotonic()
    warehouse = open_warehouse(destination)
    demo.start_over(warehouse)
    say(f"starting a Sage server with the books of {', '.join(demo.COUNTRIES)} ...")
    from sage_sandbox.server import (
        running_sandbox,  # a quarter of a second that no other command needs
    )

    with running_sandbox(countries=demo.COUNTRIES, invoices=invoices, seed=seed) as sandbox:
        with demo.demo_settings(sandbox.settings_env()):
            broken = _go_the_whole_road(warehouse, sandbox)
        say(f"done in {time.monotonic() - started:.0f} seconds")
        if keep:
            _stay(sandbox)
    raise typer.Exit(ExitCode.FAILED if broken else ExitCode.DONE)


def _go_the_whole_road(warehouse: Warehouse, sandbox: Sandbox) -> int:
    """Connect, select, sync, transform, check, print; how many checks are broken."""
    settings = load_settings()
    vault = connections.open_connection(settings, warehouse)
    authorise.sign_in_with_refresh_token(settings, vault, sandbox.authorise())
    selected = connections.select(settings, vault, None)
    say(f"signed in; {len(selected)} businesses; syncing all resources ...")
    with sync_progress(settings) as report:
        sync(warehouse, SyncRequest(settings.connection), report)
    summarise(report)
    with working("transforming ..."):
        transform(warehouse)
        checks = check(warehouse)
    broken = checks.filter(pl.col("status") == "broken").height
    say(f"{checks.height} tie-outs, {broken} broken")
    write_table(
        (
            "country", "rows", "trial balance difference", "difference to Sage",
            "tax rates mapped", "unmapped",
        ),
        [
            (
                r.country, r.rows, f"{r.trial_balance_difference:.2f}", f"{r.sage_difference:.2f}",
                r.rates_mapped, r.rates_unmapped,
            )
            for r in demo.results(warehouse, checks)
        ],
        right="rows|trial balance difference|difference to Sage|tax rates mapped|unmapped",
    )  # fmt: skip
    if warehouse.path is not None:
        say(f"warehouse: {warehouse.path} ({demo.size_of(warehouse.path)})")
    return broken


def _stay(sandbox: Sandbox) -> None:
    tell("the server stays up; its settings, for another terminal:")
    for name, value in sandbox.settings_env().items():
        typer.echo(f"export {name}={value}")
    tell("Ctrl-C stops it")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        say("stopped")
