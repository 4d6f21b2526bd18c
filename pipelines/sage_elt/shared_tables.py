"""Many pipelines, one dataset: what keeps parallel syncs of several businesses out of each other's way.

Three things go wrong when pipelines that know nothing of each other load into the same tables:

* They share the staging dataset, so that one empties the tables from which another is about to merge.
  Each pipeline therefore has a staging dataset of its own (:func:`with_own_staging`), which is dropped
  when it is merged (:func:`drop_staging`): thousands of businesses would leave millions of tables.
* Two of them create the same table or column. Tables change under a lock only (:func:`agree_on_tables`).
* Each stores its own idea of the tables as dlt's newest schema, which a fresh worker then takes for
  its own. So what is stored always holds everything that was stored before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import Destination
from dlt.common.destination.client import StorageSchemaInfo
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.schema import Schema
from dlt.common.schema.utils import pipeline_state_table
from dlt.destinations.job_client_impl import SqlJobClientBase, SqlJobClientWithStagingDataset
from filelock import FileLock

from sage_elt.warehouse import WarehouseBusyError

SCHEMA_NAME = "sage_accounting"
"""dlt's name of the raw tables' schema: that of the source."""
LOCK = "sage_elt tables"
_NAME_LENGTH = 16
"""Hexadecimal digits; names of schemas in PostgreSQL end at 63 characters."""


def with_own_staging(destination: Destination[Any, Any], pipeline_name: str) -> Any:
    """The same destination with a staging dataset that no other pipeline uses."""
    own = copy(destination)
    digest = hashlib.sha256(pipeline_name.encode()).hexdigest()[:_NAME_LENGTH]
    layout = f"%s_staging_{digest}"
    own.config_params = {**destination.config_params, "staging_dataset_name_layout": layout}
    return own


def adopt_tables(pipeline: dlt.Pipeline) -> str | None:
    """Let the pipeline know the tables that all others have made; what :func:`agree_on_tables` needs.

    So it finds the records of its business even on a machine that never synced it, and does not give
    a new field of Sage's another type than its column has.
    """
    if SCHEMA_NAME not in pipeline.schemas:
        pipeline.schemas.save_schema(Schema(SCHEMA_NAME))
    stored = _stored_schema(pipeline)
    if stored is None:
        return None
    if pipeline.schemas[SCHEMA_NAME].stored_version_hash != stored.stored_version_hash:
        pipeline.schemas.save_schema(stored)
    return stored.stored_version_hash


def agree_on_tables(pipeline: dlt.Pipeline, adopted: str | None) -> None:
    """Create what the extracted package needs and nobody made yet; to be called before it is normalised.

    Takes a lock only when there is something. Raises :class:`WarehouseBusyError` when another sync gave
    a new field another type meanwhile; nothing of the package is loaded then and its cursors are as
    they were.
    """
    schema = pipeline.schemas[SCHEMA_NAME]
    _foresee_normaliser(schema)
    if schema.version_hash == adopted:
        return
    with _lock(pipeline):
        stored = _stored_schema(pipeline)
        if stored is not None:
            _refuse_other_types(pipeline, schema, stored)
            for table in stored.data_tables(include_incomplete=True):
                schema.update_table(table)
        pipeline.schemas.save_schema(schema)
        pipeline.sync_schema(SCHEMA_NAME)


def _foresee_normaliser(schema: Schema) -> None:
    """What dlt's normaliser would add later, when no lock is held any more."""
    schema.update_table(pipeline_state_table(add_dlt_id=True))
    for table in (*schema.data_tables(), schema.tables[schema.state_table_name]):
        table["x-normalizer"] = {**(table.get("x-normalizer") or {}), "seen-data": True}


def drop_staging(pipeline: dlt.Pipeline) -> None:
    """Remove the pipeline's staging dataset; nothing that is still needed may be in it."""
    with pipeline.destination_client(SCHEMA_NAME) as client:
        if isinstance(client, SqlJobClientWithStagingDataset):
            with client.with_staging_dataset():
                if client.is_storage_initialized():
                    client.sql_client.drop_dataset()


def _stored_schema(pipeline: dlt.Pipeline) -> Schema | None:
    """The raw tables as the last pipeline that changed them left them; None in an empty warehouse."""
    with pipeline.destination_client(SCHEMA_NAME) as client:
        if not isinstance(client, SqlJobClientBase):
            return None
        try:
            # dlt declares that there is one, and gives None when there is none
            stored: StorageSchemaInfo | None = client.get_stored_schema(SCHEMA_NAME)
        except DestinationUndefinedEntity:
            return None
    return Schema.from_stored_schema(json.loads(stored.schema)) if stored else None


def _refuse_other_types(pipeline: dlt.Pipeline, ours: Schema, theirs: Schema) -> None:
    for name, table in theirs.tables.items():
        known = ours.tables.get(name, {}).get("columns", {})
        for column, hints in table.get("columns", {}).items():
            found = known.get(column, {}).get("data_type")
            if found is not None and found != hints.get("data_type", found):
                pipeline.drop()  # the cursors come back from the warehouse
                raise WarehouseBusyError(
                    f"Another sync has just given the new field {name}.{column} the type "
                    f"{hints['data_type']}, and this one read it as {found}. Nothing of it was loaded "
                    "and its cursors are as they were. Run the sync again: it keeps what does not "
                    "fit in a column of its own."
                )


@contextmanager
def _lock(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Holds off everybody else who changes tables: in PostgreSQL all hosts, elsewhere this machine."""
    with FileLock(Path(pipeline.pipelines_dir) / "sage_elt_tables.lock"):
        if pipeline.destination.destination_type != "dlt.destinations.postgres":
            yield
            return
        with pipeline.sql_client(SCHEMA_NAME) as client:  # the lock ends with the connection
            client.execute_sql("SELECT pg_advisory_lock(hashtextextended(%s, 0))", LOCK)
            yield
