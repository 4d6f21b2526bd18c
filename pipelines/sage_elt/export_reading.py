"""What exports read of the warehouse: one moment of it, kept in files until the export is written.

The file of the warehouse is open only while rows are copied out of it, whatever the size of the export;
then they are read in batches, so that memory does not grow with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import polars as pl

from sage_elt.warehouse import Warehouse, WarehouseError, columns_of, quoted
from sage_unified import checked_columns, duckdb_types

BATCH_ROWS: Final = 10_000
"""Rows that are worked on at a time; some 30 columns of text and money, 10 MB with what is made of them."""
MEMORY_LIMIT: Final = "128MB"
"""For the joins and the order of an export; beyond it DuckDB writes to the folder of the export."""

_PASS_ROWS: Final = 30_000
_STEP: Final = re.compile(r"^-- step (\w+)\n(.*?)(?=^-- step|\Z)", re.DOTALL | re.MULTILINE)

_TABLES: Final = (
    ("unified", "dim_account"),
    ("unified", "dim_business"),
    ("unified", "dim_contact"),
    ("unified", "dim_tax_rate"),
    ("unified", "fct_document"),
    ("unified", "fct_document_line"),
    ("unified", "fct_ledger_entry"),
    ("unified", "fct_payment"),
    ("marts", "vat_lines"),
)
"""What the queries in ``export_sql`` name."""

Parameters = Mapping[str, object]
Columns = Mapping[str, Sequence[str]]
"""Columns by table."""


@dataclass(frozen=True)
class Reader:
    """Reads of one moment of the warehouse, by the queries in ``export_sql``."""

    connection: duckdb.DuckDBPyConnection
    folder: Path

    def frame(self, query: str, parameters: Parameters) -> pl.DataFrame:
        """The rows of a query whose result is small."""
        sql = _sql(query)
        return self.connection.execute(sql, _used(sql, parameters)).pl()

    def scan(self, business_id: str, wanted: Mapping[str, Columns]) -> dict[str, pl.LazyFrame]:
        """The wanted columns of a business in the wanted tables by schema, as far as they exist.

        They are read from files when they are worked on, each column by itself.
        """
        frames: dict[str, pl.LazyFrame] = {}
        for schema, tables in wanted.items():
            present = columns_of(self.connection, schema)
            for table, columns in tables.items():
                found = [c for c in columns if c in present.get(table, ())]
                if found:
                    names = ", ".join(f'"{column}"' for column in found)
                    path = self.folder / f"{schema}.{table}.parquet"
                    self.connection.execute(
                        f'COPY (SELECT {names} FROM "{schema}"."{table}" WHERE business_id = $business) '
                        f"TO '{quoted(path)}' (FORMAT parquet, ROW_GROUP_SIZE {BATCH_ROWS})",
                        {"business": business_id},
                    )
                    frames[table] = pl.scan_parquet(path)
        return frames

    def spool(self, query: str, parameters: Parameters, *order: str) -> Spool:
        """The rows of a query of any size, copied into a file.

        The query is a row of steps, each a file that later ones read: an order of wide rows, or several
        joins at once, need more memory than the rest of an export. Its last step has ``place``, by which,
        and then by ``order``, the rows are read.
        """
        with TemporaryDirectory(dir=self.folder) as steps:
            last = Path(steps)
            for name, sql in _STEP.findall(_sql(query)):
                last = Path(steps) / f"{name}.parquet"
                self._copy(sql.replace("{folder}", quoted(steps)), last, parameters)
            path = self.folder / f"rows-{len(list(self.folder.glob('rows-*')))}.parquet"
            last.replace(path)
        return Spool(path, ("place", *order))

    def _copy(self, sql: str, path: Path, parameters: Parameters) -> None:
        self.connection.execute(
            f"COPY ({sql}) TO '{quoted(path)}' (FORMAT parquet, ROW_GROUP_SIZE {BATCH_ROWS})",
            _used(sql, parameters),
        )


@dataclass(frozen=True)
class Spool:
    """Rows of which those with one ``place`` belong together, in a file."""

    path: Path
    order: tuple[str, ...]

    def batches(self) -> Iterator[pl.DataFrame]:
        """The rows by place, in batches; the rows of a place are in one."""
        rows = pl.scan_parquet(self.path)
        count, last = rows.select(pl.len(), pl.col("place").max()).collect().row(0)
        if not count:
            return
        # some rows of the file are passed over each time, so a pass takes more than one batch
        step = max(1, last * _PASS_ROWS // count)
        for first in range(1, last + 1, step):
            passed = (
                rows.filter(pl.col("place").is_between(first, first + step - 1))
                .collect(engine="streaming")
                .sort(self.order)
            )
            yield from _cut(passed)


def _cut(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Ordered rows in batches of whole places."""
    start = 0
    while start < rows.height:
        end = start + BATCH_ROWS
        if end < rows.height:
            end = int(rows["place"].search_sorted(rows["place"][end - 1], side="right"))
        yield rows.slice(start, end - start)
        start = end


def read_columns() -> dict[str, dict[str, Sequence[str]]]:
    """The columns that exports read by schema and table, those of the tie-outs among them."""
    wanted = {schema: dict[str, Sequence[str]](of) for schema, of in checked_columns().items()}
    for schema, table in _TABLES:
        wanted[schema][table] = tuple(duckdb_types(schema, table))
    return wanted


@contextmanager
def reader(warehouse: Warehouse, folder: Path) -> Iterator[Reader]:
    """A reader of one moment; the warehouse is held open only inside.

    Raises :class:`WarehouseError` when the warehouse has no unified tables.
    """
    if not {"dim_business", "fct_ledger_entry"} <= warehouse.tables("unified").keys():
        raise WarehouseError(
            "The warehouse has no unified tables, so nothing can be exported. Nothing changed. Run: "
            "sage-elt run",
            error_code="nothing-transformed",
        )
    with (
        TemporaryDirectory(dir=folder, prefix=".spill-") as spill,
        warehouse.reading() as connection,
    ):
        connection.execute(f"SET temp_directory = '{quoted(spill)}'")
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("SET threads = 1")  # each holds its own part of a join
        connection.execute("BEGIN")
        yield Reader(connection, folder)


def _sql(query: str) -> str:
    return (files("sage_elt") / "export_sql" / f"{query}.sql").read_text(encoding="utf-8")


def _used(sql: str, parameters: Parameters) -> dict[str, object]:
    """Those that the query names: DuckDB refuses others."""
    return {name: value for name, value in parameters.items() if f"${name}" in sql}
