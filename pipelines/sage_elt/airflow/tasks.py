"""What the tasks do, in a worker. They give back ids and counts, because Airflow stores that.

dlt, polars and our own jobs are imported inside: the DAG processor imports this module too.
"""

from __future__ import annotations

import logging
from typing import Any

from sage_elt.airflow.failures import PartlyFailedError, as_airflow_says
from sage_elt.airflow.job import Job

logger = logging.getLogger(__name__)


def discover(job: Job, context: Any) -> list[str]:
    """Ids of the businesses to bring up to date.

    It also asks for a token first, so that a sign-in that ended fails here once and not in each business.
    """
    with as_airflow_says(job, context):
        from sage_accounting.settings import load_settings
        from sage_elt import connections
        from sage_elt.airflow.settings import configured
        from sage_elt.warehouse import open_warehouse

        with configured(job):
            settings = load_settings(job.connection)
            vault = connections.open_connection(settings, open_warehouse(job.destination))
            chosen = connections.chosen(settings, vault, job.businesses)
            logger.info("%d businesses of connection %s", len(chosen), job.connection)
            return [business.id for business in chosen]


def bring_up_to_date(job: Job, business_id: str, context: Any) -> dict[str, int]:
    """Sync and transform one business; counts of records, requests and tables.

    What was loaded is transformed even when some resources failed; the task then fails all the same.
    """
    with as_airflow_says(job, context):
        from sage_accounting import SyncReport
        from sage_elt.airflow.settings import configured
        from sage_elt.jobs.syncing import SyncRequest, sync
        from sage_elt.jobs.transforming import transform
        from sage_elt.warehouse import open_warehouse

        with configured(job):
            warehouse = open_warehouse(job.destination)
            report = SyncReport()
            request = SyncRequest(job.connection, (business_id,), job.resources, is_apart=True)
            sync(warehouse, request, report)
            outcomes = report.outcomes.get(business_id, {})
            if report.status != "failed":
                transform(warehouse, businesses=[business_id])
        if report.status != "ok":
            raise PartlyFailedError(business_id, outcomes)
        return {
            "rows": sum(outcome.rows for outcome in outcomes.values()),
            "deleted": sum(outcome.deleted for outcome in outcomes.values()),
            "requests": report.requests,
            "resources": len(outcomes),
        }


def check(job: Job, business_ids: list[str], context: Any) -> dict[str, int]:
    """The tie-outs of these businesses: how many there are and how many are broken.

    Fails when one is broken; the log names check and business, never an amount.
    """
    with as_airflow_says(job, context):
        import polars as pl

        from sage_elt.airflow.settings import configured
        from sage_elt.jobs import checking
        from sage_elt.warehouse import WarehouseError, open_warehouse

        with configured(job):
            checks = checking.check(open_warehouse(job.destination), businesses=business_ids)
        broken = checks.filter(pl.col("status") == "broken")
        for row in broken.select("check", "business_id").unique().sort("check").iter_rows():
            logger.error("broken: %s of business %s", *row)
        if not broken.is_empty():
            raise WarehouseError(
                f"{broken.height} of {checks.height} tie-outs are broken, so nothing was published; the "
                "tables stand as they are. The log above names them; sage-elt check shows the amounts."
            )
        return {"ties": checks.height, "broken": 0}
