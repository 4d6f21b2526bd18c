"""A merge straight from the Parquet file, for tables whose package holds each key once.

dlt merges by way of a staging copy: it creates a second table, fills it, deletes by it, inserts from it
with a window over the keys. Where the source vouches for distinct keys (``deduplicated``) one transaction
does the same from the file itself, in half the time and without the staging tables. It deletes what it is
about to insert, so a repeated file (the process died before dlt noted it as done) changes nothing.
"""

from __future__ import annotations

from typing import cast

import pyarrow.parquet as pq
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.typing import TTableSchema
from dlt.common.schema.utils import get_columns_names_with_prop, get_first_column_name_with_prop
from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob


def merges_directly(table: PreparedTableSchema) -> bool:
    """Whether the table's keys are distinct within a package: by dlt's own hint for it."""
    return table["write_disposition"] == "merge" and bool(table.get("x-stage-data-deduplicated"))


class MergeFromParquet(DuckDbCopyJob):
    """Replaces the rows of one file's keys by the file's rows; rows marked as deleted only go."""

    def run(self) -> None:
        client = self._job_client.sql_client
        target = client.make_qualified_table_name(self.load_table_name)
        table = cast(TTableSchema, self._load_table)  # dlt's own functions take it as one
        keys = [client.escape_column_name(key) for key in _keys(table)]
        path = self._file_path.replace("'", "''")
        incoming = f"read_parquet('{path}')"
        same_key = " AND ".join(f"old.{key} = new.{key}" for key in keys)
        living = "true"
        marker = get_first_column_name_with_prop(table, "hard_delete")
        if marker and marker in pq.read_schema(self._file_path).names:
            living = f"{client.escape_column_name(marker)} IS NOT TRUE"
        with client.begin_transaction():
            client.execute_sql(
                f"DELETE FROM {target} AS old "
                f"USING (SELECT DISTINCT {', '.join(keys)} FROM {incoming}) AS new WHERE {same_key}"
            )
            client.execute_sql(
                f"INSERT INTO {target} BY NAME SELECT * FROM {incoming} WHERE {living}"
            )


def _keys(table: TTableSchema) -> list[str]:
    merge_keys = get_columns_names_with_prop(table, "merge_key")
    return merge_keys or get_columns_names_with_prop(table, "primary_key")
