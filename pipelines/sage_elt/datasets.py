"""One schema of a destination that is no DuckDB file, read and written through dlt, whatever it is.

dlt shortens names that a destination does not allow (PostgreSQL: 63 characters), so a table or a
column may have two: the one that we know it by, and the one there. Callers ask by the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import dlt
import pyarrow as pa
from dlt.common.configuration.container import Container
from dlt.common.destination import Destination, DestinationCapabilitiesContext
from dlt.common.libs.pyarrow import columns_to_arrow
from dlt.common.schema.typing import TColumnSchema, TTableSchema, TTableSchemaColumns
from dlt.dataset.utils import get_destination_clients
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

if TYPE_CHECKING:
    import polars as pl

CHUNK_ROWS: Final = 50_000
"""Rows that are Python objects at a time on their way to Arrow; some 100 MB of a wide table."""

Columns: TypeAlias = Mapping[str, TColumnSchema]
"""dlt's description of a column by its name."""
Statements: TypeAlias = SqlClientBase[Any]


class Dataset:
    """A schema of a destination, under the name that dlt calls a dataset."""

    def __init__(self, destination: Destination[Any, Any], name: str) -> None:
        self.name = name
        self._destination = destination

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A reader with one connection; from PostgreSQL all that it reads is of one moment."""
        is_postgres = self._destination.destination_type == "dlt.destinations.postgres"
        client = self._job_client
        with client, _one_moment(client) if is_postgres else nullcontext():
            yield Reader(self, client, self._capabilities, has_cursors=is_postgres)

    def known_tables(self) -> list[str]:
        """The tables that dlt notes as loaded with data, under their names there."""
        noted = dlt.dataset(self._destination, self.name)
        return [table for table in noted.tables if not table.startswith("_dlt")]

    @contextmanager
    def statements(self) -> Iterator[Statements]:
        """dlt's client for SQL, connected."""
        with self._job_client as client:
            yield client.sql_client

    @contextmanager
    def defining(self, tables: Iterable[TTableSchema]) -> Iterator[SqlJobClientBase]:
        """dlt's client, connected, for a schema that has these tables."""
        schema = self._schema.clone()
        for table in tables:
            schema.update_table(table)
        with self._naming():
            # dlt takes only a schema of which a version was stored
            schema = dlt.Schema.from_stored_schema(schema.to_dict())
        with self._client(schema) as client:
            yield client

    def table_name(self, table: str) -> str:
        """What the table is called there."""
        return self._schema.naming.normalize_tables_path(table)

    def column_name(self, column: str) -> str:
        """What the column is called there."""
        return self._schema.naming.normalize_path(column)

    @cached_property
    def _capabilities(self) -> DestinationCapabilitiesContext:
        return self._destination.capabilities()

    @cached_property
    def _schema(self) -> dlt.Schema:
        """Without tables; it names them as the destination allows."""
        with self._naming():
            return dlt.Schema(self.name)

    def _naming(self) -> AbstractContextManager[Any]:
        return Container().injectable_context(self._capabilities)

    @cached_property
    def _job_client(self) -> SqlJobClientBase:
        return self._client(self._schema)

    def _client(self, schema: dlt.Schema) -> SqlJobClientBase:
        clients = get_destination_clients(
            schema=schema, destination=self._destination, destination_dataset_name=self.name
        )
        return cast(SqlJobClientBase, clients[0])


