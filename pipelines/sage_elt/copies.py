"""A warehouse copied to another destination: every table as it is, and where the syncs stood.

Each table is replaced as a whole, so a copy can be repeated, and one that was interrupted is completed by
the next. To a database the state of dlt's pipelines comes along, in the package of the raw tables: the next
sync there reads what changed since. A lake of Parquet, Delta or Iceberg files is a copy to read from; dlt can
not delete from it, so no sync goes into it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import dlt
import pyarrow as pa
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.libs.pyarrow import columns_to_arrow
from dlt.common.schema.typing import TColumnSchema
from dlt.common.typing import TLoaderFileFormat
from dlt.pipeline.state_sync import load_pipeline_state_from_destination

from sage_elt.built_tables import SCHEMAS, TableName
from sage_elt.dlt_types import dlt_columns
from sage_elt.published_tables import TablesAtDestination
from sage_elt.warehouse import CATALOG, RAW_SCHEMA, Warehouse, WarehouseError, WarehouseSettingError
from sage_elt.working_copies import workspace

logger = logging.getLogger(__name__)

TableFormat: TypeAlias = Literal["parquet", "delta", "iceberg"]
TABLE_FORMATS: Final[tuple[TableFormat, ...]] = get_args(TableFormat)
BATCH_ROWS: Final = 100_000
LAKE: Final = "filesystem"
_DUCKDB_COLUMNS: Final = (
    "SELECT table_name, column_name, data_type FROM information_schema.columns "
    "WHERE table_catalog = current_catalog() AND table_schema = ? ORDER BY table_name, ordinal_position"
)


@dataclass(frozen=True)
class SourceTable:
    """A table to be copied."""

    name: str
    columns: Mapping[str, TColumnSchema]
    batches: Any
    """A function that gives the rows in Arrow batches, anew with each call."""


def copy_warehouse(
    source: Warehouse, target: Warehouse, table_format: TableFormat | None = None
) -> dict[TableName, int]:
    """Make the tables of ``target`` those of ``source``; rows by (schema, table).

    Raises :class:`WarehouseSettingError` for a pair that can not be, before anything is written, and
    :class:`WarehouseError` for a target that holds books which ``source`` lacks. ``table_format`` is one of
    lakes, by default Parquet.
    """
    _require_pair(source, target, table_format)
    states = _states(source)
    into_lake = is_lake(target)
    if into_lake and table_format is None:
        table_format = "parquet"
    if not into_lake:
        _require_own(target, states)
    counts: dict[TableName, int] = {}
    with target.named_errors(), workspace(source) as folder:
        for schema in (RAW_SCHEMA, *SCHEMAS):
            with _tables(source, schema) as tables:
                if not tables:
                    continue
                if schema in SCHEMAS and not into_lake and target.path is None:
                    TablesAtDestination(target, is_partial=False).create()
                carried = sorted(states) if schema == RAW_SCHEMA and not into_lake else []
                first, *others = carried or ["copy"]
                pipeline = _pipeline(first, target, schema, folder)
                _run(pipeline, tables, states.get(first), table_format, counts)
                for name in others:
                    _run(_pipeline(name, target, schema, folder), [], states[name], None, counts)
            logger.info("copied %d tables of %s", len(tables), schema)
    if not counts:
        raise WarehouseError(
            "There is nothing to copy: nothing was synced yet. Nothing changed. Run: sage-elt run"
        )
    return counts


def _require_pair(source: Warehouse, target: Warehouse, table_format: TableFormat | None) -> None:
    names = [warehouse.destination.destination_name for warehouse in (source, target)]
    if is_lake(source):
        problem = "A lake is a copy and no source of one"
    elif names[0] == names[1] and source.path == target.path:
        problem = f"A copy from {names[0]} to itself would replace what it reads"
    elif table_format and not is_lake(target):
        problem = f"The table format {table_format} is one of lakes, and {names[1]} is a database"
    elif source.path is None and not is_lake(target):
        # dlt shortened the names of tables there, and how they were is not known any more
        problem = f"From {names[0]} only a lake can be made, as names of tables are shortened there"
    else:
        return
    raise WarehouseSettingError(
        f"{problem}. Nothing was read and nothing changed. Name another pair with --from and --to."
    )


def is_lake(warehouse: Warehouse) -> bool:
    """Whether it is files in a folder or a bucket, without a database."""
    return warehouse.destination.destination_type == f"dlt.destinations.{LAKE}"


def _require_own(target: Warehouse, states: Mapping[str, Any]) -> None:
    strangers = target.pipelines() - states.keys()
    if strangers:
        raise WarehouseError(
            f"{target.destination.destination_name} holds books that the source does not have (of "
            f"{', '.join(sorted(strangers))}), and a copy would replace them. Nothing changed. Copy to "
            "an empty database, or remove the schemas sage, unified and marts there first."
        )


def _states(source: Warehouse) -> dict[str, dict[str, Any]]:
    """The newest state of each sync pipeline in the source, by pipeline."""
    states: dict[str, dict[str, Any]] = {}
    for name in sorted(source.pipelines()):
        with workspace(source) as folder:
            pipeline = _pipeline(name, source, RAW_SCHEMA, folder)
            with source.named_errors(), pipeline.destination_client() as client:
                state = load_pipeline_state_from_destination(name, client)  # type: ignore[arg-type]  # all of ours keep state
            pipeline.deactivate()
        if state is not None:
            states[name] = dict(state)
    return states


@contextmanager
def _tables(source: Warehouse, schema: str) -> Iterator[list[SourceTable]]:
    """The tables of a schema of the source; all are read of one moment where the source can do that."""
    with ExitStack() as opened:
        if source.path is None:
            dataset = source.dataset(schema)
            rows = opened.enter_context(dataset.reading())
            yield [
                SourceTable(name, columns, lambda n=name, c=columns: rows.batches(n, c))
                for name, columns in rows.columns(dataset.known_tables()).items()
            ]
            return
        connection = opened.enter_context(source.reading())
        types: dict[str, dict[str, str]] = {}
        for table, column, kind in connection.execute(_DUCKDB_COLUMNS, [schema]).fetchall():
            if not table.startswith("_dlt_"):
                types.setdefault(table, {})[column] = kind

        def batches(table: str) -> Iterator[pa.Table]:
            # dlt reads many tables at a time, each through a cursor of its own
            rows = connection.cursor().execute(f'FROM {CATALOG}."{schema}"."{table}"')
            for batch in rows.fetch_record_batch(BATCH_ROWS):
                yield pa.Table.from_batches([batch])

        yield [
            SourceTable(name, dlt_columns(columns), lambda n=name: batches(n))
            for name, columns in types.items()
        ]


def _pipeline(name: str, warehouse: Warehouse, schema: str, folder: Path) -> dlt.Pipeline:
    """A pipeline that knows nothing of what others did; its folder goes with the copy."""
    pipeline = dlt.pipeline(
        name,
        pipelines_dir=str(folder / schema),
        destination=warehouse.destination,
        dataset_name=schema,
    )
    pipeline.config.enable_runtime_trace = False
    return pipeline


def _run(
    pipeline: dlt.Pipeline,
    tables: Sequence[SourceTable],
    state: Mapping[str, Any] | None,
    table_format: TableFormat | None,
    counts: dict[TableName, int],
) -> None:
    """One package: the tables, and the state of the syncs that loaded them."""
    pipeline.config.restore_from_destination = state is not None
    if state is not None:
        with pipeline.managed_state() as own:
            own["sources"] = state["sources"]
            own["_state_version"] = state["_state_version"]
    name = "sage_accounting" if pipeline.dataset_name == RAW_SCHEMA else str(pipeline.dataset_name)
    schema, dataset = dlt.Schema(name), str(pipeline.dataset_name)
    kind: TLoaderFileFormat | None = "parquet" if table_format else None
    # plain Parquet files are no table format to dlt
    hints: dict[str, Any] = (
        {} if kind is None or table_format == "parquet" else {"table_format": table_format}
    )
    resources = [
        dlt.resource(
            _counted(table, (dataset, table.name), counts),
            # dlt forgets the state of a resource that it replaces: the name is none of the syncs'
            name=f"copied__{table.name}",
            table_name=table.name,
            columns=dict(table.columns),
            write_disposition="replace",
            **hints,
        )
        for table in tables
    ]
    try:
        # not run(): that would first take the state from there
        # a package without tables takes a name all the same
        named: dict[str, Any] = {} if resources else {"table_name": "nothing"}
        pipeline.extract(resources, schema=schema, loader_file_format=kind, **named)
        pipeline.normalize()
        pipeline.load()
    finally:
        pipeline.deactivate()


def _counted(
    table: SourceTable, name: TableName, counts: dict[TableName, int]
) -> Iterator[pa.Table]:
    """The rows of a table; one batch without rows of an empty table, which makes and empties it."""
    counts[name] = 0
    for batch in table.batches():
        counts[name] += batch.num_rows
        yield batch
    if not counts[name]:
        any_type = DestinationCapabilitiesContext.generic_capabilities()
        yield columns_to_arrow(dict(table.columns), any_type, "UTC").empty_table()
