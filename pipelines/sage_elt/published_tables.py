"""The tables of ``unified`` and ``marts`` at a destination that is no DuckDB file.

dlt brings the new rows into a dataset of their own, ``unified_incoming_…``, in the types of the tables they
are for. Then standard statements exchange the rows of the businesses that were built, in one transaction
where the destination has any. Interrupted before its end, the old rows stand; where there are no
transactions, the businesses are marked as unfinished first, so that the next run builds them again.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.schema.typing import TColumnSchema, TTableSchema
from dlt.common.schema.utils import new_table
from dlt.destinations.exceptions import DatabaseException

from sage_elt.built_tables import BUILDS_TABLE, COLUMNS, SCHEMAS, Files, Fingerprints, TableName
from sage_elt.datasets import Dataset, Statements
from sage_elt.dlt_types import dlt_columns
from sage_elt.warehouse import Warehouse, WarehouseError, quoted
from sage_elt.working_copies import workspace
from sage_unified import describe

logger = logging.getLogger(__name__)

UNFINISHED: Final = ""
"""The fingerprint of a business whose tables are being exchanged; no business has it otherwise."""
BRIDGE: Final = ("unified", "bridge_tax_rate_component")
_CHANGED: Final = "changed"
_BUILDS_COLUMNS: Final = {
    "business_id": "VARCHAR",
    "fingerprint": "VARCHAR",
    "built_at": "TIMESTAMPTZ",
}
_ATTEMPTS: Final = 5
"""To create the tables, while others may be creating them."""


class TablesAtDestination:
    """The built tables of a warehouse on a server."""

    def __init__(self, warehouse: Warehouse, *, is_partial: bool) -> None:
        """``is_partial``: others build other businesses, perhaps at this moment."""
        self._warehouse = warehouse
        self._is_partial = is_partial
        self._datasets = {schema: warehouse.dataset(schema) for schema in SCHEMAS}

    def fingerprints(self) -> Fingerprints | None:
        with self._warehouse.named_errors():
            if self._missing():
                return None
            with self._datasets["unified"].reading() as rows:
                frames = rows.frames({BUILDS_TABLE: list(_BUILDS_COLUMNS)})
            found = frames[BUILDS_TABLE].collect()
        return dict(found.select("business_id", "fingerprint").rows())

    def replace(self, files: Files, built: Fingerprints, gone: Sequence[str]) -> None:
        """Raises ``WarehouseError``."""
        filled = _filled(files)
        with self._warehouse.named_errors():
            self._create_missing()
            if built or gone:
                with self._incoming(filled, built, gone) as incoming:
                    self._exchange(incoming, list(filled))

    def create(self) -> None:
        """Make the tables, empty, as far as they are not there; raises ``WarehouseError``."""
        with self._warehouse.named_errors():
            self._create_missing()

    def counts(self) -> dict[TableName, int]:
        counts: dict[TableName, int] = {}
        for schema, dataset in self._datasets.items():
            wanted = [table for of, table in COLUMNS if of == schema]
            with self._warehouse.named_errors(), dataset.reading() as rows:
                found = rows.row_counts(wanted)
            counts |= {(schema, table): count for table, count in found.items()}
        return counts

    def _missing(self) -> list[TableName]:
        """Tables that are not there or have other columns."""
        missing: list[TableName] = []
        for schema, dataset in self._datasets.items():
            expected = _tables_of(schema)
            with dataset.reading() as rows:
                present = rows.columns(expected)
            missing += [
                (schema, table)
                for table, columns in expected.items()
                if present.get(table, {}).keys() != columns.keys()
            ]
        return missing

    def _create_missing(self) -> None:
        """Create the tables with dlt's own definitions; another process may be doing the same."""
        for attempt in range(1, _ATTEMPTS + 1):
            if not self._missing():
                return
            try:
                for schema in SCHEMAS:
                    self._create(schema)
            except DatabaseException:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(0.1 * attempt)  # the other one is about to be done

    def _create(self, schema: str) -> None:
        """Those tables of a schema that are missing.

        Where all businesses are built, the others are made anew too: what they were built from is not known.
        """
        dataset = self._datasets[schema]
        tables = _tables_of(schema)
        with dataset.reading() as rows:
            present = rows.columns(tables)
        if self._is_partial and any(
            columns.keys() != tables[table].keys() for table, columns in present.items()
        ):
            raise WarehouseError(
                f"The tables of {schema} at {self._warehouse.destination.destination_name} are of another "
                "version of sage-elt, and only some businesses were to be built. Nothing changed. Build "
                "all of them once. Run: sage-elt transform"
            )
        outdated = () if self._is_partial else tuple(map(dataset.table_name, present))
        defined = [_definition(schema, table, columns) for table, columns in tables.items()]
        with dataset.defining(defined) as client:
            client.initialize_storage()
            client.update_stored_schema(only_tables=())
            # dlt would trust its note that this schema was created before
            client.drop_tables(*outdated)
            client.update_stored_schema()
        if self._warehouse.destination.destination_type == "dlt.destinations.postgres":
            with dataset.statements() as statements:
                for comment in _comments(statements, schema):
                    statements.execute_sql(comment)

    @contextmanager
    def _incoming(
        self, files: Files, built: Fingerprints, gone: Sequence[str]
    ) -> Iterator[Dataset]:
        """The new rows and which businesses they are of, at the destination until the end."""
        name = f"unified_incoming_{uuid.uuid4().hex[:12]}"
        dataset = self._warehouse.dataset(name)
        try:
            with workspace(self._warehouse) as folder:
                pipeline = dlt.pipeline(
                    name,
                    pipelines_dir=str(folder),
                    destination=self._warehouse.destination,
                    dataset_name=name,
                )
                pipeline.config.restore_from_destination = False
                pipeline.config.enable_runtime_trace = False
                try:
                    pipeline.run(
                        [_changed(built, gone), *_resources(files)], schema=dlt.Schema(name)
                    )
                finally:
                    pipeline.deactivate()
            yield dataset
        finally:
            with dataset.statements() as client:
                if client.has_dataset():
                    client.drop_dataset()

    def _exchange(self, incoming: Dataset, filled: Sequence[TableName]) -> None:
        with incoming.statements() as client:
            place = _Places(client)
            changed = place(incoming.name, _CHANGED)
            builds = place("unified", BUILDS_TABLE)
            columns = place.columns(_BUILDS_COLUMNS)
            business, mark = place.columns(["business_id"]), place.columns(["fingerprint"])
            built_at = place.columns(["built_at"])
            whose = f"{business} IN (SELECT {business} FROM {changed})"
            client.execute_sql(
                f"INSERT INTO {builds} ({columns}) "
                f"SELECT {business}, '{UNFINISHED}', {built_at} FROM {changed} "
                f"WHERE {business} NOT IN (SELECT {business} FROM {builds})"
            )
            with _transaction(client):
                # who exchanges the same business at the same time waits here for the other's end
                client.execute_sql(f"UPDATE {builds} SET {mark} = '{UNFINISHED}' WHERE {whose}")
                for statement in self._statements(place, incoming, filled, whose):
                    client.execute_sql(statement)
                client.execute_sql(f"DELETE FROM {builds} WHERE {whose}")
                client.execute_sql(
                    f"INSERT INTO {builds} ({columns}) SELECT {columns} FROM {changed} "
                    f"WHERE {mark} IS NOT NULL"
                )

    def _statements(
        self, place: _Places, incoming: Dataset, filled: Sequence[TableName], whose: str
    ) -> Iterator[str]:
        """Old rows out, new rows in; the bridge, which names no business, while its rates tell whose it is."""
        key = place.columns(["tax_rate_key"])
        bridge, rates = place(*BRIDGE), place("unified", "dim_tax_rate")
        yield f"DELETE FROM {bridge} WHERE {key} IN (SELECT {key} FROM {rates} WHERE {whose})"
        for name in sorted(COLUMNS, key=lambda name: name == BRIDGE):
            if name != BRIDGE:
                yield f"DELETE FROM {place(*name)} WHERE {whose}"
            if name in filled:
                columns = place.columns(COLUMNS[name])
                source = place(incoming.name, _incoming_name(name))
                yield f"INSERT INTO {place(*name)} ({columns}) SELECT {columns} FROM {source}"


