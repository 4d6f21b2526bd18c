"""DuckDB as a destination when the file and the dataset have the same name.

A file ``sage.duckdb`` is the catalog ``sage`` to DuckDB, and then ``sage.sales_invoices`` could be a table
of the schema ``sage`` or of the catalog: DuckDB refuses it as ambiguous. With the catalog in front
(``sage.sage.sales_invoices``), as dlt's own MotherDuck destination writes it, every name is exact.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.schema import Schema
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration
from dlt.destinations.impl.duckdb.duck import DuckDbClient
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient


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
    """dlt's DuckDB client with :class:`CatalogSqlClient`."""

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
