"""A DAG to copy into your DAGs folder: the books of one Sage user, every night."""

from __future__ import annotations

import logging
from typing import Any

from sage_elt.airflow import sage_dag

logger = logging.getLogger(__name__)


def ask_for_sign_in(context: Any) -> None:
    """Tell whoever can sign in; any notifier of Airflow can stand here instead."""
    logger.error("%s", context["exception"])


dag = sage_dag(
    "sage_accounting",
    schedule="0 3 * * *",
    connection="default",
    sage_conn_id="sage_accounting_default",
    destination="postgres",
    warehouse_conn_id="sage_warehouse",
    warehouse="books",
    on_reauthorise=ask_for_sign_in,
)
