"""The transforms over a warehouse: business by business, only those whose raw rows changed.

A business is built from its own rows alone. What its tables were built from is kept as a fingerprint in
``unified._builds``; a business with an equal one is left as it is. The tables of all others are written to
Parquet files beside the warehouse first and replaced in one transaction then, so that a run which is
interrupted leaves the old tables.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl

from sage_elt.built_tables import BuiltTables, TableName, TablesInFile
from sage_elt.warehouse import RAW_SCHEMA, Warehouse, columns_of, count_rows, quoted
from sage_elt.working_copies import workspace
from sage_unified import build_into, raw_columns

logger = logging.getLogger(__name__)

LARGE_ROWS: Final = 50_000
"""Rows of a raw table of a business from which on it is read from a file and not kept in memory."""
SLICE_ROWS: Final = 60_000
"""Ledger entries, or lines of documents, that are worked on at a time: some 400 bytes each in several copies."""


@dataclass(frozen=True)
class Pieces:
    """Where the tables of the businesses built so far stand, as Parquet files."""

    folder: Path
    files: dict[TableName, list[Path]] = field(default_factory=dict)

    def keep(self, name: TableName, pieces: Iterable[pl.DataFrame]) -> pl.LazyFrame:
        """Write a table of one business; give it back for others to read."""
        known = self.files.setdefault(name, [])
        first, rows = len(known), 0
        frame = pl.DataFrame()
        for frame in pieces:
            path = self.folder / f"{'.'.join(name)}.{len(known)}.parquet"
            frame.write_parquet(path, compression="lz4", statistics=True)
            known.append(path)
            rows += frame.height
        if rows < LARGE_ROWS and len(known) - first == 1:
            return frame.lazy()
        return pl.scan_parquet(known[first:])


def build_changed(
    warehouse: Warehouse,
    load_date: date,
    overrides: pl.DataFrame,
    businesses: Sequence[str] = (),
    tables: BuiltTables | None = None,
) -> dict[TableName, int]:
    """Build what changed; rows by (schema, table) of all that is there then.

    ``warehouse`` is a DuckDB file with the raw schema; ``tables`` are where the built ones are kept, by
    default in the same file. With ``businesses`` only those are looked at, and all others stay as they
    are. Raises ``BuildError`` and ``WarehouseError``; no table was changed by either.
    """
    tables = tables or TablesInFile(warehouse)
    wanted = raw_columns()
    with warehouse.reading() as connection:
        now = _fingerprints(connection, wanted, load_date, overrides, businesses)
    stored = tables.fingerprints()
    before = {b: mark for b, mark in (stored or {}).items() if not businesses or b in businesses}
    changed = [business for business in sorted(now) if before.get(business) != now[business]]
    gone = sorted(before.keys() - now.keys())
    if changed or gone or stored is None:
        with workspace(warehouse) as folder:
            pieces = Pieces(folder)
            for number, business in enumerate(changed):
                raw_folder = folder / f"raw{number}"
                raw_folder.mkdir()
                raw = _raw_of(warehouse, business, wanted, raw_folder)
                build_into(pieces.keep, raw, load_date, overrides, SLICE_ROWS)
                for file in raw_folder.iterdir():
                    file.unlink()
            tables.replace(pieces.files, {business: now[business] for business in changed}, gone)
            logger.info("%d businesses built, %d removed", len(changed), len(gone))
    return tables.counts()


def _fingerprints(
    connection: duckdb.DuckDBPyConnection,
    wanted: Mapping[str, Sequence[str]],
    load_date: date,
    overrides: pl.DataFrame,
    businesses: Sequence[str],
) -> dict[str, str]:
    """What each business's tables would be built from: its raw rows, its overrides, the transforms."""
    common = f"{load_date} {_digest_of_transforms()}"
    present = columns_of(connection, RAW_SCHEMA)
    chosen = "WHERE list_contains(?, business_id)" if businesses else ""
    digests: dict[str, Any] = {}
    for table in sorted(wanted):
        found = [column for column in wanted[table] if column in present.get(table, ())]
        if "business_id" not in found:
            continue
        names = ", ".join(f'"{column}"' for column in found)
        rows = connection.execute(
            f"SELECT business_id, count(*), bit_xor(h), sum(h::HUGEINT) FROM "
            f'(SELECT business_id, hash({names}) AS h FROM "{RAW_SCHEMA}"."{table}" '
            f"{chosen}) GROUP BY business_id",
            [list(businesses)] if businesses else [],
        ).fetchall()
        for business, *values in rows:
            if business not in digests:
                own = overrides.filter(pl.col("business_id") == business).sort(overrides.columns)
                digests[business] = hashlib.sha256(f"{common} {own.rows()}".encode())
            digests[business].update(repr((table, found, values)).encode())
    return {business: digest.hexdigest() for business, digest in digests.items()}


def _digest_of_transforms() -> str:
    """Of their code and rules: another version may build other tables of the same rows."""
    digest = hashlib.sha256()
    for name, content in sorted(_files_below(files("sage_unified"))):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def _files_below(folder: Any, prefix: str = "") -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}"
        if entry.is_dir():
            found += _files_below(entry, name)
        elif entry.name.endswith((".py", ".csv")):
            found.append((name, entry.read_bytes()))
    return found


def _raw_of(
    warehouse: Warehouse, business: str, wanted: Mapping[str, Sequence[str]], folder: Path
) -> dict[str, pl.LazyFrame]:
    """The raw rows of one business: large tables as files, in the order of their dates."""
    frames: dict[str, pl.LazyFrame] = {}
    with warehouse.reading() as connection:
        present = columns_of(connection, RAW_SCHEMA)
        for table, columns in wanted.items():
            found = [column for column in columns if column in present.get(table, ())]
            if "business_id" not in found:
                continue
            source = f'"{RAW_SCHEMA}"."{table}" WHERE business_id = ?'
            rows = count_rows(connection, source, [business])
            if not rows:
                continue
            names = ", ".join(f'"{column}"' for column in found)
            order = " ORDER BY date" if "date" in found and rows >= LARGE_ROWS else ""
            query = f"SELECT {names} FROM {source}{order}"
            if rows < LARGE_ROWS:
                frames[table] = connection.execute(query, [business]).pl().lazy()
            else:
                path = folder / f"{table}.parquet"
                connection.execute(
                    f"COPY ({query}) TO '{quoted(path)}' (FORMAT parquet, COMPRESSION lz4)",
                    [business],
                )
                frames[table] = pl.scan_parquet(path)
    return frames
