"""DuckDB as a destination when the file and the dataset have the same name.

A file ``sage.duckdb`` is the catalog ``sage`` to DuckDB, and then ``sage.sales_invoices`` could be a table
of the schema ``sage`` or of the catalog: DuckDB refuses it as ambiguous. With the catalog in front
(``sage.sage.sales_invoices``), as dlt's own MotherDuck destination writes it, every name is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.client import FollowupJobRequest, LoadJob
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema import Schema
from dlt.common.storages.load_package import LoadJobInfo
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

from sage_elt.duckdb_merge import MergeFromParquet, merges_directly


def catalog_of(path: Path) -> str:
    """The catalog name that DuckDB gives a file: its name up to the first dot."""
    return path.name.split(".")[0]


class CatalogSqlClient(DuckDbSqlClient):
    """Puts the catalog in front of every name."""

    def catalog_name(self, quote: bool = True, casefold: bool = True) -> str | None:
        name = catalog_of(Path(self.credentials.database))
        if casefold:
            name = self.capabilities.casefold_identifier(name)
        return self.capabilities.escape_identifier(name) if quote else name

    def warn_if_catalog_equals_dataset_name(self) -> None:
        """It does, and no name is ambiguous for it."""


class CatalogClient(DuckDbClient):
    """dlt's DuckDB client with exact names, and with merges straight from Parquet where they can be."""

    def __init__(
        self,
        schema: Schema,
        config: DuckDbClientConfiguration,
        capabilities: DestinationCapabilitiesContext,
    ) -> None:
        super().__init__(schema, config, capabilities)
        plain = self.sql_client
        self.sql_client = CatalogSqlClient(
            plain.dataset_name, plain.staging_dataset_name, config.credentials, capabilities
        )

    def should_load_data_to_staging_dataset(self, table_name: str) -> bool:
        if merges_directly(self.prepare_load_table(table_name)):
            return False
        return super().should_load_data_to_staging_dataset(table_name)

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        if merges_directly(table) and file_path.endswith(".parquet"):
            return MergeFromParquet(file_path)
        return super().create_load_job(table, file_path, load_id, restore)

    def create_table_chain_completed_followup_jobs(
        self,
        table_chain: Sequence[PreparedTableSchema],
        completed_table_chain_jobs: Sequence[LoadJobInfo] | None = None,
    ) -> list[FollowupJobRequest]:
        if merges_directly(table_chain[0]):
            return []
        return super().create_table_chain_completed_followup_jobs(
            table_chain, completed_table_chain_jobs
        )


class CatalogDuckDb(duckdb):
    """The destination ``duckdb`` with exact names."""

    @property
    def client_class(self) -> type[Any]:
        return CatalogClient


MEMORY_LIMIT = "512MB"
"""For loads; DuckDB would take most of the machine. Beyond it DuckDB writes to a folder beside the file.
With it 20,000 invoices and 114,000 ledger entries load as fast as without."""


def duckdb_destination(path: Path) -> CatalogDuckDb:
    """dlt's destination for a DuckDB file of any name."""
    credentials = {"database": str(path), "global_config": {"memory_limit": MEMORY_LIMIT}}
    return CatalogDuckDb(credentials, destination_name="duckdb")
