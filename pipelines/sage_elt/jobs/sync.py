"""Sync: Sage to the raw schema, through dlt, one package after the other."""

from __future__ import annotations

import logging
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
from sage_elt.warehouse import (
    RAW_SCHEMA,
    Warehouse,
    WarehouseBusyError,
    WarehouseSettingError,
    lock_holder,
)

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


def books_pipeline(warehouse: Warehouse, connection: str) -> dlt.Pipeline:
    """The dlt pipeline of one connection: its working folder, cursors and pending packages."""
    return dlt.pipeline(
        pipeline_name=_name(connection),
        destination=warehouse.destination,
        dataset_name=RAW_SCHEMA,
    )


def _name(connection: str) -> str:
    return f"sage_elt__{connection}"


def sync(warehouse: Warehouse, request: SyncRequest, report: SyncReport) -> None:
    """Sage to the raw schema; ``report`` tells what became of each business and resource.

    One package, and where lists are very large further ones with the rest of them.
    What an earlier run extracted and could not load is loaded first. Raises ``SageError`` for what
    stops a sync as a whole and ``WarehouseBusyError`` when the file stays held; what was
    extracted is then pending.
    """
    warehouse.check_writable()
    pipeline = books_pipeline(warehouse, request.connection)
    with _one_at_a_time(pipeline, request):
        if pipeline.has_pending_data and request.full_refresh:
            pipeline.drop_pending_packages()  # all of it is read again; a way out of a bad package
        elif pipeline.has_pending_data:
            _load(pipeline, warehouse, request)
        _restore(pipeline, warehouse, request)
        left: SyncRequest | None = request
        while left is not None:
            _extract(pipeline, left, report)
            _load(pipeline, warehouse, left)
            left = _rest(left, report)


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
            "it end, or wait longer with --lock-timeout."
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
            "the file, or set DESTINATION__DUCKDB__CREDENTIALS to another one."
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
