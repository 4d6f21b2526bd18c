"""``transform``, ``check``, and ``run``, which is both after a sync."""

from __future__ import annotations

import polars as pl
import typer

from sage_elt.cli.app import app
from sage_elt.cli.console import say, voice, working, write_json, write_table
from sage_elt.cli.options import (
    AsJson,
    BusinessIds,
    Connection,
    DestinationName,
    FullRefresh,
    LockTimeout,
    ResourceNames,
    examples,
)
from sage_elt.cli.sync import exit_code_of, say_waiting, synced
from sage_elt.failures import ExitCode
from sage_elt.jobs import checking, transforming
from sage_elt.warehouse import Warehouse, WarehouseError, open_warehouse

CHECK_COLUMNS = (
    "check", "business_id", "subject", "expected", "found", "difference", "status", "hint",
)  # fmt: skip


@app.command(epilog=examples("sage-elt transform", "sage-elt transform --lock-timeout 600"))
def transform(
    connection: Connection = None,  # noqa: ARG001 - all connections share the warehouse
    destination: DestinationName = "duckdb",
    lock_timeout: LockTimeout = 60.0,
) -> None:
    """Build the schemas unified and marts from the raw schema, of all connections."""
    warehouse = open_warehouse(destination)
    warehouse.wait_until_free(lock_timeout, say_waiting)
    _transform(warehouse)


@app.command(epilog=examples("sage-elt check", "sage-elt check --json"))
def check(
    as_json: AsJson = False,
    connection: Connection = None,  # noqa: ARG001 - all connections share the warehouse
    destination: DestinationName = "duckdb",
) -> None:
    """Tie out: debits and credits, the trial balance, Sage's own balances. Exit 1 when broken."""
    raise typer.Exit(_check(open_warehouse(destination), as_json=as_json))


@app.command(
    epilog=examples(
        "sage-elt run", "sage-elt run --quiet", "sage-elt run --log-json --lock-timeout 600"
    )
)
def run(
    business: BusinessIds = None,
    resource: ResourceNames = None,
    full_refresh: FullRefresh = False,
    as_json: AsJson = False,
    connection: Connection = None,
    destination: DestinationName = "duckdb",
    lock_timeout: LockTimeout = 60.0,
) -> None:
    """The scheduled job: sync, transform, check."""
    warehouse = open_warehouse(destination)
    report = synced(warehouse, connection, business, resource, full_refresh, lock_timeout)
    warehouse.wait_until_free(lock_timeout, say_waiting)
    _transform(warehouse)
    checked = _check(warehouse, as_json=as_json)
    raise typer.Exit(checked or exit_code_of(report))


def _transform(warehouse: Warehouse) -> None:
    with working("transforming ..."):
        rows = transforming.transform(warehouse)
    if voice().is_verbose:
        for (schema, table), count in sorted(rows.items()):
            say(f"  {schema}.{table}: {count} rows")
    say(f"transform: {len(rows)} tables, {sum(rows.values())} rows")


def _check(warehouse: Warehouse, *, as_json: bool) -> ExitCode:
    with working("checking ..."):
        checks = checking.check(warehouse)
    if checks.is_empty():
        raise WarehouseError(
            "There is nothing to check: no business was synced and transformed. Nothing changed. Run: "
            "sage-elt run",
            error_code="nothing-transformed",
        )
    if as_json:
        write_json({"status": status_of(checks), "checks": checks.to_dicts()})
    broken = checks.filter(pl.col("status") == "broken")
    shown = broken if voice().is_quiet else checks
    if not as_json and not shown.is_empty():
        write_table(
            ("check", "business", "subject", "expected", "found", "difference", "status", "hint"),
            shown.select(CHECK_COLUMNS).rows(),
            right="expected|found|difference",
        )
    say(f"check: {checks.height} tie-outs, {broken.height} broken")
    return ExitCode.DONE if broken.is_empty() else ExitCode.FAILED


def status_of(checks: pl.DataFrame) -> str:
    """``broken`` when one is; a check that had nothing to compare is ``missing`` and breaks nothing."""
    return "broken" if (checks["status"] == "broken").any() else "ok"
