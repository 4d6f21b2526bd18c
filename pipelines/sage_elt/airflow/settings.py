"""Airflow's connections as dlt's configuration, inside one task and nowhere else.

The values stand in front of the worker's own configuration for as long as the task needs them. They
are not written to the environment, to a file or to XCom.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseHook, Connection

from sage_elt.airflow.job import Job

# dlt would ask Airflow's API for a variable by every name that it looks up, thousands a sync.
os.environ.setdefault("PROVIDERS__ENABLE_AIRFLOW_SECRETS", "false")
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")


@contextmanager
def configured(job: Job) -> Iterator[None]:
    """The settings of the job's connections, for this process while the context is open."""
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.providers import CustomLoaderDocProvider
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    values = _values(job)
    ours = CustomLoaderDocProvider("Airflow connections", lambda: values)
    providers = Container()[PluggableRunContext].providers.providers
    providers.insert(0, ours)
    try:
        yield
    finally:
        providers.remove(ours)


def _values(job: Job) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if job.sage_conn_id is not None:
        own = sage_settings(BaseHook.get_connection(job.sage_conn_id))
        values["sources"] = {"sage_accounting": own}
    if job.warehouse_conn_id is not None:
        credentials = warehouse_credentials(BaseHook.get_connection(job.warehouse_conn_id))
        values["destination"] = {job.destination: {"credentials": credentials}}
    return values


def sage_settings(connection: Connection) -> dict[str, Any]:
    """Our settings, by key; what the connection leaves empty is not in it."""
    found: Mapping[str, Any] = {
        "client_id": connection.login,
        "client_secret": connection.password,
        **connection.extra_dejson,
    }
    return {key: value for key, value in found.items() if value not in (None, "")}


def warehouse_credentials(connection: Connection) -> dict[str, Any]:
    """dlt's credentials of a database server: extras of the connection are options of its address."""
    found: Mapping[str, Any] = {
        "host": connection.host,
        "port": connection.port,
        "username": connection.login,
        "password": connection.password,
        "database": connection.schema,
        "query": {key: str(value) for key, value in connection.extra_dejson.items()},
    }
    return {key: value for key, value in found.items() if value}
