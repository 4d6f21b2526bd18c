"""``sync``, ``transform``, ``check``, ``run``."""

from __future__ import annotations

import polars as pl
import typer

from sage_accounting import SyncReport
from sage_accounting.settings import load_settings
from sage_elt import jobs
from sage_elt.cli.app import app
from sage_elt.cli.console import say, tell, voice, working, write_json, write_table
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
from sage_elt.jobs import SyncRequest
from sage_elt.warehouse import Warehouse, WarehouseError, open_warehouse

CHECK_COLUMNS = (
    "check", "business_id", "subject", "expected", "found", "difference", "status", "hint",
)  # fmt: skip


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
    report = _sync(
        open_warehouse(destination),
        _request(connection, business, resource, full_refresh, lock_timeout),
    )
    if as_json:
        write_json(report.to_json())
    raise typer.Exit(_sync_exit_code(report))


@app.command(epilog=examples("sage-elt transform", "sage-elt transform --lock-timeout 600"))
def transform(
    connection: Connection = None,  # noqa: ARG001 - all connections share the warehouse
    destination: DestinationName = "duckdb",
    lock_timeout: LockTimeout = 60.0,
) -> None:
    """Build the schemas unified and marts from the raw schema, of all connections."""
    warehouse = open_warehouse(destination)
    warehouse.wait_until_free(lock_timeout, _say_waiting)
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
    report = _sync(
        warehouse,
        _request(connection, business, resource, full_refresh, lock_timeout),
    )
    warehouse.wait_until_free(lock_timeout, _say_waiting)
    _transform(warehouse)
    checked = _check(warehouse, as_json=as_json)
    raise typer.Exit(checked or _sync_exit_code(report))


def _request(
    connection: str | None,
    businesses: list[str] | None,
    resources: list[str] | None,
    full_refresh: bool,
    lock_timeout_s: float,
) -> SyncRequest:
    """What the options that sync and run share ask for."""
    return SyncRequest(
        connection=load_settings(connection).connection,
        businesses=businesses or (),
        resources=resources or (),
        full_refresh=full_refresh,
        lock_timeout_s=lock_timeout_s,
        on_wait=_say_waiting,
    )


def _sync(warehouse: Warehouse, request: SyncRequest) -> SyncReport:
    settings, _ = open_connection(request.connection, warehouse)
    with sync_progress(settings) as report:
        jobs.sync(warehouse, request, report)
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


def _sync_exit_code(report: SyncReport) -> ExitCode:
    codes = {"ok": ExitCode.DONE, "partial": ExitCode.PARTIAL, "failed": ExitCode.FAILED}
    return codes[report.status]


def _transform(warehouse: Warehouse) -> None:
    with working("transforming ..."):
        rows = jobs.transform(warehouse)
    if voice().is_verbose:
        for (schema, table), count in sorted(rows.items()):
            say(f"  {schema}.{table}: {count} rows")
    say(f"transform: {len(rows)} tables, {sum(rows.values())} rows")


def _check(warehouse: Warehouse, *, as_json: bool) -> ExitCode:
    with working("checking ..."):
        checks = jobs.check(warehouse)
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


def _say_waiting(holder: str) -> None:
    say(f"waiting for the warehouse file: {holder} holds it open")
