"""``sync``."""

from __future__ import annotations

import typer

from sage_accounting import SyncReport
from sage_elt.cli.app import app
from sage_elt.cli.console import say, tell, write_json
from sage_elt.cli.opening import open_connection
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
from sage_elt.cli.progress import sync_progress
from sage_elt.failures import ExitCode
from sage_elt.jobs import syncing
from sage_elt.warehouse import Warehouse, open_warehouse


@app.command(
    epilog=examples(
        "sage-elt sync",
        "sage-elt sync --business ID --resource sales_invoices --resource contacts",
        "sage-elt sync --full-refresh --json",
    )
)
def sync(
    business: BusinessIds = None,
    resource: ResourceNames = None,
    full_refresh: FullRefresh = False,
    as_json: AsJson = False,
    connection: Connection = None,
    destination: DestinationName = "duckdb",
    lock_timeout: LockTimeout = 60.0,
) -> None:
    """Bring what changed in Sage into the raw schema."""
    warehouse = open_warehouse(destination)
    report = synced(warehouse, connection, business, resource, full_refresh, lock_timeout)
    if as_json:
        write_json(report.to_json())
    raise typer.Exit(exit_code_of(report))


def synced(
    warehouse: Warehouse,
    connection: str | None,
    businesses: list[str] | None,
    resources: list[str] | None,
    full_refresh: bool,
    lock_timeout_s: float,
) -> SyncReport:
    """What became of a sync by the options that sync and run share, after telling it to people."""
    settings, _ = open_connection(connection, warehouse)
    request = syncing.SyncRequest(
        connection=settings.connection,
        businesses=businesses or (),
        resources=resources or (),
        full_refresh=full_refresh,
        lock_timeout_s=lock_timeout_s,
        on_wait=say_waiting,
    )
    with sync_progress(settings) as report:
        syncing.sync(warehouse, request, report)
    summarise(report)
    return report


def summarise(report: SyncReport) -> None:
    """One line a business, one for all."""
    for business_id, outcomes in report.outcomes.items():
        changed = sum(1 for o in outcomes.values() if o.rows or o.deleted)
        failed = sum(1 for o in outcomes.values() if o.status == "failed" and not o.is_postponed)
        postponed = sum(1 for o in outcomes.values() if o.is_postponed)
        unavailable = sum(1 for o in outcomes.values() if o.status == "unavailable")
        say(
            f"  {business_id}: {len(outcomes)} resources, {changed} with changes, "
            f"{sum(o.rows for o in outcomes.values())} records loaded, "
            f"{sum(o.deleted for o in outcomes.values())} removed, "
            f"{unavailable} not offered, {failed} failed"
            + (f", {postponed} left for the next run" if postponed else "")
        )
    for column in sorted(report.variants):
        tell(
            f"  Sage changed the type of a field: values that do not fit are kept as they came in "
            f"{column}, and the field's own column is empty there."
        )
    say(f"sync {report.status}: {len(report.outcomes)} businesses, {report.requests} requests")


def exit_code_of(report: SyncReport) -> ExitCode:
    codes = {"ok": ExitCode.DONE, "partial": ExitCode.PARTIAL, "failed": ExitCode.FAILED}
    return codes[report.status]


def say_waiting(holder: str) -> None:
    say(f"waiting for the warehouse file: {holder} holds it open")