class _Places:
    """Names as the destination writes them."""

    def __init__(self, client: Statements) -> None:
        self._client = client

    def __call__(self, dataset: str, table: str) -> str:
        with self._client.with_alternative_dataset_name(dataset):
            return self._client.make_qualified_table_name(table)

    def columns(self, names: Sequence[str] | Mapping[str, Any]) -> str:
        return ", ".join(self._client.escape_column_name(name) for name in names)


def _transaction(client: Statements) -> Any:
    if client.capabilities.supports_transactions is False:
        return nullcontext()
    return client.begin_transaction()


def _tables_of(schema: str) -> dict[str, dict[str, TColumnSchema]]:
    tables = {name: types for (of, name), types in COLUMNS.items() if of == schema}
    if schema == "unified":
        tables[BUILDS_TABLE] = _BUILDS_COLUMNS
    return {name: dlt_columns(types) for name, types in tables.items()}


def _definition(schema: str, table: str, columns: Mapping[str, TColumnSchema]) -> TTableSchema:
    """A table for dlt, with its description."""
    if table == BUILDS_TABLE:
        return new_table(table, columns=list(columns.values()), write_disposition="append")
    texts = describe(schema, table)
    described: list[TColumnSchema] = [
        {**column, "description": texts.columns[name]} for name, column in columns.items()
    ]
    defined = new_table(table, columns=described, write_disposition="append")
    defined["description"] = texts.table
    return defined


def _comments(client: Statements, schema: str) -> Iterator[str]:
    """The descriptions, which dlt gives to other destinations and not to PostgreSQL."""
    place = _Places(client)
    for of, table in COLUMNS:
        if of == schema:
            name, texts = place(schema, table), describe(schema, table)
            yield f"COMMENT ON TABLE {name} IS '{quoted(texts.table)}'"
            for column, text in texts.columns.items():
                yield f"COMMENT ON COLUMN {name}.{place.columns([column])} IS '{quoted(text)}'"


def _incoming_name(name: TableName) -> str:
    return "_".join(name)


def _changed(built: Fingerprints, gone: Sequence[str]) -> Any:
    """The businesses to exchange; those without a fingerprint only go."""
    now = datetime.now(UTC)
    rows = [
        {"business_id": business, "fingerprint": fingerprint, "built_at": now}
        for business, fingerprint in [*built.items(), *((business, None) for business in gone)]
    ]
    return dlt.resource(
        rows, name=_CHANGED, columns=dlt_columns(_BUILDS_COLUMNS), write_disposition="append"
    )


def _filled(files: Files) -> Files:
    """Those files that have rows."""
    filled = {
        name: [path for path in paths if pq.ParquetFile(path).metadata.num_rows]
        for name, paths in files.items()
    }
    return {name: paths for name, paths in filled.items() if paths}


def _resources(files: Files) -> Iterator[Any]:
    for name, paths in files.items():
        yield dlt.resource(
            _rows_of(paths),
            name=_incoming_name(name),
            columns=dlt_columns(COLUMNS[name]),
            write_disposition="append",
        )


def _rows_of(paths: Sequence[Path]) -> Iterator[pa.Table]:
    for path in paths:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)
