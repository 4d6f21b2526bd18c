"""Sync: Sage to the raw schema, through dlt, one package after the other."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.pipeline.exceptions import PipelineStepFailed
from filelock import FileLock, Timeout

from sage_accounting import SyncReport, sage_accounting
from sage_accounting.errors import BusinessSelectionError
from sage_elt.shared_tables import (
    adopt_tables,
    agree_on_tables,
    drop_staging,
    with_own_staging,
)
from sage_elt.warehouse import (
    RAW_SCHEMA,
    Warehouse,
    WarehouseBusyError,
    WarehouseSettingError,
    lock_holder,
)
from sage_elt.working_folders import keep_to_destination

logger = logging.getLogger(__name__)

DEMO_CONNECTION = "demo"
PART_ROWS = 250_000
"""Records of large lists in one package: what an interrupted first read loses at most. At 100 requests
a minute they take 13 minutes; the load of a package costs a second or two."""


@dataclass(frozen=True)
class SyncRequest:
    """What a sync is asked to do; empty tuples = the stored selection, all resources."""

    connection: str
    businesses: Sequence[str] = ()
    resources: Sequence[str] = ()
    full_refresh: bool = False
    lock_timeout_s: float = 60.0
    on_wait: Callable[[str], None] = lambda _: None
    """Told who holds the warehouse file while a load waits for it."""
    is_apart: bool = False
    """Each business by a pipeline of its own, so that syncs of several may run at the same time, on
    several machines too. A business has its cursors in one way or the other: the first sync in the
    other way reads it in full and merges, which changes no row that is right."""


def books_pipeline(
    warehouse: Warehouse, connection: str, business_id: str | None = None
) -> dlt.Pipeline:
    """The dlt pipeline of one connection: its working folder, cursors and pending packages.

    With ``business_id`` that of this business alone, with a staging dataset of its own.
    """
    name, destination = _name(connection), warehouse.destination
    if business_id is not None:
        name = f"{apart_prefix(connection)}{_NOT_IN_NAMES.sub('_', business_id)}"
        destination = with_own_staging(destination, name)
    return dlt.pipeline(pipeline_name=name, destination=destination, dataset_name=RAW_SCHEMA)


def apart_prefix(connection: str) -> str:
    """What the names of a connection's pipelines of single businesses begin with, and no others."""
    return f"{_name(connection)}@"


def _name(connection: str) -> str:
    return f"sage_elt__{connection}"


_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def sync(warehouse: Warehouse, request: SyncRequest, report: SyncReport) -> None:
    """Sage to the raw schema; ``report`` tells what became of each business and resource.

    One package, and where lists are very large further ones with the rest of them.
    What an earlier run extracted and could not load is loaded first. Raises ``SageError`` for what
    stops a sync as a whole and ``WarehouseBusyError`` when the file stays held; what was
    extracted is then pending.
    """
    warehouse.check_writable()
    if not request.is_apart:
        _sync(books_pipeline(warehouse, request.connection), warehouse, request, report)
        return
    if not request.businesses:
        raise BusinessSelectionError(
            "A sync with a pipeline for each business was asked for none, so nothing was read. Name "
            "the businesses."
        )
    for business_id in request.businesses:
        pipeline = books_pipeline(warehouse, request.connection, business_id)
        _sync(pipeline, warehouse, replace(request, businesses=(business_id,)), report)


def _sync(
    pipeline: dlt.Pipeline, warehouse: Warehouse, request: SyncRequest, report: SyncReport
) -> None:
    with _one_at_a_time(pipeline, request):
        keep_to_destination(pipeline, warehouse)
        if pipeline.has_pending_data and request.full_refresh:
            pipeline.drop_pending_packages()  # all of it is read again; a way out of a bad package
        elif pipeline.has_pending_data:
            _load(pipeline, warehouse, request)
        _restore(pipeline, warehouse, request)
        left: SyncRequest | None = request
        while left is not None:
            adopted = adopt_tables(pipeline) if request.is_apart else None
            _extract(pipeline, left, report)
            if request.is_apart:
                agree_on_tables(pipeline, adopted)
            _load(pipeline, warehouse, left)
            left = _rest(left, report)
        if request.is_apart:
            drop_staging(pipeline)


def _extract(pipeline: dlt.Pipeline, request: SyncRequest, report: SyncReport) -> None:
    pipeline.extract(
        sage_accounting(
            businesses=list(request.businesses) or None,
            resources=list(request.resources) or None,
            connection=request.connection,
            full_refresh=request.full_refresh,
            report=report,
            part_rows=PART_ROWS,
        )
    )


def _rest(request: SyncRequest, report: SyncReport) -> SyncRequest | None:
    """What large lists still have to be read, as a package of their own; None when all is read."""
    if not report.unfinished:
        return None
    businesses, resources = zip(*sorted(report.unfinished), strict=True)
    return replace(
        request,
        businesses=tuple(dict.fromkeys(businesses)),
        resources=tuple(dict.fromkeys(resources)),
        full_refresh=False,  # or it would begin anew
    )


@contextmanager
def _one_at_a_time(pipeline: dlt.Pipeline, request: SyncRequest) -> Iterator[None]:
    """Two syncs of one connection would load each other's half-made packages."""
    path = Path(pipeline.pipelines_dir) / f"{pipeline.pipeline_name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=request.lock_timeout_s):
            yield
    except Timeout:
        raise WarehouseBusyError(
            f"Another sync of connection {request.connection} is running and did not end within "
            f"{request.lock_timeout_s:g} seconds, so this one read nothing and changed nothing. Let "
            "it end, or wait longer with --lock-timeout.",
            error_code="sync-already-running",
        ) from None


def _restore(pipeline: dlt.Pipeline, warehouse: Warehouse, request: SyncRequest) -> None:
    """Take cursors from the destination where it has newer ones, as a fresh worker needs.

    A working folder that has its own may go on without, should the file be held just now.
    """
    fresh = pipeline.first_run
    if fresh:
        warehouse.wait_until_free(request.lock_timeout_s, request.on_wait)
        _keep_apart_from_demo(warehouse, request.connection)
    try:
        pipeline.sync_destination()
    except PipelineStepFailed as error:
        if fresh or lock_holder(error) is None:
            raise


def _keep_apart_from_demo(warehouse: Warehouse, connection: str) -> None:
    if connection != DEMO_CONNECTION and warehouse.pipelines() == {_name(DEMO_CONNECTION)}:
        raise WarehouseSettingError(
            f"The file {warehouse.path} holds the demo's books, so nothing was read into it. Remove "
            "the file, or set DESTINATION__DUCKDB__CREDENTIALS to another one.",
            error_code="books-mixed",
        )


def _load(pipeline: dlt.Pipeline, warehouse: Warehouse, request: SyncRequest) -> LoadInfo | None:
    """Normalise and load what is pending, waiting for the warehouse file."""
    pipeline.normalize()
    deadline = time.monotonic() + request.lock_timeout_s
    while True:
        left = max(0.0, deadline - time.monotonic())
        warehouse.wait_until_free(left, request.on_wait)
        try:
            return pipeline.load()
        except PipelineStepFailed as error:
            if lock_holder(error) is None or time.monotonic() >= deadline:
                raise
            logger.info("the warehouse file was taken between the wait and the load; waiting again")