class Reader:
    """Reads a dataset while its connection is open."""

    def __init__(
        self,
        dataset: Dataset,
        client: SqlJobClientBase,
        capabilities: DestinationCapabilitiesContext,
        *,
        has_cursors: bool,
    ) -> None:
        self._dataset = dataset
        self._client = client
        self._capabilities = capabilities
        self._has_cursors = has_cursors
        """Whether a result can stay on the server; its driver takes all of it into memory otherwise."""

    def columns(self, tables: Iterable[str]) -> dict[str, Columns]:
        """Columns of those tables that exist, with the types that they have there."""
        names = {self._dataset.table_name(table): table for table in tables}
        if not self._client.is_storage_initialized():
            return {}
        found = list(self._client.get_storage_tables(names))
        return {names[name]: columns for name, columns in found if columns}

    def wanted(self, wanted: Mapping[str, Sequence[str]]) -> dict[str, Columns]:
        """Those columns of those tables that exist, under the names by which they are wanted."""
        found: dict[str, Columns] = {}
        for table, present in self.columns(wanted).items():
            there = {name: self._dataset.column_name(name) for name in wanted[table]}
            found[table] = {n: present[there[n]] for n in wanted[table] if there[n] in present}
        return {table: columns for table, columns in found.items() if columns}

    def batches(
        self, table: str, columns: Columns, businesses: Sequence[str] = ()
    ) -> Iterator[pa.Table]:
        """The rows of ``businesses``, or all, with ``columns``, in batches; none when there is no row."""
        client = self._client.sql_client
        listed = ", ".join(
            client.escape_column_name(each["name"] or "") for each in columns.values()
        )
        sql = f"SELECT {listed} FROM {self._place(table)}"
        if businesses:
            marks = ", ".join("%s" for _ in businesses)
            sql += f" WHERE {client.escape_column_name('business_id')} IN ({marks})"
        if not self._has_cursors:
            yield from self._answers(columns, sql, *businesses)
            return
        name = client.escape_column_name(f"rows of {self._dataset.table_name(table)}"[:63])
        client.execute_sql(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}", *businesses)
        rows = CHUNK_ROWS
        while rows == CHUNK_ROWS:
            rows = 0
            for batch in self._answers(columns, f"FETCH {CHUNK_ROWS} FROM {name}"):
                rows += batch.num_rows
                yield batch
        client.execute_sql(f"CLOSE {name}")

    def _answers(self, columns: Columns, sql: str, *parameters: str) -> Iterator[pa.Table]:
        """The rows of a statement, in batches."""
        with (
            Container().injectable_context(self._capabilities),
            self._client.sql_client.execute_query(sql, *parameters) as cursor,
        ):
            cursor.columns_schema = cast(TTableSchemaColumns, dict(columns))
            yield from cursor.iter_arrow(chunk_size=CHUNK_ROWS)

    def arrow_schema(self, columns: Columns) -> pa.Schema:
        """The types in which :meth:`batches` gives columns."""
        named: TTableSchemaColumns = {n: {**each, "name": n} for n, each in columns.items()}
        return columns_to_arrow(named, self._capabilities, "UTC")

    def frames(
        self, wanted: Mapping[str, Sequence[str]], businesses: Sequence[str] = ()
    ) -> dict[str, pl.LazyFrame]:
        """The wanted columns of the wanted tables, as far as they exist, in memory."""
        from polars import from_arrow  # which a sync does without

        frames: dict[str, pl.LazyFrame] = {}
        for table, found in self.wanted(wanted).items():
            none = self.arrow_schema(found).empty_table()
            rows = pa.concat_tables([none, *self.batches(table, found, businesses)])
            frames[table] = cast("pl.DataFrame", from_arrow(rows)).lazy()
        return frames

    def counts(self, tables: Iterable[str]) -> dict[tuple[str, str], int]:
        """Rows by table and business."""
        business = self._client.sql_client.escape_column_name("business_id")
        counts: dict[tuple[str, str], int] = {}
        for table in tables:
            rows = self._client.sql_client.execute_sql(
                f"SELECT {business}, count(*) FROM {self._place(table)} GROUP BY {business}"
            )
            counts |= {(table, row[0]): int(row[1]) for row in rows or ()}
        return counts

    def row_counts(self, tables: Iterable[str]) -> dict[str, int]:
        """Rows by table."""
        counts: dict[str, int] = {}
        for table in tables:
            sql = f"SELECT count(*) FROM {self._place(table)}"
            rows = self._client.sql_client.execute_sql(sql)
            counts[table] = int(rows[0][0]) if rows else 0
        return counts

    def _place(self, table: str) -> str:
        name = self._dataset.table_name(table)
        return self._client.sql_client.make_qualified_table_name(name)


@contextmanager
def _one_moment(client: SqlJobClientBase) -> Iterator[None]:
    """Statements inside see what was committed before. Other destinations have no common word for it."""
    with client.sql_client.begin_transaction():
        client.sql_client.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
