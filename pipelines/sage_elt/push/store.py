"""Where a connection's outbox is: beside dlt's pipelines, or in the warehouse that is a PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sage_accounting.outbox import Outbox
from sage_accounting.outbox_stores import PostgresStore, SqliteStore, Store
from sage_accounting.settings import Settings
from sage_elt.jobs.syncing import books_pipeline
from sage_elt.warehouse import Warehouse


def open_outbox(settings: Settings, warehouse: Warehouse) -> Outbox:
    """The outbox of a connection, as a context manager. Raises ``OutboxError``."""
    return Outbox(_store(settings, warehouse), settings.connection, settings.token_keys)


def _store(settings: Settings, warehouse: Warehouse) -> Store:
    pipeline = books_pipeline(warehouse, settings.connection)
    if warehouse.destination.destination_type == "dlt.destinations.postgres":

        def connect() -> Any:
            client = pipeline.sql_client()
            client.open_connection()
            return client.native_connection

        return PostgresStore(connect)
    return SqliteStore(Path(pipeline.pipelines_dir) / f"sage_outbox__{settings.connection}.sqlite")
