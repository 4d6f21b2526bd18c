"""What the tasks of one DAG share: names only, never a secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

SAGE_CONNECTION = "sage_accounting_default"


@dataclass(frozen=True)
class Job:
    """The arguments of :func:`sage_elt.airflow.sage_dag` that its tasks need; meant as there."""

    connection: str
    sage_conn_id: str | None
    destination: str
    warehouse_conn_id: str | None
    businesses: tuple[str, ...]
    resources: tuple[str, ...]
    budget_wait: timedelta
    on_reauthorise: Callable[[Any], None] | None
